package catalog_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
)

func ptr[T any](v T) *T { return &v }

func exampleCard() catalog.ModelCard {
	return catalog.ModelCard{
		Summary:     "Tells left from right by mean & threshold <example>.",
		Data:        []catalog.DataSource{{Name: "seeded noise", Licence: "CC0"}},
		Subjects:    3,
		Trials:      120,
		TrainedWith: catalog.TrainedWith{Pipeline: "mean_threshold", Config: json.RawMessage(`{"scale":2}`), Seed: 7},
		Evaluations: []catalog.Evaluation{{Protocol: "leave one subject out", Accuracy: ptr(0.75), Chance: 0.5, Subjects: 3, Trials: 120}},
		Calibration: []catalog.Calibration{{Protocol: "leave one subject out", Method: "platt", ECE: 0.04, Brier: ptr(0.17)}},
		IntendedUse: "tests",
		Limits:      []string{"everything else"},
	}
}

func exampleState() decoders.State {
	return decoders.State{
		Pipeline: "mean_threshold",
		Classes:  []string{"left", "right"},
		Channels: []string{"C3", "C4"},
		Rate:     250,
		Config:   json.RawMessage(`{"scale":2}`),
		Arrays: map[string]decoders.Array{
			"threshold": {Shape: []int{}, Data: []float64{0.5}},
			"weights":   {Shape: []int{2, 3}, Data: []float64{1, -2.25, math.Pi, 1e-300, -1e300, 0}},
		},
	}
}

