// Package results keeps what an evaluation measured in docs/results: results.json holds every figure that does not depend on
// time, rounded, and the page and the pictures are rendered from that file alone.
//
// Invariants: the same results.json renders to the same bytes; an evaluation of the same recordings with the same seed gives
// the same results.json on the same kind of processor, whatever their number. Others add in another order or fuse
// multiplications with additions, which moves the last bits of a figure and now and then a decision, so there only what a
// row must reach is compared.
package results

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/cpu"

	"github.com/neurod/neurod/internal/lab/evaluation"
)

// File is the name of the figures within the folder; Page that of the page made from them.
const (
	File = "results.json"
	Page = "README.md"
)

// digits is how many decimals figures keep: more than any number of trials here can tell.
const digits = 4

// Results are the figures of one evaluation.
type Results struct {
	Made        Made                    `json:"made"`
	Data        Data                    `json:"data"`
	Seed        uint64                  `json:"seed"`
	Rows        []evaluation.Row        `json:"rows"`
	Comparisons []evaluation.Comparison `json:"comparisons"`
	Summaries   []evaluation.Summary    `json:"summaries"`
	ROCs        []evaluation.ROC        `json:"rocs"`
	Problems    []evaluation.Problem    `json:"problems"`
}

// Made says with what the figures were made. It is not compared.
type Made struct {
	Go        string            `json:"go"`
	Processor string            `json:"processor"`
	Libraries map[string]string `json:"libraries"`
}

// Processor names what decides how sums are rounded: the architecture and the vectors that decoders use.
func Processor() string {
	if cpu.X86.HasAVX {
		return runtime.GOARCH + " with AVX"
	}
	return runtime.GOARCH
}

// Data names the recordings: their number, size, and a digest of their names and sizes.
type Data struct {
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"`
}

// Folder is the Data of a folder of recordings.
func Folder(root string) (Data, error) {
	var d Data
	h := sha256.New()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(filepath.ToSlash(strings.TrimPrefix(path, root)[1:]), "/") {
			return err // what lies beside the folders of the families is not a recording
		}
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		d.Files++
		d.Bytes += st.Size()
		fmt.Fprintf(h, "%s %d\n", filepath.ToSlash(rel), st.Size())
		return nil
	})
	d.Digest = fmt.Sprintf("%x", h.Sum(nil)[:8])
	return d, err
}

// From takes what does not depend on time from a report, rounded.
func From(r *evaluation.Report, data Data, processor string) Results {
	out := Results{
		Made: Made{Go: r.Go, Processor: processor, Libraries: r.Libraries}, Data: data, Seed: r.Seed,
		Comparisons: []evaluation.Comparison{}, Summaries: []evaluation.Summary{}, ROCs: []evaluation.ROC{}, Problems: []evaluation.Problem{}, Rows: []evaluation.Row{},
	}
	for _, row := range r.Rows {
		row.MillisPerTrial, row.Coverage = 0, nil // the curves are kept over everybody
		row.Metrics = maps.Clone(row.Metrics)
		for k, v := range row.Metrics {
			row.Metrics[k] = round(v)
		}
		if row.AccuracyCI != nil {
			ci := *row.AccuracyCI
			ci.Low, ci.High = round(ci.Low), round(ci.High)
			row.AccuracyCI = &ci
		}
		if row.Reference != nil {
			ref := *row.Reference
			ref.Value, ref.Must = round(ref.Value), round(ref.Must)
			row.Reference = &ref
		}
		out.Rows = append(out.Rows, row)
	}
	for _, c := range r.Comparisons {
		c.Difference, c.Statistic, c.P, c.Corrected = round(c.Difference), round(c.Statistic), round(c.P), round(c.Corrected)
		out.Comparisons = append(out.Comparisons, c)
	}
	for _, s := range r.Summaries {
		s.Reliability, s.Coverage = slices.Clone(s.Reliability), slices.Clone(s.Coverage)
		for i, p := range s.Reliability {
			s.Reliability[i].Confidence, s.Reliability[i].Accuracy = round(p.Confidence), round(p.Accuracy)
		}
		for i, p := range s.Coverage {
			s.Coverage[i] = evaluation.CoveragePoint{Coverage: round(p.Coverage), Accuracy: round(p.Accuracy), Confidence: round(p.Confidence)}
		}
		out.Summaries = append(out.Summaries, s)
	}
	for _, c := range r.ROCs {
		c.Points = slices.Clone(c.Points)
		for i, p := range c.Points {
			c.Points[i] = evaluation.ROCPoint{FalsePositive: round(p.FalsePositive), TruePositive: round(p.TruePositive)}
		}
		out.ROCs = append(out.ROCs, c)
	}
	for _, p := range r.Problems {
		p.Reason = strings.ReplaceAll(p.Reason, r.Data, "DIR")
		out.Problems = append(out.Problems, p)
	}
	return out
}

func round(v float64) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale)/scale + 0 // no -0
}

