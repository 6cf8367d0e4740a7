package test

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/decoders/synthetic"
)

// TestSeizureThresholdsOfRequests moves the line of the seizure check by threshold and by rate of false alarms, in decodes, live sessions,
// analyses and gRPC; what cannot be promised or is misspelled is refused, with its place.
func TestSeizureThresholdsOfRequests(t *testing.T) {
	t.Parallel()
	channels := synthetic.TenTwenty()[:8]
	sz, err := synthetic.Seizure(synthetic.Config{Seed: 5, Channels: channels}, synthetic.SeizureConfig{Seconds: 30, Onset: 1, Duration: 28, AmplitudeUV: 150})
	if err != nil {
		t.Fatal(err)
	}
	rows, n := sz.Data.Dims()
	var payload []byte
	for i := range n {
		for c := range rows {
			payload = binary.LittleEndian.AppendUint32(payload, math.Float32bits(float32(sz.Data.At(c, i))))
		}
	}
	onBoth(t, func(t *testing.T, s *server) {
		body := func(seizure object) object {
			return object{"input": object{"type": "eeg", "data": base64.StdEncoding.EncodeToString(payload), "channels": channels, "sample_rate": sz.Rate,
				"paradigm": "seizure", "seizure": seizure}, "output": object{"include_diagnostics": true}}
		}
		decoded := func(seizure object) object {
			t.Helper()
			return s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, body(seizure))["id"].(string))
		}
		answers := map[bool]int{}
		for _, threshold := range []float64{0.01, 0.5, 0.99} {
			out := decoded(object{"threshold": threshold})["output"].(object)
			yes, _ := out["seizure_detected"].(bool)
			if yes != (out["decoded_intent"] == "possible_seizure") || out["confidence"].(float64) < 0.5 {
				t.Errorf("at %v: %v, %v with %v", threshold, out["seizure_detected"], out["decoded_intent"], out["confidence"])
			}
			answers[yes]++
		}
		if answers[true] == 0 || answers[false] == 0 {
			t.Errorf("every threshold has the same answer: %v", answers)
		}
		if job := decoded(object{"false_alarms_per_day": 100}); job["status"] != "completed" {
			t.Errorf("100 a day: %v", job["error"])
		}
		job := decoded(object{"false_alarms_per_day": 0.5})
		fault, _ := job["error"].(object)
		if job["status"] != "failed" || fault["code"] != "model_incompatible" || fault["details"].(object)["false_alarms_per_day_least"] == nil {
			t.Errorf("a rate that nobody has measured for so long: %v %v", job["status"], job["error"])
		}

		refused := func(path string, body any, place string) {
			t.Helper()
			if a := s.call(t, "POST", path, s.key, body); a.StatusCode != 400 || !strings.Contains(string(a.body), place) {
				t.Errorf("%s: %d %s, want 400 at %s", path, a.StatusCode, a.body, place)
			}
		}
		const decode = "/api/v1/neuro/decode"
		refused(decode, body(object{"false_alarm_per_day": 30}), "false_alarm_per_day")
		refused(decode, body(object{"threshold": 1}), "/input/seizure/threshold")
		refused(decode, body(object{"false_alarms_per_day": 0}), "/input/seizure/false_alarms_per_day")
		refused(decode, body(object{"threshold": 0.5, "false_alarms_per_day": 30}), "/input/seizure/threshold")
		other := body(object{"threshold": 0.5})
		other["input"].(object)["paradigm"] = "auto"
		refused(decode, other, "/input/seizure")

		// Live.
		session := func(seizure object) object {
			return object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 256, "channels": channels,
				"decode": object{"paradigm": "seizure", "window_s": 12, "seizure": seizure}}
		}
		made := s.json(t, 201, "POST", "/v1/sessions", s.key, session(object{"threshold": 0.7}))
		if got := made["decode"].(object)["seizure"].(object)["threshold"]; got != 0.7 {
			t.Errorf("the session has the threshold %v", got)
		}
		refused("/v1/sessions", session(object{"threshold": 2}), "/decode/seizure/threshold")
		refused("/v1/sessions", session(object{"treshold": 0.5}), "treshold")
		refused("/v1/sessions", session(object{"false_alarms_per_day": 0.5}), "/decode/seizure/false_alarms_per_day")

		// gRPC.
		half := 0.5
		ses := invoke[neurodv1.CreateSessionResponse](t, s.grpcConn(t), as(t.Context(), s.key), sessionCalls+"CreateSession",
			&neurodv1.CreateSessionRequest{ExternalUserId: "u", DeviceType: "d", SampleRateHz: 256, Channels: channels,
				Decode: &neurodv1.LiveDecode{Paradigm: "seizure", Seizure: &neurodv1.SeizureOptions{Threshold: &half}}}).Session
		if got := s.json(t, 200, "GET", "/v1/sessions/"+ses.SessionId, s.key, nil)["decode"].(object)["seizure"].(object)["threshold"]; got != half {
			t.Errorf("by gRPC the session has the threshold %v", got)
		}
	})
}
