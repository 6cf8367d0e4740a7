package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// newSession stores a session of one channel at 100 Hz.
func newSession(t rapid.TB, s *store.Store, mode models.IngestionMode) models.Session {
	t.Helper()
	now := time.Now()
	ses := models.Session{ID: models.NewID(), ProjectID: models.NewID(), ExternalUserID: "u", DeviceType: "d", SampleRateHz: 100,
		Channels: []string{"Cz"}, IngestionMode: mode, State: mode.First(), HopMS: 2000, CreatedAt: now, StartedAt: now}
	if err := s.CreateSession(context.Background(), ses); err != nil {
		t.Fatalf("create: %v", err)
	}
	return ses
}

func sessionJob(ses models.Session) models.Job {
	j := newJob(ses.ProjectID)
	j.Kind, j.Request = models.KindSessionWindows, json.RawMessage(`{"session_id":"`+ses.ID+`"}`)
	return j
}

func ingestOf(ses models.Session, id string, startMS, samples int64) store.Ingest {
	return store.Ingest{Samples: samples, Job: sessionJob(ses), Batch: models.SampleBatch{SessionID: ses.ID, BatchID: id, ProjectID: ses.ProjectID,
		StartMS: startMS, Digest: id, Codec: "none", Size: int(4 * samples), Data: make([]byte, 4*samples), CreatedAt: time.Now()}}
}

