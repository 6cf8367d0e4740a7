package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
)

// newNode puts the Node that tools/setup.sh installs where the machine's is too old before that, and tells where none is new enough.
func newNode() error {
	own, err := filepath.Abs(filepath.Join(root, "tools", "node", "node_modules", ".bin"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(own, "node")); err == nil {
		if err := os.Setenv("PATH", own+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
			return err
		}
	}
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		return fmt.Errorf("no Node for the TypeScript client: tools/setup.sh installs it: %w", err)
	}
	return newEnough(string(out))
}

// newEnough tells whether a Node of this version can build the TypeScript client.
func newEnough(version string) error {
	var major int
	if _, err := fmt.Sscanf(version, "v%d.", &major); err != nil || major < 20 {
		return fmt.Errorf("the TypeScript client needs Node 20 or later, and here is %s: tools/setup.sh (make setup) installs it", strings.TrimSpace(version))
	}
	return nil
}

func TestNodeThatIsTooOldIsTold(t *testing.T) {
	t.Parallel()
	for version, good := range map[string]bool{"v18.20.4\n": false, "v20.20.2\n": true, "v26.12.1\n": true, "v8.1.0\n": false, "": false} {
		if err := newEnough(version); (err == nil) != good || err != nil && !strings.Contains(err.Error(), "make setup") {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// typescriptApp builds the npm package and returns a clean folder in which it is installed as its users have it, under its own name and
// as @voxel/sdk, with the suites beside it.
var typescriptApp = sync.OnceValues(func() (string, error) {
	if err := newNode(); err != nil {
		return "", err
	}
	sdk, err := filepath.Abs(filepath.Join(root, "sdk", "typescript"))
	if err != nil {
		return "", err
	}
	if out, err := exec.Command(filepath.Join(sdk, "build.sh")).CombinedOutput(); err != nil {
		return "", fmt.Errorf("sdk/typescript/build.sh: %w\n%s", err, out)
	}
	built, err := filepath.Glob(filepath.Join(sdk, "dist", "neurod-sdk-*.tgz"))
	if err != nil || len(built) != 1 {
		return "", fmt.Errorf("sdk/typescript/dist: %q is not one tarball: %w", built, err)
	}
	app := filepath.Join(scratch, "typescript")
	if err := os.CopyFS(filepath.Join(app, "test"), os.DirFS(filepath.Join(sdk, "test"))); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(app, "package.json"), []byte(`{"private":true,"type":"module"}`), 0o644); err != nil {
		return "", err
	}
	// The package has no dependency, so nothing is asked of a registry.
	install := exec.Command("npm", "install", "--offline", "--no-audit", "--no-fund", "--install-links", "@neurod/sdk@file:"+built[0], "@voxel/sdk@file:"+built[0])
	install.Dir = app
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w\n%s", err, out)
	}
	return app, nil
})

// typescriptSuites runs suites of sdk/typescript/test. Node 20 has a WebSocket behind a flag; later ones have it anyway.
func typescriptSuites(t *testing.T, s *server, suites ...string) {
	t.Helper()
	app, err := typescriptApp()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--experimental-websocket", "--no-warnings", "--test", "--test-reporter=spec"}
	for _, name := range suites {
		args = append(args, filepath.Join("test", name+".test.mjs"))
	}
	run(t, 8*time.Minute, app, s.environment(t), "node", args...)
}

func TestTypeScript(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		passed := filepath.Join(t.TempDir(), "passed")
		s.extra = []string{"NEUROD_TEST_PASSED=" + passed}
		typescriptSuites(t, s, "scenarios")
		scenarios(t, passed)
	})
}

// TestTypeScriptFaults has servers of its own: what the proxy breaks holds for everything that goes through it.
func TestTypeScriptFaults(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) { typescriptSuites(t, s, "faults") })
}

// TestTypeScriptPackage runs what does not depend on the stores: the document's examples, the blocks of code in our documents, the package
// as it is shipped, webhooks, and the pages in a browser, which are on another origin than the server.
func TestTypeScriptPackage(t *testing.T) {
	t.Parallel()
	port, err := neurod.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := onEmbedded(t, fmt.Sprintf("NEUROD_CORS_ORIGINS=http://localhost:%d", port), "NEUROD_WEBHOOK_HTTP=true", "NEUROD_WEBHOOK_ALLOW=127.0.0.1")
	s.extra = []string{fmt.Sprintf("NEUROD_TEST_PAGES_PORT=%d", port)} // where the suite serves the pages
	typescriptSuites(t, s, "arguments", "snippets", "docs", "package", "webhooks", "muse", "browser")
}
