//go:build unix

package doctor

import "syscall"

const isUnix = true

// openFiles returns how many files a process of this user may have open. The Go runtime raises the soft limit to the hard one.
func openFiles() (int64, bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return int64(min(uint64(l.Max), 1<<40)), true //nolint:unconvert,gosec // of other types elsewhere; bounded
}
