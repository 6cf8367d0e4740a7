package catalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
)

// meanThreshold is the smallest pipeline there can be: right when the mean of the first channel is above a threshold.
type meanThreshold struct{ name string }

func (p meanThreshold) Name() string           { return p.name }
func (p meanThreshold) Paradigm() eeg.Paradigm { return eeg.MotorImagery }

func (p meanThreshold) Train(_ context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	var sum float64
	for _, tr := range ds.Trials {
		sum += tr.Data.At(0, 0)
	}
	return p.Restore("trained", "1", decoders.State{Pipeline: p.name, Classes: ds.Classes, Channels: ds.Channels, Rate: ds.Rate,
		Config: config, Arrays: map[string]decoders.Array{"threshold": {Data: []float64{sum / float64(len(ds.Trials))}}}})
}

func (p meanThreshold) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	if len(st.Arrays["threshold"].Data) != 1 {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible, nil, "no threshold")
	}
	return threshold{decoders.Info{Name: name, Version: version, Pipeline: p.name, Paradigm: p.Paradigm(), Classes: st.Classes,
		Channels: st.Channels, Rate: st.Rate}, st}, nil
}

type threshold struct {
	info decoders.Info
	st   decoders.State
}

func (d threshold) Info() decoders.Info   { return d.info }
func (d threshold) State() decoders.State { return d.st }
func (d threshold) Decode(context.Context, *decoders.Input) (*decoders.Result, error) {
	return &decoders.Result{Paradigm: d.info.Paradigm, Classes: []decoders.Class{{Name: d.info.Classes[0], Probability: 1}}}, nil
}

type spec struct {
	name, version string
	channels      []string
	rate          float64
	priority      int
	accuracy      float64
}

