package cue_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/eeg"
)

var leftRight = []string{"left_hand", "right_hand"}

// at makes events a second apart: "T1", "769", or "769 left".
func at(names ...string) []eeg.Event {
	var out []eeg.Event
	for i, name := range names {
		e := eeg.Event{Onset: float64(i)}
		code, label, _ := strings.Cut(name, " ")
		if _, err := fmt.Sscanf(code, "%d", &e.Code); err != nil {
			e.Code, label = 0, name
			if n := strings.TrimLeft(name, "T"); len(n) == 1 {
				_, _ = fmt.Sscanf(n, "%d", &e.Code)
			}
		}
		e.Label = label
		out = append(out, e)
	}
	return out
}

// shown writes trials as "index=class".
func shown(trials []cue.Trial) string {
	var out []string
	for _, t := range trials {
		out = append(out, fmt.Sprintf("%d=%s", t.Index, t.Class))
	}
	return strings.Join(out, " ")
}

func TestTrialsOfImagery(t *testing.T) {
	t.Parallel()
	physionet := map[string][]string{"left_hand": {"T1"}, "right_hand": {"T2"}}
	for name, tc := range map[string]struct {
		classes []string
		known   map[string][]string
		given   map[string]string
		events  []eeg.Event
		want    string // "" for no_events
	}{
		"rest goes before":                   {leftRight, physionet, nil, at("T0", "T1", "T0", "T2"), "1=left_hand 3=right_hand"},
		"labels that got lost":               {leftRight, physionet, nil, at("0", "1", "0", "2"), "1=left_hand 3=right_hand"},
		"Graz":                               {leftRight, physionet, nil, at("768 trial start", "786 cross", "785 beep", "769 left", "781 feedback", "770 right"), "3=left_hand 5=right_hand"},
		"Graz, codes alone":                  {leftRight, nil, nil, at("768", "769", "781", "770", "1023"), "1=left_hand 3=right_hand"},
		"four classes, of which two":         {leftRight, nil, nil, at("769", "771", "772", "770"), "0=left_hand 3=right_hand"},
		"secret cues":                        {leftRight, nil, nil, at("768", "783", "768", "783"), "1= 3="},
		"secret cues among others":           {leftRight, nil, nil, at("769", "783", "768"), "0=left_hand 1="},
		"names of classes":                   {leftRight, physionet, nil, at("rest", "left_hand", "Right Hand", "imagined left fist", "OVTK_GDF_Right", "left foot"), "1=left_hand 2=right_hand 3=left_hand 4=right_hand"},
		"feet":                               {[]string{"both_hands", "both_feet"}, map[string][]string{"both_hands": {"T1"}, "both_feet": {"T2"}}, nil, at("T0", "T2", "771", "feet"), "1=both_feet 2=both_feet 3=both_feet"},
		"own codes":                          {leftRight, map[string][]string{"left_hand": {"7"}, "right_hand": {"8", "9"}}, nil, at("1", "7", "8", "T1", "9"), "1=left_hand 2=right_hand 4=right_hand"},
		"swapped":                            {leftRight, map[string][]string{"left_hand": {"T2"}, "right_hand": {"T1"}}, nil, at("T0", "T1", "T2"), "1=right_hand 2=left_hand"},
		"rest is a class":                    {[]string{"left_hand", "rest"}, map[string][]string{"left_hand": {"T1"}, "rest": {"T0"}}, nil, at("T0", "T1", "T2"), "0=rest 1=left_hand"},
		"rest is a class, by name":           {[]string{"left_hand", "rest"}, map[string][]string{"left_hand": {"T1"}}, nil, at("T0", "T1"), "0=rest 1=left_hand"},
		"the caller's word":                  {leftRight, physionet, map[string]string{"5": "left", "6": "right_hand"}, at("T1", "5", "6", "7"), "1=left_hand 2=right_hand"},
		"the caller's cue":                   {leftRight, physionet, map[string]string{"S 11": cue.Open}, at("T1", "S 11", "T2"), "1="},
		"the caller's rest":                  {leftRight, physionet, map[string]string{"5": "left_hand", "6": "rest"}, at("6", "5"), "1=left_hand"},
		"a time alone":                       {leftRight, physionet, nil, []eeg.Event{{Onset: 2}}, "0="},
		"a time alone beside a class":        {leftRight, physionet, nil, at("0", "T1"), "1=left_hand"},
		"called cue":                         {leftRight, physionet, nil, at("cue", "trial start", "cue"), "0= 2="},
		"rest alone":                         {leftRight, physionet, nil, at("T0", "T0"), ""},
		"another task":                       {leftRight, physionet, nil, at("33025", "32779", "99"), ""},
		"only a number of something":         {leftRight, physionet, nil, at("S  1", "S  2"), ""},
		"a model that does not say":          {[]string{"apple", "pear"}, nil, nil, at("T0", "T1", "768", "32769", "T2", "rest"), "1= 4="},
		"a model that does not say, by name": {[]string{"apple", "pear"}, nil, nil, at("T1", "apple", "Pear"), "1=apple 2=pear"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := cue.Find(cue.Query{Paradigm: eeg.MotorImagery, Classes: tc.classes, Known: tc.known, Given: tc.given}, tc.events)
			if tc.want == "" {
				var e *decoders.Error
				if !errors.As(err, &e) || e.Code != decoders.CodeNoEvents || e.Details["events"] != len(tc.events) || len(e.Details["found"].([]map[string]any)) == 0 {
					t.Fatalf("%v, %v", shown(got), err)
				}
				return
			}
			if err != nil || shown(got) != tc.want {
				t.Errorf("%q, %v; want %q", shown(got), err, tc.want)
			}
		})
	}
}

func TestErrorsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	_, err := cue.Find(cue.Query{Paradigm: eeg.MotorImagery, Classes: leftRight, Known: map[string][]string{"left_hand": {"T1"}, "right_hand": {"T2"}}}, at("T0", "33025", "T0"))
	if err == nil || !strings.Contains(err.Error(), "left_hand = t1 or 769") || !strings.Contains(err.Error(), "found T0 × 2, 33025 × 1") || !strings.Contains(err.Error(), "event_classes") {
		t.Error(err)
	}
	_, err = cue.Find(cue.Query{Paradigm: eeg.MotorImagery, Classes: leftRight, Given: map[string]string{"7": "left_hnd"}}, at("7"))
	var e *decoders.Error
	if !errors.As(err, &e) || e.Code != decoders.CodeModelIncompatible || e.Details["class"] != "left_hnd" {
		t.Error(err)
	}
	for _, p := range []eeg.Paradigm{eeg.MotorImagery, eeg.SSVEP, eeg.P300, eeg.Seizure} {
		if trials, err := cue.Find(cue.Query{Paradigm: p, Classes: leftRight}, nil); trials != nil || err != nil {
			t.Errorf("%s without events: %v, %v", p, trials, err)
		}
	}
}

func TestTrialsOfFlickers(t *testing.T) {
	t.Parallel()
	targets := decoders.Stimulus{Targets: []eeg.Target{{Label: "door", Frequency: 13}, {Frequency: 21}}}
	openvibe := []eeg.Event{
		{Onset: 1, Code: 32769, Label: "experiment start"},
		{Onset: 2, Code: 33024, Label: "label 0"}, {Onset: 3, Code: 32779}, {Onset: 8, Code: 32780},
		{Onset: 9, Code: 33025, Label: "label 1"}, {Onset: 10, Code: 32779}, {Onset: 15, Code: 32780},
		{Onset: 16, Code: 32770, Label: "experiment stop"},
	}
	for name, tc := range map[string]struct {
		given  map[string]string
		events []eeg.Event
		want   string
		ends   []float64
	}{
		"OpenViBE":                   {nil, openvibe, "2= 5=", []float64{8, 15}},
		"OpenViBE, by the caller":    {map[string]string{"33025": "door", "33024": "no_target"}, openvibe, "2=no_target 5=door", []float64{8, 15}},
		"OpenViBE, without the rest": {map[string]string{"label 1": "door"}, openvibe, "5=door", []float64{15}},
		"named":                      {nil, at("T0", "door", "rest", "freq_21", "beep", "freq_21.00hz"), "1=door 3=freq_21.00hz 5=freq_21.00hz", []float64{2, 5, math.Inf(1)}},
		"codes":                      {nil, at("1", "2", "1"), "0= 1= 2=", []float64{1, 2, math.Inf(1)}},
		"not without a word":         {nil, at("rest", "32769", "768"), "", nil},
	} {
		got, err := cue.Find(cue.Query{Paradigm: eeg.SSVEP, Stimulus: targets, Given: tc.given}, tc.events)
		var ends []float64
		for _, trial := range got {
			ends = append(ends, trial.End)
		}
		if (err == nil) != (tc.want != "") || shown(got) != tc.want || !slices.Equal(ends, tc.ends) {
			t.Errorf("%s: %q ending at %v, %v; want %q at %v", name, shown(got), ends, err, tc.want, tc.ends)
		}
	}
}

