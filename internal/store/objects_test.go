package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/blobs"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// objectsFrom is the length from which data lie outside in these tests, in bytes.
const objectsFrom = 1000

// faulty is a folder of objects that can be made to fail, and tells what is asked of it.
type faulty struct {
	*blobs.Bucket
	folder string

	mu                sync.Mutex
	put, get, deletes func(key string) error // before what they are named for
}

func (f *faulty) set(put, get, deletes func(key string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put, f.get, f.deletes = put, get, deletes
}

func (f *faulty) ask(hook *func(string) error, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *hook == nil {
		return nil
	}
	return (*hook)(key)
}

func (f *faulty) Put(ctx context.Context, key string, data []byte) error {
	if err := f.ask(&f.put, key); err != nil {
		return err
	}
	return f.Bucket.Put(ctx, key, data)
}

func (f *faulty) Get(ctx context.Context, key string, size int) ([]byte, error) {
	if err := f.ask(&f.get, key); err != nil {
		return nil, err
	}
	return f.Bucket.Get(ctx, key, size)
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	if err := f.ask(&f.deletes, key); err != nil {
		return err
	}
	return f.Bucket.Delete(ctx, key)
}

// files returns the objects that are in the folder, in order.
func (f *faulty) files(t testing.TB) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(f.folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func folderOfObjects(t testing.TB) *faulty {
	t.Helper()
	f := &faulty{folder: filepath.Join(t.TempDir(), "objects")}
	var err error
	if f.Bucket, err = blobs.Open(context.Background(), "file://"+f.folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// outsideStores runs a suite on both databases, with long data in a folder.
func outsideStores(t *testing.T, suite func(t *testing.T, s *store.Store, cfg store.Config, at *faulty)) {
	t.Helper()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		at := folderOfObjects(t)
		b.Store.Objects, b.Store.ObjectsFrom = at, objectsFrom
		suite(t, b.Open(t), b.Store, at)
	})
}

// noise returns bytes that no compression makes shorter.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{45}).Read(b)
	return b
}

// submit returns the acceptance of a job with a recording.
func submit(project string, recording []byte) *store.Acceptance {
	job := newJob(project)
	return &store.Acceptance{Jobs: []models.Job{job}, Payloads: []models.Payload{store.NewPayload(job, recording)}}
}

// noisy returns a batch of noise.
func noisy(ses models.Session, id string, startMS, samples int64) store.Ingest {
	in := ingestOf(ses, id, startMS, samples)
	in.Batch.Data = noise(len(in.Batch.Data))
	return in
}

func storedBytes(t *testing.T, s *store.Store, project string) int64 {
	t.Helper()
	u, err := s.Usage(context.Background(), project, time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return u.Used[models.QuotaStoredBytes]
}

// TestLongDataLieOutside: they are read as they came, count as stored, and stay readable when nothing more is put there; what was
// stored inside before is read as well.
func TestLongDataLieOutside(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	outsideStores(t, func(t *testing.T, s *store.Store, cfg store.Config, at *faulty) {
		off := cfg
		off.Objects, off.ObjectsFrom = nil, 0
		none := openStore(t, off)
		jobs := map[string]store.Jobs{"on": openJobs(t, s), "none": openJobs(t, none)}
		project := models.NewID()

		// The same lengths, accepted with and without; 512 KiB of one byte are compressed and short.
		var inside, outside []*store.Acceptance
		lengths, total := []int{10, objectsFrom - 1, objectsFrom, 300 << 10, 2 << 20}, int64(0)
		for _, n := range lengths {
			in, out := submit(project, noise(n)), submit(project, noise(n))
			accept(t, jobs["none"], in)
			accept(t, jobs["on"], out)
			inside, outside, total = append(inside, in), append(outside, out), total+2*int64(n)
		}
		same := submit(project, make([]byte, 512<<10))
		accept(t, jobs["on"], same)
		total += int64(len(same.Payloads[0].Data))
		if got := len(at.files(t)); got != 3 {
			t.Fatalf("%d objects of 3 long recordings", got)
		}
		for _, path := range at.files(t) {
			if i, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v, %v", path, i, err)
			}
			if !strings.Contains(path, project) {
				t.Errorf("%s lies apart from its project", path)
			}
		}
		if got := storedBytes(t, s, project); got < total || got > total+3*300 { // with what names the three objects
			t.Errorf("%d bytes count as stored of %d", got, total)
		}
		if n, size, err := s.ObjectsKept(ctx); err != nil || n != 3 || size != objectsFrom+300<<10+2<<20 {
			t.Errorf("%d objects of %d bytes, %v", n, size, err)
		}
		off.Objects = at // what lies there is read, and nothing more put there
		readers := map[string]store.Jobs{"on": jobs["on"], "nothing new": openJobs(t, openStore(t, off))}
		for name, list := range map[string][]*store.Acceptance{"inside": inside, "outside": outside} {
			for i, a := range list {
				reader := []string{"on", "nothing new"}[i%2]
				if i == 3 {
					reader = "nothing new"
				}
				c, err := readers[reader].Claim(ctx, a.Jobs[0].ID, "w", time.Minute)
				if err != nil || c == nil {
					t.Fatalf("%s of %d bytes: %v, %v", name, lengths[i], c, err)
				}
				got := c.Payload
				if (c.Load != nil) != (name == "outside" && lengths[i] >= objectsFrom) {
					t.Errorf("%s of %d bytes lies elsewhere", name, lengths[i])
				}
				if c.Load != nil {
					if got, err = c.Load(ctx); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(got, noise(lengths[i])) {
					t.Errorf("%s of %d bytes came back with %d", name, lengths[i], len(got))
				}
			}
		}
		if c, err := jobs["none"].Claim(ctx, outside[2].Jobs[0].ID, "w", time.Minute); err != nil || c != nil {
			t.Errorf("claimed twice: %v, %v", c, err)
		}
		_, _, p, err := s.AdminJob(ctx, outside[4].Jobs[0].ID)
		if err != nil || p == nil || p.Bytes != 2<<20 || len(p.SHA256) != 64 {
			t.Errorf("as operators see it: %+v, %v", p, err)
		}
		// Without a place set the rest of the job is still told.
		_, _, p, err = none.AdminJob(ctx, outside[4].Jobs[0].ID)
		if err != nil || p == nil || p.Bytes != 2<<20 || p.SHA256 != "" {
			t.Errorf("as operators see it without the place: %+v, %v", p, err)
		}
	})
}

// TestBatchesLieOutside reads samples in every way there is.
func TestBatchesLieOutside(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	outsideStores(t, func(t *testing.T, s *store.Store, cfg store.Config, at *faulty) {
		ses := newSession(t, s, models.ModeRecorded)
		var want [][]byte
		for i, n := range []int64{100, 300, 400, 100, 500} { // samples of 4 bytes, 100 a second
			in := noisy(ses, fmt.Sprint(i), 1000+int64(i)*10_000, n)
			want = append(want, in.Batch.Data)
			if out, err := s.IngestBatch(ctx, in); err != nil || out.Duplicate {
				t.Fatalf("%+v, %v", out, err)
			}
		}
		if got := len(at.files(t)); got != 3 {
			t.Fatalf("%d objects of 3 long batches", got)
		}
		ses, err := s.Session(ctx, ses.ProjectID, ses.ID)
		if err != nil {
			t.Fatal(err)
		}
		hold := func(how string, got []models.SampleBatch, err error) {
			t.Helper()
			if err != nil || len(got) != len(want) {
				t.Fatalf("%s: %d batches, %v", how, len(got), err)
			}
			for i := range got {
				if !bytes.Equal(got[i].Data, want[i]) {
					t.Errorf("%s: batch %d came back with %d bytes", how, i, len(got[i].Data))
				}
			}
		}
		over, err := s.BatchesOver(ctx, ses.ID, 0, 1<<40, ses.LongestBatch)
		hold("over", over, err)
		r := store.BatchRange{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: ses.BatchCount, Longest: ses.LongestBatch, Piece: 2000}
		ends, err := s.BatchesByEnd(ctx, r, -1, -1, 100)
		hold("by end", ends, err)
		for _, compute := range []func(context.Context, int, func() error) error{nil, func(_ context.Context, _ int, f func() error) error { return f() }} {
			var all []models.SampleBatch
			r.Compute = compute
			err = s.EachBatchOver(ctx, r, 0, 1<<40, func(b *models.SampleBatch) error { all = append(all, *b); return nil })
			hold("each", all, err)
		}
		news, err := s.News(ctx, store.NewsQuery{ProjectID: ses.ProjectID, SessionID: ses.ID, Batches: 100, BatchBytes: 1 << 20})
		hold("news", news.Batches, err)
		for i := range want {
			if got, err := s.BatchSamples(ctx, ses.ProjectID, ses.ID, i); err != nil || !bytes.Equal(got, want[i]) {
				t.Errorf("samples of %d: %d bytes, %v", i, len(got), err)
			}
		}
		work, err := s.Work(ctx, store.WorkQuery{ProjectID: ses.ProjectID, SessionID: ses.ID, Batches: 2, WindowMS: 2000, AroundSamples: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range work.Around {
			if !bytes.Equal(b.Data, want[b.Seq]) {
				t.Errorf("work: batch %d came back with %d bytes", b.Seq, len(b.Data))
			}
		}

		// What was not stored leaves nothing outside.
		before := at.files(t)
		twice := noisy(ses, "1", 11_000, 300)
		if out, err := s.IngestBatch(ctx, twice); err != nil || !out.Duplicate {
			t.Errorf("a batch twice: %+v, %v", out, err)
		}
		foreign := noisy(ses, "foreign", 90_000, 300)
		foreign.Batch.ProjectID = models.NewID()
		if _, err := s.IngestBatch(ctx, foreign); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of another project: %v", err)
		}
		if _, err := s.EndSession(ctx, store.SessionEnd{ProjectID: ses.ProjectID, SessionID: ses.ID, At: time.Now(), Job: sessionJob(ses)}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.IngestBatch(ctx, noisy(ses, "late", 90_000, 300)); !errors.Is(err, store.ErrSessionClosed) {
			t.Errorf("after the end: %v", err)
		}
		if after := at.files(t); !slices.Equal(before, after) {
			t.Errorf("what was refused left objects:\n%q\n%q", before, after)
		}
	})
}

// TestARowHasItsObject: an object is put before its row is there, and deleted after its row is gone; a call that is refused or answered from
// what is kept leaves none.
func TestARowHasItsObject(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	outsideStores(t, func(t *testing.T, s *store.Store, cfg store.Config, at *faulty) {
		raw := testkit.Raw(t, cfg)
		rows := func() (n int) {
			t.Helper()
			if err := raw.QueryRow("SELECT count(*) FROM job_payloads WHERE codec = 'outside'").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		jobs := openJobs(t, s)
		project := models.NewID()
		asked := 0
		at.set(func(string) error { asked++; return expect(rows(), 0) }, nil, nil)
		now := time.Now()
		a := submit(project, noise(5000))
		a.Record = &models.IdempotencyRecord{ProjectID: project, Operation: "o", Key: "k", Fingerprint: "f", JobID: a.Jobs[0].ID, Answer: models.Answer{Protocol: "http/202", Bytes: []byte("{}")}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
		accept(t, jobs, a)
		if got := rows(); got != 1 || asked != 1 {
			t.Fatalf("%d rows, %d asked", got, asked)
		}
		at.set(nil, nil, nil)
		again := submit(project, noise(5000))
		again.Record = a.Record
		if existing, err := jobs.Accept(ctx, again); err != nil || existing == nil {
			t.Fatalf("the same key: %v, %v", existing, err)
		}
		if got := len(at.files(t)); got != 1 {
			t.Errorf("%d objects after a call that was answered with what is kept", got)
		}
		gone := submit(project, noise(5000))
		gone.Sessions = []models.SessionJob{{SessionID: models.NewID(), JobID: gone.Jobs[0].ID}}
		if _, err := jobs.Accept(ctx, gone); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("of a session that is gone: %v", err)
		}
		if got := len(at.files(t)); got != 1 {
			t.Errorf("%d objects after a call that was refused", got)
		}

		c, err := jobs.Claim(ctx, a.Jobs[0].ID, "w", time.Minute)
		if err != nil || c == nil {
			t.Fatal(c, err)
		}
		if _, err := jobs.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: c.Job.ID, Attempt: 1}, Owner: "w", State: models.JobCompleted}); err != nil {
			t.Fatal(err)
		}
		if n, err := s.DeleteObjects(ctx, "", 10); n != 0 || err != nil {
			t.Errorf("deleted %d of rows that are there, %v", n, err)
		}
		// By ids, which begin with a time of another clock.
		until := time.Now().Add(time.Hour)
		if n, err := jobs.PrunePayloads(ctx, until, 10); n != 1 || err != nil {
			t.Fatalf("pruned %d, %v", n, err)
		}
		broken := errors.New("the bucket is away")
		at.set(nil, nil, func(string) error { return broken })
		if n, err := s.DeleteObjects(ctx, "", 10); n != 0 || !errors.Is(err, store.ErrObjects) || !errors.Is(err, broken) {
			t.Errorf("deleted %d, %v", n, err)
		}
		asked = 0
		at.set(nil, nil, func(string) error { asked++; return expect(rows(), 0) })
		if n, err := s.DeleteObjects(ctx, "", 10); n != 1 || err != nil || asked != 1 {
			t.Errorf("deleted %d, asked %d, %v", n, asked, err)
		}
		if n, err := s.DeleteObjects(ctx, "", 10); n != 0 || err != nil || len(at.files(t)) != 0 {
			t.Errorf("deleted %d more, %v, of %q", n, err, at.files(t))
		}
		if got := storedBytes(t, s, project); got != 0 {
			t.Errorf("%d bytes still count as stored", got)
		}
	})
}

func expect(got, want int) error {
	if got != want {
		return fmt.Errorf("%d rows, want %d", got, want)
	}
	return nil
}

// TestAJobMadeAgainSharesItsRecording, which stays until both are gone.
func TestAJobMadeAgainSharesItsRecording(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	outsideStores(t, func(t *testing.T, s *store.Store, cfg store.Config, at *faulty) {
		jobs := openJobs(t, s)
		project := models.NewID()
		a := submit(project, noise(5000))
		accept(t, jobs, a)
		run := func(id string) {
			t.Helper()
			c, err := jobs.Claim(ctx, id, "w", time.Minute)
			if err != nil || c == nil || c.Load == nil {
				t.Fatalf("%+v, %v", c, err)
			}
			if got, err := c.Load(ctx); err != nil || !bytes.Equal(got, noise(5000)) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if _, err := jobs.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: id, Attempt: 1}, Owner: "w", State: models.JobCompleted}); err != nil {
				t.Fatal(err)
			}
		}
		run(a.Jobs[0].ID)
		fresh, skip, err := s.RunAgain(ctx, project, a.Jobs[0].ID, time.Now())
		if err != nil || skip != "" {
			t.Fatal(skip, err)
		}
		until := time.Now().Add(time.Hour)
		if n, err := jobs.PrunePayloads(ctx, until, 10); n != 1 || err != nil {
			t.Fatalf("pruned %d, %v", n, err)
		}
		if n, err := s.DeleteObjects(ctx, "", 10); n != 0 || err != nil || len(at.files(t)) != 1 {
			t.Fatalf("deleted %d that a job still needs, %v", n, err)
		}
		run(fresh.ID)
		if n, err := jobs.PrunePayloads(ctx, until, 10); n != 1 || err != nil {
			t.Fatalf("pruned %d, %v", n, err)
		}
		if n, err := s.DeleteObjects(ctx, "", 10); n != 1 || err != nil || len(at.files(t)) != 0 {
			t.Errorf("deleted %d, %v, left %q", n, err, at.files(t))
		}
		if _, skip, err := s.RunAgain(ctx, project, fresh.ID, time.Now()); err != nil || skip != store.SkipPayloadGone {
			t.Errorf("made again without its recording: %q, %v", skip, err)
		}
	})
}

