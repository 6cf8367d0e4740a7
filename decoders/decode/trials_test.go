package decode_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// restful is a session in which every cue is followed by a mark of rest, and one of rest is the first of all.
func restful(t *testing.T, seed uint64) synthetic.Session {
	t.Helper()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: ultracortex, Seed: seed}, synthetic.ImageryConfig{TrialsPerClass: 6, PauseSeconds: 5})
	if err != nil {
		t.Fatal(err)
	}
	events := []eeg.Event{{Onset: 0, Code: 0, Label: "T0"}}
	for _, e := range s.Events {
		events = append(events, e, eeg.Event{Onset: e.Onset + 4, Code: 0, Label: "T0"})
	}
	s.Events = events
	return s
}

// labelled is clip with the labels of events.
func labelled(s synthetic.Session) (*eeg.Request, []byte) {
	req, payload := clip(s, 0, s.Seconds())
	for i, e := range s.Events {
		req.Input.Events[i].Label = e.Label
	}
	req.Input.Paradigm = "motor_imagery"
	return req, payload
}

func TestRestIsNotDecoded(t *testing.T) {
	t.Parallel()
	s := restful(t, 31)
	req, payload := labelled(s)
	out, d, err := decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{})
	checkOutcome(t, out, d, err)
	if err != nil {
		t.Fatal(err)
	}
	e := s.Events[1]
	if c := out.Clip; c.Event == nil || c.Event.Number != 2 || c.Event.Label != e.Label || c.StartS < e.Onset || c.EndS > e.Onset+4.01 || c.Trial != 1 || c.Trials != 12 ||
		c.Events != 25 || c.EventsPassedOver != 13 {
		t.Errorf("clip %+v, event %+v", c, c.Event)
	}
	if out.Trials != nil || out.TrialsSummary != nil {
		t.Errorf("%d trials that nobody asked for", len(out.Trials))
	}
	req.Input.Events = slices.DeleteFunc(req.Input.Events, func(e eeg.Event) bool { return e.Label != "T0" })
	_, _, err = decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{})
	if fault := faultOf(t, err); fault.Code != decoders.CodeNoEvents || fault.Details["events"] != 13 || !strings.Contains(fault.Message, "T0 × 13") {
		t.Errorf("rest alone: %v %v", err, fault.Details)
	}
	// Without events the whole recording is the clip, and the answer says that, too.
	req.Input.Events = nil
	if out, _, err = decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{}); err != nil || out.Clip.Event != nil || out.Clip.StartS != 0 ||
		math.Abs(out.Clip.EndS-s.Seconds()) > 0.01 || out.Clip.Trials != 1 {
		t.Errorf("without events: %v", err)
	}
}

// TestEveryTrial decodes all trials of a session: each is answered as if it were the only one, and what the labels tell is
// counted.
func TestEveryTrial(t *testing.T) {
	t.Parallel()
	s := restful(t, 32)
	req, payload := labelled(s)
	req.Input.Trials, req.Input.Model, req.Input.Alignment = "all", "test-left_right", "none"
	var told int
	out, d, err := decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{Trial: func(done, of int) {
		if told++; done != told || of != 12 {
			t.Errorf("told %d of %d", done, of)
		}
	}})
	checkOutcome(t, out, d, err)
	if err != nil {
		t.Fatal(err)
	}
	if told != 12 || len(out.Trials) != 12 {
		t.Fatalf("%d trials, %d told", len(out.Trials), told)
	}
	right, confused := 0, 0
	for i, a := range out.Trials {
		alone := *req
		alone.Input.Trials = ""
		alone.Input.Events = req.Input.Events[a.Clip.Event.Number-1 : a.Clip.Event.Number]
		single, _, err := decode.Run(t.Context(), &alone, payload, trainedCatalog(), decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if a.DecodedIntent != single.DecodedIntent || a.DecodedClass != single.DecodedClass || math.Abs(a.Confidence-single.Confidence) > 1e-9 ||
			a.Clip.StartS != single.Clip.StartS || a.Clip.EndS != single.Clip.EndS || a.Clip.Trial != i+1 {
			t.Errorf("trial %d: %+v, alone %s %v", i+1, a, single.DecodedClass, single.Confidence)
		}
		if a.Label == nil || *a.Label != s.Labels[i] || a.Right == nil || *a.Right != (a.DecodedClass == s.Labels[i]) || a.QualityOverall == nil {
			t.Errorf("trial %d: label %v, right %v", i+1, a.Label, a.Right)
		}
		if *a.Right {
			right++
		}
	}
	sum := out.TrialsSummary
	for _, row := range sum.Confusion {
		for _, n := range row {
			confused += n
		}
	}
	if sum.Trials != 12 || sum.Answered != 12 || sum.Labelled != 12 || sum.Right != right || math.Abs(*sum.Accuracy-float64(right)/12) > 0.001 || *sum.Chance != 0.5 || confused != 12 ||
		!slices.Equal(sum.Classes, []string{"left", "right"}) || right < 9 {
		t.Errorf("%+v", sum)
	}
	// The fields of one answer are those of the first trial.
	if first := out.Trials[0]; out.DecodedIntent != first.DecodedIntent || out.Confidence != first.Confidence || out.Clip != first.Clip && *out.Clip.Event != *first.Clip.Event {
		t.Errorf("the first trial is %+v, the answer %+v", first, out.Clip)
	}
}

