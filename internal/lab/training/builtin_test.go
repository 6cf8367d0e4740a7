package training_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/alarms"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/lab/results"
	"github.com/neurod/neurod/internal/lab/training"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
)

// builtinFolder is where the files lie that the program embeds.
const builtinFolder = "../../../decoders/catalog/builtin"

// builtin returns the built-in models of the program by name.
func builtin(t testing.TB) (*catalog.Catalog, map[string]catalog.Entry) {
	t.Helper()
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	models := map[string]catalog.Entry{}
	for _, e := range cat.List() {
		if e.Source == eeg.SourceBuiltIn {
			models[e.Name] = e
		}
	}
	return cat, models
}

func TestProgramHasItsModels(t *testing.T) {
	t.Parallel()
	_, models := builtin(t)
	names := slices.Sorted(maps.Keys(models))
	want := []string{
		"motor_imagery-hands_feet", "motor_imagery-hands_feet-1020", "motor_imagery-hands_feet-8ch", "motor_imagery-hands_feet-c3c4",
		"motor_imagery-hands_feet-cyton", "motor_imagery-hands_feet-unicorn",
		"motor_imagery-left_right", "motor_imagery-left_right-1020", "motor_imagery-left_right-8ch",
		"motor_imagery-left_right-aligned", "motor_imagery-left_right-aligned-1020", "motor_imagery-left_right-aligned-8ch",
		"motor_imagery-left_right-aligned-c3c4", "motor_imagery-left_right-aligned-cyton", "motor_imagery-left_right-aligned-daisy",
		"motor_imagery-left_right-aligned-epoc", "motor_imagery-left_right-aligned-unicorn", "motor_imagery-left_right-c3c4",
		"motor_imagery-left_right-cyton", "motor_imagery-left_right-daisy", "motor_imagery-left_right-unicorn",
		"motor_imagery_2class_v1", "motor_imagery_4class_v1", "p300-target", "p300_binary_v1", "seizure-check",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("built-in models (-want +got):\n%s", diff)
	}
	files, err := filepath.Glob(filepath.Join(builtinFolder, "*"+catalog.Extension))
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m, err := catalog.Parse(b) // holds the checksum
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if filepath.Base(f) != m.Name+catalog.Extension {
			t.Errorf("%s holds %s", f, m.Name)
		}
		if e, ok := models[m.Name]; !ok || e.SHA256 != m.SHA256 {
			t.Errorf("%s is not what the program embeds", f)
		}
		size += m.Size
	}
	if len(files) != len(models) || size > 2<<20 {
		t.Errorf("%d files of together %d bytes for %d models", len(files), size, len(models))
	}
}

