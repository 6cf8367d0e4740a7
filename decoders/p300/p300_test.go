package p300_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/race"
)

var channels = []string{"Fz", "Cz", "P3", "Pz", "P4", "Oz"}

// weights is how strongly each of the channels sees the response.
var weights = []float64{0.3, 0.7, 0.8, 1, 0.8, 0.4}

// wave is the response to an attended flash, s after it: 1 at its peak at 0.3 s.
func wave(s float64) float64 { return math.Exp(-(s - 0.3) * (s - 0.3) / (2 * 0.06 * 0.06)) }

// session is a seeded run: a flash each soa seconds from 1.5 s on, with the response of amplitude µV after those that
// target names.
func session(seed uint64, rate, soa, amplitude float64, codes []int, target func(code int) bool) (decoders.Signal, []eeg.Event, []bool) {
	rng := rand.New(rand.NewPCG(seed, 3))
	seconds := 1.5 + soa*float64(len(codes)) + 2
	n := int(seconds * rate)
	x := mat.NewDense(len(channels), n, nil)
	decay, step := math.Pow(0.95, 250/rate), math.Sqrt(250/rate)
	for r := range channels {
		drift := 0.0
		for j := range n {
			drift = decay*drift + rng.NormFloat64()*step
			x.Set(r, j, 500+drift+3*math.Sin(2*math.Pi*50*float64(j)/rate)+2*rng.NormFloat64())
		}
	}
	var events []eeg.Event
	var targets []bool
	for i, code := range codes {
		onset := 1.5 + soa*float64(i)
		events = append(events, eeg.Event{Onset: onset, Code: code})
		targets = append(targets, target(code))
		if target(code) {
			for r := range channels {
				for j := int(onset * rate); j < min(n, int((onset+0.8)*rate)); j++ {
					x.Set(r, j, x.At(r, j)+amplitude*weights[r]*wave(float64(j)/rate-onset))
				}
			}
		}
	}
	return decoders.Signal{Data: x, Channels: slices.Clone(channels), Rate: rate}, events, targets
}

// shuffled is the codes 1..n in a new order for each repetition.
func shuffled(seed uint64, n, repetitions int) []int {
	rng := rand.New(rand.NewPCG(seed, 4))
	var codes []int
	for range repetitions {
		for _, c := range rng.Perm(n) {
			codes = append(codes, c+1)
		}
	}
	return codes
}

func training(seed uint64, rate float64) *decoders.Dataset {
	ds := p300.NewDataset(channels, rate)
	for r := range 3 {
		sig, events, targets := session(seed+uint64(r), rate, 0.2, 8, shuffled(seed+uint64(r), 6, 25), func(c int) bool { return c == 2 })
		ds.Trials = append(ds.Trials, p300.Trials(sig, events, targets, fmt.Sprint("run", r))...)
	}
	return ds
}