// TestSessionsHaveOneOpenJob drives a session at random, with workers that come, vanish and come back, and holds it to
// what is promised: no batch without a job, one open job, every window once, nothing written by an attempt that lost its
// job, and a recorded session complete exactly when nothing is pending. Two batches make a window, so that the first of
// them leaves no work when nothing else waits.
func TestSessionsHaveOneOpenJob(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		jobs := openJobs(t, s)
		rapid.Check(t, func(t *rapid.T) {
			mode := rapid.SampledFrom([]models.IngestionMode{models.ModeStreaming, models.ModeRecorded}).Draw(t, "mode")
			ses := newSession(t, s, mode)
			read := func() models.Session {
				got, err := s.Session(ctx, ses.ProjectID, ses.ID)
				if err != nil {
					t.Fatalf("read: %v", err)
				}
				return got
			}
			aligned := func() models.SessionAlignment {
				got, err := s.Alignment(ctx, ses.ProjectID, ses.ID)
				if err != nil {
					t.Fatalf("alignment: %v", err)
				}
				return got
			}
			accepted, ended := 0, false
			var attempts []store.Claimed // all that ever were, the last of a job is the one that holds it
			open := map[string]int{}     // job → its latest attempt
			commit := func(c store.Claimed, limit int) {
				before := read()
				work, err := s.Work(ctx, store.WorkQuery{ProjectID: ses.ProjectID, SessionID: ses.ID, Batches: limit, WindowMS: 2000, AroundSamples: 1 << 20})
				if err != nil {
					t.Fatalf("work: %v", err)
				}
				wc := store.WindowCommit{ProjectID: ses.ProjectID, SessionID: ses.ID, Attempt: store.Attempt{ID: c.Job.ID, Attempt: c.Job.Attempts}}
				for _, b := range work.Pending {
					wc.SeenCount = b.Seq + 1
					// Each attempt would write all it saw before once more.
					for k := range (b.Seq + 1) / 2 {
						wc.Windows = append(wc.Windows, models.FeatureWindow{SessionID: ses.ID, WindowIndex: int64(k), ProjectID: ses.ProjectID, Data: "{}", CreatedAt: time.Now()})
					}
				}
				wc.Windows = unique(wc.Windows)
				was := aligned()
				if len(work.Pending) > 1 { // not every round moves it
					wc.Alignment = &models.SessionAlignment{SessionID: ses.ID, ProjectID: ses.ProjectID, Model: "m@1", Clips: wc.SeenCount, Mean: []byte{0, 1, byte(wc.SeenCount)}}
				}
				done, err := s.CommitWindows(ctx, wc)
				if holds := open[c.Job.ID] == c.Job.Attempts; !holds {
					if !errors.Is(err, store.ErrFenced) {
						t.Fatalf("an attempt that lost its job wrote: %v", err)
					}
					if got := read(); got.WindowCount != before.WindowCount || got.Pending() != before.Pending() {
						t.Fatalf("a fenced attempt changed %+v to %+v", before, got)
					}
					if d := cmp.Diff(was, aligned()); d != "" {
						t.Fatalf("a fenced attempt changed the alignment (-was +is):\n%s", d)
					}
					return
				}
				if err != nil {
					t.Fatalf("commit: %v", err)
				}
				if wc.Alignment != nil {
					was = *wc.Alignment
				}
				if d := cmp.Diff(was, aligned()); d != "" {
					t.Fatalf("the alignment (-want +got):\n%s", d)
				}
				if done.Idle {
					done, err := jobs.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: c.Job.ID, Attempt: c.Job.Attempts}, Owner: *c.Job.Owner, State: models.JobCompleted})
					if err != nil || len(done) != 1 {
						t.Fatalf("finish: %v, %v", done, err)
					}
					delete(open, c.Job.ID)
				}
			}
			claim := func() {
				got := read()
				if got.JobID == nil {
					return
				}
				c, err := jobs.Claim(ctx, *got.JobID, models.NewID(), time.Minute)
				if err != nil {
					t.Fatalf("claim: %v", err)
				}
				if c != nil {
					attempts = append(attempts, *c)
					open[c.Job.ID] = c.Job.Attempts
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"ingest": func(t *rapid.T) {
					idle := read().Pending() == 0 && accepted%2 == 0
					out, err := s.IngestBatch(ctx, ingestOf(ses, fmt.Sprint(accepted), int64(accepted)*1000, 100))
					switch {
					case ended && !errors.Is(err, store.ErrSessionClosed), !ended && err != nil:
						t.Fatalf("ingest, ended %v: %v", ended, err)
					case err == nil:
						accepted++
						if out.Idle != idle || idle && !out.NewJob {
							t.Fatalf("batch %d leaves no work: %v; %+v", accepted, idle, out)
						}
						if idle {
							job, err := jobs.Get(ctx, ses.ProjectID, out.JobID)
							if err != nil || job.State != models.JobCompleted || string(job.Output) != `{"session_id":"`+ses.ID+`","batches":1,"windows":0}` || job.FinishedAt == nil || !job.FinishedAt.Equal(job.CreatedAt) {
								t.Fatalf("idle job %+v, %v", job, err)
							}
						} else if out.NewJob {
							open[out.JobID] = 0
						}
					}
				},
				"ingest again": func(t *rapid.T) {
					if accepted == 0 {
						t.Skip("nothing yet")
					}
					out, err := s.IngestBatch(ctx, ingestOf(ses, fmt.Sprint(rapid.IntRange(0, accepted-1).Draw(t, "batch")), 0, 100))
					if err != nil || !out.Duplicate || out.NewJob {
						t.Fatalf("again: %+v, %v", out, err)
					}
				},
				"end": func(t *rapid.T) {
					out, err := s.EndSession(ctx, store.SessionEnd{ProjectID: ses.ProjectID, SessionID: ses.ID, At: time.Now(), Job: sessionJob(ses)})
					if err != nil || out.Changed == ended {
						t.Fatalf("end: %+v, %v", out, err)
					}
					if ended = true; out.NewJob {
						open[*out.Session.JobID] = 0
					}
				},
				"claim": func(*rapid.T) { claim() },
				"worker vanishes": func(t *rapid.T) {
					for id, n := range open {
						if n <= 0 {
							continue
						}
						c := attempts[len(attempts)-1]
						if c.Job.ID != id {
							continue
						}
						if _, ok, err := jobs.Release(ctx, *c.Job.Owner, store.Attempt{ID: id, Attempt: n}, 0, ""); err != nil || !ok {
							t.Fatalf("release: %v, %v", ok, err)
						}
						open[id] = -1 // nobody's
					}
				},
				"commit": func(t *rapid.T) {
					if len(attempts) == 0 {
						t.Skip("nobody works")
					}
					commit(attempts[rapid.IntRange(0, len(attempts)-1).Draw(t, "attempt")], rapid.IntRange(1, 3).Draw(t, "batches"))
				},
				"": func(t *rapid.T) {
					got := read()
					if got.BatchCount != accepted || got.SampleCount != int64(100*accepted) {
						t.Fatalf("%d batches accepted: %+v", accepted, got)
					}
					if len(open) > 1 || got.JobOpen != (len(open) == 1) {
						t.Fatalf("open jobs %v: %+v", open, got)
					}
					if got.Pending() > 0 && !got.JobOpen {
						t.Fatalf("%d batches wait without a job", got.Pending())
					}
					windows, err := s.FeatureWindows(ctx, ses.ProjectID, store.WindowListing{SessionID: ses.ID, Limit: 1000, AfterSeq: new(int)})
					if err != nil || len(windows) != got.WindowCount {
						t.Fatalf("%d windows, %d counted: %v", len(windows), got.WindowCount, err)
					}
					for i, w := range windows {
						if w.Seq != i+1 {
							t.Fatalf("window %d has seq %d", i, w.Seq)
						}
					}
					if mode == models.ModeRecorded && ended && (got.State == models.SessionComplete) != !got.JobOpen {
						t.Fatalf("state %s with job open %v", got.State, got.JobOpen)
					}
				},
			})
			// Whatever happened, workers that come now bring it to an end.
			for len(open) > 0 {
				for id := range open {
					if n := open[id]; n > 0 {
						commit(attempts[len(attempts)-1], 100)
					}
				}
				claim()
			}
			if got := read(); got.Pending() != 0 || got.WindowCount != accepted/2 || (ended && !got.Over()) {
				t.Fatalf("at the end: %+v, %d accepted", got, accepted)
			}
		})
	})
}

