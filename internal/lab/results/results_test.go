package results_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/lab/evaluation"
	"github.com/neurod/neurod/internal/lab/results"
)

// report has one row of each kind that the page and the pictures know.
func report() *evaluation.Report {
	ci := evaluation.Interval{Low: .7123456, High: .9, Method: "Wilson"}
	ref := func(pass bool) *evaluation.Reference {
		return &evaluation.Reference{Metric: "accuracy", Value: .8, Must: .79, Source: "somebody <else>", Pass: pass}
	}
	imagery := func(subject string, accuracy float64, r *evaluation.Reference) evaluation.Row {
		return evaluation.Row{Dataset: "motor_imagery/x", Subject: subject, Task: "left/right imagery", Pipeline: "csp_lda", Protocol: "5-fold", N: 45,
			Metrics: map[string]float64{"accuracy": accuracy, "ece": .1, "ece_expected": .09}, AccuracyCI: &ci, Reference: r, MillisPerTrial: 3.21}
	}
	mean := imagery("all (mean)", .75, nil)
	mean.Metrics["ece_pooled"], mean.Metrics["ece_pooled_expected"] = .02, .015
	small := imagery("all (mean)", .7, nil)
	small.Protocol = "10 trials a class"
	return &evaluation.Report{
		Version: "1", Go: "go1", Seed: 42, Data: "/somewhere", Libraries: map[string]string{"gonum": "v0"},
		Rows: []evaluation.Row{
			imagery("S001", .8123456, ref(true)), imagery("S002", .5, ref(false)), mean, small,
			{Dataset: "p300/x", Subject: "R02", Task: "letters", Pipeline: "xdawn_lda", Protocol: "trained on R01", N: 3, Metrics: map[string]float64{"letters": 3}, Curve: []int{0, 2, 3}},
			{Dataset: "ssvep/x", Subject: "s1", Task: "3 targets, 1 s", Pipeline: "cca", Protocol: "leave one block out", N: 24, Metrics: map[string]float64{"accuracy": .8}},
			{Dataset: "seizure/x", Subject: "all", Task: "S : rest", Pipeline: "seizure rules", Protocol: "training-free", N: 500, Metrics: map[string]float64{"sensitivity": .9, "false_accept": .1}},
			{Dataset: "seizure/y", Subject: "c", Task: "events", Pipeline: "seizure detector", Protocol: "training-free", N: 1, Metrics: map[string]float64{"sensitivity": 1, "false_alarms_day": 0}},
		},
		Comparisons: []evaluation.Comparison{{Dataset: "motor_imagery/x", Task: "left/right imagery", Protocol: "5-fold", A: "a", B: "b", Test: "exact McNemar", N: 3, P: .01, Corrected: .02}},
		Summaries: []evaluation.Summary{{Dataset: "motor_imagery/x", Task: "left/right imagery", Protocol: "5-fold", Pipeline: "csp_lda", N: 90,
			Reliability: []evaluation.ReliabilityPoint{{Confidence: .612345, Accuracy: .6, N: 60}, {Confidence: .9, Accuracy: .8, N: 30}},
			Coverage:    []evaluation.CoveragePoint{{Coverage: .5, Accuracy: .9, Confidence: .8}, {Coverage: 1, Accuracy: .7, Confidence: .5}}}},
		ROCs:     []evaluation.ROC{{Dataset: "ssvep/x", Task: "no target, 4 s", Pipeline: "fbcca", Points: []evaluation.ROCPoint{{FalsePositive: 0, TruePositive: .5}, {FalsePositive: 1, TruePositive: 1}}}},
		Problems: []evaluation.Problem{{File: "a/b.edf", Reason: "open /somewhere/a/b.edf: broken"}},
	}
}

func files(t *testing.T, r results.Results) map[string][]byte {
	t.Helper()
	f, err := r.Files()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFiguresAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	kept := results.From(report(), results.Data{Files: 3, Digest: "abc"}, "amd64")
	written := files(t, kept)
	read, err := results.Decode(written[results.File])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept, read); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if again := files(t, read); !cmp.Equal(again, written) {
		t.Error("what was read renders to other files")
	}
	text := string(written[results.File])
	for _, forbidden := range []string{"3.21", "ms_per_trial", "/somewhere", "0.8123456"} {
		if strings.Contains(text, forbidden) {
			t.Errorf("%s holds %s", results.File, forbidden)
		}
	}
	slow := report()
	slow.Rows[0].MillisPerTrial = 99
	if diff := results.Differences(kept, results.From(slow, results.Data{}, "riscv64")); diff != nil {
		t.Errorf("time or machine count as a difference: %v", diff)
	}
}

