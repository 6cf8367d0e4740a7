package seizure

import (
	"fmt"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
)

// Event is a segment of a recording, in s after its first sample.
type Event struct {
	Start float64 `json:"start_s"`
	End   float64 `json:"end_s"`
	// Channels that showed the pattern; empty for reference events.
	Channels []string `json:"channels,omitempty"`
	// Peak is the largest ratio of the line length to its background.
	Peak float64 `json:"peak_ratio,omitempty"`
}

// DetectorConfig describes the detector for long recordings.
type DetectorConfig struct {
	// Background is the length of the trailing background of each channel, in s. Defaults to 300: long against a
	// seizure (1-2 min), short against the changes of vigilance.
	Background float64
	// MinBackground is the background that must have been seen before anything is detected, in s. Defaults to 60.
	MinBackground float64
	// Ratio is the line length over the median of its background from which a window counts. Defaults to 2; line-length
	// detectors in the literature use 1.5-3 (Logesparan 2012), and Gotman (1982) asks three times the amplitude.
	Ratio float64
	// Deviations is the least distance from the background, in SDs of log line length from the median absolute
	// deviation. Defaults to 2: a recording that varies much by itself is not a string of alarms.
	Deviations float64
	// MinChannels is the number of channels that must agree. Defaults to 2, or 1 where there is only one.
	MinChannels int
	// MergeGap joins events that are less than this apart, in s. Defaults to 90 (SzCORE).
	MergeGap float64
}

// Detector finds events in long recordings. It is immutable and safe for concurrent use.
type Detector struct{ cfg DetectorConfig }

// NewDetector returns a detector; it refuses options out of range.
func NewDetector(cfg DetectorConfig) (*Detector, error) {
	set := func(v *float64, def float64) {
		if *v == 0 {
			*v = def
		}
	}
	set(&cfg.Background, 300)
	set(&cfg.MinBackground, 60)
	set(&cfg.Ratio, 2)
	set(&cfg.Deviations, 2)
	set(&cfg.MergeGap, 90)
	if cfg.MinChannels == 0 {
		cfg.MinChannels = 2
	}
	switch {
	case !(cfg.MinBackground >= 10) || !(cfg.Background >= cfg.MinBackground) || cfg.Background > 86400:
		return nil, fmt.Errorf("seizure: background of %v s, at least %v s, is not between 10 s and a day", cfg.Background, cfg.MinBackground)
	case !(cfg.Ratio > 1) || cfg.Ratio > 1000 || !(cfg.Deviations >= 0) || cfg.Deviations > 1000:
		return nil, fmt.Errorf("seizure: ratio %v and deviations %v are out of range", cfg.Ratio, cfg.Deviations)
	case cfg.MinChannels < 1 || !(cfg.MergeGap >= 0) || cfg.MergeGap > 86400:
		return nil, fmt.Errorf("seizure: %d channels, merge gap %v s are out of range", cfg.MinChannels, cfg.MergeGap)
	}
	return &Detector{cfg: cfg}, nil
}

// Detect returns the events of a recording (channels × samples, µV), in order. Errors about the data are
// *decoders.Error: too short (less than the background and 10 s), a rate below 64 Hz, samples that are not EEG.
func (d *Detector) Detect(sig decoders.Signal) ([]Event, error) {
	if err := epoch.Check(sig, epoch.Samples(d.cfg.MinBackground+MinSeconds, sig.Rate), minRate); err != nil {
		return nil, err
	}
	c, err := measured(sig)
	if err != nil {
		return nil, err
	}
	return d.events(c), nil
}

