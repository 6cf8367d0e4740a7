package strictjson

import (
	"bytes"
	"fmt"
)

// ReasonLarge refuses a text that is longer in values than its reader allows.
const ReasonLarge = "too_many_values"

// Budget says how much a text may hold. A value takes many times the bytes in memory that it takes in a text: "{}," is
// three bytes and the struct it becomes may have a hundred. A number that is 0 has no limit.
type Budget struct {
	Values  int // numbers, strings, literals, arrays and objects together
	Members int // of one object
}

// Check reports where a text goes beyond the budget, nil where it does not. It does not judge the text otherwise: what is
// no JSON may pass.
//
//nolint:gocyclo // one case for each kind of token
func (l Budget) Check(b []byte) error {
	// A value stands behind a bracket, a comma or a colon, or alone: so most texts need no second look.
	opening := bytes.Count(b, openArray) + bytes.Count(b, openObject)
	commas := bytes.Count(b, comma)
	if (l.Values == 0 || opening+commas < l.Values) && (l.Members == 0 || commas < l.Members) {
		return nil
	}
	var members [MaxDepth + 1]int // of the objects that are open; -1 for an array
	depth, values := 0, 0
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case ' ', '\n', '\r', '\t', ':':
			continue
		case '{', '[':
			values++
			if depth++; depth > MaxDepth {
				return nil // refused for it elsewhere
			}
			members[depth] = -1
			if c == '{' {
				members[depth] = 0
			}
		case '}', ']':
			depth = max(0, depth-1)
			continue
		case ',':
			continue
		case '"':
			start := i
			i = endOfString(b, i)
			if key := members[depth] >= 0 && depth > 0 && isKey(b, i+1); !key {
				values++
			} else if members[depth]++; l.Members > 0 && members[depth] > l.Members {
				return &Error{start, ReasonLarge, fmt.Sprintf("An object has more than %d members.", l.Members)}
			}
		default: // a number or a literal
			values++
			for i+1 < len(b) && !ends[b[i+1]] {
				i++
			}
		}
		if l.Values > 0 && values > l.Values {
			return &Error{i, ReasonLarge, fmt.Sprintf("The text has more than %d values.", l.Values)}
		}
	}
	return nil
}

var (
	openArray  = []byte{'['}
	openObject = []byte{'{'}
	comma      = []byte{','}
)

// ends marks the bytes behind a number or a literal.
var ends = func() (t [256]bool) {
	for _, c := range []byte(" \n\r\t:,{}[]\"") {
		t[c] = true
	}
	return t
}()

// endOfString returns where the closing quote of the string that begins at i stands; the last byte where there is none.
func endOfString(b []byte, i int) int {
	for {
		n := bytes.IndexByte(b[i+1:], '"')
		if n < 0 {
			return len(b) - 1
		}
		end := i + 1 + n
		slashes := 0
		for b[end-slashes-1] == '\\' {
			slashes++
		}
		if i = end; slashes%2 == 0 {
			return end
		}
	}
}

// isKey reports whether a colon follows.
func isKey(b []byte, i int) bool {
	for ; i < len(b); i++ {
		switch b[i] {
		case ' ', '\n', '\r', '\t':
		default:
			return b[i] == ':'
		}
	}
	return false
}
