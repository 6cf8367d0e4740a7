// Package smalldisk gives tests a real file system of a few megabytes that can be filled to its last byte: a tmpfs of its own, which only
// root may mount, on Linux.
package smalldisk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrUnsupported says that no file system can be mounted here.
var ErrUnsupported = errors.New("smalldisk: only root on Linux may mount a small file system")

// Disk is a mounted file system.
type Disk struct{ dir string }

// prefix names the folders, with the process that mounts into them.
const prefix = "neurod-smalldisk-"

// Mount mounts a file system of so many bytes. What processes left that were killed is unmounted before.
func Mount(size int64) (*Disk, error) {
	sweep()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", prefix, os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("smalldisk: %w", err)
	}
	if err := mount(dir, size); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &Disk{dir}, nil
}

// Dir is where it is mounted; everybody may write to it.
func (d *Disk) Dir() string { return d.dir }

// filler is the file that takes all the room.
func (d *Disk) filler() string { return filepath.Join(d.dir, "filler") }

// Fill takes all the room that is left.
func (d *Disk) Fill() error {
	f, err := os.OpenFile(d.filler(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("smalldisk: %w", err)
	}
	for size := 1 << 20; size > 0; {
		n, err := f.Write(make([]byte, size))
		switch {
		case full(err) && n == 0:
			size /= 2
		case err != nil && !full(err):
			return errors.Join(fmt.Errorf("smalldisk: %w", err), f.Close())
		}
	}
	return f.Close()
}

// Empty gives the room back that Fill took.
func (d *Disk) Empty() error {
	if err := os.Remove(d.filler()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("smalldisk: %w", err)
	}
	return nil
}

// Close unmounts it, with all that it holds.
func (d *Disk) Close() error {
	if err := unmount(d.dir); err != nil {
		return err
	}
	return os.Remove(d.dir)
}
