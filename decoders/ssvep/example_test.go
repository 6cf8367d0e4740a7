package ssvep_test

import (
	"context"
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// Filter-bank CCA needs no training: it compares a clip with every target's frequency and its harmonics.
func Example() {
	targets := []eeg.Target{{Label: "door", Frequency: 13}, {Label: "light", Frequency: 17}, {Label: "blinds", Frequency: 21}}
	s, err := synthetic.SSVEP(synthetic.Config{Channels: []string{"O1", "Oz", "O2"}, Rate: 250, Seed: 1},
		synthetic.FlickerConfig{Targets: targets, TrialsPerTarget: 1, TrialSeconds: 4})
	if err != nil {
		panic(err)
	}
	d, err := ssvep.New(ssvep.Config{Method: ssvep.FBCCA, Seconds: 3})
	if err != nil {
		panic(err)
	}
	for i, e := range s.Events {
		answer, err := d.Decode(context.Background(), &decoders.Input{Signal: s.Signal, Events: []eeg.Event{e}, Stimulus: decoders.Stimulus{Targets: targets}})
		if err != nil {
			panic(err)
		}
		fmt.Println("looked at", s.Labels[i], "decoded", answer.Classes[0].Name)
	}
	// Output:
	// looked at blinds decoded blinds
	// looked at door decoded door
	// looked at light decoded light
}
