package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// rawStores is testkit.Stores with a plain connection beside the store.
func rawStores(t *testing.T, suite func(t *testing.T, s *store.Store, raw *sql.DB)) {
	t.Helper()
	for _, d := range []store.Dialect{store.PostgreSQL, store.SQLite} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			cfg := store.Config{}
			if d == store.PostgreSQL {
				cfg.DatabaseURL = testkit.Postgres(t)
			} else {
				cfg.DatabaseURL = testkit.SQLite(t)
			}
			raw := testkit.Raw(t, cfg)
			suite(t, openStore(t, cfg), raw)
		})
	}
}

// keptAtErasure are the columns that name a session, a user or a project in tables that erasure does not empty by its list,
// with the reason.
var keptAtErasure = map[string]string{
	"sessions.external_user_id":      "rows are deleted when the erasure is accepted",
	"sessions.project_id":            "rows are deleted when the erasure is accepted",
	"erased_sessions.session_id":     "deleted with the last row of the session",
	"erased_sessions.project_id":     "deleted with the last row of the session",
	"erasures.project_id":            "deleted when the audit record is written",
	"audit_records.project_id":       "what stays: it holds a hash of the user's id",
	"devices.project_id":             "equipment of the project: of a session it has the random id alone, while it streams into it",
	"audit_events.project_id":        "names the project, whose owner reads it; it holds no user of the project's",
	"webhooks.project_id":            "where the project wants to be told",
	"webhook_deliveries.project_id":  "go with the events of the session",
	"project_quotas.project_id":      "a number that the operator chose",
	"project_usage.project_id":       "counts, from which what is erased is taken off",
	"jobs.project_id":                "deleted by the ids that the session's rows name",
	"job_payloads.project_id":        "deleted with the job",
	"objects.project_id":             "gone with the rows that name them, and deleted before the audit record is written",
	"idempotency_records.project_id": "deleted with the job or session that the answer is about",
	"api_keys.project_id":            "belongs to the project",
	"memberships.project_id":         "who acts in the project",
	"invitations.project_id":         "who may act in the project",
	"project_models.project_id":      "those trained on the user's sessions are deleted when the erasure is accepted",
	"project_model_names.project_id": "a name that the project chose",
	"analytics_events.project_id":    "what clients report of their use of models; it names no user and is pruned by age",
	"analytics_months.project_id":    "a count",
	"project_retention.project_id":   "how long the project keeps things",
}

// TestEveryTableOfSessionsIsErased fails when a table is added that may hold something of a user and erasure was not told.
func TestEveryTableOfSessionsIsErased(t *testing.T) {
	t.Parallel()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		erased := store.ErasedColumns()
		tables := testkit.Columns(t, raw, s.Dialect())
		used := map[string]bool{}
		for table, columns := range tables {
			for _, c := range []string{"session_id", "external_user_id", "project_id"} {
				_, has := columns[c]
				_, listed := erased[table]
				name := table + "." + c
				used[name] = has
				if has && !listed && keptAtErasure[name] == "" {
					t.Errorf("%s: add the table to the list in erase.go, or here with the reason why its rows may stay", name)
				}
			}
		}
		for name := range keptAtErasure {
			if table, _, _ := strings.Cut(name, "."); !used[name] || erased[table] != [2]string{} {
				t.Errorf("%s is no exception", name)
			}
		}
		for table, c := range erased {
			columns := tables[table]
			if columns[c[0]] == "" || c[1] != "" && columns[c[1]] == "" {
				t.Errorf("%s has no columns %v", table, c)
			}
			if columns["job_id"] != "" && c[1] == "" {
				t.Errorf("%s names jobs, which would stay", table)
			}
		}
	})
}

// TestEveryTableOfProjectsIsDeleted fails when a table is added that may hold something of a project and its deletion was
// not told.
func TestEveryTableOfProjectsIsDeleted(t *testing.T) {
	t.Parallel()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		emptied, kept := store.DeletedWithProjects()
		erased := store.ErasedColumns()
		tables := testkit.Columns(t, raw, s.Dialect())
		for table, columns := range tables {
			_, has := columns["project_id"]
			_, bySession := erased[table]
			if has && !bySession && !emptied[table] && kept[table] == "" {
				t.Errorf("%s: add the table to a list in deletions.go", table)
			}
		}
		for table := range emptied {
			if _, has := tables[table]["project_id"]; !has {
				t.Errorf("%s has no project_id", table)
			}
		}
		for table := range kept {
			if _, has := tables[table]["project_id"]; !has || emptied[table] {
				t.Errorf("%s is no exception", table)
			}
		}
	})
}

