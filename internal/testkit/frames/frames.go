// Package frames speaks WebSocket (RFC 6455) a byte at a time, for tests and attacks that send what no client library would.
package frames

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// Opcodes (RFC 6455, section 5.2).
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xA
)

// Conn is a connection on which the handshake was done or refused.
type Conn struct {
	net.Conn
	Reader *bufio.Reader
	Status int // of the handshake; 101 when it went well
	Header http.Header
}

// Dial connects to a ws:// or http:// address and does the handshake. buffer, where it is not 0, is how many bytes the kernel
// keeps that were not read. A refusal is not an error.
func Dial(ctx context.Context, address string, buffer int) (*Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok && buffer > 0 {
		if err := tcp.SetReadBuffer(buffer); err != nil {
			c.Close()
			return nil, err
		}
	}
	if at, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(at); err != nil {
			c.Close()
			return nil, err
		}
	}
	// The key is the example of RFC 6455, section 1.3: what it is does not matter here.
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		u.RequestURI(), u.Host); err != nil {
		c.Close()
		return nil, err
	}
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Conn{Conn: c, Reader: r, Status: res.StatusCode, Header: res.Header}, nil
}

// Frame is a frame as a client sends it, masked with zeros: a mask leaves a payload as it is then.
func Frame(opcode byte, fin bool, payload []byte) []byte {
	return append(Header(opcode, fin, uint64(len(payload))), payload...)
}

// Header is the header of a frame that claims to have so many bytes.
func Header(opcode byte, fin bool, size uint64) []byte {
	b := []byte{opcode, 0x80}
	if fin {
		b[0] |= 0x80
	}
	switch {
	case size < 126:
		b[1] |= byte(size)
	case size < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(size))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, size)
	}
	return append(b, 0, 0, 0, 0)
}

// Next reads a frame of the server, of a payload of at most 1 MiB.
func (c *Conn) Next() (opcode byte, payload []byte, err error) {
	var head [8]byte
	read := func(n int) (uint64, error) {
		clear(head[:])
		for i := range n {
			b, err := c.Reader.ReadByte()
			if err != nil {
				return 0, err
			}
			head[8-n+i] = b
		}
		return binary.BigEndian.Uint64(head[:]), nil
	}
	first, err := read(1)
	if err != nil {
		return 0, nil, err
	}
	size, err := read(1)
	switch {
	case err != nil:
		return 0, nil, err
	case size == 126:
		size, err = read(2)
	case size == 127:
		size, err = read(8)
	}
	if err != nil {
		return 0, nil, err
	}
	if size > 1<<20 {
		return 0, nil, fmt.Errorf("frames: the server sends a frame of %d bytes", size)
	}
	payload = make([]byte, size)
	for i := range payload {
		if payload[i], err = c.Reader.ReadByte(); err != nil {
			return 0, nil, err
		}
	}
	return byte(first) & 0xf, payload, nil
}

// Closed reads until the server closes, and returns the code it gave; 0 where the connection ended without one.
func (c *Conn) Closed() int {
	for {
		opcode, payload, err := c.Next()
		if err != nil {
			return 0
		}
		if opcode == Close && len(payload) >= 2 {
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}