func write(t testing.TB, name, version string, st decoders.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := catalog.Write(&b, eeg.MotorImagery, name, version, exampleCard(), st); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func codeOf(err error) string {
	var e *decoders.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestWrittenModelLoadsUnchanged(t *testing.T) {
	t.Parallel()
	st := exampleState()
	b := write(t, "motor_imagery-test", "2", st)
	m, err := catalog.Load(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(st, m.State); diff != "" {
		t.Errorf("state (-written +loaded):\n%s", diff)
	}
	if diff := cmp.Diff(exampleCard(), m.Card); diff != "" {
		t.Errorf("card (-written +loaded):\n%s", diff)
	}
	sum := sha256.Sum256(b[:len(b)-32])
	if m.Name != "motor_imagery-test" || m.Version != "2" || m.Paradigm != eeg.MotorImagery ||
		m.Size != int64(len(b)) || m.SHA256 != fmt.Sprintf("%x", sum) {
		t.Errorf("loaded %s %s of %d bytes, %s", m.ID(), m.Paradigm, m.Size, m.SHA256)
	}
	if again := write(t, "motor_imagery-test", "2", m.State); !bytes.Equal(b, again) {
		t.Error("the loaded model is written to other bytes")
	}
}

func TestFloat32ModelRoundsItsArrays(t *testing.T) {
	t.Parallel()
	st := exampleState()
	st.Arrays = map[string]decoders.Array{"a": {Shape: []int{3}, Data: []float64{1.5, math.Pi, -1e-3}}}
	var b bytes.Buffer
	if err := catalog.WriteFloat32(&b, eeg.MotorImagery, "x", "1", catalog.ModelCard{}, st); err != nil {
		t.Fatal(err)
	}
	m, err := catalog.Load(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range st.Arrays["a"].Data {
		if got := m.State.Arrays["a"].Data[i]; got != float64(float32(v)) {
			t.Errorf("number %d: %v, want %v", i, got, float64(float32(v)))
		}
	}
}

func TestWriteRefusesWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(name, version *string, p *eeg.Paradigm, st *decoders.State){
		"empty name":         func(n, _ *string, _ *eeg.Paradigm, _ *decoders.State) { *n = "" },
		"name with a slash":  func(n, _ *string, _ *eeg.Paradigm, _ *decoders.State) { *n = "../x" },
		"name with an at":    func(n, _ *string, _ *eeg.Paradigm, _ *decoders.State) { *n = "a@1" },
		"version of letters": func(_, v *string, _ *eeg.Paradigm, _ *decoders.State) { *v = "latest" },
		"version 01":         func(_, v *string, _ *eeg.Paradigm, _ *decoders.State) { *v = "01" },
		"paradigm auto":      func(_, _ *string, p *eeg.Paradigm, _ *decoders.State) { *p = eeg.Auto },
		"no pipeline":        func(_, _ *string, _ *eeg.Paradigm, st *decoders.State) { st.Pipeline = "" },
		"class twice":        func(_, _ *string, _ *eeg.Paradigm, st *decoders.State) { st.Classes = []string{"a", "a"} },
		"negative rate":      func(_, _ *string, _ *eeg.Paradigm, st *decoders.State) { st.Rate = -1 },
		"NaN": func(_, _ *string, _ *eeg.Paradigm, st *decoders.State) {
			st.Arrays["n"] = decoders.Array{Shape: []int{1}, Data: []float64{math.NaN()}}
		},
		"shape too small": func(_, _ *string, _ *eeg.Paradigm, st *decoders.State) {
			st.Arrays["n"] = decoders.Array{Shape: []int{2}, Data: []float64{1, 2, 3}}
		},
		"shape too large": func(_, _ *string, _ *eeg.Paradigm, st *decoders.State) {
			st.Arrays["n"] = decoders.Array{Shape: []int{1 << 31, 1 << 31, 1 << 31}, Data: []float64{1, 2, 3}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, v, p, st := "model", "1", eeg.MotorImagery, exampleState()
			change(&n, &v, &p, &st)
			var b bytes.Buffer
			err := catalog.Write(&b, p, n, v, exampleCard(), st)
			if codeOf(err) != catalog.CodeModelMalformed || b.Len() != 0 {
				t.Errorf("error %v, %d bytes written", err, b.Len())
			}
		})
	}
}

// seal gives a file the right checksum, so that a test reaches what lies behind that check.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b[:len(b)-32])
	return append(bytes.Clone(b[:len(b)-32]), sum[:]...)
}

// build makes a file of a header and a body without the care that Write takes.
func build(header string, body []byte) []byte {
	b := append([]byte("NRDMODEL"), 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(header)))
	b = append(b, header...)
	b = append(b, body...)
	return seal(append(b, make([]byte, 32)...))
}

func TestLoadRefusesDamagedFiles(t *testing.T) {
	t.Parallel()
	good := write(t, "model", "1", exampleState())
	if _, err := catalog.Parse(good); err != nil {
		t.Fatal(err)
	}
	withArrays := func(arrays string) string {
		return `{"name":"m","version":"1","paradigm":"p300","pipeline":"x","arrays":` + arrays + `}`
	}
	for _, tc := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "not a model file"},
		{"only magic", []byte("NRDMODEL"), "not a model file"},
		{"another file", bytes.Repeat([]byte("PK\x03\x04"), 50), "not a model file"},
		{"cut off", good[:len(good)-9], "checksum"},
		{"one bit", func() []byte { b := bytes.Clone(good); b[len(b)/2] ^= 4; return b }(), "checksum"},
		{"next version", func() []byte { b := bytes.Clone(good); b[8] = 2; return seal(b) }(), "version 2 is unknown"},
		{"header longer than file", func() []byte {
			b := bytes.Clone(good)
			binary.LittleEndian.PutUint64(b[12:], math.MaxUint64-3)
			return seal(b)
		}(), "claims"},
		{"no JSON", build(`{"name":`, nil), "not the JSON"},
		{"no name", build(`{}`, nil), "name"},
		{"unknown dtype", build(withArrays(`[{"name":"a","dtype":"object","shape":[1],"offset":128}]`), make([]byte, 300)), "dtype"},
		{"array outside", build(withArrays(`[{"name":"a","dtype":"float64","shape":[1],"offset":6400}]`), make([]byte, 300)), "offset"},
		{"negative offset", build(withArrays(`[{"name":"a","dtype":"float64","shape":[1],"offset":-64}]`), make([]byte, 300)), "offset"},
		{"array in the header", build(withArrays(`[{"name":"a","dtype":"float64","shape":[1],"offset":64}]`), make([]byte, 300)), "offset"},
		{"odd offset", build(withArrays(`[{"name":"a","dtype":"float64","shape":[1],"offset":193}]`), make([]byte, 300)), "offset"},
		{"claims more numbers than bytes", build(withArrays(`[{"name":"a","dtype":"float64","shape":[4000000000],"offset":192}]`), make([]byte, 300)), "does not fit"},
		{"product overflows", build(withArrays(`[{"name":"a","dtype":"float64","shape":[4294967296,4294967296,4294967296],"offset":192}]`), make([]byte, 300)), "does not fit"},
		{"negative shape", build(withArrays(`[{"name":"a","dtype":"float64","shape":[-1],"offset":192}]`), make([]byte, 300)), "shape"},
		{"same bytes twice", build(withArrays(`[{"name":"a","dtype":"float64","shape":[1],"offset":256},{"name":"b","dtype":"float64","shape":[1],"offset":256}]`), make([]byte, 300)), "offset"},
		{"same name twice", build(withArrays(`[{"name":"a","dtype":"float64","shape":[1],"offset":256},{"name":"a","dtype":"float64","shape":[1],"offset":320}]`), make([]byte, 300)), "twice"},
		{"bytes left over", build(withArrays(`[]`), make([]byte, 8)), "after the last array"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m, err := catalog.Load(bytes.NewReader(tc.file))
			if m != nil || codeOf(err) != catalog.CodeModelMalformed || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got model %v, error %v; want an error with %q", m, err, tc.want)
			}
		})
	}
}

// TestLoadAllocatesInProportion feeds headers with absurd claims and counts what Load allocates.
func TestLoadAllocatesInProportion(t *testing.T) {
	var arrays []string
	for i := range 200 {
		arrays = append(arrays, fmt.Sprintf(`{"name":"a%d","dtype":"float64","shape":[1000000],"offset":%d}`, i, 65536+64*i))
	}
	b := build(`{"name":"m","version":"1","paradigm":"p300","pipeline":"x","arrays":[`+strings.Join(arrays, ",")+`]}`, make([]byte, 100_000))
	got := testing.Benchmark(func(b2 *testing.B) {
		b2.ReportAllocs()
		for range b2.N {
			if _, err := catalog.Parse(b); err == nil {
				b2.Fatal("accepted")
			}
		}
	}).AllocedBytesPerOp()
	if limit := int64(3 * len(b)); got > limit {
		t.Errorf("%d bytes allocated for a file of %d, limit %d", got, len(b), limit)
	}
}

