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
func (l Budget) Check(b []byte) error {
	// A value stands behind a bracket, a comma or a colon, or alone: so most texts need no second look.
	opening := bytes.Count(b, openArray) + bytes.Count(b, openObject)
	commas := bytes.Count(b, comma)
	if (l.Values == 0 || opening+commas < l.Values) && (l.Members == 0 || commas < l.Members) {
		return nil
	}
	var members [MaxDepth + 1]int // of the objects that are open; -1 for an array
	depth, values := 0, 0
	for c := (Cursor{b: b}); !c.End(); {
		start := c.at
		switch ch := b[c.at]; ch {
		case ':', ',':
			c.at++
			continue
		case '}', ']':
			depth = max(0, depth-1)
			c.at++
			continue
		case '{', '[':
			values++
			if depth++; depth > MaxDepth {
				return nil // refused for it elsewhere
			}
			members[depth] = -1
			if ch == '{' {
				members[depth] = 0
			}
			c.at++
		case '"':
			c.quoted()
			if key := members[depth] >= 0 && depth > 0 && c.before(':'); !key {
				values++
			} else if members[depth]++; l.Members > 0 && members[depth] > l.Members {
				return &Error{start, ReasonLarge, fmt.Sprintf("An object has more than %d members.", l.Members)}
			}
		default: // a number or a literal
			values++
			c.bare()
		}
		if l.Values > 0 && values > l.Values {
			return &Error{c.at - 1, ReasonLarge, fmt.Sprintf("The text has more than %d values.", l.Values)}
		}
	}
	return nil
}

var (
	openArray  = []byte{'['}
	openObject = []byte{'{'}
	comma      = []byte{','}
)
