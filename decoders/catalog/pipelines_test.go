package catalog_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// lesson is a training set and a request for a decoder that learned it, with the name of the right answer.
type lesson struct {
	dataset *decoders.Dataset
	request *decoders.Input
	answer  string
}

func lessons(t *testing.T) map[eeg.Paradigm]lesson {
	t.Helper()
	s, err := synthetic.MotorImagery(synthetic.Config{Seed: 1, Channels: []string{"FC3", "C3", "Cz", "C4", "CP4"}, Rate: 160}, synthetic.ImageryConfig{TrialsPerClass: 14})
	if err != nil {
		t.Fatal(err)
	}
	imagery := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: s.Channels, Rate: s.Rate, Cue: 1, Classes: []string{"left", "right"}}
	imagery.Trials = epoch.Cut(s.Signal, s.Events, func(e eeg.Event) int { return slices.Index(imagery.Classes, e.Label) }, 1, 4, "r")

	sp, err := synthetic.Speller(synthetic.Config{Seed: 2, Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "Oz"}, Rate: 128}, synthetic.SpellerConfig{Text: "BRAIN", P300UV: 12})
	if err != nil {
		t.Fatal(err)
	}
	per := len(sp.Events) / len(sp.Labels)
	flashes := p300.NewDataset(sp.Channels, sp.Rate)
	flashes.Trials = p300.Trials(sp.Signal, sp.Events[:4*per], sp.Targets[:4*per], "r")
	return map[eeg.Paradigm]lesson{
		eeg.MotorImagery: {imagery, &decoders.Input{
			Signal: decoders.Signal{Data: imagery.Trials[0].Data, Channels: s.Channels, Rate: s.Rate}, Events: []eeg.Event{{Onset: 1}},
		}, imagery.Classes[imagery.Trials[0].Label]},
		eeg.P300: {flashes, &decoders.Input{Signal: sp.Signal, Events: sp.Events[4*per:], Stimulus: sp.Stimulus}, "letter_N"},
	}
}

// TestEveryPipelineIsStored trains each pipeline, writes the model, and lets the catalog bring it back: it answers the
// same to the last bit, before and after it kept learning. Package seizure has tests of its own on this.
func TestEveryPipelineIsStored(t *testing.T) {
	t.Parallel()
	c, err := catalog.New(catalog.Pipelines()...)
	if err != nil {
		t.Fatal(err)
	}
	all := lessons(t)
	adaptive := 0
	for _, p := range c.Pipelines() {
		l, ok := all[p.Paradigm()]
		if !ok {
			continue
		}
		d, err := p.Train(t.Context(), l.dataset, nil)
		if err != nil {
			t.Fatalf("%s: %v", p.Name(), err)
		}
		stored(t, c, d, l)
		if a, ok := d.(decoders.Adaptive); ok {
			adaptive++
			if a, err = a.Update(t.Context(), l.request, l.answer); err != nil {
				t.Fatalf("%s: %v", p.Name(), err)
			}
			stored(t, c, a, l)
		}
		if kind := catalog.Kind(p.Name()); kind == "" || (kind == catalog.KindRxLDA || kind == catalog.KindRxGMM) != (ok && isAdaptive(d)) {
			t.Errorf("%s is of the kind %q", p.Name(), kind)
		}
	}
	if adaptive < 3 {
		t.Errorf("%d adaptive pipelines", adaptive)
	}
}

func isAdaptive(d decoders.Trained) bool {
	_, ok := d.(decoders.Adaptive)
	return ok
}

// stored sends a decoder through a model file.
func stored(t *testing.T, c *catalog.Catalog, d decoders.Trained, l lesson) {
	t.Helper()
	name := d.Info().Pipeline
	want, err := d.Decode(t.Context(), l.request)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if want.Classes[0].Name != l.answer {
		t.Errorf("%s: %v, want %s", name, want.Classes[0], l.answer)
	}
	var b bytes.Buffer
	if err := catalog.Write(&b, d.Info().Paradigm, "model", "1", catalog.ModelCard{}, d.State()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	m, err := catalog.Parse(b.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	back, err := c.Restore(m)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if isAdaptive(back) != isAdaptive(d) {
		t.Errorf("%s forgot how to learn", name)
	}
	got, err := back.Decode(t.Context(), l.request)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v became %v", name, want.Classes, got.Classes)
	}
}

// TestPreparedTrainingsEqualThoseOnTheSubset trains every pipeline that can prepare on parts of a dataset, several at once and
// with what others prepared, and on the same parts alone: the states are the same to the last bit, and so are the faults.
func TestPreparedTrainingsEqualThoseOnTheSubset(t *testing.T) {
	t.Parallel()
	c, err := catalog.New(catalog.Pipelines()...)
	if err != nil {
		t.Fatal(err)
	}
	all := lessons(t)
	able := 0
	imagery := *all[eeg.MotorImagery].dataset
	memo := new(decoders.Memo)
	for _, p := range c.Pipelines() {
		preparer, ok := p.(decoders.Preparer)
		if !ok {
			continue
		}
		able++
		if p.Paradigm() != eeg.MotorImagery {
			t.Fatalf("no dataset for %s", p.Name())
		}
		ds := imagery
		ds.Trials = slices.Clone(ds.Trials)
		ds.Channels = []string{"FC3", "C3", "Cz", "C4", "FC4"} // hemispheres that mirror each other
		n := len(ds.Trials)
		// The last trial is flat: whoever trains on it must say so, and nobody else may notice.
		rows, samples := ds.Trials[n-1].Data.Dims()
		ds.Trials[n-1].Data = mat.NewDense(rows, samples, nil)
		order := rand.New(rand.NewPCG(5, 5)).Perm(n - 1)
		parts := map[string][]int{
			"most": order[:4*(n-1)/5], "others": order[(n-1)/5:], "again": order[:4*(n-1)/5], "few": order[:2], "flat": append(slices.Clone(order[:4*(n-1)/5]), n-1),
		}
		for _, config := range []string{"", `{"normalize":true,"mirror":true}`, `{"align":true}`} {
			raw := json.RawMessage(config)
			shared := []*decoders.Memo{memo}
			if config == "" {
				shared = append(shared, nil)
			}
			for _, memo := range shared {
				prepared, err := preparer.Prepare(&ds, raw, memo)
				if err != nil {
					t.Errorf("%s %s: %v", p.Name(), config, err)
					continue
				}
				var wg sync.WaitGroup
				for name, part := range parts {
					wg.Go(func() {
						sub := ds
						sub.Trials = nil
						for _, i := range part {
							sub.Trials = append(sub.Trials, ds.Trials[i])
						}
						want, wantErr := p.Train(t.Context(), &sub, raw)
						got, gotErr := prepared.Train(t.Context(), part)
						if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || (wantErr != nil) != (name == "few" || name == "flat") {
							t.Errorf("%s %s on %s: %v, alone %v", p.Name(), config, name, gotErr, wantErr)
							return
						}
						if wantErr == nil && !reflect.DeepEqual(got.State(), want.State()) {
							t.Errorf("%s %s on %s is another decoder than that of the trials alone", p.Name(), config, name)
						}
					})
				}
				wg.Wait()
			}
		}
		if _, err := preparer.Prepare(&ds, json.RawMessage(`{"nonsense":1}`), nil); err == nil {
			t.Errorf("%s prepares with options that it does not have", p.Name())
		}
	}
	if able < 7 {
		t.Errorf("only %d pipelines can prepare", able)
	}
}
