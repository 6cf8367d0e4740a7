package test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/jobtable"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/internal/testkit/race"
)

// TestBulkRetryThroughCrashes: 10,000 dead jobs are made again while the process that does it and the workers that run them are killed: each once,
// none is passed over, and all of them end.
func TestBulkRetryThroughCrashes(t *testing.T) {
	t.Parallel()
	dead := 10_000
	if race.Enabled { // which makes SQLite many times slower
		dead = 1_000
	}
	run := func(t *testing.T, b testkit.Backend, boot func() (api *server, kill func())) {
		api, kill := boot()
		api.signUp(t)
		token := api.token
		template := strings.TrimPrefix(api.json(t, 202, "POST", "/api/v1/neuro/decode", api.key, tooShort)["id"].(string), "req_pi_")
		api.await(t, template)
		database := b.Store.DatabaseURL
		if b.Embedded() {
			database = filepath.Join(b.DataDir, "neurod.db")
		}
		table, err := jobtable.Open(database)
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		if err := table.Operators(t.Context()); err != nil {
			t.Fatal(err)
		}
		last, err := table.Fill(t.Context(), jobtable.Config{Jobs: dead, Dead: dead, Projects: 1, Like: template})
		if err != nil {
			t.Fatal(err)
		}
		before, err := table.Retries(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		action := api.json(t, 202, "POST", "/api/v1/admin/actions", token, object{"action": "retry", "filter": object{"dead": true}})
		if action["total"] != float64(dead) {
			t.Fatalf("%v", action)
		}
		now := func() jobtable.Retries {
			t.Helper()
			r, err := table.Retries(t.Context(), last)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		wait := func(what string, done func() bool) {
			t.Helper()
			end := time.After(neurodtest.AwaitLimit)
			for again := time.NewTicker(250 * time.Millisecond); !done(); {
				select {
				case <-again.C:
				case <-end:
					t.Fatalf("%s: %+v", what, now())
				}
			}
		}
		for _, part := range []int{dead / 10, dead / 2} {
			wait("a part is made again", func() bool { return now().Marked >= part })
			kill()
			api, kill = boot()
		}
		path := "/api/v1/admin/actions/" + action["id"].(string)
		wait("the action is over", func() bool {
			action = api.json(t, 200, "GET", path, token, nil)
			return action["state"] == "completed"
		})
		if action["done"] != float64(dead) || action["skipped"] != 0. {
			t.Errorf("%v", action)
		}
		wait("all that were made have ended", func() bool { return now().Ended >= dead })
		want := jobtable.Retries{Marked: dead, Distinct: dead, There: dead, Ended: dead, Later: before.Later + dead}
		if got := now(); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		b := testkit.Backend{Name: "embedded", DataDir: t.TempDir()}
		run(t, b, func() (*server, func()) {
			s := start(t, "serve", b)
			return s, s.process.Kill
		})
	})
	t.Run("postgres+redis", func(t *testing.T) {
		t.Parallel()
		b := production(t)
		run(t, b, func() (*server, func()) {
			s, w := start(t, "api", b), start(t, "worker", b)
			return s, func() { // both, and at once: nobody hands anything back
				w.process.Kill()
				s.process.Kill()
			}
		})
	})
}
