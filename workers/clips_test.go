package workers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

var _ workers.TrialStore = (*memory)(nil)

func (m *memory) Session(context.Context, string, string) (models.Session, error) {
	if m.ses.ID == "" {
		return models.Session{}, store.ErrNotFound
	}
	return m.ses, nil
}

func (m *memory) EachSessionEvent(context.Context, string, string, func(models.SessionMark) error) error {
	return nil
}

func (m *memory) FirstSample(_ context.Context, r store.BatchRange, from int64) (int64, bool, error) {
	first, any := int64(math.MaxInt64), false
	for _, b := range m.batches {
		if b.Seq < r.Before && b.EndSample > from {
			first, any = min(first, max(from, b.StartSample)), true
		}
	}
	return first, any, nil
}

// TestNoClipsAreLookedForWhereNothingIs: decoding a segment near the beginning of a session does not read fifty times what is not there.
func TestNoClipsAreLookedForWhereNothingIs(t *testing.T) {
	t.Parallel()
	cat, err := alignedCatalog()
	if err != nil {
		t.Fatal(err)
	}
	clip := brains(78)(0, 4)
	m := newMemory(models.LiveDecode{})
	m.accept(models.SampleBatch{StartSample: 0, EndSample: 400, Data: float32s(clip, 0, 400)})
	in := eeg.Input{Type: "eeg", Paradigm: "motor_imagery", Model: "moved", SessionID: "s", SampleRate: liveRate, Channels: &eeg.Channels{Count: 3, Names: liveChannels}}
	request, err := json.Marshal(models.AcceptedDecode{Request: eeg.Request{Input: in}, Place: &models.SessionPlace{Start: 200, Batches: 1}})
	if err != nil {
		t.Fatal(err)
	}
	handler := workers.Decode(workers.NewModels(cat, nil, 0, nil), m)
	if _, err := handler(t.Context(), &workers.Task{Job: models.Job{ID: "j", ProjectID: "p", Request: request}, Payload: float32s(clip, 200, 400)}); err != nil {
		t.Fatal(err)
	}
	if m.reads != 1 { // the one clip before it
		t.Errorf("%d reads of batches for one clip", m.reads)
	}
}

// TestClipsOfASession decodes the last 2 s of a session of 2-s trials and counts the clips that the model was moved to.
func TestClipsOfASession(t *testing.T) {
	t.Parallel()
	cat, err := alignedCatalog()
	if err != nil {
		t.Fatal(err)
	}
	const trials = 12
	brain := brains(77)
	whole := mat.NewDense(3, 200*trials, nil)
	for k := range trials {
		clip := brain(k%2, 2)
		for ch := range 3 {
			copy(whole.RawRowView(ch)[200*k:], clip.RawRowView(ch))
		}
	}
	recorded := func() *memory {
		m := newMemory(models.LiveDecode{})
		for k := range trials {
			m.accept(models.SampleBatch{StartSample: int64(200 * k), EndSample: int64(200 * (k + 1)), Data: float32s(whole, 200*k, 200*(k+1))})
		}
		return m
	}
	start := int64(200 * (trials - 1))
	cue := []eeg.Event{{Onset: 0, Code: 1}}
	cues := func(at ...int64) []int64 { return at }
	for name, tc := range map[string]struct {
		place  models.SessionPlace
		events []eeg.Event
		input  eeg.Input
		change func(*memory)
		clips  int // 0 for none
	}{
		"one after the other":       {place: models.SessionPlace{Start: start, Batches: trials}, clips: trials},
		"around the events":         {place: models.SessionPlace{Start: start, Batches: trials, Cues: cues(0, 400, 800)}, events: cue, clips: 4},
		"an event before 0":         {place: models.SessionPlace{Start: start, Batches: trials, Cues: cues(-50, 400)}, events: cue, clips: 2},
		"events that overlap":       {place: models.SessionPlace{Start: start, Batches: trials, Cues: cues(0, 100, 199, 200, 350)}, events: cue, clips: 3},
		"into the clip":             {place: models.SessionPlace{Start: start, Batches: trials, Cues: cues(200, start-100)}, events: cue, clips: 2},
		"no other event":            {place: models.SessionPlace{Start: start, Batches: trials}, events: cue},
		"as it was then":            {place: models.SessionPlace{Start: start, Batches: 5}, clips: 6},
		"the beginning":             {place: models.SessionPlace{Start: 0, Batches: trials}},
		"switched off":              {place: models.SessionPlace{Start: start, Batches: trials}, input: eeg.Input{Alignment: "none"}},
		"erased":                    {place: models.SessionPlace{Start: start, Batches: trials}, change: func(m *memory) { m.ses.ID = "" }},
		"a gap takes its clips":     {place: models.SessionPlace{Start: start, Batches: trials}, change: func(m *memory) { m.batches = slices.Delete(m.batches, 3, 5) }, clips: trials - 2},
		"the session's other order": {place: models.SessionPlace{Start: start, Batches: trials}, change: func(m *memory) { slices.Reverse(m.batches) }, clips: trials},
	} {
		m := recorded()
		if tc.change != nil {
			tc.change(m)
		}
		in := tc.input
		in.Type, in.Paradigm, in.Model, in.SessionID, in.SampleRate, in.Events = "eeg", "motor_imagery", "moved", "s", liveRate, tc.events
		in.Channels = &eeg.Channels{Count: 3, Names: liveChannels}
		request, err := json.Marshal(models.AcceptedDecode{Request: eeg.Request{Input: in}, Place: &tc.place})
		if err != nil {
			t.Fatal(err)
		}
		handler := workers.Decode(workers.NewModels(cat, nil, 0, nil), m)
		result, err := handler(t.Context(), &workers.Task{Job: models.Job{ID: "j", ProjectID: "p", Request: request},
			Payload: float32s(whole, int(tc.place.Start), int(tc.place.Start)+200)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var out struct {
			Alignment struct {
				Kind  string
				Clips int
			}
		}
		if err := json.Unmarshal(result.Output, &out); err != nil {
			t.Fatal(err)
		}
		kind := "recentred"
		if tc.clips == 0 {
			kind = "none"
		}
		if got := fmt.Sprint(out.Alignment); got != fmt.Sprintf("{%s %d}", kind, tc.clips) {
			t.Errorf("%s: %s, want %s over %d", name, got, kind, tc.clips)
		}
	}
}
