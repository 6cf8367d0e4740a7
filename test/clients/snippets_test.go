package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The examples of the sessions document stand in testdata as they stand there, so that they are run on every machine; where the document
// itself is at hand, the copies are held to it.

var (
	language = regexp.MustCompile(`^(python|typescript|javascript|bash|json)$`)
	heading  = regexp.MustCompile(`^([A-Z][A-Za-z /]*|[A-Za-z /]+ — [A-Za-z ]+)$`)
)

// extract returns the examples of a language in the text of the document. A line with the language's name alone begins one; it ends
// before the next such line, or before a heading.
func extract(text, lang string) []string {
	var found []string
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] != lang {
			continue
		}
		var code []string
		for i+1 < len(lines) && !language.MatchString(lines[i+1]) && (!heading.MatchString(lines[i+1]) || lines[i] != "") {
			i++
			code = append(code, lines[i])
		}
		found = append(found, strings.Trim(strings.Join(code, "\n"), "\n")+"\n")
	}
	return found
}

// snippets returns the examples of a language, the files that they stand in and their text, in the document's order.
func snippets(t *testing.T, lang, ending string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "voxel", lang+"-*."+ending))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples of %s: %v", lang, err)
	}
	return paths
}

func TestExamplesAreTheDocuments(t *testing.T) {
	t.Parallel()
	text := document(t, "voxel.txt")
	if text == "" {
		t.Skip("the document is not on this machine: its examples in testdata were NOT compared with it")
	}
	for lang, ending := range map[string]string{"python": "py", "typescript": "ts"} {
		examples := extract(text, lang)
		paths := snippets(t, lang, ending)
		if len(examples) != len(paths) {
			t.Errorf("%d examples of %s in the document, %d in testdata", len(examples), lang, len(paths))
		}
		for i, want := range examples {
			path := filepath.Join("testdata", "voxel", fmt.Sprintf("%s-%d.%s", lang, i+1, ending))
			if os.Getenv("UPDATE_EXAMPLES") == "1" {
				if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != want {
				t.Errorf("%s is not the document's example: %v", path, err)
			}
		}
	}
}
