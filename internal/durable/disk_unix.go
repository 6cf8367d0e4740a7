//go:build unix

package durable

import "syscall"

// Disk returns how many bytes the disk of a folder has left for this user, and in all.
func Disk(dir string) (free, all int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil //nolint:unconvert // of other types elsewhere
}
