package decode_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/eeg"
)

// floats writes channels × samples as the default encoding, float32le in sample-major order.
func floats(rows [][]float64) []byte {
	var b []byte
	for i := range rows[0] {
		for _, row := range rows {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(row[i])))
		}
	}
	return b
}

// noise returns channels × samples of white noise with an SD of 10 µV.
func noise(channels, samples int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	rows := make([][]float64, channels)
	for c := range rows {
		rows[c] = make([]float64, samples)
		for i := range rows[c] {
			rows[c][i] = 10 * rng.NormFloat64()
		}
	}
	return rows
}

func request(t testing.TB, text string) *eeg.Request {
	t.Helper()
	req, err := decode.ParseRequest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func defaultCatalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// faultOf requires an error about the data and returns it.
func faultOf(t testing.TB, err error) *decoders.Error {
	t.Helper()
	var fault *decoders.Error
	if !errors.As(err, &fault) {
		t.Fatalf("error %v is not about the data", err)
	}
	if _, jsonErr := json.Marshal(fault.Details); jsonErr != nil {
		t.Fatalf("details of %v: %v", err, jsonErr)
	}
	return fault
}

const cyton = `"type":"eeg","device":"OpenBCI Cyton","channels":8,"sample_rate":250,"paradigm":"ssvep"`

func TestBadInputTellsTheNumbers(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	four := floats(noise(8, 1000, 1))
	with := func(c, i int, v float64) []byte {
		rows := noise(8, 1000, 1)
		rows[c][i] = v
		return floats(rows)
	}
	for _, tc := range []struct {
		name    string
		input   string
		payload []byte
		code    string
		message string
		details map[string]any
	}{
		{"the document's four bytes", cyton, []byte("test"), decoders.CodePayloadTooShort,
			"needs at least 285 samples a channel (1.14 s at 250 Hz × 8 channels = 9120 bytes as float32le), got 0.125",
			map[string]any{"samples_needed": 285, "samples_got": 0, "channels": 8, "sample_rate": 250.0}},
		{"empty", cyton, []byte{}, decoders.CodePayloadTooShort, "got 0", map[string]any{"samples_got": 0}},
		{"one sample too few", cyton, four[:284*32], decoders.CodePayloadTooShort, "got 284", map[string]any{"samples_got": 284}},
		{"int16 is counted by two bytes", cyton + `,"encoding":"int16le","scale_uv":0.1`, four[:284*16], decoders.CodePayloadTooShort, "4560 bytes as int16le", nil},
		{"no whole samples", cyton, four[:len(four)-3], decoders.CodePayloadMalformed, "31997 bytes", map[string]any{"bytes": 31997}},
		{"NaN", cyton, with(2, 77, math.NaN()), decoders.CodeInvalidSignal, "C3", map[string]any{"channel": "C3", "sample": 77}},
		{"infinite", cyton, with(0, 0, math.Inf(-1)), decoders.CodeInvalidSignal, "Fp1", map[string]any{"channel": "Fp1", "sample": 0}},
		{"volts taken for microvolts", cyton, with(7, 999, 3e30), decoders.CodeInvalidSignal, "O2", map[string]any{"channel": "O2", "sample": 999}},
		{"flat", cyton, make([]byte, 32000), decoders.CodeInvalidSignal, "flat", nil},
		{"no channels", `"type":"eeg","sample_rate":250,"paradigm":"ssvep"`, four, decoders.CodePayloadMalformed, "channels", nil},
		{"absurd count", `"type":"eeg","channels":2000000000,"sample_rate":250,"paradigm":"ssvep"`, four, decoders.CodePayloadMalformed, "2000000000", nil},
		{"negative count", `"type":"eeg","channels":-8,"sample_rate":250,"paradigm":"ssvep"`, four, decoders.CodePayloadMalformed, "-8", nil},
		{"no rate", `"type":"eeg","channels":8,"paradigm":"ssvep"`, four, decoders.CodeInvalidSignal, "sample rate", nil},
		{"negative rate", `"type":"eeg","channels":8,"sample_rate":-250,"paradigm":"ssvep"`, four, decoders.CodeInvalidSignal, "-250", nil},
		{"absurd rate", `"type":"eeg","channels":8,"sample_rate":1e300,"paradigm":"ssvep"`, four, decoders.CodeInvalidSignal, "1e+300", nil},
		{"rate too low for the decoder", `"type":"eeg","channels":8,"sample_rate":3,"paradigm":"ssvep"`, four, decoders.CodeInvalidSignal, "3 Hz", nil},
		{"same name twice", `"type":"eeg","channels":["C3","C3"],"sample_rate":250,"paradigm":"ssvep"`, four, decoders.CodePayloadMalformed, "C3", nil},
		{"unknown encoding", cyton + `,"encoding":"xdf"`, four, decoders.CodeUnsupportedFormat, "xdf", nil},
		{"unknown layout", cyton + `,"layout":"zigzag"`, four, decoders.CodeUnsupportedFormat, "zigzag", nil},
		{"unknown paradigm", strings.Replace(cyton, "ssvep", "telepathy", 1), four, decoders.CodeModelIncompatible, "telepathy", nil},
		{"another type", strings.Replace(cyton, `"eeg"`, `"meg"`, 1), four, decoders.CodeUnsupportedFormat, "meg", nil},
		{"samples are not EDF", `"type":"eeg","encoding":"edf","paradigm":"ssvep"`, four, "", "", nil},
		{"empty BDF", `"type":"eeg","encoding":"bdf","paradigm":"ssvep"`, []byte{}, decoders.CodePayloadMalformed, "empty", nil},
		{"unknown model", cyton + `,"model":"mind-reader"`, four, decoders.CodeModelNotFound, "mind-reader", map[string]any{"model": "mind-reader"}},
		{"model of another paradigm", strings.Replace(cyton, "ssvep", "p300", 1) + `,"model":"ssvep-cca"`, four, decoders.CodeModelIncompatible, "ssvep-cca@1", nil},
		{"target above Nyquist", cyton + `,"stimulus":{"targets":[{"frequency":200}]}`, four, decoders.CodeInvalidStimulus, "200", nil},
		{"flash code is a word", cyton + `,"stimulus":{"flashes":{"one":["A"]}}`, four, decoders.CodeInvalidStimulus, "one", nil},
		{"auto with a target above Nyquist", `"type":"eeg","channels":8,"sample_rate":250,"stimulus":{"targets":[{"frequency":200}]}`, four, decoders.CodeInvalidStimulus, "200", nil},
		{"auto too short", `"type":"eeg","channels":8,"sample_rate":250`, four[:249*32], decoders.CodePayloadTooShort, "250 samples", map[string]any{"samples_needed": 250}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, d, err := decode.Run(t.Context(), request(t, `{"input":{`+tc.input+`}}`), tc.payload, cat, decode.Options{})
			if out != nil || d == nil {
				t.Fatalf("output %v, diagnostics %v", out, d)
			}
			fault := faultOf(t, err)
			if tc.code != "" && fault.Code != tc.code || !strings.Contains(fault.Message, tc.message) {
				t.Errorf("%s: %s\nwant %s with %q", fault.Code, fault.Message, tc.code, tc.message)
			}
			for key, want := range tc.details {
				if got := fault.Details[key]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("details.%s is %v, want %v", key, got, want)
				}
			}
		})
	}
}

