package classify

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// LogisticConfig tunes the logistic regression.
type LogisticConfig struct {
	C float64 // weight of the data against ½||w||². Defaults to 1.
	// Weights holds a weight for each sample. Defaults to 1 each.
	Weights []float64
	// Balanced multiplies the weights of each class by samples/(classes·samples of the class). Defaults to false.
	Balanced bool
	// Tol ends the fit when no component of the gradient is above Tol times its size at the start. Defaults to 1e-10.
	Tol float64
	// MaxIter bounds the Newton steps. Defaults to 200.
	MaxIter int
	// Prior is what the penalty pulls to, the intercept as well, which is then penalized, too: ½||w-w₀||² instead of ½||w||². For few
	// samples of somebody whom a classifier of others is to be fitted to; a class may then have none. Defaults to none.
	Prior *Linear
}

// LogisticRegression is a linear classifier fitted by its likelihood under an L2 penalty.
type LogisticRegression struct {
	Linear
	Iterations int  // Newton steps taken
	Converged  bool // the gradient fell below the tolerance
}

// FitLogistic minimizes ½·Σ||w||² + C·Σ loss over x (samples × features), the intercept without penalty, as
// scikit-learn's LogisticRegression does: two classes share one weight vector (its half goes to each class, so that
// scores differ by the log-odds), more have one each.
func FitLogistic(x *mat.Dense, labels []int, classes int, cfg LogisticConfig) (*LogisticRegression, error) {
	checked := check
	if cfg.Prior != nil { // knows every class
		checked = checkSamples
	}
	counts, err := checked(x, labels, classes)
	if err != nil {
		return nil, err
	}
	if cfg.C == 0 {
		cfg.C = 1
	}
	if !(cfg.C > 0) || math.IsInf(cfg.C, 0) {
		return nil, dataErrorf("C is %v", cfg.C)
	}
	if cfg.Tol == 0 {
		cfg.Tol = 1e-10
	}
	if cfg.MaxIter == 0 {
		cfg.MaxIter = 200
	}
	n, p := x.Dims()
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = cfg.C
		if cfg.Weights != nil {
			if len(cfg.Weights) != n {
				return nil, dataErrorf("%d weights for %d samples", len(cfg.Weights), n)
			}
			if v := cfg.Weights[i]; !(v >= 0) || math.IsInf(v, 0) {
				return nil, dataErrorf("weight of sample %d is %v", i, v)
			}
			weights[i] *= cfg.Weights[i]
		}
		if cfg.Balanced {
			weights[i] *= float64(n) / float64(classes*counts[labels[i]])
		}
	}
	f := newLogistic(x, labels, classes, weights)
	if cfg.Prior != nil {
		if r, c := cfg.Prior.Coef.Dims(); r != classes || c != p || len(cfg.Prior.Intercept) != classes {
			return nil, dataErrorf("the prior has %d classes of %d features, the samples %d of %d", r, c, classes, p)
		}
		f.center(cfg.Prior)
	}
	theta, steps, ok := f.minimize(cfg.Tol, cfg.MaxIter)

	lr := &LogisticRegression{Iterations: steps, Converged: ok}
	lr.Coef = mat.NewDense(classes, p, nil)
	lr.Intercept = make([]float64, classes)
	if classes == 2 {
		for j := range p {
			lr.Coef.Set(0, j, -theta[j]/2)
			lr.Coef.Set(1, j, theta[j]/2)
		}
		lr.Intercept[0], lr.Intercept[1] = -theta[p]/2, theta[p]/2
		return lr, nil
	}
	for k := range classes {
		part := theta[k*(p+1) : (k+1)*(p+1)]
		lr.Coef.SetRow(k, part[:p])
		lr.Intercept[k] = part[p]
	}
	return lr, nil
}

