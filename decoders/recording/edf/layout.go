package edf

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders/recording"
)

// writer writes a file record by record: layOut, then calibrate and annotate, then begin, write as often as there are
// samples, close. It holds one record and the annotations, not the samples.
type writer struct {
	width           int // bytes a sample
	subject, device string
	start           time.Time // whole second
	offset          float64   // s from start to the first sample
	channels        []channel
	gaps            []recording.Gap

	duration string // s of a record, as text
	seconds  float64
	records  int
	split    bool      // EDF+D: the gaps fall between records
	lost     []float64 // lost[i] is the length of the first i gaps in s, where split

	notes     map[int][]byte // annotation lists by the record that holds them
	noteBytes int            // of annotations in each record

	out    *bufio.Writer
	record int // that comes next
	buf    []byte
}

// channel is a signal of the file to be.
type channel struct {
	label, unit string
	rate        float64 // Hz
	samples     int     // that will be written
	perRecord   int
	scale       calibration

	pending []float64 // of the record that comes next
	given   int       // samples
	last    float64
}

// note is an annotation.
type note struct {
	onset, duration float64 // s after the header's start; s
	label           string
	record          int // during which it happens
}

func (e *writer) format() recording.Format {
	if e.width == 3 {
		return BDFPlusC
	}
	return PlusC
}

// layOut chooses the length of a record.
func (e *writer) layOut() error {
	if len(e.channels) == 0 {
		e.duration, e.records = "0", 1
		return nil
	}
	rates := map[float64]bool{}
	for i := range e.channels {
		c := &e.channels[i]
		if !(c.rate > 0) || math.IsInf(c.rate, 0) {
			return recording.Unsupported(e.format(), map[string]any{"channel": c.label, "rate": fmt.Sprint(c.rate)},
				"channel %s has the rate %g Hz", c.label, c.rate)
		}
		if c.samples == 0 {
			return recording.Malformed(e.format(), map[string]any{"channel": c.label}, "channel %s has no samples", c.label)
		}
		rates[c.rate] = true
	}
	if len(rates) == 1 {
		if err := e.layOutSingle(e.channels[0].rate, e.channels[0].samples); err != nil {
			return err
		}
	} else if err := e.layOutMixed(); err != nil {
		return err
	}
	held, padded := 0, 0
	for _, c := range e.channels {
		e.records = max(e.records, (c.samples+c.perRecord-1)/c.perRecord)
		held += c.samples
	}
	for _, c := range e.channels {
		padded += c.perRecord * e.records
	}
	if padded > 4*held+1<<16 {
		return recording.Unsupported(e.format(), map[string]any{"samples": held, "samples_padded": padded},
			"the channels differ so much in length that %d samples would become %d", held, padded)
	}
	e.split = len(e.gaps) > 0
	for _, g := range e.gaps {
		at := g.At / e.seconds
		e.split = e.split && math.Abs(at-math.Round(at)) < 1e-6
	}
	e.sumGaps()
	return nil
}

func (e *writer) sumGaps() {
	e.lost = append(e.lost[:0], 0)
	for i, g := range e.gaps {
		e.lost = append(e.lost, e.lost[i]+g.Length)
	}
}

// layOutSingle looks for a record of 0.1 to 10 s whose length the header can state exactly and that divides the
// samples and the gaps' places; among those that state the rate best, the one nearest to 1 s.
func (e *writer) layOutSingle(rate float64, samples int) error {
	best, bestCost := 0, math.Inf(1)
	// A record is no longer than the recording, nor than the 61,440 bytes that EDF recommends.
	most := max(1, int(min(math.Ceil(10*rate), float64(samples), 61440/2)))
	for n := max(1, min(int(min(rate/10, 61440/2)), most)); n <= most; n++ {
		seconds, err := strconv.ParseFloat(field8(float64(n)/rate), 64)
		if err != nil || seconds <= 0 || len(field8(float64(n)/rate)) > 8 {
			continue
		}
		cost := math.Abs(math.Log10(float64(n)/rate)) * 1e-3
		if wrong := math.Abs(float64(n)/seconds-rate) / rate; wrong > 1e-12 {
			cost += 10 + wrong*1e6 // an inexact rate is worse than padding
		}
		if samples%n != 0 {
			cost++
		}
		for _, g := range e.gaps {
			if int(math.Round(g.At*rate))%n != 0 {
				cost++
				break
			}
		}
		if cost < bestCost {
			best, bestCost = n, cost
		}
	}
	if best == 0 {
		return recording.Unsupported(e.format(), map[string]any{"rate": fmt.Sprint(rate)}, "no record length fits a rate of %g Hz", rate)
	}
	e.duration = field8(float64(best) / rate)
	// Readers hold the starts of the records to the length that the header states, rounded as it may be.
	e.seconds, _ = strconv.ParseFloat(e.duration, 64)
	for i := range e.channels {
		e.channels[i].perRecord = best
	}
	return nil
}

