package science

import (
	"github.com/neurod/neurod/decoders/causal"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/live"
)

// NewFilter returns a filter of live samples. Errors: *eeg.FilterFault.
func NewFilter(f eeg.Filters, rateHz float64, channels int) (live.Filter, error) {
	return causal.New(f, rateHz, channels)
}
