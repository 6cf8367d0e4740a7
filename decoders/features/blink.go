package features

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/dsp"
)

// Blinks last 0.1-0.4 s (Stern, Walrath and Goldstein 1984).
const (
	blinkShortest = 0.1
	blinkLongest  = 0.4
	// blinkPadding is what the filter sees beyond the edges of the window, in s.
	blinkPadding = 0.25
)

// blinkFinder looks for the single-sided wave that a blink leaves on a frontal channel.
type blinkFinder struct {
	rate   float64
	filter *dsp.ZeroPhase        // 1-10 Hz; nil where the rate is too low
	mains  []period              // of 50 and 60 Hz
	bands  [groupSize]*mat.Dense // the filtered windows of one channel, of two, ...: the same memory
	found  []float64             // what scores returned last
	y, tmp []float64
	lobes  []lobe
}

// lobe is a segment of one sign between two zero crossings.
type lobe struct {
	peak     float64 // µV, signed
	at       int     // sample of the peak
	from, to int     // half-open
}

func newBlinkFinder(rate float64, n int) *blinkFinder {
	b := &blinkFinder{rate: rate, tmp: make([]float64, n), lobes: make([]lobe, 0, n)}
	memory := make([]float64, groupSize*n)
	for k := range b.bands {
		b.bands[k] = mat.NewDense(k+1, n, memory[:(k+1)*n])
	}
	sos, err := dsp.ButterBandPass(2, 1, min(10, 0.4*rate), rate)
	if err != nil {
		return b // below 2.5 Hz sampling nothing of a blink is left
	}
	b.filter = dsp.NewZeroPhasePadded(sos, int(math.Round(blinkPadding*rate)))
	for _, f := range [2]float64{50, 60} {
		if p := newPeriod(rate / f); p.half > 0 {
			b.mains = append(b.mains, p)
		}
	}
	return b
}

// scores returns for each of some detrended windows (µV), at most groupSize, the score of its most blink-like wave: the peak-to-peak of 1-10 Hz within
// 0.4 s, for waves that are wide enough, short enough, and not part of an oscillation. They hold until the next call.
func (b *blinkFinder) scores(windows [][]float64) []float64 {
	b.found = b.found[:0]
	if b.filter == nil || len(windows) == 0 {
		return b.found
	}
	// A filter that meets hum at the edge of the window answers with a wave of its own. A mean over one period of the
	// line takes the hum out first; at 10 Hz it costs 6 % of the amplitude.
	band := b.bands[len(windows)-1]
	for k, x := range windows {
		y := band.RawRowView(k)
		copy(y, x)
		for _, p := range b.mains {
			p.smooth(b.tmp, y)
			copy(y, b.tmp)
		}
	}
	b.filter.Rows(band, band)
	for k := range windows {
		b.y = band.RawRowView(k)
		b.found = append(b.found, b.best())
	}
	return b.found
}

// best returns the score of the most blink-like wave of the filtered window at hand.
func (b *blinkFinder) best() float64 {
	b.split()
	best := 0.0
	for i, l := range b.lobes {
		a := math.Abs(l.peak)
		if 2*a <= 75 {
			continue // even mirrored by its neighbour it stays below the ramp
		}
		// A bell that lasts d is d/2 wide at half height. A half wave of f Hz is 1/(3f) wide there, so alpha counts as
		// 0.08 s at most.
		if d := 2 * b.width(l); d < blinkShortest || d > blinkLongest {
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
	return (float64(hi-lo) + b.crossing(lo, lo-1, l, half) + b.crossing(hi, hi+1, l, half)) / b.rate
}

// crossing returns how far, in samples, the curve stays above the height beyond the sample in, which is above, towards the
// sample out, which is not.
func (b *blinkFinder) crossing(in, out int, l lobe, height float64) float64 {
	if out < 0 || out >= len(b.y) {
		return 0
	}
	a, z := math.Abs(b.y[in]), math.Abs(b.y[out])
	if out < l.from || out >= l.to {
		z = -z // the other side of zero
	}
	return (a - height) / (a - z)
}

// period is a time in samples, as a window of an odd number of them whose two ends count in part.
type period struct {
	half int     // full samples on each side of the middle, and one more in part
	end  float64 // weight of that one
}

func newPeriod(samples float64) period {
	if samples < 2 {
		return period{}
	}
	half := int((samples - 1) / 2)
	return period{half: half + 1, end: (samples - 1 - 2*float64(half)) / 2}
}

// smooth writes to dst the mean of one period around each sample of x; at the ends the mean of the first or last period.
func (p period) smooth(dst, x []float64) {
	first, last := p.half, len(x)-1-p.half
	if first > last {
		copy(dst, x)
		return
	}
	inner := p.half - 1
	sum := 0.0
	for _, v := range x[first-inner : first+inner+1] {
		sum += v
	}
	scale := 1 / (float64(2*inner+1) + 2*p.end)
	for i := first; ; i++ {
		dst[i] = scale * (sum + p.end*(x[i-p.half]+x[i+p.half]))
		if i == last {
			break
		}
		sum += x[i+inner+1] - x[i-inner]
	}
	for i := range first {
		dst[i] = dst[first]
		dst[len(x)-1-i] = dst[last]
	}
}