func TestDataInsideTheRequest(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	for name, data := range map[string]string{"standard": "dGVzdA==", "no padding": "dGVzdA", "URL-safe": "__79_A=="} {
		_, _, err := decode.Run(t.Context(), request(t, `{"input":{`+cyton+`,"data":"`+data+`"}}`), nil, cat, decode.Options{})
		if fault := faultOf(t, err); fault.Code != decoders.CodePayloadTooShort {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := decode.Run(t.Context(), request(t, `{"input":{`+cyton+`,"data":"no base64!"}}`), nil, cat, decode.Options{})
	if fault := faultOf(t, err); fault.Code != decoders.CodePayloadMalformed {
		t.Error(err)
	}
}

func TestCanceledContextIsNoFaultOfTheData(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, input := range []string{cyton, strings.Replace(cyton, "ssvep", "auto", 1)} {
		_, _, err := decode.Run(ctx, request(t, `{"input":{`+input+`,"stimulus":{"targets":[{"frequency":13}]}}}`), floats(noise(8, 1000, 1)), defaultCatalog(t), decode.Options{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
}

func TestMontageAndRateAreSaid(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	const tail = `,"sample_rate":256,"paradigm":"ssvep","stimulus":{"targets":[{"frequency":20},{"frequency":30}]}`
	for _, tc := range []struct {
		name, input string
		channels    int
		want        string
		never       string
	}{
		{"positions follow from the device", `"type":"eeg","device":"Muse 2","channels":4` + tail, 4, "", "montage"},
		{"with its auxiliary electrode", `"type":"eeg","device":"Muse 2","channels":5` + tail, 5, "", "montage"},
		{"the device alone", `"type":"eeg","device":"Muse 2"` + tail, 4, "", "montage"},
		{"a count for a board that takes electrodes anywhere", `"type":"eeg","device":"OpenBCI Cyton","channels":8` + tail, 8, "montage_assumed", "montage_mismatch"},
		{"a count alone", `"type":"eeg","channels":8` + tail, 8, "montage_assumed", "montage_mismatch"},
		{"names", `"type":"eeg","channels":["O1","O2"]` + tail, 2, "", "montage"},
		{"names the device does not have", `"type":"eeg","device":"Muse 2","channels":["TP9","Oz"]` + tail, 2, "montage_mismatch", "montage_assumed"},
		{"a rate the device does not have", `"type":"eeg","device":"Emotiv Insight","channels":5` + tail, 5, "rate_unusual", "montage"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, _, err := decode.Run(t.Context(), request(t, `{"input":{`+tc.input+`}}`), floats(noise(tc.channels, 1024, 3)), cat, decode.Options{})
			if err != nil {
				t.Fatal(err)
			}
			flags := strings.Join(out.RedFlags, " ")
			if !strings.Contains(flags, tc.want) || tc.never != "" && strings.Contains(flags, tc.never) {
				t.Errorf("flags %q; want %q, never %q", flags, tc.want, tc.never)
			}
		})
	}
}

// checkOutput holds any output to what callers rely on.
func checkOutput(t testing.TB, out *eeg.Result) {
	t.Helper()
	sum := out.Confidence
	last := out.Confidence
	for _, a := range out.Alternatives {
		sum += a.Confidence
		if a.Confidence > last || a.Confidence < 0 || a.Intent == "" || a.Intent == out.DecodedIntent {
			t.Errorf("alternative %+v after %v", a, last)
		}
		last = a.Confidence
	}
	if out.ParadigmDetected == "undetermined" {
		if u := out.Undetermined; out.DecodedIntent != "undetermined" || sum != 0 || out.Model != nil || u == nil || u.Reason == "" || len(u.Tried) != 3 || u.Evidence == nil || out.DecodedClass != "undetermined" ||
			!slices.Contains(out.RedFlags, "undetermined") || out.SessionContext == "" || out.Alternatives == nil {
			t.Errorf("undetermined output %+v, %+v", out, out.Undetermined)
		}
		return
	}
	// Without an answer there is nothing to be sure of; else all that may be meant is there.
	want := 1.0
	if out.Undetermined != nil {
		want = 0
	}
	if math.Abs(sum-want) > 1e-9 || out.DecodedIntent == "" || out.SessionContext == "" || out.ParadigmDetected == "" || out.ParadigmDetected == "auto" {
		t.Errorf("output sums to %v: %+v", sum, out)
	}
	if !strings.HasPrefix(out.Disclaimer, "BCI outputs are probabilistic") || out.RedFlags == nil || out.Alternatives == nil || out.Model == nil || out.Model.Name == "" || (out.Undetermined != nil) != (out.DecodedIntent == "undetermined") {
		t.Errorf("output %+v", out)
	}
	// A model that cannot answer says why, and there is nothing that a client may act on.
	if u := out.Undetermined; u != nil {
		if u.Reason == "" || u.Tried == nil || u.Evidence == nil || out.DecodedClass != "undetermined" || out.PredictedText != "" || len(out.Alternatives) > 0 ||
			!slices.Contains(out.RedFlags, "undetermined") || slices.Contains(out.RedFlags, "low_confidence") || slices.Contains(out.RedFlags, "ambiguous") ||
			u.Evidence["contact"] != nil && !slices.Contains(out.RedFlags, "poor_contact") {
			t.Errorf("undetermined output %+v, %+v", out, u)
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"decoded_intent", "confidence", "paradigm_detected", "predicted_text", "alternatives", "session_context", "seizure_detected",
		"red_flags", "disclaimer", "model", "quality"} {
		if _, ok := fields[f]; !ok {
			t.Errorf("output lacks %s", f)
		}
	}
}

// checkOutcome holds whatever a run ends in to the contract: an answer, or an error about the data.
func checkOutcome(t testing.TB, out *eeg.Result, d *eeg.Diagnostics, err error) {
	t.Helper()
	if d == nil {
		t.Fatal("no diagnostics")
	}
	if _, jsonErr := json.Marshal(d); jsonErr != nil {
		t.Fatalf("diagnostics: %v", jsonErr)
	}
	if err != nil {
		if fault := faultOf(t, err); out != nil || fault.Code == "" || fault.Message == "" {
			t.Fatalf("output %v beside %v", out, err)
		}
		return
	}
	checkOutput(t, out)
}

// FuzzPayload runs arbitrary bytes as recordings of every paradigm and encoding.
func FuzzPayload(f *testing.F) {
	cat := defaultCatalog(f)
	f.Add([]byte("test"), uint8(0), uint8(0), uint16(8), 250.0)
	f.Add(floats(noise(2, 300, 4)), uint8(2), uint8(0), uint16(2), 128.0)
	f.Add([]byte("0       X X X X"), uint8(4), uint8(2), uint16(0), 0.0)
	encodings := []eeg.Encoding{"", "int16le", "edf", "bdf", "gdf"}
	paradigms := []eeg.Paradigm{"auto", "motor_imagery", "ssvep", "p300", "seizure"}
	f.Fuzz(func(t *testing.T, payload []byte, paradigm, encoding uint8, channels uint16, rate float64) {
		req := &eeg.Request{Input: eeg.Input{
			Type: "eeg", Paradigm: paradigms[int(paradigm)%len(paradigms)], Encoding: encodings[int(encoding)%len(encodings)],
			Channels: &eeg.Channels{Count: int(channels)}, SampleRate: rate,
			Events:   []eeg.Event{{Onset: 0.1, Code: 1}, {Onset: 0.3, Code: 2}},
			Stimulus: &eeg.Stimulus{Targets: []eeg.Target{{Frequency: 13}, {Frequency: 17}}},
		}}
		if payload == nil {
			payload = []byte{}
		}
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
	})
}

// FuzzRequest runs arbitrary requests over an honest recording.
func FuzzRequest(f *testing.F) {
	cat := defaultCatalog(f)
	payload := floats(noise(8, 500, 5))
	f.Add(`{"input":{` + cyton + `}}`)
	f.Add(`{"input":{"type":"eeg","channels":["C3","C4","O1","O2","Cz","Pz","Fz","Oz"],"sample_rate":250,"events":[{"onset_s":-1e308,"code":-9}]},"context":{"session_history":["H","letter_E"],"ui_mode":"speller","intents":{"":""},"x":[1]}}`)
	f.Add(`{"input":{"channels":8,"sample_rate":250,"stimulus":{"matrix":[["A"],[]],"flashes":{"1":["Z"]},"targets":[{"frequency":1e308}]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		req, err := decode.ParseRequest([]byte(text))
		if err != nil {
			faultOf(t, err)
			return
		}
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
		if b, err := json.Marshal(req); err != nil || !json.Valid(b) {
			t.Fatalf("the request cannot be written again: %v", err)
		}
	})
}

// TestTheDocumentsOwnRequest decodes the request that the decode document prints: four bytes for eight channels.
func TestTheDocumentsOwnRequest(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	const body = `{"input": {"type": "eeg", "data": "dGVzdA==", "paradigm": "motor_imagery", "device": "OpenBCI Cyton", "channels": 8, "sample_rate": 250},
		"context": {"locale": "en", "session_history": ["move_left", "rest", "move_right"], "ui_mode": "wheelchair_nav"},
		"output": {"format": "json", "include_diagnostics": false}}`
	choice, err := cat.Resolve(catalog.Query{Paradigm: eeg.MotorImagery, Channels: ultracortex, Rate: 250})
	if err != nil {
		t.Fatal(err)
	}
	need := choice.Decoder.Info().MinSamples(250)
	_, d, err := decode.Run(t.Context(), request(t, body), nil, cat, decode.Options{})
	fault := faultOf(t, err)
	want := fmt.Sprintf("needs at least %d samples a channel (%.3g s at 250 Hz × 8 channels = %d bytes as float32le), got 0.125", need, float64(need)/250, need*32)
	if fault.Code != decoders.CodePayloadTooShort || fault.Message != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if d.Routing.Used.Model != choice.Entry.ID() || need < 2 {
		t.Errorf("routing %+v, %d samples", d.Routing, need)
	}
	// With a recording in place of the four bytes the same request is answered.
	out, d, err := decode.Run(t.Context(), request(t, body), floats(noise(8, 1000, 6)), cat, decode.Options{})
	checkOutcome(t, out, d, err)
	if err != nil || out.DecodedIntent != "move_left" && out.DecodedIntent != "move_right" {
		t.Errorf("%v: %+v", err, out)
	}
}

// TestChannelsByOtherNames decodes channels that the file calls otherwise: refused with what is there, what is missing and what may be
// meant; under the names that the request gives them the answer is that of the channels' own names.
func TestChannelsByOtherNames(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	payload := floats(noise(8, 1000, 31))
	with := func(channels []string, names map[string]string) (*eeg.Result, error) {
		out, d, err := decode.Run(t.Context(), &eeg.Request{Input: eeg.Input{Type: "eeg", Paradigm: "motor_imagery", Model: "test-left_right", SampleRate: 250,
			Channels: &eeg.Channels{Count: 8, Names: channels}, ChannelNames: names}}, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
		return out, err
	}
	other := slices.Clone(ultracortex)
	names := map[string]string{}
	for i, n := range ultracortex {
		other[i] = "Amp" + n
		names[other[i]] = n
	}
	want, err := with(ultracortex, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = with(other, nil)
	fault := faultOf(t, err)
	if fault.Code != decoders.CodeMontageMismatch || fmt.Sprint(fault.Details["channels_got"]) != fmt.Sprint(other) || fault.Details["model"] != "test-left_right@1" {
		t.Errorf("%v, details %v", err, fault.Details)
	}
	for _, text := range []string{"test-left_right@1", "AmpC3", "AmpC3 may be C3", "channel_names"} {
		if !strings.Contains(fault.Message, text) {
			t.Errorf("%q does not say %q", fault.Message, text)
		}
	}
	got, err := with(other, names)
	if err != nil || got.DecodedIntent != want.DecodedIntent || got.Confidence != want.Confidence {
		t.Errorf("renamed: %v, %+v, want %s %v", err, got, want.DecodedIntent, want.Confidence)
	}
	if _, err = with(other, map[string]string{"nothing": "C3"}); faultOf(t, err).Code != decoders.CodeMontageMismatch {
		t.Errorf("a channel that is not there: %v", err)
	}
}
