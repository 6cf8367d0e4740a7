package handlers_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
)

// bench is the API over real use cases and the embedded stores, with no worker: what is accepted stays queued.
type bench struct {
	http.Handler
	token, project, key string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	tokens, err := auth.NewTokens(auth.TokenConfig{Key: []byte(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	db := testkit.Backend{Store: store.Config{DatabaseURL: testkit.SQLite(t)}}.Open(t)
	log := slog.New(slog.DiscardHandler)
	engine, err := jobs.New(jobs.Config{Store: db, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	ok := func(context.Context) error { return nil }
	sessions := sessions.New(sessions.Config{Store: db, Jobs: engine, Tokens: tokens})
	h, err := handlers.NewRouter(handlers.Config{
		Accounts: accounts.New(accounts.Config{Store: db, Jobs: engine, Tokens: tokens, Throttle: limit.New(limit.Config{}),
			Passwords: auth.NewPasswords(auth.PasswordConfig{Cost: auth.Argon2{Memory: 64, Passes: 1, Threads: 1}})}),
		Decode:   decoding.New(decoding.Config{Jobs: engine, Sessions: sessions}),
		Jobs:     decoding.NewJobs(engine),
		Sessions: sessions,
		Once:     service.NewOnce(service.OnceConfig{Store: db, Tokens: tokens}),
		Quotas:   service.NewQuotas(service.QuotasConfig{Store: db, Log: log}),
		Health:   service.Health{Database: ok, Queue: ok},
		Log:      log,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Handler: h}
	b.token = b.made(t, "/v1/auth/signup", "", `{"email":"a@example.com","password":"correct horse"}`).text(t, "access_token")
	b.project = b.made(t, "/v1/projects", b.token, `{"name":"p"}`).text(t, "id")
	b.key = b.made(t, "/v1/projects/"+b.project+"/keys", b.token, `{"name":"k"}`).text(t, "raw_key")
	return b
}

// call sends a body of JSON, "" for none; headers are a name and a value each.
func (b *bench) call(t *testing.T, method, path, credential, body string, headers ...string) answer {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(t.Context(), method, path, r)
	req.Header.Set("Content-Type", "application/json")
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, req)
	return answerOf(t, w.Code, w.Header(), w.Body.Bytes())
}

// made is call for a POST that answers 2xx.
func (b *bench) made(t *testing.T, path, credential, body string) answer {
	t.Helper()
	a := b.call(t, "POST", path, credential, body)
	if a.status < 200 || a.status > 299 {
		t.Fatalf("POST %s: %d %s", path, a.status, a.raw)
	}
	return a
}

// scenario is a call and what its answer holds and does not hold.
type scenario struct {
	name, method, path, body string
	status                   int
	has, hasNot              []string
}

// run makes the calls one after another, with the key.
func (b *bench) run(t *testing.T, list []scenario) {
	t.Helper()
	for _, s := range list {
		a := b.call(t, s.method, s.path, b.key, s.body)
		if a.status != s.status {
			t.Errorf("%s: %d %s, want %d", s.name, a.status, a.raw, s.status)
		}
		for _, want := range s.has {
			if !strings.Contains(a.raw, want) {
				t.Errorf("%s: %s, want %s", s.name, a.raw, want)
			}
		}
		for _, bad := range s.hasNot {
			if strings.Contains(a.raw, bad) {
				t.Errorf("%s: %s, and must not hold %s", s.name, a.raw, bad)
			}
		}
	}
}
