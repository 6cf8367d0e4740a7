//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/mat"
)

// python is a running reference.py, which computes what the decoders compute, on the same numbers.
type python struct {
	versions string
	dir      string
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
}

// pythonTurn is what Python says of one case: the mean time of a call and the answer of each way to compute it.
type pythonTurn struct {
	MS     map[string]float64   `json:"ms"`
	Answer map[string][]float64 `json:"answer"`
	Error  string               `json:"error"`
}

// startPython starts the reference through the virtual environment of the goldens, which it builds where it is missing.
func startPython(ctx context.Context) (*python, error) {
	dir, err := os.MkdirTemp("", "neurod-bench-*")
	if err != nil {
		return nil, err
	}
	p := &python{dir: dir, cmd: exec.CommandContext(ctx, "tools/golden/python.sh", "tools/bench/reference.py", dir)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	var hello struct {
		Versions map[string]string `json:"versions"`
	}
	if err := p.read(&hello); err != nil {
		return nil, errors.Join(err, p.close()) // its own words are on standard error
	}
	for _, name := range slices.Sorted(maps.Keys(hello.Versions)) {
		p.versions += ", " + name + " " + hello.Versions[name]
	}
	p.versions = strings.TrimPrefix(p.versions, ", ")
	return p, nil
}

func (p *python) read(v any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("python: %w", err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("python: %w in %.200q", err, line)
	}
	return nil
}

// time asks for one turn of a case, over about the given time for each way.
func (p *python) time(name string, d time.Duration) (pythonTurn, error) {
	var turn pythonTurn
	if _, err := fmt.Fprintln(p.in, name, d.Seconds()); err != nil {
		return turn, fmt.Errorf("python: %w", err)
	}
	if err := p.read(&turn); err != nil {
		return turn, err
	}
	if turn.Error != "" {
		return turn, fmt.Errorf("python: %s", turn.Error)
	}
	return turn, nil
}

func (p *python) close() error {
	return errors.Join(p.in.Close(), p.cmd.Wait(), os.RemoveAll(p.dir))
}

// workload is the data of a case for Python: arrays of any shape and settings.
type workload struct {
	kind     string // function of reference.py
	arrays   map[string]array
	settings map[string]any
}

// array is numbers row by row.
type array struct {
	shape []int
	data  []float64
}

func vector(v []float64) array { return array{[]int{len(v)}, v} }

// matrices stacks matrices of one shape; a single one keeps its two dimensions.
func matrices(list ...*mat.Dense) array {
	r, c := list[0].Dims()
	a := array{shape: []int{len(list), r, c}}
	if len(list) == 1 {
		a.shape = a.shape[1:]
	}
	for _, m := range list {
		for i := range r {
			a.data = append(a.data, m.RawRowView(i)...)
		}
	}
	return a
}

// write writes the workload in the form that reference.py reads.
func (w workload) write(dir, name string) error {
	head := map[string]any{"kind": w.kind}
	maps.Copy(head, w.settings)
	shapes := map[string][]int{}
	for key, a := range w.arrays {
		shapes[key] = a.shape
		b := make([]byte, 0, 8*len(a.data))
		for _, v := range a.data {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		if err := os.WriteFile(filepath.Join(dir, name+"."+key+".f64"), b, 0o600); err != nil {
			return err
		}
	}
	head["arrays"] = shapes
	b, err := json.Marshal(head)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), b, 0o600)
}

// difference returns the largest difference of two answers, relative to the largest number in the first; infinite where
// they differ in length or either holds what is not a number.
func difference(a, b []float64) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return math.Inf(1)
	}
	scale, worst := 0.0, 0.0
	for i, v := range a {
		d := math.Abs(v - b[i])
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return math.Inf(1)
		}
		scale, worst = max(scale, math.Abs(v)), max(worst, d)
	}
	if worst == 0 {
		return 0
	}
	return worst / scale
}
