package p300

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/riemann"
)

// XDAWNByClass are xDAWN filters for each kind of flash by itself, as pyRiemann's Xdawn has them: from the mean epoch of
// the kind instead of the overlap-free estimate of [XDAWN].
type XDAWNByClass struct {
	Filters   *mat.Dense // components × channels: those of other flashes, then those of targets; unit length
	Prototype *mat.Dense // components × bins, the mean epoch of each kind through its own filters
}

// FitXDAWNByClass finds at most components filters for each kind of flash: eigenvectors of C·w = λ·C₀·w with the largest
// λ, where C is the covariance of the kind's mean epoch and C₀ that of all epochs in a row. They are cut to the rank of
// the channels. The entry of a filter that is largest in size is positive.
func FitXDAWNByClass(epochs []Epoch, components int) (*XDAWNByClass, error) {
	if len(epochs) == 0 {
		return nil, fmt.Errorf("xdawn: no epochs")
	}
	c, b := epochs[0].Data.Dims()
	all := mat.NewDense(c, b*len(epochs), nil)
	var means [2]*mat.Dense
	var counts [2]float64
	for k := range means {
		means[k] = mat.NewDense(c, b, nil)
	}
	for i, e := range epochs {
		all.Slice(0, c, i*b, (i+1)*b).(*mat.Dense).Copy(e.Data)
		k := 0
		if e.Target {
			k = 1
		}
		means[k].Add(means[k], e.Data)
		counts[k]++
	}
	power := mat.NewSymDense(c, nil)
	if err := riemann.SCM(power, all); err != nil {
		return nil, fmt.Errorf("xdawn: %w", err)
	}
	white, err := riemann.Whitener(power, rankTol)
	if err != nil {
		return nil, fmt.Errorf("xdawn: %w", err)
	}
	rank, _ := white.Dims()
	kept := min(components, rank)
	out := &XDAWNByClass{Filters: mat.NewDense(2*kept, c, nil), Prototype: mat.NewDense(2*kept, b, nil)}
	for k, mean := range means {
		if counts[k] == 0 {
			return nil, fmt.Errorf("xdawn: all %d epochs are of one kind", len(epochs))
		}
		mean.Scale(1/counts[k], mean)
		evoked, inner := mat.NewSymDense(c, nil), mat.NewSymDense(rank, nil)
		if err := riemann.SCM(evoked, mean); err != nil {
			return nil, fmt.Errorf("xdawn: %w", err)
		}
		riemann.Congruence(inner, white, evoked)
		var eig mat.EigenSym
		if !eig.Factorize(inner, true) {
			return nil, fmt.Errorf("xdawn: eigenvalues did not converge")
		}
		var vectors mat.Dense
		eig.VectorsTo(&vectors)
		own := out.Filters.Slice(k*kept, (k+1)*kept, 0, c).(*mat.Dense)
		own.Mul(vectors.Slice(0, rank, rank-kept, rank).T(), white)
		reverse(own)
		for i := range kept {
			unit(own.RawRowView(i))
		}
		out.Prototype.Slice(k*kept, (k+1)*kept, 0, b).(*mat.Dense).Mul(own, mean)
	}
	return out, nil
}

// reverse turns the order of the rows around: eigenvalues ascend.
func reverse(m *mat.Dense) {
	r, c := m.Dims()
	tmp := make([]float64, c)
	for i := range r / 2 {
		a, b := m.RawRowView(i), m.RawRowView(r-1-i)
		copy(tmp, a)
		copy(a, b)
		copy(b, tmp)
	}
}

// unit scales w to length 1 with its largest entry positive.
func unit(w []float64) {
	sum, largest := 0.0, 0.0
	for _, v := range w {
		sum += v * v
		if math.Abs(v) > math.Abs(largest) {
			largest = v
		}
	}
	k := math.Copysign(1/math.Sqrt(sum), largest)
	for i := range w {
		w[i] *= k
	}
}
