//go:build unix

package graphqlapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/graphqlapi"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// statements collects what a database gets.
type statements struct {
	mu   sync.Mutex
	seen []string
}

func (s *statements) add(text string) {
	// pgx asks whether a connection that has long been idle lives, and sets up new ones.
	if strings.HasPrefix(text, "--") || strings.Contains(text, "set_config") {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, text)
}

// take returns what came since the last call.
func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// What hangs on each device that grow adds.
const (
	eachSessions   = 5 // of a device
	eachRecordings = 2 // of a session, each with a window that is an artifact
	eachJobs       = 2 // of a session, each with one prediction, beside one of the decoding as it ran
)

// grow adds devices with sessions, recordings, windows, decodes and finished jobs to a project.
func grow(t *testing.T, db *store.Store, cfg store.Config, project string, first, n int) {
	t.Helper()
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	var accepted store.Acceptance
	for i := range n {
		id := fmt.Sprintf("board_%03d", first+i)
		d := models.Device{ProjectID: project, ID: id, Name: id, Type: models.DeviceEEG, Driver: "synthetic", CreatedAt: now, UpdatedAt: now}
		if err := db.CreateDevice(ctx, d, models.AuditEvent{ID: models.NewID(), ProjectID: &project, Details: "{}", CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
		for range eachSessions {
			origin := now.UnixMilli()
			ses := models.Session{ID: models.NewID(), ProjectID: project, ExternalUserID: "u", DeviceType: "d", DeviceID: id, SampleRateHz: 100, Channels: []string{"Cz"},
				IngestionMode: models.ModeStreaming, State: models.SessionOpen, HopMS: 2000, OriginMS: &origin, CreatedAt: now, StartedAt: now,
				Decode: &models.LiveDecode{Paradigm: eeg.MotorImagery, WindowMS: 2000, HopMS: 2000}}
			if err := db.CreateSession(ctx, ses); err != nil {
				t.Fatal(err)
			}
			for range eachJobs {
				job := models.Job{ID: models.NewID(), ProjectID: project, Kind: models.KindDecode, State: models.JobQueued, Request: json.RawMessage(`{"input":{"type":"eeg"}}`), CreatedAt: now, NextCheck: now}
				accepted.Jobs = append(accepted.Jobs, job)
				accepted.Sessions = append(accepted.Sessions, models.SessionJob{SessionID: ses.ID, JobID: job.ID})
			}
		}
	}
	queue, err := db.OpenJobs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer queue.Close()
	for i := range accepted.Jobs {
		if _, err := queue.Accept(ctx, &store.Acceptance{Jobs: accepted.Jobs[i : i+1], Sessions: accepted.Sessions[i : i+1]}); err != nil {
			t.Fatal(err)
		}
	}
	raw := testkit.Raw(t, cfg)
	const at = "'2026-01-01 00:00:00+00:00'"
	for _, statement := range []string{
		`UPDATE sessions SET tail_start = 1000, tail_end = 1400, batch_count = 1`,
		`INSERT INTO session_stretches (session_id, end_sample, start_sample) SELECT id, 400, 0 FROM sessions WHERE true ON CONFLICT DO NOTHING`,
		`INSERT INTO sample_batches (session_id, batch_id, project_id, seq, start_ms, start_sample, end_sample, job_id, digest, codec, size, data, created_at)
			SELECT id, 'b', project_id, 0, 0, 0, 1, 'j', '', 'none', 0, '', ` + at + ` FROM sessions WHERE true ON CONFLICT DO NOTHING`,
		`INSERT INTO feature_windows (session_id, window_index, project_id, seq, start_ms, end_ms, passed, data, created_at)
			SELECT s.id, w.n, s.project_id, w.n, w.n * 2000, w.n * 2000 + 2000, true, '{"artifacts":{"blink_like":0.9,"motion_like":0,"emg_like":0,"bad_contact":0},"quality":{"overall":0.5}}', ` + at + `
			FROM sessions s CROSS JOIN (SELECT 0 AS n UNION SELECT 1 UNION SELECT 5 UNION SELECT 6) w WHERE true ON CONFLICT DO NOTHING`,
		`INSERT INTO session_decodes (session_id, decode_index, project_id, seq, start_ms, end_ms, data, created_at)
			SELECT id, 0, project_id, 1, 0, 2000, '{"decoded_class":"left_hand","confidence":0.75}', ` + at + ` FROM sessions WHERE true ON CONFLICT DO NOTHING`,
		`UPDATE jobs SET state = 'completed', finished_at = created_at, output = '{"decoded_class":"right_hand","confidence":0.5}'`,
	} {
		if _, err := raw.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%v: %s", err, statement)
		}
	}
}

// TestStatementsDoNotGrowWithTheRows counts the statements that the database gets for the queries of the devices' document, and for all that
// hangs on sessions, of 2 devices and of 20 with 100 sessions, 200 recordings and 200 jobs: they are as many. Everything that is asked for is in
// the answers, so that nothing is cheap because it was not read.
func TestStatementsDoNotGrowWithTheRows(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		var got statements
		b.Store.Trace = got.add
		db := b.Open(t)
		cfg := jobs.Config{Store: db, Logger: slog.New(slog.DiscardHandler)}
		if !b.Embedded() {
			client := redis.NewClient(&redis.Options{Addr: b.RedisAddr()})
			t.Cleanup(func() { _ = client.Close() })
			cfg.Redis = client
		}
		engine, err := jobs.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := engine.Close(); err != nil {
				t.Error(err)
			}
		})
		now := time.Now().UTC().Truncate(time.Millisecond)
		owner := models.User{ID: models.NewID(), Email: "a@example.com", CreatedAt: now}
		if err := db.CreateUser(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
		project := models.Project{ID: models.NewID(), Name: "p", CreatedAt: now}
		if err := db.CreateProject(t.Context(), project, owner.ID, 10); err != nil {
			t.Fatal(err)
		}
		limits := graphqlapi.DefaultLimits()
		limits.Complexity *= 10
		server := graphqlapi.New(graphqlapi.Config{Sessions: sessions.New(sessions.Config{Store: db, Jobs: engine}), Devices: devices.New(devices.Config{Store: db, Signals: engine}),
			Analyses: analysis.New(analysis.Config{Store: db, Jobs: engine}), Limits: limits, LoaderWait: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
		ask := func(query string) (answer string, asked []string) {
			t.Helper()
			body, err := json.Marshal(map[string]string{"query": query})
			if err != nil {
				t.Fatal(err)
			}
			got.take()
			w := httptest.NewRecorder()
			server.Answer(w, httptest.NewRequestWithContext(context.Background(), "POST", "/graphql", nil),
				graphqlapi.Request{Principal: models.Principal{KeyID: "k", ProjectID: project.ID, Scopes: models.Scopes()}, Body: body})
			if answer = w.Body.String(); w.Code != 200 || strings.Contains(answer, `"errors"`) {
				t.Fatalf("%d %.500s", w.Code, answer)
			}
			return answer, got.take()
		}
		const (
			sessionsOf   = eachSessions
			recordingsOf = sessionsOf * eachRecordings
			analysesOf   = sessionsOf * (eachJobs + 1)
		)
		cases := []struct {
			name, query string
			each        map[string]int // so often is each in the answer, a device
			most        int            // statements: one a kind of thing
		}{
			{"devices, sessions, recordings", `query GetDevicesWithSessions { devices { id name status sessions(last: 5) { id name startTime status recordings { id duration sampleCount quality } } } }`,
				map[string]int{`"startTime":`: sessionsOf, `"status":"PAUSED"`: sessionsOf, `"duration":4`: recordingsOf, `"quality":0.5`: recordingsOf}, 5},
			{"sessions, recordings, artifacts, analyses, predictions", `{ sessions(first: 100) { totalCount nodes { id status device { id name } recordings { id channelCount sampleRate duration quality passedShare artifacts { type startTime endTime } }
				analysis { id modelType accuracy predictions { timestamp label confidence } job { id } } features(last: 2) { id } decodes(last: 1) { id } events { seq } } } }`,
				map[string]int{`"type":"blink"`: recordingsOf, `"label":"left_hand"`: sessionsOf, `"label":"right_hand"`: sessionsOf * eachJobs, `"quality":0.5`: recordingsOf, `"passedShare":1`: recordingsOf, `"modelType":`: analysesOf}, 13},
			{"all of devices", `{ devices { sessions(last: 5) { device { id } recordings { artifacts { type } } analysis { id predictions { label } } } } }`,
				map[string]int{`"type":"blink"`: recordingsOf, `"label":`: analysesOf}, 8},
		}
		counted := map[string]int{}
		total := 0
		for _, n := range []int{2, 20} {
			grow(t, db, b.Store, project.ID, total, n-total)
			total = n
			for _, c := range cases {
				answer, asked := ask(c.query)
				// On a loaded machine, some of those that ask at the same moment may come after the wait. What grows with the rows grows every time.
				for try := 0; try < 3 && len(asked) > c.most; try++ {
					answer, asked = ask(c.query)
				}
				for text, each := range c.each {
					if found := strings.Count(answer, text); found != n*each {
						t.Errorf("%s of %d devices: %s is there %d times, not %d", c.name, n, text, found, n*each)
					}
				}
				if before, there := counted[c.name]; len(asked) == 0 || len(asked) > c.most || there && before != len(asked) {
					t.Errorf("%s of %d devices: %d statements, at most %d, %d of 2 devices:\n%.3000s", c.name, n, len(asked), c.most, before, strings.Join(asked, "\n"))
				}
				counted[c.name] = len(asked)
				t.Logf("%s of %d devices: %d statements", c.name, n, len(asked))
			}
		}
	})
}
