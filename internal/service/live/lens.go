package live

import (
	"context"
	"errors"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// maxDecimate is the largest factor by which a view decimates.
const maxDecimate = 1000

// antiAlias is the edge of each of the two low-pass filters in front of a decimation, as a share of the new rate: fourth order twice at a quarter of it is
// -6 dB there and -48 dB at half of it.
const antiAlias = 0.25

// warmFrames is how many values are read at once to warm a filter up.
const warmValues = 1 << 18

// lens shows the samples of a session by a view: filters in a row, in one pass. It belongs to one goroutine at a time.
//
// A filter remembers what came before. A lens that does not go on behind the block before it, because its follower or its process has only begun, is given
// first what lies before, from the store, for as long as its filters remember; so what is shown does not depend on when somebody began to look, nor on
// which process shows it, but for a millionth. A block that came late is filtered so, too, by itself.
type lens struct {
	svc     *Service
	view    View
	filters []Filter // nil until it has begun
	next    int64    // position behind the last sample
}

// newLens returns a lens for a session. Error: InvalidParameter for a view that the session's rate does not allow.
func (s *Service) newLens(v View, ses models.Session) (*lens, error) {
	l := &lens{svc: s, view: v}
	if v.Decimate < 0 || v.Decimate > maxDecimate {
		return nil, models.InvalidField(models.At("decimate"), "out_of_range", "must be a whole number from 1 to %d", maxDecimate)
	}
	if s.cfg.NewFilter == nil {
		return nil, models.InvalidField(models.At("filters"), "not_possible", "nothing here filters")
	}
	_, err := l.make(&ses)
	var fault *eeg.FilterFault
	switch {
	case errors.As(err, &fault) && v.Filters.Any() && len(v.Filters.Check(ses.SampleRateHz)) > 0:
		return nil, models.InvalidField(models.At("filters", fault.Field), "out_of_range", "%s", fault.Message)
	case errors.As(err, &fault):
		return nil, models.InvalidField(models.At("decimate"), "out_of_range", "leaves %g samples a second, too few", ses.SampleRateHz/float64(v.Decimate))
	}
	return l, err
}

// make makes the filters of the view.
func (l *lens) make(ses *models.Session) ([]Filter, error) {
	var list []eeg.Filters
	if l.view.Filters.Any() {
		list = append(list, l.view.Filters)
	}
	if l.view.Decimate > 1 {
		low := eeg.Filters{LowPass: antiAlias * ses.SampleRateHz / float64(l.view.Decimate)}
		list = append(list, low, low)
	}
	out := make([]Filter, len(list))
	for i, f := range list {
		var err error
		if out[i], err = l.svc.cfg.NewFilter(f, ses.SampleRateHz, len(ses.Channels)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// see returns what a view shows of blocks.
func (l *lens) see(ctx context.Context, blocks []*Block) ([]*Block, error) {
	out := make([]*Block, 0, len(blocks))
	for _, b := range blocks {
		shown, err := l.seeOne(ctx, b)
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

func (l *lens) seeOne(ctx context.Context, b *Block) (*Block, error) {
	with := l
	if l.filters != nil && b.First < l.next { // late: by itself
		with = &lens{svc: l.svc, view: l.view}
	}
	// Where it goes on, also behind a gap of the session, the filters have seen all that lies before.
	if with.filters == nil || (b.First != with.next && b.First-b.Gap != with.next) {
		if err := with.warm(ctx, b); err != nil {
			with.filters = nil
			return nil, err
		}
	}
	data, err := with.pass(nil, b.Data, b.First)
	if err != nil {
		return nil, err
	}
	with.next = b.Through + 1
	out := &Block{Seq: b.Seq, Last: b.Last, First: b.First, Step: 1, Through: b.Through, Frames: b.Frames, Data: data, Gap: b.Gap, Late: b.Late,
		Overlap: b.Overlap, Known: b.Known, Session: b.Session, AcceptedAt: b.AcceptedAt, viewed: true}
	if l.view.Decimate > 1 {
		out.thin(int64(l.view.Decimate))
	}
	return out, nil
}

// thin keeps the samples whose position is a multiple of n.
func (b *Block) thin(n int64) {
	k := len(b.Session.Channels)
	first := b.First
	if r := ((first % n) + n) % n; r != 0 {
		first += n - r
	}
	kept := 0
	for at := first - b.First; at < int64(b.Frames); at += n {
		copy(b.Data[kept*k:], b.Data[int(at)*k:(int(at)+1)*k])
		kept++
	}
	b.First, b.Step, b.Frames, b.Data = first, n, kept, b.Data[:kept*k]
}

// pass sends samples through all filters.
func (l *lens) pass(dst, samples []float32, first int64) (out []float32, err error) {
	out = samples
	for i, f := range l.filters {
		to := out
		if i == 0 {
			to = dst // those that are given are not ours to change
		}
		if out, err = f.Process(to, out, first); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// warm makes the filters anew and gives them what lies before a block.
func (l *lens) warm(ctx context.Context, b *Block) (err error) {
	if l.filters, err = l.make(b.Session); err != nil {
		return err
	}
	settles := int64(0)
	for _, f := range l.filters {
		settles += f.Settles()
	}
	k := int64(len(b.Session.Channels))
	r := store.BatchRange{ProjectID: b.Session.ProjectID, SessionID: b.Session.ID, Before: b.Seq + 1, Longest: b.Session.LongestBatch,
		Compute: l.svc.cfg.Compute.Unpacking(b.Session.ProjectID)}
	per := max(1, warmValues/k)
	for at := b.First - settles; at < b.First; at += per {
		if err := l.warmOver(ctx, r, at, min(at+per, b.First), k); err != nil {
			return err
		}
	}
	return nil
}

// warmOver gives the filters the samples of the positions [lo, hi) that there are. Of batches that overlap the first counts.
func (l *lens) warmOver(ctx context.Context, r store.BatchRange, lo, hi, k int64) error {
	data, owner := make([]float32, (hi-lo)*k), make([]int, hi-lo) // owner: number of the batch, from 1
	err := l.svc.cfg.Store.EachBatchOver(ctx, r, lo, hi, func(b *models.SampleBatch) error {
		from, to := max(lo, b.StartSample), min(hi, b.EndSample)
		own := floats(b.Data[4*k*(from-b.StartSample) : 4*k*(to-b.StartSample)])
		for at := from; at < to; at++ {
			if o := &owner[at-lo]; *o == 0 || *o > b.Seq+1 {
				*o = b.Seq + 1
				copy(data[(at-lo)*k:(at-lo+1)*k], own[(at-from)*k:])
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for at := int64(0); at < hi-lo; {
		if owner[at] == 0 {
			at++
			continue
		}
		end := at
		for end < hi-lo && owner[end] != 0 {
			end++
		}
		if _, err := l.pass(data[at*k:end*k], data[at*k:end*k], lo+at); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// show replaces blocks that show what is stored by what the follower's view shows of them.
func (f *Follower) show(ctx context.Context, items []Item) error {
	if f.lens == nil {
		return nil
	}
	for i := range items {
		b := items[i].Block
		if b == nil || b.viewed {
			continue
		}
		shown, err := f.lens.seeOne(ctx, b)
		if err != nil {
			return err
		}
		items[i].Block = shown
	}
	return nil
}
