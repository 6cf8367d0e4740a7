package test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/neurod/neurod/internal/testkit"
)

// follower is a client of a live stream.
type follower struct {
	conn  *websocket.Conn
	until time.Time // the test gives up then
}

func (s *server) dial(t testing.TB, target string, protocols ...string) (*follower, int) {
	t.Helper()
	until := time.Now().Add(30 * time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), until)
	t.Cleanup(cancel)
	if strings.HasPrefix(target, "/") {
		target = "ws://" + s.addr + target
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	conn, res, err := websocket.Dial(ctx, target, &websocket.DialOptions{Subprotocols: protocols, HTTPClient: client})
	if err != nil {
		if res == nil {
			t.Fatal(err)
		}
		return nil, res.StatusCode
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &follower{conn, until}, res.StatusCode
}

func (f *follower) read(t testing.TB) (websocket.MessageType, []byte, error) {
	ctx, cancel := context.WithDeadline(t.Context(), f.until)
	defer cancel()
	return f.conn.Read(ctx)
}

func (f *follower) next(t testing.TB) object {
	t.Helper()
	kind, b, err := f.read(t)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil || kind != websocket.MessageText {
		t.Fatalf("message %s: %v", b, err)
	}
	checkFrame(t, "session_", b)
	return o
}

// closed reads until the connection ends and returns the code and reason.
func (f *follower) closed(t testing.TB) (websocket.StatusCode, string) {
	t.Helper()
	for {
		_, _, err := f.read(t)
		var end websocket.CloseError
		if errors.As(err, &end) {
			return end.Code, end.Reason
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
	}
}

func (s *server) wsToken(t testing.TB, session string) (url, token string) {
	t.Helper()
	o := s.json(t, 200, "POST", "/v1/sessions/"+session+"/ws-token", s.key, nil)
	if o["expires_in"] != 3600. || !strings.HasPrefix(o["ws_url"].(string), "ws://"+s.addr+"/v1/ws?session_id="+session+"&ws_token="+o["ws_token"].(string)) {
		t.Errorf("ws-token: %v", o)
	}
	return o["ws_url"].(string), o["ws_token"].(string)
}

// TestLiveStream follows a session from two processes of the API while it is recorded, loses the connection and resumes.
func TestLiveStream(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		far := s // the process that the second client is connected to
		if !s.backend.Embedded() {
			far = start(t, "api", s.backend)
		}
		id := s.session(t, sessionBody)
		url, token := s.wsToken(t, id)
		x := headset(3, 12*256)
		near, _ := s.dial(t, url)
		distant, status := far.dial(t, "/v1/ws?session_id="+id, "neurod.v1", "ws_token."+token)
		if near == nil || distant == nil || status != 101 {
			t.Fatalf("connect: %d", status)
		}
		if p := distant.conn.Subprotocol(); p != "neurod.v1" {
			t.Errorf("subprotocol %q", p)
		}
		silent, _ := s.dial(t, url) // never reads, and must not matter to the others
		if silent == nil {
			t.Fatal("connect")
		}

		check := func(f *follower, k int) {
			t.Helper()
			m := f.next(t)
			data, _ := m["data"].(object)
			if m["type"] != "features" || m["seq"] != float64(k+1) || data["session_id"] != id {
				t.Fatalf("message %d: %v", k, m)
			}
			sameValues(t, fmt.Sprintf("window %d", k), data, want(t, x, k*512))
		}
		for k := range 4 {
			s.ingest(t, id, batch(x, k*512, (k+1)*512))
			check(near, k)
			check(distant, k)
		}
		_ = near.conn.CloseNow() // the network is gone; meanwhile a window comes
		s.ingest(t, id, batch(x, 4*512, 5*512))
		check(distant, 4)
		near, _ = s.dial(t, url+"&after_seq=4")
		check(near, 4)
		s.ingest(t, id, batch(x, 5*512, 6*512))
		s.json(t, 200, "POST", "/v1/sessions/"+id+"/end", s.key, `{"ended_at_unix_ms": 1730000030000}`)
		for _, f := range []*follower{near, distant} {
			check(f, 5) // the last window comes before the end
			if m := f.next(t); m["type"] != "session_ended" || m["data"].(object)["ended_at"] != "2024-10-27T03:33:50Z" {
				t.Errorf("message %v", m)
			}
			if code, reason := f.closed(t); code != websocket.StatusNormalClosure || reason != "session_ended" {
				t.Errorf("closed with %d %q", code, reason)
			}
		}
		// Everything again, from the beginning and after the end.
		replay, _ := far.dial(t, "/v1/ws?after_seq=0&ws_token="+token)
		for k := range 6 {
			check(replay, k)
		}
		if m := replay.next(t); m["type"] != "session_ended" {
			t.Errorf("message %v", m)
		}
	})
}

