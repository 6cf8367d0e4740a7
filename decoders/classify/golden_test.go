package classify_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/testkit/golden"
)

type outputs struct {
	Decision      []float64 // samples, or samples × classes for more than two classes
	Probabilities [][]float64
}

type goldens struct {
	Sets []struct {
		Name         string
		X            [][]float64
		Y            []int
		Classes      int
		Standardized []float64
		LDA          outputs
		LDAFixed     outputs `json:"lda_fixed"`
		Logistic     map[string]outputs
	}
	Scores          [][]float64
	Labels          []int
	TemperatureLoss float64 `json:"temperature_loss"`
	Temperature     float64
	LogLoss         float64 `json:"log_loss"`
	Brier           float64
	Kappa           float64
	Binary          []float64
	Positive        []bool
	AUC             float64
	Platt           []float64
	Folds           [][]int
}

func load(t testing.TB) goldens {
	t.Helper()
	return golden.Read[goldens](t, "classify")
}

func dense(rows [][]float64) *mat.Dense {
	m := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, r := range rows {
		m.SetRow(i, r)
	}
	return m
}

// near holds got to want within 1e-6 of its size, or of 1 for numbers below it.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-6*max(math.Abs(want), 1)) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

// agree holds a classifier to the decisions and probabilities of scikit-learn.
func agree(t *testing.T, l *classify.Linear, x *mat.Dense, want outputs) {
	t.Helper()
	n, _ := x.Dims()
	k := l.Classes()
	if k > 2 && len(want.Decision) != n*k || k == 2 && len(want.Decision) != n {
		t.Fatalf("%d decisions for %d samples", len(want.Decision), n)
	}
	for i := range n {
		row := x.RawRowView(i)
		if k == 2 {
			near(t, "decision", l.Decision(row), want.Decision[i])
		} else {
			for c, s := range l.Scores(nil, row) {
				near(t, "score", s, want.Decision[i*k+c])
			}
		}
		if want.Probabilities == nil {
			continue
		}
		for c, p := range l.Probabilities(nil, row) {
			near(t, "probability", p, want.Probabilities[i][c])
		}
	}
}

func TestClassifiersEqualScikitLearn(t *testing.T) {
	t.Parallel()
	for _, s := range load(t).Sets {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			x := dense(s.X)
			lda, err := classify.FitLDA(x, s.Y, s.Classes, classify.LDAConfig{})
			if err != nil {
				t.Fatal(err)
			}
			agree(t, &lda.Linear, x, s.LDA)
			share := 0.2
			if lda, err = classify.FitLDA(x, s.Y, s.Classes, classify.LDAConfig{Shrinkage: &share}); err != nil {
				t.Fatal(err)
			}
			agree(t, &lda.Linear, x, s.LDAFixed)

			std, err := classify.Standardize(x)
			if err != nil {
				t.Fatal(err)
			}
			std.ApplyRows(x)
			for j, v := range x.RawRowView(0) {
				near(t, "standardized feature", v, s.Standardized[j])
			}
			for name, cfg := range map[string]classify.LogisticConfig{
				"default":  {},
				"weak":     {C: 10},
				"balanced": {Balanced: true},
			} {
				lr, err := classify.FitLogistic(x, s.Y, s.Classes, cfg)
				if err != nil {
					t.Fatal(err)
				}
				if !lr.Converged {
					t.Errorf("logistic regression %s did not converge in %d steps", name, lr.Iterations)
				}
				agree(t, &lr.Linear, x, s.Logistic[name])
			}
		})
	}
}

func TestMeasuresEqualScikitLearn(t *testing.T) {
	t.Parallel()
	g := load(t)
	probs := make([][]float64, len(g.Scores))
	predicted := make([]int, len(g.Scores))
	for i, s := range g.Scores {
		probs[i] = classify.Softmax(nil, s)
		for k, p := range probs[i] {
			if p > probs[i][predicted[i]] {
				predicted[i] = k
			}
		}
	}
	near(t, "log loss", classify.LogLoss(probs, g.Labels), g.LogLoss)
	near(t, "Brier score", classify.Brier(probs, g.Labels), g.Brier)
	near(t, "kappa", classify.Kappa(predicted, g.Labels), g.Kappa)
	near(t, "AUC", classify.AUC(g.Binary, g.Positive), g.AUC)
}

func TestCalibrationEqualsScipyAndScikitLearn(t *testing.T) {
	t.Parallel()
	g := load(t)
	temp, err := classify.FitTemperature(g.Scores, g.Labels)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "temperature", temp.T, g.Temperature)
	probs := make([][]float64, len(g.Scores))
	for i, s := range g.Scores {
		probs[i] = temp.Probabilities(nil, s)
	}
	near(t, "loss at the temperature", classify.LogLoss(probs, g.Labels), g.TemperatureLoss)

	platt, err := classify.FitPlatt(g.Binary, g.Positive)
	if err != nil {
		t.Fatal(err)
	}
	// scikit-learn's own minimizer stops at 1e-6 of the loss's slope.
	if math.Abs(platt.A-g.Platt[0]) > 1e-5 || math.Abs(platt.B-g.Platt[1]) > 1e-5 {
		t.Errorf("Platt %v, want %v", platt, g.Platt)
	}
}

func TestFoldsInOrderEqualScikitLearn(t *testing.T) {
	t.Parallel()
	g := load(t)
	folds, err := classify.StratifiedKFoldInOrder(g.Labels, 4)
	if err != nil {
		t.Fatal(err)
	}
	var tests [][]int
	for _, f := range folds {
		tests = append(tests, f.Test)
	}
	if diff := cmp.Diff(g.Folds, tests); diff != "" {
		t.Errorf("test sets differ (-scikit-learn +ours):\n%s", diff)
	}
}

// TestShuffledFoldsEqualScikitLearn holds the draws to tools/golden/folds.py.
func TestShuffledFoldsEqualScikitLearn(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/golden/folds.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Labels     []int
		Stratified []struct {
			K    int
			Seed uint64
			Test [][]int
		}
		Shuffle []struct {
			Trials, N int
			Share     float64
			Seed      uint64
			Test      [][]int
		}
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	compare := func(what string, want [][]int, got []classify.Fold, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var tests [][]int
		for _, f := range got {
			tests = append(tests, f.Test)
		}
		if diff := cmp.Diff(want, tests); diff != "" {
			t.Errorf("%s: test sets differ (-scikit-learn +ours):\n%s", what, diff)
		}
	}
	for _, g := range golden.Stratified {
		folds, err := classify.StratifiedKFold(golden.Labels, g.K, g.Seed)
		compare(fmt.Sprintf("stratified k=%d seed=%d", g.K, g.Seed), g.Test, folds, err)
	}
	for _, g := range golden.Shuffle {
		folds, err := classify.ShuffleSplit(g.Trials, g.N, g.Share, g.Seed)
		compare(fmt.Sprintf("shuffled n=%d seed=%d", g.Trials, g.Seed), g.Test, folds, err)
	}
}
