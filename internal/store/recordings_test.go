package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// TestManySessionsAtOnce reads two sessions with all that hangs on them: each thing is as it was written, of each session, and of none
// of another project.
func TestManySessionsAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		project, now := models.NewID(), time.Now().Truncate(time.Millisecond)
		session := func(project, device string) models.Session {
			origin := int64(1_700_000_000_000)
			ses := models.Session{ID: models.NewID(), ProjectID: project, ExternalUserID: "u", DeviceType: "d", SampleRateHz: 100, Channels: []string{"Cz"},
				IngestionMode: models.ModeStreaming, State: models.SessionOpen, HopMS: 2000, JitterMS: 1, OriginMS: &origin, CreatedAt: now, StartedAt: now, DeviceID: device}
			if err := s.CreateSession(ctx, ses); err != nil {
				t.Fatal(err)
			}
			return ses
		}
		read := func(ses models.Session) models.Session {
			got, err := s.Session(ctx, ses.ProjectID, ses.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		a, b, foreign := session(project, "one"), session(project, "one"), session(models.NewID(), "one")
		for i, at := range []int64{0, 1000, 5000, 9000} { // two batches that follow, and two behind gaps
			if _, err := s.IngestBatch(ctx, ingestOf(a, fmt.Sprint(i), *a.OriginMS+at, 100)); err != nil {
				t.Fatal(err)
			}
		}
		window := func(ses models.Session, index int64, passed bool, quality, blink float64) {
			t.Helper()
			_, err := raw.Exec(fmt.Sprintf(`INSERT INTO feature_windows (session_id, window_index, project_id, seq, start_ms, end_ms, passed, data, created_at) VALUES
				('%s', %d, '%s', %d, %d, %d, %t, '{"artifacts":{"blink_like":%g,"motion_like":0,"emg_like":0.5,"bad_contact":0},"quality":{"overall":%g}}', '2026-01-01 00:00:00+00:00')`,
				ses.ID, index, ses.ProjectID, index+1000, index*2000, index*2000+2000, passed, blink, quality))
			if err != nil {
				t.Fatal(err)
			}
		}
		window(a, 0, true, 0.5, 0)
		window(a, 1, false, 1, 0.75)
		window(a, 2, true, 0.75, 0.25)
		window(a, -2, true, 0.125, 0)
		window(b, 0, true, 0.25, 1)

		a, b = read(a), read(b)
		both := []models.Session{a, b}
		last, err := s.LastBatchTimes(ctx, both)
		if err != nil || len(last) != 1 || math.Abs(time.Since(last[a.ID]).Minutes()) > 10 {
			t.Errorf("last batches: %v, %v", last, err)
		}
		for _, c := range []struct {
			offset, each int
			want         []models.Segment
		}{
			{0, 9, []models.Segment{{Start: 0, End: 200}, {Start: 500, End: 600}, {Start: 900, End: 1000}}},
			{0, 2, []models.Segment{{Start: 0, End: 200}, {Start: 500, End: 600}}},
			{1, 2, []models.Segment{{Start: 500, End: 600}, {Start: 900, End: 1000}}},
			{2, 1, []models.Segment{{Start: 900, End: 1000}}},
			{3, 1, nil},
		} {
			got, err := s.SegmentsOf(ctx, both, c.offset, c.each)
			if d := cmp.Diff(map[string][]models.Segment{a.ID: c.want, b.ID: nil}, map[string][]models.Segment{a.ID: got[a.ID], b.ID: got[b.ID]}); d != "" || err != nil {
				t.Errorf("segments from %d, %d of each: %v (-want +got):\n%s", c.offset, c.each, err, d)
			}
		}
		ranges := []store.WindowRange{{SessionID: a.ID, First: 0, Last: 5}, {SessionID: a.ID, First: -5, Last: 5, Every: 2}, {SessionID: b.ID, First: 0, Last: 0}, {SessionID: b.ID, First: 7, Last: 9}}
		qualities, err := s.Qualities(ctx, project, ranges)
		number := func(v float64) *float64 { return &v }
		third := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
		if d := cmp.Diff([]store.RangeQuality{{Windows: 3, Quality: number(0.75), Passed: number(2. / 3)}, {Windows: 3, Quality: number(1.375 / 3), Passed: number(1)},
			{Windows: 1, Quality: number(0.25), Passed: number(1)}, {}}, qualities, third); d != "" || err != nil {
			t.Errorf("qualities: %v (-want +got):\n%s", err, d)
		}
		if none, err := s.Qualities(ctx, foreign.ProjectID, ranges); err != nil || none[0].Windows != 0 {
			t.Errorf("qualities for another project: %+v, %v", none, err)
		}
		var found []string
		err = s.Findings(ctx, project, ranges[:3], 0.6, func(w store.WindowFinding) {
			found = append(found, fmt.Sprint(w.N, w.WindowIndex, w.StartMS, w.EndMS, w.Blink, w.EMG))
		})
		if d := cmp.Diff([]string{"0 1 2000 4000 0.75 0.5", "2 0 0 2000 1 0.5"}, found); d != "" || err != nil {
			t.Errorf("findings: %v (-want +got):\n%s", err, d)
		}
		devices, err := s.DeviceSessions(ctx, project, []string{"one", "two"}, 1)
		if err != nil || len(devices) != 1 || len(devices["one"]) != 1 || devices["one"][0].ID != b.ID {
			t.Errorf("sessions of devices: %v, %v", devices, err)
		}
		for i := range 3 {
			if _, err := raw.Exec(fmt.Sprintf(`INSERT INTO session_decodes (session_id, decode_index, project_id, seq, start_ms, end_ms, data, created_at) VALUES
				('%s', %d, '%s', %d, 0, 1, '{}', '2026-01-01 00:00:00+00:00')`, a.ID, i-1, project, i)); err != nil {
				t.Fatal(err)
			}
		}
		decodes, err := s.LatestDecodes(ctx, project, []string{a.ID, b.ID}, 2)
		if err != nil || len(decodes) != 1 || len(decodes[a.ID]) != 2 || decodes[a.ID][0].DecodeIndex != 0 || decodes[a.ID][1].DecodeIndex != 1 {
			t.Errorf("decodes: %v, %v", decodes, err)
		}
		jobs := openJobs(t, s)
		job := newJob(project)
		if _, err := jobs.Accept(ctx, &store.Acceptance{Jobs: []models.Job{job}, Sessions: []models.SessionJob{{SessionID: a.ID, JobID: job.ID}}}); err != nil {
			t.Fatal(err)
		}
		of, err := s.SessionJobs(ctx, project, []string{a.ID, b.ID}, []models.JobKind{job.Kind}, 5)
		if d := cmp.Diff(map[string][]string{a.ID: {job.ID}}, of); d != "" || err != nil {
			t.Errorf("jobs of sessions: %v (-want +got):\n%s", err, d)
		}
		if id, err := s.JobSession(ctx, project, job.ID); err != nil || id != a.ID {
			t.Errorf("session of a job: %q, %v", id, err)
		}
		if listed, err := jobs.List(ctx, store.Listing{ProjectID: project, IDs: []string{job.ID, models.NewID()}, Limit: 10}); err != nil || len(listed) != 1 || listed[0].ID != job.ID {
			t.Errorf("jobs by id: %v, %v", listed, err)
		}
	})
}

