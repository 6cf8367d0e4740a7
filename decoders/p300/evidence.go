package p300

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/neurod/neurod/decoders/classify"
)

// Each flash's log Λ is right for the person and the session that the model was trained on. In another one the responses are
// smaller, the noise is larger, and the noise of flashes of one code is not independent: the sum of the ratios then makes certain
// of what is a guess. So how much the ratios say is asked of the recording itself. Those of the flashes that the best option does
// not light up are its noise: their mean and variance, and by how much the codes differ among each other beyond it. In this unit
// the flashes of the right option stand d above the others; d is not known, and every size of it up to mostResponse is
// as likely. With Z_o the sum of the n_o standardised ratios of the flashes that light up o,
//
//	log P(o) = log prior(o) + log Σ_d exp((d·Z_o - n_o·d²/2) / design) + const.
//
// Where all options flash equally often the ranking is that of the sums of the ratios.
//
// On spellers, all options alike, the mean log loss after 1 to 15 repetitions is 0.43 in the same session (BCI Competition II, two runs;
// 0.50 by the sum of ratios, 0.43 by the best single temperature in hindsight), 0.24 (0.23; 0.22) in the same session of three people
// (g.tec), 1.22 (1.14; 1.06) for each of them by a model of the other two, and 2.33 (3.20; 2.26) by a model of one other, where the mean
// confidence was 0.68 and 0.46 are right; it is 0.39 now.
const (
	mostResponse  = 3.0 // SDs of the noise; single responses of good spellers are 2 (AUC 0.92)
	responseSteps = 30

	// What is known before the first flash, worth so many flashes: the ratios of flashes that are no targets have a variance of 1.6
	// to 3.0 in the recordings above, and the mean that goes with it where the ratios are right, -variance/2.
	usualVariance  = 2.5
	varianceWeight = 6.0
	meanWeight     = 2.0
	// designWeight holds the excess of the codes' differences near 1, worth so many codes, and sessionBias is the share of a flash's
	// variance that is the same for all flashes of a code in a session, where its own codes do not show it.
	designWeight = 12.0
	sessionBias  = 0.02
)

// codeSum is what the flashes of a code add up to.
type codeSum struct{ n, sum, squares float64 }

// evidence gathers the flashes of a selection.
type evidence struct {
	options []option
	codes   map[int]*codeSum
	order   []int // codes in the order of their first flash, so that sums are the same to the last bit
	lighted map[int][]int
	n, sum  []float64 // of the flashes that light up each option
	logp    []float64
}

func newEvidence(options []option) *evidence {
	e := &evidence{options: options, codes: map[int]*codeSum{}, lighted: map[int][]int{},
		n: make([]float64, len(options)), sum: make([]float64, len(options)), logp: make([]float64, len(options))}
	for i, o := range options {
		for code := range o.codes {
			e.lighted[code] = append(e.lighted[code], i)
		}
	}
	return e
}

// add counts a flash.
func (e *evidence) add(f flash) {
	c := e.codes[f.code]
	if c == nil {
		c = &codeSum{}
		e.codes[f.code] = c
		e.order = append(e.order, f.code)
	}
	c.n, c.sum, c.squares = c.n+1, c.sum+f.ratio, c.squares+f.ratio*f.ratio
	for _, i := range e.lighted[f.code] {
		e.n[i]++
		e.sum[i] += f.ratio
	}
}

// noise is what the ratios of flashes look like that nobody attended.
type noise struct {
	mean, sd float64
	design   float64 // by how much sums over flashes of a code vary more than independent ones would
}

// noise of the flashes that the option whose flashes have the highest ratios does not light up.
func (e *evidence) noise() noise {
	best, highest := -1, math.Inf(-1)
	for i, n := range e.n {
		if n > 0 && e.sum[i]/n > highest {
			best, highest = i, e.sum[i]/n
		}
	}
	var all codeSum
	codes := 0
	background := func(yield func(*codeSum)) {
		for _, code := range e.order {
			if best < 0 || !e.options[best].codes[code] {
				yield(e.codes[code])
			}
		}
	}
	background(func(c *codeSum) {
		all.n, all.sum, all.squares = all.n+c.n, all.sum+c.sum, all.squares+c.squares
		codes++
	})
	mean := (all.sum - meanWeight*usualVariance/2) / (all.n + meanWeight)
	scatter := max(0, all.squares-2*mean*all.sum+all.n*mean*mean)
	variance := (scatter + varianceWeight*usualVariance) / (all.n + varianceWeight)
	out := noise{mean: mean, sd: math.Sqrt(variance), design: 1}
	if codes < 2 || all.n < 2*float64(codes) {
		return out
	}
	between, free := 0.0, float64(codes-1)
	background(func(c *codeSum) {
		d := c.sum/c.n - all.sum/all.n
		between += c.n * d * d
	})
	out.design = (between/variance+designWeight)/(free+designWeight) + sessionBias*(all.n/float64(codes)-1)
	return out
}

// posterior writes the probabilities of the options to dst.
func (e *evidence) posterior(dst []float64) noise {
	w := e.noise()
	var terms [responseSteps]float64
	for i, o := range e.options {
		z := (e.sum[i] - e.n[i]*w.mean) / w.sd
		for k := range terms {
			d := mostResponse * float64(k+1) / responseSteps
			terms[k] = (d*z - e.n[i]*d*d/2) / w.design
		}
		e.logp[i] = o.prior + floats.LogSumExp(terms[:])
	}
	classify.Softmax(dst, e.logp)
	return w
}
