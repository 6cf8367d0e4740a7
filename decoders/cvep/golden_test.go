package cvep_test

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cvep"
	"github.com/neurod/neurod/eeg"
)

// TestAgainstPyntBCI holds filters, responses and the scores of each code to PyntBCI, 1e-6 relative. Its filters have a sign and, of the
// response, a scale of their own.
func TestAgainstPyntBCI(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/golden/cvep.json")
	if err != nil {
		t.Fatal(err)
	}
	type reference struct {
		Filter, Response []float64
		Scores           map[string][][]float64
	}
	var g struct {
		Bits       []string
		RateHz     float64 `json:"rate_hz"`
		SampleRate float64 `json:"sample_rate"`
		Response   float64
		Train      int
		Y          []int
		X          [][][]float64
		Duration   reference
		Contrast   reference
		Template   reference
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	codes := &eeg.CodeBook{Kind: eeg.CodeBits, RateHz: g.RateHz, Bits: g.Bits}
	ds := &decoders.Dataset{Paradigm: eeg.CVEP, Channels: []string{"O1", "Oz", "O2"}, Rate: g.SampleRate, Classes: []string{"code_1", "code_2", "code_3", "code_4"}}
	for i, x := range g.X {
		data := mat.NewDense(len(x), len(x[0]), nil)
		for c, row := range x {
			data.SetRow(c, row)
		}
		ds.Trials = append(ds.Trials, decoders.Trial{Data: data, Label: g.Y[i]})
	}
	test := ds.Trials[g.Train:]
	ds.Trials = ds.Trials[:g.Train]
	for name, tc := range map[string]struct {
		p       decoders.Pipeline
		flashes string
		want    reference
	}{"duration": {cvep.RCCA(), cvep.ByDuration, g.Duration}, "contrast": {cvep.RCCA(), cvep.ByContrast, g.Contrast}, "template": {cvep.Template(), cvep.ByDuration, g.Template}} {
		d := train(t, tc.p, ds, options(t, codes, map[string]any{"low": 0, "high": 0, "ridge": 0, "response": g.Response, "flashes": tc.flashes, "folds": 0}))
		if tc.want.Filter != nil {
			direction(t, name+" filter", d.State().Arrays["filter"].Data, tc.want.Filter)
			direction(t, name+" response", d.State().Arrays["response"].Data, tc.want.Response)
		}
		for length, rows := range tc.want.Scores {
			n, err := strconv.Atoi(length)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range rows {
				in := &decoders.Input{Signal: decoders.Signal{Data: test[i].Data.Slice(0, 3, 0, n).(*mat.Dense), Channels: ds.Channels, Rate: ds.Rate}}
				res, err := d.Decode(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				for k, target := range res.Evidence["targets"].([]map[string]any) {
					if got := target["score"].(float64); math.Abs(got-want[k]) > 1e-6 {
						t.Errorf("%s, %d samples, trial %d, code %d: %.9f, PyntBCI %.9f", name, n, i, k+1, got, want[k])
					}
				}
			}
		}
	}
}

// direction compares vectors but for their length and sign.
func direction(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	dot := floats.Dot(got, want)
	scale := dot / floats.Dot(want, want)
	for i := range got {
		if math.Abs(got[i]-scale*want[i]) > 1e-6*math.Abs(scale)*floats.Norm(want, math.Inf(1)) {
			t.Errorf("%s %d: %v, PyntBCI %v", what, i, got[i]/scale, want[i])
		}
	}
}
