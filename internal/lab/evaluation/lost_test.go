package evaluation

import (
	"context"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/decoders/synthetic"
)

// TestLostChannelsAreSwept runs the sweep on made-up flickers: a row with and one without the guard for every loss, each channel lost in turn, and the
// guard costs nothing while all are there.
func TestLostChannelsAreSwept(t *testing.T) {
	t.Parallel()
	s, err := synthetic.SSVEP(synthetic.Config{Channels: []string{"Oz", "O1", "O2", "POz"}, Seed: 3}, synthetic.FlickerConfig{TrialsPerTarget: 2, AmplitudeUV: 6})
	if err != nil {
		t.Fatal(err)
	}
	var trials []flicker
	set := ssvepSet{targets: s.Stimulus.Targets, start: .5, end: 3.5, harmonics: 3}
	for i, e := range s.Events {
		for _, target := range s.Stimulus.Targets {
			if target.Label == s.Labels[i] {
				trials = append(trials, flicker{e.Onset, target.Frequency})
			}
		}
	}
	d, err := ssvep.New(ssvep.Config{Method: ssvep.CCA, Skip: set.start, Seconds: 3})
	if err != nil {
		t.Fatal(err)
	}
	e := &evaluator{cfg: Config{Parallel: 2, Seed: 1}, report: &Report{}, flickerLosses: map[lossKey]*lossTally{}}
	for range 2 { // of two files
		if err := e.lostFlickers(context.Background(), "ssvep/made", ssvep.CCA, d, set, []decoders.Signal{s.Signal}, [][]flicker{trials}); err != nil {
			t.Fatal(err)
		}
	}
	keys := sortedLosses(e.flickerLosses)
	if len(keys) != 1 {
		t.Fatalf("keys %+v", keys)
	}
	e.lossRows(keys[0], e.flickerLosses)
	rows := e.report.Rows
	if len(rows) != 2*len(losses) {
		t.Fatalf("%d rows", len(rows))
	}
	clean := rows[0].Metrics
	for i, r := range rows {
		if r.N != 2*len(trials) || r.Task != "flicker"+LossTask || r.Metrics["coverage"] < 0 || r.Metrics["coverage"] > 1 || r.Metrics["confidence"] <= 0 {
			t.Errorf("row %+v", r)
		}
		if i%2 == 0 && r.Metrics["confidence"] > clean["confidence"] {
			t.Errorf("%s: mean confidence %.3f, with all channels %.3f", r.Protocol, r.Metrics["confidence"], clean["confidence"])
		}
	}
	if alone := rows[1].Metrics; clean["accuracy"] != alone["accuracy"] || clean["confidence"] != alone["confidence"] || clean["coverage"] != 1 {
		t.Errorf("all channels: %v, alone %v", clean, alone)
	}
}
