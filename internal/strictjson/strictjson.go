// Package strictjson checks JSON texts (RFC 8259) from outside more strictly than encoding/json does, and lifts one
// large string out of a text without parsing it several times. One walker, Cursor, does all of it: the check, the count of values
// (Budget), the search for keys that no field has (Unknown) and for values that do not fit (Decode), and the samples of a batch, which
// the handlers read past encoding/json.
//
// What encoding/json lets pass and this package refuses: nesting deeper than a stated limit, bytes that are not
// UTF-8, escapes of lone surrogates, and the character U+0000, which text columns of databases cannot hold.
// What both refuse: everything that is not one JSON value between optional white space, so also NaN and
// trailing garbage. Duplicate keys are tolerated: the last one counts, as in encoding/json.
//
// Invariants: no recursion beyond the nesting limit, no allocation in proportion to anything but the input.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// MaxDepth is how deep requests may nest. The deepest field of the API lies at 7, a symbol in a batch;
// the rest is left to free keys.
const MaxDepth = 64

// Error says why a text is refused.
type Error struct {
	Offset int    // byte offset of the fault in the text
	Reason string // one of the Reason constants
	Text   string // the sentence for people
}

// Reasons.
const (
	ReasonSyntax  = "syntax"
	ReasonDepth   = "too_deep"
	ReasonUnicode = "not_unicode"
)

func (e *Error) Error() string {
	return fmt.Sprintf("%s (at byte %d)", strings.TrimSuffix(e.Text, "."), e.Offset)
}

// Span is a part of a text: [Start, End).
type Span struct{ Start, End int }

// Of returns the part of b.
func (s Span) Of(b []byte) []byte { return b[s.Start:s.End] }

// Check reports the first fault of a text, nil when there is none.
func Check(b []byte) error {
	s := scanner{Cursor: Cursor{b: b}}
	return s.text()
}

// Cut checks a text and lifts the string at a path of object keys out of it. rest is the text with "" in the
// string's place; lifted is what stood between its quotes, with escapes resolved. Both may alias b.
// found is false, and rest is b, when there is no string at the path. Of duplicates the last is lifted and every
// one is emptied.
//
// A lifted string without escapes is found by two searches for a byte and is not otherwise looked at: control
// characters and bytes that are not UTF-8 pass, so it suits only strings whose alphabet is checked afterwards.
func Cut(b []byte, path ...string) (rest, lifted []byte, found bool, err error) {
	s := scanner{Cursor: Cursor{b: b}, path: path}
	if err := s.text(); err != nil {
		return nil, nil, false, err
	}
	if len(s.cuts) == 0 {
		return b, nil, false, nil
	}
	size := len(b)
	for _, c := range s.cuts {
		size -= c.End - c.Start
	}
	rest = make([]byte, 0, size)
	from := 0
	for _, c := range s.cuts {
		rest = append(rest, b[from:c.Start]...)
		from = c.End
	}
	rest = append(rest, b[from:]...)

	last := s.cuts[len(s.cuts)-1]
	lifted = last.Of(b)
	if bytes.IndexByte(lifted, '\\') >= 0 {
		var text string
		quoted := b[last.Start-1 : last.End+1]
		if err := json.Unmarshal(quoted, &text); err != nil {
			return nil, nil, false, &Error{last.Start, ReasonSyntax, "A string holds a character that JSON does not allow there."}
		}
		lifted = []byte(text)
	}
	return rest, lifted, true, nil
}

// Elements checks a text and returns where the elements of the array under a top-level key lie. found is false
// when the key is missing or holds no array; of duplicates the last counts.
func Elements(b []byte, key string) (elements []Span, found bool, err error) {
	s := scanner{Cursor: Cursor{b: b}, list: key}
	if err := s.text(); err != nil {
		return nil, false, err
	}
	return s.elements, s.listFound, nil
}

// scanner walks a text once and holds it to the grammar.
type scanner struct {
	Cursor
	depth int

	path []string // lift the string here
	on   int      // how many keys of path lead to the value being read
	cuts []Span   // between the quotes

	list      string // note the elements of this top-level array
	listFound bool
	elements  []Span
}

func (s *scanner) text() error {
	s.Space()
	if err := s.value(len(s.path) > 0, false); err != nil {
		return err
	}
	s.Space()
	if s.at < len(s.b) {
		return s.fail(ReasonSyntax, "Something follows the JSON text.")
	}
	return nil
}

// value reads one value. onPath is true when the keys so far are a prefix of path; listed, when the value is the one
// whose elements are wanted.
func (s *scanner) value(onPath, listed bool) error {
	if s.at >= len(s.b) {
		return s.syntax()
	}
	if listed {
		s.elements, s.listFound = nil, s.b[s.at] == '['
	}
	switch c := s.b[s.at]; {
	case c == '{':
		return s.object(onPath)
	case c == '[':
		return s.array(listed)
	case c == '"':
		if onPath && s.on == len(s.path) {
			return s.lift()
		}
		_, err := s.str()
		return err
	case c == '-' || '0' <= c && c <= '9':
		if !s.number() {
			return s.syntax()
		}
		return nil
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.syntax()
}

func (s *scanner) enter() error {
	s.depth++
	if s.depth > MaxDepth {
		return s.fail(ReasonDepth, fmt.Sprintf("The JSON text nests deeper than %d levels.", MaxDepth))
	}
	s.at++
	s.Space()
	return nil
}

func (s *scanner) leave() {
	s.at++
	s.depth--
}

func (s *scanner) object(onPath bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.at < len(s.b) && s.b[s.at] == '}' {
		s.leave()
		return nil
	}
	level := s.on
	top := s.depth == 1
	for {
		if s.at >= len(s.b) || s.b[s.at] != '"' {
			return s.syntax()
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		s.Space()
		if s.at >= len(s.b) || s.b[s.at] != ':' {
			return s.syntax()
		}
		s.at++
		s.Space()
		match := onPath && level < len(s.path) && sameKey(key, s.path[level])
		if match {
			s.on = level + 1
		}
		listed := top && s.list != "" && sameKey(key, s.list)
		if err := s.value(match, listed); err != nil {
			return err
		}
		s.on = level
		s.Space()
		if s.at >= len(s.b) {
			return s.syntax()
		}
		switch s.b[s.at] {
		case ',':
			s.at++
			s.Space()
		case '}':
			s.leave()
			return nil
		default:
			return s.syntax()
		}
	}
}

func (s *scanner) array(listed bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.at < len(s.b) && s.b[s.at] == ']' {
		s.leave()
		return nil
	}
	for {
		start := s.at
		if err := s.value(false, false); err != nil {
			return err
		}
		if listed {
			s.elements = append(s.elements, Span{start, s.at})
		}
		s.Space()
		if s.at >= len(s.b) {
			return s.syntax()
		}
		switch s.b[s.at] {
		case ',':
			s.at++
			s.Space()
		case ']':
			s.leave()
			return nil
		default:
			return s.syntax()
		}
	}
}

// sameKey compares a raw key (between its quotes) with a name.
func sameKey(raw []byte, name string) bool {
	return string(raw) == name || bytes.IndexByte(raw, '\\') >= 0 && unescaped(raw) == name
}

// lift notes a string by its closing quote, without looking at what is inside.
func (s *scanner) lift() error {
	cut, ok := s.quoted()
	if !ok {
		return s.syntax()
	}
	s.cuts = append(s.cuts, cut)
	return nil
}
