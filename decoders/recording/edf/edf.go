// Package edf reads and writes EDF, EDF+ (contiguous and discontinuous), BDF and BDF+.
//
// Sources: Kemp et al. 1992, "A simple format for exchange of digitized polygraphic recordings"; Kemp and Olivan 2003, "European data
// format 'plus' (EDF+)"; BioSemi, "Which file format does BioSemi use?".
package edf

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// EDF: Kemp et al. 1992, "A simple format for exchange of digitized polygraphic recordings". EDF+: Kemp and Olivan
// 2003, "European data format 'plus' (EDF+)". BDF: BioSemi's 24-bit variant, "Which file format does BioSemi use?".
const (
	EDF      recording.Format = "EDF"
	PlusC    recording.Format = "EDF+C"
	PlusD    recording.Format = "EDF+D"
	BDF      recording.Format = "BDF"
	BDFPlusC recording.Format = "BDF+C"
	BDFPlusD recording.Format = "BDF+D"
)

// signal is one signal of an EDF or BDF header.
type signal struct {
	label, transducer, unit string
	gain, offset            float64 // physical = gain×digital + offset, in the unit after conversion
	low, high               int64   // digital range that the header states
	perRecord               int64   // samples
	first                   int64   // offset of the signal's first sample in a record, in samples
	annotations             bool
	trigger                 bool
	channel                 int // index into Recording.Channels, -1 for annotations
}

// header is what the header says, checked against the size of the file.
type header struct {
	format     recording.Format
	width      int64 // bytes a sample
	start      time.Time
	patient    string
	recording  string
	length     int64 // bytes of header
	records    int64 // that are really there
	claimed    int64
	duration   float64 // s of a record
	signals    []signal
	perRecord  int64 // samples of all signals
	continuous bool
}

// Reader reads EDF and EDF+. Triggers of a status channel and annotations become events.
// A record count of -1 and a truncated end are read as far as the data go, with a warning; a header without any
// data is refused.
var Reader = recording.Reader{
	Formats: []recording.Format{EDF, PlusC, PlusD}, Names: []string{"EDF", "EDF+"},
	Extensions: []string{".edf", ".rec"}, MediaTypes: []string{"application/edf", "application/x-edf"}, Encoding: eeg.EDF,
	Sniff: sniff,
	Whole: func(src *recording.Source, _ io.ReaderAt, _ string) (*recording.Recording, error) {
		return recording.Collect(open(src, src.Size(), EDF))
	},
	Inspect: func(src *recording.Source, _ string, _ *recording.Plan) (*recording.Recording, error) {
		return inspect(src, EDF)
	},
	Open: func(src *recording.Source, plan recording.Plan) (*recording.Stream, error) {
		return open(src, plan.Bytes, EDF)
	},
	Example: func(f recording.Format) (string, []byte) { return "example.edf", example(f == EDF, Write) },
}

// BDFReader reads BDF and BDF+ as Reader does EDF. The low 16 bits of the status channel are the trigger inputs.
var BDFReader = recording.Reader{
	Formats: []recording.Format{BDF, BDFPlusC, BDFPlusD}, Names: []string{"BDF", "BDF+"},
	Extensions: []string{".bdf"}, MediaTypes: []string{"application/bdf", "application/x-bdf"}, Encoding: eeg.BDF,
	Sniff: recording.Prefix(BDF, "\xffBIOSEMI"),
	Whole: func(src *recording.Source, _ io.ReaderAt, _ string) (*recording.Recording, error) {
		return recording.Collect(open(src, src.Size(), BDF))
	},
	Inspect: func(src *recording.Source, _ string, _ *recording.Plan) (*recording.Recording, error) {
		return inspect(src, BDF)
	},
	Open: func(src *recording.Source, plan recording.Plan) (*recording.Stream, error) {
		return open(src, plan.Bytes, BDF)
	},
	Example: func(f recording.Format) (string, []byte) { return "example.bdf", example(f == BDF, WriteBDF) },
}

