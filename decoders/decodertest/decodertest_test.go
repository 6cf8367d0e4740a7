package decodertest

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// meter is a real if simple decoder: which of two channels has more power, through a trained gain.
type meter struct {
	name, version string
	gain          []float64
	fault         string

	mu    sync.Mutex
	calls int
	kept  [][]byte
}

var errBroken = errors.New("broken on purpose")

func (m *meter) Info() decoders.Info {
	return decoders.Info{
		Name: m.name, Version: m.version, Pipeline: "meter", Paradigm: eeg.MotorImagery,
		Classes: []string{"left", "right"}, Channels: []string{"C3", "C4"}, Rate: 100,
		MinSamples: func(float64) int { return 50 },
	}
}

func (m *meter) State() decoders.State {
	gain := slices.Clone(m.gain)
	if m.fault == "state shares memory" {
		gain = m.gain
	}
	return decoders.State{
		Pipeline: "meter", Classes: []string{"left", "right"}, Channels: []string{"C3", "C4"}, Rate: 100, Config: json.RawMessage(`{}`),
		Arrays: map[string]decoders.Array{"gain": {Shape: []int{2}, Data: gain}},
	}
}

func (m *meter) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, n := 0, in.Samples()
	if in.Data != nil && n > 0 {
		rows, _ = in.Data.Dims()
	}
	switch {
	case m.fault == "panics on no data" && in.Data == nil:
		panic("no data")
	case rows != len(in.Channels) || !(in.Rate > 0) || math.IsInf(in.Rate, 0):
		if m.fault == "untyped error" {
			return nil, errBroken
		}
		if m.fault == "unknown code" {
			return nil, decoders.Errorf("oops", nil, "oops")
		}
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, nil, "%d rows, %d names", rows, len(in.Channels))
	case n < 50:
		need := 50
		if m.fault == "wrong numbers" {
			need = 60
		}
		return nil, decoders.Errorf(decoders.CodePayloadTooShort, map[string]any{
			"samples_needed": need, "samples_got": n, "channels": rows, "sample_rate": in.Rate}, "too short")
	}
	var p [2]float64
	for i, name := range []string{"C3", "C4"} {
		r := slices.Index(in.Channels, name)
		if m.fault == "ignores names" {
			r = i
		}
		if r < 0 || r >= rows {
			return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{
				"channels_needed": []string{"C3", "C4"}, "channels_missing": []string{name}}, "no %s", name)
		}
		for j, v := range in.Data.RawRowView(r) {
			if v-v != 0 && m.fault != "accepts NaN" {
				return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"channel": name, "sample": j}, "not a number")
			}
			if m.fault == "changes input" {
				in.Data.Set(r, j, 2*v)
			}
			p[i] += math.Abs(v) / float64(n) * m.gain[i]
		}
	}
	in.Step("power")
	q := p[0] / (p[0] + p[1])
	if math.IsNaN(q) && m.fault != "accepts NaN" {
		q = 0.5
	}
	res := &decoders.Result{
		Paradigm: eeg.MotorImagery,
		Classes:  []decoders.Class{{Name: "left", Probability: q}, {Name: "right", Probability: 1 - q}},
		Evidence: map[string]any{"power": min(p[0], math.MaxFloat64)},
	}
	if q < 0.5 {
		slices.Reverse(res.Classes)
	}
	m.misbehave(in, res)
	return res, nil
}

func (m *meter) misbehave(in *decoders.Input, res *decoders.Result) {
	switch m.fault {
	case "not ranked":
		slices.Reverse(res.Classes)
	case "sums to 2":
		res.Classes[0].Probability, res.Classes[1].Probability = 1, 1
	case "a class twice":
		res.Classes[1].Name = res.Classes[0].Name
	case "wrong class":
		res.Classes[0].Name = "up"
	case "wrong paradigm":
		res.Paradigm = eeg.SSVEP
	case "evidence is not JSON":
		res.Evidence["power"] = math.NaN()
	case "counts calls":
		m.mu.Lock()
		m.calls++
		res.Evidence["calls"] = m.calls
		m.mu.Unlock()
	case "leaks":
		m.mu.Lock()
		m.kept = append(m.kept, make([]byte, 8<<10))
		m.mu.Unlock()
	case "allocates more each time":
		m.mu.Lock()
		m.calls++
		m.kept = [][]byte{make([]byte, m.calls<<10)}
		m.mu.Unlock()
	case "shared scratch":
		// Lets others in until one of them has written over the scratch; alone, it gives up.
		mine := int(in.Data.At(0, 0) * 1e6)
		m.mu.Lock()
		m.calls = mine
		m.mu.Unlock()
		now := mine
		for i := 0; i < 10_000 && now == mine; i++ {
			runtime.Gosched()
			m.mu.Lock()
			now = m.calls
			m.mu.Unlock()
		}
		res.Evidence["scratch"] = now
	}
}

