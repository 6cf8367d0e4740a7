package head

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/recording"
)

// The correlation of two electrodes at the distance d on a unit sphere, as a straight line, is everywhere + nearby·exp(-(d/reach)²).
// Measured within 0.05 from 10 to 140° in 8 to 30 Hz of EEGMMIDB, BCI Competition II and exoskeleton recordings, whose channels share a reference.
const (
	everywhere = 0.15
	nearby     = 0.7
	reach      = 1.3
	// unplaced is the correlation of electrodes whose place is not known: that of two in the middle of the range.
	unplaced = 0.4
)

// Correlations returns the correlation that channels with a common reference have by their places alone (channels × channels). It is
// positive definite.
func Correlations(channels []string) *mat.SymDense {
	places, known := make([]Point, len(channels)), make([]bool, len(channels))
	for i, c := range channels {
		places[i], known[i] = Place(recording.CanonicalName(c))
	}
	k := mat.NewSymDense(len(channels), nil)
	for i := range channels {
		k.SetSym(i, i, 1)
		for j := range i {
			r := unplaced
			if known[i] && known[j] {
				d := 2 * math.Sin(places[i].Angle(places[j])/2) / reach
				r = everywhere + nearby*math.Exp(-d*d)
			}
			k.SetSym(i, j, r)
		}
	}
	return k
}
