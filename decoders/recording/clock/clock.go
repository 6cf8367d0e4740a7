// Package clock finds what was lost between samples that carry their time: rows of text and samples of streams.
package clock

import (
	"cmp"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
)

// Rows finds lost samples. Headsets write a row a sample, and what is lost on the way (Bluetooth, a full buffer, a
// dongle that was unplugged) is simply not there. Three things tell the true time of a row, each checking the others:
//
//	nominal rate    of the header, or of the device: crystals are right to 0.1 %
//	sample counter  exact, but it wraps, and every board counts in its own way
//	time stamps     know no wrap, but jitter and come in bursts, because most are of the arrival at the computer
//
// Rows takes the rows one after the other and holds some thousand of them. The counter tells how many samples lie
// between two rows, up to whole cycles; the time stamps tell how many cycles. Without a counter, a loss is a lasting step of
// the delay e = stamp - position/rate: what is only late catches up again, so the lower envelopes of e before and behind a
// row differ by what is missing there, and by nothing else. Where the clocks disagree the recording says so, with the line.
type Rows struct {
	timing func() Timing // asked once the first rows are read

	header   float64   // Hz the file states, 0 for none
	device   []float64 // Hz the device samples at
	hasCount bool      // there is a column for it

	rows    []row // the first have been judged when begun, else none
	at      int   // of rows, the next to be judged
	base    int   // number of rows[0]
	begun   bool
	stamped bool // the stamps are of use
	counted bool // the counter is
	rule    Counter
	rate    float64 // Hz by which rows are judged
	window  int     // rows of an envelope
	noise   float64 // s, of the difference of two envelopes
	precise bool    // the stamps are evenly spaced by themselves
	nominal bool    // rate is the file's, the device's or some headset's
	// lateness is how much later than others around it a stamp may be, in s.
	lateness float64

	past, ahead minWindow
	pushed      int     // rows that are in ahead, or were
	adjust      float64 // s of e that are explained, by whole cycles, losses without a counter, and disagreements
	lost        int64   // samples so far
	gaps        []recording.RowGap
	disagree    []fault
	faults      int
	unexplained int // steps of the counter that cannot be told, without stamps

	n           int
	first, last interval // the last rows of the first packet and of the last that is whole, with what was lost
	found       bool     // first
	spans       []intervals
	beyond      bool // more gaps than are kept
}

// Timing is what a format knows of its rows' time.
type Timing struct {
	Header     float64   // Hz, 0 where the file states none
	Device     []float64 // Hz the device samples at, the usual one first; nil where it is not known
	HasCounter bool      // rows have a sample index
	Counters   []Counter // how the device may count
	// RateUnknown tells that a file of the format may have no rate.
	RateUnknown bool
	// AtIntervals tells that rows may be single samples out of the device's, one now and then.
	AtIntervals bool
	ByStamps    bool // nothing but time stamps tells that rows are a waveform, and at which rate
}

// row is what a row shows of its time.
type row struct {
	counter  int64   // -1 for none
	stamp    float64 // s, NaN for none
	line     int
	run      int64 // rows with the same counter right before
	position int64 // by the counter, from the first row on
	step     int64 // of it from the row before
}

// fault is a place where the clocks do not agree.
type fault struct {
	line             int
	counter, stamped float64 // samples missing by the one and by the other
}

// RatesOf are the rates of a device, Hz, the usual one first.
func RatesOf(device string) []float64 {
	m, _ := recording.Device(device)
	return m.Rates
}

// Slowest is below the rate of any headset, Hz: rows that are rarer are picked out of its samples.
const Slowest = 100

const (
	head     = 1 << 14 // rows that are looked at before the first is judged: a minute
	mostGaps = 1 << 16 // of a recording; a hostile one has a gap after every sample
)

// nominal rates of the headsets that write time stamps instead of a rate, Hz.
var nominalRates = []float64{100, 125, 128, 200, 220, 250, 256, 300, 500, 512, 1000, 1024, 2000, 2048}

