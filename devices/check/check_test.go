package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/check"
	"github.com/neurod/neurod/devices/synthetic"
	"github.com/neurod/neurod/eeg"
)

// spoiled is a device of seeded EEG whose channels something was done to, at the speed of the test.
type spoiled struct {
	seconds int
	spoil   func(x []float32, n int) // a sample of eight channels
	lose    int                      // of a hundred blocks
	drift   float64
}

var electrodes = []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}

func (s spoiled) Open(context.Context) (*devices.Stream, error) {
	info := devices.Info{Driver: "test", Name: "test", Channels: electrodes, Rate: 250, Counter: true, Stamps: devices.Arrival}
	v, err := synthetic.Samples(synthetic.Config{Channels: electrodes, Seed: 4}, 0, s.seconds*250)
	if err != nil {
		return nil, err
	}
	return devices.Begin(info, func(_ context.Context, out *devices.Writer) error {
		begin := time.Now()
		for n := 0; n < s.seconds*250; n += 25 {
			b := append([]float32(nil), v[8*n:8*(n+25)]...)
			for i := range 25 {
				if s.spoil != nil {
					s.spoil(b[8*i:8*i+8], n+i)
				}
			}
			if n/25%100 < s.lose && n > 0 {
				out.Put(devices.Block{Lost: 25})
				continue
			}
			out.Put(devices.Block{Samples: b, Stamp: begin.Add(time.Duration(float64(n+24) / (250 * (1 + s.drift)) * 1e9))})
		}
		return nil
	})
}

// TestEachFaultIsFound, and nothing else than it.
func TestEachFaultIsFound(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		src   spoiled
		says  []string // one for each problem
		fault eeg.ChannelFault
		bad   string
	}{
		"nothing":   {src: spoiled{seconds: 14}},
		"dead":      {spoiled{seconds: 14, spoil: func(x []float32, _ int) { x[2] = 17 }}, []string{"C3 is dead"}, eeg.FaultFlat, "C3"},
		"saturated": {spoiled{seconds: 14, spoil: func(x []float32, _ int) { x[7] = max(-8, min(8, x[7])) }}, []string{"O2 is saturated"}, eeg.FaultClipped, "O2"},
		"line": {spoiled{seconds: 14, spoil: func(x []float32, n int) { x[4] += float32(300 * math.Sin(2*math.Pi*50*float64(n)/250)) }},
			[]string{"P7 holds the power line"}, eeg.FaultLine, "P7"},
		"bridged": {spoiled{seconds: 14, spoil: func(x []float32, _ int) { x[3] = x[2] + float32(0.1*rng.NormFloat64()) }}, []string{"C4 and C3 are bridged", "C3 and C4 are bridged"}, "", "C4"},
		"losses":  {spoiled{seconds: 28, lose: 5}, []string{"of the samples are missing"}, "", ""},
		"rate":    {spoiled{seconds: 28, drift: 0.02}, []string{"the rate is"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := check.Run(t.Context(), c.src, check.Config{Seconds: float64(c.src.seconds)})
			if err != nil {
				t.Fatal(err)
			}
			want := min(1, len(c.says))
			if len(r.Problems) != want || r.Fit != (want == 0) {
				t.Fatalf("problems %q", r.Problems)
			}
			if want == 1 {
				found := false
				for _, says := range c.says {
					found = found || strings.Contains(r.Problems[0], says)
				}
				if !found {
					t.Errorf("problems %q, want one of %q", r.Problems, c.says)
				}
			}
			for _, ch := range r.Channels {
				if ch.Name == c.bad && (ch.Good || ch.Fault != c.fault) || ch.Name != c.bad && name != "bridged" && !ch.Good {
					t.Errorf("%+v", ch)
				}
				if ch.ImpedanceKOhm != nil {
					t.Error("an impedance that nobody measured")
				}
			}
			if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"impedance_kohm":null`) {
				t.Errorf("%s, %v", b, err)
			}
		})
	}
}

// TestTooLittle: a device that ends at once, or gives nothing, is an error and no report.
func TestTooLittle(t *testing.T) {
	t.Parallel()
	var failed *devices.Error
	if _, err := check.Run(t.Context(), spoiled{seconds: 1}, check.Config{}); !errors.As(err, &failed) || failed.Code != devices.CodeLost {
		t.Errorf("%v", err)
	}
}

// touching is a device that measures its contacts.
type touching struct {
	devices.Source
	kohm map[string]float64
}

func (d touching) Impedance(context.Context) ([]devices.Impedance, error) {
	var out []devices.Impedance
	for _, name := range append(append([]string(nil), electrodes...), "reference") {
		z := devices.Impedance{Channel: name}
		if v, measured := d.kohm[name]; measured {
			z.KOhm = &v
		}
		out = append(out, z)
	}
	return out, nil
}

// TestImpedancesAreThoseMeasured: null where there is none, and an electrode that does not touch is a problem, also the reference.
func TestImpedancesAreThoseMeasured(t *testing.T) {
	t.Parallel()
	src := touching{spoiled{seconds: 13}, map[string]float64{"Fp1": 5, "C3": 2500, "reference": 1200}}
	r, err := check.Run(t.Context(), src, check.Config{Impedance: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Channels {
		if want, measured := src.kohm[c.Name]; measured != (c.ImpedanceKOhm != nil) || measured && *c.ImpedanceKOhm != want {
			t.Errorf("%s: %v", c.Name, c.ImpedanceKOhm)
		}
		if c.Good != (c.Name != "C3") {
			t.Errorf("%s is good: %v", c.Name, c.Good)
		}
	}
	if len(r.Problems) != 2 || !strings.Contains(r.Problems[0], "C3 has an impedance of 2500 kΩ") || !strings.Contains(r.Problems[1], "reference") || r.Fit {
		t.Errorf("%q", r.Problems)
	}
	if r, err := check.Run(t.Context(), src, check.Config{}); err != nil || r.Channels[0].ImpedanceKOhm != nil {
		t.Errorf("%v, %v", r.Channels, err)
	}
}
