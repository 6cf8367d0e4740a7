//go:build unix

// Package neurodtest is what tests share that talk to a neurod over HTTP, whether it runs as a process of its own or inside of the
// test: its environment, calls as any client makes them, accounts and jobs.
package neurodtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// SigningSecret is the NEUROD_JWT_SECRET of processes on PostgreSQL and Redis.
const SigningSecret = "0123456789abcdef0123456789abcdef-test"

// AwaitLimit is for the longest job of any test, on a machine that other tests keep busy.
const AwaitLimit = 5 * time.Minute

// Environment returns the environment of a process on the backend; env adds to it. Rate limits are off unless env sets them.
func Environment(b testkit.Backend, env ...string) []string {
	base := []string{"NEUROD_DATA_DIR=" + b.DataDir, "NEUROD_SHUTDOWN_TIMEOUT=10s"}
	if !b.Embedded() {
		base = append(base, "DATABASE_URL="+b.Store.DatabaseURL, "REDIS_URL=redis://"+b.RedisAddr(), "NEUROD_JWT_SECRET="+SigningSecret)
	}
	return slices.Concat(base, neurod.NoLimits(), env)
}

// Tail returns the last n bytes of a text.
func Tail(s string, n int) string { return s[max(0, len(s)-n):] }

// Object is a JSON object.
type Object = map[string]any

// ObjectOf returns a body as a JSON object.
func ObjectOf(t testing.TB, body []byte) Object {
	t.Helper()
	var o Object
	if err := json.Unmarshal(body, &o); err != nil {
		t.Fatalf("%s is not a JSON object: %v", body, err)
	}
	return o
}

// Body returns the bytes of a body: nil for none, a string or bytes as they are, anything else as JSON.
func Body(t testing.TB, body any) []byte {
	t.Helper()
	switch v := body.(type) {
	case nil:
		return nil
	case string:
		return []byte(v)
	case []byte:
		return v
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Headers returns the headers of a call with a credential and a JSON body, "" and nil for none.
func Headers(credential string, body []byte, more ...string) []string {
	if credential != "" {
		more = append(more, "Authorization: Bearer "+credential)
	}
	if body != nil {
		more = append(more, "Content-Type: application/json")
	}
	return more
}

// Raw sends a request byte by byte over a connection of its own, as a client of any kind would, and reads the answer.
func Raw(addr, method, target string, headers []string, body []byte) (*http.Response, []byte, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(90 * time.Second))
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, target, addr)
	for _, h := range headers {
		head.WriteString(h + "\r\n")
	}
	if body != nil && !strings.Contains(strings.ToLower(head.String()), "transfer-encoding:") {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", len(body))
	}
	head.WriteString("\r\n")
	// A server that refuses a large body may answer and close before it was sent: the answer is what counts.
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := io.WriteString(conn, head.String()); err == nil && body != nil {
			_, _ = conn.Write(body)
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	_ = conn.Close()
	<-sent
	return res, b, err
}

// JSON makes a call that answers with the status and a JSON object, or fails the test.
type JSON func(t testing.TB, status int, method, target, credential string, body any, headers ...string) Object

// Account is a user with a project and a key that has every scope.
type Account struct {
	ID      string // of the user
	Token   string // the user's access token
	Project string
	Key     string
}

// SignUp makes an account over HTTP.
func SignUp(t testing.TB, call JSON, email string) (a Account) {
	t.Helper()
	u := call(t, 201, "POST", "/v1/auth/signup", "", Object{"email": email, "password": "correct horse battery"})
	a.ID, a.Token = u["id"].(string), u["access_token"].(string)
	a.Project = call(t, 201, "POST", "/v1/projects", a.Token, Object{"name": "Test"})["id"].(string)
	a.Key = call(t, 201, "POST", "/v1/projects/"+a.Project+"/keys", a.Token, Object{"name": "all"})["raw_key"].(string)
	return a
}

// Await reads a job until it is in a final state.
func Await(t testing.TB, call JSON, key, id string) Object {
	t.Helper()
	for deadline := time.Now().Add(AwaitLimit); time.Now().Before(deadline); {
		job := call(t, 200, "GET", "/api/v1/jobs/"+id+"?wait_for_completion=true&timeout_seconds=20&include=diagnostics", key, nil)
		switch job["status"] {
		case "completed", "failed", "canceled":
			return job
		}
	}
	t.Fatalf("job %s is not final after %v", id, AwaitLimit)
	return nil
}
