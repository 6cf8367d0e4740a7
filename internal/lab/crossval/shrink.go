package crossval

import (
	"math/rand/v2"
	"slices"

	"github.com/neurod/neurod/decoders/classify"
)

// Shrink keeps n training trials of each class in every fold, drawn by seed, and all its test trials, for learning curves.
// It is nil where a fold has fewer.
func Shrink(folds []classify.Fold, labels []int, classes, n int, seed uint64) []classify.Fold {
	out := make([]classify.Fold, len(folds))
	for f, fold := range folds {
		rng := rand.New(rand.NewPCG(seed, uint64(f)))
		order := slices.Clone(fold.Train)
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		left := slices.Repeat([]int{n}, classes)
		for _, i := range order {
			if left[labels[i]] > 0 {
				left[labels[i]]--
				out[f].Train = append(out[f].Train, i)
			}
		}
		if slices.Max(left) > 0 {
			return nil
		}
		slices.Sort(out[f].Train)
		out[f].Test = fold.Test
	}
	return out
}
