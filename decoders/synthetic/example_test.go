package synthetic_test

import (
	"fmt"

	"github.com/neurod/neurod/decoders/synthetic"
)

// A speller's session: the flashes, which of them light up the letter, and the letters.
func ExampleSpeller() {
	s, err := synthetic.Speller(synthetic.Config{Channels: []string{"Cz", "Pz"}, Rate: 128, Seed: 1}, synthetic.SpellerConfig{Text: "HI", Repetitions: 2})
	if err != nil {
		panic(err)
	}
	targets := 0
	for _, target := range s.Targets {
		if target {
			targets++
		}
	}
	fmt.Println(s.Labels, len(s.Events), "flashes,", targets, "of them targets")
	// Output: [H I] 48 flashes, 8 of them targets
}
