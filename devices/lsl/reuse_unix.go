//go:build unix

package lsl

import "syscall"

// reuse lets several programs listen at the port of discovery.
func reuse(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) }); cerr != nil {
		return cerr
	}
	return err
}
