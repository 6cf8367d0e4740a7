package test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/eeg"
)

// TestFeaturesOnRequest: the windows of a session that was made with features carry what the decoders compute, wherever windows go; those of
// another have the bytes they always had.
func TestFeaturesOnRequest(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		x := headset(5, 8*256)
		plain := s.session(t, sessionBody)
		var body object
		if err := json.Unmarshal([]byte(sessionBody), &body); err != nil {
			t.Fatal(err)
		}
		body["features"] = eeg.Names(eeg.Features)
		made := s.json(t, 201, "POST", "/v1/sessions", s.key, body)
		id := made["session_id"].(string)
		if d := cmp.Diff([]any{"band_power", "relative_power", "aperiodic", "alpha_peak"}, made["window_features"]); d != "" {
			t.Errorf("window_features:\n%s", d)
		}
		for _, ses := range []string{plain, id} {
			s.ingest(t, ses, batch(x, 0, 8*256))
		}
		e, err := features.New(features.Config{Rate: 256, Channels: headsetChannels, Features: eeg.Features})
		if err != nil {
			t.Fatal(err)
		}
		with, without := s.windows(t, id, ""), s.windows(t, plain, "")
		if len(with) != 4 || len(without) != 4 {
			t.Fatalf("%d and %d windows", len(with), len(without))
		}
		for k, w := range with {
			m := mat.NewDense(4, 512, nil)
			for ch := range x {
				for i := range 512 {
					m.Set(ch, i, float64(x[ch][512*k+i]))
				}
			}
			var v features.Window
			if err := e.Compute(&v, m); err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(&v)
			if err != nil {
				t.Fatal(err)
			}
			var expected object
			if err := json.Unmarshal(b, &expected); err != nil {
				t.Fatal(err)
			}
			sameValues(t, "with features", w, expected)
			sameValues(t, "without", without[k], want(t, x, 512*k))
		}

		// Exports.
		table := func(session string) [][]string {
			rows, err := csv.NewReader(bytes.NewReader(s.call(t, "GET", "/v1/sessions/"+session+"/export?format=csv", s.key, nil).body)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		rows, bare := table(id), table(plain)
		if len(bare[0]) != 22+4 || len(rows[0]) != 22+4+10+4*15 {
			t.Fatalf("%d and %d columns: %q", len(bare[0]), len(rows[0]), rows[0])
		}
		of := with[1]["features"].(object)
		cell := func(name string) string { return rows[2][slices.Index(rows[0], name)] }
		number := func(v any) string { b, _ := json.Marshal(v); return strings.TrimPrefix(string(b), "null") }
		for name, v := range map[string]any{
			"aperiodic_exponent": of["aperiodic"].(object)["exponent"], "relative_alpha": of["relative_power"].(object)["alpha"],
			"alpha_AF7":            of["per_channel"].(object)["AF7"].(object)["bandpower"].(object)["alpha"],
			"aperiodic_offset_TP9": of["per_channel"].(object)["TP9"].(object)["aperiodic"].(object)["offset"],
		} {
			if got := cell(name); got != number(v) || got == "" {
				t.Errorf("column %s has %q, the window %v", name, got, v)
			}
		}
		// A rhythm of 10 Hz stands in every channel.
		if peak, _ := of["alpha_peak"].(object); peak == nil || math.Abs(peak["frequency_hz"].(float64)-10) > 1 || cell("alpha_peak_hz") != number(peak["frequency_hz"]) {
			t.Errorf("alpha peak %v", of["alpha_peak"])
		}

		// Refusals, with the place.
		for _, features := range []any{[]string{"alpha_peek"}, []string{"aperiodic", "aperiodic"}, []string{""}} {
			body["features"] = features
			got := s.call(t, "POST", "/v1/sessions", s.key, body)
			if got.StatusCode != 400 || !strings.Contains(string(got.body), "/features/") {
				t.Errorf("%v: %d %s", features, got.StatusCode, got.body)
			}
		}

		// A decode describes its recording.
		rec := object{"input": object{"type": "eeg", "session_id": id, "paradigm": "seizure"}, "output": object{"features": []string{"alpha_peak", "relative_power"}}}
		job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, rec)["id"].(string))
		out := job["output"].(object)
		found, _ := out["features"].(object)
		if found == nil {
			t.Fatalf("no features in %v", out)
		}
		hasAll(t, "the features of a decode", found, "bandpower", "relative_power", "alpha_peak", "per_channel", "windows")
		if _, there := found["aperiodic"]; there || found["windows"] != 4. {
			t.Errorf("features %v", found)
		}
		delete(rec, "output")
		job = s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, rec)["id"].(string))
		if _, there := job["output"].(object)["features"]; there {
			t.Error("features that nobody asked for")
		}

		// gRPC.
		ses := invoke[neurodv1.CreateSessionResponse](t, s.grpcConn(t), as(t.Context(), s.key), sessionCalls+"CreateSession",
			&neurodv1.CreateSessionRequest{ExternalUserId: "u", DeviceType: "d", SampleRateHz: 256, Channels: headsetChannels, Features: []string{"aperiodic"}}).Session
		if !slices.Equal(ses.Features, []string{"aperiodic"}) {
			t.Errorf("by gRPC: %v", ses)
		}
	})
}
