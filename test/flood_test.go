package test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/frames"
)

// metric is the value of a line of /metrics as it is written, "" where there is none.
func (s *server) metric(t testing.TB, name string) string {
	t.Helper()
	for line := range strings.SplitSeq(string(s.call(t, "GET", "/metrics", "", nil).body), "\n") {
		if value, is := strings.CutPrefix(line, name+" "); is {
			return value
		}
	}
	return ""
}

// sse opens an event stream; the caller closes the body.
func (s *server) sse(t testing.TB, session, key string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.addr+"/v1/sessions/"+session+"/features/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// TestStreamsAreCounted opens as many streams as a key and a project may have, over both transports and with one token again
// and again: one more is refused with a time to wait, and let in once another has ended.
func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_STREAMS_PER_KEY=2", "NEUROD_STREAMS_PER_PROJECT=3")
	id := s.session(t, sessionBody)
	url, token := s.wsToken(t, id)
	first, _ := s.dial(t, url)
	events := s.sse(t, id, s.key)
	if first == nil || events.StatusCode != 200 {
		t.Fatal("the first two were refused")
	}
	refused := func(what string, status int, code, retry string) {
		t.Helper()
		if status != 429 || code != "too_many_streams" || retry == "" || retry == "0" {
			t.Errorf("%s: %d %s, Retry-After %q", what, status, code, retry)
		}
	}
	a := s.call(t, "GET", "/v1/sessions/"+id+"/features/stream", s.key, nil)
	refused("an event stream too many", a.StatusCode, a.code(), a.Header.Get("Retry-After"))
	a = s.call(t, "GET", "/v1/ws?ws_token="+token, "", nil, "Connection: Upgrade", "Upgrade: websocket")
	refused("a socket too many", a.StatusCode, a.code(), a.Header.Get("Retry-After"))
	if _, status := s.dial(t, url); status != 429 {
		t.Errorf("the token again: %d", status)
	}
	// Another key of the project has one left.
	other := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "other"})["raw_key"].(string)
	if res := s.sse(t, id, other); res.StatusCode != 200 {
		t.Errorf("another key: %d", res.StatusCode)
	}
	a = s.call(t, "GET", "/v1/sessions/"+id+"/features/stream", other, nil)
	refused("the project's last", a.StatusCode, a.code(), a.Header.Get("Retry-After"))
	// Another project is not concerned.
	_, _, foreign := s.account(t, "other@example.org")
	theirs := s.json(t, 201, "POST", "/v1/sessions", foreign, sessionBody)["session_id"].(string)
	if res := s.sse(t, theirs, foreign); res.StatusCode != 200 {
		t.Errorf("another project: %d", res.StatusCode)
	}
	if open, no := s.metric(t, `neurod_streams{transport="sse"}`), s.metric(t, `neurod_streams_refused_total{transport="websocket"}`); open != "3" || no != "2" {
		t.Errorf("%s event streams open, %s sockets refused", open, no)
	}
	_ = first.conn.CloseNow()
	until(t, "place for another", func() bool {
		f, _ := s.dial(t, url)
		if f != nil {
			_ = f.conn.CloseNow()
		}
		return f != nil
	})
	until(t, "no socket open", func() bool { return s.metric(t, `neurod_streams{transport="websocket"}`) == "0" })
	// What opens no stream takes no place.
	for range 3 {
		if a := s.call(t, "GET", "/v1/ws?ws_token="+token, "", nil); a.StatusCode != 426 {
			t.Errorf("without an upgrade: %d %s", a.StatusCode, a.body)
		}
	}
}

// TestSocketsTakeNoData sends what a follower has no business to send, up to frames that claim more than there is: each
// connection is closed for it, and one beside them goes on.
func TestSocketsTakeNoData(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	id := s.session(t, sessionBody)
	url, _ := s.wsToken(t, id)
	beside, _ := s.dial(t, url)
	if beside == nil {
		t.Fatal("connect")
	}
	ping := frames.Frame(frames.Ping, true, make([]byte, 125))
	for _, tt := range []struct {
		name string
		send []byte
		code int
	}{
		{"text", frames.Frame(frames.Text, true, []byte("hello")), 1008},
		{"a frame of 2^62 bytes", frames.Header(frames.Binary, true, 1<<62), 1008},
		{"a frame of 2^62 bytes and a few of them", append(frames.Header(frames.Binary, true, 1<<62), make([]byte, 1000)...), 1008},
		{"fragments without end", append(frames.Frame(frames.Text, false, []byte("a")), bytes.Repeat(frames.Frame(frames.Continuation, false, nil), 1000)...), 1008},
		{"pings", bytes.Repeat(ping, 1000), 1008},
		{"pongs that nobody asked for", bytes.Repeat(frames.Frame(frames.Pong, true, nil), 1000), 1008},
		{"a continuation of nothing", frames.Frame(frames.Continuation, true, nil), 1002},
		{"a ping of 64 KiB", frames.Frame(frames.Ping, true, make([]byte, 1<<16)), 1002},
		{"a fragmented ping", frames.Frame(frames.Ping, false, nil), 1002},
		{"an opcode that there is not", frames.Frame(7, true, nil), 1002},
		{"a frame without a mask", []byte{0x81, 0}, 1002},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			c, err := frames.Dial(ctx, url, 0)
			if err != nil || c.Status != 101 {
				t.Fatalf("%v, %+v", err, c)
			}
			defer c.Close()
			_, _ = c.Write(tt.send) // it may be closed before the last byte
			// It never answers the end, and is let go nevertheless.
			// Where it has sent on meanwhile, the kernel may drop the reason.
			if code := c.Closed(); code != tt.code && code != 0 || ctx.Err() != nil {
				t.Errorf("closed with %d: %v", code, ctx.Err())
			}
		})
	}
	until(t, "only one open", func() bool { return s.metric(t, `neurod_streams{transport="websocket"}`) == "1" })
	if n := s.metric(t, `neurod_streams_ended_total{transport="websocket",why="flood"}`); n != "6" {
		t.Errorf("%s ended for what they sent", n)
	}
	s.ingest(t, id, batch(headset(5, 512), 0, 512))
	if m := beside.next(t); m["type"] != "features" {
		t.Errorf("message %v", m)
	}
}

// TestSlowReadersAreLetGo follows a long session from its beginning and reads nothing: the connection ends, and its place is
// free again.
func TestSlowReadersAreLetGo(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	var names []string
	for i := range 64 {
		names = append(names, fmt.Sprintf("x%d", i))
	}
	id := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 20, "hop_s": 0.05, "channels": names})["session_id"].(string)
	x := make([]byte, 4*64*20*20)
	a := s.raw(t, "POST", "/v1/sessions/"+id+"/ingest?batch_id=b&t0_unix_ms=1730000000000", []string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, x)
	if a.StatusCode/100 != 2 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	until(t, "many windows", func() bool {
		return len(s.windows(t, id, "?limit=1000")) > 250
	})
	url, _ := s.wsToken(t, id)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	silent, err := frames.Dial(ctx, url+"&after_seq=0", 4096)
	if err != nil || silent.Status != 101 {
		t.Fatalf("%v, %+v", err, silent)
	}
	defer silent.Close()
	reader, _ := s.dial(t, url+"&after_seq=0")
	for k := range 250 {
		if m := reader.next(t); m["seq"] != float64(k+1) {
			t.Fatalf("message %d: %v", k, m)
		}
	}
	until(t, "the silent one let go", func() bool {
		return s.metric(t, `neurod_streams_ended_total{transport="websocket",why="slow"}`) == "1"
	})
}
