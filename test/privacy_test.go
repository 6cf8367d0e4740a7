package test

import (
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
)

// TestNoPathLogsAUsersID: also where no route matches, as with another method.
func TestNoPathLogsAUsersID(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	const id = "jane.doe-1234"
	for _, call := range []struct{ method, path string }{
		{"GET", "/v1/users/" + id}, {"POST", "/v1/users/" + id}, {"PATCH", "/v1/users/" + id}, {"DELETE", "/v1/users/" + id + "/"}, {"DELETE", "/v1/users/" + id + "/more"},
		{"DELETE", "/V1/Users/" + id}, {"DELETE", "/api/v1/users/" + id}, {"DELETE", "/v1//users/" + id}, {"DELETE", "/v1/users/" + id},
	} {
		if a := s.call(t, call.method, call.path, "", nil); a.StatusCode < 400 {
			t.Errorf("%s %s: %d", call.method, call.path, a.StatusCode)
		}
	}
	if log := s.logged(t); strings.Contains(log, id) {
		t.Errorf("the log names a person:\n%s", log)
	}
}

// TestCancelShowsNoResultToWhoMayNotReadIt: a key with jobs:write alone learns the state of a job and nothing of what it found.
func TestCancelShowsNoResultToWhoMayNotReadIt(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, ssvep())["id"].(string)
		s.await(t, id)
		writes := s.makeKey(t, object{"name": "w", "scopes": []models.Scope{models.ScopeJobsWrite}})["raw_key"].(string)
		got := s.json(t, 200, "POST", "/api/v1/jobs/"+id+"/cancel", writes, nil)
		if got["status"] != "completed" || got["output"] != nil || got["diagnostics"] != nil {
			t.Errorf("with jobs:write alone: %v", got)
		}
		if got := s.json(t, 200, "POST", "/api/v1/jobs/"+id+"/cancel", s.key, nil); got["output"] == nil {
			t.Errorf("with jobs:read as well: %v", got)
		}
	})
}
