package handlers

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"
)

// socketConn is the connection under a WebSocket. It takes many small messages in one write, and can stop looking into what the client sends.
type socketConn struct {
	net.Conn
	dropping atomic.Bool

	mu     sync.Mutex // held by who writes: whole frames
	frames []byte     // memory of together, which one at a time calls
}

// framesMost is about how many bytes of frames go in one write.
const framesMost = 32 << 10

// Write implements [net.Conn]. What package websocket writes at once are whole frames: messages by themselves, and what answers the client's frames.
func (c *socketConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.Write(p)
}

// together writes messages in as few writes as can be. Package websocket has each message wait for a write of its own, which takes many times as
// long as to make its frame. One goroutine at a time may call it, and none may write a message meanwhile.
func (c *socketConn) together(kind websocket.MessageType, messages [][]byte) error {
	for len(messages) > 0 {
		c.frames = c.frames[:0]
		for len(messages) > 0 && len(c.frames) < framesMost {
			c.frames = appendFrame(c.frames, kind, messages[0])
			messages = messages[1:]
		}
		if err := c.writeFrames(); err != nil {
			return err
		}
	}
	return nil
}

func (c *socketConn) writeFrames() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.Conn.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return err
	}
	if _, err := c.Conn.Write(c.frames); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(time.Time{})
}

// appendFrame appends a message as a server sends it, in one frame (RFC 6455, 5.2).
func appendFrame(out []byte, kind websocket.MessageType, message []byte) []byte {
	const final, next16, next64 = 0x80, 126, 127
	out = append(out, final|byte(kind)) // the library's kinds are the opcodes
	switch n := len(message); {
	case n < next16:
		out = append(out, byte(n))
	case n <= math.MaxUint16:
		out = binary.BigEndian.AppendUint16(append(out, next16), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, next64), uint64(n))
	}
	return append(out, message...)
}

// drop stops looking into what the client sends: it is read and dropped, for as long as the client has to leave. Unread bytes would have the kernel drop
// the word of why it ended.
func (c *socketConn) drop() { c.dropping.Store(true) }

// Read implements [net.Conn].
func (c *socketConn) Read(p []byte) (int, error) {
	if !c.dropping.Load() {
		return c.Conn.Read(p)
	}
	_ = c.SetReadDeadline(time.Now().Add(streamLeave)) // else it is closed already
	_, _ = io.Copy(io.Discard, c.Conn)                 // to its end, or the deadline's
	return 0, io.EOF
}

// socketWriter hands a socketConn to whoever takes the connection over.
type socketWriter struct {
	gin.ResponseWriter // it must be told to write its header, which package websocket knows
	conn               *socketConn
}

// Hijack implements net/http.Hijacker.
func (w *socketWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.conn.Conn = conn
	return w.conn, rw, nil
}
