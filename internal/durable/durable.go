// Package durable brings what was written to files to the disk, where it survives a power cut.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// intercept is what tests put before Sync.
var intercept atomic.Pointer[func(path string) (done bool, err error)]

// Intercept has fn called before each [Sync] of the process, with the file's name; where it says done, the file is not synced.
// Tests that cut the power count and refuse syncs with it.
func Intercept(fn func(path string) (done bool, err error)) { intercept.Store(&fn) }

// Sync waits until the disk has what the process wrote to a file so far. Time stamps of the file may be older.
func Sync(f *os.File) error {
	if fn := intercept.Load(); fn != nil {
		if done, err := (*fn)(f.Name()); done {
			return err
		}
	}
	if err := syncData(f); err != nil {
		return fmt.Errorf("flush %s: %w", filepath.Clean(f.Name()), err)
	}
	return nil
}

// SyncDir brings the entries of a folder to the disk: a file is lost with its name.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(syncEntries(dir), dir.Close()); err != nil {
		return fmt.Errorf("flush %s: %w", filepath.Clean(path), err)
	}
	return nil
}
