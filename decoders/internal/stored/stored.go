// Package stored reads and writes the arrays of a decoder's state.
//
// Whatever a state may hold, reading it gives numbers of the shape asked for or an error of the code
// model_incompatible that names the array; nothing that is read or written shares memory with the state.
package stored

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
)

// Largest bounds what a trained decoder holds. µV to the power of -1 and classifiers on logarithms stay far below;
// beyond it sums of products could overflow.
const Largest = 1e60

// Options reads the options of a pipeline, which are JSON or nothing, over the defaults that cfg points to. A key that cfg does not have is an error.
func Options(raw json.RawMessage, cfg any) error {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(cfg); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("options: more than one JSON value")
	}
	return nil
}

// Array returns a copy of a state's array after holding it to its shape.
func Array(st decoders.State, name string, shape ...int) ([]float64, error) {
	a, ok := st.Arrays[name]
	if !ok {
		return nil, incompatible("array %q is missing", name)
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	if !slices.Equal(a.Shape, shape) || len(a.Data) != n {
		return nil, incompatible("array %q has shape %v and %d numbers, want %v", name, a.Shape, len(a.Data), shape)
	}
	for i, v := range a.Data {
		if !(math.Abs(v) <= Largest) {
			return nil, incompatible("array %q holds %v at %d", name, v, i)
		}
	}
	return slices.Clone(a.Data), nil
}

// Symmetric returns a symmetric n × n array.
func Symmetric(st decoders.State, name string, n int) (*mat.SymDense, error) {
	a, err := Array(st, name, n, n)
	if err != nil {
		return nil, err
	}
	return symmetric(a, name, n)
}

// Symmetrics returns an array of count symmetric n × n matrices.
func Symmetrics(st decoders.State, name string, count, n int) ([]*mat.SymDense, error) {
	a, err := Array(st, name, count, n, n)
	if err != nil {
		return nil, err
	}
	out := make([]*mat.SymDense, count)
	for k := range out {
		if out[k], err = symmetric(a[k*n*n:(k+1)*n*n], name, n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func symmetric(a []float64, name string, n int) (*mat.SymDense, error) {
	for i := range n {
		for j := range i {
			if a[i*n+j] != a[j*n+i] {
				return nil, incompatible("array %q is not symmetric at %d, %d", name, i, j)
			}
		}
	}
	return mat.NewSymDense(n, a), nil
}

// Vector is the array of a list of numbers.
func Vector(x ...float64) decoders.Array {
	return decoders.Array{Shape: []int{len(x)}, Data: slices.Clone(x)}
}

// Matrix is the array of a matrix, its symmetric kind included.
func Matrix(m mat.Matrix) decoders.Array {
	r, c := m.Dims()
	return decoders.Array{Shape: []int{r, c}, Data: mat.DenseCopyOf(m).RawMatrix().Data}
}

// Matrices is the array of matrices of one shape, of which there is at least one.
func Matrices[M mat.Matrix](list []M) decoders.Array {
	r, c := list[0].Dims()
	a := decoders.Array{Shape: []int{len(list), r, c}, Data: make([]float64, 0, len(list)*r*c)}
	for _, m := range list {
		a.Data = append(a.Data, mat.DenseCopyOf(m).RawMatrix().Data...)
	}
	return a
}

func incompatible(format string, args ...any) error {
	return decoders.Errorf(decoders.CodeModelIncompatible, nil, format, args...)
}
