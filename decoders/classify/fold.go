package classify

import (
	"math"
	"math/bits"
	"slices"

	"gonum.org/v1/gonum/mathext/prng"
)

// Fold is one split of the samples into those to train on and those to test on. Both are in ascending order, but for
// ShuffleSplit's, which are in the order drawn.
type Fold struct {
	Train, Test []int
}

// shuffler draws the permutations that numpy's RandomState draws: MT19937 (Matsumoto & Nishimura 1998) with masked
// rejection, so that a fold here holds the same samples as scikit-learn's with the same seed.
type shuffler struct{ mt *prng.MT19937 }

func newShuffler(seed uint64) shuffler {
	s := shuffler{prng.NewMT19937()}
	s.mt.Seed(seed)
	return s
}

// below returns a number in [0, top].
func (s shuffler) below(top uint32) uint32 {
	mask := uint32(1)<<bits.Len32(top) - 1
	for {
		if v := s.mt.Uint32() & mask; v <= top {
			return v
		}
	}
}

func (s shuffler) shuffle(x []int) {
	for i := len(x) - 1; i > 0; i-- {
		j := int(s.below(uint32(i)))
		x[i], x[j] = x[j], x[i]
	}
}

// ShuffleSplit returns n random splits of the samples with the given share of test samples (rounded up), the same
// splits as scikit-learn's ShuffleSplit(n, test_size=share, random_state=seed). At least one sample is left on either
// side. Only the low 32 bits of seed count.
func ShuffleSplit(samples, n int, share float64, seed uint64) ([]Fold, error) {
	if n < 1 {
		return nil, dataErrorf("%d splits, need at least 1", n)
	}
	if !(share > 0 && share < 1) {
		return nil, dataErrorf("a test share of %v is not between 0 and 1", share)
	}
	test := int(math.Ceil(share * float64(samples)))
	if test < 1 || test >= samples {
		return nil, dataErrorf("a test share of %v leaves %d of %d samples to train on", share, samples-test, samples)
	}
	s := newShuffler(seed)
	folds := make([]Fold, n)
	for i := range folds {
		p := make([]int, samples)
		for j := range p {
			p[j] = j
		}
		s.shuffle(p)
		folds[i] = Fold{Train: p[test:], Test: p[:test:test]}
	}
	return folds, nil
}

// StratifiedKFold splits samples with the given labels into k folds that keep the class shares: each class is
// shuffled by seed and dealt out so that folds differ by at most one sample a class. They are the same folds as
// scikit-learn's StratifiedKFold(k, shuffle=True, random_state=seed). Every class has at least k samples. Only the
// low 32 bits of seed count.
func StratifiedKFold(labels []int, k int, seed uint64) ([]Fold, error) {
	return stratified(labels, k, newShuffler(seed).shuffle)
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
