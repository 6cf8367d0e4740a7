package evaluation

import (
	"math/bits"

	"gonum.org/v1/gonum/mathext/prng"
)

// A fold is one split into training and test trials, by index.
type fold struct {
	train, test []int
}

// shuffler draws the permutations that numpy's RandomState draws: MT19937 (Matsumoto & Nishimura 1998) with
// masked rejection, so that a fold here holds the same trials as scikit-learn's with the same seed.
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

func sequence(n int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = i
	}
	return x
}

// shuffleSplit returns n random splits of the trials with the given share of test trials (rounded up), as
// scikit-learn's ShuffleSplit(n, test_size=share, random_state=seed).
func shuffleSplit(trials, n int, share float64, seed uint64) []fold {
	s := newShuffler(seed)
	test := int(share * float64(trials))
	if float64(test) < share*float64(trials) {
		test++
	}
	folds := make([]fold, n)
	for i := range folds {
		p := sequence(trials)
		s.shuffle(p)
		folds[i] = fold{train: p[test:], test: p[:test]}
	}
	return folds
}

// stratified returns k folds that each hold their share of every class, as scikit-learn's
// StratifiedKFold(k, shuffle=True, random_state=seed). Classes are numbered from 0; none may be empty.
func stratified(labels []int, k int, seed uint64) []fold {
	// Classes in order of first appearance decide the order in which the generator is used.
	order, rank := []int{}, map[int]int{}
	for _, l := range labels {
		if _, seen := rank[l]; !seen {
			rank[l] = len(order)
			order = append(order, l)
		}
	}
	counts := make([]int, len(order))
	for _, l := range labels {
		counts[rank[l]]++
	}
	// The sorted labels are dealt to the folds in turn: allocation[f][c] trials of class c go to fold f.
	allocation := make([][]int, k)
	for f := range allocation {
		allocation[f] = make([]int, len(order))
	}
	at := 0
	for c, n := range counts {
		for range n {
			allocation[at%k][c]++
			at++
		}
	}
	s := newShuffler(seed)
	testFold := make([]int, len(labels))
	for c := range order {
		var deal []int
		for f := range k {
			for range allocation[f][c] {
				deal = append(deal, f)
			}
		}
		s.shuffle(deal)
		for i, l := range labels {
			if rank[l] == c {
				testFold[i], deal = deal[0], deal[1:]
			}
		}
	}
	return byFold(testFold, k)
}

// leaveOneOut returns one fold a group: the group is the test, everything else trains.
func leaveOneOut(groups []string) []fold {
	index := map[string]int{}
	testFold := make([]int, len(groups))
	for i, g := range groups {
		if _, seen := index[g]; !seen {
			index[g] = len(index)
		}
		testFold[i] = index[g]
	}
	return byFold(testFold, len(index))
}

func byFold(testFold []int, k int) []fold {
	folds := make([]fold, k)
	for i, f := range testFold {
		for j := range folds {
			if j == f {
				folds[j].test = append(folds[j].test, i)
			} else {
				folds[j].train = append(folds[j].train, i)
			}
		}
	}
	return folds
}
