package causal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders/causal"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/golden"
)

// document are the filters of the example of NeuraScale.
var document = eeg.Filters{Notch: 60, HighPass: 0.5, LowPass: 100}

func filter(t testing.TB, f eeg.Filters, rate float64, channels int) *causal.Filter {
	t.Helper()
	out, err := causal.New(f, rate, channels)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFiltersEqualScipy: sosfilt over the whole, begun in its steady state.
func TestFiltersEqualScipy(t *testing.T) {
	t.Parallel()
	g := golden.Read[struct {
		Cases []struct {
			Name    string
			Rate    float64
			Filters eeg.Filters
			X       []float32
			Y       []float64
		}
	}](t, "causal")
	if len(g.Cases) < 6 {
		t.Fatalf("%d cases", len(g.Cases))
	}
	for _, c := range g.Cases {
		f := filter(t, c.Filters, c.Rate, 1)
		y, err := f.Process(nil, c.X, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.Y {
			// A result is a float32 of a signal of 12 mV; the input has one decimal, which a float32 of it holds to 1e-3.
			if got := float64(y[3*i]); math.Abs(got-want) > 2e-3 {
				t.Errorf("%s: value %d is %.6f, want %.6f", c.Name, 3*i, got, want)
				break
			}
		}
	}
}

// piece is samples without a gap.
type piece struct {
	first   int64
	samples []float32
}

// recording is a stream with gaps of a sample up to some seconds.
func recording(rng *rand.Rand, rate float64, channels, seconds int) (pieces []piece, level float64) {
	at := int64(rng.IntN(50))
	level = 1e4 * rng.NormFloat64()
	walk := make([]float64, channels)
	for range 1 + rng.IntN(5) {
		n := 1 + rng.IntN(int(rate)*seconds)
		p := piece{first: at, samples: make([]float32, n*channels)}
		for i := range n {
			for c := range channels {
				walk[c] += rng.NormFloat64()
				s := float64(at+int64(i)) / rate
				p.samples[i*channels+c] = float32(level + walk[c] + 20*math.Sin(2*math.Pi*60*s) + 15*math.Sin(2*math.Pi*10*s))
			}
		}
		pieces = append(pieces, p)
		gap := int64([]float64{1, 3, 0.5 * rate, rate, rate + 1, 5 * rate}[rng.IntN(6)])
		at += int64(n) + gap
	}
	return pieces, level
}

func process(t testing.TB, f *causal.Filter, p piece) []float32 {
	t.Helper()
	out, err := f.Process(nil, p.samples, p.first)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAnySplitIsOnePass: batches of any size, gaps among them, and hand-overs of the state at any place give what one pass gives, to the last bit.
func TestAnySplitIsOnePass(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		rng := rand.New(rand.NewPCG(seed, 1))
		channels := 1 + rng.IntN(3)
		rate := []float64{125, 200, 250, 512.5}[rng.IntN(4)]
		filters := []eeg.Filters{{Notch: 60, HighPass: 0.5, LowPass: 61}, {BandPass: []float64{8, 13}}, {HighPass: 1}, {LowPass: 30}, {Notch: 50}, {}}[rng.IntN(6)]
		pieces, _ := recording(rng, rate, channels, 3)
		whole, parts := filter(t, filters, rate, channels), filter(t, filters, rate, channels)
		for _, p := range pieces {
			want := process(t, whole, p)
			var got []float32
			for rest := p; len(rest.samples) > 0; {
				n := min(1+rng.IntN(400), len(rest.samples)/channels)
				got = append(got, process(t, parts, piece{rest.first, rest.samples[:n*channels]})...)
				rest = piece{rest.first + int64(n), rest.samples[n*channels:]}
				if rng.IntN(3) == 0 {
					state, err := parts.MarshalBinary()
					if err != nil {
						rt.Fatal(err)
					}
					parts = filter(t, filters, rate, channels)
					if err := parts.UnmarshalBinary(state); err != nil {
						rt.Fatal(err)
					}
				}
			}
			if !slices.Equal(got, want) {
				rt.Fatalf("the piece at %d differs", p.first)
			}
		}
	})
}

// TestWarmUpIsOnePass: a filter that is given the stored samples of Settles before the first that is wanted gives what one pass gives, within 1e-6 of the range, wherever it
// begins and whatever gaps are there.
func TestWarmUpIsOnePass(t *testing.T) {
	t.Parallel()
	worst := 0.0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		const rate, channels = 250, 2
		filters := []eeg.Filters{document, {BandPass: []float64{8, 13}}, {Notch: 50}, {HighPass: 0.3, LowPass: 40}}[seed%4]
		pieces, _ := recording(rng, rate, channels, 40)
		whole := filter(t, filters, rate, channels)
		lowest, highest := float32(math.Inf(1)), float32(math.Inf(-1))
		var truth []piece
		for _, p := range pieces {
			truth = append(truth, piece{p.first, process(t, whole, p)})
			lowest, highest = min(lowest, slices.Min(p.samples)), max(highest, slices.Max(p.samples))
		}
		scale := float64(highest - lowest)
		last := pieces[len(pieces)-1]
		for range 5 {
			warm := filter(t, filters, rate, channels)
			want := pieces[0].first + rng.Int64N(last.first+int64(len(last.samples)/channels)-pieces[0].first)
			from := want - warm.Settles()
			for k, p := range pieces {
				skip := max(0, from-p.first) * channels
				if skip >= int64(len(p.samples)) {
					continue
				}
				got := process(t, warm, piece{p.first + skip/channels, p.samples[skip:]})
				for i, v := range got {
					position := p.first + (skip+int64(i))/channels
					if position < want {
						continue
					}
					d := math.Abs(float64(v)-float64(truth[k].samples[skip+int64(i)])) / scale
					worst = max(worst, d)
					if d > 1e-6 {
						t.Fatalf("seed %d, %+v: sample %d of a filter that began at %d differs by %.2g of the range", seed, filters, position, from, d)
					}
				}
			}
		}
	}
	t.Logf("the largest difference is %.2g of the range", worst)
}

