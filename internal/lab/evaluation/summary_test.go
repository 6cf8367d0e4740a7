package evaluation

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/ssvep"
)

// TestExpectedErrorIsTheNoiseOfTheBins: answers that are right as often as they say show about the expected error, which falls
// with their number; answers that are not show more.
func TestExpectedErrorIsTheNoiseOfTheBins(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 8))
	draw := func(n int) (sure []float64, hit []bool) {
		for range n {
			p := .5 + rng.Float64()/2
			sure, hit = append(sure, p), append(hit, rng.Float64() < p)
		}
		return sure, hit
	}
	few, _ := draw(45)
	many, honest := draw(4000)
	expected45, expected4000 := expectedError(few), expectedError(many)
	if expected45 < .05 || expected45 > .2 || expected4000 > .03 || expected4000 <= 0 {
		t.Errorf("expected %.3f of 45 answers and %.3f of 4000", expected45, expected4000)
	}
	if ece := calibrationError(many, honest); ece > 2*expected4000 {
		t.Errorf("honest answers err by %.3f, expected %.3f", ece, expected4000)
	}
	boast := make([]float64, len(many))
	for i, p := range many {
		boast[i] = math.Sqrt(p)
	}
	if ece, expected := calibrationError(boast, honest), expectedError(boast); ece < 3*expected {
		t.Errorf("boasts err by %.3f, expected %.3f", ece, expected)
	}
}

func TestSummariesGatherEverybodysAnswers(t *testing.T) {
	t.Parallel()
	sure, hit := []float64{.55, .95, .55, .95, .75, .75}, []bool{false, true, true, true, true, false}
	points := reliability(sure, hit)
	if len(points) != 3 || points[0].N != 2 || !near(points[0].Confidence, .55) || points[0].Accuracy != .5 || points[2].Accuracy != 1 {
		t.Errorf("%+v", points)
	}
	curve := answered(sure, hit)
	if len(curve) != 10 || !near(curve[0].Coverage, 2./6) || curve[0].Accuracy != 1 || !near(curve[9].Accuracy, 4./6) || curve[9].Coverage != 1 || curve[9].Confidence != .55 {
		t.Errorf("%+v", curve)
	}
	// The curve is that of package classify, at tenths.
	var probabilities [][]float64
	var labels []int
	for i, p := range sure {
		probabilities, labels = append(probabilities, []float64{p, 1 - p}), append(labels, map[bool]int{true: 0, false: 1}[hit[i]])
	}
	for i, p := range coverage(classify.CoverageAccuracy(probabilities, labels)) {
		if !near(p.Coverage, curve[i].Coverage) || !near(p.Accuracy, curve[i].Accuracy) {
			t.Errorf("point %d is %+v, classify has %+v", i, curve[i], p)
		}
	}
}

func TestROCKeepsItsCorners(t *testing.T) {
	t.Parallel()
	r := rocOf("d", "t", "p", []float64{.9, .8, .7, .1}, []bool{true, false, true, false})
	if len(r.Points) != rocPoints+1 || r.Points[0] != (ROCPoint{0, .5}) || r.Points[25] != (ROCPoint{.5, 1}) || r.Points[rocPoints] != (ROCPoint{1, 1}) {
		t.Errorf("%+v", r.Points)
	}
}

// TestBoundsHoldOnTheirSide: a row passes at its bound and fails beyond it, whichever side that is.
func TestBoundsHoldOnTheirSide(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]bool{0: true, .05: true, .06: false} {
		r := hold(Row{Dataset: "motor_imagery/eegmmidb", Subject: "all", Task: "rest", Pipeline: "features", Protocol: "2-s windows", Metrics: map[string]float64{"gate_failed": value}})
		if r.Reference == nil || r.Reference.Pass != want {
			t.Errorf("%v of the windows: %+v", value, r.Reference)
		}
	}
	for value, want := range map[float64]bool{.97: true, .969: false, 1: true} {
		r := hold(Row{Dataset: "seizure/bonn", Subject: "all", Task: "S : rest", Pipeline: "ictal_score", Protocol: "10-fold", Metrics: map[string]float64{"accuracy": value}})
		if r.Reference == nil || r.Reference.Pass != want {
			t.Errorf("accuracy %v: %+v", value, r.Reference)
		}
	}
	if r := hold(Row{Dataset: "motor_imagery/eegmmidb", Subject: "all", Task: "rest", Pipeline: "features", Protocol: "2-s windows"}); r.Reference.Pass {
		t.Error("a figure that was not measured passes")
	}
}

// TestFBCCAIsHeldAgainstCCA adds up the right answers of everybody.
func TestFBCCAIsHeldAgainstCCA(t *testing.T) {
	t.Parallel()
	for fbcca, want := range map[int]bool{40: true, 39: false, 41: true} {
		e := &evaluator{report: &Report{}}
		for _, half := range []int{15, 25} {
			c := e.flicker.of("d", ssvep.CCA, "no target, 4 s")
			c.right, c.shown = c.right+half, c.shown+30
		}
		f := e.flicker.of("d", ssvep.FBCCA, "no target, 4 s")
		f.right, f.shown, f.targets = fbcca, 60, 3
		e.totals()
		if len(e.report.Rows) != 1 || e.report.Rows[0].N != 60 || e.report.Rows[0].Reference.Pass != want {
			t.Errorf("%d right: %+v", fbcca, e.report.Rows)
		}
	}
}

func TestGateAndVerdictsArePooledByWindows(t *testing.T) {
	t.Parallel()
	e := &evaluator{report: &Report{}}
	for _, r := range []struct {
		n     int
		share float64
	}{{10, .1}, {30, 0}} {
		e.add(Row{Dataset: "d", Subject: "S", Task: "rest", Pipeline: "features", Protocol: "2-s windows", N: r.n, Metrics: map[string]float64{"gate_failed": r.share}})
	}
	e.pooledRows("gate_failed", "rest")
	got := e.report.Rows[len(e.report.Rows)-1]
	if got.Subject != "all" || got.N != 40 || got.Metrics["gate_failed"] != 1./40 {
		t.Errorf("%+v", got)
	}
}
