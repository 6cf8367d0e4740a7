package training_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/lab/training"
)

var channels = []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4"}

// person is a session of synthetic imagery of left and right hand in two runs.
func person(t testing.TB, name string, seed uint64, none bool) *decoders.Dataset {
	t.Helper()
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: channels, Rate: 128, Classes: []string{"left_hand", "right_hand"}, Subject: name}
	for run := range uint64(2) {
		s, err := synthetic.MotorImagery(synthetic.Config{Channels: channels, Rate: 128, Seed: 100*seed + run}, synthetic.ImageryConfig{TrialsPerClass: 8, NoImagery: none})
		if err != nil {
			t.Fatal(err)
		}
		label := func(e eeg.Event) int { return slices.Index([]string{"left", "right"}, e.Label) }
		ds.Trials = append(ds.Trials, epoch.Cut(s.Signal, s.Events, label, 0, 4, fmt.Sprintf("run%d", run))...)
	}
	return ds
}

func pool(t testing.TB, sets ...*decoders.Dataset) *decoders.Dataset {
	t.Helper()
	ds, problems := datasets.Pool(sets)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return ds
}

func both() []training.Candidate {
	return []training.Candidate{{Pipeline: motorimagery.CSPLDA()}, {Pipeline: motorimagery.TSLR()}}
}

