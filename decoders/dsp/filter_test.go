package dsp_test

import (
	"errors"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders/dsp"
)

func sine(n int, amplitude, f, fs float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = amplitude * math.Sin(2*math.Pi*f*float64(i)/fs)
	}
	return x
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestDesignsRefuseWhatCannotBeMet(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	sos := func(_ dsp.SOS, err error) error { return err }
	fir := func(_ dsp.FIR, err error) error { return err }
	welch := func(_ *dsp.Welch, err error) error { return err }
	res := func(_ *dsp.Resampler, err error) error { return err }
	dec := func(_ *dsp.Decimator, err error) error { return err }
	for name, err := range map[string]error{
		"order 0":                       sos(dsp.ButterBandPass(0, 8, 30, 250)),
		"order 25":                      sos(dsp.ButterLowPass(25, 30, 250)),
		"band beyond Nyquist":           sos(dsp.ButterBandPass(4, 8, 125, 250)),
		"band below zero":               sos(dsp.ButterBandPass(4, -1, 30, 250)),
		"band at zero":                  sos(dsp.ButterBandPass(4, 0, 30, 250)),
		"band upside down":              sos(dsp.ButterBandPass(4, 30, 8, 250)),
		"empty band":                    sos(dsp.ButterBandPass(4, 8, 8, 250)),
		"edge is NaN":                   sos(dsp.ButterBandPass(4, nan, 30, 250)),
		"rate is NaN":                   sos(dsp.ButterBandPass(4, 8, 30, nan)),
		"rate is infinite":              sos(dsp.ButterBandPass(4, 8, 30, inf)),
		"rate is zero":                  sos(dsp.ButterHighPass(4, 8, 0)),
		"cutoff at Nyquist":             sos(dsp.ButterLowPass(4, 125, 250)),
		"cutoff is infinite":            sos(dsp.ButterHighPass(4, inf, 250)),
		"ripple 0":                      sos(dsp.Cheby1BandPass(4, 0, 8, 30, 250)),
		"ripple is NaN":                 sos(dsp.Cheby1LowPass(4, nan, 30, 250)),
		"notch at Nyquist":              sos(dsp.Notch(125, 30, 250)),
		"notch quality 0":               sos(dsp.Notch(50, 0, 250)),
		"notch wider than the spectrum": sos(dsp.Notch(100, 0.5, 250)),
		"FIR beyond Nyquist":            fir(dsp.FIRBandPass(8, 130, 250)),
		"FIR too close to zero":         fir(dsp.FIRBandPass(1e-6, 30, 250)),
		"segment of 1":                  welch(dsp.NewWelch(1, 0, 250)),
		"overlap of a whole segment":    welch(dsp.NewWelch(256, 256, 250)),
		"negative overlap":              welch(dsp.NewWelch(256, -1, 250)),
		"spectrum at rate 0":            welch(dsp.NewWelch(256, 128, 0)),
		"transform below segment":       welch(dsp.NewWelchConfig(dsp.WelchConfig{Segment: 256, Rate: 250, NFFT: 128})),
		"unknown trend":                 welch(dsp.NewWelchConfig(dsp.WelchConfig{Segment: 256, Rate: 250, Trend: 7})),
		"resampling to 0 Hz":            res(dsp.NewResampler(250, 0)),
		"resampling from NaN":           res(dsp.NewResampler(nan, 250)),
		"resampling by 1/5000":          res(dsp.NewResampler(5000, 1)),
		"resampling by a million":       res(dsp.NewResampler(1, 1e6)),
		"resampling by 1e-300":          res(dsp.NewResampler(1e300, 1)),
		"decimation by 0":               dec(dsp.NewDecimator(0)),
	} {
		if !errors.Is(err, dsp.ErrParameter) {
			t.Errorf("%s: error %v, want one that wraps ErrParameter", name, err)
		}
	}
}

