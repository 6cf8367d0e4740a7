package recording

import (
	"errors"
	"io"
	"math"
	"time"

	"github.com/neurod/neurod/decoders"
)

// row is what one line of a text format says. Its memory is used again for the next.
type row struct {
	sample bool      // values are a sample; else the line only marks something
	values []float64 // one a channel
	stamp  float64   // s of the line's time stamp, where the format has one
	at     time.Time // the same as a time of day (Mind Monitor)
	index  uint8     // sample index modulo 256 (OpenBCI)
	code   int       // of a marker, 0 for none
	label  string    // of a marker with a text, "" for none
}

// rowReader reads the lines of a text format one after the other. There is one for each format, used for whole files,
// surveys and streams alike.
type rowReader interface {
	// next reads the next line that says something, and returns io.EOF after the last.
	next(*row) error
	// finish completes the recording's header, where much is only known at the end, given the number of samples. Errors
	// are those of a file that has too few good rows.
	finish(samples int) error
}

// openRows begins to read a text format: a header line, where there is one.
func openRows(format Format, name string, r io.Reader, rec *Recording) (rowReader, error) {
	lines := newLineReader(r, format)
	switch format {
	case MuseCSV:
		return openMuseRows(lines, rec)
	case MindMonitor:
		return openMindMonitorRows(lines, rec)
	case OpenBCI:
		return &openBCIRows{rec: rec, lines: lines, marker: -1, stamp: -1}, nil
	}
	return &tableRows{rec: rec, lines: lines, name: name}, nil
}

