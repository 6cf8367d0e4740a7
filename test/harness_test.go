// Package test holds the tests of the product: they run the neurod program and know only what it shows, over HTTP, on its
// command line, in its log and in its database. Both pairs of stores run the same ones.
package test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/internal/testkit/race"
)

// program is the path of the neurod program, built once a run: with the race detector when the tests are, so that a race in
// the server fails the test that has it.
var program = sync.OnceValues(func() (string, error) {
	args := []string{"build", "-o", filepath.Join(scratch, "neurod")}
	if race.Enabled {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "github.com/neurod/neurod/cmd/neurod")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return filepath.Join(scratch, "neurod"), nil
})

// scratch is a folder for the whole run.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "neurod-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if !whole.end() {
		code = 1
	}
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// server is a process of the program under test, with an account, a project and a key.
type server struct {
	addr    string // where it listens; "" of a worker
	log     *neurod.Log
	process *neurod.Process
	backend testkit.Backend
	number  int64 // of a guest on a shared server, from 1

	owner   string // id of the user
	token   string // the user's access token
	project string
	key     string // with every scope
}

// environment returns the environment of a process on the backend; env adds to it. Rate limits are off unless env sets them.
func environment(b testkit.Backend, env ...string) []string { return neurodtest.Environment(b, env...) }

const signingSecret = neurodtest.SigningSecret

// patience is for starts and stops on a machine that other tests keep busy.
const patience = 2 * time.Minute

// start runs the program in a role, serve, api or worker, on the backend; env adds to its environment. It is stopped with the
// test, which must end it well; a test may have stopped or killed it before.
func start(t testing.TB, role string, b testkit.Backend, env ...string) *server {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return startProgram(t, path, role, b, env...)
}

// startProgram is start of another version of the program.
func startProgram(t testing.TB, path, role string, b testkit.Backend, env ...string) *server {
	t.Helper()
	s := &server{log: new(neurod.Log), backend: b}
	var err error
	s.process, err = neurod.Start(t.Context(), neurod.Config{Program: path, Args: []string{role}, Env: environment(b, env...),
		Log: s.log, Worker: strings.HasPrefix(role, "worker"), Logged: true, Timeout: patience})
	if err != nil {
		t.Fatalf("%s: %v\n%s", role, err, tail(s.log.String(), 6000))
	}
	s.addr = strings.TrimPrefix(s.process.URL, "http://")
	t.Cleanup(func() {
		select {
		case <-s.process.Exited():
		default:
			s.stop(t)
		}
		if strings.Contains(s.log.String(), "WARNING: DATA RACE") { // a process that was killed had no exit code for it
			t.Errorf("%s: a data race", role)
		}
		s.tell(t, 0)
	})
	return s
}

// tell shows the end of the log, from a place on, where the test has failed.
func (s *server) tell(t testing.TB, from int) {
	if t.Failed() {
		t.Logf("log of the process:\n%s", tail(s.log.String()[from:], 6000))
	}
}

// stop asks the process to stop and holds it to ending well. The race detector's exit code is an error like others.
func (s *server) stop(t testing.TB) {
	t.Helper()
	if err := s.process.Stop(patience); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// refused runs the program where it must not start, and returns what it says.
func refused(t testing.TB, role string, b testkit.Backend, env ...string) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, role)
	cmd.Env = append(environment(b, env...), "NEUROD_ADDR=127.0.0.1:0")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("neurod %s: %v\n%s", role, err, out)
	}
	return string(out)
}

// command runs the program beside the server, on its stores.
func (s *server) command(t testing.TB, args ...string) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = environment(s.backend)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("neurod %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// lifetime is the test that things belong to which live as long as the run: they end after the last test.
type lifetime struct {
	testing.TB // the test that asked first, which they may fail while they begin

	mu     sync.Mutex
	ends   []func()
	failed bool
}

func (r *lifetime) Context() context.Context { return context.Background() }

func (r *lifetime) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, f)
}

