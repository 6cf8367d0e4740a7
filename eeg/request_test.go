package eeg_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/eeg"
)

// TestRequestsAreStoredAsTheyCame: what is written of a request and read again is written as the same text.
func TestRequestsAreStoredAsTheyCame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "a", "Fp1", "move_left", `quo"te`, "ä", "<&>"})
		var number, zero = rapid.Float64Range(-10, 1000).Draw(t, "number"), 0.0
		ms := rapid.Int64().Draw(t, "ms")
		req := eeg.Request{
			Input: eeg.Input{
				Type: "eeg", Data: text.Draw(t, "data"), Encoding: eeg.Encoding(text.Draw(t, "encoding")), Layout: eeg.Layout(text.Draw(t, "layout")),
				ScaleUV: rapid.SampledFrom([]*float64{nil, &zero, &number}).Draw(t, "scale"), Unit: text.Draw(t, "unit"), Paradigm: eeg.Paradigm(text.Draw(t, "paradigm")),
				Trials: text.Draw(t, "trials"), EventClasses: rapid.SampledFrom([]map[string]string{nil, {"T1": "left_hand"}}).Draw(t, "classes"),
				Device: text.Draw(t, "device"), SampleRate: number, Model: text.Draw(t, "model"), SessionID: text.Draw(t, "session"),
				Seizure: rapid.SampledFrom([]*eeg.SeizureOptions{nil, {}, {FalseAlarmsPerDay: &number}, {Threshold: &zero}}).Draw(t, "seizure"),
				StartMS: rapid.SampledFrom([]*int64{nil, &ms}).Draw(t, "start"), EndMS: rapid.SampledFrom([]*int64{nil, &ms}).Draw(t, "end"),
				Channels: rapid.SampledFrom([]*eeg.Channels{nil, {Count: 8}, {Count: -1}, {Count: 2, Names: []string{"C3", "C4"}}, {Names: []string{}}}).Draw(t, "channels"),
			},
		}
		for range rapid.IntRange(0, 3).Draw(t, "events") {
			req.Input.Events = append(req.Input.Events, eeg.Event{Onset: number, Code: int(ms), Label: text.Draw(t, "event")})
		}
		if rapid.Bool().Draw(t, "all") {
			req.Input.Events = eeg.AllEvents()
		}
		if rapid.Bool().Draw(t, "stimulus") {
			req.Input.Stimulus = &eeg.Stimulus{
				Targets:  []eeg.Target{{Label: text.Draw(t, "label"), Frequency: number, Phase: number / 3}},
				Matrix:   [][]string{{"A", text.Draw(t, "symbol")}, {}},
				Flashes:  map[string][]string{"1": {"A"}, text.Draw(t, "code"): nil},
				Presence: rapid.SampledFrom([]*eeg.Presence{nil, {}, {FalseAccept: &number}}).Draw(t, "presence"),
			}
		}
		if rapid.Bool().Draw(t, "context") {
			req.Context = &eeg.Context{Locale: text.Draw(t, "locale"), UIMode: eeg.UIMode(text.Draw(t, "mode")),
				SessionHistory: rapid.SliceOfN(text, 0, 3).Draw(t, "history"), Intents: map[string]string{"left": text.Draw(t, "intent")}}
			if rapid.Bool().Draw(t, "extra") {
				req.Context.Extra = map[string]json.RawMessage{"room": json.RawMessage(`{"a":[1,null]}`)}
			}
		}
		if rapid.Bool().Draw(t, "output") {
			req.Output = &eeg.OutputOptions{Format: text.Draw(t, "format"), IncludeDiagnostics: rapid.Bool().Draw(t, "diagnostics")}
		}
		stored, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		var read eeg.Request
		if err := json.Unmarshal(stored, &read); err != nil {
			t.Fatalf("%v in %s", err, stored)
		}
		again, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(stored), string(again)); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
	})
}

// TestRequestsHaveTheNamesTheyAreStoredUnder holds the JSON of a request to the text that stored jobs have.
func TestRequestsHaveTheNamesTheyAreStoredUnder(t *testing.T) {
	t.Parallel()
	const want = `{"input":{"type":"eeg","data":"AAAA","encoding":"int16le","layout":"channel_major","scale_uv":0.1,"unit":"mV","paradigm":"p300",` +
		`"device":"OpenBCI Cyton","channels":["Cz","Pz"],"channel_names":{"EEG1":"Cz"},"sample_rate":250,"events":[{"onset_s":1.5,"code":3,"label":"row_3"},` +
		`{"onset_s":0,"code":0}],"event_classes":{"3":"cue"},"trials":"all","stimulus":{"targets":[{"label":"door","frequency":13,"phase":0.5},{"frequency":17}],` +
		`"matrix":[["A","B"]],"flashes":{"1":["A"]},"presence":{"false_accept":0.05}},"model":"p300-target@1","alignment":"none","seizure":{"false_alarms_per_day":30,"threshold":0.5},"session_id":"s","start_ms":1,"end_ms":2},` +
		`"context":{"free":{"a":1},"intents":{"left":"up"},"locale":"en","session_history":["A"],"ui_mode":"speller"},"output":{"format":"json","include_diagnostics":true}}`
	var req eeg.Request
	if err := json.Unmarshal([]byte(want), &req); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMicrovolts(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string]float64{"": 1, "V": 1e6, "mV": 1e3, "uV": 1, "µV": 1, "μV": 1, "nV": 1e-3, "UV": 0, "volt": 0, "MV": 0} {
		if uv, ok := eeg.Microvolts(unit); uv != want || ok != (want > 0) {
			t.Errorf("%q is %v µV (%v), want %v", unit, uv, ok, want)
		}
	}
}

// TestListsAgree: a list of part of the paradigms holds nothing else, and every encoding is bare samples or a file.
func TestListsAgree(t *testing.T) {
	t.Parallel()
	all := map[eeg.Paradigm]bool{}
	for _, p := range eeg.Paradigms() {
		if all[p] {
			t.Errorf("%s is listed twice", p)
		}
		all[p] = true
	}
	for _, p := range append(eeg.DecodedParadigms(), eeg.LiveParadigms()...) {
		if !all[p] {
			t.Errorf("%s may not be asked for", p)
		}
	}
	for _, e := range eeg.FloatEncodings() {
		if !e.Float() || !e.Bare() {
			t.Errorf("%s is not a float", e)
		}
	}
}