// surveyText is Survey for the text formats.
func surveyText(src *source, name string, plan *Plan) (*Recording, error) {
	rec := &Recording{Format: plan.Format}
	rows, err := openRows(plan.Format, name, src, rec)
	if err != nil {
		return nil, err
	}
	var (
		r     row
		n     int
		clock clockReader
		steps indexSteps
	)
	for {
		if err = rows.next(&r); err != nil {
			break
		}
		if !r.sample {
			continue
		}
		switch plan.Format {
		case MuseCSV:
			clock.add(r.stamp)
		case MindMonitor:
			if n == 0 {
				plan.Start = r.at
			}
			clock.add(r.at.Sub(plan.Start).Seconds())
		case OpenBCI:
			steps.add(r.index)
		}
		if n == 0 && plan.Format == MuseCSV {
			rec.StartTime = museStart(r.stamp)
		}
		n++
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := rows.finish(n); err != nil {
		return nil, err
	}
	switch plan.Format {
	case MuseCSV, MindMonitor:
		if err := rec.setClock(&clock); err != nil {
			return nil, err
		}
		plan.Interval = clock.interval
		if plan.Format == MindMonitor {
			rec.pickedAtIntervals()
			rec.StartTime = plan.Start
		}
	case OpenBCI:
		plan.Step = steps.usual()
	}
	rec.Gaps = nil
	if len(rec.Channels) > 0 {
		plan.Rate = rec.Channels[0].Rate
	}
	rec.nameChannels()
	return rec, nil
}

// rowsBlock is how many values a block of rows holds at most.
const rowsBlock = 64 << 10

// rowStream reads the rows of a text format as blocks.
type rowStream struct {
	rows    rowReader
	plan    Plan
	rec     *Recording
	skip    []bool
	most    int // rows a block
	row     row
	held    bool // row was read and belongs to the next block
	gap     float64
	gaps    int
	n       int // samples so far
	stamp   float64
	index   uint8
	started bool
}

// openText reads a text format as a stream. What a survey has found out is known; the header is read again.
func openText(src *source, plan Plan) (*Stream, error) {
	rec := &Recording{Format: plan.Format}
	rows, err := openRows(plan.Format, "", src, rec)
	if err != nil {
		return nil, err
	}
	if !(plan.Rate > 0) {
		return nil, rec.noRate()
	}
	s := &rowStream{rows: rows, plan: plan, rec: rec}
	// Formats without a header line have their channels from the first row on.
	for !s.held {
		if err := rows.next(&s.row); err != nil {
			if errors.Is(err, io.EOF) {
				err = malformed(plan.Format, nil, "there is no row of samples")
			}
			return nil, err
		}
		s.held = s.row.sample || s.row.label != ""
	}
	if s.row.sample {
		s.pause()
	}
	for i := range rec.Channels {
		rec.Channels[i].Rate = plan.Rate
	}
	s.skip = make([]bool, len(rec.Channels))
	s.most = max(1, rowsBlock/max(1, len(rec.Channels)))
	return &Stream{src: src, rec: rec, skip: s.skip, source: s}, nil
}

func (s *rowStream) next(b *Block) error {
	b.At = float64(s.n) / s.plan.Rate
	empty := true
	for taken := 0; taken < s.most; {
		if !s.held {
			if err := s.rows.next(&s.row); errors.Is(err, io.EOF) && (!empty || len(b.Annotations) > 0) {
				return nil
			} else if err != nil {
				return err
			}
			if s.row.sample {
				s.gap = s.pause()
			}
		}
		s.held = false
		if r := &s.row; r.label != "" {
			b.Annotations = append(b.Annotations, Annotation{Onset: r.at.Sub(s.plan.Start).Seconds(), Label: r.label})
			if len(b.Annotations) >= rowsBlock {
				taken = s.most // a file of labels alone must not fill the memory
			}
		}
		if !s.row.sample {
			continue
		}
		if s.gap > 0 {
			if !empty {
				s.row.label, s.held = "", true // the gap comes first in the next block
				return nil
			}
			b.Gap, s.gap = s.gap, 0
		}
		empty = false
		if s.row.code != 0 {
			b.Events = append(b.Events, decoders.Event{Onset: float64(s.n) / s.plan.Rate, Code: s.row.code})
		}
		for i, v := range s.row.values {
			if !s.skip[i] {
				b.Samples[i] = append(b.Samples[i], v)
			}
		}
		s.n++
		taken++
	}
	return nil
}

// pause returns how much is missing before the row, and remembers the row.
func (s *rowStream) pause() float64 {
	before, index := s.stamp, s.index
	s.index, s.stamp = s.row.index, s.row.stamp
	if s.plan.Format == MindMonitor {
		s.stamp = s.row.at.Sub(s.plan.Start).Seconds()
	}
	first := !s.started
	s.started = true
	if first || s.gaps >= mostEvents {
		return 0
	}
	gap := 0.0
	switch s.plan.Format {
	case MuseCSV, MindMonitor:
		if d := s.stamp - before; isPause(d, s.plan.Interval) {
			gap = d - 1/s.plan.Rate
		}
	case OpenBCI:
		if lost, _ := lostPackets(int(s.index-index), s.plan.Step); lost > 0 {
			gap = float64(lost) / s.plan.Rate
		}
	}
	if gap > 0 {
		s.gaps++
	}
	return gap
}

// readRows reads a whole text file into the recording's channels. each is called for every row, with the number of the
// sample that it is or would be.
func readRows(rows rowReader, rec *Recording, each func(r *row, n int)) (int, error) {
	var r row
	n := 0
	for {
		err := rows.next(&r)
		if errors.Is(err, io.EOF) {
			return n, rows.finish(n)
		}
		if err != nil {
			return 0, err
		}
		each(&r, n)
		if !r.sample {
			continue
		}
		for i, v := range r.values {
			rec.Channels[i].Samples = append(rec.Channels[i].Samples, v)
		}
		n++
	}
}

// museStart returns the time of a muse-lsl stamp, zero where it counts from another moment than 1970.
func museStart(stamp float64) time.Time {
	const epoch = 1e9 // 2001: smaller stamps are seconds since the machine started, as liblsl gives them
	if stamp > epoch && stamp < 1e11 {
		return time.UnixMilli(int64(math.Round(stamp * 1e3))).UTC()
	}
	return time.Time{}
}