// Counter is how a board numbers its packets: position gives the sample that a number stands for within the cycle.
type Counter struct {
	name     string
	cycle    int64 // samples; 0 where it never begins anew
	repeat   func(v int64) int64
	position func(v int64) (int64, bool)
	step     int64 // from packet to packet, where all are alike; else 0
	modulo   int64
}

// everyNth counts 0 ... modulo-1 in steps, with as many rows for each number.
func everyNth(name string, low, modulo, step, rows int64) Counter {
	r := Counter{name: name, repeat: func(int64) int64 { return rows }, step: step, modulo: modulo}
	if modulo > 0 {
		r.cycle = modulo / step * rows
	}
	r.position = func(v int64) (int64, bool) {
		v -= low
		return v / step * rows, v >= 0 && (modulo == 0 || v < modulo)
	}
	return r
}

// Counters of boards: OpenBCI documentation, "Cyton Data Format" (a byte; with the Daisy every second packet is the
// other half of a sample) and "Ganglion Data Format"; the numbers of the Ganglion's firmware 2 and 3 as BrainFlow passes
// them on (src/board_controller/openbci/ganglion_native.cpp).
var (
	ByteCounters = []Counter{
		everyNth("0-255", 0, 256, 1, 1), everyNth("every second of 0-255", 0, 256, 2, 1), everyNth("0-255 with two samples each", 0, 256, 1, 2),
	}
	// Tables come from all kinds of devices; Emotiv's count to 127 or 128.
	TableCounters = append(slices.Clone(ByteCounters), everyNth("0-127", 0, 128, 1, 1), everyNth("0-128", 0, 129, 1, 1))

	GanglionCounters = []Counter{
		// Firmware 2: packet 0 is one raw sample; 1-100 (18 bit, with accelerometer) and 101-200 (19 bit) hold two each.
		{name: "Ganglion, firmware 2", cycle: 201, repeat: func(v int64) int64 { return min(v, 1) + 1 }, position: func(v int64) (int64, bool) {
			switch {
			case v == 0:
				return 0, true
			case v >= 1 && v <= 100:
				return 1 + 2*(v-1), true
			}
			return 1 + 2*(v-101), v >= 101 && v <= 200
		}},
		// Firmware 3: 0-99 (18 bit) and 100-199 (19 bit), two samples each.
		{name: "Ganglion, firmware 3", cycle: 200, repeat: func(int64) int64 { return 2 }, position: func(v int64) (int64, bool) {
			return 2 * (v % 100), v >= 0 && v < 200
		}},
		// The GUI up to version 4 numbers samples.
		everyNth("0-200", 0, 201, 1, 1), everyNth("0-199", 0, 200, 1, 1),
	}
)

// New begins a clock. timing is asked once, when the first rows have been taken: a header may have come with them.
func New(timing func() Timing) *Rows { return &Rows{timing: timing} }

// Timing tells what is known of the rows' time.
func (c *Rows) Timing() Timing { return c.timing() }

// Len returns how many rows were taken.
func (c *Rows) Len() int { return c.n }

// Add takes the next row. counter is -1 and stamp NaN where the row has none.
func (c *Rows) Add(counter int64, stamp float64, line int) {
	if math.IsInf(stamp, 0) || math.Abs(stamp) > 1e15 {
		stamp = math.NaN()
	}
	r := row{counter: counter, stamp: stamp, line: line}
	if n := len(c.rows); n > 0 && c.rows[n-1].counter == counter {
		r.run = c.rows[n-1].run + 1
	}
	c.rows = append(c.rows, r)
	c.n++
	switch {
	case c.begun:
		c.place(len(c.rows) - 1)
	case len(c.rows) >= head:
		c.begin()
	}
	if c.begun {
		c.judge(false)
	}
}

