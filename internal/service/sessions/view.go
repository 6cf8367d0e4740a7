package sessions

import (
	"context"
	"slices"
	"strings"

	"github.com/neurod/neurod/internal/overviews"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// Bounds of a view.
const (
	DefaultViewPoints = 1000
	MaxViewPoints     = 4096
)

// ViewRange selects samples to be looked at.
type ViewRange struct {
	StartMS, EndMS *float64 // Unix ms; nil for where the session begins and ends
	Channels       []string // none for all
	Points         int      // columns of the view
}

// View is what a range of a session looks like: the samples themselves where there are no more of them than points, else the least and the
// greatest of blocks of samples.
type View struct {
	Session  models.Session
	Channels []string
	Block    int64       // samples of a point; 1 where the points are samples
	First    int64       // number of the first sample of the first point
	Min, Max [][]float32 // channels × points, µV; NaN where there are no samples
}

// View returns what a range of a session looks like in at most Points+1 points. No more is read than lies in the range. Errors:
// SessionNotFound, InvalidParameter.
func (s *Service) View(ctx context.Context, p models.Principal, id string, q ViewRange) (View, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return View{}, err
	}
	picked, v := make([]int, 0, len(ses.Channels)), View{Session: ses, Block: 1}
	for _, name := range named(q.Channels, ses.Channels) {
		ch := slices.Index(ses.Channels, name)
		if ch < 0 {
			return View{}, &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At("channels"), Code: "unknown",
				Message: "names a channel that the session does not have: " + name}}}
		}
		if !slices.Contains(picked, ch) {
			picked = append(picked, ch)
		}
	}
	if len(picked) == 0 {
		for ch := range ses.Channels {
			picked = append(picked, ch)
		}
	}
	for _, ch := range picked {
		v.Channels = append(v.Channels, ses.Channels[ch])
	}
	v.Min, v.Max = make([][]float32, len(picked)), make([][]float32, len(picked))
	from, to, err := s.viewed(ctx, ses, q)
	if err != nil || from >= to {
		return v, err
	}
	v.First = from
	points := int64(min(max(1, q.Points), MaxViewPoints))
	e, err := overviews.Read(ctx, s.cfg.Store, ses, from, to, (to-from+points-1)/points)
	if err != nil {
		return View{}, service.Absent(err, models.SessionNotFound)
	}
	v.Block, v.First = e.Block, e.First*e.Block
	for i, ch := range picked {
		v.Min[i], v.Max[i] = make([]float32, e.Blocks()), make([]float32, e.Blocks())
		for b := range v.Min[i] {
			v.Min[i][b], v.Max[i][b] = e.Min[b*e.Channels+ch], e.Max[b*e.Channels+ch]
		}
	}
	return v, nil
}

// named returns the names of a list, of which each may be several with commas between: a comma may be a part of a name, too.
func named(list, known []string) []string {
	var out []string
	for _, name := range list {
		if slices.Contains(known, name) {
			out = append(out, name)
			continue
		}
		for part := range strings.SplitSeq(name, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// viewed returns the samples [from, to) that a view is of, no further than the session goes.
func (s *Service) viewed(ctx context.Context, ses models.Session, q ViewRange) (from, to int64, err error) {
	if q.StartMS != nil && q.EndMS != nil && *q.StartMS >= *q.EndMS {
		return 0, 0, &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At("start"), Code: "out_of_range", Message: "must be before end"}}}
	}
	tail, any := ses.Tail()
	if !any {
		return 0, 0, nil
	}
	batches := (&Export{Session: ses}).batches()
	first, there, err := s.cfg.Store.FirstSample(ctx, batches, -1<<62)
	if err != nil || !there {
		return 0, 0, service.Absent(err, models.SessionNotFound)
	}
	from, to = first, tail.End
	if q.StartMS != nil {
		from = max(from, ses.SampleAt(int64(*q.StartMS)))
	}
	if q.EndMS != nil {
		to = min(to, ses.SampleAt(int64(*q.EndMS)))
	}
	return from, to, nil
}