// TestServerSentEvents follows a session without WebSocket.
func TestServerSentEvents(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	id := s.session(t, sessionBody)
	x := headset(4, 4*256)
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.addr+"/v1/sessions/"+id+"/features/stream?after_seq=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || ct != "text/event-stream" {
		t.Fatalf("%d %s", res.StatusCode, ct)
	}
	s.ingest(t, id, batch(x, 0, 4*256))
	s.json(t, 200, "POST", "/v1/sessions/"+id+"/end", s.key, nil)
	var events []string
	var data []object
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if name, is := strings.CutPrefix(lines.Text(), "event: "); is {
			events = append(events, name)
		}
		if text, is := strings.CutPrefix(lines.Text(), "data: "); is {
			var o object
			if err := json.Unmarshal([]byte(text), &o); err != nil {
				t.Errorf("%s: %v", text, err)
			}
			data = append(data, o)
		}
	}
	if got := strings.Join(events, " "); got != "features features session_ended" {
		t.Fatalf("events %s", got)
	}
	for k := range 2 {
		sameValues(t, fmt.Sprintf("event %d", k), data[k], want(t, x, k*512))
	}
	resumed := s.call(t, "GET", "/v1/sessions/"+id+"/features/stream", s.key, nil, "Last-Event-ID: 1")
	if text := string(resumed.body); strings.Contains(text, "id: 1\n") || !strings.Contains(text, "id: 2\n") || !strings.Contains(text, "session_ended") {
		t.Errorf("resumed: %s", text)
	}
}

// TestStreamTokensOpenTheirSessionAlone tries tokens that must not open a stream.
func TestStreamTokensOpenTheirSessionAlone(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	mine, other := s.session(t, sessionBody), s.session(t, sessionBody)
	_, token := s.wsToken(t, mine)
	k := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "short"})
	dead := s.json(t, 200, "POST", "/v1/sessions/"+mine+"/ws-token", k["raw_key"].(string), nil)["ws_token"].(string)
	if a := s.call(t, "DELETE", "/v1/projects/"+s.project+"/keys/"+k["id"].(string), s.token, nil); a.StatusCode != 204 {
		t.Fatalf("revoke: %d", a.StatusCode)
	}
	for name, target := range map[string]string{
		"no token":              "/v1/ws?session_id=" + mine,
		"token of another":      "/v1/ws?session_id=" + other + "&ws_token=" + token,
		"changed token":         "/v1/ws?session_id=" + mine + "&ws_token=" + token[:len(token)-3] + "abc",
		"access token":          "/v1/ws?session_id=" + mine + "&ws_token=" + s.token,
		"API key":               "/v1/ws?session_id=" + mine + "&ws_token=" + s.key,
		"token of a dead key":   "/v1/ws?session_id=" + mine + "&ws_token=" + dead,
		"token in a wrong form": "/v1/ws?session_id=" + mine + "&ws_token=x",
	} {
		if f, status := s.dial(t, target); f != nil || status != 401 {
			t.Errorf("%s: %d", name, status)
		}
	}
	// The token is good for nothing else.
	if a := s.call(t, "GET", "/v1/sessions/"+mine, token, nil); a.StatusCode != 401 {
		t.Errorf("as a key: %d", a.StatusCode)
	}
	if a := s.call(t, "GET", "/v1/projects", token, nil); a.StatusCode != 401 {
		t.Errorf("as an access token: %d", a.StatusCode)
	}
	if a := s.call(t, "GET", "/v1/ws?ws_token="+token, "", nil); a.StatusCode != 426 || a.code() != "upgrade_required" {
		t.Errorf("without an upgrade: %d %s", a.StatusCode, a.body)
	}
	if a := s.call(t, "GET", "/v1/ws?after_seq=-1&ws_token="+token, "", nil); a.StatusCode != 400 {
		t.Errorf("after_seq=-1: %d %s", a.StatusCode, a.body)
	}
	if strings.Contains(s.logged(t), token) {
		t.Error("the log holds the token")
	}
}

// TestStreamsEndWithTheirKeyAndTheProcess revokes the key of a stream, and stops the process of another.
func TestStreamsEndWithTheirKeyAndTheProcess(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	id := s.session(t, sessionBody)
	k := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "short"})
	url := s.json(t, 200, "POST", "/v1/sessions/"+id+"/ws-token", k["raw_key"].(string), nil)["ws_url"].(string)
	f, _ := s.dial(t, url)
	own, _ := s.wsToken(t, id)
	other, _ := s.dial(t, own)
	if f == nil || other == nil {
		t.Fatal("connect")
	}
	revoked := time.Now()
	s.call(t, "DELETE", "/v1/projects/"+s.project+"/keys/"+k["id"].(string), s.token, nil)
	if code, reason := f.closed(t); code != websocket.StatusPolicyViolation || reason != "invalid_api_key" {
		t.Errorf("closed with %d %q", code, reason)
	}
	t.Logf("closed %v after the key was revoked", time.Since(revoked).Round(time.Millisecond))

	stopped := make(chan error, 1)
	go func() { stopped <- s.process.Stop(patience) }()
	if code, _ := other.closed(t); code != websocket.StatusGoingAway {
		t.Errorf("closed with %d", code)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
