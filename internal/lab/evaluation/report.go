package evaluation

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Row is one measured line: a dataset, who, what was decoded by which pipeline under which protocol.
type Row struct {
	Dataset  string `json:"dataset"`  // folder below the data root, e.g. "motor_imagery/eegmmidb"
	Subject  string `json:"subject"`  // subject, file or "all"
	Task     string `json:"task"`     // what was told apart, e.g. "left/right imagery"
	Pipeline string `json:"pipeline"` // e.g. "csp_lda"
	Protocol string `json:"protocol"` // e.g. "5-fold"
	N        int    `json:"n"`        // test trials, epochs, letters or events
	// Metrics holds the figures by name: accuracy, auc, kappa, ece, brier, itr_bits_min with its itr_t_s, acc_at_50 (accuracy
	// of the surer half), coverage (share of the trials with an answer), confidence (mean over all trials), sensitivity, ...
	Metrics map[string]float64 `json:"metrics"`
	// AccuracyCI is the 95 % interval of the accuracy: Wilson's for one person's trials, by bootstrap for means over people.
	AccuracyCI *Interval `json:"accuracy_ci,omitempty"`
	// Coverage is the accuracy of the surest 10, 20, ... 100 % of the answers.
	Coverage []CoveragePoint `json:"coverage,omitempty"`
	// Curve is the number of letters right after 1, 2, ... repetitions of a speller.
	Curve []int `json:"curve,omitempty"`
	// Reference is a figure of a published or independent run of the same measurement, and where it is from.
	Reference *Reference `json:"reference,omitempty"`
	// MillisPerTrial is the time of one decode on this machine; it is not reproducible.
	MillisPerTrial float64 `json:"ms_per_trial,omitempty"`
	Note           string  `json:"note,omitempty"`
}

// CoveragePoint says how accurate the answers are when only the surest are given.
type CoveragePoint struct {
	Coverage   float64 `json:"coverage"`   // share of trials answered
	Accuracy   float64 `json:"accuracy"`   // among those
	Confidence float64 `json:"confidence"` // of the least sure of them
}

// Reference is what a row is held against.
type Reference struct {
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	Must   float64 `json:"must"` // the least that passes
	// AtMost says that Must is the most that passes.
	AtMost bool   `json:"at_most,omitempty"`
	Source string `json:"source"`
	Pass   bool   `json:"pass"`
}

