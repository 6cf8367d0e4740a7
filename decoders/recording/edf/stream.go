package edf

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/neurod/neurod/decoders/recording"
)

// MissingLabel annotates spans that were not recorded, as MNE has it: what begins with "bad" is left out of analyses, and
// BAD_ACQ_SKIP stands for a pause of the recording.
const MissingLabel = "BAD_ACQ_SKIP"

// StreamWriter writes EDF+ or BDF+ from samples that come in segments of one rate and are not held in memory: they are given
// twice, first to be measured, then to be written.
//
//	NewStreamWriter ── Measure … ── Plan ── Begin ── Write … (the same segments) ── Close
//
// A gap between segments is filled: each channel is held at its last value, and the gap is annotated
// with MissingLabel, its onset and its duration. Where that would make the file more than twice as long as what was recorded, the
// file is discontinuous (EDF+D): the data records that hold no sample at all are left out. The same holds for the rest of
// the last record. A file without samples has one record that is missing.
//
// Samples are scaled as Write does.
type StreamWriter struct {
	e        *writer
	rate     float64
	ranges   []*valueRange
	segments []sampleSpan
	planned  bool

	first   int64        // sample at which the file begins
	records []sampleSpan // of the grid that begins there, that are written
	at      int64        // the next sample
	span    int          // of records, in which at lies
	segment int          // that is written next
	done    int64        // samples of it that are
	fill    [][]float64
}

// mostRecords is what the eight characters of the header can state.
const mostRecords = 99_999_999

// sampleSpan is a range [from, to).
type sampleSpan struct{ from, to int64 }

// About is what a file says beside its samples.
type About struct {
	Start       time.Time              // of the first sample
	Device      string                 // the equipment
	Annotations []recording.Annotation // Onset in s after the first sample, by the clock
}

// NewStreamWriter prepares a file of bits 16 (EDF+) or 24 (BDF+). Error: unsupported_format for any other.
func NewStreamWriter(bits int, labels []string, unit string, rate float64) (*StreamWriter, error) {
	if bits != 16 && bits != 24 {
		return nil, recording.Unsupported(PlusC, map[string]any{"bits": bits}, "samples of %d bits are not written", bits)
	}
	if len(labels) == 0 {
		return nil, recording.Unsupported(PlusC, nil, "there are no channels to write")
	}
	s := &StreamWriter{e: &writer{width: bits / 8}, rate: rate, fill: make([][]float64, len(labels))}
	for _, l := range labels {
		s.e.channels = append(s.e.channels, channel{label: l, unit: unit, rate: rate})
		s.ranges = append(s.ranges, newValueRange(bits/8))
	}
	return s, nil
}

// Measure looks at the samples from start on, channels × samples. Segments come in order and do not overlap.
// Error: invalid_signal where a sample is NaN or Inf.
func (s *StreamWriter) Measure(start int64, rows [][]float64) error {
	n, err := s.length(rows)
	if err != nil || n == 0 {
		return err
	}
	for i, row := range rows {
		if k := s.ranges[i].add(row); k >= 0 {
			return notFinite(s.e.channels[i].label, k)
		}
	}
	last := len(s.segments) - 1
	switch {
	case s.planned, last >= 0 && start < s.segments[last].to:
		return fmt.Errorf("writing EDF: samples from %d on come too late", start)
	case last >= 0 && start == s.segments[last].to:
		s.segments[last].to += n
	default:
		s.segments = append(s.segments, sampleSpan{start, start + n})
	}
	return nil
}

func (s *StreamWriter) length(rows [][]float64) (int64, error) {
	if len(rows) != len(s.e.channels) || len(rows) == 0 {
		return 0, fmt.Errorf("writing EDF: %d channels were given of %d", len(rows), len(s.e.channels))
	}
	for _, row := range rows {
		if len(row) != len(rows[0]) {
			return 0, fmt.Errorf("writing EDF: channels of %d and %d samples", len(rows[0]), len(row))
		}
	}
	return int64(len(rows[0])), nil
}

// Plan divides the file into data records and returns its size in bytes. Error: unsupported_format where the header cannot state the rate.
func (s *StreamWriter) Plan(about About) (int64, error) {
	e := s.e
	s.planned = true
	e.device = about.Device
	e.startAt(about.Start)
	length, held := int64(0), int64(0)
	if n := len(s.segments); n > 0 {
		s.first = s.segments[0].from
		length = s.segments[n-1].to - s.first
		for _, t := range s.segments {
			held += t.to - t.from
		}
	}
	// A record need not divide a length that is not all written.
	whole := min(max(length, int64(math.Round(s.rate)), 1), math.MaxInt32)
	if err := e.layOutSingle(s.rate, int(whole)); err != nil {
		return 0, err
	}
	per := int64(e.channels[0].perRecord)
	s.records = []sampleSpan{{0, max(1, (length+per-1)/per)}}
	if length > 2*held {
		s.records = s.occupied(per)
	}
	if s.count() > mostRecords {
		return 0, recording.Unsupported(e.format(), map[string]any{"records": s.count()}, "the recording does not fit into data records")
	}
	e.records = int(s.count())
	for i := range e.channels {
		c := &e.channels[i]
		c.samples = e.records * c.perRecord
		if err := c.calibrate(s.ranges[i], e.format()); err != nil {
			return 0, err
		}
	}
	before := int64(0)
	for i, r := range s.records[1:] {
		before += s.records[i].to - s.records[i].from
		e.gaps = append(e.gaps, recording.Gap{At: float64(before) * e.seconds, Length: float64(r.from-s.records[i].to) * e.seconds})
	}
	e.split = len(e.gaps) > 0
	e.sumGaps()
	e.annotate(s.notes(about, per))
	return e.bytes(), nil
}

