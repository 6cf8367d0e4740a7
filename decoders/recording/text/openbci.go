package text

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/clock"
)

// OpenBCI is the text that the OpenBCI GUI records and plays back, documented with the GUI: versions 2 to 6, and the
// converted files of the Cyton's SD card.
const OpenBCI recording.Format = "OpenBCI text"

var (
	openBCIRate     = regexp.MustCompile(`(?i)sample rate\s*=\s*([0-9.,]+)`)
	openBCIChannels = regexp.MustCompile(`(?i)number of channels\s*=\s*([0-9]+)`)
	openBCIBoard    = regexp.MustCompile(`(?i)board\s*=\s*(.+)`)
	openBCIDate     = regexp.MustCompile(`(\d{4}-\d{2}-\d{2})_(\d{2}-\d{2}-\d{2})`)
)

// OpenBCIReader reads OpenBCI text: EXG columns in µV, accelerometer as motion, analog and digital columns as Other,
// values of the marker column other than 0 as events. Lost packets are found by the sample index, as the board counts, and
// by the time stamps; they become gaps. Columns without a header line are the sample index and 16, 8 or 4 EXG columns.
// Decimal commas are understood where cells can be told apart, else the file is refused.
var OpenBCIReader = readerOf(OpenBCI, "OpenBCI text", func(head []byte) recording.Format {
	line, _ := recording.FirstLine(head)
	switch bare := strings.TrimLeft(line, `"`); {
	case strings.HasPrefix(bare, "%OpenBCI"), strings.HasPrefix(bare, "%OBCI"):
		return OpenBCI
	case strings.HasPrefix(bare, "Sample Index") && len(firstCells(head)) > 1 && strings.Contains(line, "EXG Channel"):
		return OpenBCI
	}
	return ""
}, func(lines *lineReader, rec *recording.Recording, _ string) (rowReader, error) {
	return &openBCIRows{rec: rec, lines: lines, marker: -1, stamp: -1}, nil
}, "example.txt", "%OpenBCI Raw EXG Data\n%Number of channels = 4\n%Sample Rate = 200 Hz\n"+exampleRows(12, func(i int) string {
	return fmt.Sprintf("%d, 1, 2, 3, 4, 0, 0, 0\n", i)
}))

// openBCIRows reads OpenBCI text row by row.
type openBCIRows struct {
	rec     *recording.Recording
	lines   *lineReader
	dialect dialect
	names   []string // of columns
	rate    float64
	count   int   // EXG channels the header says, 0 when it does not
	columns []int // column → channel, -1 for none; column 0 is the sample index
	marker  int   // column, -1 for none
	stamp   int   // column of the Unix time in ms or s, or of the time of day; -1 for none
	exg     int   // EXG channels found
	rows    int   // read
	day     float64
	before  float64 // time of day of the row before
	bad     badRows
	long    int // rows with more cells than columns
	cells   cellFaults
}

func (b *openBCIRows) next(r *row) error {
	for line, ok := b.lines.next(); ok; line, ok = b.lines.next() {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(strings.TrimLeft(line, `"`), "%"):
			b.comment(line)
		case b.columns == nil && strings.HasPrefix(strings.TrimLeft(line, `"`), "Sample Index"):
			if err := b.header(line); err != nil {
				return err
			}
		default:
			if b.rows == 0 { // the first row shows how numbers are written
				b.dialect = dialectOf(line)
			}
			if b.columns == nil {
				if err := b.guess(line); err != nil {
					return err
				}
			}
			if b.row(r, line) {
				return nil
			}
		}
	}
	return b.lines.end()
}

// timing knows the boards by name, and where there is none by how many channels they have.
func (b *openBCIRows) timing() clock.Timing {
	board := strings.ToLower(b.rec.Device)
	t := clock.Timing{Header: b.rate, HasCounter: true, Counters: slices.Concat(clock.ByteCounters, clock.GanglionCounters), Device: clock.RatesOf("Cyton")}
	switch {
	case strings.Contains(board, "ganglion"), board == "" && b.exg == 4:
		t.Device, t.Counters = clock.RatesOf("Ganglion"), slices.Concat(clock.GanglionCounters, clock.ByteCounters)
	case strings.Contains(board, "daisy"), board == "" && b.exg == 16:
		t.Device = clock.RatesOf("Daisy")
	case strings.Contains(board, "wifi"):
		t.Device = nil // its rate can be set
	}
	return t
}

