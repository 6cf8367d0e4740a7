package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

var strangerChannels = []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4"}

// stranger is a synthetic session of a person whose channels mix as nobody else's.
func stranger(t testing.TB, person uint64, trials int) synthetic.Session {
	t.Helper()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: strangerChannels, Rate: 128, Seed: 900 + person},
		synthetic.ImageryConfig{TrialsPerClass: trials, MuUV: 9, Depth: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	s.Signal = synthetic.Remix(s.Signal, person, 0.8, 0.2)
	return s
}

// alignedModel is the file of a model that was trained with alignment on several people.
func alignedModel(t testing.TB, name string) []byte {
	t.Helper()
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: strangerChannels, Classes: []string{"left", "right"}}
	for p := range 5 {
		s := stranger(t, uint64(p), 10)
		ds.Rate = s.Rate
		ds.Trials = append(ds.Trials, epoch.Cut(s.Signal, s.Events, func(e eeg.Event) int { return slices.Index(ds.Classes, e.Label) }, 0, 4, fmt.Sprintf("p%d/r", p))...)
	}
	d, err := motorimagery.TSLR().Train(t.Context(), ds, json.RawMessage(`{"start":0,"end":4,"align":true,"center":"riemann"}`))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := catalog.Write(&b, eeg.MotorImagery, name, "1", catalog.ModelCard{Summary: "made of synthetic people", Subjects: 5}, d.State()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSessionsMoveTheModel records strangers and decodes their trials with the session and as they are, and live: with the clips
// before them more are right, no label was given, and each answer says over how many clips the model was moved.
func TestSessionsMoveTheModel(t *testing.T) {
	t.Parallel()
	file := alignedModel(t, "moved")
	onBoth(t, func(t *testing.T, s *server) {
		s.uploadModel(t, s.key, file)
		right := map[string]int{}
		total := 0
		for person := range 2 {
			rec := stranger(t, uint64(100+person), 6)
			id := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "cap", "sample_rate_hz": rec.Rate, "channels": rec.Channels,
				"ingestion_mode": "RECORDED", "started_at_unix_ms": documentStart,
				"decode": object{"paradigm": "motor_imagery", "model": "moved", "window_s": 4, "hop_s": 2, "alignment": "auto"}})["session_id"].(string)
			const part = 16 * 128
			for from := 0; from < rec.Samples(); from += part {
				data := object{}
				for ch, name := range rec.Channels {
					data[name] = rec.Data.RawRowView(ch)[from:min(from+part, rec.Samples())]
				}
				s.ingest(t, id, object{"batch_id": fmt.Sprint(from), "t0_unix_ms": documentStart + from*1000/128, "data": data})
			}
			var events []object
			for _, e := range rec.Events {
				events = append(events, object{"onset_ms": e.Onset * 1000, "code": e.Code}) // without the class
			}
			if a := s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, object{"events": events}); a.StatusCode != 201 {
				t.Fatalf("events: %d %s", a.StatusCode, a.body)
			}
			s.await(t, s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil)["job_id"].(string))

			for k, e := range rec.Events {
				start := documentStart + int(e.Onset*1000)
				for _, alignment := range []string{"auto", "none"} {
					job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, object{"input": object{"type": "eeg", "paradigm": "motor_imagery",
						"model": "moved", "session_id": id, "start_ms": start, "end_ms": start + 4000, "alignment": alignment}})["id"].(string))
					if job["status"] != "completed" {
						t.Fatalf("%v", job)
					}
					out := job["output"].(object)
					want := object{"kind": "recentred", "clips": float64(k + 1)}
					if alignment == "none" || k == 0 {
						want = object{"kind": "none", "clips": 0.}
					}
					if got := out["alignment"].(object); got["kind"] != want["kind"] || got["clips"] != want["clips"] {
						t.Errorf("trial %d, %s: %v, want %v", k, alignment, got, want)
					}
					if out["decoded_class"] == rec.Labels[k] {
						right[alignment]++
					}
				}
				total++
			}
			decodes := list(t, s.call(t, "GET", "/v1/sessions/"+id+"/decodes?limit=1000", s.key, nil))
			if len(decodes) < 30 {
				t.Fatalf("%d live decodes", len(decodes))
			}
			for k, d := range decodes { // every second window counts
				want := object{"kind": "recentred", "clips": float64((k + 1) / 2)}
				if k == 0 {
					want = object{"kind": "none", "clips": 0.}
				}
				if got, _ := d["alignment"].(object); got["kind"] != want["kind"] || got["clips"] != want["clips"] {
					t.Errorf("live decode %d: %v, want %v", k, d["alignment"], want)
				}
			}
		}
		t.Logf("of %d right: %d moved to the clips before, %d as they are", total, right["auto"], right["none"])
		if right["auto"] < right["none"]+2 {
			t.Errorf("of %d right: %d moved to the clips before, %d as they are", total, right["auto"], right["none"])
		}
		for _, bad := range []object{{"input": object{"type": "eeg", "session_id": "s", "alignment": "some"}}} {
			if a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, bad); a.StatusCode != 400 || !bytes.Contains(a.body, []byte("/input/alignment")) {
				t.Errorf("an unknown alignment: %d %s", a.StatusCode, a.body)
			}
		}
		if a := s.call(t, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "cap", "sample_rate_hz": 128, "channels": strangerChannels,
			"decode": object{"paradigm": "motor_imagery", "alignment": "some"}}); a.StatusCode != 400 || !bytes.Contains(a.body, []byte("/decode/alignment")) {
			t.Errorf("an unknown alignment of a session: %d %s", a.StatusCode, a.body)
		}
	})
}

