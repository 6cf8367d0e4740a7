package test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/lab/training"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
	"github.com/neurod/neurod/models"
)

// cuedRun is a run of cued trials: the signal as it is stored, in float32, with its events.
type cuedRun struct {
	signal decoders.Signal
	events []eeg.Event
	id     string // of its session
	start  int64  // Unix ms of its first sample
}

// imageryRun is a synthetic run of left and right hand with cues 769 and 770.
func imageryRun(t testing.TB, seed uint64, trialsPerClass int) *cuedRun {
	t.Helper()
	ses, err := synthetic.MotorImagery(synthetic.Config{Channels: []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz"}, Rate: 160, Seed: seed},
		synthetic.ImageryConfig{TrialsPerClass: trialsPerClass, Depth: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	r := &cuedRun{signal: ses.Signal, events: ses.Events}
	rows, n := r.signal.Data.Dims()
	for ch := range rows {
		for i := range n {
			r.signal.Data.Set(ch, i, float64(float32(r.signal.Data.At(ch, i))))
		}
	}
	return r
}

// keep stores a run as a session with events; without the samples of gap, seconds [from, to), where that is not empty.
func (s *server) keep(t testing.TB, key string, r *cuedRun, user string, gap [2]float64) {
	t.Helper()
	rows, n := r.signal.Data.Dims()
	x := make([][]float32, rows)
	for ch := range x {
		x[ch] = make([]float32, n)
		for i := range x[ch] {
			x[ch][i] = float32(r.signal.Data.At(ch, i))
		}
	}
	r.start = documentStart
	r.id = s.json(t, 201, "POST", "/v1/sessions", key, object{"external_user_id": user, "device_type": "cap", "sample_rate_hz": r.signal.Rate,
		"channels": r.signal.Channels, "ingestion_mode": "RECORDED", "started_at_unix_ms": r.start})["session_id"].(string)
	parts := [][2]int{{0, n}}
	if gap[1] > gap[0] {
		parts = [][2]int{{0, int(gap[0] * r.signal.Rate)}, {int(gap[1] * r.signal.Rate), n}}
	}
	for _, p := range parts {
		target := fmt.Sprintf("/v1/sessions/%s/ingest?batch_id=%d&t0_unix_ms=%d", r.id, p[0], r.start+int64(math.Round(float64(p[0])*1000/r.signal.Rate)))
		a := s.raw(t, "POST", target, []string{"Authorization: Bearer " + key, "Content-Type: application/octet-stream"}, interleaved(x, p[0], p[1]))
		if a.StatusCode != 202 {
			t.Fatalf("ingest: %d %s", a.StatusCode, a.body)
		}
	}
	var events []object
	for _, e := range r.events {
		events = append(events, object{"onset_ms": e.Onset * 1000, "code": e.Code, "label": e.Label})
	}
	if a := s.call(t, "POST", "/v1/sessions/"+r.id+"/events", key, object{"events": events}); a.StatusCode != 201 {
		t.Fatalf("events: %d %s", a.StatusCode, a.body)
	}
}

// at is the time of an event on the session's clock, Unix ms.
func (r *cuedRun) at(e eeg.Event) int64 { return r.start + int64(math.Round(e.Onset*1000)) }

// split describes what TestTrainedModels compares: three runs, and what an event means.
type split struct {
	runs    []*cuedRun
	classes map[string]string
	options json.RawMessage
}

const (
	splitBefore = 1.0
	splitAfter  = 4.0
)

// dataset is the split as the program's own training has it. The third run begins at the trial returned.
func (sp split) dataset() (ds *decoders.Dataset, third int) {
	names := slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, c := range sp.classes {
			if !yield(c) {
				return
			}
		}
	}))
	ds = &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: sp.runs[0].signal.Channels, Rate: sp.runs[0].signal.Rate, Cue: splitBefore, Classes: names, Subject: "p1"}
	for i, r := range sp.runs {
		if i == 2 {
			third = len(ds.Trials)
		}
		ds.Trials = append(ds.Trials, epoch.Cut(r.signal, r.events, sp.label(names), splitBefore, splitAfter, fmt.Sprintf("s%d", i+1))...)
	}
	return ds, third
}

func (sp split) label(names []string) func(eeg.Event) int {
	return func(e eeg.Event) int {
		c, ok := sp.classes[e.Label]
		if !ok {
			c = sp.classes[fmt.Sprint(e.Code)]
		}
		return slices.Index(names, c)
	}
}

