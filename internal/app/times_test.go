package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
)

// TestBatchesThatOverlapAreTold sends batches whose times cannot be right. None vanishes without a word.
func TestBatchesThatOverlapAreTold(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		x := headset(1, 12*256)
		status := func(id string) object { return s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil) }

		t.Run("the document's loop: every batch has the time of the first", func(t *testing.T) {
			id := s.session(t, recordedBody)
			for i := range 12 {
				body := batch(x, i*256, (i+1)*256)
				body["batch_id"], body["t0_unix_ms"] = fmt.Sprintf("batch_%03d", i+1), documentStart
				got := s.ingest(t, id, body)
				if got["status"] != "accepted" || got["sample_count"] != 256. {
					t.Fatalf("batch %d: %v", i, got)
				}
				if i == 0 {
					if got["overlapped_sample_count"] != nil || got["warnings"] != nil {
						t.Errorf("the first batch overlaps: %v", got)
					}
					continue
				}
				if got["overlapped_sample_count"] != 256. || !strings.HasPrefix(fmt.Sprint(got["warnings"]), "[All 256 samples lie where") {
					t.Errorf("batch %d lies where the first is, and the answer is %v", i, got)
				}
			}
			got := status(id)
			if got["sample_count"] != 12*256. || got["overlapped_sample_count"] != 11*256. || len(got["warnings"].([]any)) != 1 {
				t.Errorf("status %v", got)
			}
		})
		t.Run("times of their own overlap nothing", func(t *testing.T) {
			id := s.session(t, recordedBody)
			for i := range 12 {
				if got := s.ingest(t, id, batch(x, i*256, (i+1)*256)); got["overlapped_sample_count"] != nil || got["warnings"] != nil {
					t.Errorf("batch %d: %v", i, got)
				}
			}
			if got := status(id); got["overlapped_sample_count"] != 0. || len(got["warnings"].([]any)) != 0 {
				t.Errorf("status %v", got)
			}
		})
		t.Run("a part, and the tail as well as a stretch before it", func(t *testing.T) {
			id := s.session(t, recordedBody)
			for _, p := range []struct{ from, to, overlap int }{{0, 512, 0}, {1024, 1536, 0}, {400, 1100, 112 + 76}, {1280, 1536, 256}, {0, 256, 256}, {1536, 1600, 0}} {
				got := s.ingest(t, id, batch(x, p.from, p.to))
				if n, _ := got["overlapped_sample_count"].(float64); int(n) != p.overlap {
					t.Errorf("samples %d to %d: %v, want %d overlapped", p.from, p.to, got, p.overlap)
				}
			}
			if got := status(id); got["overlapped_sample_count"] != 112.+76+256+256 {
				t.Errorf("status %v", got)
			}
		})
		t.Run("a replayed answer is the first one", func(t *testing.T) {
			id := s.session(t, recordedBody)
			s.ingest(t, id, batch(x, 0, 256))
			body := batch(x, 128, 384)
			first := s.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, body, "Idempotency-Key: overlap"+b.Name)
			again := s.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, body, "Idempotency-Key: overlap"+b.Name)
			if string(first.body) != string(again.body) || !strings.Contains(string(first.body), `"overlapped_sample_count":128`) {
				t.Errorf("first %s, again %s", first.body, again.body)
			}
		})
	})
}

// TestTimesInOtherUnits sends times in s, µs and ns, which are refused by the unit they look like, and dates that no
// live recording has, which are taken with a word.
func TestTimesInOtherUnits(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	x := headset(1, 256)
	now := time.Now()
	at := func(ms int64) object {
		body := batch(x, 0, 256)
		body["t0_unix_ms"] = ms
		return body
	}
	id := s.session(t, sessionBody)
	for unit, v := range map[string]int64{
		"seconds": now.Unix(), "microseconds": now.UnixMicro(), "nanoseconds": now.UnixNano(),
	} {
		for what, a := range map[string]answer{
			"t0_unix_ms":         s.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, at(v)),
			"ended_at_unix_ms":   s.call(t, "POST", "/v1/sessions/"+id+"/end", s.key, object{"ended_at_unix_ms": v}),
			"started_at_unix_ms": s.call(t, "POST", "/v1/sessions", s.key, strings.Replace(sessionBody, "{", fmt.Sprintf(`{"started_at_unix_ms":%d,`, v), 1)),
			"t_unix_ms":          s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, object{"events": []object{{"t_unix_ms": v, "code": 1}}}),
		} {
			if a.StatusCode != 400 || a.code() != "invalid_request_body" || !strings.Contains(string(a.body), "looks like "+unit) || !strings.Contains(string(a.body), what) {
				t.Errorf("%s in %s: %d %s", what, unit, a.StatusCode, a.body)
			}
		}
	}
	for what, tt := range map[string]struct {
		ms   int64
		says string
	}{
		"counted from the start": {0, "dated 1970-01-01T00:00:00Z"},
		"of the last century":    {631152000000, "dated 1990-01-01T00:00:00Z"},
		"an hour ahead":          {now.Add(time.Hour).UnixMilli(), "from now"},
	} {
		id := s.session(t, sessionBody)
		first := s.ingest(t, id, at(tt.ms))
		if !strings.Contains(fmt.Sprint(first["warnings"]), tt.says) {
			t.Errorf("%s: %v", what, first)
		}
		second := at(tt.ms + 1000)
		second["batch_id"] = "b2"
		if got := s.ingest(t, id, second); got["warnings"] != nil {
			t.Errorf("%s: the second batch, too: %v", what, got)
		}
		if got := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["warnings"]; !strings.Contains(fmt.Sprint(got), tt.says[:6]) {
			t.Errorf("%s: status warns of %v", what, got)
		}
	}
}
