// Package xdf reads the Extensible Data Format of the Lab Streaming Layer, as LabRecorder writes it: Kothe et al. 2014, XDF
// specification 1.0.
package xdf

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/clock"
	"github.com/neurod/neurod/eeg"
)

// XDF is the Extensible Data Format of the Lab Streaming Layer: Kothe et al. 2014, XDF specification 1.0. A file holds
// streams with a clock each, and measurements of how far every clock is off.
const XDF recording.Format = "XDF"

// Tags of the chunks.
const (
	fileHeader    = 1
	streamHeader  = 2
	samplesChunk  = 3
	clockOffset   = 4
	boundaryChunk = 5
	streamFooter  = 6
)

// stream is one stream of the file.
type stream struct {
	info    info
	rate    float64 // nominal, Hz; 0 for events
	width   int     // bytes a value, 0 for strings
	float   bool
	taken   bool // for EEG, though its type does not say so
	left    bool // out: nobody can tell its time
	value   func([]byte) float64
	stamps  []float64   // of the stream's own clock, s
	samples [][]float64 // channels × samples; nil before the first
	// channels is what the header says. It is believed when a sample has come.
	channels int
	texts    []string // for strings: one a sample
	offsets  []offset
	start    float64 // s of the first sample in the common time
	gaps     []recording.Gap
	eff      float64 // measured rate, Hz
	skipped  int     // events beyond the limit
}

// offset is one measurement: at time of the stream's clock, the common clock is ahead by ahead. count is how many
// samples of the stream came before it in the file.
type offset struct {
	time, ahead float64
	count       int
}

type info struct {
	Name     string `xml:"name"`
	Type     string `xml:"type"`
	Channels string `xml:"channel_count"`
	Rate     string `xml:"nominal_srate"`
	Format   string `xml:"channel_format"`
	Datetime string `xml:"datetime"` // of the file header
	Labels   []struct {
		Label string `xml:"label"`
		Unit  string `xml:"unit"`
		Type  string `xml:"type"`
	} `xml:"desc>channels>channel"`
}

// Reader reads an XDF file of size bytes. All regularly sampled streams become channels, with their own rates, on a
// common time: the one that starts at the latest start among the streams of type EEG (or of all, where none says so).
// A stream that starts earlier is cut to it, one of another type that starts later begins with NaN. Streams of strings,
// and streams of one integer without a rate, become events, placed by their time stamps among the samples of the
// first EEG stream; other streams without a rate are left out with a warning.
//
// Clocks: the offsets between two resets of a clock are fitted by a line through the median of slopes (Theil and Sen),
// which a few delayed measurements do not move. Rates are nominal where the measured one is within 0.5 %.
var Reader = recording.Reader{
	Formats: []recording.Format{XDF}, Names: []string{"XDF"},
	Extensions: []string{".xdf", ".xdfz"}, MediaTypes: []string{"application/xdf", "application/x-xdf"},
	Sniff: recording.Prefix(XDF, "XDF:"), Whole: read, Inspect: inspect, Open: open,
	Example: func(recording.Format) (string, []byte) { return "example.xdf", example() },
}

var inspect, open = recording.Held(XDF, read)

// example is a file of one stream of EEG and one of markers.
func example() []byte {
	le := binary.LittleEndian
	b := []byte("XDF:")
	chunk := func(tag uint16, content []byte) {
		b = le.AppendUint32(append(b, 4), uint32(len(content)+2))
		b = append(le.AppendUint16(b, tag), content...)
	}
	stream := func(id uint32, content string) []byte { return append(le.AppendUint32(nil, id), content...) }
	stamped := func(at float64) []byte { return le.AppendUint64([]byte{8}, math.Float64bits(at)) }
	chunk(fileHeader, []byte("<?xml version=\"1.0\"?><info><version>1.0</version></info>"))
	chunk(streamHeader, stream(1, "<info><name>amp</name><type>EEG</type><channel_count>1</channel_count><nominal_srate>100</nominal_srate><channel_format>int8</channel_format>"+
		"<desc><channels><channel><label>Cz</label><unit>microvolts</unit></channel></channels></desc></info>"))
	chunk(streamHeader, stream(2, "<info><name>cues</name><type>Markers</type><channel_count>1</channel_count><nominal_srate>0</nominal_srate><channel_format>string</channel_format></info>"))
	offset := func(at float64) {
		chunk(clockOffset, le.AppendUint64(le.AppendUint64(stream(1, ""), math.Float64bits(at)), math.Float64bits(5)))
	}
	offset(0)
	samples := append(stream(1, ""), 1, 5)
	for i := range 5 {
		samples = append(append(samples, stamped(float64(i)/100)...), byte(i))
	}
	chunk(samplesChunk, samples)
	offset(1)
	chunk(samplesChunk, append(append(append(stream(2, ""), 1, 1), stamped(5.02)...), 1, 4, 'l', 'e', 'f', 't'))
	return b
}