func TestButterworthIsThreeDecibelsDownAtItsEdges(t *testing.T) {
	t.Parallel()
	half := math.Sqrt(0.5)
	gain := func(s dsp.SOS, f float64) float64 { return cmplx.Abs(s.Response(f, 250)) }
	for order := 1; order <= 12; order++ {
		band := must[dsp.SOS](t)(dsp.ButterBandPass(order, 8, 30, 250))
		low := must[dsp.SOS](t)(dsp.ButterLowPass(order, 40, 250))
		high := must[dsp.SOS](t)(dsp.ButterHighPass(order, 1, 250))
		for _, c := range []struct {
			what      string
			got, want float64
		}{
			{"band pass at its lower edge", gain(band, 8), half},
			{"band pass at its upper edge", gain(band, 30), half},
			{"band pass at 0 Hz", gain(band, 0), 0},
			{"low pass at its cutoff", gain(low, 40), half},
			{"low pass at 0 Hz", gain(low, 0), 1},
			{"high pass at its cutoff", gain(high, 1), half},
			{"high pass at Nyquist", gain(high, 125), 1},
		} {
			if math.Abs(c.got-c.want) > 1e-6 {
				t.Errorf("order %d: gain of the %s is %v, want %v", order, c.what, c.got, c.want)
			}
		}
	}
}

func TestChebyshevRippleStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	for order := 2; order <= 8; order++ {
		s := must[dsp.SOS](t)(dsp.Cheby1BandPass(order, 0.5, 8, 70, 250))
		floor := math.Pow(10, -0.5/20)
		for f := 8.0; f <= 70; f += 0.25 {
			if g := cmplx.Abs(s.Response(f, 250)); g > 1+1e-9 || g < floor-1e-9 {
				t.Fatalf("order %d: gain %v at %v Hz is not between %v and 1", order, g, f, floor)
			}
		}
	}
}

func TestNotchTakesOutTheLineAlone(t *testing.T) {
	t.Parallel()
	s := must[dsp.SOS](t)(dsp.Notch(50, 30, 250))
	for f, want := range map[float64]float64{0: 1, 10: 1, 50: 0, 50 - 50.0/60: math.Sqrt(0.5), 125: 1} {
		if g := cmplx.Abs(s.Response(f, 250)); math.Abs(g-want) > 0.01 {
			t.Errorf("gain at %v Hz is %v, want %v", f, g, want)
		}
	}
}

func TestCausalFilterDoesNotDependOnChunks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.IntRange(1, 8).Draw(t, "order")
		lo := rapid.Float64Range(0.5, 40).Draw(t, "lo")
		s, err := dsp.ButterBandPass(order, lo, lo+20, 250)
		if err != nil {
			t.Fatal(err)
		}
		x := rapid.SliceOfN(rapid.Float64Range(-500, 500), 1, 300).Draw(t, "x")
		whole, parts := s.NewState(), s.NewState()
		if rapid.Bool().Draw(t, "primed") {
			whole.Prime(x[0])
			parts.Prime(x[0])
		}
		want := whole.Process(nil, x)
		var got []float64
		for rest := x; len(rest) > 0; {
			k := rapid.IntRange(0, len(rest)).Draw(t, "chunk")
			got = append(got, parts.Process(nil, rest[:k])...)
			rest = rest[k:]
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("sample %d is %v in chunks, %v in one piece", i, got[i], want[i])
			}
		}
	})
}

func TestProcessInPlace(t *testing.T) {
	t.Parallel()
	s := must[dsp.SOS](t)(dsp.ButterBandPass(3, 8, 30, 250))
	x := noise(1, 500, 3).RawRowView(0)
	want := s.NewState().Process(nil, x)
	zero := s.FiltFilt(nil, x)
	same := append([]float64(nil), x...)
	equal(t, "in place", s.NewState().Process(same, same), want)
	copy(same, x)
	equal(t, "zero phase in place", s.FiltFilt(same, same), zero)
}

func TestResetPutsTheFilterAtRest(t *testing.T) {
	t.Parallel()
	s := must[dsp.SOS](t)(dsp.ButterBandPass(3, 8, 30, 250))
	x := noise(1, 200, 4).RawRowView(0)
	f := s.NewState()
	want := f.Process(nil, x)
	f.Reset()
	equal(t, "after reset", f.Process(nil, x), want)
}

func TestPrimedFilterStartsWithoutStep(t *testing.T) {
	t.Parallel()
	level := make([]float64, 300)
	for i := range level {
		level[i] = 800 // µV, where a Muse sits
	}
	high := must[dsp.SOS](t)(dsp.ButterHighPass(4, 1, 256)).NewState()
	high.Prime(level[0])
	low := must[dsp.SOS](t)(dsp.ButterLowPass(4, 40, 256)).NewState()
	low.Prime(level[0])
	h, l := high.Process(nil, level), low.Process(nil, level)
	for i := range level {
		if math.Abs(h[i]) > 1e-6 || math.Abs(l[i]-800) > 1e-6 {
			t.Fatalf("sample %d: high pass %v, low pass %v, want 0 and 800", i, h[i], l[i])
		}
	}
}