// begin learns from the first rows how this file counts and what its stamps are worth.
func (c *Rows) begin() {
	c.begun = true
	t := c.timing()
	c.header, c.device, c.hasCount = t.Header, t.Device, t.HasCounter
	if t.HasCounter {
		c.rule, c.counted = chooseCounter(t.Counters, c.rows)
	}
	rises, falls := 0, 0
	for i := range c.rows {
		c.position(i)
		if i > 0 {
			switch d := c.rows[i].stamp - c.rows[i-1].stamp; {
			case d > 0:
				rises++
			case d < 0:
				falls++
			}
		}
	}
	c.spans = newSpans()
	c.rate = c.header
	if c.rate == 0 && len(c.device) > 0 {
		c.rate = c.device[0]
	}
	if c.stamped = rises > 0 && falls*4 < rises; c.stamped {
		c.learnStamps()
	}
	for i := range c.rows {
		c.measure(i)
	}
}

// place gives the newest row its position.
func (c *Rows) place(i int) {
	c.position(i)
	c.measure(i)
}

// position places a row by the counter.
func (c *Rows) position(i int) {
	if i == 0 {
		return
	}
	r := &c.rows[i]
	r.step = 1
	if c.counted {
		r.step = c.rule.between(&c.rows[i-1], r, c.base+i == 1)
	}
	r.position = c.rows[i-1].position + r.step
}

// measure takes a row's stamp into account for the rate.
func (c *Rows) measure(i int) {
	r := &c.rows[i]
	if !c.stamped || math.IsNaN(r.stamp) {
		return
	}
	for k := range c.spans {
		c.spans[k].add(r.stamp, float64(r.position))
	}
}

// between returns how many samples later than row a row b is, by the counter: at least 1, and no more than a cycle. atBegin
// tells that a is the first of the file, which may begin within a packet.
func (rule *Counter) between(a, b *row, atBegin bool) int64 {
	from, ok := rule.position(a.counter)
	to, ok2 := rule.position(b.counter)
	if a.counter < 0 || b.counter < 0 || !ok || !ok2 {
		return 1
	}
	// Which of the rows with its number a row is.
	nth := func(r *row) int64 { return r.run % rule.repeat(r.counter) }
	before := nth(a)
	if atBegin && a.counter != b.counter {
		before = rule.repeat(a.counter) - 1
	}
	d := to + nth(b) - from - before
	if rule.cycle > 0 {
		d = ((d % rule.cycle) + rule.cycle) % rule.cycle
	}
	return max(1, d) // a number that comes again may also be a whole cycle later: the stamps must tell
}

// explains reports whether row b follows row a without a loss.
func (rule *Counter) explains(a, b *row) bool {
	if _, known := rule.position(b.counter); !known || b.counter < 0 {
		return false
	}
	if a.counter == b.counter {
		return b.run < rule.repeat(b.counter)
	}
	if rule.step > 1 { // between rounds to whole steps
		d := b.counter - a.counter
		if rule.modulo > 0 {
			d = (d%rule.modulo + rule.modulo) % rule.modulo
		}
		return d == rule.step
	}
	return rule.between(a, b, false) == 1
}

// chooseCounter returns the rule by which most rows follow each other. ok is false where none explains half of them.
func chooseCounter(rules []Counter, rows []row) (best Counter, ok bool) {
	if len(rows) < 2 {
		return best, true // nothing is lost between less
	}
	share := func(r *Counter) float64 {
		n := 0
		for i := 1; i < len(rows); i++ {
			if r.explains(&rows[i-1], &rows[i]) {
				n++
			}
		}
		return float64(n) / float64(len(rows)-1)
	}
	top := 0.0
	for _, r := range rules {
		if s := share(&r); s > top {
			best, top = r, s
		}
	}
	// A rule that is made up from the rows must explain clearly more than a board's own, and have seen more than one wrap.
	if r, wraps := learnCounter(rows); wraps != 1 && r.position != nil {
		if s := share(&r); 1-s < (1-top)/2 {
			best, top = r, s
		}
	}
	return best, top > 0.5
}

