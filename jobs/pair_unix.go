//go:build unix

package jobs

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// pair returns the two ends of a connection within the process.
func pair() (ours, theirs net.Conn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "in-process redis")
		conn, convErr := net.FileConn(f)
		err = errors.Join(err, convErr, f.Close()) // FileConn has its own copy
		ends[i] = conn
	}
	if err != nil {
		for _, c := range ends {
			if c != nil {
				err = errors.Join(err, c.Close())
			}
		}
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}
