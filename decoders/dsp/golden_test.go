package dsp_test

import (
	"math"
	"testing"

	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/internal/testkit/golden"
)

type filterCase struct {
	Name       string
	Order      int
	Ripple     float64
	Lo, Hi     float64
	Causal     []float64 // every third sample
	Primed     []float64
	ZeroPhase  []float64 `json:"zero_phase"`
	X          []float64
	Length     int
	Taps       []float64
	NPerSeg    int `json:"nperseg"`
	NOverlap   int
	Trend      string
	Freqs, PSD []float64
}

type goldens struct {
	Rate     float64
	X        []float64
	Filters  []filterCase
	FIR      []filterCase
	Welch    []filterCase
	Resample []struct {
		Name     string
		Up, Down int
		Rate, To float64
		N        int
		Y        []float64
	}
	Decimate []struct {
		Q int
		Y []float64
	}
	Detrend struct{ Linear, Constant []float64 }
}

func load(t *testing.T) goldens {
	t.Helper()
	return golden.Read[goldens](t, "dsp")
}

// equal holds got to want within 1e-6 of each value; near zeros, within 1e-9 of the largest value.
func equal(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(want) == 0 || len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= 1e-6*math.Abs(w)+1e-9*largest) {
			t.Fatalf("%s: value %d is %.12g, want %.12g", what, i, got[i], w)
		}
	}
}

func every(x []float64, k int) []float64 {
	var y []float64
	for i := 0; i < len(x); i += k {
		y = append(y, x[i])
	}
	return y
}

func design(c filterCase, fs float64) (dsp.SOS, error) {
	switch {
	case c.Name == "notch":
		return dsp.Notch(c.Lo, c.Hi, fs)
	case c.Ripple > 0 && c.Lo > 0:
		return dsp.Cheby1BandPass(c.Order, c.Ripple, c.Lo, c.Hi, fs)
	case c.Ripple > 0:
		return dsp.Cheby1LowPass(c.Order, c.Ripple, c.Hi, fs)
	case c.Lo > 0 && c.Hi > 0:
		return dsp.ButterBandPass(c.Order, c.Lo, c.Hi, fs)
	case c.Hi > 0:
		return dsp.ButterLowPass(c.Order, c.Hi, fs)
	default:
		return dsp.ButterHighPass(c.Order, c.Lo, fs)
	}
}

func TestFiltersEqualScipy(t *testing.T) {
	t.Parallel()
	g := load(t)
	for _, c := range g.Filters {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if c.Name == "notch" {
				c.Hi = 30 // quality factor
			}
			s, err := design(c, g.Rate)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "sosfilt", every(s.NewState().Process(nil, g.X), 3), c.Causal)
			primed := s.NewState()
			primed.Prime(g.X[0])
			equal(t, "sosfilt with zi", every(primed.Process(nil, g.X), 3), c.Primed)
			equal(t, "sosfiltfilt", every(s.FiltFilt(nil, g.X), 3), c.ZeroPhase)
		})
	}
}

func TestFIREqualsMNE(t *testing.T) {
	t.Parallel()
	g := load(t)
	for _, c := range g.FIR {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			h, err := dsp.FIRBandPass(c.Lo, c.Hi, g.Rate)
			if err != nil {
				t.Fatal(err)
			}
			if len(h) != c.Length {
				t.Fatalf("length %d, want %d", len(h), c.Length)
			}
			equal(t, "taps", every(h[:len(h)/2+1], 5), c.Taps)
			equal(t, "raw.filter", every(h.Filter(nil, c.X), 4), c.ZeroPhase)
		})
	}
}

func TestWelchEqualsScipy(t *testing.T) {
	t.Parallel()
	g := load(t)
	trends := map[string]dsp.Trend{"linear": dsp.TrendLinear, "constant": dsp.TrendConstant, "none": dsp.TrendNone}
	for _, c := range g.Welch {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			w, err := dsp.NewWelchConfig(dsp.WelchConfig{Segment: c.NPerSeg, Overlap: c.NOverlap, Rate: g.Rate, Trend: trends[c.Trend]})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "frequencies", w.Freqs(), c.Freqs)
			equal(t, "density", w.PSD(nil, g.X), c.PSD)
		})
	}
}

func TestResampleEqualsScipy(t *testing.T) {
	t.Parallel()
	g := load(t)
	for _, c := range g.Resample {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			r, err := dsp.NewResampler(c.Rate, c.To)
			if err != nil {
				t.Fatal(err)
			}
			if up, down := r.Factors(); up != c.Up || down != c.Down {
				t.Fatalf("factors %d/%d, want %d/%d", up, down, c.Up, c.Down)
			}
			y := r.Resample(nil, g.X)
			if len(y) != c.N || r.Len(len(g.X)) != c.N {
				t.Fatalf("%d samples, Len says %d, want %d", len(y), r.Len(len(g.X)), c.N)
			}
			equal(t, "resample_poly", every(y, 3), c.Y)
		})
	}
	for _, c := range g.Decimate {
		equal(t, "decimate", dsp.Decimate(nil, g.X, c.Q), c.Y)
	}
}

func TestDetrendEqualsScipy(t *testing.T) {
	t.Parallel()
	g := load(t)
	equal(t, "linear", every(dsp.Detrend(nil, g.X), 7), g.Detrend.Linear)
	equal(t, "constant", every(dsp.Demean(nil, g.X), 7), g.Detrend.Constant)
}
