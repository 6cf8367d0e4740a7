// Package clients holds the tests of the client libraries: it runs the neurod program on both pairs of stores, with a fault proxy in
// front of it, installs the built packages into clean environments and runs each language's own suite there. README.md says how
// a language plugs in.
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/faultproxy"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

const root = "../.."

// patience is for starts and stops on a machine that other tests keep busy.
const patience = 2 * time.Minute

// program is the path of the neurod program, built once a run. It has no race detector: the tests of package test hold the server to
// that, and these hold clients to a server as it is shipped.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "neurod")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/neurod/neurod/cmd/neurod").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// scratch is a folder for the whole run.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "neurod-clients-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// server is a running neurod with an account, a project and a key that has every scope, and a proxy before it.
type server struct {
	pair    string // postgres+redis or embedded
	url     string
	mail    string
	token   string // access token of the account
	project string
	key     string
	proxy   *faultproxy.Proxy
	log     *neurod.Log
	extra   []string // of the environment of its suites
}

const password = "correct horse battery"

// onBoth runs a suite on servers of its own on both pairs, as parallel subtests named after them. Rate limits are off; env adds to the
// environment of the servers.
func onBoth(t *testing.T, suite func(t *testing.T, s *server), env ...string) {
	t.Helper()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) { suite(t, boot(t, b, env...)) })
}

// onEmbedded runs a suite on the embedded pair alone, for what does not depend on the stores.
func onEmbedded(t *testing.T, env ...string) *server {
	t.Helper()
	path := testkit.SQLite(t)
	return boot(t, testkit.Backend{Name: "embedded", DataDir: filepath.Dir(path)}, env...)
}

func boot(t *testing.T, b testkit.Backend, env ...string) *server {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	vars := []string{"NEUROD_DATA_DIR=" + b.DataDir, "NEUROD_SHUTDOWN_TIMEOUT=10s", "NEUROD_SIGNUPS_PER_HOUR=1000000"}
	if !b.Embedded() {
		vars = append(vars, "DATABASE_URL="+b.Store.DatabaseURL, "REDIS_URL=redis://"+b.RedisAddr(),
			"NEUROD_JWT_SECRET=0123456789abcdef0123456789abcdef-test")
	}
	s := &server{pair: b.Name, log: new(neurod.Log), mail: "owner@example.com"}
	p, err := neurod.Start(t.Context(), neurod.Config{Program: path, Args: []string{"serve"}, Env: slices.Concat(vars, neurod.NoLimits(), env),
		Log: s.log, Logged: true, Timeout: patience})
	if err != nil {
		t.Fatalf("neurod: %v\n%s", err, tail(s.log.String(), 6000))
	}
	s.url = p.URL
	t.Cleanup(func() {
		if err := p.Stop(patience); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log of neurod:\n%s", tail(s.log.String(), 6000))
		}
	})
	if s.proxy, err = faultproxy.Start(s.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.proxy.Close(); err != nil {
			t.Errorf("close the proxy: %v", err)
		}
	})
	var made struct {
		AccessToken string `json:"access_token"`
		ID          string `json:"id"`
		RawKey      string `json:"raw_key"`
	}
	s.call(t, "/v1/auth/signup", map[string]string{"email": s.mail, "password": password}, &made)
	s.token = made.AccessToken
	s.call(t, "/v1/projects", map[string]string{"name": "clients"}, &made)
	s.project = made.ID
	s.call(t, "/v1/projects/"+s.project+"/keys", map[string]string{"name": "clients"}, &made)
	s.key = made.RawKey
	return s
}

// call makes what a suite needs before it starts.
func (s *server) call(t *testing.T, path string, body, out any) {
	t.Helper()
	c := neurod.Client{Base: s.url}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Do(ctx, http.MethodPost, path, s.token, b, nil, out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// environment is what a suite is told: see README.md.
func (s *server) environment(t *testing.T) []string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{
		"NEUROD_TEST_PAIR=" + s.pair,
		"NEUROD_TEST_URL=" + s.url,
		"NEUROD_TEST_API_KEY=" + s.key,
		"NEUROD_TEST_PROJECT_ID=" + s.project,
		"NEUROD_TEST_ACCESS_TOKEN=" + s.token,
		"NEUROD_TEST_EMAIL=" + s.mail,
		"NEUROD_TEST_PASSWORD=" + password,
		"NEUROD_TEST_PROXY_URL=" + s.proxy.URL,
		"NEUROD_TEST_PROXY_CONTROL=" + s.proxy.Control,
		"NEUROD_TEST_PROGRAM=" + path,
		"NEUROD_TEST_ROOT=" + absolute,
	}
	if dir, err := eegdata.Find(); err == nil {
		env = append(env, "NEUROD_EEG_DATA="+dir)
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "CI", "NEUROD_EEG_REQUIRED", "NEUROD_TEST_LONG", "NEUROD_TEST_OPERATIONS"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, s.extra...)
}

// run runs a program of a language to its end in a folder, with only the environment given; what it prints is shown where it fails,
// and returned.
func run(t *testing.T, limit time.Duration, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // a runner of tests then says where it was
	cmd.WaitDelay = 20 * time.Second
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.Join(err, fmt.Errorf("stopped after %v", limit))
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, tail(string(out), 20_000))
	}
	t.Logf("%s %s: %.1f s\n%s", filepath.Base(name), strings.Join(args, " "), time.Since(start).Seconds(), tail(string(out), 1500))
	return string(out)
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// cache is the folder that keeps what is slow to fetch from one run to the next, by the content of the files that pin it.
func cache(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("NEUROD_TEST_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			base = os.TempDir()
		}
		dir = filepath.Join(base, "neurod-clients")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// once runs make, which fills a folder of the cache, unless an earlier run did. A folder counts only when it is whole.
func once(t *testing.T, dir string, make func(dir string)) {
	t.Helper()
	done := dir + ".done"
	if _, err := os.Stat(done); err == nil {
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	make(dir)
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// document is the text of the sessions document where the machine has it (NEUROD_DOCUMENTS, by default the folder beside the
// repository); "" where not.
func document(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("NEUROD_DOCUMENTS")
	if dir == "" {
		dir = filepath.Join(root, "..", "shared", "reference")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestProxyIsBetween shows what a suite can rely on: the proxy passes calls on, and breaks them when it is told to over HTTP.
func TestProxyIsBetween(t *testing.T) {
	t.Parallel()
	s := onEmbedded(t)
	get := func() int {
		res, err := http.Get(s.proxy.URL + "/healthz")
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	if got := get(); got != 200 {
		t.Fatalf("status %d through the proxy", got)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.proxy.Control, bytes.NewReader([]byte(`{"seed":1,"too_many":1,"retry_after":3}`)))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := get(); got != 429 {
		t.Fatalf("status %d, want 429", got)
	}
}
