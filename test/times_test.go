package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBatchesThatOverlapAreTold sends batches whose times cannot be right. None vanishes without a word.
func TestBatchesThatOverlapAreTold(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
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
		t.Run("a part, and the tail as well as a segment before it", func(t *testing.T) {
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
			first := s.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, body, "Idempotency-Key: overlap")
			again := s.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, body, "Idempotency-Key: overlap")
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
	s := embedded(t)
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

// TestSessionsEndAfterTheyBegan holds the two ends of a session to its samples, whose clock is another than the server's.
func TestSessionsEndAfterTheyBegan(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		x := headset(1, 4*256)
		end := func(id string, body any) object {
			return s.call(t, "POST", "/v1/sessions/"+id+"/end", s.key, body).object(t)
		}
		read := func(id string) object { return s.json(t, 200, "GET", "/v1/sessions/"+id, s.key, nil) }

		t.Run("a file of 2009 ended in 2009", func(t *testing.T) {
			began := time.Date(2009, 8, 12, 16, 15, 0, 0, time.UTC)
			session, _ := s.imported(t, edfOf(t, 8), fmt.Sprintf("external_user_id=u&started_at_unix_ms=%d", began.UnixMilli()))
			if session["started_at"] != "2009-08-12T16:15:00Z" || session["ended_at"] != nil {
				t.Errorf("before the file is read: %v", session)
			}
			got := read(session["session_id"].(string))
			status := s.json(t, 200, "GET", "/v1/sessions/"+session["session_id"].(string)+"/status", s.key, nil)
			if got["started_at"] != "2009-08-12T16:15:00Z" || got["ended_at"] != "2009-08-12T16:15:08Z" || status["ended_at"] != got["ended_at"] {
				t.Errorf("session %v, status %v", got, status)
			}
			again := end(session["session_id"].(string), nil)
			if again["ended_at"] != got["ended_at"] {
				t.Errorf("ended again: %v", again)
			}
		})
		t.Run("batches of 2024 ended in 2024", func(t *testing.T) {
			for _, body := range []string{recordedBody, sessionBody} {
				id := s.session(t, body)
				s.ingest(t, id, batch(x, 0, 512))
				if got := end(id, nil); got["started_at"] != "2024-10-27T03:33:20Z" || got["ended_at"] != "2024-10-27T03:33:22Z" {
					t.Errorf("%v", got)
				}
			}
		})
		t.Run("live samples end now", func(t *testing.T) {
			id := s.session(t, sessionBody)
			now := time.Now()
			body := batch(x, 0, 256)
			body["t0_unix_ms"] = now.Add(-3 * time.Second).UnixMilli()
			s.ingest(t, id, body)
			got := end(id, nil)
			began, _ := time.Parse(time.RFC3339, fmt.Sprint(got["started_at"]))
			ended, err := time.Parse(time.RFC3339, fmt.Sprint(got["ended_at"]))
			if err != nil || began.UnixMilli() != now.Add(-3*time.Second).UnixMilli() || ended.Before(now.Add(-time.Second)) {
				t.Errorf("%v", got)
			}
		})
		t.Run("an end before the beginning is refused", func(t *testing.T) {
			two := time.Date(2022, 10, 27, 0, 0, 0, 0, time.UTC).UnixMilli()
			id := s.session(t, recordedBody)
			s.ingest(t, id, batch(x, 0, 512))
			for what, id := range map[string]string{
				"samples":           id,
				"a beginning given": s.session(t, strings.Replace(sessionBody, "{", `{"started_at_unix_ms":1730000000000,`, 1)),
				"nothing":           s.session(t, sessionBody),
			} {
				a := s.call(t, "POST", "/v1/sessions/"+id+"/end", s.key, object{"ended_at_unix_ms": two})
				if a.StatusCode != 400 || !strings.Contains(string(a.body), "/ended_at_unix_ms") || !strings.Contains(string(a.body), "before the session began") {
					t.Errorf("with %s: %d %s", what, a.StatusCode, a.body)
				}
				if got := read(id); got["ended_at"] != nil {
					t.Errorf("with %s: %v", what, got)
				}
			}
			// Without samples nothing shows how far the caller's clock is behind ours.
			id = s.session(t, sessionBody)
			if got := end(id, object{"ended_at_unix_ms": time.Now().Add(-time.Minute).UnixMilli()}); got["ended_at"] == nil || got["ended_at"] != got["started_at"] {
				t.Errorf("a clock that is behind: %v", got)
			}
		})
		t.Run("milliseconds are kept", func(t *testing.T) {
			id := s.session(t, strings.Replace(sessionBody, "{", `{"started_at_unix_ms":1730000000120,`, 1))
			got := end(id, object{"ended_at_unix_ms": 1730000009007})
			if got["started_at"] != "2024-10-27T03:33:20.120Z" || got["ended_at"] != "2024-10-27T03:33:29.007Z" {
				t.Errorf("%v", got)
			}
		})
	})
}
