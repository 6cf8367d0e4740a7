// Package clock tells the true time of samples.
//
// A device samples by its own crystal, and the host only sees when samples arrive: later than they were made, by a delay that is never the
// same twice. A Track finds the line that they were made on:
//
//	e(n) = stamp(n) - n/rate          what the stamp of sample n is late by, were the rate true
//	line   the straight line below all e(n) of the last minute that comes closest to them: what delays is never negative
//	At(n) = n/rate + line(n)          the host's time of sample n
//	drift  = slope of the line        ppm; a crystal that is fast has a negative slope and a positive drift
//	jitter = how far stamps lie above the line
//
// This is the estimate of one-way delays by the lower convex hull (S. B. Moon, P. Skelly and D. Towsley, Estimation and removal of clock
// skew from network delay measurements, INFOCOM 1999), over the least delay of each second. Where positions come from a sample
// counter, lost samples are no jitter. Stamps that step and stay there (a clock that was set, a host that slept) are a jump, after which the line
// begins anew.
//
// What no stamp shows is a delay that all samples have: the latency of the driver. At is late by it; Report.Uncertainty has it only where the
// source states it.
package clock

import (
	"math"
	"slices"
	"sync"
	"time"
)

const (
	buckets   = 64     // seconds that the line is fitted over: crystals wander with temperature, over minutes
	steepest  = 0.01   // s per s: beyond any crystal, so that two early stamps do not make a slope of their jitter
	leastJump = 0.05   // s
	hostStep  = 0.005  // s by which the wall clock must move against the monotonic one to have been set
	ppm       = 1e-6   // of a rate
	quantiles = 1 << 9 // latenesses that the jitter is computed of
)

// Report says what a clock was found to do. Times are in milliseconds.
type Report struct {
	NominalHz float64 `json:"nominal_hz"`
	// RateHz is the rate by the host's clock, DriftPPM by how much it is above the nominal one, and DriftWithinPPM how far it may be off. They are
	// null before 10 s have been seen.
	RateHz         *float64 `json:"rate_hz"`
	DriftPPM       *float64 `json:"drift_ppm"`
	DriftWithinPPM *float64 `json:"drift_within_ppm"`
	// JitterMS is the 95th percentile of how late samples came behind the line, JitterMaxMS the largest of the last minute.
	JitterMS    float64 `json:"jitter_ms"`
	JitterMaxMS float64 `json:"jitter_max_ms"`
	// OffsetMS is how far the time of the newest sample is from where the nominal rate puts it, WithinMS how far that may be off.
	OffsetMS float64 `json:"offset_ms"`
	WithinMS float64 `json:"within_ms"`
	// Jumps are lasting steps of the stamps; HostSteps are those of the host's wall clock, which do not move samples.
	Jumps     int `json:"jumps"`
	HostSteps int `json:"host_steps"`
	// Samples were made, Lost of them never came.
	Samples int64 `json:"samples"`
	Lost    int64 `json:"lost"`
	// Device is the device's own clock, where it has one that is compared with the host's.
	Device *Offset `json:"device,omitempty"`
}

// Offset is how the clock of a device stands to the host's.
type Offset struct {
	OffsetMS float64 `json:"offset_ms"` // what must be added to the device's time
	WithinMS float64 `json:"within_ms"` // half of the round trip that it was measured by
}

// bucket is a second of stamps.
type bucket struct {
	from     float64 // s at the nominal rate
	at, low  float64 // where the least e is, and what
	high     float64 // the largest e
	highAt   float64
	earliest float64 // s at the nominal rate of the first stamp in it
}

// Track follows the clock of one source. It may be used by several goroutines.
type Track struct {
	mu       sync.Mutex
	rate     float64
	floor    float64 // s that the source's own stamps may be off
	start    time.Time
	origin   int64 // position that the first stamp had
	begun    bool
	ring     []bucket
	last     float64 // s at the nominal rate of the newest stamp
	jumps    int
	steps    int
	wall     float64 // s of the wall clock against the monotonic one
	samples  int64
	lost     int64
	late     [quantiles]float64
	lates    int
	device   *Offset
	a, b     float64 // line: e = a + b·x
	residual float64 // the largest of the window
}

// New returns the track of a source of the given nominal rate in Hz.
func New(rate float64) *Track { return &Track{rate: rate} }

// Lose counts samples that never came. They have positions.
func (t *Track) Lose(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lost += n
	t.samples += n
}

// SetDevice says how the device's clock stands to the host's, and how far that may be off.
func (t *Track) SetDevice(offset, within time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.device = &Offset{ms(offset.Seconds()), ms(within.Seconds())}
	t.floor = within.Seconds()
}

