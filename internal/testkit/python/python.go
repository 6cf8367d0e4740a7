// Package python gives tests an interpreter with packages of the Python index: the libraries that others have written, which ours are held to.
package python

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Interpreter returns the path of an interpreter in an environment of its own with the packages, each pinned as in "pylsl==1.18.6". Environments are made
// once on a machine and kept in NEUROD_TEST_CACHE, by default the user's cache folder, by the names of their packages.
func Interpreter(t testing.TB, packages ...string) string {
	t.Helper()
	path, err := Prepare(t.Context(), packages...)
	if err != nil {
		t.Fatalf("%v (make setup installs what is missing)", err)
	}
	return path
}

// Prepare is Interpreter for who has no test yet.
func Prepare(ctx context.Context, packages ...string) (string, error) {
	base := os.Getenv("NEUROD_TEST_CACHE")
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			user = os.TempDir()
		}
		base = filepath.Join(user, "neurod-clients")
	}
	sum := sha256.Sum256([]byte(strings.Join(packages, "\n")))
	dir := filepath.Join(base, "python-"+hex.EncodeToString(sum[:8]))
	interpreter, done := filepath.Join(dir, "bin", "python"), filepath.Join(dir, "whole")
	if runtime.GOOS == "windows" {
		interpreter = filepath.Join(dir, "Scripts", "python.exe")
	}
	if _, err := os.Stat(done); err == nil {
		return interpreter, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"python3", "-m", "venv", dir}, append([]string{interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, packages...)} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	if err := os.WriteFile(done, []byte(strings.Join(packages, "\n")+"\n"), 0o600); err != nil {
		return "", err
	}
	return interpreter, nil
}