// TestAuditRecordsAreAppendOnly tries to change an audit record past the program.
func TestAuditRecordsAreAppendOnly(t *testing.T) {
	t.Parallel()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		const insert = "audit_records VALUES ('a', 'p', 'user_erased', 'h', 'k', 1, 2, 3, '2025-01-01 00:00:00+00:00')"
		if _, err := raw.Exec("INSERT INTO " + insert); err != nil {
			t.Fatal(err)
		}
		tries := []string{
			"UPDATE audit_records SET samples_deleted = 0",
			"UPDATE audit_records SET actor = 'another' WHERE id = 'a'",
			"DELETE FROM audit_records",
			"DELETE FROM audit_records WHERE id = 'a'",
			"INSERT INTO " + insert + " ON CONFLICT (id) DO UPDATE SET actor = 'another'",
		}
		if s.Dialect() == store.PostgreSQL {
			tries = append(tries, "TRUNCATE audit_records")
		} else {
			tries = append(tries, "REPLACE INTO "+insert)
		}
		for _, q := range tries {
			if _, err := raw.Exec(q); err == nil || !strings.Contains(err.Error(), "only ever added") {
				t.Errorf("%s: %v", q, err)
			}
		}
		got, err := s.AuditRecord(context.Background(), "p", "a")
		if err != nil || got.Actor != "k" || got.SamplesDeleted != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.AuditRecord(context.Background(), "another project", "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a foreign record: %v", err)
		}
	})
}

func newErasure(project, user string) store.NewErasure {
	h := sha256.Sum256([]byte(project + "\x00" + user))
	return store.NewErasure{ExternalUserID: user,
		Erasure: models.Erasure{ID: models.NewID(), ProjectID: project, SubjectHash: hex.EncodeToString(h[:]), Actor: "key", CreatedAt: time.Now()},
		Job: func(id string) models.Job {
			j := newJob(project)
			j.Kind, j.Request = models.KindUserErase, json.RawMessage(`{"erasure_id":"`+id+`"}`)
			return j
		}}
}

