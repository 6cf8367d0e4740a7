package catalog_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/synthetic"
)

// lesson is a training set and a request for a decoder that learned it, with the name of the right answer.
type lesson struct {
	dataset *decoders.Dataset
	request *decoders.Input
	answer  string
}

func lessons(t *testing.T) map[decoders.Paradigm]lesson {
	t.Helper()
	s, err := synthetic.MotorImagery(synthetic.Config{Seed: 1, Channels: []string{"FC3", "C3", "Cz", "C4", "CP4"}, Rate: 160}, synthetic.ImageryConfig{TrialsPerClass: 14})
	if err != nil {
		t.Fatal(err)
	}
	imagery := &decoders.Dataset{Paradigm: decoders.MotorImagery, Channels: s.Channels, Rate: s.Rate, Cue: 1, Classes: []string{"left", "right"}}
	imagery.Trials = epoch.Cut(s.Signal, s.Events, func(e decoders.Event) int { return slices.Index(imagery.Classes, e.Label) }, 1, 4, "r")

	sp, err := synthetic.Speller(synthetic.Config{Seed: 2, Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "Oz"}, Rate: 128}, synthetic.SpellerConfig{Text: "BRAIN", P300UV: 12})
	if err != nil {
		t.Fatal(err)
	}
	per := len(sp.Events) / len(sp.Labels)
	flashes := p300.NewDataset(sp.Channels, sp.Rate)
	flashes.Trials = p300.Trials(sp.Signal, sp.Events[:4*per], sp.Targets[:4*per], "r")
	return map[decoders.Paradigm]lesson{
		decoders.MotorImagery: {imagery, &decoders.Input{
			Signal: decoders.Signal{Data: imagery.Trials[0].Data, Channels: s.Channels, Rate: s.Rate}, Events: []decoders.Event{{Onset: 1}},
		}, imagery.Classes[imagery.Trials[0].Label]},
		decoders.P300: {flashes, &decoders.Input{Signal: sp.Signal, Events: sp.Events[4*per:], Stimulus: sp.Stimulus}, "letter_N"},
	}
}

// TestEveryPipelineIsStored trains each pipeline, writes the model, and lets the catalog bring it back: it answers the
// same to the last bit, before and after it went on learning. Package seizure has tests of its own on this.
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
