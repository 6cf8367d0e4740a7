package epoch_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

// Trials are cut around cues, from half a second before to two seconds after each; what does not lie within the recording is left out.
func ExampleCut() {
	sig := decoders.Signal{Data: mat.NewDense(2, 1000, nil), Channels: []string{"C3", "C4"}, Rate: 100} // 10 s
	cues := []eeg.Event{{Onset: 0.2, Code: 769}, {Onset: 3, Code: 769}, {Onset: 6, Code: 770}, {Onset: 9, Code: 770}}
	for _, trial := range epoch.Cut(sig, cues, func(e eeg.Event) int { return e.Code - 769 }, 0.5, 2, "run 1") {
		channels, samples := trial.Data.Dims()
		fmt.Printf("class %d at %g s: %d channels × %d samples\n", trial.Label, trial.Onset, channels, samples)
	}
	// Output:
	// class 0 at 3 s: 2 channels × 250 samples
	// class 1 at 6 s: 2 channels × 250 samples
}
