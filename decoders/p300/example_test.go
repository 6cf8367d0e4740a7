package p300_test

import (
	"context"
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/synthetic"
)

// A model is trained on one text that a person spelled, and spells a letter of another.
func Example() {
	spelled := func(text string, seed uint64) synthetic.Session {
		s, err := synthetic.Speller(synthetic.Config{Channels: []string{"Fz", "Cz", "Pz", "Oz"}, Rate: 128, Seed: seed}, synthetic.SpellerConfig{Text: text, Repetitions: 6})
		if err != nil {
			panic(err)
		}
		return s
	}
	known := spelled("TRAIN", 1)
	ds := p300.NewDataset(known.Channels, known.Rate)
	ds.Trials = p300.Trials(known.Signal, known.Events, known.Targets, "run 1")
	model, err := p300.XDAWNLDA().Train(context.Background(), ds, nil)
	if err != nil {
		panic(err)
	}
	next := spelled("Q", 2)
	answer, err := model.Decode(context.Background(), &decoders.Input{Signal: next.Signal, Events: next.Events, Stimulus: next.Stimulus})
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.Classes[0].Name, "of", len(answer.Classes), "after", answer.Evidence["flashes"], "flashes")
	// Output: letter_Q of 36 after 72 flashes
}