func read(src *recording.Source, at io.ReaderAt, _ string) (*recording.Recording, error) {
	rec := &recording.Recording{Format: XDF}
	x := reader{file: at, size: src.Size(), src: src, rec: rec, streams: map[uint32]*stream{}}
	if err := x.read(); err != nil {
		return nil, err
	}
	if err := x.build(); err != nil {
		return nil, err
	}
	return rec.Finish(), nil
}

type reader struct {
	file     io.ReaderAt
	size     int64
	r        *bufio.Reader
	at       int64             // where r is in the file
	src      *recording.Source // grants memory
	rec      *recording.Recording
	streams  map[uint32]*stream
	order    []uint32
	channels int
	events   int
	last     bool  // no boundary is left
	fault    error // the first chunk that could not be read, for a file of which nothing remains
	faults   int
}

// boundary is the content of the chunks that recorders write now and then, so that reading can go on behind what is broken.
var boundary = []byte{0x43, 0xa5, 0x46, 0xdc, 0xcb, 0xf5, 0x41, 0x0f, 0xb3, 0x0e, 0xd5, 0x46, 0x73, 0x83, 0xcb, 0xe4}

// read reads all chunks. What is not a chunk is passed over up to the next boundary, or to the end, as pyxdf does.
func (x *reader) read() error {
	magic := make([]byte, 4)
	if x.seek(0); x.full(magic) != nil || string(magic) != "XDF:" {
		return recording.Malformed(XDF, nil, "the file does not start with XDF:")
	}
	for x.at < x.size {
		start := x.at
		length, err := x.varlen()
		left := x.size - x.at
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) || err == nil && length > uint64(left):
			if !x.resume(start) {
				x.rec.Warnf("the file ends within a chunk, at byte %d; what came before was read", start)
				return nil
			}
			continue
		case err == nil && length < 2:
			err = recording.Malformed(XDF, map[string]any{"chunk_bytes": length, "offset": start}, "a chunk of %d bytes has no tag", length)
		}
		if err != nil {
			if _, known := errors.AsType[*decoders.Error](err); !known {
				return err
			}
			x.spoiled(err)
			if !x.resume(start) {
				x.rec.Warnf("%d bytes at the end, from byte %d on, are not chunks and were left out", x.size-start, start)
				return nil
			}
			continue
		}
		var tag [2]byte
		if err := x.full(tag[:]); err != nil {
			return err
		}
		number := binary.LittleEndian.Uint16(tag[:])
		if (number < fileHeader || number > streamFooter) && x.resume(start) {
			continue // rather a place where no chunk begins
		}
		// The length is not beyond the file, so this makes no more than is there.
		chunk := make([]byte, length-2)
		if err := x.full(chunk); err != nil {
			return err
		}
		if err := x.chunk(number, chunk); err != nil {
			if bad, known := errors.AsType[*decoders.Error](err); known {
				x.spoiled(&decoders.Error{Code: bad.Code, Message: fmt.Sprintf("%s (chunk at byte %d)", bad.Message, start), Details: bad.Details})
				continue
			}
			return err
		}
	}
	return nil
}

// spoiled notes what could not be read.
func (x *reader) spoiled(err error) {
	if x.fault == nil {
		x.fault = err
	}
	const most = 20
	bad, known := errors.AsType[*decoders.Error](err)
	if x.faults++; known && x.faults <= most {
		x.rec.Warnf("left out: %s", bad.Message)
	}
}

// seek goes to a place in the file.
func (x *reader) seek(to int64) {
	section := io.NewSectionReader(x.file, to, x.size-to)
	if x.r == nil {
		x.r = bufio.NewReaderSize(section, int(min(1<<16, x.size)))
	} else {
		x.r.Reset(section)
	}
	x.at = to
}

// resume goes on behind the next boundary after a place, and reports whether there is one.
func (x *reader) resume(from int64) bool {
	if x.last { // there is none: a search for every chunk would take forever
		return false
	}
	back := x.at
	x.seek(from)
	have := 0
	for {
		b, err := x.r.ReadByte()
		if err != nil {
			x.last = true
			x.seek(back)
			return false
		}
		x.at++
		switch {
		case b == boundary[have]:
			have++
		case b == boundary[0]: // it occurs once in the pattern
			have = 1
		default:
			have = 0
		}
		if have == len(boundary) {
			x.rec.Warnf("%d bytes, from byte %d on, are not chunks and were left out", x.at-from-int64(len(boundary)), from)
			return true
		}
	}
}

