package classify

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Temperature makes scores honest: probabilities are the softmax of the scores divided by T. The ranking of classes
// does not change.
type Temperature struct {
	T float64
}

// Bounds of the temperature. Separable calibration data would drive it to 0, worthless scores to infinity.
const (
	minTemperature = 0.05
	maxTemperature = 100
)

// FitTemperature finds the T between 0.05 and 100 with the greatest likelihood of labels given scores (samples ×
// classes). Scores come from samples the classifier was not fitted to.
func FitTemperature(scores [][]float64, labels []int) (Temperature, error) {
	return fitTemperature(scores, labels, len(scores))
}

// FitHumbleTemperature is FitTemperature with one error added to the samples: a mean sample of each class under the next
// class's label, all of them together with the weight of one sample. A few dozen samples that happen to be told apart without
// an error would give certainty; n of them can rule out an error rate of one in n, and no less. It is the correction of
// Platt's targets, for a temperature. On left/right imagery of EEGMMIDB (12 people, 5 folds, 45 trials each, pooled) the
// log loss of csp_lda is 0.638 without it, 0.594 with it, and 0.598 with an error for each class, which also raises the log loss,
// Brier score and ECE of ts_lr, mdm and fgmdm: probabilities are then too low.
func FitHumbleTemperature(scores [][]float64, labels []int) (Temperature, error) {
	n := len(scores)
	if n == 0 || n != len(labels) {
		return fitTemperature(scores, labels, n)
	}
	classes := len(scores[0])
	all, truth := slices.Clone(scores), slices.Clone(labels)
	for k := range classes {
		mean, count := make([]float64, classes), 0.0
		for i, s := range scores {
			if labels[i] == k && len(s) == classes {
				for j, v := range s {
					mean[j] += v
				}
				count++
			}
		}
		for j := range mean {
			mean[j] /= max(count, 1)
		}
		all, truth = append(all, mean), append(truth, (k+1)%classes)
	}
	return fitTemperature(all, truth, n)
}

// fitTemperature fits to the first whole samples, and to the others, which together weigh as much as one.
func fitTemperature(scores [][]float64, labels []int, whole int) (Temperature, error) {
	if len(scores) == 0 || len(scores) != len(labels) {
		return Temperature{}, dataErrorf("%d scores for %d labels", len(scores), len(labels))
	}
	width := len(scores[0])
	for i, s := range scores {
		if len(s) != width || width < 2 {
			return Temperature{}, dataErrorf("sample %d has %d scores, the first has %d", i, len(s), width)
		}
		if labels[i] < 0 || labels[i] >= width {
			return Temperature{}, dataErrorf("label %d of sample %d is not between 0 and %d", labels[i], i, width-1)
		}
		for k, v := range s {
			if v-v != 0 {
				return Temperature{}, dataErrorf("score %d of sample %d is %v", k, i, v)
			}
		}
	}
	// The loss is convex in β = 1/T with slope Σ (E_β[s] - s_label): find its zero by bisection.
	slope := func(beta float64) float64 {
		p := make([]float64, width)
		sum := 0.0
		for i, s := range scores {
			for k, v := range s {
				p[k] = beta * v
			}
			Softmax(p, p)
			if d := dot(p, s) - s[labels[i]]; i < whole {
				sum += d
			} else {
				sum += d / float64(len(scores)-whole)
			}
		}
		return sum
	}
	lo, hi := 1.0/maxTemperature, 1.0/minTemperature
	switch {
	case slope(lo) >= 0:
		return Temperature{T: maxTemperature}, nil
	case slope(hi) <= 0:
		return Temperature{T: minTemperature}, nil
	}
	for hi-lo > 1e-13*hi {
		mid := (lo + hi) / 2
		if mid <= lo || mid >= hi {
			break
		}
		if slope(mid) > 0 {
			hi = mid
		} else {
			lo = mid
		}
	}
	return Temperature{T: 2 / (lo + hi)}, nil
}