// TestOneBadTrialDoesNotLoseTheOthers cuts the recording off within its last trial.
func TestOneBadTrialDoesNotLoseTheOthers(t *testing.T) {
	t.Parallel()
	s := restful(t, 33)
	last := s.Events[len(s.Events)-2]
	req, payload := labelled(s)
	payload = payload[:4*len(s.Channels)*int((last.Onset+0.2)*s.Rate)]
	req.Input.Trials = "all"
	out, _, err := decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(out.Trials); n != 12 || out.Trials[11].Error == nil || out.Trials[11].Error.Code != decoders.CodePayloadTooShort || out.Trials[10].Error != nil {
		t.Errorf("%d trials, the last %+v", n, out.Trials[n-1])
	}
	if sum := out.TrialsSummary; sum.Failed != 1 || sum.Answered != 11 || sum.Labelled != 11 {
		t.Errorf("%+v", sum)
	}
	// Where no trial can be read, the decode fails.
	payload = payload[:4*len(s.Channels)*int((s.Events[1].Onset+0.2)*s.Rate)]
	_, _, err = decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{})
	if fault := faultOf(t, err); fault.Details["trials"] != 12 {
		t.Errorf("%v %v", err, fault.Details)
	}
}

func TestTrialsAreBounded(t *testing.T) {
	t.Parallel()
	s := restful(t, 34)
	req, payload := labelled(s)
	req.Input.Trials = "all"
	out, _, err := decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{MostTrials: 5})
	if err != nil || len(out.Trials) != 5 || out.TrialsSummary.LeftOut != 7 || out.TrialsSummary.Trials != 12 {
		t.Fatalf("%v", err)
	}
	// The first has an answer whatever it costs; the others only while there is work left.
	out, _, err = decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{MostWork: 1})
	if err != nil || len(out.Trials) != 1 || out.TrialsSummary.LeftOut != 11 {
		t.Fatalf("%v", err)
	}
	seconds := 12 * 10 * int64(s.Rate) * int64(len(s.Channels))
	out, _, err = decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{MostWork: eeg.Work(eeg.MotorImagery, 0, seconds)})
	if err != nil || len(out.Trials) != 12 {
		t.Fatalf("%v: %d trials", err, len(out.Trials))
	}
	// A thousand trials in the same four seconds are not a thousand times the work.
	req.Input.Events = nil
	for range 1000 {
		req.Input.Events = append(req.Input.Events, eeg.Event{Onset: s.Events[1].Onset, Code: 769})
	}
	payload = payload[:4*len(s.Channels)*int((s.Events[1].Onset+5)*s.Rate)]
	out, _, err = decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{})
	if err != nil || len(out.Trials) > 60 || len(out.Trials)+out.TrialsSummary.LeftOut != 1000 {
		t.Errorf("%v: %d trials", err, len(out.Trials))
	}
}

func TestWhatTrialsNeed(t *testing.T) {
	t.Parallel()
	s := restful(t, 35)
	for name, tc := range map[string]struct {
		change func(*eeg.Input)
		code   string
	}{
		"no events":             {func(in *eeg.Input) { in.Events = nil }, decoders.CodeNoEvents},
		"all, of bare samples":  {func(in *eeg.Input) { in.Events, in.Trials = eeg.AllEvents(), "" }, decoders.CodeNoEvents},
		"an unknown word":       {func(in *eeg.Input) { in.Trials = "some" }, decoders.CodePayloadMalformed},
		"a seizure":             {func(in *eeg.Input) { in.Paradigm = "seizure" }, decoders.CodeModelIncompatible},
		"a class that is none":  {func(in *eeg.Input) { in.EventClasses = map[string]string{"T0": "lft"} }, decoders.CodeModelIncompatible},
		"classes of no event":   {func(in *eeg.Input) { in.EventClasses = map[string]string{"77": "left"} }, decoders.CodeNoEvents},
		"rest alone, as a file": {func(in *eeg.Input) { in.Events = in.Events[:1] }, decoders.CodeNoEvents},
	} {
		req, payload := labelled(s)
		req.Input.Trials = "all"
		tc.change(&req.Input)
		_, _, err := decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{})
		if fault := faultOf(t, err); fault.Code != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	req, payload := labelled(s)
	req.Input.EventClasses = map[string]string{"T0": "cue"}
	if out, _, err := decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{}); err != nil || out.Clip.Event.Label != "T0" || out.Clip.Trials != 13 {
		t.Errorf("the caller's word: %v", err)
	}
}