// keyed makes a batch one that came with an Idempotency-Key.
func keyed(in store.Ingest, user string) store.Ingest {
	key := models.IdempotencyRecord{ProjectID: in.Batch.ProjectID, Operation: "session_ingest", Key: models.NewID(), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	in.Key = &key
	in.Record = func(out store.Ingested) models.IdempotencyRecord {
		r := key
		r.JobID, r.Answer = out.JobID, models.Answer{Protocol: "http/202", Bytes: []byte(`{"of":"` + user + `"}`)}
		return r
	}
	return in
}

const insertWindow = `INSERT INTO feature_windows (session_id, window_index, project_id, seq, start_ms, end_ms, passed, data, created_at)
	VALUES ($1, $2, $3, $4, 0, 2000, true, '{}', '2025-01-01 00:00:00+00:00')`

const insertDecode = `INSERT INTO session_decodes (session_id, decode_index, project_id, seq, start_ms, end_ms, data, created_at)
	VALUES ($1, $2, $3, $4, 0, 2000, '{}', '2025-01-01 00:00:00+00:00')`

// uuids finds what the sweeps look for: users are named by a UUID as well.
var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// TestErasure lets users of two projects record, and erases them, in a random order of steps, with workers that are lost,
// come back when another has their job, or give it up. Whoever is erased is out of reach at once; in the end the audit records
// count what there was, nothing is left, and the others miss nothing.
func TestErasure(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		jobs := openJobs(t, s)
		banned := map[string]string{} // UUIDs that must be nowhere at the end, and what they were
		rapid.Check(t, func(t *rapid.T) {
			type owner struct{ project, user string }
			type record struct {
				models.Session
				owner
				samples, batches, windows, decodes int64
				job                                string   // the latest that writes windows
				keys                               []string // all jobs
			}
			type erasure struct {
				id, job                     string
				sessions, samples, features int64
				alive                       bool
			}
			type attempt struct {
				store.Claimed
				erasure *erasure
			}
			projects := []string{models.NewID(), models.NewID()}
			users := []string{models.NewID(), models.NewID()}
			var live, gone []*record
			running := map[owner]*erasure{}
			holder := map[*erasure]int{} // the attempt that holds the job, -1 for none
			var attempts []attempt

			anyone := func(t *rapid.T) owner {
				return owner{rapid.SampledFrom(projects).Draw(t, "project"), rapid.SampledFrom(users).Draw(t, "user")}
			}
			some := func(t *rapid.T) *record {
				if len(live) == 0 {
					t.Skip("no session")
				}
				return rapid.SampledFrom(live).Draw(t, "session")
			}
			over := func(e *erasure, audit models.AuditRecord) {
				got := [4]any{audit.ID, audit.SessionsDeleted, audit.SamplesDeleted, audit.FeaturesDeleted}
				if d := cmp.Diff([4]any{e.id, e.sessions, e.samples, e.features}, got); d != "" {
					t.Fatalf("audit record (-want +got):\n%s", d)
				}
			}
			chunk := func(i, limit int) {
				a := attempts[i]
				audit, err := s.EraseChunk(ctx, a.erasure.id, store.Attempt{ID: a.Job.ID, Attempt: a.Job.Attempts}, limit)
				done := true
				for _, e := range running {
					done = done && e != a.erasure
				}
				switch {
				case done:
					if err != nil || audit == nil {
						t.Fatalf("after the end: %v, %v", audit, err)
					}
					over(a.erasure, *audit)
				case holder[a.erasure] != i:
					if !errors.Is(err, store.ErrFenced) {
						t.Fatalf("an attempt that lost its job: %v, %v", audit, err)
					}
				case err != nil:
					t.Fatalf("chunk: %v", err)
				case audit != nil:
					over(a.erasure, *audit)
					for o, e := range running {
						if e == a.erasure {
							delete(running, o)
						}
					}
					if _, err := jobs.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: a.Job.ID, Attempt: a.Job.Attempts}, Owner: *a.Job.Owner,
						State: models.JobCompleted}); err != nil {
						t.Fatalf("finish: %v", err)
					}
				}
			}
			claim := func(e *erasure) {
				c, err := jobs.Claim(ctx, e.job, models.NewID(), time.Minute)
				if err != nil {
					t.Fatalf("claim: %v", err)
				}
				if c != nil {
					attempts = append(attempts, attempt{*c, e})
					holder[e] = len(attempts) - 1
				}
			}
			erase := func(o owner) *erasure {
				n := newErasure(o.project, o.user)
				out, err := s.AcceptErasure(ctx, n)
				if err != nil {
					t.Fatalf("erase: %v", err)
				}
				e := running[o]
				if (e == nil || !e.alive) != out.NewJob || e != nil && e.id != out.ID || e == nil && out.ID != n.Erasure.ID {
					t.Fatalf("accepted as %+v while %+v ran", out, e)
				}
				if e == nil {
					e = &erasure{id: out.ID}
					running[o] = e
				}
				if out.NewJob {
					holder[e] = -1
				}
				e.job, e.alive = out.Job.ID, true
				var taken []string
				live = slices.DeleteFunc(live, func(r *record) bool {
					if r.owner != o {
						return false
					}
					taken = append(taken, r.ID)
					gone = append(gone, r)
					e.sessions, e.samples, e.features = e.sessions+1, e.samples+r.samples, e.features+r.windows
					return true
				})
				if d := cmp.Diff(taken, out.Sessions); d != "" {
					t.Fatalf("sessions (-want +got):\n%s", d)
				}
				return e
			}

			t.Repeat(map[string]func(*rapid.T){
				"session": func(t *rapid.T) {
					o := anyone(t)
					mode := rapid.SampledFrom([]models.IngestionMode{models.ModeStreaming, models.ModeRecorded}).Draw(t, "mode")
					now := time.Now()
					ses := models.Session{ID: models.NewID(), ProjectID: o.project, ExternalUserID: o.user, DeviceType: "d", SampleRateHz: 100,
						Channels: []string{"Cz"}, IngestionMode: mode, State: mode.First(), HopMS: 2000, CreatedAt: now, StartedAt: now}
					if err := s.CreateSession(ctx, ses); err != nil {
						t.Fatalf("create: %v", err)
					}
					live = append(live, &record{Session: ses, owner: o})
				},
				"ingest": func(t *rapid.T) {
					r := some(t)
					n := rapid.Int64Range(1, 20).Draw(t, "samples")
					in := ingestOf(r.Session, fmt.Sprint(r.batches), r.batches*1000, n)
					if rapid.Bool().Draw(t, "key") {
						in = keyed(in, r.user)
					}
					out, err := s.IngestBatch(ctx, in)
					switch {
					case errors.Is(err, store.ErrSessionClosed):
					case err != nil:
						t.Fatalf("ingest: %v", err)
					default:
						r.batches, r.samples = r.batches+1, r.samples+n
						r.job, r.keys = out.JobID, append(r.keys, out.JobID)
					}
				},
				"window": func(t *rapid.T) {
					r := some(t)
					if _, err := raw.Exec(insertWindow, r.ID, r.windows, r.project, r.windows+1); err != nil {
						t.Fatalf("window: %v", err)
					}
					r.windows++
				},
				"decode": func(t *rapid.T) { // of the samples, by a job of its own with items, and of what runs
					r := some(t)
					a := newBatch(r.project, rapid.IntRange(0, 2).Draw(t, "items"))
					for _, j := range a.Jobs {
						a.Payloads = append(a.Payloads, store.NewPayload(j, []byte(r.user)))
						r.keys = append(r.keys, j.ID)
					}
					if _, err := jobs.Accept(ctx, a); err != nil {
						t.Fatalf("accept: %v", err)
					}
					if _, err := raw.Exec("INSERT INTO session_jobs (session_id, job_id) VALUES ($1, $2)", r.ID, a.Jobs[0].ID); err != nil {
						t.Fatalf("job: %v", err)
					}
					if _, err := raw.Exec(insertDecode, r.ID, r.decodes, r.project, r.decodes); err != nil {
						t.Fatalf("decode: %v", err)
					}
					r.decodes++
				},
				"end": func(t *rapid.T) {
					r := some(t)
					out, err := s.EndSession(ctx, store.SessionEnd{ProjectID: r.project, SessionID: r.ID, At: time.Now(), Job: sessionJob(r.Session)})
					if err != nil {
						t.Fatalf("end: %v", err)
					}
					if out.Session.JobID != nil {
						r.job, r.keys = *out.Session.JobID, append(r.keys, *out.Session.JobID)
					}
				},
				"a session's job ends": func(t *rapid.T) { // the next batch makes another
					r := some(t)
					if r.job == "" {
						t.Skip("no job")
					}
					c, err := jobs.Claim(ctx, r.job, "w", time.Minute)
					if err != nil {
						t.Fatalf("claim: %v", err)
					}
					if c != nil {
						if _, err := jobs.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: c.Job.ID, Attempt: 1}, Owner: "w", State: models.JobCompleted}); err != nil {
							t.Fatalf("finish: %v", err)
						}
					}
				},
				"erase": func(t *rapid.T) { erase(anyone(t)) },
				"claim": func(t *rapid.T) {
					for _, p := range projects {
						for _, u := range users {
							if e := running[owner{p, u}]; e != nil && rapid.Bool().Draw(t, "claim") {
								claim(e)
							}
						}
					}
				},
				"chunk": func(t *rapid.T) {
					if len(attempts) == 0 {
						t.Skip("nobody works")
					}
					chunk(rapid.IntRange(0, len(attempts)-1).Draw(t, "attempt"), rapid.IntRange(1, 12).Draw(t, "rows"))
				},
				"worker ends": func(t *rapid.T) {
					if len(attempts) == 0 {
						t.Skip("nobody works")
					}
					i := rapid.IntRange(0, len(attempts)-1).Draw(t, "attempt")
					a := attempts[i]
					at := store.Attempt{ID: a.Job.ID, Attempt: a.Job.Attempts}
					if rapid.Bool().Draw(t, "gives up") {
						code := "worker_lost"
						final, err := jobs.Finish(ctx, &store.Finish{Attempt: at, Owner: *a.Job.Owner, State: models.JobFailed, ErrorCode: &code})
						if err != nil {
							t.Fatalf("give up: %v", err)
						}
						if len(final) > 0 {
							a.erasure.alive, holder[a.erasure] = false, -1
						}
					} else if _, ok, err := jobs.Release(ctx, *a.Job.Owner, at, 0, ""); err != nil {
						t.Fatalf("release: %v", err)
					} else if ok {
						holder[a.erasure] = -1
					}
				},
				"ingest to an erased session": func(t *rapid.T) {
					if len(gone) == 0 {
						t.Skip("nobody is erased")
					}
					r := rapid.SampledFrom(gone).Draw(t, "session")
					if _, err := s.IngestBatch(ctx, keyed(ingestOf(r.Session, "late", 0, 10), r.user)); !errors.Is(err, store.ErrNotFound) {
						t.Fatalf("ingest: %v", err)
					}
				},
				"": func(t *rapid.T) {
					for _, r := range live {
						got, err := s.Session(ctx, r.project, r.ID)
						if err != nil || got.SampleCount != r.samples {
							t.Fatalf("session of another: %+v, %v", got, err)
						}
					}
					for _, r := range gone {
						if _, err := s.Session(ctx, r.project, r.ID); !errors.Is(err, store.ErrNotFound) {
							t.Fatalf("an erased session is there: %v", err)
						}
					}
				},
			})

			// Whatever happened: who asks again is served, and workers that stay bring it to an end.
			again := slices.Collect(func(yield func(owner) bool) {
				for _, p := range projects {
					for _, u := range users {
						if running[owner{p, u}] != nil && !yield(owner{p, u}) {
							return
						}
					}
				}
			})
			for _, o := range again {
				e := erase(o)
				if holder[e] < 0 {
					claim(e)
				}
				for running[o] != nil {
					chunk(holder[e], 7)
				}
			}
			for _, r := range live {
				var batches, windows int64
				err := raw.QueryRow(`SELECT (SELECT count(*) FROM sample_batches WHERE session_id = $1), (SELECT count(*) FROM feature_windows WHERE session_id = $1)`, r.ID).Scan(&batches, &windows)
				if err != nil || batches != r.batches || windows != r.windows {
					t.Fatalf("another's session has %d batches and %d windows, not %d and %d: %v", batches, windows, r.batches, r.windows, err)
				}
				for _, id := range r.keys {
					if _, err := jobs.Get(ctx, r.project, id); err != nil {
						t.Fatalf("another's job: %v", err)
					}
				}
			}
			for _, r := range gone {
				banned[r.ID] = "session"
				for _, id := range r.keys {
					banned[id] = "job"
				}
				if !slices.ContainsFunc(live, func(l *record) bool { return l.user == r.user }) {
					banned[r.user] = "user"
				}
			}
			for _, e := range running {
				t.Fatalf("erasure %v does not end", e)
			}
		})
		if len(banned) < 100 {
			t.Errorf("only %d names to look for", len(banned))
		}
		seen := 0
		testkit.Sweep(t, raw, s.Dialect(), func(table, column string, value []byte) {
			for _, id := range uuids.FindAllString(string(value), -1) {
				if seen++; banned[id] != "" {
					t.Errorf("%s.%s still names an erased %s: %s", table, column, banned[id], id)
				}
			}
		})
		t.Logf("looked for %d names among %d", len(banned), seen)
	})
}