func newCatalog(t *testing.T, specs ...spec) *catalog.Catalog {
	t.Helper()
	c, err := catalog.New(meanThreshold{"mean_threshold"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range specs {
		if err := c.AddModel(model(t, s), eeg.SourceAdded); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func file(t *testing.T, s spec) []byte {
	t.Helper()
	st := exampleState()
	st.Channels, st.Rate = s.channels, s.rate
	card := exampleCard()
	card.Priority = s.priority
	card.Evaluations[0].Accuracy = &s.accuracy
	var b bytes.Buffer
	if err := catalog.Write(&b, eeg.MotorImagery, s.name, s.version, card, st); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func model(t *testing.T, s spec) *catalog.Model {
	t.Helper()
	m, err := catalog.Load(bytes.NewReader(file(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestResolvePicksTheBestFittingModel(t *testing.T) {
	t.Parallel()
	three, eight := []string{"C3", "Cz", "C4"}, []string{"C3", "Cz", "C4", "FC3", "FC4", "CP3", "CP4", "Pz"}
	for _, tc := range []struct {
		name  string
		specs []spec
		query catalog.Query
		want  string
		why   string
	}{
		{"the only one", []spec{{name: "a", version: "1", channels: three}}, catalog.Query{Channels: eight}, "a@1", "the only"},
		{"most channels", []spec{{name: "a", version: "1", channels: three}, {name: "b", version: "1", channels: eight}},
			catalog.Query{Channels: eight}, "b@1", "first of 2"},
		{"only the covered montage", []spec{{name: "a", version: "1", channels: three}, {name: "b", version: "1", channels: eight}},
			catalog.Query{Channels: append(slices.Clone(three), "Oz")}, "a@1", "only motor_imagery model whose montage"},
		{"labels of a cap", []spec{{name: "a", version: "1", channels: three}}, catalog.Query{Channels: []string{"EEG c3-REF", "Cz..", "C4."}}, "a@1", "only"},
		{"priority before channels", []spec{{name: "a", version: "1", channels: three, priority: 1}, {name: "b", version: "1", channels: eight}},
			catalog.Query{Channels: eight}, "a@1", "first of 2"},
		{"nearest rate", []spec{{name: "a", version: "1", channels: three, rate: 128}, {name: "b", version: "1", channels: three, rate: 250}},
			catalog.Query{Channels: three, Rate: 256}, "b@1", "first of 2"},
		{"accuracy", []spec{{name: "a", version: "1", channels: three, accuracy: .6}, {name: "b", version: "1", channels: three, accuracy: .7}},
			catalog.Query{Channels: three}, "b@1", "first of 2"},
		{"name last", []spec{{name: "b", version: "1", channels: three}, {name: "a", version: "1", channels: three}},
			catalog.Query{Channels: three}, "a@1", "first of 2"},
		{"newest by number, not by text", []spec{{name: "a", version: "9", channels: three}, {name: "a", version: "10", channels: three}, {name: "a", version: "2", channels: three}},
			catalog.Query{Channels: three}, "a@10", "only"},
		{"newest of the name", []spec{{name: "a", version: "1.9", channels: three}, {name: "a", version: "1.10", channels: three}},
			catalog.Query{Model: "a", Channels: three}, "a@1.10", "newest"},
		{"pinned", []spec{{name: "a", version: "1", channels: three}, {name: "a", version: "2", channels: three}},
			catalog.Query{Model: "a@1", Channels: three}, "a@1", "named"},
		{"named against a better one", []spec{{name: "a", version: "1", channels: three}, {name: "b", version: "1", channels: eight}},
			catalog.Query{Model: "a", Channels: eight}, "a@1", "named"},
		{"named with auto", []spec{{name: "a", version: "1", channels: three}}, catalog.Query{Model: "a", Paradigm: eeg.Auto, Channels: three}, "a@1", "named"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.query.Paradigm == "" && tc.query.Model == "" {
				tc.query.Paradigm = eeg.MotorImagery
			}
			choice, err := newCatalog(t, tc.specs...).Resolve(tc.query)
			if err != nil {
				t.Fatal(err)
			}
			info := choice.Decoder.Info()
			if choice.Entry.ID() != tc.want || info.Name+"@"+info.Version != tc.want {
				t.Errorf("chose %s (decoder %s@%s), want %s", choice.Entry.ID(), info.Name, info.Version, tc.want)
			}
			if !strings.Contains(choice.Why, tc.why) {
				t.Errorf("why %q lacks %q", choice.Why, tc.why)
			}
			if tc.query.Model == "" {
				names := map[string]bool{}
				for _, s := range tc.specs {
					names[s.name] = true
				}
				if len(choice.Passed) != len(names)-1 {
					t.Errorf("%d models passed over are told, want %d: %v", len(choice.Passed), len(names)-1, choice.Passed)
				}
			}
		})
	}
}

func TestResolveSaysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	c := newCatalog(t, spec{name: "a", version: "1", channels: []string{"C3", "C4"}}, spec{name: "b", version: "3", channels: []string{"C3", "Cz", "C4", "T7"}})
	for _, tc := range []struct {
		name  string
		query catalog.Query
		code  string
		want  map[string]string
	}{
		{"unknown name", catalog.Query{Model: "zz", Channels: []string{"C3"}}, decoders.CodeModelNotFound, map[string]string{"model": "zz", "available": "[a@1 b@3]"}},
		{"unknown version", catalog.Query{Model: "a@7"}, decoders.CodeModelNotFound, map[string]string{"model": "a@7"}},
		{"empty version", catalog.Query{Model: "a@"}, decoders.CodeModelNotFound, nil},
		{"only a version", catalog.Query{Model: "@1"}, decoders.CodeModelNotFound, nil},
		{"other paradigm", catalog.Query{Model: "a", Paradigm: eeg.P300}, decoders.CodeModelIncompatible, map[string]string{"model_paradigm": "motor_imagery"}},
		{"paradigm without models", catalog.Query{Paradigm: eeg.P300}, decoders.CodeModelNotFound, map[string]string{"available": "[]"}},
		{"named, montage lacks one", catalog.Query{Model: "b", Channels: []string{"C3", "C4", "Cz"}}, decoders.CodeMontageMismatch, map[string]string{"channels_missing": "[T7]"}},
		{"none covered: the nearest is told", catalog.Query{Paradigm: eeg.MotorImagery, Channels: []string{"C3", "O1"}}, decoders.CodeMontageMismatch,
			map[string]string{"model": "a@1", "channels_needed": "[C3 C4]", "channels_missing": "[C4]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			choice, err := c.Resolve(tc.query)
			if choice != nil || codeOf(err) != tc.code {
				t.Fatalf("choice %v, error %v; want %s", choice, err, tc.code)
			}
			for key, want := range tc.want {
				if got := fmt.Sprint(err.(*decoders.Error).Details[key]); got != want {
					t.Errorf("details.%s is %s, want %s", key, got, want)
				}
			}
		})
	}
}

func TestPublishedVersionNeverChanges(t *testing.T) {
	t.Parallel()
	c := newCatalog(t, spec{name: "a", version: "1", channels: []string{"C3"}})
	if err := c.AddModel(model(t, spec{name: "a", version: "1", channels: []string{"C3"}}), eeg.SourceAdded); err != nil {
		t.Errorf("the same file again: %v", err)
	}
	err := c.AddModel(model(t, spec{name: "a", version: "1", channels: []string{"C4"}}), eeg.SourceAdded)
	if codeOf(err) != decoders.CodeModelIncompatible {
		t.Errorf("another file of the same version: %v", err)
	}
	if list := c.List(); len(list) != 1 || list[0].Channels[0] != "C3" {
		t.Errorf("the catalog has %v", list)
	}
}

func TestFolderOfModels(t *testing.T) {
	t.Parallel()
	good := file(t, spec{name: "a", version: "1", channels: []string{"C3"}})
	damaged := bytes.Clone(good)
	damaged[60] ^= 1
	st := exampleState()
	st.Pipeline = "unknown"
	folder := fstest.MapFS{
		"good.nrdm":      {Data: good},
		"second.nrdm":    {Data: file(t, spec{name: "a", version: "2", channels: []string{"C3"}})},
		"damaged.nrdm":   {Data: damaged},
		"pipeline.nrdm":  {Data: write(t, "x", "1", st)},
		"notes.txt":      {Data: []byte("no model")},
		"deep/more.nrdm": {Data: good},
	}
	c := newCatalog(t)
	added, err := c.AddFS(folder, eeg.SourceDirectory)
	if added != 2 || err == nil || !strings.Contains(err.Error(), "damaged.nrdm") || !strings.Contains(err.Error(), `"unknown"`) {
		t.Errorf("added %d, error %v", added, err)
	}
	list := c.List()
	if len(list) != 2 || list[0].ID() != "a@2" || list[1].ID() != "a@1" || list[0].Source != eeg.SourceDirectory || list[0].SHA256 == "" {
		t.Errorf("list %+v", list)
	}
	if added, err := newCatalog(t).AddFS(fstest.MapFS{}, eeg.SourceDirectory); added != 0 || err != nil {
		t.Errorf("empty folder: %d, %v", added, err)
	}
}

func TestPipelineNamesAreUnique(t *testing.T) {
	t.Parallel()
	if _, err := catalog.New(meanThreshold{"a"}, meanThreshold{"a"}); err == nil {
		t.Error("two pipelines of one name were taken")
	}
}

func TestCatalogIsSharedByGoroutines(t *testing.T) {
	t.Parallel()
	c := newCatalog(t, spec{name: "a", version: "1", channels: []string{"C3"}})
	var models []*catalog.Model
	for v := 2; v < 20; v++ {
		models = append(models, model(t, spec{name: "a", version: fmt.Sprint(v), channels: []string{"C3"}}))
	}
	var wg sync.WaitGroup
	for _, m := range models {
		wg.Go(func() {
			if err := c.AddModel(m, eeg.SourceAdded); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for range 50 {
				if _, err := c.Resolve(catalog.Query{Model: "a", Channels: []string{"C3"}}); err != nil {
					t.Error(err)
				}
				c.List()
			}
		})
	}
	wg.Wait()
	if choice, err := c.Resolve(catalog.Query{Model: "a", Channels: []string{"C3"}}); err != nil || choice.Entry.Version != "19" {
		t.Errorf("newest is %v, %v", choice, err)
	}
}

func TestDefaultCatalog(t *testing.T) {
	t.Parallel()
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.List() {
		if e.Card.Summary == "" || e.Card.IntendedUse == "" {
			t.Errorf("%s has no card", e.ID())
		}
		choice, err := c.Resolve(catalog.Query{Model: e.ID(), Channels: e.Channels})
		if err != nil || choice.Entry.ID() != e.ID() {
			t.Errorf("%s does not resolve to itself: %v", e.ID(), err)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	c, err := catalog.Default()
	if err != nil {
		b.Fatal(err)
	}
	channels := []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}
	for b.Loop() {
		_, _ = c.Resolve(catalog.Query{Paradigm: eeg.MotorImagery, Channels: channels, Rate: 250})
	}
}
