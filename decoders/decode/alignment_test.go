package decode_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// another is a synthetic session of a person whose channels mix as nobody else's: electrodes a little off their places, and
// of other gains.
func another(t testing.TB, person uint64, trials int) synthetic.Session {
	t.Helper()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: ultracortex, Rate: 160, Seed: 500 + person}, synthetic.ImageryConfig{TrialsPerClass: trials, MuUV: 10, Depth: 0.8})
	if err != nil {
		t.Fatal(err)
	}
	s.Signal = synthetic.Remix(s.Signal, person, 0.7, 0.15)
	return s
}

// strangerCatalog has a model for single clips and one that was trained with alignment, of the same people.
var strangerCatalog = sync.OnceValue(func() *catalog.Catalog {
	var t fatal
	cat, err := catalog.New(catalog.Pipelines()...)
	if err != nil {
		panic(err)
	}
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Classes: []string{"left", "right"}}
	for p := range 5 {
		s := another(t, uint64(p), 12)
		ds.Channels, ds.Rate = s.Channels, s.Rate
		ds.Trials = append(ds.Trials, epoch.Cut(s.Signal, s.Events, class(ds.Classes), 0, 4, fmt.Sprintf("p%d/r", p))...)
	}
	for name, options := range map[string]string{
		"single": `{"start":0,"end":4,"normalize":true}`, "moved": `{"start":0,"end":4,"normalize":true,"align":true,"center":"riemann"}`,
	} {
		d, err := motorimagery.TSLR().Train(context.Background(), ds, json.RawMessage(options))
		if err != nil {
			panic(err)
		}
		priority := 0
		if name == "moved" {
			priority = 1
		}
		store(t, cat, name, catalog.ModelCard{Summary: "made of synthetic people", Priority: priority}, d)
	}
	return cat
})

// TestManyClipsMoveTheModel decodes the trials of strangers with the rest of their recording beside them and without: with it
// the model that was trained with alignment is taken and moved, and more are right.
func TestManyClipsMoveTheModel(t *testing.T) {
	t.Parallel()
	cat := strangerCatalog()
	moved, single := 0, 0
	const people, trials = 2, 12
	for p := range people {
		s := another(t, uint64(100+p), trials/2)
		for i, e := range s.Events {
			// The trial that is decoded comes first, so the recording is turned to begin with it.
			turned := s
			rows, n := s.Data.Dims()
			at := int(e.Onset * s.Rate)
			data := mat.NewDense(rows, n, nil)
			for ch := range rows {
				copy(data.RawRowView(ch), s.Data.RawRowView(ch)[at:])
				copy(data.RawRowView(ch)[n-at:], s.Data.RawRowView(ch)[:at])
			}
			turned.Data, turned.Events = data, nil
			for _, other := range s.Events {
				onset := other.Onset - float64(at)/s.Rate
				if onset < -1e-9 {
					onset += float64(n) / s.Rate
				}
				turned.Events = append(turned.Events, eeg.Event{Onset: max(0, onset), Code: other.Code})
			}
			req, payload := clip(turned, 0, float64(n)/s.Rate)
			req.Input.Paradigm = "motor_imagery"
			out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
			checkOutcome(t, out, d, err)
			if err != nil {
				t.Fatal(err)
			}
			if out.Model.Name != "moved" || out.Alignment != (eeg.Alignment{Kind: eeg.Recentred, Clips: trials}) || d.Evidence["alignment"] != out.Alignment {
				t.Fatalf("%s, %+v, evidence %v", out.Model.Name, out.Alignment, d.Evidence["alignment"])
			}
			if out.DecodedClass == s.Labels[i] {
				moved++
			}
			alone, payload := clip(s, e.Onset, 4)
			alone.Input.Paradigm = "motor_imagery"
			out, d, err = decode.Run(t.Context(), alone, payload, cat, decode.Options{})
			checkOutcome(t, out, d, err)
			if err != nil {
				t.Fatal(err)
			}
			if out.Model.Name != "single" || out.Alignment != (eeg.Alignment{Kind: eeg.NotAligned}) {
				t.Fatalf("alone: %s, %+v", out.Model.Name, out.Alignment)
			}
			if out.DecodedClass == s.Labels[i] {
				single++
			}
		}
	}
	t.Logf("of %d right: %d moved to the person's clips, %d alone", people*trials, moved, single)
	if moved < single+3 {
		t.Errorf("of %d right: %d moved to the person's clips, %d alone", people*trials, moved, single)
	}
}

