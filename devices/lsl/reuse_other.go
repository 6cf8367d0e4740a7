//go:build !unix

package lsl

import "syscall"

// reuse does nothing: the first program has the port of discovery, and others are found by their own ports.
func reuse(_, _ string, _ syscall.RawConn) error { return nil }