// layOutMixed looks for the shortest whole number of seconds in which every rate gives whole samples.
func (e *writer) layOutMixed() error {
	for seconds := 1; seconds <= 60; seconds++ {
		fits := true
		for i := range e.channels {
			c := &e.channels[i]
			n := c.rate * float64(seconds)
			c.perRecord = int(math.Round(n))
			fits = fits && math.Abs(n-math.Round(n)) < 1e-9*n && c.perRecord >= 1
		}
		if fits {
			e.duration, e.seconds = strconv.Itoa(seconds), float64(seconds)
			return nil
		}
	}
	return recording.Unsupported(e.format(), nil, "the rates of the channels do not fit into common records of up to 60 s")
}

// fileTime turns s of samples into s after the header's start.
func (e *writer) fileTime(t float64) float64 {
	at := t + e.offset
	if !e.split {
		return at
	}
	n := sort.Search(len(e.gaps), func(i int) bool { return e.gaps[i].At > t+1e-9 })
	return at + e.lost[n]
}

func signed(v float64) []byte {
	v = math.Round(v*1e9) / 1e9 // ns, so that sums do not show their rounding
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if v >= 0 {
		s = "+" + s
	}
	return []byte(s)
}

// stamp is the list that tells when a record begins (EDF+ 2.2.4).
func (e *writer) stamp(record int) []byte {
	return append(signed(e.fileTime(float64(record)*e.seconds)), talText, talText, talEnd)
}

// annotate distributes annotations over the records, and finds the room that each record needs for them.
func (e *writer) annotate(notes []note) {
	longest, longestStamp := 0, 0
	lists, due := make([][]byte, 0, len(notes)), make([]int, 0, len(notes))
	for _, n := range notes {
		b := signed(n.onset)
		if n.duration > 0 {
			b = append(append(b, talDuration), strconv.FormatFloat(math.Round(n.duration*1e9)/1e9, 'f', -1, 64)...)
		}
		label := strings.Map(func(r rune) rune {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' { // control characters separate the lists
				return -1
			}
			return r
		}, n.label)
		if label == "" {
			continue
		}
		b = append(append(append(b, talText), label...), talText, talEnd)
		lists, due = append(lists, b), append(due, n.record)
		longest = max(longest, len(b))
	}
	for r := range e.records {
		longestStamp = max(longestStamp, len(e.stamp(r)))
	}
	for size := longestStamp + longest; ; size += max(16, size/4) {
		if notes, ok := e.place(lists, due, size); ok {
			e.notes, e.noteBytes = notes, (size+e.width-1)/e.width*e.width
			return
		}
	}
}

// place puts each list into the first record from its own on that has room; false where one finds none.
func (e *writer) place(lists [][]byte, due []int, size int) (map[int][]byte, bool) {
	records := map[int][]byte{}
	next := 0
	for i, l := range lists {
		at := max(due[i], 0)
		if i > 0 && due[i] >= due[i-1] { // records before are full where the lists are in order
			at = max(at, next)
		}
		for at < e.records && len(e.stamp(at))+len(records[at])+len(l) > size {
			at++
		}
		if at >= e.records {
			return nil, false
		}
		records[at] = append(records[at], l...)
		next = at
	}
	return records, true
}

// bytes returns the size of the file.
func (e *writer) bytes() int64 {
	record := int64(e.noteBytes)
	for _, c := range e.channels {
		record += int64(c.perRecord * e.width)
	}
	return int64(256*(len(e.channels)+2)) + record*int64(e.records)
}

// begin writes the header.
func (e *writer) begin(w io.Writer) error {
	e.out = bufio.NewWriterSize(w, 1<<16)
	e.header(e.out)
	if len(e.channels) == 0 {
		return e.drain()
	}
	return nil
}

// write takes the next samples of each channel, as many as there are, and writes the records that are whole by them.
func (e *writer) write(rows [][]float64) error {
	for i := range e.channels {
		c := &e.channels[i]
		if c.given += len(rows[i]); c.given > c.samples {
			return fmt.Errorf("writing EDF: channel %s has more than %d samples", c.label, c.samples)
		}
		c.pending = append(c.pending, rows[i]...)
	}
	return e.drain()
}

// drain writes the records that are whole. A channel that has ended is held at its last value.
func (e *writer) drain() error {
	for ; e.record < e.records; e.record++ {
		for i := range e.channels {
			if c := &e.channels[i]; len(c.pending) < c.perRecord && c.given < c.samples {
				return nil
			}
		}
		e.buf = e.buf[:0]
		for i := range e.channels {
			c := &e.channels[i]
			n := min(c.perRecord, len(c.pending))
			for _, v := range c.pending[:n] {
				e.buf = c.appendSample(e.buf, v, e.width)
			}
			if n > 0 {
				c.last = c.pending[n-1]
			}
			for range c.perRecord - n {
				e.buf = c.appendSample(e.buf, c.last, e.width)
			}
			c.pending = c.pending[:copy(c.pending, c.pending[n:])]
		}
		end := len(e.buf) + e.noteBytes
		e.buf = append(append(e.buf, e.stamp(e.record)...), e.notes[e.record]...)
		for len(e.buf) < end {
			e.buf = append(e.buf, talEnd)
		}
		if _, err := e.out.Write(e.buf); err != nil {
			return fmt.Errorf("writing EDF: %w", err)
		}
	}
	return nil
}

