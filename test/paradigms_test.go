package test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"regexp"
	"slices"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/synthetic"
)

// input returns the fields of a request for a segment of a signal, in s.
func input(sig decoders.Signal, from, to float64, paradigm string) object {
	first, last := int(from*sig.Rate), int(to*sig.Rate)
	rows := make([][]float64, len(sig.Channels))
	for c := range rows {
		rows[c] = sig.Data.RawRowView(c)[first:last]
	}
	return object{"type": "eeg", "data": float32le(rows), "paradigm": paradigm, "channels": sig.Channels, "sample_rate": sig.Rate}
}

// symbol is how the document names what a speller selects.
var symbol = regexp.MustCompile(`^(letter_[A-Z]|digit_[1-9]|space)$`)

// TestEveryParadigm decodes one generated recording of each paradigm over HTTP, as the document's use cases have it.
func TestEveryParadigm(t *testing.T) {
	t.Parallel()
	cfg := synthetic.Config{Seed: 20}
	must := func(s synthetic.Session, err error) synthetic.Session {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	spelled := must(synthetic.Speller(synthetic.Config{Seed: 5, Channels: []string{"TP9", "AF7", "AF8", "TP10"}},
		synthetic.SpellerConfig{Text: "N", Repetitions: 20, SOA: .3, P300UV: 16}))
	speller := input(spelled.Signal, 0, spelled.Seconds(), "p300")
	var flashes []object
	for _, e := range spelled.Events {
		flashes = append(flashes, object{"onset_s": e.Onset, "code": e.Code})
	}
	// An oddball has flashes as far apart, and marked as long before the response, as those were that the built-in model learned from.
	const seenLate = .2 // s
	slow := must(synthetic.Speller(synthetic.Config{Seed: 5, Channels: []string{"TP9", "AF7", "AF8", "TP10"}},
		synthetic.SpellerConfig{Text: "NO", Repetitions: 10, SOA: .6, P300UV: 16}))
	oddball := input(slow.Signal, 0, slow.Seconds(), "p300")
	var stimuli []object
	for i, e := range slow.Events {
		code := 1
		if slow.Targets[i] {
			code = 2
		}
		stimuli = append(stimuli, object{"onset_s": e.Onset - seenLate, "code": code})
	}
	oddball["events"] = stimuli
	speller["events"], speller["stimulus"] = flashes, object{"matrix": synthetic.SpellerMatrix()}

	imagined := must(synthetic.MotorImagery(cfg, synthetic.ImageryConfig{TrialsPerClass: 2, Depth: .9, MuUV: 12}))
	onset := imagined.Events[slices.Index(imagined.Labels, "left")].Onset
	ictal := must(synthetic.Seizure(cfg, synthetic.SeizureConfig{Seconds: 60, Onset: 20, Duration: 25}))

	s := embedded(t)
	for name, tt := range map[string]struct {
		body             object
		paradigm, intent string
		seizure          any
	}{
		"motor imagery": {object{"input": input(imagined.Signal, onset, onset+4, "motor_imagery"), "context": object{"ui_mode": "wheelchair_nav"}},
			"motor_imagery", "move_left", nil},
		"speller": {object{"input": speller, "context": object{"ui_mode": "speller", "session_history": []string{"O", "P", "E"}}},
			"p300", "", nil}, // the built-in model was trained on people: of a generated brain only the form is held
		"oddball":       {object{"input": oddball}, "p300", "select_2", nil},
		"ssvep":         {ssvep(), "ssvep", "door", nil},
		"seizure":       {object{"input": input(ictal.Signal, 22, 42, "seizure")}, "seizure", "possible_seizure", true},
		"ssvep by auto": {func() object { b := ssvep(); b["input"].(object)["paradigm"] = "auto"; return b }(), "ssvep", "door", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, tt.body)["id"].(string))
			if job["status"] != "completed" {
				t.Fatalf("%v", job)
			}
			out := job["output"].(object)
			checkOutput(t, out)
			if out["paradigm_detected"] != tt.paradigm || tt.intent != "" && out["decoded_intent"] != tt.intent {
				t.Errorf("%v %v, want %s %s (%v, %v)", out["paradigm_detected"], out["decoded_intent"], tt.paradigm, tt.intent, out["confidence"], out["alternatives"])
			}
			if tt.seizure != nil && out["seizure_detected"] != tt.seizure {
				t.Errorf("seizure_detected %v", out["seizure_detected"])
			}
			if name == "speller" {
				if !symbol.MatchString(out["decoded_intent"].(string)) || out["predicted_text"] == nil || len(out["alternatives"].([]any)) != 35 {
					t.Errorf("%v with text %v and %d alternatives is no answer of a speller", out["decoded_intent"], out["predicted_text"], len(out["alternatives"].([]any)))
				}
			}
		})
	}
}

// TestEveryEncoding sends one recording in every raw form: each is decoded to the same answer.
func TestEveryEncoding(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	signal := flicker(noisy(3, 4, 1000), 250, 13)
	const scale = 0.01 // µV a unit: 0.3 % of the noise
	var channelMajor, integers bytes.Buffer
	for c := range signal {
		for _, v := range signal[c] {
			_ = binary.Write(&channelMajor, binary.LittleEndian, float32(v))
		}
	}
	for i := range signal[0] {
		for c := range signal {
			_ = binary.Write(&integers, binary.LittleEndian, int16(math.Round(signal[c][i]/scale)))
		}
	}
	plain, err := base64.StdEncoding.DecodeString(float32le(signal))
	if err != nil {
		t.Fatal(err)
	}
	var answers []object
	for name, change := range map[string]object{
		"float32le":     {},
		"named":         {"encoding": "float32le", "layout": "sample_major"},
		"channel_major": {"layout": "channel_major", "data": base64.StdEncoding.EncodeToString(channelMajor.Bytes())},
		"int16le":       {"encoding": "int16le", "scale_uv": scale, "data": base64.StdEncoding.EncodeToString(integers.Bytes())},
		"URL-safe":      {"data": base64.RawURLEncoding.EncodeToString(plain)},
	} {
		body := ssvep()
		for k, v := range change {
			body["input"].(object)[k] = v
		}
		job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, body)["id"].(string))
		if job["status"] != "completed" {
			t.Fatalf("%s: %v", name, job)
		}
		out := job["output"].(object)
		answers = append(answers, out)
		if out["decoded_intent"] != answers[0]["decoded_intent"] || math.Abs(out["confidence"].(float64)-answers[0]["confidence"].(float64)) > 0.01 {
			t.Errorf("%s: %v with %v, another form gave %v with %v", name, out["decoded_intent"], out["confidence"], answers[0]["decoded_intent"], answers[0]["confidence"])
		}
	}
}
