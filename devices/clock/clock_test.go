package clock_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/devices/clock"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return epoch.Add(time.Duration(s * 1e9)) }

// device is a crystal that drifts, behind a link that is late by some jitter and loses samples.
type device struct {
	rate   float64 // nominal
	drift  float64 // of the true rate
	jitter float64 // s
}

// made is when sample n was made.
func (d device) made(n int64) float64 { return float64(n) / (d.rate * (1 + d.drift)) }

// TestSamplesAtTheirTrueTime: whatever the drift, the jitter and the losses, a sample's time is true to the stated bound. (In the first two seconds, before
// the jitter is known, to the jitter.) And the drift to its own. Of every second, some sample comes without delay: what all are late by shows nowhere.
func TestSamplesAtTheirTrueTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := device{rate: rapid.SampledFrom([]float64{100, 125, 200, 250, 256, 500, 1000}).Draw(t, "rate"),
			drift: rapid.Float64Range(-500e-6, 500e-6).Draw(t, "drift"), jitter: rapid.Float64Range(0, 0.08).Draw(t, "jitter")}
		loss := rapid.Float64Range(0, 0.3).Draw(t, "loss")
		chunk := rapid.IntRange(1, 25).Draw(t, "chunk")
		seconds := rapid.Float64Range(1, 90).Draw(t, "seconds")
		track := clock.New(d.rate)
		arrived := 0.0
		noise := uint64(rapid.IntRange(1, 1<<30).Draw(t, "seed"))
		uniform := func() float64 { // fast, and drawn from the seed
			noise = noise*6364136223846793005 + 1442695040888963407
			return float64(noise>>11) / (1 << 53)
		}
		sent := 0
		for n := int64(0); d.made(n) < seconds; n += int64(chunk) {
			if n > 0 && uniform() < loss {
				track.Lose(int64(chunk))
				continue
			}
			delay := d.jitter * uniform()
			if sent%max(1, int(d.rate/float64(chunk)/4)) == 0 { // four times a second, no matter what is lost between
				delay = 0
			}
			sent++
			last := n + int64(chunk) - 1
			arrived = d.made(last) + delay
			track.Add(last, at(arrived), chunk)
			for _, k := range []int64{n, last} {
				got, within := track.At(k)
				if off := math.Abs(got.Sub(at(d.made(k))).Seconds()); off > within.Seconds() && (d.made(n) > 2 || off > d.jitter+1/d.rate) {
					t.Fatalf("sample %d is at %.6f s, and was made at %.6f: off by %.3f ms, stated %.3f, jitter %.3f", k, got.Sub(epoch).Seconds(), d.made(k),
						1e3*off, 1e3*within.Seconds(), 1e3*d.jitter)
				}
			}
		}
		r := track.Report()
		if r.Jumps != 0 {
			t.Fatalf("%d jumps of a clock that has none", r.Jumps)
		}
		if r.DriftPPM != nil {
			if off := math.Abs(*r.DriftPPM - d.drift*1e6); off > *r.DriftWithinPPM+5 {
				t.Fatalf("the drift is %.1f ppm within %.1f, and was %.1f", *r.DriftPPM, *r.DriftWithinPPM, d.drift*1e6)
			}
		}
		allowed := 1e3*d.jitter*1.05 + 1
		if seconds < 2 { // the line may still be as steep as one may be, 10 ms in a second, by two early stamps
			allowed += 10 * seconds
		}
		if r.JitterMaxMS > allowed {
			t.Fatalf("the jitter is %.2f ms, and was %.2f", r.JitterMaxMS, 1e3*d.jitter)
		}
	})
}