// Probabilities writes softmax(scores/T) to dst, which may be scores, and returns it; nil is allocated.
func (t Temperature) Probabilities(dst, scores []float64) []float64 {
	if dst == nil {
		dst = make([]float64, len(scores))
	}
	if len(dst) != len(scores) {
		panic(mat.ErrShape)
	}
	for i, v := range scores {
		dst[i] = v / t.T
	}
	return Softmax(dst, dst)
}

// Platt maps one score to a probability: 1/(1+exp(A·score+B)), with A negative where high scores mean positive.
type Platt struct {
	A, B float64
}

// FitPlatt fits A and B to scores of samples the classifier was not fitted to. The targets are pulled in by one
// sample of each class (Platt's correction), which keeps the probabilities off 0 and 1.
func FitPlatt(scores []float64, positive []bool) (Platt, error) {
	if len(scores) != len(positive) {
		return Platt{}, dataErrorf("%d scores for %d labels", len(scores), len(positive))
	}
	var pos, neg float64
	largest := 0.0
	for i, s := range scores {
		if s-s != 0 {
			return Platt{}, dataErrorf("score of sample %d is %v", i, s)
		}
		largest = max(largest, math.Abs(s))
		if positive[i] {
			pos++
		} else {
			neg++
		}
	}
	if pos == 0 || neg == 0 {
		return Platt{}, dataErrorf("%.0f positive and %.0f negative samples, need both", pos, neg)
	}
	// Scores are brought to unit size so that the two unknowns are of one size; A is scaled back at the end.
	unit := 1.0
	if largest > 0 {
		unit = 1 / largest
	}
	hit, miss := (pos+1)/(pos+2), 1/(neg+2)
	target := func(i int) float64 {
		if positive[i] {
			return hit
		}
		return miss
	}
	loss := func(a, b float64) float64 {
		sum := 0.0
		for i, s := range scores {
			z := a*s*unit + b
			// -t·log p - (1-t)·log(1-p) with p = 1/(1+e^z).
			sum += softplus(z) - (1-target(i))*z
		}
		return sum
	}
	a, b := 0.0, math.Log((neg+1)/(pos+1))
	value := loss(a, b)
	for range 200 {
		var ga, gb, haa, hab, hbb float64
		for i, s := range scores {
			x := s * unit
			p := sigmoid(-(a*x + b))
			d := target(i) - p
			h := p * (1 - p)
			ga += d * x
			gb += d
			haa += h * x * x
			hab += h * x
			hbb += h
		}
		if math.Abs(ga) < 1e-12*(pos+neg) && math.Abs(gb) < 1e-12*(pos+neg) {
			break
		}
		// The ridge keeps the matrix invertible when all scores are equal.
		haa += 1e-12
		hbb += 1e-12
		det := haa*hbb - hab*hab
		da, db := -(hbb*ga-hab*gb)/det, -(haa*gb-hab*ga)/det
		step, fell := 1.0, false
		for range 60 {
			if v := loss(a+step*da, b+step*db); v <= value+1e-4*step*(ga*da+gb*db)+1e-14*math.Abs(value) {
				a, b, value, fell = a+step*da, b+step*db, v, true
				break
			}
			step /= 2
		}
		if !fell {
			break
		}
	}
	return Platt{A: a * unit, B: b}, nil
}

// Probability returns the probability that a sample with this score is positive.
func (p Platt) Probability(score float64) float64 { return sigmoid(-(p.A*score + p.B)) }

// leastSpread is the log odds between the lowest and the highest score of a Platt that says nothing but their rank.
const leastSpread = 1e-3

// Rising returns p, or where it does not rise with the score, one that says next to nothing: the odds of even, as B has them, at the
// middle of the scores, and so little more at higher ones that only their order is told. A few dozen samples can turn the fit by
// chance; what ranks them may still rank others right, and a constant would throw that away.
func (p Platt) Rising(scores []float64, even float64) Platt {
	if p.A < 0 || len(scores) == 0 {
		return p
	}
	low, high := slices.Min(scores), slices.Max(scores)
	if !(high > low) {
		return Platt{B: even}
	}
	a := -leastSpread / (high - low)
	return Platt{A: a, B: even - a*(low+high)/2}
}