func train(t testing.TB, ds *decoders.Dataset, spec training.Spec) *training.Model {
	t.Helper()
	m, err := training.Train(t.Context(), ds, spec)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func file(t testing.TB, m *training.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTrainingAgainGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	ds := pool(t, person(t, "a", 1, false), person(t, "b", 2, false), person(t, "c", 3, false))
	options, err := json.Marshal(motorimagery.CrossSubject())
	if err != nil {
		t.Fatal(err)
	}
	spec := training.Spec{Name: "same", Candidates: []training.Candidate{{Pipeline: motorimagery.TSLR(), Options: options}}}
	var want []byte
	for _, parallel := range []int{1, 4} {
		spec.Parallel = parallel
		got := file(t, train(t, ds, spec))
		if want != nil && !bytes.Equal(want, got) {
			t.Errorf("%d folds at once give another file", parallel)
		}
		want = got
	}
	spec.Seed = 7
	if bytes.Equal(want, file(t, train(t, ds, spec))) {
		t.Error("the file does not say which seed was used")
	}
}

func TestProtocolFollowsTheTrials(t *testing.T) {
	t.Parallel()
	one := person(t, "a", 1, false)
	single := *one
	single.Trials = single.Trials[:16]
	for _, tc := range []struct {
		name string
		ds   *decoders.Dataset
		want []string
	}{
		{"several people", pool(t, one, person(t, "b", 2, false)), []string{"leave one subject out"}},
		{"one person, two runs", one, []string{"leave one run out", "5-fold within subject"}},
		{"one person, one run", &single, []string{"5-fold within subject"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := train(t, tc.ds, training.Spec{Name: "m", Candidates: both()[:1]})
			var protocols []string
			for i, e := range m.Card.Evaluations {
				protocols = append(protocols, e.Protocol)
				if e.Accuracy == nil || e.AUC == nil || e.Kappa == nil || e.AccuracySD == nil || e.Trials != len(tc.ds.Trials) || e.Chance != 0.5 {
					t.Errorf("incomplete: %+v", e)
				}
				if *e.Accuracy < 0.75 || !m.BeatsChance() {
					t.Errorf("%s: accuracy %.3f on imagery that is easy to tell apart", e.Protocol, *e.Accuracy)
				}
				if c := m.Card.Calibration[i]; c.Protocol != e.Protocol || c.Brier == nil || c.ECE > 0.3 {
					t.Errorf("calibration %+v", c)
				}
				holdsBins(t, m.Card.Calibration[i], len(tc.ds.Trials))
			}
			if diff := cmp.Diff(tc.want, protocols); diff != "" {
				t.Errorf("protocols (-want +got):\n%s", diff)
			}
		})
	}
}

// holdsBins holds the bins of a calibration to the trials that were held back and to its ECE.
func holdsBins(t *testing.T, c catalog.Calibration, trials int) {
	t.Helper()
	count, gap := 0, 0.0
	for _, b := range c.Bins {
		if b.Count < 1 || b.Confidence < b.From-1e-4 || b.Confidence > b.To+1e-4 || b.Accuracy < 0 || b.Accuracy > 1 {
			t.Errorf("%s: bin %+v", c.Protocol, b)
		}
		count, gap = count+b.Count, gap+float64(b.Count)*math.Abs(b.Confidence-b.Accuracy)
	}
	if count != trials || math.Abs(gap/float64(trials)-c.ECE) > 2e-4 { // both are rounded
		t.Errorf("%s: %d trials in bins of %d, whose gap is %v: the ECE is %v", c.Protocol, count, trials, gap/float64(trials), c.ECE)
	}
}

func TestCardTellsWhatTheModelIs(t *testing.T) {
	t.Parallel()
	given := catalog.ModelCard{Summary: "s", IntendedUse: "u", Limits: []string{"stated"}, Priority: 3, Data: []catalog.DataSource{{Name: "d", Licence: "CC0"}}}
	m := train(t, person(t, "a", 1, false), training.Spec{Name: "m", Version: "2", Candidates: both(), Card: given, Program: "test 1"})
	c := m.Card
	if c.Subjects != 1 || c.Trials != 32 || c.Summary != "s" || c.Priority != 3 || c.TrainedWith.Program != "test 1" || c.TrainedWith.Seed != 42 {
		t.Errorf("card %+v", c)
	}
	if c.TrainedWith.Pipeline != m.Decoder.Info().Pipeline || !json.Valid(c.TrainedWith.Config) {
		t.Errorf("trained with %+v", c.TrainedWith)
	}
	all := strings.Join(c.Limits, "\n")
	for _, want := range []string{"stated", "one person", "Chosen by the same figure"} {
		if !strings.Contains(all, want) {
			t.Errorf("limits lack %q:\n%s", want, all)
		}
	}
	if len(given.Limits) != 1 {
		t.Error("the caller's card was changed")
	}
	loaded, err := catalog.Parse(file(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if loaded.ID() != "m@2" || !cmp.Equal(loaded.Card, c) {
		t.Errorf("the file holds %s: %s", loaded.ID(), cmp.Diff(c, loaded.Card))
	}
	var text bytes.Buffer
	training.WriteSummary(&text, m)
	if !strings.Contains(text.String(), "m@2") || !strings.Contains(text.String(), "leave one run out") {
		t.Errorf("summary:\n%s", text.String())
	}
}

func TestGuessingIsCalledGuessing(t *testing.T) {
	t.Parallel()
	var sets []*decoders.Dataset
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"a", "b", "c", "d"} {
		ds := person(t, name, rng.Uint64N(1000), true)
		for i := range ds.Trials { // what is left of a class, such as a drift, goes with random labels
			ds.Trials[i].Label = rng.IntN(2)
		}
		sets = append(sets, ds)
	}
	m := train(t, pool(t, sets...), training.Spec{Name: "m", Candidates: both()[:1]})
	if m.BeatsChance() || !strings.Contains(strings.Join(m.Card.Limits, "\n"), "Not better than guessing") {
		t.Errorf("accuracy %.3f on noise, limits %q", *m.Card.Evaluations[0].Accuracy, m.Card.Limits)
	}
}

// TestBestCandidateIsTrained gives one candidate a band without any rhythm.
func TestBestCandidateIsTrained(t *testing.T) {
	t.Parallel()
	bad, good := motorimagery.DefaultConfig(), motorimagery.DefaultConfig()
	bad.Low, bad.High = 45, 55
	candidate := func(c motorimagery.Config) training.Candidate {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return training.Candidate{Pipeline: motorimagery.CSPLDA(), Options: b}
	}
	m := train(t, person(t, "a", 5, false), training.Spec{Name: "m", Candidates: []training.Candidate{candidate(bad), candidate(good)}})
	var got motorimagery.Config
	if err := json.Unmarshal(m.Card.TrainedWith.Config, &got); err != nil || got.Low != good.Low {
		t.Errorf("trained with %+v, %v", got, err)
	}
}

func TestTrainRefuses(t *testing.T) {
	t.Parallel()
	few := person(t, "a", 1, false)
	few.Trials = few.Trials[:1]
	_, err := training.Train(t.Context(), few, training.Spec{Name: "m", Candidates: both()})
	var fault *decoders.Error
	if !errors.As(err, &fault) || fault.Code != decoders.CodeTooFewTrials {
		t.Errorf("one trial: %v", err)
	}
	if _, err := training.Train(t.Context(), person(t, "a", 1, false), training.Spec{Name: "m"}); err == nil {
		t.Error("no pipeline: no error")
	}
	m := train(t, person(t, "a", 1, false), training.Spec{Name: "No Such Name", Candidates: both()[:1]})
	if err := m.Write(new(bytes.Buffer)); err == nil {
		t.Error("a name that is none was written")
	}
}

func TestParseClasses(t *testing.T) {
	t.Parallel()
	task, err := datasets.ParseClasses([]string{"T2=right", " 770 = right", "T1=left"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"right", "left"}, task.Classes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]string{{"T2", "770"}, {"T1"}}, task.Events); diff != "" {
		t.Error(diff)
	}
	for _, bad := range [][]string{nil, {"T1=left"}, {"T1", "T2=x"}, {"=left", "T2=x"}, {"T1=", "T2=x"}, {"T1=a", "T1=b"}} {
		if _, err := datasets.ParseClasses(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
