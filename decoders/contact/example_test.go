package contact_test

import (
	"fmt"

	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/synthetic"
)

// Channels that hold no EEG are told by what they share with the others.
func ExampleAssess() {
	s, err := synthetic.Rest(synthetic.Config{Channels: []string{"Fz", "C3", "Cz", "C4", "Pz", "PO7", "Oz", "PO8"}, Rate: 250, Seed: 1}, 4, false)
	if err != nil {
		panic(err)
	}
	sig, err := synthetic.Inject(s.Signal, synthetic.Artifact{Kind: synthetic.Flat, Channels: []string{"C3"}})
	if err != nil {
		panic(err)
	}
	if sig, err = synthetic.Inject(sig, synthetic.Artifact{Kind: synthetic.Noise, Channels: []string{"Oz"}}); err != nil {
		panic(err)
	}
	for i, fault := range contact.Assess(sig, nil) {
		if fault != "" {
			fmt.Println(sig.Channels[i], fault)
		}
	}
	// Output:
	// C3 flat
	// Oz noise
}