func (b *openBCIRows) comment(line string) {
	if m := openBCIRate.FindStringSubmatch(line); m != nil {
		if v, err := strconv.ParseFloat(strings.Replace(m[1], ",", ".", 1), 64); err == nil && v > 0 && v < 1e6 {
			b.rate = v
		}
	}
	if m := openBCIChannels.FindStringSubmatch(line); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 && n <= recording.MostColumns {
			b.count = n
		}
	}
	if m := openBCIBoard.FindStringSubmatch(line); m != nil {
		b.rec.Device = recording.ValidText(strings.TrimSpace(m[1]))
	}
	if m := openBCIDate.FindStringSubmatch(line); m != nil {
		if t, err := time.Parse("2006-01-02 15-04-05", m[1]+" "+m[2]); err == nil {
			b.rec.StartTime = t
		}
	}
}

// header takes the columns from their names.
func (b *openBCIRows) header(line string) error {
	names := dialectOf(line).split(line)
	b.names = names
	if err := recording.CheckColumns(OpenBCI, len(names)); err != nil {
		return err
	}
	b.columns = make([]int, len(names))
	for i, name := range names {
		name = recording.ValidText(strings.TrimSpace(name))
		names[i] = name
		b.columns[i] = -1
		c := recording.Channel{Label: name}
		switch {
		case strings.HasPrefix(name, "EXG Channel"):
			c.Kind, c.Unit = recording.EEG, recording.Microvolt
			b.exg++
		case strings.HasPrefix(name, "Accel"), strings.HasPrefix(name, "Gyro"):
			c.Kind = recording.Motion
		case strings.HasPrefix(name, "Analog"), strings.HasPrefix(name, "Digital"), strings.HasPrefix(name, "Resistance"):
			c.Kind = recording.Other
		case strings.HasPrefix(name, "Marker"):
			b.marker = i
			continue
		case name == "Timestamp", strings.HasPrefix(name, "Timestamp") && b.stamp < 0:
			b.stamp = i
			continue
		default:
			continue // "Not Used", "Other", the formatted time
		}
		b.columns[i] = len(b.rec.Channels)
		b.rec.Channels = append(b.rec.Channels, c)
	}
	if b.exg == 0 {
		return recording.Malformed(OpenBCI, nil, "the column line names no EXG Channel")
	}
	return nil
}

// guess takes the columns from the first row of a file whose version writes no column line.
func (b *openBCIRows) guess(line string) error {
	cells := b.dialect.split(line)
	n := len(cells)
	if err := recording.CheckColumns(OpenBCI, n); err != nil {
		return err
	}
	if splitDecimals(cells) {
		return commasBetween(OpenBCI, b.lines.number)
	}
	b.exg = b.count
	for _, usual := range []int{16, 8, 4} {
		if b.exg == 0 && n-1 >= usual {
			b.exg = usual
		}
	}
	if b.exg == 0 || b.exg > n-1 {
		return recording.Malformed(OpenBCI, map[string]any{"columns": n, "channels": b.exg},
			"%d columns do not hold a sample index and %d channels", n, max(b.exg, 4))
	}
	b.columns, b.names = make([]int, n), make([]string, n)
	b.columns[0] = -1
	for i := range b.exg {
		b.columns[1+i] = i
		b.names[1+i] = "EXG Channel " + strconv.Itoa(i)
		b.rec.Channels = append(b.rec.Channels, recording.Channel{Label: b.names[1+i], Kind: recording.EEG, Unit: recording.Microvolt})
	}
	// Behind them there are the accelerometer's values, and from version 3 on times.
	for i := 1 + b.exg; i < n; i++ {
		b.columns[i] = -1
		if v, ok := number(cells[i]); strings.Contains(cells[i], ":") || ok && v > 1e9 {
			if b.stamp < 0 || strings.Contains(b.names[b.stamp], ":") {
				b.stamp, b.names[i] = i, cells[i] // a number says more than a time of day
			}
		}
	}
	return nil
}

