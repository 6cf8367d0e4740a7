package features

import (
	"math"

	"github.com/neurod/neurod/decoders/internal/vector"
)

const (
	// holdSeconds is the shortest stay on a rail that counts: three samples at 250 Hz.
	holdSeconds = 0.012
	// mostClipped is the share of a window that may lie on a rail.
	mostClipped = 0.01
)

// holdSamples returns the shortest stay in samples. Two equal samples at a peak are usual where samples are whole numbers.
func holdSamples(rate float64) int { return max(3, int(math.Round(holdSeconds*rate))) }

// Clipped reports whether more than 1 % of a window lies on the amplifier's rails. lo and hi are its extremes.
func Clipped(x []float64, lo, hi, rate float64) bool {
	return clippedShare(x, lo, hi, holdSamples(rate)) > mostClipped
}

// clippedShare returns the share of samples that an amplifier held at one of the two extremes, lo and hi, for at least hold
// samples in a row.
//
// Samples that are whole numbers of a coarse step stay on the top of every slow wave too, because the wave is flat there. What
// tells the two apart is how the curve comes and goes. Near its top a wave is a parabola: four steps below the top it is twice
// as wide as one step below. A rail cuts the wave where it is steep, so that it is hardly wider four steps below.
func clippedShare(x []float64, lo, hi float64, hold int) float64 {
	if lo == hi {
		return 1
	}
	if vector.Count(x, lo, hi) < hold { // as in nearly every window
		return 0
	}
	count, quantum := 0, 0.0
	for i := 0; i < len(x); {
		if x[i] != lo && x[i] != hi {
			i++
			continue
		}
		end := i + 1
		for end < len(x) && x[end] == x[i] {
			end++
		}
		if n := end - i; n >= hold {
			if quantum == 0 {
				quantum = smallestStep(x)
			}
			if cut(x, i, end, 4*quantum) {
				count += n
			}
		}
		i = end
	}
	return float64(count) / float64(len(x))
}

// cut reports whether the curve reaches the segment from to end (exclusive), at an extreme, on a slope: it is not half as wide
// again at the given depth. A segment that begins and ends with the window was held.
func cut(x []float64, from, end int, depth float64) bool {
	level, flanks, sides := x[from], 0, 0
	for i := from - 1; i >= 0; i-- {
		if math.Abs(x[i]-level) >= depth {
			flanks, sides = flanks+from-1-i, sides+1
			break
		}
	}
	for i := end; i < len(x); i++ {
		if math.Abs(x[i]-level) >= depth {
			flanks, sides = flanks+i-end, sides+1
			break
		}
	}
	if sides == 0 {
		return true
	}
	return float64(2*flanks)/float64(sides) < 0.5*float64(end-from)
}

// smallestStep returns the smallest difference between neighbours that is not 0.
func smallestStep(x []float64) float64 {
	q := math.Inf(1)
	for i := 1; i < len(x); i++ {
		if d := math.Abs(x[i] - x[i-1]); d > 0 && d < q {
			q = d
		}
	}
	return q
}
