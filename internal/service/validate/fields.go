// Package validate judges what callers send, before anything is looked up: it collects the wrong fields of a request, and holds the
// rules of names and times and those of a decode request, of which live decodes share a part.
package validate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/nearest"
	"github.com/neurod/neurod/models"
)

// Limits of every request.
const (
	// MaxErrors is how many wrong fields of a request are named.
	MaxErrors = 20
	// MaxName is how many characters a user, a device or a batch may be named with.
	MaxName = 255
	// MaxEventLabel is how many characters the label of an event may have.
	MaxEventLabel = 1000
)

// Fields collects what is wrong with a request, up to MaxErrors.
type Fields []models.FieldError

// Add names a wrong field, unless there are enough.
func (f *Fields) Add(path models.Path, code, format string, args ...any) {
	if len(*f) < MaxErrors {
		*f = append(*f, models.FieldError{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
	}
}

// Full reports whether no more fields are named.
func (f *Fields) Full() bool { return len(*f) >= MaxErrors }

// OneOf holds an optional field to a list.
func (f *Fields) OneOf(path models.Path, value string, allowed []string) {
	if value != "" && !slices.Contains(allowed, value) {
		if near := nearest.Name(value, allowed); near != "" {
			f.Add(path, "not_allowed", "is %q; did you mean %q? Must be one of %s", Short(value), near, strings.Join(allowed, ", "))
			return
		}
		f.Add(path, "not_allowed", "is %q; must be one of %s", Short(value), strings.Join(allowed, ", "))
	}
}

// Features holds the features that are asked for to those that there are, and returns them.
func Features(path models.Path, asked []eeg.Feature, wrong *Fields) []eeg.Feature {
	allowed := eeg.Names(eeg.Features)
	for i, name := range asked {
		switch {
		case wrong.Full():
			return nil
		case name == "":
			wrong.Add(path.Index(i), "not_allowed", "is empty; must be one of %s", strings.Join(allowed, ", "))
		case !name.Known():
			wrong.OneOf(path.Index(i), string(name), allowed)
		case slices.Contains(asked[:i], name):
			wrong.Add(path.Index(i), "duplicate", "%s is named twice", name)
		}
	}
	return asked
}

// Text holds an optional string to a number of characters.
func (f *Fields) Text(path models.Path, value string, most int) {
	if n := utf8.RuneCountInString(value); n > most {
		f.Add(path, "too_long", "has %d characters; at most %d are allowed", n, most)
	}
}

// maxTimeMS is the last millisecond of the year 9999, the last that RFC 3339 can write.
const maxTimeMS = 253_402_300_799_999

// Time holds an optional time to those that can be written.
func (f *Fields) Time(path models.Path, ms *int64) {
	if ms != nil && (*ms < 0 || *ms > maxTimeMS) {
		f.Add(path, "out_of_range", "is %d; must be Unix time in milliseconds, from 0 to %d", *ms, int64(maxTimeMS))
	}
}

// Short keeps a caller's value in a message readable.
func Short(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// Seconds returns a length in whole ms, and the default where none is given.
func (f *Fields) Seconds(path models.Path, s *float64, fallback, least, most int, rateHz float64) int {
	if s == nil {
		return fallback
	}
	ms := *s * 1000
	switch {
	case !(ms >= float64(least) && ms <= float64(most)):
		f.Add(path, "out_of_range", "must be a number of seconds from %g to %g", float64(least)/1000, float64(most)/1000)
	case math.Abs(ms-math.Round(ms)) > 1e-6:
		f.Add(path, "not_whole", "must be a whole number of milliseconds")
	case ms*rateHz < 1000:
		f.Add(path, "out_of_range", "is shorter than one sample")
	default:
		return int(math.Round(ms))
	}
	return fallback
}

// NameFault returns the code of what is wrong with a name, "" for nothing.
func NameFault(s string, most int) string {
	switch {
	case s == "":
		return "required"
	case utf8.RuneCountInString(s) > most:
		return "too_long"
	case !utf8.ValidString(s), containsControl(s):
		return "invalid"
	}
	return ""
}

func containsControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}
