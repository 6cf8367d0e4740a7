package experiments

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/eeg"
)

// TestDrawnCodes: in every repetition each code comes once, and the targets are those of one row and one column, the same in all.
func TestDrawnCodes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		const flashes = 2 * squareSide
		events, targets := make([]eeg.Event, 5*flashes), make([]bool, 5*flashes)
		for from := 0; from < len(events); from += flashes {
			for _, k := range rng.Perm(flashes)[:2] {
				targets[from+k] = true
			}
		}
		if err := draw(events, targets, squareSide, rng); err != nil {
			t.Fatal(err)
		}
		attended := map[int]bool{}
		for from := 0; from < len(events); from += flashes {
			var codes []int
			for k := from; k < from+flashes; k++ {
				codes = append(codes, events[k].Code)
				if targets[k] {
					attended[events[k].Code] = true
				}
			}
			slices.Sort(codes)
			for i, c := range codes {
				if c != i+1 {
					t.Fatalf("the codes of a repetition are %v", codes)
				}
			}
		}
		rows := 0
		for code := range attended {
			if code > squareSide {
				rows++
			}
		}
		if len(attended) != 2 || rows != 1 {
			t.Fatalf("the targets have the codes %v", attended)
		}
		// A repetition with three targets is none of such a speller.
		for k := range flashes {
			if !targets[k] {
				targets[k] = true
				break
			}
		}
		if err := draw(events, targets, squareSide, rng); err == nil {
			t.Fatal("three targets in a repetition were taken")
		}
	})
}
