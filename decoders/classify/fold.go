package classify

import (
	"math/rand/v2"
	"slices"
)

// Fold is one split of the samples into those to train on and those to test on, both in ascending order.
type Fold struct {
	Train, Test []int
}

// StratifiedKFold splits samples with the given labels into k folds that keep the class shares: each class is
// shuffled by seed and dealt out so that folds differ by at most one sample a class. Every class has at least k
// samples.
func StratifiedKFold(labels []int, k int, seed uint64) ([]Fold, error) {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)) // the second word is any constant, here the golden ratio's bits
	return stratified(labels, k, func(fold []int) {
		rng.Shuffle(len(fold), func(i, j int) { fold[i], fold[j] = fold[j], fold[i] })
	})
}

// StratifiedKFoldInOrder splits without shuffling: the first samples of each class are tested in the first fold, and
// so on, the same folds as scikit-learn's StratifiedKFold(k).
func StratifiedKFoldInOrder(labels []int, k int) ([]Fold, error) {
	return stratified(labels, k, func([]int) {})
}

func stratified(labels []int, k int, shuffle func([]int)) ([]Fold, error) {
	if k < 2 {
		return nil, dataErrorf("%d folds, need at least 2", k)
	}
	// Classes are numbered by their first appearance; the sorted list of labels dealt out k ways gives each fold's
	// share of each class, as scikit-learn does.
	var classes []int
	number := map[int]int{}
	encoded := make([]int, len(labels))
	for i, l := range labels {
		if _, seen := number[l]; !seen {
			number[l] = len(classes)
			classes = append(classes, l)
		}
		encoded[i] = number[l]
	}
	if len(classes) == 0 {
		return nil, dataErrorf("no samples")
	}
	counts := make([]int, len(classes))
	for _, c := range encoded {
		counts[c]++
	}
	for c, n := range counts {
		if n < k {
			return nil, dataErrorf("class %d has %d samples for %d folds", classes[c], n, k)
		}
	}
	share := make([][]int, len(classes)) // share[class][fold]
	position := 0
	for c, n := range counts {
		share[c] = make([]int, k)
		for range n {
			share[c][position%k]++
			position++
		}
	}
	foldOf := make([]int, len(labels))
	for c := range classes {
		var deal []int
		for f, n := range share[c] {
			deal = append(deal, slices.Repeat([]int{f}, n)...)
		}
		shuffle(deal)
		next := 0
		for i, e := range encoded {
			if e == c {
				foldOf[i] = deal[next]
				next++
			}
		}
	}
	return collect(foldOf, k), nil
}

// GroupKFold leaves one group out at a time, in the order groups first appear. There are at least two groups.
func GroupKFold(groups []string) ([]Fold, error) {
	number := map[string]int{}
	foldOf := make([]int, len(groups))
	for i, g := range groups {
		if _, seen := number[g]; !seen {
			number[g] = len(number)
		}
		foldOf[i] = number[g]
	}
	if len(number) < 2 {
		return nil, dataErrorf("%d groups, need at least 2", len(number))
	}
	return collect(foldOf, len(number)), nil
}

func collect(foldOf []int, k int) []Fold {
	folds := make([]Fold, k)
	for i, f := range foldOf {
		for j := range folds {
			if j == f {
				folds[j].Test = append(folds[j].Test, i)
			} else {
				folds[j].Train = append(folds[j].Train, i)
			}
		}
	}
	return folds
}

// FoldsFromTests makes folds of n samples from given test sets, for splits that another program drew. A test set is
// not empty, has no sample twice and leaves at least one to train on; different sets may overlap.
func FoldsFromTests(n int, tests [][]int) ([]Fold, error) {
	folds := make([]Fold, len(tests))
	for f, test := range tests {
		in := make([]bool, n)
		for _, i := range test {
			if i < 0 || i >= n {
				return nil, dataErrorf("fold %d tests sample %d of %d", f, i, n)
			}
			if in[i] {
				return nil, dataErrorf("fold %d tests sample %d twice", f, i)
			}
			in[i] = true
		}
		if len(test) == 0 || len(test) == n {
			return nil, dataErrorf("fold %d tests %d of %d samples", f, len(test), n)
		}
		for i, t := range in {
			if t {
				folds[f].Test = append(folds[f].Test, i)
			} else {
				folds[f].Train = append(folds[f].Train, i)
			}
		}
	}
	return folds, nil
}
