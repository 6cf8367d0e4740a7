package models_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/models"
)

// TestSessionTransitions states the whole machine a second time and compares every pair of state and event.
func TestSessionTransitions(t *testing.T) {
	t.Parallel()
	legal := map[string]models.SessionState{
		"OPEN ingest":         "OPEN",
		"OPEN end":            "ENDED",
		"OPEN windowed":       "OPEN",
		"ENDED end":           "ENDED",
		"ENDED windowed":      "ENDED",
		"ENDED failed":        "ENDED",
		"UPLOADING ingest":    "UPLOADING",
		"UPLOADING end":       "PROCESSING",
		"UPLOADING windowed":  "UPLOADING",
		"PROCESSING end":      "PROCESSING",
		"PROCESSING windowed": "COMPLETE",
		"PROCESSING failed":   "FAILED",
		"COMPLETE end":        "COMPLETE",
		"FAILED end":          "FAILED",
	}
	pairs := 0
	for _, s := range models.SessionStates() {
		for _, e := range models.SessionTriggers() {
			pairs++
			want, ok := legal[string(s)+" "+string(e)]
			got, gotOK := s.Next(e)
			if got != want || gotOK != ok {
				t.Errorf("%s on %s: %q, %v; want %q, %v", s, e, got, gotOK, want, ok)
			}
		}
	}
	if pairs != 24 {
		t.Errorf("%d pairs of state and event", pairs)
	}
	if models.ModeStreaming.First() != models.SessionOpen || models.ModeRecorded.First() != models.SessionUploading {
		t.Error("first states")
	}
}

// TestCompletes compares with looking at each window for whether it has all its samples and some of the new ones.
func TestCompletes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := models.Session{SampleRateHz: rapid.SampledFrom([]float64{100, 250, 256, 160.5}).Draw(t, "rate"), HopMS: rapid.SampledFrom([]int{100, 500, 2000, 3000}).Draw(t, "hop")}
		if rapid.Bool().Draw(t, "live") {
			s.Decode = &models.LiveDecode{WindowMS: rapid.IntRange(500, 4000).Draw(t, "window"), HopMS: rapid.IntRange(100, 4000).Draw(t, "decode hop")}
		}
		segment := models.Segment{Start: rapid.Int64Range(-2000, 2000).Draw(t, "start")}
		segment.End = segment.Start + rapid.Int64Range(1, 3000).Draw(t, "length")
		start := rapid.Int64Range(segment.Start, segment.End-1).Draw(t, "from")
		end := rapid.Int64Range(start+1, segment.End).Draw(t, "to")
		grids := []models.Grid{s.WindowGrid()}
		if g, ok := s.DecodeGrid(); ok {
			grids = append(grids, g)
		}
		want := false
		for _, g := range grids {
			for k := int64(-200); k < 400; k++ {
				from := g.Start(k)
				to := from + g.Samples()
				want = want || from >= segment.Start && to <= segment.End && from < end && to > start
			}
		}
		if got := s.Completes(start, end, segment); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// TestGridOver compares the windows over a segment with those found by looking at each.
func TestGridOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := models.Session{
			SampleRateHz: rapid.SampledFrom([]float64{100, 128, 160, 250, 256, 500, 512, 2048, 199.8}).Draw(t, "rate"),
			HopMS:        rapid.IntRange(50, 5000).Draw(t, "hop"),
		}
		start := rapid.Int64Range(-20_000, 20_000).Draw(t, "start")
		end := start + rapid.Int64Range(1, 3000).Draw(t, "samples")
		first, last := s.WindowGrid().Over(start, end)
		in := func(k int64) bool {
			return s.WindowGrid().Start(k) < end && s.WindowGrid().Start(k)+s.WindowGrid().Samples() > start
		}
		for k := first - 3; k <= last+3; k++ {
			if in(k) != (k >= first && k <= last) {
				t.Fatalf("window %d [%d, %d) over [%d, %d): first %d, last %d", k, s.WindowGrid().Start(k), s.WindowGrid().Start(k)+s.WindowGrid().Samples(), start, end, first, last)
			}
		}
	})
}

// TestTimesBeyondAll asks for the samples at times that no session has: sums and products of what comes back must fit.
func TestTimesBeyondAll(t *testing.T) {
	t.Parallel()
	origin := int64(1_700_000_000_000)
	s := models.Session{OriginMS: &origin, SampleRateHz: 20_000}
	for _, ms := range []int64{math.MinInt64, -1 << 61, -1 << 53, 0, 1 << 53, 1 << 61, math.MaxInt64} {
		at := s.SampleAt(ms)
		if (at < 0) != (ms < origin) || at < -1<<48 || at > 1<<48 {
			t.Errorf("%d ms: sample %d", ms, at)
		}
	}
	if n := (s.SampleAt(1<<61) - s.SampleAt(-1<<61)) * 512 * 4; n <= 0 { // bytes of 512 channels
		t.Errorf("the range wraps around: %d", n)
	}
	if got := s.SampleAt(origin + 1500); got != 30_000 {
		t.Errorf("1.5 s after the origin: sample %d", got)
	}
}
