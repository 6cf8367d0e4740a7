package bayes

import (
	"errors"
	"fmt"
	"math"
)

// ErrData is wrapped by errors about data that no posterior can be had from.
var ErrData = errors.New("bayes: unusable data")

func dataErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrData, fmt.Sprintf(format, args...))
}

// root is the upper triangular Cholesky factor U of a positive definite Ψ = UᵀU, p × p in row-major order, zero below
// the diagonal.
type root []float64

// newRoot factors psi (p × p, of which the upper triangle is read). It is nil where psi is not positive definite.
func newRoot(psi []float64, p int) root {
	u := make(root, p*p)
	for i := range p {
		copy(u[i*p+i:(i+1)*p], psi[i*p+i:(i+1)*p])
	}
	for k := range p {
		row := u[k*p : (k+1)*p]
		if s := row[k]; !(s > 0) || math.IsInf(s, 0) {
			return nil
		}
		row[k] = math.Sqrt(row[k])
		for j := k + 1; j < p; j++ {
			row[j] /= row[k]
		}
		for i := k + 1; i < p; i++ {
			f, rest := row[i], u[i*p+i:(i+1)*p]
			for j, v := range row[i:] {
				rest[j] -= f * v
			}
		}
	}
	return u
}

// add makes the factor that of Ψ + vvᵀ and overwrites v.
func (u root) add(v []float64) {
	p := len(v)
	for k := range p {
		row := u[k*p : (k+1)*p]
		r := math.Hypot(row[k], v[k])
		c, s := r/row[k], v[k]/row[k]
		row[k] = r
		for j := k + 1; j < p; j++ {
			row[j] = (row[j] + s*v[j]) / c
			v[j] = c*v[j] - s*row[j]
		}
	}
}

// whiten turns d into U⁻ᵀd, whose squared length is dᵀΨ⁻¹d.
func (u root) whiten(d []float64) {
	p := len(d)
	for i := range p {
		row := u[i*p : (i+1)*p]
		d[i] /= row[i]
		z, rest := d[i], d[i+1:]
		for j, v := range row[i+1:] {
			rest[j] -= v * z
		}
	}
}

// square returns dᵀΨ⁻¹d and overwrites d.
func (u root) square(d []float64) float64 {
	u.whiten(d)
	sum := 0.0
	for _, z := range d {
		sum += z * z
	}
	return sum
}

// logDet returns log |Ψ|.
func (u root) logDet(p int) float64 {
	sum := 0.0
	for i := range p {
		sum += math.Log(u[i*p+i])
	}
	return 2 * sum
}

// valid reports whether numbers that were read from a file are a factor.
func (u root) valid(p int) error {
	for i := range p {
		for j := range i {
			if u[i*p+j] != 0 {
				return dataErrorf("the factor is not upper triangular at %d, %d", i, j)
			}
		}
		// The smallest square that is still a normal number of full precision.
		if !(u[i*p+i] > 1e-150) {
			return dataErrorf("the factor has %v on its diagonal at %d", u[i*p+i], i)
		}
	}
	return nil
}

// normal is a normal-inverse-Wishart posterior without its scatter, which LDA shares.
type normal struct {
	mean  []float64
	kappa float64
}

// learn adds a sample of the given weight to the posterior: it moves the mean and adds the sample's part to u. tmp has
// the length of x.
func (n *normal) learn(u root, x []float64, weight float64, tmp []float64) {
	share := weight / (n.kappa + weight)
	size := math.Sqrt(n.kappa * share)
	for i, v := range x {
		d := v - n.mean[i]
		tmp[i] = size * d
		n.mean[i] += share * d
	}
	n.kappa += weight
	u.add(tmp)
}

// studentT is what the logarithm of the predictive density needs besides the distance of a sample.
type studentT struct {
	constant float64 // log density at the mean
	power    float64 // (ν+1)/2
	shrink   float64 // κ/(κ+1)
}

func newStudentT(p int, kappa, nu, logDet float64) studentT {
	top, _ := math.Lgamma((nu + 1) / 2)
	bottom, _ := math.Lgamma((nu - float64(p) + 1) / 2)
	return studentT{
		constant: top - bottom - float64(p)/2*(math.Log(math.Pi)+math.Log1p(1/kappa)) - logDet/2,
		power:    (nu + 1) / 2,
		shrink:   kappa / (kappa + 1),
	}
}

// log returns the log density at squared distance dᵀΨ⁻¹d.
func (t studentT) log(square float64) float64 {
	return t.constant - t.power*math.Log1p(t.shrink*square)
}
