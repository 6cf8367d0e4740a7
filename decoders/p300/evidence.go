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
// That an option stands out is one of three things that may be: none may (the flashes of an oddball that nobody attends), and one may
// stand out below the others, where a response has another sign or another time than the model learned. Neither is evidence for whatever
// is left over, the frequent stimulus of an oddball least of all. So beside d > 0 stand d < 0, with the noise taken from the flashes that
// the lowest option does not light up, and, in an oddball, d = 0. Their probability is shared by all options alike, and where that of d < 0
// is beyond one half there is no answer. What flashes most of the time cannot be attended, as a P300 is the smaller the more often its stimulus comes (Duncan-Johnson
// and Donchin, Psychophysiology 14 (1977) 456-467). Where the options are two halves of the flashes, one above the other is the other below
// the one, and d > 0 of one is d < 0 of the other: then only what is known beforehand can tell, and no answer is surer than that.
//
// On spellers, all options alike, the mean log loss after 1 to 15 repetitions is 0.43 in the same session (BCI Competition II, two runs;
// 0.50 by the sum of ratios, 0.43 by the best single temperature in hindsight), 0.24 (0.23; 0.22) in the same session of three people
// (g.tec), 1.22 (1.14; 1.06) for each of them by a model of the other two, and 2.33 (3.20; 2.26) by a model of one other, where the mean
// confidence was 0.68 and 0.46 are right; it is 0.39 now.
const (
	mostResponse  = 3.0 // SDs of the noise; single responses of good spellers are 2 (AUC 0.92)
	responseSteps = 30

	// What is known before the first flash, worth so many flashes: the ratios of flashes that are not targets have a variance of 1.6
	// to 3.0 in the recordings above, and the mean that goes with it where the ratios are right, -variance/2.
	usualVariance  = 2.5
	varianceWeight = 6.0
	meanWeight     = 2.0
	// designWeight holds the excess of the codes' differences near 1, worth so many codes, and sessionBias is the share of a flash's
	// variance that is the same for all flashes of a code in a session, where its own codes do not show it.
	designWeight = 12.0
	sessionBias  = 0.02

	// mostTargets is the largest share of the flashes that may be targets: two codes that take turns at random may differ by some.
	mostTargets = 0.6
	// wrongSign is how probable it is beforehand that a response has another sign or time than the model learned, and unattended that an
	// oddball has none. Of 20 pairs of recordings none has a response of the wrong sign, but they are of five people, so that it may be one in
	// five: that is what an answer counts with which rests on nothing else.
	wrongSign     = 0.05
	mostWrongSign = 0.2
	unattended    = 0.45
)

// codeSum is what the flashes of a code add up to.
type codeSum struct{ n, sum, squares float64 }

// evidence gathers the flashes of a selection.
type evidence struct {
	options []option
	halves  bool // two options are the two halves of the codes
	codes   map[int]*codeSum
	order   []int // codes in the order of their first flash, so that sums are the same to the last bit
	lighted map[int][]int
	n, sum  []float64 // of the flashes that light up each option
	logp    []float64
}

// newEvidence takes the options and the codes that flash.
func newEvidence(options []option, codes []int) *evidence {
	e := &evidence{options: options, halves: halves(options, codes), codes: map[int]*codeSum{}, lighted: map[int][]int{},
		n: make([]float64, len(options)), sum: make([]float64, len(options))}
	for i, o := range options {
		for code := range o.codes {
			e.lighted[code] = append(e.lighted[code], i)
		}
	}
	return e
}