func FuzzParse(f *testing.F) {
	good := write(f, "model", "1", exampleState())
	f.Add(good)
	f.Add(good[:40])
	f.Add(build(`{"name":"m","version":"1","paradigm":"p300","pipeline":"x","arrays":[{"name":"a","dtype":"float32","shape":[2],"offset":192}]}`, make([]byte, 64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 60 {
			b = seal(b) // or no input would get past the checksum
		}
		m, err := catalog.Parse(b)
		if err != nil {
			if codeOf(err) != catalog.CodeModelMalformed {
				t.Fatalf("error without code: %v", err)
			}
			return
		}
		var numbers int
		for _, a := range m.State.Arrays {
			numbers += len(a.Data)
		}
		if 4*numbers > len(b) {
			t.Fatalf("%d numbers from %d bytes", numbers, len(b))
		}
		var again bytes.Buffer
		if err := catalog.Write(&again, m.Paradigm, m.Name, m.Version, m.Card, m.State); err != nil {
			t.Fatalf("a loaded model cannot be written: %v", err)
		}
	})
}

// TestMutatedFilesNeverPanic changes bytes at random and repairs the checksum.
func TestMutatedFilesNeverPanic(t *testing.T) {
	t.Parallel()
	good := write(t, "model", "1", exampleState())
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for range 5000 {
		b := bytes.Clone(good)
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b)-32)] = byte(rng.UintN(256))
		}
		if rng.IntN(4) == 0 {
			b = b[:60+rng.IntN(len(b)-60)]
		}
		if _, err := catalog.Parse(seal(b)); err != nil {
			refused++
			if codeOf(err) != catalog.CodeModelMalformed {
				t.Fatalf("seed %d: error without code: %v", seed, err)
			}
		}
	}
	if refused < 1000 {
		t.Errorf("seed %d: only %d of 5000 mutations refused", seed, refused)
	}
}

// pythonOf returns the Python program that a document shows.
func pythonOf(t *testing.T, document string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(document))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```python\n")
	program, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("%s has no Python program", document)
	}
	return program
}

// TestPythonReadsAModel runs the program printed in README.md and in docs/04-decoders.md, which is also in the package
// comment, by an interpreter that sees nothing but the standard library.
func TestPythonReadsAModel(t *testing.T) {
	t.Parallel()
	program := pythonOf(t, "README.md")
	if pythonOf(t, "../../docs/04-decoders.md") != program {
		t.Error("README.md and docs/04-decoders.md show different programs")
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(program), "\n") {
		if !strings.Contains(string(doc), "//\t"+line+"\n") {
			t.Errorf("the package comment lacks the line %q", line)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("*** PYTHON3 IS NOT INSTALLED: that Python reads a model file was not tested ***")
	}
	file := filepath.Join(t.TempDir(), "model.nrdm")
	st := exampleState()
	b := write(t, "model", "1", st)
	run := func() (string, error) {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(python, "-I", "-S", "-c", program+"\nprint(json.dumps({k: list(v) for k, v in arrays.items()}))\nprint(header['card']['summary'])", file).CombinedOutput()
		return string(out), err
	}
	out, err := run()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first, second, _ := strings.Cut(out, "\n")
	var arrays map[string][]float64
	if err := json.Unmarshal([]byte(first), &arrays); err != nil {
		t.Fatalf("%v in %q", err, first)
	}
	for name, a := range st.Arrays {
		if diff := cmp.Diff(a.Data, arrays[name]); diff != "" {
			t.Errorf("array %s (-written +read by Python):\n%s", name, diff)
		}
	}
	if strings.TrimSpace(second) != exampleCard().Summary {
		t.Errorf("summary %q", second)
	}
	b[len(b)-40] ^= 1
	if out, err := run(); err == nil || !strings.Contains(out, "checksum") {
		t.Errorf("a damaged file was read: %v %s", err, out)
	}
}

// TestPythonReadsTheBuiltInModels holds every number of the models inside the program to what Python reads.
func TestPythonReadsTheBuiltInModels(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("*** PYTHON3 IS NOT INSTALLED: that Python reads the built-in models was not tested ***")
	}
	files, err := filepath.Glob("builtin/*.nrdm")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	program := pythonOf(t, "README.md") + "\nprint(json.dumps({k: list(v) for k, v in arrays.items()}))"
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := catalog.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(python, "-I", "-S", "-c", program, file).Output()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var got map[string][]float64
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(m.State.Arrays) {
			t.Errorf("%s: Python finds %d arrays of %d", file, len(got), len(m.State.Arrays))
		}
		for name, a := range m.State.Arrays {
			if !cmp.Equal(a.Data, got[name]) {
				t.Errorf("%s: array %s differs", file, name)
			}
		}
	}
}
