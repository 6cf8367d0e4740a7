package ssvep

import (
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
)

// Whether there is a target at all is decided by how rarely what was found comes about without one. The surrogates' p is near
// that, but not it: neighbours and target are correlated by the filter and the window, and real backgrounds are not Gaussian
// noise. So p was counted where nobody looked at a flicker, and is read off as the share of such recordings that stand out as
// much, for the length of the window and the number of channels (TestFalseAcceptsAreWhatIsAsked counts again).
//
// Counted were, for seven sets of targets from 6 to 30 Hz: the rest of the exoskeleton set, all runs of EEGMMIDB from eight, three and
// one occipital electrode, and the POz electrode of the Muse oddballs: 1,500 to 3,200 windows of each length and montage.
//
// Each row has the z of p that a share of 0.01, 0.05 and 0.2 of them reach.
var (
	nullShares   = [3]float64{0.01, 0.05, 0.2}
	nullSeconds  = [4]float64{1, 1.5, 2, 3} // the last one for longer windows, too: 3 and 4 s do not differ
	nullChannels = [3]float64{1, 3, 8}      // the last one for more
	nullZ        = [3][4][3]float64{
		{{3.99, 2.16, 0.70}, {2.51, 1.59, 0.58}, {2.36, 1.44, 0.60}, {2.18, 1.45, 0.55}},
		{{3.11, 1.67, 0.52}, {2.32, 1.41, 0.40}, {2.38, 1.44, 0.39}, {2.14, 1.31, 0.40}},
		{{3.05, 1.46, 0.28}, {2.26, 1.24, 0.14}, {2.41, 1.21, 0.23}, {1.93, 1.15, 0.23}},
	}
	// Targets at 8-13 Hz, where the larger p of fundamental and harmonics counts; the length of the window makes no difference.
	nullAlphaZ = [3][3]float64{{2.39, 1.46, 0.41}, {2.77, 1.72, 0.63}, {3.00, 1.67, 0.54}}
)

// usualFalseAccept is the share of recordings without a target that are answered with one, where the request does not say.
const usualFalseAccept = 0.05

// rarity returns the share of recordings without a target that stand out as much as z, as the z of a normal distribution.
func rarity(z, seconds float64, channels int, alpha bool) float64 {
	at, within := place(nullChannels[:], math.Log, float64(max(channels, 1)))
	knots := func(c int) (k [3]float64) {
		if alpha {
			return nullAlphaZ[c]
		}
		row, part := place(nullSeconds[:], func(v float64) float64 { return v }, seconds)
		for i := range k {
			k[i] = nullZ[c][row][i] + part*(nullZ[c][row+1][i]-nullZ[c][row][i])
		}
		return k
	}
	low, high := knots(at), knots(at+1)
	for i := range low {
		low[i] += within * (high[i] - low[i])
	}
	u := [3]float64{normal(nullShares[0]), normal(nullShares[1]), normal(nullShares[2])}
	if z >= low[1] {
		return u[1] + (z-low[1])*(u[0]-u[1])/(low[0]-low[1])
	}
	return u[1] + (z-low[1])*(u[1]-u[2])/(low[1]-low[2])
}

// place returns between which two of the ascending knots v lies, and how far, in the scale of f; values outside count as the
// nearest knot.
func place(knots []float64, f func(float64) float64, v float64) (at int, within float64) {
	v = min(max(v, knots[0]), knots[len(knots)-1])
	for at < len(knots)-2 && v > knots[at+1] {
		at++
	}
	return at, (f(v) - f(knots[at])) / (f(knots[at+1]) - f(knots[at]))
}

// normal returns the z that a standard normal variable exceeds with probability p.
func normal(p float64) float64 {
	const smallest = 1e-200 // z = 30; beyond that nothing changes any more
	switch p = min(max(p, smallest), 1-1e-16); {
	case p > 1e-10:
		return math.Sqrt2 * math.Erfcinv(2*p)
	default:
		// Erfcinv ends where 1-p rounds to 1. The tail is e^(-z²/2)/(z√2π)·(1 - 1/z² + ...).
		z := math.Sqrt(-2 * math.Log(p))
		for range 8 {
			z = math.Sqrt(-2 * math.Log(p*z*math.Sqrt(2*math.Pi)/(1-1/(z*z))))
		}
		return z
	}
}

// The odds of a target, by how rare what was found is: a logistic function of its z, fitted to the exoskeleton and Muse trials, as
// they are and with more of the background added to them, against all of the above.
const (
	presenceSlope = 1.04
	presenceEven  = 0.85
)

// tie keeps the odds on the side of the decision where the two differ: a level is a decision of the caller, not a belief.
const tie = 1e-3

// level returns the share of false accepts that a stimulus asks for. Error: invalid_stimulus.
func level(st decoders.Stimulus) (float64, error) {
	switch a := st.FalseAccept; {
	case a == 0:
		return usualFalseAccept, nil
	case a >= 0.001 && a <= 1:
		return a, nil
	default:
		return 0, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"false_accept_least": 0.001, "false_accept_most": 1},
			"the level of false accepts is %v, it must be between 0.001 and 1", a)
	}
}

// decide settles whether there is a target, from the z of the evidence; rare is false where z cannot be had.
func (d *Decoder) decide(det *Detection, z, asked float64, rare bool) (logOdds float64) {
	logOdds = math.Log(d.cfg.Prior / (1 - d.cfg.Prior))
	det.FalseAccept, det.Accepted = 1, asked >= 1
	if rare {
		logOdds += presenceSlope * (z - presenceEven)
		det.FalseAccept = math.Erfc(z/math.Sqrt2) / 2
		det.Accepted = asked >= 1 || det.FalseAccept <= asked
	}
	if det.Accepted {
		return max(logOdds, tie)
	}
	return min(logOdds, -tie)
}

// withNone adds no_target to the probabilities of targets, which sum to 1: logOdds are those of the best of them against it.
func withNone(targets []float64, logOdds float64) (none float64) {
	best := slices.Max(targets)
	none = best / (best + math.Exp(logOdds))
	for k := range targets {
		targets[k] *= 1 - none
	}
	return none
}

// unattendedScores is how many quantiles of the scores of targets that nobody looked at a trained model keeps.
const unattendedScores = 33

// unattended are the scores of the best of the targets that nobody looked at, in the trials that were left out in training.
type unattended struct {
	count  float64 // of trials; 0 in models made before they were kept
	scores [unattendedScores]float64
}

func unattendedOf(scores []float64) (u unattended) {
	if len(scores) == 0 {
		return u
	}
	sorted := slices.Sorted(slices.Values(scores))
	u.count = float64(len(sorted))
	for i := range u.scores {
		at := float64(i) * (u.count - 1) / (unattendedScores - 1)
		low := int(at)
		high := min(low+1, len(sorted)-1)
		u.scores[i] = sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
	}
	return u
}

// share returns how many of them reach a score; never less than one of one more than there are.
func (u *unattended) share(score float64) float64 {
	below := 0.0 // in the steps of the quantiles
	for i, q := range u.scores {
		if q >= score {
			if i > 0 {
				below += (score-u.scores[i-1])/(q-u.scores[i-1]) - 1
			}
			break
		}
		below++
	}
	above := u.count * (1 - min(below/(unattendedScores-1), 1))
	return (above + 1) / (u.count + 1)
}
