package riemann

import (
	"fmt"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
)

// MDM classifies a covariance by its distances to the geometric mean of each class. It is immutable and safe for
// concurrent use.
type MDM struct {
	means []*mat.SymDense
	inv   []*mat.Dense
	pool  *sync.Pool
}

// FitMDM fits the class means. labels are class indices from 0; each class below classes has at least one matrix.
func FitMDM(covs []*mat.SymDense, labels []int, classes int) (*MDM, error) {
	groups, err := byClass(covs, labels, classes)
	if err != nil {
		return nil, err
	}
	means := make([]*mat.SymDense, classes)
	for k, g := range groups {
		if means[k], err = Mean(g, nil); err != nil {
			return nil, fmt.Errorf("class %d: %w", k, err)
		}
	}
	return NewMDM(means)
}

// NewMDM returns a classifier with the given class means, all positive definite.
func NewMDM(means []*mat.SymDense) (*MDM, error) {
	if len(means) < 2 {
		return nil, fmt.Errorf("%w: %d class means, need at least 2", ErrLabels, len(means))
	}
	n := means[0].SymmetricDim()
	m := &MDM{pool: &sync.Pool{New: func() any { return newDistance(n) }}}
	half := mat.NewSymDense(n, nil)
	for k, c := range means {
		if err := InvSqrtm(half, c); err != nil {
			return nil, fmt.Errorf("mean of class %d: %w", k, err)
		}
		kept := mat.NewSymDense(n, nil)
		kept.CopySym(c)
		m.means = append(m.means, kept)
		m.inv = append(m.inv, full(half))
	}
	return m, nil
}

func byClass(covs []*mat.SymDense, labels []int, classes int) ([][]*mat.SymDense, error) {
	if classes < 2 {
		return nil, fmt.Errorf("%w: %d classes, need at least 2", ErrLabels, classes)
	}
	if len(labels) != len(covs) {
		return nil, fmt.Errorf("%w: %d labels for %d matrices", ErrLabels, len(labels), len(covs))
	}
	groups := make([][]*mat.SymDense, classes)
	for i, l := range labels {
		if l < 0 || l >= classes {
			return nil, fmt.Errorf("%w: label %d of matrix %d is not between 0 and %d", ErrLabels, l, i, classes-1)
		}
		groups[l] = append(groups[l], covs[i])
	}
	for k, g := range groups {
		if len(g) == 0 {
			return nil, fmt.Errorf("%w: class %d has no matrix", ErrLabels, k)
		}
	}
	return groups, nil
}

// Classes returns the number of classes.
func (m *MDM) Classes() int { return len(m.means) }

// Means returns copies of the class means.
func (m *MDM) Means() []*mat.SymDense {
	out := make([]*mat.SymDense, len(m.means))
	for i, c := range m.means {
		out[i] = mat.NewSymDense(c.SymmetricDim(), nil)
		out[i].CopySym(c)
	}
	return out
}

// Distances writes the Riemannian distance of the positive definite c to each class mean to dst and returns it;
// nil is allocated.
func (m *MDM) Distances(dst []float64, c *mat.SymDense) ([]float64, error) {
	if dst == nil {
		dst = make([]float64, len(m.means))
	}
	if len(dst) != len(m.means) {
		panic(mat.ErrShape)
	}
	w := m.pool.Get().(*distance)
	defer m.pool.Put(w)
	for k, inv := range m.inv {
		d, err := w.whitened(inv.RawMatrix(), c)
		if err != nil {
			return nil, err
		}
		dst[k] = d
	}
	return dst, nil
}

// Probabilities writes softmax(-d²) of the distances of c to dst and returns it; nil is allocated. They sum to 1 but
// are not calibrated.
func (m *MDM) Probabilities(dst []float64, c *mat.SymDense) ([]float64, error) {
	dst, err := m.Distances(dst, c)
	if err != nil {
		return nil, err
	}
	for k, d := range dst {
		dst[k] = -d * d
	}
	return classify.Softmax(dst, dst), nil
}

// FgMDM is MDM after geodesic filtering: tangent vectors are projected on the span of the discriminant directions of
// a shrinkage LDA and mapped back. It is immutable and safe for concurrent use.
type FgMDM struct {
	ts     *TangentSpace
	filter *mat.Dense // Dim × Dim projection
	mdm    *MDM
}

