package decode_test

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

var ultracortex = []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}

// class returns the index of an event's label.
func class(classes []string) func(eeg.Event) int {
	return func(e eeg.Event) int { return slices.Index(classes, e.Label) }
}

// imageryDataset cuts the trials of a synthetic session.
func imageryDataset(t testing.TB, cfg synthetic.Config, classes []string, trials int) *decoders.Dataset {
	t.Helper()
	s, err := synthetic.MotorImagery(cfg, synthetic.ImageryConfig{Classes: classes, TrialsPerClass: trials})
	if err != nil {
		t.Fatal(err)
	}
	return &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: s.Channels, Rate: s.Rate, Classes: classes,
		Trials: epoch.Cut(s.Signal, s.Events, class(classes), 0, 4, "synthetic/1"), Subject: "synthetic"}
}

func train(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset) decoders.Trained {
	t.Helper()
	d, err := p.Train(context.Background(), ds, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// trainedCatalog has models of synthetic people, which went through model files. It is made once.
var trainedCatalog = sync.OnceValue(func() *catalog.Catalog {
	// The test that needs it first pays for it; a fault shows as its panic.
	var t fatal
	cat := defaultCatalog(t)
	card := catalog.ModelCard{Summary: "trained on synthetic sessions", IntendedUse: "tests"}
	leftRight := imageryDataset(t, synthetic.Config{Channels: ultracortex, Seed: 101}, []string{"left", "right"}, 40)
	handsFeet := imageryDataset(t, synthetic.Config{Channels: []string{"C3", "Cz", "C4"}, Rate: 160, Seed: 102}, []string{"hands", "feet"}, 40)
	card.Priority = 1
	store(t, cat, "test-left_right", card, train(t, motorimagery.CSPLDA(), leftRight))
	card.Priority = 0
	store(t, cat, "test-left_right-tangent", card, train(t, motorimagery.TSLR(), leftRight))
	store(t, cat, "test-hands_feet", card, train(t, motorimagery.CSPLDA(), handsFeet))
	trainP300(t, cat)
	return cat
})

// fatal is a testing.TB for what happens outside any one test.
type fatal struct{ testing.TB }

func (fatal) Helper()           {}
func (fatal) Fatal(args ...any) { panic(args) }
func (fatal) Fatalf(format string, args ...any) {
	panic(append([]any{format}, args...))
}

// clip is the request and the bytes for a segment of a session, from s on for seconds; events move with it.
func clip(s synthetic.Session, from, seconds float64) (*eeg.Request, []byte) {
	a := int(math.Round(from * s.Rate))
	b := min(s.Samples(), a+int(math.Round(seconds*s.Rate)))
	rows, _ := s.Data.Dims()
	req := &eeg.Request{Input: eeg.Input{Type: "eeg", SampleRate: s.Rate, Channels: &eeg.Channels{Count: rows, Names: s.Channels}}}
	for _, e := range s.Events {
		if e.Onset >= from-1e-9 && e.Onset < from+seconds {
			req.Input.Events = append(req.Input.Events, eeg.Event{Onset: max(0, e.Onset-from), Code: e.Code})
		}
	}
	if len(s.Stimulus.Targets)+len(s.Stimulus.Matrix) > 0 {
		req.Input.Stimulus = &eeg.Stimulus{Matrix: s.Stimulus.Matrix}
		req.Input.Stimulus.Targets = append(req.Input.Stimulus.Targets, s.Stimulus.Targets...)
	}
	return req, raw(mat.DenseCopyOf(s.Data.Slice(0, rows, a, b)))
}

func TestWheelchairSession(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: ultracortex, Seed: 7}, synthetic.ImageryConfig{TrialsPerClass: 15})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	var history []string
	for i, e := range s.Events {
		req, payload := clip(s, e.Onset, 4)
		req.Input.Paradigm = "motor_imagery"
		req.Input.Device, req.Input.Channels = "OpenBCI Cyton", &eeg.Channels{Count: 8} // the device's usual montage
		req.Input.Events = nil
		req.Context = &eeg.Context{Locale: "en", UIMode: "wheelchair_nav", SessionHistory: history}
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
		if err != nil {
			t.Fatal(err)
		}
		want := "move_" + s.Labels[i]
		if out.DecodedIntent == want {
			right++
		}
		switch {
		case out.ParadigmDetected != "motor_imagery", out.Model.Name != "test-left_right", out.Model.Pipeline != "csp_lda":
			t.Fatalf("decoded by %+v as %s: %+v", out.Model, out.ParadigmDetected, d.Routing)
		case out.SeizureDetected != nil:
			t.Errorf("a clip of 4 s says seizure %v", *out.SeizureDetected)
		case out.PredictedText != map[string]string{"move_left": "Turn left.", "move_right": "Turn right."}[out.DecodedIntent]:
			t.Errorf("%s is worded %q", out.DecodedIntent, out.PredictedText)
		case !slices.Contains(out.RedFlags, "montage_assumed"):
			t.Errorf("flags %v do not say that positions were assumed", out.RedFlags)
		case len(out.Alternatives) != 1 || out.Quality == nil || out.Quality.Windows != 2:
			t.Errorf("output %+v", out)
		case i > 0 && !strings.Contains(out.SessionContext, "Steering a wheelchair"):
			t.Errorf("context %q", out.SessionContext)
		}
		history = append(history, out.DecodedIntent)
	}
	t.Logf("%d of %d trials right", right, len(s.Events))
	// Package synthetic makes trials that a matched pipeline tells apart nearly always; half the way from chance is a broken path.
	if 4*right < 3*len(s.Events) {
		t.Errorf("%d of %d", right, len(s.Events))
	}
}

