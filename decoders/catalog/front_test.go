package catalog_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
)

// TestFilesOfModels: every model of the program has its file, and so has one of a folder, as it lies there now.
func TestFilesOfModels(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cat.List() {
		b, err := cat.File(e.Name, e.Version)
		if err != nil {
			t.Fatal(err)
		}
		m, err := catalog.Parse(b)
		if err != nil || m.ID() != e.ID() || m.State.Pipeline != e.Pipeline || e.SHA256 != "" && m.SHA256 != e.SHA256 {
			t.Errorf("%s: %+v, %v", e.ID(), m, err)
		}
		again, err := cat.File(e.Name, e.Version)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%s: another file the second time, %v", e.ID(), err)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a"+catalog.Extension)
	if err := os.WriteFile(path, file(t, spec{name: "a", version: "1"}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCatalog(t, spec{name: "added", version: "1"})
	if _, err := c.AddFS(os.DirFS(dir), eeg.SourceDirectory); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := c.File("a", "1"); err != nil || string(b) != "changed" {
		t.Errorf("%q, %v", b, err)
	}
	for _, ref := range [][2]string{{"a", "2"}, {"b", "1"}, {"added", "1"}} {
		var bad *decoders.Error
		if _, err := c.File(ref[0], ref[1]); !errors.As(err, &bad) || bad.Code != decoders.CodeModelNotFound {
			t.Errorf("%v: %v", ref, err)
		}
	}
}

// TestModelInFront: a query that names it gets it, all others get what the catalog has.
func TestModelInFront(t *testing.T) {
	t.Parallel()
	c := newCatalog(t, spec{name: "a", version: "1", channels: []string{"C3"}}, spec{name: "b", version: "1", channels: []string{"C3"}})
	own, err := c.Load(model(t, spec{name: "a", version: "7", channels: []string{"C3", "C4"}}), eeg.SourceProject)
	if err != nil {
		t.Fatal(err)
	}
	front := c.With("a", own)
	for name, tt := range map[string]struct {
		query catalog.Query
		want  string
	}{
		"by its name":     {catalog.Query{Model: "a", Channels: []string{"C3", "C4"}}, "a@7 project"},
		"another version": {catalog.Query{Model: "a@1", Channels: []string{"C3", "C4"}}, "a@1 added"},
		"another model":   {catalog.Query{Model: "b", Channels: []string{"C3"}}, "b@1 added"},
		"none":            {catalog.Query{Paradigm: eeg.MotorImagery, Channels: []string{"C3"}}, "a@1 added"},
		"montage":         {catalog.Query{Model: "a", Channels: []string{"C3"}}, decoders.CodeMontageMismatch},
		"paradigm":        {catalog.Query{Model: "a", Paradigm: eeg.P300, Channels: []string{"C3", "C4"}}, decoders.CodeModelIncompatible},
	} {
		choice, err := front.Resolve(tt.query)
		var bad *decoders.Error
		switch {
		case errors.As(err, &bad):
			if bad.Code != tt.want {
				t.Errorf("%s: %v, want %s", name, err, tt.want)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case choice.Entry.ID()+" "+string(choice.Entry.Source) != tt.want:
			t.Errorf("%s: %s of %s, want %s", name, choice.Entry.ID(), choice.Entry.Source, tt.want)
		}
	}
	if len(c.List()) != 2 {
		t.Errorf("the catalog has changed: %v", c.List())
	}
}

// TestLicensedModelsMustBeNamed: one above free is never chosen for a request that names none, however well it fits.
func TestLicensedModelsMustBeNamed(t *testing.T) {
	t.Parallel()
	write := func(license string) (*catalog.Model, error) {
		card := exampleCard()
		card.RequiresLicense, card.Priority = license, 100
		st := exampleState()
		st.Channels = []string{"C3"}
		var b bytes.Buffer
		if err := catalog.Write(&b, eeg.MotorImagery, "licensed", "1", card, st); err != nil {
			return nil, err
		}
		return catalog.Parse(b.Bytes())
	}
	c := newCatalog(t, spec{name: "a", version: "1", channels: []string{"C3"}})
	m, err := write("research")
	if err != nil {
		t.Fatal(err)
	}
	if m.Card.License() != "research" || exampleCard().License() != catalog.LicenseFree {
		t.Errorf("licences %s, %s", m.Card.License(), exampleCard().License())
	}
	if err := c.AddModel(m, eeg.SourceAdded); err != nil {
		t.Fatal(err)
	}
	choice, err := c.Resolve(catalog.Query{Paradigm: eeg.MotorImagery, Channels: []string{"C3"}})
	if err != nil || choice.Entry.Name != "a" || len(choice.Passed) != 1 || !strings.Contains(choice.Passed[0].Why, "licence") {
		t.Errorf("%+v, %v", choice, err)
	}
	if choice, err = c.Resolve(catalog.Query{Model: "licensed", Channels: []string{"C3"}}); err != nil || choice.Entry.Name != "licensed" {
		t.Errorf("%+v, %v", choice, err)
	}
	var bad *decoders.Error
	if _, err := write("gold"); !errors.As(err, &bad) || bad.Code != catalog.CodeModelMalformed {
		t.Errorf("an unknown licence: %v", err)
	}
}