// FitFgMDM fits the tangent space, the filter and the class means; labels as for [FitMDM], and at least two matrices
// a class.
func FitFgMDM(covs []*mat.SymDense, labels []int, classes int) (*FgMDM, error) {
	if _, err := byClass(covs, labels, classes); err != nil {
		return nil, err
	}
	ts, err := FitTangentSpace(covs)
	if err != nil {
		return nil, err
	}
	x, err := ts.ProjectAll(covs)
	if err != nil {
		return nil, err
	}
	lda, err := classify.FitLDA(x, labels, classes, classify.LDAConfig{})
	if err != nil {
		return nil, err
	}
	// Orthogonal projection on the rows of the coefficients: Vᵀ·V over their right singular vectors.
	coef := lda.Coef
	if classes == 2 {
		diff := mat.NewDense(1, ts.Dim(), nil)
		for j := range ts.Dim() {
			diff.Set(0, j, coef.At(1, j)-coef.At(0, j))
		}
		coef = diff
	}
	var svd mat.SVD
	if !svd.Factorize(coef, mat.SVDThin) {
		return nil, fmt.Errorf("%w: the discriminant directions have no singular values", ErrData)
	}
	var v mat.Dense
	svd.VTo(&v)
	// Equal classes leave one direction less; the mean's own tolerance of 1e-8 keeps it from being exactly zero.
	rank := svd.Rank(1e-6)
	if rank == 0 {
		return nil, fmt.Errorf("%w: the classes do not differ", ErrData)
	}
	vr := v.Slice(0, ts.Dim(), 0, rank)
	f := &FgMDM{ts: ts, filter: new(mat.Dense)}
	f.filter.Mul(vr, vr.T())
	filtered := make([]*mat.SymDense, len(covs))
	for i := range covs {
		filtered[i] = mat.NewSymDense(ts.n, nil)
		if err := f.apply(filtered[i], x.RawRowView(i)); err != nil {
			return nil, fmt.Errorf("matrix %d: %w", i, err)
		}
	}
	if f.mdm, err = FitMDM(filtered, labels, classes); err != nil {
		return nil, err
	}
	return f, nil
}

// NewFgMDM restores a classifier from what [FgMDM.Parts] returned.
func NewFgMDM(reference *mat.SymDense, filter *mat.Dense, means []*mat.SymDense) (*FgMDM, error) {
	ts, err := NewTangentSpace(reference)
	if err != nil {
		return nil, err
	}
	if r, c := filter.Dims(); r != ts.Dim() || c != ts.Dim() {
		panic(mat.ErrShape)
	}
	mdm, err := NewMDM(means)
	if err != nil {
		return nil, err
	}
	return &FgMDM{ts: ts, filter: mat.DenseCopyOf(filter), mdm: mdm}, nil
}

// Parts returns copies of all that was fitted: the reference of the tangent space, the projection of tangent vectors
// (Dim × Dim) and the class means.
func (f *FgMDM) Parts() (reference *mat.SymDense, filter *mat.Dense, means []*mat.SymDense) {
	return f.ts.Reference(), mat.DenseCopyOf(f.filter), f.mdm.Means()
}

func (f *FgMDM) apply(dst *mat.SymDense, v []float64) error {
	var p mat.VecDense
	p.MulVec(f.filter, mat.NewVecDense(len(v), v))
	return f.ts.Unproject(dst, p.RawVector().Data)
}

// Filter writes the filtered c to dst.
func (f *FgMDM) Filter(dst, c *mat.SymDense) error {
	v, err := f.ts.Project(nil, c)
	if err != nil {
		return err
	}
	return f.apply(dst, v)
}

// Distances writes the distance of the filtered c to each class mean to dst and returns it; nil is allocated.
func (f *FgMDM) Distances(dst []float64, c *mat.SymDense) ([]float64, error) {
	y := mat.NewSymDense(f.ts.n, nil)
	if err := f.Filter(y, c); err != nil {
		return nil, err
	}
	return f.mdm.Distances(dst, y)
}

// Probabilities writes softmax(-d²) to dst and returns it; see [MDM.Probabilities].
func (f *FgMDM) Probabilities(dst []float64, c *mat.SymDense) ([]float64, error) {
	y := mat.NewSymDense(f.ts.n, nil)
	if err := f.Filter(y, c); err != nil {
		return nil, err
	}
	return f.mdm.Probabilities(dst, y)
}