// sniff recognizes the version field of EDF: "0" padded to eight bytes, with the printable header behind it.
func sniff(head []byte) recording.Format {
	if len(head) < 8 || head[0] != '0' {
		return ""
	}
	for _, c := range head[1:8] {
		if c != ' ' && c != 0 {
			return ""
		}
	}
	if len(head) >= 256 && bytes.IndexByte(head[8:256], '\n') >= 0 {
		return ""
	}
	return EDF
}

// example is a file of two channels, with a pause and an event.
func example(apart bool, write func(io.Writer, *recording.Recording) error) []byte {
	if !apart { // the header tells, not the first bytes
		return nil
	}
	var b bytes.Buffer
	err := write(&b, &recording.Recording{Events: []eeg.Event{{Onset: 0.5, Code: 1, Label: "left"}}, Gaps: []recording.Gap{{At: 1, Length: 8}},
		Channels: []recording.Channel{{Label: "C3", Unit: "uV", Rate: 4, Samples: []float64{1, 2, 3, 4, 5, 6, 7, 8}}, {Label: "C4", Unit: "uV", Rate: 4, Samples: []float64{8, 7, 6, 5, 4, 3, 2, 1}}}})
	if err != nil {
		panic(err) // a mistake of ours: the recording stands above
	}
	return b.Bytes()
}

// open reads the header of a source of size bytes.
func open(src *recording.Source, size int64, format recording.Format) (*recording.Stream, error) {
	rec := &recording.Recording{Format: format}
	h, err := readHeader(src, size, format, rec)
	if err != nil {
		return nil, err
	}
	if err := h.countRecords(size, rec); err != nil {
		return nil, err
	}
	h.describe(rec)
	s := &records{src: src, h: h, rec: rec, skip: make([]bool, len(rec.Channels)), triggers: make([]recording.Triggers, len(h.signals))}
	expect := make([]int, len(rec.Channels))
	for i := range h.signals {
		if c := h.signals[i].channel; c >= 0 {
			expect[c] = int(h.records * h.signals[i].perRecord)
		}
	}
	stream := recording.NewStream(src, rec, s, s.skip)
	stream.Expect(expect)
	return stream, nil
}

// inspect is Inspect for EDF and BDF.
func inspect(src *recording.Source, format recording.Format) (*recording.Recording, error) {
	rec := &recording.Recording{Format: format}
	h, err := readHeader(src, recording.UnknownSize, format, rec)
	if err != nil {
		return nil, err
	}
	if err := src.Hold(h.perRecord*(h.width+8), format, "samples of a data record"); err != nil {
		return nil, err // before the file has been read
	}
	// The first record may tell that the recording began within the second.
	record, err := src.Bytes(h.perRecord*h.width, format, "first data record")
	switch {
	case err == nil:
		s := records{h: h}
		if start := s.readLists(record); start > 0 && start < 1 && !h.start.IsZero() {
			h.start = h.start.Add(time.Duration(math.Round(start * 1e9)))
		}
	case !recording.EndsEarly(err): // a file without a whole record is for countRecords
		return nil, err
	}
	if err := src.End(); err != nil {
		return nil, err
	}
	if err := h.countRecords(src.At(), rec); err != nil {
		return nil, err
	}
	h.describe(rec)
	return rec, nil
}

// describe fills in what the header says of the recording, and its channels.
func (h *header) describe(rec *recording.Recording) {
	rec.Format, rec.StartTime, rec.Subject, rec.Device = h.format, h.start, h.patient, h.recording
	for i := range h.signals {
		s := &h.signals[i]
		if s.annotations {
			s.channel = -1
			continue
		}
		c := recording.Channel{Label: s.label, Unit: s.unit, Rate: recording.CleanRate(float64(s.perRecord) / h.duration)}
		if s.trigger {
			c.Kind, c.Unit = recording.Trigger, ""
		}
		s.channel = len(rec.Channels)
		rec.Channels = append(rec.Channels, c)
	}
	rec.NameChannels()
}