// TestErasureUnderLoad erases a user whose sessions take batches from all sides, called many times at once.
func TestErasureUnderLoad(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		jobs := openJobs(t, s)
		project, user := models.NewID(), models.NewID()
		var sessions []models.Session
		for range 4 {
			ses := newSession(t, s, models.ModeStreaming)
			ses.ID, ses.ProjectID, ses.ExternalUserID = models.NewID(), project, user
			if err := s.CreateSession(ctx, ses); err != nil {
				t.Fatal(err)
			}
			sessions = append(sessions, ses)
		}
		const before = 5
		var ingesting, ready sync.WaitGroup
		var mu sync.Mutex
		accepted := int64(0)
		for i, ses := range sessions {
			for w := range 2 {
				ready.Add(1)
				ingesting.Go(func() {
					for n := 0; ; n++ {
						if n == before {
							ready.Done()
						}
						_, err := s.IngestBatch(ctx, keyed(ingestOf(ses, fmt.Sprint(i, w, n), int64(n)*1000, 10), user))
						if errors.Is(err, store.ErrNotFound) {
							if n < before {
								ready.Done()
							}
							return
						}
						if err != nil {
							t.Errorf("ingest: %v", err)
							return
						}
						mu.Lock()
						accepted += 10
						mu.Unlock()
					}
				})
			}
		}
		ready.Wait()
		var erasing sync.WaitGroup
		outs := make([]store.AcceptedErasure, 8)
		for i := range outs {
			erasing.Go(func() {
				var err error
				if outs[i], err = s.AcceptErasure(ctx, newErasure(project, user)); err != nil {
					t.Errorf("erase: %v", err)
				}
			})
		}
		erasing.Wait()
		ingesting.Wait() // every writer has found its session gone
		if t.Failed() {
			t.FailNow()
		}
		made := 0
		for _, o := range outs {
			if o.ID != outs[0].ID || o.Job.ID != outs[0].Job.ID {
				t.Errorf("two at once: %+v and %+v", o, outs[0])
			}
			if o.NewJob {
				made++
			}
		}
		if made != 1 {
			t.Errorf("%d jobs were made", made)
		}
		c, err := jobs.Claim(ctx, outs[0].Job.ID, "w", time.Minute)
		if err != nil || c == nil {
			t.Fatalf("claim: %v, %v", c, err)
		}
		var audit *models.AuditRecord
		for audit == nil {
			if audit, err = s.EraseChunk(ctx, outs[0].ID, store.Attempt{ID: c.Job.ID, Attempt: 1}, 64); err != nil {
				t.Fatal(err)
			}
		}
		if audit.SessionsDeleted != 4 || audit.SamplesDeleted != accepted {
			t.Errorf("%+v, %d samples accepted", audit, accepted)
		}
		testkit.Sweep(t, raw, s.Dialect(), func(table, column string, value []byte) {
			if strings.Contains(string(value), user) {
				t.Errorf("%s.%s still names the user: %s", table, column, value)
			}
		})
	})
}

