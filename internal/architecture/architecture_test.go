// Package architecture holds the import rules of the tree to the code.
package architecture

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// goList runs go list in the root of the module.
func goList(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	return string(out)
}

// list returns every package of the module with its direct imports.
func list(t *testing.T) []pkg {
	t.Helper()
	out := goList(t, "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
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

// folders says of every folder of the tree which of ours its code may import, beside what lies in the folder itself. Of folders
// within each other the inner one counts, and whoever may import the outer one may not for that import the inner one. A folder that is
// not here fails: its place is a decision.
var folders = map[string][]string{
	"eeg":        nil,
	"api":        nil,
	"migrations": nil,
	"models":     {"eeg"},
	"decoders":   {"eeg"},

	// Tools of one purpose, which know nothing of the service.
	"internal/auth":    nil,
	"internal/blobs":   {"internal/durable"},
	"internal/build":   nil,
	"internal/clients": nil,
	"internal/compute": {"internal/guarded"},
	"internal/console": nil,
	"internal/durable": nil,
	"internal/guarded": nil,
	"internal/limit":   nil,
	"internal/nearest": nil,
	"internal/oidc":    nil,
	// Every part says by it what it does within a trace; export, which sends that, is for what puts the parts together.
	"internal/telemetry":        {"models"},
	"internal/telemetry/export": {"internal/telemetry"},

	"internal/segment":    {"models"},
	"internal/envelope":   {"internal/segment", "models"},
	"internal/backup":     {"internal/durable", "internal/store"},
	"internal/doctor":     {"internal/config", "internal/durable", "internal/nearest", "internal/oidc", "internal/service", "internal/store", "jobs", "models"},
	"internal/strictjson": {"internal/nearest", "models"},
	"internal/config":     {"internal/auth", "internal/limit", "internal/store", "internal/telemetry", "models"},

	// The core.
	"internal/store": {"eeg", "internal/guarded", "internal/store/dialect", "internal/store/coalesce", "internal/store/postgres", "internal/store/sqlite", "internal/telemetry",
		"migrations", "models"},
	"internal/store/coalesce": nil,
	"internal/store/dialect":  {"internal/telemetry", "models"},
	"internal/store/postgres": {"internal/store/coalesce", "internal/store/dialect", "models"},
	"internal/store/sqlite":   {"internal/durable", "internal/store/coalesce", "internal/store/dialect", "models"},

	"internal/overviews": {"internal/envelope", "internal/segment", "internal/store", "models"},

	"jobs":             {"eeg", "internal/store", "internal/telemetry", "models"},
	"internal/service": {"eeg", "internal/auth", "internal/guarded", "internal/limit", "internal/nearest", "internal/overviews", "internal/segment", "internal/store", "jobs", "models"},

	"workers": {"decoders", "eeg", "internal/compute", "internal/guarded", "internal/lab", "internal/overviews", "internal/segment", "internal/service",
		"internal/store", "internal/telemetry", "jobs", "models"},

	// The way out: it sends events to other people's servers.
	"internal/webhooks": {"internal/auth", "internal/store", "internal/telemetry", "models"},

	// Ways in.
	"handlers": {"api", "eeg", "graphqlapi", "internal/build", "internal/clients", "internal/compute", "internal/console", "internal/nearest", "internal/oidc", "internal/service", "internal/strictjson", "internal/telemetry", "models"},

	// GraphQL is one path of HTTP, which handlers lets in and bounds; its resolvers know no more of HTTP than that.
	"graphqlapi": {"eeg", "handlers/render", "internal/service", "internal/strictjson", "internal/telemetry", "models"},
	"grpcapi":    {"api", "eeg", "handlers/render", "internal/guarded", "internal/service", "internal/strictjson", "internal/telemetry", "models"},

	// Devices stand beside the ways in: what they give comes to the service over HTTP, wherever it runs. Drivers know nothing of it.
	"devices": {"decoders", "eeg", "internal/durable", "internal/guarded"},
	// The holder runs them inside the service: it alone knows both sides.
	"devices/holder": {"decoders", "devices", "internal/guarded", "internal/service", "models"},

	// How the service comes to the decoders.
	"internal/science": {"decoders", "eeg", "internal/compute", "internal/service", "models", "workers"},

	// The laboratory, where models are trained and measured, knows the decoders and not the service.
	"internal/lab": {"decoders", "eeg", "internal/guarded"},

	// What puts the parts together.
	"internal/app": {"decoders/catalog", "devices", "devices/holder", "devices/lsl", "eeg", "graphqlapi", "grpcapi", "handlers", "internal/auth", "internal/blobs", "internal/build", "internal/compute", "internal/config", "internal/doctor", "internal/durable", "internal/guarded",
		"internal/limit", "internal/oidc", "internal/science", "internal/service", "internal/store", "internal/telemetry", "internal/telemetry/export", "internal/webhooks", "jobs", "models", "workers"},
	"cmd": {"decoders", "devices", "devices/holder", "eeg", "internal/app", "internal/auth", "internal/backup", "internal/build", "internal/config", "internal/doctor", "internal/lab", "internal/nearest",
		"internal/service", "internal/store", "models"},

	// What is there for tests and for whoever works on the program.
	"internal/architecture": nil,
	"internal/doctest":      nil,
	"internal/testkit":      {"internal/durable", "internal/store"},
	"test":                  nil,
	"tools":                 {"api/proto", "decoders", "devices", "eeg", "handlers", "internal/lab", "internal/nearest", "internal/testkit", "jobs", "models", "workers/autoscale"},
}

// folderOf returns the innermost folder of the table that a package lies in, "" for none.
func folderOf(path string) string {
	in := ""
	for dir := range folders {
		if under(path, dir) && len(dir) > len(in) {
			in = dir
		}
	}
	return in
}

// TestImportsRunOneWay holds every folder to what it may import: cmd → ways in, workers → internal/service → jobs, internal/store →
// models → eeg.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		dir := folderOf(p.ImportPath)
		if dir == "" {
			t.Errorf("%s has no place: say in folders what it may import", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			to := folderOf(imp)
			if to == "" || to == dir {
				continue
			}
			if !slices.ContainsFunc(folders[dir], func(may string) bool { return under(imp, may) && len(to) <= len(may) }) {
				t.Errorf("%s imports %s: %s must not import %s", p.ImportPath, imp, dir, to)
			}
		}
	}
}

// TestUseCasesStandAlone: the packages of internal/service share what lies in internal/service itself and in validate, and nothing else
// of each other's: what one use case needs of another it takes as an interface or a function.
func TestUseCasesStandAlone(t *testing.T) {
	t.Parallel()
	const of = module + "/internal/service"
	shared := []string{of, of + "/validate"}
	cases := 0
	for _, p := range list(t) {
		if !under(p.ImportPath, "internal/service") {
			continue
		}
		if !slices.Contains(shared, p.ImportPath) {
			cases++
		}
		for _, imp := range append(append(p.Imports, p.TestImports...), p.XTestImports...) {
			switch {
			case !under(imp, "internal/service") || imp == p.ImportPath:
			case slices.Contains(shared, p.ImportPath):
				t.Errorf("%s imports %s: what use cases share knows none of them", p.ImportPath, imp)
			case !slices.Contains(shared, imp):
				t.Errorf("%s imports %s: take what it needs of it as an interface", p.ImportPath, imp)
			}
		}
	}
	if cases < 5 {
		t.Errorf("there are only %d use cases", cases)
	}
}

// TestUseCasesNameWhatTheyNeedOfTheDatabase: no use case takes the whole store; it declares what it calls, and holds the store to that.
func TestUseCasesNameWhatTheyNeedOfTheDatabase(t *testing.T) {
	t.Parallel()
	held := 0
	err := filepath.WalkDir("../service", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		guards := map[ast.Node]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec: // var _ Store = (*store.Store)(nil)
				if len(n.Names) == 1 && n.Names[0].Name == "_" {
					ast.Inspect(n, func(in ast.Node) bool { guards[in] = true; return true })
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); !ok || x.Name != "store" || n.Sel.Name != "Store" {
					return true
				}
				if guards[n] {
					held++
				} else {
					t.Errorf("%s takes the whole store", path)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if held == 0 {
		t.Error("nothing holds the store to what use cases need")
	}
}

// core are the folders below the ways in. They know no transport: a new way in changes nothing here.
var core = []string{"decoders", "eeg", "internal/service", "internal/store", "jobs", "models", "workers"}

// TestTheCoreKnowsNoTransport: nothing below the ways in imports net/http or a framework of it. Libraries may bring it along (the
// metrics of Prometheus do); the domain and the decoders have nothing that does.
func TestTheCoreKnowsNoTransport(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if !slices.ContainsFunc(core, func(dir string) bool { return under(p.ImportPath, dir) }) {
			continue
		}
		for _, imp := range p.Imports {
			if imp == "net/http" || strings.HasPrefix(imp, "net/http/") || strings.HasPrefix(imp, "github.com/gin-gonic/") || strings.HasPrefix(imp, "google.golang.org/grpc") {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
	for _, dep := range strings.Fields(goList(t, "-deps", module+"/eeg", module+"/models", module+"/decoders/...")) {
		if dep == "net/http" {
			t.Error("the domain or a decoder comes with net/http")
		}
	}
}

// Texts that only a way in writes: paths of URLs and JSON pointers, and names of headers.
var (
	slashed = regexp.MustCompile(`^(/[a-z][a-z0-9_-]*)+/?$`)
	header  = regexp.MustCompile(`\bX-[A-Z][a-z]+|Authorization:|Idempotency-Key|Retry-After|Content-Type|/(api/)?v[12]/`)
)

// TestTheCoreWritesNoPaths reads the texts in the source of the core.
func TestTheCoreWritesNoPaths(t *testing.T) {
	t.Parallel()
	for _, dir := range core {
		read := 0
		err := filepath.WalkDir(filepath.Join("../..", filepath.FromSlash(dir)), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			read++
			ast.Inspect(file, func(n ast.Node) bool {
				if _, imports := n.(*ast.ImportSpec); imports {
					return false
				}
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Errorf("%s: %v", files.Position(lit.Pos()), err)
				}
				if slashed.MatchString(text) || header.MatchString(text) {
					t.Errorf("%s: %s belongs to a way in", files.Position(lit.Pos()), lit.Value)
				}
				return true
			})
			return nil
		})
		if err != nil || read == 0 {
			t.Errorf("%s: %d files read, %v", dir, read, err)
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
		"github.com/99designs/":      {"graphqlapi"},
		"github.com/vektah/":         {"graphqlapi"},
		"github.com/pressly/goose":   {"internal/store", "migrations"},
		"github.com/golang-jwt/":     {"internal/auth"},
		"golang.org/x/crypto/argon2": {"internal/auth"},
		// Redis is a hint to workers, and the counters of limits; what is kept lies in the database.
		"github.com/redis/go-redis":     {"internal/app", "internal/doctor", "internal/limit", "internal/testkit", "jobs", "tools", "workers"},
		"github.com/alicebob/miniredis": {"jobs", "internal/testkit"},
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
	allowed := []string{"api", "eeg", "models", "decoders", "devices/synthetic", "internal/auth", "internal/lab/crossval", "internal/lab/datasets", "internal/store", "internal/testkit", "internal/lab/training"}
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

// TestContextsAreParameters: a context belongs to a call, so no struct keeps one.
func TestContextsAreParameters(t *testing.T) {
	t.Parallel()
	read := 0
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		read++
		ast.Inspect(file, func(n ast.Node) bool {
			of, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range of.Fields.List {
				if sel, ok := f.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Context" {
					if x, ok := sel.X.(*ast.Ident); ok && x.Name == "context" {
						t.Errorf("%s: a struct keeps a context: pass it to the methods that need it", files.Position(f.Pos()))
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil || read < 100 {
		t.Errorf("%d files read, %v", read, err)
	}
}

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// TestFuzzTargetsHaveACorpus: what a fuzzer has found once is tried in every run of the tests.
func TestFuzzTargetsHaveACorpus(t *testing.T) {
	t.Parallel()
	targets := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range fuzzTarget.FindAllSubmatch(source, -1) {
			targets++
			corpus := filepath.Join(filepath.Dir(path), "testdata", "fuzz", string(m[1]))
			if inputs, err := os.ReadDir(corpus); err != nil || len(inputs) == 0 {
				t.Errorf("%s: %s has no corpus in testdata/fuzz: run it for half a minute and keep a few small inputs", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if targets < 30 {
		t.Errorf("only %d fuzz targets were found", targets)
	}
}
