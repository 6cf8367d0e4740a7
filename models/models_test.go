package models_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/models"
)

// TestEveryCodeHasItsRow reads the constants of type Code from the source and holds them to the table.
func TestEveryCodeHasItsRow(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[models.Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Code" {
			for _, v := range spec.Values {
				s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				codes[models.Code(s)] = true
			}
		}
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("only %d codes found", len(codes))
	}
	classes := map[models.Class]bool{}
	for _, c := range []models.Class{models.ClassInvalid, models.ClassUnauthenticated, models.ClassForbidden, models.ClassNotFound, models.ClassConflict,
		models.ClassTooLarge, models.ClassUnprocessable, models.ClassExhausted, models.ClassUnavailable, models.ClassInternal} {
		classes[c] = true
	}
	for c := range codes {
		e, ok := models.ErrorTable[c]
		if !ok || !strings.HasSuffix(e.Message, ".") || e.Class != "" && !classes[e.Class] {
			t.Errorf("%s: %+v", c, e)
		}
	}
	for c := range models.ErrorTable {
		if !codes[c] {
			t.Errorf("%s is in the table and is not a constant", c)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	e := models.NewError(models.JobCreateFailed).Wrap(cause)
	if e.Class() != models.ClassInternal || !errors.Is(e, cause) || strings.Contains(e.Text(), "disk") || !strings.Contains(e.Error(), "disk full") {
		t.Errorf("%s %q %q", e.Class(), e.Text(), e)
	}
	if got := models.AsError(cause); got.Code != models.Internal || !errors.Is(got, cause) {
		t.Errorf("%+v", got)
	}
	if got := models.AsError(errors.Join(errors.New("while deciding"), models.NewError(models.JobNotFound))); got.Code != models.JobNotFound {
		t.Errorf("%+v", got)
	}
	if got := models.InvalidField(models.At("input", "data"), "required", "is %s", "required"); got.Class() != models.ClassInvalid || got.Fields[0].Message != "is required" {
		t.Errorf("%+v", got)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	id := models.NewID()
	for _, s := range []string{id, models.RequestID(id), strings.ToUpper(id)} {
		if got, ok := models.ParseJobID(s); !ok || got != id {
			t.Errorf("%q: %q, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "req_pi_", id[:35], id + "0", "{" + id[1:35] + "}", strings.ReplaceAll(id, "-", ""), "urn:uuid:" + id, "req_pi_req_pi_" + id} {
		if got, ok := models.ParseJobID(s); ok {
			t.Errorf("%q was taken for %q", s, got)
		}
	}
	if a, b := models.NewID(), models.NewID(); a >= b {
		t.Errorf("%s does not sort before %s", a, b)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for s, final := range map[models.JobState]bool{models.JobQueued: false, models.JobRunning: false, models.JobCompleted: true, models.JobFailed: true, models.JobCanceled: true} {
		if s.Final() != final || !s.Valid() {
			t.Errorf("%s: final %v, valid %v", s, s.Final(), s.Valid())
		}
	}
	if models.JobState("done").Valid() {
		t.Error(`"done" is not a state`)
	}
}

func TestChannelsAreACountOrNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]eeg.Channels{
		`8`:           {Count: 8},
		`8.0`:         {Count: 8},
		`2147483647`:  {Count: 2147483647},
		`["C3","C4"]`: {Count: 2, Names: []string{"C3", "C4"}},
		`[]`:          {Names: []string{}},
	} {
		var got eeg.Channels
		if err := json.Unmarshal([]byte(in), &got); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
		b, err := json.Marshal(got)
		if err != nil || string(b) != strings.TrimSuffix(in, ".0") {
			t.Errorf("%s came back as %s, %v", in, b, err)
		}
	}
	for _, in := range []string{`8.5`, `"8"`, `[1,2]`, `{}`, `true`} {
		if err := json.Unmarshal([]byte(in), new(eeg.Channels)); err == nil {
			t.Errorf("%s was accepted", in)
		}
	}
}

func TestContextKeepsFreeKeys(t *testing.T) {
	t.Parallel()
	const in = `{"locale":"de","room":{"name":"kitchen"},"session_history":["a"],"x":1}`
	var c eeg.Context
	if err := json.Unmarshal([]byte(in), &c); err != nil {
		t.Fatal(err)
	}
	if c.Locale != "de" || string(c.Extra["room"]) != `{"name":"kitchen"}` || len(c.Extra) != 2 {
		t.Errorf("%+v", c)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := errors.Join(json.Unmarshal([]byte(in), &want), json.Unmarshal(b, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	key := models.APIKey{Scopes: []models.Scope{models.ScopeDecode}}
	if !key.Allows(models.ScopeDecode) || key.Allows(models.ScopeErase) {
		t.Error("a key allows what its scopes say")
	}
	user := models.Principal{UserID: "u", Scopes: models.Scopes()}
	if user.May(models.RightDecode) {
		t.Error("only keys carry scopes")
	}
	if models.Scope("root").Valid() {
		t.Error(`"root" is not a scope`)
	}
}
