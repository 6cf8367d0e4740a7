package workers

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// sessionClips are the clips of a segment of a session and of what came before it, as it was when the request was accepted:
// every attempt finds the same.
//
// They are cut like the segment: around the session's events where it is decoded around one, else one after another up to
// its first sample.
type sessionClips struct {
	db      TrialStore
	project string
	session string
	place   models.SessionPlace
}

var _ decode.Clips = sessionClips{}

// maxClipBytes limits the samples of the earlier clips together, as float64.
const maxClipBytes = 64 << 20

func (s sessionClips) Recentring(ctx context.Context, choice *catalog.Choice, in *decoders.Input) (*motorimagery.Recentring, error) {
	return decode.Recentre(ctx, choice, func(r *motorimagery.Recentring) ([]*decoders.Input, error) { return s.clips(ctx, choice, in, r) })
}

func (s sessionClips) Balance(ctx context.Context, choice *catalog.Choice, in *decoders.Input) (*decode.Balance, error) {
	return decode.BalanceOver(ctx, choice, func(w decoders.Windowed) ([]*decoders.Input, error) { return s.clips(ctx, choice, in, w) })
}

// clips are those of the segment and those before it, oldest first.
func (s sessionClips) clips(ctx context.Context, choice *catalog.Choice, in *decoders.Input, w decoders.Windowed) ([]*decoders.Input, error) {
	own, first := decode.Cut(in, w)
	if len(own) == 0 || len(own) >= decode.MostClips {
		return own, nil
	}
	earlier, err := s.earlier(ctx, choice.Entry.Channels, own[0], s.place.Start+int64(first), w)
	if err != nil {
		return nil, err
	}
	return append(earlier[max(0, len(earlier)+len(own)-decode.MostClips):], own...), nil
}

// earlier returns the clips before the first one of the segment, which begins at a sample of the session, oldest first and
// with the channels given.
func (s sessionClips) earlier(ctx context.Context, channels []string, first *decoders.Input, at int64, w decoders.Windowed) ([]*decoders.Input, error) {
	ses, err := s.db.Session(ctx, s.project, s.session)
	if errors.Is(err, store.ErrNotFound) { // erased meanwhile
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := epoch.Rows(nil, ses.Channels, epoch.CanonicalNames(channels))
	if err != nil {
		return nil, err
	}
	length := int64(first.Samples())
	places := s.places(first, at, w)
	if len(places) == 0 {
		return nil, nil
	}
	// A clip of which samples are missing is none: those before the first sample of all need not be looked for.
	there, any, err := s.db.FirstSample(ctx, store.BatchRange{ProjectID: s.project, SessionID: s.session, Before: cmp.Or(s.place.Batches, math.MaxInt32), Longest: ses.LongestBatch}, places[0])
	if err != nil || !any {
		return nil, err
	}
	places = slices.DeleteFunc(places, func(from int64) bool { return from < there })
	places = places[max(0, len(places)-int(maxClipBytes/(8*length*int64(len(rows))))):]
	c := cutter{db: s.db, ses: ses, segment: segment.New(len(ses.Channels)), batches: s.place.Batches}
	var out []*decoders.Input
	for _, from := range places {
		x, err := c.cut(ctx, from, length, rows)
		if err != nil {
			return nil, err
		}
		if x != nil {
			out = append(out, &decoders.Input{Signal: decoders.Signal{Data: x, Channels: channels, Rate: first.Rate}, Events: first.Events})
		}
	}
	return out, nil
}

// places returns the first samples of the clips before the first one of the segment, in order.
func (s sessionClips) places(first *decoders.Input, at int64, w decoders.Windowed) []int64 {
	var out []int64
	if len(first.Events) == 0 {
		for k := decode.MostClips - 1; k > 0; k-- {
			out = append(out, at-int64(k*first.Samples()))
		}
		return out
	}
	start, end, _ := w.Window()
	after := func(cue int64, s float64) int64 { return cue + int64(math.Round(s*first.Rate)) }
	lead := after(0, first.Events[0].Onset)
	free := int64(math.MinInt64)
	for _, cue := range s.place.Cues {
		if after(cue, start) < free || after(cue, end) > after(at+lead, start) { // it overlaps another clip
			continue
		}
		free = after(cue, end)
		out = append(out, cue-lead)
	}
	return out
}
