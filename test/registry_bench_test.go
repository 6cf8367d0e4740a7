package test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/neurod/neurod/internal/testkit"
)

// BenchmarkRegistry measures single calls one after another: the list with its signed links, a download of a project's model,
// an event, and a decode by the server's model beside one by the project's own.
func BenchmarkRegistry(b *testing.B) {
	run := func(b *testing.B, backend testkit.Backend) {
		srv := start(b, "serve", backend, "NEUROD_ANALYTICS_QUOTA=1000000000")
		srv.signUp(b)
		srv.uploadModel(b, srv.key, modelFile(b, "hands", "1", ""))
		client := &http.Client{Transport: &http.Transport{}}
		b.Cleanup(client.CloseIdleConnections)
		call := func(b *testing.B, status int, method, path string, body []byte) []byte {
			req, err := http.NewRequestWithContext(b.Context(), method, "http://"+srv.addr+path, bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+srv.key)
			req.Header.Set("Content-Type", "application/json")
			res, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			defer res.Body.Close()
			answer, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != status {
				b.Fatalf("%d %s, %v", res.StatusCode, answer, err)
			}
			return answer
		}
		b.Run("list", func(b *testing.B) {
			for b.Loop() {
				call(b, 200, "GET", "/v1/models/list", nil)
			}
		})
		b.Run("download", func(b *testing.B) {
			for b.Loop() {
				call(b, 200, "GET", "/v1/models/hands/versions/1/download", nil)
			}
		})
		b.Run("event", func(b *testing.B) {
			for b.Loop() {
				call(b, 200, "POST", "/v1/analytics/log", []byte(`{"event_type":"inference","duration_ms":2}`))
			}
		})
		for name, model := range map[string]string{"decode by the server's": cytonModel, "decode by its own": "hands"} {
			request := motorImagery()
			request["input"].(object)["model"] = model
			body, err := json.Marshal(request)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					var job struct{ ID, Status string }
					if err := json.Unmarshal(call(b, 202, "POST", "/api/v1/neuro/decode", body), &job); err != nil {
						b.Fatal(err)
					}
					if err := json.Unmarshal(call(b, 200, "GET", "/api/v1/jobs/"+job.ID+documentPoll, nil), &job); err != nil || job.Status != "completed" {
						b.Fatalf("%+v, %v", job, err)
					}
				}
			})
		}
	}
	b.Run("postgres+redis", func(b *testing.B) {
		backend := testkit.Backend{DataDir: b.TempDir(), Redis: testkit.RedisServer(b)}
		backend.Store.DatabaseURL = testkit.Postgres(b)
		run(b, backend)
	})
	b.Run("embedded", func(b *testing.B) { run(b, testkit.Backend{DataDir: b.TempDir()}) })
}