// readHeader reads and checks the header of a source of size bytes; what it tolerates it says in rec. The number of
// records is left to countRecords.
func readHeader(src *recording.Source, size int64, format recording.Format, rec *recording.Recording) (*header, error) {
	const block = 256 // bytes of the fixed part and of each signal's part
	if size < block {
		return nil, recording.Malformed(format, map[string]any{"bytes": size, "bytes_needed": block},
			"%d bytes are too few for a header of %d", size, block)
	}
	fixed := make([]byte, block)
	if err := src.Full(fixed, format, "header"); err != nil {
		return nil, err
	}
	h := &header{format: format, width: 2, continuous: true}
	plusC, plusD := PlusC, PlusD
	if format == BDF {
		h.width, plusC, plusD = 3, BDFPlusC, BDFPlusD
	}
	h.patient, h.recording = recording.HeaderText(fixed[8:88]), recording.HeaderText(fixed[88:168])
	reserved := recording.HeaderText(fixed[192:236])
	// Exports by converters carry "EDF+C" in BDF too; the version byte decides the width, this the rest.
	switch {
	case strings.HasPrefix(reserved, "EDF+C"), strings.HasPrefix(reserved, "BDF+C"):
		h.format = plusC
	case strings.HasPrefix(reserved, "EDF+D"), strings.HasPrefix(reserved, "BDF+D"):
		h.format, h.continuous = plusD, false
	}
	h.start = startOf(recording.HeaderText(fixed[168:176]), recording.HeaderText(fixed[176:184]), h.recording, rec)
	count, err := integer(fixed[252:256], format, "number of signals")
	if err != nil {
		return nil, err
	}
	if count < 1 {
		return nil, recording.Malformed(format, map[string]any{"signals": count}, "the header names %d signals", count)
	}
	h.length = (count + 1) * block
	if h.length > size {
		return nil, recording.Malformed(format, map[string]any{"signals": count, "bytes": size, "bytes_needed": h.length},
			"%d signals need a header of %d bytes, the file has %d", count, h.length, size)
	}
	if stated, err := integer(fixed[184:192], format, "header length"); err != nil || stated != h.length {
		rec.Warnf("the header length field says %q; %d signals make %d bytes", recording.HeaderText(fixed[184:192]), count, h.length)
	}
	if h.claimed, err = integer(fixed[236:244], format, "number of data records"); err != nil {
		return nil, err
	}
	if h.duration, err = number(fixed[244:252], format, "duration of a data record"); err != nil {
		return nil, err
	}
	if h.duration < 0 {
		return nil, recording.Malformed(format, map[string]any{"record_duration": h.duration}, "a data record lasts %g s", h.duration)
	}
	body, err := src.Bytes(h.length-block, format, fmt.Sprintf("header of %d signals", count))
	if err != nil {
		return nil, err
	}
	if err := src.Hold(count*recording.SignalMemory, format, "signals"); err != nil {
		return nil, err
	}
	if err := h.readSignals(body, count, format, rec); err != nil {
		return nil, err
	}
	if h.perRecord == 0 {
		return nil, recording.Malformed(h.format, nil, "the header names signals without samples")
	}
	return h, nil
}

// readSignals reads the signal headers, which are stored field by field.
func (h *header) readSignals(body []byte, count int64, format recording.Format, rec *recording.Recording) error {
	h.signals = make([]signal, count)
	widths := []int{16, 80, 8, 8, 8, 8, 8, 80, 8, 32} // label ... reserved
	field := func(kind, i int) []byte {
		at := 0
		for _, w := range widths[:kind] {
			at += w * int(count)
		}
		at += widths[kind] * i
		return body[at : at+widths[kind]]
	}
	waves := false
	for i := range h.signals {
		s := &h.signals[i]
		s.label, s.transducer = recording.HeaderText(field(0, i)), recording.HeaderText(field(1, i))
		what := func(name string) string { return fmt.Sprintf("%s of signal %d (%s)", name, i+1, s.label) }
		var err error
		if s.perRecord, err = integer(field(8, i), format, what("samples per record")); err != nil {
			return err
		}
		if s.perRecord < 0 || s.perRecord > math.MaxInt32 {
			return recording.Malformed(format, map[string]any{"signal": i + 1, "samples_per_record": s.perRecord},
				"signal %d (%s) has %d samples a record", i+1, s.label, s.perRecord)
		}
		s.first = h.perRecord
		h.perRecord += s.perRecord
		s.annotations = s.label == "EDF Annotations" || s.label == "BDF Annotations"
		if s.annotations {
			continue
		}
		waves = waves || s.perRecord > 0
		s.trigger = recording.IsTrigger(s.label)
		if err := s.scale(field(2, i), field(3, i), field(4, i), field(5, i), field(6, i), format, what, rec); err != nil {
			return err
		}
	}
	if h.duration == 0 {
		if waves {
			rec.Warnf("the header says that a data record lasts 0 s: 1 s is assumed")
		}
		h.duration = 1 // also for files of annotations alone, where EDF+ asks for 0
	}
	return nil
}

