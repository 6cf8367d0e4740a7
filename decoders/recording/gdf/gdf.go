// Package gdf reads GDF 1.x and 2.x: Schlögl 2006/2013, "GDF - A general dataformat for biosignals", arXiv cs/0608052.
package gdf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// GDF: Schlögl 2006/2013, "GDF - A general dataformat for biosignals", arXiv cs/0608052, versions 1.25 and 2.x.
const (
	GDF1 recording.Format = "GDF1"
	GDF2 recording.Format = "GDF2"
)

// sampleType is a sample type of GDF.
type sampleType struct {
	code  uint32
	width int
	float bool
}

var sampleTypes = map[uint32]sampleType{
	1: {1, 1, false}, 2: {2, 1, false}, 3: {3, 2, false}, 4: {4, 2, false}, 5: {5, 4, false}, 6: {6, 4, false}, 7: {7, 8, false},
	8: {8, 8, false}, 16: {16, 4, true}, 17: {17, 8, true}, 18: {18, 16, true}, 279: {279, 3, false}, 535: {535, 3, false},
}

// scaled appends gain × value + offset for each of the samples in b.
//
//nolint:gocyclo // one case for each type of sample
func (t sampleType) scaled(dst []float64, b []byte, gain, offset float64) []float64 {
	le := binary.LittleEndian
	switch t.code {
	case 1:
		for _, v := range b {
			dst = append(dst, gain*float64(int8(v))+offset)
		}
	case 2:
		for _, v := range b {
			dst = append(dst, gain*float64(v)+offset)
		}
	case 3:
		for ; len(b) >= 2; b = b[2:] {
			dst = append(dst, gain*float64(int16(le.Uint16(b)))+offset)
		}
	case 4:
		for ; len(b) >= 2; b = b[2:] {
			dst = append(dst, gain*float64(le.Uint16(b))+offset)
		}
	case 5:
		for ; len(b) >= 4; b = b[4:] {
			dst = append(dst, gain*float64(int32(le.Uint32(b)))+offset)
		}
	case 6:
		for ; len(b) >= 4; b = b[4:] {
			dst = append(dst, gain*float64(le.Uint32(b))+offset)
		}
	case 7:
		for ; len(b) >= 8; b = b[8:] {
			dst = append(dst, gain*float64(int64(le.Uint64(b)))+offset)
		}
	case 8:
		for ; len(b) >= 8; b = b[8:] {
			dst = append(dst, gain*float64(le.Uint64(b))+offset)
		}
	case 16:
		for ; len(b) >= 4; b = b[4:] {
			dst = append(dst, gain*float64(math.Float32frombits(le.Uint32(b)))+offset)
		}
	case 17:
		for ; len(b) >= 8; b = b[8:] {
			dst = append(dst, gain*math.Float64frombits(le.Uint64(b))+offset)
		}
	case 18:
		for ; len(b) >= 16; b = b[16:] {
			dst = append(dst, gain*float128(b)+offset)
		}
	case 279:
		for ; len(b) >= 3; b = b[3:] {
			dst = append(dst, gain*float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8)+offset)
		}
	case 535:
		for ; len(b) >= 3; b = b[3:] {
			dst = append(dst, gain*float64(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16)+offset)
		}
	}
	return dst
}

// float128 reads an IEEE 754 binary128 as the nearest float64 toward zero.
func float128(b []byte) float64 {
	hi, lo := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b)
	exp := int(hi >> 48 & 0x7FFF)
	frac := hi<<16 | lo>>48 // the upper 64 bits of the fraction
	var v float64
	switch {
	case exp == 0x7FFF && frac != 0:
		return math.NaN()
	case exp == 0x7FFF:
		v = math.Inf(1)
	case exp == 0: // below 2^-16382: nothing of it is left in a float64
		v = 0
	default:
		v = math.Ldexp(1+math.Ldexp(float64(frac>>12), -52), exp-16383)
	}
	if hi>>63 == 1 {
		v = -v
	}
	return v
}