func TestBuiltInCardsAreComplete(t *testing.T) {
	t.Parallel()
	_, models := builtin(t)
	shippable := []string{"ODC-By 1.0", "CC0 1.0", "BSD-3-Clause", "CC BY 4.0"}
	for name, e := range models {
		c := e.Card
		if c.Summary == "" || c.IntendedUse == "" || len(c.Limits) == 0 || len(c.Citations) == 0 || c.Subjects < 1 || c.Trials < 1 {
			t.Errorf("%s: card %+v", name, c)
		}
		if len(c.Data) == 0 || slices.ContainsFunc(c.Data, func(d catalog.DataSource) bool {
			return d.Name == "" || d.Source == "" || d.Citation == "" || !slices.Contains(shippable, d.Licence)
		}) {
			t.Errorf("%s: data %+v", name, c.Data)
		}
		if c.TrainedWith.Pipeline != e.Pipeline || !json.Valid(c.TrainedWith.Config) || c.TrainedWith.Seed == 0 {
			t.Errorf("%s: trained with %+v", name, c.TrainedWith)
		}
		if len(c.Evaluations) == 0 || len(c.Calibration) == 0 || c.Evaluations[0].Protocol != c.Calibration[0].Protocol {
			t.Errorf("%s: evaluations %+v, calibration %+v", name, c.Evaluations, c.Calibration)
			continue
		}
		for _, m := range c.Evaluations {
			if m.Accuracy == nil || m.AUC == nil && len(e.Classes) <= 2 || m.Chance <= 0 || m.Trials < 1 {
				t.Errorf("%s: %+v", name, m)
			}
		}
		if c.Evaluations[0].Trials != c.Trials {
			t.Errorf("%s: %d trials measured of %d", name, c.Evaluations[0].Trials, c.Trials)
		}
		if c.Subjects > 1 && e.Paradigm == eeg.MotorImagery && !strings.HasPrefix(c.Evaluations[0].Protocol, "leave one subject out") {
			t.Errorf("%s: quotes %q", name, c.Evaluations[0].Protocol)
		}
		if e.Aligned != strings.Contains(name, "-aligned") {
			t.Errorf("%s: trained with alignment: %v", name, e.Aligned)
		}
		if e.Aligned { // what it does for a clip without others is beside it, and is not what is quoted
			var protocols []string
			for _, m := range c.Evaluations {
				protocols = append(protocols, m.Protocol)
			}
			if d := cmp.Diff([]string{"leave one subject out, re-centred online", "leave one subject out, re-centred on all clips", "leave one subject out, single clips"}, protocols); d != "" {
				t.Errorf("%s: protocols (-want +got):\n%s", name, d)
			}
			if single, online := *c.Evaluations[2].Accuracy, *c.Evaluations[0].Accuracy; online < single {
				t.Errorf("%s: %v when it is moved, %v as it is", name, online, single)
			}
		}
		if c.Subjects == 1 && !strings.Contains(strings.Join(c.Limits, "\n"), "one person") {
			t.Errorf("%s hides that it knows one person", name)
		}
		if c.Priority >= 0 {
			t.Errorf("%s has priority %d: a model of the user's own would not come first", name, c.Priority)
		}
	}
}

// TestBuiltInModelsKeepTheContract holds each model to the suite of every decoder, on synthetic EEG. The suite measures
// the memory of the process, so nothing runs beside it.
func TestBuiltInModelsKeepTheContract(t *testing.T) {
	cat, models := builtin(t)
	if race.Enabled {
		t.Log("the race detector is on: one model of each pipeline; run without -race for all")
	}
	done := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		e := models[name]
		if race.Enabled && done[e.Pipeline] {
			continue
		}
		done[e.Pipeline] = true
		t.Run(name, func(t *testing.T) {
			pipeline, ok := cat.Pipeline(e.Pipeline)
			if !ok {
				t.Fatalf("no pipeline %s", e.Pipeline)
			}
			choice, err := cat.Resolve(catalog.Query{Model: name, Channels: e.Channels})
			if err != nil {
				t.Fatal(err)
			}
			decodertest.Run(t, decodertest.Case{
				Decoder: choice.Decoder, Pipeline: pipeline, Valid: func(seed uint64) *decoders.Input { return valid(t, e, seed) },
				Calls: 96, // the race detector makes pools forget at random, which must average out
			})
		})
	}
}

