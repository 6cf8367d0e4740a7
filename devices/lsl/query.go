package lsl

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// A query is a predicate over a description, in the part of XPath 1.0 that LSL's own programs use: comparisons of paths below <info> with texts
// and numbers, starts-with, contains, not, count, and, or, and brackets:
//
//	name='BioSemi' and starts-with(type,'EEG') and count(desc/channels/channel)=32
//
// What is not understood matches nothing.
type query func(info *node) bool

// parseQuery reads a query. The empty one matches everything.
func parseQuery(text string) (query, error) {
	if strings.TrimSpace(text) == "" {
		return func(*node) bool { return true }, nil
	}
	p := &queryParser{text: text}
	q, err := p.or(0)
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("%q is left over", p.peek())
	}
	if err != nil {
		return nil, fmt.Errorf("query %.100q: %w", text, err)
	}
	return q, nil
}

type queryParser struct {
	text string
	next string // a token that was looked at
}

const deepestQuery = 50

// peek returns the next token: a quoted text with its quote before it, a name or path, a number, an operator; "" at the end.
func (p *queryParser) peek() string {
	if p.next != "" {
		return p.next
	}
	p.text = strings.TrimLeftFunc(p.text, unicode.IsSpace)
	if p.text == "" {
		return ""
	}
	switch c := p.text[0]; {
	case c == '\'' || c == '"':
		end := strings.IndexByte(p.text[1:], c)
		if end < 0 {
			end = len(p.text) - 1
			p.next, p.text = p.text[:end+1], ""
			return p.next
		}
		p.next, p.text = "'"+p.text[1:end+1], p.text[end+2:]
	case strings.HasPrefix(p.text, "!="), strings.HasPrefix(p.text, "<="), strings.HasPrefix(p.text, ">="):
		p.next, p.text = p.text[:2], p.text[2:]
	case strings.IndexByte("()=<>,", c) >= 0:
		p.next, p.text = p.text[:1], p.text[1:]
	default:
		end := strings.IndexFunc(p.text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("()=<>,!'\"", r) })
		if end < 0 {
			end = len(p.text)
		}
		end = max(end, 1)
		p.next, p.text = p.text[:end], p.text[end:]
	}
	return p.next
}

func (p *queryParser) take() string {
	t := p.peek()
	p.next = ""
	return t
}

func (p *queryParser) expect(token string) error {
	if got := p.take(); got != token {
		return fmt.Errorf("%q where %q is expected", got, token)
	}
	return nil
}

func (p *queryParser) or(depth int) (query, error) {
	left, err := p.and(depth)
	for err == nil && p.peek() == "or" {
		p.take()
		var right query
		l := left
		if right, err = p.and(depth); err == nil {
			left = func(n *node) bool { return l(n) || right(n) }
		}
	}
	return left, err
}

func (p *queryParser) and(depth int) (query, error) {
	left, err := p.term(depth)
	for err == nil && p.peek() == "and" {
		p.take()
		var right query
		l := left
		if right, err = p.term(depth); err == nil {
			left = func(n *node) bool { return l(n) && right(n) }
		}
	}
	return left, err
}

func (p *queryParser) term(depth int) (query, error) {
	if depth > deepestQuery {
		return nil, fmt.Errorf("more than %d brackets within each other", deepestQuery)
	}
	switch p.peek() {
	case "(":
		p.take()
		q, err := p.or(depth + 1)
		if err == nil {
			err = p.expect(")")
		}
		return q, err
	case "not":
		p.take()
		if err := p.expect("("); err != nil {
			return nil, err
		}
		q, err := p.or(depth + 1)
		if err == nil {
			err = p.expect(")")
		}
		return func(n *node) bool { return !q(n) }, err
	case "starts-with", "contains":
		how := strings.HasPrefix
		if p.take() == "contains" {
			how = strings.Contains
		}
		if err := p.expect("("); err != nil {
			return nil, err
		}
		a, err := p.operand()
		if err == nil {
			err = p.expect(",")
		}
		if err != nil {
			return nil, err
		}
		b, err := p.operand()
		if err == nil {
			err = p.expect(")")
		}
		return func(n *node) bool { return how(a(n).first(), b(n).first()) }, err
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	switch op := p.peek(); op {
	case "=", "!=", "<", ">", "<=", ">=":
		p.take()
		b, err := p.operand()
		return func(n *node) bool { return compare(a(n), b(n), op) }, err
	}
	return func(n *node) bool { return a(n).is() }, nil
}

// values are what an operand stands for: the texts of a set of elements, a text, or a number.
type values struct {
	texts  []string
	number bool
}

func (v values) first() string {
	if len(v.texts) == 0 {
		return ""
	}
	return v.texts[0]
}

func (v values) is() bool {
	return len(v.texts) > 0 && (v.number || v.texts[0] != "") && (!v.number || v.texts[0] != "0")
}

// operand reads a text, a number, count of a path, or a path.
func (p *queryParser) operand() (func(*node) values, error) {
	t := p.take()
	switch {
	case t == "":
		return nil, fmt.Errorf("it ends where a value is expected")
	case t[0] == '\'':
		return func(*node) values { return values{texts: []string{t[1:]}} }, nil
	case t == "count":
		if err := p.expect("("); err != nil {
			return nil, err
		}
		path := p.take()
		return func(n *node) values { return values{texts: []string{strconv.Itoa(len(n.at(path)))}, number: true} }, p.expect(")")
	}
	if _, err := strconv.ParseFloat(t, 64); err == nil {
		return func(*node) values { return values{texts: []string{t}, number: true} }, nil
	}
	for _, r := range t {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-./*", r) {
			return nil, fmt.Errorf("%q is no path", t)
		}
	}
	return func(n *node) values {
		var v values
		for _, e := range n.at(t) {
			v.texts = append(v.texts, e.text)
		}
		return v
	}, nil
}

// at returns the elements at a path below n.
func (n *node) at(path string) []*node {
	at := []*node{n}
	for i, name := range strings.Split(path, "/") {
		if name == "." || i <= 1 && (name == "" || name == "info" && n.name == "info") {
			continue
		}
		var next []*node
		for _, e := range at {
			for _, c := range e.children {
				if c.name == name || name == "*" {
					next = append(next, c)
				}
			}
		}
		at = next
	}
	return at
}

// compare holds every value of one side against every one of the other, as XPath does: one pair is enough.
func compare(a, b values, op string) bool {
	for _, x := range a.texts {
		for _, y := range b.texts {
			if holds(x, y, op, a.number || b.number) {
				return true
			}
		}
	}
	return false
}

// holds compares two values, for equality as text unless one of them was written as a number.
func holds(x, y, op string, asNumbers bool) bool {
	u, err1 := strconv.ParseFloat(strings.TrimSpace(x), 64)
	v, err2 := strconv.ParseFloat(strings.TrimSpace(y), 64)
	numbers := err1 == nil && err2 == nil
	switch op {
	case "=":
		if !asNumbers {
			return x == y
		}
		return numbers && u == v
	case "!=":
		if !asNumbers {
			return x != y
		}
		return !numbers || u != v
	case "<":
		return numbers && u < v
	case ">":
		return numbers && u > v
	case "<=":
		return numbers && u <= v
	case ">=":
		return numbers && u >= v
	}
	return false
}
