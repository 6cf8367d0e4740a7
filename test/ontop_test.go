package test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
)

// TestFiveTrialsOnTopOfThePeople trains on five trials of each hand of a person whom nobody knows, once alone and once on top of the
// people of the built-in models, and decodes another session with both.
func TestFiveTrialsOnTopOfThePeople(t *testing.T) {
	t.Parallel()
	race.LeaveOut(t, "trainings on all people take ten times as long")
	s := embedded(t)
	few, later := imageryRun(t, 31, 5), imageryRun(t, 32, 10)
	s.keep(t, s.key, few, "anna", [2]float64{})
	s.keep(t, s.key, later, "anna", [2]float64{})
	sp := split{runs: []*cuedRun{few, later}, classes: map[string]string{"769": "left", "770": "right"}}
	names := []string{"left", "right"} // as the person calls them: the people's classes are left_hand and right_hand
	accuracy := map[string]float64{}
	for _, base := range []string{"none", "builtin"} {
		job := s.train(t, object{"name": "anna-" + base, "paradigm": "motor_imagery", "base": base, "sessions": []object{{"session_id": few.id}}, "classes": sp.classes,
			"window": object{"from_s": -splitBefore, "to_s": splitAfter}})
		if job["status"] != "completed" {
			t.Fatalf("%s: %v", base, job)
		}
		card := job["output"].(object)["card"].(object)
		from, _ := card["trained_with"].(object)["base"].(string)
		if base == "builtin" && (from != "builtin" || len(card["data"].([]any)) != 2) || base == "none" && from != "" {
			t.Errorf("the card of %s says %v and data %v", base, card["trained_with"], card["data"])
		}
		if base == "builtin" {
			// Both curves are on the card: nothing of the person, and what some folds have trials for.
			curve := card["learning_curve"].([]any)
			if first := curve[0].(object); first["trials_per_class"] != 0. || first["accuracy_alone"] != nil {
				t.Errorf("the curve begins with %v", first)
			}
		}
		events := sp.trialsOf(later, names)
		got, _ := s.decodeTrials(t, later, events, "anna-"+base+"@1")
		accuracy[base] = share(got, events, sp, names)
	}
	t.Logf("five trials a class: %.3f alone, %.3f on top of the people", accuracy["none"], accuracy["builtin"])
	if accuracy["builtin"] < max(0.75, accuracy["none"]-0.1) {
		t.Errorf("accuracies %v", accuracy)
	}
	// Two of each class are enough on top of others, and not alone.
	marks := sp.trialsOf(few, names)
	until := few.at(marks[4]) + 1
	for base, status := range map[string]string{"none": "failed", "builtin": "completed"} {
		job := s.train(t, object{"name": "two-" + base, "paradigm": "motor_imagery", "base": base, "sessions": []object{{"session_id": few.id, "end_ms": until}}, "classes": sp.classes,
			"window": object{"from_s": -splitBefore, "to_s": splitAfter}})
		if job["status"] != status {
			t.Errorf("two trials a class, base %s: %v", base, job)
		}
	}
	// A model that was trained so is a base, too, and what starts from it goes with it.
	job := s.train(t, object{"name": "more", "paradigm": "motor_imagery", "base": "anna-builtin", "sessions": []object{{"session_id": later.id}}, "classes": sp.classes,
		"window": object{"from_s": -splitBefore, "to_s": splitAfter}})
	if job["status"] != "completed" || job["output"].(object)["card"].(object)["trained_with"].(object)["base"] != "anna-builtin@1" {
		t.Errorf("on top of an own model: %v", job)
	}
	for name, tc := range map[string]struct {
		change object
		code   string
	}{
		"no such model":          {object{"base": "nobody"}, "model_not_found"},
		"a model of no base":     {object{"base": "anna-none@1"}, "model_incompatible"},
		"classes of others":      {object{"base": "builtin", "classes": object{"769": "feet", "770": "tongue"}}, "model_incompatible"},
		"a band of its own":      {object{"base": "builtin", "options": object{"low": 4}}, "model_incompatible"},
		"an electrode too few":   {object{"base": "builtin", "channels": []string{"C3"}}, "montage_mismatch"},
		"an option out of range": {object{"base": "builtin", "options": object{"weight": -1}}, "model_incompatible"},
	} {
		body := object{"name": "m", "paradigm": "motor_imagery", "sessions": []object{{"session_id": later.id}}, "classes": sp.classes}
		for k, v := range tc.change {
			body[k] = v
		}
		job := s.train(t, body)
		if e, _ := job["error"].(object); job["status"] != "failed" || e["code"] != tc.code {
			t.Errorf("%s: %v, want %s", name, job, tc.code)
		}
	}
	for name, tc := range map[string]struct{ base, pipeline, code string }{
		"no name of a model":        {"Builtin!", "ts_lr", "invalid"},
		"a pipeline without a base": {"builtin", "csp_lda", "not_allowed"},
	} {
		a := s.call(t, "POST", "/api/v1/models/train", s.key, object{"name": "m", "paradigm": "motor_imagery", "pipeline": tc.pipeline, "base": tc.base,
			"sessions": []object{{"session_id": later.id}}, "classes": sp.classes})
		if a.StatusCode != 400 || !bytes.Contains(a.body, []byte(`"pointer":"/base","code":"`+tc.code+`"`)) {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
}

// onTopChannels are a cap of eight.
var onTopChannels = []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz"}

// TestFiveTrialsOfRecordings does so with people of EEGMMIDB. The built-in people are these very people, so the base is a model of the
// others, uploaded as a project's own: nobody who is decoded is in it.
func TestFiveTrialsOfRecordings(t *testing.T) {
	t.Parallel()
	race.LeaveOut(t, "trainings on all people take ten times as long")
	root := eegdata.Dir(t)
	files := datasets.Glob(root, "motor_imagery/eegmmidb/*.zip")
	const people = 4
	if len(files) < 2*people {
		t.Skipf("%d people, at least %d are needed", len(files), 2*people)
	}
	s := embedded(t)
	task := datasets.LeftRightImagery
	open := func(file string) []datasets.Run {
		runs, _ := datasets.Open(file, func(base string) bool { return task.Has(datasets.Stem(base)) })
		return runs
	}
	var others []*decoders.Dataset
	for _, file := range files[people:] {
		if ds, _ := task.Dataset(datasets.Stem(file), open(file), onTopChannels, 0.5, 4); ds != nil {
			others = append(others, ds)
		}
	}
	all, _ := datasets.Pool(others)
	cfg := motorimagery.CrossSubject()
	cfg.Align, cfg.Center = true, motorimagery.CenterRiemann
	d, err := motorimagery.TSLR().Train(t.Context(), all, json.RawMessage(mustJSON(t, cfg)))
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := catalog.Write(&file, eeg.MotorImagery, "others", "1", catalog.ModelCard{Summary: "The others."}, d.State()); err != nil {
		t.Fatal(err)
	}
	if a := s.raw(t, "POST", "/api/v1/models", []string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, file.Bytes()); a.StatusCode != 201 {
		t.Fatalf("upload: %d %s", a.StatusCode, a.body)
	}
	sp := split{classes: map[string]string{"T1": "left_hand", "T2": "right_hand"}}
	right, n := map[string]float64{}, 0.0
	for _, path := range files[:people] {
		runs := open(path)
		if len(runs) < 2 {
			continue
		}
		person := strings.ToLower(datasets.Stem(path))
		kept := make([]*cuedRun, 2)
		for i, r := range []datasets.Run{runs[0], runs[len(runs)-1]} {
			sig, err := r.Recording.Signal(onTopChannels...)
			if err != nil {
				t.Fatal(err)
			}
			kept[i] = &cuedRun{signal: sig, events: slices.Clone(r.Recording.Events)}
			s.keep(t, s.key, kept[i], person, [2]float64{})
		}
		marks := sp.trialsOf(kept[0], task.Classes)
		count, last := [2]int{}, 0
		for last = 0; last < len(marks) && min(count[0], count[1]) < 5; last++ {
			count[sp.label(task.Classes)(marks[last])]++
		}
		events := sp.trialsOf(kept[1], task.Classes)
		for _, base := range []string{"none", "others"} {
			name := person + "-" + base
			job := s.train(t, object{"name": name, "paradigm": "motor_imagery", "base": base, "sessions": []object{{"session_id": kept[0].id, "end_ms": kept[0].at(marks[last-1]) + 1}},
				"classes": sp.classes, "reject_low_quality": false})
			if job["status"] != "completed" {
				t.Fatalf("%s: %v", name, job)
			}
			got, _ := s.decodeTrials(t, kept[1], events, name+"@1")
			right[base] += share(got, events, sp, task.Classes) * float64(len(events))
		}
		n += float64(len(events))
	}
	t.Logf("five trials a class of %d people, %.0f trials of another run: %.3f alone, %.3f on top of others", people, n, right["none"]/n, right["others"]/n)
	if right["others"] < right["none"]-0.05*n {
		t.Errorf("on top of others it does worse than alone: %v of %v", right, n)
	}
}
