package dialect

import (
	"strings"
	"time"
)

// UTC brings a time to the form in which the databases keep it: UTC with microseconds, PostgreSQL's resolution.
func UTC(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// OptionalUTC is UTC for a time that may be missing.
func OptionalUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := UTC(*t)
	return &u
}

// Now is the time of this process.
func Now() time.Time { return UTC(time.Now()) }

var begun = time.Now()

// Steady is the time of this process by a clock that nobody sets: what Now was when it began and the time since. What must neither end early nor
// last longer when the machine's clock jumps (leases, pauses) goes by it on SQLite, where there is one process.
func Steady() time.Time { return UTC(begun.Add(time.Since(begun))) }

// Text returns JSON or a message as both databases take it: valid UTF-8 without NUL, nil for none.
func Text(b []byte) *string {
	if b == nil {
		return nil
	}
	s := CleanText(string(b))
	return &s
}

// OptionalText is Text for a text that may be missing.
func OptionalText(s *string) *string {
	if s == nil {
		return nil
	}
	c := CleanText(*s)
	return &c
}

// CleanText returns a text as both databases take it.
func CleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
}

// NonNil returns a list that is no NULL.
func NonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
