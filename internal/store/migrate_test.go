package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm/schema"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/migrations"
	"github.com/neurod/neurod/models"
)

// entities names the table of every entity.
var entities = map[string]any{
	"users":             models.User{},
	"refresh_tokens":    models.RefreshToken{},
	"login_identities":  models.LoginIdentity{},
	"projects":          models.Project{},
	"memberships":       models.Membership{},
	"invitations":       models.Invitation{},
	"project_quotas":    models.ProjectQuota{},
	"project_usage":     models.ProjectUsage{},
	"project_retention": models.ProjectRetention{},
	"write_probes":      models.WriteProbe{},
	"objects":           models.Object{},
	"object_stores":     models.ObjectStore{},
	"api_keys":          models.APIKey{},

	"jobs":                models.Job{},
	"job_payloads":        models.Payload{},
	"idempotency_records": record{},

	"sessions":        models.Session{},
	"sample_batches":  models.SampleBatch{},
	"feature_windows": models.FeatureWindow{},
	"audit_records":   models.AuditRecord{},
	"audit_events":    models.AuditEvent{},

	"session_stretches": models.SessionSegment{},
	"session_overviews": models.SessionOverview{},
	"session_clocks":    models.SessionClock{},
	"session_decodes":   models.SessionDecode{},

	"session_alignments": models.SessionAlignment{},

	"project_models":         models.ProjectModel{},
	"project_model_names":    models.ProjectModelName{},
	"project_model_sessions": models.ProjectModelSession{},
	"analytics_events":       models.AnalyticsEvent{},
	"analytics_months":       models.AnalyticsMonth{},
	"session_jobs":           models.SessionJob{},

	"devices":          models.Device{},
	"queue_pauses":     models.QueuePause{},
	"scale_events":     models.ScaleEvent{},
	"processes":        models.Process{},
	"schema_floor":     models.SchemaFloor{},
	"job_stats":        models.JobStat{},
	"operator_actions": models.OperatorAction{},

	"webhooks":           models.Webhook{},
	"webhook_events":     models.WebhookEvent{},
	"webhook_deliveries": models.WebhookDelivery{},
	"webhook_attempts":   models.WebhookAttempt{},

	"erasures":        models.Erasure{},
	"erased_sessions": models.ErasedSession{},

	"upload_chunks":   models.UploadChunk{},
	"session_imports": models.SessionImport{},
	"session_events":  models.SessionMark{},
}

// record is how a models.IdempotencyRecord lies in its table.
type record struct {
	ProjectID, Operation, Key, Fingerprint, JobID string
	Protocol                                      string
	Status                                        int
	Body                                          []byte
	CreatedAt, ExpiresAt                          time.Time
}

// empties opens an empty database of each dialect, with a plain connection beside the store to look at it.
func empties(t *testing.T, suite func(t *testing.T, cfg store.Config, raw *sql.DB)) {
	t.Helper()
	open := func(t *testing.T, driver, dsn string) *sql.DB {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := testkit.EmptyPostgres(t)
		suite(t, store.Config{DatabaseURL: dsn}, open(t, "pgx", dsn))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "sub", "neurod.db")
		suite(t, store.Config{DatabaseURL: "sqlite:" + path}, open(t, "sqlite", path))
	})
}

