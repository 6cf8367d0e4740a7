//go:build unix

package store_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/models"
)

// TestWhatIsMuchReachesTheDiskInParts: however much is written at once, a commit never finds more than a few parts of it in the log that the
// disk does not have yet.
func TestWhatIsMuchReachesTheDiskInParts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pg, err := servers.StartPostgres(ctx, "autovacuum=off", "wal_buffers=16MB", "wal_writer_flush_after=0", "wal_writer_delay=10s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Close() })
	s := openStore(t, store.Config{DatabaseURL: pg.DSN()})
	if _, err := s.Migrate(ctx, "up"); err != nil {
		t.Fatal(err)
	}
	j := openJobs(t, s)
	project := models.NewID()
	const item, much, most = 32 << 10, 8 << 20, 1 << 20

	ses := newSession(t, s, models.ModeStreaming)
	in := ingestOf(ses, "first", 0, 400)
	if _, err := s.IngestBatch(ctx, in); err != nil {
		t.Fatal(err)
	}
	c, err := j.Claim(ctx, in.Job.ID, "w", time.Hour)
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	held := store.Attempt{ID: c.Job.ID, Attempt: c.Job.Attempts}

	for name, write := range map[string]func() error{
		"a batch of jobs": func() error {
			a := newBatch(project, much/item)
			for i := range a.Jobs[1:] {
				a.Payloads = append(a.Payloads, store.NewPayload(a.Jobs[1+i], bytes.Repeat([]byte{byte(i)}, item)))
			}
			_, err := j.Accept(ctx, a)
			return err
		},
		"an upload": func() error {
			for i := range 16 {
				if err := s.AddChunk(ctx, models.UploadChunk{SessionID: "u", Seq: i, ProjectID: project, Data: make([]byte, 512<<10), CreatedAt: time.Now()}); err != nil {
					return err
				}
			}
			return nil
		},
		"windows": func() error {
			w := store.WindowCommit{ProjectID: ses.ProjectID, SessionID: ses.ID, Attempt: held}
			for i := range int64(much / 1500) {
				w.Windows = append(w.Windows, models.FeatureWindow{SessionID: ses.ID, ProjectID: ses.ProjectID, WindowIndex: i, Data: strings.Repeat(fmt.Sprint(i%10), 1500), CreatedAt: time.Now()})
			}
			_, err := s.CommitWindows(ctx, w)
			return err
		},
	} {
		done := make(chan struct{})
		var watch sync.WaitGroup
		largest, looks := int64(0), 0
		watch.Go(func() {
			conn, err := pgx.Connect(ctx, pg.DSN())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close(ctx)
			for {
				var left int64
				if err := conn.QueryRow(ctx, "SELECT (pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn())::bigint").Scan(&left); err != nil {
					t.Error(err)
					return
				}
				largest, looks = max(largest, left), looks+1
				select {
				case <-done:
					return
				default:
				}
			}
		})
		if err := write(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		close(done)
		watch.Wait()
		t.Logf("%s: at most %d KiB not on the disk, of %d looks", name, largest>>10, looks)
		if largest > most {
			t.Errorf("%s: %d KiB were in the log and not on the disk, want at most %d", name, largest>>10, most>>10)
		}
	}
}