func (x *reader) full(p []byte) error {
	n, err := io.ReadFull(x.r, p)
	x.at += int64(n)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// varlen reads a length: the number of its bytes (1, 4 or 8) and then the length itself.
func (x *reader) varlen() (uint64, error) {
	var b [9]byte
	if err := x.full(b[:1]); err != nil {
		return 0, err
	}
	n := int(b[0])
	if n != 1 && n != 4 && n != 8 {
		return 0, recording.Malformed(XDF, map[string]any{"length_bytes": n, "offset": x.at - 1}, "a length of %d bytes is none of 1, 4 and 8", n)
	}
	if err := x.full(b[1 : 1+n]); err != nil {
		return 0, err
	}
	v, _, _ := cutVarlen(b[:1+n])
	return v, nil
}

// cutVarlen is varlen within a chunk.
func cutVarlen(b []byte) (uint64, []byte, bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return 0, nil, false
	}
	rest := b[1+int(b[0]):]
	switch b[0] {
	case 1:
		return uint64(b[1]), rest, true
	case 4:
		return uint64(binary.LittleEndian.Uint32(b[1:])), rest, true
	case 8:
		return binary.LittleEndian.Uint64(b[1:]), rest, true
	}
	return 0, nil, false
}

func (x *reader) chunk(tag uint16, b []byte) error {
	switch tag {
	case fileHeader:
		var info info
		if unmarshal(b, &info) == nil {
			x.rec.StartTime = timeOf(info.Datetime)
		}
		return nil
	case boundaryChunk:
		return nil
	}
	if tag < streamHeader || tag > streamFooter {
		x.rec.Warnf("a chunk with the unknown tag %d was left out", tag)
		return nil
	}
	if len(b) < 4 && tag == streamFooter {
		x.rec.Warnf("a footer names no stream and was left out")
		return nil
	}
	if len(b) < 4 {
		return recording.Malformed(XDF, map[string]any{"tag": tag}, "a chunk with tag %d names no stream", tag)
	}
	id := binary.LittleEndian.Uint32(b)
	b = b[4:]
	if tag == streamHeader {
		return x.header(id, b)
	}
	s := x.streams[id]
	if s == nil && tag == streamFooter {
		return nil // of a stream that was left out, or of none
	}
	if s == nil {
		return recording.Malformed(XDF, map[string]any{"stream": id}, "stream %d has no header", id)
	}
	switch tag {
	case samplesChunk:
		n, texts, events := len(s.stamps), len(s.texts), x.events
		if !x.samples(s, b) {
			// Nothing of a chunk that contradicts itself is believed.
			s.stamps, s.texts, x.events = s.stamps[:n], s.texts[:texts], events
			for c := range s.samples {
				s.samples[c] = s.samples[c][:n]
			}
			return recording.Malformed(XDF, map[string]any{"stream": s.info.Name}, "a chunk of samples of stream %q is cut or inconsistent", s.info.Name)
		}
	case clockOffset:
		if len(b) < 16 {
			return recording.Malformed(XDF, map[string]any{"stream": s.info.Name}, "a clock offset of stream %q is cut", s.info.Name)
		}
		o := offset{time: math.Float64frombits(binary.LittleEndian.Uint64(b)), ahead: math.Float64frombits(binary.LittleEndian.Uint64(b[8:])), count: len(s.stamps)}
		if recording.IsFinite(o.time, o.ahead) {
			s.offsets = append(s.offsets, o)
		}
	}
	return nil
}

// unmarshal reads the XML of a header. Recorders on old systems write Latin-1, whatever it says about itself.
func unmarshal(b []byte, info *info) error {
	d := xml.NewDecoder(strings.NewReader(recording.ValidText(string(b))))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d.Decode(info)
}

