package dsp_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders/dsp"
)

func TestSinePowerIsHalfItsSquaredAmplitude(t *testing.T) {
	t.Parallel()
	const fs = 250
	for _, trend := range []dsp.Trend{dsp.TrendLinear, dsp.TrendConstant, dsp.TrendNone} {
		w := must[*dsp.Welch](t)(dsp.NewWelchConfig(dsp.WelchConfig{Segment: 500, Overlap: 250, Rate: fs, Trend: trend}))
		for _, f := range []float64{6, 10, 20.5, 40} {
			psd := w.PSD(nil, sine(2000, 12, f, fs))
			got := dsp.BandPower(w.Freqs(), psd, f-2, f+2)
			if want := 12.0 * 12 / 2; math.Abs(got-want) > 0.02*want {
				t.Errorf("trend %d: power of 12 µV at %v Hz is %v µV², want %v", trend, f, got, want)
			}
		}
	}
}

func TestWhiteNoiseSharesItsVarianceByBandwidth(t *testing.T) {
	t.Parallel()
	const fs, variance, seed = 256, 100.0, 7
	x := noise(1, 400_000, seed).RawRowView(0) // 10 µV
	// Detrending takes power from the first bins: segments of 4 s keep that below the delta band.
	w := must[*dsp.Welch](t)(dsp.NewWelch(1024, 512, fs))
	psd := w.PSD(nil, x)
	for _, b := range [][2]float64{{1, 4}, {4, 8}, {8, 13}, {13, 30}, {30, 45}, {1, 128}} {
		got := dsp.BandPower(w.Freqs(), psd, b[0], b[1])
		want := variance * (b[1] - b[0]) / (fs / 2)
		// 780 half-overlapped segments average out to about 4 % a bin, and each band has 12 bins or more.
		if math.Abs(got-want) > 0.05*want {
			t.Errorf("seed %d: power of %v-%v Hz is %v µV², want %v", seed, b[0], b[1], got, want)
		}
	}
}

func TestBandsAddUp(t *testing.T) {
	t.Parallel()
	w := must[*dsp.Welch](t)(dsp.NewWelch(200, 100, 250))
	psd := w.PSD(nil, noise(1, 1000, 9).RawRowView(0))
	parts := dsp.BandPower(w.Freqs(), psd, 4, 8) + dsp.BandPower(w.Freqs(), psd, 8, 13)
	if whole := dsp.BandPower(w.Freqs(), psd, 4, 13); math.Abs(parts-whole) > 1e-12*whole {
		t.Errorf("4-8 and 8-13 Hz hold %v µV², 4-13 Hz %v", parts, whole)
	}
}

func TestOffsetAndDriftAreNoPower(t *testing.T) {
	t.Parallel()
	x := make([]float64, 1000)
	for i := range x {
		x[i] = 800 + 0.3*float64(i)
	}
	w := must[*dsp.Welch](t)(dsp.NewWelch(250, 125, 250))
	for i, v := range w.PSD(nil, x) {
		if math.Abs(v) > 1e-15 {
			t.Fatalf("bin %d of a straight line holds %v µV²/Hz", i, v)
		}
	}
}

func TestShortSignalHasTheDensityOfItsOwnSegment(t *testing.T) {
	t.Parallel()
	const fs = 250
	x := sine(400, 10, 20, fs)
	w := must[*dsp.Welch](t)(dsp.NewWelch(500, 250, fs))
	got := dsp.BandPower(w.Freqs(), w.PSD(nil, x), 16, 24)
	if math.Abs(got-50) > 1 {
		t.Errorf("power is %v µV², want 50", got)
	}
}

func TestTransformCanBeLongerThanTheSegment(t *testing.T) {
	t.Parallel()
	const fs = 250
	w := must[*dsp.Welch](t)(dsp.NewWelchConfig(dsp.WelchConfig{Segment: 250, Overlap: 125, Rate: fs, NFFT: 1024}))
	if w.Bins() != 513 || w.Freqs()[512] != 125 {
		t.Fatalf("%d bins up to %v Hz, want 513 up to 125", w.Bins(), w.Freqs()[len(w.Freqs())-1])
	}
	got := dsp.BandPower(w.Freqs(), w.PSD(nil, sine(1000, 10, 20, fs)), 15, 25)
	if math.Abs(got-50) > 1 {
		t.Errorf("power is %v µV², want 50", got)
	}
}

func TestDetrendLeavesNoLine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 200).Draw(t, "n")
		a, b := rapid.Float64Range(-1e3, 1e3).Draw(t, "offset"), rapid.Float64Range(-10, 10).Draw(t, "slope")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		x, line := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
			line[i] = x[i] + a + b*float64(i)
		}
		got, want := dsp.Detrend(line, line), dsp.Detrend(nil, x)
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-8 {
				t.Fatalf("sample %d is %v with a line added, %v without", i, got[i], want[i])
			}
		}
	})
}

