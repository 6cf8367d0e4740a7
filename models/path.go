package models

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Path leads to a value of a request from its top, by names of members and indexes of elements. How it is written is the way in's
// own: HTTP writes a JSON pointer. The nil Path is the request itself.
type Path []Step

// Step is one step of a Path.
type Step struct {
	name    string
	index   int
	indexed bool
}

// Name returns the name of a member, and false for the index of an element.
func (s Step) Name() (string, bool) { return s.name, !s.indexed }

// Index returns the index of an element, from 0; 0 for the name of a member.
func (s Step) Index() int { return s.index }

// String is the name, or the index in decimal.
func (s Step) String() string {
	if s.indexed {
		return strconv.Itoa(s.index)
	}
	return s.name
}

// At returns the path of nested names.
func At(names ...string) Path { return Path(nil).Name(names...) }

// Name returns the path of a member of what the path leads to, or of a member of a member.
func (p Path) Name(names ...string) Path {
	out := make(Path, len(p), len(p)+len(names))
	copy(out, p)
	for _, n := range names {
		out = append(out, Step{name: n})
	}
	return out
}

// Index returns the path of an element of what the path leads to, from 0.
func (p Path) Index(i int) Path {
	return append(p[:len(p):len(p)], Step{index: i, indexed: true})
}

// Join returns the path of what q leads to within what p leads to.
func (p Path) Join(q Path) Path { return append(p[:len(p):len(p)], q...) }

// bounded returns the path with names that are cut to so many bytes together.
func (p Path) bounded() Path {
	left := maxNamesBytes
	for i, s := range p {
		if left -= len(s.name); left < 0 || left == 0 && i < len(p)-1 {
			s.name = whole(s.name, left+len(s.name))
			return append(p[:i:i], s)
		}
	}
	return p
}

// String writes the path with dots and brackets, as in input.channels[3]; names that hold one of these are quoted.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.indexed:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case s.name == "" || strings.ContainsAny(s.name, `.[]"`):
			b.WriteString("[" + strconv.Quote(s.name) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// MarshalJSON writes a name as a string and an index as a number.
func (s Step) MarshalJSON() ([]byte, error) {
	if s.indexed {
		return strconv.AppendInt(nil, int64(s.index), 10), nil
	}
	return json.Marshal(s.name)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Step) UnmarshalJSON(b []byte) error {
	*s = Step{}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &s.name)
	}
	var err error
	s.indexed = true
	if s.index, err = strconv.Atoi(string(b)); err != nil || s.index < 0 {
		return fmt.Errorf("models: %s is not a step of a path", b)
	}
	return nil
}