func unique(ws []models.FeatureWindow) []models.FeatureWindow {
	seen := map[int64]bool{}
	out := ws[:0]
	for _, w := range ws {
		if !seen[w.WindowIndex] {
			seen[w.WindowIndex] = true
			out = append(out, w)
		}
	}
	return out
}

// TestBatchesFindTheirPlace ingests batches whose times are rounded to ms, out of order and with gaps.
func TestBatchesFindTheirPlace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ses := newSession(t, s, models.ModeStreaming)
		for _, b := range []struct {
			id             string
			startMS, n     int64
			wantStart, end int64
		}{
			{"first", 5000, 100, 0, 100},
			{"in time", 6000, 100, 100, 200},
			{"a clock 8 ms late", 7008, 100, 200, 300},
			{"a clock 30 ms late is a gap", 8030, 100, 303, 403},
			{"before the origin", 4000, 100, -100, 0},
			{"late, fills the gap", 8000, 3, 300, 303},
			{"an hour later", 3605000, 10, 360000, 360010},
			{"before its neighbor, 9 ms early", 3604891, 10, 359990, 360000},
		} {
			if _, err := s.IngestBatch(ctx, ingestOf(ses, b.id, b.startMS, b.n)); err != nil {
				t.Fatalf("%s: %v", b.id, err)
			}
			found, err := s.BatchesOver(ctx, ses.ID, b.wantStart, b.end, 100)
			if err != nil {
				t.Fatal(err)
			}
			ok := false
			for _, f := range found {
				ok = ok || f.BatchID == b.id && f.StartSample == b.wantStart && f.EndSample == b.end
			}
			if !ok {
				t.Errorf("%s is not at [%d, %d): %+v", b.id, b.wantStart, b.end, found)
			}
		}
	})
}

// TestSegmentsAreWhatWasRecorded ingests batches at random, many at once, and holds the segments of their session to the
// samples that were stored.
func TestSegmentsAreWhatWasRecorded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		rapid.Check(t, func(t *rapid.T) {
			ses := newSession(t, s, models.ModeStreaming)
			ses.JitterMS = 0
			n := 0
			for range rapid.IntRange(1, 6).Draw(t, "rounds") {
				var wg sync.WaitGroup
				for range rapid.IntRange(1, 5).Draw(t, "at once") {
					in := ingestOf(ses, fmt.Sprint(n), 10*rapid.Int64Range(100, 400).Draw(t, "start"), rapid.Int64Range(1, 30).Draw(t, "samples"))
					n++
					wg.Go(func() {
						if _, err := s.IngestBatch(ctx, in); err != nil {
							t.Errorf("ingest: %v", err)
						}
					})
				}
				wg.Wait()
				got, err := s.Session(ctx, ses.ProjectID, ses.ID)
				if err != nil {
					t.Fatal(err)
				}
				stored, err := s.BatchesOver(ctx, ses.ID, -1000, 1000, got.LongestBatch)
				if err != nil || len(stored) != n || got.BatchCount != n {
					t.Fatalf("%d of %d batches: %v", len(stored), n, err)
				}
				var want []models.Segment
				for _, b := range stored {
					want = models.Cover(want, models.Segment{Start: b.StartSample, End: b.EndSample})
				}
				found, err := s.Segments(ctx, got, 1000)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, found); d != "" {
					t.Fatalf("segments (-stored +known):\n%s", d)
				}
			}
		})
	})
}

