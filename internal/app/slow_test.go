package app

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/powercut"
)

// TestASlowDisk: every sync takes 0.2 s. Nothing is refused for it, the process stays ready, calls share the wait, and no lease ends.
func TestASlowDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk, err := powercut.Watch(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := boot(t, testkit.Backend{DataDir: dir})
	session := s.session(t, "user_1", "STREAMING")
	disk.SetSlow(200 * time.Millisecond)
	before := disk.Syncs()
	var calls sync.WaitGroup
	const n = 12
	for range n {
		calls.Go(func() {
			s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string))
		})
	}
	calls.Go(func() { s.json(t, 202, "POST", "/v1/sessions/"+session+"/ingest", s.key, samples(1)) })
	calls.Wait()
	if a := s.call(t, "GET", "/readyz", "", nil); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	disk.SetSlow(0)
	if syncs := disk.Syncs() - before; syncs == 0 {
		t.Error("nothing was flushed")
	}
	var rerun int
	db := testkit.Raw(t, store.Config{DatabaseURL: filepath.Join(dir, "neurod.db")})
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM jobs WHERE attempts > 1").Scan(&rerun); err != nil || rerun != 0 {
		t.Errorf("%d jobs were taken from who held them, %v", rerun, err)
	}
}
