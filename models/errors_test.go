package models_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/neurod/neurod/models"
)

// TestErrorsAreBounded cuts lists, pointers and messages that a caller made long.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	long := models.FieldError{Path: models.At("data").Name(strings.Repeat("é", 500_000)).Index(3), Code: "unknown", Message: strings.Repeat("m", 1<<20)}
	fields := make([]models.FieldError, 16_000)
	for i := range fields {
		fields[i] = long // all share one text: each its own would take 32 GB
	}
	got := models.Bounded(fields)
	if len(got) != models.MaxFieldErrors {
		t.Errorf("%d fields", len(got))
	}
	for _, f := range got {
		if len(f.Path.String()) > 260 || len(f.Message) > 1010 || !utf8.ValidString(f.Path.String()) || f.Code != "unknown" {
			t.Fatalf("%d bytes of path, %d of message", len(f.Path.String()), len(f.Message))
		}
	}
	short := []models.FieldError{{Path: models.At("a"), Code: "c", Message: "m"}}
	if got := models.Bounded(short); len(got) != 1 || !reflect.DeepEqual(got[0], short[0]) {
		t.Errorf("a short list became %v", got)
	}
}
