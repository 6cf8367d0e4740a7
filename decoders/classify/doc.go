// Package classify holds the linear classifiers of the decoders, their calibration, and the measures and folds that
// judge them.
//
// Features are samples × features, labels class indices from 0.
//
// Invariants:
//
//   - A fitted classifier is plain data and immutable: any number of goroutines may share it, and its dst methods
//     do not allocate. Scores of one class more are comparable: probabilities are their softmax.
//   - Features that are not finite, labels out of range and classes without samples are bad data: fitting returns an
//     error that wraps [ErrData]. A vector of the wrong length is a mistake of the program and panics.
//   - Nothing is random but what takes a seed, and the same seed gives the same folds on every machine.
//
// Sources: O. Ledoit and M. Wolf, J. Multivariate Anal. 88 (2004) 365-411, and B. Blankertz et al., NeuroImage 56
// (2011) 814-825 (shrinkage LDA); J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed., ch. 7 (truncated
// Newton); C. Guo et al., ICML 2017 (temperature, ECE); J. Platt 1999 with H.-T. Lin, C.-J. Lin and R. C. Weng,
// Mach. Learn. 68 (2007) 267-276 (Platt scaling); J. Cohen, Educ. Psychol. Meas. 20 (1960) 37-46 (kappa);
// G. W. Brier, Mon. Weather Rev. 78 (1950) 1-3. Conventions are those of scikit-learn.
package classify

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ErrData is wrapped by errors about data that nothing can be fitted to.
var ErrData = errors.New("classify: unusable data")

func dataErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrData, fmt.Sprintf(format, args...))
}

// check refuses features and labels that do not make a training set and returns the class counts.
func check(x *mat.Dense, labels []int, classes int) ([]int, error) {
	counts, err := checkSamples(x, labels, classes)
	if err != nil {
		return nil, err
	}
	for k, c := range counts {
		if c == 0 {
			return nil, dataErrorf("class %d has no sample", k)
		}
	}
	return counts, nil
}

// checkSamples is check for samples that may lack a class.
func checkSamples(x *mat.Dense, labels []int, classes int) ([]int, error) {
	if x == nil || x.IsEmpty() {
		return nil, dataErrorf("no samples")
	}
	n, p := x.Dims()
	if len(labels) != n {
		return nil, dataErrorf("%d labels for %d samples", len(labels), n)
	}
	if classes < 2 {
		return nil, dataErrorf("%d classes, need at least 2", classes)
	}
	for i := range n {
		for j, v := range x.RawRowView(i)[:p] {
			if v-v != 0 {
				return nil, dataErrorf("feature %d of sample %d is %v", j, i, v)
			}
		}
	}
	counts := make([]int, classes)
	for i, l := range labels {
		if l < 0 || l >= classes {
			return nil, dataErrorf("label %d of sample %d is not between 0 and %d", l, i, classes-1)
		}
		counts[l]++
	}
	return counts, nil
}

// Linear is a linear classifier: the score of class k is Coef[k]·x + Intercept[k], its probability the softmax.
type Linear struct {
	Coef      *mat.Dense // classes × features
	Intercept []float64  // classes
}

// Valid says what is wrong with the shapes or numbers of a classifier that was read from a file.
func (l *Linear) Valid() error {
	if l.Coef == nil || l.Coef.IsEmpty() {
		return dataErrorf("no coefficients")
	}
	k, p := l.Coef.Dims()
	if k < 2 || len(l.Intercept) != k {
		return dataErrorf("coefficients of %d classes with %d intercepts", k, len(l.Intercept))
	}
	for i := range k {
		for j, v := range l.Coef.RawRowView(i)[:p] {
			if v-v != 0 {
				return dataErrorf("coefficient %d of class %d is %v", j, i, v)
			}
		}
		if v := l.Intercept[i]; v-v != 0 {
			return dataErrorf("intercept of class %d is %v", i, v)
		}
	}
	return nil
}

// Classes returns the number of classes.
func (l *Linear) Classes() int { return len(l.Intercept) }

// Scores writes the score of each class for the features x to dst and returns it; nil is allocated.
func (l *Linear) Scores(dst, x []float64) []float64 {
	k, p := l.Coef.Dims()
	if dst == nil {
		dst = make([]float64, k)
	}
	if len(dst) != k || len(x) != p {
		panic(mat.ErrShape)
	}
	for i := range k {
		dst[i] = dot(l.Coef.RawRowView(i), x) + l.Intercept[i]
	}
	return dst
}

// Decision returns the score of class 1 over class 0, the log-odds of a two-class problem.
func (l *Linear) Decision(x []float64) float64 {
	if len(l.Intercept) != 2 {
		panic("classify: Decision of more than two classes")
	}
	return dot(l.Coef.RawRowView(1), x) - dot(l.Coef.RawRowView(0), x) + l.Intercept[1] - l.Intercept[0]
}

// Probabilities writes the probability of each class for the features x to dst and returns it; nil is allocated.
func (l *Linear) Probabilities(dst, x []float64) []float64 {
	dst = l.Scores(dst, x)
	return Softmax(dst, dst)
}

// Predict returns the class with the highest score, the first of equals.
func (l *Linear) Predict(x []float64) int {
	best, top := 0, math.Inf(-1)
	for i, b := range l.Intercept {
		if s := dot(l.Coef.RawRowView(i), x) + b; s > top {
			best, top = i, s
		}
	}
	return best
}

func dot(x, y []float64) float64 {
	if len(x) != len(y) {
		panic(mat.ErrShape)
	}
	s := 0.0
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

// Softmax writes exp(x)/Σexp(x) to dst, which may be x, and returns it; nil is allocated. The largest score is taken
// off first, so no finite score overflows.
func Softmax(dst, x []float64) []float64 {
	if dst == nil {
		dst = make([]float64, len(x))
	}
	if len(dst) != len(x) {
		panic(mat.ErrShape)
	}
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	sum := 0.0
	for i, v := range x {
		dst[i] = math.Exp(v - top)
		sum += dst[i]
	}
	// Divided, not exp(v - log Σ): beside a score of 1e300 the logarithm of the sum is lost.
	for i := range dst {
		dst[i] /= sum
	}
	return dst
}

// LogSumExp returns log Σ exp(x) without overflow, -Inf for no terms.
func LogSumExp(x []float64) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	if math.IsInf(top, 0) {
		return top
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}
