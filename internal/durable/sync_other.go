//go:build !linux

package durable

import (
	"os"
	"runtime"
)

func syncData(f *os.File) error { return f.Sync() }

// syncEntries does nothing on Windows, which has no such call and journals its folders.
func syncEntries(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return dir.Sync()
}