type channel struct {
	label, unit  string
	gain, offset float64
	low, high    float64 // physical range, of integers; equal where none is stated
	beyond       recording.Outside
	perRecord    int
	typ          sampleType
}

// Reader reads GDF 1.x and 2.x: all sample types, a rate for each channel, and the event table in
// modes 1 and 3 (an event's label is the name that the GDF event table gives its code, where we know it; events of
// mode 3 become annotations too, with their durations).
var Reader = recording.Reader{
	Formats: []recording.Format{GDF1, GDF2}, Names: []string{"GDF 1.x and 2.x"},
	Extensions: []string{".gdf"}, MediaTypes: []string{"application/gdf", "application/x-gdf"}, Encoding: eeg.GDF,
	Sniff: sniff,
	Whole: func(src *recording.Source, _ io.ReaderAt, _ string) (*recording.Recording, error) {
		return recording.Collect(open(src, src.Size()))
	},
	Inspect: func(src *recording.Source, _ string, _ *recording.Plan) (*recording.Recording, error) {
		return inspect(src)
	},
	Open: func(src *recording.Source, plan recording.Plan) (*recording.Stream, error) {
		return open(src, plan.Bytes)
	},
	Example: func(format recording.Format) (string, []byte) { return "example.gdf", example(format) },
}

func sniff(head []byte) recording.Format {
	switch {
	case !bytes.HasPrefix(head, []byte("GDF ")):
		return ""
	case len(head) > 4 && head[4] == '2':
		return GDF2
	}
	return GDF1
}

// example is a file of one channel of int16 and an event.
func example(format recording.Format) []byte {
	le := binary.LittleEndian
	b := make([]byte, 512)
	copy(b, "GDF 1.25")
	le.PutUint64(b[184:], 512) // bytes of the header
	le.PutUint32(b[252:], 1)   // channels
	copy(b[256+96:], "uV")
	le.PutUint64(b[256+120:], 1<<64-100) // digital minimum and maximum
	le.PutUint64(b[256+128:], 100)
	if format == GDF2 {
		copy(b, "GDF 2.20")
		le.PutUint64(b[184:], 2) // blocks of 256 bytes
		le.PutUint16(b[256+102:], 4256+19)
		le.PutUint64(b[256+120:], math.Float64bits(-100))
		le.PutUint64(b[256+128:], math.Float64bits(100))
	}
	le.PutUint64(b[236:], 1) // records, of 1/1 s
	le.PutUint32(b[244:], 1)
	le.PutUint32(b[248:], 1)
	copy(b[256:], "Cz")
	le.PutUint64(b[256+104:], math.Float64bits(-100))
	le.PutUint64(b[256+112:], math.Float64bits(100))
	le.PutUint32(b[256+216:], 4) // samples a record
	le.PutUint32(b[256+220:], 3) // int16
	for _, v := range []uint16{1, 2, 3, 4} {
		b = le.AppendUint16(b, v)
	}
	if format == GDF2 {
		b = append(b, 1, 1, 0, 0)
		b = le.AppendUint32(b, math.Float32bits(4))
	} else {
		b = append(b, 1, 4, 0, 0, 1, 0, 0, 0)
	}
	return append(b, 2, 0, 0, 0, 0x01, 0x03) // left, at the second sample
}

// header is what the header says.
type header struct {
	version   float64
	length    int64 // bytes
	claimed   int64 // records, as the header says
	records   int64 // that are really there
	duration  float64
	perRecord int64 // bytes
	channels  []channel
	size      int64 // bytes of the file
}

// open reads the header of a source of size bytes.
func open(src *recording.Source, size int64) (*recording.Stream, error) {
	rec := &recording.Recording{Format: GDF1}
	h, err := readHeader(src, size, rec)
	if err != nil {
		return nil, err
	}
	if err := h.countRecords(size, rec); err != nil {
		return nil, err
	}
	if err := src.Skip(h.length-src.At(), rec.Format, "header"); err != nil {
		return nil, err
	}
	expect := make([]int, len(h.channels))
	for i := range h.channels {
		expect[i] = int(h.records) * h.channels[i].perRecord
	}
	h.describe(rec)
	s := &records{src: src, h: h, rec: rec, skip: make([]bool, len(h.channels))}
	stream := recording.NewStream(src, rec, s, s.skip)
	stream.Expect(expect)
	return stream, nil
}