// logistic is the penalized negative log-likelihood. Parameters are blocks of p weights and an intercept, one block
// for two classes and one a class for more.
type logistic struct {
	x       blas64.General
	n, p    int
	labels  []int
	weights []float64
	blocks  int
	prob    []float64 // n × blocks, of the last value
	z       []float64 // n × blocks
	zd      []float64 // n × blocks
	prior   []float64 // parameters that the penalty pulls to; nil for 0, with a free intercept
	off     []float64 // parameters less prior
}

func newLogistic(x *mat.Dense, labels []int, classes int, weights []float64) *logistic {
	n, p := x.Dims()
	blocks := classes
	if classes == 2 {
		blocks = 1
	}
	return &logistic{
		x: x.RawMatrix(), n: n, p: p, labels: labels, weights: weights, blocks: blocks,
		prob: make([]float64, n*blocks), z: make([]float64, n*blocks), zd: make([]float64, n*blocks),
	}
}

func (f *logistic) dim() int { return f.blocks * (f.p + 1) }

// center makes the penalty pull to a classifier.
func (f *logistic) center(l *Linear) {
	f.prior, f.off = make([]float64, 0, f.dim()), make([]float64, f.dim())
	if f.blocks == 1 {
		for j := range f.p {
			f.prior = append(f.prior, l.Coef.At(1, j)-l.Coef.At(0, j))
		}
		f.prior = append(f.prior, l.Intercept[1]-l.Intercept[0])
		return
	}
	for k := range f.blocks {
		f.prior = append(append(f.prior, l.Coef.RawRowView(k)...), l.Intercept[k])
	}
}

// away returns how far parameters are from where the penalty pulls to.
func (f *logistic) away(theta []float64) []float64 {
	if f.prior == nil {
		return theta
	}
	for i, v := range theta {
		f.off[i] = v - f.prior[i]
	}
	return f.off
}

// forward writes the scores of all samples for parameters theta to dst (n × blocks).
func (f *logistic) forward(dst, theta []float64) {
	for k := range f.blocks {
		part := theta[k*(f.p+1) : (k+1)*(f.p+1)]
		out := blas64.Vector{N: f.n, Inc: f.blocks, Data: dst[k:]}
		for i := range f.n {
			dst[i*f.blocks+k] = part[f.p]
		}
		blas64.Gemv(blas.NoTrans, 1, f.x, blas64.Vector{N: f.p, Inc: 1, Data: part}, 1, out)
	}
}

// backward writes Xᵀ·r + w (penalty on the weights w of theta, and on the intercept where there is a prior) to dst for
// residuals r (n × blocks).
func (f *logistic) backward(dst, r, theta []float64) {
	copy(dst, theta)
	for k := range f.blocks {
		part := dst[k*(f.p+1) : (k+1)*(f.p+1)]
		in := blas64.Vector{N: f.n, Inc: f.blocks, Data: r[k:]}
		blas64.Gemv(blas.Trans, 1, f.x, in, 1, blas64.Vector{N: f.p, Inc: 1, Data: part})
		if f.prior == nil {
			part[f.p] = 0
		}
		for i := range f.n {
			part[f.p] += r[i*f.blocks+k]
		}
	}
}

// value returns the objective at theta and keeps the probabilities there.
func (f *logistic) value(theta []float64) float64 {
	f.forward(f.z, theta)
	sum := 0.0
	if away := f.away(theta); f.prior != nil {
		sum = dot(away, away) / 2
	} else {
		for k := range f.blocks {
			w := theta[k*(f.p+1) : k*(f.p+1)+f.p]
			sum += dot(w, w) / 2
		}
	}
	for i, l := range f.labels {
		z := f.z[i*f.blocks : (i+1)*f.blocks]
		pr := f.prob[i*f.blocks : (i+1)*f.blocks]
		if f.blocks == 1 {
			pr[0] = sigmoid(z[0])
			sum += f.weights[i] * (softplus(z[0]) - float64(l)*z[0])
			continue
		}
		lse := LogSumExp(z)
		for k, v := range z {
			pr[k] = math.Exp(v - lse)
		}
		sum += f.weights[i] * (lse - z[l])
	}
	return sum
}

