package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// server is a whole process of the service under test, with an account, a project and a key.
type server struct {
	app  *App
	addr string
	log  *lockedBuffer

	token   string // the user's access token
	project string
	key     string // with every scope
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// environment returns the environment of a process on the backend; env adds to it. Rate limits are off unless env sets them.
func environment(b testkit.Backend, env ...string) []string {
	base := []string{"NEUROD_ADDR=127.0.0.1:0", "NEUROD_DATA_DIR=" + b.DataDir, "NEUROD_SHUTDOWN_TIMEOUT=10s"}
	if !b.Embedded() {
		base = append(base, "DATABASE_URL="+b.Store.DatabaseURL, "REDIS_URL=redis://"+b.RedisAddr(),
			"NEUROD_JWT_SECRET=0123456789abcdef0123456789abcdef-test")
	}
	return slices.Concat(base, neurod.NoLimits(), env)
}

// settings returns the settings of a process on the backend; env adds to them.
func settings(t testing.TB, b testkit.Backend, env ...string) config.Config {
	t.Helper()
	s, err := config.Load(environment(b, env...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start boots a process and stops it with the test.
func start(t testing.TB, s config.Config, change func(*Config)) *server {
	t.Helper()
	srv := &server{log: new(lockedBuffer)}
	cfg := Config{Settings: s, Log: slog.New(slog.NewJSONHandler(srv.log, nil))}
	if change != nil {
		change(&cfg)
	}
	a, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log of the server:\n%s", tail(srv.log.String(), 6000))
		}
	})
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	srv.app, srv.addr = a, a.Addr()
	return srv
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// boot is start with an account, a project and a key, made over HTTP.
func boot(t testing.TB, b testkit.Backend, env ...string) *server {
	t.Helper()
	srv := start(t, settings(t, b, env...), nil)
	srv.signUp(t)
	return srv
}

// signUp makes the server's account, project and key.
func (s *server) signUp(t testing.TB) {
	t.Helper()
	s.token, s.project, s.key = s.account(t, "owner@example.com")
}

// account makes an account with a project and a key that has every scope.
func (s *server) account(t testing.TB, email string) (token, project, key string) {
	t.Helper()
	token = s.json(t, 201, "POST", "/v1/auth/signup", "", object{"email": email, "password": "correct horse battery"})["access_token"].(string)
	project = s.json(t, 201, "POST", "/v1/projects", token, object{"name": "Test"})["id"].(string)
	key = s.json(t, 201, "POST", "/v1/projects/"+project+"/keys", token, object{"name": "all"})["raw_key"].(string)
	return token, project, key
}

type object = map[string]any

// answer is what came back.
type answer struct {
	*http.Response
	body []byte
}

// object returns the body as a JSON object.
func (a answer) object(t testing.TB) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(a.body, &o); err != nil {
		t.Fatalf("%s is no JSON object: %v", a.body, err)
	}
	return o
}

// code returns the code of an error, whatever its family.
func (a answer) code() string {
	var e struct {
		Error json.RawMessage `json:"error"`
		Code  string          `json:"code"`
	}
	if json.Unmarshal(a.body, &e) != nil {
		return ""
	}
	if e.Code != "" {
		return e.Code
	}
	var inner struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(e.Error, &inner)
	return inner.Code
}

// raw sends a request byte by byte over a connection of its own, as a client of any kind would, and reads the answer.
func (s *server) raw(t testing.TB, method, target string, headers []string, body []byte) answer {
	t.Helper()
	a, err := s.tryRaw(method, target, headers, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	s.checkContract(t, method, target, a)
	return a
}

func (s *server) tryRaw(method, target string, headers []string, body []byte) (answer, error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(90 * time.Second))
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, target, s.addr)
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
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	_ = conn.Close()
	<-sent
	return answer{res, b}, err
}

// call is raw with a credential and a JSON body; nil for none.
func (s *server) call(t testing.TB, method, target, credential string, body any, headers ...string) answer {
	t.Helper()
	if credential != "" {
		headers = append(headers, "Authorization: Bearer "+credential)
	}
	var b []byte
	switch v := body.(type) {
	case nil:
	case string:
		b = []byte(v)
	case []byte:
		b = v
	default:
		var err error
		if b, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	if b != nil {
		headers = append(headers, "Content-Type: application/json")
	}
	return s.raw(t, method, target, headers, b)
}

// json is call for an answer with a known status and an object.
func (s *server) json(t testing.TB, status int, method, target, credential string, body any, headers ...string) object {
	t.Helper()
	a := s.call(t, method, target, credential, body, headers...)
	if a.StatusCode != status {
		t.Fatalf("%s %s: %d %s, want %d", method, target, a.StatusCode, a.body, status)
	}
	return a.object(t)
}

// contract is the OpenAPI document.
var contract = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		return nil, err
	}
	for _, media := range []string{"text/event-stream", "text/csv", "application/x-edf", "application/x-bdf"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.FileBodyDecoder)
	}
	return legacy.NewRouter(doc)
})

// checkContract holds an answer to the OpenAPI document: status, media type and body must stand there.
func (s *server) checkContract(t testing.TB, method, target string, a answer) {
	t.Helper()
	router, err := contract()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	if method == "HEAD" || strings.HasSuffix(target, "/") {
		return // no body; a path that the document's router takes for another
	}
	u, err := url.Parse(target)
	if err != nil {
		return
	}
	req := &http.Request{Method: method, URL: u, Header: http.Header{}, Host: s.addr}
	route, params, err := router.FindRoute(req)
	if err != nil {
		return // unknown paths and methods are not in the document
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 a.StatusCode,
		Header:                 a.Header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	input.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		t.Errorf("%s %s: the answer breaks the contract: %v\n%d %s", method, target, err, a.StatusCode, tail(string(a.body), 2000))
	}
}

// awaitLimit is for the longest job of any test, on a machine that other tests keep busy.
const awaitLimit = 5 * time.Minute

// await reads a job until it is in a final state.
func (s *server) await(t testing.TB, id string) object {
	t.Helper()
	deadline := time.Now().Add(awaitLimit)
	for time.Now().Before(deadline) {
		job := s.json(t, 200, "GET", "/api/v1/jobs/"+id+"?wait_for_completion=true&timeout_seconds=20&include=diagnostics", s.key, nil)
		switch job["status"] {
		case "completed", "failed", "canceled":
			return job
		}
	}
	t.Fatalf("job %s is not final after %v", id, awaitLimit)
	return nil
}

// until calls fn again and again until it is true; the test fails when that takes too long.
func until(t testing.TB, what string, fn func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !fn() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s did not come true", what)
		}
	}
}
