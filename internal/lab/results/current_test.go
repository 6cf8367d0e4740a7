package results_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/lab/evaluation"
	"github.com/neurod/neurod/internal/lab/results"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// TestResultsAreCurrent measures everything again. No row may be below what it must reach, and on the recordings that
// docs/results was made from every figure is the one that is kept there.
func TestResultsAreCurrent(t *testing.T) {
	if underRace {
		t.Skip("takes half an hour under the race detector: the run without it measures this")
	}
	t.Parallel()
	root := eegdata.Dir(t)
	r, err := evaluation.Run(t.Context(), evaluation.Config{Data: root, Untimed: true, Progress: func(text string) { t.Log(text) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Failed() {
		t.Errorf("below: %s %s %s %s %s: %v, must %+v", row.Dataset, row.Subject, row.Task, row.Pipeline, row.Protocol, row.Metrics, *row.Reference)
	}
	calibrated(t, r)

	kept, err := results.Read(filepath.Join("..", "..", "..", "docs", "results"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := results.Folder(root)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case data != kept.Data:
		t.Logf("the recordings (%+v) are not those of docs/results (%+v): its figures were NOT compared", data, kept.Data)
	case results.Processor() != kept.Made.Processor:
		t.Logf("docs/results was made on %s, this is %s, which rounds otherwise: its figures were NOT compared", kept.Made.Processor, results.Processor())
	default:
		diff := results.Differences(kept, results.From(r, data, results.Processor()))
		for _, d := range diff[:min(len(diff), 20)] {
			t.Error(d)
		}
		if len(diff) > 0 {
			t.Errorf("docs/results is not current in %d places: run make results, and look at what changed", len(diff))
		}
	}
}

// calibrated holds probabilities of flashes and clips to an error below 0.10 where there are enough test trials to tell: of
// one person, or of all people pooled. A few trials a class to train on leave too little to calibrate with.
func calibrated(t *testing.T, r *evaluation.Report) {
	t.Helper()
	for _, row := range r.Rows {
		ece, measured := row.Metrics["ece"]
		if pooled, ok := row.Metrics["ece_pooled"]; ok {
			ece = pooled
		}
		family, _, _ := strings.Cut(row.Dataset, "/")
		if measured && row.N >= 40 && (family == "p300" || family == "seizure") && !strings.HasSuffix(row.Protocol, "trials a class") && ece > 0.10 {
			t.Errorf("%s %s %s %s %s: ECE %.3f", row.Dataset, row.Subject, row.Task, row.Pipeline, row.Protocol, ece)
		}
	}
}
