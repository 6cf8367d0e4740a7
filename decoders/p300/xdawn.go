package p300

import (
	"fmt"
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

// Responses are what flashes evoke, each channels × bins: All what every flash does, Target what an attended one adds.
type Responses struct {
	Target, All *mat.Dense
	gram        *mat.SymDense // overlaps of the target flashes with themselves, bins × bins
}

// Evoked estimates the responses by least squares (Rivet 2009, eq. 7). A flash every 0.2 s and a response of 0.7 s make
// every epoch a sum of several responses; with D the matrix that puts a response at each flash, the estimate is
// (DᵀD)⁻¹DᵀX. DᵀX are the sums of the epochs of each kind, and DᵀD counts how often two flashes lie so many bins apart;
// so the epochs and their onsets are enough. binRate is the bins a second. Where all flashes of a run have the same
// onset it is unknown, and the estimates are means.
//
//nolint:gocyclo // the normal equations of overlapping responses, filled block by block
func Evoked(epochs []Epoch, binRate float64) (*Responses, error) {
	if len(epochs) == 0 {
		return nil, fmt.Errorf("evoked: no epochs")
	}
	c, b := epochs[0].Data.Dims()
	sums := mat.NewDense(2*b, c, nil)
	targets := 0
	for _, e := range epochs {
		if e.Target {
			targets++
		}
		for ch := range c {
			for j, v := range e.Data.RawRowView(ch) {
				if e.Target {
					sums.Set(j, ch, sums.At(j, ch)+v)
				}
				sums.Set(b+j, ch, sums.At(b+j, ch)+v)
			}
		}
	}
	if targets == 0 || targets == len(epochs) {
		return nil, fmt.Errorf("evoked: %d target epochs of %d, need both kinds", targets, len(epochs))
	}
	// Blocks: target flashes with each other, with all flashes, all flashes with each other.
	own, cross, all := mat.NewDense(b, b, nil), mat.NewDense(b, b, nil), mat.NewDense(b, b, nil)
	for i := range b {
		own.Set(i, i, float64(targets))
		cross.Set(i, i, float64(targets))
		all.Set(i, i, float64(len(epochs)))
	}
	for _, run := range runs(epochs) {
		for x, i := range run {
			for _, j := range run[x+1:] {
				lag := (epochs[j].Onset - epochs[i].Onset) * binRate
				if lag >= float64(b) {
					break
				}
				first, second := epochs[i].Target, epochs[j].Target
				overlap(all, lag, 1)
				overlap(all, lag, -1)
				if first && second {
					overlap(own, lag, 1)
					overlap(own, lag, -1)
				}
				if first {
					overlap(cross, lag, 1)
				}
				if second {
					overlap(cross, lag, -1)
				}
			}
		}
	}
	gram := mat.NewSymDense(2*b, nil)
	for i := range b {
		for j := range b {
			if j >= i {
				gram.SetSym(i, j, own.At(i, j))
				gram.SetSym(b+i, b+j, all.At(i, j))
			}
			gram.SetSym(i, b+j, cross.At(i, j))
		}
	}
	// A thousandth of the flashes keeps the system solvable when they are strictly periodic.
	ridge := 1e-3 * float64(targets)
	for i := range 2 * b {
		gram.SetSym(i, i, gram.At(i, i)+ridge)
	}
	var solution mat.Dense
	if err := solution.Solve(gram, sums); err != nil {
		return nil, fmt.Errorf("evoked: %w", err)
	}
	r := &Responses{Target: mat.NewDense(c, b, nil), All: mat.NewDense(c, b, nil), gram: mat.NewSymDense(b, nil)}
	r.Target.Copy(solution.Slice(0, b, 0, c).T())
	r.All.Copy(solution.Slice(b, 2*b, 0, c).T())
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

// overlap counts a pair of flashes in gram: bin u of the first response meets bin v of the second where u = v + lag;
// side -1 exchanges the two. A lag between two whole bins counts for both in proportion.
func overlap(gram *mat.Dense, lag float64, side int) {
	b := gram.RawMatrix().Rows
	whole := int(lag)
	part := lag - float64(whole)
	for _, w := range []struct {
		lag    int
		weight float64
	}{{whole, 1 - part}, {whole + 1, part}} {
		for v := range max(0, b-w.lag) {
			i, j := v+w.lag, v
			if side < 0 {
				i, j = j, i
			}
			gram.Set(i, j, gram.At(i, j)+w.weight)
		}
	}
}

// XDAWN are the spatial filters whose output holds as much as possible of what an attended flash adds, against
// everything else; components × channels, best first, scaled to unit power over the epochs. components is cut to the rank.
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
