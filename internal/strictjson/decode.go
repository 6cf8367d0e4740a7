package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/neurod/neurod/models"
)

// Mismatch is a value that does not fit the field it is meant for.
type Mismatch struct {
	Path models.Path
	Code string // "type", "range" or CodeUnknown
	Text string
}

// maxMismatches bounds how many wrong values one answer names.
const maxMismatches = 20

// Decode decodes a text that Check has passed into dst, a pointer to a struct. Where values do not fit, or a key names no
// field (Unknown), it returns every wrong one by its path (at most 20), which encoding/json cannot: it stops at the first
// and names no array index. The second look at values happens only then, so that good requests do not pay for it.
func Decode(b []byte, dst any) []Mismatch {
	t := reflect.TypeOf(dst).Elem()
	unknown := Unknown(b, t)
	err := json.Unmarshal(b, dst)
	if err == nil {
		return unknown
	}
	var found []Mismatch
	diagnose(b, t, nil, &found)
	if len(found) == 0 { // the two looks disagree: say what encoding/json said
		found = []Mismatch{{nil, "type", strings.TrimPrefix(err.Error(), "json: ")}}
	}
	return append(found, unknown[:min(len(unknown), max(0, maxMismatches-len(found)))]...)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// diagnose collects the values of b that do not fit type t.
//
//nolint:gocyclo // one case for each kind of value
func diagnose(b []byte, t reflect.Type, path models.Path, found *[]Mismatch) {
	b = bytes.TrimSpace(b)
	if len(*found) >= maxMismatches || len(b) == 0 || bytes.Equal(b, []byte("null")) {
		return
	}
	add := func(code, format string, args ...any) {
		*found = append(*found, Mismatch{path, code, fmt.Sprintf(format, args...)})
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	custom := reflect.PointerTo(t).Implements(unmarshaler)
	if custom {
		err := json.Unmarshal(b, reflect.New(t).Interface())
		if err == nil {
			return
		}
		before := len(*found)
		// A type with named fields is looked into; only what has none explains itself in its own words.
		if t.Kind() == reflect.Struct && b[0] == '{' && hasTags(t) {
			diagnoseFields(b, t, path, found)
		}
		if t.Kind() == reflect.Slice && b[0] == '[' { // a list that may also be something else
			diagnoseElements(b, t, path, found)
		}
		if len(*found) == before {
			if t.Kind() == reflect.Struct && hasTags(t) {
				add("type", "must be an object")
			} else {
				add("type", "%s", strings.TrimPrefix(err.Error(), "json: "))
			}
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if b[0] != '{' {
			add("type", "must be an object")
			return
		}
		diagnoseFields(b, t, path, found)
	case reflect.Map:
		if b[0] != '{' {
			add("type", "must be an object")
			return
		}
		members := membersOf(b)
		for _, k := range sortedKeys(members) {
			diagnose(members[k], t.Elem(), path.Name(k), found)
		}
	case reflect.Slice, reflect.Array:
		if b[0] != '[' {
			add("type", "must be an array")
			return
		}
		diagnoseElements(b, t, path, found)
	case reflect.String:
		if b[0] != '"' {
			add("type", "must be a string")
		}
	case reflect.Bool:
		if b[0] != 't' && b[0] != 'f' {
			add("type", "must be true or false")
		}
	case reflect.Float32, reflect.Float64:
		if !isNumber(b) {
			add("type", "must be a number")
		} else if f, err := strconv.ParseFloat(string(b), t.Bits()); err != nil || math.IsInf(f, 0) {
			add("range", "must be a finite number")
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if !isNumber(b) {
			add("type", "must be a whole number")
		} else if _, err := strconv.ParseInt(string(b), 10, t.Bits()); err != nil {
			add("range", "must be a whole number of at most %d bits", t.Bits())
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if !isNumber(b) {
			add("type", "must be a whole number")
		} else if _, err := strconv.ParseUint(string(b), 10, t.Bits()); err != nil {
			add("range", "must be a whole number from 0, of at most %d bits", t.Bits())
		}
	}
}

// diagnoseFields looks into the members of an object that have a field in struct type t.
func diagnoseFields(b []byte, t reflect.Type, path models.Path, found *[]Mismatch) {
	members := membersOf(b)
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Tag.Get("json") == "" && f.Type.Kind() == reflect.Struct { // its fields stand among t's own
			diagnoseFields(b, f.Type, path, found)
			continue
		}
		name := fieldName(t.Field(i))
		for _, k := range sortedKeys(members) {
			if name != "" && strings.EqualFold(k, name) { // as encoding/json matches
				diagnose(members[k], t.Field(i).Type, path.Name(k), found)
			}
		}
	}
}

// diagnoseElements looks into the elements of an array that is meant for list type t.
func diagnoseElements(b []byte, t reflect.Type, path models.Path, found *[]Mismatch) {
	c := Cursor{b: b}
	c.Take('[')
	for i := 0; !c.Take(']') && !c.End(); i++ {
		c.Take(',')
		diagnose(c.raw(), t.Elem(), path.Index(i), found)
	}
}

// membersOf returns the values of an object; of duplicates the last counts.
func membersOf(b []byte) map[string][]byte {
	out := map[string][]byte{}
	c := Cursor{b: b}
	c.Take('{')
	for !c.Take('}') && !c.End() {
		c.Take(',')
		key, _ := c.Name()
		c.Take(':')
		out[key] = c.raw()
	}
	return out
}

// fieldName returns the JSON name of a struct field, "" for one that JSON does not see.
func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case !f.IsExported() || name == "-":
		return ""
	case name == "":
		return f.Name
	}
	return name
}

func hasTags(t reflect.Type) bool {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("json") != "" && fieldName(f) != "" {
			return true
		}
	}
	return false
}

func isNumber(b []byte) bool { return b[0] == '-' || '0' <= b[0] && b[0] <= '9' }

func sortedKeys(m map[string][]byte) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer writes a path as a JSON pointer (RFC 6901), "" for the whole text.
func Pointer(p models.Path) string {
	var b strings.Builder
	for _, s := range p {
		b.WriteByte('/')
		_, _ = pointerEscaper.WriteString(&b, s.String()) // never fails
	}
	return b.String()
}