// halves reports whether an option is lit up by exactly the codes that do not light up another one.
func halves(options []option, codes []int) bool {
	have := make(map[string]bool, len(options))
	key := make([]byte, len(codes))
	for _, o := range options {
		for i, c := range codes {
			key[i] = '0'
			if o.codes[c] {
				key[i] = '1'
			}
		}
		have[string(key)] = true
		for i := range key {
			key[i] ^= '0' ^ '1'
		}
		if have[string(key)] {
			return true
		}
	}
	return false
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

// noise of the flashes that option o does not light up; of all where o is -1.
func (e *evidence) noise(o int) noise {
	var all codeSum
	codes := 0
	background := func(yield func(*codeSum)) {
		for _, code := range e.order {
			if o < 0 || !e.options[o].codes[code] {
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
	if codes < 2 && o >= 0 {
		// How codes differ one alone does not tell.
		out.design += sessionBias * max(0, e.n[o]-1)
	}
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

// verdict is what the flashes say beside the probabilities of the options.
type verdict struct {
	noise    noise
	none     float64 // probability that nothing stands out from what nobody attended
	reversed float64 // probability that an option stands out the wrong way
}

// unfit is the probability that the flashes tell nothing of the options.
func (v verdict) unfit() float64 { return v.none + v.reversed }

// posterior writes the probabilities of the options to dst.
func (e *evidence) posterior(dst []float64) verdict {
	possible, oddball := e.possible()
	best, worst := e.extremes(possible)
	up, down := e.noise(best), e.noise(worst)
	// What is known before the flashes: that an option was attended as the model knows it, that one has a response of the wrong sign, that none
	// has any; and the share of answers whose sign nothing can tell.
	attended, reversed, none, blind := math.Log(1-wrongSign), math.Log(wrongSign), math.Inf(-1), 0.0
	switch {
	case oddball:
		attended, none = math.Log(1-wrongSign-unattended), math.Log(unattended)
	case e.halves:
		attended, reversed, blind = 0, math.Inf(-1), mostWrongSign
	}
	reversed += (e.likelihood(down) - e.likelihood(up)) / max(up.design, down.design)

	share := make([]float64, len(e.options)) // of the options in what the flashes do not tell
	likely, open := math.Inf(-1), 0.0
	for i, o := range e.options {
		if !math.IsInf(o.prior, -1) {
			share[i] = 1
			open++
		}
		if possible[i] {
			likely = floats.LogSumExp([]float64{likely, o.prior})
		}
	}
	e.logp = e.logp[:0]
	for i, o := range e.options {
		p, q := math.Inf(-1), math.Inf(-1)
		if possible[i] {
			p = attended + o.prior - likely + e.ratio(i, up, 1)
			q = reversed + o.prior - likely + e.ratio(i, down, -1)
		}
		e.logp = append(e.logp, p, q)
	}
	p := classify.Softmax(nil, append(e.logp, none))
	v := verdict{noise: up, none: p[len(p)-1], reversed: blind}
	for i := range dst {
		v.reversed += p[2*i+1]
	}
	for i := range dst {
		dst[i] = (1-blind)*p[2*i] + v.unfit()*share[i]/open
	}
	return v
}

// possible tells which options may have been attended, and whether there is another one beside them.
func (e *evidence) possible() (possible []bool, oddball bool) {
	flashes := 0.0
	for _, c := range e.codes {
		flashes += c.n
	}
	possible = make([]bool, len(e.options))
	some := false
	for i, n := range e.n {
		possible[i] = n <= mostTargets*flashes && !math.IsInf(e.options[i].prior, -1)
		some = some || possible[i]
	}
	for i, o := range e.options {
		if !some {
			possible[i] = !math.IsInf(o.prior, -1)
		}
		oddball = oddball || some && !possible[i] && !math.IsInf(o.prior, -1)
	}
	return possible, oddball
}

// extremes returns the options whose flashes have the highest and the lowest ratios, -1 where none flashed.
func (e *evidence) extremes(possible []bool) (best, worst int) {
	best, worst = -1, -1
	for i, n := range e.n {
		if n == 0 || !possible[i] {
			continue
		}
		if best < 0 || e.sum[i]/n > e.sum[best]/e.n[best] {
			best = i
		}
		if worst < 0 || e.sum[i]/n < e.sum[worst]/e.n[worst] {
			worst = i
		}
	}
	return best, worst
}

// likelihood returns the logarithm of that of all flashes, were they noise.
func (e *evidence) likelihood(w noise) float64 {
	l := 0.0
	for _, code := range e.order {
		c := e.codes[code]
		l -= c.n*math.Log(w.sd) + (c.squares-2*w.mean*c.sum+c.n*w.mean*w.mean)/(2*w.sd*w.sd)
	}
	return l
}

// ratio returns the logarithm of the likelihood ratio that option i stands out from the noise, above for sign 1, below for -1.
func (e *evidence) ratio(i int, w noise, sign float64) float64 {
	z := sign * (e.sum[i] - e.n[i]*w.mean) / w.sd
	var terms [responseSteps]float64
	for k := range terms {
		d := mostResponse * float64(k+1) / responseSteps
		terms[k] = (d*z - e.n[i]*d*d/2) / w.design
	}
	return floats.LogSumExp(terms[:]) - math.Log(responseSteps)
}
