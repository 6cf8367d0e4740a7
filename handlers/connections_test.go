package handlers

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/models"
)

// bounded is a server that holds its clients to so many connections.
type bounded struct {
	addr  string
	idle  chan struct{} // a connection has become idle
	ended chan struct{} // a connection has ended
}

func newBounded(t *testing.T, cfg ConnectionsConfig) bounded {
	t.Helper()
	b := bounded{idle: make(chan struct{}, 100), ended: make(chan struct{}, 100)}
	conns := NewConnections(cfg)
	srv := NewServer(ServerConfig{Connections: conns}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yes") }), nil)
	state := srv.ConnState
	srv.ConnState = func(c net.Conn, s http.ConnState) {
		if state != nil {
			state(c, s)
		}
		switch s {
		case http.StateIdle:
			b.idle <- struct{}{}
		case http.StateClosed:
			b.ended <- struct{}{}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(conns.Bound(l)) // ErrServerClosed
	}()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return b
}

func (b bounded) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask makes a request and returns its answer.
func ask(t *testing.T, c net.Conn) (*http.Response, string) {
	t.Helper()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // it may be refused already
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// TestConnectionsOfAClientAreBounded: connections that say nothing are held to the limit, one more is told why, and a place is free
// once one has ended.
func TestConnectionsOfAClientAreBounded(t *testing.T) {
	t.Parallel()
	b := newBounded(t, ConnectionsConfig{PerClient: 2})
	silent := b.dial(t)
	half := b.dial(t)
	_, _ = io.WriteString(half, "GET / HTTP/1.1\r\nHost:")
	res, body := ask(t, b.dial(t))
	var e struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 429 || e.Error.Code != string(models.TooManyConnections) || !strings.Contains(e.Error.Message, "2 connections") ||
		res.Header.Get("Retry-After") != "5" || !res.Close {
		t.Errorf("one more than allowed: %d %v %s", res.StatusCode, res.Header, body)
	}
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	<-b.ended
	if res, body := ask(t, b.dial(t)); res.StatusCode != 200 || body != "yes" {
		t.Errorf("after one has ended: %d %s", res.StatusCode, body)
	}
}

// TestIdleConnectionsGiveWay: the connection that has been idle for the longest ends for one that comes.
func TestIdleConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	b := newBounded(t, ConnectionsConfig{PerClient: 2})
	first, second := b.dial(t), b.dial(t)
	for _, c := range []net.Conn{first, second, second} {
		if res, _ := ask(t, c); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
		<-b.idle
	}
	if res, _ := ask(t, b.dial(t)); res.StatusCode != 200 {
		t.Errorf("beside idle ones: %d", res.StatusCode)
	}
	if _, err := first.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the longest idle: %v", err)
	}
	if res, _ := ask(t, second); res.StatusCode != 200 {
		t.Errorf("the other: %d", res.StatusCode)
	}
}

// TestConnectionsOfProxiesAreNotBounded: a trusted proxy brings the calls of many, and 0 is no limit.
func TestConnectionsOfProxiesAreNotBounded(t *testing.T) {
	t.Parallel()
	for _, cfg := range []ConnectionsConfig{{PerClient: 1, TrustedProxies: []string{"127.0.0.0/8"}}, {PerClient: 0}} {
		b := newBounded(t, cfg)
		for range 5 {
			b.dial(t)
		}
		if res, _ := ask(t, b.dial(t)); res.StatusCode != 200 {
			t.Errorf("%+v: %d", cfg, res.StatusCode)
		}
	}
}

// TestConnectionsAreCounted compares the bound with a model of it: whatever opens, rests, works and ends, in any order, nobody has
// more connections than allowed, the longest idle gives way, and nothing stays counted.
func TestConnectionsAreCounted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 4).Draw(t, "most")
		b := NewConnections(ConnectionsConfig{PerClient: most})
		open := map[string][]*clientConn{} // by client
		idle := map[string][]*clientConn{} // the longest idle first
		without := func(list []*clientConn, c *clientConn) []*clientConn {
			var out []*clientConn
			for _, other := range list {
				if other != c {
					out = append(out, other)
				}
			}
			return out
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			from := rapid.SampledFrom([]string{"192.0.2.1", "2001:db8::/64"}).Draw(t, "from")
			switch what := rapid.IntRange(0, 3).Draw(t, "what"); {
			case what == 0:
				in := b.enter(&net.TCPConn{}, from)
				switch full := len(open[from]) == most; {
				case full && len(idle[from]) == 0:
					if in != nil {
						t.Fatal("let in beyond the limit")
					}
					continue
				case full:
					gone := idle[from][0]
					open[from], idle[from] = without(open[from], gone), idle[from][1:]
					if !gone.left {
						t.Fatal("the longest idle did not give way")
					}
				}
				if in == nil {
					t.Fatal("refused below the limit")
				}
				open[from] = append(open[from], in)
			case len(open[from]) == 0:
			default:
				c := rapid.SampledFrom(open[from]).Draw(t, "connection")
				rest := without(idle[from], c)
				switch what {
				case 1:
					if len(rest) == len(idle[from]) { // else it was idle already, and keeps its place
						idle[from] = append(rest, c)
					}
					b.State(c, http.StateIdle)
				case 2:
					idle[from] = rest
					b.State(c, http.StateActive)
				case 3:
					open[from], idle[from] = without(open[from], c), rest
					_ = c.Close() // it is connected to nothing
					_ = c.Close() // twice is once
					b.State(c, http.StateClosed)
				}
			}
		}
		for from, list := range open {
			if n := b.peers[from]; len(list) > 0 && (n == nil || n.open != len(list)) {
				t.Fatalf("%s: %d are open", from, len(list))
			}
			for _, c := range list {
				_ = c.Close()
			}
		}
		if len(b.peers) != 0 {
			t.Fatalf("%d clients are left", len(b.peers))
		}
	})
}
