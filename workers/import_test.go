package workers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// gappyEDF makes an EDF+D of two channels at 100 Hz with gaps, one of them in the middle of a window, and an annotation a
// record.
func gappyEDF(t testing.TB, seconds int) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	rec := &recording.Recording{}
	for _, name := range []string{"Cz", "Pz"} {
		c := recording.Channel{Label: name, Unit: "uV", Rate: 100}
		for range 100 * seconds {
			c.Samples = append(c.Samples, 30*rng.NormFloat64())
		}
		rec.Channels = append(rec.Channels, c)
	}
	for i := range seconds {
		rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: float64(i) + 0.5, Label: fmt.Sprintf("T%d", i%4)})
	}
	rec.Gaps = []recording.Gap{{At: 61, Length: 3}, {At: 200, Length: 0.5}, {At: 201, Length: 100}}
	var b bytes.Buffer
	if err := edf.Write(&b, rec); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// accept stores an upload as the API does, and returns its session and job.
func accept(t testing.TB, s *store.Store, file []byte) (models.Session, models.Job) {
	t.Helper()
	ctx := t.Context()
	rec, plan, err := formats.Inspect("", bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	picked, _, err := rec.Select()
	if err != nil {
		t.Fatal(err)
	}
	p := workers.NewImportPlan(plan, picked, rec.Channels[picked[0]].Rate)
	p.RoundBatches = 3 // many rounds of a short file
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	origin := int64(1_700_000_000_000)
	ses := models.Session{ID: models.NewID(), ProjectID: models.NewID(), ExternalUserID: "u", DeviceType: "EDF", SampleRateHz: rec.Channels[picked[0]].Rate,
		IngestionMode: models.ModeRecorded, State: models.SessionProcessing, HopMS: 1000, JitterMS: 1, OriginMS: &origin, CreatedAt: now, StartedAt: now, EndedAt: &now}
	for _, i := range picked {
		ses.Channels = append(ses.Channels, rec.Channels[i].Name)
	}
	n := 0
	for ; n*1000 < len(file); n++ {
		chunk := file[n*1000 : min(len(file), (n+1)*1000)]
		if err := s.AddChunk(ctx, models.UploadChunk{SessionID: ses.ID, Seq: n, ProjectID: ses.ProjectID, Data: chunk, CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
	}
	job := models.Job{ID: models.NewID(), ProjectID: ses.ProjectID, Kind: models.KindSessionImport, State: models.JobQueued,
		Request: json.RawMessage(`{"session_id":"` + ses.ID + `"}`), CreatedAt: now, NextCheck: now}
	imp := models.SessionImport{SessionID: ses.ID, ProjectID: ses.ProjectID, JobID: job.ID, Format: "EDF+D", Plan: string(text), SkippedChannels: "[]",
		TotalBytes: plan.Bytes, CreatedAt: now}
	if _, err := s.AcceptImport(ctx, store.ImportAcceptance{Session: ses, Import: imp, Chunks: n, Job: job}); err != nil {
		t.Fatal(err)
	}
	return ses, job
}

// result is everything that an import wrote.
type result struct {
	Session models.Session
	Import  models.SessionImport
	Batches []models.SampleBatch
	Windows []models.FeatureWindow
	Events  []models.SessionMark
	Gaps    []models.Segment
}

func readResult(t testing.TB, s *store.Store, ses models.Session) result {
	t.Helper()
	ctx := t.Context()
	var r result
	var err error
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r.Session, err = s.Session(ctx, ses.ProjectID, ses.ID)
	fail(err)
	imports, err := s.Imports(ctx, ses.ProjectID, ses.ID)
	fail(err)
	r.Import = imports[ses.ID]
	r.Batches, err = s.BatchesOver(ctx, ses.ID, 0, 1<<40, 1<<20)
	fail(err)
	r.Windows, err = s.FeatureWindows(ctx, ses.ProjectID, store.WindowListing{SessionID: ses.ID, Limit: 10_000})
	fail(err)
	r.Events, err = s.SessionEvents(ctx, ses.ProjectID, ses.ID, 0, 10_000)
	fail(err)
	r.Gaps, err = s.Segments(ctx, r.Session, 100)
	fail(err)
	return r
}

// dying is a store whose worker is lost after some rounds were written.
type dying struct {
	*store.Store
	left int
}

var errLost = errors.New("the worker is lost")

func (d *dying) CommitImport(ctx context.Context, r store.ImportRound) error {
	if d.left == 0 {
		return errLost
	}
	d.left--
	return d.Store.CommitImport(ctx, r)
}

// TestImportGoesOnAfterALostWorker loses the worker before the first round, after it, in the middle and before the last: what is written in the end is what an
// undisturbed worker writes, and the lost one can write nothing more.
func TestImportGoesOnAfterALostWorker(t *testing.T) {
	t.Parallel()
	file := gappyEDF(t, 300)
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		jobs, err := s.OpenJobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer jobs.Close()
		attempt := func(db workers.ImportStore, job models.Job) (workers.Result, models.Job, error) {
			t.Helper()
			c, err := jobs.Claim(ctx, job.ID, "owner", time.Minute)
			if err != nil || c == nil {
				t.Fatalf("claim: %v %v", c, err)
			}
			r, err := workers.SessionImport(db, func(string) {}, func(string, models.Activity, int64) {})(ctx, &workers.Task{Job: c.Job})
			return r, c.Job, err
		}
		plain, job := accept(t, s, file)
		undisturbed, _, err := attempt(s, job)
		if err != nil {
			t.Fatal(err)
		}
		want := readResult(t, s, plain)
		if want.Session.State != models.SessionComplete || want.Session.SampleCount != 30_000 || len(want.Events) != 300 || len(want.Gaps) != 4 {
			t.Fatalf("undisturbed: %+v, %d events, segments %v", want.Session, len(want.Events), want.Gaps)
		}
		// Windows of 2 s every second within [0, 61), [64, 203), [203.5, 204.5) and [304.5, 403.5): 60 + 138 + 0 + 97.
		if len(want.Windows) != 295 {
			t.Errorf("%d windows", len(want.Windows))
		}
		rounds := want.Import.DoneRounds
		if rounds < 5 {
			t.Fatalf("only %d rounds", rounds)
		}
		for _, lost := range []int{0, 1, rounds / 2, rounds - 1} {
			ses, job := accept(t, s, file)
			_, first, err := attempt(&dying{s, lost}, job)
			if !errors.Is(err, errLost) {
				t.Fatalf("lost after %d: %v", lost, err)
			}
			if _, ok, err := jobs.Release(ctx, "owner", store.Attempt{ID: job.ID, Attempt: first.Attempts}, 0, ""); err != nil || !ok {
				t.Fatalf("release: %v %v", ok, err)
			}
			out, second, err := attempt(s, job)
			if err != nil {
				t.Fatal(err)
			}
			got := readResult(t, s, ses)
			ids := cmp.Options{cmpopts.IgnoreFields(models.Session{}, "ID", "ProjectID", "JobID", "CreatedAt", "StartedAt", "EndedAt"),
				cmpopts.IgnoreFields(models.SessionImport{}, "SessionID", "ProjectID", "JobID", "CreatedAt"),
				cmpopts.IgnoreFields(models.SampleBatch{}, "SessionID", "ProjectID", "JobID", "CreatedAt"),
				cmpopts.IgnoreFields(models.FeatureWindow{}, "SessionID", "ProjectID", "CreatedAt"),
				cmpopts.IgnoreFields(models.SessionMark{}, "SessionID", "ProjectID", "CreatedAt")}
			if d := cmp.Diff(want, got, ids); d != "" {
				t.Fatalf("lost after %d of %d rounds (-undisturbed +resumed):\n%s", lost, rounds, d)
			}
			if a, b := bytes.ReplaceAll(out.Output, []byte(ses.ID), nil), bytes.ReplaceAll(undisturbed.Output, []byte(plain.ID), nil); !bytes.Equal(a, b) {
				t.Errorf("lost after %d: output %s, undisturbed %s", lost, a, b)
			}
			// The lost worker comes back with its next round, and the new one with one that is written.
			for _, n := range []int{first.Attempts, second.Attempts} {
				err := s.CommitImport(ctx, store.ImportRound{ProjectID: ses.ProjectID, SessionID: ses.ID, Attempt: store.Attempt{ID: job.ID, Attempt: n}, Round: lost})
				if !errors.Is(err, store.ErrFenced) {
					t.Errorf("attempt %d wrote round %d again: %v", n, lost, err)
				}
			}
			if found, err := s.Chunks(ctx, ses.ID, 0, 1); err != nil || len(found) > 0 {
				t.Errorf("chunks stay: %d, %v", len(found), err)
			}
		}
	})
}

// TestImportLeavesOutUnusableSamples: a table with holes becomes a session with gaps.
func TestImportLeavesOutUnusableSamples(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString("# Sampling Rate (Hz):= 100\nCz,Pz\n")
	for i := range 2000 {
		switch {
		case i == 500:
			b.WriteString("1,\n")
		case i >= 900 && i < 910:
			b.WriteString("1e30,2\n")
		default:
			fmt.Fprintf(&b, "%d,%d\n", i%17, -i%13)
		}
	}
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		jobs, err := s.OpenJobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer jobs.Close()
		ses, job := accept(t, s, b.Bytes())
		c, err := jobs.Claim(ctx, job.ID, "owner", time.Minute)
		if err != nil || c == nil {
			t.Fatal(err)
		}
		if _, err := workers.SessionImport(s, func(string) {}, func(string, models.Activity, int64) {})(ctx, &workers.Task{Job: c.Job}); err != nil {
			t.Fatal(err)
		}
		got := readResult(t, s, ses)
		want := []models.Segment{{Start: 0, End: 500}, {Start: 501, End: 900}, {Start: 910, End: 2000}}
		if d := cmp.Diff(want, got.Gaps); d != "" {
			t.Errorf("segments (-want +got):\n%s", d)
		}
		if got.Session.SampleCount != 1989 || got.Session.State != models.SessionComplete {
			t.Errorf("%+v", got.Session)
		}
	})
}