// trialsOf returns the events of a run that begin a trial.
func (sp split) trialsOf(r *cuedRun, names []string) []eeg.Event {
	var out []eeg.Event
	for _, e := range r.events {
		if sp.label(names)(e) >= 0 && len(epoch.Cut(r.signal, []eeg.Event{e}, sp.label(names), splitBefore, splitAfter, "")) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// train submits a training and returns its job when it is final.
func (s *server) train(t testing.TB, body object) object {
	t.Helper()
	return s.await(t, s.json(t, 202, "POST", "/api/v1/models/train", s.key, body)["id"].(string))
}

// decodeTrials decodes the trial at each event through the API.
func (s *server) decodeTrials(t testing.TB, r *cuedRun, events []eeg.Event, model string) (classes []string, confidence []float64) {
	t.Helper()
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, object{"input": object{"type": "eeg", "session_id": r.id, "paradigm": "motor_imagery", "model": model,
			"start_ms": r.at(e) - int64(splitBefore*1000), "end_ms": r.at(e) + int64(splitAfter*1000)}})["id"].(string)
	}
	for _, id := range ids {
		job := s.await(t, id)
		if job["status"] != "completed" {
			t.Fatalf("decode: %v", job)
		}
		out := job["output"].(object)
		if got := out["model"].(object); fmt.Sprintf("%v@%v", got["name"], got["version"]) != model {
			t.Errorf("decoded by %v, not by %s", got, model)
		}
		classes, confidence = append(classes, out["decoded_class"].(string)), append(confidence, out["confidence"].(float64))
	}
	return classes, confidence
}

// share is the share of classes that are right.
func share(got []string, events []eeg.Event, sp split, names []string) float64 {
	right := 0
	for i, e := range events {
		if got[i] == names[sp.label(names)(e)] {
			right++
		}
	}
	return float64(right) / float64(len(events))
}

// checkSplit trains on the first two runs and decodes the third, then goes on with half of the third and decodes the other
// half; all of it through the API. The answers must be those of the same pipeline on the same trials without it: the
// accuracy is the one that `neurod evaluate` measures, fold by fold with crossval.Run.
func (s *server) checkSplit(t *testing.T, sp split) {
	t.Helper()
	ds, third := sp.dataset()
	var train, test []int
	for i := range ds.Trials {
		if i < third {
			train = append(train, i)
		} else {
			test = append(test, i)
		}
	}
	events := sp.trialsOf(sp.runs[2], ds.Classes)
	sessions := []object{{"session_id": sp.runs[0].id}, {"session_id": sp.runs[1].id}}
	pipeline := motorimagery.CSPRxLDA()
	job := s.train(t, object{"name": "me", "paradigm": "motor_imagery", "pipeline": pipeline.Name(), "sessions": sessions, "classes": sp.classes,
		"window": object{"from_s": -splitBefore, "to_s": splitAfter}, "options": sp.options, "reject_low_quality": false})
	if job["status"] != "completed" || job["kind"] != "model_train" {
		t.Fatalf("train: %v", job)
	}
	out := job["output"].(object)
	if out["model"] != "me@1" || out["trials"].(object)["used"] != float64(third) {
		t.Errorf("trained %v on %v, not on %d trials", out["model"], out["trials"], third)
	}
	card := out["card"].(object)
	if len(card["evaluations"].([]any)) != 2 || len(card["calibration"].([]any)) != 2 || len(card["learning_curve"].([]any)) == 0 {
		t.Errorf("the card lacks a figure: %v", card)
	}
	if p := job["diagnostics"].(object)["progress"].(object); p["phase"] != "storing" {
		t.Errorf("progress at the end: %v", p)
	}

	// The card's figures are those of the same training without the API, and so is the file.
	marks := map[string][]string{} // the events of each class, which the card names
	for event, class := range sp.classes {
		marks[class] = append(marks[class], event)
	}
	direct, err := training.Train(t.Context(), datasets.Subset(ds, train), training.Spec{Name: "me", Version: "1", Candidates: []training.Candidate{{Pipeline: pipeline, Options: sp.options}},
		Sizes: []int{5, 10, 20, 40}, Card: training.Describe(catalog.ModelCard{Events: marks}, ds, "sessions of the project")})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := direct.Write(&file); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.download(t, "me", "1"), file.Bytes()) {
		t.Error("the model that was trained through the API is another one than the program's own training makes of the same trials")
	}

	want, err := crossval.Run(t.Context(), pipeline, sp.options, ds, []classify.Fold{{Train: train, Test: test}}, crossval.Config{})
	if err != nil {
		t.Fatal(err)
	}
	got, confidence := s.decodeTrials(t, sp.runs[2], events, "me@1")
	if len(got) != len(want.Predicted) {
		t.Fatalf("%d trials were decoded, the evaluation has %d", len(got), len(want.Predicted))
	}
	for i, k := range want.Predicted {
		if p := want.Probabilities[i][k]; got[i] != ds.Classes[k] || math.Abs(confidence[i]-p) > 1e-6 { // answers have six digits
			t.Errorf("trial %d: %s with %v, the evaluation has %s with %v", i, got[i], confidence[i], ds.Classes[k], p)
		}
	}
	accuracy := share(got, events, sp, ds.Classes)
	t.Logf("third run of %d trials: accuracy %.4f through the API, %.4f by the evaluation's folds", len(events), accuracy, want.Accuracy())
	if accuracy != want.Accuracy() {
		t.Errorf("accuracy %v, the evaluation has %v", accuracy, want.Accuracy())
	}

	// Half of the labels calibrate.
	half := len(events) / 2
	job = s.await(t, s.json(t, 202, "POST", "/api/v1/models/me/calibrate", s.key, object{"sessions": []object{{"session_id": sp.runs[2].id, "end_ms": sp.runs[2].at(events[half])}},
		"classes": sp.classes, "window": object{"from_s": -splitBefore, "to_s": splitAfter}, "reject_low_quality": false})["id"].(string))
	if job["status"] != "completed" || job["kind"] != "model_calibrate" {
		t.Fatalf("calibrate: %v", job)
	}
	out = job["output"].(object)
	if out["model"] != "me@2" || out["from"] != "me@1" || out["trials"].(object)["used"] != float64(half) {
		t.Errorf("calibrated %v from %v with %v, not with %d trials", out["model"], out["from"], out["trials"], half)
	}
	d := direct.Decoder.(decoders.Adaptive)
	for _, i := range test[:half] {
		if d, err = d.Update(t.Context(), crossval.ClipRequest(ds, ds.Trials[i]), ds.Classes[ds.Trials[i].Label]); err != nil {
			t.Fatal(err)
		}
	}
	want, err = crossval.Decode(t.Context(), d, ds, test[half:], crossval.Config{})
	if err != nil {
		t.Fatal(err)
	}
	after, confidence := s.decodeTrials(t, sp.runs[2], events[half:], "me@2")
	for i, k := range want.Predicted {
		if p := want.Probabilities[i][k]; after[i] != ds.Classes[k] || math.Abs(confidence[i]-p) > 1e-6 { // answers have six digits
			t.Errorf("trial %d after the calibration: %s with %v, want %s with %v", i, after[i], confidence[i], ds.Classes[k], p)
		}
	}
	t.Logf("second half of the third run: accuracy %.4f before, %.4f after the calibration with the first half", share(got[half:], events[half:], sp, ds.Classes), share(after, events[half:], sp, ds.Classes))
	// The old version is kept and answers as before.
	if again, _ := s.decodeTrials(t, sp.runs[2], events[:1], "me@1"); again[0] != got[0] {
		t.Errorf("me@1 says %s, and said %s", again[0], got[0])
	}
}

