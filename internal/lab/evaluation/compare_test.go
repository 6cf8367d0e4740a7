package evaluation

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/lab/crossval"
)

func TestPairsAreTestedOnTheSameTrials(t *testing.T) {
	t.Parallel()
	e := &evaluator{}
	give := func(task, subject, pipeline string, right ...bool) {
		o := &crossval.Outcome{Classes: 2}
		for i, r := range right {
			predicted := 1
			if r {
				predicted = 0
			}
			o.Trials, o.Labels, o.Predicted = append(o.Trials, i), append(o.Labels, 0), append(o.Predicted, predicted)
			o.Probabilities = append(o.Probabilities, []float64{.8, .2})
		}
		e.remember(Row{Dataset: "d", Task: task, Protocol: "p", Subject: subject, Pipeline: pipeline}, o)
	}
	// One person: 3 trials that only a has right, 1 that only b has, one that b was not asked.
	give("few", "S1", "a", true, true, true, false, true, true)
	give("few", "S1", "b", false, false, false, true, true)
	// Eight people: b is right once more often for each.
	for _, s := range strings.Split("ABCDEFGH", "") {
		give("many", s, "a", false, true)
		give("many", s, "b", true, true)
		give("many", s, "c", false, true)
	}
	give("alone", "S1", "a", true)
	got := e.compare()
	if len(got) != 4 {
		t.Fatalf("%d comparisons: %+v", len(got), got)
	}
	few, ab, ac := got[0], got[1], got[2]
	if few.Test != "exact McNemar" || few.N != 4 || few.Statistic != 3 || !near(few.P, .625) || !near(few.Difference, .4) {
		t.Errorf("one person: %+v", few)
	}
	if ab.Test != "Wilcoxon signed-rank" || ab.N != 8 || ab.Statistic != 0 || !near(ab.P, 2./256) || !near(ab.Difference, -.5) || !near(ab.Corrected, 6./256) {
		t.Errorf("eight people: %+v", ab)
	}
	// Half of the 16 answers of a are right, and all are 0.8 sure.
	if ece, _, ok := e.pooledECE(Row{Dataset: "d", Task: "many", Protocol: "p", Pipeline: "a"}); !ok || !near(ece, .3) {
		t.Errorf("pooled calibration error %v, %v", ece, ok)
	}
	if ac.N != 0 || ac.P != 1 || ac.Difference != 0 {
		t.Errorf("no difference: %+v", ac)
	}
}

func TestCalibrationErrorIsThatOfClassify(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	var probabilities [][]float64
	var labels []int
	var sure []float64
	var hit []bool
	for range 300 {
		p := .5 + rng.Float64()/2
		label := rng.IntN(2)
		probabilities, labels = append(probabilities, []float64{p, 1 - p}), append(labels, label)
		sure, hit = append(sure, p), append(hit, label == 0)
	}
	if got, want := calibrationError(sure, hit), classify.ECE(probabilities, labels, 10); !near(got, want) {
		t.Errorf("%v, classify has %v", got, want)
	}
}

func TestSizeFoldsTrainOnSoMany(t *testing.T) {
	t.Parallel()
	labels := make([]int, 60)
	for i := range labels {
		labels[i] = i % 3
	}
	folds, err := classify.StratifiedKFold(labels, 5, 42)
	if err != nil {
		t.Fatal(err)
	}
	small := crossval.Shrink(folds, labels, 3, 10, 42)
	for f, fold := range small {
		counts := make([]int, 3)
		for _, i := range fold.Train {
			counts[labels[i]]++
			if slices.Contains(fold.Test, i) {
				t.Errorf("fold %d trains on its test trial %d", f, i)
			}
		}
		if !slices.Equal(counts, []int{10, 10, 10}) || !slices.Equal(fold.Test, folds[f].Test) {
			t.Errorf("fold %d trains on %v a class and tests %v", f, counts, fold.Test)
		}
	}
	if crossval.Shrink(folds, labels, 3, 17, 42) != nil {
		t.Error("17 of 16 training trials a class were found")
	}
}

func TestRowTellsIntervalCoverageAndT(t *testing.T) {
	t.Parallel()
	o := &crossval.Outcome{Classes: 2}
	for i := range 20 {
		p := .5 + float64(i)/50 // surer and surer, and right from the fifth on
		label := 0
		if i < 5 {
			label = 1
		}
		o.Trials, o.Labels, o.Predicted = append(o.Trials, i), append(o.Labels, label), append(o.Predicted, 0)
		o.Probabilities = append(o.Probabilities, []float64{p, 1 - p})
	}
	r := row(o, Row{}, 4)
	if r.Metrics["accuracy"] != .75 || r.Metrics["acc_at_50"] != 1 || r.Metrics["itr_t_s"] != 4 || !near(r.Metrics["itr_bits_min"], itr(.75, 2, 4)) {
		t.Errorf("%v", r.Metrics)
	}
	if len(r.Coverage) != 10 || !near(r.Coverage[9].Accuracy, .75) || r.Coverage[9].Coverage != 1 || !near(r.Coverage[0].Coverage, .1) {
		t.Errorf("%+v", r.Coverage)
	}
	if r.AccuracyCI == nil || !(r.AccuracyCI.Low < .75 && r.AccuracyCI.High > .75) {
		t.Errorf("%+v", r.AccuracyCI)
	}
}
