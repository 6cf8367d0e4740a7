package bayes_test

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/bayes"
)

// A classifier of two features learns from one more example of a class, and leaves the one that it was made from as it was.
func ExampleLDA_Update() {
	x := mat.NewDense(6, 2, []float64{0, 0, 1, 0, 0, 1, 4, 4, 5, 4, 4, 5})
	first, err := bayes.TrainLDA(x, []int{0, 0, 0, 1, 1, 1}, 2)
	if err != nil {
		panic(err)
	}
	between := []float64{2.4, 2.4}
	second, err := first.Update([]float64{2, 2}, 0)
	if err != nil {
		panic(err)
	}
	for _, model := range []*bayes.LDA{first, second} {
		var log [2]float64
		model.LogDensities(log[:], between)
		fmt.Printf("odds of the second class: %.2f\n", math.Exp(log[1]-log[0]))
	}
	// Output:
	// odds of the second class: 1.30
	// odds of the second class: 0.84
}
