package test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/neurod/neurod/devices/synthetic"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// sineChannels are those of the board of these tests, whose samples are known by their positions.
var sineChannels = []string{"C3", "Cz", "C4", "Pz"}

// board registers a sine board and starts it at 100 Hz. It returns the session.
func (s *server) board(t testing.TB, id string) string {
	t.Helper()
	s.json(t, 201, "POST", "/v2/devices", s.key, object{"id": id, "driver": "synthetic", "settings": object{"pattern": "sine", "channels": sineChannels}})
	return s.json(t, 200, "POST", "/v2/devices/"+id+"/stream/start", s.key, object{"sample_rate": 100})["session_id"].(string)
}

// reads waits until a board has given so many samples, by the count of its session.
func (s *server) reads(t testing.TB, session string, samples float64) float64 {
	t.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		got := s.json(t, 200, "GET", "/v1/sessions/"+session+"/status", s.key, nil)["sample_count"].(float64)
		if got >= samples {
			return got
		}
		if time.Since(began) > patience {
			t.Fatalf("the session has %g samples, and not %g", got, samples)
		}
	}
}

// sineParts holds the samples of a session to those that the board gave at their positions, and returns how many there are, and the gaps between them in
// samples. None comes twice.
func (s *server) sineParts(t testing.TB, session string) (samples int64, gaps []int64) {
	t.Helper()
	end := int64(-1)
	for offset := 0; ; offset += 5000 {
		batches := s.json(t, 200, "GET", fmt.Sprintf("/v1/sessions/%s/export?include_raw=true&limit=5000&offset=%d", session, offset), s.key, nil)["raw_batches"].([]any)
		for _, one := range batches {
			b := one.(object)
			first, n := int64(b["first_sample"].(float64)), int64(b["sample_count"].(float64))
			truth, err := synthetic.Samples(synthetic.Config{Pattern: synthetic.Sine, Channels: sineChannels, Rate: 100}, first, int(n))
			if err != nil {
				t.Fatal(err)
			}
			for c, name := range sineChannels {
				for i, v := range b["data"].(object)[name].([]any) {
					if got, want := float32(v.(float64)), truth[i*len(sineChannels)+c]; got != want {
						t.Fatalf("sample %d of %s: %g, want %g", first+int64(i), name, got, want)
					}
				}
			}
			switch {
			case first < end:
				t.Errorf("samples from %d on come twice: those to %d were there", first, end)
			case end >= 0 && first > end:
				gaps = append(gaps, first-end)
			}
			end = first + n
			samples += n
		}
		if len(batches) < 5000 {
			return samples, gaps
		}
	}
}

// TestADeviceOutlivesItsProcess kills the process that reads a board. The next one, or another, goes on with the same session: samples lie where they would
// have, and what nobody read is one gap.
func TestADeviceOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		role := "api"
		if b.Embedded() {
			role = "serve"
		}
		first := start(t, role, b)
		first.signUp(t)
		session := first.board(t, "board")
		first.reads(t, session, 200)
		var next *server
		if !b.Embedded() {
			next = start(t, role, b) // it is there, and the device is taken
		}
		first.process.Kill()
		killed := time.Now()
		if b.Embedded() {
			next = start(t, role, b)
		}
		next.token, next.project, next.key = first.token, first.project, first.key
		before := next.json(t, 200, "GET", "/v1/sessions/"+session+"/status", next.key, nil)["sample_count"].(float64)
		next.reads(t, session, before+1)
		t.Logf("read again after %v", time.Since(killed))
		next.reads(t, session, before+200)
		d := next.json(t, 200, "GET", "/v2/devices/board", next.key, nil)
		if st := d["stream"].(object); st["session_id"] != session || st["status"] != "streaming" {
			t.Errorf("it stands as %v", d)
		}
		end := next.json(t, 200, "POST", "/v2/devices/board/stream/stop", next.key, nil)
		if end["status"] != "stopped" || end["session_id"] != session {
			t.Errorf("stopped %v", end)
		}
		samples, gaps := next.sineParts(t, session)
		if samples < 400 || len(gaps) != 1 {
			t.Errorf("%d samples, gaps of %v", samples, gaps)
		}
		t.Logf("%d samples, gaps of %v at 100 Hz", samples, gaps)
		observed := next.json(t, 200, "GET", "/v2/devices/board", next.key, nil)["observed"].(object)
		if missing := observed["missing"].(object)["agent_down"]; len(gaps) == 1 && missing != float64(gaps[0]) {
			t.Errorf("%v samples are told missing, the gap has %v", missing, gaps)
		}
	})
}

// TestADeviceOutlivesTheDatabase restarts PostgreSQL and Redis under a board that streams, without the loss of a sample.
func TestADeviceOutlivesTheDatabase(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Close() })
	b := testkit.Backend{Redis: testkit.RedisServer(t)}
	b.Store.DatabaseURL = pg.DSN()
	db, err := store.Open(ctx, b.Store)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = db.Migrate(ctx, "up"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := start(t, "api", b)
	s.signUp(t)
	session := s.board(t, "board")
	before := s.reads(t, session, 100)
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := b.Redis.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // that nothing is taken
	if err := pg.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.Redis.Start(ctx); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) { // the pool finds its connections gone
		if a := s.call(t, "GET", "/v2/devices/board", s.key, nil); a.StatusCode == 200 {
			break
		}
		if time.Since(began) > patience {
			t.Fatal("the API does not come back")
		}
	}
	s.reads(t, session, before+400)
	if end := s.json(t, 200, "POST", "/v2/devices/board/stream/stop", s.key, nil); end["status"] != "stopped" {
		t.Errorf("stopped %v", end)
	}
	samples, gaps := s.sineParts(t, session)
	if samples < 500 || len(gaps) > 0 {
		t.Errorf("%d samples, gaps of %v", samples, gaps)
	}
}
