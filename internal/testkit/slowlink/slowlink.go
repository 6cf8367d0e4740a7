// Package slowlink passes connections on, each byte a while later, as a network between two racks does. What waits on such a link takes no
// processor, so that a small machine can have many busy workers.
package slowlink

import (
	"io"
	"net"
	"time"
)

// Link is a proxy on a free loopback port. Close ends its listening; connections end with their ends.
type Link struct{ net.Listener }

// Start starts a link to an address, with a delay of each way.
func Start(target string, delay time.Duration) (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			go later(out, in, delay)
			go later(in, out, delay)
		}
	}()
	return &Link{l}, nil
}

// chunk is what was read at a time.
type chunk struct {
	due  time.Time
	data []byte
}

// later copies from one connection to the other and closes both at its end.
func later(to io.WriteCloser, from io.ReadCloser, d time.Duration) {
	queue := make(chan chunk, 1024)
	go func() {
		defer close(queue)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if n > 0 {
				queue <- chunk{time.Now().Add(d), b[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for c := range queue {
		time.Sleep(time.Until(c.due))
		if _, err := to.Write(c.data); err != nil {
			break
		}
	}
	to.Close()
	from.Close()
	for range queue { // until the reader has ended
	}
}
