package p300

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/riemann"
)

// Epoch is the response to one flash, band-passed and reduced to bins.
type Epoch struct {
	Data   *mat.Dense // channels × bins, µV
	Target bool
	Onset  float64 // s in its run
	Run    string  // flashes of one run can overlap, those of different runs cannot
}

// Responses are what one target and one other flash evoke, each channels × bins.
type Responses struct {
	Target, Other *mat.Dense
	gram          *mat.SymDense // overlaps of the target flashes with themselves, bins × bins
}

// Evoked estimates the two responses by least squares. A flash every 0.2 s and a response of 0.7 s make every epoch a
// sum of several responses; with D the matrix that puts a response at each flash, the estimate is (DᵀD)⁻¹DᵀX. DᵀX are
// the sums of the epochs of each kind, and DᵀD counts how often two flashes lie so many bins apart; so the epochs and
// their onsets are enough. binRate is the bins a second. Where all flashes of a run have the same onset it is unknown,
// and the estimate is the mean.
func Evoked(epochs []Epoch, binRate float64) (*Responses, error) {
	if len(epochs) == 0 {
		return nil, fmt.Errorf("evoked: no epochs")
	}
	c, b := epochs[0].Data.Dims()
	kind := func(e Epoch) int {
		if e.Target {
			return 0
		}
		return 1
	}
	sums := mat.NewDense(2*b, c, nil)
	count := [2]int{}
	for _, e := range epochs {
		k := kind(e)
		count[k]++
		for ch := range c {
			for j, v := range e.Data.RawRowView(ch) {
				sums.Set(k*b+j, ch, sums.At(k*b+j, ch)+v)
			}
		}
	}
	if count[0] == 0 || count[1] == 0 {
		return nil, fmt.Errorf("evoked: %d target and %d other epochs, need both", count[0], count[1])
	}
	gram := mat.NewSymDense(2*b, nil)
	for i := range 2 * b {
		gram.SetSym(i, i, float64(count[i/b]))
	}
	for _, run := range runs(epochs) {
		for x, i := range run {
			for _, j := range run[x+1:] {
				lag := (epochs[j].Onset - epochs[i].Onset) * binRate
				if lag >= float64(b) {
					break
				}
				// A lag between two whole bins counts for both in proportion.
				whole := math.Floor(lag)
				part := lag - whole
				overlap(gram, b, kind(epochs[i]), kind(epochs[j]), int(whole), 1-part)
				overlap(gram, b, kind(epochs[i]), kind(epochs[j]), int(whole)+1, part)
			}
		}
	}
	// A thousandth of a flash keeps the system solvable when flashes are strictly periodic.
	ridge := 1e-3 * float64(min(count[0], count[1]))
	for i := range 2 * b {
		gram.SetSym(i, i, gram.At(i, i)+ridge)
	}
	var solution mat.Dense
	if err := solution.Solve(gram, sums); err != nil {
		return nil, fmt.Errorf("evoked: %w", err)
	}
	r := &Responses{Target: mat.NewDense(c, b, nil), Other: mat.NewDense(c, b, nil), gram: mat.NewSymDense(b, nil)}
	r.Target.Copy(solution.Slice(0, b, 0, c).T())
	r.Other.Copy(solution.Slice(b, 2*b, 0, c).T())
	for i := range b {
		for j := i; j < b; j++ {
			r.gram.SetSym(i, j, gram.At(i, j))
		}
	}
	return r, nil
}

// runs returns the indices of the epochs of each run in order of onset; runs without known onsets are left out.
func runs(epochs []Epoch) [][]int {
	var names []string
	byRun := map[string][]int{}
	for i, e := range epochs {
		if _, ok := byRun[e.Run]; !ok {
			names = append(names, e.Run)
		}
		byRun[e.Run] = append(byRun[e.Run], i)
	}
	var out [][]int
	for _, name := range names {
		run := byRun[name]
		slices.SortStableFunc(run, func(i, j int) int {
			switch {
			case epochs[i].Onset < epochs[j].Onset:
				return -1
			case epochs[i].Onset > epochs[j].Onset:
				return 1
			}
			return 0
		})
		if epochs[run[0]].Onset < epochs[run[len(run)-1]].Onset {
			out = append(out, run)
		}
	}
	return out
}

// overlap adds weight to the entries of gram where a response of the second kind, lag bins later, meets one of the
// first: bin u of the first with bin v of the second when u = v + lag.
func overlap(gram *mat.SymDense, b, first, second, lag int, weight float64) {
	if lag >= b || weight == 0 {
		return
	}
	for v := range b - lag {
		i, j := first*b+v+lag, second*b+v
		add := weight
		if i == j {
			add *= 2 // two flashes of one kind at once: the pair counts from each side
		}
		gram.SetSym(i, j, gram.At(i, j)+add)
	}
}

// XDAWN are the spatial filters whose output holds as much of the target response as possible against everything
// else, components × channels, best first, scaled to unit power over the epochs. components is cut to the rank.
func XDAWN(epochs []Epoch, binRate float64, components int) (*mat.Dense, error) {
	evoked, err := Evoked(epochs, binRate)
	if err != nil {
		return nil, fmt.Errorf("xdawn: %w", err)
	}
	c, b := epochs[0].Data.Dims()
	power := mat.NewSymDense(c, nil)
	one := mat.NewSymDense(c, nil)
	for _, e := range epochs {
		one.SymOuterK(1/float64(b*len(epochs)), e.Data)
		power.AddSym(power, one)
	}
	// Power of the target response in the recording: A'·(D'D)·A of the target flashes (Rivet 2009, eq. 10).
	var half mat.Dense
	half.Mul(evoked.Target, evoked.gram)
	var signal mat.Dense
	signal.Mul(&half, evoked.Target.T())
	target := mat.NewSymDense(c, nil)
	for i := range c {
		for j := i; j < c; j++ {
			target.SetSym(i, j, (signal.At(i, j)+signal.At(j, i))/2)
		}
	}
	white, err := riemann.Whitener(power, rankTol)
	if err != nil {
		return nil, fmt.Errorf("xdawn: %w", err)
	}
	rank, _ := white.Dims()
	inner := mat.NewSymDense(rank, nil)
	riemann.Congruence(inner, white, target)
	var eig mat.EigenSym
	if !eig.Factorize(inner, true) {
		return nil, fmt.Errorf("xdawn: eigenvalues did not converge")
	}
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	kept := min(components, rank)
	pick := mat.NewDense(kept, rank, nil)
	for i := range kept {
		for j := range rank {
			pick.Set(i, j, vectors.At(j, rank-1-i))
		}
	}
	filters := mat.NewDense(kept, c, nil)
	filters.Mul(pick, white)
	return filters, nil
}

// rankTol is the share of the largest variance below which a direction counts as absent (see motorimagery).
const rankTol = 1e-11
