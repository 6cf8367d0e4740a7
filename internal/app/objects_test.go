package app

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/doctor"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// filesBelow returns the files of a folder.
func filesBelow(t *testing.T, folder string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRecordingsLieInAFolder runs the product with long recordings outside the database, takes the folder away for a moment, and erases a user.
func TestRecordingsLieInAFolder(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		folder := filepath.Join(t.TempDir(), "objects")
		env := []string{"NEUROD_BLOB_URL=file://" + folder, "NEUROD_BLOB_MIN_BYTES=4096"}
		s := &wired{App: start(t, settings(t, b, env...))}
		s.signUp(t)
		if job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)); job["status"] != "completed" {
			t.Errorf("%v", job)
		}
		if n := len(filesBelow(t, folder)); n != 1 {
			t.Fatalf("%d objects of one recording", n)
		}
		session := s.session(t, "patient", "RECORDED")
		s.json(t, 202, "POST", "/v1/sessions/"+session+"/ingest", s.key, samples(4))
		s.await(t, s.json(t, 202, "POST", "/v1/sessions/"+session+"/end", s.key, nil)["job_id"].(string))
		if n := len(filesBelow(t, folder)); n != 2 {
			t.Fatalf("%d objects of a recording and a batch", n)
		}
		if a := s.call(t, "GET", "/v1/sessions/"+session+"/export?format=edf", s.key, nil); a.StatusCode != 200 || len(a.body) < 160*4*2*len(imageryChannels) {
			t.Errorf("export the samples: %d, %d bytes", a.StatusCode, len(a.body))
		}

		// The place cannot be written to: what is long is refused whole, what is short is not, and all goes on by itself.
		if err := os.Rename(folder, folder+".away"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		other := s.session(t, "somebody", "RECORDED")
		for path, body := range map[string]any{"/api/v1/neuro/decode": decode(), "/v1/sessions/" + other + "/ingest": samples(4)} {
			a := s.call(t, "POST", path, s.key, body)
			if a.StatusCode != 503 || !strings.Contains(string(a.body), `"unavailable"`) || a.Header.Get("Retry-After") == "" || strings.Contains(string(a.body), folder) {
				t.Errorf("%s without the place: %d, %v, %s", path, a.StatusCode, a.Header, a.body)
			}
		}
		report := Doctor(t.Context(), neurodtest.Environment(b, env...))
		level := func(check string) (level doctor.Level, mend string) {
			for _, f := range report.Findings {
				if f.Check == check {
					return f.Level, f.Mend
				}
			}
			return "", ""
		}
		if l, mend := level("objects"); l != doctor.Error || mend == "" {
			t.Errorf("the doctor says %q, %q without the place", l, mend)
		}
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(folder+".away", folder); err != nil {
			t.Fatal(err)
		}
		s.json(t, 202, "POST", "/v1/sessions/"+other+"/ingest", s.key, samples(4))
		report = Doctor(t.Context(), neurodtest.Environment(b, env...))
		if l, _ := level("objects"); l != doctor.OK {
			t.Errorf("the doctor says %q with the place", l)
		}
		report = Doctor(t.Context(), neurodtest.Environment(b))
		if l, mend := level("objects"); l != doctor.Error || !strings.Contains(mend, "NEUROD_BLOB_URL") {
			t.Errorf("the doctor says %q, %q where the setting is missing", l, mend)
		}

		// Samples that are lost are never left out of an export, or taken for others.
		for _, path := range filesBelow(t, folder) {
			if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if a := s.call(t, "GET", "/v1/sessions/"+session+"/export?format=edf", s.key, nil); a.StatusCode != 500 || !strings.Contains(string(a.body), "recording_lost") {
			t.Errorf("export of lost samples: %d, %.300s", a.StatusCode, a.body)
		}

		s.json(t, 200, "DELETE", "/v1/users/patient", s.key, nil)
		if n := len(filesBelow(t, folder)); n != 2 {
			t.Errorf("%d objects after one of two users was erased, beside a recording", n)
		}
	})
}

// TestALostRecordingFailsItsJob: with a code of its own, at once, and kept to be made again.
func TestALostRecordingFailsItsJob(t *testing.T) {
	t.Parallel()
	b := testkit.Backend{Name: "postgres+redis", DataDir: t.TempDir(), Redis: testkit.RedisServer(t)}
	b.Store.DatabaseURL = testkit.Postgres(t)
	folder := filepath.Join(t.TempDir(), "objects")
	env := []string{"NEUROD_BLOB_URL=file://" + folder, "NEUROD_BLOB_MIN_BYTES=4096"}
	run := func(role Role) *wired {
		a, err := New(t.Context(), Config{Settings: settings(t, b, env...), Role: role, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		return &wired{App: a}
	}
	s := run(API)
	s.signUp(t)
	lost := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)
	for _, path := range filesBelow(t, folder) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	changed := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)
	path := filesBelow(t, folder)[0]
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[100] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	good := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)
	run(Worker)
	for id, want := range map[string]string{lost: "recording_lost", changed: "recording_lost", good: ""} {
		job := s.await(t, id)
		e, _ := job["error"].(object)
		if code, _ := e["code"].(string); code != want || (want == "") != (job["status"] == "completed") {
			t.Errorf("%v, want %q", job, want)
		}
		if strings.Contains(fmt.Sprint(job), folder) {
			t.Errorf("the job shows where it lay: %v", job)
		}
	}
}

// TestRecordingsLieInABucket runs the product with a real server of S3's protocol, which dies and comes back.
func TestRecordingsLieInABucket(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": servers.S3Access, "AWS_SECRET_ACCESS_KEY": servers.S3Secret, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"} {
		t.Setenv(name, value)
	}
	bucket, err := servers.StartS3(t.Context(), "recordings")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bucket.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &wired{App: start(t, settings(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_BLOB_URL="+bucket.URL(), "NEUROD_BLOB_MIN_BYTES=4096"))}
	s.signUp(t)
	count := func() int {
		files, err := bucket.Objects()
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	id := s.session(t, "patient", "RECORDED")
	s.json(t, 202, "POST", "/v1/sessions/"+id+"/ingest", s.key, samples(4))
	if job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)); job["status"] != "completed" {
		t.Errorf("%v", job)
	}
	if n := count(); n != 2 {
		t.Fatalf("%d objects of a batch and a recording", n)
	}
	if err := bucket.Kill(); err != nil {
		t.Fatal(err)
	}
	if a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, decode()); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("without the bucket: %d %v %s", a.StatusCode, a.Header, a.body)
	}
	// An erasure that begins while it is away ends when it is back, and not before.
	erased := make(chan answer, 1)
	go func() { erased <- s.call(t, "DELETE", "/v1/users/patient", s.key, nil) }()
	until(t, "a deletion that failed", func() bool {
		return strings.Contains(string(s.call(t, "GET", "/metrics", "", nil).body), `neurod_object_operations_total{operation="delete",result="error"}`)
	})
	if n := count(); n != 2 {
		t.Errorf("%d objects of a bucket that is away", n)
	}
	if err := bucket.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-erased; a.StatusCode != 200 {
		t.Errorf("the erasure: %d %s", a.StatusCode, a.body)
	}
	if n := count(); n != 1 {
		t.Errorf("%d objects after the erasure, beside a recording", n)
	}
	if job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)); job["status"] != "completed" {
		t.Errorf("%v", job)
	}
}