func (r *lifetime) TempDir() string {
	dir, err := os.MkdirTemp(scratch, "")
	if err != nil {
		r.Fatal(err)
	}
	return dir
}

func (r *lifetime) Failed() bool { return r.failed }

func (r *lifetime) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (r *lifetime) Errorf(format string, args ...any) {
	r.Logf(format, args...)
	r.failed = true
}

// lifetimes are those of a whole run.
type lifetimes struct {
	mu  sync.Mutex
	all []*lifetime
}

var whole lifetimes

func (r *lifetimes) begin(t testing.TB) *lifetime {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, &lifetime{TB: t})
	return r.all[len(r.all)-1]
}

// end ends everything and reports whether that went well.
func (r *lifetimes) end() bool {
	ok := true
	for _, one := range slices.Backward(r.all) {
		for _, f := range slices.Backward(one.ends) {
			f()
		}
		ok = ok && !one.failed
	}
	return ok
}

// shared is a server on one of the pairs for all tests that need no settings of their own.
type shared struct {
	once   sync.Once
	server *server
	guests atomic.Int64
}

var onPostgres, onEmbedded shared

// guest returns the server, started when the first asks, with an account, a project and a key of the caller's own.
func (h *shared) guest(t testing.TB, backend func(testing.TB) testkit.Backend) *server {
	t.Helper()
	h.once.Do(func() {
		r := whole.begin(t)
		h.server = start(r, "serve", backend(r), "NEUROD_SIGNUPS_PER_HOUR=1000000")
	})
	if h.server == nil {
		t.Fatal("the server that tests share did not start: see the first of them")
	}
	s := &server{addr: h.server.addr, log: h.server.log, process: h.server.process, backend: h.server.backend, number: h.guests.Add(1)}
	from := len(s.log.String())
	t.Cleanup(func() { s.tell(t, from) })
	s.signUp(t)
	return s
}

// embedded returns the server that tests share on the embedded pair, with an account of the test's own.
func embedded(t testing.TB) *server {
	t.Helper()
	return onEmbedded.guest(t, func(t testing.TB) testkit.Backend {
		path := testkit.SQLite(t)
		return testkit.Backend{Name: "embedded", Store: store.Config{DatabaseURL: path, DataDir: filepath.Dir(path)}, DataDir: filepath.Dir(path)}
	})
}

// onBoth runs a suite on the servers that tests share on both pairs, each time with an account of its own, as parallel subtests
// named after the pairs. Tests of settings, of the whole log, database or process have a server of their own: see boot.
func onBoth(t *testing.T, suite func(t *testing.T, s *server)) {
	t.Helper()
	t.Run("postgres+redis", func(t *testing.T) {
		t.Parallel()
		suite(t, onPostgres.guest(t, production))
	})
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		suite(t, embedded(t))
	})
}

// mail is an address as this guest of a shared server uses it; on a server of its own a test has all addresses for itself.
func (s *server) mail(address string) string {
	if s.number == 0 {
		return address
	}
	return fmt.Sprintf("%d.%s", s.number, address)
}

// production is PostgreSQL and Redis, for tests of what the embedded pair cannot do: several processes, and Redis away.
func production(t testing.TB) testkit.Backend {
	t.Helper()
	b := testkit.Backend{Name: "postgres+redis", DataDir: t.TempDir(), Redis: testkit.RedisServer(t)}
	b.Store.DatabaseURL = testkit.Postgres(t)
	return b
}

// database is a plain connection to the server's database.
func (s *server) database(t testing.TB) *sql.DB {
	t.Helper()
	cfg := s.backend.Store
	if cfg.DatabaseURL == "" {
		cfg.DatabaseURL = filepath.Join(s.backend.DataDir, "neurod.db")
	}
	return testkit.Raw(t, cfg)
}

func (s *server) dialect() store.Dialect {
	if s.backend.Embedded() {
		return store.SQLite
	}
	return store.PostgreSQL
}

