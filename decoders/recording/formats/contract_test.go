package formats_test

import (
	"testing"

	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

func TestEveryReaderKeepsTheContract(t *testing.T) {
	// Not parallel: it looks at the allocations of the whole program.
	for _, r := range formats.Table() {
		readertest.Conform(t, r)
	}
}
