package autoscale

import (
	"cmp"
	"slices"
)

// Keeper is a supervisor among others: how few and how many workers it may keep.
type Keeper struct {
	ID       string
	Min, Max int
}

// Share is how many of all workers that are wanted one of the supervisors is to keep. Each gets its least; of the rest everyone gets the same,
// as far as its most, and what does not divide goes to those whose ids come first. All who see the same supervisors come to the same shares, so
// that none starts what another has started, and more wanted means less for nobody: where two differ in what is wanted, as many are
// kept as one of the two says, or between.
func Share(wanted int, all []Keeper, me string) int {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Keeper) int { return cmp.Compare(a.ID, b.ID) })
	shares := make([]int, len(all))
	left := wanted
	for i, k := range all {
		shares[i] = k.Min
		left -= k.Min
	}
	for left > 0 {
		// The lowest share that may still grow.
		to := -1
		for i, k := range all {
			if shares[i] < k.Max && (to < 0 || shares[i] < shares[to]) {
				to = i
			}
		}
		if to < 0 {
			break
		}
		shares[to]++
		left--
	}
	for i, k := range all {
		if k.ID == me {
			return shares[i]
		}
	}
	return 0
}