// TestAlignmentOfARequest goes through what a request may bring and say.
func TestAlignmentOfARequest(t *testing.T) {
	t.Parallel()
	cat := strangerCatalog()
	s := another(t, 200, 8)
	whole := s.Seconds()
	for name, tc := range map[string]struct {
		change func(*eeg.Request)
		model  string
		want   eeg.Alignment
	}{
		"all events":           {func(*eeg.Request) {}, "moved", eeg.Alignment{Kind: eeg.Recentred, Clips: 16}},
		"auto":                 {func(r *eeg.Request) { r.Input.Alignment = "auto" }, "moved", eeg.Alignment{Kind: eeg.Recentred, Clips: 16}},
		"switched off":         {func(r *eeg.Request) { r.Input.Alignment = "none" }, "single", eeg.Alignment{Kind: eeg.NotAligned}},
		"off, by name":         {func(r *eeg.Request) { r.Input.Alignment, r.Input.Model = "none", "moved" }, "moved", eeg.Alignment{Kind: eeg.NotAligned}},
		"one event":            {func(r *eeg.Request) { r.Input.Events = r.Input.Events[3:4] }, "single", eeg.Alignment{Kind: eeg.NotAligned}},
		"one event, by name":   {func(r *eeg.Request) { r.Input.Events, r.Input.Model = r.Input.Events[3:4], "moved" }, "moved", eeg.Alignment{Kind: eeg.NotAligned}},
		"no event":             {func(r *eeg.Request) { r.Input.Events = nil }, "single", eeg.Alignment{Kind: eeg.NotAligned}},
		"another model, named": {func(r *eeg.Request) { r.Input.Model = "single" }, "single", eeg.Alignment{Kind: eeg.NotAligned}},
		"two marks of a trial": {func(r *eeg.Request) {
			first := r.Input.Events[2]
			r.Input.Events = []eeg.Event{first, {Onset: first.Onset + 0.5, Code: 1}}
		}, "single", eeg.Alignment{Kind: eeg.NotAligned}},
		"auto paradigm": {func(r *eeg.Request) { r.Input.Paradigm = "" }, "moved", eeg.Alignment{Kind: eeg.Recentred, Clips: 16}},
		"auto paradigm, two marks": {func(r *eeg.Request) {
			r.Input.Paradigm = ""
			first := r.Input.Events[2]
			r.Input.Events = []eeg.Event{first, {Onset: first.Onset + 0.5, Code: first.Code}}
		}, "single", eeg.Alignment{Kind: eeg.NotAligned}},
	} {
		req, payload := clip(s, 0, whole)
		req.Input.Paradigm = "motor_imagery"
		tc.change(req)
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if out.Model.Name != tc.model || out.Alignment != tc.want {
			t.Errorf("%s: %s %+v, want %s %+v", name, out.Model.Name, out.Alignment, tc.model, tc.want)
		}
		if d.Routing.Used.Model != tc.model+"@1" || strings.Contains(d.Routing.Why, "; ;") {
			t.Errorf("%s: routing %+v", name, d.Routing)
		}
	}
	req, payload := clip(s, 0, whole)
	req.Input.Alignment = "sideways"
	var e *decoders.Error
	if _, _, err := decode.Run(t.Context(), req, payload, cat, decode.Options{}); !errors.As(err, &e) || e.Code != decoders.CodePayloadMalformed {
		t.Errorf("an unknown alignment: %v", err)
	}
}