// count returns the number of records.
func (s *StreamWriter) count() (n int64) {
	for _, r := range s.records {
		n += r.to - r.from
	}
	return n
}

// occupied returns the records of the grid that hold a sample.
func (s *StreamWriter) occupied(per int64) []sampleSpan {
	var out []sampleSpan
	for _, t := range s.segments {
		r := sampleSpan{(t.from - s.first) / per, (t.to - s.first + per - 1) / per}
		if n := len(out); n > 0 && r.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, r.to)
			continue
		}
		out = append(out, r)
	}
	return out
}

// notes returns the annotations, and one for every gap in the records.
func (s *StreamWriter) notes(about About, per int64) []note {
	var notes []note
	span, before := 0, int64(0) // records before the span
	// place returns the record that a record of the grid becomes; one that is not written gives the next that is.
	place := func(grid int64) int {
		for span < len(s.records)-1 && grid >= s.records[span].to {
			before += s.records[span].to - s.records[span].from
			span++
		}
		at := before + min(max(grid-s.records[span].from, 0), s.records[span].to-s.records[span].from-1)
		return int(at)
	}
	step := s.e.seconds / float64(per) // s of a sample, as the records have it
	for _, a := range about.Annotations {
		grid := min(max(math.Floor(a.Onset/s.e.seconds), 0), 1<<40)
		notes = append(notes, note{onset: s.e.offset + a.Onset, duration: a.Duration, label: a.Label, record: int(grid)})
	}
	missing := func(from, to int64) { // samples after the first
		if from < to {
			notes = append(notes, note{onset: s.e.offset + float64(from)*step, duration: float64(to-from) * step, label: MissingLabel, record: int(from / per)})
		}
	}
	next := 0
	for _, r := range s.records {
		at, end := r.from*per, r.to*per
		for ; next < len(s.segments) && s.segments[next].from-s.first < end; next++ {
			t := s.segments[next]
			missing(at, t.from-s.first)
			at = t.to - s.first
		}
		missing(at, end)
	}
	slices.SortStableFunc(notes, func(a, b note) int { return cmp.Compare(a.onset, b.onset) })
	for i := range notes {
		notes[i].record = place(int64(notes[i].record))
	}
	return notes
}

// Begin writes what stands before the samples.
func (s *StreamWriter) Begin(w io.Writer) error {
	if !s.planned || s.e.out != nil {
		return fmt.Errorf("writing EDF: not planned, or begun before")
	}
	s.at = s.first
	return s.e.begin(w)
}

// Write writes samples that were measured. Error: others than those.
func (s *StreamWriter) Write(start int64, rows [][]float64) error {
	n, err := s.length(rows)
	if err != nil || n == 0 {
		return err
	}
	if s.segment == len(s.segments) || start != s.segments[s.segment].from+s.done || start+n > s.segments[s.segment].to {
		return fmt.Errorf("writing EDF: the samples from %d to %d were not measured", start, start+n)
	}
	if s.done += n; start+n == s.segments[s.segment].to {
		s.segment, s.done = s.segment+1, 0
	}
	if err := s.hold(start); err != nil {
		return err
	}
	s.at += n
	return s.put(rows)
}

// put gives samples to the writer and keeps the last.
func (s *StreamWriter) put(rows [][]float64) error {
	err := s.e.write(rows)
	for i, row := range rows {
		s.e.channels[i].last = row[len(row)-1]
	}
	return err
}

// hold fills the records up to the sample before to with the last values.
func (s *StreamWriter) hold(to int64) error {
	const most = 4096 // samples at a time
	per := int64(s.e.channels[0].perRecord)
	for s.at < to {
		end := s.first + s.records[s.span].to*per
		if s.at >= end {
			if s.span++; s.span == len(s.records) {
				return nil
			}
			s.at = s.first + s.records[s.span].from*per
			continue
		}
		n := min(to, end, s.at+most) - s.at
		for i := range s.fill {
			row := s.fill[i][:0]
			for range n {
				row = append(row, s.e.channels[i].last)
			}
			s.fill[i] = row
		}
		s.at += n
		if err := s.put(s.fill); err != nil {
			return err
		}
	}
	return nil
}

// Close fills the last record and ends the file. Error: segments that were measured and not written.
func (s *StreamWriter) Close() error {
	if s.segment < len(s.segments) {
		return fmt.Errorf("writing EDF: only %d of %d segments were written", s.segment, len(s.segments))
	}
	per := int64(s.e.channels[0].perRecord)
	if err := s.hold(s.first + s.records[len(s.records)-1].to*per); err != nil {
		return err
	}
	return s.e.close()
}
