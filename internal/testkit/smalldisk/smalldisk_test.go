package smalldisk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/neurod/neurod/internal/testkit/smalldisk"
)

// TestAFullDisk takes not a byte more, and as much as before once it has been emptied.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	d, err := smalldisk.Mount(1 << 20)
	if errors.Is(err, smalldisk.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.Dir(), "file")
	write := func(n int) error { return os.WriteFile(file, bytes.Repeat([]byte{1}, n), 0o600) }
	for range 2 {
		if err := write(1000); err != nil {
			t.Error(err)
		}
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
		if err := d.Fill(); err != nil {
			t.Fatal(err)
		}
		if err := write(1); err == nil {
			t.Error("a full disk takes a byte")
		}
		if err := errors.Join(d.Empty(), d.Empty()); err != nil {
			t.Error(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
}
