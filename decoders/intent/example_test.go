package intent_test

import (
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/eeg"
)

func ExampleRank() {
	classes := []decoders.Class{{Name: "left", Probability: 0.7}, {Name: "right", Probability: 0.2}, {Name: "rest", Probability: 0.1}}
	for _, r := range intent.Rank(eeg.WheelchairNav, eeg.MotorImagery, classes, nil) {
		fmt.Println(r.Intent, r.Confidence)
	}
	// Output:
	// move_left 0.7
	// move_right 0.2
	// rest 0.1
}
