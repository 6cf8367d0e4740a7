package evaluation

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"
)

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-9*max(1, math.Abs(want)) }

func TestStatisticsEqualScipy(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/golden/statistics.json")
	if err != nil {
		t.Fatal(err)
	}
	type signed struct {
		Differences  []float64
		Statistic, P float64
	}
	var want struct {
		Wilson []struct {
			Right, N  int
			Low, High float64
		}
		McNemar []struct {
			B, C int
			P    float64
		}
		Wilcoxon []signed
		Normal   signed
		Holm     struct{ P, Corrected []float64 }
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Wilson) == 0 || len(want.McNemar) == 0 || len(want.Wilcoxon) == 0 || len(want.Holm.P) == 0 {
		t.Fatal("the golden file lacks a part")
	}
	for _, w := range want.Wilson {
		if got := wilson(float64(w.Right)/float64(w.N), w.N); !near(got.Low, w.Low) || !near(got.High, w.High) {
			t.Errorf("Wilson of %d/%d is %v, scipy has %v to %v", w.Right, w.N, got, w.Low, w.High)
		}
	}
	for _, w := range want.McNemar {
		if got := mcnemar(w.B, w.C); !near(got, w.P) {
			t.Errorf("McNemar of %d against %d is %v, scipy has %v", w.B, w.C, got, w.P)
		}
	}
	for _, w := range append(want.Wilcoxon, want.Normal) {
		if stat, p, _ := wilcoxon(w.Differences); !near(stat, w.Statistic) || !near(p, w.P) {
			t.Errorf("Wilcoxon of %v is %v with p %v, scipy has %v with %v", w.Differences, stat, p, w.Statistic, w.P)
		}
	}
	for i, p := range holm(want.Holm.P) {
		if !near(p, want.Holm.Corrected[i]) {
			t.Errorf("Holm's p %d is %v, want %v", i, p, want.Holm.Corrected[i])
		}
	}
}

func TestNothingToCompareIsNoDifference(t *testing.T) {
	t.Parallel()
	if p := mcnemar(0, 0); p != 1 {
		t.Errorf("McNemar without a difference: %v", p)
	}
	if _, p, n := wilcoxon([]float64{0, 0, 1e-17}); p != 1 || n != 0 {
		t.Errorf("Wilcoxon without a difference: p %v of %d", p, n)
	}
}

// TestTestsAreSymmetric: swapping the two methods changes no p-value, and no p-value leaves 0..1.
func TestTestsAreSymmetric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-9, 9).Draw(t, "d")) / 45 }), 1, 60).Draw(t, "differences")
		flipped := make([]float64, len(d))
		for i, v := range d {
			flipped[i] = -v
		}
		_, p, _ := wilcoxon(d)
		_, q, _ := wilcoxon(flipped)
		if math.Abs(p-q) > 1e-12 || !(p > 0 && p <= 1) {
			t.Fatalf("p is %v one way and %v the other", p, q)
		}
		b, c := rapid.IntRange(0, 300).Draw(t, "b"), rapid.IntRange(0, 300).Draw(t, "c")
		if p, q := mcnemar(b, c), mcnemar(c, b); p != q || !(p > 0 && p <= 1) {
			t.Fatalf("McNemar is %v one way and %v the other", p, q)
		}
	})
}

func TestBootstrapCoversTheMean(t *testing.T) {
	t.Parallel()
	values := []float64{.5, .6, .7, .8, .9}
	got := bootstrap(values, 42)
	if !(got.Low < .7 && got.High > .7) || got.Low < .5 || got.High > .9 || got != bootstrap(values, 42) {
		t.Errorf("%v", got)
	}
}
