package features_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/features"
)

// usualRates are sampling rates of amplifiers and headsets, Hz.
var usualRates = []float64{128, 160, 200, 250, 256, 500, 512, 1000, 2048}

// curve is a signal in µV as a function of time, band-limited to 40 Hz but for its rails.
type curve struct {
	waves          []wave
	step, stepAt   float64 // µV, s: rises within 18 ms, which 128 Hz can follow
	blink, blinkAt float64
	hum            float64
	rail           float64 // µV, 0 for none
}

type wave struct{ frequency, amplitude, phase float64 }

func (c curve) at(t float64) float64 {
	v := 0.0
	for _, w := range c.waves {
		v += w.amplitude * math.Sin(2*math.Pi*w.frequency*t+w.phase)
	}
	v += c.step / (1 + math.Exp(-(t-c.stepAt)/0.004))
	v += c.blink * math.Exp(-math.Pow((t-c.blinkAt)/0.07, 2))
	v += c.hum * math.Sin(2*math.Pi*50*t)
	if c.rail > 0 {
		v = min(max(v, -c.rail), c.rail)
	}
	return v
}

func (c curve) window(t interface{ Fatal(...any) }, rate float64) features.Channel {
	x := mat.NewDense(1, int(math.Round(2*rate)), nil)
	for i := range x.RawRowView(0) {
		x.Set(0, i, c.at(float64(i)/rate))
	}
	var w features.Window
	if err := features.Compute(&w, decoders.Signal{Data: x, Channels: []string{"Fp1"}, Rate: rate}); err != nil {
		t.Fatal(err)
	}
	return w.Channels[0]
}

// TestScoresDoNotDependOnTheRate holds every score of the same curve equal at all rates: they are functions of time and µV.
func TestScoresDoNotDependOnTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := curve{}
		// Waves as large as a blink are blinks or none by a hair, at any rate; blinks are compared where they stand out.
		artifact := rapid.SampledFrom([]string{"clean", "step", "blink", "hum", "rail"}).Draw(t, "artifact")
		largest, fastest := 300.0, 40.0
		switch artifact {
		case "blink":
			largest = 40
		case "rail":
			fastest = 8 // whose tops last
		}
		for range rapid.IntRange(3, 8).Draw(t, "waves") {
			w := wave{
				frequency: rapid.Float64Range(0.7, fastest).Draw(t, "frequency"),
				phase:     rapid.Float64Range(0, 2*math.Pi).Draw(t, "phase"),
			}
			w.amplitude = rapid.Float64Range(5, largest).Draw(t, "amplitude") / (1 + w.frequency)
			c.waves = append(c.waves, w)
		}
		switch artifact {
		case "step":
			c.step, c.stepAt = rapid.Float64Range(30, 300).Draw(t, "step"), rapid.Float64Range(0.3, 1.7).Draw(t, "at")
		case "blink":
			c.blink, c.blinkAt = rapid.Float64Range(50, 400).Draw(t, "blink"), rapid.Float64Range(0.3, 1.7).Draw(t, "at")
		case "hum":
			c.hum = rapid.Float64Range(1, 100).Draw(t, "hum")
		case "rail":
			top := 0.0
			for i := range 4096 {
				top = max(top, math.Abs(c.at(float64(i)/2048)))
			}
			c.rail = top * rapid.Float64Range(0.3, 0.6).Draw(t, "rail")
		}
		want := c.window(t, 2048)
		for _, rate := range usualRates {
			got := c.window(t, rate)
			for _, s := range []struct {
				name      string
				got, want float64
			}{
				{"blink_like", got.Scores.BlinkLike, want.Scores.BlinkLike}, {"motion_like", got.Scores.MotionLike, want.Scores.MotionLike},
				{"emg_like", got.Scores.EMGLike, want.Scores.EMGLike}, {"bad_contact", got.Scores.BadContact, want.Scores.BadContact},
			} {
				if s.name == "blink_like" && artifact != "blink" {
					continue
				}
				if math.Abs(s.got-s.want) > 0.2 {
					t.Errorf("%s at %g Hz is %.3f, at 2048 Hz %.3f", s.name, rate, s.got, s.want)
				}
			}
		}
	})
}

// TestSlopeAtUsualRates is a slope that a step of a truncated number of samples saw as .61 at 160 Hz and as 1 at 500.
func TestSlopeAtUsualRates(t *testing.T) {
	t.Parallel()
	c := curve{waves: []wave{{frequency: 18, amplitude: 158}}} // 17.9 µV/ms at most
	want := c.window(t, 2048).Scores.MotionLike
	for _, rate := range usualRates {
		if got := c.window(t, rate).Scores.MotionLike; math.Abs(got-want) > 0.05 {
			t.Errorf("motion_like at %g Hz is %.3f, at 2048 Hz %.3f", rate, got, want)
		}
	}
}

// TestCoarseSamplesAreNotClipped is EEG of an amplifier with a step of 1 µV: a slow wave rests on its top for several samples,
// which is not a rail. The same wave cut at half its height is on one.
func TestCoarseSamplesAreNotClipped(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom(usualRates).Draw(t, "rate")
		height := rapid.Float64Range(15, 60).Draw(t, "height")
		frequency := rapid.Float64Range(0.8, 6).Draw(t, "frequency")
		x := make([]float64, int(2*rate))
		lo, hi := 0.0, 0.0
		for i := range x {
			v := height*math.Sin(2*math.Pi*frequency*float64(i)/rate) + height/5*math.Sin(2*math.Pi*2.7*frequency*float64(i)/rate)
			x[i] = math.Round(v)
			lo, hi = min(lo, x[i]), max(hi, x[i])
		}
		if features.Clipped(x, lo, hi, rate) {
			t.Errorf("%g Hz of %g µV in steps of 1 µV at %g Hz counts as clipped", frequency, height, rate)
		}
		rail := math.Round(hi / 2)
		for i := range x {
			x[i] = min(x[i], rail)
		}
		if !features.Clipped(x, lo, rail, rate) {
			t.Errorf("%g Hz of %g µV cut at %g µV at %g Hz does not count as clipped", frequency, height, rail, rate)
		}
	})
}