// learnCounter finds step, modulus and repetitions of a counter that is none of the known ones.
func learnCounter(rows []row) (rule Counter, wrapsSeen int) {
	steps, wraps, runs := map[int64]int{}, map[[2]int64]int{}, map[int64]int{}
	run := int64(1)
	for i := 1; i < len(rows); i++ {
		a, b := rows[i-1].counter, rows[i].counter
		if a < 0 || b < 0 {
			continue
		}
		switch {
		case a == b:
			run++
			continue
		case b > a && len(steps) < 1<<10:
			steps[b-a]++
		case b < a && len(wraps) < 1<<10:
			wraps[[2]int64{a, b}]++
		}
		if len(runs) < 1<<10 {
			runs[run]++
		}
		run = 1
	}
	step, ok := most(steps)
	rows1, ok2 := most(runs)
	if !ok || !ok2 {
		return Counter{}, 0
	}
	wrap, wrapped := most(wraps)
	if !wrapped {
		return everyNth("a counter", 0, 0, step, rows1), 0
	}
	return everyNth("a counter", wrap[1], wrap[0]-wrap[1]+step, step, rows1), wraps[wrap]
}

func most[K comparable](counts map[K]int) (best K, ok bool) {
	n := 0
	for k, c := range counts {
		if c > n || c == n && less(k, best) {
			best, n = k, c
		}
	}
	return best, n > 0
}

// less orders keys, so that ties do not depend on the order of a map.
func less[K comparable](a, b K) bool {
	switch x := any(a).(type) {
	case int64:
		return x < any(b).(int64)
	case [2]int64:
		y := any(b).([2]int64)
		return x[0] < y[0] || x[0] == y[0] && x[1] < y[1]
	}
	return false
}

// learnStamps estimates the rate by the stamps, and how steady they are.
func (c *Rows) learnStamps() {
	spans := newSpans()
	for _, r := range c.rows {
		if !math.IsNaN(r.stamp) {
			for k := range spans {
				spans[k].add(r.stamp, float64(r.position))
			}
		}
	}
	interval, _ := estimate(spans)
	if !(interval > 0) {
		c.stamped = false
		return
	}
	c.rate = 1 / interval
	known := slices.Clone(c.device)
	if c.header > 0 {
		known = []float64{c.header}
	}
	if hz, ok := c.likely(spans); hz > 0 && (ok || c.counted) {
		c.rate, c.nominal = hz, ok
	} else if len(known) > 0 { // too many losses, or too much jitter, to tell it from the stamps
		near := slices.MinFunc(known, func(a, b float64) int { return cmp.Compare(math.Abs(a-c.rate), math.Abs(b-c.rate)) })
		if math.Abs(near-c.rate) < 0.15*near || c.header > 0 && c.counted {
			c.rate = near
		}
	}
	// A quarter of a second sees over bursts and short delays; more where that is not enough.
	c.noise = math.Inf(1)
	least := min(max(int(0.25*c.rate), 16), 512)
	for w := max(16, least/4); w <= 4*least && w <= 1024; w *= 2 {
		if w > 16 && w > len(c.rows)/4 {
			break
		}
		// A low quantile, more than twice of it: near losses they differ for good reason.
		if noise := 2.5 * c.envelopeNoise(w, 0.25); noise < c.noise {
			c.window, c.noise = w, noise
		}
		if c.noise*c.rate < 0.1 {
			break
		}
	}
	if single := c.envelopeNoise(1, 0.9); single*c.rate < 0.3 {
		c.precise, c.noise = true, min(c.noise, single)
	}
	c.lateness = c.late()
}

