package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/api"
)

// TestTextsAreWhole: in {description: a, b} of YAML the text is "a", and b a key without a value. That is never meant.
func TestTextsAreWhole(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func() ([]byte, error){"openapi.yaml": api.OpenAPIJSON, "asyncapi.yaml": api.AsyncAPIJSON} {
		text, err := read()
		if err != nil {
			t.Fatal(err)
		}
		var doc node
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		halves(doc, "", func(place string) {
			t.Errorf("%s: %s has no value: a text with a comma needs quotation marks", name, place)
		})
	}
}

// halves calls f with the place of every key of several words that has no value.
func halves(v any, place string, f func(place string)) {
	switch x := v.(type) {
	case node:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			if x[k] == nil && strings.Contains(k, " ") {
				f(place + "/" + k)
			}
			halves(x[k], place+"/"+k, f)
		}
	case []any:
		for _, e := range x {
			halves(e, place, f)
		}
	}
}
