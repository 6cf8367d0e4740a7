package synthetic_test

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/devicetest"
	"github.com/neurod/neurod/devices/synthetic"
)

func TestConforms(t *testing.T) {
	t.Parallel()
	conforms(t, synthetic.Config{Pattern: synthetic.Sine, Channels: []string{"C3", "Cz", "C4"}})
	conforms(t, synthetic.Config{Pattern: synthetic.Imagery, Channels: []string{"C3", "Cz", "C4"}, Rate: 128})
}

func conforms(t *testing.T, cfg synthetic.Config) {
	t.Run(string(cfg.Pattern), func(t *testing.T) {
		t.Parallel()
		rate := cfg.Rate
		if rate == 0 {
			rate = 250
		}
		truth, err := synthetic.Samples(cfg, 0, 30*int(rate))
		if err != nil {
			t.Fatal(err)
		}
		devicetest.Conform(t, func(t *testing.T) devicetest.Device {
			failing := &failing{cfg: cfg, t: t}
			markers := 0
			if cfg.Pattern == synthetic.Imagery {
				markers = 1
			}
			return devicetest.Device{
				Source: failing, Seconds: 2.2, Markers: markers,
				Info: devices.Info{Driver: "synthetic", Channels: cfg.Channels, Rate: rate, Counter: true, Stamps: devices.Exact},
				Check: func(t testing.TB, b devices.Batch) {
					want := truth[int(b.First)*len(cfg.Channels):]
					for i := range b.Samples {
						if want[i] != b.Samples[i] {
							t.Fatalf("value %d of the batch at %d is %g, want %g", i, b.First, b.Samples[i], want[i])
						}
					}
				},
				Fail: func(testing.TB) {}, Restore: func(testing.TB) {}, // it does so by itself
			}
		})
	})
}

// failing opens a device that fails after a fifth of a second where the test wants that.
type failing struct {
	cfg synthetic.Config
	t   testing.TB
}

func (f *failing) Open(ctx context.Context) (*devices.Stream, error) {
	cfg := f.cfg
	if name := f.t.Name(); strings.HasSuffix(name, "a_failure") || strings.HasSuffix(name, "back_again") {
		cfg.FailAfter = 50
	}
	src, err := synthetic.New(cfg)
	if err != nil {
		return nil, err
	}
	return src.Open(ctx)
}

// TestRealTime: samples come when a device would give them, with losses where it is told to lose.
func TestRealTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, err := synthetic.New(synthetic.Config{Pattern: synthetic.Sine, Channels: []string{"C3", "C4"}, Every: 10})
		if err != nil {
			t.Fatal(err)
		}
		s, err := src.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		missing, end := int64(0), int64(0)
		for end < 250*30 {
			b, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			missing += b.Missing()
			end = b.First + int64(len(b.Samples)/2)
		}
		r := s.Clock()
		if missing != r.Lost || missing < 740 || missing > 760 || r.JitterMaxMS > 0.01 || math.Abs(*r.DriftPPM) > 0.5 {
			t.Errorf("%d are missing; the clock says %+v", missing, r)
		}
	})
}

// TestNoSeamBetweenMinutes: where one minute fades into the next the signal neither jumps nor gets louder.
func TestNoSeamBetweenMinutes(t *testing.T) {
	t.Parallel()
	cfg := synthetic.Config{Pattern: synthetic.Rest, Channels: []string{"Cz"}, Rate: 100, Seed: 3}
	x, err := synthetic.Samples(cfg, 0, 100*65)
	if err != nil {
		t.Fatal(err)
	}
	largest := func(lo, hi int) (step, square float64) {
		for i := lo + 1; i < hi; i++ {
			step = max(step, math.Abs(float64(x[i]-x[i-1])))
			square += float64(x[i]) * float64(x[i])
		}
		return step, math.Sqrt(square / float64(hi-lo-1))
	}
	usual, rms := largest(100, 5900)
	for _, seam := range []int{6000} {
		if step, r := largest(seam-5, seam+105); step > 1.5*usual || r > 2.5*rms {
			t.Errorf("at the seam %d a step of %.1f µV (usually %.1f) and %.1f µV (%.1f)", seam, step, usual, r, rms)
		}
	}
	again, err := synthetic.Samples(cfg, 5990, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range again {
		if v != x[5990+i] {
			t.Fatalf("sample %d depends on where reading began", 5990+i)
		}
	}
}

// TestPatternsShowWhatTheySay: alpha, SSVEP and mains stand out of the spectrum where they belong; a sine is one.
func TestPatternsShowWhatTheySay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg     synthetic.Config
		channel int
		hz      float64
		ratio   float64 // of the power within 0.5 Hz against that around it
	}{
		{synthetic.Config{Pattern: synthetic.Alpha, Channels: []string{"Fz", "O1"}}, 1, 10, 3},
		{synthetic.Config{Pattern: synthetic.SSVEP, FlickerHz: 17, Channels: []string{"Fz", "Oz"}}, 1, 17, 2},
		{synthetic.Config{Pattern: synthetic.Rest, MainsHz: 50, Channels: []string{"Fz", "Oz"}}, 0, 50, 20},
		{synthetic.Config{Pattern: synthetic.Sine, Channels: []string{"Fz", "Oz"}}, 1, 10, 1000},
	} {
		v, err := synthetic.Samples(c.cfg, 0, 250*30)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float64, 250*30)
		for i := range x {
			x[i] = float64(v[2*i+c.channel])
		}
		w, err := dsp.NewWelch(1000, 500, 250)
		if err != nil {
			t.Fatal(err)
		}
		f, p := w.Freqs(), w.PSD(nil, x)
		near := dsp.BandPower(f, p, c.hz-0.5, c.hz+0.5)
		around := (dsp.BandPower(f, p, c.hz-3, c.hz+3) - near) / 5
		if near < c.ratio*around {
			t.Errorf("%s: %.3g µV² at %g Hz beside %.3g", c.cfg.Pattern, near, c.hz, around)
		}
	}
}

// TestRefusals: what cannot be made is refused by name.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]synthetic.Config{
		"pattern":   {Pattern: "tap"},
		"electrode": {Channels: []string{"Left ear"}},
		"rate":      {Rate: 1},
		"nyquist":   {Pattern: synthetic.Sine, Channels: make([]string, 30)},
		"mains":     {MainsHz: 400},
		"too much":  {Channels: make([]string, 500), Rate: 20_000},
	} {
		_, err := synthetic.New(cfg)
		var failed *devices.Error
		if !errors.As(err, &failed) || failed.Code != devices.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestItEnds: a device of so many samples ends with them.
func TestItEnds(t *testing.T) {
	t.Parallel()
	src, err := synthetic.New(synthetic.Config{Pattern: synthetic.Sine, Channels: []string{"Cz"}, Speed: -1, Samples: 25_003})
	if err != nil {
		t.Fatal(err)
	}
	s, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || b.Missing() > 0 {
			t.Fatalf("%d are missing, %v", b.Missing(), err)
		}
		n += len(b.Samples)
	}
	if n != 25_003 {
		t.Errorf("%d samples", n)
	}
}