func openStore(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// columns returns, for every table, its columns and whether each may be null.
func columns(t *testing.T, db *sql.DB, dialect store.Dialect) map[string]map[string]bool {
	t.Helper()
	query := `SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = 'public'`
	if dialect == store.SQLite {
		query = `SELECT m.name, p.name, p."notnull" = 0 FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	}
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]map[string]bool{}
	for rows.Next() {
		var table, column string
		var null bool
		if err := rows.Scan(&table, &column, &null); err != nil {
			t.Fatal(err)
		}
		if table == "goose_db_version" {
			continue
		}
		if out[table] == nil {
			out[table] = map[string]bool{}
		}
		out[table][column] = null
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// wanted returns the columns that the entities ask for. A pointer or raw JSON may be null, all else may not.
func wanted() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for table, entity := range entities {
		out[table] = map[string]bool{}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(entity)) {
			name := schema.NamingStrategy{}.ColumnName("", f.Name)
			out[table][name] = f.Type.Kind() == reflect.Pointer || f.Type.String() == "json.RawMessage"
		}
	}
	return out
}

func TestMigrationsMatchEntities(t *testing.T) {
	t.Parallel()
	empties(t, func(t *testing.T, cfg store.Config, raw *sql.DB) {
		s := openStore(t, cfg)
		if _, err := s.Migrate(context.Background(), "up"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted(), columns(t, raw, s.Dialect())); diff != "" {
			t.Errorf("entities and tables differ (-entity +table; true = may be null):\n%s", diff)
		}
	})
}

func TestMigrateUpDownUp(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	empties(t, func(t *testing.T, cfg store.Config, raw *sql.DB) {
		s := openStore(t, cfg)
		if err := s.CheckMigrated(ctx); !errors.Is(err, store.ErrNotMigrated) || !strings.Contains(err.Error(), "00001_accounts.sql") {
			t.Fatalf("empty database: %v", err)
		}
		if got := columns(t, raw, s.Dialect()); len(got) > 0 {
			t.Fatalf("the check made tables: %v", got)
		}
		up, err := s.Migrate(ctx, "up")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range up {
			if !m.Applied || m.AppliedAt.IsZero() {
				t.Errorf("moved up: %+v", m)
			}
		}
		first := columns(t, raw, s.Dialect())
		if err := s.CheckMigrated(ctx); err != nil {
			t.Fatal(err)
		}
		if again, err := s.Migrate(ctx, "up"); err != nil || len(again) != 0 {
			t.Fatalf("second up moved %v, %v", again, err)
		}
		status, err := s.Migrate(ctx, "status")
		if err != nil || len(status) != len(up) {
			t.Fatalf("status %v, %v", status, err)
		}
		for i, m := range status {
			if !m.Applied || m.AppliedAt.IsZero() || m.Version != up[i].Version || m.Name != up[i].Name {
				t.Errorf("status %+v, up %+v", m, up[i])
			}
		}
		for i := len(up) - 1; i >= 0; i-- {
			down, err := s.Migrate(ctx, "down")
			if err != nil || len(down) != 1 || down[0].Version != up[i].Version || down[0].Applied {
				t.Fatalf("down from %d: %+v, %v", up[i].Version, down, err)
			}
			if err := s.CheckMigrated(ctx); !errors.Is(err, store.ErrNotMigrated) {
				t.Fatalf("after down from %d: %v", up[i].Version, err)
			}
		}
		if left := columns(t, raw, s.Dialect()); len(left) > 0 {
			t.Fatalf("down left %v", slices.Collect(maps.Keys(left)))
		}
		if _, err := s.Migrate(ctx, "up"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, columns(t, raw, s.Dialect())); diff != "" {
			t.Errorf("up after down differs:\n%s", diff)
		}
		if _, err := s.Migrate(ctx, "sideways"); err == nil {
			t.Error("unknown direction: no error")
		}
	})
}

// TestSessionsAreCarriedOver moves a session of the first schema up: what waits, what was recorded and where readers are
// stays.
func TestSessionsAreCarriedOver(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	empties(t, func(t *testing.T, cfg store.Config, raw *sql.DB) {
		s := openStore(t, cfg)
		if _, err := s.Migrate(ctx, "up"); err != nil {
			t.Fatal(err)
		}
		for version := int64(0); version != 4; {
			down, err := s.Migrate(ctx, "down")
			if err != nil || len(down) != 1 {
				t.Fatal(down, err)
			}
			version = down[0].Version
		}
		insert := func(id string, batches ...[3]int64) { // start, end, pending
			t.Helper()
			pending := int64(0)
			for _, b := range batches {
				pending += b[2]
			}
			if _, err := raw.Exec(fmt.Sprintf(`INSERT INTO sessions (id, project_id, external_user_id, device_type, sample_rate_hz, channels, ingestion_mode, state,
				hop_ms, origin_ms, batch_count, pending_count, window_count, created_at, started_at)
				VALUES ('%s', 'p', 'u', 'd', 100, '["Cz"]', 'STREAMING', 'OPEN', 2000, 0, %d, %d, 7, '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00')`,
				id, len(batches), pending)); err != nil {
				t.Fatal(err)
			}
			for seq, b := range batches {
				if _, err := raw.Exec(fmt.Sprintf(`INSERT INTO sample_batches (session_id, batch_id, project_id, seq, start_ms, start_sample, end_sample, pending, job_id,
					digest, codec, size, data, created_at) VALUES ('%s', 'b%d', 'p', %d, 0, %d, %d, %t, 'j', '', 'none', 0, '', '2026-01-01 00:00:00+00:00')`,
					id, seq, seq, b[0], b[1], b[2] == 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		insert("a", [3]int64{0, 100, 0}, [3]int64{300, 400, 0}, [3]int64{100, 150, 0}, [3]int64{350, 420, 1}, [3]int64{-50, -10, 1})
		insert("b")
		if _, err := s.Migrate(ctx, "up"); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string][]models.Segment{"a": {{Start: -50, End: -10}, {Start: 0, End: 150}, {Start: 300, End: 420}}, "b": {}} {
			ses, err := s.Session(ctx, "p", id)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Segments(ctx, ses, 100)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("segments of %s (-want +got):\n%s", id, d)
			}
			if waits := map[string]int{"a": 2, "b": 0}[id]; ses.Pending() != waits || ses.LastSeq != 7 || ses.JitterMS != 1 {
				t.Errorf("%s: %d batches wait, want %d; %+v", id, ses.Pending(), waits, ses)
			}
		}
		// And back.
		for version := int64(0); version != 4; {
			down, err := s.Migrate(ctx, "down")
			if err != nil || len(down) != 1 {
				t.Fatal(down, err)
			}
			version = down[0].Version
		}
		var waits, marked int
		if err := raw.QueryRow(`SELECT (SELECT pending_count FROM sessions WHERE id = 'a'), (SELECT count(*) FROM sample_batches WHERE pending)`).Scan(&waits, &marked); err != nil {
			t.Fatal(err)
		}
		if waits != 2 || marked != 2 {
			t.Errorf("back down %d batches wait and %d are marked", waits, marked)
		}
	})
}

func TestBothDialectsHaveTheSameMigrations(t *testing.T) {
	t.Parallel()
	list := func(dir string) []string {
		names, err := fs.Glob(migrations.FS, dir+"/*.sql")
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", dir, names, err)
		}
		for i := range names {
			names[i] = filepath.Base(names[i])
		}
		return names
	}
	if diff := cmp.Diff(list("postgres"), list("sqlite")); diff != "" {
		t.Errorf("postgres and sqlite differ:\n%s", diff)
	}
}

func TestConcurrentMigrations(t *testing.T) {
	t.Parallel()
	dsn := testkit.EmptyPostgres(t)
	var wg sync.WaitGroup
	for range 4 { // as many processes starting together
		s := openStore(t, store.Config{DatabaseURL: dsn})
		wg.Go(func() {
			if _, err := s.Migrate(context.Background(), "up"); err != nil {
				t.Error(err)
			}
			if err := s.CheckMigrated(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestOpen(t *testing.T) {
	t.Parallel()
	t.Run("default file is private", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "data")
		s := openStore(t, store.Config{DataDir: dir})
		if _, err := s.Migrate(context.Background(), "up"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"neurod.db", "neurod.db-wal", "neurod.db-shm"} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", name, info.Mode())
			}
		}
	})
	for name, url := range map[string]string{
		"unknown scheme":   "mysql://root:hunter2@localhost/x",
		"malformed":        "postgres://user:hunter2@local host:port/x",
		"nobody listens":   "postgres://user:hunter2@127.0.0.1:1/x?connect_timeout=1",
		"memory":           "sqlite::memory:",
		"file parameters":  "data.db?mode=ro",
		"folder as a file": "sqlite:" + t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(context.Background(), store.Config{DatabaseURL: url})
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// TestAnswersOfEarlierVersions: an answer that a version without protocols kept is replayed as what it was, and one that this
// version keeps is there for such a version, beside which it runs while it is rolled out.
func TestAnswersOfEarlierVersions(t *testing.T) {
	t.Parallel()
	empties(t, func(t *testing.T, cfg store.Config, raw *sql.DB) {
		s := openStore(t, cfg)
		if _, err := s.Migrate(t.Context(), "up"); err != nil {
			t.Fatal(err)
		}
		at := time.Now().UTC().Truncate(time.Microsecond)
		for key, row := range map[string]string{"ours": `201, 'made'`, "theirs": `202, 'accepted'`} {
			insert := `INSERT INTO idempotency_records (project_id, operation, key, fingerprint, job_id, status, body, created_at, expires_at)
				VALUES ('p', 'o', '` + key + `', 'f', 'j', ` + row + `, '2024-01-01 00:00:00+00:00', '2999-01-01 00:00:00+00:00')`
			if s.Dialect() == store.SQLite {
				insert = strings.NewReplacer("'made'", "CAST('made' AS BLOB)", "'accepted'", "CAST('accepted' AS BLOB)").Replace(insert)
			}
			if _, err := raw.Exec(insert); err != nil {
				t.Fatal(err)
			}
		}
		name := func(key string) models.IdempotencyRecord {
			return models.IdempotencyRecord{ProjectID: "p", Operation: "o", Key: key, Fingerprint: "f", CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
		}
		kept, err := s.KeptAnswer(t.Context(), name("ours"))
		if err != nil || kept == nil {
			t.Fatalf("%v, %v", kept, err)
		}
		answer, err := kept.Replay(models.Idempotency{Key: "ours", Fingerprint: "f", Protocol: "http"})
		if err != nil || answer.Protocol != "http/201" || string(answer.Bytes) != "made" {
			t.Errorf("%+v, %v", answer, err)
		}
		replayed, err := s.Once(t.Context(), name("theirs"), func(context.Context, *models.IdempotencyRecord) error { return errors.New("run again") })
		if err != nil || replayed == nil || replayed.Answer.Protocol != "http/202" || string(replayed.Answer.Bytes) != "accepted" {
			t.Errorf("%+v, %v", replayed, err)
		}
		for protocol, want := range map[string]int{"http/202": 202, "grpc": 0} {
			if _, err := s.Once(t.Context(), name(protocol), func(_ context.Context, r *models.IdempotencyRecord) error {
				r.Answer = models.Answer{Protocol: protocol, Bytes: []byte("kept")}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			var status int
			var body []byte
			if err := raw.QueryRow(`SELECT status, body FROM idempotency_records WHERE key = '`+protocol+`'`).Scan(&status, &body); err != nil || status != want || string(body) != "kept" {
				t.Errorf("%s: status %d, %s, %v", protocol, status, body, err)
			}
		}
	})
}
