package training_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/training"
)

// flickers is a synthetic session of somebody before four lights, in three blocks.
func flickers(t testing.TB, seed uint64) *decoders.Dataset {
	t.Helper()
	ds := &decoders.Dataset{Paradigm: eeg.SSVEP, Channels: []string{"PO3", "POz", "PO4", "O1", "Oz", "O2"}, Rate: 128, Cue: 0.5,
		Classes: []string{"8 Hz", "10 Hz", "12 Hz", "15 Hz"}, Subject: "p"}
	for block := range uint64(3) {
		s, err := synthetic.SSVEP(synthetic.Config{Channels: ds.Channels, Rate: ds.Rate, Seed: 10*seed + block},
			synthetic.FlickerConfig{TrialsPerTarget: 2, TrialSeconds: 2, AmplitudeUV: 6})
		if err != nil {
			t.Fatal(err)
		}
		label := func(e eeg.Event) int { return e.Code - 1 }
		ds.Trials = append(ds.Trials, epoch.Cut(s.Signal, s.Events, label, ds.Cue, 2, string(rune('a'+block)))...)
	}
	return ds
}

// TestEveryPipelineSurvivesItsFile trains each pipeline of imagery and flicker, measures and calibrates it, writes the
// model file, loads it into a catalog that knows nothing else, and gets the same answers to the last bit.
func TestEveryPipelineSurvivesItsFile(t *testing.T) {
	t.Parallel()
	imagery, flicker := person(t, "a", 1, false), flickers(t, 1)
	for _, p := range catalog.Pipelines() {
		var ds *decoders.Dataset
		switch p.Paradigm() {
		case eeg.MotorImagery:
			ds = imagery
		case eeg.SSVEP:
			ds = flicker
		default:
			continue // they have their own tests
		}
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			m := train(t, ds, training.Spec{Name: "kept", Candidates: []training.Candidate{{Pipeline: p}}})
			if e := m.Card.Evaluations[0]; e.Protocol != "leave one run out" || *e.Accuracy < 0.7 {
				t.Errorf("%+v with accuracy %v", e, *e.Accuracy)
			}
			if len(m.Card.Calibration) == 0 || m.Card.Calibration[0].Method != "temperature" {
				t.Errorf("%+v", m.Card.Calibration)
			}
			loaded, err := catalog.Parse(file(t, m))
			if err != nil {
				t.Fatal(err)
			}
			c, err := catalog.New(p)
			if err != nil {
				t.Fatal(err)
			}
			d, err := c.Restore(loaded)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 4 {
				in := crossval.ClipRequest(ds, ds.Trials[i])
				want, err := m.Decoder.Decode(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				got, err := d.Decode(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want.Classes, got.Classes); diff != "" {
					t.Errorf("trial %d (-trained +loaded):\n%s", i, diff)
				}
				if p.Paradigm() == eeg.SSVEP && !containsClass(got, ssvep.NoTarget) {
					t.Errorf("trial %d does not tell whether there is a target: %v", i, got.Classes)
				}
			}
		})
	}
}

func containsClass(res *decoders.Result, name string) bool {
	for _, c := range res.Classes {
		if c.Name == name {
			return true
		}
	}
	return false
}
