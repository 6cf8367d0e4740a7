package alarms

import (
	"math"
	"testing"

	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/synthetic"
)

// TestPoissonLimits: the tables of Garwood (Biometrika 28 (1936) 437-442, 5 % on each side).
func TestPoissonLimits(t *testing.T) {
	t.Parallel()
	for count, want := range map[int][2]float64{0: {0, 2.996}, 1: {0.0513, 4.744}, 3: {0.818, 7.754}, 10: {5.425, 16.962}} {
		if low, high := PoissonLimits(count); math.Abs(low-want[0]) > 5e-4 || math.Abs(high-want[1]) > 5e-4 {
			t.Errorf("%d: %.4f to %.4f, want %v", count, low, high, want)
		}
	}
}

// TestPoints counts alarms and hours by hand: an hour of which clips at 100 and 130 s, and one at 2000 s, reach 0.6, and a seizure from
// 1000 to 1060 s is scored 0.4.
func TestPoints(t *testing.T) {
	t.Parallel()
	r := run{seconds: 3600, marked: []seizure.Event{{Start: 1000, End: 1060}}}
	for at := 0.0; at+clipSeconds <= r.seconds; at += stepSeconds {
		score := 0.1
		switch at {
		case 105, 135, 1995:
			score = 0.6
		case 1005, 1020:
			score = 0.4
		}
		r.clips = append(r.clips, clip{at, score})
	}
	tally := &Tally{runs: []run{r, {seconds: 100}}} // of the second nothing could be said
	points, err := tally.Points([]float64{0.3, 0.5, 0.7})
	if err != nil {
		t.Fatal(err)
	}
	hours := (3600.0 - 60 - 30 - 60) / 3600
	for i, want := range []struct {
		alarms      int
		sensitivity float64
	}{{2, 1}, {2, 0}, {0, 0}} {
		p := points[i]
		if p.FalseAlarms != want.alarms || p.Sensitivity != want.sensitivity || p.Events != 1 || math.Abs(p.Hours-hours) > 1e-9 || math.Abs(p.FalseAlarmsPerDay-float64(want.alarms)*24/hours) > 1e-9 {
			t.Errorf("%+v, want %+v in %v hours", p, want, hours)
		}
		if !(p.Interval[0] <= p.FalseAlarmsPerDay && p.FalseAlarmsPerDay < p.Interval[1]) {
			t.Errorf("%v lies outside of %v", p.FalseAlarmsPerDay, p.Interval)
		}
	}
	if points[2].Interval[1] < 3*24/hours*0.99 {
		t.Errorf("no alarm in %v hours leaves %v a day", hours, points[2].Interval[1])
	}
	if none, err := (&Tally{}).Points(Thresholds); err != nil || none != nil {
		t.Errorf("of nothing: %v, %v", none, err)
	}
}

// TestListen hears the seizure of a recording, and nothing before.
func TestListen(t *testing.T) {
	t.Parallel()
	s, err := synthetic.Seizure(synthetic.Config{Seed: 7}, synthetic.SeizureConfig{Seconds: 300, Onset: 200, Duration: 60})
	if err != nil {
		t.Fatal(err)
	}
	clips, err := listen(t.Context(), seizure.New(), s.Signal)
	if err != nil {
		t.Fatal(err)
	}
	if len(clips) != 19 {
		t.Errorf("%d clips with a verdict, want 19", len(clips))
	}
	for _, c := range clips {
		inside, outside := c.start >= 200 && c.start+clipSeconds <= 260, c.start+clipSeconds <= 200
		if inside && c.score < 0.5 || outside && c.score >= 0.5 {
			t.Errorf("a score of %.2f from %g s on", c.score, c.start)
		}
	}
}