// download returns the file of a model of the project.
func (s *server) download(t testing.TB, name, version string) []byte {
	t.Helper()
	a := s.call(t, "GET", "/v1/models/"+name+"/versions/"+version+"/download", s.key, nil)
	if a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return a.body
}

func imageryOptions(t *testing.T) json.RawMessage {
	t.Helper()
	cfg := motorimagery.DefaultConfig()
	cfg.End = cfg.Start + 3 // as the evaluation has it
	return json.RawMessage(mustJSON(t, cfg))
}

// TestTrainedModels does with synthetic sessions what TestTrainedModelsOfRecordings does with real ones.
func TestTrainedModels(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		sp := split{classes: map[string]string{"769": "left_hand", "right": "right_hand"}, options: imageryOptions(t)}
		for i := range uint64(3) {
			r := imageryRun(t, 7+i, 12)
			s.keep(t, s.key, r, "user_1", [2]float64{})
			sp.runs = append(sp.runs, r)
		}
		s.checkSplit(t, sp)
		s.checkErased(t, "user_1", "me")
	})
}

// checkErased erases a user, with whom the models go that were trained on the user's sessions, and the jobs that made them.
func (s *server) checkErased(t *testing.T, user, model string) {
	t.Helper()
	if n := len(s.json(t, 200, "GET", "/api/v1/jobs?kind=model_train,model_calibrate", s.key, nil)["data"].([]any)); n != 2 {
		t.Fatalf("%d jobs, want 2", n)
	}
	s.json(t, 200, "DELETE", "/v1/users/"+user, s.key, nil)
	if a := s.call(t, "GET", "/api/v1/models/"+model, s.key, nil); a.StatusCode != 404 {
		t.Errorf("the model of an erased user: %d %s", a.StatusCode, a.body)
	}
	if jobs := s.json(t, 200, "GET", "/api/v1/jobs?kind=model_train,model_calibrate", s.key, nil)["data"].([]any); len(jobs) != 0 {
		t.Errorf("jobs of an erased user: %v", jobs)
	}
}

