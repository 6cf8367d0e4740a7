package recording

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders"
)

// WriteEDF writes a recording as EDF+ with 16-bit samples: contiguous, or discontinuous where its gaps fall between
// data records. Events and annotations become EDF+ annotations; trigger channels are not written, since their
// changes are among the events.
//
// Each channel is scaled to its own largest value, or keeps its integers where all its samples are. The error of a
// sample is therefore at most 1/65534 of the channel's largest absolute value (rounded up to the seven characters
// that the header has for it), and a channel of integers is exact.
// Where the length does not divide into records of equal length, the last value is repeated to the end of the last
// record. A gap within a record is written as an annotation.
//
// Errors: invalid_signal where a sample is NaN or Inf; unsupported_format where the rates of the channels do not fit
// into common records or are unknown.
func WriteEDF(w io.Writer, rec *Recording) error { return writeEDF(w, rec, 2) }

// WriteBDF writes a recording as BDF+ with 24-bit samples, otherwise as WriteEDF does.
func WriteBDF(w io.Writer, rec *Recording) error { return writeEDF(w, rec, 3) }

// edfWriter is a recording laid out in records.
type edfWriter struct {
	rec       *Recording
	width     int // bytes a sample
	channels  []*Channel
	gains     []float64 // µV (or unit) of one digital step
	limits    []string  // physical maximum as text; the minimum is its negative
	perRecord []int
	duration  string // s of a record, as text
	seconds   float64
	records   int
	split     bool    // EDF+D: the gaps fall between records
	offset    float64 // s from the header's whole second to the first sample
	start     time.Time
}

func writeEDF(w io.Writer, rec *Recording, width int) error {
	e := &edfWriter{rec: rec, width: width, start: rec.StartTime}
	for i := range rec.Channels {
		if c := &rec.Channels[i]; c.Kind != Trigger {
			e.channels = append(e.channels, c)
		}
	}
	if !e.start.IsZero() {
		whole := e.start.Truncate(time.Second)
		e.offset = e.start.Sub(whole).Seconds()
		e.start = whole
	}
	if err := e.layOut(); err != nil {
		return err
	}
	if err := e.calibrate(); err != nil {
		return err
	}
	lists, size := e.annotations()
	out := bufio.NewWriterSize(w, 1<<16)
	e.header(out, size)
	e.samples(out, lists, size)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing EDF: %w", err)
	}
	return nil
}

func (e *edfWriter) format() Format {
	if e.width == 3 {
		return BDFPlusC
	}
	return EDFPlusC
}

// layOut chooses the length of a record.
func (e *edfWriter) layOut() error {
	if len(e.channels) == 0 {
		e.duration, e.records = "0", 1
		return nil
	}
	rates := map[float64]bool{}
	for _, c := range e.channels {
		if !(c.Rate > 0) || math.IsInf(c.Rate, 0) {
			return unsupported(e.format(), map[string]any{"channel": c.Label, "rate": fmt.Sprint(c.Rate)},
				"channel %s has the rate %g Hz", c.Label, c.Rate)
		}
		if len(c.Samples) == 0 {
			return malformed(e.format(), map[string]any{"channel": c.Label}, "channel %s has no samples", c.Label)
		}
		rates[c.Rate] = true
	}
	if len(rates) == 1 {
		if err := e.layOutSingle(e.channels[0].Rate, len(e.channels[0].Samples)); err != nil {
			return err
		}
	} else if err := e.layOutMixed(); err != nil {
		return err
	}
	held, padded := 0, 0
	for i, c := range e.channels {
		e.records = max(e.records, (len(c.Samples)+e.perRecord[i]-1)/e.perRecord[i])
		held += len(c.Samples)
	}
	for _, n := range e.perRecord {
		padded += n * e.records
	}
	if padded > 4*held+1<<16 {
		return unsupported(e.format(), map[string]any{"samples": held, "samples_padded": padded},
			"the channels differ so much in length that %d samples would become %d", held, padded)
	}
	e.split = len(e.rec.Gaps) > 0
	for _, g := range e.rec.Gaps {
		at := g.At / e.seconds
		e.split = e.split && math.Abs(at-math.Round(at)) < 1e-6
	}
	return nil
}