// valid is a request that a model must answer.
func valid(t testing.TB, e catalog.Entry, seed uint64) *decoders.Input {
	t.Helper()
	cfg := synthetic.Config{Channels: e.Channels, Rate: e.Rate, Seed: seed}
	var s synthetic.Session
	var err error
	switch e.Paradigm {
	case eeg.MotorImagery:
		s, err = synthetic.MotorImagery(cfg, synthetic.ImageryConfig{Classes: []string{"left"}, TrialsPerClass: 1, CueSeconds: 2, PauseSeconds: 0.5})
	case eeg.P300:
		s, err = synthetic.Speller(cfg, synthetic.SpellerConfig{Text: "B", Repetitions: 1, PauseSeconds: 0.5})
	default:
		cfg.Channels = []string{"Fz", "Cz", "Pz"}
		s, err = synthetic.Seizure(cfg, synthetic.SeizureConfig{Seconds: 4, Onset: 0.5, Duration: 3})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.Input()
}

// TestBuiltInModelsKnowTheirRecordings decodes what the models were trained on: far more must be right than by guessing,
// or the file is not what was trained.
func TestBuiltInModelsKnowTheirRecordings(t *testing.T) {
	t.Parallel()
	root := eegdata.Dir(t)
	cat, models := builtin(t)
	ctx := t.Context()
	for name, tc := range map[string]struct {
		load  func(channels []string) (*decoders.Dataset, error)
		least float64 // area under the ROC curve
	}{
		// S007 is easy (0.91 to 0.96 when left out); C3 and C4 alone see less of it.
		"motor_imagery-left_right":       {imagery(root, datasets.LeftRightImagery, "S007"), 0.8},
		"motor_imagery-left_right-8ch":   {imagery(root, datasets.LeftRightImagery, "S007"), 0.8},
		"motor_imagery-left_right-cyton": {imagery(root, datasets.LeftRightImagery, "S002"), 0.7},
		"motor_imagery-left_right-c3c4":  {imagery(root, datasets.LeftRightImagery, "S007"), 0.6},
		"motor_imagery-hands_feet":       {imagery(root, datasets.HandsFeetImagery, "S001"), 0.8},
		"motor_imagery-hands_feet-cyton": {imagery(root, datasets.HandsFeetImagery, "S001"), 0.7},
		"p300-target": {func(channels []string) (*decoders.Dataset, error) {
			ds, _, err := datasets.Muse(ctx, root, "p300/muse/*.csv", channels)
			return ds, err
		}, 0.7},
		"seizure-check": {func([]string) (*decoders.Dataset, error) {
			ds, _, err := datasets.Bonn(ctx, datasets.Glob(root, "seizure/bonn/*.zip"))
			return ds, err
		}, 0.95},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := models[name]
			ds, err := tc.load(e.Channels)
			if err != nil {
				t.Fatal(err)
			}
			if ds == nil {
				t.Skip("NEUROD_EEG_DATA lacks the recordings of this model: NOT run")
			}
			choice, err := cat.Resolve(catalog.Query{Model: name, Channels: ds.Channels})
			if err != nil {
				t.Fatal(err)
			}
			all := make([]int, len(ds.Trials))
			for i := range all {
				all[i] = i
			}
			o, err := crossval.Decode(ctx, choice.Decoder, ds, all, crossval.Config{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d trials: AUC %.3f, accuracy %.3f", len(all), o.AUC(), o.Accuracy())
			least := tc.least
			if e.Card.Subjects == 1 && len(all) != e.Card.Trials {
				least = 0.5 // the folder holds other people too
			}
			if !(o.AUC() >= least) {
				t.Errorf("AUC %.3f on its own training data, want %.2f", o.AUC(), least)
			}
		})
	}
}

func imagery(root string, task datasets.Task, subject string) func([]string) (*decoders.Dataset, error) {
	return func(channels []string) (*decoders.Dataset, error) {
		file := filepath.Join(root, "motor_imagery", "eegmmidb", subject+".zip")
		if _, err := os.Stat(file); err != nil {
			return nil, nil
		}
		runs, problems := datasets.Open(file, func(base string) bool { return task.Has(datasets.Stem(base)) })
		if len(problems) > 0 {
			return nil, problems[0]
		}
		ds, problems := task.Dataset(subject, runs, channels, 0, 4)
		if len(problems) > 0 {
			return nil, problems[0]
		}
		return ds, nil
	}
}

// TestOperatingPointsAreCurrent counts again what the card of the seizure check says of its thresholds, where the recordings are the same.
func TestOperatingPointsAreCurrent(t *testing.T) {
	t.Parallel()
	root := eegdata.Dir(t)
	cat, models := builtin(t)
	points := models["seizure-check"].Card.OperatingPoints
	if len(points) == 0 {
		t.Fatal("the card has no operating points")
	}
	choice, err := cat.Resolve(catalog.Query{Model: "seizure-check"})
	if err != nil {
		t.Fatal(err)
	}
	heard, _, err := alarms.Listen(t.Context(), choice.Decoder, alarms.Files(root))
	if err != nil {
		t.Fatal(err)
	}
	again, err := heard.Points(alarms.Thresholds)
	if err != nil || len(again) == 0 {
		t.Fatal(len(again), err)
	}
	if again[0].Hours != points[0].Hours {
		t.Skipf("%.3f hours here, %.3f on the card: other recordings, NOT compared", again[0].Hours, points[0].Hours)
	}
	if diff := cmp.Diff(points, again); diff != "" {
		t.Errorf("the card is not current: run make models (-card +measured)\n%s", diff)
	}
}

// TestBuiltinWithoutRecordings writes nothing and says so.
func TestBuiltinWithoutRecordings(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	var said []string
	models, problems, err := training.Builtin(context.Background(), training.BuiltinConfig{
		Data: t.TempDir(), Out: out, Progress: func(s string) { said = append(said, s) },
	})
	if err != nil || len(models) > 0 || len(problems) > 0 {
		t.Errorf("%d models, %v, %v", len(models), problems, err)
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("%v was written", left)
	}
	if len(said) != 7 {
		t.Errorf("said %q, want a line for each of the 4 families of models and of the 3 that the registry's document names", said)
	}
}

// TestBuiltinModelAgain makes the built-in P300 models from the recordings and compares them with those that ship.
func TestBuiltinModelAgain(t *testing.T) {
	t.Parallel()
	root := eegdata.Dir(t)
	out := t.TempDir()
	models, problems, err := training.Builtin(t.Context(), training.BuiltinConfig{Data: root, Out: out, Only: []string{string(eeg.P300)}})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	if len(models) == 0 {
		t.Skip("NEUROD_EEG_DATA lacks the recordings of the P300 model: NOT run")
	}
	_, shipped := builtin(t)
	const made = "amd64 with AVX"
	if p := results.Processor(); p != made {
		t.Skipf("the shipped models were made on %s; %s rounds otherwise: NOT compared", made, p)
	}
	for _, m := range models {
		if got, want := m.Card.Trials, shipped[m.Name].Card.Trials; got != want {
			t.Skipf("the folder has %d trials and the shipped %s was trained on %d: other recordings, NOT compared", got, m.Name, want)
		}
		name := m.Name + catalog.Extension
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(builtinFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what make models writes: run it again, with a new version once it was released", name)
		}
	}
}

// TestPeopleFileAgain makes the statistics of the people whom trainings start from, and compares them with those that ship.
func TestPeopleFileAgain(t *testing.T) {
	t.Parallel()
	root := eegdata.Dir(t)
	out := t.TempDir()
	if err := training.WritePeople(t.Context(), training.BuiltinConfig{Data: root, Out: out}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, catalog.PeopleFile))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("NEUROD_EEG_DATA lacks the recordings of the people: NOT run")
	}
	if err != nil {
		t.Fatal(err)
	}
	const made = "amd64 with AVX"
	if p := results.Processor(); p != made {
		t.Skipf("the people that ship were made on %s; %s rounds otherwise: NOT compared", made, p)
	}
	shipped, err := catalog.People()
	if err != nil {
		t.Fatal(err)
	}
	mine, err := motorimagery.ParsePeople(got)
	if err != nil {
		t.Fatal(err)
	}
	if mine.Trials() != shipped.Trials() {
		t.Skipf("the folder has %d trials and the people that ship %d: other recordings, NOT compared", mine.Trials(), shipped.Trials())
	}
	want, err := os.ReadFile(filepath.Join(builtinFolder, catalog.PeopleFile))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what make models writes", catalog.PeopleFile)
	}
}