// TestGaps: a short gap makes no step, a long one begins anew, and neither lets an offset of the amplifier through.
func TestGaps(t *testing.T) {
	t.Parallel()
	const rate = 250
	level := func(first int64, n int) piece {
		p := piece{first: first, samples: make([]float32, n)}
		for i := range p.samples {
			p.samples[i] = 12_000
		}
		return p
	}
	f := filter(t, document, rate, 1)
	first := int64(7)
	for _, gap := range []int64{0, 1, rate / 2, rate, rate + 1, 100 * rate, 1 << 40} {
		p := level(first+gap, 300)
		for i, v := range process(t, f, p) {
			if math.Abs(float64(v)) > 1e-6 {
				t.Fatalf("behind a gap of %d, sample %d of a constant is %g", gap, i, v)
			}
		}
		first = p.first + 300
	}
	if _, err := f.Process(nil, make([]float32, 3), first-1); err == nil {
		t.Error("a sample that was there already is taken")
	}
	if _, err := filter(t, document, rate, 2).Process(nil, make([]float32, 3), 0); err == nil {
		t.Error("half a sample is taken")
	}
}

// TestWhatCannotBeMetIsSaid: with the field, and what is possible.
func TestWhatCannotBeMetIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filters eeg.Filters
		rate    float64
		field   string
		says    []string
	}{
		{eeg.Filters{LowPass: 100}, 200, "lowpass", []string{"100 Hz", "1 to 98 Hz"}},
		{eeg.Filters{Notch: 60}, 100, "notch", []string{"60 Hz", "1 to 49 Hz"}},
		{eeg.Filters{HighPass: 0.001}, 250, "highpass", []string{"0.001", "0.1 to 122.5"}},
		{eeg.Filters{HighPass: -1}, 250, "highpass", []string{"-1"}},
		{eeg.Filters{LowPass: math.NaN()}, 250, "lowpass", []string{"NaN"}},
		{eeg.Filters{LowPass: math.Inf(1)}, 250, "lowpass", []string{"Inf"}},
		{eeg.Filters{HighPass: 40, LowPass: 30}, 250, "highpass", []string{"below the lowpass of 30 Hz"}},
		{eeg.Filters{HighPass: 30, LowPass: 30}, 250, "highpass", []string{"below the lowpass"}},
		{eeg.Filters{BandPass: []float64{1}}, 250, "bandpass", []string{"1 numbers"}},
		{eeg.Filters{BandPass: []float64{1, 2, 3}}, 250, "bandpass", []string{"3 numbers"}},
		{eeg.Filters{BandPass: []float64{13, 8}}, 250, "bandpass", []string{"13 to 8 Hz"}},
		{eeg.Filters{BandPass: []float64{0, 8}}, 250, "bandpass", []string{"0.1 Hz or more"}},
		{eeg.Filters{BandPass: []float64{1, 200}}, 250, "bandpass", []string{"1 to 122.5 Hz"}},
		{eeg.Filters{BandPass: []float64{1, 40}, LowPass: 40}, 250, "bandpass", []string{"beside"}},
		{eeg.Filters{LowPass: 1}, 2, "lowpass", []string{"none is possible"}},
	} {
		_, err := causal.New(c.filters, c.rate, 1)
		var fault *eeg.FilterFault
		if !errors.As(err, &fault) || fault.Field != c.field {
			t.Errorf("%+v at %g: %v", c.filters, c.rate, err)
			continue
		}
		for _, text := range c.says {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%+v at %g: %q does not say %q", c.filters, c.rate, err, text)
			}
		}
	}
	if n := len((eeg.Filters{Notch: 500, HighPass: -1, LowPass: 500}).Check(250)); n != 3 {
		t.Errorf("%d faults of 3", n)
	}
	for _, f := range []eeg.Filters{{}, document, {HighPass: eeg.MinHighPass}, {LowPass: 122.5}, {Notch: 122.5}, {HighPass: 122}, {BandPass: []float64{0.5, 40}}} {
		if _, err := causal.New(f, 250, 1); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if _, err := causal.New(document, 250, 0); err == nil {
		t.Error("a stream without channels")
	}
}