func TestZeroPhaseKeepsThePhaseOfASine(t *testing.T) {
	t.Parallel()
	const fs = 250
	x := sine(2000, 10, 15, fs)
	s := must[dsp.SOS](t)(dsp.ButterBandPass(4, 8, 30, fs))
	g := math.Pow(cmplx.Abs(s.Response(15, fs)), 2)
	y := s.FiltFilt(nil, x)
	z := must[dsp.FIR](t)(dsp.FIRBandPass(8, 30, fs)).Filter(nil, x)
	for i := 500; i < 1500; i++ {
		if math.Abs(y[i]-g*x[i]) > 1e-3 {
			t.Fatalf("IIR: sample %d is %v, want %v", i, y[i], g*x[i])
		}
		if math.Abs(z[i]-x[i]) > 0.05 { // Hamming ripple 0.0194 dB, 0.2 % of 10 µV
			t.Fatalf("FIR: sample %d is %v, want %v", i, z[i], x[i])
		}
	}
}

func TestFiltersCommuteWithSpatialFilters(t *testing.T) {
	t.Parallel()
	x := noise(8, 400, 5)
	w := noise(2, 8, 6)
	s := must[dsp.SOS](t)(dsp.ButterBandPass(4, 8, 30, 250))
	h := must[dsp.FIR](t)(dsp.FIRBandPass(8, 30, 250))
	for name, filter := range map[string]func(*mat.Dense){
		"sections": func(x *mat.Dense) { dsp.FilterRows(s, x) },
		"FIR":      h.FilterRows,
	} {
		var first, last mat.Dense
		first.Mul(w, x)
		filter(&first)
		rows := mat.DenseCopyOf(x)
		filter(rows)
		last.Mul(w, rows)
		if !mat.EqualApprox(&first, &last, 1e-9) {
			t.Errorf("%s: projecting before and after filtering differ", name)
		}
	}
}

func TestShortSignalsStayFinite(t *testing.T) {
	t.Parallel()
	s := must[dsp.SOS](t)(dsp.ButterBandPass(4, 8, 30, 250))
	h := must[dsp.FIR](t)(dsp.FIRBandPass(8, 30, 250))
	w := must[*dsp.Welch](t)(dsp.NewWelch(256, 128, 250))
	r := must[*dsp.Resampler](t)(dsp.NewResampler(250, 160))
	for n := range 40 {
		x := sine(n, 10, 11, 250)
		outs := map[string][]float64{
			"zero phase": s.FiltFilt(nil, x),
			"causal":     s.NewState().Process(nil, x),
			"FIR":        h.Filter(nil, x),
			"detrend":    dsp.Detrend(nil, x),
			"resample":   r.Resample(nil, x),
			"decimate":   dsp.Decimate(nil, x, 4),
		}
		if n >= 2 {
			outs["spectrum"] = w.PSD(nil, x)
		}
		for name, y := range outs {
			for i, v := range y {
				if math.IsNaN(v) || math.Abs(v) > 1e3 {
					t.Fatalf("%s of %d samples: value %d is %v", name, n, i, v)
				}
			}
		}
	}
}

func TestFirstNonFiniteFindsTheFirst(t *testing.T) {
	t.Parallel()
	x := noise(3, 10, 7)
	if c, s, found := dsp.FirstNonFinite(x); found {
		t.Fatalf("found %d,%d in a clean signal", c, s)
	}
	x.Set(2, 1, math.NaN())
	x.Set(1, 7, math.Inf(-1))
	if c, s, found := dsp.FirstNonFinite(x); !found || c != 1 || s != 7 {
		t.Fatalf("got %d,%d,%v, want 1,7,true", c, s, found)
	}
	// A view skips the columns outside it.
	view := x.Slice(0, 3, 2, 7).(*mat.Dense)
	if c, s, found := dsp.FirstNonFinite(view); found {
		t.Fatalf("found %d,%d outside the view", c, s)
	}
}

