package catalog_test

import (
	"errors"
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
)

// The catalog picks the model for a paradigm and the channels at hand, and says why no model fits.
func ExampleCatalog_Resolve() {
	cat, err := catalog.Default()
	if err != nil {
		panic(err)
	}
	choice, err := cat.Resolve(catalog.Query{Paradigm: eeg.MotorImagery, Channels: []string{"Fz", "C3", "Cz", "C4", "Pz", "PO7", "Oz", "PO8"}, Rate: 250})
	if err != nil {
		panic(err)
	}
	fmt.Println(choice.Entry.ID(), choice.Entry.Classes)
	_, err = cat.Resolve(catalog.Query{Paradigm: eeg.MotorImagery, Channels: []string{"O1", "O2"}, Rate: 250})
	var fault *decoders.Error
	fmt.Println(errors.As(err, &fault), fault.Code)
	// Output:
	// motor_imagery-left_right-unicorn@1 [left_hand right_hand]
	// true montage_mismatch
}
