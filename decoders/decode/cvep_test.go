package decode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/cvep"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

var codeScreen = &eeg.CodeBook{Kind: eeg.CodeGold, RateHz: 60, Degree: 6, Modulated: true, Labels: []string{"door", "light", "blinds", "music", "help", "stop"}}

// codedSession is a person who looks at targets of a c-VEP screen, 14 µV at Oz.
func codedSession(t *testing.T, seed uint64, looks ...int) synthetic.Session {
	t.Helper()
	s, err := synthetic.CodeModulated(synthetic.Config{Seed: seed, Channels: []string{"POz", "O1", "Oz", "O2"}}, synthetic.CodeConfig{Codes: codeScreen, Looks: looks, AmplitudeUV: 14})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// codeCatalog has the built-in models and one of reconvolution, which went through its file.
func codeCatalog(t *testing.T) *catalog.Catalog {
	t.Helper()
	s := codedSession(t, 1, slices.Repeat([]int{0, 1, 2}, 5)...)
	ds := &decoders.Dataset{Paradigm: eeg.CVEP, Channels: s.Channels, Rate: s.Rate, Cue: 1, Classes: codeScreen.Labels}
	ds.Trials = epoch.Cut(s.Signal, s.Events, func(e eeg.Event) int { return e.Code - 1 }, 1, 4.2, "s1")
	raw, err := json.Marshal(map[string]any{"codes": codeScreen})
	if err != nil {
		t.Fatal(err)
	}
	d, err := cvep.RCCA().Train(t.Context(), ds, raw)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := catalog.Write(&b, eeg.CVEP, "screen", "1", catalog.ModelCard{Summary: "a synthetic person's"}, d.State()); err != nil {
		t.Fatal(err)
	}
	m, err := catalog.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.AddModel(m, eeg.SourceAdded); err != nil {
		t.Fatal(err)
	}
	return cat
}

// TestCodesAreDecoded: every trial of a recording by its events, by their labels, and a declared code book for auto.
func TestCodesAreDecoded(t *testing.T) {
	t.Parallel()
	cat := codeCatalog(t)
	s := codedSession(t, 2, 3, 5, 0, 4, 1, 2)
	req, payload := clip(s, 0, s.Seconds())
	for i, e := range s.Events {
		req.Input.Events[i].Label = e.Label
	}
	req.Input.Events = append(req.Input.Events, eeg.Event{Onset: 0.2, Label: "rest"})
	req.Input.Paradigm, req.Input.Trials, req.Input.Stimulus = eeg.CVEP, eeg.TrialsAll, nil
	out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
	checkOutcome(t, out, d, err)
	if err != nil {
		t.Fatal(err)
	}
	if sum := out.TrialsSummary; sum.Trials != 6 || sum.Labelled != 6 || sum.Right < 5 {
		t.Errorf("%+v", sum)
	}

	req.Input.Paradigm, req.Input.Trials, req.Input.Stimulus = eeg.Auto, "", &eeg.Stimulus{Codes: codeScreen}
	out, d, err = decode.Run(t.Context(), req, payload, cat, decode.Options{})
	checkOutcome(t, out, d, err)
	if err != nil || out.ParadigmDetected != "cvep" || out.DecodedIntent != "music" || out.Model.Name != "screen" {
		t.Errorf("auto: %+v, %v", out, err)
	}
	if d.Evidence["stopped_target"] != "music" {
		t.Errorf("evidence %v", d.Evidence)
	}

	bare, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	req.Input.Paradigm = eeg.CVEP
	var fault *decoders.Error
	if _, _, err = decode.Run(t.Context(), req, payload, bare, decode.Options{}); !errors.As(err, &fault) || fault.Code != decoders.CodeModelNotFound {
		t.Errorf("without a model: %v", err)
	}
	req.Input.Paradigm = eeg.Auto
	if out, _, err = decode.Run(t.Context(), req, payload, bare, decode.Options{}); err != nil || out.DecodedIntent != "undetermined" {
		t.Errorf("auto without a model: %+v, %v", out, err)
	}
	req.Input.Paradigm, req.Input.Stimulus = eeg.CVEP, &eeg.Stimulus{Codes: &eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"1", "0"}}}
	if _, _, err = decode.Run(t.Context(), req, payload, cat, decode.Options{}); !errors.As(err, &fault) || fault.Code != decoders.CodeInvalidStimulus {
		t.Errorf("codes of one bit: %v", err)
	}
}

// TestLatestCodes: of a window of a session that runs, the codes that began last count, also before it; without an event there is no answer.
func TestLatestCodes(t *testing.T) {
	t.Parallel()
	cat := codeCatalog(t)
	s := codedSession(t, 3, 4, 1)
	window := func(from, seconds float64) (*eeg.Request, []byte) {
		at, n := int(from*s.Rate), int(seconds*s.Rate)
		part := s
		rows, _ := s.Data.Dims()
		part.Signal.Data = mat.DenseCopyOf(s.Data.Slice(0, rows, at, at+n))
		part.Events = nil
		for _, e := range s.Events {
			if e.Onset <= from+seconds {
				e.Onset -= float64(at) / s.Rate
				part.Events = append(part.Events, e)
			}
		}
		req, payload := clip(part, 0, seconds)
		req.Input.Events = part.Events
		req.Input.Paradigm, req.Input.Stimulus = eeg.CVEP, nil
		return req, payload
	}
	for _, tc := range []struct {
		after, seconds float64 // s after the first codes began
		want           string
	}{{-0.5, 3, "help"}, {0, 4, "help"}, {1.5, 2.6, "help"}, {5.2, 3.5, "light"}, {4.2, 5, "light"}} {
		req, payload := window(s.Events[0].Onset+tc.after, tc.seconds)
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{Latest: true})
		checkOutcome(t, out, d, err)
		if err != nil || out.DecodedIntent != tc.want {
			t.Errorf("%+v: %+v, %v", tc, out, err)
		}
	}
	req, payload := window(s.Events[0].Onset+0.5, 3)
	req.Input.Events = nil
	var fault *decoders.Error
	if _, _, err := decode.Run(t.Context(), req, payload, cat, decode.Options{Latest: true}); !errors.As(err, &fault) || fault.Code != decoders.CodeNoEvents {
		t.Errorf("without an event: %v", err)
	}
}