// TestJobsOfErasedSessionsWriteNothing erases a user while the session's job computes.
func TestJobsOfErasedSessionsWriteNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		jobs := openJobs(t, s)
		ses := newSession(t, s, models.ModeRecorded)
		out, err := s.IngestBatch(ctx, ingestOf(ses, "b", 0, 200))
		if err != nil {
			t.Fatal(err)
		}
		c, err := jobs.Claim(ctx, out.JobID, "w", time.Minute)
		if err != nil || c == nil {
			t.Fatalf("claim: %v, %v", c, err)
		}
		if _, err := s.AcceptErasure(ctx, newErasure(ses.ProjectID, ses.ExternalUserID)); err != nil {
			t.Fatal(err)
		}
		_, err = s.CommitWindows(ctx, store.WindowCommit{ProjectID: ses.ProjectID, SessionID: ses.ID, Attempt: store.Attempt{ID: out.JobID, Attempt: 1},
			Windows: []models.FeatureWindow{{SessionID: ses.ID, ProjectID: ses.ProjectID, Data: "{}", CreatedAt: time.Now()}},
			Decodes: []models.SessionDecode{{SessionID: ses.ID, ProjectID: ses.ProjectID, Data: "{}", CreatedAt: time.Now()}}})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("commit: %v", err)
		}
		if _, err := s.EndSession(ctx, store.SessionEnd{ProjectID: ses.ProjectID, SessionID: ses.ID, At: time.Now(), Job: sessionJob(ses)}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("end: %v", err)
		}
		if _, err := s.FailSession(ctx, ses.ProjectID, ses.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("fail: %v", err)
		}
		var n int
		if err := raw.QueryRow("SELECT (SELECT count(*) FROM feature_windows) + (SELECT count(*) FROM session_decodes)").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d windows and decodes, %v", n, err)
		}
	})
}
