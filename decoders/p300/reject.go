package p300

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/quality"
)

// Lengths in s of the windows by whose quality flashes are rejected, one each rejectHop.
const (
	rejectWindow = 2.0
	rejectHop    = 1.0
)

// reject says of each onset in s whether its epoch lies in a window that fails the rule of package quality on the rows of
// the model's channels. Where more than half of the epochs would go nothing is rejected, as there.
func (f *frontend) reject(sig decoders.Signal, onsets []float64, rows []int) (bad []bool, overruled bool) {
	n := sig.Samples()
	size := min(n, int(math.Round(rejectWindow*sig.Rate)))
	hop := rejectHop * sig.Rate
	last := max(0, int(math.Ceil(float64(n-size)/hop)))
	passes := map[int]bool{}
	bad = make([]bool, len(onsets))
	failed := 0
	for i, onset := range onsets {
		// The window whose middle is nearest to the middle of the epoch.
		middle := (onset+f.cfg.End/2)*sig.Rate - float64(size)/2
		k := min(max(int(math.Round(middle/hop)), 0), last)
		ok, seen := passes[k]
		if !seen {
			from := min(int(float64(k)*hop), n-size)
			part := mat.NewDense(len(rows), size, nil)
			for r, row := range rows {
				copy(part.RawRowView(r), sig.Data.RawRowView(row)[from:from+size])
			}
			ok = quality.Passes(decoders.Signal{Data: part, Channels: f.channels, Rate: sig.Rate})
			passes[k] = ok
		}
		if bad[i] = !ok; bad[i] {
			failed++
		}
	}
	if 2*failed > len(onsets) {
		return make([]bool, len(onsets)), true
	}
	return bad, false
}