// TestTrainedModelsOfRecordings imports three runs of left and right imagery of a person of EEGMMIDB.
func TestTrainedModelsOfRecordings(t *testing.T) {
	t.Parallel()
	race.LeaveOut(t, "its accuracies are the same")
	archive := eegdata.File(t, "motor_imagery/eegmmidb/S007.zip")
	s := embedded(t)
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	sp := split{classes: map[string]string{"T1": "left_hand", "T2": "right_hand"}, options: imageryOptions(t)}
	for _, f := range z.File {
		if name := datasets.Stem(f.Name); !datasets.LeftRightImagery.Has(name) || !bytes.HasSuffix([]byte(f.Name), []byte(".edf")) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		file, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := formats.Open(f.Name, bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := rec.Signal()
		if err != nil {
			t.Fatal(err)
		}
		session, _ := s.imported(t, file, fmt.Sprintf("external_user_id=S007&started_at_unix_ms=%d", documentStart))
		sp.runs = append(sp.runs, &cuedRun{signal: sig, events: rec.Events, id: session["session_id"].(string), start: documentStart})
	}
	if len(sp.runs) != 3 {
		t.Fatalf("%d runs", len(sp.runs))
	}
	s.checkSplit(t, sp)
}

// adaptiveModel is a model file that keeps learning.
var adaptiveModel = sync.OnceValues(func() ([]byte, error) {
	ses, err := synthetic.MotorImagery(synthetic.Config{Channels: []string{"C3", "Cz", "C4"}, Rate: 128, Seed: 3}, synthetic.ImageryConfig{TrialsPerClass: 10})
	if err != nil {
		return nil, err
	}
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: ses.Signal.Channels, Rate: 128, Cue: 0.5, Classes: []string{"left_hand", "right_hand"}, Subject: "p1"}
	ds.Trials = epoch.Cut(ses.Signal, ses.Events, func(e eeg.Event) int { return e.Code - 769 }, 0.5, 4, "s1")
	m, err := training.Train(context.Background(), ds, training.Spec{Name: "adaptive", Candidates: []training.Candidate{{Pipeline: motorimagery.CSPRxLDA()}}})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = m.Write(&b)
	return b.Bytes(), err
})

// adaptiveFile is adaptiveModel under a name.
func adaptiveFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := adaptiveModel()
	if err != nil {
		t.Fatal(err)
	}
	m, err := catalog.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := catalog.Write(&out, m.Paradigm, name, "1", m.Card, m.State); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestTrainingIsRefused says for every reason to refuse a training or calibration what the answer is.
func TestTrainingIsRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		_, _, otherKey := s.account(t, "other@example.com")
		few, many, foreign := imageryRun(t, 1, 4), imageryRun(t, 2, 10), imageryRun(t, 3, 6)
		s.keep(t, s.key, few, "user_1", [2]float64{})
		s.keep(t, s.key, many, "user_1", [2]float64{})
		s.keep(t, otherKey, foreign, "user_1", [2]float64{})
		slow := s.session(t, mustJSON(t, object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 100, "channels": many.signal.Channels, "ingestion_mode": "STREAMING"}))
		s.uploadModel(t, s.key, adaptiveFile(t, "adaptive"))
		s.uploadModel(t, s.key, modelFile(t, "fixed", "1", ""))
		body := func(change object) object {
			o := object{"name": "m", "paradigm": "motor_imagery", "sessions": []object{{"session_id": many.id}}, "classes": object{"769": "left_hand", "770": "right_hand"}}
			for k, v := range change {
				if o[k] = v; v == nil {
					delete(o, k)
				}
			}
			return o
		}
		session := func(id string) []object { return []object{{"session_id": id}} }
		for _, tt := range []struct {
			name    string
			path    string // "" for train
			change  object
			status  int
			code    string
			pointer string
			reason  string
		}{
			{"one class", "", object{"classes": object{"769": "left_hand", "770": "left_hand"}}, 400, "invalid_request_body", "/classes", "too_few"},
			{"no classes", "", object{"classes": nil}, 400, "invalid_request_body", "/classes", "required"},
			{"no sessions", "", object{"sessions": nil}, 400, "invalid_request_body", "/sessions", "required"},
			{"a session twice", "", object{"sessions": append(session(many.id), session(many.id)...)}, 400, "invalid_request_body", "/sessions/1/session_id", "duplicate"},
			{"a foreign session", "", object{"sessions": session(foreign.id)}, 404, "session_not_found", "", ""},
			{"no such session", "", object{"sessions": session(models.NewID())}, 404, "session_not_found", "", ""},
			{"no id", "", object{"sessions": session("x")}, 404, "session_not_found", "", ""},
			{"two rates", "", object{"sessions": append(session(many.id), session(slow)...)}, 400, "invalid_request_body", "/sessions/1/session_id", "sample_rate"},
			{"unknown pipeline", "", object{"pipeline": "magic"}, 400, "invalid_request_body", "/pipeline", "unknown"},
			{"pipeline of another paradigm", "", object{"pipeline": "xdawn_lda"}, 400, "invalid_request_body", "/pipeline", "not_allowed"},
			{"unknown paradigm", "", object{"paradigm": "seizure"}, 400, "invalid_request_body", "/paradigm", "not_allowed"},
			{"no paradigm", "", object{"paradigm": nil}, 400, "invalid_request_body", "/paradigm", "required"},
			{"classes of p300", "", object{"paradigm": "p300"}, 400, "invalid_request_body", "/classes", "not_allowed"},
			{"bad name", "", object{"name": "My Model"}, 400, "invalid_request_body", "/name", "invalid"},
			{"no name", "", object{"name": nil}, 400, "invalid_request_body", "/name", "invalid"},
			{"window from behind the event", "", object{"window": object{"from_s": 1, "to_s": 4}}, 400, "invalid_request_body", "/window/from_s", "out_of_range"},
			{"empty window", "", object{"window": object{"from_s": 0, "to_s": 0}}, 400, "invalid_request_body", "/window/to_s", "out_of_range"},
			{"options that are not an object", "", object{"options": []int{1}}, 400, "invalid_request_body", "/options", "type"},
			{"empty range", "", object{"sessions": []object{{"session_id": many.id, "start_ms": 5, "end_ms": 5}}}, 400, "invalid_request_body", "/sessions/0/start_ms", "out_of_range"},
			{"a class that is not text", "", object{"classes": object{"769": 1}}, 400, "invalid_request_body", "/classes/769", "type"},
			{"a number for an id", "", object{"sessions": []object{{"session_id": 1}}}, 400, "invalid_request_body", "/sessions/0/session_id", "type"},
			{"calibration of no model", "nothing", nil, 404, "model_not_found", "", ""},
			{"calibration of a built-in model", "motor_imagery-left_right", nil, 404, "model_not_found", "", ""},
			{"calibration of a model that does not learn", "fixed", nil, 422, "model_not_adaptive", "", ""},
			{"calibration of a class that is not the model's", "adaptive", object{"classes": object{"769": "tongue"}}, 400, "invalid_request_body", "/classes", "not_allowed"},
			{"calibration with a foreign session", "adaptive", object{"sessions": session(foreign.id)}, 404, "session_not_found", "", ""},
			{"calibration of no such version", "adaptive", object{"version": "7"}, 404, "model_not_found", "", ""},
		} {
			path, sent := "/api/v1/models/train", body(tt.change)
			if tt.path != "" {
				path = "/api/v1/models/" + tt.path + "/calibrate"
				delete(sent, "paradigm") // the model has its own, and its name is in the path
				delete(sent, "name")
			}
			a := s.call(t, "POST", path, s.key, sent)
			if a.StatusCode != tt.status || a.code() != tt.code {
				t.Errorf("%s: %d %s, want %d %s", tt.name, a.StatusCode, a.body, tt.status, tt.code)
				continue
			}
			if tt.pointer != "" && !bytes.Contains(a.body, []byte(`"pointer":"`+tt.pointer+`","code":"`+tt.reason+`"`)) {
				t.Errorf("%s: %s names no %s %s", tt.name, a.body, tt.pointer, tt.reason)
			}
		}

		// Training reads sessions, so it needs their scope as well.
		narrow := s.makeKey(t, object{"scopes": []string{"catalog:write"}})["raw_key"].(string)
		for _, path := range []string{"/api/v1/models/train", "/api/v1/models/adaptive/calibrate"} {
			sent := body(nil)
			if path != "/api/v1/models/train" {
				delete(sent, "paradigm")
				delete(sent, "name")
			}
			if a := s.call(t, "POST", path, narrow, sent); a.StatusCode != 403 || a.code() != "insufficient_scope" {
				t.Errorf("%s without the scope of sessions: %d %s", path, a.StatusCode, a.body)
			}
		}

		// What only the trials show fails the job, with the numbers.
		failed := func(what, code string, job object) object {
			t.Helper()
			if e, _ := job["error"].(object); job["status"] != "failed" || e["code"] != code {
				t.Fatalf("%s: %v, want %s", what, job, code)
			}
			d, _ := job["error"].(object)["details"].(object)
			return d
		}
		d := failed("too few trials", "too_few_trials", s.train(t, body(object{"sessions": session(few.id)})))
		if d["trials"] != 8. || d["needed_per_class"] != 5. || d["classes"].(object)["left_hand"] != 4. {
			t.Errorf("too few trials: %v", d)
		}
		d = failed("a class without an event", "too_few_trials", s.train(t, body(object{"classes": object{"769": "left_hand", "4711": "right_hand"}})))
		if d["classes"].(object)["right_hand"] != 0. || d["found"] != 10. {
			t.Errorf("a class without an event: %v", d)
		}
		failed("unknown channel", "montage_mismatch", s.train(t, body(object{"channels": []string{"C3", "Oz"}})))
		failed("unknown option", "model_incompatible", s.train(t, body(object{"options": object{"magic": 1}})))
		if list := s.json(t, 200, "GET", "/api/v1/models/adaptive", s.key, nil)["versions"].([]any); len(list) != 1 {
			t.Errorf("versions after refusals: %v", list)
		}
		if a := s.call(t, "GET", "/api/v1/models/m", s.key, nil); a.StatusCode != 404 {
			t.Errorf("a refused training left a model: %s", a.body)
		}
	})
}

