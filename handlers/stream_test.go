package handlers_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// patience bounds every wait of these tests; nothing depends on how long things take.
const patience = time.Minute

// follow opens the events of a session and returns what reads them, after the first line has come.
func follow(t *testing.T, base, session, credential, project string) *bufio.Reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/v1/sessions/"+session+"/features/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+credential)
	req.Header.Set("X-Project-Id", project)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	r := bufio.NewReader(res.Body)
	if line, err := r.ReadString('\n'); err != nil || res.StatusCode != 200 || line != ": stream of "+session+"\n" || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %q, %v", res.StatusCode, line, err)
	}
	return r
}

// rest reads until the stream ends.
func rest(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var text strings.Builder
	if _, err := r.WriteTo(&text); err != nil {
		t.Errorf("the stream broke: %v", err)
	}
	return text.String()
}

// dial opens the WebSocket of a session with the token that a credential gets.
func (b *bench) dial(t *testing.T, base, session, credential string) *websocket.Conn {
	t.Helper()
	token := b.call(t, "POST", "/v1/sessions/"+session+"/ws-token", credential, "", "X-Project-Id", b.project).text(t, "ws_token")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, base+"/v1/ws?session_id="+session, &websocket.DialOptions{Subprotocols: []string{"neurod.v1", "ws_token." + token}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// closed reads until the connection ends and returns why.
func closed(t *testing.T, conn *websocket.Conn) (websocket.StatusCode, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, _, err := conn.Read(ctx)
		var end websocket.CloseError
		if errors.As(err, &end) {
			return end.Code, end.Reason
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestStreamsEndWithTheirRight: whoever follows a session and may not any more is told so and cut off: a member who is removed
// or made something less, and a key that is revoked. Others follow on, until the session is erased.
func TestStreamsEndWithTheirRight(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.work(t, map[models.JobKind]workers.Handler{models.KindUserErase: workers.EraseUser(b.store)})
	base := b.serve(t)
	session := b.session(t)
	member, token := b.member(t, "member@example.com", "viewer")
	lent := b.made(t, "/v1/projects/"+b.project+"/keys", b.token, `{"name":"lent"}`)

	events, socket := follow(t, base, session, token, b.project), b.dial(t, base, session, token)
	keyed, keySocket := follow(t, base, session, lent.text(t, "raw_key"), b.project), b.dial(t, base, session, lent.text(t, "raw_key"))
	others, otherSocket := follow(t, base, session, b.key, b.project), b.dial(t, base, session, b.token)

	if a := b.call(t, "DELETE", "/v1/projects/"+b.project+"/members/"+member, b.token, ""); a.status != 204 {
		t.Fatalf("remove the member: %d %s", a.status, a.raw)
	}
	if text := rest(t, events); strings.Contains(text, "session_ended") {
		t.Errorf("the removed member's events: %q", text)
	}
	if code, reason := closed(t, socket); code != websocket.StatusPolicyViolation || reason != string(models.InvalidToken) {
		t.Errorf("the removed member's socket: %d %q", code, reason)
	}
	b.call(t, "GET", "/v1/sessions/"+session+"/features/stream", token, "", "X-Project-Id", b.project).problem(t, 404, models.ProjectNotFound)

	if a := b.call(t, "DELETE", "/v1/projects/"+b.project+"/keys/"+lent.text(t, "id"), b.token, ""); a.status != 204 {
		t.Fatalf("revoke the key: %d %s", a.status, a.raw)
	}
	if text := rest(t, keyed); strings.Contains(text, "session_ended") {
		t.Errorf("the revoked key's events: %q", text)
	}
	if code, reason := closed(t, keySocket); code != websocket.StatusPolicyViolation || reason != string(models.InvalidAPIKey) {
		t.Errorf("the revoked key's socket: %d %q", code, reason)
	}

	if a := b.call(t, "DELETE", "/v1/users/u1", b.key, ""); a.status != 200 {
		t.Fatalf("erase: %d %s", a.status, a.raw)
	}
	if text := rest(t, others); strings.Contains(text, "session_ended") {
		t.Errorf("events of an erased session: %q", text)
	}
	if code, reason := closed(t, otherSocket); code != websocket.StatusPolicyViolation || reason != string(models.SessionNotFound) {
		t.Errorf("the socket of an erased session: %d %q", code, reason)
	}
}

// TestStreamsEndWithTheirSession and are counted, by transport and by why they ended.
func TestStreamsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	base := b.serve(t)
	session := b.session(t)
	events, socket := follow(t, base, session, b.key, b.project), b.dial(t, base, session, b.key)
	b.made(t, "/v1/sessions/"+session+"/end", b.key, `{}`)
	if text := rest(t, events); !strings.Contains(text, "event: session_ended\ndata: {\"ended_at\":\"") {
		t.Errorf("events: %q", text)
	}
	if code, reason := closed(t, socket); code != websocket.StatusNormalClosure || reason != "session_ended" {
		t.Errorf("socket: %d %q", code, reason)
	}
	for deadline := time.Now().Add(patience); ; { // the server counts the end after the client has seen it
		a := send(t, "GET", base+"/metrics", "", nil)
		if strings.Contains(a.raw, `neurod_streams_ended_total{transport="sse",why="over"} 1`) && strings.Contains(a.raw, `neurod_streams{transport="websocket"} 0`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the end is not counted:\n%s", a.raw)
		}
	}
}

// TestStreamsAreRefused before they begin, by what is wrong with their token, their place and their request.
func TestStreamsAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	session, other := b.session(t), b.session(t)
	made := b.call(t, "POST", "/v1/sessions/"+session+"/ws-token", b.key, "")
	token := made.text(t, "ws_token")
	if made.body["expires_in"] != 3600. || !strings.HasSuffix(made.text(t, "ws_url"), "/v1/ws?session_id="+session+"&ws_token="+token) {
		t.Errorf("%s", made.raw)
	}
	for name, tc := range map[string]struct {
		path     string
		status   int
		code     models.Code
		pointers []string
	}{
		"no token":                  {"/v1/ws", 401, models.MissingCredentials, nil},
		"no token that we made":     {"/v1/ws?ws_token=" + token[:len(token)-2], 401, models.InvalidToken, nil},
		"an access token":           {"/v1/ws?ws_token=" + b.token, 401, models.InvalidToken, nil},
		"the token of another":      {"/v1/ws?session_id=" + other + "&ws_token=" + token, 401, models.InvalidToken, nil},
		"a place that is no number": {"/v1/ws?after_seq=last&ws_token=" + token, 400, models.InvalidParameter, []string{"after_seq"}},
		"a place before the first":  {"/v1/sessions/" + session + "/features/stream?after_seq=-1", 400, models.InvalidParameter, []string{"after_seq"}},
		"no WebSocket":              {"/v1/ws?ws_token=" + token, 426, "upgrade_required", nil},
		"no such session":           {"/v1/sessions/" + models.NewID() + "/features/stream", 404, models.SessionNotFound, nil},
	} {
		t.Run(name, func(t *testing.T) {
			credential := b.key
			if strings.HasPrefix(tc.path, "/v1/ws") {
				credential = ""
			}
			b.call(t, "GET", tc.path, credential, "").problem(t, tc.status, tc.code, tc.pointers...)
		})
	}
	b.call(t, "POST", "/v1/sessions/"+models.NewID()+"/ws-token", b.key, "").problem(t, 404, models.SessionNotFound)
}
