package motorimagery_test

import (
	"fmt"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// TestFlatChannelInTraining trains and decodes with a channel that carries nothing, as one that was never put on: the others tell
// the hand apart, so each pipeline must. At another offset than 0 filters leave rounding of it, which must not count either.
func TestFlatChannelInTraining(t *testing.T) {
	t.Parallel()
	const perClass = 8 // fewer trials than half of the tangent vector's length, where fgmdm takes another way
	for _, p := range pipelines {
		for _, channel := range []int{1, 7} { // FC4, and Pz which tells nothing
			for _, value := range []float64{0, 1000} {
				t.Run(fmt.Sprintf("%s/%s at %g µV", p.Name(), names[channel], value), func(t *testing.T) {
					t.Parallel()
					flat := func(ds *decoders.Dataset) *decoders.Dataset {
						for _, tr := range ds.Trials {
							row := tr.Data.RawRowView(channel)
							for i := range row {
								row[i] = value
							}
						}
						return ds
					}
					d := train(t, p, flat(dataset(2, perClass, 160, 5)), "")
					right, n := 0, 0
					for _, tr := range flat(dataset(2, 20, 160, 6)).Trials {
						res, err := d.Decode(t.Context(), &decoders.Input{
							Signal: decoders.Signal{Data: tr.Data, Channels: names, Rate: 160}, Events: []eeg.Event{{Onset: 0.5}}})
						if err != nil {
							t.Fatal(err)
						}
						n++
						if res.Classes[0].Name == d.Info().Classes[tr.Label] {
							right++
						}
					}
					if 10*right < 7*n {
						t.Errorf("right in %d of %d", right, n)
					}
				})
			}
		}
	}
}
