package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Cursor goes through a text from one token to the next. Everything that this package does goes by it, and so does who reads a text past
// encoding/json. It judges a token and leaves their order to its user.
type Cursor struct {
	b  []byte
	at int
}

// NewCursor returns one at the beginning of a text.
func NewCursor(b []byte) *Cursor { return &Cursor{b: b} }

// Space skips white space.
func (c *Cursor) Space() {
	for c.at < len(c.b) {
		switch c.b[c.at] {
		case ' ', '\n', '\r', '\t':
			c.at++
		default:
			return
		}
	}
}

// Take skips white space and then the byte, if it is next.
func (c *Cursor) Take(want byte) bool {
	c.Space()
	if c.at < len(c.b) && c.b[c.at] == want {
		c.at++
		return true
	}
	return false
}

// before reports whether a byte comes next, behind white space.
func (c *Cursor) before(next byte) bool {
	ahead := *c
	return ahead.Take(next)
}

// End reports whether nothing follows but white space.
func (c *Cursor) End() bool {
	c.Space()
	return c.at == len(c.b)
}

// Rest returns what has not been read.
func (c *Cursor) Rest() []byte { return c.b[c.at:] }

// Name reads a string and returns it without its escapes, and false where there is none, or one that Check would refuse.
func (c *Cursor) Name() (string, bool) {
	c.Space()
	if c.at >= len(c.b) || c.b[c.at] != '"' {
		return "", false
	}
	raw, err := c.str()
	if err != nil {
		return "", false
	}
	return unescaped(raw), true
}

// unescaped returns a string by what stands between its quotes, which is right.
func unescaped(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var text string
	_ = json.Unmarshal(quoted, &text)
	return text
}

// tens are the powers of ten that a float64 holds exactly.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// Number reads a number, and whether it is written as a whole one; false where there is none, or one that Check would refuse. One that
// no float64 can hold is infinite. Up to 15 digits without an exponent are a quotient of two exact float64 and so rounded correctly
// (Clinger, "How to read floating point numbers accurately", PLDI 1990); strconv reads the others.
func (c *Cursor) Number() (v float64, whole, ok bool) {
	c.Space()
	b, at := c.b, c.at
	negative := at < len(b) && b[at] == '-'
	if negative {
		at++
	}
	first := at
	var mantissa uint64
	for at < len(b) && b[at]-'0' < 10 {
		mantissa = mantissa*10 + uint64(b[at]-'0')
		at++
	}
	digits := at - first
	if digits == 0 || (digits > 1 && b[first] == '0') {
		return 0, false, false
	}
	fraction := 0
	if at < len(b) && b[at] == '.' {
		at++
		point := at
		for at < len(b) && b[at]-'0' < 10 {
			mantissa = mantissa*10 + uint64(b[at]-'0')
			at++
		}
		if fraction = at - point; fraction == 0 {
			return 0, false, false
		}
	}
	start := c.at
	c.at = at
	if at < len(b) && (b[at] == 'e' || b[at] == 'E') {
		if !c.exponent() {
			return 0, false, false
		}
	} else if digits+fraction <= 15 {
		v = float64(mantissa) / tens[fraction]
		if negative {
			v = -v
		}
		return v, fraction == 0, true
	}
	v, _ = strconv.ParseFloat(string(b[start:c.at]), 64) // its only error is one of range
	return v, fraction == 0 && c.at == at, true
}

// number goes over a number, to the byte where it ends, and reports whether it is one.
func (c *Cursor) number() bool {
	if c.b[c.at] == '-' {
		c.at++
	}
	switch {
	case c.at < len(c.b) && c.b[c.at] == '0':
		c.at++
	case !c.digits():
		return false
	}
	if c.at < len(c.b) && c.b[c.at] == '.' {
		c.at++
		if !c.digits() {
			return false
		}
	}
	if c.at < len(c.b) && (c.b[c.at] == 'e' || c.b[c.at] == 'E') {
		return c.exponent()
	}
	return true
}

// exponent goes over one, whose letter is next.
func (c *Cursor) exponent() bool {
	c.at++
	if c.at < len(c.b) && (c.b[c.at] == '+' || c.b[c.at] == '-') {
		c.at++
	}
	return c.digits()
}

// digits goes over one digit or more.
func (c *Cursor) digits() bool {
	start := c.at
	for c.at < len(c.b) && '0' <= c.b[c.at] && c.b[c.at] <= '9' {
		c.at++
	}
	return c.at > start
}

