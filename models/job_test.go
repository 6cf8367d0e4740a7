package models_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/models"
)

// TestJobKindsListsEveryKind reads the constants of this package: a kind that is not listed could not be asked for.
func TestJobKindsListsEveryKind(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var kinds, states []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				of, ok := v.Type.(*ast.Ident)
				if !ok || len(v.Values) != 1 {
					continue
				}
				text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					continue
				}
				switch of.Name {
				case "JobKind":
					kinds = append(kinds, text)
				case "JobState":
					states = append(states, text)
				}
			}
		}
	}
	var listed, listedStates []string
	for _, k := range models.JobKinds() {
		listed = append(listed, string(k))
	}
	for _, s := range models.JobStates() {
		listedStates = append(listedStates, string(s))
	}
	for _, l := range [][]string{kinds, states, listed, listedStates} {
		slices.Sort(l)
	}
	if d := cmp.Diff(kinds, listed); d != "" {
		t.Errorf("kinds (-constants +JobKinds):\n%s", d)
	}
	if d := cmp.Diff(states, listedStates); d != "" {
		t.Errorf("states (-constants +JobStates):\n%s", d)
	}
}
