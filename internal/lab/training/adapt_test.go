package training_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/lab/training"
)

// TestAdaptLearnsAfterItHasDecoded holds Adapt to decoding and learning trial by trial.
func TestAdaptLearnsAfterItHasDecoded(t *testing.T) {
	t.Parallel()
	ds := person(t, "a", 1, false)
	half := len(ds.Trials) / 2
	var first, rest []int
	for i := range ds.Trials {
		if i < half {
			first = append(first, i)
		} else {
			rest = append(rest, i)
		}
	}
	m := train(t, datasets.Subset(ds, first), training.Spec{Name: "kept", Candidates: []training.Candidate{{Pipeline: motorimagery.CSPRxLDA()}}})
	before := m.Decoder.State()
	later := datasets.Subset(ds, rest)
	calls := 0
	got, err := training.Adapt(t.Context(), m.Decoder.(decoders.Adaptive), later, training.AdaptSpec{Name: "kept", From: "1", Card: m.Card, Step: func(done, total int) {
		if calls++; done != calls || total != len(rest) {
			t.Errorf("step %d of %d at call %d", done, total, calls)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	d := m.Decoder.(decoders.Adaptive)
	right := 0
	for _, tr := range later.Trials {
		res, err := d.Decode(t.Context(), crossval.ClipRequest(later, tr))
		if err != nil {
			t.Fatal(err)
		}
		if res.Classes[0].Name == ds.Classes[tr.Label] {
			right++
		}
		if d, err = d.Update(t.Context(), crossval.ClipRequest(later, tr), ds.Classes[tr.Label]); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(d.State().Arrays, got.Decoder.State().Arrays); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if cmp.Equal(before.Arrays, got.Decoder.State().Arrays) || !cmp.Equal(before.Arrays, m.Decoder.State().Arrays) {
		t.Error("nothing was learned, or the decoder that went on has changed")
	}
	holdsBins(t, got.Card.Calibration[len(got.Card.Calibration)-1], len(rest))
	last := got.Card.Evaluations[len(got.Card.Evaluations)-1]
	if want := float64(right) / float64(len(rest)); last.Trials != len(rest) || *last.Accuracy < want-1e-4 || *last.Accuracy > want+1e-4 {
		t.Errorf("the card has %v of %d trials, want %v", *last.Accuracy, last.Trials, want)
	}
	if len(got.Card.Evaluations) != len(m.Card.Evaluations)+1 || got.Card.Trials != len(ds.Trials) || got.Card.TrainedWith.From != "1" {
		t.Errorf("card %+v", got.Card)
	}
}

// TestTrainingEndsBetweenFolds cancels a training after its second fold: no third is trained.
func TestTrainingEndsBetweenFolds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	trained := 0
	_, err := training.Train(ctx, person(t, "a", 1, false), training.Spec{Name: "kept", Parallel: 1, Sizes: []int{5},
		Candidates: []training.Candidate{{Pipeline: motorimagery.CSPLDA()}}, Step: func(done, total int) {
			if trained = done; done == 2 {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) || trained != 2 {
		t.Errorf("%v after %d decoders", err, trained)
	}
}

// TestLearningCurve trains with steps and a curve: the last step is the last decoder, and the card has the sizes there are trials for.
func TestLearningCurve(t *testing.T) {
	t.Parallel()
	done, total := 0, 0
	ds := person(t, "a", 1, false)
	m := train(t, ds, training.Spec{Name: "kept", Parallel: 1, Sizes: []int{5, 1000}, Candidates: []training.Candidate{{Pipeline: motorimagery.CSPLDA()}},
		Step: func(d, of int) { done, total = d, of }})
	if done != total || total == 0 {
		t.Errorf("%d of %d decoders", done, total)
	}
	if c := m.Card.LearningCurve; len(c) != 1 || c[0].TrialsPerClass != 5 || c[0].Trials != len(ds.Trials) {
		t.Errorf("%+v", c)
	}
}

// TestCatalogKnowsWhatGoesOnLearning holds catalog.Adaptive to the decoders of every pipeline that is trained here.
func TestCatalogKnowsWhatGoesOnLearning(t *testing.T) {
	t.Parallel()
	imagery, flicker := person(t, "a", 1, false), flickers(t, 1)
	for _, p := range catalog.Pipelines() {
		ds := map[eeg.Paradigm]*decoders.Dataset{eeg.MotorImagery: imagery, eeg.SSVEP: flicker}[p.Paradigm()]
		if ds == nil {
			continue // the conformance suite of package p300 has xdawn_rxlda
		}
		d, err := p.Train(t.Context(), ds, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.(decoders.Adaptive); ok != catalog.Adaptive(p.Name()) {
			t.Errorf("%s: goes on learning %v, the catalog says %v", p.Name(), ok, catalog.Adaptive(p.Name()))
		}
	}
}
