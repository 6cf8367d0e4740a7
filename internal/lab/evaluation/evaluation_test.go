package evaluation

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders/synthetic"
)

// speller writes a synthetic speller run as a buffer with its header and events.
func speller(t *testing.T, dir, name, text string, seed uint64) {
	t.Helper()
	s, err := synthetic.Speller(synthetic.Config{Seed: seed, Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "PO7", "Oz", "PO8"}, Rate: 128},
		synthetic.SpellerConfig{Text: text, Repetitions: 10, P300UV: 25})
	if err != nil {
		t.Fatal(err)
	}
	header, err := json.Marshal(map[string]any{"sample_rate": s.Rate, "channels": s.Channels, "samples": s.Samples(), "units": "uV", "encoding": "float32le", "layout": "sample_major"})
	if err != nil {
		t.Fatal(err)
	}
	var events strings.Builder
	events.WriteString("sample,onset_s,code,label,target\n")
	for i, ev := range s.Events {
		target := 0
		if s.Targets[i] {
			target = 1
		}
		fmt.Fprintf(&events, "%d,%v,%d,flash,%d\n", int(ev.Onset*s.Rate+.5), ev.Onset, ev.Code, target)
	}
	write(t, filepath.Join(dir, name+".f32"), float32s(s))
	write(t, filepath.Join(dir, name+".json"), header)
	write(t, filepath.Join(dir, name+".events.csv"), []byte(events.String()))
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSpellerFolderOfUnknownNames spells a synthetic session that no table of ours has ever named.
func TestSpellerFolderOfUnknownNames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	speller(t, filepath.Join(root, "p300", "somewhere"), "XYZ9R01", "CAT", 1)
	speller(t, filepath.Join(root, "p300", "somewhere"), "XYZ9R02", "DOG", 2)
	r, err := Run(t.Context(), Config{Data: root, Only: []string{"p300"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 {
		t.Errorf("problems: %v", r.Problems)
	}
	found := false
	for _, row := range r.Rows {
		if row.Task == "letters" && row.Pipeline == "xdawn_lda" {
			found = true
			if row.Dataset != "p300/somewhere" || row.Subject != "XYZ9R02" || row.Metrics["letters"] != 3 {
				t.Errorf("%+v", row)
			}
		}
	}
	if !found {
		t.Errorf("no letters in %+v", r.Rows)
	}

	// Without times families run at once, and give the same in the same order.
	write(t, filepath.Join(root, "formats", "edf", "x.edf"), []byte("this is not a recording"))
	untimed, err := Run(t.Context(), Config{Data: root, Only: []string{"p300", "formats"}, Untimed: true, Parallel: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Rows {
		r.Rows[i].MillisPerTrial = 0
	}
	n := len(r.Rows)
	if len(untimed.Rows) <= n || untimed.Rows[n].Dataset != "formats/edf" {
		t.Fatalf("%d rows with p300 alone, with formats behind them %+v", n, untimed.Rows)
	}
	if d := cmp.Diff(r.Rows, untimed.Rows[:n]); d != "" {
		t.Errorf("rows (-timed +untimed):\n%s", d)
	}
	if d := cmp.Diff(r.Comparisons, untimed.Comparisons); d != "" {
		t.Errorf("comparisons (-timed +untimed):\n%s", d)
	}
}

// TestBrokenFilesAreListed keeps the rest of a folder measured when files in it are broken.
func TestBrokenFilesAreListed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, f := range []string{"motor_imagery/a/S1.zip", "motor_imagery/b/x.gdf", "p300/a/x.f32", "p300/b/y.csv", "ssvep/a/x.gdf", "ssvep/b/z.csv",
		"seizure/bonn/S.zip", "seizure/c/x.f32", "artifacts/a/x.csv", "formats/edf/x.edf", "malformed/y.bdf"} {
		write(t, filepath.Join(root, filepath.FromSlash(f)), []byte("this is not a recording"))
	}
	r, err := Run(t.Context(), Config{Data: root, Only: slices.DeleteFunc(Families(), func(f string) bool { return f == "synthetic" })})
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, p := range r.Problems {
		listed[p.File] = true
		if p.Reason == "" {
			t.Errorf("%s has no reason", p.File)
		}
	}
	if len(listed) < 11 {
		t.Errorf("only %d problems: %v", len(listed), r.Problems)
	}
	var text, js bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Error(err)
	}
	if err := r.WriteJSON(&js); err != nil {
		t.Error(err)
	}
	if !json.Valid(js.Bytes()) || !strings.Contains(text.String(), "not used") {
		t.Errorf("%s\n%s", text.String(), js.String())
	}
}

func TestUnknownFamilyAndFolder(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Config{Data: t.TempDir(), Only: []string{"telepathy"}}); err == nil || !strings.Contains(err.Error(), "telepathy") {
		t.Errorf("got %v", err)
	}
	if _, err := Run(t.Context(), Config{Data: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a missing folder was measured")
	}
}

func float32s(s synthetic.Session) []byte {
	var b []byte
	rows, n := s.Data.Dims()
	for k := range n {
		for i := range rows {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(s.Data.At(i, k))))
		}
	}
	return b
}

// TestOneBadTrialCostsItself measures clips as Bonn's, of which one never moves, one is drowned in the mains and one is noise at the
// rails: each is listed, and the others are measured.
func TestOneBadTrialCostsItself(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const n, bad = 4097, 3
	seed := uint64(0)
	for _, set := range []string{"Z", "O", "N", "F", "S"} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for k := range 12 {
			cfg := synthetic.Config{Seed: seed, Channels: []string{"Cz"}, Rate: 173.61, BackgroundUV: 12}
			seed++
			var s synthetic.Session
			var err error
			if set == "S" {
				s, err = synthetic.Seizure(cfg, synthetic.SeizureConfig{Seconds: 23.7, Onset: 0.5, Duration: 23})
			} else {
				s, err = synthetic.Rest(cfg, 23.7, set == "O")
			}
			if err != nil {
				t.Fatal(err)
			}
			w, err := z.Create(fmt.Sprintf("%s%03d.txt", set, k+1))
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range s.Data.RawRowView(0)[:n] {
				switch {
				case set == "Z" && k == 4:
					v = 17
				case set == "N" && k == 5:
					v = 900 * math.Sin(2*math.Pi*50*float64(i)/173.61)
				case set == "F" && k == 6:
					v = math.Copysign(300, math.Sin(float64(i)/9))
				}
				fmt.Fprintf(w, "%d\n", int(math.Round(v)))
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, "seizure", "bonn", set+".zip"), b.Bytes())
	}
	r, err := Run(t.Context(), Config{Data: root, Only: []string{"seizure"}, Untimed: true})
	if err != nil {
		t.Fatal(err)
	}
	measured := false
	for _, row := range r.Rows {
		if row.Task == "S : rest" && row.Pipeline == "ictal_score" {
			measured = true
			if row.N != 60-bad || row.Metrics["accuracy"] < 0.9 || !strings.Contains(row.Note, "3 of 60 trials could not be read") {
				t.Errorf("row %+v", row)
			}
		}
	}
	listed := 0
	for _, p := range r.Problems {
		if strings.Contains(p.Reason, "S : rest, ictal_score, trial") {
			listed++
		}
	}
	if !measured || listed != bad {
		t.Errorf("measured %v, %d trials listed: %+v", measured, listed, r.Problems)
	}
}