func TestFlickerIsFoundByAuto(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	// Above the alpha band: at 8-13 Hz a response whose harmonics drown is taken for alpha, as it should be.
	channels := []string{"PO7", "PO3", "POz", "PO4", "PO8", "O1", "Oz", "O2"}
	s, err := synthetic.SSVEP(synthetic.Config{Channels: channels, Rate: 256, Seed: 3}, synthetic.FlickerConfig{TrialsPerTarget: 3, RestTrials: 3,
		Targets: []eeg.Target{{Label: "door", Frequency: 14}, {Label: "lamp", Frequency: 17}, {Label: "tv", Frequency: 21}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range s.Events {
		req, payload := clip(s, e.Onset, 4)
		req.Input.Events = nil
		req.Context = &eeg.Context{UIMode: "smart_home"}
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
		if s.Labels[i] == synthetic.RestLabel {
			// The flickers are declared: whoever follows none of them looks at no target.
			if err != nil || out.ParadigmDetected != "ssvep" || out.DecodedIntent != "no_target" {
				t.Errorf("rest: %v, %+v", err, out)
			}
			continue
		}
		if err != nil {
			t.Errorf("trial %d, %s: %v", i, s.Labels[i], err)
			continue
		}
		if out.ParadigmDetected != "ssvep" || out.DecodedIntent != s.Labels[i] || d.Routing.Asked.Paradigm != "auto" ||
			d.Routing.Used.Paradigm != "ssvep" || d.Routing.Used.Model != "ssvep-fbcca@1" || d.Routing.Why == "" {
			t.Errorf("trial %d of %s: %s as %s, routing %+v", i, s.Labels[i], out.DecodedIntent, out.ParadigmDetected, d.Routing)
		}
		if len(d.Routing.Fallbacks) != 1 || d.Routing.Fallbacks[0].From != "p300" {
			t.Errorf("fallbacks %+v", d.Routing.Fallbacks)
		}
	}
}

// TestImageryIsFoundByAuto takes the same trials with cues of movements, without any, and with flickers declared beside them:
// electrodes over the motor cortex are not a sign of imagery.
func TestImageryIsFoundByAuto(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: ultracortex, Seed: 8}, synthetic.ImageryConfig{TrialsPerClass: 10})
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for i, e := range s.Events {
		answer := func(change func(*eeg.Input)) (*eeg.Result, *eeg.Diagnostics) {
			req, payload := clip(s, e.Onset, 4)
			change(&req.Input)
			out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
			checkOutcome(t, out, d, err)
			if err != nil {
				t.Fatal(err)
			}
			return out, d
		}
		for name, events := range map[string][]eeg.Event{
			"a GDF code": {{Code: e.Code}}, "a label": {{Code: 7, Label: "Left Hand"}}, "PhysioNet's": {{Code: 1, Label: "T1"}}, "OpenViBE's": {{Code: 3, Label: "OVTK_GDF_Right"}},
		} {
			out, d := answer(func(in *eeg.Input) { in.Events = events })
			if out.ParadigmDetected != "motor_imagery" || len(d.Routing.Fallbacks) != 2 {
				t.Errorf("trial %d, cued by %s: %s, fallbacks %+v", i, name, out.ParadigmDetected, d.Routing.Fallbacks)
			}
		}
		for name, events := range map[string][]eeg.Event{
			"nothing": nil, "a bare code": {{Code: 1}}, "rest": {{Label: "rest"}}, "PhysioNet's rest": {{Label: "T0"}}, "a button": {{Label: "left button"}},
			"T1 among others": {{Code: 1, Label: "T1"}, {Onset: 2, Label: "artifact"}},
		} {
			out, d := answer(func(in *eeg.Input) { in.Events = events })
			if out.ParadigmDetected != "undetermined" || out.DecodedIntent != "undetermined" || len(d.Routing.Fallbacks) != 3 || d.Routing.Used != (eeg.Route{}) {
				t.Errorf("trial %d with %s: %s as %s, routing %+v", i, name, out.DecodedIntent, out.ParadigmDetected, d.Routing)
			}
		}
		// Frequencies that nobody looks at are answered by what was declared, with or without a cue.
		out, d := answer(func(in *eeg.Input) {
			in.Stimulus = &eeg.Stimulus{Targets: []eeg.Target{{Frequency: 14}, {Frequency: 17}, {Frequency: 23}}}
		})
		if out.ParadigmDetected != "ssvep" || len(d.Routing.Fallbacks) != 1 {
			t.Errorf("trial %d with flickers: %s, fallbacks %+v", i, out.ParadigmDetected, d.Routing.Fallbacks)
		}
		if out.DecodedIntent != "no_target" {
			taken++
		}
	}
	// One of twenty is the stated rate of false accepts: four of twenty would be one chance in sixty.
	if taken > 3 {
		t.Errorf("%d of %d trials were taken for a target", taken, len(s.Events))
	}
}

// TestDeclaredStimulusGoesBeforeEvents sends the events of one paradigm with the stimulus of another, and asks on a montage that
// no model fits.
func TestDeclaredStimulusGoesBeforeEvents(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	var train []eeg.Event // as flashes, as the marks of an SSVEP session and as a stream of markers may come
	for i := range 12 {
		train = append(train, eeg.Event{Onset: 0.2 + 0.2*float64(i), Code: 1 + i})
	}
	targets := []eeg.Target{{Label: "13 Hz", Frequency: 13}, {Label: "17 Hz", Frequency: 17}}
	matrix := [][]string{{"A", "B", "C", "D", "E", "F"}, {"G", "H", "I", "J", "K", "L"}, {"M", "N", "O", "P", "Q", "R"}, {"S", "T", "U", "V", "W", "X"},
		{"Y", "Z", "1", "2", "3", "4"}, {"5", "6", "7", "8", "9", "_"}}
	for _, tc := range []struct {
		name     string
		channels []string
		stimulus *eeg.Stimulus
		events   []eeg.Event
		want     string
	}{
		{"flickers and a train of events", []string{"O1", "Oz", "O2"}, &eeg.Stimulus{Targets: targets}, train, "ssvep"},
		{"flickers and a train on a speller's montage", parietal, &eeg.Stimulus{Targets: targets}, train, "ssvep"},
		{"flickers and cues", ultracortex, &eeg.Stimulus{Targets: targets}, []eeg.Event{{Code: 769}}, "ssvep"},
		{"a train, and a model", parietal, nil, train, "p300"},
		{"a train, and no model", []string{"O1", "Oz", "O2"}, nil, train, "undetermined"},
		{"five events", parietal, nil, train[:5], "undetermined"},
		{"a matrix, and a model", parietal, &eeg.Stimulus{Matrix: matrix}, train, "p300"},
		{"a matrix, and no model", []string{"O1", "Oz", "O2"}, &eeg.Stimulus{Matrix: matrix}, train, "undetermined"},
		{"a matrix that never flashed", parietal, &eeg.Stimulus{Matrix: matrix}, nil, "undetermined"},
		{"a matrix over cues", parietal, &eeg.Stimulus{Matrix: matrix}, train[:2], "p300"},
		{"both, of which the flicker is not followed", parietal, &eeg.Stimulus{Targets: targets, Matrix: matrix}, train, "p300"},
		{"both, and no model for the speller", []string{"O1", "Oz", "O2"}, &eeg.Stimulus{Targets: targets, Matrix: matrix}, train, "ssvep"},
		{"cues, and no model", []string{"O1", "Oz", "O2"}, nil, []eeg.Event{{Code: 769}}, "undetermined"},
		{"cues that follow each other closely", ultracortex, nil, []eeg.Event{{Code: 768}, {Onset: .1, Code: 769}, {Onset: .2, Code: 781}, {Onset: .9, Code: 768},
			{Onset: 1, Code: 770}, {Onset: 1.1, Code: 781}}, "motor_imagery"},
	} {
		req := &eeg.Request{Input: eeg.Input{Type: "eeg", Channels: &eeg.Channels{Count: len(tc.channels), Names: tc.channels}, SampleRate: 250,
			Events: tc.events, Stimulus: tc.stimulus}}
		out, d, err := decode.Run(t.Context(), req, floats(noise(len(tc.channels), 2000, 17)), cat, decode.Options{})
		checkOutcome(t, out, d, err)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if out.ParadigmDetected != tc.want || (d.Routing.Used.Paradigm != tc.want) != (tc.want == "undetermined") || d.Routing.Why == "" {
			t.Errorf("%s: %s, want %s; routing %+v", tc.name, out.ParadigmDetected, tc.want, d.Routing)
		}
	}
}

func TestModelOfAutoIsTheCallers(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: synthetic.TenTwenty(), Rate: 125, Seed: 9}, synthetic.ImageryConfig{Classes: []string{"hands", "feet"}, TrialsPerClass: 10})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, e := range s.Events {
		req, payload := clip(s, e.Onset-1, 5)
		req.Input.Model = "test-hands_feet"
		req.Context = &eeg.Context{Intents: map[string]string{"feet": "brake"}}
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
		if err != nil {
			t.Fatal(err)
		}
		if out.Model.Name != "test-hands_feet" || !slices.Contains(out.RedFlags, "rate_resampled") {
			t.Errorf("model %+v, flags %v", out.Model, out.RedFlags)
		}
		if out.DecodedIntent == map[string]string{"hands": "move_forward", "feet": "brake"}[s.Labels[i]] {
			right++
		}
	}
	if 4*right < 3*len(s.Events) {
		t.Errorf("%d of %d right", right, len(s.Events))
	}
}