func TestResamplingKeepsASine(t *testing.T) {
	t.Parallel()
	for _, rates := range [][2]float64{{250, 160}, {160, 250}, {512, 128}, {128, 256}, {220, 250}, {256, 256}, {500, 160}} {
		from, to := rates[0], rates[1]
		n := int(4 * from)
		x := sine(n, 10, 10, from)
		for i := range x {
			x[i] += 800
		}
		y := must[[]float64](t)(dsp.Resample(x, from, to))
		if want := int(math.Ceil(float64(n) * to / from)); len(y) != want {
			t.Errorf("%v to %v Hz: %d samples, want %d", from, to, len(y), want)
		}
		for i := int(to); i < int(3*to); i++ {
			want := 800 + 10*math.Sin(2*math.Pi*10*float64(i)/to)
			if math.Abs(y[i]-want) > 0.05 {
				t.Fatalf("%v to %v Hz: sample %d is %v, want %v", from, to, i, y[i], want)
			}
		}
	}
}

// TestRowsAreResampledAsEach: rows that are resampled side by side come out as each does alone, whatever their number and length.
func TestRowsAreResampledAsEach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rates := rapid.SampledFrom([][2]float64{{250, 160}, {160, 250}, {512, 128}, {128, 256}, {220, 250}, {256, 256}}).Draw(t, "rates")
		r, err := dsp.NewResampler(rates[0], rates[1])
		if err != nil {
			t.Fatal(err)
		}
		x := noise(rapid.IntRange(1, 9).Draw(t, "rows"), rapid.IntRange(1, 300).Draw(t, "samples"), rapid.Uint64().Draw(t, "seed"))
		rows, n := x.Dims()
		var list, got [][]float64
		for i := range rows {
			list, got = append(list, x.RawRowView(i)), append(got, make([]float64, r.Len(n)))
		}
		r.Rows(got, list)
		for i, row := range list {
			if want := r.Resample(nil, row); !floats.EqualApprox(got[i], want, 1e-12) {
				t.Fatalf("row %d of %d: %v, alone %v", i, rows, got[i], want)
			}
		}
	})
}

func TestResamplingTakesRatesThatAreAlmostFractions(t *testing.T) {
	t.Parallel()
	r := must[*dsp.Resampler](t)(dsp.NewResampler(256.00001, 128))
	if up, down := r.Factors(); up != 1 || down != 2 {
		t.Errorf("factors %d/%d, want 1/2", up, down)
	}
}

func TestResamplingLevelStaysLevel(t *testing.T) {
	t.Parallel()
	x := make([]float64, 100)
	for i := range x {
		x[i] = -412.5
	}
	for i, v := range must[[]float64](t)(dsp.Resample(x, 250, 173)) {
		if math.Abs(v+412.5) > 1e-9 {
			t.Fatalf("sample %d is %v", i, v)
		}
	}
}

func TestDecimationKeepsWhatFitsAndDropsTheRest(t *testing.T) {
	t.Parallel()
	const fs, q = 256, 8
	keep, drop := sine(2048, 10, 6, fs), sine(2048, 10, 40, fs)
	y, z := dsp.Decimate(nil, keep, q), dsp.Decimate(nil, drop, q)
	for i := 64; i < 192; i++ {
		if math.Abs(y[i]-keep[i*q]) > 0.15 { // two passes of 0.05 dB
			t.Fatalf("6 Hz: sample %d is %v, want %v", i, y[i], keep[i*q])
		}
		if math.Abs(z[i]) > 1e-3 {
			t.Fatalf("40 Hz: sample %d is %v, want 0", i, z[i])
		}
	}
}

// TestDensitiesEqualDensity: signals that are transformed side by side have the densities that each has alone, whatever their number and length.
func TestDensitiesEqualDensity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.OneOf(rapid.IntRange(2, 130), rapid.SampledFrom([]int{250, 256, 320, 360, 400, 500, 512, 640, 1000, 1024, 1250})).Draw(t, "segment")
		cfg := dsp.WelchConfig{Segment: segment, Overlap: rapid.IntRange(0, segment-1).Draw(t, "overlap"), Rate: 250,
			Trend: dsp.Trend(rapid.IntRange(0, 2).Draw(t, "trend")), NFFT: segment + rapid.SampledFrom([]int{0, 0, 1, 24}).Draw(t, "zeros")}
		w, err := dsp.NewWelchConfig(cfg)
		if err != nil {
			t.Fatal(err)
		}
		n := max(2, segment+rapid.IntRange(-5, 300).Draw(t, "more"))
		x := noise(rapid.IntRange(1, 9).Draw(t, "rows"), n, rapid.Uint64().Draw(t, "seed"))
		rows, _ := x.Dims()
		var list, got [][]float64
		for i := range rows {
			list, got = append(list, x.RawRowView(i)), append(got, make([]float64, w.Bins()))
		}
		w.PSDs(got, list)
		for i, row := range list {
			want := w.PSD(nil, row)
			if !floats.EqualApprox(got[i], want, 1e-13*floats.Max(want)) {
				t.Fatalf("row %d of %d: %v, alone %v", i, rows, got[i], want)
			}
		}
	})
}
