// Package console holds the tests of the web application: its modules and types by its own tools, its size, and the whole of it in a
// headless Chromium against the real program on both pairs of stores. Nothing of it is mocked: the program carries the built console, and
// the browser gets it from there.
package console

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

const root = "../.."

// patience is for starts and stops on a machine that other tests keep busy.
const patience = 2 * time.Minute

// scratch is a folder for the whole run.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "neurod-console-"); err != nil {
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

// sh runs a script of the repository, with the Node that tools/setup.sh has installed before that of the machine.
func sh(ctx context.Context, script string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail; . tools/node.sh; need_node; "+script)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 20 * time.Second
	err := cmd.Run()
	return out.String(), err
}

// built has the files of the console as `make build` builds them, by their names, once a run.
var built = sync.OnceValues(func() (map[string][]byte, error) {
	if out, err := sh(context.Background(), "tools/web.sh"); err != nil {
		return nil, fmt.Errorf("tools/web.sh: %w\n%s", err, out)
	}
	dist := os.DirFS(filepath.Join(root, "internal", "console", "dist"))
	files := map[string][]byte{}
	err := fs.WalkDir(dist, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && name != "README" && name[0] != '.' {
			files[name], err = fs.ReadFile(dist, name)
		}
		return err
	})
	if err == nil && files["index.html"] == nil {
		err = errors.New("tools/web.sh has built nothing")
	}
	return files, err
})

// program is the path of the neurod program with the console in it, built once a run.
var program = sync.OnceValues(func() (string, error) {
	if _, err := built(); err != nil {
		return "", err
	}
	path := filepath.Join(scratch, "neurod")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/neurod/neurod/cmd/neurod").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// TestModules runs the tests of the console's modules, and holds its code to its types.
func TestModules(t *testing.T) {
	t.Parallel()
	if _, err := built(); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{"tests": "cd web && npm run --silent test", "types": "cd web && npm run --silent check"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, err := sh(t.Context(), script); err != nil {
				t.Errorf("%s: %v\n%s", script, err, tail(out, 8000))
			}
		})
	}
}

// MaxSize is what a browser loads of the console in all, in bytes.
const MaxSize = 250_000

// TestSize holds the console to what a browser on a slow line has in seconds, and its page to what the policy lets it do.
func TestSize(t *testing.T) {
	t.Parallel()
	files, err := built()
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for name, data := range files {
		var sent bytes.Buffer
		w := gzip.NewWriter(&sent)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		size += sent.Len()
		for _, host := range []string{"cdn.", "googleapis", "unpkg", "jsdelivr"} {
			if bytes.Contains(data, []byte(host)) {
				t.Errorf("%s names %s", name, host)
			}
		}
	}
	t.Logf("%d files, %d bytes", len(files), size)
	if size > MaxSize {
		t.Errorf("the console has %d bytes, at most %d may be", size, MaxSize)
	}
	page := files["index.html"]
	if bytes.Contains(page, []byte("<style")) || bytes.Contains(page, []byte("style=")) || bytes.Contains(page, []byte("onload=")) {
		t.Errorf("the page has styles or scripts of its own:\n%s", page)
	}
}

// server is a running neurod with an account, a project and a key that has every scope.
type server struct {
	pair, url, mail, token, project, key string
	env                                  []string // of the program
}

const password = "correct horse battery"

// boot starts a server for a browser. env adds to its environment.
func boot(t *testing.T, b testkit.Backend, env ...string) *server {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	vars := []string{"NEUROD_DATA_DIR=" + b.DataDir, "NEUROD_SHUTDOWN_TIMEOUT=10s", "NEUROD_SIGNUPS_PER_HOUR=1000000"}
	if !b.Embedded() {
		vars = append(vars, "DATABASE_URL="+b.Store.DatabaseURL, "REDIS_URL=redis://"+b.RedisAddr(), "NEUROD_JWT_SECRET=0123456789abcdef0123456789abcdef-test")
	}
	s := &server{pair: b.Name, mail: "owner@example.com", env: vars}
	log := new(neurod.Log)
	p, err := neurod.Start(t.Context(), neurod.Config{Program: path, Args: []string{"serve"}, Env: slices.Concat(vars, neurod.NoLimits(), env), Log: log, Logged: true, Timeout: patience})
	if err != nil {
		t.Fatalf("neurod: %v\n%s", err, tail(log.String(), 6000))
	}
	s.url = p.URL
	t.Cleanup(func() {
		if err := p.Stop(patience); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log of neurod:\n%s", tail(log.String(), 6000))
		}
	})
	var made struct {
		AccessToken string `json:"access_token"`
		ID          string `json:"id"`
		RawKey      string `json:"raw_key"`
	}
	s.call(t, "/v1/auth/signup", map[string]string{"email": s.mail, "password": password}, &made)
	s.token = made.AccessToken
	s.call(t, "/v1/projects", map[string]string{"name": "console"}, &made)
	s.project = made.ID
	s.call(t, "/v1/projects/"+s.project+"/keys", map[string]string{"name": "console"}, &made)
	s.key = made.RawKey
	return s
}

// call makes what a suite needs before it starts.
func (s *server) call(t *testing.T, path string, body, out any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := neurod.Client{Base: s.url}
	if err := c.Do(ctx, http.MethodPost, path, s.token, b, nil, out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// environment is what a suite of the browser is told.
func (s *server) environment(shots string) []string {
	env := append(os.Environ(),
		"NEUROD_TEST_PAIR="+s.pair, "NEUROD_TEST_URL="+s.url, "NEUROD_TEST_EMAIL="+s.mail, "NEUROD_TEST_PASSWORD="+password,
		"NEUROD_TEST_PROJECT_ID="+s.project, "NEUROD_TEST_API_KEY="+s.key, "NEUROD_TEST_SHOTS="+shots)
	if dir, err := eegdata.Find(); err == nil {
		env = append(env, "NEUROD_EEG_DATA="+dir)
	}
	return env
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
