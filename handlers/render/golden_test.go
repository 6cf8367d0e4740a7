package render_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

var update = flag.Bool("update", false, "write testdata again")

// TestErrorsOnTheWire holds what HTTP clients get of every code in every family to a golden file: status, media type, challenge
// and body, of the code alone and with a wrong field.
func TestErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	const file = "testdata/errors.golden"
	now := time.Date(2024, 1, 15, 10, 30, 45, 123e6, time.UTC)
	families := []render.Family{render.Envelope, render.Devices, render.Problem, render.Registry}
	var got bytes.Buffer
	show := func(name string, e *models.Error) {
		for _, f := range families {
			w := httptest.NewRecorder()
			render.Error(f, w, "r1", e)
			_, _, body := render.Body(f, e, "r1", now)
			fmt.Fprintf(&got, "%s in %s: %d %s\n", name, f, w.Code, w.Header().Get("Content-Type"))
			if challenge := w.Header().Get("WWW-Authenticate"); challenge != "" {
				fmt.Fprintf(&got, "  WWW-Authenticate: %s\n", challenge)
			}
			fmt.Fprintf(&got, "  %s", body)
		}
	}
	for _, code := range render.Codes() {
		show(string(code), models.NewError(code))
	}
	show("a field of the body", models.InvalidField(models.At("input", "channels").Index(3), "duplicate", "is the same as channel %d", 1))
	show("the body itself", models.InvalidField(nil, "type", "must be an object"))
	show("a name with a slash and a tilde", models.InvalidField(models.At("data", "a/b~c").Index(0), "type", "must be a number"))
	show("a parameter", &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At("limit"), Code: "out_of_range", Message: "must be a whole number from 1 to 100"}}})
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
