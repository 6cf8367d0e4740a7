package catalog_test

import (
	"fmt"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
)

// aligned is a decoder that was trained with alignment.
type aligned struct{ threshold }

func (a aligned) Info() decoders.Info {
	info := a.threshold.Info()
	info.Aligned = true
	return info
}

// TestResolveKnowsWhetherThereAreClips: a model that was trained with alignment comes last for a clip without others of its
// person, and by its priority where there are some.
func TestResolveKnowsWhetherThereAreClips(t *testing.T) {
	t.Parallel()
	type m struct {
		name     string
		aligned  bool
		priority int
	}
	for name, tc := range map[string]struct {
		models []m
		clips  bool
		want   string
	}{
		"a clip alone":              {[]m{{"moved", true, 5}, {"single", false, 0}}, false, "single"},
		"several clips":             {[]m{{"moved", true, 5}, {"single", false, 0}}, true, "moved"},
		"somebody's own goes first": {[]m{{"moved", true, -1}, {"own", false, 0}}, true, "own"},
		"nothing else fits":         {[]m{{"moved", true, -1}}, false, "moved"},
	} {
		c, err := catalog.New()
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range tc.models {
			d := threshold{info: decoders.Info{Name: x.name, Version: "1", Paradigm: eeg.MotorImagery, Channels: []string{"C3", "C4"}, Rate: 250}}
			var decoder decoders.Decoder = d
			if x.aligned {
				decoder = aligned{d}
			}
			if err := c.AddDecoder(decoder, catalog.ModelCard{Priority: x.priority}, eeg.SourceAdded); err != nil {
				t.Fatal(err)
			}
		}
		choice, err := c.Resolve(catalog.Query{Paradigm: eeg.MotorImagery, Channels: []string{"C3", "C4"}, Rate: 250, Clips: tc.clips})
		if err != nil {
			t.Fatal(err)
		}
		if choice.Entry.Name != tc.want || len(choice.Passed) != len(tc.models)-1 {
			t.Errorf("%s: %s, passed %v; want %s", name, choice.Entry.Name, choice.Passed, tc.want)
		}
		if !tc.clips && len(choice.Passed) == 1 && choice.Passed[0].Why != "fits, but single@1 comes first: needs no other clips of the person" {
			t.Errorf("%s: %q", name, choice.Passed[0].Why)
		}
		// A model that is named is taken as it is named.
		if named, err := c.Resolve(catalog.Query{Model: "moved", Channels: []string{"C3", "C4"}, Clips: tc.clips}); err != nil || named.Entry.Name != "moved" {
			t.Errorf("%s: by name %v, %v", name, named, err)
		}
	}
}

// TestChoicesFollowTheModels: a query that comes again gets what it got, whatever its sender made of it, until there is another model; and
// montages that differ by where one name ends and the next begins are two.
func TestChoicesFollowTheModels(t *testing.T) {
	t.Parallel()
	c, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, priority int, channels ...string) {
		t.Helper()
		d := threshold{info: decoders.Info{Name: name, Version: "1", Paradigm: eeg.MotorImagery, Channels: channels, Rate: 250}}
		if err := c.AddDecoder(d, catalog.ModelCard{Priority: priority}, eeg.SourceAdded); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(channels ...string) *catalog.Choice {
		t.Helper()
		choice, err := c.Resolve(catalog.Query{Paradigm: eeg.MotorImagery, Channels: channels, Rate: 250})
		if err != nil {
			t.Fatal(err)
		}
		return choice
	}
	add("first", 1, "A")
	add("second", 0, "A")
	one := ask("A", "B")
	one.Entry.Name, one.Passed = "changed", append(one.Passed, eeg.PassedOver{Model: "x"})
	if again := ask("A", "B"); again.Entry.Name != "first" || len(again.Passed) != 1 || again.Passed[0].Model != "second@1" {
		t.Errorf("again: %s, passed %v", again.Entry.Name, again.Passed)
	}
	add("third", 2, "AB")
	if got := ask("A", "B").Entry.Name; got != "first" {
		t.Errorf("A and B: %s", got)
	}
	if got := ask("A", "AB").Entry.Name; got != "third" {
		t.Errorf("with another model: %s", got)
	}
	for i := range 1000 { // more than are kept
		if got := ask("A", fmt.Sprint("x", i)).Entry.Name; got != "first" {
			t.Fatalf("montage %d: %s", i, got)
		}
	}
}
