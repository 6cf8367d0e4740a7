package app

import (
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/powercut"
)

// TestAFullDisk: what needs room is refused with a code of its own and a time to try again, the process takes itself out of the
// balance, reads go on, and with room everything goes on by itself.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk, err := powercut.Watch(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := boot(t, testkit.Backend{DataDir: dir})
	session := s.session(t, "user_1", "STREAMING")
	kept := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)
	s.await(t, kept)
	until := func(what string, ok func() bool) {
		t.Helper()
		for start := time.Now(); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Since(start) > time.Minute {
				t.Fatalf("%s did not come", what)
			}
		}
	}

	disk.SetFull(true)
	for _, call := range []struct {
		method, path, credential string
		body                     any
	}{
		{"POST", "/api/v1/neuro/decode", s.key, decode()},
		{"POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 160, "channels": imageryChannels}},
		{"POST", "/v1/sessions/" + session + "/ingest", s.key, samples(1)},
		{"POST", "/v1/projects", s.token, object{"name": "x"}},
		{"POST", "/v1/projects/" + s.project + "/keys", s.token, object{"name": "x"}},
		{"DELETE", "/v1/users/somebody", s.key, nil},
	} {
		a := s.call(t, call.method, call.path, call.credential, call.body)
		if a.StatusCode != 503 || !strings.Contains(string(a.body), `"storage_full"`) || a.Header.Get("Retry-After") != "30" {
			t.Errorf("%s %s: %d, retry after %q, %s", call.method, call.path, a.StatusCode, a.Header.Get("Retry-After"), a.body)
		}
	}
	until("not ready", func() bool { return s.call(t, "GET", "/readyz", "", nil).StatusCode == 503 })
	if a := s.call(t, "GET", "/readyz", "", nil); a.object(t)["status"] != "read_only" || a.Header.Get("Retry-After") == "" {
		t.Errorf("%v %s", a.Header, a.body)
	}
	if a := s.call(t, "GET", "/healthz", "", nil); a.StatusCode != 200 {
		t.Errorf("the process lives: %d", a.StatusCode)
	}
	s.json(t, 200, "GET", "/api/v1/jobs/"+kept, s.key, nil)

	disk.SetFull(false)
	until("ready", func() bool { return s.call(t, "GET", "/readyz", "", nil).StatusCode == 200 })
	s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string))
	s.json(t, 200, "DELETE", "/v1/users/somebody", s.key, nil)
}