// scale reads the calibration of a signal.
func (s *signal) scale(unit, pmin, pmax, dmin, dmax []byte, format recording.Format, what func(string) string, rec *recording.Recording) error {
	var v [4]float64
	for i, f := range []struct {
		b    []byte
		name string
	}{{pmin, "physical minimum"}, {pmax, "physical maximum"}, {dmin, "digital minimum"}, {dmax, "digital maximum"}} {
		x, err := number(f.b, format, what(f.name))
		if err != nil {
			return err
		}
		v[i] = x
	}
	var factor float64
	s.unit, factor = recording.ToMicrovolt(recording.HeaderText(unit))
	if s.trigger {
		s.gain, s.offset = 1, 0 // codes, not a waveform: a calibration would only spoil them
		if format != EDF || v[3] == v[2] {
			return nil
		}
		// A calibration may put codes back where they were before they were shifted into 16 bits. Where it is in volts, or its ends are
		// no whole numbers, it is that of the waveforms, copied.
		gain := (v[1] - v[0]) / (v[3] - v[2])
		switch {
		case gain == 1 && v[0] == v[2]:
		case s.unit == recording.Microvolt, v[0] != math.Trunc(v[0]), v[1] != math.Trunc(v[1]):
			rec.Warnf("%s: the calibration %g..%g %s is one of waveforms: the codes are read as they are stored", what("calibration"), v[0], v[1], recording.HeaderText(unit))
		default:
			s.gain, s.offset = gain, v[0]-gain*v[2]
		}
		return nil
	}
	if v[3] == v[2] || v[1] == v[0] {
		rec.Warnf("%s: equal minimum and maximum give no calibration: values are digital", what("calibration"))
		s.gain, s.offset, s.unit = 1, 0, ""
		return nil
	}
	s.low, s.high = int64(min(v[2], v[3])), int64(max(v[2], v[3]))
	s.gain = (v[1] - v[0]) / (v[3] - v[2])
	if s.offset = v[0] - s.gain*v[2]; math.Abs(s.offset) < 1e-12*math.Abs(v[0]) {
		s.offset = 0 // the rest of a symmetric range, whose 0 is exact
	}
	s.offset *= factor
	s.gain *= factor
	return nil
}

// countRecords reconciles the claimed number of records with the bytes that are there.
func (h *header) countRecords(size int64, rec *recording.Recording) error {
	bytesPerRecord := h.perRecord * h.width
	rest := size - h.length
	present := rest / bytesPerRecord
	details := map[string]any{"records_claimed": h.claimed, "records_present": present,
		"bytes_per_record": bytesPerRecord, "bytes_of_data": rest}
	if present == 0 {
		return recording.Malformed(h.format, details, "the header says %d data records and the file holds none", h.claimed)
	}
	switch {
	case h.claimed < 0:
		rec.Warnf("the header gives no number of data records (%d): the file holds %d", h.claimed, present)
	case h.claimed > present:
		rec.Warnf("the header says %d data records and the file holds %d", h.claimed, present)
	case h.claimed == 0:
		rec.Warnf("the header says 0 data records: the file holds %d", present)
	default:
		present = h.claimed
	}
	if extra := rest - present*bytesPerRecord; extra > 0 {
		rec.Warnf("%d bytes after the last data record were ignored", extra)
	}
	h.records = present
	return nil
}

// records reads the data records.
type records struct {
	src      *recording.Source
	h        *header
	rec      *recording.Recording
	skip     []bool
	triggers []recording.Triggers // one a signal

	buf        []byte
	have, used int64 // records in buf, and how many of them are read
	done       int64 // records that are read
	listed     bool  // the lists of the next record are read, and what they say of a gap is in gap
	gap        float64
	closed     bool

	beyond []recording.Outside // one a signal, nil while no sample lies outside its range

	lists   talReader
	first   float64 // start of the first record in the file's time
	missing float64 // s of gaps so far
	shifts  int
}

