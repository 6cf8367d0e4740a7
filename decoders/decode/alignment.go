package decode

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/quality"
	"github.com/neurod/neurod/eeg"
)

// Clips knows other clips of the person and recording than the one that is decoded, which it may keep to count it among them.
type Clips interface {
	// Recentring returns the mean that a model trained with alignment is to be moved to before it decodes in, nil where there
	// are too few clips for one.
	Recentring(ctx context.Context, choice *catalog.Choice, in *decoders.Input) (*motorimagery.Recentring, error)
	// Balance returns where the even odds of a model lie for the person, nil where it is none that can be balanced.
	Balance(ctx context.Context, choice *catalog.Choice, in *decoders.Input) (*Balance, error)
}

// MostClips is how many clips a model is moved to at most: as many as it takes to forget the first ones, see
// motorimagery.DefaultRecentring.
const MostClips = 50

// ownClips are those around the events of the request itself.
type ownClips struct{}

func (ownClips) Recentring(ctx context.Context, choice *catalog.Choice, in *decoders.Input) (*motorimagery.Recentring, error) {
	return Recentre(ctx, choice, func(r *motorimagery.Recentring) ([]*decoders.Input, error) {
		own, _ := Cut(in, r)
		return own, nil
	})
}

func (ownClips) Balance(ctx context.Context, choice *catalog.Choice, in *decoders.Input) (*Balance, error) {
	return BalanceOver(ctx, choice, func(w decoders.Windowed) ([]*decoders.Input, error) {
		own, _ := Cut(in, w)
		return own, nil
	})
}

// NewRecentring starts at the mean that a chosen model was trained around; nil for one that was not trained.
func NewRecentring(choice *catalog.Choice) (*motorimagery.Recentring, error) {
	d, ok := choice.Decoder.(decoders.Trained)
	if !ok {
		return nil, nil
	}
	return motorimagery.NewRecentring(d, motorimagery.DefaultRecentring())
}

// Recentre returns the mean of a model over clips, oldest first. Clips of low quality are left out unless most are, and what
// cannot be read is; where fewer than two are left, the recentring is nil. find is given the recentring to know how much of
// a clip is read.
func Recentre(ctx context.Context, choice *catalog.Choice, find func(*motorimagery.Recentring) ([]*decoders.Input, error)) (*motorimagery.Recentring, error) {
	r, err := NewRecentring(choice)
	if r == nil || err != nil {
		return nil, err
	}
	clips, err := find(r)
	if err != nil || len(clips) < 2 {
		return nil, err
	}
	good := make([]bool, len(clips))
	count := 0
	for i, c := range clips {
		if good[i] = Usable(c.Signal); good[i] {
			count++
		}
	}
	for i, c := range clips {
		if !good[i] && 2*count >= len(clips) {
			continue
		}
		err := Observe(ctx, r, choice, c)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue // says nothing of the person
		}
	}
	if r.Seen() < 2 {
		return nil, nil
	}
	return r, nil
}

// Observe counts a clip in the mean of a model. What its bad channels may have held stands in for them, as when it is decoded: a mean of flat channels would
// move the model to where no head is. A clip of which too little is left is an invalid_signal error, and does not count.
func Observe(ctx context.Context, r *motorimagery.Recentring, choice *catalog.Choice, clip *decoders.Input) error {
	mended, ok := contact.Mend(choice.Decoder, clip)
	if !ok {
		return decoders.Errorf(decoders.CodeInvalidSignal, nil, "most channels hold no EEG")
	}
	return r.Observe(ctx, mended)
}

// Usable reports whether a clip may count in a mean: the rule of package quality, where the clip is long enough for it.
func Usable(sig decoders.Signal) bool { return sig.Seconds() < 2 || quality.Passes(sig) }

// Cut returns the clips around the events of a recording, at most MostClips from the first one on and none that overlaps the
// one before; without events the recording is a clip. first is the sample at which the first of them begins.
// w tells how much of the signal around an event is read.
func Cut(in *decoders.Input, w decoders.Windowed) (clips []*decoders.Input, first int) {
	if len(in.Events) == 0 {
		return []*decoders.Input{in}, 0
	}
	start, end, margin := w.Window()
	n, free := in.Samples(), 0
	for _, e := range in.Events {
		from, to := int(math.Round((e.Onset+start)*in.Rate)), int(math.Round((e.Onset+end)*in.Rate))
		if !(e.Onset >= 0 && e.Onset < in.Seconds()) || from < free || to-1 > n { // a sample may be lost to rounding
			continue
		}
		free = to
		pad := int(margin * in.Rate)
		lo, hi := max(0, min(from-pad, int(e.Onset*in.Rate))), min(n, to+pad)
		rows, _ := in.Data.Dims()
		clip := &decoders.Input{Signal: in.Signal, Events: []eeg.Event{{Onset: e.Onset - float64(lo)/in.Rate, Code: e.Code, Label: e.Label}}}
		clip.Data = in.Data.Slice(0, rows, lo, hi).(*mat.Dense)
		if len(clips) == 0 {
			first = lo
		}
		if clips = append(clips, clip); len(clips) == MostClips {
			break
		}
	}
	return clips, first
}

// align moves the model to where the clips of the person lie, where it was trained for that and there are some.
func align(ctx context.Context, q *question, p *plan) error {
	if q.several && p.choice.Entry.Aligned {
		r, err := q.clips.Recentring(ctx, p.choice, p.input)
		switch {
		case err != nil:
			return err
		case r != nil:
			if p.decoder, err = r.Decoder(); err != nil {
				return err
			}
			p.alignment = eeg.Alignment{Kind: eeg.Recentred, Clips: r.Seen()}
		case q.Input.Model == "": // alone, another may do better
			choice, err := q.alone(p.choice)
			if err != nil {
				return err
			}
			if err := p.take(q, choice); err != nil {
				return err
			}
		}
		q.opt.step("align")
	}
	if q.Input.Alignment == eeg.AlignmentBalance && q.several && p.alignment.Kind == eeg.NotAligned {
		b, err := q.clips.Balance(ctx, p.choice, p.input)
		if err != nil {
			return err
		}
		if b != nil {
			p.parts.balance, p.alignment = b, eeg.Alignment{Kind: eeg.NotAligned, Clips: b.Clips()}
			if b.Clips() > 0 {
				p.alignment.Kind = eeg.Balanced
			}
		}
		q.opt.step("align")
	}
	p.parts.decoder = p.decoder
	q.d.Signal.ModelRate = p.choice.Entry.Rate
	if p.choice.Entry.Paradigm == eeg.P300 {
		p.input.Prior = prior(q.Context, q.stimulus)
	}
	q.opt.step("route")
	return nil
}

// checkAlignment checks what a request wants.
func checkAlignment(in *eeg.Input) error {
	switch in.Alignment {
	case "", eeg.AlignmentAuto, eeg.AlignmentNone, eeg.AlignmentBalance:
		return nil
	}
	return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"alignment": in.Alignment},
		"alignment %q is unknown; the choices are %s", in.Alignment, and(eeg.Alignments()))
}