// likely returns the rate that the file states or the device samples at, or else any headset, where a good part of the spans
// have it; the others have losses in them.
func (c *Rows) likely(spans []intervals) (float64, bool) {
	share := func(hz float64) (most float64) {
		for k := range spans {
			n := 0
			for _, d := range spans[k].per {
				if math.Abs(d*hz-1) < 0.01 {
					n++
				}
			}
			if of := len(spans[k].per); of > 0 {
				most = max(most, float64(n)/float64(of))
			}
		}
		return most
	}
	best, top := 0.0, 0.0
	for _, hz := range nominalRates {
		if s := share(hz); s > top {
			best, top = hz, s
		}
	}
	known := slices.Clone(c.device)
	if c.header > 0 {
		known = append([]float64{c.header}, known...)
	}
	const enough = 0.15
	for _, hz := range known { // jitter alone gives other rates a share
		if s := share(hz); s >= enough && s >= top/2 || s > 0 && c.counted && top < 0.5 {
			return hz, s >= enough
		}
	}
	if len(known) > 0 && top < 0.5 {
		return 0, false
	}
	return best, top >= enough
}

// late is how late a stamp may be against the earliest around it, in s: bursts and jitter.
func (c *Rows) late() float64 {
	var late []float64
	e := func(i int) float64 { return c.rows[i].stamp - float64(c.rows[i].position)/c.rate }
	for i := 0; i < len(c.rows) && len(late) < 4096; i++ {
		low := e(i)
		for k := i + 1; k < min(len(c.rows), i+1+min(c.window, 128)); k++ {
			if v := e(k); v < low {
				low = v
			}
		}
		if d := e(i) - low; !math.IsNaN(d) {
			late = append(late, d)
		}
	}
	if len(late) == 0 {
		return 0
	}
	slices.Sort(late)
	return late[len(late)*98/100]
}

// envelopeNoise is how far apart the envelopes before and behind an ordinary row are, in s.
func (c *Rows) envelopeNoise(w int, ordinary float64) float64 {
	e := make([]float64, len(c.rows))
	for i, r := range c.rows {
		e[i] = r.stamp - float64(r.position)/c.rate
	}
	lowest := func(part []float64) float64 {
		low := math.Inf(1)
		for _, v := range part {
			if v < low {
				low = v
			}
		}
		return low
	}
	var differ []float64
	for i := w; i+w < len(e) && len(differ) < 2000; i += max(1, w/4) {
		if d := math.Abs(lowest(e[i:i+w+1]) - lowest(e[i-w:i])); !math.IsInf(d, 0) && !math.IsNaN(d) {
			differ = append(differ, d)
		}
	}
	if len(differ) == 0 {
		return 0
	}
	slices.Sort(differ)
	return differ[int(float64(len(differ)-1)*ordinary)]
}

// nearest returns the rate that the device, or else any headset, samples at, within a share of hz.
func (c *Rows) nearest(hz, share float64) (float64, bool) {
	candidates := nominalRates
	if c.header > 0 {
		candidates = append([]float64{c.header}, candidates...)
	}
	candidates = append(slices.Clone(c.device), candidates...)
	best := slices.MinFunc(candidates, func(a, b float64) int { return cmp.Compare(math.Abs(a-hz), math.Abs(b-hz)) })
	return best, math.Abs(best-hz) <= share*best
}

// judge looks at the rows that have enough others behind them; at the end, at all.
func (c *Rows) judge(end bool) {
	behind := c.window
	if !c.stamped {
		behind = 0
	}
	for c.at < len(c.rows) && (end || c.at+behind < len(c.rows)) {
		for last := c.base + min(c.at+behind, len(c.rows)-1); c.pushed <= last; c.pushed++ {
			if r := &c.rows[c.pushed-c.base]; c.stamped && !math.IsNaN(r.stamp) {
				c.ahead.push(c.pushed, r.stamp-float64(r.position)/c.rate)
			}
		}
		c.row(c.at)
		c.at++
	}
	if keep := c.at - max(c.window, 2) - 2; keep > 4*head || c.at > 4*head && keep > 0 {
		c.rows = c.rows[:copy(c.rows, c.rows[keep:])]
		c.base += keep
		c.at -= keep
	}
}

