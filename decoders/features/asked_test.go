package features_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/eeg"
)

// rhythm makes channels of noise whose spectrum falls as f^-exponent, with a rhythm on all but the first.
func rhythm(rate float64, channels int, seconds, exponent, hz, uv float64, seed uint64) decoders.Signal {
	n := int(seconds * rate)
	r := rand.New(rand.NewPCG(seed, 77))
	x := mat.NewDense(channels, n, nil)
	names := make([]string, channels)
	for c := range channels {
		names[c] = "C" + string(rune('A'+c%26)) + strings.Repeat("x", c/26)
		row := x.RawRowView(c)
		for k := 1; k <= n/2; k++ {
			f := float64(k) * rate / float64(n)
			a, phase := 6*math.Pow(f, -exponent/2), 2*math.Pi*r.Float64()
			if c > 0 { // a rhythm that is a hertz wide
				a += uv * math.Exp(-(f-hz)*(f-hz)/2)
			}
			a /= math.Sqrt(float64(n) / rate)
			if f < 0.3 || f > 60 {
				continue
			}
			re, im := a*math.Cos(phase), a*math.Sin(phase)
			// One rotation a sample instead of a cosine.
			cr, ci := math.Cos(2*math.Pi*f/rate), math.Sin(2*math.Pi*f/rate)
			for i := range row {
				row[i] += re
				re, im = re*cr-im*ci, re*ci+im*cr
			}
		}
	}
	return decoders.Signal{Data: x, Channels: names, Rate: rate}
}

// TestFeaturesThatAreAskedFor holds windows and clips to the exponents and peaks that were put into them.
func TestFeaturesThatAreAskedFor(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{100, 173.61, 250} {
		for _, exponent := range []float64{0.6, 1.2, 2} {
			sig := rhythm(rate, 3, 20, exponent, 10.2, 12, uint64(rate))
			got, err := features.Describe(sig, eeg.Features)
			if err != nil {
				t.Fatal(err)
			}
			if got.Windows < 10 || got.Windows > 11 {
				t.Errorf("%g Hz: the mean of %d windows", rate, got.Windows)
			}
			for _, of := range got.PerChannel.Values {
				if e := float64(of.Aperiodic.Exponent); math.Abs(e-exponent) > 0.15 {
					t.Errorf("%g Hz: exponent %.3f, made with %g", rate, e, exponent)
				}
			}
			if p := got.PerChannel.Values[0].AlphaPeak; p.Found {
				t.Errorf("%g Hz, exponent %g: a peak %+v where there is none", rate, exponent, *p)
			}
			for _, of := range got.PerChannel.Values[1:] {
				if p := of.AlphaPeak; !p.Found || math.Abs(p.Frequency-10.2) > 1 || p.Power < 0.3 {
					t.Errorf("%g Hz, exponent %g: peak %+v, made at 10.2 Hz", rate, exponent, *p)
				}
			}
			sum := 0.0
			r := got.PerChannel.Values[1].RelativePower
			for _, v := range []features.Number{r.Delta, r.Theta, r.Alpha, r.Beta, r.Gamma} {
				if v.Known() {
					sum += float64(v)
				}
			}
			if math.Abs(sum-1) > 1e-12 || r.Alpha < 0.3 {
				t.Errorf("%g Hz: shares %+v", rate, *r)
			}
		}
	}
}

// TestNothingIsAskedFor: windows are the same to the byte whether or not an extractor knows of the features, and what was not asked for
// is not there.
func TestNothingIsAskedFor(t *testing.T) {
	t.Parallel()
	sig := rhythm(250, 4, 2, 1, 10, 10, 3)
	window := func(asked []eeg.Feature) []byte {
		e, err := features.New(features.Config{Rate: 250, Channels: sig.Channels, Features: asked})
		if err != nil {
			t.Fatal(err)
		}
		var w features.Window
		if err := e.Compute(&w, sig.Data); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(&w)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var plain, all map[string]json.RawMessage
	for asked, to := range map[int]*map[string]json.RawMessage{0: &plain, len(eeg.Features): &all} {
		if err := json.Unmarshal(window(eeg.Features[:asked]), to); err != nil {
			t.Fatal(err)
		}
	}
	for name, v := range plain {
		if name != "features" && string(v) != string(all[name]) {
			t.Errorf("%s is %s with features and %s without", name, all[name], v)
		}
	}
	if got := string(plain["features"]); strings.Contains(got, "per_channel") || strings.Contains(got, "aperiodic") {
		t.Errorf("nothing was asked for, and there is %s", got)
	}
	for _, f := range eeg.Features {
		b := string(window([]eeg.Feature{f}))
		for name, of := range map[string]eeg.Feature{`"relative_power"`: eeg.FeatureRelativePower, `"aperiodic"`: eeg.FeatureAperiodic, `"alpha_peak"`: eeg.FeatureAlphaPeak} {
			if strings.Contains(b, name) != (of == f) {
				t.Errorf("%s was asked for: %s", f, b)
			}
		}
		if !strings.Contains(b, `"per_channel":{"CA":{`) {
			t.Errorf("%s: nothing of the channels in %s", f, b)
		}
	}
	if _, err := features.New(features.Config{Rate: 250, Channels: sig.Channels, Features: []eeg.Feature{"slope"}}); err == nil {
		t.Error("a feature that there is not was taken")
	}
}

// TestFeaturesOfWhatHasNone: flat channels, low rates and short windows have null and no panic.
func TestFeaturesOfWhatHasNone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		rate    float64
		seconds float64
		flat    bool
	}{
		{"flat", 250, 2, true}, {"44 Hz", 44, 2, false}, {"8 Hz", 8, 2, false}, {"a tenth of a second", 250, 0.1, false},
	} {
		sig := rhythm(tt.rate, 2, 2, 1, 10, 10, 1)
		if tt.flat {
			sig.Data.Zero()
		}
		e, err := features.New(features.Config{Rate: tt.rate, Channels: sig.Channels, Seconds: tt.seconds, Features: eeg.Features})
		if err != nil {
			t.Fatal(err)
		}
		var w features.Window
		if err := e.Compute(&w, sig.Data.Slice(0, 2, 0, e.Samples()).(*mat.Dense)); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(&w.Features)
		if err != nil {
			t.Fatal(err)
		}
		if w.Features.Aperiodic.Exponent.Known() || w.Features.AlphaPeak.Found || !strings.Contains(string(b), `"aperiodic":{"exponent":null,"offset":null},"alpha_peak":null`) {
			t.Errorf("%s: %s", tt.name, b)
		}
	}
}

