package language_test

import (
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders/language"
)

func ExampleModel_Predict() {
	fmt.Println(language.English().Predict([]string{"H", "E", "L"}, "P"))
	fmt.Println(language.English().Predict([]string{"I NEED "}, "W"))
	// Output:
	// HELP
	// I NEED WATER
}

func ExampleModel_Complete() {
	for _, c := range language.English().Complete("please turn on the li", 2) {
		fmt.Printf("%s %.2f\n", c.Word, c.Probability)
	}
	// Output:
	// light 0.71
	// little 0.10
}

func ExampleModel_Prior() {
	prior := language.English().Prior([]string{"W", "A", "T"})
	fmt.Printf("E %.2f, C %.2f\n", math.Exp(prior("E")), math.Exp(prior("C")))
	// Output: E 0.67, C 0.20
}
