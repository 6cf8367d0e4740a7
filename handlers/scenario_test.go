package handlers_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/graphqlapi"
	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/science"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/service/training"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// bench is the API over real use cases and the embedded stores, with no worker: what is accepted stays queued.
type bench struct {
	http.Handler
	store               *store.Store
	engine              *jobs.Engine
	metrics             *prometheus.Registry
	people              accounts.Config
	api                 handlers.Config
	token, project, key string
}

// newBench makes a bench with an account, a project and a key.
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
	sessions := sessions.New(sessions.Config{Store: db, Jobs: engine, Inspect: science.Inspect(nil), Files: science.NewSignalFile})
	decode := decoding.New(decoding.Config{Jobs: engine, Sessions: sessions})
	analyses := analysis.New(analysis.Config{Store: db, Jobs: engine, Submit: func(ctx context.Context, p models.Principal, req eeg.Request, ask models.Room, idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
		return decode.Submit(ctx, p, decoding.Recording{Request: req, Room: ask, Operation: analysis.Operation}, idem, respond)
	}})
	followed := live.New(live.Config{Store: db, Topics: engine, Tokens: tokens, NewFilter: science.NewFilter})
	boards := devices.New(devices.Config{Store: db, Signals: engine})
	trained := training.New(training.Config{Store: db, Jobs: engine, Pipelines: science.Pipelines()})
	once := service.NewOnce(service.OnceConfig{Store: db, Tokens: tokens})
	b := &bench{store: db, engine: engine, metrics: prometheus.NewRegistry()}
	b.people = accounts.Config{Store: db, Jobs: engine, Tokens: tokens, Throttle: limit.New(limit.Config{}),
		Passwords: auth.NewPasswords(auth.PasswordConfig{Cost: auth.Argon2{Memory: 64, Passes: 1, Threads: 1}})}
	b.api = handlers.Config{
		Decode:     decode,
		Analysis:   analyses,
		Jobs:       decoding.NewJobs(engine, db),
		Sessions:   sessions,
		Live:       followed,
		Devices:    boards,
		Training:   trained,
		GraphQL:    graphqlapi.New(graphqlapi.Config{Sessions: sessions, Devices: boards, Analyses: analyses, Decode: decode, Training: trained, Jobs: decoding.NewJobs(engine, db), Live: followed, Once: once, Log: log}),
		Operations: operations.New(operations.Config{Store: db, Engine: engine, Log: log, Database: "sqlite"}),
		Once:       once,
		Quotas:     service.NewQuotas(service.QuotasConfig{Store: db, Log: log}),
		Tally:      service.NewTally(service.TallyConfig{Store: db, Log: log}),
		Health:     service.Health{Database: ok, Queue: ok},
		Log:        log,
		Metrics:    b.metrics,
	}
	b.Handler = b.process(t, func(*accounts.Config) {})
	b.token = b.made(t, "/v1/auth/signup", "", `{"email":"a@example.com","password":"correct horse"}`).text(t, "access_token")
	b.project = b.made(t, "/v1/projects", b.token, `{"name":"p"}`).text(t, "id")
	b.key = b.made(t, "/v1/projects/"+b.project+"/keys", b.token, `{"name":"k"}`).text(t, "raw_key")
	return b
}

// process is another API on the same stores, which keeps accounts in another way.
func (b *bench) process(t *testing.T, change func(*accounts.Config)) http.Handler {
	t.Helper()
	people, api := b.people, b.api
	change(&people)
	api.Accounts = accounts.New(people)
	h, err := handlers.NewRouter(api)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// work runs a worker until the test ends: what is accepted from now on is done.
func (b *bench) work(t *testing.T, handlers map[models.JobKind]workers.Handler) {
	t.Helper()
	w, err := workers.New(workers.Config{Engine: b.engine, Concurrency: 2, DrainTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for kind, h := range handlers {
		w.Register(kind, h)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	for _, part := range []func(context.Context) error{b.engine.Run, w.Run} {
		run.Go(func() {
			if err := part(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		run.Wait()
	})
}

// session makes a session of the user u1 and returns its id.
func (b *bench) session(t *testing.T) string {
	t.Helper()
	return b.made(t, "/v1/sessions", b.key, `{"external_user_id":"u1","device_type":"cap","sample_rate_hz":250,"channels":["C3","C4"],"ingestion_mode":"STREAMING"}`).text(t, "session_id")
}

// signUp makes another account and returns its id and access token.
func (b *bench) signUp(t *testing.T, email string) (id, token string) {
	t.Helper()
	a := b.made(t, "/v1/auth/signup", "", `{"email":"`+email+`","password":"correct horse"}`)
	return a.text(t, "id"), a.text(t, "access_token")
}

// member makes another account, invites it into the project and accepts.
func (b *bench) member(t *testing.T, email, role string) (id, token string) {
	t.Helper()
	id, token = b.signUp(t, email)
	invited := b.made(t, "/v1/projects/"+b.project+"/invitations", b.token, `{"email":"`+email+`","role":"`+role+`"}`).text(t, "token")
	b.made(t, "/v1/invitations/accept", token, `{"token":"`+invited+`"}`)
	return id, token
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

// serve is the bench on a port, for calls that need a connection.
func (b *bench) serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return server.URL
}

// send makes a call over a connection; headers are a name and a value each.
func send(t *testing.T, method, url, credential string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answerOf(t, res.StatusCode, res.Header, got)
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
