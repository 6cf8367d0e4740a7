package clients

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestGraphQLClients runs the audits of graphql-http, and graphql-ws, against both pairs.
func TestGraphQLClients(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t, "graphql", "clients.mjs")
	onBoth(t, func(t *testing.T, s *server) {
		t.Log(run(t, 5*time.Minute, dir, s.environment(t), "node", "clients.mjs"))
	})
}

// nodeFolder returns a new folder with scripts of one that has a package.json and its lock file, and with the packages that those pin.
func nodeFolder(t *testing.T, of string, scripts ...string) string {
	t.Helper()
	if err := newNode(); err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(of, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	app := filepath.Join(cache(t), fmt.Sprintf("node-%s-%.8x", of, sha256.Sum256(lock)))
	once(t, app, func(dir string) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"package.json", "package-lock.json"} {
			copyFile(t, filepath.Join(of, name), filepath.Join(dir, name))
		}
		run(t, 10*time.Minute, dir, os.Environ(), "npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts")
	})
	// Node finds packages beside the script, and no two runs share a folder that they write to.
	dir := t.TempDir()
	for _, name := range scripts {
		copyFile(t, filepath.Join(of, name), filepath.Join(dir, name))
	}
	if err := os.Symlink(filepath.Join(app, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