func TestEventsOrAll(t *testing.T) {
	t.Parallel()
	for text, all := range map[string]bool{`"all"`: true, `[]`: false, `[{"onset_s":1,"code":2}]`: false, `null`: false} {
		req, err := decode.ParseRequest([]byte(`{"input":{"type":"eeg","events":` + text + `}}`))
		if err != nil || req.Input.Events.All() != all {
			t.Errorf("%s: %v", text, err)
		}
		again, err := json.Marshal(req)
		if err != nil || strings.Contains(string(again), `"events":"all"`) != all {
			t.Errorf("%s: %s %v", text, again, err)
		}
	}
	for _, text := range []string{`"some"`, `1`, `{}`} {
		if _, err := decode.ParseRequest([]byte(`{"input":{"events":` + text + `}}`)); err == nil {
			t.Errorf("%s passes", text)
		}
	}
}

// TestLettersOfASession spells a word in one recording: each letter is a trial, and one answer is one letter.
func TestLettersOfASession(t *testing.T) {
	t.Parallel()
	const word = "HAT"
	s, err := synthetic.Speller(synthetic.Config{Channels: parietal, Seed: 36}, synthetic.SpellerConfig{Text: word, Repetitions: 8, P300UV: 14})
	if err != nil {
		t.Fatal(err)
	}
	req, payload := clip(s, 0, s.Seconds())
	req.Input.Paradigm = "p300"
	out, _, err := decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{})
	if err != nil || out.DecodedIntent != "letter_H" || out.Clip.Trials != 3 || out.Clip.Event.Number != 1 {
		t.Fatalf("one letter: %v", err)
	}
	req.Input.Trials = "all"
	if out, _, err = decode.Run(t.Context(), req, payload, trainedCatalog(), decode.Options{}); err != nil || len(out.Trials) != 3 {
		t.Fatalf("%v", err)
	}
	for i, a := range out.Trials {
		if a.DecodedIntent != "letter_"+word[i:i+1] {
			t.Errorf("letter %d: %s", i+1, a.DecodedIntent)
		}
	}
}

// TestTrialsOfRealRecordings decodes every trial of a run of imagery and of a session of flickers, as files.
func TestTrialsOfRealRecordings(t *testing.T) {
	t.Parallel()
	dir := eegdata.Dir(t)
	runs, problems := datasets.Open(dir+"/motor_imagery/eegmmidb/S007.zip", func(base string) bool { return base == "S007R04.edf" })
	if len(runs) == 0 {
		t.Skipf("NEUROD_EEG_DATA lacks S007R04: NOT run; %v", problems)
	}
	req := &eeg.Request{Input: eeg.Input{Type: "eeg", Paradigm: "motor_imagery", Trials: "all"}}
	out, _, err := decode.RunRecording(t.Context(), req, runs[0].Recording, defaultCatalog(t), decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if sum := out.TrialsSummary; sum.Trials != 15 || sum.Labelled != 15 || *sum.Accuracy < 0.6 {
		t.Errorf("imagery: %+v", sum)
	}
	for _, a := range out.Trials {
		if a.Clip.Event.Label == "T0" || a.Clip.EventsPassedOver != 15 {
			t.Errorf("%+v", a.Clip.Event)
		}
	}
	runs, problems = datasets.Open(dir+"/ssvep/exoskeleton/subject03.gdf", nil)
	if len(runs) == 0 {
		t.Skipf("NEUROD_EEG_DATA lacks the exoskeleton set: NOT run; %v", problems)
	}
	req = &eeg.Request{Input: eeg.Input{Type: "eeg", Paradigm: "ssvep", Events: eeg.AllEvents(),
		EventClasses: map[string]string{"33024": "no_target", "33025": "13", "33026": "21", "33027": "17"},
		Stimulus:     &eeg.Stimulus{Targets: []eeg.Target{{Label: "13", Frequency: 13}, {Label: "21", Frequency: 21}, {Label: "17", Frequency: 17}}}}}
	out, _, err = decode.RunRecording(t.Context(), req, runs[0].Recording, defaultCatalog(t), decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if sum := out.TrialsSummary; sum.Trials != 32 || sum.Labelled != 32 || *sum.Accuracy < 0.8 {
		t.Errorf("flickers: %+v", sum)
	}
	for _, a := range out.Trials {
		if n := a.Clip.EndS - a.Clip.StartS; n < 4 || n > 5.01 {
			t.Errorf("a trial of %v s: %+v", n, a.Clip)
		}
	}
}
