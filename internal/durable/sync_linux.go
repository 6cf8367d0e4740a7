package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncData leaves out the file's time stamps, which would have to go through the file system's journal each time.
func syncData(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = unix.Fdatasync(int(fd)); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, failed)
}

func syncEntries(dir *os.File) error { return dir.Sync() }
