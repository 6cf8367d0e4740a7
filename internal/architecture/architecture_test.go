// Package architecture holds the import rules of the tree to the code.
package architecture

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/neurod/neurod"

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// list returns every package of the module with its direct imports.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < 10 {
		t.Fatalf("go list found only %d packages", len(pkgs))
	}
	return pkgs
}

// under reports whether path is the folder dir of the module or below it.
func under(path, dir string) bool {
	full := module + "/" + dir
	return path == full || strings.HasPrefix(path, full+"/")
}

func standard(path string) bool { return !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") }

// TestImportsRunOneWay holds the rule "cmd → handlers, workers → internal/service → jobs, internal/store → models → eeg".
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	// forbidden lists, for code in a folder, the folders of ours it must not import.
	forbidden := map[string][]string{
		"models":           {"cmd", "handlers", "workers", "jobs", "internal", "decoders", "migrations", "tools"},
		"migrations":       {"cmd", "handlers", "workers", "jobs", "internal", "decoders", "models", "tools"},
		"internal/store":   {"cmd", "handlers", "workers", "jobs", "internal/service", "internal/app", "decoders", "tools"},
		"jobs":             {"cmd", "handlers", "workers", "internal/service", "internal/app", "decoders", "tools"},
		"internal/service": {"cmd", "handlers", "workers", "internal/app", "decoders", "tools"},
		"workers":          {"cmd", "handlers", "internal/app", "tools"},
		"handlers":         {"cmd", "workers", "jobs", "internal/store", "internal/app", "decoders", "tools"},
	}
	for _, p := range list(t) {
		for dir, bad := range forbidden {
			if !under(p.ImportPath, dir) {
				continue
			}
			for _, imp := range p.Imports {
				for _, b := range bad {
					if under(imp, b) {
						t.Errorf("%s imports %s: %s must not import %s", p.ImportPath, imp, dir, b)
					}
				}
			}
		}
	}
}

// TestVocabularyIsALeaf holds package eeg, which everybody speaks, to the standard library.
func TestVocabularyIsALeaf(t *testing.T) {
	t.Parallel()
	found := false
	for _, p := range list(t) {
		if !under(p.ImportPath, "eeg") {
			continue
		}
		found = true
		for _, imp := range p.Imports {
			if !standard(imp) {
				t.Errorf("%s imports %s: the vocabulary uses only the standard library", p.ImportPath, imp)
			}
		}
	}
	if !found {
		t.Error("there is no package eeg")
	}
}

// TestDecodersArePure holds decoders to the standard library, gonum, the vocabulary and each other.
func TestDecodersArePure(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if !under(p.ImportPath, "decoders") {
			continue
		}
		for _, imp := range p.Imports {
			switch {
			case under(imp, "decoders"), imp == module+"/eeg", strings.HasPrefix(imp, "gonum.org/v1/gonum/"):
			case imp == "net" || strings.HasPrefix(imp, "net/") || strings.HasPrefix(imp, "database/") || imp == "os/exec":
				t.Errorf("%s imports %s: decoders do no network, database or processes", p.ImportPath, imp)
			case standard(imp):
			case p.ImportPath == module+"/decoders/decodertest":
				// The conformance suite is test code.
			default:
				t.Errorf("%s imports %s: decoders use only the standard library, gonum, eeg and decoders", p.ImportPath, imp)
			}
		}
	}
}

// TestEachLibraryHasOneHome keeps gorm, asynq, gin and Redis behind the package that owns them.
func TestEachLibraryHasOneHome(t *testing.T) {
	t.Parallel()
	homes := map[string][]string{
		"gorm.io/":                   {"internal/store"},
		"modernc.org/":               {"internal/store", "internal/testkit/powercut"},
		"github.com/hibiken/asynq":   {"jobs", "workers"},
		"github.com/gin-gonic/gin":   {"handlers", "tools/bench"},
		"github.com/pressly/goose":   {"internal/store", "migrations"},
		"github.com/golang-jwt/":     {"internal/auth"},
		"golang.org/x/crypto/argon2": {"internal/auth"},
		// A goroutine that panics ends the process: package guarded makes errors of panics.
		"golang.org/x/sync/errgroup": {"internal/guarded", "tools"},
	}
	for _, p := range list(t) {
		for lib, dirs := range homes {
			for _, imp := range p.Imports {
				if !strings.HasPrefix(imp, lib) {
					continue
				}
				ok := false
				for _, d := range dirs {
					ok = ok || under(p.ImportPath, d)
				}
				if !ok {
					t.Errorf("%s imports %s, which belongs to %v", p.ImportPath, imp, dirs)
				}
			}
		}
	}
}

// TestProductTestsSeeNoInsides holds the tests of the product, folder test, to what the program shows: they may use the tools of
// tests, what is public vocabulary, the decoders and readers that say what is right, and not what answers requests. The database
// they know by its kind and through testkit.
func TestProductTestsSeeNoInsides(t *testing.T) {
	t.Parallel()
	allowed := []string{"api", "eeg", "models", "decoders", "internal/auth", "internal/lab/crossval", "internal/lab/datasets", "internal/store", "internal/testkit", "internal/lab/training"}
	found := false
	for _, p := range list(t) {
		if !under(p.ImportPath, "test") {
			continue
		}
		found = true
		for _, imp := range append(append(p.Imports, p.TestImports...), p.XTestImports...) {
			if !strings.HasPrefix(imp, module+"/") {
				continue
			}
			if !slices.ContainsFunc(allowed, func(dir string) bool { return under(imp, dir) }) {
				t.Errorf("%s imports %s: a test of the product runs the program", p.ImportPath, imp)
			}
		}
	}
	if !found {
		t.Error("there is no package test")
	}
}

// TestNoDumpingGrounds refuses package names that say nothing.
func TestNoDumpingGrounds(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		name := p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:]
		switch name {
		case "util", "utils", "common", "helper", "helpers", "types", "misc", "base", "shared":
			t.Errorf("%s: name the package after what it does", p.ImportPath)
		}
	}
}
