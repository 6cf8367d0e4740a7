package cue_test

import (
	"fmt"

	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/eeg"
)

// Of a cued recording the cues of the model's classes begin trials; rest and beeps are passed over.
func ExampleFind() {
	events := []eeg.Event{{Onset: 1, Code: 785}, {Onset: 2, Code: 769}, {Onset: 8, Label: "rest"}, {Onset: 12, Label: "imagined right fist"}}
	trials, err := cue.Find(cue.Query{Paradigm: eeg.MotorImagery, Classes: []string{"left_hand", "right_hand"}}, events)
	if err != nil {
		panic(err)
	}
	for _, t := range trials {
		fmt.Println(t.Event.Onset, "s:", t.Class)
	}
	// Output:
	// 2 s: left_hand
	// 12 s: right_hand
}