func train(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset, config string) decoders.Trained {
	t.Helper()
	d, err := p.Train(context.Background(), ds, json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// trained are the decoders of [usual], which tests share: they do not change.
var trained sync.Map

// usual returns a pipeline's decoder of the same training with the usual options.
func usual(t testing.TB, p decoders.Pipeline) decoders.Trained {
	t.Helper()
	once, _ := trained.LoadOrStore(p.Name(), sync.OnceValue(func() decoders.Trained { return train(t, p, training(1, 200), "") }))
	return once.(func() decoders.Trained)()
}

// small is a speller of 2 × 3 symbols: codes 1-3 are columns, 4-5 rows.
var small = [][]string{{"A", "B", "C"}, {"D", "E", "F"}}

// spell is a request for one letter; F is in column 3 and row 2, code 5.
func spell(seed uint64, rate float64, repetitions int) *decoders.Input {
	sig, events, _ := session(seed, rate, 0.2, 8, shuffled(seed, 5, repetitions), func(c int) bool { return c == 3 || c == 5 })
	return &decoders.Input{Signal: sig, Events: events, Stimulus: decoders.Stimulus{Matrix: small}}
}

func TestConformance(t *testing.T) {
	// Under the race detector what is held is the sharing of memory, for which the smallest models will do: half the components and a quarter of
	// the bins. The run without it takes those that people train.
	size, repetitions := `"folds":5`, 4
	if race.Enabled {
		size, repetitions = `"bins":8,"folds":2`, 2
	}
	for _, p := range catalog.Of(eeg.P300) { // all that are registered
		for _, c := range []struct {
			name, config string
			valid        func(seed uint64) *decoders.Input
		}{
			{"letters", `{` + size + `}`, func(seed uint64) *decoders.Input { return spell(seed, 200, repetitions) }},
			{"codes, standardized", `{"standardize":true,"components":2,` + size + `}`, func(seed uint64) *decoders.Input {
				in := spell(seed, 200, repetitions)
				in.Stimulus = decoders.Stimulus{}
				return in
			}},
			{"one flash without an event, rejection", `{"limit":0,"reject":true,"components":2,` + size + `}`, func(seed uint64) *decoders.Input {
				in := spell(seed, 200, 1)
				in.Events, in.Stimulus = nil, decoders.Stimulus{}
				return in
			}},
		} {
			t.Run(p.Name()+"/"+c.name, func(t *testing.T) {
				decodertest.Run(t, decodertest.Case{Decoder: train(t, p, training(1, 200), c.config), Pipeline: p, Valid: c.valid})
			})
		}
	}
}

func FuzzDecode(f *testing.F) {
	p := p300.XDAWNLDA()
	decodertest.Fuzz(f, decodertest.Case{
		Decoder: usual(f, p), Pipeline: p,
		Valid: func(seed uint64) *decoders.Input { return spell(seed, 200, 2) },
	})
}

func TestSpellsAtAnyRate(t *testing.T) {
	t.Parallel()
	rates := []float64{100, 128, 200, 250, 255.97, 512, 1000}
	if race.Enabled {
		rates = []float64{128, 255.97, 512}
	}
	for _, p := range pipelines {
		d := usual(t, p)
		for _, rate := range rates {
			t.Run(fmt.Sprint(p.Name(), "/", rate, " Hz"), func(t *testing.T) {
				t.Parallel()
				right := 0
				for seed := range uint64(10) {
					res, err := d.Decode(t.Context(), spell(100+seed, rate, 8))
					if err != nil {
						t.Fatal(err)
					}
					if res.Classes[0].Name == "letter_F" {
						right++
					}
				}
				if right < 9 {
					t.Errorf("%d of 10 letters right", right)
				}
			})
		}
	}
}

// decode answers in or fails.
func decode(t testing.TB, d decoders.Decoder, in *decoders.Input) *decoders.Result {
	t.Helper()
	res, err := d.Decode(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestNames(t *testing.T) {
	t.Parallel()
	d := usual(t, p300.XDAWNLDA())
	label := func(in *decoders.Input, f func(i, code int) string) {
		for i := range in.Events {
			in.Events[i].Label = f(i, in.Events[i].Code)
		}
	}
	only := func(in *decoders.Input, keep func(code int) bool) {
		in.Events = slices.DeleteFunc(in.Events, func(e eeg.Event) bool { return !keep(e.Code) })
	}
	for name, tc := range map[string]struct {
		change  func(in *decoders.Input)
		best    string
		classes int
	}{
		"letters by the usual codes": {func(in *decoders.Input) {}, "letter_F", 6},
		"letters by stated codes": {func(in *decoders.Input) {
			in.Stimulus.Flashes = map[int][]string{1: {"A", "B"}, 2: {"A", "C"}, 3: {"X"}, 4: {"D"}, 5: {"X", "E"}}
			in.Stimulus.Matrix = [][]string{{"A", "B", "C", "D"}, {"E", "X"}}
		}, "letter_X", 6},
		"letters without a matrix": {func(in *decoders.Input) {
			in.Stimulus = decoders.Stimulus{Flashes: map[int][]string{1: {"YES"}, 2: {"YES"}, 3: {"NO"}, 5: {"NO"}}}
		}, "letter_NO", 2},
		"only rows flashed":    {func(in *decoders.Input) { only(in, func(c int) bool { return c > 3 }) }, "select_row_2", 2},
		"only columns flashed": {func(in *decoders.Input) { only(in, func(c int) bool { return c <= 3 }) }, "select_column_3", 3},
		"codes":                {func(in *decoders.Input) { in.Stimulus.Matrix = nil; only(in, func(c int) bool { return c != 5 }) }, "select_3", 4},
		"codes by label": {func(in *decoders.Input) {
			in.Stimulus.Matrix = nil
			only(in, func(c int) bool { return c != 5 })
			label(in, func(_, code int) string { return fmt.Sprint("Row ", code) })
		}, "select_row_3", 4},
		"labels of single flashes name no code": {func(in *decoders.Input) {
			in.Stimulus.Matrix = nil
			only(in, func(c int) bool { return c != 5 })
			label(in, func(i, _ int) string { return fmt.Sprint("trial ", i) })
		}, "select_3", 4},
		"one label for all names no code": {func(in *decoders.Input) {
			in.Stimulus.Matrix = nil
			only(in, func(c int) bool { return c != 5 })
			label(in, func(int, int) string { return "flash" })
		}, "select_3", 4},
		"one code attended":     {func(in *decoders.Input) { in.Stimulus.Matrix = nil; only(in, func(c int) bool { return c == 3 }) }, p300.Target, 2},
		"one code not attended": {func(in *decoders.Input) { in.Stimulus.Matrix = nil; only(in, func(c int) bool { return c == 1 }) }, p300.NonTarget, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := spell(50, 200, 10)
			tc.change(in)
			res := decode(t, d, in)
			if res.Classes[0].Name != tc.best || len(res.Classes) != tc.classes {
				t.Errorf("%v, want %s of %d", res.Classes, tc.best, tc.classes)
			}
		})
	}
}

// TestPosterior holds the arithmetic: the log ratios of the flashes, found one by one, add up to the posterior.
func TestPosterior(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines {
		d := usual(t, p)
		in := spell(60, 200, 3)
		prior := map[string]float64{"A": -1, "B": -2, "C": -3, "D": -1.5, "E": math.Inf(-1), "F": -5}
		in.Prior = func(s string) float64 { return prior[s] }
		want := map[string]float64{}
		for s, v := range prior {
			want[s] = v
		}
		for _, e := range in.Events {
			one := *in
			one.Stimulus, one.Events = decoders.Stimulus{}, []eeg.Event{e}
			// The other events stay around it in the signal, so the filter sees the same; only the margin differs.
			one.Prior = nil
			res := decode(t, d, &one)
			ratio := res.Evidence["log_likelihood_ratio"].(float64)
			if math.Abs(ratio) > math.Log(100)+1e-12 {
				t.Errorf("one flash counts %v, more than log 100", ratio)
			}
			for r, row := range small {
				for c, s := range row {
					if e.Code == 1+c || e.Code == 4+r {
						want[s] += ratio
					}
				}
			}
		}
		total := 0.0
		for _, v := range want {
			total += math.Exp(v)
		}
		for _, c := range decode(t, d, in).Classes {
			// The clip is filtered a second beyond its epochs, all flashes together or one alone: 0.5 Hz feels the difference.
			if w := math.Exp(want[strings.TrimPrefix(c.Name, "letter_")]) / total; math.Abs(c.Probability-w) > 0.1 {
				t.Errorf("%s: %s has %.4f, flash by flash %.4f", p.Name(), c.Name, c.Probability, w)
			}
			if c.Name == "letter_E" && c.Probability != 0 {
				t.Errorf("a symbol that the prior rules out has %v", c.Probability)
			}
		}
	}
}

func TestDynamicStopping(t *testing.T) {
	t.Parallel()
	d := train(t, p300.XDAWNLDA(), training(1, 200), `{"threshold":0.8}`)
	res := decode(t, d, spell(70, 200, 10))
	var ev struct {
		Repetitions int
		Stopped     *int `json:"stopped_at_repetition"`
		Threshold   float64
		Running     []struct {
			Repetition, Flashes int
			Intent              string
			Probability         float64
		}
	}
	b, err := json.Marshal(res.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &ev); err != nil {
		t.Fatal(err)
	}
	if ev.Repetitions != 10 || len(ev.Running) != 10 || ev.Threshold != 0.8 || ev.Stopped == nil {
		t.Fatalf("evidence is %s", b)
	}
	first := 0
	for i, r := range ev.Running {
		if r.Repetition != i+1 || r.Flashes != 5*(i+1) {
			t.Errorf("repetition %d: %+v", i+1, r)
		}
		if first == 0 && r.Probability > 0.8 {
			first = r.Repetition
		}
		// What is said of the first n repetitions is what a request with only those would get.
		in := spell(70, 200, 10)
		in.Events = in.Events[:r.Flashes]
		if alone := decode(t, d, in).Classes[0]; alone.Name != r.Intent && math.Abs(alone.Probability-r.Probability) > 0.2 {
			t.Errorf("repetition %d: %+v, alone %+v", i+1, r, alone)
		}
	}
	if *ev.Stopped != first {
		t.Errorf("stopped at %d, the threshold was passed at %d", *ev.Stopped, first)
	}
	last := ev.Running[len(ev.Running)-1]
	if last.Intent != res.Classes[0].Name || last.Probability != res.Classes[0].Probability {
		t.Errorf("ends at %+v, result %+v", last, res.Classes[0])
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	d := usual(t, p300.XDAWNLDA())
	for name, tc := range map[string]struct {
		change func(in *decoders.Input)
		code   string
	}{
		"no events with a matrix":  {func(in *decoders.Input) { in.Events = nil }, decoders.CodeNoEvents},
		"unknown codes":            {func(in *decoders.Input) { in.Stimulus.Flashes = map[int][]string{99: {"A"}} }, decoders.CodeNoEvents},
		"events after the end":     {func(in *decoders.Input) { in.Events = []eeg.Event{{Onset: in.Seconds() - 0.1, Code: 1}} }, decoders.CodeNoEvents},
		"ragged matrix":            {func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{"A", "B"}, {"C"}} }, decoders.CodeInvalidStimulus},
		"a symbol twice":           {func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{"A", "B"}, {"C", "A"}} }, decoders.CodeInvalidStimulus},
		"an empty symbol":          {func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{"A", ""}} }, decoders.CodeInvalidStimulus},
		"one symbol":               {func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{"A"}} }, decoders.CodeInvalidStimulus},
		"a flash of no symbol":     {func(in *decoders.Input) { in.Stimulus.Flashes = map[int][]string{1: {"Q"}} }, decoders.CodeInvalidStimulus},
		"prior NaN":                {func(in *decoders.Input) { in.Prior = func(string) float64 { return math.NaN() } }, decoders.CodeInvalidStimulus},
		"prior against all":        {func(in *decoders.Input) { in.Prior = func(string) float64 { return math.Inf(-1) } }, decoders.CodeInvalidStimulus},
		"NaN":                      {func(in *decoders.Input) { in.Data.Set(2, 400, math.NaN()) }, decoders.CodeInvalidSignal},
		"missing channel":          {func(in *decoders.Input) { in.Channels[3] = "C1" }, decoders.CodeMontageMismatch},
		"rate below the bandwidth": {func(in *decoders.Input) { in.Rate = 20 }, decoders.CodeInvalidSignal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := spell(80, 200, 2)
			tc.change(in)
			_, err := d.Decode(t.Context(), in)
			var e *decoders.Error
			if !errors.As(err, &e) || e.Code != tc.code {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
}

func TestTrainRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config string
		change func(ds *decoders.Dataset)
		code   string
	}{
		"too few":       {"", func(ds *decoders.Dataset) { ds.Trials = ds.Trials[:20] }, decoders.CodeTooFewTrials},
		"none":          {"", func(ds *decoders.Dataset) { ds.Trials = nil }, decoders.CodeTooFewTrials},
		"other classes": {"", func(ds *decoders.Dataset) { ds.Classes = []string{"a", "b"} }, decoders.CodeModelIncompatible},
		"label":         {"", func(ds *decoders.Dataset) { ds.Trials[1].Label = 7 }, decoders.CodePayloadMalformed},
		"no data":       {"", func(ds *decoders.Dataset) { ds.Trials[1].Data = nil }, decoders.CodePayloadMalformed},
		"NaN": {"", func(ds *decoders.Dataset) {
			ds.Trials[1].Data = mat.NewDense(6, 500, slices.Repeat([]float64{math.NaN()}, 3000))
		}, decoders.CodeInvalidSignal},
		"flat":           {"", func(ds *decoders.Dataset) { ds.Trials[1].Data = mat.NewDense(6, 500, nil) }, decoders.CodeInvalidSignal},
		"short":          {"", func(ds *decoders.Dataset) { ds.Trials[1].Data = mat.NewDense(6, 210, nil) }, decoders.CodePayloadTooShort},
		"onset":          {"", func(ds *decoders.Dataset) { ds.Trials[1].Onset = math.NaN() }, decoders.CodePayloadMalformed},
		"cue":            {"", func(ds *decoders.Dataset) { ds.Cue = math.Inf(1) }, decoders.CodePayloadMalformed},
		"channels":       {"", func(ds *decoders.Dataset) { ds.Channels = []string{"Cz", "Cz", "P3", "Pz", "P4", "Oz"} }, decoders.CodeModelIncompatible},
		"rate":           {"", func(ds *decoders.Dataset) { ds.Rate = -1 }, decoders.CodePayloadMalformed},
		"unknown option": {`{"hgih":3}`, nil, decoders.CodeModelIncompatible},
		"band":           {`{"low":15}`, nil, decoders.CodeModelIncompatible},
		"threshold":      {`{"threshold":1}`, nil, decoders.CodeModelIncompatible},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range pipelines {
				ds := training(1, 200)
				if tc.change != nil {
					tc.change(ds)
				}
				_, err := p.Train(t.Context(), ds, json.RawMessage(tc.config))
				var e *decoders.Error
				if !errors.As(err, &e) || e.Code != tc.code {
					t.Errorf("%s: %v, want %s", p.Name(), err, tc.code)
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range pipelines {
		if _, err := p.Train(ctx, training(1, 200), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v after cancel", p.Name(), err)
		}
	}
}

// TestEvokedTellsOverlapsApart puts known responses after flashes that follow each other four times faster than a
// response lasts. The mean of the epochs is then a mixture; least squares finds what was put in.
func TestEvokedTellsOverlapsApart(t *testing.T) {
	t.Parallel()
	const bins, rate = 20, 32.0
	rng := rand.New(rand.NewPCG(3, 3))
	response := func(target bool, b int) float64 {
		if target {
			return 5*math.Exp(-math.Pow(float64(b)-9, 2)/8) - 1
		}
		return math.Sin(float64(b) / 3)
	}
	const flashes = 400
	x := make([]float64, flashes*7+bins)
	var at []int
	var targets []bool
	for i, pos := 0, 0; i < flashes; i++ {
		at, targets = append(at, pos), append(targets, rng.IntN(5) == 0)
		for b := range bins {
			x[pos+b] += response(targets[i], b)
		}
		pos += 4 + rng.IntN(4)
	}
	var epochs []p300.Epoch
	for i, pos := range at {
		d := mat.NewDense(1, bins, slices.Clone(x[pos:pos+bins]))
		epochs = append(epochs, p300.Epoch{Data: d, Target: targets[i], Onset: float64(pos) / rate, Run: "r"})
	}
	worst := func(r *p300.Responses) float64 {
		w := 0.0
		for b := range bins {
			w = max(w, math.Abs(r.Target.At(0, b)+r.All.At(0, b)-response(true, b)), math.Abs(r.All.At(0, b)-response(false, b)))
		}
		return w
	}
	r, err := p300.Evoked(epochs, rate)
	if err != nil {
		t.Fatal(err)
	}
	if w := worst(r); w > 0.02 {
		t.Errorf("off by up to %.3f µV of 5", w)
	}
	for i := range epochs {
		epochs[i].Onset = 0
	}
	mean, err := p300.Evoked(epochs, rate)
	if err != nil {
		t.Fatal(err)
	}
	if w := worst(mean); w < 0.5 {
		t.Errorf("means without onsets are only %.3f µV off: the test overlaps too little", w)
	}
}

// TestXDAWNFindsTheSource mixes one attended source into noise of eight channels: the first filter points at it.
func TestXDAWNFindsTheSource(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 8))
	const c, bins = 8, 22
	mixing := mat.NewDense(c, c, nil)
	mixing.Apply(func(int, int, float64) float64 { return rng.NormFloat64() }, mixing)
	var epochs []p300.Epoch
	for i := range 300 {
		s := mat.NewDense(c, bins, nil)
		s.Apply(func(int, int, float64) float64 { return rng.NormFloat64() }, s)
		if i%6 == 0 {
			for b := range bins {
				s.Set(0, b, s.At(0, b)+1.5*wave(float64(b)/32))
			}
		}
		x := mat.NewDense(c, bins, nil)
		x.Mul(mixing, s)
		epochs = append(epochs, p300.Epoch{Data: x, Target: i%6 == 0, Onset: float64(i), Run: "r"})
	}
	filters, err := p300.XDAWN(epochs, 32, 3)
	if err != nil {
		t.Fatal(err)
	}
	if k, n := filters.Dims(); k != 3 || n != c {
		t.Fatalf("filters are %d × %d", k, n)
	}
	var gain mat.Dense
	gain.Mul(filters.Slice(0, 1, 0, c), mixing)
	own, others := math.Abs(gain.At(0, 0)), 0.0
	for j := 1; j < c; j++ {
		others = math.Hypot(others, gain.At(0, j))
	}
	if own < 4*others {
		t.Errorf("the first filter passes the source with %.3f and all noise with %.3f", own, others)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, p := range pipelines {
		d := train(b, p, training(1, 250), "")
		in := spell(1, 250, 10)
		b.Run(p.Name()+"/6ch50flashes", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
