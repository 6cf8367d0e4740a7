package bayes

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"
)

const (
	// Variational inference ends when no share moves by more than this, or after so many rounds.
	mixtureTol    = 1e-10
	mixtureRounds = 1000
	kmeansRounds  = 100
)

// kmeans puts rows into m clusters and returns the cluster of each. Features are multiplied by scale first. Starting
// points are drawn far from each other (k-means++), the rest is Lloyd's algorithm.
func kmeans(rows [][]float64, scale []float64, m int, seed uint64) []int {
	out := make([]int, len(rows))
	if m < 2 {
		return out
	}
	rng := rand.New(rand.NewPCG(seed, 0x6b6d65616e73)) // "kmeans"
	distance := func(a, b []float64) float64 {
		sum := 0.0
		for i, v := range a {
			d := (v - b[i]) * scale[i]
			sum += d * d
		}
		return sum
	}
	centres := [][]float64{rows[rng.IntN(len(rows))]}
	near := make([]float64, len(rows))
	for len(centres) < m {
		sum := 0.0
		for i, r := range rows {
			near[i] = math.Inf(1)
			for _, c := range centres {
				near[i] = min(near[i], distance(r, c))
			}
			sum += near[i]
		}
		pick, left := len(rows)-1, rng.Float64()*sum
		for i, d := range near {
			if left -= d; left < 0 {
				pick = i
				break
			}
		}
		centres = append(centres, rows[pick])
	}
	for range kmeansRounds {
		moved := false
		for i, r := range rows {
			best := 0
			for j := range centres {
				if distance(r, centres[j]) < distance(r, centres[best]) {
					best = j
				}
			}
			moved = moved || best != out[i]
			out[i] = best
		}
		if !moved {
			break
		}
		for j := range centres {
			mean, n := make([]float64, len(scale)), 0.0
			for i, r := range rows {
				if out[i] == j {
					n++
					for k, v := range r {
						mean[k] += v
					}
				}
			}
			if n > 0 { // an empty cluster keeps its centre
				for k := range mean {
					mean[k] /= n
				}
				centres[j] = mean
			}
		}
	}
	return out
}

// fitMixture finds the variational posterior of m components (Bishop 2006, eqs. 10.46-10.67) from a first assignment of
// the rows. alpha is the Dirichlet prior of each component's share.
func fitMixture(rows [][]float64, assigned []int, m int, prior Prior, alpha float64) ([]component, error) {
	n := len(rows)
	shares := make([][]float64, n)
	for i := range shares {
		shares[i] = make([]float64, m)
		shares[i][assigned[i]] = 1
	}
	var mix []component
	for range mixtureRounds {
		var err error
		if mix, err = posterior(rows, shares, m, prior, alpha); err != nil {
			return nil, err
		}
		if m == 1 || respond(rows, shares, mix) < mixtureTol {
			break
		}
	}
	return mix, nil
}

// posterior is the M step: each component learns from its share in each row.
func posterior(rows, shares [][]float64, m int, prior Prior, alpha float64) ([]component, error) {
	p := len(prior.Mean)
	mix := make([]component, m)
	d := make([]float64, p)
	for j := range mix {
		g := group{mean: make([]float64, p), scatter: make([]float64, p*p)}
		for i, r := range rows {
			g.n += shares[i][j]
			for k, v := range r {
				g.mean[k] += shares[i][j] * v
			}
		}
		for k := range g.mean {
			if g.n > 0 {
				g.mean[k] /= g.n
			}
		}
		for i, r := range rows {
			w := shares[i][j]
			if w == 0 {
				continue
			}
			for k, v := range r {
				d[k] = v - g.mean[k]
			}
			for a, v := range d {
				for b := a; b < p; b++ {
					g.scatter[a*p+b] += w * v * d[b]
				}
			}
		}
		psi := mat.DenseCopyOf(prior.Psi).RawMatrix().Data
		c := component{normal: g.into(psi, prior), alpha: alpha + g.n, nu: prior.Nu + g.n}
		if c.root = newRoot(psi, p); c.root == nil {
			return nil, dataErrorf("the scatter of a component is not positive definite")
		}
		mix[j] = c
	}
	return mix, nil
}

// respond is the E step: the shares of the components in each row. It returns by how much one of them moved most.
func respond(rows, shares [][]float64, mix []component) float64 {
	p := len(rows[0])
	total := 0.0
	for _, c := range mix {
		total += c.alpha
	}
	fixed := make([]float64, len(mix))
	for j, c := range mix {
		// E[log π] + ½·E[log |Λ|] - ½·p/κ, without what all components share.
		fixed[j] = mathext.Digamma(c.alpha) - mathext.Digamma(total) - c.root.logDet(p)/2 - float64(p)/(2*c.kappa)
		for i := range p {
			fixed[j] += mathext.Digamma((c.nu-float64(i))/2) / 2
		}
	}
	tmp, next := make([]float64, p), make([]float64, len(mix))
	moved := 0.0
	for i, r := range rows {
		sum := math.Inf(-1)
		for j := range mix {
			c := &mix[j]
			for k, v := range r {
				tmp[k] = v - c.mean[k]
			}
			next[j] = fixed[j] - c.nu*c.root.square(tmp)/2
			sum = logAdd(sum, next[j])
		}
		for j, v := range next {
			v = math.Exp(v - sum)
			moved = max(moved, math.Abs(v-shares[i][j]))
			shares[i][j] = v
		}
	}
	return moved
}
