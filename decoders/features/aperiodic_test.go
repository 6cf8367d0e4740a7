package features

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/golden"
)

// specparamFit is what specparam makes of a spectrum (tools/golden/aperiodic.py).
type specparamFit struct {
	Offset, Exponent float64
	Peaks            [][3]float64
	AlphaPeak        *struct {
		Frequency float64 `json:"frequency_hz"`
		Power     float64
		Width     float64 `json:"width_hz"`
	} `json:"alpha_peak"`
}

type aperiodicGolden struct {
	Spectra []struct {
		Freqs []float64
		Log10 []float64
		Least float64
		Fit   specparamFit
	}
	Windows []struct {
		Rate     float64
		Data     [][]float64
		Density  [][]float64
		Relative [][]float64
		Fits     []specparamFit
		Mean     specparamFit
	}
	Long struct {
		Rate float64
		Data [][]float64
		Yasa [][]float64
	}
}

// TestSpecparam holds the 1/f part and the peaks of spectra to specparam's. Both look for a least square that need not be the only one: in
// a spectrum of mostly noise they may come to different ones, so some may differ, and few do.
func TestSpecparam(t *testing.T) {
	t.Parallel()
	g := golden.Read[aperiodicGolden](t, "aperiodic")
	p := newParametrizer(g.Spectra[0].Freqs)
	apart := 0
	for i, s := range g.Spectra {
		got, ok := p.of(s.Log10, s.Least)
		if !ok {
			t.Fatalf("spectrum %d cannot be taken apart", i)
		}
		if fault := got.apartFrom(s.Fit); fault != "" {
			t.Logf("spectrum %d: %s", i, fault)
			apart++
		}
	}
	t.Logf("%d of %d spectra differ", apart, len(g.Spectra))
	if apart*10 > len(g.Spectra) {
		t.Errorf("%d of %d spectra differ from specparam's", apart, len(g.Spectra))
	}
}

// apartFrom says how a fit differs from specparam's.
func (p parameters) apartFrom(want specparamFit) string {
	switch {
	case math.Abs(p.exponent-want.Exponent) > 1e-3 || math.Abs(p.offset-want.Offset) > 1e-3:
		return fmt.Sprintf("%.4f - %.4f·log f, want %.4f - %.4f", p.offset, p.exponent, want.Offset, want.Exponent)
	case len(p.peaks) != len(want.Peaks):
		return fmt.Sprintf("peaks %v, want %v", p.peaks, want.Peaks)
	}
	for i, g := range p.peaks {
		w := want.Peaks[i]
		if math.Abs(g.center-w[0]) > 0.02 || math.Abs(g.height-w[1]) > 0.01 || math.Abs(g.sd-w[2]) > 0.02 {
			return fmt.Sprintf("peak %v, want %v", g, w)
		}
	}
	return ""
}

// TestTapersAndShares holds the spectra to scipy's, what is made of them to specparam's, and shares to scipy's.
func TestTapersAndShares(t *testing.T) {
	t.Parallel()
	for _, w := range golden.Read[aperiodicGolden](t, "aperiodic").Windows {
		x := mat.NewDense(len(w.Data), len(w.Data[0]), slices.Concat(w.Data...))
		e, err := New(Config{Rate: w.Rate, Channels: []string{"a", "b", "c"}, Features: eeg.Features})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range w.Density {
			dsp.Detrend(e.flat, x.RawRowView(i))
			e.asked.tapers.psd(e.asked.density, e.flat)
			for k, v := range want {
				if got := e.asked.density[k]; !(math.Abs(got-v) <= 1e-8*v) {
					t.Fatalf("%g Hz, bin %d: %g µV²/Hz, want %g", w.Rate, k, got, v)
				}
			}
		}
		var got Window
		if err := e.Compute(&got, x); err != nil {
			t.Fatal(err)
		}
		for i, of := range got.Features.PerChannel.Values {
			for b, share := range values(*of.RelativePower) {
				if want := w.Relative[i][b]; !(math.Abs(float64(share)-want) <= 1e-8*want) {
					t.Errorf("%g Hz, channel %d: share %d is %g, want %g", w.Rate, i, b, share, want)
				}
			}
			w.Fits[i].holds(t, fmt.Sprintf("%g Hz, channel %d", w.Rate, i), *of.Aperiodic, *of.AlphaPeak)
		}
		w.Mean.holds(t, fmt.Sprintf("%g Hz, all channels", w.Rate), *got.Features.Aperiodic, *got.Features.AlphaPeak)
	}
}

// TestSharesOfYASA holds shares near those of YASA, which integrates by Simpson's rule.
func TestSharesOfYASA(t *testing.T) {
	t.Parallel()
	g := golden.Read[aperiodicGolden](t, "aperiodic").Long
	e, err := New(Config{Rate: g.Rate, Channels: []string{"a", "b"}, Seconds: 20, Features: []eeg.Feature{eeg.FeatureRelativePower}})
	if err != nil {
		t.Fatal(err)
	}
	var w Window
	if err := e.Compute(&w, mat.NewDense(len(g.Data), len(g.Data[0]), slices.Concat(g.Data...))); err != nil {
		t.Fatal(err)
	}
	for i, of := range w.Features.PerChannel.Values {
		for b, share := range values(*of.RelativePower) {
			if want := g.Yasa[i][b]; math.Abs(float64(share)-want) > 0.02 {
				t.Errorf("channel %d: share %d is %.3f, of YASA %.3f", i, b, float64(share), want)
			}
		}
	}
}

// holds compares what a window says with specparam's fit.
func (want specparamFit) holds(t *testing.T, what string, a eeg.Aperiodic, p eeg.AlphaPeak) {
	t.Helper()
	if math.Abs(float64(a.Exponent)-want.Exponent) > 2e-3 || math.Abs(float64(a.Offset)-want.Offset) > 2e-3 {
		t.Errorf("%s: %v - %v·log f, want %.4f - %.4f", what, a.Offset, a.Exponent, want.Offset, want.Exponent)
	}
	switch w := want.AlphaPeak; {
	case w == nil:
		if p.Found {
			t.Errorf("%s: peak %+v, specparam has none", what, p)
		}
	case !p.Found || math.Abs(p.Frequency-w.Frequency) > 0.05 || math.Abs(p.Power-w.Power) > 0.02 || math.Abs(p.Width-w.Width) > 0.06:
		t.Errorf("%s: peak %+v, want %+v", what, p, *w)
	}
}
