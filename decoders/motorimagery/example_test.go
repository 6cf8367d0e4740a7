package motorimagery_test

import (
	"context"
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// A model is trained on the trials of one session and decodes those of the next.
func Example() {
	trials := func(seed uint64) ([]decoders.Trial, synthetic.Session) {
		s, err := synthetic.MotorImagery(synthetic.Config{Channels: []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4"}, Rate: 160, Seed: seed},
			synthetic.ImageryConfig{TrialsPerClass: 15})
		if err != nil {
			panic(err)
		}
		return epoch.Cut(s.Signal, s.Events, func(e eeg.Event) int { return e.Code - 769 }, 0.5, 4, "run 1"), s
	}
	known, s := trials(1)
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: s.Channels, Rate: s.Rate, Cue: 0.5, Classes: []string{"left_hand", "right_hand"}, Trials: known}
	model, err := motorimagery.TSLR().Train(context.Background(), ds, nil)
	if err != nil {
		panic(err)
	}
	next, _ := trials(2)
	right := 0
	for _, t := range next {
		answer, err := model.Decode(context.Background(), &decoders.Input{Signal: decoders.Signal{Data: t.Data, Channels: s.Channels, Rate: s.Rate},
			Events: []eeg.Event{{Onset: 0.5}}})
		if err != nil {
			panic(err)
		}
		if answer.Classes[0].Name == ds.Classes[t.Label] {
			right++
		}
	}
	fmt.Println("more than 25 of", len(next), "right:", right > 25)
	// Output: more than 25 of 30 right: true
}
