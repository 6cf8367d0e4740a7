package riemann

import (
	"fmt"
	"math"
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
	return FitMDMTo(covs, labels, classes, meanTol)
}

// FitMDMTo is [FitMDM] with class means to a coarser tolerance than the 1e-8 of [Mean], where speed counts for more
// than the last digits.
func FitMDMTo(covs []*mat.SymDense, labels []int, classes int, tol float64) (*MDM, error) {
	groups, err := byClass(covs, labels, classes)
	if err != nil {
		return nil, err
	}
	means := make([]*mat.SymDense, classes)
	for k, g := range groups {
		if means[k], err = mean(g, nil, tol); err != nil {
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
	ts    *TangentSpace
	basis *mat.Dense // directions × Dim, orthonormal rows
	mdm   *MDM
	// along holds the class means on the only direction of two classes. Matrices on one geodesic commute at the
	// reference, so there the mean is that of the coordinates and the distance their difference.
	along []float64
	pool  *sync.Pool
}

// geodesicWork is the memory of one filtering.
type geodesicWork struct {
	vector, coordinates []float64
	filtered            *mat.SymDense
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
	return FitFgMDMAt(ts, x, labels, classes)
}

// FitFgMDMAt is [FitFgMDM] in a tangent space that is there already, for matrices with the tangent vectors x
// (matrices × Dim).
func FitFgMDMAt(ts *TangentSpace, x *mat.Dense, labels []int, classes int) (*FgMDM, error) {
	if _, c := x.Dims(); c != ts.Dim() {
		panic(mat.ErrShape)
	}
	basis, err := discriminants(x, labels, classes)
	if err != nil {
		return nil, err
	}
	f := newFgMDM(ts, basis)
	n, _ := x.Dims()
	rank, _ := basis.Dims()
	var y mat.Dense // matrices × directions
	y.Mul(x, basis.T())
	if rank == 1 {
		along, counts := make([]float64, classes), make([]float64, classes)
		for i, l := range labels {
			along[l] += y.At(i, 0)
			counts[l]++
		}
		means := make([]*mat.SymDense, classes)
		for k := range along {
			along[k] /= counts[k]
			means[k] = mat.NewSymDense(ts.n, nil)
			if err := f.back(means[k], along[k:k+1], make([]float64, ts.Dim())); err != nil {
				return nil, fmt.Errorf("mean of class %d: %w", k, err)
			}
		}
		return f, f.setMeans(means)
	}
	filtered := make([]*mat.SymDense, n)
	v := make([]float64, ts.Dim())
	for i := range filtered {
		filtered[i] = mat.NewSymDense(ts.n, nil)
		if err := f.back(filtered[i], y.RawRowView(i), v); err != nil {
			return nil, fmt.Errorf("matrix %d: %w", i, err)
		}
	}
	mdm, err := FitMDM(filtered, labels, classes)
	if err != nil {
		return nil, err
	}
	return f, f.setMeans(mdm.Means())
}

// discriminants returns orthonormal rows that span the discriminant directions of a shrinkage LDA of x.
func discriminants(x *mat.Dense, labels []int, classes int) (*mat.Dense, error) {
	n, dim := x.Dims()
	var coef *mat.Dense
	if dim > 2*n {
		lda, err := classify.FitWideLDA(x, labels, classes)
		if err != nil {
			return nil, err
		}
		coef = lda.Coef
	} else {
		lda, err := classify.FitLDA(x, labels, classes, classify.LDAConfig{})
		if err != nil {
			return nil, err
		}
		coef = lda.Coef
	}
	if classes == 2 {
		diff := mat.NewDense(1, dim, nil)
		for j := range dim {
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
	return mat.DenseCopyOf(v.Slice(0, dim, 0, rank).T()), nil
}

// NewFgMDM restores a classifier from what [FgMDM.Parts] returned.
func NewFgMDM(reference *mat.SymDense, basis *mat.Dense, means []*mat.SymDense) (*FgMDM, error) {
	ts, err := NewTangentSpace(reference)
	if err != nil {
		return nil, err
	}
	if r, c := basis.Dims(); r < 1 || c != ts.Dim() {
		panic(mat.ErrShape)
	}
	f := newFgMDM(ts, mat.DenseCopyOf(basis))
	if err := f.setMeans(means); err != nil {
		return nil, err
	}
	return f, nil
}

func newFgMDM(ts *TangentSpace, basis *mat.Dense) *FgMDM {
	rank, _ := basis.Dims()
	return &FgMDM{ts: ts, basis: basis, pool: &sync.Pool{New: func() any {
		return &geodesicWork{
			vector: make([]float64, ts.Dim()), coordinates: make([]float64, rank), filtered: mat.NewSymDense(ts.n, nil),
		}
	}}}
}

func (f *FgMDM) setMeans(means []*mat.SymDense) error {
	var err error
	if f.mdm, err = NewMDM(means); err != nil {
		return err
	}
	if rank, _ := f.basis.Dims(); rank > 1 {
		return nil
	}
	f.along = make([]float64, len(means))
	for k, m := range means {
		v, err := f.ts.Project(nil, m)
		if err != nil {
			return fmt.Errorf("mean of class %d: %w", k, err)
		}
		f.along[k] = dot(f.basis.RawRowView(0), v)
	}
	return nil
}

// Parts returns copies of all that was fitted: the reference of the tangent space, the orthonormal directions that
// tangent vectors are projected on (directions × Dim) and the class means.
func (f *FgMDM) Parts() (reference *mat.SymDense, basis *mat.Dense, means []*mat.SymDense) {
	return f.ts.Reference(), mat.DenseCopyOf(f.basis), f.mdm.Means()
}

// Classes returns the number of classes.
func (f *FgMDM) Classes() int { return f.mdm.Classes() }

// project writes the coordinates of c along the directions to w.
func (f *FgMDM) project(w *geodesicWork, c *mat.SymDense) error {
	if _, err := f.ts.Project(w.vector, c); err != nil {
		return err
	}
	for r := range w.coordinates {
		w.coordinates[r] = dot(f.basis.RawRowView(r), w.vector)
	}
	return nil
}

// back writes the matrix with the given coordinates to dst; vector holds Dim numbers.
func (f *FgMDM) back(dst *mat.SymDense, coordinates, vector []float64) error {
	clear(vector)
	for r, y := range coordinates {
		for j, b := range f.basis.RawRowView(r) {
			vector[j] += y * b
		}
	}
	return f.ts.Unproject(dst, vector)
}

// Filter writes the filtered c to dst.
func (f *FgMDM) Filter(dst, c *mat.SymDense) error {
	w := f.pool.Get().(*geodesicWork)
	defer f.pool.Put(w)
	if err := f.project(w, c); err != nil {
		return err
	}
	return f.back(dst, w.coordinates, w.vector)
}

// Distances writes the distance of the filtered c to each class mean to dst and returns it; nil is allocated.
func (f *FgMDM) Distances(dst []float64, c *mat.SymDense) ([]float64, error) {
	w := f.pool.Get().(*geodesicWork)
	defer f.pool.Put(w)
	if err := f.project(w, c); err != nil {
		return nil, err
	}
	return f.distances(dst, w)
}

// DistancesAt is Distances of the matrix with tangent vector v, which is left as it is.
func (f *FgMDM) DistancesAt(dst, v []float64) ([]float64, error) {
	w := f.pool.Get().(*geodesicWork)
	defer f.pool.Put(w)
	for r := range w.coordinates {
		w.coordinates[r] = dot(f.basis.RawRowView(r), v)
	}
	return f.distances(dst, w)
}

func (f *FgMDM) distances(dst []float64, w *geodesicWork) ([]float64, error) {
	if f.along == nil {
		if err := f.back(w.filtered, w.coordinates, w.vector); err != nil {
			return nil, err
		}
		return f.mdm.Distances(dst, w.filtered)
	}
	if dst == nil {
		dst = make([]float64, len(f.along))
	}
	if len(dst) != len(f.along) {
		panic(mat.ErrShape)
	}
	for k, mean := range f.along {
		dst[k] = math.Abs(w.coordinates[0] - mean)
	}
	return dst, nil
}

// Probabilities writes softmax(-d²) to dst and returns it; see [MDM.Probabilities].
func (f *FgMDM) Probabilities(dst []float64, c *mat.SymDense) ([]float64, error) {
	dst, err := f.Distances(dst, c)
	if err != nil {
		return nil, err
	}
	for k, d := range dst {
		dst[k] = -d * d
	}
	return classify.Softmax(dst, dst), nil
}
