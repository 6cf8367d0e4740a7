package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/models"
)

// BenchmarkLongData accepts, claims and reads recordings of 5 MB, and takes batches of samples of 1 MB, inside the database and in a folder outside it, with
// all flushes: how long each takes, by how much the database grows, and what is written for it, in bytes (of PostgreSQL its log, of SQLite all that the
// process writes, objects with it). Short recordings tell what the setting costs those who gain nothing by it.
func BenchmarkLongData(b *testing.B) {
	ctx := context.Background()
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = pg.Close() })
	for _, pair := range []string{"postgres", "embedded"} {
		for _, where := range []string{"inside", "outside"} {
			for _, what := range []string{"recording-5MB", "batch-1MB", "recording-8kB"} {
				b.Run(pair+"/"+what+"/"+where, func(b *testing.B) {
					cfg := store.Config{DataDir: b.TempDir()}
					if pair == "postgres" {
						name := strings.NewReplacer("-", "_", "MB", "", "kB", "").Replace(fmt.Sprintf("%s_%s_%d", what, where, b.N))
						if err := pg.CreateDatabase(ctx, name, ""); err != nil {
							b.Fatal(err)
						}
						b.Cleanup(func() { _ = pg.DropDatabase(ctx, name) })
						cfg.DatabaseURL = pg.URL(name)
					}
					if where == "outside" {
						cfg.Objects, cfg.ObjectsFrom = folderOfObjects(b), 256<<10
					}
					longData(b, ctx, cfg, what)
				})
			}
		}
	}
}

func longData(b *testing.B, ctx context.Context, cfg store.Config, what string) {
	s, err := store.Open(ctx, cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if _, err := s.Migrate(ctx, "up"); err != nil {
		b.Fatal(err)
	}
	jobs, err := s.OpenJobs(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(jobs.Close)
	raw := testkit.Raw(b, cfg)
	project, now := models.NewID(), time.Now()
	ses := models.Session{ID: models.NewID(), ProjectID: project, ExternalUserID: "u", DeviceType: "d", SampleRateHz: 100, Channels: []string{"Cz"},
		IngestionMode: models.ModeRecorded, State: models.ModeRecorded.First(), HopMS: 2000, CreatedAt: now, StartedAt: now}
	if err := s.CreateSession(ctx, ses); err != nil {
		b.Fatal(err)
	}
	data, next := noise(5<<20), 0
	if what == "recording-8kB" {
		data = data[:8<<10]
	}
	one := func() {
		if what == "batch-1MB" {
			const samples = 1 << 18
			in := ingestOf(ses, fmt.Sprint(next), 1000+int64(next)*samples*10, samples)
			copy(in.Batch.Data, data)
			if _, err := s.IngestBatch(ctx, in); err != nil {
				b.Fatal(err)
			}
			next++
			return
		}
		a := submit(project, data)
		if _, err := jobs.Accept(ctx, a); err != nil {
			b.Fatal(err)
		}
		c, err := jobs.Claim(ctx, a.Jobs[0].ID, "w", time.Minute)
		if err != nil || c == nil {
			b.Fatal(c, err)
		}
		got := c.Payload
		if c.Load != nil {
			if got, err = c.Load(ctx); err != nil {
				b.Fatal(err)
			}
		}
		if len(got) != len(data) {
			b.Fatal("another recording")
		}
	}
	for range 3 {
		one()
	}
	size, written := footprint(b, s, cfg, raw)
	b.ResetTimer()
	for range b.N {
		one()
	}
	b.StopTimer()
	grown, more := footprint(b, s, cfg, raw)
	b.ReportMetric(float64(grown-size)/float64(b.N), "database-B/op")
	b.ReportMetric(float64(more-written)/float64(b.N), "written-B/op")
}

// footprint returns the size of a database and how much was written so far, in bytes.
func footprint(b *testing.B, s *store.Store, cfg store.Config, raw *sql.DB) (size, written int64) {
	b.Helper()
	if s.Dialect() == store.PostgreSQL {
		if err := raw.QueryRow("SELECT pg_database_size(current_database()), (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint").Scan(&size, &written); err != nil {
			b.Fatal(err)
		}
		return size, written
	}
	err := filepath.WalkDir(cfg.DataDir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		i, err := e.Info()
		if err == nil {
			size += i.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if text, err := os.ReadFile("/proc/self/io"); err == nil { // elsewhere nothing tells
		var read int64
		if _, err := fmt.Sscanf(string(text), "rchar: %d\nwchar: %d", &read, &written); err != nil {
			b.Fatal(err)
		}
	}
	return size, written
}
