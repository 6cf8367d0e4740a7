package classify

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Standardizer brings each feature to mean 0 and standard deviation 1.
type Standardizer struct {
	Mean  []float64
	Scale []float64 // standard deviation with 1/n; 1 for a constant feature
}

// Standardize fits the mean and scale of the features of x (samples × features).
func Standardize(x *mat.Dense) (*Standardizer, error) {
	if x == nil || x.IsEmpty() {
		return nil, dataErrorf("no samples")
	}
	n, p := x.Dims()
	s := &Standardizer{Mean: make([]float64, p), Scale: make([]float64, p)}
	for i := range n {
		for j, v := range x.RawRowView(i) {
			if v-v != 0 {
				return nil, dataErrorf("feature %d of sample %d is %v", j, i, v)
			}
			s.Mean[j] += v
		}
	}
	for j := range s.Mean {
		s.Mean[j] /= float64(n)
	}
	for i := range n {
		for j, v := range x.RawRowView(i) {
			d := v - s.Mean[j]
			s.Scale[j] += d * d
		}
	}
	for j, v := range s.Scale {
		variance := v / float64(n)
		// What is within the rounding error of a sum of n equal numbers counts as constant.
		bound := float64(n)*0x1p-52*variance + math.Pow(float64(n)*s.Mean[j]*0x1p-52, 2)
		if variance <= bound {
			s.Scale[j] = 1
			continue
		}
		s.Scale[j] = math.Sqrt(variance)
	}
	return s, nil
}

// Apply writes the standardized features x to dst, which may be x, and returns it; nil is allocated.
func (s *Standardizer) Apply(dst, x []float64) []float64 {
	if dst == nil {
		dst = make([]float64, len(x))
	}
	if len(x) != len(s.Mean) || len(dst) != len(x) {
		panic(mat.ErrShape)
	}
	for j, v := range x {
		dst[j] = (v - s.Mean[j]) / s.Scale[j]
	}
	return dst
}

// ApplyRows standardizes every row of x (samples × features) in place.
func (s *Standardizer) ApplyRows(x *mat.Dense) {
	for i := range x.RawMatrix().Rows {
		s.Apply(x.RawRowView(i), x.RawRowView(i))
	}
}