func TestDifferencesNameTheRowAndBothValues(t *testing.T) {
	t.Parallel()
	kept := results.From(report(), results.Data{}, "amd64")
	for name, tt := range map[string]struct {
		change func(*evaluation.Report)
		want   string
	}{
		"a figure":     {func(r *evaluation.Report) { r.Rows[1].Metrics["accuracy"] = .51 }, "motor_imagery/x | S002 | left/right imagery | csp_lda | 5-fold: accuracy kept 0.5, measured 0.51"},
		"an interval":  {func(r *evaluation.Report) { r.Rows[2].AccuracyCI = nil }, "all (mean) | left/right imagery"},
		"a curve":      {func(r *evaluation.Report) { r.Rows[4].Curve[0] = 1 }, "letters | xdawn_lda"},
		"a row less":   {func(r *evaluation.Report) { r.Rows = r.Rows[1:] }, "S001 | left/right imagery | csp_lda | 5-fold: kept, but not measured any more"},
		"a row more":   {func(r *evaluation.Report) { r.Rows = append(r.Rows, evaluation.Row{Dataset: "new"}) }, "new |  |  |  | : measured, but not kept"},
		"a test":       {func(r *evaluation.Report) { r.Comparisons[0].P = .5 }, "comparison 1: kept"},
		"a coverage":   {func(r *evaluation.Report) { r.Summaries[0].Coverage[0].Accuracy = .1 }, "summary 1: kept"},
		"a curve's":    {func(r *evaluation.Report) { r.ROCs = nil }, "ROC: kept 1, measured 0"},
		"a broken one": {func(r *evaluation.Report) { r.Problems[0].Reason = "gone" }, "not used 1: kept"},
		"the seed":     {func(r *evaluation.Report) { r.Seed = 7 }, "seed: kept 42, measured 7"},
	} {
		other := report()
		tt.change(other)
		diff := results.Differences(kept, results.From(other, results.Data{}, "amd64"))
		if len(diff) != 1 || !strings.Contains(diff[0], tt.want) {
			t.Errorf("%s: %q, want %q", name, diff, tt.want)
		}
	}
}

// TestPicturesAreReadable: every picture is well-formed, says what it shows in a title and a description, and writes its words
// as text.
func TestPicturesAreReadable(t *testing.T) {
	t.Parallel()
	all := files(t, results.From(report(), results.Data{}, "amd64"))
	pictures := 0
	for name, b := range all {
		if filepath.Ext(name) != ".svg" {
			continue
		}
		pictures++
		seen := map[string]string{}
		d := xml.NewDecoder(bytes.NewReader(b))
		open := ""
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch v := token.(type) {
			case xml.StartElement:
				open = v.Name.Local
			case xml.CharData:
				seen[open] += string(v)
			}
		}
		for _, e := range []string{"title", "desc", "text"} {
			if strings.TrimSpace(seen[e]) == "" {
				t.Errorf("%s has no %s", name, e)
			}
		}
		if bytes.Contains(b, []byte("NaN")) || bytes.Contains(b, []byte("Inf")) {
			t.Errorf("%s draws what is not a number", name)
		}
		if !bytes.Contains(all[results.Page], []byte("]("+name+")")) {
			t.Errorf("the page does not show %s", name)
		}
	}
	if pictures != 8 {
		t.Errorf("%d pictures of 8", pictures)
	}
	page := string(all[results.Page])
	for _, want := range []string{"1 of 2 demands are met", "**BELOW for 1 of 2**", "| S002 |", "`a/b.edf`: open DIR/a/b.edf: broken", "0 2 3"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestNothingMeasured: an empty folder gives a page without sections, and no picture.
func TestNothingMeasured(t *testing.T) {
	t.Parallel()
	r, err := evaluation.Run(t.Context(), evaluation.Config{Data: t.TempDir(), Only: []string{"p300"}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	all := files(t, results.From(r, results.Data{}, "amd64"))
	if len(all) != 2 || strings.Contains(string(all[results.Page]), "## ") {
		t.Errorf("%d files:\n%s", len(all), all[results.Page])
	}
}

func TestWriteTakesOldPicturesAway(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "results")
	r := results.From(report(), results.Data{}, "amd64")
	for range 2 {
		if err := r.Write(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "old.svg"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "old.svg")); !os.IsNotExist(err) {
		t.Errorf("old.svg: %v", err)
	}
	if back, err := results.Read(dir); err != nil || len(back.Rows) != len(r.Rows) {
		t.Errorf("%d rows, %v", len(back.Rows), err)
	}
}

func TestFolderTellsRecordingsApart(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := func() results.Data {
		t.Helper()
		d, err := results.Folder(root)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	write("p300/a/x.csv", "12345")
	one := folder()
	write("README.md", "words beside the recordings")
	if again := folder(); again != one || one.Files != 1 || one.Bytes != 5 {
		t.Errorf("%+v, then %+v", one, again)
	}
	write("p300/a/y.csv", "1")
	if two := folder(); two.Digest == one.Digest || two.Files != 2 {
		t.Errorf("%+v", two)
	}
}

// TestWhichMethodHasItsFigures: the table of docs/25-which-method.md is that of the figures that are kept.
func TestWhichMethodHasItsFigures(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "..", "docs")
	kept, err := results.Read(filepath.Join(docs, "results"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(docs, "25-which-method.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, n := range []int{0, 5, 10, 14} {
		cells := []string{strconv.Itoa(n)}
		for _, pipeline := range []string{evaluation.OnTopAlone, evaluation.OnTopStrangers, evaluation.OnTopOthers} {
			cell := "–"
			for _, r := range kept.Rows {
				if r.Subject == "all (mean)" && r.Pipeline == pipeline && r.Protocol == evaluation.OnTopProtocol(n) {
					cell = fmt.Sprintf("%.3f", r.Metrics["accuracy"])
					found++
				}
			}
			cells = append(cells, cell)
		}
		if line := "| " + strings.Join(cells, " | ") + " |"; !bytes.Contains(page, []byte(line+"\n")) {
			t.Errorf("the page lacks the line %s", line)
		}
	}
	if found != 10 {
		t.Errorf("%d figures are kept, of 10", found)
	}
}
