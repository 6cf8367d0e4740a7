package app

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	source "github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/agent"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/testkit"
)

// drifting is a device whose crystal is fast, whose samples come late by up to jitter, which loses some, and which marks known samples with its own time.
type drifting struct {
	channels []string
	ppm      float64
	jitter   time.Duration
	seed     uint64
	lose     int64 // every so many samples one block is lost
	marks    []int64
	at       func(sample int64, when time.Time) // told when a marked sample was made
}

const driftingRate = 250

func (d drifting) Open(context.Context) (*source.Stream, error) {
	info := source.Info{Driver: "drifting", Name: "drifting", Channels: d.channels, Rate: driftingRate, Counter: true, Stamps: source.Arrival}
	return source.Begin(info, func(ctx context.Context, out *source.Writer) error {
		rng := rand.New(rand.NewPCG(d.seed, 7))
		begin := time.Now()
		made := func(sample int64) time.Time {
			return begin.Add(time.Duration(float64(sample) / (driftingRate * (1 + d.ppm*1e-6)) * 1e9))
		}
		const block = 10
		for n := int64(0); ; n += block {
			last := made(n + block - 1)
			late := time.Duration(rng.Float64() * float64(d.jitter))
			t := time.NewTimer(time.Until(last.Add(late)))
			select {
			case <-t.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			if d.lose > 0 && n%d.lose == d.lose-block {
				out.Put(source.Block{Lost: block})
			} else {
				values := make([]float32, block*len(d.channels))
				for i := range values {
					values[i] = float32(n + int64(i/len(d.channels)))
				}
				out.Put(source.Block{Samples: values, Stamp: last.Add(late)})
			}
			for _, m := range d.marks {
				if m >= n && m < n+block {
					d.at(m, made(m))
					out.Mark(source.Marker{At: made(m), Code: 1, Label: fmt.Sprint("sample ", m)})
				}
			}
		}
	})
}

// TestTrueTimeComesToTheServer: what an agent and a device of the service find out about the clock stands in the session's status, with losses by cause; and a marker lies at the sample that was
// made when it happened, for all the drift and jitter. How far off it is, and how long it takes, is printed.
func TestTrueTimeComesToTheServer(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		w := boot(t, b)
		const seed = 3
		made := make(chan struct {
			sample int64
			when   time.Time
		}, 100)
		src := drifting{channels: []string{"C3", "C4"}, ppm: 300, jitter: 30 * time.Millisecond, seed: seed, lose: 1000, marks: []int64{500, 1501, 2222, 2750},
			at: func(sample int64, when time.Time) {
				made <- struct {
					sample int64
					when   time.Time
				}{sample, when}
			}}
		a, err := agent.New(agent.Config{Server: "http://" + w.Addr(), Key: w.key, Source: src, Dir: t.TempDir(), ExternalUserID: "u", Batch: 100 * time.Millisecond, Seconds: 12})
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan error, 1)
		go func() { ran <- a.Run(t.Context()) }()
		worst := 0.0
		for i := range src.marks {
			m := <-made
			var events []struct{ Sample float64 }
			for len(events) <= i {
				time.Sleep(5 * time.Millisecond) // the resolution of the delay
				if id := a.Status().SessionID; id != "" {
					if err := json.Unmarshal(w.call(t, http.MethodGet, "/v1/sessions/"+id+"/events", w.key, nil).body, &events); err != nil {
						t.Fatal(err)
					}
				}
			}
			delay := time.Since(m.when)
			sample := events[i].Sample
			worst = max(worst, math.Abs(sample-float64(m.sample)))
			t.Logf("the marker of sample %d lies at %.0f, and stood in the session %.0f ms after it was made", m.sample, sample, float64(delay)/1e6)
		}
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		// A block is 10 samples, jitter 7.5 more; the line is found under both.
		if worst > 8 {
			t.Errorf("a marker is %g samples off", worst)
		}
		status := w.json(t, http.StatusOK, http.MethodGet, "/v1/sessions/"+a.Status().SessionID+"/status", w.key, nil)
		clock, _ := status["clock"].(object)
		drift, _ := clock["drift_ppm"].(float64)
		within, _ := clock["drift_within_ppm"].(float64)
		missing, _ := clock["missing"].(object)
		text, _ := json.Marshal(clock)
		t.Logf("seed %d: %s", seed, text)
		if clock["driver"] != "drifting" || clock["stamps"] != "arrival" || math.Abs(drift-300) > within || within > 10_000 || missing["lost"] != 30.0 || clock["lost"] != 30.0 || clock["reported_at"] == nil {
			t.Errorf("a drift of 300 ppm and 30 lost samples are %s", text)
		}

		// A report that does not fit is refused by its field, and nothing of its batch is taken.
		for field, report := range map[string]string{"clock.nominal_hz": `{"nominal_hz":1}`, "clock.jitter_ms": `{"nominal_hz":160,"jitter_ms":-1}`, "clock.nothing": `{"nominal_hz":160,"nothing":1}`,
			"clock.stamps": `{"nominal_hz":160,"stamps":"x"}`, "clock.missing": `{"nominal_hz":160,"missing":{"":1}}`} {
			id := w.session(t, "u", "STREAMING")
			got := w.json(t, http.StatusBadRequest, http.MethodPost, "/v1/sessions/"+id+"/ingest?batch_id=1&t0_unix_ms="+fmt.Sprint(time.Now().UnixMilli())+"&clock="+url.QueryEscape(report), w.key,
				make([]byte, 4*8*100), "Content-Type: application/octet-stream")
			text, _ := json.Marshal(got)
			if !strings.Contains(string(text), strings.ReplaceAll(field, ".", "/")) {
				t.Errorf("%s: %s", report, text)
			}
		}

		// A device of the service.
		d, p, ctx := w.App.calls.devices, owner(t, w.App.store), t.Context()
		sine(t, d, p, "board")
		st, err := d.Start(ctx, p, "board", devices.StreamRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Stop(ctx, p, "board", false); err != nil {
			t.Fatal(err)
		}
		c, err := w.App.calls.sessions.Clock(ctx, p, st.SessionID)
		if err != nil || c == nil || c.Driver != "synthetic" || c.NominalHz != 250 || c.Samples == 0 || c.Stamps != "exact" {
			t.Errorf("%+v, %v", c, err)
		}
	})
}
