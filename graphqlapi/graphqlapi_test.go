package graphqlapi

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/models"
)

func printed(s *ast.Schema) string {
	var b strings.Builder
	formatter.NewFormatter(&b).FormatSchema(s)
	return b.String()
}

// TestTheServerHasTheSchemaOfTheDocument: what is generated is what api/schema.graphql says.
func TestTheServerHasTheSchemaOfTheDocument(t *testing.T) {
	t.Parallel()
	want, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: api.GraphQL})
	if err != nil {
		t.Fatal(err)
	}
	if got := printed(New(Config{}).schema); got != printed(want) {
		t.Error("the generated code is not current: run make generate")
	}
}

// TestClientsLearnTheSchema by the question that graphql-js and its ports ask, most of whose depth is in fragments.
func TestClientsLearnTheSchema(t *testing.T) {
	t.Parallel()
	query, err := os.ReadFile(filepath.Join("testdata", "introspection.graphql"))
	if err != nil {
		t.Fatal(err)
	}
	w := run(New(Config{}), string(query))
	if text := w.Body.String(); w.Code != 200 || !strings.HasPrefix(text, `{"data":`) || !strings.Contains(text, `"name":"neuralDataReceived"`) {
		t.Errorf("%d %.300s", w.Code, text)
	}
}

// attacks are operations that ask for too much, each in another way.
func attacks() map[string]string {
	repeat := func(n int, each func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(each(i))
		}
		return b.String()
	}
	fragments := repeat(18, func(i int) string {
		return fmt.Sprintf("fragment f%d on Session { ...f%d ...f%d }", i, i+1, i+1)
	}) + "fragment f18 on Session { id }"
	return map[string]string{
		"10 deep":                "{ sessions { edges { node { device { sessions { device { sessions { device { sessions { id } } } } } } } } } }",
		"1,000 deep":             strings.Repeat("{ a", 1000) + strings.Repeat("}", 1000),
		"10,000 aliases":         "{" + repeat(10_000, func(i int) string { return fmt.Sprintf(" a%d: devices { id }", i) }) + "}",
		"400 aliases":            "{" + repeat(400, func(i int) string { return fmt.Sprintf(" a%d: devices { id }", i) }) + "}",
		"one field 900 times":    "{ devices {" + strings.Repeat(" id", 900) + "} }",
		"fragments, 2^18":        "{ sessions { nodes { ...f0 } } } " + fragments,
		"a fragment of its own":  "{ sessions { nodes { ...f } } } fragment f on Session { id ...f }",
		"nested arguments":       `{ sessions(filters: {tags: [` + strings.Repeat(`"a",`, 5000) + `]}) { nodes { id } } }`,
		"directives":             "{ devices { id" + strings.Repeat(" @skip(if: false)", 900) + " } }",
		"a megabyte":             "{ devices { id } } #" + strings.Repeat("x", 1<<20),
		"lists of lists":         "{ sessions(first: 200) { nodes { features(last: 100) { id data } decodes(last: 100) { id data } } } }",
		"numbers that wrap":      "{ sessions(first: 2147483647) { nodes { device { sessions(last: 2147483647) { features(last: 2147483647) { id } } } } } }",
		"questions about it":     "{ __schema { types { fields { type { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { name } } } } } } } } } } } } } } } } }",
		"the same in a fragment": "{ __schema { types { ...f } } } fragment f on __Type" + strings.Repeat(" { ofType", 15) + " { name" + strings.Repeat(" }", 16),
		"many operations":        repeat(300, func(i int) string { return fmt.Sprintf("query q%d { devices { id name type status } } ", i) }),
		"unclosed":               strings.Repeat("{", 30_000),
	}
}

// run answers an operation of a principal who may nothing: what gets through the limits is refused by the use cases, which are not there.
func run(s *Server, query string) *httptest.ResponseRecorder { return send(s, bodyOf(query)) }

func bodyOf(query string) []byte {
	return []byte(fmt.Sprintf(`{"query":%q,"operationName":null}`, query))
}

func send(s *Server, body []byte) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Answer(w, httptest.NewRequest("POST", "/graphql", nil), Request{Principal: models.Principal{KeyID: "k", ProjectID: "p"}, Body: body})
	return w
}

// TestAttacksAreRefused before anything runs, and each counts as one query.
func TestAttacksAreRefused(t *testing.T) {
	t.Parallel()
	for name, query := range attacks() {
		counted := 0
		s := New(Config{Take: func(_ context.Context, _ models.Principal, n int) (models.Quota, error) {
			counted += n
			return models.Quota{}, nil
		}})
		w := run(s, query)
		text := w.Body.String()
		if w.Code != 200 || strings.Contains(text, `"data"`) || strings.Contains(text, "INTERNAL") || !strings.Contains(text, `"code":"`) {
			t.Errorf("%s: %d %.300s", name, w.Code, text)
		}
		if counted != 1 {
			t.Errorf("%s counts as %d", name, counted)
		}
	}
}

// BenchmarkAttack measures how long it takes to refuse each: 10 ms at most.
func BenchmarkAttack(b *testing.B) {
	s := New(Config{})
	for name, query := range attacks() {
		b.Run(name, func(b *testing.B) {
			body := bodyOf(query)
			for b.Loop() {
				if w := send(s, body); strings.Contains(w.Body.String(), `"data"`) {
					b.Fatal(w.Body.String())
				}
			}
		})
	}
}

// FuzzAdmit: whatever the text, it is admitted or refused, and what is admitted is no larger than the limits say.
func FuzzAdmit(f *testing.F) {
	for _, query := range attacks() {
		if len(query) < 4096 {
			f.Add(query)
		}
	}
	f.Add("query GetDevicesWithSessions { devices { id name status sessions(last: 5) { id recordings { id quality } } } }")
	l := DefaultLimits()
	f.Fuzz(func(t *testing.T, query string) {
		if err := l.admit(query); err == nil && len(query) > l.Bytes {
			t.Fatalf("%d bytes are admitted", len(query))
		}
	})
}
