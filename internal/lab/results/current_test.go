package results_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/lab/evaluation"
	"github.com/neurod/neurod/internal/lab/results"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
)

// TestResultsAreCurrent measures everything again. No row may be below what it must reach, and on the recordings that
// docs/results was made from every figure is the one that is kept there.
func TestResultsAreCurrent(t *testing.T) {
	if race.Enabled {
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
	onTopOfOthers(t, r)

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

// TestCodedResultsAreCurrent is the same for docs/results-cvep, where its recordings were fetched: `make results-cvep` does.
func TestCodedResultsAreCurrent(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..", "dist", "cvep")
	kept, err := results.Read(filepath.Join("..", "..", "..", "docs", "results-cvep"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range kept.Rows {
		if row.Reference != nil && !row.Reference.Pass {
			t.Errorf("below: %+v", row)
		}
	}
	if _, err := os.Stat(root); err != nil {
		t.Skipf("NOT MEASURED AGAIN: the c-VEP recordings are not here (%v): tools/golden/cvep_data.sh fetches them", err)
	}
	if race.Enabled {
		t.Skip("the run without the race detector measures this")
	}
	r, err := evaluation.Run(t.Context(), evaluation.Config{Data: root, Only: []string{"cvep"}, Untimed: true})
	if err != nil {
		t.Fatal(err)
	}
	data, err := results.Folder(root)
	if err != nil {
		t.Fatal(err)
	}
	if data != kept.Data || results.Processor() != kept.Made.Processor {
		t.Logf("other recordings (%+v) or another processor (%s): the figures were NOT compared", data, results.Processor())
		return
	}
	for _, d := range results.Differences(kept, results.From(r, data, results.Processor())) {
		t.Error(d)
	}
}

// onTopOfOthers holds trainings that start from others to what they are for: in the mean over people no worse than the trials alone and the
// others alone, whatever their number, and five points better than five trials a class alone.
func onTopOfOthers(t *testing.T, r *evaluation.Report) {
	t.Helper()
	mean := map[[2]string]float64{}
	for _, row := range r.Rows {
		if row.Subject == "all (mean)" {
			mean[[2]string{row.Pipeline, row.Protocol}] = row.Metrics["accuracy"]
		}
	}
	for _, n := range []int{5, 10, 14} {
		p := evaluation.OnTopProtocol(n)
		top, measured := mean[[2]string{evaluation.OnTopOthers, p}]
		alone, others := mean[[2]string{evaluation.OnTopAlone, p}], mean[[2]string{evaluation.OnTopStrangers, p}]
		if !measured {
			continue
		}
		if t.Logf("%s: %.3f alone, %.3f others, %.3f on top of others", p, alone, others, top); top < max(alone, others)-1e-9 || n <= 5 && top < alone+0.05 {
			t.Errorf("%s: %.3f on top of others, %.3f alone, %.3f others", p, top, alone, others)
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