// TestBadClipsDoNotMoveTheModel spoils a third of the clips: the others alone move the model, to where they would without.
func TestBadClipsDoNotMoveTheModel(t *testing.T) {
	t.Parallel()
	cat := strangerCatalog()
	s := another(t, 201, 6)
	rows, _ := s.Data.Dims()
	spoiled := s
	spoiled.Data = mat.DenseCopyOf(s.Data)
	good := s.Events[:0:0]
	for i, e := range s.Events {
		if i%3 != 2 {
			good = append(good, e)
			continue
		}
		for ch := range rows {
			row := spoiled.Data.RawRowView(ch)[int(e.Onset*s.Rate):]
			for k := range int(4 * s.Rate) {
				row[k] += 3000 * float64(k/20%2) // steps, as of a cable
			}
		}
	}
	answer := func(s synthetic.Session, events []eeg.Event) *eeg.Result {
		s.Events = events
		req, payload := clip(s, 0, s.Seconds())
		req.Input.Paradigm = "motor_imagery"
		out, _, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	got, want := answer(spoiled, spoiled.Events), answer(spoiled, good)
	if got.Alignment != (eeg.Alignment{Kind: eeg.Recentred, Clips: 8}) || got.Confidence != want.Confidence || !slices.Equal(got.Alternatives, want.Alternatives) {
		t.Errorf("%+v with %v; without the spoiled clips %+v with %v", got.Alignment, got.Confidence, want.Alignment, want.Confidence)
	}
}

// TestBalanceMovesTheEvenOdds of a model that was not trained with alignment, for each trial of a recording and for one; "auto" leaves it as it
// is, and one that can be moved is moved instead.
func TestBalanceMovesTheEvenOdds(t *testing.T) {
	t.Parallel()
	cat := strangerCatalog()
	right := map[string]int{}
	for p := range 3 {
		s := another(t, uint64(300+p), 10)
		_, n := s.Data.Dims()
		ask := func(model, alignment, trials string) *eeg.Result {
			req, payload := clip(s, 0, float64(n)/s.Rate)
			req.Input.Paradigm, req.Input.Model, req.Input.Alignment, req.Input.Trials = "motor_imagery", model, alignment, trials
			out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
			checkOutcome(t, out, d, err)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		for _, alignment := range []string{eeg.AlignmentAuto, eeg.AlignmentBalance} {
			out := ask("single", alignment, eeg.TrialsAll)
			if want := map[string]string{eeg.AlignmentAuto: eeg.NotAligned, eeg.AlignmentBalance: eeg.Balanced}[alignment]; out.Alignment.Kind != want {
				t.Fatalf("%s: %+v", alignment, out.Alignment)
			}
			for i, a := range out.Trials {
				if a.DecodedClass == s.Labels[i] {
					right[alignment]++
				}
			}
			if alignment == eeg.AlignmentBalance {
				if first := ask("single", alignment, ""); first.DecodedClass != out.Trials[0].DecodedClass || first.Confidence != out.Trials[0].Confidence {
					t.Errorf("one trial: %s %v, of all: %s %v", first.DecodedClass, first.Confidence, out.Trials[0].DecodedClass, out.Trials[0].Confidence)
				}
			}
		}
		if out := ask("moved", eeg.AlignmentBalance, eeg.TrialsAll); out.Alignment.Kind != eeg.Recentred {
			t.Errorf("a model that can be moved: %+v", out.Alignment)
		}
	}
	t.Logf("of 60 right: %d balanced, %d as they are", right[eeg.AlignmentBalance], right[eeg.AlignmentAuto])
	if right[eeg.AlignmentBalance] <= right[eeg.AlignmentAuto] {
		t.Errorf("of 60 right: %v", right)
	}
}

// keeper keeps the clips that it is shown.
type keeper struct{ kept []*decoders.Input }

func (k *keeper) Recentring(context.Context, *catalog.Choice, *decoders.Input) (*motorimagery.Recentring, error) {
	return nil, nil
}

func (k *keeper) Balance(_ context.Context, _ *catalog.Choice, in *decoders.Input) (*decode.Balance, error) {
	k.kept = append(k.kept, in)
	return nil, nil
}

// TestClipsMayBeKept: samples that were shown to Clips are theirs, whatever is decoded after.
func TestClipsMayBeKept(t *testing.T) {
	t.Parallel()
	var k keeper
	for i := range 4 {
		req := &eeg.Request{Input: eeg.Input{Type: "eeg", Paradigm: eeg.MotorImagery, Model: "test-left_right", SampleRate: 250, Alignment: eeg.AlignmentBalance,
			Channels: &eeg.Channels{Count: len(ultracortex), Names: ultracortex}}}
		x := noise(len(ultracortex), 1000, uint64(i+1))
		for _, clips := range []decode.Clips{&k, nil} {
			if _, _, err := decode.Run(t.Context(), req, floats(x), trainedCatalog(), decode.Options{Clips: clips}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(k.kept) != 4 {
		t.Fatalf("%d clips, want 4", len(k.kept))
	}
	for i, in := range k.kept {
		if !slices.Equal(raw(in.Data), floats(noise(len(ultracortex), 1000, uint64(i+1)))) {
			t.Errorf("clip %d has other samples after the decodes that followed", i)
		}
	}
}
