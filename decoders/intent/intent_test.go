package intent_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/eeg"
)

func TestClassesBecomeIntents(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode     eeg.UIMode
		paradigm eeg.Paradigm
		class    string
		want     string
	}{
		{eeg.DefaultMode, eeg.MotorImagery, "left", "move_left"},
		{eeg.WheelchairNav, eeg.MotorImagery, "left", "move_left"},
		{eeg.WheelchairNav, eeg.MotorImagery, "right", "move_right"},
		{eeg.WheelchairNav, eeg.MotorImagery, "feet", "stop"},
		{eeg.Cursor, eeg.MotorImagery, "hands", "cursor_up"},
		{eeg.Cursor, eeg.MotorImagery, "Both Feet", "cursor_down"},
		{eeg.Speller, eeg.MotorImagery, "feet", "backspace"},
		{eeg.SmartHome, eeg.MotorImagery, "both_fists", "turn_on"},
		{"unheard_of", eeg.MotorImagery, "left_hand", "move_left"},
		{eeg.DefaultMode, eeg.MotorImagery, "rest", "rest"},
		{eeg.DefaultMode, eeg.MotorImagery, "word association", "word association"},
		{eeg.DefaultMode, eeg.P300, "H", "letter_H"},
		{eeg.DefaultMode, eeg.P300, "letter_H", "letter_H"},
		{eeg.DefaultMode, eeg.P300, "letter_7", "digit_7"},
		{eeg.DefaultMode, eeg.P300, "letter__", "space"},
		{eeg.DefaultMode, eeg.P300, "letter_YES", "select_yes"},
		{eeg.DefaultMode, eeg.P300, "select_row_3", "select_row_3"},
		{eeg.DefaultMode, eeg.P300, "select_7", "select_7"},
		{eeg.DefaultMode, eeg.P300, "5", "digit_5"},
		{eeg.DefaultMode, eeg.P300, "_", "space"},
		{eeg.DefaultMode, eeg.P300, " ", "space"},
		{eeg.DefaultMode, eeg.P300, "<", "backspace"},
		{eeg.DefaultMode, eeg.P300, "?", "symbol_?"},
		{eeg.DefaultMode, eeg.P300, "YES", "select_yes"},
		{eeg.DefaultMode, eeg.P300, "Call nurse!", "select_call_nurse"},
		{eeg.DefaultMode, eeg.P300, "row_3", "select_row_3"},
		{eeg.DefaultMode, eeg.P300, "column_12", "select_column_12"},
		{eeg.DefaultMode, eeg.P300, "row_x", "select_row_x"},
		{eeg.DefaultMode, eeg.P300, "target", "target"},
		{eeg.DefaultMode, eeg.P300, "nontarget", "non_target"},
		{eeg.DefaultMode, eeg.SSVEP, "door", "door"},
		{eeg.DefaultMode, eeg.SSVEP, "Lamp 2", "Lamp 2"},
		{eeg.DefaultMode, eeg.SSVEP, "freq_13.00hz", "freq_13.00hz"},
		{eeg.DefaultMode, eeg.SSVEP, "no_target", "no_target"},
		{eeg.DefaultMode, eeg.Seizure, "no_ictal_pattern", "no_seizure_pattern"},
		{eeg.DefaultMode, eeg.Seizure, "ictal_like", "possible_seizure"},
	} {
		t.Run(fmt.Sprintf("%s %s %s", tc.mode, tc.paradigm, tc.class), func(t *testing.T) {
			t.Parallel()
			if got := intent.Of(tc.mode, tc.paradigm, tc.class, nil); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestTableOfThePackageComment holds the table that people read to the one that runs.
func TestTableOfThePackageComment(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var modes []string
	cells := 0
	for _, line := range strings.Split(string(doc), "\n") {
		fields := strings.Fields(strings.TrimPrefix(line, "//\t"))
		if !strings.HasPrefix(line, "//\t") || len(fields) != 6 {
			continue
		}
		if modes == nil {
			modes = fields[1:]
			continue
		}
		for i, want := range fields[1:] {
			mode := eeg.UIMode(modes[i])
			if mode == "default" {
				mode = eeg.DefaultMode
			}
			if got := intent.Of(mode, eeg.MotorImagery, fields[0], nil); got != want {
				t.Errorf("%s in %q: %q, the comment says %q", fields[0], mode, got, want)
			}
			cells++
		}
	}
	if cells != 30 {
		t.Errorf("%d cells found in the comment, want 30", cells)
	}
}

func TestOwnMapGoesFirst(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		own  map[string]string
		want string
	}{
		"the decoder's class":    {map[string]string{"left_hand": "lamp", "left": "no", "move_left": "no"}, "lamp"},
		"the class of the table": {map[string]string{"left": "lamp", "move_left": "no"}, "lamp"},
		"the standard intent":    {map[string]string{"move_left": "lamp"}, "lamp"},
		"empty value":            {map[string]string{"left_hand": ""}, "move_left"},
		"other classes":          {map[string]string{"right": "lamp"}, "move_left"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := intent.Of(eeg.WheelchairNav, eeg.MotorImagery, "left_hand", tc.own); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	for _, key := range []string{"letter_H", "H"} {
		if got := intent.Of(eeg.Speller, eeg.P300, "letter_H", map[string]string{key: "help"}); got != "help" {
			t.Errorf("%s: got %q", key, got)
		}
	}
}

func TestRankMergesAndRounds(t *testing.T) {
	t.Parallel()
	got := intent.Rank(eeg.DefaultMode, eeg.MotorImagery, []decoders.Class{
		{Name: "left", Probability: 0.4}, {Name: "feet", Probability: 0.35}, {Name: "rest", Probability: 0.25},
	}, map[string]string{"feet": "halt", "rest": "halt"})
	want := []eeg.Ranked{{Intent: "halt", Confidence: 0.6}, {Intent: "move_left", Confidence: 0.4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	third := intent.Rank(eeg.DefaultMode, eeg.SSVEP, []decoders.Class{
		{Name: "a", Probability: 1. / 3}, {Name: "b", Probability: 1. / 3}, {Name: "c", Probability: 1. / 3}}, nil)
	if b, _ := json.Marshal(third); string(b) != `[{"intent":"a","confidence":0.333334},{"intent":"b","confidence":0.333333},{"intent":"c","confidence":0.333333}]` {
		t.Errorf("thirds: %s", b)
	}
}

func TestRankProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 60).Draw(t, "weights")
		var sum float64
		for _, w := range weights {
			sum += w
		}
		if sum == 0 {
			weights[0], sum = 1, 1
		}
		groups := rapid.IntRange(1, len(weights)).Draw(t, "intents")
		own := map[string]string{}
		classes := make([]decoders.Class, len(weights))
		for i, w := range weights {
			classes[i] = decoders.Class{Name: fmt.Sprint("c", i), Probability: w / sum}
			own[classes[i].Name] = fmt.Sprint("intent", i%groups)
		}
		ranked := intent.Rank(eeg.DefaultMode, eeg.SSVEP, classes, own)
		if len(ranked) != groups {
			t.Fatalf("%d intents, want %d", len(ranked), groups)
		}
		total := 0.0
		for i, r := range ranked {
			total += r.Confidence
			if r.Confidence < 0 || r.Confidence > 1 || i > 0 && r.Confidence > ranked[i-1].Confidence {
				t.Fatalf("rank %d: %+v after %+v", i, r, ranked[max(0, i-1)])
			}
			var exact float64
			for k := range classes {
				if own[classes[k].Name] == r.Intent {
					exact += classes[k].Probability
				}
			}
			if math.Abs(exact-r.Confidence) > 1.001e-6 {
				t.Fatalf("%s has %v, exactly %v", r.Intent, r.Confidence, exact)
			}
		}
		if math.Abs(total-1) > 1e-12 {
			t.Fatalf("confidences sum to %v", total)
		}
	})
}

func TestSessionContext(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		mode     eeg.UIMode
		paradigm eeg.Paradigm
		history  []string
		now      string
		want     string
	}{
		{"first", eeg.WheelchairNav, eeg.MotorImagery, nil, "move_left",
			"Steering a wheelchair; move_left is the first intent of this session."},
		{"the document's history", eeg.WheelchairNav, eeg.MotorImagery, []string{"move_left", "rest", "move_right"}, "move_left",
			"Steering a wheelchair; 3 intents so far, none prevailing, the latest move_right. Now move_left."},
		{"mostly", eeg.Cursor, eeg.MotorImagery, []string{"cursor_up", "rest", "cursor_up"}, "cursor_up",
			"Moving a cursor; 3 intents so far, mostly cursor_up (2 of 3), the latest cursor_up. Now cursor_up again, 2 in a row."},
		{"all", eeg.SmartHome, eeg.SSVEP, []string{"lamp", "lamp"}, "door",
			"Controlling the home; 2 intents so far, all lamp. Now door."},
		{"one", "", eeg.SSVEP, []string{"lamp"}, "lamp", "Choosing targets; 1 intent so far, lamp. Now lamp again, 2 in a row."},
		{"spelling begins", eeg.Speller, eeg.P300, nil, "letter_H", `Spelling; the text begins with "H".`},
		{"spelling", "", eeg.P300, []string{"H", "E", "L"}, "letter_L", `Spelling; the text was "HEL" and is now "HELL".`},
		{"taken back", eeg.Speller, eeg.P300, []string{"letter_H", "letter_E"}, "backspace", `Spelling; the text was "HE" and is now "H".`},
		{"seizure", "", eeg.Seizure, nil, "no_seizure_pattern", "Watching for seizures; no_seizure_pattern is the first intent of this session."},
		{"hostile history", eeg.Cursor, eeg.MotorImagery, []string{"a\nb\x1b[31m" + strings.Repeat("x", 5000)}, "rest", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := intent.SessionContext(tc.mode, tc.paradigm, tc.history, tc.now)
			if tc.want != "" && got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			if len(got) > 600 || strings.ContainsFunc(got, unicode.IsControl) {
				t.Errorf("unfit to be shown: %q", got)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range intent.Flags() {
		if seen[f.Code] || f.Message == "" || f.Severity != eeg.SeverityInfo && f.Severity != eeg.SeverityWarning && f.Severity != eeg.SeverityCritical {
			t.Errorf("bad row %+v", f)
		}
		seen[f.Code] = true
		if intent.FlagOf(f.Code) != f {
			t.Errorf("FlagOf(%s) is %+v", f.Code, intent.FlagOf(f.Code))
		}
	}
	for _, code := range []string{"low_confidence", "poor_contact", "artifact", "montage_mismatch", "possible_seizure"} {
		if !seen[code] {
			t.Errorf("the table lacks %s", code)
		}
	}
	var codes []string
	for _, f := range intent.Sort([]eeg.Flag{intent.FlagOf("montage_assumed"), intent.FlagOf("own_warning"), intent.FlagOf("low_confidence"),
		intent.FlagOf("montage_assumed"), intent.FlagOf("possible_seizure")}) {
		codes = append(codes, f.Code)
	}
	if got := strings.Join(codes, " "); got != "possible_seizure low_confidence own_warning montage_assumed" {
		t.Errorf("sorted: %s", got)
	}
}

func TestLowConfidenceKnowsChance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		p    float64
		n    int
		want bool
	}{{0.64, 2, true}, {0.66, 2, false}, {0.52, 3, true}, {0.55, 3, false}, {0.3, 36, true}, {0.35, 36, false}, {1, 1, false}} {
		if got := intent.LowConfidence(tc.p, tc.n); got != tc.want {
			t.Errorf("%v of %d: %v", tc.p, tc.n, got)
		}
	}
	if !intent.Ambiguous([]eeg.Ranked{{Intent: "a", Confidence: 0.54}, {Intent: "b", Confidence: 0.46}}) || intent.Ambiguous([]eeg.Ranked{{Intent: "a", Confidence: 0.56}, {Intent: "b", Confidence: 0.44}}) || intent.Ambiguous([]eeg.Ranked{{Intent: "a", Confidence: 1}}) {
		t.Error("ambiguous")
	}
	if !strings.HasPrefix(intent.Disclaimer, "BCI outputs are probabilistic") {
		t.Error("disclaimer")
	}
}

// TestNoAnswerStaysNone: however classes are mapped, an answer that rests on nothing makes no intent of them.
func TestNoAnswerStaysNone(t *testing.T) {
	t.Parallel()
	none := decoders.Abstained(&decoders.Result{Classes: []decoders.Class{{Name: "left", Probability: 0.9}, {Name: "right", Probability: 0.1}}})
	for name, own := range map[string]map[string]string{
		"no map": nil, "both are one": {"left": "go", "right": "go"}, "even of none": {"undetermined": "go", "left": "go"},
	} {
		ranked := intent.Rank(eeg.DefaultMode, eeg.MotorImagery, none.Classes, own)
		if ranked[0].Intent != intent.Undetermined || ranked[0].Confidence > 0.5 {
			t.Errorf("%s: %+v", name, ranked)
		}
	}
	for _, p := range []eeg.Paradigm{eeg.P300, eeg.SSVEP, eeg.Seizure} {
		if got := intent.Of(eeg.DefaultMode, p, "undetermined", nil); got != intent.Undetermined {
			t.Errorf("%s: %s", p, got)
		}
	}
}
