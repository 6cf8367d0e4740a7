package test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// TestCodesFromCalibrationToLiveDecoding: a newcomer's path. A person looks at three of six targets of a c-VEP screen, a model is trained on
// that over the API, and the other targets are decoded, from a segment and as a session runs.
func TestCodesFromCalibrationToLiveDecoding(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		labels := []string{"door", "light", "blinds", "music", "help", "stop"}
		codes := object{"kind": "gold", "rate_hz": 60, "degree": 6, "modulated": true, "labels": labels}
		run := func(seed uint64, looks ...int) *cuedRun {
			c, err := synthetic.CodeModulated(synthetic.Config{Channels: []string{"POz", "O1", "Oz", "O2"}, Rate: 128, Seed: seed}, synthetic.CodeConfig{
				Codes: &eeg.CodeBook{Kind: eeg.CodeGold, RateHz: 60, Degree: 6, Modulated: true, Labels: labels}, Looks: looks, AmplitudeUV: 16})
			if err != nil {
				t.Fatal(err)
			}
			return &cuedRun{signal: c.Signal, events: c.Events}
		}
		calibration := run(1, slices.Repeat([]int{0, 1, 2}, 5)...)
		s.keep(t, s.key, calibration, "user_1", [2]float64{})
		classes := object{"door": "door", "light": "light", "blinds": "blinds"}
		for _, pipeline := range []string{"rcca", "cvep_template"} {
			body := object{"name": "screen-" + pipeline, "paradigm": "cvep", "pipeline": pipeline, "sessions": []object{{"session_id": calibration.id}}, "classes": classes,
				"options": object{"codes": codes}}
			job := s.train(t, body)
			if pipeline == "cvep_template" { // it would need trials of every target
				if job["status"] != "failed" || job["error"].(object)["code"] != "too_few_trials" {
					t.Errorf("%s: %v", pipeline, job)
				}
				continue
			}
			if job["status"] != "completed" || job["output"].(object)["beats_chance"] != true || len(job["output"].(object)["classes"].([]any)) != 6 {
				t.Fatalf("%s: %v", pipeline, job)
			}
			delete(body, "options")
			if job = s.train(t, body); job["status"] != "failed" || job["error"].(object)["code"] != "model_incompatible" {
				t.Errorf("a training without codes: %v", job)
			}
		}

		others := run(2, 3, 4, 5)
		s.keep(t, s.key, others, "user_1", [2]float64{})
		for _, e := range others.events {
			in := object{"type": "eeg", "session_id": others.id, "paradigm": "cvep", "model": "screen-rcca", "start_ms": others.at(e) - 1000, "end_ms": others.at(e) + 4200,
				"events": []object{{"onset_s": 1}}}
			got := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, object{"input": in})["id"].(string))
			if got["status"] != "completed" || got["output"].(object)["decoded_intent"] != e.Label {
				t.Errorf("%s: %v", e.Label, got)
			}
		}

		rate := int(others.signal.Rate)
		made := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "cap", "sample_rate_hz": rate, "channels": others.signal.Channels,
			"decode": object{"paradigm": "cvep", "model": "screen-rcca", "window_s": 3, "hop_s": 1}})
		id := made["session_id"].(string)
		var events []object
		for _, e := range others.events {
			events = append(events, object{"t_unix_ms": documentStart + e.Onset*1000, "label": e.Label})
		}
		if a := s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, object{"events": events}); a.StatusCode != 201 {
			t.Fatalf("events: %d %s", a.StatusCode, a.body)
		}
		seconds := others.signal.Samples() / rate
		for k := range seconds {
			data := object{}
			for ch, name := range others.signal.Channels {
				data[name] = others.signal.Data.RawRowView(ch)[k*rate : (k+1)*rate]
			}
			s.ingest(t, id, object{"batch_id": fmt.Sprint("s", k), "t0_unix_ms": documentStart + 1000*k, "data": data})
		}
		until(t, "the session is decoded", func() bool {
			return len(list(t, s.call(t, "GET", "/v1/sessions/"+id+"/decodes", s.key, nil))) == seconds-2
		})
		right, judged := 0, 0
		for _, d := range list(t, s.call(t, "GET", "/v1/sessions/"+id+"/decodes", s.key, nil)) {
			end := (d["window_end_ms"].(float64) - documentStart) / 1000
			for _, e := range others.events {
				if end-e.Onset >= 2 && end-e.Onset <= 4.2 { // two seconds of it are in the window, and nothing but it
					judged++
					if d["decoded_intent"] == e.Label {
						right++
					}
				}
			}
		}
		if judged < 6 || right < judged-1 {
			t.Errorf("%d of %d live decodes name the target", right, judged)
		}

		alone := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "cap", "sample_rate_hz": rate, "channels": others.signal.Channels,
			"decode": object{"paradigm": "cvep", "model": "screen-rcca", "window_s": 1, "hop_s": 1}})["session_id"].(string)
		data := object{}
		for ch, name := range others.signal.Channels {
			data[name] = others.signal.Data.RawRowView(ch)[:rate]
		}
		s.ingest(t, alone, object{"batch_id": "s", "t0_unix_ms": documentStart, "data": data})
		until(t, "the window is decoded", func() bool { return len(list(t, s.call(t, "GET", "/v1/sessions/"+alone+"/decodes", s.key, nil))) == 1 })
		only := list(t, s.call(t, "GET", "/v1/sessions/"+alone+"/decodes", s.key, nil))[0]
		if e, ok := only["error"].(object); !ok || e["code"] != "no_events" {
			t.Errorf("without an event: %v", only)
		}
	})
}
