package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/models"
)

// request returns a gin context with a body.
func request(ctx context.Context, body io.Reader) *gin.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(ctx, "POST", "/api/v1/neuro/decode", body)
	return c
}

func TestBodyIsReadWhole(t *testing.T) {
	t.Parallel()
	api := New(Config{})
	for _, n := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, bodyStep - 1, bodyStep, bodyStep + 1, 3*bodyStep + 7} {
		want := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		for name, body := range map[string]io.Reader{
			"known length":   bytes.NewReader(want),
			"unknown length": struct{ io.Reader }{bytes.NewReader(want)},
			"in halves":      iotest.HalfReader(bytes.NewReader(want)),
			"end with data":  iotest.DataErrReader(bytes.NewReader(want)),
		} {
			got, release, err := api.readPooled(request(t.Context(), body))
			if err != nil {
				t.Fatalf("%d bytes, %s: %v", n, name, err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %s: read %d", n, name, len(got))
			}
			release()
		}
	}
	lying := request(t.Context(), bytes.NewReader([]byte("short")))
	lying.Request.ContentLength = 1 << 40 // believed 1 MiB at a time
	if got, release, err := api.readPooled(lying); err != nil || string(got) != "short" || cap(got) > 2*bodyStep {
		t.Errorf("%q with room for %d: %v", got, cap(got), err)
	} else {
		release()
	}
}

// TestLargeBodiesShareTheMemory takes all memory for bodies: small requests go on, a large one is told to come back,
// and whatever was taken is given back.
func TestLargeBodiesShareTheMemory(t *testing.T) {
	t.Parallel()
	api := New(Config{BodyMemory: 100 << 20})
	if !api.room.TryAcquire(100 << 20) {
		t.Fatal("the room is not as large as configured")
	}
	if _, release, err := api.readPooled(request(t.Context(), bytes.NewReader(make([]byte, 43<<10)))); err != nil {
		t.Errorf("a small body: %v", err)
	} else {
		release()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel() // ends the wait
	large := bytes.NewReader(make([]byte, 5*bodyStep))
	_, _, err := api.readPooled(request(gone, large))
	if e := models.AsError(err); e.Code != models.Unavailable || e.RetryAfter <= 0 {
		t.Errorf("a large body: %v", err)
	}
	api.room.Release(100 << 20)

	_, release, err := api.readPooled(request(t.Context(), bytes.NewReader(make([]byte, 5*bodyStep))))
	if err != nil {
		t.Fatal(err)
	}
	if api.room.TryAcquire(100 << 20) {
		t.Error("a large body takes nothing")
	}
	release()
	broken := request(t.Context(), io.MultiReader(bytes.NewReader(make([]byte, 3*bodyStep)), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if _, _, err := api.readPooled(broken); err == nil {
		t.Error("a body that breaks off was taken")
	}
	if !api.room.TryAcquire(100 << 20) {
		t.Error("memory was not given back")
	}
}

// TestServerGivesUpOnSlowClients sends half a header and half a body: the server ends the connection by itself.
func TestServerGivesUpOnSlowClients(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	})
	srv := NewServer(ServerConfig{HeaderTimeout: 500 * time.Millisecond, ReadTimeout: time.Second}, h, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	for name, half := range map[string]string{
		"header": "POST / HTTP/1.1\r\nHost: x\r\n",
		"body":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, half); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) { // a reset, for what was not read, is an end as well
			t.Errorf("half a %s: the connection stayed open: %v", name, err)
		}
		_ = conn.Close()
	}
	if err := <-read; err == nil {
		t.Error("half a body was read as a whole one")
	}
}

func TestServerHasEveryTimeout(t *testing.T) {
	t.Parallel()
	s := NewServer(ServerConfig{}, http.NotFoundHandler(), nil)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("%+v", s)
	}
	if s.WriteTimeout < s.ReadTimeout+60*time.Second {
		t.Errorf("a client that uploads slowly and waits 60 s is cut off: write timeout %v, read timeout %v", s.WriteTimeout, s.ReadTimeout)
	}
}