// row looks for a loss before a row.
func (c *Rows) row(i int) {
	r := &c.rows[i]
	at := c.base + i
	missing := int64(0)
	if at > 0 {
		missing = c.missing(i)
	}
	if missing > 0 {
		if len(c.gaps) < mostGaps {
			c.gaps = append(c.gaps, recording.RowGap{Row: at, Lost: missing})
			c.lost += missing
		} else {
			c.beyond = true
		}
	}
	if i > 0 && c.stamped && r.stamp != c.rows[i-1].stamp && !math.IsNaN(c.rows[i-1].stamp) {
		whole := interval{c.rows[i-1].stamp, float64(int64(at) - 1 + c.lost - max(0, missing))}
		if !c.found {
			c.first, c.found = whole, true
		}
		c.last = whole
	}
	if c.stamped && !math.IsNaN(r.stamp) {
		c.past.push(at, r.stamp-float64(r.position)/c.rate-c.adjust)
		c.past.drop(at - c.window)
	}
	c.ahead.drop(at + 1)
}

// missing returns how many samples are missing before row i.
//
//nolint:gocyclo // one case for each pair of clocks that agree or do not
func (c *Rows) missing(i int) int64 {
	r := &c.rows[i]
	counted := r.step - 1
	if !c.stamped {
		if counted > 0 && c.rule.cycle > 0 && counted > c.rule.cycle/2 {
			if to, _ := c.rule.position(r.counter); to <= 1 { // the board was started anew
				c.unexplained++
				return 0
			}
		}
		return counted
	}
	before, ok := c.past.min()
	behind, ok2 := c.ahead.min()
	if !ok || !ok2 {
		return counted
	}
	step := (behind - c.adjust - before) * c.rate // samples that the counter does not explain
	if len(c.rows)-i < c.window && !c.precise && !c.counted {
		return counted // too few rows behind it: an envelope of half a burst lies too high
	}
	if !c.counted {
		if step < 0.6+3*c.noise*c.rate {
			if step < -max(2, 0.1*c.rate, 3*c.noise*c.rate) {
				c.fault(i, 0, step)
				c.adjust += step / c.rate
			}
			return 0
		}
		if c.later(i, step) {
			return 0
		}
		lost := max(1, int64(math.Round(min(step, 1e12))))
		c.adjust += float64(lost) / c.rate
		return lost
	}
	tolerance := max(2, 4*c.noise*c.rate, 0.02*c.rate, 1.2*c.lateness*c.rate)
	if !c.precise && c.rule.cycle > 0 {
		tolerance = max(tolerance, 0.2*float64(c.rule.cycle)) // the stamps only have to tell the cycle
	}
	if math.Abs(step) <= tolerance {
		return counted
	}
	if c.rule.cycle > 0 {
		if cycles := math.Round(step / float64(c.rule.cycle)); cycles >= 1 && math.Abs(step-cycles*float64(c.rule.cycle)) <= tolerance+0.002*step {
			if c.later(i, step) {
				return counted
			}
			whole := int64(min(cycles, 1e12)) * c.rule.cycle
			c.adjust += float64(whole) / c.rate
			return counted + whole
		}
	}
	if counted == 0 && c.later(i, step) {
		return 0
	}
	c.fault(i, float64(counted), step+float64(counted))
	c.adjust += step / c.rate
	if counted == 0 && (step < 0 || c.rule.cycle == 0 || step < 0.5*float64(c.rule.cycle)) {
		return 0 // the counter goes on: a clock was set
	}
	return max(0, counted+int64(math.Round(min(step, 1e12))))
}

// later reports whether the step does not belong to row i but to one within the window behind it, as it does where the rows
// before a loss were late: most of the step must lie in the time before one row.
func (c *Rows) later(i int, step float64) bool {
	unexplained := func(k int) float64 { // samples between a row and the one before
		return (c.rows[k].stamp-c.rows[k-1].stamp)*c.rate - float64(c.rows[k].step)
	}
	if unexplained(i) > 0.5*step {
		return false
	}
	for k := i + 1; k < min(len(c.rows), i+1+c.window/2); k++ {
		if unexplained(k) > 0.5*step {
			return true
		}
	}
	return false
}