func TestSeizureCheck(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	s, err := synthetic.Seizure(synthetic.Config{Seed: 5}, synthetic.SeizureConfig{Seconds: 90, Onset: 40, Duration: 30,
		AmplitudeUV: 400}) // as in absence seizures; the rules ask for a line length that 150 µV do not reach
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(paradigm eeg.Paradigm, from, seconds float64) (*eeg.Result, *eeg.Diagnostics) {
		req, payload := clip(s, from, seconds)
		req.Input.Paradigm, req.Input.Events = paradigm, nil
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
		if err != nil {
			t.Fatal(err)
		}
		return out, d
	}
	for _, paradigm := range []eeg.Paradigm{"seizure", "motor_imagery", "auto"} {
		if out, _ := verdict(paradigm, 45, 20); out.SeizureDetected == nil || !*out.SeizureDetected || len(out.RedFlags) == 0 || out.RedFlags[0] != "possible_seizure" {
			t.Errorf("%s during the seizure: %v, flags %v", paradigm, out.SeizureDetected, out.RedFlags)
		}
		if out, _ := verdict(paradigm, 10, 20); out.SeizureDetected == nil || *out.SeizureDetected || slices.Contains(out.RedFlags, "possible_seizure") {
			t.Errorf("%s before the seizure: %v, flags %v", paradigm, out.SeizureDetected, out.RedFlags)
		}
		if out, d := verdict(paradigm, 45, 8); out.SeizureDetected != nil || slices.Contains(out.RedFlags, "possible_seizure") {
			t.Errorf("%s in 8 s: %v, %+v", paradigm, *out.SeizureDetected, d.Seizure)
		}
	}
	if out, _ := verdict("seizure", 45, 20); out.DecodedIntent != "possible_seizure" || out.ParadigmDetected != "seizure" {
		t.Errorf("decoded %s", out.DecodedIntent)
	}
	if out, _ := verdict("seizure", 10, 20); out.DecodedIntent != "no_seizure_pattern" {
		t.Errorf("decoded %s", out.DecodedIntent)
	}
}