// Add takes a stamp of the sample at a position: when it arrived, or when the device says that it was made. n samples came with it.
func (t *Track) Add(position int64, stamp time.Time, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.samples += int64(n)
	if !t.begun {
		t.begun, t.start, t.origin = true, stamp, position
	}
	t.watchHost(stamp)
	x := float64(position-t.origin) / t.rate
	e := stamp.Sub(t.start).Seconds() - x
	t.last = max(t.last, x)
	if k := len(t.ring) - 1; k < 0 || x >= t.ring[k].from+1 {
		if len(t.ring) == buckets {
			t.ring = append(t.ring[:0], t.ring[1:]...)
		}
		t.ring = append(t.ring, bucket{from: math.Floor(x), at: x, low: e, high: e, highAt: x, earliest: x})
	} else {
		b := &t.ring[k]
		if e < b.low {
			b.at, b.low = x, e
		}
		if e > b.high {
			b.highAt, b.high = x, e
		}
	}
	t.jumped()
	t.fit()
	t.late[t.lates%quantiles] = e - t.a - t.b*x
	t.lates++
}

// watchHost counts the steps of the wall clock.
func (t *Track) watchHost(stamp time.Time) {
	wall := stamp.Round(0).Sub(t.start.Round(0)).Seconds() - stamp.Sub(t.start).Seconds()
	if math.Abs(wall-t.wall) > hostStep {
		t.steps++
		t.wall = wall
	}
}

// jumped drops what came before a lasting step: when even the least of the last two whole seconds lies above everything that jitter explains.
func (t *Track) jumped() {
	k := len(t.ring)
	if k < 4 {
		return
	}
	before := t.ring[:k-2]
	a, b := line(before)
	spread := 0.0
	for _, p := range before {
		spread = max(spread, p.high-a-b*p.highAt)
	}
	threshold := max(leastJump, 3*spread)
	for _, p := range t.ring[k-2:] {
		if p.low-a-b*p.at < threshold {
			return
		}
	}
	t.ring = append(t.ring[:0], t.ring[k-2:]...)
	t.jumps++
}

// fit finds the line and the residuals.
func (t *Track) fit() {
	t.a, t.b = line(t.ring)
	t.residual = 0
	for _, p := range t.ring {
		t.residual = max(t.residual, p.high-t.a-t.b*p.highAt)
	}
}

// line returns the line a + b·x below all points that comes closest to them: the edge of their lower convex hull over the middle. Slopes
// beyond steepest are none of a crystal.
func line(ring []bucket) (a, b float64) {
	hull := make([]bucket, 0, len(ring))
	for _, p := range ring {
		for len(hull) >= 2 {
			q, r := hull[len(hull)-2], hull[len(hull)-1]
			if (r.low-q.low)*(p.at-q.at) < (p.low-q.low)*(r.at-q.at) {
				break
			}
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, p)
	}
	if len(hull) >= 2 {
		middle := (ring[0].at + ring[len(ring)-1].at) / 2
		k := 1
		for k < len(hull)-1 && hull[k].at < middle {
			k++
		}
		p, q := hull[k-1], hull[k]
		b = (q.low - p.low) / (q.at - p.at)
		b = max(-steepest, min(steepest, b))
	}
	// The highest line of that slope below all points.
	a = math.Inf(1)
	for _, p := range ring {
		a = min(a, p.low-b*p.at)
	}
	return a, b
}

// At returns the host's time of the sample at a position, and how far it may be off. The time is that of the first stamp before there
// is any line.
func (t *Track) At(position int64) (at time.Time, within time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.begun {
		return time.Time{}, 0
	}
	x := float64(position-t.origin) / t.rate
	return t.start.Add(seconds(x + t.a + t.b*x)), seconds(t.within())
}

// Position returns where a time of the host lies among the positions.
func (t *Track) Position(at time.Time) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.begun {
		return 0
	}
	x := (at.Sub(t.start).Seconds() - t.a) / (1 + t.b)
	return float64(t.origin) + x*t.rate
}

// within is how far the line may be off: by the jitter that it was found under, and a sample.
func (t *Track) within() float64 { return t.residual + t.floor + 1/t.rate }

// Report says what the clock did so far.
func (t *Track) Report() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Report{NominalHz: t.rate, Jumps: t.jumps, HostSteps: t.steps, Samples: t.samples, Lost: t.lost}
	if t.device != nil {
		d := *t.device
		r.Device = &d
	}
	if !t.begun {
		return r
	}
	r.JitterMS, r.JitterMaxMS = ms(t.quantile(0.95)), ms(t.residual)
	r.OffsetMS, r.WithinMS = ms(t.a+t.b*t.last), ms(t.within())
	if span := t.last - t.ring[0].earliest; span >= 10 {
		// Seconds of the host in a second of the device's are 1 + b.
		rate, drift := t.rate/(1+t.b), (1/(1+t.b)-1)/ppm
		within := 2 * (t.residual + t.floor) / span / ppm
		r.RateHz, r.DriftPPM, r.DriftWithinPPM = &rate, &drift, &within
	}
	return r
}

// quantile returns the share q of the newest latenesses.
func (t *Track) quantile(q float64) float64 {
	n := min(t.lates, quantiles)
	if n == 0 {
		return 0
	}
	sorted := append([]float64(nil), t.late[:n]...)
	slices.Sort(sorted)
	return max(0, sorted[min(n-1, int(q*float64(n)))])
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

func ms(s float64) float64 { return math.Round(s*1e6) / 1e3 }
