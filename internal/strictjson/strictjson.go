// Package strictjson checks JSON texts (RFC 8259) from outside more strictly than encoding/json does, and lifts one
// large string out of a text without parsing it several times.
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
	"unicode/utf8"
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

// Span is a stretch of a text: [Start, End).
type Span struct{ Start, End int }

// Of returns the stretch of b.
func (s Span) Of(b []byte) []byte { return b[s.Start:s.End] }

// Check reports the first fault of a text, nil when there is none.
func Check(b []byte) error {
	s := scanner{b: b}
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
	s := scanner{b: b, path: path}
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
	s := scanner{b: b, list: key}
	if err := s.text(); err != nil {
		return nil, false, err
	}
	return s.elements, s.listFound, nil
}

// scanner walks a text once.
type scanner struct {
	b     []byte
	i     int
	depth int

	path []string // lift the string here
	on   int      // how many keys of path lead to the value being read
	cuts []Span   // between the quotes

	list      string // note the elements of this top-level array
	listFound bool
	elements  []Span
}

func (s *scanner) fail(reason, text string) error { return &Error{s.i, reason, text} }

func (s *scanner) syntax() error {
	if s.i >= len(s.b) {
		return s.fail(ReasonSyntax, "The JSON text ends too early.")
	}
	if s.b[s.i] < 0x20 || s.b[s.i] >= 0x7f {
		return s.fail(ReasonSyntax, "The text is not JSON: unexpected byte.")
	}
	return s.fail(ReasonSyntax, fmt.Sprintf("The text is not JSON: unexpected %q.", s.b[s.i]))
}

func (s *scanner) text() error {
	s.space()
	if err := s.value(len(s.path) > 0, false); err != nil {
		return err
	}
	s.space()
	if s.i < len(s.b) {
		return s.fail(ReasonSyntax, "Something follows the JSON text.")
	}
	return nil
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\n', '\r', '\t':
			s.i++
		default:
			return
		}
	}
}

// value reads one value. onPath is true when the keys so far are a prefix of path; listed, when the value is the one
// whose elements are wanted.
func (s *scanner) value(onPath, listed bool) error {
	if s.i >= len(s.b) {
		return s.syntax()
	}
	if listed {
		s.elements, s.listFound = nil, s.b[s.i] == '['
	}
	switch c := s.b[s.i]; {
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
		return s.number()
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
	s.i++
	s.space()
	return nil
}

func (s *scanner) leave() {
	s.i++
	s.depth--
}

func (s *scanner) object(onPath bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.i < len(s.b) && s.b[s.i] == '}' {
		s.leave()
		return nil
	}
	level := s.on
	top := s.depth == 1
	for {
		if s.i >= len(s.b) || s.b[s.i] != '"' {
			return s.syntax()
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		s.space()
		if s.i >= len(s.b) || s.b[s.i] != ':' {
			return s.syntax()
		}
		s.i++
		s.space()
		match := onPath && level < len(s.path) && sameKey(key, s.path[level])
		if match {
			s.on = level + 1
		}
		listed := top && s.list != "" && sameKey(key, s.list)
		if err := s.value(match, listed); err != nil {
			return err
		}
		s.on = level
		s.space()
		if s.i >= len(s.b) {
			return s.syntax()
		}
		switch s.b[s.i] {
		case ',':
			s.i++
			s.space()
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
	if s.i < len(s.b) && s.b[s.i] == ']' {
		s.leave()
		return nil
	}
	for {
		start := s.i
		if err := s.value(false, false); err != nil {
			return err
		}
		if listed {
			s.elements = append(s.elements, Span{start, s.i})
		}
		s.space()
		if s.i >= len(s.b) {
			return s.syntax()
		}
		switch s.b[s.i] {
		case ',':
			s.i++
			s.space()
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
	if string(raw) == name {
		return true
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return false
	}
	var text string
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	return json.Unmarshal(quoted, &text) == nil && text == name
}

// lift notes a string by its closing quote, without looking at what is inside.
func (s *scanner) lift() error {
	s.i++
	start := s.i
	for {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			s.i = len(s.b)
			return s.syntax()
		}
		end := s.i + n
		s.i = end + 1
		slashes := 0
		for end-slashes > start && s.b[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			s.cuts = append(s.cuts, Span{start, end})
			return nil
		}
	}
}

// plain marks the bytes that stand for themselves in a string: ASCII without controls, quote and backslash.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// str reads a string and returns what stands between its quotes.
func (s *scanner) str() ([]byte, error) {
	s.i++
	start := s.i
	for s.i < len(s.b) {
		c := s.b[s.i]
		switch {
		case plain[c]:
			s.i++
		case c == '"':
			s.i++
			return s.b[start : s.i-1], nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		case c < 0x20:
			return nil, s.fail(ReasonSyntax, "A string holds a control character that is not escaped.")
		default:
			r, n := utf8.DecodeRune(s.b[s.i:])
			if r == utf8.RuneError && n <= 1 {
				return nil, s.fail(ReasonUnicode, "A string is not valid UTF-8.")
			}
			s.i += n
		}
	}
	return nil, s.syntax()
}

func (s *scanner) escape() error {
	if s.i+1 >= len(s.b) {
		s.i = len(s.b)
		return s.syntax()
	}
	switch s.b[s.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i += 2
		return nil
	case 'u':
	default:
		return s.fail(ReasonSyntax, "A string holds an escape that JSON does not know.")
	}
	r, ok := hex4(s.b, s.i+2)
	switch {
	case !ok:
		return s.fail(ReasonSyntax, `A string holds \u without four hexadecimal digits.`)
	case r == 0:
		return s.fail(ReasonUnicode, "A string holds the character U+0000.")
	case 0xDC00 <= r && r < 0xE000:
		return s.fail(ReasonUnicode, "A string holds half of a surrogate pair.")
	case 0xD800 <= r && r < 0xDC00:
		low, ok := rune(0), false
		if s.i+7 < len(s.b) && s.b[s.i+6] == '\\' && s.b[s.i+7] == 'u' {
			low, ok = hex4(s.b, s.i+8)
		}
		if !ok || low < 0xDC00 || low >= 0xE000 {
			return s.fail(ReasonUnicode, "A string holds half of a surrogate pair.")
		}
		s.i += 12
	default:
		s.i += 6
	}
	return nil
}

func hex4(b []byte, at int) (rune, bool) {
	if at+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[at : at+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func (s *scanner) literal(word string) error {
	for j := range len(word) {
		if s.i >= len(s.b) || s.b[s.i] != word[j] {
			return s.syntax()
		}
		s.i++
	}
	return nil
}

func (s *scanner) number() error {
	if s.b[s.i] == '-' {
		s.i++
	}
	switch {
	case s.i < len(s.b) && s.b[s.i] == '0':
		s.i++
	default:
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.i < len(s.b) && (s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		return s.digits()
	}
	return nil
}

// digits reads one digit or more.
func (s *scanner) digits() error {
	start := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	if s.i == start {
		return s.syntax()
	}
	return nil
}