func (x *reader) header(id uint32, b []byte) error {
	if x.streams[id] != nil {
		return recording.Malformed(XDF, map[string]any{"stream": id}, "stream %d has two headers", id)
	}
	s := &stream{}
	if err := unmarshal(b, &s.info); err != nil {
		return recording.Malformed(XDF, map[string]any{"stream": id}, "the header of stream %d: %v", id, err)
	}
	s.info.Name, s.info.Type = recording.ValidText(strings.TrimSpace(s.info.Name)), strings.TrimSpace(s.info.Type)
	count, err := strconv.Atoi(strings.TrimSpace(s.info.Channels))
	if err != nil || count < 1 || count > recording.MostColumns {
		return recording.Malformed(XDF, map[string]any{"stream": s.info.Name, "channels": s.info.Channels}, "stream %q has %q channels", s.info.Name, s.info.Channels)
	}
	if s.rate, err = strconv.ParseFloat(strings.TrimSpace(s.info.Rate), 64); err != nil || !(s.rate >= 0) || math.IsInf(s.rate, 0) {
		return recording.Malformed(XDF, map[string]any{"stream": s.info.Name, "rate": s.info.Rate}, "stream %q has the rate %q", s.info.Name, s.info.Rate)
	}
	le := binary.LittleEndian
	switch f := strings.TrimSpace(s.info.Format); f {
	case "float32":
		s.float = true
		s.width, s.value = 4, func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }
	case "double64":
		s.float = true
		s.width, s.value = 8, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }
	case "int8":
		s.width, s.value = 1, func(b []byte) float64 { return float64(int8(b[0])) }
	case "int16":
		s.width, s.value = 2, func(b []byte) float64 { return float64(int16(le.Uint16(b))) }
	case "int32":
		s.width, s.value = 4, func(b []byte) float64 { return float64(int32(le.Uint32(b))) }
	case "int64":
		s.width, s.value = 8, func(b []byte) float64 { return float64(int64(le.Uint64(b))) }
	case "string":
	default:
		return recording.Unsupported(XDF, map[string]any{"stream": s.info.Name, "channel_format": f}, "stream %q has values of the unknown format %q", s.info.Name, f)
	}
	if x.channels += count; x.channels > recording.MostColumns {
		return recording.Malformed(XDF, map[string]any{"stream": s.info.Name, "channels": x.channels, "channels_limit": recording.MostColumns}, "stream %q makes more than %d channels", s.info.Name, recording.MostColumns)
	}
	s.channels = count
	x.streams[id] = s
	x.order = append(x.order, id)
	return nil
}

// samples reads a chunk of samples: each an optional time stamp and the values. A sample without a stamp follows the
// one before at the nominal rate.
func (x *reader) samples(s *stream, b []byte) bool {
	count, b, ok := cutVarlen(b)
	if !ok {
		return false
	}
	for ; count > 0; count-- {
		if len(b) == 0 {
			return false
		}
		stampBytes := b[0]
		b = b[1:]
		var stamp float64
		switch {
		case stampBytes == 8 && len(b) >= 8:
			stamp = math.Float64frombits(binary.LittleEndian.Uint64(b))
			b = b[8:]
			if !recording.IsFinite(stamp) {
				return false
			}
		case stampBytes == 0:
			if n := len(s.stamps); n > 0 {
				stamp = s.stamps[n-1]
				if s.rate > 0 {
					stamp += 1 / s.rate
				}
			}
		default:
			return false
		}
		if s.width == 0 {
			text, rest, ok := cutTexts(b, s.channels)
			if !ok {
				return false
			}
			b = rest
			if x.events++; x.events > recording.MostEvents {
				s.skipped++
				continue
			}
			s.stamps, s.texts = append(s.stamps, stamp), append(s.texts, text)
			continue
		}
		if len(b) < s.width*s.channels {
			return false
		}
		if s.samples == nil {
			s.samples = make([][]float64, s.channels)
		}
		if x.src.Hold(8*int64(s.channels+1), XDF, "samples") != nil {
			return false
		}
		s.stamps = append(s.stamps, stamp)
		for c := range s.samples {
			s.samples[c] = append(s.samples[c], s.value(b))
			b = b[s.width:]
		}
	}
	return true
}

// cutTexts reads the strings of one sample, joined by commas.
func cutTexts(b []byte, channels int) (string, []byte, bool) {
	var parts []string
	for range channels {
		n, rest, ok := cutVarlen(b)
		if !ok || n > uint64(len(rest)) {
			return "", nil, false
		}
		parts = append(parts, recording.ValidText(string(rest[:n])))
		b = rest[n:]
	}
	return strings.Join(parts, ","), b, true
}