func TestTrialsOfFlashes(t *testing.T) {
	t.Parallel()
	matrix := decoders.Stimulus{Matrix: [][]string{{"A", "B"}, {"C", "D"}}}
	var events []eeg.Event
	var targets []bool
	for letter, codes := range [][2]int{{1, 4}, {2, 3}} { // C, then B
		for k := range 12 {
			code := 1 + k%4
			events = append(events, eeg.Event{Onset: float64(letter)*8 + float64(k)*0.2, Code: code, Label: fmt.Sprint("trial", k)})
			targets = append(targets, code == codes[0] || code == codes[1])
		}
	}
	find := func(q cue.Query) []cue.Trial {
		t.Helper()
		q.Paradigm = eeg.P300
		got, err := cue.Find(q, events)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := find(cue.Query{Stimulus: matrix, Targets: targets, Each: true}); shown(got) != "0=letter_C 12=letter_B" || len(got[1].Events) != 12 {
		t.Errorf("letters: %s", shown(got))
	}
	if got := find(cue.Query{Stimulus: matrix}); shown(got) != "0= 12=" {
		t.Errorf("letters that nothing is known of: %s", shown(got))
	}
	got := find(cue.Query{Targets: targets, Each: true})
	if len(got) != 24 || got[0].Class != cue.Target || got[1].Class != cue.NonTarget {
		t.Errorf("flashes: %s", shown(got))
	}
	if got := find(cue.Query{Given: map[string]string{"1": "target", "2": "non_target", "3": "non_target", "4": "non_target"}, Each: true}); len(got) != 24 || got[0].Class != cue.Target || got[5].Class != cue.NonTarget {
		t.Errorf("flashes by the caller's word: %s", shown(got))
	}
	if got := find(cue.Query{Each: true}); len(got) != 2 {
		t.Errorf("trains: %s", shown(got))
	}
}

// TestTrialsAreInOrder draws events of every kind: trials are events of the recording, in order, each once, and a class that is
// told is one of the model's.
func TestTrialsAreInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.SampledFrom([]string{"", "T0", "T1", "T2", "left", "rest", "cue", "label 1", "target", "door", "13 Hz", "trial start", "stop", "é", "/"})
		code := rapid.SampledFrom([]int{0, 1, 2, -1, 768, 769, 770, 783, 32769, 32779, 32780, 33025})
		var events []eeg.Event
		var targets []bool
		at := 0.0
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			at += rapid.Float64Range(0, 4).Draw(t, "gap")
			events = append(events, eeg.Event{Onset: at, Code: code.Draw(t, "code"), Label: label.Draw(t, "label")})
			targets = append(targets, rapid.Bool().Draw(t, "target"))
		}
		q := cue.Query{Paradigm: rapid.SampledFrom([]eeg.Paradigm{eeg.MotorImagery, eeg.SSVEP, eeg.P300}).Draw(t, "paradigm"), Each: rapid.Bool().Draw(t, "each")}
		allowed := []string{""}
		switch q.Paradigm {
		case eeg.MotorImagery:
			q.Classes, q.Known = leftRight, rapid.SampledFrom([]map[string][]string{nil, {"left_hand": {"T1"}}}).Draw(t, "known")
			allowed = append(allowed, leftRight...)
		case eeg.SSVEP:
			q.Stimulus.Targets = []eeg.Target{{Label: "door", Frequency: 13}}
			allowed = append(allowed, "door", cue.NoTarget)
		default:
			q.Targets = targets
			allowed = append(allowed, cue.Target, cue.NonTarget)
		}
		trials, err := cue.Find(q, events)
		if err != nil {
			var e *decoders.Error
			if !errors.As(err, &e) || e.Code != decoders.CodeNoEvents || len(trials) > 0 {
				t.Fatal(err)
			}
			return
		}
		last := -1
		for _, trial := range trials {
			if trial.Index <= last || trial.Event != events[trial.Index] || len(trial.Events) == 0 || trial.Events[0] != trial.Event {
				t.Fatalf("%+v", trial)
			}
			if !slices.Contains(allowed, trial.Class) || trial.End <= trial.Event.Onset {
				t.Fatalf("%+v", trial)
			}
			last = trial.Index
		}
		again, _ := cue.Find(q, events)
		if diff := cmp.Diff(trials, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestMovements tells cues of movements from everything else, and holds that what is called a cue begins a trial of a model that has its class.
func TestMovements(t *testing.T) {
	t.Parallel()
	classes := []string{"left_hand", "right_hand", "feet", "tongue", "both_hands"}
	for _, tc := range []struct {
		e    eeg.Event
		want bool
	}{
		{eeg.Event{Code: 769}, true}, {eeg.Event{Code: 774}, true}, {eeg.Event{Code: 783}, false}, {eeg.Event{Code: 1}, false},
		{eeg.Event{Label: "left_hand"}, true}, {eeg.Event{Label: "OVTK_GDF_Right"}, true}, {eeg.Event{Label: "imagined left fist"}, true},
		{eeg.Event{Label: "both feet"}, true}, {eeg.Event{Label: "move left hand"}, true}, {eeg.Event{Label: "left_hand_2"}, true},
		{eeg.Event{Label: "rest"}, false}, {eeg.Event{Label: "left ear"}, false}, {eeg.Event{Label: "cue"}, false}, {eeg.Event{Label: "target"}, false},
		{eeg.Event{}, false},
	} {
		if got := len(cue.Movements([]eeg.Event{tc.e}, nil)) == 1; got != tc.want {
			t.Errorf("%+v is a cue: %v", tc.e, got)
		}
		if tc.want && !strings.HasSuffix(tc.e.Label, "_2") {
			if trials, err := cue.Find(cue.Query{Paradigm: eeg.MotorImagery, Classes: classes}, []eeg.Event{tc.e}); err != nil || len(trials) != 1 || trials[0].Class == "" {
				t.Errorf("%+v is a cue that begins no trial: %+v, %v", tc.e, trials, err)
			}
		}
	}
	run := []eeg.Event{{Label: "T0"}, {Label: "T1"}, {Label: "T2"}}
	if n := len(cue.Movements(run, nil)); n != 2 {
		t.Errorf("%d cues of a run of PhysioNet", n)
	}
	if n := len(cue.Movements(append(run, eeg.Event{Label: "stimulus"}), nil)); n != 0 {
		t.Errorf("%d cues where T1 may be anything", n)
	}
	if n := len(cue.Movements([]eeg.Event{{Label: "Faust links"}, {Label: "idle"}}, []string{"faust links", "rest"})); n != 1 {
		t.Errorf("%d cues named like a class", n)
	}
}