// TestTrialsThatAreNotWholeAreLeftOut trains on a session with a gap that is still open, and on one with a broken electrode
// cap for a while.
func TestTrialsThatAreNotWholeAreLeftOut(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	r := imageryRun(t, 11, 12)
	last := r.events[len(r.events)-1]
	// The gap lies in the trial of the fourth cue; the last cue comes again where nothing is recorded yet.
	r.events = append(r.events, eeg.Event{Onset: last.Onset + 4, Code: last.Code, Label: last.Label})
	gap := [2]float64{r.events[3].Onset + 1, r.events[3].Onset + 1.5}
	// Two trials hold nothing but movement.
	rows, _ := r.signal.Data.Dims()
	for _, e := range r.events[6:8] {
		from := int(e.Onset * r.signal.Rate)
		for ch := range rows {
			for i := range int(4 * r.signal.Rate) {
				r.signal.Data.Set(ch, from+i, float64(float32(900*math.Sin(float64(i)*0.9+float64(ch))*math.Sin(float64(i*i)))))
			}
		}
	}
	s.keep(t, s.key, r, "user_1", gap)
	request := object{"name": "m", "paradigm": "motor_imagery", "sessions": []object{{"session_id": r.id}}, "classes": object{"769": "left_hand", "770": "right_hand"}}
	id := s.json(t, 202, "POST", "/api/v1/models/train", s.key, request, "Idempotency-Key: once")["id"].(string)
	if again := s.json(t, 202, "POST", "/api/v1/models/train", s.key, request, "Idempotency-Key: once"); again["id"] != id {
		t.Errorf("the same key made another job: %v", again)
	}
	job := s.await(t, id)
	if job["status"] != "completed" {
		t.Fatalf("train: %v", job)
	}
	trials := job["output"].(object)["trials"].(object)
	if trials["found"] != 25. || trials["samples_missing"] != 2. || trials["used"] != 21. || trials["quality"].(object)["rejected"] != 2. {
		t.Errorf("%v", trials)
	}
	// The next training of the name is its next version.
	if job := s.train(t, request); job["output"].(object)["model"] != "m@2" {
		t.Errorf("the second training: %v", job)
	}
}

// TestTrialsOfADeadElectrodeAreLeftOut trains on a session in which an electrode is dead for some trials, and calibrates with it; then with one that is
// dead in most.
func TestTrialsOfADeadElectrodeAreLeftOut(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	dead := func(seed uint64, trials int) *cuedRun {
		r := imageryRun(t, seed, 12)
		for _, e := range r.events[:trials] {
			for i := range int(4 * r.signal.Rate) {
				r.signal.Data.Set(1, int(e.Onset*r.signal.Rate)+i, 0)
			}
		}
		s.keep(t, s.key, r, "user_1", [2]float64{})
		return r
	}
	some, most := dead(31, 5), dead(32, 15)
	name := some.signal.Channels[1]
	body := func(id string) object {
		return object{"name": "m", "paradigm": "motor_imagery", "pipeline": "csp_rxlda", "sessions": []object{{"session_id": id}}, "classes": object{"769": "left_hand", "770": "right_hand"}}
	}
	calibration := body(some.id)
	delete(calibration, "name")
	delete(calibration, "paradigm")
	delete(calibration, "pipeline")
	for what, job := range map[string]object{
		"train":     s.train(t, body(some.id)),
		"calibrate": s.await(t, s.json(t, 202, "POST", "/api/v1/models/m/calibrate", s.key, calibration)["id"].(string)),
	} {
		if job["status"] != "completed" {
			t.Fatalf("%s: %v", what, job)
		}
		out := job["output"].(object)
		trials := out["trials"].(object)
		lost := trials["contact"].(object)
		channels := lost["channels"].([]any)
		if trials["used"] != 19. || lost["rejected"] != 5. || len(channels) != 1 || channels[0].(object)["channel"] != name || channels[0].(object)["fault"] != "flat" {
			t.Errorf("%s: %v", what, trials)
		}
		if limits := fmt.Sprint(out["card"].(object)["limits"]); !strings.Contains(limits, "5 of 24 trials were left out of the training: no EEG in "+name+" (flat, 5 trials).") {
			t.Errorf("%s: the card has %s", what, limits)
		}
	}
	job := s.train(t, body(most.id))
	if fault, _ := job["error"].(object); fault["code"] != "invalid_signal" || !strings.Contains(fault["message"].(string), name+" (flat, 15 trials)") {
		t.Errorf("dead in most trials: %v", job)
	}
}

