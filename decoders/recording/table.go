package recording

import (
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Table is a plain text table of numbers: one row a sample, one column a channel, with or without a line of names.
const Table Format = "table"

var (
	tableRate   = regexp.MustCompile(`(?i)(?:sampl\w*[ _]*(?:rate|frequency)|\bfs\b)[^0-9]*([0-9]+(?:\.[0-9]+)?)`)
	tableLabels = regexp.MustCompile(`(?i)labels?\s*:?=\s*(.+)`)
	// Segments of the Bonn data (Andrzejak et al. 2001): 4097 samples at 173.61 Hz, named after their set.
	bonnName = regexp.MustCompile(`(?i)^[ZONFS][0-9]{3}\.txt$`)
)

const (
	bonnRate    = 173.61
	bonnSamples = 4097
)

// ReadTable reads a table of numbers separated by commas, semicolons, tabs or spaces. Lines that start with # or %
// are comments; a rate and labels in them are understood ("# Sampling Rate (Hz):= 125"). A first row of words
// names the channels, a number behind them is the rate. Where nothing tells the rate it is 0 and the caller must know it: see SetRate.
func ReadTable(r io.ReaderAt, size int64) (*Recording, error) { return readWhole(Table, "", r, size) }

func readTable(src *source, name string) (*Recording, error) {
	rec := &Recording{Format: Table}
	rows, err := openRows(Table, name, src, rec)
	if err != nil {
		return nil, err
	}
	if _, err := readRows(rows, rec, func(*row, int) {}); err != nil {
		return nil, err
	}
	return rec.finish(), nil
}

// tableRows reads a table row by row.
type tableRows struct {
	rec       *Recording
	lines     *lineReader
	name      string // of the file
	separator string
	labels    []string
	cells     []float64 // nil before the first line that is no comment
	rate      float64
	bad       badRows
}

func (t *tableRows) next(r *row) error {
	for line, ok := t.lines.next(); ok; line, ok = t.lines.next() {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		if trimmed[0] == '#' || trimmed[0] == '%' {
			t.comment(trimmed)
			continue
		}
		if t.cells == nil { // the first line that is no comment
			header, err := t.begin(trimmed)
			if err != nil {
				return err
			}
			if header {
				continue
			}
		}
		t.bad.total++
		if !parseCells(closed(splitCells(trimmed, t.separator), len(t.cells)), t.cells) {
			t.bad.add(t.lines.number)
			continue
		}
		r.sample, r.values = true, t.cells
		return nil
	}
	return t.lines.end()
}

func (t *tableRows) comment(line string) {
	if m := tableRate.FindStringSubmatch(line); m != nil {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil && v > 0 && v < 1e7 {
			t.rate = v
		}
	}
	if m := tableLabels.FindStringSubmatch(line); m != nil {
		t.labels = splitCells(validText(m[1]), separatorOf(m[1]))
	}
}

// begin reads the first line, and tells whether it names the channels.
func (t *tableRows) begin(line string) (header bool, err error) {
	t.separator = separatorOf(line)
	cells := closed(splitCells(line, t.separator), 0)
	if err := checkColumns(Table, len(cells)); err != nil {
		return false, err
	}
	t.cells = make([]float64, len(cells))
	if header = !parseCells(cells, t.cells); header {
		names, hz, ok := parseHeader(cells)
		if !ok {
			return false, unsupported(Table, map[string]any{"line": t.lines.number},
				"line %d is neither numbers nor names of channels", t.lines.number)
		}
		t.labels, t.cells = names, t.cells[:len(names)]
		if hz > 0 {
			t.rate = hz
		}
	}
	t.rec.Channels = make([]Channel, len(t.cells))
	return header, nil
}

func (t *tableRows) finish(samples int) error {
	rec := t.rec
	if t.bad.total == 0 {
		return unsupported(Table, nil, "there is no row of numbers")
	}
	if t.bad.count == t.bad.total {
		return unsupported(Table, map[string]any{"rows": t.bad.total}, "no row is made of %d numbers", len(t.cells))
	}
	if err := t.bad.check(rec); err != nil {
		return err
	}
	if t.rate == 0 && len(t.cells) == 1 && bonnName.MatchString(t.name) && samples == bonnSamples {
		t.rate = bonnRate
		rec.Device = "Bonn University EEG"
	}
	for i := range rec.Channels {
		c := &rec.Channels[i]
		if len(t.labels) == len(rec.Channels) {
			c.Label = strings.Trim(validText(t.labels[i]), `"' `)
		}
		if c.Label == "" && len(rec.Channels) == 1 {
			c.Label = "EEG"
		}
		c.Rate = t.rate
	}
	if t.rate == 0 {
		rec.warn("the table does not tell its sampling rate")
	}
	rec.warn("the table does not tell its unit")
	return nil
}

// separatorOf tells what separates the cells of a line; "" is white space.
func separatorOf(line string) string {
	for _, s := range []string{",", ";", "\t"} {
		if strings.Contains(line, s) {
			return s
		}
	}
	return ""
}

func splitCells(line, separator string) []string {
	if separator == "" {
		return strings.Fields(line)
	}
	return strings.Split(line, separator)
}

// closed drops the empty cell that a separator at the end of a line makes, where there is one more than due.
func closed(cells []string, due int) []string {
	if n := len(cells); n > due && n > 1 && strings.TrimSpace(cells[n-1]) == "" {
		return cells[:n-1]
	}
	return cells
}

func parseCells(cells []string, dst []float64) bool {
	if len(cells) != len(dst) {
		return false
	}
	empty := 0
	for i, cell := range cells {
		v, ok := number(cell)
		if !ok {
			return false
		}
		if math.IsNaN(v) {
			empty++
		}
		dst[i] = v
	}
	return empty < len(cells)
}

// parseHeader reads names of channels: short words, none a number, except that a number behind the names is the
// sampling rate in Hz.
func parseHeader(cells []string) (labels []string, rate float64, ok bool) {
	for i, cell := range cells {
		cell = strings.Trim(cell, `"' `)
		if cell == "" || len(cell) > 32 {
			return nil, 0, false
		}
		if v, isNumber := number(cell); isNumber && !math.IsNaN(v) {
			if i == 0 || i != len(cells)-1 || !(v > 0 && v < 1e7) {
				return nil, 0, false
			}
			return cells[:i], v, true
		}
	}
	return cells, 0, true
}

// looksTabular tells whether the second line that is no comment is a row of numbers. cut says that the text may end
// within a line.
func looksTabular(s string, cut bool) bool {
	rows := 0
	for line := range strings.Lines(s) {
		if cut && !strings.HasSuffix(line, "\n") {
			break
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '%' {
			continue
		}
		cells := closed(splitCells(line, separatorOf(line)), 0)
		if parseCells(cells, make([]float64, len(cells))) {
			return true
		}
		if _, _, ok := parseHeader(cells); rows > 0 || !ok {
			return false
		}
		rows++
	}
	return false
}
