package decode

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/eeg"
)

// Balance learns, without labels, where the even odds of a two-class model lie for one person: the median of the logarithms of the odds
// that it gave the person's last clips, drawn towards its own by as much as balancePrior clips weigh. It is for models that were not trained with
// alignment, whose ranking of a stranger's clips is often right where their threshold is not. It takes both classes to be about as frequent:
// of classes 30 to 70 it gains nothing, of rarer ones it costs.
//
// The clip that is decoded counts in a recording whose clips are all there; in a live session those before it count.
type Balance struct {
	first string // class whose odds are meant
	other string
	odds  []float64 // of the last clips, oldest first
	last  *float64  // of the clip that was decoded last
}

// balancePrior is how many clips the model's own threshold counts for, as for motorimagery.DefaultRecentring. Of 2, 5 and 10 all do alike on
// EEGMMIDB.
const balancePrior = 5

// surest bounds odds: what a model holds for certain is not more than that.
const surest = 1e-6

// NewBalance starts at a model's own even odds; nil for a model that it is not for.
func NewBalance(choice *catalog.Choice) *Balance {
	e := choice.Entry
	if _, ok := choice.Decoder.(decoders.Windowed); !ok || e.Paradigm != eeg.MotorImagery || len(e.Classes) != 2 || e.Aligned {
		return nil
	}
	return &Balance{first: e.Classes[0], other: e.Classes[1]}
}

// BalanceOver is the balance of a model over clips, oldest first; those of low quality are left out, as is what cannot be read. find is given how much of a
// clip is read. It is nil for a model that it is not for, and where fewer than two clips are left.
func BalanceOver(ctx context.Context, choice *catalog.Choice, find func(decoders.Windowed) ([]*decoders.Input, error)) (*Balance, error) {
	b := NewBalance(choice)
	if b == nil {
		return nil, nil
	}
	clips, err := find(choice.Decoder.(decoders.Windowed))
	if err != nil {
		return nil, err
	}
	for _, clip := range clips {
		if !Usable(clip.Signal) {
			continue
		}
		in := *clip
		in.Trace = nil
		res, err := contact.Decode(ctx, choice.Decoder, &in)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.As(err, new(*decoders.Error)) {
			continue // says nothing of the person
		}
		if err != nil {
			return nil, err
		}
		b.hear(res)
		b.CountLast()
	}
	if b.Clips() < 2 {
		return nil, nil
	}
	return b, nil
}

// Clips returns how many clips the balance rests on.
func (b *Balance) Clips() int { return len(b.odds) }

// Odds returns what Resume needs to go on.
func (b *Balance) Odds() []float64 { return slices.Clone(b.odds) }

// Resume goes on from the odds that a balance of the same model had.
func (b *Balance) Resume(odds []float64) error {
	for _, v := range odds {
		if v-v != 0 || len(odds) > MostClips {
			return decoders.Errorf(decoders.CodeModelIncompatible, nil, "odds of %d clips that no balance had", len(odds))
		}
	}
	b.odds = slices.Clone(odds)
	return nil
}

// hear notes what the model says of a clip, if it says anything of both classes.
func (b *Balance) hear(r *decoders.Result) {
	b.last = nil
	if len(r.Classes) != 2 {
		return
	}
	for _, c := range r.Classes {
		if c.Name == b.first {
			p := min(1-surest, max(surest, c.Probability))
			v := math.Log(p / (1 - p))
			b.last = &v
		}
	}
}

// CountLast counts the clip in that was decoded last, and reports whether it could.
func (b *Balance) CountLast() bool {
	if b.last == nil {
		return false
	}
	b.odds = append(b.odds, *b.last)
	b.odds = b.odds[max(0, len(b.odds)-MostClips):]
	b.last = nil
	return true
}

// Shift returns the logarithm of the odds that are even for the person.
func (b *Balance) Shift() float64 {
	n := len(b.odds)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(b.odds))
	median := (sorted[(n-1)/2] + sorted[n/2]) / 2
	return median * float64(n) / (float64(n) + balancePrior)
}

// Apply returns a result of the model by the person's even odds, with what was moved in its evidence. A result without an answer of both classes stays as it is,
// as does every one of a nil balance.
func (b *Balance) Apply(r *decoders.Result) *decoders.Result {
	if b == nil {
		return r
	}
	b.hear(r)
	if b.last == nil {
		return r
	}
	out := *r
	out.Evidence = maps.Clone(r.Evidence)
	if out.Evidence == nil {
		out.Evidence = map[string]any{}
	}
	shift := b.Shift()
	out.Evidence["balance"] = map[string]any{"clips": len(b.odds), "log_odds": *b.last, "even_log_odds": shift}
	if shift == 0 {
		return &out
	}
	p := 1 / (1 + math.Exp(shift-*b.last))
	out.Classes = []decoders.Class{{Name: b.first, Probability: p}, {Name: b.other, Probability: 1 - p}}
	if p < 0.5 {
		slices.Reverse(out.Classes)
	}
	return &out
}