// gradient writes the gradient at theta, whose value was taken last, to dst.
func (f *logistic) gradient(dst, theta []float64) {
	for i, l := range f.labels {
		for k := range f.blocks {
			t := 0.0
			if (f.blocks == 1 && l == 1) || (f.blocks > 1 && k == l) {
				t = 1
			}
			f.zd[i*f.blocks+k] = f.weights[i] * (f.prob[i*f.blocks+k] - t)
		}
	}
	f.backward(dst, f.zd, f.away(theta))
}

// hessian writes the product of the Hessian where the value was taken last and d to dst.
func (f *logistic) hessian(dst, d []float64) {
	f.forward(f.zd, d)
	for i := range f.n {
		z := f.zd[i*f.blocks : (i+1)*f.blocks]
		pr := f.prob[i*f.blocks : (i+1)*f.blocks]
		if f.blocks == 1 {
			z[0] *= f.weights[i] * pr[0] * (1 - pr[0])
			continue
		}
		m := dot(pr, z)
		for k := range z {
			z[k] = f.weights[i] * pr[k] * (z[k] - m)
		}
	}
	f.backward(dst, f.zd, d)
}

// minimize runs Newton's method with directions from conjugate gradients and steps that are halved until the value
// falls (Nocedal and Wright, algorithm 7.1). The objective is convex.
func (f *logistic) minimize(tol float64, maxIter int) (theta []float64, steps int, converged bool) {
	m := f.dim()
	theta = make([]float64, m)
	g, d, r, q, hq, next := make([]float64, m), make([]float64, m), make([]float64, m), make([]float64, m), make([]float64, m), make([]float64, m)
	copy(theta, f.prior)
	value := f.value(theta)
	f.gradient(g, theta)
	start := maxAbs(g)
	for steps = 0; steps < maxIter; steps++ {
		size := maxAbs(g)
		if size <= tol*start || size == 0 {
			return theta, steps, true
		}
		// Solve H·d = -g the more exactly the closer the minimum is: superlinear convergence at the end.
		stop := min(0.1, math.Sqrt(size/start)) * math.Sqrt(dot(g, g))
		clear(d)
		for i, v := range g {
			r[i], q[i] = -v, -v
		}
		rr := dot(r, r)
		for range 10 * m {
			if math.Sqrt(rr) <= stop {
				break
			}
			f.hessian(hq, q)
			curve := dot(q, hq)
			if curve <= 0 {
				break
			}
			a := rr / curve
			axpy(d, a, q)
			axpy(r, -a, hq)
			was := rr
			rr = dot(r, r)
			for i := range q {
				q[i] = r[i] + rr/was*q[i]
			}
		}
		slope := dot(g, d)
		step, fell := 1.0, false
		for range 60 {
			copy(next, theta)
			axpy(next, step, d)
			v := f.value(next)
			// Near the minimum the value no longer resolves the step; the slack of a few ulp lets it pass.
			if v <= value+1e-4*step*slope+1e-14*math.Abs(value) {
				value, fell = v, true
				break
			}
			step /= 2
		}
		if !fell {
			f.value(theta)
			return theta, steps, false
		}
		theta, next = next, theta
		f.gradient(g, theta)
	}
	return theta, steps, maxAbs(g) <= tol*start
}

func axpy(y []float64, a float64, x []float64) {
	for i, v := range x {
		y[i] += a * v
	}
}

func maxAbs(x []float64) float64 {
	m := 0.0
	for _, v := range x {
		m = max(m, math.Abs(v))
	}
	return m
}

func sigmoid(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z)
	return e / (1 + e)
}

// softplus returns log(1+exp(z)).
func softplus(z float64) float64 {
	return max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
}