// inspect is Inspect for GDF.
func inspect(src *recording.Source) (*recording.Recording, error) {
	rec := &recording.Recording{Format: GDF1}
	h, err := readHeader(src, recording.UnknownSize, rec)
	if err != nil {
		return nil, err
	}
	if err := h.holdRecord(src, rec.Format); err != nil {
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

// mostChannels is what the field of version 2 can hold; version 1 could claim more than fits any memory.
const mostChannels = math.MaxUint16

// readHeader reads and checks the header of a source of size bytes; what it tolerates it says in rec. The number of
// records is left to countRecords.
func readHeader(src *recording.Source, size int64, rec *recording.Recording) (*header, error) {
	const block = 256
	fixed := make([]byte, block)
	if size < block {
		return nil, recording.Malformed(GDF1, map[string]any{"bytes": size, "bytes_needed": block},
			"%d bytes are too few for a header of %d", size, block)
	}
	if err := src.Full(fixed, GDF1, "header"); err != nil {
		return nil, err
	}
	h := &header{}
	stated := recording.HeaderText(fixed[4:8])
	var err error
	h.version, err = strconv.ParseFloat(strings.TrimSpace(stated), 64)
	if string(fixed[:4]) != "GDF " || err != nil || math.IsNaN(h.version) {
		return nil, recording.Malformed(GDF1, map[string]any{"version": recording.HeaderText(fixed[:8])}, "the version %q is not a GDF version", recording.HeaderText(fixed[:8]))
	}
	if h.version < 1 || h.version >= 3 {
		return nil, recording.Unsupported(GDF1, map[string]any{"version": h.version}, "version %s is not 1.x or 2.x", stated)
	}
	if h.version >= 1.9 { // the drafts of 2.0 count from 1.90
		rec.Format = GDF2
	}
	format := rec.Format
	le := binary.LittleEndian
	var count int
	if format == GDF1 {
		h.length = int64(le.Uint64(fixed[184:]))
		count = int(min(le.Uint32(fixed[252:]), math.MaxInt32))
		rec.Subject, rec.Device = recording.HeaderText(fixed[8:88]), recording.HeaderText(fixed[88:168])
		rec.StartTime = startOf1(recording.HeaderText(fixed[168:184]))
	} else {
		h.length = int64(le.Uint16(fixed[184:])) * block
		count = int(le.Uint16(fixed[252:]))
		rec.Subject, rec.Device = recording.HeaderText(fixed[8:74]), recording.HeaderText(fixed[88:152])
		rec.StartTime = startOf2(le.Uint64(fixed[168:]))
	}
	needed := int64(count+1) * block
	if count < 1 || needed > size || count > mostChannels {
		return nil, recording.Malformed(format, map[string]any{"channels": count, "bytes": size},
			"%d channels do not fit a file of %d bytes", count, size)
	}
	h.claimed = int64(le.Uint64(fixed[236:]))
	if h.duration, err = duration(fixed[244:252], h.version, rec); err != nil {
		return nil, err
	}
	body, err := src.Bytes(int64(count)*block, format, fmt.Sprintf("header of %d channels", count))
	if err != nil {
		return nil, err
	}
	if err := src.Hold(int64(count)*recording.SignalMemory, format, "channels"); err != nil {
		return nil, err
	}
	h.channels, h.perRecord, err = readChannels(body, count, format, rec)
	return h, err
}

// holdRecord takes the memory for one data record and its samples.
func (h *header) holdRecord(src *recording.Source, format recording.Format) error {
	samples := int64(0)
	for i := range h.channels {
		samples += int64(h.channels[i].perRecord)
	}
	return src.Hold(h.perRecord+8*samples, format, "samples of a data record")
}

// countRecords reconciles what the header claims with the bytes that are there.
func (h *header) countRecords(size int64, rec *recording.Recording) error {
	if needed := int64(len(h.channels)+1) * 256; h.length < needed || h.length > size {
		rec.Warnf("the header length field says %d bytes; %d channels make %d", h.length, len(h.channels), needed)
		h.length = needed
	}
	h.size = size
	present := max(0, size-h.length) / h.perRecord
	h.records = h.claimed
	switch {
	case present == 0:
		return recording.Malformed(rec.Format, map[string]any{"records_claimed": h.claimed, "records_present": 0, "bytes_per_record": h.perRecord},
			"the header says %d data records and the file holds none", h.claimed)
	case h.claimed <= 0:
		rec.Warnf("the header gives no number of data records (%d): the file holds %d", h.claimed, present)
		h.records = present
	case h.claimed > present:
		rec.Warnf("the header says %d data records and the file holds %d", h.claimed, present)
		h.records = present
	}
	return nil
}

// describe adds the channels to the recording.
func (h *header) describe(rec *recording.Recording) {
	for _, c := range h.channels {
		rec.Channels = append(rec.Channels, recording.Channel{Label: c.label, Unit: c.unit, Rate: recording.CleanRate(float64(c.perRecord) / h.duration)})
	}
	rec.NameChannels()
}

// duration reads the length of a record in s: two integers, numerator and denominator. Some writers of
// version 2 put a float64 there, which reads as a denominator of the order of 2^30.
func duration(b []byte, version float64, rec *recording.Recording) (float64, error) {
	num, den := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	d := float64(num) / float64(den)
	if f := math.Float64frombits(binary.LittleEndian.Uint64(b)); version >= 2.2 && den > 1<<29 && f > 1e-6 && f < 1e6 {
		d = f
	}
	if num == 0 && den == 0 {
		rec.Warnf("the header says that a data record lasts 0 s: 1 s is assumed")
		return 1, nil
	}
	if !(d > 0) || math.IsInf(d, 0) {
		return 0, recording.Malformed(rec.Format, map[string]any{"numerator": num, "denominator": den},
			"a data record lasts %d/%d s", num, den)
	}
	return d, nil
}

// readChannels reads the channel headers and returns them with the bytes of a record.
func readChannels(body []byte, count int, format recording.Format, rec *recording.Recording) ([]channel, int64, error) {
	le := binary.LittleEndian
	at := func(offset, width, i int) []byte { return body[offset*count+width*i:][:width] }
	channels := make([]channel, count)
	var bytesPerRecord int64
	asStored := 0
	for i := range channels {
		c := &channels[i]
		c.label = recording.HeaderText(at(0, 16, i))
		var pmin, pmax, dmin, dmax, factor float64
		pmin, pmax = math.Float64frombits(le.Uint64(at(104, 8, i))), math.Float64frombits(le.Uint64(at(112, 8, i)))
		if format == GDF1 {
			c.unit, factor = recording.ToMicrovolt(recording.HeaderText(at(96, 8, i)))
			dmin, dmax = float64(int64(le.Uint64(at(120, 8, i)))), float64(int64(le.Uint64(at(128, 8, i))))
		} else {
			c.unit, factor = unitOf(le.Uint16(at(102, 2, i)), recording.HeaderText(at(96, 6, i)))
			dmin, dmax = math.Float64frombits(le.Uint64(at(120, 8, i))), math.Float64frombits(le.Uint64(at(128, 8, i)))
		}
		spr, code := le.Uint32(at(216, 4, i)), le.Uint32(at(220, 4, i))
		t, ok := sampleTypes[code]
		if !ok {
			return nil, 0, recording.Unsupported(format, map[string]any{"channel": i + 1, "type": code},
				"channel %d (%s) has the unknown sample type %d", i+1, c.label, code)
		}
		c.perRecord, c.typ = int(spr), t
		bytesPerRecord += int64(spr) * int64(t.width)
		c.gain, c.offset = 1, 0
		switch finite := recording.IsFinite(pmin, pmax, dmin, dmax); {
		case !finite || dmax == dmin || pmax == pmin:
			rec.Warnf("channel %d (%s): physical %g..%g and digital %g..%g give no calibration: values are digital",
				i+1, c.label, pmin, pmax, dmin, dmax)
			c.unit = ""
		default:
			gain := (pmax - pmin) / (dmax - dmin)
			if t.float && math.Abs(gain*1000-1) < 0.2 {
				// OpenViBE's writer stores µV as floating point and states a range 1000 times too small, rounded
				// to whole digital steps, so that the calibration would also differ from channel to channel.
				asStored++
				continue
			}
			c.offset = (pmin - gain*dmin) * factor
			c.gain = gain * factor
			if !t.float && dmin < dmax {
				c.low, c.high = recording.DigitalLimits(dmin, dmax, c.gain, c.offset)
			}
			if !recording.IsFinite(c.gain, c.offset) {
				return nil, 0, recording.Malformed(format, map[string]any{"channel": i + 1}, "channel %d (%s) has an absurd calibration", i+1, c.label)
			}
		}
	}
	if asStored > 0 {
		rec.Warnf("%d channels have floating-point samples with a calibration of about 1/1000: they are taken as they are", asStored)
	}
	if bytesPerRecord == 0 {
		return nil, 0, recording.Malformed(format, nil, "the header names channels without samples")
	}
	return channels, bytesPerRecord, nil
}

// unitOf reads the code of a physical dimension (ISO/IEEE 11073-10101): 4256 is V, the lower five bits are the
// decimal prefix. Files without a code may have the text.
func unitOf(code uint16, plain string) (string, float64) {
	const volt = 4256
	switch code {
	case volt:
		return recording.ToMicrovolt("V")
	case volt + 18:
		return recording.ToMicrovolt("mV")
	case volt + 19:
		return recording.ToMicrovolt("uV")
	case volt + 20:
		return recording.ToMicrovolt("nV")
	case 0:
		return recording.ToMicrovolt(plain)
	case 512: // dimensionless
		return "1", 1
	}
	if plain != "" {
		return plain, 1
	}
	return fmt.Sprintf("physdim(%d)", code), 1
}

// records reads the data records and then the event table.
type records struct {
	src    *recording.Source
	h      *header
	rec    *recording.Recording
	skip   []bool
	buf    []byte
	done   int64 // records that are read
	tabled bool
}

func (s *records) Next(b *recording.Block) error {
	h := s.h
	n := min(max(1, (1<<20)/h.perRecord), h.records-s.done)
	b.At = float64(s.done) * h.duration
	if n <= 0 {
		if s.tabled {
			return io.EOF
		}
		s.tabled = true
		for i := range h.channels {
			h.channels[i].beyond.Warn(s.rec, h.channels[i].label, "they are NaN")
		}
		if s.src.At() >= h.size || h.records != h.claimed {
			return io.EOF
		}
		return s.readEvents(b)
	}
	if s.buf == nil {
		if err := h.holdRecord(s.src, s.rec.Format); err != nil {
			return err
		}
		s.buf = make([]byte, n*h.perRecord)
	}
	raw := s.buf[:n*h.perRecord]
	if err := s.src.Full(raw, s.rec.Format, "data records"); err != nil {
		return err
	}
	for len(raw) > 0 {
		for i := range h.channels {
			c := &h.channels[i]
			width := c.perRecord * c.typ.width
			if !s.skip[i] {
				from := len(b.Samples[i])
				b.Samples[i] = c.typ.scaled(b.Samples[i], raw[:width], c.gain, c.offset)
				if c.low < c.high { // GDF 2.1: what lies outside is an overflow, and no sample
					c.beyond.Check(b.Samples[i][from:], c.low, c.high, true)
				}
			}
			raw = raw[width:]
		}
	}
	s.done += n
	return nil
}

// readEvents reads the event table behind the data. A table that the file does not hold in full is read as far
// as it goes, with a warning.
func (s *records) readEvents(block *recording.Block) error {
	const head = 8
	rec, left := s.rec, s.h.size-s.src.At()
	if left < head {
		rec.Warnf("%d bytes after the last data record were ignored", left)
		return nil
	}
	b := make([]byte, head)
	if err := s.src.Full(b, rec.Format, "event table"); err != nil {
		return err
	}
	le := binary.LittleEndian
	mode := b[0]
	var count int64
	var rate float64
	if s.h.version < 1.94 {
		rate = float64(uint32(b[1]) | uint32(b[2])<<8 | uint32(b[3])<<16)
		count = int64(le.Uint32(b[4:]))
	} else {
		count = int64(uint32(b[1]) | uint32(b[2])<<8 | uint32(b[3])<<16)
		rate = float64(math.Float32frombits(le.Uint32(b[4:])))
	}
	width := int64(6)
	switch mode {
	case 1:
	case 3:
		width = 12
	default:
		rec.Warnf("the event table has the unknown mode %d and was ignored", mode)
		return nil
	}
	if most := (left - head) / width; count > most {
		rec.Warnf("the event table says %d events and the file holds at most %d", count, most)
		return nil // the columns follow each other: without the true count none can be found
	}
	if count > recording.MostEvents {
		rec.Warnf("the event table of %d events is beyond the limit of %d and was ignored", count, recording.MostEvents)
		return nil
	}
	if !(rate > 0) || math.IsInf(rate, 0) {
		rate = 0
		for i := range rec.Channels {
			rate = max(rate, rec.Channels[i].Rate)
		}
		if count > 0 {
			rec.Warnf("the event table states no rate: %g Hz is assumed", rate)
		}
	}
	table, err := s.src.Bytes(count*width, rec.Format, "event table")
	if err != nil {
		return err
	}
	positions, codes := table[:4*count], table[4*count:6*count]
	for i := range int(count) {
		pos, code := le.Uint32(positions[4*i:]), int(le.Uint16(codes[2*i:]))
		onset := (float64(pos) - 1) / rate // positions count from 1
		block.Events = append(block.Events, eeg.Event{Onset: onset, Code: code, Label: eventNames[code]})
		if mode == 3 {
			block.Durations = append(block.Durations, float64(le.Uint32(table[8*count+4*int64(i):]))/rate)
		}
	}
	return nil
}

// eventNames are the codes of the GDF event table that our decoders meet; 33024 and on are OpenViBE's
// stimulations.
var eventNames = map[int]string{
	0x0300: "trial start", 0x0301: "left", 0x0302: "right", 0x0303: "foot", 0x0304: "tongue",
	0x0306: "both feet", 0x030D: "feedback", 0x030F: "unknown cue", 0x0311: "beep", 0x0312: "cross",
	0x0313: "flashing light", 0x03FF: "rejected trial", 0x7FFE: "start of a new segment",
	0x8001: "experiment start", 0x8002: "experiment stop", 0x800B: "visual stimulation start", 0x800C: "visual stimulation stop",
	0x8100: "label 0", 0x8101: "label 1", 0x8102: "label 2", 0x8103: "label 3", 0x8104: "label 4",
}

// startOf1 reads "YYYYMMDDhhmmsscc".
func startOf1(s string) time.Time {
	if len(s) < 14 {
		return time.Time{}
	}
	t, err := time.Parse("20060102150405", s[:14])
	if err != nil {
		return time.Time{}
	}
	if cs, err := strconv.Atoi(s[14:]); err == nil && cs > 0 && cs < 100 {
		t = t.Add(time.Duration(cs) * 10 * time.Millisecond)
	}
	return t
}

// startOf2 reads days since the year 0 as 32.32 fixed point; day 719529 is 1970-01-01.
func startOf2(v uint64) time.Time {
	if v == 0 {
		return time.Time{}
	}
	days := float64(v)/(1<<32) - 719529
	if math.Abs(days) > 200*366 {
		return time.Time{}
	}
	return time.Unix(0, 0).UTC().Add(time.Duration(math.Round(days*86400*1e3)) * time.Millisecond)
}