// TestObjectsThatFail: what cannot be put is refused whole, and what is not what was stored is never taken for it.
func TestObjectsThatFail(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	outsideStores(t, func(t *testing.T, s *store.Store, cfg store.Config, at *faulty) {
		jobs := openJobs(t, s)
		project := models.NewID()
		for _, fault := range []struct {
			err  error
			full bool
		}{{errors.New("the bucket is away"), false}, {&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, true}} {
			// The second item of a batch fails: the first goes, too.
			puts := 0
			at.set(func(string) error {
				if puts++; puts == 2 {
					return fault.err
				}
				return nil
			}, nil, nil)
			b := newBatch(project, 3)
			for _, job := range b.Jobs[1:] {
				b.Payloads = append(b.Payloads, store.NewPayload(job, noise(5000)))
			}
			_, err := jobs.Accept(ctx, b)
			if !errors.Is(err, store.ErrObjects) || store.IsFull(err) != fault.full {
				t.Errorf("%v: %v, full %v", fault.err, err, store.IsFull(err))
			}
			if _, err := jobs.Get(ctx, project, b.Jobs[0].ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("accepted nevertheless: %v", err)
			}
			at.set(func(string) error { return fault.err }, nil, nil)
			ses := newSession(t, s, models.ModeRecorded)
			if _, err := s.IngestBatch(ctx, noisy(ses, "b", 1000, 500)); !errors.Is(err, store.ErrObjects) || store.IsFull(err) != fault.full {
				t.Errorf("%v: %v", fault.err, err)
			}
			if _, err := s.IngestBatch(ctx, noisy(ses, "short", 1000, 100)); err != nil {
				t.Errorf("a short batch needs no object: %v", err)
			}
			if files := at.files(t); len(files) != 0 {
				t.Errorf("left %q", files)
			}
		}
		at.set(nil, nil, nil)

		load := func(a *store.Acceptance) ([]byte, error) {
			t.Helper()
			c, err := jobs.Claim(ctx, a.Jobs[0].ID, "w", time.Minute)
			if err != nil || c == nil || c.Load == nil {
				t.Fatalf("claim: %+v, %v", c, err)
			}
			return c.Load(ctx)
		}
		for name, spoil := range map[string]func(path string, b []byte) error{
			"missing":        func(path string, _ []byte) error { return os.Remove(path) },
			"a changed byte": func(path string, b []byte) error { b[1234] ^= 1; return os.WriteFile(path, b, 0o600) },
			"cut short":      func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)-1], 0o600) },
			"longer":         func(path string, b []byte) error { return os.WriteFile(path, append(b, 0), 0o600) },
			"empty":          func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		} {
			a := submit(project, noise(5000))
			accept(t, jobs, a)
			path := at.files(t)[0]
			b, err := os.ReadFile(path)
			if err == nil {
				err = spoil(path, b)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := load(a); !errors.Is(err, store.ErrObjectLost) || errors.Is(err, store.ErrObjects) || got != nil {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		a := submit(project, noise(5000))
		accept(t, jobs, a)
		broken := errors.New("the bucket is away")
		at.set(nil, func(string) error { return broken }, nil)
		if _, err := load(a); !errors.Is(err, store.ErrObjects) || errors.Is(err, store.ErrObjectLost) {
			t.Errorf("away: %v", err)
		}
		off := cfg
		off.Objects, off.ObjectsFrom = nil, 0
		if _, err := openStore(t, off).DeleteObjects(ctx, "", 10); err != nil {
			t.Errorf("nothing to delete: %v", err)
		}
	})
}

