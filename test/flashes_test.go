package test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/neurod/neurod/decoders/synthetic"
)

// bufferOf is a run of flashes as a ZIP of a buffer with its header and its events, which say of each whether it was a target.
func bufferOf(t testing.TB, run *cuedRun, targets []bool) []byte {
	t.Helper()
	rows, n := run.signal.Data.Dims()
	x := make([][]float32, rows)
	for ch := range x {
		x[ch] = make([]float32, n)
		for i := range x[ch] {
			x[ch][i] = float32(run.signal.Data.At(ch, i))
		}
	}
	head, err := json.Marshal(object{"sample_rate": run.signal.Rate, "channels": run.signal.Channels, "units": "uV"})
	if err != nil {
		t.Fatal(err)
	}
	events := bytes.NewBufferString("onset_s,code,target\n")
	for i, e := range run.events {
		fmt.Fprintf(events, "%g,%d,%d\n", e.Onset, e.Code, map[bool]int{true: 1}[targets[i]])
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, b := range map[string][]byte{"run.f32": interleaved(x, 0, n), "run.json": head, "run.events.csv": events.Bytes()} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestFlashesAreLearnedByWhatIsKnownOfThem: which flashes were targets is told by what was spelled, by events that say so, and by the target column of a
// recording. All three make the same model.
func TestFlashesAreLearnedByWhatIsKnownOfThem(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		spelled, err := synthetic.Speller(synthetic.Config{Channels: []string{"Fz", "Cz", "Pz", "Oz"}, Rate: 128, Seed: 3},
			synthetic.SpellerConfig{Text: "CATDOG", Repetitions: 5, P300UV: 20})
		if err != nil {
			t.Fatal(err)
		}
		run := &cuedRun{signal: spelled.Signal, events: spelled.Events}
		s.keep(t, s.key, run, "user_1", [2]float64{})
		ask := func(more object) object {
			body := object{"name": "flashes", "paradigm": "p300", "pipeline": "erp_lda", "sessions": []object{{"session_id": run.id}}}
			maps.Copy(body, more)
			return s.train(t, body)
		}
		letters := func(text string) object {
			return object{"sessions": []object{{"session_id": run.id, "letters": text}}, "stimulus": object{"matrix": spelled.Stimulus.Matrix}}
		}
		learned := func(what string, job object) string {
			t.Helper()
			out, _ := job["output"].(object)
			if job["status"] != "completed" {
				t.Fatalf("%s: %v", what, job)
			}
			by := out["trials"].(object)["by_class"].(object)
			if by["target"] != 60. || by["non_target"] != 297. { // the last three end after the recording
				t.Errorf("%s: trials %v", what, out["trials"])
			}
			b, err := json.Marshal(out["card"].(object)["evaluations"])
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		failed := func(what, code string, job object) object {
			t.Helper()
			e, _ := job["error"].(object)
			if job["status"] != "failed" || e["code"] != code {
				t.Fatalf("%s: %v, want %s", what, job, code)
			}
			d, _ := e["details"].(object)
			return d
		}
		want := learned("letters", ask(letters("CATDOG")))

		// Events that do not tell, and letters that are not those of the session.
		d := failed("nothing tells", "too_few_trials", ask(nil))
		if d["found"] != 0. || d["missing"].(object)["target"] != 11. || d["needed"].(object)["non_target"] != 21. {
			t.Errorf("nothing tells the targets: %v", d)
		}
		if d := failed("five letters", "invalid_stimulus", ask(letters("CATDO"))); d["letters"] != 5. || d["selections"] != 6. || d["session_id"] != run.id {
			t.Errorf("five letters for six: %v", d)
		}
		part := letters("C")
		part["sessions"].([]object)[0]["end_ms"] = run.at(spelled.Events[60]) - 500
		d = failed("one letter", "too_few_trials", ask(part))
		if by := d["classes"].(object); by["target"] != 10. || d["missing"].(object)["target"] != 1. || d["missing"].(object)["non_target"] != nil {
			t.Errorf("one letter: %v", d)
		}

		// The events say it themselves.
		var events []object
		for i, e := range run.events {
			events = append(events, object{"onset_ms": e.Onset * 1000, "code": e.Code + 100, "target": spelled.Targets[i]})
		}
		if a := s.call(t, "POST", "/v1/sessions/"+run.id+"/events", s.key, object{"events": events}); a.StatusCode != 201 {
			t.Fatalf("events: %d %s", a.StatusCode, a.body)
		}
		if got := learned("events", ask(nil)); got != want {
			t.Errorf("by events: %s, by letters %s", got, want)
		}

		// And so does a file with a target column.
		ses, job := s.imported(t, bufferOf(t, run, spelled.Targets), "external_user_id=user_1")
		if job["status"] != "completed" {
			t.Fatalf("import: %v", job)
		}
		id := ses["session_id"].(string)
		first := list(t, s.call(t, "GET", "/v1/sessions/"+id+"/events", s.key, nil))[0]
		if told, ok := first["target"].(bool); !ok || told != spelled.Targets[0] {
			t.Errorf("the first event of the file: %v", first)
		}
		if got := learned("file", ask(object{"sessions": []object{{"session_id": id}}})); got != want {
			t.Errorf("by the target column: %s, by letters %s", got, want)
		}

		for name, more := range map[string]object{
			"/stimulus":            {"sessions": []object{{"session_id": run.id, "letters": "CATDOG"}}},
			"/sessions/0/letters":  {"sessions": []object{{"session_id": run.id, "letters": "CATDOG"}}, "stimulus": object{"matrix": spelled.Stimulus.Matrix}, "classes": object{"1": "target", "2": "non_target"}},
			"/stimulus/matrix/1/0": {"sessions": []object{{"session_id": run.id, "letters": "AB"}}, "stimulus": object{"matrix": [][]string{{"A"}, {"A"}}}},
		} {
			body := object{"name": "m", "paradigm": "p300"}
			maps.Copy(body, more)
			if a := s.call(t, "POST", "/api/v1/models/train", s.key, body); a.StatusCode != 400 || !bytes.Contains(a.body, []byte(`"pointer":"`+name+`"`)) {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
	})
}