func (c *Rows) fault(i int, counter, stamped float64) {
	c.faults++
	if len(c.disagree) < 3 {
		c.disagree = append(c.disagree, fault{c.rows[i].line, counter, stamped})
	}
}

// Told is what the rows told.
type Told struct {
	Rate      float64 // Hz
	Irregular bool
	Gaps      []recording.RowGap
}

// Finish judges the last rows. ok is false where nothing shows the rate.
//
//nolint:gocyclo // what the clocks found is told in one place, one warning for each kind
func (c *Rows) Finish(rec *recording.Recording) (out Told, ok bool) {
	if !c.begun {
		c.begin()
	}
	c.judge(true)
	out.Gaps = c.gaps
	out.Rate = c.header
	measured := 0.0
	t := c.timing()
	if t.ByStamps && !c.stamped {
		return out, false
	}
	if c.stamped {
		var spread float64
		_, spread = estimate(c.spans)
		_, even := c.likely(c.spans)
		out.Irregular = spread > 0.1 && !even && !(c.counted && c.header > 0)
		// Samples, those lost among them, by the time from the first packet to the last.
		if covered := c.last.stamp - c.first.stamp; covered > 0 && c.last.position > c.first.position {
			measured = (c.last.position - c.first.position) / covered
			if t.ByStamps && c.rate < Slowest {
				measured, out.Gaps = float64(c.n-2)/covered, nil // no waveform: what lies between the rows is not lost
			}
		} else {
			measured = c.rate
		}
	}
	if out.Irregular {
		measured = c.rate
	}
	agrees := func(hz float64) bool { return hz > 0 && math.Abs(hz-measured) <= 0.02*hz }
	switch near, isNear := c.nearest(measured, 0.005); {
	case measured == 0 && out.Rate == 0:
		out.Rate = c.rate // the device's, where neither header nor stamps tell
	case measured == 0:
	case out.Rate == 0 && c.nominal && math.Abs(measured-c.rate) <= 0.02*c.rate:
		out.Rate = c.rate
	case out.Rate == 0 && isNear:
		out.Rate = near
	case out.Rate == 0:
		out.Rate = measured
	case !agrees(out.Rate) && isNear && slices.Contains(c.device, near) && !slices.Contains(c.device, out.Rate):
		rec.Warnf("the header says %g Hz, but the device samples at %g Hz and the time stamps agree with it: %g Hz is used", out.Rate, near, near)
		out.Rate = near
	case !agrees(out.Rate) && c.last.stamp-c.first.stamp > 2:
		rec.Warnf("the clocks disagree: the header says %g Hz, the time stamps %.6g Hz; %g Hz is used", out.Rate, measured, out.Rate)
	}
	c.warnings(rec, out)
	return out, out.Rate > 0
}

func (c *Rows) warnings(rec *recording.Recording, out Told) {
	if c.hasCount && !c.counted && c.n > 2 {
		how := "nothing tells what was lost"
		if c.stamped {
			how = "the time stamps alone tell what was lost"
		}
		rec.Warnf("the sample index follows no known pattern: %s", how)
	}
	for _, f := range c.disagree {
		switch {
		case f.stamped < 0:
			rec.Warnf("the clocks disagree at line %d: the time stamps go back by %.4g s; the samples are taken as adjacent", f.line, -f.stamped/c.rate)
		default:
			rec.Warnf("the clocks disagree at line %d: %.0f samples are missing by the sample index, %.0f by the time stamps", f.line, f.counter, f.stamped)
		}
	}
	if more := c.faults - len(c.disagree); more > 0 {
		rec.Warnf("the clocks disagree in %d more places", more)
	}
	if c.unexplained > 0 {
		rec.Warnf("the sample index begins anew %d times: how much is missing there is not known", c.unexplained)
	}
	if c.beyond {
		rec.Warnf("only the first %d gaps were kept", mostGaps)
	}
	if out.Irregular {
		rec.Warnf("the rows are not evenly spaced: %.4g Hz is only their average", out.Rate)
	}
	if n := len(out.Gaps); n > 0 && !out.Irregular {
		lost := decoders.Counted(int(c.lost), "sample") + " were"
		if c.lost == 1 {
			lost = "1 sample was"
		}
		rec.Warnf("%s lost, in %s, the first after %.6g s", lost, decoders.Counted(n, "place"), float64(out.Gaps[0].Row)/out.Rate)
	}
}

