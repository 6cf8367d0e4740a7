//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neurod/neurod/internal/testkit/frames"
)

// connectionAttacks are what clients do to sockets and connections, with frames and with silence.
func connectionAttacks() []attack {
	var out []attack
	add := func(name string, do func(ctx context.Context, a *arena) error) {
		out = append(out, attack{route: "GET /v1/ws", name: name, own: true, do: do})
	}
	send := func(name string, b func() []byte) {
		add(name, func(ctx context.Context, a *arena) error {
			url, err := a.attacker.follow(ctx, a.process.URL)
			if err != nil {
				return err
			}
			c, err := frames.Dial(ctx, url, 0)
			if err != nil {
				return err
			}
			defer c.Close()
			if c.Status != http.StatusSwitchingProtocols {
				return fmt.Errorf("handshake: %d", c.Status)
			}
			if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
				return err
			}
			_, _ = c.Write(b()) // the server may have enough of it before its end
			c.Closed()
			return nil
		})
	}
	many := func(b []byte) func() []byte { return func() []byte { return bytes.Repeat(b, most/len(b)) } }
	send("a frame of 2^62 bytes that comes", func() []byte {
		return append(frames.Header(frames.Binary, true, 1<<62), make([]byte, most)...)
	})
	send("text", many(frames.Frame(frames.Text, true, []byte("hello"))))
	send("fragments of nothing", many(frames.Frame(frames.Continuation, false, nil)))
	send("a message in fragments", func() []byte {
		return append(frames.Frame(frames.Text, false, nil), many(frames.Frame(frames.Continuation, false, []byte("a")))()...)
	})
	send("pings", many(frames.Frame(frames.Ping, true, nil)))
	send("full pings", many(frames.Frame(frames.Ping, true, make([]byte, 125))))
	send("pongs", many(frames.Frame(frames.Pong, true, nil)))
	send("noise", func() []byte { return samples(most/4, 12) })
	add("1000 sockets with one token, that never read", func(ctx context.Context, a *arena) error { return a.crowd(ctx, 1000, "&after_seq=0") })
	add("200 handshakes one after another", func(ctx context.Context, a *arena) error {
		url, err := a.attacker.follow(ctx, a.process.URL)
		if err != nil {
			return err
		}
		for range 200 {
			c, err := frames.Dial(ctx, url, 0)
			if err != nil {
				return err
			}
			c.Close()
		}
		return nil
	})
	add("200 handshakes with a token that is none", func(ctx context.Context, a *arena) error {
		for range 200 {
			c, err := frames.Dial(ctx, a.process.URL+"/v1/ws?ws_token="+url.QueryEscape(a.attacker.Key), 0)
			if err != nil {
				return err
			}
			c.Close()
			if c.Status != http.StatusUnauthorized {
				return fmt.Errorf("a key for a token: %d", c.Status)
			}
		}
		return nil
	})
	add("1000 event streams that nobody reads", func(ctx context.Context, a *arena) error {
		id, err := a.attacker.live(ctx)
		if err != nil {
			return err
		}
		return a.hold(ctx, 1000, "GET /v1/sessions/"+id+"/features/stream?after_seq=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+a.attacker.Key+"\r\n\r\n")
	})
	add("1000 connections with half a request", func(ctx context.Context, a *arena) error {
		return a.hold(ctx, 1000, "GET /v1/ws HTTP/1.1\r\nHost: x\r\nX-")
	})
	add("1000 connections with nothing", func(ctx context.Context, a *arena) error { return a.hold(ctx, 1000, "") })
	add("1000 connections with half a body", func(ctx context.Context, a *arena) error {
		return a.hold(ctx, 1000, "POST /api/v1/neuro/decode HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+a.attacker.Key+"\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
	})
	add("3000 connections with nothing, from another address", func(ctx context.Context, a *arena) error { return a.flood(ctx, 3000, "") })
	add("3000 connections with half a request, from another address", func(ctx context.Context, a *arena) error {
		return a.flood(ctx, 3000, "GET /v1/ws HTTP/1.1\r\nHost: x\r\nX-")
	})
	add("3000 connections that stay after a request, from another address", func(ctx context.Context, a *arena) error {
		return a.flood(ctx, 3000, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	})
	return out
}

// elsewhere is an address of this machine that is neither the neighbours' nor the attacker's own.
var elsewhere = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}

// flood opens more connections from one address than it may have, sends the same on each and holds them: those beyond the limit
// are told so or closed, and others are answered meanwhile.
func (a *arena) flood(ctx context.Context, n int, request string) error {
	conns, err := a.connect(ctx, &net.Dialer{LocalAddr: elsewhere}, n, request)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	if err != nil {
		return err
	}
	if err := a.neighbor.Do(ctx, http.MethodGet, "/api/v1/jobs?limit=5", a.neighbor.Key, nil, nil, nil); err != nil {
		return fmt.Errorf("a neighbour beside %d connections: %w", n, err)
	}
	var ended, told atomic.Int64
	var all sync.WaitGroup
	until := time.Now().Add(holdFor)
	for _, c := range conns {
		if err := c.SetReadDeadline(until); err != nil {
			return err
		}
		all.Go(func() {
			said, err := io.ReadAll(io.LimitReader(c, 4<<10))
			if bytes.HasPrefix(said, []byte("HTTP/1.1 429")) {
				told.Add(1)
			}
			if late := net.Error(nil); !errors.As(err, &late) || !late.Timeout() {
				ended.Add(1)
			}
		})
	}
	all.Wait()
	if int(ended.Load()) < n/2 || request == "" && told.Load() == 0 {
		return fmt.Errorf("of %d connections from one address %d were ended and %d were told why", n, ended.Load(), told.Load())
	}
	return nil
}

// holdFor is how long connections are held.
const holdFor = 2 * time.Second

// goneWithin is how soon the server must have seen that connections have gone.
const goneWithin = 10 * time.Second

// crowd opens sockets with one token and reads nothing from them.
func (a *arena) crowd(ctx context.Context, n int, query string) error {
	url, err := a.attacker.follow(ctx, a.process.URL)
	if err != nil {
		return err
	}
	refused := 0
	for range n {
		c, err := frames.Dial(ctx, url+query, 4096)
		if err != nil {
			return err
		}
		defer c.Close()
		switch c.Status {
		case http.StatusSwitchingProtocols:
		case http.StatusTooManyRequests:
			refused++
			c.Close()
		default:
			return fmt.Errorf("handshake: %d", c.Status)
		}
	}
	if refused == 0 {
		return fmt.Errorf("%d sockets of one key were let in", n)
	}
	wait(ctx, holdFor)
	return nil
}

// hold opens connections, sends the same on each and holds them.
func (a *arena) hold(ctx context.Context, n int, request string) error {
	conns, err := a.connect(ctx, &net.Dialer{}, n, request)
	wait(ctx, holdFor)
	for _, c := range conns {
		c.Close()
	}
	return errors.Join(err, a.letIn(ctx))
}

// letIn returns when a new connection from this address is answered: the server may see only later that those of an attack have gone, and the
// neighbours of the next one share the address.
func (a *arena) letIn(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: goneWithin}
	for until := time.Now().Add(goneWithin); ; {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.process.URL+"/healthz", nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %d", answer.StatusCode)
		}
		if time.Now().After(until) {
			return fmt.Errorf("connections of an attack are still counted: %w", err)
		}
		wait(ctx, 10*time.Millisecond)
	}
}