// TestTrainingIsCanceled cancels a training in the middle: it ends, and makes no model.
func TestTrainingIsCanceled(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	var sessions []object
	for seed := range uint64(3) {
		r := imageryRun(t, 20+seed, 20)
		s.keep(t, s.key, r, "user_1", [2]float64{})
		sessions = append(sessions, object{"session_id": r.id})
	}
	id := s.json(t, 202, "POST", "/api/v1/models/train", s.key, object{"name": "m", "paradigm": "motor_imagery", "pipeline": "fbcsp", "sessions": sessions,
		"classes": object{"769": "left_hand", "770": "right_hand"}, "reject_low_quality": false})["id"].(string)
	until(t, "a first fold", func() bool {
		d, _ := s.json(t, 200, "GET", "/api/v1/jobs/"+id+"?include=diagnostics", s.key, nil)["diagnostics"].(object)
		p, _ := d["progress"].(object)
		done, _ := p["done"].(float64)
		total, _ := p["total"].(float64)
		return p["phase"] == "training" && done >= 1 && done < total
	})
	s.json(t, 200, "POST", "/api/v1/jobs/"+id+"/cancel", s.key, nil)
	if job := s.await(t, id); job["status"] != "canceled" {
		t.Errorf("%v", job["status"])
	}
	if a := s.call(t, "GET", "/api/v1/models/m", s.key, nil); a.StatusCode != 404 {
		t.Errorf("a canceled training left a model: %s", a.body)
	}
}

// TestEveryPipelineTrainsOnSessions trains each pipeline that there is on synthetic sessions of its paradigm. Each beats
// guessing, and decodes a trial; those that keep learning do.
func TestEveryPipelineTrainsOnSessions(t *testing.T) {
	t.Parallel()
	race.LeaveOut(t, "trainings of every pipeline take ten times as long")
	s := embedded(t)
	type task struct {
		runs    []*cuedRun
		classes object
		window  object // nil for the paradigm's
	}
	imagery := task{runs: []*cuedRun{imageryRun(t, 31, 12), imageryRun(t, 32, 12)}, classes: object{"left": "left_hand", "right": "right_hand"},
		window: object{"from_s": -0.5, "to_s": 4}}
	flicker := task{classes: object{"1": "8 Hz", "2": "10 Hz", "3": "12 Hz", "4": "15 Hz"}, window: object{"from_s": -0.5, "to_s": 2}}
	spell := task{classes: object{"target": "target", "non_target": "non_target"}, window: nil}
	for block := range uint64(3) {
		f, err := synthetic.SSVEP(synthetic.Config{Channels: []string{"PO3", "POz", "PO4", "O1", "Oz", "O2"}, Rate: 128, Seed: 40 + block},
			synthetic.FlickerConfig{TrialsPerTarget: 2, TrialSeconds: 2, AmplitudeUV: 6})
		if err != nil {
			t.Fatal(err)
		}
		flicker.runs = append(flicker.runs, &cuedRun{signal: f.Signal, events: f.Events})
	}
	for block := range uint64(2) {
		p, err := synthetic.Speller(synthetic.Config{Channels: []string{"Fz", "Cz", "Pz", "Oz", "P3", "P4", "PO7", "PO8"}, Rate: 128, Seed: 50 + block},
			synthetic.SpellerConfig{Repetitions: 5})
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Events {
			p.Events[i].Label = "non_target"
			if p.Targets[i] {
				p.Events[i].Label = "target"
			}
		}
		spell.runs = append(spell.runs, &cuedRun{signal: p.Signal, events: p.Events})
	}
	tasks := map[string]task{"motor_imagery": imagery, "ssvep": flicker, "p300": spell}
	for _, k := range tasks {
		for _, r := range k.runs {
			s.keep(t, s.key, r, "user_1", [2]float64{})
		}
	}
	tried := 0
	for _, p := range catalog.Pipelines() {
		k, ok := tasks[string(p.Paradigm())]
		if !ok {
			continue // the seizure score is trained on clips, which sessions do not label
		}
		tried++
		var sessions []object
		for _, r := range k.runs {
			sessions = append(sessions, object{"session_id": r.id})
		}
		name := "by-" + p.Name()
		job := s.train(t, object{"name": name, "paradigm": p.Paradigm(), "pipeline": p.Name(), "sessions": sessions, "classes": k.classes, "window": k.window})
		if job["status"] != "completed" {
			t.Errorf("%s: %v", p.Name(), job["error"])
			continue
		}
		out := job["output"].(object)
		if out["pipeline"] != p.Name() || out["beats_chance"] != true {
			t.Errorf("%s: %v", p.Name(), out)
		}
		run := k.runs[0]
		first := run.events[0]
		in := object{"type": "eeg", "session_id": run.id, "paradigm": p.Paradigm(), "model": name, "start_ms": run.at(first) - 500, "end_ms": run.at(first) + 2000}
		switch p.Paradigm() {
		case "motor_imagery":
			in["end_ms"] = run.at(first) + 4000
		case "p300":
			in["start_ms"], in["end_ms"] = run.at(first)-1000, run.at(first)+1700
			in["events"] = []object{{"onset_s": 1, "code": 1}}
		}
		got := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, object{"input": in})["id"].(string))
		if got["status"] != "completed" || got["output"].(object)["model"].(object)["name"] != name {
			t.Errorf("%s decodes: %v", p.Name(), got)
		}
		if !catalog.Adaptive(p.Name()) {
			continue
		}
		job = s.await(t, s.json(t, 202, "POST", "/api/v1/models/"+name+"/calibrate", s.key, object{"sessions": sessions[:1], "classes": k.classes, "window": k.window})["id"].(string))
		if job["status"] != "completed" || job["output"].(object)["model"] != name+"@2" {
			t.Errorf("%s goes on learning: %v", p.Name(), job)
		}
	}
	if tried < 6 {
		t.Errorf("only %d pipelines were tried", tried)
	}
}

