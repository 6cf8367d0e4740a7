package quality_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/quality"
	"github.com/neurod/neurod/decoders/synthetic"
)

// Volts that were sent as microvolts are recognized by their amplitude.
func ExampleSuspectUnits() {
	s, err := synthetic.Rest(synthetic.Config{Channels: []string{"C3", "Cz", "C4"}, Rate: 250, Seed: 1}, 4, false)
	if err != nil {
		panic(err)
	}
	fmt.Println(quality.SuspectUnits(s.Signal) != nil)
	volts := s.Signal
	volts.Data = mat.DenseCopyOf(s.Data)
	volts.Data.Scale(1e-6, volts.Data)
	fmt.Println(quality.SuspectUnits(volts).LooksLike)
	// Output:
	// false
	// V
}
