package seizure

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestRhythmAtHighRates compares the rhythm through the spectrum with that of the products themselves, and with what the same curve
// has at a low rate.
func TestRhythmAtHighRates(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{2500, 4096, 20000} {
		m, err := newMeasurer(rate)
		if err != nil {
			t.Fatal(err)
		}
		if m.lags == nil {
			t.Fatalf("%g Hz: by products", rate)
		}
		r := rand.New(rand.NewPCG(5, uint64(rate)))
		x := make([]float64, m.n)
		for i := range x {
			x[i] = 80*math.Sin(2*math.Pi*3.5*float64(i)/rate) + 10*r.NormFloat64()
		}
		begun := time.Now()
		peak, frequency := m.rhythm(x)
		spectrum := time.Since(begun)
		m.lags = nil
		begun = time.Now()
		wantPeak, wantFrequency := m.rhythm(x)
		t.Logf("%g Hz: %v, by products %v", rate, spectrum, time.Since(begun))
		if math.Abs(peak-wantPeak) > 1e-10 || frequency != wantFrequency || math.Abs(frequency-3.5) > 0.1 {
			t.Errorf("%g Hz: %g at %g Hz, want %g at %g Hz", rate, peak, frequency, wantPeak, wantFrequency)
		}
	}
}
