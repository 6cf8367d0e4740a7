package features_test

import (
	"fmt"

	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/synthetic"
)

// A recording whose Oz comes off for its second half is summed up over windows of 2 s.
func ExampleSummarize() {
	s, err := synthetic.Rest(synthetic.Config{Channels: []string{"Fz", "C3", "Cz", "C4", "Pz", "Oz"}, Rate: 250, Seed: 1}, 20, false)
	if err != nil {
		panic(err)
	}
	loose, err := synthetic.Inject(s.Signal, synthetic.Artifact{Kind: synthetic.Disconnected, Channels: []string{"Oz"}, Start: 10, Seconds: 10})
	if err != nil {
		panic(err)
	}
	summary, err := features.Summarize(loose)
	if err != nil {
		panic(err)
	}
	fmt.Println(summary.Passed, "of", summary.Windows, "windows pass; poor contact in", summary.PoorContact())
	// Output:
	// 10 of 10 windows pass; poor contact in [Oz]
}