// TestWorkReachesItsWindows holds what is read with the batches that wait to the windows that they overlap: all of their
// samples, and no batch more.
func TestWorkReachesItsWindows(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		if s.Dialect() == store.SQLite {
			t.Skip("reads it in a query of its own")
		}
		rapid.Check(t, func(t *rapid.T) {
			now := time.Now()
			ses := models.Session{ID: models.NewID(), ProjectID: models.NewID(), ExternalUserID: "u", DeviceType: "d", Channels: []string{"Cz"},
				SampleRateHz: rapid.SampledFrom([]float64{100, 128, 160.5, 250, 256}).Draw(t, "rate"), IngestionMode: models.ModeStreaming, State: models.ModeStreaming.First(),
				HopMS: rapid.SampledFrom([]int{250, 1000, 2000, 3000}).Draw(t, "hop"), CreatedAt: now, StartedAt: now}
			if rapid.Bool().Draw(t, "decoded") {
				ses.Decode = &models.LiveDecode{Paradigm: "ssvep", WindowMS: rapid.IntRange(500, 4000).Draw(t, "window"), HopMS: rapid.IntRange(100, 4000).Draw(t, "decode hop")}
			}
			if err := s.CreateSession(ctx, ses); err != nil {
				t.Fatal(err)
			}
			at := int64(0)
			for i := range rapid.IntRange(1, 12).Draw(t, "batches") {
				n := rapid.Int64Range(1, 600).Draw(t, "samples")
				if _, err := s.IngestBatch(ctx, ingestOf(ses, fmt.Sprint(i), 5000+int64(math.Round(float64(at)*1000/ses.SampleRateHz)), n)); err != nil {
					t.Fatal(err)
				}
				at += n
			}
			work, err := s.Work(ctx, store.WorkQuery{ProjectID: ses.ProjectID, SessionID: ses.ID, Batches: rapid.IntRange(1, 3).Draw(t, "at once"),
				WindowMS: models.WindowMS, AroundSamples: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			if len(work.Pending) == 0 {
				return
			}
			start, end := work.Pending[0].StartSample, int64(0)
			for _, b := range work.Pending {
				start, end = min(start, b.StartSample), max(end, b.EndSample)
			}
			var want models.Segment
			grids := []models.Grid{ses.WindowGrid()}
			if g, ok := ses.DecodeGrid(); ok {
				grids = append(grids, g)
			}
			found := false
			for _, g := range grids {
				first, last := g.Over(start, end)
				if first > last {
					continue // the batch lies between two windows
				}
				r := models.Segment{Start: g.Start(first), End: g.Start(last) + g.Samples()}
				if !found {
					want, found = r, true
				}
				want.Start, want.End = min(want.Start, r.Start), max(want.End, r.End)
			}
			if !found {
				return
			}
			if work.From > want.Start || work.To < want.End {
				t.Fatalf("read [%d, %d), the windows take [%d, %d)", work.From, work.To, want.Start, want.End)
			}
			over, err := s.BatchesOver(ctx, ses.ID, work.From, work.To, work.Session.LongestBatch)
			if err != nil {
				t.Fatal(err)
			}
			if len(over) != len(work.Around) {
				t.Fatalf("%d batches around [%d, %d), there are %d", len(work.Around), work.From, work.To, len(over))
			}
			if exact := ses.SampleRateHz == 100 && ses.Decode == nil && ses.HopMS >= 1000; exact && (work.From != want.Start || work.To != want.End) {
				t.Fatalf("read [%d, %d), the windows take [%d, %d) and no more", work.From, work.To, want.Start, want.End)
			}
		})
	})
}

// TestParallelCopiesOfABatch sends one batch from 50 processes at once.
func TestParallelCopiesOfABatch(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ses := newSession(t, s, models.ModeStreaming)
		var mu sync.Mutex
		var wg sync.WaitGroup
		stored := 0
		for range 50 {
			wg.Go(func() {
				out, err := s.IngestBatch(context.Background(), ingestOf(ses, "same", 0, 10))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				} else if !out.Duplicate {
					stored++
				}
			})
		}
		wg.Wait()
		got, err := s.Session(context.Background(), ses.ProjectID, ses.ID)
		if err != nil || stored != 1 || got.SampleCount != 10 || got.BatchCount != 1 {
			t.Errorf("stored %d times: %+v, %v", stored, got, err)
		}
	})
}

// TestFailedJobFailsItsSession shows that a recorded session whose job was given up says so, and no other.
func TestFailedJobFailsItsSession(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		jobs := openJobs(t, s)
		for _, mode := range []models.IngestionMode{models.ModeStreaming, models.ModeRecorded} {
			ses := newSession(t, s, mode)
			if _, err := s.IngestBatch(ctx, ingestOf(ses, "b", 0, 100)); err != nil {
				t.Fatal(err)
			}
			end, err := s.EndSession(ctx, store.SessionEnd{ProjectID: ses.ProjectID, SessionID: ses.ID, At: time.Now(), Job: sessionJob(ses)})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.FailSession(ctx, ses.ProjectID, ses.ID); err != nil || got.State != end.Session.State {
				t.Errorf("%s, job unfinished: %s, %v", mode, got.State, err)
			}
			if _, _, err := jobs.Cancel(ctx, ses.ProjectID, *end.Session.JobID); err != nil {
				t.Fatal(err)
			}
			want := map[models.IngestionMode]models.SessionState{models.ModeStreaming: models.SessionEnded, models.ModeRecorded: models.SessionFailed}[mode]
			if got, err := s.FailSession(ctx, ses.ProjectID, ses.ID); err != nil || got.State != want {
				t.Errorf("%s, job canceled: %s, %v", mode, got.State, err)
			}
		}
	})
}
