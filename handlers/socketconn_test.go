package handlers

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"
)

// TestMessagesTogether: messages of every length of a header, text and bytes, arrive as they are while the server pings in between, and so
// does one that package websocket sends behind them.
func TestMessagesTogether(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	var messages [][]byte
	for _, n := range []int{0, 1, 125, 126, 127, 1<<16 - 1, 1 << 16, 3 * framesMost} {
		messages = append(messages, bytes.Repeat([]byte{'a' + byte(n%26)}, n))
	}
	for range 500 {
		messages = append(messages, bytes.Repeat([]byte{'a' + byte(rng.IntN(26))}, rng.IntN(400)))
	}
	for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
		gin.SetMode(gin.ReleaseMode)
		engine := gin.New()
		engine.GET("/", func(c *gin.Context) {
			under := new(socketConn)
			conn, err := websocket.Accept(&socketWriter{c.Writer, under}, c.Request, nil)
			if err != nil {
				t.Error(err)
				return
			}
			ctx, cancel := context.WithCancel(conn.CloseRead(c.Request.Context()))
			defer cancel()
			pinged := make(chan struct{})
			go func() {
				defer close(pinged)
				for range 20 {
					if err := conn.Ping(ctx); err != nil {
						t.Error("ping:", err)
						return
					}
				}
			}()
			if err := under.together(kind, messages); err != nil {
				t.Error("together:", err)
			}
			<-pinged
			if err := conn.Write(ctx, kind, []byte("last")); err != nil {
				t.Error("behind them:", err)
			}
			_ = conn.Close(websocket.StatusNormalClosure, "") // the client has all
		})
		server := httptest.NewServer(engine)
		conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadLimit(1 << 20)
		for i, want := range append(messages[:len(messages):len(messages)], []byte("last")) {
			got, b, err := conn.Read(t.Context())
			if err != nil || got != kind || !bytes.Equal(b, want) {
				t.Fatalf("message %d: %v of %d bytes, want %v of %d: %v", i, got, len(b), kind, len(want), err)
			}
		}
		_ = conn.CloseNow() // it has all
		server.Close()
	}
}
