package seizure

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
)

// kernel is a logistic regression over Gaussian functions around its training examples (J. Zhu and T. Hastie, J. Comput. Graph. Stat. 14
// (2005) 185-205): log odds = bias + Σ weight_i·exp(-width·|x-example_i|²/d) of standardized features, d of them. Shapes of discharges
// lie around those of ongoing EEG, and not on one side of them, as amplitudes do.
type kernel struct {
	mean, scale []float64
	examples    *mat.Dense // standardized, examples × features
	weights     []float64
	bias        float64
}

const (
	// kernelWidth and kernelC were chosen by nested cross-validation; docs/04-decoders.md has what was compared.
	kernelWidth = 0.25
	kernelC     = 1000.0
	// mostExamples bounds a fit, whose cost is the cube of their number.
	mostExamples = 600
	kernelSteps  = 50
)

// logOdds returns the log odds of raw features.
func (k *kernel) logOdds(x []float64) float64 {
	n, d := k.examples.Dims()
	z := make([]float64, d)
	for j, v := range x {
		z[j] = (v - k.mean[j]) / k.scale[j]
	}
	sum := k.bias
	for i := range n {
		sum += k.weights[i] * bell(z, k.examples.RawRowView(i))
	}
	return sum
}

func (k *kernel) soften(t float64) {
	for i := range k.weights {
		k.weights[i] /= t
	}
	k.bias /= t
}

func (k *kernel) arrays() map[string]decoders.Array {
	n, d := k.examples.Dims()
	return map[string]decoders.Array{
		"weights":  {Shape: []int{n}, Data: slices.Clone(k.weights)},
		"bias":     {Shape: []int{1}, Data: []float64{k.bias}},
		"examples": {Shape: []int{n, d}, Data: slices.Clone(k.examples.RawMatrix().Data)},
		"mean":     {Shape: []int{d}, Data: slices.Clone(k.mean)},
		"scale":    {Shape: []int{d}, Data: slices.Clone(k.scale)},
	}
}

func bell(a, b []float64) float64 {
	sum := 0.0
	for j, v := range a {
		sum += (v - b[j]) * (v - b[j])
	}
	return math.Exp(-kernelWidth * sum / float64(len(a)))
}

// fitKernel fits the log odds of ictal_like over raw features, from the examples of the given indices. Of more than mostExamples as many
// are drawn by the seed, each class by its share.
func fitKernel(rows [][]float64, labels, use []int, c float64, seed uint64) (*kernel, error) {
	if len(use) == 0 {
		return nil, decoders.Errorf(decoders.CodeTooFewTrials, nil, "no trial can be read")
	}
	use = drawn(labels, use, seed)
	n, d := len(use), len(rows[0])
	x := mat.NewDense(n, d, nil)
	y := make([]float64, n)
	for i, at := range use {
		x.SetRow(i, rows[at])
		y[i] = float64(labels[at])
	}
	scale, err := classify.Standardize(x)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "features: %v", err)
	}
	scale.ApplyRows(x)
	k := &kernel{mean: scale.Mean, scale: scale.Scale, examples: x}
	gram := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			gram.SetSym(i, j, bell(x.RawRowView(i), x.RawRowView(j)))
		}
	}
	if k.weights, k.bias, err = newton(gram, y, c); err != nil {
		return nil, err
	}
	return k, nil
}

// drawn returns no more than mostExamples of the indices, in their order.
func drawn(labels, use []int, seed uint64) []int {
	if len(use) <= mostExamples {
		return use
	}
	r := rand.New(rand.NewPCG(seed, 0x6b65726e))
	byClass := [2][]int{}
	for _, i := range use {
		byClass[labels[i]] = append(byClass[labels[i]], i)
	}
	var out []int
	for _, list := range byClass {
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		out = append(out, list[:min(len(list), max(1, mostExamples*len(list)/len(use)))]...)
	}
	slices.Sort(out)
	return out
}

// newton minimizes Σ log loss + ½/c·wᵀKw of the log odds Kw + b. Each step solves (K + diag(1/(c·p(1-p))))·w + b = z with Σw = 0.
func newton(gram *mat.SymDense, y []float64, c float64) (weights []float64, bias float64, err error) {
	n := len(y)
	w, odds := mat.NewVecDense(n, nil), mat.NewVecDense(n, nil)
	cost := func(w, odds *mat.VecDense, b float64) float64 {
		sum := mat.Inner(w, gram, w) / (2 * c)
		for i, t := range y {
			f := odds.AtVec(i) + b
			sum += math.Max(f, 0) - t*f + math.Log1p(math.Exp(-math.Abs(f)))
		}
		return sum
	}
	at := cost(w, odds, 0)
	ones, z := mat.NewVecDense(n, nil), mat.NewVecDense(n, nil)
	for i := range n {
		ones.SetVec(i, 1)
	}
	for range kernelSteps {
		system := mat.NewSymDense(n, nil)
		system.CopySym(gram)
		for i, t := range y {
			f := odds.AtVec(i) + bias
			p := 1 / (1 + math.Exp(-f))
			spread := max(p*(1-p), 1e-6)
			system.SetSym(i, i, system.At(i, i)+1/(c*spread))
			z.SetVec(i, f+(t-p)/spread)
		}
		var chol mat.Cholesky
		if !chol.Factorize(system) {
			return nil, 0, decoders.Errorf(decoders.CodeInvalidSignal, nil, "features: the examples are not told apart")
		}
		var u, v mat.VecDense
		if err := chol.SolveVecTo(&u, ones); err != nil {
			return nil, 0, decoders.Errorf(decoders.CodeInvalidSignal, nil, "features: %v", err)
		}
		if err := chol.SolveVecTo(&v, z); err != nil {
			return nil, 0, decoders.Errorf(decoders.CodeInvalidSignal, nil, "features: %v", err)
		}
		b := mat.Dot(ones, &v) / mat.Dot(ones, &u)
		next := mat.NewVecDense(n, nil)
		next.AddScaledVec(&v, -b, &u)
		// Half of a step that goes too far, and half of that.
		before, step := at, 1.0
		for ; step > 1e-4; step /= 2 {
			tried, there := mat.NewVecDense(n, nil), mat.NewVecDense(n, nil)
			tried.ScaleVec(1-step, w)
			tried.AddScaledVec(tried, step, next)
			there.MulVec(gram, tried)
			tb := (1-step)*bias + step*b
			if reached := cost(tried, there, tb); reached < at {
				w, odds, bias, at = tried, there, tb, reached
				break
			}
		}
		if before-at <= 1e-10*before {
			break
		}
	}
	return w.RawVector().Data, bias, nil
}
