package workers_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// flicker returns seconds of a 13 Hz response on 8 channels in noise, as float32le, sample-major.
func flicker(seconds float64) []byte {
	rng := rand.New(rand.NewPCG(5, 0))
	var b []byte
	for i := range int(seconds * 250) {
		for c := range 8 {
			v := 5*math.Sin(2*math.Pi*13*float64(i)/250+float64(c)) + 3*math.Sin(2*math.Pi*26*float64(i)/250) + 8*rng.NormFloat64()
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}
	}
	return b
}

const flickerRequest = `{"input":{"type":"eeg","paradigm":"ssvep","device":"OpenBCI Cyton","channels":8,"sample_rate":250,` +
	`"stimulus":{"targets":[{"label":"door","frequency":13},{"label":"lamp","frequency":17}]}}}`

func decodeHandler(t *testing.T) workers.Handler {
	t.Helper()
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	return workers.Decode(workers.NewModels(cat, nil, 0, nil), nil)
}

func TestDecodeHandlerAnswers(t *testing.T) {
	t.Parallel()
	result, err := decodeHandler(t)(t.Context(), &workers.Task{Job: models.Job{Request: json.RawMessage(flickerRequest)}, Payload: flicker(4)})
	if err != nil {
		t.Fatal(err)
	}
	var out eeg.Result
	if err := json.Unmarshal(result.Output, &out); err != nil {
		t.Fatal(err)
	}
	if out.DecodedIntent != "door" || out.ParadigmDetected != "ssvep" || out.Confidence < 0.5 {
		t.Errorf("output %s", result.Output)
	}
	if !strings.Contains(string(result.Output), `"seizure_detected":null`) {
		t.Errorf("a clip of 4 s cannot tell a seizure: %s", result.Output)
	}
	var d eeg.Diagnostics
	if err := json.Unmarshal(result.Diagnostics, &d); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range d.Steps {
		names = append(names, s.Name)
		if s.MS < 0 {
			t.Errorf("step %s took %v ms", s.Name, s.MS)
		}
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "parse open read route") || !strings.HasSuffix(got, "decode quality seizure answer") {
		t.Errorf("steps: %s", got)
	}
	if d.Routing.Used.Model != "ssvep-fbcca@1" || d.Routing.Asked.Paradigm != "ssvep" || d.Evidence == nil {
		t.Errorf("diagnostics %s", result.Diagnostics)
	}
}

func TestDecodeHandlerFaults(t *testing.T) {
	t.Parallel()
	h := decodeHandler(t)
	for _, tc := range []struct {
		name    string
		request string
		payload []byte
		code    string
	}{
		{"too short", flickerRequest, []byte("test"), decoders.CodePayloadTooShort},
		{"half a sample", flickerRequest, flicker(4)[1:], decoders.CodePayloadMalformed},
		{"no request", `[`, flicker(4), decoders.CodePayloadMalformed},
		{"no model", strings.Replace(flickerRequest, `"eeg",`, `"eeg","model":"unheard-of",`, 1), flicker(4), decoders.CodeModelNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			result, err := h(t.Context(), &workers.Task{Job: models.Job{Request: json.RawMessage(tc.request)}, Payload: tc.payload})
			var bad *decoders.Error
			if !errors.As(err, &bad) || bad.Code != tc.code || result.Output != nil {
				t.Errorf("output %s, error %v; want %s", result.Output, err, tc.code)
			}
			if tc.request != "[" && !json.Valid(result.Diagnostics) {
				t.Errorf("diagnostics of the failure: %q", result.Diagnostics)
			}
		})
	}
	t.Run("payload is gone", func(t *testing.T) {
		t.Parallel()
		_, err := h(t.Context(), &workers.Task{Job: models.Job{Request: json.RawMessage(flickerRequest)}})
		var known *models.Error
		if !errors.As(err, &known) || known.Code != models.PayloadExpired {
			t.Errorf("error %v", err)
		}
	})
	t.Run("canceled is not a fault of the data", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := h(ctx, &workers.Task{Job: models.Job{Request: json.RawMessage(flickerRequest)}, Payload: flicker(4)})
		var bad *decoders.Error
		if !errors.Is(err, context.Canceled) || errors.As(err, &bad) {
			t.Errorf("error %v", err)
		}
	})
}

// TestDecodeHandlerAnswersEveryTrial decodes a file whose events say rest and the two hands, with "all" for events.
func TestDecodeHandlerAnswersEveryTrial(t *testing.T) {
	t.Parallel()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: []string{"C3", "Cz", "C4"}, Rate: 128, Seed: 9}, synthetic.ImageryConfig{TrialsPerClass: 2})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recording.Recording{Annotations: []recording.Annotation{{Label: "T0"}}}
	for i, name := range s.Channels {
		rec.Channels = append(rec.Channels, recording.Channel{Label: name, Name: name, Kind: recording.EEG, Unit: "uV", Rate: s.Rate, Samples: s.Data.RawRowView(i)})
	}
	for _, e := range s.Events {
		rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: e.Onset, Label: map[string]string{"left": "T1", "right": "T2"}[e.Label]})
	}
	for _, a := range rec.Annotations {
		rec.Events = append(rec.Events, eeg.Event{Onset: a.Onset, Label: a.Label})
	}
	var file bytes.Buffer
	if err := edf.Write(&file, rec); err != nil {
		t.Fatal(err)
	}
	const request = `{"input":{"type":"eeg","encoding":"edf","paradigm":"motor_imagery","events":"all"}}`
	result, err := decodeHandler(t)(t.Context(), &workers.Task{Job: models.Job{Request: json.RawMessage(request)}, Payload: file.Bytes()})
	if err != nil {
		t.Fatal(err)
	}
	var out eeg.Result
	if err := json.Unmarshal(result.Output, &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Trials) != 4 || out.TrialsSummary.Labelled != 4 || out.Clip.Event == nil || out.Clip.Event.Number != 2 || out.Clip.EventsPassedOver != 1 {
		t.Errorf("%s", result.Output)
	}
}