// Encode writes the figures as JSON, one row a line, so that a change shows as the lines it changes.
func (r Results) Encode() ([]byte, error) {
	var b bytes.Buffer
	line := func(v any) error {
		raw, err := json.Marshal(v)
		b.Write(raw)
		return err
	}
	list := func(name string, n int, item func(i int) any) error {
		fmt.Fprintf(&b, "%q: [", name)
		for i := range n {
			b.WriteString(map[bool]string{true: "\n", false: ",\n"}[i == 0])
			if err := line(item(i)); err != nil {
				return err
			}
		}
		b.WriteString("\n]")
		return nil
	}
	b.WriteString("{\n\"made\": ")
	if err := line(r.Made); err != nil {
		return nil, err
	}
	b.WriteString(",\n\"data\": ")
	if err := line(r.Data); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, ",\n\"seed\": %d,\n", r.Seed)
	for i, l := range []struct {
		name string
		n    int
		item func(int) any
	}{
		{"rows", len(r.Rows), func(i int) any { return r.Rows[i] }},
		{"comparisons", len(r.Comparisons), func(i int) any { return r.Comparisons[i] }},
		{"summaries", len(r.Summaries), func(i int) any { return r.Summaries[i] }},
		{"rocs", len(r.ROCs), func(i int) any { return r.ROCs[i] }},
		{"problems", len(r.Problems), func(i int) any { return r.Problems[i] }},
	} {
		if i > 0 {
			b.WriteString(",\n")
		}
		if err := list(l.name, l.n, l.item); err != nil {
			return nil, err
		}
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

// Decode reads what Encode wrote.
func Decode(b []byte) (Results, error) {
	var r Results
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("%s: %w", File, err)
	}
	return r, nil
}

// Read reads the figures of a folder.
func Read(folder string) (Results, error) {
	b, err := os.ReadFile(filepath.Join(folder, File))
	if err != nil {
		return Results{}, err
	}
	return Decode(b)
}

// Files are all files of the folder by name: the figures, the page and the pictures.
func (r Results) Files() (map[string][]byte, error) {
	raw, err := r.Encode()
	if err != nil {
		return nil, err
	}
	out := r.pictures()
	out[File], out[Page] = raw, r.page()
	return out, nil
}

// Write makes the folder hold the files of Files and nothing else.
func (r Results) Write(folder string) error {
	files, err := r.Files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	old, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, f := range old {
		if _, kept := files[f.Name()]; !kept && strings.HasSuffix(f.Name(), ".svg") {
			if err := os.Remove(filepath.Join(folder, f.Name())); err != nil {
				return err
			}
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Differences lists where figures that were measured again are not those that were kept: each row with the figure and both values.
func Differences(kept, measured Results) []string {
	var out []string
	if kept.Seed != measured.Seed {
		out = append(out, fmt.Sprintf("seed: kept %d, measured %d", kept.Seed, measured.Seed))
	}
	now := map[string]evaluation.Row{}
	for _, r := range measured.Rows {
		now[rowName(r)] = r
	}
	then := map[string]bool{}
	for _, r := range kept.Rows {
		name := rowName(r)
		then[name] = true
		m, ok := now[name]
		if !ok {
			out = append(out, name+": kept, but not measured any more")
			continue
		}
		before := len(out)
		for _, k := range slices.Sorted(maps.Keys(r.Metrics)) {
			if v, ok := m.Metrics[k]; !ok || v != r.Metrics[k] {
				out = append(out, fmt.Sprintf("%s: %s kept %v, measured %v", name, k, r.Metrics[k], v))
			}
		}
		if len(out) == before {
			out = append(out, differs(name, r, m)...)
		}
	}
	for _, r := range measured.Rows {
		if !then[rowName(r)] {
			out = append(out, rowName(r)+": measured, but not kept")
		}
	}
	out = append(out, eachDiffers("comparison", kept.Comparisons, measured.Comparisons)...)
	out = append(out, eachDiffers("summary", kept.Summaries, measured.Summaries)...)
	out = append(out, eachDiffers("ROC", kept.ROCs, measured.ROCs)...)
	return append(out, eachDiffers("not used", kept.Problems, measured.Problems)...)
}

func rowName(r evaluation.Row) string {
	return strings.Join([]string{r.Dataset, r.Subject, r.Task, r.Pipeline, r.Protocol}, " | ")
}

// eachDiffers compares lists item by item.
func eachDiffers[T any](what string, kept, measured []T) []string {
	if len(kept) != len(measured) {
		return []string{fmt.Sprintf("%s: kept %d, measured %d", what, len(kept), len(measured))}
	}
	var out []string
	for i := range kept {
		out = append(out, differs(fmt.Sprintf("%s %d", what, i+1), kept[i], measured[i])...)
	}
	return out
}

func differs(name string, kept, measured any) []string {
	a, errA := json.Marshal(kept)
	b, errB := json.Marshal(measured)
	if errA == nil && errB == nil && bytes.Equal(a, b) {
		return nil
	}
	return []string{fmt.Sprintf("%s: kept %s, measured %s", name, a, b)}
}
