// Package text reads recordings that are text with a row a sample: the CSV of muse-lsl and of Mind Monitor, the text of OpenBCI, and tables of
// numbers from anywhere, BrainFlow and EmotivPRO among them.
//
// A format gives its rows one after the other (rowReader); what is read of them, whole, inspected or as a stream, and which samples were
// lost (package clock), is the same for all.
package text

import (
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/clock"
	"github.com/neurod/neurod/eeg"
)

// row is what one line of a text format says. Its memory is used again for the next.
type row struct {
	sample  bool      // values are a sample; else the line only marks something
	values  []float64 // one a channel
	stamp   float64   // s of the line's time stamp, NaN where it has none
	at      time.Time // the same as a time of day (Mind Monitor)
	counter int64     // the device's own number of the sample, -1 where it has none
	code    int       // of a marker, 0 for none
	label   string    // of a marker with a text, "" for none
	line    int
}

// rowReader reads the lines of a text format one after the other. There is one for each format, used for whole files,
// inspects and streams alike.
type rowReader interface {
	// next reads the next line that says something, and returns io.EOF after the last.
	next(*row) error
	// timing tells what is known of the rows' time when the first of them are read.
	timing() clock.Timing
	// finish completes the recording's header, where much is only known at the end, given the number of samples. Errors
	// are those of a file that has too few good rows.
	finish(samples int) error
}

// readerOf is the row of a text format: what is read of it, whole, inspected or streamed, follows from its rows.
func readerOf(format recording.Format, name string, sniff func(head []byte) recording.Format, open openRows, exampleName, example string) recording.Reader {
	return recording.Reader{
		Formats: []recording.Format{format}, Names: []string{name},
		Ambiguous: []string{".csv", ".txt"}, MediaTypes: []string{"text/csv", "text/plain", "text/tab-separated-values"},
		Sniff: sniff,
		Whole: func(src *recording.Source, _ io.ReaderAt, name string) (*recording.Recording, error) {
			return readWhole(format, open, src, name)
		},
		Inspect: func(src *recording.Source, name string, plan *recording.Plan) (*recording.Recording, error) {
			return inspect(format, open, src, name, plan)
		},
		Open: func(src *recording.Source, plan recording.Plan) (*recording.Stream, error) {
			return stream(format, open, src, plan)
		},
		Example: func(recording.Format) (string, []byte) { return exampleName, []byte(example) },
	}
}

// openRows begins to read a text format: a header line, where there is one.
type openRows func(lines *lineReader, rec *recording.Recording, name string) (rowReader, error)

// exampleRows are n lines.
func exampleRows(n int, line func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i))
	}
	return b.String()
}

// firstCells are the cells of a file's first line; none where it is not text.
func firstCells(head []byte) []string {
	line, _ := recording.FirstLine(head)
	return dialectOf(line).split(line)
}

// textMark is a marker in a row.
type textMark struct {
	row   int // samples before it
	at    time.Time
	code  int
	label string
}

