package models_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/neurod/neurod/models"
)

// TestErrorsAreBounded cuts lists, pointers and messages that a caller made long.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	long := models.FieldError{Pointer: "/" + strings.Repeat("é", 500_000), Code: "unknown", Message: strings.Repeat("m", 1<<20)}
	fields := make([]models.FieldError, 16_000)
	for i := range fields {
		fields[i] = long // all share one text: each its own would take 32 GB
	}
	got := models.Bounded(fields)
	if len(got) != models.MaxFieldErrors {
		t.Errorf("%d fields", len(got))
	}
	for _, f := range got {
		if len(f.Pointer) > 210 || len(f.Message) > 1010 || !utf8.ValidString(f.Pointer) || f.Code != "unknown" {
			t.Fatalf("%d bytes of pointer, %d of message", len(f.Pointer), len(f.Message))
		}
	}
	short := []models.FieldError{{Pointer: "/a", Code: "c", Message: "m"}}
	if got := models.Bounded(short); len(got) != 1 || got[0] != short[0] {
		t.Errorf("a short list became %v", got)
	}
}