// Not parallel: AllocsPerRun counts the allocations of the whole process.
func TestWarmFiltersDoNotAllocate(t *testing.T) {
	x := noise(4, 640, 8)
	row, dst := x.RawRowView(0), make([]float64, 640)
	s := must[dsp.SOS](t)(dsp.ButterBandPass(4, 8, 30, 160))
	zero, causal := dsp.NewZeroPhase(s), s.NewState()
	fir := dsp.NewFIRFilter(must[dsp.FIR](t)(dsp.FIRBandPass(8, 30, 160)))
	w := must[*dsp.Welch](t)(dsp.NewWelch(160, 80, 160))
	psd := make([]float64, w.Bins())
	r := must[*dsp.Resampler](t)(dsp.NewResampler(160, 100))
	short := make([]float64, r.Len(len(row)))
	d := must[*dsp.Decimator](t)(dsp.NewDecimator(5))
	fifth := make([]float64, d.Len(len(row)))
	for name, f := range map[string]func(){
		"ZeroPhase.Filter":   func() { zero.Filter(dst, row) },
		"ZeroPhase.Rows":     func() { zero.Rows(x, x) },
		"SOSState.Process":   func() { causal.Process(dst, row) },
		"FIRFilter.Filter":   func() { fir.Filter(dst, row) },
		"Welch.PSD":          func() { w.PSD(psd, row) },
		"Welch.PSD, short":   func() { w.PSD(psd, row[:100]) },
		"Resampler.Resample": func() { r.Resample(short, row) },
		"Decimator.Decimate": func() { d.Decimate(fifth, row) },
		"Detrend and Demean": func() { dsp.Demean(dst, dsp.Detrend(dst, row)) },
		"dsp.FirstNonFinite": func() { dsp.FirstNonFinite(x) },
		"dsp.BandPower":      func() { dsp.BandPower(w.Freqs(), psd, 8, 13) },
		"SOSState.Prime":     func() { causal.Prime(3) },
	} {
		if n := testing.AllocsPerRun(20, f); n != 0 {
			t.Errorf("%s: %v allocations a call", name, n)
		}
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	t.Parallel()
	s := must[dsp.SOS](t)(dsp.ButterBandPass(4, 8, 30, 250))
	w := must[*dsp.Welch](t)(dsp.NewWelch(100, 50, 250))
	x := make([]float64, 200)
	for name, f := range map[string]func(){
		"zero phase":   func() { s.FiltFilt(make([]float64, 100), x) },
		"causal":       func() { s.NewState().Process(make([]float64, 300), x) },
		"rows":         func() { dsp.NewZeroPhase(s).Rows(mat.NewDense(2, 200, nil), mat.NewDense(3, 200, nil)) },
		"spectrum":     func() { w.PSD(make([]float64, 3), x) },
		"one sample":   func() { w.PSD(nil, x[:1]) },
		"band power":   func() { dsp.BandPower(w.Freqs(), x, 8, 13) },
		"even FIR":     func() { dsp.NewFIRFilter(dsp.FIR{1, 1}) },
		"decimate":     func() { dsp.Decimate(make([]float64, 7), x, 2) },
		"decimate by0": func() { dsp.Decimate(nil, x, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestRowsEqualFilter: rows that are filtered side by side come out as each of them does alone, whatever their number and
// length, in place too.
func TestRowsEqualFilter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows, n := rapid.IntRange(1, 11).Draw(t, "rows"), rapid.IntRange(1, 300).Draw(t, "samples")
		s, err := dsp.ButterBandPass(rapid.IntRange(1, 7).Draw(t, "order"), 8, 30, 250)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		x := mat.NewDense(rows, n, nil)
		x.Apply(func(i, _ int, _ float64) float64 { return math.Pow(10, float64(i)) * rng.NormFloat64() }, x)
		f := dsp.NewZeroPhase(s)
		want, got := mat.NewDense(rows, n, nil), mat.NewDense(rows, n, nil)
		for i := range rows {
			f.Filter(want.RawRowView(i), x.RawRowView(i))
		}
		f.Rows(got, x)
		in := mat.DenseCopyOf(x)
		f.Rows(in, in)
		for i := range rows {
			// To the last bit where the compiler does not fuse products and sums.
			size := 1e-13 * floats.Norm(want.RawRowView(i), math.Inf(1))
			if !floats.EqualApprox(got.RawRowView(i), want.RawRowView(i), size) {
				t.Fatalf("row %d of %d: %v, alone %v", i, rows, got.RawRowView(i), want.RawRowView(i))
			}
			if !floats.Equal(in.RawRowView(i), got.RawRowView(i)) {
				t.Fatalf("row %d of %d differs in place", i, rows)
			}
		}
	})
}