// pass reads all rows of a file, and calls each with every one and the number of samples before it. It returns the recording's header,
// complete, and what is missing between the samples.
func pass(format recording.Format, open openRows, src *recording.Source, name string,
	each func(rec *recording.Recording, r *row, n int) error) (*recording.Recording, []recording.RowGap, error) {
	rec := &recording.Recording{Format: format}
	rows, err := open(newLineReader(src, format), rec, name)
	if err != nil {
		return nil, nil, err
	}
	var r row
	n := 0
	clk := clock.New(rows.timing)
	for {
		err := rows.next(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if r.sample && n == 0 {
			begins(rec, &r)
		}
		if err := each(rec, &r, n); err != nil {
			return nil, nil, err
		}
		if r.sample {
			clk.Add(r.counter, r.stamp, r.line)
			n++
		}
	}
	if err := rows.finish(n); err != nil {
		return nil, nil, err
	}
	gaps, err := setClock(rec, clk)
	return rec, gaps, err
}

// readWhole reads a text format into memory.
func readWhole(format recording.Format, open openRows, src *recording.Source, name string) (*recording.Recording, error) {
	var marks []textMark
	granted := 0
	rec, gaps, err := pass(format, open, src, name, func(rec *recording.Recording, r *row, n int) error {
		if (r.code != 0 || r.label != "") && len(marks) < recording.MostEvents {
			marks = append(marks, textMark{n, r.at, r.code, r.label})
		}
		if !r.sample {
			return nil
		}
		if n == granted { // as append grows
			more := max(1024, n/4)
			if err := src.Hold(int64(more)*8*int64(len(r.values)), format, "samples"); err != nil {
				return err
			}
			granted += more
		}
		for i, v := range r.values {
			rec.Channels[i].Samples = append(rec.Channels[i].Samples, v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	rate := rateOf(rec)
	for _, g := range gaps {
		rec.Gaps = append(rec.Gaps, recording.Gap{At: float64(g.Row) / rate, Length: float64(g.Lost) / rate})
	}
	if rate == 0 {
		if len(marks) > 0 {
			rec.Warnf("%d markers were left out: without a sampling rate they have no time", len(marks))
		}
		return rec.Finish(), nil
	}
	for _, m := range marks {
		if m.at.IsZero() {
			rec.Events = append(rec.Events, m.event(rate))
			continue
		}
		// Without a waveform there is no sample to place the event at: its true time says more.
		at := m.at.Sub(rec.StartTime).Seconds()
		if !rec.Irregular {
			at, _ = rec.Position(at)
		}
		rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: at, Label: m.label})
	}
	for _, a := range rec.Annotations {
		rec.Events = append(rec.Events, eeg.Event{Onset: a.Onset, Code: recording.CodeIn(a.Label), Label: a.Label})
	}
	return rec.Finish(), nil
}

// event is a marker at its sample.
func (m textMark) event(rate float64) eeg.Event {
	e := eeg.Event{Onset: float64(m.row) / rate, Code: m.code, Label: m.label}
	if m.label != "" && m.code == 0 {
		e.Code = recording.CodeIn(m.label)
	}
	return e
}

// begins takes the start of the recording from its first row, where the header does not tell it.
func begins(r *recording.Recording, first *row) {
	switch {
	case !first.at.IsZero():
		r.StartTime = first.at
	case r.StartTime.IsZero():
		r.StartTime = museStart(first.stamp)
	}
}

// rateOf is the rate of the rows.
func rateOf(r *recording.Recording) float64 {
	if len(r.Channels) == 0 {
		return 0
	}
	return r.Channels[0].Rate
}

// setClock gives all channels the rate that their rows tell, and returns what is missing between them.
func setClock(r *recording.Recording, clk *clock.Rows) ([]recording.RowGap, error) {
	c, ok := clk.Finish(r)
	t := clk.Timing()
	if !ok && !t.RateUnknown {
		return nil, recording.Malformed(r.Format, map[string]any{"rows": clk.Len()}, "%d rows of increasing time are too few to tell the rate", clk.Len())
	}
	for i := range r.Channels {
		r.Channels[i].Rate = c.Rate
	}
	if r.Irregular = c.Irregular; c.Irregular {
		r.Remedy = "Export every sample, one a row, with the device's own time stamps or sample counter, or without any and with the sampling rate"
	}
	if t.AtIntervals {
		pickedAtIntervals(r)
	}
	if r.Irregular {
		return nil, nil
	}
	if c.Rate == 0 {
		r.Warnf("the table does not state its sampling rate")
		return nil, nil
	}
	return c.Gaps, nil
}

// inspect is Inspect for the text formats.
func inspect(format recording.Format, open openRows, src *recording.Source, name string, plan *recording.Plan) (*recording.Recording, error) {
	rec, gaps, err := pass(format, open, src, name, func(_ *recording.Recording, r *row, n int) error {
		if r.sample && n == 0 {
			plan.Start = r.at
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	plan.Gaps = gaps
	plan.Rate = rateOf(rec)
	rec.NameChannels()
	return rec, nil
}

// rowsBlock is how many values a block of rows holds at most.
const rowsBlock = 64 << 10

// rowStream reads the rows of a text format as blocks.
type rowStream struct {
	rows rowReader
	plan recording.Plan
	rec  *recording.Recording
	skip []bool
	most int // rows a block
	row  row
	held bool // row was read and belongs to the next block
	gap  float64
	gaps int // of the plan, that are passed
	n    int // samples so far
}

// stream reads a text format as a stream. What an inspection has found out is known; the header is read again.
func stream(format recording.Format, open openRows, src *recording.Source, plan recording.Plan) (*recording.Stream, error) {
	rec := &recording.Recording{Format: format}
	rows, err := open(newLineReader(src, format), rec, "")
	if err != nil {
		return nil, err
	}
	if !(plan.Rate > 0) {
		return nil, rec.NoRate()
	}
	s := &rowStream{rows: rows, plan: plan, rec: rec}
	// Formats without a header line have their channels from the first row on.
	for !s.held {
		if err := rows.next(&s.row); err != nil {
			if errors.Is(err, io.EOF) {
				err = recording.Malformed(format, nil, "there is no row of samples")
			}
			return nil, err
		}
		s.held = s.row.sample || s.row.label != ""
	}
	begins(rec, &s.row)
	for i := range rec.Channels {
		rec.Channels[i].Rate = plan.Rate
	}
	s.skip = make([]bool, len(rec.Channels))
	s.most = max(1, rowsBlock/max(1, len(rec.Channels)))
	return recording.NewStream(src, rec, s, s.skip), nil
}

func (s *rowStream) Next(b *recording.Block) error {
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
				s.gap = s.missing()
			}
		}
		s.held = false
		r := &s.row
		if r.label != "" && !r.at.IsZero() {
			b.Annotations = append(b.Annotations, recording.Annotation{Onset: r.at.Sub(s.plan.Start).Seconds(), Label: r.label})
			if len(b.Annotations) >= rowsBlock {
				taken = s.most // a file of labels alone must not fill the memory
			}
		}
		if !r.sample {
			continue
		}
		if s.gap > 0 {
			if !empty {
				s.held = true // the gap comes first in the next block
				if !r.at.IsZero() {
					r.label = ""
				}
				return nil
			}
			b.Gap, s.gap = s.gap, 0
		}
		empty = false
		if r.at.IsZero() && (r.code != 0 || r.label != "") {
			b.Events = append(b.Events, textMark{s.n, r.at, r.code, r.label}.event(s.plan.Rate))
		}
		for i, v := range r.values {
			if !s.skip[i] {
				b.Samples[i] = append(b.Samples[i], v)
			}
		}
		s.n++
		taken++
	}
	return nil
}

// missing returns how much is missing before the next sample, in s.
func (s *rowStream) missing() float64 {
	if s.gaps == len(s.plan.Gaps) || s.plan.Gaps[s.gaps].Row != s.n {
		return 0
	}
	s.gaps++
	return float64(s.plan.Gaps[s.gaps-1].Lost) / s.plan.Rate
}

// museStart returns the time of a stamp in s, zero where it counts from another moment than 1970.
func museStart(stamp float64) time.Time {
	const epoch = 1e9 // 2001: smaller stamps are seconds since the machine started, as liblsl gives them
	if stamp > epoch && stamp < 1e11 {
		return time.UnixMilli(int64(math.Round(stamp * 1e3))).UTC()
	}
	return time.Time{}
}

// badCells counts the cells of a column that are not numbers.
type badCells struct {
	count, first int
	text         string
}

// cellFaults are the cells that could not be read, by column.
type cellFaults struct {
	columns []badCells
}

// add notes that a cell is not a number, and returns what stands for it.
func (f *cellFaults) add(column, columns, line int, text string) float64 {
	if f.columns == nil {
		f.columns = make([]badCells, columns)
	}
	c := &f.columns[column]
	if c.count++; c.count == 1 {
		c.first, c.text = line, text
	}
	return math.NaN()
}

// warnings says what the cells held.
func (f *cellFaults) warnings(rec *recording.Recording, name func(column int) string) {
	for i, c := range f.columns {
		if c.count > 0 {
			rec.Warnf("%d cells of column %d (%s) are not numbers and were left out, the first is %.40q in line %d", c.count, i+1, name(i), c.text, c.first)
		}
	}
}
