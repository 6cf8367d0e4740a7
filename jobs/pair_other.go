//go:build !unix

package jobs

import (
	"errors"
	"net"
)

// pair returns the two ends of a connection within the process. Without socket pairs it goes over the loopback interface; whoever
// else connects meanwhile is turned away.
func pair() (ours, theirs net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if ours, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	for {
		if theirs, err = l.Accept(); err != nil {
			return nil, nil, errors.Join(err, ours.Close())
		}
		if theirs.RemoteAddr().String() == ours.LocalAddr().String() {
			return ours, theirs, nil
		}
		_ = theirs.Close()
	}
}
