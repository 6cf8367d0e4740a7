package test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/neurod/neurod/internal/testkit"
)

// BenchmarkDecode posts the recording of the throughput measurement (8 channels × 4 s, 43 kB) and waits for its result,
// from 16 clients at once. tools/bench measures the same without a harness.
func BenchmarkDecode(b *testing.B) {
	body, err := json.Marshal(motorImagery())
	if err != nil {
		b.Fatal(err)
	}
	run := func(b *testing.B, backend testkit.Backend) {
		srv := start(b, "serve", backend)
		srv.signUp(b)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		do := func(method, path string, body []byte) (int, []byte) {
			req, err := http.NewRequestWithContext(b.Context(), method, "http://"+srv.addr+path, bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return 0, nil
			}
			req.Header.Set("Authorization", "Bearer "+srv.key)
			req.Header.Set("Content-Type", "application/json")
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return 0, nil
			}
			defer res.Body.Close()
			answer, err := io.ReadAll(res.Body)
			if err != nil {
				b.Error(err)
			}
			return res.StatusCode, answer
		}
		b.SetParallelism(8)
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				var job struct{ ID, Status string }
				status, answer := do("POST", "/api/v1/neuro/decode", body)
				if err := json.Unmarshal(answer, &job); err != nil || status != 202 {
					b.Errorf("%d %s", status, answer)
					return
				}
				status, answer = do("GET", "/api/v1/jobs/"+job.ID+documentPoll, nil)
				if err := json.Unmarshal(answer, &job); err != nil || job.Status != "completed" {
					b.Errorf("%d %s", status, answer)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	}
	b.Run("postgres+redis", func(b *testing.B) {
		backend := testkit.Backend{DataDir: b.TempDir(), Redis: testkit.RedisServer(b)}
		backend.Store.DatabaseURL = testkit.Postgres(b)
		run(b, backend)
	})
	b.Run("embedded", func(b *testing.B) { run(b, testkit.Backend{DataDir: b.TempDir()}) })
}
