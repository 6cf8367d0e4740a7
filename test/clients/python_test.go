package clients

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// python is what the tests of the Python client need, made once a run.
type python struct {
	uv      string
	wheel   string
	tests   string // a copy of the package's tests, away from its source
	bare    string // interpreter of an environment with the wheel and what it must have
	full    string // one with every extra
	environ []string
}

var pythonOnce sync.Mutex

var pythonMade *python

// requirePython builds the wheel and installs it into two clean environments: with nothing but what it must have, and with every extra.
// Packages come from a cache that is kept from run to run, so that only the first run on a machine fetches them.
func requirePython(t *testing.T) *python {
	t.Helper()
	pythonOnce.Lock()
	defer pythonOnce.Unlock()
	if pythonMade != nil {
		return pythonMade
	}
	source, err := filepath.Abs(filepath.Join(root, "sdk", "python"))
	if err != nil {
		t.Fatal(err)
	}
	p := &python{tests: filepath.Join(scratch, "python-tests")}
	p.environ = append(os.Environ(), "UV_CACHE_DIR="+filepath.Join(cache(t), "uv-cache"), "UV_NO_CONFIG=1", "UV_LINK_MODE=hardlink")
	out, err := exec.Command(filepath.Join(source, "scripts", "uv.sh")).Output()
	if err != nil {
		t.Fatalf("uv: %v\n%s", err, out)
	}
	p.uv = strings.TrimSpace(string(out))
	dist := filepath.Join(scratch, "python-dist")
	run(t, 10*time.Minute, source, p.environ, filepath.Join(source, "build.sh"), dist)
	wheels, err := filepath.Glob(filepath.Join(dist, "*.whl"))
	if err != nil || len(wheels) != 1 {
		t.Fatalf("wheels %v, %v", wheels, err)
	}
	p.wheel = wheels[0]
	if err := os.CopyFS(p.tests, os.DirFS(filepath.Join(source, "tests"))); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(source, "requirements.lock")
	p.bare = p.environment(t, "python-bare", lock, p.wheel, "pytest")
	p.full = p.environment(t, "python-full", lock, p.wheel+"[all]", "pytest", "standardwebhooks", "paho-mqtt", "matplotlib")
	pythonMade = p
	return p
}

// environment makes a clean environment with packages, all of the versions that the lock file pins.
func (p *python) environment(t *testing.T, name, lock string, packages ...string) string {
	t.Helper()
	dir := filepath.Join(scratch, name)
	run(t, 5*time.Minute, scratch, p.environ, p.uv, "venv", "--quiet", "--python", "python3", dir)
	interpreter := filepath.Join(dir, "bin", "python")
	args := append([]string{"pip", "install", "--quiet", "--python", interpreter, "--constraint", lock}, packages...)
	run(t, 20*time.Minute, scratch, p.environ, p.uv, args...)
	return interpreter
}

// pythonWith returns the interpreter of an environment with the packages that the requirements.lock of a folder pins.
func pythonWith(t *testing.T, of string) (interpreter string) {
	t.Helper()
	out, err := exec.Command(filepath.Join(root, "sdk", "python", "scripts", "uv.sh")).Output()
	if err != nil {
		t.Fatalf("uv: %v", err)
	}
	uv := strings.TrimSpace(string(out))
	lock, err := os.ReadFile(filepath.Join(of, "requirements.lock"))
	if err != nil {
		t.Fatal(err)
	}
	environ := append(os.Environ(), "UV_CACHE_DIR="+filepath.Join(cache(t), "uv-cache"), "UV_NO_CONFIG=1", "UV_LINK_MODE=hardlink")
	dir := filepath.Join(cache(t), fmt.Sprintf("python-%s-%.8x", of, sha256.Sum256(lock)))
	interpreter = filepath.Join(dir, "bin", "python")
	once(t, dir, func(dir string) {
		run(t, 5*time.Minute, scratch, environ, uv, "venv", "--quiet", "--python", "python3", dir)
		run(t, 20*time.Minute, scratch, environ, uv, "pip", "install", "--quiet", "--python", interpreter, "--requirement", absolute(t, filepath.Join(of, "requirements.lock")))
	})
	return interpreter
}

// suite runs tests of the Python client against a server.
func (p *python) suite(t *testing.T, s *server, interpreter string, args ...string) {
	t.Helper()
	env := append(s.environment(t), "NEUROD_CACHE="+t.TempDir(), "NEUROD_CONFIG="+filepath.Join(t.TempDir(), "client.json"), "PYTHONDONTWRITEBYTECODE=1",
		"MPLBACKEND=Agg", "PATH="+filepath.Dir(interpreter)+":"+os.Getenv("PATH"))
	run(t, 10*time.Minute, p.tests, env, interpreter, append([]string{"-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5"}, args...)...)
}