// connect opens connections and sends the same on each. Those that it returns are to be closed, also where there is an error.
func (a *arena) connect(ctx context.Context, dialer *net.Dialer, n int, request string) ([]net.Conn, error) {
	u, err := url.Parse(a.process.URL)
	if err != nil {
		return nil, err
	}
	var conns []net.Conn
	work := make(chan int)
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		all.Go(func() {
			for range work {
				c, failed := dialer.DialContext(ctx, "tcp", u.Host)
				mu.Lock()
				if failed != nil {
					err = failed
				} else {
					conns = append(conns, c)
				}
				mu.Unlock()
				if failed == nil {
					_, _ = c.Write([]byte(request)) // it may be closed at once
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	all.Wait()
	return conns, err
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// live makes a session with a few windows that goes on.
func (t *tenant) live(ctx context.Context) (string, error) {
	id, err := t.newSession(ctx, marshal(object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 250, "channels": []string{"C3", "Cz", "C4"}}))
	if err != nil {
		return "", err
	}
	head := http.Header{"Content-Type": {"application/octet-stream"}}
	return id, t.Do(ctx, http.MethodPost, "/v1/sessions/"+id+"/ingest?batch_id=first&t0_unix_ms=1600000000000", t.Key, samples(3*5000, 7), head, nil)
}

// follow returns where a session of the tenant can be followed.
func (t *tenant) follow(ctx context.Context, base string) (string, error) {
	id, err := t.live(ctx)
	if err != nil {
		return "", err
	}
	var out struct {
		Token string `json:"ws_token"`
	}
	if err := t.Do(ctx, http.MethodPost, "/v1/sessions/"+id+"/ws-token", t.Key, nil, nil, &out); err != nil {
		return "", err
	}
	return base + "/v1/ws?ws_token=" + url.QueryEscape(out.Token), nil
}