// events runs the detector over measured windows.
func (d *Detector) events(c *clip) []Event {
	count := len(c.windows[0])
	need := min(d.cfg.MinChannels, len(c.channels))
	ratios := make([][]float64, len(c.channels))
	for i, windows := range c.windows {
		ratios[i] = d.against(windows)
	}
	all := make([]int, len(c.channels))
	for i := range all {
		all[i] = i
	}
	behind := c.awayFromEyes(all)
	hits := make([]bool, count)
	for k := range hits {
		counts := func(channels []int) (n int) {
			for _, i := range channels {
				if ratios[i][k] > 0 {
					n++
				}
			}
			return n
		}
		hits[k] = counts(all) >= need && (behind == nil || counts(behind) > 0)
	}
	var events []Event
	inside := 0
	for k := range hits {
		if hits[k] {
			inside++
		}
		if k >= segmentWindows && hits[k-segmentWindows] {
			inside--
		}
		if k+1 < segmentWindows || float64(inside) < persistShare*float64(segmentWindows) {
			continue
		}
		from, to := c.start(k+1-segmentWindows), c.start(k)+windowSeconds
		if last := len(events) - 1; last >= 0 && from-events[last].End < max(d.cfg.MergeGap, 1e-9) {
			events[last].End = to
		} else {
			events = append(events, Event{Start: from, End: to})
		}
	}
	for j := range events {
		e := &events[j]
		lo, hi := int(math.Round(e.Start/c.hop)), min(count, int(math.Round((e.End-windowSeconds)/c.hop))+1)
		for i := range ratios {
			n := 0
			for _, r := range ratios[i][lo:hi] {
				if r > 0 {
					n++
				}
				e.Peak = max(e.Peak, r)
			}
			if 2*n >= hi-lo {
				e.Channels = append(e.Channels, c.channels[i])
			}
		}
	}
	return events
}

// against returns, for each window of a channel, its line length over that of the background where it counts as
// ictal-like, else 0. Windows that count, or cannot be read, do not become background.
func (d *Detector) against(windows []measure) []float64 {
	out := make([]float64, len(windows))
	var trail background
	size := int(d.cfg.Background / hopSeconds)
	least := int(d.cfg.MinBackground / hopSeconds)
	for k := range windows {
		w := &windows[k]
		if w.Unusable {
			continue
		}
		v := math.Log(max(w.LineLength, 1e-3))
		if trail.len() >= least {
			mid, spread := trail.stats()
			// A background of constant activity has no spread; a tenth is what line length varies from window to
			// window in stationary noise of 1-30 Hz (1/sqrt(2·29 Hz·2 s)).
			if v-mid >= math.Log(d.cfg.Ratio) && v-mid >= d.cfg.Deviations*max(spread, 0.1) && w.cerebral() >= 0.5 {
				out[k] = math.Exp(v - mid)
				continue
			}
		}
		trail.push(v, size)
	}
	return out
}

// background keeps the last values of a channel, in order of time and in order of size.
type background struct {
	queue  []float64
	sorted []float64
	dev    []float64
}

func (b *background) len() int { return len(b.sorted) }

func (b *background) push(v float64, size int) {
	if len(b.queue) == size {
		i, _ := slices.BinarySearch(b.sorted, b.queue[0])
		b.sorted = slices.Delete(b.sorted, i, i+1)
		b.queue = b.queue[1:]
	}
	b.queue = append(b.queue, v)
	i, _ := slices.BinarySearch(b.sorted, v)
	b.sorted = slices.Insert(b.sorted, i, v)
}

// stats returns the median and the SD that the median absolute deviation stands for.
func (b *background) stats() (mid, spread float64) {
	n := len(b.sorted)
	mid = (b.sorted[(n-1)/2] + b.sorted[n/2]) / 2
	// The deviations of the sorted values fall and then rise: merging from the middle keeps them in order.
	b.dev = b.dev[:0]
	lo, hi := (n-1)/2, (n-1)/2+1
	for len(b.dev) <= n/2 {
		switch {
		case lo >= 0 && (hi >= n || mid-b.sorted[lo] <= b.sorted[hi]-mid):
			b.dev = append(b.dev, mid-b.sorted[lo])
			lo--
		case hi < n:
			b.dev = append(b.dev, b.sorted[hi]-mid)
			hi++
		}
	}
	mad := (b.dev[(n-1)/2] + b.dev[n/2]) / 2
	return mid, 1.4826 * mad
}