func (s *records) Next(b *recording.Block) error {
	h := s.h
	size := h.perRecord * h.width
	if s.used == s.have {
		n := min(max(1, (1<<20)/size), h.records-s.done) // about a mebibyte at a time
		if n <= 0 {
			s.close()
			return io.EOF
		}
		if s.buf == nil {
			if err := s.src.Hold(n*(size+8*h.perRecord), h.format, "data records"); err != nil {
				return err
			}
			s.buf = make([]byte, n*size)
		}
		if err := s.src.Full(s.buf[:n*size], h.format, "data records"); err != nil {
			return err
		}
		s.have, s.used = n, 0
	}
	empty := true
	for ; s.used < s.have; s.used++ {
		record := s.buf[s.used*size : (s.used+1)*size]
		if !s.listed {
			s.gap = s.place(s.readLists(record))
			s.listed = true
		}
		if s.gap > 0 {
			if !empty {
				break // the gap comes first in the next block
			}
			b.Gap, b.At = s.gap, float64(s.done)*h.duration
		} else if empty {
			b.At = float64(s.done) * h.duration
		}
		empty, s.listed = false, false
		for i := range h.signals {
			sig := &h.signals[i]
			if sig.annotations || s.skip[sig.channel] && !sig.trigger {
				continue
			}
			raw := record[sig.first*h.width : (sig.first+sig.perRecord)*h.width]
			row := b.Samples[sig.channel]
			from := len(row)
			row = appendSamples(row, raw, int(h.width), sig.gain, sig.offset)
			if sig.high > sig.low && (h.width == 3 || sig.low > math.MinInt16 || sig.high < math.MaxInt16) {
				s.checkRange(i, row[from:])
			}
			if sig.trigger {
				b.Events = s.triggers[i].Add(b.Events, row[from:], s.rec.Channels[sig.channel].Rate, h.width == 3, s.rec)
				if s.skip[sig.channel] {
					row = row[:from]
				}
			}
			b.Samples[sig.channel] = row
		}
		s.done++
	}
	b.Annotations = append(b.Annotations, s.lists.found...)
	s.lists.found = s.lists.found[:0]
	return nil
}

// readLists reads the annotation signals of a record and returns its starting time in the file's time, NaN where it does
// not tell.
func (s *records) readLists(record []byte) float64 {
	start := math.NaN()
	timekeeper := true // the first annotation signal tells when the record starts
	from := len(s.lists.found)
	for i := range s.h.signals {
		sig := &s.h.signals[i]
		if sig.annotations {
			at := s.lists.read(record[sig.first*s.h.width:(sig.first+sig.perRecord)*s.h.width], timekeeper)
			if timekeeper {
				start = at
			}
			timekeeper = false
		}
	}
	if s.done == 0 && !math.IsNaN(start) {
		s.first = start
	}
	for i := from; i < len(s.lists.found); i++ {
		s.lists.found[i].Onset -= s.first
	}
	return start
}

// place returns how much is missing before the next record, which starts at a time of the file.
func (s *records) place(start float64) float64 {
	if s.done == 0 {
		if !s.rec.StartTime.IsZero() && s.first > 0 && s.first < 1 { // sub-second start: EDF+ 2.2.4
			s.rec.StartTime = s.rec.StartTime.Add(time.Duration(math.Round(s.first * 1e9)))
		}
		return 0
	}
	if math.IsNaN(start) || len(s.rec.Channels) == 0 {
		return 0
	}
	gap := start - s.first - float64(s.done)*s.h.duration - s.missing
	if math.Abs(gap) < 1e-6*(1+math.Abs(start)) { // starts are written in decimal
		return 0
	}
	if s.h.continuous || gap < 0 {
		s.shifts++
		return 0
	}
	s.missing += gap
	return gap
}

