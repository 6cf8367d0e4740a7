package models_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/models"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	events := models.At("input", "events")
	for want, path := range map[string]models.Path{
		"":                        nil,
		"input.events":            events,
		"input.events[3].onset_s": events.Index(3).Name("onset_s"),
		"items[1].input.events":   models.At("items").Index(1).Join(events),
		`input.classes["a.b"]`:    models.At("input", "classes", "a.b"),
		`[""][0]`:                 models.At("").Index(0),
		`input.classes["7\"]"].x`: models.At("input", "classes", `7"]`, "x"),
	} {
		if got := path.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if name, ok := events[1].Name(); !ok || name != "events" {
		t.Errorf("%q, %v", name, ok)
	}
	if name, ok := events.Index(3)[2].Name(); ok || events.Index(3)[2].Index() != 3 {
		t.Errorf("%q", name)
	}
}

// ExamplePath builds the path of an element of a list.
func ExamplePath() {
	fmt.Println(models.At("input", "channels").Index(3))
	// Output: input.channels[3]
}

// TestPathsAreKept: a path that was stored is the path that was stored, and paths that grow from one do not share what follows.
func TestPathsAreKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		path := models.At("x")
		for range rapid.IntRange(0, 5).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "indexed") {
				path = path.Index(rapid.IntRange(0, 1<<20).Draw(t, "index"))
			} else {
				path = path.Name(rapid.String().Draw(t, "name"))
			}
		}
		b, err := json.Marshal(path)
		if err != nil {
			t.Fatal(err)
		}
		var back models.Path
		if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(path, back) {
			t.Fatalf("%s became %v (%v)", b, back, err)
		}
		first, second := path.Name("a"), path.Name("b").Index(1)
		if first.String() == second.String() || !reflect.DeepEqual(path, back) {
			t.Fatalf("%s and %s", first, second)
		}
	})
	for _, s := range []string{`true`, `-1`, `1.5`, `{}`, `null`} {
		if err := json.Unmarshal([]byte("["+s+"]"), new(models.Path)); err == nil {
			t.Errorf("%s was taken for a step", s)
		}
	}
}