// minWindow is the minimum of a window that moves on.
type minWindow struct {
	at    []int
	value []float64
	from  int
}

func (m *minWindow) push(at int, v float64) {
	for len(m.value) > m.from && m.value[len(m.value)-1] >= v {
		m.at, m.value = m.at[:len(m.at)-1], m.value[:len(m.value)-1]
	}
	if m.from > 1024 && m.from*2 > len(m.at) {
		m.at, m.value = m.at[:copy(m.at, m.at[m.from:])], m.value[:copy(m.value, m.value[m.from:])]
		m.from = 0
	}
	m.at, m.value = append(m.at, at), append(m.value, v)
}

// drop forgets what lies before at.
func (m *minWindow) drop(at int) {
	for m.from < len(m.at) && m.at[m.from] < at {
		m.from++
	}
}

func (m *minWindow) min() (float64, bool) {
	if m.from == len(m.at) {
		return 0, false
	}
	return m.value[m.from], true
}

// newSpans are the spans over which intervals are measured: short ones have a loss in them less often, over long ones
// jitter, bursts and rounding weigh less.
func newSpans() []intervals { return []intervals{{seconds: 0.05}, {seconds: 0.2}, {seconds: 1}} }

// intervals measures s a sample over spans of time. Of rows with the same stamp the last counts, as they come in one
// packet. It keeps the points of one span and a value for every 64 rows, at most.
type intervals struct {
	seconds float64
	points  []interval
	from    int
	n       int
	per     []float64
}

type interval struct{ stamp, position float64 }

func (v *intervals) add(stamp, position float64) {
	if n := len(v.points); n > v.from && v.points[n-1].stamp == stamp {
		v.points[n-1].position = position
		return
	}
	// The point before this one is complete: measure up to it.
	if n := len(v.points); n > v.from {
		last := v.points[n-1]
		for v.from+1 < n && last.stamp-v.points[v.from+1].stamp >= v.seconds {
			v.from++
		}
		v.n++
		first := v.points[v.from]
		if d, k := last.stamp-first.stamp, last.position-first.position; k > 0 && d > 0 && (d >= v.seconds || v.n < 64 && n-v.from > 1) {
			every := 1 // fewer the longer the file is
			for n := head; n < v.n; n *= 16 {
				every *= 16
			}
			if v.n%every == 0 {
				v.per = append(v.per, d/k)
			}
		}
		switch {
		case stamp < last.stamp-1: // the clock was set back: begin anew
			v.points, v.from = v.points[:0], 0
		case stamp < last.stamp:
			return
		}
	}
	if v.from > 4096 {
		v.points, v.from = v.points[:copy(v.points, v.points[v.from:])], 0
	}
	if len(v.points)-v.from > 1<<16 { // a span of more rows than any headset has
		v.from = len(v.points) - 1
	}
	v.points = append(v.points, interval{stamp, position})
}

// spread returns the median and how far below and around it the others lie, as a share of it. The upper part, where
// losses are, does not count.
func (v *intervals) spread() (median, spread float64) {
	if len(v.per) == 0 {
		return 0, math.Inf(1)
	}
	sorted := slices.Clone(v.per)
	slices.Sort(sorted)
	q := func(p float64) float64 { return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))] }
	return q(0.5), (q(0.55) - q(0.1)) / q(0.5)
}

// estimate takes the spans that spread least.
func estimate(spans []intervals) (interval, spread float64) {
	spread = math.Inf(1)
	for k := range spans {
		if d, s := spans[k].spread(); s < spread {
			interval, spread = d, s
		}
	}
	if math.IsInf(spread, 0) {
		return 0, 0
	}
	return interval, spread
}
