package app

import (
	"errors"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/models"
)

// TestAProjectKeepsForItsTime: recordings, windows, jobs and sessions of a project go when it has kept them for as long as it says, each by its own
// time, and those of others stay.
func TestAProjectKeepsForItsTime(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		other := neurodtest.SignUp(t, s.json, "other@example.com")
		path := "/v1/projects/" + s.project + "/retention"
		if got := s.json(t, 200, "GET", path, s.token, nil); got["payload_hours"] != nil || got["updated_at"] != nil {
			t.Errorf("nobody has said: %v", got)
		}
		s.json(t, 200, "PATCH", path, s.token, object{"payload_hours": 1, "job_hours": 2, "window_hours": 1})
		if got := s.json(t, 200, "PATCH", path, s.token, object{"session_hours": 3}); got["payload_hours"] != 1.0 || got["job_hours"] != 2.0 || got["session_hours"] != 3.0 || got["window_hours"] != 1.0 {
			t.Errorf("kept: %v", got)
		}
		for name, body := range map[string]object{"longer than the server": {"payload_hours": 25}, "negative": {"session_hours": -1}, "for ever": {"window_hours": 1 << 40}, "a text": {"job_hours": "2"}, "a misspelled name": {"jobs": 2}} {
			if a := s.call(t, "PATCH", path, s.token, body); a.StatusCode != 400 {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
		if a := s.call(t, "PATCH", path, other.Token, object{"job_hours": 1}); a.StatusCode != 404 {
			t.Errorf("somebody else: %d %s", a.StatusCode, a.body)
		}

		mine := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)
		theirs := s.json(t, 202, "POST", "/api/v1/neuro/decode", other.Key, decode())["id"].(string)
		mineID, _ := models.ParseJobID(mine)
		theirsID, _ := models.ParseJobID(theirs)
		s.await(t, mine)
		neurodtest.Await(t, s.json, other.Key, theirs)
		session := s.session(t, "user_1", "RECORDED")
		for _, call := range []struct {
			path string
			body any
		}{{"/ingest", samples(4)}, {"/end", nil}} {
			if a := s.call(t, "POST", "/v1/sessions/"+session+call.path, s.key, call.body); a.StatusCode >= 300 {
				t.Fatalf("%s: %d %s", call.path, a.StatusCode, a.body)
			}
		}
		until(t, "the windows", func() bool {
			ses, err := s.store.Session(t.Context(), s.project, session)
			if err != nil {
				t.Fatal(err)
			}
			return ses.State == "COMPLETE" && ses.WindowCount > 0 && !ses.JobOpen
		})
		state := func() (recording, windows bool) {
			t.Helper()
			_, _, payload, err := s.store.AdminJob(t.Context(), mineID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			list, err := s.store.FeatureWindows(t.Context(), s.project, store.WindowListing{SessionID: session, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return payload != nil, len(list) > 0
		}
		status := func(path string) int { return s.call(t, "GET", path, s.key, nil).StatusCode }
		for _, step := range []struct {
			after                           time.Duration
			recording, windows, job, ofUser bool
		}{
			{30 * time.Minute, true, true, true, true},
			{90 * time.Minute, false, false, true, true},
			{150 * time.Minute, false, false, false, true},
			{210 * time.Minute, false, false, false, false},
		} {
			if _, err := s.pruneProjects(t.Context(), time.Now().Add(step.after)); err != nil {
				t.Fatal(err)
			}
			recording, windows := state()
			job, there := status("/api/v1/jobs/"+mine) == 200, status("/v1/sessions/"+session+"/status") == 200
			if recording != step.recording || windows != step.windows || job != step.job || there != step.ofUser {
				t.Errorf("after %v: recording %v, windows %v, job %v, session %v; want %+v", step.after, recording, windows, job, there, step)
			}
			if _, _, payload, err := s.store.AdminJob(t.Context(), theirsID); err != nil || payload == nil {
				t.Errorf("after %v: the job of another project: %v, %v", step.after, payload, err)
			}
		}
		if got := s.json(t, 200, "PATCH", path, s.token, object{"session_hours": 0}); got["session_hours"] != nil {
			t.Errorf("as the server does: %v", got)
		}
	})
}