// TestRecordedRunMovesTheModel imports a run of a person with imagery and decodes its trials by the built-in models: with the
// session they are moved to the clips before, rest among them, and most are right.
func TestRecordedRunMovesTheModel(t *testing.T) {
	t.Parallel()
	runs, problems := datasets.Open(filepath.Join(eegdata.Dir(t), "motor_imagery", "eegmmidb", "S007.zip"), func(base string) bool { return datasets.LeftRightImagery.Has(datasets.Stem(base)) })
	if len(runs) == 0 {
		t.Skipf("NEUROD_EEG_DATA lacks S007 of EEGMMIDB: NOT run; %v", problems)
	}
	rec := runs[0].Recording
	sig, err := rec.Signal("FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz")
	if err != nil {
		t.Fatal(err)
	}
	s := embedded(t)
	id := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "cap", "sample_rate_hz": sig.Rate, "channels": sig.Channels,
		"ingestion_mode": "RECORDED", "started_at_unix_ms": documentStart})["session_id"].(string)
	part := 10 * int(sig.Rate)
	for from := 0; from < sig.Samples(); from += part {
		data := object{}
		for ch, name := range sig.Channels {
			data[name] = sig.Data.RawRowView(ch)[from:min(from+part, sig.Samples())]
		}
		s.ingest(t, id, object{"batch_id": fmt.Sprint(from), "t0_unix_ms": documentStart + from*1000/int(sig.Rate), "data": data})
	}
	var events []object
	for _, e := range rec.Events {
		events = append(events, object{"onset_ms": e.Onset * 1000, "label": "cue"}) // rest, too, and none with its class
	}
	if a := s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, object{"events": events}); a.StatusCode != 201 {
		t.Fatalf("events: %d %s", a.StatusCode, a.body)
	}
	right, trials := 0, 0
	for k, e := range rec.Events {
		label := datasets.LeftRightImagery.Label(e)
		if label < 0 {
			continue
		}
		trials++
		start := documentStart + int(math.Round(e.Onset*1000))
		job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, object{"input": object{"type": "eeg", "paradigm": "motor_imagery",
			"session_id": id, "start_ms": start, "end_ms": start + 4000}})["id"].(string))
		if job["status"] != "completed" {
			t.Fatalf("%v", job)
		}
		out := job["output"].(object)
		if m := out["model"].(object)["name"]; m != "motor_imagery-left_right-aligned-8ch" {
			t.Errorf("trial %d was decoded with %v", k, m)
		}
		if a := out["alignment"].(object); a["kind"] != "recentred" || a["clips"].(float64) > float64(k+1) || a["clips"].(float64) < float64(k-1) {
			t.Errorf("trial %d of %d events: %v", k, len(rec.Events), a)
		}
		if out["decoded_class"] == datasets.LeftRightImagery.Classes[label] {
			right++
		}
	}
	t.Logf("%d of %d right", right, trials)
	if trials < 15 || right < 12 {
		t.Errorf("%d of %d right", right, trials)
	}
}