// TestPython runs the examples of the document and the scenarios with the wheel alone, on both pairs.
func TestPython(t *testing.T) {
	t.Parallel()
	p := requirePython(t)
	onBoth(t, func(t *testing.T, s *server) {
		passed := filepath.Join(t.TempDir(), "passed")
		s.extra = []string{"NEUROD_TEST_PASSED=" + passed}
		p.suite(t, s, p.bare, "test_snippets.py", "test_scenarios.py", "test_arguments.py", "test_retry.py", "test_frames.py")
		scenarios(t, passed)
	})
}

// TestPythonUnderFaults makes 2,000 operations through the proxy on each pair: none is lost, none doubled, every stream is whole.
func TestPythonUnderFaults(t *testing.T) {
	t.Parallel()
	p := requirePython(t)
	onBoth(t, func(t *testing.T, s *server) { p.suite(t, s, p.bare, "test_faults.py") })
}

// TestPythonExtras runs what needs numpy, MNE, LSL, BrainFlow and the command line, with every extra.
func TestPythonExtras(t *testing.T) {
	t.Parallel()
	p := requirePython(t)
	p.suite(t, onEmbedded(t, "NEUROD_WEBHOOK_HTTP=true", "NEUROD_WEBHOOK_ALLOW=127.0.0.1"), p.full, "test_arguments.py", "test_arrays.py", "test_mne.py", "test_live.py", "test_bridge.py", "test_cli.py", "test_webhook.py")
}

// TestPythonExamples runs every example and every Python block of the documents, with every extra and a real MQTT broker.
func TestPythonExamples(t *testing.T) {
	t.Parallel()
	p := requirePython(t)
	p.suite(t, onEmbedded(t), p.full, "test_examples.py", "test_docs.py")
}

// TestPythonIsTyped holds the source to its linters and to two type checkers, at their strictest.
func TestPythonIsTyped(t *testing.T) {
	t.Parallel()
	p := requirePython(t)
	source, err := filepath.Abs(filepath.Join(root, "sdk", "python"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(source, "requirements.lock"))
	if err != nil {
		t.Fatal(err)
	}
	// The checkers are the same from run to run, and so are their caches; only the source changes.
	kept := filepath.Join(cache(t), fmt.Sprintf("python-lint-%x", sha256.Sum256(lock))[:29])
	once(t, kept, func(dir string) {
		run(t, 5*time.Minute, scratch, p.environ, p.uv, "venv", "--quiet", "--python", "python3", dir)
		run(t, 20*time.Minute, scratch, p.environ, p.uv, "pip", "install", "--quiet", "--python", filepath.Join(dir, "bin", "python"), "--requirement", filepath.Join(source, "requirements.lock"))
	})
	bin := filepath.Join(kept, "bin")
	env := append(slices.Clone(p.environ), "PATH="+bin+":"+os.Getenv("PATH"), "VIRTUAL_ENV="+kept, "PYRIGHT_PYTHON_IGNORE_WARNINGS=1", "MYPYPATH="+filepath.Join(source, "src"))
	for _, check := range [][]string{
		{"ruff", "check", "--no-cache", "."},
		{"ruff", "format", "--no-cache", "--check", "."},
		{"mypy", "--python-executable", filepath.Join(bin, "python"), "--cache-dir", filepath.Join(kept, "mypy-cache"), "-p", "neurod", "-p", "voxel"},
		{"pyright", "--pythonpath", filepath.Join(bin, "python")},
	} {
		run(t, 10*time.Minute, source, env, filepath.Join(bin, check[0]), check[1:]...)
	}
}

// scenarios compares what passed with scenarios.txt.
func scenarios(t *testing.T, passed string) {
	t.Helper()
	list, err := os.ReadFile("scenarios.txt")
	if err != nil {
		t.Fatal(err)
	}
	told, err := os.ReadFile(passed)
	if err != nil {
		t.Fatalf("the suite reports no scenario: %v", err)
	}
	var wanted []string
	for line := range strings.Lines(string(list)) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); name != "" && name != "#" {
			wanted = append(wanted, name)
		}
	}
	got := strings.Fields(string(told))
	for _, name := range wanted {
		if !slices.Contains(got, name) {
			t.Errorf("scenario %s did not pass", name)
		}
	}
	if len(wanted) < 20 {
		t.Errorf("there are only %d scenarios", len(wanted))
	}
}