// layOutSingle looks for a record of 0.1 to 10 s whose length the header can state exactly and that divides the
// samples and the gaps' places; among those that state the rate best, the one nearest to 1 s.
func (e *edfWriter) layOutSingle(rate float64, samples int) error {
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
		for _, g := range e.rec.Gaps {
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
		return unsupported(e.format(), map[string]any{"rate": fmt.Sprint(rate)}, "no record length fits a rate of %g Hz", rate)
	}
	e.duration = field8(float64(best) / rate)
	// Readers hold the starts of the records to the length that the header states, rounded as it may be.
	e.seconds, _ = strconv.ParseFloat(e.duration, 64)
	e.perRecord = make([]int, len(e.channels))
	for i := range e.perRecord {
		e.perRecord[i] = best
	}
	return nil
}

// layOutMixed looks for the shortest whole number of seconds in which every rate gives whole samples.
func (e *edfWriter) layOutMixed() error {
	for seconds := 1; seconds <= 60; seconds++ {
		e.perRecord = e.perRecord[:0]
		for _, c := range e.channels {
			n := c.Rate * float64(seconds)
			if r := math.Round(n); math.Abs(n-r) < 1e-9*n && r >= 1 {
				e.perRecord = append(e.perRecord, int(r))
			}
		}
		if len(e.perRecord) == len(e.channels) {
			e.duration, e.seconds = strconv.Itoa(seconds), float64(seconds)
			return nil
		}
	}
	return unsupported(e.format(), nil, "the rates of the channels do not fit into common records of up to 60 s")
}

// calibrate chooses what one digital step is worth.
func (e *edfWriter) calibrate() error {
	top := e.digitalMax()
	for _, c := range e.channels {
		largest, whole := 0.0, true
		for i, v := range c.Samples {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"channel": c.Label, "sample": i},
					"channel %s, sample %d is no finite number", c.Label, i)
			}
			largest = max(largest, math.Abs(v))
			whole = whole && v == math.Trunc(v)
		}
		limit := ceiling8(largest)
		if whole && largest <= top {
			limit = strconv.FormatFloat(top, 'f', -1, 64)
		}
		v, err := strconv.ParseFloat(limit, 64)
		if err != nil || v < largest || len(limit) > 7 {
			return unsupported(e.format(), map[string]any{"channel": c.Label, "largest": largest},
				"channel %s has values of %g, which the header cannot state", c.Label, largest)
		}
		e.limits = append(e.limits, limit)
		e.gains = append(e.gains, v/top)
	}
	return nil
}

// digitalMax is the largest sample. The range is symmetric, so that 0 is exact.
func (e *edfWriter) digitalMax() float64 {
	if e.width == 3 {
		return 1<<23 - 1
	}
	return 1<<15 - 1
}

// annotations lays the annotation lists out over the records and returns them with the bytes that each record needs.
func (e *edfWriter) annotations() ([][]byte, int) {
	var lists [][]byte
	var due []int // the record during which each list happens
	add := func(onset, duration float64, label string) {
		var b []byte
		b = append(b, signed(e.fileTime(onset))...)
		if duration > 0 {
			b = append(append(b, talDuration), strconv.FormatFloat(duration, 'f', -1, 64)...)
		}
		label = strings.Map(func(r rune) rune {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' { // control characters separate the lists
				return -1
			}
			return r
		}, label)
		if label == "" {
			return
		}
		b = append(append(append(b, talText), label...), talText, talEnd)
		lists = append(lists, b)
		at := 0
		if e.seconds > 0 && onset > 0 {
			at = int(min(onset/e.seconds, float64(e.records-1)))
		}
		due = append(due, at)
	}
	type key struct {
		onset float64
		label string
	}
	written := map[key]int{}
	for _, a := range e.rec.Annotations {
		add(a.Onset, a.Duration, a.Label)
		written[key{a.Onset, a.Label}]++
	}
	for _, ev := range e.rec.Events {
		if k := (key{ev.Onset, ev.Label}); written[k] > 0 {
			written[k]--
			continue
		}
		add(ev.Onset, 0, eventLabel(ev))
	}
	if !e.split {
		for _, g := range e.rec.Gaps {
			add(g.At, 0, fmt.Sprintf("gap of %.6g s", g.Length))
		}
	}
	stamp := make([][]byte, e.records)
	longest, longestStamp := 0, 0
	for i := range stamp {
		stamp[i] = append(signed(e.fileTime(float64(i)*e.seconds)), talText, talText, talEnd)
		longestStamp = max(longestStamp, len(stamp[i]))
	}
	for _, l := range lists {
		longest = max(longest, len(l))
	}
	for size := longestStamp + longest; ; size += max(16, size/4) {
		if placed := place(stamp, lists, due, size); placed != nil {
			return placed, (size + e.width - 1) / e.width * e.width
		}
	}
}

