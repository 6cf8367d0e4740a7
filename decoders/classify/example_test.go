package classify_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
)

// A shrinkage LDA of four samples with two features.
func Example() {
	x := mat.NewDense(4, 2, []float64{
		1, 10,
		2, 12,
		5, 11,
		6, 13,
	})
	lda, err := classify.FitLDA(x, []int{0, 0, 1, 1}, 2, classify.LDAConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(lda.Predict([]float64{1.5, 11}), lda.Predict([]float64{5.5, 12}))
	// Output: 0 1
}