// Skip goes over a value of a text that Check has passed, whatever it holds.
func (c *Cursor) Skip() {
	c.Space()
	for depth := 0; c.at < len(c.b); {
		switch c.b[c.at] {
		case '"':
			c.quoted()
		case '{', '[':
			depth++
			c.at++
		case '}', ']':
			if depth == 0 { // the end of what the value stands in
				return
			}
			depth--
			c.at++
		case ',', ':', ' ', '\n', '\t', '\r':
			c.at++
			continue
		default:
			c.bare()
		}
		if depth == 0 {
			return
		}
	}
}

// raw goes over a value of a text that Check has passed, and returns its text.
func (c *Cursor) raw() []byte {
	c.Space()
	start := c.at
	c.Skip()
	return c.b[start:c.at]
}

// quoted goes over the string that is next by searching for its closing quote, and returns what stands between the two: false, at
// the end of the text, where there is none.
func (c *Cursor) quoted() (Span, bool) {
	start := c.at + 1
	for from := start; ; {
		n := bytes.IndexByte(c.b[from:], '"')
		if n < 0 {
			c.at = len(c.b)
			return Span{start, len(c.b)}, false
		}
		end := from + n
		slashes := 0
		for end-slashes > start && c.b[end-slashes-1] == '\\' {
			slashes++
		}
		from = end + 1
		if slashes%2 == 0 {
			c.at = from
			return Span{start, end}, true
		}
	}
}

// bare goes over a number or a literal, unjudged: at least one byte.
func (c *Cursor) bare() {
	for c.at++; c.at < len(c.b) && !ends[c.b[c.at]]; {
		c.at++
	}
}

// ends marks the bytes behind a number or a literal.
var ends = func() (t [256]bool) {
	for _, ch := range []byte(" \n\r\t:,{}[]\"") {
		t[ch] = true
	}
	return t
}()

func (c *Cursor) fail(reason, text string) error { return &Error{c.at, reason, text} }

func (c *Cursor) syntax() error {
	if c.at >= len(c.b) {
		return c.fail(ReasonSyntax, "The JSON text ends too early.")
	}
	if c.b[c.at] < 0x20 || c.b[c.at] >= 0x7f {
		return c.fail(ReasonSyntax, "The text is not JSON: unexpected byte.")
	}
	return c.fail(ReasonSyntax, fmt.Sprintf("The text is not JSON: unexpected %q.", c.b[c.at]))
}

// plain marks the bytes that stand for themselves in a string: ASCII without controls, quote and backslash.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// str reads a string and returns what stands between its quotes.
func (c *Cursor) str() ([]byte, error) {
	c.at++
	start := c.at
	for c.at < len(c.b) {
		ch := c.b[c.at]
		switch {
		case plain[ch]:
			c.at++
		case ch == '"':
			c.at++
			return c.b[start : c.at-1], nil
		case ch == '\\':
			if err := c.escape(); err != nil {
				return nil, err
			}
		case ch < 0x20:
			return nil, c.fail(ReasonSyntax, "A string holds a control character that is not escaped.")
		default:
			r, n := utf8.DecodeRune(c.b[c.at:])
			if r == utf8.RuneError && n <= 1 {
				return nil, c.fail(ReasonUnicode, "A string is not valid UTF-8.")
			}
			c.at += n
		}
	}
	return nil, c.syntax()
}

func (c *Cursor) escape() error {
	if c.at+1 >= len(c.b) {
		c.at = len(c.b)
		return c.syntax()
	}
	switch c.b[c.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.at += 2
		return nil
	case 'u':
	default:
		return c.fail(ReasonSyntax, "A string holds an escape that JSON does not know.")
	}
	r, ok := hex4(c.b, c.at+2)
	switch {
	case !ok:
		return c.fail(ReasonSyntax, `A string holds \u without four hexadecimal digits.`)
	case r == 0:
		return c.fail(ReasonUnicode, "A string holds the character U+0000.")
	case 0xDC00 <= r && r < 0xE000:
		return c.fail(ReasonUnicode, "A string holds half of a surrogate pair.")
	case 0xD800 <= r && r < 0xDC00:
		low, ok := rune(0), false
		if c.at+7 < len(c.b) && c.b[c.at+6] == '\\' && c.b[c.at+7] == 'u' {
			low, ok = hex4(c.b, c.at+8)
		}
		if !ok || low < 0xDC00 || low >= 0xE000 {
			return c.fail(ReasonUnicode, "A string holds half of a surrogate pair.")
		}
		c.at += 12
	default:
		c.at += 6
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

func (c *Cursor) literal(word string) error {
	for j := range len(word) {
		if c.at >= len(c.b) || c.b[c.at] != word[j] {
			return c.syntax()
		}
		c.at++
	}
	return nil
}
