// Package constants reads constants from the source, for tests that hold a list to them: what is left out of a list cannot be
// seen from the list.
package constants

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Texts returns the values of the string constants that a folder's files, without its tests, declare with a type, sorted.
func Texts(t testing.TB, folder, typeName string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
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
				if !ok || of.Name != typeName || len(v.Values) != 1 {
					continue
				}
				literal, ok := v.Values[0].(*ast.BasicLit)
				if !ok {
					continue
				}
				if text, err := strconv.Unquote(literal.Value); err == nil {
					texts = append(texts, text)
				}
			}
		}
	}
	slices.Sort(texts)
	return texts
}
