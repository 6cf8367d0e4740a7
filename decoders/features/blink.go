package features

import (
	"math"

	"github.com/neurod/neurod/decoders/dsp"
)

// Blinks last 0.1-0.4 s (Stern, Walrath and Goldstein 1984).
const (
	blinkShortest = 0.1
	blinkLongest  = 0.4
)

// blinkFinder looks for the single-sided wave that a blink leaves on a frontal channel.
type blinkFinder struct {
	rate   float64
	filter *dsp.ZeroPhase // 1-10 Hz; nil where the rate is too low
	y      []float64
	lobes  []lobe
}

// lobe is a stretch of one sign between two zero crossings.
type lobe struct {
	peak     float64 // µV, signed
	at       int     // sample of the peak
	from, to int     // half-open
}

func newBlinkFinder(rate float64, n int) *blinkFinder {
	b := &blinkFinder{rate: rate, y: make([]float64, n), lobes: make([]lobe, 0, n)}
	sos, err := dsp.ButterBandPass(2, 1, min(10, 0.4*rate), rate)
	if err != nil {
		return b // below 2.5 Hz sampling nothing of a blink is left
	}
	b.filter = dsp.NewZeroPhase(sos)
	return b
}

// score returns the score of the most blink-like wave of a detrended window (µV): the peak-to-peak of 1-10 Hz within
// 0.4 s, for waves that are wide enough, short enough, and not part of an oscillation.
func (b *blinkFinder) score(x []float64) float64 {
	if b.filter == nil {
		return 0
	}
	b.filter.Filter(b.y, x)
	b.split()
	best := 0.0
	for i, l := range b.lobes {
		a := math.Abs(l.peak)
		if 2*a <= 75 {
			continue // even mirrored by its neighbour it stays below the ramp
		}
		// The width at half height of a half wave of frequency f is 1/(3f): an alpha wave stays below 0.045 s,
		// a theta wave below 0.085 s.
		if w := b.width(l); w < blinkShortest || w > blinkLongest {
			continue
		}
		// The other side of the wave: the larger of the two neighbours if it comes within 0.4 s.
		other := 0.0
		for _, j := range [2]int{i - 1, i + 1} {
			if j < 0 || j >= len(b.lobes) {
				continue
			}
			if o := b.lobes[j]; math.Abs(float64(o.at-l.at)) <= blinkLongest*b.rate {
				other = max(other, math.Abs(o.peak))
			}
		}
		// Removing what lies below 1 Hz leaves undershoots of up to half the height around a single-sided wave;
		// in an oscillation the neighbours are as high as the wave itself.
		single := ramp(other/a, 0.95, 0.65)
		best = max(best, ramp(a+other, 75, 150)*single)
	}
	return best
}

// split cuts the filtered window at its zero crossings.
func (b *blinkFinder) split() {
	b.lobes = b.lobes[:0]
	cur := lobe{}
	for i, v := range b.y {
		if i > 0 && (v < 0) != (b.y[i-1] < 0) {
			cur.to = i
			b.lobes = append(b.lobes, cur)
			cur = lobe{from: i}
		}
		if math.Abs(v) > math.Abs(cur.peak) {
			cur.peak, cur.at = v, i
		}
	}
	cur.to = len(b.y)
	b.lobes = append(b.lobes, cur)
}

// width returns the time in s that the lobe spends above half its height.
func (b *blinkFinder) width(l lobe) float64 {
	half := math.Abs(l.peak) / 2
	lo, hi := l.at, l.at
	for lo > l.from && math.Abs(b.y[lo-1]) >= half {
		lo--
	}
	for hi+1 < l.to && math.Abs(b.y[hi+1]) >= half {
		hi++
	}
	return float64(hi-lo+1) / b.rate
}