// Problem is a recording that could not be used, and why.
type Problem struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// Report is everything one evaluation found.
type Report struct {
	Version string `json:"neurod"`
	Go      string `json:"go"`
	// Libraries are the versions of what computes: gonum, and those that made the references.
	Libraries map[string]string `json:"libraries"`
	Seed      uint64            `json:"seed"`
	Data      string            `json:"data"`
	Rows      []Row             `json:"rows"`
	// Comparisons are the paired tests between pipelines.
	Comparisons []Comparison `json:"comparisons,omitempty"`
	// Summaries are of the answers over all people, one a pipeline and protocol.
	Summaries []Summary `json:"summaries,omitempty"`
	// ROCs are the curves of the verdicts "no target" and "seizure".
	ROCs     []ROC     `json:"rocs,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
	// Files counts the recordings; nil where none was looked for.
	Files *Files `json:"files,omitempty"`
}

// Files says what became of the recordings below the data root.
type Files struct {
	Found int `json:"found"` // recordings, and archives of them
	Used  int `json:"used"`  // of them
	// Left are those that nothing was measured of.
	Left []Problem `json:"left"`
}

// Failed returns the rows that are below what they must reach.
func (r *Report) Failed() []Row {
	var out []Row
	for _, row := range r.Rows {
		if row.Reference != nil && !row.Reference.Pass {
			out = append(out, row)
		}
	}
	return out
}

// WriteJSON writes the report as indented JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// metricOrder is the order of the columns; metrics not listed come last in the note.
var metricOrder = []string{"accuracy", "auc", "kappa", "ece", "ece_expected", "ece_pooled", "ece_pooled_expected", "brier", "acc_at_50", "coverage", "confidence", "itr_bits_min", "itr_t_s", "letters", "sensitivity", "precision", "f1", "false_alarms", "false_alarms_day", "false_accept", "accepted", "ratio",
	"blink", "motion", "emg", "bad_contact", "gate_passed", "gate_failed", "no_answer", "unfit_answers", "answered", "read", "refused"}

// WriteText writes one table a dataset.
func (r *Report) WriteText(w io.Writer) error {
	byDataset := map[string][]Row{}
	var order []string
	for _, row := range r.Rows {
		if _, seen := byDataset[row.Dataset]; !seen {
			order = append(order, row.Dataset)
		}
		byDataset[row.Dataset] = append(byDataset[row.Dataset], row)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "neurod %s, %s, seed %d, data %s\n", r.Version, r.Go, r.Seed, r.Data)
	for _, name := range order {
		rows := byDataset[name]
		fmt.Fprintf(&b, "\n## %s\n\n", name)
		writeTable(&b, rows)
		r.writeComparisons(&b, name)
	}
	if f := r.Files; f != nil {
		fmt.Fprintf(&b, "\n%d recordings found, %d used, %d left\n", f.Found, f.Used, len(f.Left))
		for _, left := range f.Left {
			if !slices.Contains(r.Problems, left) { // those follow
				fmt.Fprintf(&b, "- %s: %s\n", left.File, left.Reason)
			}
		}
	}
	if len(r.Problems) > 0 {
		fmt.Fprintf(&b, "\n## not used\n\n")
		for _, p := range r.Problems {
			fmt.Fprintf(&b, "- %s: %s\n", p.File, p.Reason)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeComparisons writes the paired tests of a dataset.
func (r *Report) writeComparisons(b *strings.Builder, dataset string) {
	table := [][]string{{"task", "protocol", "a", "b", "test (two-sided)", "n", "accuracy a - b", "statistic", "p", "p (Holm)"}}
	for _, c := range r.Comparisons {
		if c.Dataset == dataset {
			table = append(table, c.cells())
		}
	}
	if len(table) > 1 {
		b.WriteString("\n")
		writeCells(b, table)
	}
}

func writeTable(b *strings.Builder, rows []Row) {
	used := map[string]bool{}
	timed, referenced, bounded := false, false, false
	for _, row := range rows {
		for m := range row.Metrics {
			used[m] = true
		}
		timed = timed || row.MillisPerTrial > 0
		referenced = referenced || row.Reference != nil
		bounded = bounded || row.AccuracyCI != nil
	}
	header := []string{"subject", "task", "pipeline", "protocol", "n"}
	var metrics []string
	for _, m := range metricOrder {
		if used[m] {
			metrics = append(metrics, m)
			delete(used, m)
		}
	}
	if bounded {
		header = append(header, "accuracy 95 %")
	}
	header = append(header, metrics...)
	if timed {
		header = append(header, "ms/trial")
	}
	if referenced {
		header = append(header, "reference", "must", "")
	}
	header = append(header, "note")
	table := [][]string{header}
	for _, row := range rows {
		cells := []string{row.Subject, row.Task, row.Pipeline, row.Protocol, fmt.Sprint(row.N)}
		if bounded {
			if ci := row.AccuracyCI; ci != nil {
				cells = append(cells, fmt.Sprintf("%.2f-%.2f", ci.Low, ci.High))
			} else {
				cells = append(cells, "")
			}
		}
		for _, m := range metrics {
			v, ok := row.Metrics[m]
			cells = append(cells, cell(v, ok))
		}
		if timed {
			cells = append(cells, cell(row.MillisPerTrial, row.MillisPerTrial > 0))
		}
		if referenced {
			if ref := row.Reference; ref != nil {
				mark := "ok"
				if !ref.Pass {
					mark = "BELOW"
				}
				cells = append(cells, fmt.Sprintf("%s %s", ref.Metric, cell(ref.Value, true)), cell(ref.Must, true), mark)
			} else {
				cells = append(cells, "", "", "")
			}
		}
		table = append(table, append(cells, row.Note))
	}
	writeCells(b, table)
}

// writeCells writes a table whose first row is its header.
func writeCells(b *strings.Builder, table [][]string) {
	width := make([]int, len(table[0]))
	for _, cells := range table {
		for i, c := range cells {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	for i, cells := range table {
		line := make([]string, len(cells))
		for j, c := range cells {
			line[j] = c + strings.Repeat(" ", width[j]-len([]rune(c)))
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			for j := range line {
				line[j] = strings.Repeat("-", width[j])
			}
			fmt.Fprintf(b, "| %s |\n", strings.Join(line, " | "))
		}
	}
}

func cell(v float64, ok bool) string {
	switch {
	case !ok:
		return ""
	case v == math.Trunc(v) && math.Abs(v) >= 10:
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}