// commasBetween refuses numbers with decimal commas that stand between commas: no one can tell which are which.
func commasBetween(format recording.Format, line int) error {
	return recording.Malformed(format, map[string]any{"line": line},
		"line %d: the numbers have decimal commas and stand between commas, so they cannot be told apart; export with points, or with semicolons between cells", line)
}

// row reads a line of samples and reports whether it is one.
func (b *openBCIRows) row(r *row, line string) bool {
	b.bad.total++
	fields := b.dialect.split(line)
	index, ok := number(fields[0])
	if len(fields) < len(b.columns) || len(fields) > len(b.columns)+1 || !ok || !(index >= 0 && index < 1<<31) {
		if len(fields) > len(b.columns)+1 {
			b.long++
		}
		b.bad.add(b.lines.number)
		return false
	}
	if r.values == nil {
		r.values = make([]float64, len(b.rec.Channels))
	}
	unread := 0
	for i, k := range b.columns {
		if k < 0 {
			continue
		}
		v, ok := number(fields[i])
		if !ok {
			unread++
			v = b.cells.add(i, len(b.columns), b.lines.number, fields[i])
		}
		r.values[k] = v
	}
	if unread == len(r.values) {
		b.bad.add(b.lines.number)
		return false
	}
	r.sample, r.counter, r.stamp, r.code, r.label, r.line = true, int64(index), math.NaN(), 0, "", b.lines.number
	if b.marker >= 0 {
		if v, ok := number(fields[b.marker]); !ok {
			r.label = recording.ValidText(strings.TrimSpace(fields[b.marker]))
		} else if v != 0 && math.Abs(v) < math.MaxInt32 { // false for NaN
			r.code = int(math.Round(v))
		}
	}
	if b.stamp >= 0 {
		r.stamp = b.time(fields[b.stamp])
	}
	b.rows++
	return true
}

// time reads a time stamp: Unix s or ms, or the time of day, with or without the date. It is in s; NaN where it is none.
func (b *openBCIRows) time(cell string) float64 {
	if v, ok := number(cell); ok {
		if v > 1e11 { // ms
			v /= 1e3
		}
		return v
	}
	if at, ok := timeOfDay(cell); ok {
		return float64(at.UnixMilli()) / 1e3
	}
	at, err := time.Parse("15:04:05.999", strings.Replace(strings.TrimSpace(cell), ",", ".", 1))
	if err != nil {
		return math.NaN()
	}
	s := float64(at.Hour()*3600+at.Minute()*60+at.Second()) + float64(at.Nanosecond())/1e9
	if s < b.before-43200 { // past midnight
		b.day += 86400
	}
	b.before = s
	return b.day + s
}

func (b *openBCIRows) finish(samples int) error {
	rec := b.rec
	if b.long*2 > b.bad.total {
		return recording.Malformed(OpenBCI, map[string]any{"rows": b.bad.total, "columns": len(b.columns), "first_line": b.bad.first},
			"%d of %d rows have more cells than the %d columns, the first is line %d: decimal commas between commas cannot be told apart; export with points",
			b.long, b.bad.total, len(b.columns), b.bad.first)
	}
	if samples == 0 {
		return recording.Malformed(OpenBCI, map[string]any{"rows": b.bad.total}, "the file has no row of samples")
	}
	if err := b.bad.check(rec); err != nil {
		return err
	}
	b.cells.warnings(rec, func(i int) string { return b.names[i] })
	if b.rate == 0 && b.stamp < 0 {
		t := b.timing() // the Cyton's rate, also on its SD card unless it was set otherwise
		if len(t.Device) > 0 {
			rec.Warnf("the file does not state its sampling rate: %g Hz is assumed for %d channels", t.Device[0], b.exg)
		}
	}
	return nil
}
