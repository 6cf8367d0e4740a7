package strictjson

import (
	"encoding"
	"reflect"
	"strings"
	"sync"

	"github.com/neurod/neurod/internal/nearest"
	"github.com/neurod/neurod/models"
)

// CodeUnknown is the code of a key that no field has.
const CodeUnknown = "unknown_field"

// Unknown returns the keys of a text that Check has passed which name no field of t, a struct or what holds structs: by
// their paths, at most 20, each with the name that it was meant to be where one is near. Keys count as encoding/json
// matches them, without regard to case. A type that decodes itself judges its own keys.
func Unknown(b []byte, t reflect.Type) []Mismatch {
	root := shapeOf(t)
	if root == nil {
		return nil
	}
	w := &walker{Cursor: Cursor{b: b}, root: root}
	w.value(root)
	return w.found
}

// shape is what a type says about the keys of a text; nil where it says nothing.
type shape struct {
	fields map[string]*shape // of an object with named fields, which may be nil; nil for none
	names  []string          // of them, in the order of the type
	each   *shape            // of the elements of an array or the values of a free object
}

var shapes sync.Map // reflect.Type → *shape

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func shapeOf(t reflect.Type) *shape {
	if s, known := shapes.Load(t); known {
		return s.(*shape)
	}
	s := makeShape(t)
	shapes.Store(t, s)
	return s
}

// makeShape looks at a type. Types of requests do not contain themselves.
func makeShape(t reflect.Type) *shape {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	// A list that may also be something else has elements like any other.
	if p := reflect.PointerTo(t); t.Kind() != reflect.Slice && (p.Implements(unmarshaler) || p.Implements(textUnmarshaler)) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		s := &shape{fields: map[string]*shape{}}
		s.add(t)
		return s
	case reflect.Map, reflect.Slice, reflect.Array:
		if each := shapeOf(t.Elem()); each != nil {
			return &shape{each: each}
		}
	}
	return nil
}

func (s *shape) add(t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Tag.Get("json") == "" && f.Type.Kind() == reflect.Struct { // its fields stand among t's own
			s.add(f.Type)
			continue
		}
		if name := fieldName(f); name != "" {
			s.fields[name] = shapeOf(f.Type)
			s.names = append(s.names, name)
		}
	}
}

// field returns the shape of a key's value, and false where the key names no field.
func (s *shape) field(key string) (*shape, bool) {
	if f, ok := s.fields[key]; ok {
		return f, true
	}
	for _, name := range s.names {
		if strings.EqualFold(name, key) {
			return s.fields[name], true
		}
	}
	return nil, false
}

// owner returns the path of the object that has a field of this name, nil for none or the top level.
func (s *shape) owner(key string, path models.Path) models.Path {
	if _, ok := s.fields[key]; ok {
		return path
	}
	for _, name := range s.names {
		if f := s.fields[name]; f != nil && f.fields != nil {
			if at := f.owner(key, path.Name(name)); at != nil {
				return at
			}
		}
	}
	return nil
}

// token is a step on the way to where a walker is: a path is made of them only where something is wrong.
type token struct {
	key   string
	index int // of an element; -1 for a key
}

// walker goes through a text that is known to be right.
type walker struct {
	Cursor
	root  *shape
	path  []token
	found []Mismatch
}

// value goes over a value whose keys s knows.
func (w *walker) value(s *shape) {
	w.Space()
	if w.at >= len(w.b) {
		return
	}
	switch c := w.b[w.at]; {
	case c == '{' && s != nil && (s.fields != nil || s.each != nil):
		w.object(s)
	case c == '[' && s != nil && s.each != nil:
		w.array(s.each)
	default:
		w.Skip()
	}
}

func (w *walker) object(s *shape) {
	w.at++
	for !w.Take('}') && w.at < len(w.b) && len(w.found) < maxMismatches {
		w.Take(',')
		key, _ := w.Name()
		w.Take(':')
		of := s.each
		if s.fields != nil {
			var known bool
			if of, known = s.field(key); !known {
				w.unknown(s, key)
			}
		}
		w.path = append(w.path, token{key, -1})
		w.value(of)
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *walker) array(each *shape) {
	w.at++
	for i := 0; !w.Take(']') && w.at < len(w.b) && len(w.found) < maxMismatches; i++ {
		w.Take(',')
		w.path = append(w.path, token{index: i})
		w.value(each)
		w.path = w.path[:len(w.path)-1]
	}
}

// maxKey is how much of a key an error shows, in characters.
const maxKey = 64

// unknown notes a key that names no field.
func (w *walker) unknown(s *shape, key string) {
	text := "is not a field of this object"
	switch near := nearest.Name(key, s.names); {
	case near != "":
		text += `; did you mean "` + near + `"?`
	default:
		if owner := w.root.owner(key, nil); owner != nil {
			text += "; it is one of " + Pointer(owner)
		}
	}
	if r := []rune(key[:min(len(key), 8*maxKey)]); len(r) > maxKey || len(key) > 8*maxKey {
		key = string(r[:min(len(r), maxKey)]) + "…"
	}
	var path models.Path
	for _, t := range w.path {
		if t.index < 0 {
			path = path.Name(t.key)
		} else {
			path = path.Index(t.index)
		}
	}
	w.found = append(w.found, Mismatch{path.Name(key), CodeUnknown, text})
}
