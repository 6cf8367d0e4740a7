package overviews_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neurod/neurod/internal/envelope"
	"github.com/neurod/neurod/internal/overviews"
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const channels = 2

// recorder makes batches of a session.
type recorder struct {
	db    *store.Store
	ses   models.Session
	count int
}

func record(t *testing.T, db *store.Store, rate float64) *recorder {
	t.Helper()
	now := time.Now()
	ses := models.Session{ID: models.NewID(), ProjectID: models.NewID(), ExternalUserID: "u", DeviceType: "d", SampleRateHz: rate,
		Channels: []string{"C3", "C4"}, IngestionMode: models.ModeStreaming, State: models.SessionOpen, HopMS: 2000, CreatedAt: now, StartedAt: now}
	if err := db.CreateSession(context.Background(), ses); err != nil {
		t.Fatal(err)
	}
	return &recorder{db: db, ses: ses}
}

// batch adds samples from one on.
func (r *recorder) batch(t *testing.T, first int64, samples int) {
	t.Helper()
	r.count++
	data := make([]byte, 0, 4*channels*samples)
	for i := range samples {
		for ch := range channels {
			v := float32(100*math.Sin(float64(first+int64(i))/500)) + float32(10*ch) + float32(r.count%7)
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
	}
	job := models.Job{ID: models.NewID(), ProjectID: r.ses.ProjectID, Kind: models.KindSessionWindows, State: models.JobQueued,
		Request: json.RawMessage(`{"session_id":"` + r.ses.ID + `"}`), NextCheck: time.Now(), CreatedAt: time.Now()}
	_, err := r.db.IngestBatch(context.Background(), store.Ingest{Samples: int64(samples), First: &first, Job: job,
		Batch: models.SampleBatch{SessionID: r.ses.ID, BatchID: strconv.Itoa(r.count), ProjectID: r.ses.ProjectID, StartMS: 1_700_000_000_000 + first,
			Digest: strconv.Itoa(r.count), Codec: "none", Size: len(data), Data: data, CreatedAt: time.Now()}})
	if err != nil {
		t.Fatal(err)
	}
}

func (r *recorder) session(t *testing.T) models.Session {
	t.Helper()
	ses, err := r.db.Session(context.Background(), r.ses.ProjectID, r.ses.ID)
	if err != nil {
		t.Fatal(err)
	}
	return ses
}

// counted counts what is read of samples.
type counted struct {
	*store.Store
	samples atomic.Int64
}

func (c *counted) EachBatchOver(ctx context.Context, r store.BatchRange, start, end int64, each func(*models.SampleBatch) error) error {
	return c.Store.EachBatchOver(ctx, r, start, end, func(b *models.SampleBatch) error {
		c.samples.Add(b.EndSample - b.StartSample)
		return each(b)
	})
}

// TestViewIsThatOfTheSamples: whatever gaps a session has, whatever came late, twice or while overviews were made, every view of it is the
// one that its samples give.
func TestViewIsThatOfTheSamples(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		ctx := context.Background()
		for seed := range uint64(4) {
			rng := rand.New(rand.NewPCG(seed, 11))
			r := record(t, db, 1000)
			next := rng.Int64N(40_000) - 20_000 // before its origin, or behind it
			for range 40 {
				n := 200 + rng.IntN(4000)
				switch rng.IntN(6) {
				case 0: // a gap
					next += rng.Int64N(30_000)
				case 1: // late, or over what is there
					r.batch(t, next-rng.Int64N(60_000), n)
				case 2:
					if err := overviews.Build(ctx, db, r.session(t), nil); err != nil {
						t.Fatal(err)
					}
				}
				r.batch(t, next, n)
				next += int64(n)
			}
			ses := r.session(t)
			batches := store.BatchRange{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: ses.BatchCount, Longest: ses.LongestBatch}
			first, _, err := db.FirstSample(ctx, batches, -1<<40)
			if err != nil {
				t.Fatal(err)
			}
			whole := segment.New(channels)
			whole.Reset(first, next+1)
			if err := db.EachBatchOver(ctx, batches, first, next+1, whole.Add); err != nil {
				t.Fatal(err)
			}
			for range 30 {
				from := first + rng.Int64N(next-first)
				to := min(next, from+1+rng.Int64N(1<<(4+rng.IntN(15))))
				atLeast := max(1, (to-from)/int64(1+rng.IntN(200)))
				got, err := overviews.Read(ctx, db, ses, from, to, atLeast)
				if err != nil {
					t.Fatal(err)
				}
				if got.Block < atLeast || got.First*got.Block > from || (got.First+int64(got.Blocks()))*got.Block < to {
					t.Fatalf("seed %d: [%d, %d) in blocks of %d: %d blocks of %d from %d", seed, from, to, atLeast, got.Blocks(), got.Block, got.First)
				}
				want := envelope.New(channels, got.Block, got.First*got.Block, (got.First+int64(got.Blocks()))*got.Block)
				want.AddSegment(whole)
				for i := range want.Min {
					same := func(a, b float32) bool { return a == b || a != a && b != b }
					if !same(want.Min[i], got.Min[i]) || !same(want.Max[i], got.Max[i]) {
						t.Fatalf("seed %d: [%d, %d) in blocks of %d, value %d: %v to %v, want %v to %v", seed, from, to, got.Block, i, got.Min[i], got.Max[i], want.Min[i], want.Max[i])
					}
				}
			}
		}
	})
}

// TestViewReadsNoMoreThanItShows: a view of hours reads no samples but those behind the last overview, and one of seconds reads those
// seconds and the batches that they touch.
func TestViewReadsNoMoreThanItShows(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		ctx := context.Background()
		r := record(t, db, 250)
		const batch, n = 2500, 300 // ten seconds each, 50 min in all
		for i := range n {
			r.batch(t, int64(i)*batch, batch)
		}
		ses := r.session(t)
		if err := overviews.Build(ctx, db, ses, nil); err != nil {
			t.Fatal(err)
		}
		c := &counted{Store: db}
		e, err := overviews.Read(ctx, c, ses, 0, n*batch, n*batch/500)
		if err != nil || e.Blocks() > 501 {
			t.Fatalf("%v, %d blocks", err, e.Blocks())
		}
		if got := c.samples.Swap(0); got > envelope.ChunkSamples+2*batch {
			t.Errorf("the whole session: %d samples were read", got)
		}
		if _, err := overviews.Read(ctx, c, ses, 400_000, 405_000, 5); err != nil {
			t.Fatal(err)
		}
		if got := c.samples.Swap(0); got > 5000+2*batch {
			t.Errorf("20 s: %d samples were read", got)
		}
		// A session of before there were overviews gets them when it is first looked at.
		old := record(t, db, 250)
		for i := range n {
			old.batch(t, int64(i)*batch, batch)
		}
		for range 2 {
			if _, err := overviews.Read(ctx, c, old.session(t), 0, n*batch, n*batch/500); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.samples.Load(); got > 2*n*batch {
			t.Errorf("twice the whole session without overviews: %d samples were read", got)
		}
	})
}
