package workers

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// due is a window or live decode that is to be made.
type due struct {
	k    int64 // position on its grid
	at   int64 // its first sample
	last int   // the batch that made it complete
}

// dueDecodes returns the decodes that the batches [seen, until) of a session made complete, in the order in which the batches
// did so. Each decode of a session is due in one round alone, and what it is decoded with, the mean of the clips before it,
// follows from the order in which batches were accepted: not from how rounds divide them, nor from who computes them.
func dueDecodes(g models.Grid, spans []span, t *segment.Segment, seen, until int) ([]due, error) {
	out, err := dueWindows(g, spans, t, seen, until)
	slices.SortFunc(out, func(a, b due) int { return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.k, b.k)) })
	return out, err
}

// dueWindows returns the feature windows that the batches [seen, until) of a session made complete, in their own order. Others are
// written already, or due with a batch that comes later.
func dueWindows(g models.Grid, spans []span, t *segment.Segment, seen, until int) ([]due, error) {
	var out []due
	err := complete(g, spans, t, func(k, at int64) error {
		if last := t.Last(at, at+g.Samples()); last >= seen && last < until {
			out = append(out, due{k, at, last})
		}
		return nil
	})
	return out, err
}

// Events that say when codes began are looked for so far back, and so many of the latest.
const (
	codesAgoMS   = 60_000
	latestEvents = 16
)

// eventReader gives the latest events of a session; *store.Store is one.
type eventReader interface {
	LatestEvents(ctx context.Context, q store.EventsBefore) ([]models.SessionMark, error)
}

var _ eventReader = (*store.Store)(nil)

// codesBegun returns the events by which a c-VEP decode tells where in the codes its window lies, from the window's first sample on, and
// nothing for other decodes. Those count that were added before the batch that completed the window, so that the same window is decoded with
// the same events whoever does it, and when.
func codesBegun(ctx context.Context, db SessionStore, ses models.Session, pending []models.SampleBatch, d due, samples int64) ([]eeg.Event, error) {
	reader, ok := db.(eventReader)
	shown := ses.Decode.Stimulus != nil && ses.Decode.Stimulus.Codes != nil
	if !ok || ses.Decode.Paradigm != eeg.CVEP && !(ses.Decode.Paradigm == eeg.Auto && (shown || ses.Decode.Model != "")) {
		return nil, nil
	}
	i := slices.IndexFunc(pending, func(b models.SampleBatch) bool { return b.Seq == d.last })
	if i < 0 || ses.OriginMS == nil {
		return nil, nil
	}
	start := float64(*ses.OriginMS) + 1000*float64(d.at)/ses.SampleRateHz
	end := start + 1000*float64(samples)/ses.SampleRateHz
	marks, err := reader.LatestEvents(ctx, store.EventsBefore{ProjectID: ses.ProjectID, SessionID: ses.ID, FromMS: start - codesAgoMS, ToMS: end,
		Added: pending[i].CreatedAt, Limit: latestEvents})
	if err != nil {
		return nil, err
	}
	out := make([]eeg.Event, len(marks))
	for i, m := range marks {
		out[i] = eeg.Event{Onset: (m.AtMS - start) / 1000, Code: m.Code, Label: m.Label}
	}
	return out, nil
}

// liveClips are the clips of a session that were decoded live. The mean of those before a window is what its model is moved
// to. It is kept with the session, so it costs the same however long the session is, and an attempt that goes on after
// another has the same to the last bit.
type liveClips struct {
	db  SessionStore
	ses models.Session

	read  bool
	kept  models.SessionAlignment // as the next commit, or the last one, has it
	fresh bool                    // kept is not written yet

	// Of the window that is decoded.
	clip *decoders.Input
	mean *motorimagery.Recentring // nil where its model is not moved
	of   *catalog.Choice          // the model
	key  string
	odds *decode.Balance // nil where its even odds are not moved
}

var _ decode.Clips = (*liveClips)(nil)

// maxMeanBytes limits what is kept of a session: a model whose means take more is not moved.
const maxMeanBytes = 1 << 20

func (l *liveClips) Recentring(ctx context.Context, choice *catalog.Choice, in *decoders.Input) (*motorimagery.Recentring, error) {
	r, err := decode.NewRecentring(choice)
	if r == nil || err != nil {
		return nil, err
	}
	if 8*r.Size() > maxMeanBytes {
		return nil, nil
	}
	if err := l.recall(ctx); err != nil {
		return nil, err
	}
	l.clip, l.mean, l.of, l.key = in, r, choice, choice.Entry.ID()+" "+choice.Entry.SHA256
	if l.kept.Model != l.key { // the first clip, or the project has another model now
		return nil, nil
	}
	return r, r.Resume(l.kept.Clips, numbers(l.kept.Mean))
}

// recall reads what is kept of the session, once.
func (l *liveClips) recall(ctx context.Context) (err error) {
	if !l.read {
		if l.kept, err = l.db.Alignment(ctx, l.ses.ProjectID, l.ses.ID); err == nil {
			l.read = true
		}
	}
	return err
}

// Balance is by the windows decoded so far; what the model says of this one counts for the next.
func (l *liveClips) Balance(ctx context.Context, choice *catalog.Choice, in *decoders.Input) (*decode.Balance, error) {
	b := decode.NewBalance(choice)
	if b == nil || l.mean != nil { // a model that can be moved is followed; this one stands in for it
		return nil, nil
	}
	if err := l.recall(ctx); err != nil {
		return nil, err
	}
	l.clip, l.odds, l.key = in, b, choice.Entry.ID()+" "+choice.Entry.SHA256+" "+eeg.Balanced
	if l.kept.Model != l.key {
		return b, nil
	}
	return b, b.Resume(numbers(l.kept.Mean))
}

// count counts window k in, once it was decoded. Windows overlap; of those that do, one counts, and none of low quality.
func (l *liveClips) count(ctx context.Context, k int64) error {
	in, mean, odds := l.clip, l.mean, l.odds
	l.clip, l.mean, l.odds = nil, nil, nil
	if mean == nil && odds == nil {
		return nil
	}
	d := l.ses.Decode
	if apart := int64((d.WindowMS + d.HopMS - 1) / d.HopMS); k%apart != 0 || !decode.Usable(in.Signal) {
		return nil
	}
	if odds != nil {
		if odds.CountLast() {
			l.keep(odds.Clips(), odds.Odds())
		}
		return nil
	}
	var bad *decoders.Error
	if err := decode.Observe(ctx, mean, l.of, in); errors.As(err, &bad) {
		return nil
	} else if err != nil {
		return err
	}
	l.keep(mean.Seen(), mean.Mean())
	return nil
}

// keep notes what the next commit is to write.
func (l *liveClips) keep(clips int, state []float64) {
	l.kept = models.SessionAlignment{SessionID: l.ses.ID, ProjectID: l.ses.ProjectID, Model: l.key, Clips: clips, Mean: packed(state)}
	l.fresh = true
}

// take returns what the next commit is to write, nil for nothing.
func (l *liveClips) take() *models.SessionAlignment {
	if !l.fresh {
		return nil
	}
	l.fresh = false
	kept := l.kept
	return &kept
}

// packed returns numbers as they are stored.
func packed(list []float64) []byte {
	out := make([]byte, 0, 8*len(list))
	for _, v := range list {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
	}
	return out
}

func numbers(b []byte) []float64 {
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}