func TestSameRequestSameAnswer(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: ultracortex, Seed: 11}, synthetic.ImageryConfig{TrialsPerClass: 1})
	if err != nil {
		t.Fatal(err)
	}
	req, payload := clip(s, s.Events[0].Onset, 4)
	req.Context = &eeg.Context{UIMode: "cursor", SessionHistory: []string{"rest"}}
	before, _ := json.Marshal(req)
	kept := slices.Clone(payload)
	answer := func() string {
		out, d, err := decode.Run(context.Background(), req, payload, cat, decode.Options{Trace: func(string) {}})
		if err != nil {
			t.Error(err)
		}
		b, err := json.Marshal([]any{out, d})
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	first := answer()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if again := answer(); again != first {
					t.Errorf("another answer:\n%s\n%s", first, again)
				}
			}
		})
	}
	wg.Wait()
	if after, _ := json.Marshal(req); string(after) != string(before) || !slices.Equal(kept, payload) {
		t.Error("the request or the payload was changed")
	}
}

func TestLayoutsAndEncodingsAgree(t *testing.T) {
	t.Parallel()
	cat := trainedCatalog()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: ultracortex, Seed: 12}, synthetic.ImageryConfig{TrialsPerClass: 1})
	if err != nil {
		t.Fatal(err)
	}
	req, payload := clip(s, s.Events[0].Onset, 4)
	want, _, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	samples := len(payload) / 32
	turned := make([]byte, 0, len(payload))
	ints := make([]byte, 0, len(payload)/2)
	for c := range 8 {
		for i := range samples {
			turned = append(turned, payload[(i*8+c)*4:][:4]...)
		}
	}
	const scale = 0.01 // µV a unit: ±327 µV fit
	for i := range samples * 8 {
		v := float64(math.Float32frombits(uint32(payload[4*i]) | uint32(payload[4*i+1])<<8 | uint32(payload[4*i+2])<<16 | uint32(payload[4*i+3])<<24))
		n := uint16(int16(math.Round(v / scale)))
		ints = append(ints, byte(n), byte(n>>8))
	}
	for _, tc := range []struct {
		name      string
		change    func(in *eeg.Input)
		payload   []byte
		tolerance float64
	}{
		{"channel_major", func(in *eeg.Input) { in.Layout = "channel_major" }, turned, 0},
		{"int16le", func(in *eeg.Input) { in.Encoding = "int16le"; v := scale; in.ScaleUV = &v }, ints, 0.01},
	} {
		changed := *req
		tc.change(&changed.Input)
		got, _, err := decode.Run(t.Context(), &changed, tc.payload, cat, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got.DecodedIntent != want.DecodedIntent || math.Abs(got.Confidence-want.Confidence) > tc.tolerance {
			t.Errorf("%s: %s %.6f, want %s %.6f", tc.name, got.DecodedIntent, got.Confidence, want.DecodedIntent, want.Confidence)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	cat := trainedCatalog()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: ultracortex, Seed: 13}, synthetic.ImageryConfig{TrialsPerClass: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name     string
		paradigm eeg.Paradigm
		model    string
	}{
		{"built-in, resampled from 250 Hz", "motor_imagery", "motor_imagery-left_right-cyton"},
		{"csp_lda 8 ch x 4 s", "motor_imagery", "test-left_right"},
		{"ts_lr 8 ch x 4 s", "motor_imagery", "test-left_right-tangent"},
		{"auto to csp_lda", "auto", ""},
		{"fbcca 3 targets", "ssvep", ""},
	} {
		b.Run(bc.name, func(b *testing.B) {
			req, payload := clip(s, s.Events[0].Onset, 4)
			req.Input.Paradigm, req.Input.Model = bc.paradigm, bc.model
			if bc.paradigm != "auto" {
				req.Input.Events = nil
			}
			if bc.paradigm == "ssvep" {
				req.Input.Stimulus = &eeg.Stimulus{Targets: []eeg.Target{{Frequency: 13}, {Frequency: 17}, {Frequency: 21}}}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := decode.Run(context.Background(), req, payload, cat, decode.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