// TestDriftIsFound: after a minute without jitter the drift is known to the part in a million.
func TestDriftIsFound(t *testing.T) {
	t.Parallel()
	for _, ppm := range []float64{-120, 0, 35, 300} {
		d := device{rate: 250, drift: ppm * 1e-6}
		track := clock.New(250)
		for n := int64(9); d.made(n) < 60; n += 10 {
			track.Add(n, at(d.made(n)), 10)
		}
		r := track.Report()
		if r.DriftPPM == nil || math.Abs(*r.DriftPPM-ppm) > 1 || *r.DriftWithinPPM > 1 {
			t.Errorf("%g ppm were found as %v within %v", ppm, r.DriftPPM, r.DriftWithinPPM)
		}
		if r.RateHz == nil || math.Abs(*r.RateHz-250*(1+ppm*1e-6)) > 0.001 {
			t.Errorf("the rate is %v", r.RateHz)
		}
	}
}

// TestAJumpBeginsTheLineAnew: stamps that step by 300 ms and stay there move the samples behind the step, and are counted.
func TestAJumpBeginsTheLineAnew(t *testing.T) {
	t.Parallel()
	track := clock.New(250)
	const step = 0.3
	for n := int64(9); n < 250*30; n += 10 {
		s := float64(n) / 250
		if n > 250*15 {
			s += step
		}
		track.Add(n, at(s), 10)
	}
	got, within := track.At(250 * 29)
	if off := got.Sub(at(29 + step)); off.Abs() > within {
		t.Errorf("off by %v within %v", off, within)
	}
	if r := track.Report(); r.Jumps != 1 {
		t.Errorf("%d jumps", r.Jumps)
	}
}

// TestPositionIsTheInverseOfAt.
func TestPositionIsTheInverseOfAt(t *testing.T) {
	t.Parallel()
	d := device{rate: 256, drift: 80e-6}
	track := clock.New(256)
	for n := int64(31); n < 256*40; n += 32 {
		track.Add(n, at(d.made(n)), 32)
	}
	for _, n := range []int64{0, 100, 5000, 256 * 41} {
		when, _ := track.At(n)
		if p := track.Position(when); math.Abs(p-float64(n)) > 0.01 {
			t.Errorf("sample %d lies at %v, where the position is %.3f", n, when, p)
		}
	}
}

// TestLatenessIsNoLoss: chunks that come late, and bursts behind a stall, lose nothing; a lasting step is a loss of as many samples as fit, whatever the
// jitter below the threshold.
func TestLatenessIsNoLoss(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{125, 250, 500}).Draw(t, "rate")
		jitter := rapid.Float64Range(0, 0.002).Draw(t, "jitter")
		drift := rapid.Float64Range(-200e-6, 200e-6).Draw(t, "drift")
		lost := int64(rapid.IntRange(0, 2000).Draw(t, "lost"))
		if float64(lost) < max(3*jitter, 0.004)*rate+2 {
			lost = 0
		}
		stall := rapid.Float64Range(0, 0.25).Draw(t, "stall")
		steps := clock.NewSteps(rate)
		noise := uint64(rapid.IntRange(1, 1<<30).Draw(t, "seed"))
		settled, missing := 0, int64(0)
		total := int(20 * rate)
		skip := int64(0)
		for i := range total {
			if i == total/2 {
				skip = lost
			}
			noise = noise*6364136223846793005 + 1442695040888963407
			s := float64(int64(i)+skip)/(rate*(1+drift)) + jitter*float64(noise>>11)/(1<<53)
			// A stall: what was made within it comes at its end.
			if from := 5.0; s > from && s < from+stall {
				s = from + stall
			}
			n, l := steps.Add(at(s))
			settled += n
			missing += l
		}
		n, l := steps.Flush()
		settled, missing = settled+n, missing+l
		if settled != total {
			t.Fatalf("%d of %d samples were settled", settled, total)
		}
		if off := missing - lost; off < -1-int64(2*jitter*rate) || off > 1+int64(2*jitter*rate) {
			t.Fatalf("%d samples are missing, and %d were lost", missing, lost)
		}
		if lost == 0 && missing != 0 {
			t.Fatalf("%d samples are missing of a stream that lost none", missing)
		}
	})
}