// build makes channels and events of the streams.
//
//nolint:gocyclo // one case for each kind of stream
func (x *reader) build() error {
	var waves []*stream
	for _, id := range x.order {
		s := x.streams[id]
		if s.skipped > 0 {
			x.rec.Warnf("%d events of stream %q beyond the limit of %d were left out", s.skipped, s.info.Name, recording.MostEvents)
		}
		s.synchronize()
		if s.isMarker() || s.rate == 0 {
			continue
		}
		if len(s.stamps) == 0 {
			x.rec.Warnf("stream %q has no samples and was left out", s.info.Name)
			continue
		}
		if !s.measure() {
			x.spoiled(recording.Malformed(XDF, map[string]any{"stream": s.info.Name}, "the time stamps of stream %q do not increase", s.info.Name))
			s.left = true
			continue
		}
		waves = append(waves, s)
	}
	if len(waves) == 0 {
		if x.fault != nil {
			return x.fault
		}
		return recording.Malformed(XDF, map[string]any{"streams": len(x.streams)}, "none of the %d streams is regularly sampled and has samples", len(x.streams))
	}
	if !slices.ContainsFunc(waves, (*stream).isEEG) {
		for _, s := range waves {
			if s.mayBeEEG() {
				s.taken = true
				x.rec.Warnf("stream %q of type %q is taken for EEG: no stream is of that type", s.info.Name, s.info.Type)
			}
		}
	}
	// EEG first, the one with the most channels before the others: it is the time that events refer to.
	slices.SortStableFunc(waves, func(a, b *stream) int {
		if a.isEEG() != b.isEEG() {
			if a.isEEG() {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.channels, a.channels)
	})
	reference := waves[0]
	begin := reference.start
	for _, s := range waves {
		if s.isEEG() == reference.isEEG() {
			begin = max(begin, s.start)
		}
	}
	if length := float64(len(reference.stamps)) / reference.eff; begin-reference.start >= length {
		return recording.Malformed(XDF, nil, "the streams do not overlap in time")
	}
	for _, s := range waves {
		x.addChannels(s, begin)
	}
	cut := math.Round((begin - reference.start) * reference.eff)
	reference.cutGaps(cut / reference.rate)
	x.rec.Gaps = reference.gaps
	for _, s := range waves[1:] {
		if len(s.gaps) > 0 {
			x.rec.Warnf("stream %q has %d gaps of its own; its samples behind them are too early", s.info.Name, len(s.gaps))
		}
	}
	if n := len(reference.gaps); n > 0 {
		x.rec.Warnf("stream %q has %d gaps", reference.info.Name, n)
	}
	if !x.rec.StartTime.IsZero() {
		x.rec.Warnf("the start time is when the recorder was started; the first sample may be later")
	}
	x.addEvents(reference, cut)
	x.rec.Device = reference.info.Name
	return nil
}

func (s *stream) isEEG() bool { return s.taken || strings.EqualFold(s.info.Type, "EEG") }

// mayBeEEG reports whether a stream can be EEG: some recorders call it a signal, or nothing, and name electrodes.
func (s *stream) mayBeEEG() bool {
	switch strings.ToLower(s.info.Type) {
	case "", "signal", "signals", "exg", "data", "biosignal", "biosignals", "eeg data", "timeseries", "raw":
		return true
	}
	n := 0
	for _, l := range s.info.Labels {
		if recording.IsElectrode(l.Label) {
			n++
		}
	}
	return n > 0 && 2*n >= s.channels
}

// isMarker reports whether a stream holds events: strings, whatever rate they claim, what its type calls markers, and single
// integers without a rate. A number now and then that is not an integer, such as a heart rate, is none.
func (s *stream) isMarker() bool {
	if s.width == 0 {
		return true
	}
	if s.channels != 1 {
		return false
	}
	switch strings.ToLower(s.info.Type) {
	case "marker", "markers", "event", "events", "trigger", "triggers", "stim", "stimulus", "annotation", "annotations":
		return true
	}
	return s.rate == 0 && !s.float
}

// addChannels adds the channels of a stream from the common begin on.
//
//nolint:gocyclo // one case for each thing that a stream may leave out of its header
func (x *reader) addChannels(s *stream, begin float64) {
	shift := int(math.Round((begin - s.start) * s.eff))
	n := len(s.stamps)
	if shift >= n || -shift > n {
		x.rec.Warnf("stream %q lies outside the time of the others and was left out", s.info.Name)
		return
	}
	for c, samples := range s.samples {
		ch := recording.Channel{Rate: s.rate, Label: strconv.Itoa(c + 1)}
		if len(x.rec.Channels) > 0 || s.info.Name != "" && len(s.info.Labels) <= c {
			ch.Label = s.info.Name + " " + strconv.Itoa(c+1)
		}
		kind := ""
		if c < len(s.info.Labels) {
			l := s.info.Labels[c]
			if text := recording.ValidText(strings.TrimSpace(l.Label)); text != "" {
				ch.Label = text
			}
			ch.Unit, kind = strings.TrimSpace(l.Unit), strings.ToUpper(strings.TrimSpace(l.Type))
		}
		unit, factor := recording.ToMicrovolt(ch.Unit)
		ch.Unit = unit
		switch {
		case kind == "TRG" || kind == "STIM" || kind == "TRIGGER" || recording.IsTrigger(ch.Label):
			ch.Kind = recording.Trigger
		case !s.isEEG():
			ch.Kind = recording.Other
			if strings.Contains(strings.ToLower(s.info.Type), "acc") || strings.Contains(strings.ToLower(s.info.Type), "gyr") {
				ch.Kind = recording.Motion
			}
		case kind == "EEG" || kind == "" || s.taken && (kind == "SIGNAL" || kind == strings.ToUpper(s.info.Type)):
			if ch.Kind = recording.KindOf(ch.Label); ch.Kind == "" || recording.IsElectrode(ch.Label) {
				ch.Kind = recording.EEG
			}
		case kind == "EOG" || kind == "EMG" || kind == "ECG":
			ch.Kind = recording.Kind(strings.ToLower(kind))
		default:
			ch.Kind = recording.Other
		}
		if shift >= 0 {
			ch.Samples = samples[shift:]
		} else {
			ch.Samples = make([]float64, 0, n-shift)
			for range -shift {
				ch.Samples = append(ch.Samples, math.NaN())
			}
			ch.Samples = append(ch.Samples, samples...)
		}
		if factor != 1 {
			for i := range ch.Samples {
				ch.Samples[i] *= factor
			}
		}
		x.rec.Channels = append(x.rec.Channels, ch)
	}
}

// cutGaps drops gaps before the given s of samples and moves the others.
func (s *stream) cutGaps(cut float64) {
	var kept []recording.Gap
	for _, g := range s.gaps {
		if g.At > cut {
			kept = append(kept, recording.Gap{At: g.At - cut, Length: g.Length})
		}
	}
	s.gaps = kept
}

// addEvents places the events among the samples of the reference stream, of which the first cut samples are gone.
func (x *reader) addEvents(reference *stream, cut float64) {
	for _, id := range x.order {
		s := x.streams[id]
		if s.rate == 0 && !s.isMarker() {
			x.rec.Warnf("stream %q of type %q has no rate (%s) and no events; it was left out", s.info.Name, s.info.Type, decoders.Counted(s.channels, "channel"))
		}
		if !s.isMarker() {
			continue
		}
		odd := 0
		var changes *recording.Triggers // of a channel that holds its code, as an amplifier's
		if n := len(s.stamps); s.width > 0 && s.rate > 0 && n > 1 && float64(n-1) > 0.5*s.rate*(s.stamps[n-1]-s.stamps[0]) {
			changes = &recording.Triggers{}
		}
		for i, stamp := range s.stamps {
			if len(x.rec.Events) >= recording.MostEvents {
				x.rec.Warnf("only the first %d events were read", recording.MostEvents)
				return
			}
			e := eeg.Event{Onset: (reference.at(stamp) - cut) / reference.rate}
			if s.width == 0 {
				e.Label = s.texts[i]
				e.Code = recording.CodeIn(e.Label)
				x.rec.Annotations = append(x.rec.Annotations, recording.Annotation{Onset: e.Onset, Label: e.Label})
			} else if v := s.samples[0][i]; v > math.MinInt32 && v < math.MaxInt32 {
				if e.Code = int(math.Round(v)); s.float && float64(e.Code) != v {
					odd++
				}
				if changes != nil && len(changes.Add(nil, []float64{v}, 1, false, x.rec)) == 0 || s.rate > 0 && e.Code == 0 {
					continue // a level between events
				}
			}
			x.rec.Events = append(x.rec.Events, e)
		}
		if odd > 0 {
			x.rec.Warnf("%d markers of stream %q are not whole numbers and were rounded", odd, s.info.Name)
		}
	}
}

// at returns the sample, with its fraction, that a stream with a rate had at a common time.
func (s *stream) at(t float64) float64 {
	// The stamps are smooth after measure: linear between them, and at the rate beyond the ends.
	n := len(s.stamps)
	i := sort.SearchFloat64s(s.stamps, t)
	switch {
	case i == 0:
		return (t - s.stamps[0]) * s.eff
	case i == n:
		return float64(n-1) + (t-s.stamps[n-1])*s.eff
	}
	before, after := s.stamps[i-1], s.stamps[i]
	if after <= before {
		return float64(i)
	}
	if (after-before)*s.eff > 2 { // within a gap: nearer to the sample before than to a time that was not recorded
		return float64(i-1) + min(1, (t-before)*s.eff)
	}
	return float64(i-1) + (t-before)/(after-before)
}

// synchronize turns the stamps of the stream's clock into common time.
func (s *stream) synchronize() {
	if len(s.offsets) == 0 || len(s.stamps) == 0 {
		return
	}
	from, firstOffset := 0, 0 // of the current segment between resets of the clock
	for k := 1; k <= len(s.offsets); k++ {
		to := len(s.stamps)
		if k < len(s.offsets) {
			a, b := s.offsets[k-1], s.offsets[k]
			// A clock drifts by some ms a minute at most; a jump of a second is another clock.
			if b.time > a.time && math.Abs(b.ahead-a.ahead) < 1 {
				continue
			}
			to = s.breakBetween(a.count, b.count)
		}
		slope, level, middle := fitLine(s.offsets[firstOffset:k])
		for i := from; i < to; i++ {
			s.stamps[i] += level + slope*(s.stamps[i]-middle)
		}
		from, firstOffset = max(from, to), k
	}
}

// breakBetween finds the sample before which the clock was reset: the largest jump between two counts.
func (s *stream) breakBetween(lo, hi int) int {
	best, at := -1.0, min(lo, len(s.stamps))
	for i := max(lo, 1); i <= hi && i < len(s.stamps); i++ {
		if jump := math.Abs(s.stamps[i] - s.stamps[i-1]); jump > best {
			best, at = jump, i
		}
	}
	return at
}

// fitLine returns slope and level (at time middle) of the offsets by the median of slopes.
func fitLine(offsets []offset) (slope, level, middle float64) {
	step := max(1, len(offsets)/200) // 200 points make 20,000 slopes, plenty for a line
	var points []offset
	for i := 0; i < len(offsets); i += step {
		points = append(points, offsets[i])
	}
	var slopes []float64
	for i, a := range points {
		for _, b := range points[i+1:] {
			if b.time > a.time {
				slopes = append(slopes, (b.ahead-a.ahead)/(b.time-a.time))
			}
		}
	}
	if len(slopes) > 0 {
		slices.Sort(slopes)
		slope = slopes[len(slopes)/2]
	}
	middle = points[len(points)/2].time
	levels := make([]float64, len(points))
	for i, p := range points {
		levels[i] = p.ahead - slope*(p.time-middle)
	}
	slices.Sort(levels)
	return slope, levels[len(levels)/2], middle
}

// fits returns a line through the stamps of each segment between two edges, and the interval in s that the segments have together;
// where they do not tell, that of the rate.
func (s *stream) fits(edges []int) (lines []line, interval float64) {
	lines = make([]line, len(edges)-1)
	var all line
	for k := range lines {
		lines[k] = fit(s.stamps[edges[k]:edges[k+1]])
		all.sxx, all.sxy = all.sxx+lines[k].sxx, all.sxy+lines[k].sxy
	}
	if all.sxx > 0 {
		return lines, all.sxy / all.sxx
	}
	return lines, 1 / s.rate
}

// measure finds the stream's true rate and gaps, and replaces the jittered stamps by a line through each segment
// between gaps. It reports whether the stamps increase.
func (s *stream) measure() bool {
	bounds := s.segments()
	lines, interval := s.fits(bounds)
	if !(interval > 0) {
		return false
	}
	// A clock that is not quite even is followed by segments that are long enough to show it; jitter tilts shorter ones.
	const long = 10 // s
	var covered, counted float64
	for k, l := range lines {
		a, b := bounds[k], bounds[k+1]
		slope := interval
		if n := float64(b - a); n > 1 && n*interval >= long {
			if slope = l.sxy / l.sxx; !(slope > 0) {
				return false
			}
		}
		for i := a; i < b; i++ {
			s.stamps[i] = l.mean + slope*(float64(i-a)-float64(b-a-1)/2)
		}
		covered += slope * float64(b-a)
		counted += float64(b - a)
		if k == 0 {
			continue
		}
		if gap := s.stamps[a] - s.stamps[a-1] - interval; gap > 0 && len(s.gaps) < recording.MostEvents {
			s.gaps = append(s.gaps, recording.Gap{At: float64(a), Length: gap})
		} else if gap < -1 {
			return false
		}
	}
	s.start = s.stamps[0]
	s.eff = counted / covered
	if math.Abs(s.eff-s.rate) > 0.005*s.rate {
		s.rate = s.eff // the stream lied about its rate
	}
	for i := range s.gaps {
		s.gaps[i].At /= s.rate
	}
	return recording.IsFinite(s.start, s.eff) && s.eff > 0
}

// segments returns where the stream's stamps jump, its first sample and its end among them. A pause of a second, or a clock that jumps back
// by as much, is seen from two stamps, as pyxdf does. What is lost for less is hidden by jitter and by samples that arrive in bursts,
// where any two stamps may lie apart: it is found as for other recordings, by steps of the delay that last (package clock).
func (s *stream) segments() []int {
	bounds := []int{0}
	n := len(s.stamps)
	from := 0
	for i := 1; i <= n; i++ {
		if i < n {
			if d := math.Abs(s.stamps[i] - s.stamps[i-1]); !(d > 1 && d > 20/s.rate) {
				continue
			}
		}
		if s.keepsItsRate(from, i) {
			c := clock.New(func() clock.Timing { return clock.Timing{Header: s.rate} })
			for k := from; k < i; k++ {
				c.Add(-1, s.stamps[k], k)
			}
			told, _ := c.Finish(&recording.Recording{}) // what it would warn of is said of the gaps
			bounds = append(bounds, s.lasting(from, i, told.Gaps)...)
		}
		bounds = append(bounds, i)
		from = i
	}
	return bounds
}

// lasting returns those of the losses between two samples that stand out of the jitter around the segments that they make: half a sample and
// four standard deviations of it. A late chunk longer than the clock's window looks like a loss until what follows is seen.
func (s *stream) lasting(from, to int, losses []recording.RowGap) []int {
	var bounds []int
	for _, g := range losses {
		bounds = append(bounds, from+g.Row)
	}
	for len(bounds) > 0 {
		edges := slices.Concat([]int{from}, bounds, []int{to})
		lines, slope := s.fits(edges)
		var squares float64
		for k, l := range lines {
			for i := edges[k]; i < edges[k+1]; i++ {
				d := s.stamps[i] - l.mean - slope*(float64(i-edges[k])-float64(edges[k+1]-edges[k]-1)/2)
				squares += d * d
			}
		}
		least := slope/2 + 4*max(math.Sqrt(squares/float64(to-from)), s.lateness(from, to, slope))
		var kept []int
		for k, b := range bounds {
			before := lines[k].mean + slope*float64(b-1-edges[k])/2
			behind := lines[k+1].mean - slope*float64(edges[k+2]-1-b)/2
			if behind-before-slope > least {
				kept = append(kept, b)
			}
		}
		if len(kept) == len(bounds) {
			break
		}
		bounds = kept
	}
	return bounds
}

// keepsItsRate reports whether most segments of half a second have the nominal rate, to 1 %: a device's crystal does. What a program sends when
// it comes to it has another rate, and a pause in it is not a loss.
func (s *stream) keepsItsRate(from, to int) bool {
	step := max(1, int(min(s.rate/2, 1e6)))
	every := max(1, (to-from)/4096)
	var spans []float64
	for i := from; i+step < to; i += every {
		spans = append(spans, s.stamps[i+step]-s.stamps[i])
	}
	if len(spans) == 0 {
		return false
	}
	slices.Sort(spans)
	rate := float64(step) / spans[len(spans)/2]
	return math.Abs(rate-s.rate) <= 0.01*s.rate
}

// lateness is the standard deviation of what arrives late, each sample by itself or a chunk as a whole, from how unlike the delays of
// samples up to 0.4 s apart are: the median tells, which the few pairs that have a loss between them do not move.
func (s *stream) lateness(from, to int, interval float64) float64 {
	most := 0.0
	for lag := 1; float64(lag)*interval <= 0.4 && from+lag < to; lag *= 2 {
		every := max(1, (to-from)/4096)
		var differ []float64
		for i := from; i+lag < to; i += every {
			differ = append(differ, math.Abs(s.stamps[i+lag]-s.stamps[i]-float64(lag)*interval))
		}
		slices.Sort(differ)
		most = max(most, differ[len(differ)/2])
	}
	return 1.4826 / math.Sqrt2 * most // of a normal distribution, and of a difference
}

// line is what a fit of stamps by a line needs: their mean, and the sums of squares around the middle sample.
type line struct{ mean, sxx, sxy float64 }

// fit sums stamps up. A single stamp tells no slope.
func fit(stamps []float64) (l line) {
	n := float64(len(stamps))
	mid := (n - 1) / 2
	base := stamps[0]
	for i, t := range stamps {
		d := float64(i) - mid
		l.mean += t - base
		l.sxy += d * (t - base)
		l.sxx += d * d
	}
	l.mean = base + l.mean/n
	return l
}

// timeOf reads the recorder's start, as the usual recorders write it.
func timeOf(s string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t
		}
	}
	return time.Time{}
}