func (c *channel) appendSample(b []byte, v float64, width int) []byte {
	s := &c.scale
	d := int32(min(max(math.RoundToEven((v-s.offset)/s.gain), float64(s.low)), float64(s.top)))
	if width == 3 {
		return append(b, byte(d), byte(d>>8), byte(d>>16))
	}
	return append(b, byte(d), byte(d>>8))
}

// close writes what is left. Error: a channel that has not been given all its samples.
func (e *writer) close() error {
	for i := range e.channels {
		if c := &e.channels[i]; c.given != c.samples {
			return fmt.Errorf("writing EDF: channel %s was given %d samples of %d", c.label, c.given, c.samples)
		}
	}
	if err := e.out.Flush(); err != nil {
		return fmt.Errorf("writing EDF: %w", err)
	}
	return nil
}

func (e *writer) header(w *bufio.Writer) {
	put := func(s string, width int) {
		b := bytes.Repeat([]byte{' '}, width)
		for i := range min(len(s), width) {
			b[i] = '?'
			if s[i] >= 0x20 && s[i] < 0x7F {
				b[i] = s[i]
			}
		}
		w.Write(b)
	}
	count := len(e.channels) + 1
	if e.width == 3 {
		w.WriteString("\xffBIOSEMI")
	} else {
		put("0", 8)
	}
	subject := "X"
	if e.subject != "" {
		subject = e.subject
	}
	if fields := strings.Fields(subject); len(fields) < 4 { // code, sex, birthdate and name must be there
		subject = strings.Join(fields, "_") + " X X X"
	}
	put(subject, 80)
	start, startField := e.start, "X"
	if start.IsZero() || start.Year() < 1985 || start.Year() > 2084 {
		start = time.Date(1985, 1, 1, 0, 0, 0, 0, time.UTC)
	} else {
		startField = strings.ToUpper(start.Format("02-Jan-2006"))
	}
	device := "X"
	if e.device != "" && !strings.HasPrefix(e.device, "Startdate") {
		device = strings.Join(strings.Fields(e.device), "_")
	}
	put("Startdate "+startField+" X X "+device, 80)
	put(start.Format("02.01.06"), 8)
	put(start.Format("15.04.05"), 8)
	put(strconv.Itoa(256*(count+1)), 8)
	reserved := string(e.format())
	if e.split {
		reserved = strings.Replace(reserved, "+C", "+D", 1)
	}
	put(reserved, 44)
	put(strconv.Itoa(e.records), 8)
	put(e.duration, 8)
	put(strconv.Itoa(count), 4)
	each := func(width int, value func(c *channel) string, annotation string) {
		for i := range e.channels {
			put(value(&e.channels[i]), width)
		}
		put(annotation, width)
	}
	top := digitalMax(e.width)
	kind := "EDF Annotations"
	if e.width == 3 {
		kind = "BDF Annotations"
	}
	constant := func(s string) func(*channel) string { return func(*channel) string { return s } }
	labels := e.labels()
	for _, l := range append(labels, kind) {
		put(l, 16)
	}
	each(80, constant(""), "")
	each(8, func(c *channel) string { return c.unit }, "")
	each(8, func(c *channel) string { return "-" + c.scale.limit }, "-1")
	each(8, func(c *channel) string { return c.scale.limit }, "1")
	each(8, func(c *channel) string { return strconv.Itoa(c.scale.low) }, strconv.Itoa(-top-1))
	each(8, func(c *channel) string { return strconv.Itoa(c.scale.top) }, strconv.Itoa(top))
	each(80, constant(""), "")
	each(8, func(c *channel) string { return strconv.Itoa(c.perRecord) }, strconv.Itoa(e.noteBytes/e.width))
	each(32, constant(""), "")
}

// labels returns the labels as the header takes them: 16 printable ASCII characters, each label once and none that would
// make a signal an annotation.
func (e *writer) labels() []string {
	const width = 16
	out := make([]string, len(e.channels))
	used := map[string]bool{"EDF Annotations": true, "BDF Annotations": true}
	for i := range e.channels {
		base := strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < 0x20 || r >= 0x7F {
				return '?'
			}
			return r
		}, e.channels[i].label))
		label := strings.TrimSpace(base[:min(len(base), width)])
		for n := 2; used[label]; n++ {
			suffix := "#" + strconv.Itoa(n)
			label = base[:min(len(base), width-len(suffix))] + suffix
		}
		used[label] = true
		out[i] = label
	}
	return out
}

// field8 writes a number into the eight characters of a header field, as exactly as they allow.
func field8(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	for digits := 7; len(s) > 8 && digits >= 0; digits-- {
		s = strconv.FormatFloat(v, 'f', digits, 64)
	}
	return s
}
