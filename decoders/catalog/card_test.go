package catalog_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders/catalog"
)

// TestThresholdFor takes the threshold that finds most within a rate, and never a lower one for a stricter rate.
func TestThresholdFor(t *testing.T) {
	t.Parallel()
	card := catalog.ModelCard{OperatingPoints: []catalog.OperatingPoint{
		{Threshold: 0.1, Interval: [2]float64{50, 200}}, {Threshold: 0.3, Interval: [2]float64{10, 90}},
		{Threshold: 0.5, Interval: [2]float64{0, 30}}, {Threshold: 0.9, Interval: [2]float64{0, 30}},
	}}
	for perDay, want := range map[float64]float64{1e4: 0.1, 200: 0.1, 199: 0.3, 90: 0.3, 30: 0.5, 29.9: 0, 1: 0} {
		if got, ok := card.ThresholdFor(perDay); got != want || ok != (want > 0) {
			t.Errorf("%v a day: a threshold of %v (%v), want %v", perDay, got, ok, want)
		}
	}
	if got, ok := (catalog.ModelCard{}).ThresholdFor(1e5); ok {
		t.Errorf("a card without operating points has the threshold %v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		thresholds := rapid.SliceOfNDistinct(rapid.Float64Range(0.01, 0.99), 1, 10, rapid.ID).Draw(t, "thresholds")
		slices.Sort(thresholds)
		var card catalog.ModelCard
		for _, v := range thresholds {
			card.OperatingPoints = append(card.OperatingPoints, catalog.OperatingPoint{Threshold: v, Interval: [2]float64{0, rapid.Float64Range(1, 500).Draw(t, "upper limit")}})
		}
		loose := rapid.Float64Range(0.1, 600).Draw(t, "loose")
		strict := rapid.Float64Range(0.1, loose).Draw(t, "strict")
		a, okA := card.ThresholdFor(loose)
		b, okB := card.ThresholdFor(strict)
		if okB && (!okA || b < a) {
			t.Fatalf("%v a day has the threshold %v (%v), %v a day %v", loose, a, okA, strict, b)
		}
		for _, p := range card.OperatingPoints {
			if okB && p.Threshold == b && p.Interval[1] > strict {
				t.Fatalf("%+v for %v a day", p, strict)
			}
		}
	})
}
