package test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// TestRecordingsAsSessions uploads the first minute of real recordings in batches of 1 s: as many windows come out as fit,
// each with the values that the decoders compute, and the export gives back what went in.
func TestRecordingsAsSessions(t *testing.T) {
	t.Parallel()
	files := eegdata.Glob(t, "ssvep/exoskeleton/*.gdf")
	s := embedded(t)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		rec, err := formats.Open(file, f, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		sig, err := rec.Signal()
		if err != nil {
			t.Fatal(err)
		}
		rate := int(sig.Rate)
		n := min(sig.Samples(), 60*rate)
		x := make([][]float32, len(sig.Channels))
		for ch := range x {
			x[ch] = make([]float32, n)
			for i := range x[ch] {
				x[ch][i] = float32(sig.Data.At(ch, i))
			}
		}
		id := s.session(t, mustJSON(t, object{"external_user_id": "subject", "device_type": "recording", "sample_rate_hz": sig.Rate,
			"channels": sig.Channels, "ingestion_mode": "RECORDED"}))
		for from := 0; from < n; from += rate {
			target := fmt.Sprintf("/v1/sessions/%s/ingest?batch_id=%d&t0_unix_ms=%d", id, from, documentStart+int64(from)*1000/int64(rate))
			a := s.raw(t, "POST", target, []string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, interleaved(x, from, min(from+rate, n)))
			if a.StatusCode != 202 {
				t.Fatalf("%s: %d %s", file, a.StatusCode, a.body)
			}
		}
		s.await(t, s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil)["job_id"].(string))
		windows := s.windows(t, id, "")
		if want := n / (2 * rate); len(windows) != want {
			t.Errorf("%s: %d windows of %d samples, want %d", file, len(windows), n, want)
		}
		e, err := features.New(features.Config{Rate: sig.Rate, Channels: sig.Channels})
		if err != nil {
			t.Fatal(err)
		}
		part := mat.NewDense(len(x), 2*rate, nil)
		for k, w := range windows {
			for ch := range x {
				for i := range 2 * rate {
					part.Set(ch, i, float64(x[ch][k*2*rate+i]))
				}
			}
			var want features.Window
			if err := e.Compute(&want, part); err != nil {
				t.Fatal(err)
			}
			var o object
			if err := json.Unmarshal([]byte(mustJSON(t, &want)), &o); err != nil {
				t.Fatal(err)
			}
			sameValues(t, fmt.Sprintf("%s window %d", file, k), w, o)
		}
		at := 0
		for _, b := range s.json(t, 200, "GET", "/v1/sessions/"+id+"/export?include_raw=true", s.key, nil)["raw_batches"].([]any) {
			data := b.(object)["data"].(object)
			m := 0
			for ch, name := range sig.Channels {
				values := data[name].([]any)
				m = len(values)
				for i, v := range values {
					if math.Float32bits(float32(v.(float64))) != math.Float32bits(x[ch][at+i]) {
						t.Fatalf("%s: %s sample %d is %v, was %v", file, name, at+i, v, x[ch][at+i])
					}
				}
			}
			at += m
		}
		if at != n {
			t.Errorf("%s: %d samples came back of %d", file, at, n)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
