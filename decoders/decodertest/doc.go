// Package decodertest is the one conformance suite that every decoder of the catalog passes.
//
// A decoder's own tests say that it is right; this suite says that it keeps the contract of package decoders:
// well-formed answers, the same answer to the last bit for the same input, an input that is left alone, an
// *Error with a stable code for whatever bad data is thrown at it, safe sharing between goroutines, memory that
// does not grow with the number of calls, and, for trained decoders, a state that restores bit for bit and is
// refused when it was damaged.
//
// Each property is a function from a [Case] to an error, so that the suite itself is tested: its own tests break
// a decoder in one way at a time and require that the property notices.
//
// Use it as
//
//	decodertest.Run(t, decodertest.Case{Decoder: d, Pipeline: p, Valid: makeInput})
//
// and, for fuzzing, decodertest.Fuzz with the same case.
package decodertest

import (
	"context"
	"testing"

	"github.com/neurod/neurod/decoders"
)

// Case is one decoder under test.
type Case struct {
	// Decoder is the decoder under test.
	Decoder decoders.Decoder
	// Pipeline made the decoder. Required when Decoder is a decoders.Trained, else left nil.
	Pipeline decoders.Pipeline
	// Valid returns an input that the decoder must answer. Each call makes a new one that shares no memory with
	// earlier ones; equal seeds give equal inputs.
	Valid func(seed uint64) *decoders.Input
	// Calls is the number of calls between two measurements of memory. Defaults to 24.
	Calls int
	// Goroutines is how many goroutines share the decoder. Defaults to 8.
	Goroutines int
}

// check is one property of the contract.
type check struct {
	name string
	run  func(ctx context.Context, c Case) error
}

// checks lists the suite in the order it runs.
var checks = []check{
	{"info", checkInfo},
	{"valid input is answered", checkValid},
	{"same bits again", checkDeterminism},
	{"input is left alone", checkInputKept},
	{"montage is matched by name", checkMontage},
	{"bad input", checkBadInput},
	{"cancelled context", checkCancelled},
	{"shared by goroutines", checkConcurrent},
	{"memory is steady", checkMemory},
	{"state restores", checkState},
	{"damaged state is refused", checkDamagedState},
	{"learns one trial more", checkUpdate},
}

// Run holds the decoder of c to the contract, one subtest a property.
func Run(t *testing.T, c Case) {
	t.Helper()
	c = c.withDefaults()
	if c.Decoder == nil || c.Valid == nil {
		t.Fatal("decodertest: Case needs a Decoder and Valid")
	}
	for _, p := range checks {
		t.Run(p.name, func(t *testing.T) {
			if err := p.run(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
}

func (c Case) withDefaults() Case {
	if c.Calls <= 0 {
		c.Calls = 24
	}
	if c.Goroutines <= 0 {
		c.Goroutines = 8
	}
	return c
}
