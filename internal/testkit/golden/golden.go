// Package golden reads the values of reference implementations that tests hold ours to; `make golden` writes them.
package golden

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Read returns what testdata/golden/NAME.json of the test's own package holds.
func Read[T any](t testing.TB, name string) (values T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "golden", name+".json"))
	if err == nil {
		err = json.Unmarshal(b, &values)
	}
	if err != nil {
		t.Fatal(err)
	}
	return values
}