// exec changes the server's database behind its back.
func (s *server) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	res, err := s.database(t).Exec(statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: %d rows, %v", statement, n, err)
	}
}

// count counts the rows of a table whose column has a value.
func (s *server) count(t testing.TB, table, column string, value any) (n int) {
	t.Helper()
	if err := s.database(t).QueryRow("SELECT count(*) FROM "+table+" WHERE "+column+" = $1", value).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// logged returns the log once it holds everything that the process had written before the call: what a process writes comes
// through a pipe.
func (s *server) logged(t testing.TB) string {
	t.Helper()
	mark := fmt.Sprintf("mark-%d", marks.Add(1))
	s.call(t, "GET", "/v1/projects", "", nil, "X-Request-Id: "+mark)
	until(t, "the log", func() bool { return strings.Contains(s.log.String(), mark) })
	return s.log.String()
}

var marks atomic.Int64

func tail(s string, n int) string { return neurodtest.Tail(s, n) }

// boot is start with an account, a project and a key, made over HTTP.
func boot(t testing.TB, b testkit.Backend, env ...string) *server {
	t.Helper()
	s := start(t, "serve", b, env...)
	s.signUp(t)
	return s
}

// signUp makes the server's account, project and key.
func (s *server) signUp(t testing.TB) {
	t.Helper()
	s.owner, s.token, s.project, s.key = s.signedUp(t, "owner@example.com")
}

// account makes an account with a project and a key that has every scope.
func (s *server) account(t testing.TB, email string) (token, project, key string) {
	t.Helper()
	_, token, project, key = s.signedUp(t, email)
	return token, project, key
}

func (s *server) signedUp(t testing.TB, email string) (id, token, project, key string) {
	t.Helper()
	a := neurodtest.SignUp(t, s.json, s.mail(email))
	return a.ID, a.Token, a.Project, a.Key
}

type object = neurodtest.Object

// answer is what came back.
type answer struct {
	*http.Response
	body []byte
}

// object returns the body as a JSON object.
func (a answer) object(t testing.TB) object {
	t.Helper()
	return neurodtest.ObjectOf(t, a.body)
}

// code returns the code of an error, whatever its family.
func (a answer) code() string {
	var e struct {
		Error json.RawMessage `json:"error"`
		Code  string          `json:"code"`
		// GraphQL's.
		Errors []struct {
			Extensions struct {
				Code string `json:"code"`
			} `json:"extensions"`
		} `json:"errors"`
	}
	if json.Unmarshal(a.body, &e) != nil {
		return ""
	}
	switch {
	case e.Code != "":
		return e.Code
	case len(e.Errors) > 0 && e.Errors[0].Extensions.Code != "":
		return e.Errors[0].Extensions.Code
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
	res, b, err := neurodtest.Raw(s.addr, method, target, headers, body)
	return answer{res, b}, err
}

// call is raw with a credential and a JSON body; nil for none.
func (s *server) call(t testing.TB, method, target, credential string, body any, headers ...string) answer {
	t.Helper()
	b := neurodtest.Body(t, body)
	return s.raw(t, method, target, neurodtest.Headers(credential, b, headers...), b)
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

// operations returns what the OpenAPI document has, by method and path, with parameters written as :id.
func operations(t testing.TB) map[string]*openapi3.Operation {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			out[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)] = op
		}
	}
	return out
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
	for _, media := range []string{"text/event-stream", "text/csv", "text/html", "application/x-edf", "application/x-bdf"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.FileBodyDecoder)
	}
	return legacy.NewRouter(doc)
})

// checkContract holds an answer to the OpenAPI document: status, media type and body must be there.
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

// await reads a job until it is in a final state.
func (s *server) await(t testing.TB, id string) object {
	t.Helper()
	return neurodtest.Await(t, s.json, s.key, id)
}

// until calls fn again and again until it is true; the test fails when that takes too long.
func until(t testing.TB, what string, fn func() bool) {
	t.Helper()
	deadline := time.After(patience)
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
