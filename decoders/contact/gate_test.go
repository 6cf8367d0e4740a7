package contact_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// trials are clips of rest, of which the first so many lose a channel.
func trials(t *testing.T, n, spoil int, channel string, a synthetic.Artifact) *decoders.Dataset {
	t.Helper()
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: strings.Fields(montages["unicorn"]), Rate: 160, Classes: []string{"left", "right"}}
	for i := range n {
		sig := rest(t, montages["unicorn"], 160, 4, uint64(300+i))
		if i < spoil {
			sig = spoiled(t, sig, a, channel, uint64(i))
		}
		ds.Trials = append(ds.Trials, decoders.Trial{Data: sig.Data, Label: i % 2})
	}
	return ds
}

// TestGate leaves the trials of a dead electrode out of what is learned from, and refuses an electrode that is dead in most.
func TestGate(t *testing.T) {
	t.Parallel()
	clean := trials(t, 12, 0, "", synthetic.Artifact{})
	if ds, g, err := contact.Gate(t.Context(), clean); err != nil || ds != clean || g.Rejected != 0 || g.Limit() != "" {
		t.Errorf("clean trials: %+v, %v", g, err)
	}
	for _, f := range faults {
		ds := trials(t, 12, 4, "C3", f.artifact)
		kept, g, err := contact.Gate(t.Context(), ds)
		if err != nil || len(kept.Trials) != 8 || len(ds.Trials) != 12 || g.Rejected != 4 || len(g.Index) != 4 || g.Index[3] != 3 || len(g.Channels) != 1 ||
			g.Channels[0].Channel != "C3" || g.Channels[0].Trials != 4 || !strings.HasPrefix(g.Limit(), "4 of 12 trials were left out of the training: no EEG in C3 (") {
			t.Errorf("%s in 4 of 12 trials: %+v, %q, %v", f.name, g, g.Limit(), err)
		}
		_, g, err = contact.Gate(t.Context(), trials(t, 12, 7, "C3", f.artifact))
		var fault *decoders.Error
		if !errors.As(err, &fault) || fault.Code != decoders.CodeInvalidSignal || !strings.Contains(fault.Message, "C3 (") || g.Rejected != 7 {
			t.Errorf("%s in 7 of 12 trials: %v", f.name, err)
		}
	}
	ictal := trials(t, 4, 4, "C3", synthetic.Artifact{Kind: synthetic.Flat})
	ictal.Paradigm = eeg.Seizure
	if ds, _, err := contact.Gate(t.Context(), ictal); err != nil || ds != ictal {
		t.Errorf("the seizure check leaves channels out itself: %v", err)
	}
	odd := trials(t, 4, 0, "", synthetic.Artifact{})
	odd.Trials[0].Data, odd.Trials[1].Data = nil, mat.NewDense(1, 1, nil)
	if _, _, err := contact.Gate(t.Context(), odd); err != nil {
		t.Errorf("trials without data: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := contact.Gate(ctx, clean); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
