package riemann_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/riemann"
)

// The tangent vector of a covariance is as long as its distance to the reference.
func Example() {
	ref := mat.NewSymDense(2, []float64{1, 0, 0, 1})
	c := mat.NewSymDense(2, []float64{4, 0, 0, 0.25})
	d, err := riemann.Distance(ref, c)
	if err != nil {
		fmt.Println(err)
		return
	}
	ts, err := riemann.NewTangentSpace(ref)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := ts.Project(nil, c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("distance %.4f, vector %.4f\n", d, v)
	// Output: distance 1.9605, vector [1.3863 0.0000 -1.3863]
}
