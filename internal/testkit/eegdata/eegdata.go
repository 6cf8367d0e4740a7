// Package eegdata finds the folder of public recordings that tests read.
//
// The recordings are not part of the repository: some licenses forbid it and they are large. The folder is
// taken from the environment variable NEUROD_EEG_DATA, or else is shared/eeg beside the repository.
//
// Invariant: a test never passes silently without its data. Where the folder is missing the test is skipped
// with a message that names the variable, and it fails when NEUROD_EEG_REQUIRED=1.
package eegdata

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const (
	// EnvDir names the variable that holds the folder of recordings.
	EnvDir = "NEUROD_EEG_DATA"
	// EnvRequired names the variable that, set to "1", turns a missing folder into a failure.
	EnvRequired = "NEUROD_EEG_REQUIRED"
)

// defaultDir is where the recordings lie relative to the root of the module.
var defaultDir = filepath.Join("..", "shared", "eeg")

// Find returns the absolute path of the folder of recordings, or an error that says where it looked.
func Find() (string, error) {
	dir := os.Getenv(EnvDir)
	root, err := moduleRoot()
	switch {
	case dir == "" && err != nil:
		return "", fmt.Errorf("%s is not set and the default cannot be found: %w", EnvDir, err)
	case dir == "":
		dir = filepath.Join(root, defaultDir)
	case !filepath.IsAbs(dir) && err == nil:
		// Tests run in their package's folder; a relative path means relative to the repository,
		// where the person who typed it was.
		dir = filepath.Join(root, dir)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("%s: no recordings: %w", EnvDir, err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s: %s is not a folder", EnvDir, dir)
	}
	return filepath.Abs(dir)
}

// Dir returns the folder of recordings. Where there is none it skips the test, or fails it when
// NEUROD_EEG_REQUIRED=1.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := Find()
	if err != nil {
		missing(t, err)
	}
	return dir
}

// File returns the path of one recording, slash-separated relative to the folder. A recording that is not
// there is treated like a missing folder.
func File(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Dir(t), filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		missing(t, fmt.Errorf("%s: %w", EnvDir, err))
	}
	return path
}

// Glob returns the recordings that match a slash-separated pattern, in order. None at all is treated like a
// missing folder.
func Glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(Dir(t), filepath.FromSlash(pattern)))
	if err != nil {
		t.Fatalf("pattern %q: %v", pattern, err)
	}
	if len(paths) == 0 {
		missing(t, fmt.Errorf("%s: nothing matches %s: %w", EnvDir, pattern, fs.ErrNotExist))
	}
	return paths
}

func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(EnvRequired) == "1" {
		t.Fatalf("%v (and %s=1)", err, EnvRequired)
	}
	t.Skipf("%v: this test needs real recordings and was NOT run", err)
}

// moduleRoot walks up from the working directory to the folder that holds go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}
