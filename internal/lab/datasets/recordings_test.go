package datasets_test

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
)

var channels = []string{"C3", "Cz", "C4"}

// writeEDF writes a session of imagery as an EDF+ file with the cues T1 and T2.
func writeEDF(t testing.TB, path string, seed uint64, rate float64, channels []string) {
	t.Helper()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: channels, Rate: rate, Seed: seed}, synthetic.ImageryConfig{TrialsPerClass: 4})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recording.Recording{}
	for i, name := range s.Channels {
		rec.Channels = append(rec.Channels, recording.Channel{
			Label: name, Name: name, Kind: recording.EEG, Unit: "uV", Rate: rate, Samples: slices.Clone(s.Data.RawRowView(i)),
		})
	}
	for _, e := range s.Events {
		label := map[string]string{"left": "T1", "right": "T2"}[e.Label]
		rec.Events = append(rec.Events, eeg.Event{Onset: e.Onset, Label: label})
		rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: e.Onset, Label: label})
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(edf.Write(f, rec), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func pack(t testing.TB, archive string, files ...string) {
	t.Helper()
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create(filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func query(paths ...string) datasets.Query {
	task := datasets.LeftRightImagery
	task.Runs = nil
	return datasets.Query{Paths: paths, Task: task, After: 3}
}

func TestLoadFindsPeopleAndRuns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		files   []string
		pattern string
		subject string   // of a dataset of one person
		groups  []string // distinct, in order
	}{
		{"EEGMMIDB", []string{"S001R04.edf", "S002R04.edf", "S002R08.edf"}, "", "", []string{"S001/S001R04", "S002/S002R04", "S002/S002R08"}},
		{"BIDS", []string{"sub-01/eeg/run1.edf", "sub-02/eeg/run1.edf"}, "", "", []string{"sub-01/run1", "sub-02/run1"}},
		{"names that tell nobody", []string{"morning.edf", "subset.edf"}, "", "1", []string{"morning", "subset"}},
		{"one person", []string{"subject7_a.edf", "subject7_b.edf"}, "", "subject7", []string{"subject7_a", "subject7_b"}},
		{"own pattern", []string{"lab_P1_x.edf", "lab_P2_x.edf"}, `_(P\d+)_`, "", []string{"P1/lab_P1_x", "P2/lab_P2_x"}},
		{"one name in two folders", []string{"a/run.edf", "b/run.edf"}, "", "1", []string{"run", "run#2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, f := range tc.files {
				writeEDF(t, filepath.Join(dir, f), uint64(i), 128, channels)
			}
			q := query(dir)
			if tc.pattern != "" {
				q.Subject = regexp.MustCompile(tc.pattern)
			}
			ds, problems, err := datasets.Load(t.Context(), q)
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			if len(ds.Trials) != 8*len(tc.files) {
				t.Errorf("%d trials of %d files", len(ds.Trials), len(tc.files))
			}
			if ds.Subject != tc.subject {
				t.Errorf("subject %q, want %q", ds.Subject, tc.subject)
			}
			if diff := cmp.Diff(tc.groups, slices.Compact(datasets.Groups(ds))); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(channels, ds.Channels); diff != "" {
				t.Errorf("channels (-want +got):\n%s", diff)
			}
			for _, tr := range ds.Trials {
				if _, n := tr.Data.Dims(); n != 3*128 {
					t.Fatalf("a trial has %d samples", n)
				}
			}
		})
	}
}

func TestLoadReadsArchivesAndNamesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	dir, tmp := t.TempDir(), t.TempDir()
	good, slow, narrow := filepath.Join(tmp, "S003R04.edf"), filepath.Join(tmp, "S003R08.edf"), filepath.Join(tmp, "S003R12.edf")
	writeEDF(t, good, 1, 128, channels)
	writeEDF(t, slow, 2, 64, channels)
	writeEDF(t, narrow, 3, 128, channels[:2])
	pack(t, filepath.Join(dir, "S003.zip"), good, slow, narrow)
	for name, text := range map[string]string{
		"broken.edf": "0       no header", "SOURCE.txt": "where it is from", ".hidden.edf": "x", "notes.md": "x",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	q := query(dir)
	q.Channels = channels
	ds, problems, err := datasets.Load(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(ds.Trials) != 8 || ds.Subject != "S003" {
		t.Errorf("%d trials of %q", len(ds.Trials), ds.Subject)
	}
	var named []string
	for _, p := range problems {
		named = append(named, filepath.Base(p.File))
	}
	if diff := cmp.Diff([]string{"broken.edf", "S003R08", "S003R12"}, named); diff != "" {
		t.Errorf("problems (-want +got):\n%s\n%v", diff, problems)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeEDF(t, filepath.Join(dir, "S001R04.edf"), 1, 128, channels)
	other := query(dir)
	other.Task.Events = [][]string{{"X1"}, {"X2"}}
	late := query(dir)
	late.After = 3600
	for name, q := range map[string]datasets.Query{"unknown events": other, "longer than the file": late} {
		_, _, err := datasets.Load(t.Context(), q)
		var fault *decoders.Error
		if !errors.As(err, &fault) || fault.Code != decoders.CodeTooFewTrials {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := datasets.Load(t.Context(), query(t.TempDir())); err == nil || !strings.Contains(err.Error(), "no recordings") {
		t.Errorf("empty folder: %v", err)
	}
	if _, _, err := datasets.Load(t.Context(), query(filepath.Join(dir, "absent"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestTaskTakesItsRuns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		run  string
		want bool
	}{{"S001R04", true}, {"S109R12", true}, {"S001R06", false}, {"S001", false}, {"R04.bak", false}} {
		if got := datasets.LeftRightImagery.Has(tc.run); got != tc.want {
			t.Errorf("%s: %v", tc.run, got)
		}
	}
	for label, want := range map[string]int{"T0": -1, "T1": 0, "T2": 1} {
		if got := datasets.LeftRightImagery.Label(eeg.Event{Label: label, Code: 7}); got != want {
			t.Errorf("%s is class %d, want %d", label, got, want)
		}
	}
	codes := datasets.Task{Events: [][]string{{"769", "1"}, {"770"}}}
	for code, want := range map[int]int{769: 0, 1: 0, 770: 1, 768: -1} {
		if got := codes.Label(eeg.Event{Code: code}); got != want {
			t.Errorf("%d is class %d, want %d", code, got, want)
		}
	}
}

func TestPickKeepsRowsByName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeEDF(t, filepath.Join(dir, "a.edf"), 1, 128, channels)
	ds, _, err := datasets.Load(t.Context(), query(dir))
	if err != nil {
		t.Fatal(err)
	}
	picked, err := datasets.Pick(ds, []string{"C4", "C3"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range ds.Trials {
		if !slices.Equal(picked.Trials[i].Data.RawRowView(0), ds.Trials[i].Data.RawRowView(2)) ||
			!slices.Equal(picked.Trials[i].Data.RawRowView(1), ds.Trials[i].Data.RawRowView(0)) {
			t.Fatalf("trial %d has other rows", i)
		}
	}
	_, err = datasets.Pick(ds, []string{"C3", "Oz"})
	var fault *decoders.Error
	if !errors.As(err, &fault) || fault.Code != decoders.CodeMontageMismatch {
		t.Errorf("an absent channel: %v", err)
	}
}

func TestPoolLeavesOtherMontagesOut(t *testing.T) {
	t.Parallel()
	a := &decoders.Dataset{Subject: "a", Channels: channels, Rate: 128, Classes: []string{"x", "y"}, Trials: []decoders.Trial{{Group: "1"}}}
	b, c := *a, *a
	b.Subject, c.Subject = "b", "c"
	c.Rate = 250
	all, problems := datasets.Pool([]*decoders.Dataset{a, &b, &c})
	if diff := cmp.Diff([]string{"a/1", "b/1"}, datasets.Groups(all)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, datasets.Subjects(all)); diff != "" {
		t.Error(diff)
	}
	if len(problems) != 1 || problems[0].File != "c" {
		t.Errorf("problems %v", problems)
	}
	if none, problems := datasets.Pool(nil); none != nil || problems != nil {
		t.Errorf("a pool of nothing is %v %v", none, problems)
	}
	if a.Trials[0].Group != "1" {
		t.Error("the dataset was changed")
	}
}

func TestCrop(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{
		Channels: []recording.Channel{{Label: "C3", Rate: 10, Samples: ramp(100)}, {Label: "acc", Rate: 2, Samples: ramp(20)}},
		Events:   []eeg.Event{{Onset: 1, Code: 1}, {Onset: 4, Code: 2}, {Onset: 6, Code: 3}},
		Targets:  []bool{true, false, true},
		Gaps:     []recording.Gap{{At: 5, Length: 1}, {At: 9, Length: 1}},
	}
	part, err := datasets.Crop(rec, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(part.Channels[0].Samples[0], len(part.Channels[0].Samples), part.Channels[1].Samples[0], len(part.Channels[1].Samples)); got != "40 20 8 4" {
		t.Errorf("samples %s", got)
	}
	if diff := cmp.Diff([]eeg.Event{{Onset: 0, Code: 2}}, part.Events); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]recording.Gap{{At: 1, Length: 1}}, part.Gaps); diff != "" || len(part.Targets) != 1 || part.Targets[0] {
		t.Error(diff, part.Targets)
	}
	rest, err := datasets.Crop(rec, 4, 0)
	if err != nil || len(rest.Channels[0].Samples) != 60 || len(rest.Events) != 2 {
		t.Errorf("the rest: %v", err)
	}
	if len(rec.Channels[0].Samples) != 100 || len(rec.Events) != 3 {
		t.Error("the recording was changed")
	}
	for name, at := range map[string][2]float64{"beyond the end": {11, 1}, "negative": {-1, 1}, "negative length": {0, -1}} {
		if _, err := datasets.Crop(rec, at[0], at[1]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := datasets.Crop(&recording.Recording{Channels: []recording.Channel{{Samples: ramp(3)}}}, 0, 1); err == nil {
		t.Error("no rate: no error")
	}
}

func ramp(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	return x
}