// TestStatesOfOthersAreRefused: of other filters, another rate, other channels, or damaged.
func TestStatesOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	f := filter(t, document, 250, 2)
	process(t, f, piece{5, []float32{1, 2, 3, 4}})
	state, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*causal.Filter{
		"notch": filter(t, eeg.Filters{Notch: 50, HighPass: 0.5, LowPass: 100}, 250, 2), "rate": filter(t, document, 500, 2), "channels": filter(t, document, 250, 4),
		"fewer": filter(t, eeg.Filters{Notch: 60}, 250, 2),
	} {
		if err := other.UnmarshalBinary(state); !errors.Is(err, causal.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	nan := bytes.Clone(state)
	for i := range 8 {
		nan[len(nan)-1-i] = 0xFF
	}
	for name, b := range map[string][]byte{"nothing": nil, "short": state[:len(state)-1], "long": append(bytes.Clone(state), 0), "NaN": nan} {
		if err := f.UnmarshalBinary(b); !errors.Is(err, causal.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again, err := f.MarshalBinary(); err != nil || !bytes.Equal(again, state) {
		t.Error("a state that was refused changed the filter")
	}
}

// FuzzState: whatever bytes are given for a state, they are taken whole or refused.
func FuzzState(f *testing.F) {
	one := filter(f, eeg.Filters{Notch: 50, LowPass: 40}, 250, 1)
	process(f, one, piece{3, []float32{1, 2, 3}})
	state, _ := one.MarshalBinary()
	f.Add(state)
	f.Add(state[:9])
	f.Fuzz(func(t *testing.T, b []byte) {
		g := filter(t, eeg.Filters{Notch: 50, LowPass: 40}, 250, 1)
		if g.UnmarshalBinary(b) != nil {
			return
		}
		if again, err := g.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			// The position of a filter that has not begun is -1, whatever its last sample.
			t.Errorf("%x became %x, %v", b, again, err)
		}
		if g.Next() < math.MaxInt64-2 {
			if _, err := g.Process(nil, []float32{1}, g.Next()); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestTheirJSON: both ways of saying a band, and nothing of what is not asked for.
func TestTheirJSON(t *testing.T) {
	t.Parallel()
	var f eeg.Filters
	if err := json.Unmarshal([]byte(`{"notch":50,"bandpass":[8,13]}`), &f); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(f.Edges())
	if err != nil || string(b) != `{"notch":50,"highpass":8,"lowpass":13}` {
		t.Errorf("%s, %v", b, err)
	}
}
