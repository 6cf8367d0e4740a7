package console

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// shots is where the pictures of the views are left: NEUROD_TEST_SHOTS, by default bin/console in the repository.
func shots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("NEUROD_TEST_SHOTS")
	if dir == "" {
		dir = filepath.Join(root, "bin", "console")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// suite runs a suite of web/test in the browser, to its end.
func suite(t *testing.T, s *server, name string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail; . tools/node.sh; need_node; exec node web/test/"+name+".test.mjs")
	cmd.Dir = root
	cmd.Env = append(s.environment(shots(t)), env...)
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, tail(string(out), 12_000))
	}
	t.Logf("%s\n%s", name, out)
}

// TestConsole uses every view and action of the console in Chromium, on both pairs of stores.
func TestConsole(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) { suite(t, boot(t, b), "console") })
}

// TestOperatorsPages uses the pages of operators on both pairs of stores, with a supervisor of workers where there can be one.
func TestOperatorsPages(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		var env []string
		if !b.Embedded() {
			env = append(env, "NEUROD_WORKERS_MAX=1")
		}
		s := boot(t, b, env...)
		var made struct{}
		s.call(t, "/v1/auth/signup", map[string]string{"email": "operator@example.com", "password": password}, &made)
		path, err := program()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), path, "users", "operator", "operator@example.com", "on")
		cmd.Env = append(os.Environ(), s.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("users operator: %v\n%s", err, out)
		}
		suite(t, s, "admin", "NEUROD_TEST_OPERATOR=operator@example.com")
	})
}

// TestLoginThroughAProvider logs a person in through a real provider in Chromium, which holds cookies and addresses to rules that no other client knows.
func TestLoginThroughAProvider(t *testing.T) {
	t.Parallel()
	port, err := neurod.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	base := "http://127.0.0.1:" + strconv.Itoa(port)
	person := servers.DexPerson{Email: "ada@example.org", Password: password, Subject: "ada", Verified: true}
	stranger := servers.DexPerson{Email: "grace@example.org", Password: password, Subject: "grace"}
	dex, err := servers.StartDex(t.Context(), servers.DexConfig{ClientID: "neurod", ClientSecret: "secret", Redirect: base + "/v1/auth/oidc/callback", People: []servers.DexPerson{person, stranger}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("dex: %s", dex.Log())
		}
		if err := dex.Close(); err != nil {
			t.Error(err)
		}
	})
	s := boot(t, testkit.Backend{Name: "embedded", DataDir: t.TempDir()}, "NEUROD_PORT="+strconv.Itoa(port), "NEUROD_OIDC_ISSUER="+dex.Issuer(), "NEUROD_OIDC_CLIENT_ID=neurod",
		"NEUROD_OIDC_CLIENT_SECRET=secret", "NEUROD_OIDC_NAME=Lab SSO", "NEUROD_OIDC_SIGNUP=true")
	if s.url != base {
		t.Fatalf("the server is at %s, not at %s", s.url, base)
	}
	suite(t, s, "provider", "NEUROD_TEST_PROVIDER="+dex.Issuer())
}