// Update raises the gain of the channel that should have won.
func (m *meter) Update(ctx context.Context, in *decoders.Input, label string) (decoders.Adaptive, error) {
	if _, err := m.Decode(ctx, in); err != nil {
		return nil, err
	}
	k := slices.Index([]string{"left", "right"}, label)
	if k < 0 {
		if m.fault == "learns any label" {
			k = 0
		} else {
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, nil, "no class %q", label)
		}
	}
	next := &meter{name: m.name, version: m.version, gain: slices.Clone(m.gain), fault: m.fault}
	switch m.fault {
	case "learns nothing":
		return next, nil
	case "update changes the old one":
		m.gain[k] *= 1.1
	case "update changes input":
		in.Data.Set(0, 0, 0)
	case "update panics on no cue":
		if len(in.Events) == 0 {
			panic("no cue")
		}
	}
	next.gain[k] *= 1.1
	return next, nil
}

var _ decoders.Adaptive = (*meter)(nil)

type meterPipeline struct{ fault string }

func (meterPipeline) Name() string           { return "meter" }
func (meterPipeline) Paradigm() eeg.Paradigm { return eeg.MotorImagery }
func (p meterPipeline) Train(context.Context, *decoders.Dataset, json.RawMessage) (decoders.Trained, error) {
	return &meter{name: "meter", version: "1", gain: []float64{1, 2}, fault: p.fault}, nil
}
func (p meterPipeline) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	if p.fault == "restores anything" {
		return &meter{name: name, version: version, gain: st.Arrays["gain"].Data}, nil
	}
	a := st.Arrays["gain"]
	switch {
	case st.Pipeline != "meter" || st.Rate != 100,
		!slices.Equal(st.Classes, []string{"left", "right"}) || !slices.Equal(st.Channels, []string{"C3", "C4"}),
		len(st.Config) > 0 && json.Unmarshal(st.Config, &struct{}{}) != nil,
		!slices.Equal(a.Shape, []int{2}) || len(a.Data) != 2:
		return nil, errors.New("state does not fit")
	}
	for _, v := range a.Data {
		if v-v != 0 {
			return nil, errors.New("state is not finite")
		}
	}
	gain := slices.Clone(a.Data)
	if p.fault == "restores another decoder" {
		gain[0] += 1e-9
	}
	return &meter{name: name, version: version, gain: gain, fault: p.fault}, nil
}

func meterInput(seed uint64) *decoders.Input {
	rng := rand.New(rand.NewPCG(seed, 7))
	x := mat.NewDense(2, 120, nil)
	x.Apply(func(int, int, float64) float64 { return 10 * rng.NormFloat64() }, x)
	return &decoders.Input{Signal: decoders.Signal{Data: x, Channels: []string{"C3", "C4"}, Rate: 100}}
}

func meterCase(fault string) Case {
	p := meterPipeline{fault}
	d, _ := p.Train(context.Background(), nil, nil)
	return Case{Decoder: d, Pipeline: p, Valid: meterInput}.withDefaults()
}

func TestGoodDecoderPasses(t *testing.T) {
	Run(t, meterCase(""))
}

// TestSuiteNoticesFaults breaks the decoder in one way at a time.
func TestSuiteNoticesFaults(t *testing.T) {
	for _, tc := range []struct{ fault, noticedBy string }{
		{"not ranked", "valid input is answered"},
		{"sums to 2", "valid input is answered"},
		{"a class twice", "valid input is answered"},
		{"wrong class", "valid input is answered"},
		{"wrong paradigm", "valid input is answered"},
		{"evidence is not JSON", "valid input is answered"},
		{"counts calls", "same bits again"},
		{"changes input", "input is left alone"},
		{"ignores names", "montage is matched by name"},
		{"panics on no data", "bad input"},
		{"untyped error", "bad input"},
		{"unknown code", "bad input"},
		{"wrong numbers", "bad input"},
		{"accepts NaN", "bad input"},
		{"shared scratch", "shared by goroutines"},
		{"leaks", "memory is steady"},
		{"allocates more each time", "memory is steady"},
		{"state shares memory", "state restores"},
		{"restores another decoder", "state restores"},
		{"restores anything", "damaged state is refused"},
		{"learns nothing", "learns one trial more"},
		{"learns any label", "learns one trial more"},
		{"update changes the old one", "learns one trial more"},
		{"update changes input", "learns one trial more"},
		{"update panics on no cue", "learns one trial more"},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			for _, p := range checks {
				if p.name != tc.noticedBy {
					continue
				}
				if err := p.run(t.Context(), meterCase(tc.fault)); err == nil {
					t.Errorf("%q did not notice a decoder that %s", p.name, tc.fault)
				}
				return
			}
			t.Fatalf("no check %q", tc.noticedBy)
		})
	}
}

func FuzzMeter(f *testing.F) { Fuzz(f, meterCase("")) }