// TestWindowsKeepTheirFeatures: a window that was computed stays as it is while its extractor computes the next into another.
//
//nolint:paralleltest // allocations are counted
func TestWindowsKeepTheirFeatures(t *testing.T) {
	a, b := rhythm(250, 3, 2, 0.7, 9, 15, 1), rhythm(250, 3, 2, 1.7, 11, 15, 2)
	e, err := features.New(features.Config{Rate: 250, Channels: a.Channels, Features: eeg.Features})
	if err != nil {
		t.Fatal(err)
	}
	var first, second features.Window
	if err := e.Compute(&first, a.Data); err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(&first)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Compute(&second, b.Data); err != nil {
		t.Fatal(err)
	}
	after, err := json.Marshal(&first)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, after) {
		t.Errorf("the first window became %s", after)
	}
	if n := testing.AllocsPerRun(20, func() {
		if err := e.Compute(&first, a.Data); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%g allocations a window", n)
	}
}

// FuzzFeatures: no samples make features that are not finite, or a panic.
func FuzzFeatures(f *testing.F) {
	f.Add(uint64(1), 250.0, 1.0, 10.0)
	f.Add(uint64(2), 100.0, 0.0, 1e5)
	f.Add(uint64(3), 173.61, -3.0, 1e-6)
	f.Fuzz(func(t *testing.T, seed uint64, rate, slope, scale float64) {
		if !(rate >= 20 && rate <= 600) || !(math.Abs(scale) < 1e6) || !(math.Abs(slope) < 6) {
			t.Skip()
		}
		r := rand.New(rand.NewPCG(seed, 1))
		n := int(math.Round(2 * rate))
		x := mat.NewDense(2, n, nil)
		walk := 0.0
		for i := range n {
			walk += r.NormFloat64()
			x.Set(0, i, max(-1e7, min(1e7, scale*(walk+slope*float64(i)))))
			x.Set(1, i, max(-1e7, min(1e7, scale*math.Round(r.NormFloat64()))))
		}
		e, err := features.New(features.Config{Rate: rate, Channels: []string{"Cz", "Pz"}, Features: eeg.Features})
		if err != nil {
			t.Fatal(err)
		}
		var w features.Window
		if err := e.Compute(&w, x); err != nil {
			t.Fatal(err)
		}
		for _, of := range w.Features.PerChannel.Values {
			for _, v := range []float64{float64(of.Aperiodic.Exponent), float64(of.Aperiodic.Offset), of.AlphaPeak.Frequency, of.AlphaPeak.Power, of.AlphaPeak.Width} {
				if math.IsInf(v, 0) {
					t.Fatalf("%+v %+v", *of.Aperiodic, *of.AlphaPeak)
				}
			}
			if p := of.AlphaPeak; p.Found && (p.Frequency < 7 || p.Frequency > 13 || p.Width <= 0) {
				t.Fatalf("peak %+v", *p)
			}
		}
	})
}

func BenchmarkWindowWithFeatures(b *testing.B) {
	for _, asked := range [][]eeg.Feature{nil, {eeg.FeatureRelativePower}, eeg.Features} {
		sig := rhythm(250, 64, 2, 1.2, 10, 12, 4)
		e, err := features.New(features.Config{Rate: 250, Channels: sig.Channels, Features: asked})
		if err != nil {
			b.Fatal(err)
		}
		var w features.Window
		b.Run(strings.Join(append([]string{"64"}, eeg.Names(asked)...), "+"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Compute(&w, sig.Data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