// checkRange checks the samples of a signal.
func (s *records) checkRange(i int, row []float64) {
	if s.beyond == nil {
		s.beyond = make([]recording.Outside, len(s.h.signals))
	}
	sig := &s.h.signals[i]
	low, high := recording.DigitalLimits(float64(sig.low), float64(sig.high), sig.gain, sig.offset)
	s.beyond[i].Check(row, low, high, false)
}

// close says what the records had wrong.
func (s *records) close() {
	if s.closed {
		return
	}
	s.closed = true
	for i := range s.beyond {
		s.beyond[i].Warn(s.rec, s.h.signals[i].label, "they are read as they are")
	}
	s.lists.close(s.rec)
	if s.shifts > 0 {
		s.rec.Warnf("%d data records do not start where the one before ends; they are read as if they did", s.shifts)
	}
}

// appendSamples appends gain × value + offset for each of the samples in b, little-endian integers of width 2 or 3.
func appendSamples(dst []float64, b []byte, width int, gain, offset float64) []float64 {
	n := len(b) / width
	from := len(dst)
	dst = slices.Grow(dst, n)[:from+n]
	row := dst[from:]
	if width == 2 {
		b = b[:2*len(row)]
		for i := range row {
			row[i] = gain*float64(int16(uint16(b[2*i])|uint16(b[2*i+1])<<8)) + offset
		}
		return dst
	}
	b = b[:3*len(row)]
	for i := range row {
		v := int32(uint32(b[3*i])<<8|uint32(b[3*i+1])<<16|uint32(b[3*i+2])<<24) >> 8 // keeps the sign
		row[i] = gain*float64(v) + offset
	}
	return dst
}

// number reads a number of the header. A decimal comma is common enough to be understood.
func number(b []byte, format recording.Format, what string) (float64, error) {
	s := recording.HeaderText(b)
	v, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, recording.Malformed(format, map[string]any{"field": what, "value": s}, "the %s is not a number: %q", what, s)
	}
	return v, nil
}

func integer(b []byte, format recording.Format, what string) (int64, error) {
	v, err := number(b, format, what)
	if err != nil {
		return 0, err
	}
	if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
		return 0, recording.Malformed(format, map[string]any{"field": what, "value": recording.HeaderText(b)}, "the %s is not an integer: %q", what, recording.HeaderText(b))
	}
	return int64(v), nil
}

// startOf reads date and time of the header. EDF+ repeats the date with four digits of the year in the
// recording field; without that, two digits mean 1985 to 2084.
func startOf(date, clock, recording string, rec *recording.Recording) time.Time {
	var d, m, y, hh, mm, ss int
	sep := strings.NewReplacer("-", ".", "/", ".", ":", ".")
	long := false
	if fields := strings.Fields(recording); len(fields) >= 2 && fields[0] == "Startdate" {
		if t, err := time.Parse("2-Jan-2006", titleMonth(fields[1])); err == nil {
			y, m, d, long = t.Year(), int(t.Month()), t.Day(), true
		}
	}
	if !long {
		if n, _ := fmt.Sscanf(sep.Replace(date), "%d.%d.%d", &d, &m, &y); n != 3 {
			rec.Warnf("the start date %q cannot be read", date)
			return time.Time{}
		}
		switch {
		case y >= 85 && y < 100:
			y += 1900
		case y >= 0 && y < 85:
			y += 2000
		}
	}
	if n, _ := fmt.Sscanf(sep.Replace(clock), "%d.%d.%d", &hh, &mm, &ss); n < 2 {
		rec.Warnf("the start time %q cannot be read", clock)
		return time.Time{}
	}
	t := time.Date(y, time.Month(m), d, hh, mm, ss, 0, time.UTC)
	if t.Day() != d || int(t.Month()) != m || hh < 0 || hh > 23 || mm < 0 || mm > 59 || ss < 0 || ss > 59 {
		rec.Warnf("the start %s %s is not a date", date, clock)
		return time.Time{}
	}
	return t
}

// titleMonth turns "02-MAR-2002" into "02-Mar-2002", as time.Parse wants it.
func titleMonth(s string) string {
	parts := strings.Split(s, "-")
	if len(parts) == 3 && len(parts[1]) == 3 {
		parts[1] = strings.ToUpper(parts[1][:1]) + strings.ToLower(parts[1][1:])
	}
	return strings.Join(parts, "-")
}
