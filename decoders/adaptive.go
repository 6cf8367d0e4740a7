package decoders

import "context"

// Adaptive is a trained decoder that keeps learning from labelled trials, one at a time.
//
// What a decoder learned at once and what it learned trial by trial is the same; see package bayes.
type Adaptive interface {
	Trained
	// Update returns a decoder that has also learned that the answer to in is label, one of the names that Decode gives
	// for it. The receiver does not change and in is not kept. What cannot be learned from is an *Error, as in Decode.
	Update(ctx context.Context, in *Input, label string) (Adaptive, error)
}