// eventLabel is a text from which the code of an event can be read back.
func eventLabel(ev decoders.Event) string {
	switch {
	case ev.Label == "":
		return strconv.Itoa(ev.Code)
	case codeIn(ev.Label) == ev.Code:
		return ev.Label
	}
	return ev.Label + "/" + strconv.Itoa(ev.Code)
}

// place puts each list into the first record from its own on that has room; nil where one finds none.
func place(stamp, lists [][]byte, due []int, size int) [][]byte {
	records := make([][]byte, len(stamp))
	for i, s := range stamp {
		records[i] = append(make([]byte, 0, size), s...)
	}
	next := 0
	for i, l := range lists {
		at := max(due[i], 0)
		if i > 0 && due[i] >= due[i-1] { // records before are full where the lists are in order
			at = max(at, next)
		}
		for at < len(records) && len(records[at])+len(l) > size {
			at++
		}
		if at == len(records) {
			return nil
		}
		records[at] = append(records[at], l...)
		next = at
	}
	return records
}

// fileTime turns s of samples into s after the header's start.
func (e *edfWriter) fileTime(t float64) float64 {
	at := t + e.offset
	if e.split {
		for _, g := range e.rec.Gaps {
			if g.At <= t+1e-9 {
				at += g.Length
			}
		}
	}
	return at
}

func signed(v float64) []byte {
	v = math.Round(v*1e9) / 1e9 // ns, so that sums do not show their rounding
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if v >= 0 {
		s = "+" + s
	}
	return []byte(s)
}

func (e *edfWriter) header(w *bufio.Writer, annotationBytes int) {
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
	if e.rec.Subject != "" {
		subject = e.rec.Subject
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
	if e.rec.Device != "" && !strings.HasPrefix(e.rec.Device, "Startdate") {
		device = strings.Join(strings.Fields(e.rec.Device), "_")
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
	each := func(width int, value func(i int, c *Channel) string, annotation string) {
		for i, c := range e.channels {
			put(value(i, c), width)
		}
		put(annotation, width)
	}
	top := int(e.digitalMax())
	kind := "EDF Annotations"
	if e.width == 3 {
		kind = "BDF Annotations"
	}
	constant := func(s string) func(int, *Channel) string { return func(int, *Channel) string { return s } }
	each(16, func(_ int, c *Channel) string { return c.Label }, kind)
	each(80, constant(""), "")
	each(8, func(_ int, c *Channel) string { return c.Unit }, "")
	each(8, func(i int, _ *Channel) string { return "-" + e.limits[i] }, "-1")
	each(8, func(i int, _ *Channel) string { return e.limits[i] }, "1")
	each(8, constant(strconv.Itoa(-top)), strconv.Itoa(-top-1))
	each(8, constant(strconv.Itoa(top)), strconv.Itoa(top))
	each(80, constant(""), "")
	each(8, func(i int, _ *Channel) string { return strconv.Itoa(e.perRecord[i]) }, strconv.Itoa(annotationBytes/e.width))
	each(32, constant(""), "")
}

func (e *edfWriter) samples(w *bufio.Writer, lists [][]byte, size int) {
	top := e.digitalMax()
	for r := range e.records {
		for i, c := range e.channels {
			for k := r * e.perRecord[i]; k < (r+1)*e.perRecord[i]; k++ {
				v := c.Samples[min(k, len(c.Samples)-1)]
				d := int32(min(max(math.Round(v/e.gains[i]), -top), top))
				w.WriteByte(byte(d))
				w.WriteByte(byte(d >> 8))
				if e.width == 3 {
					w.WriteByte(byte(d >> 16))
				}
			}
		}
		w.Write(lists[r])
		for range size - len(lists[r]) {
			w.WriteByte(talEnd)
		}
	}
}

// field8 writes a number into the eight characters of a header field, as exactly as they allow.
func field8(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	for digits := 7; len(s) > 8 && digits >= 0; digits-- {
		s = strconv.FormatFloat(v, 'f', digits, 64)
	}
	return s
}

// ceiling8 writes the smallest number of seven characters (one is left for the sign) that is not below v.
func ceiling8(v float64) string {
	if v == 0 {
		return "1"
	}
	for digits := 5; digits >= 0; digits-- {
		scale := math.Pow(10, float64(digits))
		if s := strconv.FormatFloat(math.Ceil(v*scale)/scale, 'f', digits, 64); len(s) <= 7 && s != "+Inf" {
			return s
		}
	}
	return strconv.FormatFloat(math.Ceil(v), 'f', 0, 64)
}
