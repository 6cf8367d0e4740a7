package eegdata_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// fake records how the test it stands for would have ended.
type fake struct {
	testing.TB
	skipped, failed string
}

func (f *fake) Helper() {}
func (f *fake) Skipf(format string, args ...any) {
	f.skipped = format
	panic(f)
}
func (f *fake) Fatalf(format string, args ...any) {
	f.failed = format
	panic(f)
}

func outcome(t *testing.T, call func(testing.TB)) *fake {
	t.Helper()
	f := &fake{TB: t}
	func() {
		defer func() { _ = recover() }()
		call(f)
	}()
	return f
}

// The tests of this package change the environment, so they cannot be parallel.

func TestDirTakesTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(eegdata.EnvDir, dir)
	if got := eegdata.Dir(t); got != dir {
		t.Errorf("Dir = %s, want %s", got, dir)
	}
}

func TestRelativeFolderIsRelativeToTheModule(t *testing.T) {
	t.Setenv(eegdata.EnvDir, "internal/testkit")
	got := eegdata.Dir(t)
	if _, err := os.Stat(filepath.Join(got, "eegdata", "eegdata.go")); err != nil {
		t.Errorf("Dir = %s: %v", got, err)
	}
}

func TestMissingFolderSkipsLoudly(t *testing.T) {
	t.Setenv(eegdata.EnvDir, filepath.Join(t.TempDir(), "absent"))
	t.Setenv(eegdata.EnvRequired, "")
	f := outcome(t, func(tb testing.TB) { eegdata.Dir(tb) })
	if f.failed != "" || !strings.Contains(f.skipped, "NOT run") {
		t.Errorf("skipped %q, failed %q", f.skipped, f.failed)
	}
	if _, err := eegdata.Find(); err == nil || !strings.Contains(err.Error(), eegdata.EnvDir) {
		t.Errorf("Find error %v does not name %s", err, eegdata.EnvDir)
	}
}

func TestMissingFolderFailsWhenRequired(t *testing.T) {
	t.Setenv(eegdata.EnvRequired, "1")
	t.Setenv(eegdata.EnvDir, t.TempDir())
	for name, call := range map[string]func(testing.TB){
		"file": func(tb testing.TB) { eegdata.File(tb, "absent.edf") },
		"glob": func(tb testing.TB) { eegdata.Glob(tb, "*/absent.edf") },
	} {
		if f := outcome(t, call); f.failed == "" || f.skipped != "" {
			t.Errorf("%s: skipped %q, failed %q", name, f.skipped, f.failed)
		}
	}
}
