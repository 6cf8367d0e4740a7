package edf_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
)

// exported are streams as sessions are exported: what the file is, and what is in it.
func exported() map[string]struct {
	bits  int
	about edf.About
	parts []part
} {
	// Three channels whose samples any program can make again: steps of 0.1 µV, integers, and multiples of 1/32 µV.
	rows := func(from, to int64) [][]float64 {
		out := make([][]float64, 3)
		for i := from; i < to; i++ {
			k := float64((i*7919)%4001 - 2000)
			out[0] = append(out[0], float64(float32(k*0.1)))
			out[1] = append(out[1], k)
			out[2] = append(out[2], k/32)
		}
		return out
	}
	of := func(spans ...[2]int64) (parts []part) {
		for _, s := range spans {
			parts = append(parts, part{s[0], rows(s[0], s[1])})
		}
		return parts
	}
	about := edf.About{Start: time.Date(2024, 10, 27, 3, 33, 20, 250_000_000, time.UTC), Device: "Test Cap",
		Annotations: []recording.Annotation{{Onset: 1.5, Label: "left/769"}, {Onset: 2.25, Duration: 0.5, Label: "größer"}}}
	type file = struct {
		bits  int
		about edf.About
		parts []part
	}
	return map[string]file{
		"whole.edf":  {16, about, of([2]int64{0, 2500})},
		"whole.bdf":  {24, about, of([2]int64{0, 2500})},
		"filled.edf": {16, about, of([2]int64{0, 1000}, [2]int64{1300, 2333})},
		"filled.bdf": {24, about, of([2]int64{0, 1000}, [2]int64{1300, 2333})},
		"split.edf":  {16, about, of([2]int64{0, 1000}, [2]int64{90_100, 91_000})},
		"empty.edf":  {16, edf.About{Start: about.Start}, nil},
	}
}

// TestOtherReadersAgree holds our reader to what MNE and pyedflib find in the files that EDFStream writes
// (tools/golden/export.py, which gets them by NEUROD_EDF_EXPORTS).
func TestOtherReadersAgree(t *testing.T) {
	t.Parallel()
	type channel struct {
		Label   string
		Rate    float64
		Samples int
		Sum     float64
		Abs     float64
		Weighed float64 `json:"weighted"`
	}
	type view struct {
		Error       string
		Start       string
		Annotations [][3]any
		Picked      []channel
	}
	var golden struct {
		Files map[string]map[string]view
	}
	out := os.Getenv("NEUROD_EDF_EXPORTS") // a folder: the files are kept, for other programs to open
	if out == "" {
		b, err := os.ReadFile("testdata/golden/export.json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &golden); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range exported() {
		b := stream(t, f.bits, []string{"Fp1", "Cz", "O2"}, 250, f.about, f.parts)
		if out != "" {
			if err := os.WriteFile(filepath.Join(out, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		rec, err := formats.Open(name, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for reader, v := range golden.Files[name] {
			if v.Error != "" {
				continue
			}
			read++
			if len(v.Picked) != 3 || len(rec.Channels) != 3 {
				t.Fatalf("%s: %s finds %d channels, we %d", name, reader, len(v.Picked), len(rec.Channels))
			}
			for i, c := range v.Picked {
				ours := rec.Channels[i]
				var sum, abs, weighed float64
				for k, x := range ours.Samples {
					sum, abs, weighed = sum+x, abs+math.Abs(x), weighed+x*float64(k%97+1)
				}
				if c.Label != ours.Label || c.Rate != ours.Rate || c.Samples != len(ours.Samples) {
					t.Errorf("%s: %s finds %s at %g Hz with %d samples, we %s at %g Hz with %d", name, reader, c.Label, c.Rate, c.Samples, ours.Label, ours.Rate, len(ours.Samples))
				}
				if math.Abs(sum-c.Sum) > 1e-9*abs || math.Abs(abs-c.Abs) > 1e-9*abs || math.Abs(weighed-c.Weighed) > 1e-7*abs {
					t.Errorf("%s: %s finds other samples in %s: sums %g %g %g, we %g %g %g", name, reader, c.Label, c.Sum, c.Abs, c.Weighed, sum, abs, weighed)
				}
			}
			if len(rec.Gaps) > 0 {
				continue // they place annotations by the clock, we in samples' time
			}
			if len(v.Annotations) != len(rec.Annotations) {
				t.Errorf("%s: %s finds %d annotations, we %d", name, reader, len(v.Annotations), len(rec.Annotations))
				continue
			}
			for i, a := range rec.Annotations {
				onset, duration := v.Annotations[i][0].(float64), v.Annotations[i][1].(float64)
				if math.Abs(onset-a.Onset) > 1e-6 || math.Abs(duration-a.Duration) > 1e-6 || v.Annotations[i][2] != a.Label {
					t.Errorf("%s: %s finds %v, we %+v", name, reader, v.Annotations[i], a)
				}
			}
		}
		// EDFlib, and so pyedflib, refuses discontinuous files; everything else both must open.
		if want := map[bool]int{true: 1, false: 2}[name == "split.edf"]; read < want {
			t.Errorf("%s: %d of %d readers opened it: %v", name, read, want, golden.Files[name])
		}
	}
}