// TestTrainingOnSeveralPeople trains on the sessions of two users: one is left out at a time, the model names neither, and it
// goes with either of them, together with what was made from it.
func TestTrainingOnSeveralPeople(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		anna, berta, carla := imageryRun(t, 61, 10), imageryRun(t, 62, 10), imageryRun(t, 63, 6)
		s.keep(t, s.key, anna, "anna/1", [2]float64{})
		s.keep(t, s.key, berta, "berta", [2]float64{})
		s.keep(t, s.key, carla, "carla", [2]float64{})
		classes := object{"769": "left_hand", "770": "right_hand"}
		job := s.train(t, object{"name": "both", "paradigm": "motor_imagery", "pipeline": "csp_rxgmm", "classes": classes,
			"sessions": []object{{"session_id": anna.id}, {"session_id": berta.id}}})
		if job["status"] != "completed" {
			t.Fatal(job)
		}
		card := job["output"].(object)["card"].(object)
		if e := card["evaluations"].([]any)[0].(object); e["protocol"] != "leave one subject out" || card["subjects"] != 2. {
			t.Errorf("%v", card)
		}
		file := s.download(t, "both", "1")
		for _, secret := range []string{"anna", "berta", anna.id, berta.id} {
			if bytes.Contains(file, []byte(secret)) {
				t.Errorf("the model file holds %q", secret)
			}
		}
		job = s.await(t, s.json(t, 202, "POST", "/api/v1/models/both/calibrate", s.key, object{"sessions": []object{{"session_id": carla.id}}, "classes": classes})["id"].(string))
		if job["status"] != "completed" || job["output"].(object)["from"] != "both@1" {
			t.Fatal(job)
		}
		// A roll back, and on from there: version 3 has not learned what version 2 has.
		s.json(t, 200, "POST", "/api/v1/models/both/rollback", s.key, object{})
		job = s.await(t, s.json(t, 202, "POST", "/api/v1/models/both/calibrate", s.key, object{"sessions": []object{{"session_id": anna.id}}, "classes": classes})["id"].(string))
		if out, _ := job["output"].(object); out["model"] != "both@3" || out["from"] != "both@1" {
			t.Errorf("after the roll back: %v", job)
		}
		s.json(t, 200, "DELETE", "/v1/users/carla", s.key, nil)
		versions := s.json(t, 200, "GET", "/api/v1/models/both", s.key, nil)["versions"].([]any)
		if len(versions) != 2 || versions[0].(object)["version"] != "3" || versions[1].(object)["version"] != "1" {
			t.Errorf("versions without carla: %v", versions)
		}
		s.json(t, 200, "DELETE", "/v1/users/berta", s.key, nil)
		if a := s.call(t, "GET", "/api/v1/models/both", s.key, nil); a.StatusCode != 404 {
			t.Errorf("the model outlives berta: %s", a.body)
		}
	})
}

// TestCalibrationsAtOnceLoseNothing has several calibrations of a model run at the same time: each makes a version, and each
// goes on from another one.
func TestCalibrationsAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		s.uploadModel(t, s.key, adaptiveFile(t, "adaptive"))
		r := imageryRun(t, 81, 9)
		s.keep(t, s.key, r, "user_1", [2]float64{})
		const n = 8 // more than a version is tried for in one attempt
		var ids []string
		for i := range n {
			ids = append(ids, s.json(t, 202, "POST", "/api/v1/models/adaptive/calibrate", s.key, object{"sessions": []object{{"session_id": r.id,
				"start_ms": r.at(r.events[2*i]), "end_ms": r.at(r.events[2*i+2])}}, "classes": object{"769": "left_hand", "770": "right_hand"}})["id"].(string))
		}
		from := map[any]any{}
		for _, id := range ids {
			job := s.await(t, id)
			out, _ := job["output"].(object)
			if job["status"] != "completed" || out["trials"].(object)["used"] != 2. {
				t.Fatalf("%v", job)
			}
			from[out["model"]] = out["from"]
		}
		for v := 2; v <= n+1; v++ {
			if model := fmt.Sprintf("adaptive@%d", v); from[model] != fmt.Sprintf("adaptive@%d", v-1) {
				t.Errorf("%s was made from %v", model, from[model])
			}
		}
		last := s.json(t, 200, "GET", "/api/v1/models/adaptive", s.key, nil)["versions"].([]any)[0].(object)
		if got := last["card"].(object)["trials"]; got != 20.+2*n {
			t.Errorf("the last version has learned %v trials", got)
		}
	})
}
