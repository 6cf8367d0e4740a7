package seizure_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/synthetic"
)

// A clip of 20 s from within a seizure, one from before it, and one too short for a verdict.
func ExampleCheck() {
	s, err := synthetic.Seizure(synthetic.Config{Seed: 1}, synthetic.SeizureConfig{Seconds: 60, Onset: 30, Duration: 25})
	if err != nil {
		panic(err)
	}
	rows, _ := s.Data.Dims()
	for _, part := range [][2]float64{{5, 25}, {32, 52}, {32, 36}} {
		clip := decoders.Signal{Data: s.Data.Slice(0, rows, int(part[0]*s.Rate), int(part[1]*s.Rate)).(*mat.Dense), Channels: s.Channels, Rate: s.Rate}
		verdict, evidence := seizure.Check(clip)
		if verdict == nil {
			fmt.Println("no verdict:", evidence.Reason)
			continue
		}
		fmt.Println("looks like a seizure:", *verdict)
	}
	// Output:
	// looks like a seizure: false
	// looks like a seizure: true
	// no verdict: too_short
}