// TestSessionsAreFoundAsTheyAre holds a search to the same done in Go, for sessions of every state: by progress, tags, name, times and
// device, from both ends.
func TestSessionsAreFoundAsTheyAre(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		project, now := models.NewID(), time.Now().UTC().Truncate(time.Millisecond)
		var all []models.Session
		last := map[string]time.Time{}
		states := []models.SessionState{models.SessionOpen, models.SessionEnded, models.SessionUploading, models.SessionProcessing, models.SessionComplete, models.SessionFailed}
		for i := range 36 {
			ses := models.Session{ID: models.NewID(), ProjectID: project, ExternalUserID: fmt.Sprint("u", i%3), DeviceType: "d", SampleRateHz: 100, Channels: []string{"Cz"},
				IngestionMode: models.ModeStreaming, State: states[i%len(states)], HopMS: 2000, CreatedAt: now, StartedAt: now.Add(time.Duration(i) * time.Minute)}
			ses.Name = []string{"", "Left 100%", "left_hand", `a"b`}[i%4]
			ses.Tags = [][]string{nil, {"a"}, {"a", "ab"}, {`a"b`, "é"}, {"b"}}[i%5]
			if i%2 == 0 {
				at := ses.StartedAt.Add(time.Hour).UnixMilli()
				ses.OriginMS, ses.DeviceID = &at, "dev"
			}
			if err := s.CreateSession(ctx, ses); err != nil {
				t.Fatal(err)
			}
			if i%3 > 0 {
				at := now.Add(-time.Duration(i%3-1) * time.Hour)
				if _, err := raw.Exec(fmt.Sprintf(`INSERT INTO sample_batches (session_id, batch_id, project_id, seq, start_ms, start_sample, end_sample, job_id, digest, codec, size, data, created_at)
					VALUES ('%s', 'b', '%s', 0, 0, 0, 1, 'j', '', 'none', 0, '', '%s')`, ses.ID, project, at.Format("2006-01-02 15:04:05.000+00:00"))); err != nil {
					t.Fatal(err)
				}
				if _, err := raw.Exec("UPDATE sessions SET batch_count = 1 WHERE id = '" + ses.ID + "'"); err != nil {
					t.Fatal(err)
				}
				ses.BatchCount, last[ses.ID] = 1, at
			}
			all = append([]models.Session{ses}, all...)
		}
		rapid.Check(t, func(t *rapid.T) {
			f := store.SessionSearch{ProjectID: project, Since: now.Add(-models.PausedAfter)}
			f.Progress = rapid.SampledFrom(append(models.Progresses(), "", "")).Draw(t, "progress")
			f.Tags = rapid.SampledFrom([][]string{nil, nil, {"a"}, {"ab", "a"}, {`a"b`}, {"é"}, {"x"}}).Draw(t, "tags")
			f.Text = rapid.SampledFrom([]string{"", "", "LEFT", "0%", "t_h", "%", `"`}).Draw(t, "text")
			f.ExternalUserID = rapid.SampledFrom([]string{"", "", "u1"}).Draw(t, "user")
			f.DeviceIDs = rapid.SampledFrom([][]string{nil, nil, {"dev", "other"}, {""}}).Draw(t, "device")
			if rapid.Bool().Draw(t, "from") {
				at := now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "minute")) * time.Minute)
				f.StartedFrom = &at
			}
			if rapid.Bool().Draw(t, "before") {
				at := now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "minute")) * time.Minute)
				f.StartedBefore = &at
			}
			edge := func(name string) string {
				if i := rapid.IntRange(-len(all), len(all)-1).Draw(t, name); i >= 0 {
					return all[i].ID
				}
				return ""
			}
			f.AfterID, f.BeforeID = edge("after"), edge("before")
			var want []string
			for _, ses := range all {
				began := ses.Began()
				switch {
				case f.Progress != "" && ses.Progress(last[ses.ID], now) != f.Progress,
					f.Text != "" && !strings.Contains(strings.ToLower(ses.Name), strings.ToLower(f.Text)), f.ExternalUserID != "" && ses.ExternalUserID != f.ExternalUserID,
					f.DeviceIDs != nil && ses.DeviceID != "dev", slices.Equal(f.DeviceIDs, []string{""}),
					f.StartedFrom != nil && began.Before(*f.StartedFrom), f.StartedBefore != nil && !began.Before(*f.StartedBefore),
					slices.ContainsFunc(f.Tags, func(tag string) bool { return !slices.Contains(ses.Tags, tag) }),
					f.AfterID != "" && ses.ID >= f.AfterID, f.BeforeID != "" && ses.ID <= f.BeforeID:
					continue
				}
				want = append(want, ses.ID)
			}
			n, err := s.CountSessions(ctx, f)
			if err != nil || int(n) != len(want) {
				t.Fatalf("%+v: %d are counted, want %d: %v", f, n, len(want), err)
			}
			limit := rapid.IntRange(1, 40).Draw(t, "limit")
			fromEnd := rapid.Bool().Draw(t, "from the end")
			found, err := s.FindSessions(ctx, f, fromEnd, 0, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(want) > limit && fromEnd {
				want = want[len(want)-limit:]
			} else {
				want = want[:min(len(want), limit)]
			}
			var got []string
			for _, ses := range found {
				got = append(got, ses.ID)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%+v (-want +got):\n%s", f, d)
			}
		})
	})
}