// TestErasureWaitsForObjects: it is over when they are gone, and not before.
func TestErasureWaitsForObjects(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	outsideStores(t, func(t *testing.T, s *store.Store, cfg store.Config, at *faulty) {
		jobs := openJobs(t, s)
		ses := newSession(t, s, models.ModeRecorded)
		for i := range 20 {
			if _, err := s.IngestBatch(ctx, noisy(ses, fmt.Sprint(i), 1000+int64(i)*5000, 500)); err != nil {
				t.Fatal(err)
			}
		}
		other := newSession(t, s, models.ModeRecorded)
		if _, err := s.IngestBatch(ctx, noisy(other, "x", 1000, 500)); err != nil {
			t.Fatal(err)
		}
		e, err := s.AcceptErasure(ctx, newErasure(ses.ProjectID, "u"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := jobs.Claim(ctx, e.Job.ID, "w", time.Minute)
		if err != nil || c == nil {
			t.Fatal(c, err)
		}
		chunk := func() (*models.AuditRecord, error) {
			return s.EraseChunk(ctx, e.ID, store.Attempt{ID: c.Job.ID, Attempt: 1}, 64)
		}
		away := errors.New("the bucket is away")
		at.set(nil, nil, func(string) error { return away })
		failed := 0
		for range 30 {
			audit, err := chunk()
			if audit != nil {
				t.Fatal("over while the objects are there")
			}
			if errors.Is(err, away) {
				failed++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if failed == 0 {
			t.Fatal("no part of the erasure said that objects cannot be deleted")
		}
		if got := len(at.files(t)); got != 21 {
			t.Fatalf("%d objects", got)
		}
		// A process without the place cannot end it, either.
		off := cfg
		off.Objects, off.ObjectsFrom = nil, 0
		if audit, err := openStore(t, off).EraseChunk(ctx, e.ID, store.Attempt{ID: c.Job.ID, Attempt: 1}, 64); audit != nil || !errors.Is(err, store.ErrObjects) {
			t.Errorf("without the place: %v, %v", audit, err)
		}
		at.set(nil, nil, nil)
		var audit *models.AuditRecord
		for range 30 {
			if audit, err = chunk(); err != nil {
				t.Fatal(err)
			}
			if audit != nil {
				break
			}
		}
		if audit == nil || audit.SamplesDeleted != 20*500 {
			t.Fatalf("%+v", audit)
		}
		if files := at.files(t); len(files) != 1 || !strings.Contains(files[0], other.ProjectID) {
			t.Errorf("left %q", files)
		}
	})
}

// TestObjectsWithoutARowAreFound: what a crash left between object and row goes after a time, and nothing else does.
func TestObjectsWithoutARowAreFound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	outsideStores(t, func(t *testing.T, s *store.Store, cfg store.Config, at *faulty) {
		jobs := openJobs(t, s)
		accept(t, jobs, submit(models.NewID(), noise(5000)))
		mine := at.files(t)
		key, err := filepath.Rel(at.folder, mine[0])
		if err != nil {
			t.Fatal(err)
		}
		prefix, _, _ := strings.Cut(filepath.ToSlash(key), "/")
		foreign := "0123/" + models.NewID() + "/4567" // another database's
		for _, key := range []string{foreign, prefix + "/" + models.NewID() + "/1", prefix + "/" + models.NewID() + "/2"} {
			if err := at.Put(ctx, key, noise(10)); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		for _, look := range []struct {
			after time.Duration
			want  int
		}{{0, 0}, {59 * time.Minute, 0}, {time.Hour, 2}, {2 * time.Hour, 0}, {4 * time.Hour, 0}} {
			if n, err := s.SweepObjects(ctx, begun.Add(look.after)); err != nil || n != look.want {
				t.Errorf("after %v: %d, %v", look.after, n, err)
			}
		}
		want := append([]string{filepath.Join(at.folder, filepath.FromSlash(foreign))}, mine...)
		slices.Sort(want)
		if got := at.files(t); !slices.Equal(got, want) {
			t.Errorf("left %q, want %q", got, want)
		}
		if n, err := openStore(t, store.Config{DatabaseURL: cfg.DatabaseURL, DataDir: cfg.DataDir}).SweepObjects(ctx, begun); n != 0 || err != nil {
			t.Errorf("without a place: %d, %v", n, err)
		}
	})
}
