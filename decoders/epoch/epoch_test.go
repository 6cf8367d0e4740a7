package epoch_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

func signal(rows, n int, rate float64) decoders.Signal {
	x := mat.NewDense(rows, n, nil)
	x.Apply(func(r, c int, _ float64) float64 { return float64(100*r + c) }, x)
	return decoders.Signal{Data: x, Channels: []string{"C3", "Cz", "C4", "Pz"}[:rows], Rate: rate}
}

func code(err error) string {
	var e *decoders.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return "untyped: " + err.Error()
	}
	return ""
}

func TestCheck(t *testing.T) {
	t.Parallel()
	short := signal(2, 99, 100)
	names := signal(2, 100, 100)
	names.Channels = names.Channels[:1]
	for name, tc := range map[string]struct {
		sig  decoders.Signal
		want string
	}{
		"enough":             {signal(2, 100, 100), ""},
		"zero value":         {decoders.Signal{}, decoders.CodePayloadTooShort},
		"one sample too few": {short, decoders.CodePayloadTooShort},
		"names":              {names, decoders.CodePayloadMalformed},
		"rate 0":             {signal(2, 100, 0), decoders.CodePayloadMalformed},
		"rate NaN":           {signal(2, 100, math.NaN()), decoders.CodePayloadMalformed},
		"rate too low":       {signal(2, 100, 49), decoders.CodeInvalidSignal},
		"rate too high":      {signal(2, 100, 1e6), decoders.CodeInvalidSignal},
	} {
		if got := code(epoch.Check(tc.sig, 100, 50)); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		have, need []string
		want       []int
	}{
		"in order":          {[]string{"C3", "Cz"}, []string{"C3", "Cz"}, []int{0, 1}},
		"other order":       {[]string{"Cz", "X", "C3"}, []string{"C3", "Cz"}, []int{2, 0}},
		"other spelling":    {[]string{"Cz..", "EEG C3-REF"}, []string{"C3", "Cz"}, []int{1, 0}},
		"upper case":        {[]string{"FCZ", "FP1"}, []string{"Fp1", "FCz"}, []int{1, 0}},
		"first of two":      {[]string{"C3", "C3"}, []string{"C3"}, []int{0}},
		"no electrode name": {[]string{"Right AUX"}, []string{"Right AUX"}, []int{0}},
		"missing":           {[]string{"C3"}, []string{"C3", "C4"}, nil},
	} {
		got, err := epoch.Rows(nil, tc.have, epoch.CanonicalNames(tc.need))
		if tc.want == nil {
			var e *decoders.Error
			if !errors.As(err, &e) || e.Code != decoders.CodeMontageMismatch || !slices.Equal(e.Details["channels_missing"].([]string), []string{"C4"}) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, tc.want)
		}
	}
}

func TestCheckValues(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]float64{"NaN": math.NaN(), "+Inf": math.Inf(1), "-Inf": math.Inf(-1), "huge": 1.1e7, "hugely negative": -1e300} {
		sig := signal(3, 50, 100)
		sig.Data.Set(1, 20, v)
		err := epoch.CheckValues(sig, []int{2, 1}, 10, 30)
		var e *decoders.Error
		if !errors.As(err, &e) || e.Code != decoders.CodeInvalidSignal || e.Details["channel"] != "Cz" || e.Details["sample"] != 20 {
			t.Errorf("%s: %v", name, err)
		}
		if err := epoch.CheckValues(sig, []int{0, 2}, 10, 30); err != nil {
			t.Errorf("%s in another row: %v", name, err)
		}
		if err := epoch.CheckValues(sig, []int{1}, 21, 50); err != nil {
			t.Errorf("%s outside the range: %v", name, err)
		}
	}
}

// TestResampler holds that a 10 Hz sine is one at any rate, to a hundredth of its amplitude away from the ends.
func TestResampler(t *testing.T) {
	t.Parallel()
	for _, from := range []float64{100, 128, 249.9731, 250, 255.97, 256, 500, 512, 999.9, 1000, 2048, 5000, 16384, 19999} {
		r, err := epoch.Resampler(from, 160)
		if err != nil || r == nil {
			t.Fatalf("%v Hz: %v, %v", from, r, err)
		}
		x := make([]float64, int(4*from))
		for i := range x {
			x[i] = math.Sin(2 * math.Pi * 10 * float64(i) / from)
		}
		y := r.Resample(nil, x)
		for i := 80; i < len(y)-80; i++ {
			if want := math.Sin(2 * math.Pi * 10 * float64(i) / 160); math.Abs(y[i]-want) > 0.06 {
				t.Fatalf("%v Hz: sample %d is %v, want %v", from, i, y[i], want)
			}
		}
	}
	for _, from := range []float64{160, 159.5, 160.7} {
		if r, err := epoch.Resampler(from, 160); r != nil || err != nil {
			t.Errorf("%v Hz: %v, %v, want to leave it alone", from, r, err)
		}
	}
	for _, from := range []float64{0, -1, math.NaN(), math.Inf(1), 1e-300, 1e300} {
		if r, err := epoch.Resampler(from, 160); err == nil {
			t.Errorf("%v Hz: %v, want an error", from, r)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	sig := signal(2, 1000, 100)
	events := []eeg.Event{{Onset: 0.1, Code: 1}, {Onset: 2, Code: 1}, {Onset: 3, Code: 2}, {Onset: 4, Code: 9}, {Onset: 9.5, Code: 2}, {Onset: math.NaN(), Code: 1}, {Onset: 1e300, Code: 1}}
	trials := epoch.Cut(sig, events, func(e eeg.Event) int {
		if e.Code > 2 {
			return -1
		}
		return e.Code - 1
	}, 0.5, 1, "s1/r1")
	if len(trials) != 2 {
		t.Fatalf("%d trials, want those at 2 s and 3 s", len(trials))
	}
	for i, want := range []struct {
		label int
		first float64
		onset float64
	}{{0, 150, 2}, {1, 250, 3}} {
		rows, n := trials[i].Data.Dims()
		if rows != 2 || n != 150 || trials[i].Label != want.label || trials[i].Data.At(0, 0) != want.first || trials[i].Onset != want.onset || trials[i].Group != "s1/r1" {
			t.Errorf("trial %d: %d × %d, %+v, first %v", i, rows, n, trials[i], trials[i].Data.At(0, 0))
		}
	}
}
