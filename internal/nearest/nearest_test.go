package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/nearest"
)

var fields = []string{"type", "data", "encoding", "layout", "paradigm", "device", "channels", "sample_rate", "events", "stimulus", "model", "alignment", "session_id"}

func TestName(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"stimulis": "stimulus", "alignement": "alignment", "sampleRate": "sample_rate", "sample-rate": "sample_rate", "chanels": "channels",
		"enocding": "encoding", "Paradigm": "paradigm", "session": "session_id", "tpye": "type",
		"": "", "x": "", "montage": "", "frequency": "", strings.Repeat("stimulus", 1000): "",
	} {
		if got := nearest.Name(given, fields); got != want {
			t.Errorf("%q is taken for %q, want %q", given, got, want)
		}
	}
	modes := []string{"wheelchair_nav", "cursor", "speller", "smart_home"}
	for given, want := range map[string]string{"curser": "cursor", "wheelchair": "wheelchair_nav", "SmartHome": "smart_home", "spelller": "speller", "my_app": "", "my_drone": ""} {
		if got := nearest.Name(given, modes); got != want {
			t.Errorf("%q is taken for %q, want %q", given, got, want)
		}
	}
}

// TestOneSlipIsFound makes one slip in a name of four letters or more: it is found again, or taken for a name that is as near.
func TestOneSlipIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(fields).Draw(t, "name")
		r := []rune(name)
		i := rapid.IntRange(0, len(r)-2).Draw(t, "at")
		switch rapid.IntRange(0, 3).Draw(t, "slip") {
		case 0:
			r = slices.Delete(r, i, i+1)
		case 1:
			r = slices.Insert(r, i, rapid.RuneFrom([]rune("aeiouxyz")).Draw(t, "letter"))
		case 2:
			r[i] = rapid.RuneFrom([]rune("aeiouxyz")).Draw(t, "letter")
		case 3:
			r[i], r[i+1] = r[i+1], r[i]
		}
		if got := nearest.Name(string(r), fields); got != name {
			t.Fatalf("%q, once %q, is taken for %q", string(r), name, got)
		}
	})
}
