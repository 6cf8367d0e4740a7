//go:build unix

package main

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestDifference(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []float64
		want float64
	}{
		{"equal", []float64{1, -4}, []float64{1, -4}, 0},
		{"relative to the largest", []float64{1, -4}, []float64{1.2, -4}, .05},
		{"all zero", []float64{0, 0}, []float64{0, 0}, 0},
		{"zero against something", []float64{0}, []float64{1e-9}, math.Inf(1)},
		{"other lengths", []float64{1, 2}, []float64{1}, math.Inf(1)},
		{"nothing", nil, nil, math.Inf(1)},
		{"not a number", []float64{1, 2}, []float64{1, math.NaN()}, math.Inf(1)},
		{"both infinite", []float64{math.Inf(1)}, []float64{math.Inf(1)}, math.Inf(1)},
	} {
		if got := difference(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	turn := func(ref, library float64, answer ...float64) pythonTurn {
		return pythonTurn{MS: map[string]float64{reference: ref, "a library": library},
			Answer: map[string][]float64{reference: answer, "a library": {1}}}
	}
	for _, c := range []struct {
		name  string
		own   []float64
		turns []pythonTurn
		want  []string // in the line of the reference
		not   string
	}{
		// The ratio is the median of the turns' ratios: 20, 10 and 1.
		{"enough", []float64{1, 1, 10}, []pythonTurn{turn(20, 5, 1, 2), turn(10, 5, 1, 2), turn(10, 5, 1, 2)}, []string{"10.000 ms", "10.0 times", ": ok"}, "DIFFER"},
		{"too little", []float64{1}, []pythonTurn{turn(9.9, 5, 1, 2)}, []string{"9.9 times", "MISSED"}, "DIFFER"},
		{"another answer", []float64{1}, []pythonTurn{turn(99, 5, 1, 2.1)}, []string{"THE ANSWERS DIFFER"}, "ok"},
		{"another answer once", []float64{1, 1}, []pythonTurn{turn(99, 5, 1, 2), turn(99, 5, 1, 3)}, []string{"THE ANSWERS DIFFER"}, "ok"},
		{"half an answer", []float64{1}, []pythonTurn{turn(99, 5, 1)}, []string{"THE ANSWERS DIFFER"}, "ok"},
		{"no answer", []float64{1}, []pythonTurn{turn(99, 5)}, []string{"THE ANSWERS DIFFER"}, "ok"},
	} {
		lines := compare(c.own, c.turns, []float64{1, 2}, exact)
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "Python reference") {
			t.Fatalf("%s: %q does not begin with the reference", c.name, lines)
		}
		for _, want := range c.want {
			if !strings.Contains(lines[0], want) {
				t.Errorf("%s: %q has no %q", c.name, lines[0], want)
			}
		}
		if strings.Contains(lines[0], c.not) {
			t.Errorf("%s: %q has %q", c.name, lines[0], c.not)
		}
		// What a library answers of the whole agrees, and nothing is asked of its time.
		if strings.Contains(lines[1], "DIFFER") || strings.Contains(lines[1], "MISSED") || !strings.Contains(lines[1], "within 0e+00") {
			t.Errorf("%s: %q", c.name, lines[1])
		}
	}
}

func TestWorkload(t *testing.T) {
	dir := t.TempDir()
	a, b := mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6}), mat.NewDense(2, 3, []float64{7, 8, 9, 10, 11, math.Pi})
	// A view does not lie in memory row by row.
	view := b.Slice(0, 2, 1, 3).(*mat.Dense)
	w := workload{"kind", map[string]array{"one": matrices(view), "both": matrices(a, b)}, map[string]any{"rate": 250}}
	if err := w.write(dir, "case"); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var head struct {
		Kind   string           `json:"kind"`
		Rate   float64          `json:"rate"`
		Arrays map[string][]int `json:"arrays"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		t.Fatal(err)
	}
	if head.Kind != "kind" || head.Rate != 250 || len(head.Arrays["one"]) != 2 || len(head.Arrays["both"]) != 3 {
		t.Errorf("head %s", raw)
	}
	for name, want := range map[string][]float64{"one": {8, 9, 11, math.Pi}, "both": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, math.Pi}} {
		raw, err := os.ReadFile(filepath.Join(dir, "case."+name+".f64"))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, len(raw)/8)
		for i := range got {
			got[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
		}
		if difference(want, got) != 0 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestNoPython holds that a machine without Python, or with one that ends too early, leaves that half out and nothing else.
func TestNoPython(t *testing.T) {
	t.Chdir("../..")
	c := decoderCases()[0]
	t.Setenv("GOLDEN_PYTHON", filepath.Join(t.TempDir(), "no-python"))
	if py, err := startPython(t.Context()); err == nil {
		_ = py.close()
		t.Fatal("a Python that is not there was started")
	}
	if err := benchDecoder(t.Context(), c, nil); err != nil {
		t.Error(err)
	}

	short := filepath.Join(t.TempDir(), "short-python")
	if err := os.WriteFile(short, []byte("#!/bin/sh\necho '{\"versions\": {\"python\": \"3.11\"}}'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOLDEN_PYTHON", short)
	py, err := startPython(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := benchDecoder(t.Context(), c, py); err != nil {
		t.Error(err)
	}
	if err := py.close(); err != nil {
		t.Error(err)
	}
}

// TestReference computes every case once on both sides, where the virtual environment of the goldens is there.
func TestReference(t *testing.T) {
	t.Chdir("../..")
	if os.Getenv("GOLDEN_PYTHON") == "" {
		if _, err := os.Stat("dist/golden/requirements.txt"); err != nil {
			t.Skip("no virtual environment; tools/golden/python.sh builds it")
		}
	}
	py, err := startPython(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := py.close(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range decoderCases() {
		tr, err := c.make(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := tr.call(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := tr.work.write(py.dir, c.key); err != nil {
			t.Fatal(err)
		}
		turn, err := py.time(c.key, 0)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, line := range compare([]float64{1}, []pythonTurn{turn}, tr.answer(), cmp.Or(tr.within, exact)) {
			if strings.Contains(line, "DIFFER") {
				t.Errorf("%s: %s", c.name, line)
			}
		}
	}
	if _, err := py.time("../none", 0); err == nil || !strings.Contains(err.Error(), "FileNotFoundError") {
		t.Errorf("a case that is not there: %v", err)
	}
}
