package recording

import (
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders"
)

// OpenBCI is the text that the OpenBCI GUI records and plays back, documented with the GUI: versions 2 to 6, and the
// converted files of the Cyton's SD card.
const OpenBCI Format = "OpenBCI text"

var (
	openBCIRate     = regexp.MustCompile(`(?i)sample rate\s*=\s*([0-9.]+)`)
	openBCIChannels = regexp.MustCompile(`(?i)number of channels\s*=\s*([0-9]+)`)
	openBCIBoard    = regexp.MustCompile(`(?i)board\s*=\s*(.+)`)
	openBCIDate     = regexp.MustCompile(`(\d{4}-\d{2}-\d{2})_(\d{2}-\d{2}-\d{2})`)
)

// ReadOpenBCI reads OpenBCI text: EXG columns in µV, accelerometer as motion, analog and digital columns as Other,
// values of the marker column other than 0 as events. Steps of the sample index that are too large are lost
// packets: they become gaps. Columns without a header line are the sample index and 16, 8 or 4 EXG columns.
func ReadOpenBCI(r io.ReaderAt, size int64) (*Recording, error) {
	return readWhole(OpenBCI, "", r, size)
}

func readOpenBCI(src *source, _ string) (*Recording, error) {
	rec := &Recording{Format: OpenBCI}
	rows, err := openRows(OpenBCI, "", src, rec)
	if err != nil {
		return nil, err
	}
	var index []uint8
	var marks []decoders.Event // with the row in Onset
	var steps indexSteps
	_, err = readRows(rows, rec, func(r *row, n int) {
		index = append(index, r.index)
		steps.add(r.index)
		if r.code != 0 && len(marks) < mostEvents {
			marks = append(marks, decoders.Event{Onset: float64(n), Code: r.code})
		}
	})
	if err != nil {
		return nil, err
	}
	rate := rec.Channels[0].Rate
	rec.findLostPackets(index, steps.usual(), rate)
	for _, m := range marks {
		m.Onset /= rate
		rec.Events = append(rec.Events, m)
	}
	return rec.finish(), nil
}

// openBCIRows reads OpenBCI text row by row.
type openBCIRows struct {
	rec     *Recording
	lines   *lineReader
	rate    float64
	count   int   // EXG channels the header says, 0 when it does not
	columns []int // column → channel, -1 for none; column 0 is the sample index
	marker  int   // column, -1 for none
	stamp   int   // column of the Unix time in ms or s, -1 for none
	exg     int   // EXG channels found
	rows    int   // read
	bad     badRows
}

func (b *openBCIRows) next(r *row) error {
	for line, ok := b.lines.next(); ok; line, ok = b.lines.next() {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "%"):
			b.comment(line)
		case b.columns == nil && strings.HasPrefix(line, "Sample Index"):
			if err := b.header(line); err != nil {
				return err
			}
		default:
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

func (b *openBCIRows) comment(line string) {
	if m := openBCIRate.FindStringSubmatch(line); m != nil {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil && v > 0 && v < 1e6 {
			b.rate = v
		}
	}
	if m := openBCIChannels.FindStringSubmatch(line); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 && n <= mostColumns {
			b.count = n
		}
	}
	if m := openBCIBoard.FindStringSubmatch(line); m != nil {
		b.rec.Device = validText(strings.TrimSpace(m[1]))
	}
	if m := openBCIDate.FindStringSubmatch(line); m != nil {
		if t, err := time.Parse("2006-01-02 15-04-05", m[1]+" "+m[2]); err == nil {
			b.rec.StartTime = t
		}
	}
}

// header takes the columns from their names.
func (b *openBCIRows) header(line string) error {
	names := strings.Split(line, ",")
	if err := checkColumns(OpenBCI, len(names)); err != nil {
		return err
	}
	b.columns = make([]int, len(names))
	for i, name := range names {
		name = validText(strings.TrimSpace(name))
		b.columns[i] = -1
		c := Channel{Label: name}
		switch {
		case strings.HasPrefix(name, "EXG Channel"):
			c.Kind, c.Unit = EEG, microvolt
			b.exg++
		case strings.HasPrefix(name, "Accel"), strings.HasPrefix(name, "Gyro"):
			c.Kind = Motion
		case strings.HasPrefix(name, "Analog"), strings.HasPrefix(name, "Digital"), strings.HasPrefix(name, "Resistance"):
			c.Kind = Other
		case strings.HasPrefix(name, "Marker"):
			b.marker = i
			continue
		case name == "Timestamp":
			b.stamp = i
			continue
		default:
			continue // "Not Used", "Other", the formatted time
		}
		b.columns[i] = len(b.rec.Channels)
		b.rec.Channels = append(b.rec.Channels, c)
	}
	if b.exg == 0 {
		return malformed(OpenBCI, nil, "the column line names no EXG Channel")
	}
	return nil
}

// guess takes the columns from the first row of a file whose version writes no column line.
func (b *openBCIRows) guess(line string) error {
	n := strings.Count(line, ",") + 1
	if err := checkColumns(OpenBCI, n); err != nil {
		return err
	}
	b.exg = b.count
	for _, usual := range []int{16, 8, 4} {
		if b.exg == 0 && n-1 >= usual {
			b.exg = usual
		}
	}
	if b.exg == 0 || b.exg > n-1 {
		return malformed(OpenBCI, map[string]any{"columns": n, "channels": b.exg},
			"%d columns do not hold a sample index and %d channels", n, max(b.exg, 4))
	}
	b.columns = make([]int, 1+b.exg)
	b.columns[0] = -1
	for i := range b.exg {
		b.columns[1+i] = i
		b.rec.Channels = append(b.rec.Channels, Channel{Label: "EXG Channel " + strconv.Itoa(i), Kind: EEG, Unit: microvolt})
	}
	return nil
}

// row reads a line of samples and tells whether it is one.
func (b *openBCIRows) row(r *row, line string) bool {
	b.bad.total++
	fields := strings.SplitN(line, ",", len(b.columns)+1)
	if len(fields) < len(b.columns) {
		b.bad.add(b.lines.number)
		return false
	}
	if r.values == nil {
		r.values = make([]float64, len(b.rec.Channels))
	}
	for i, k := range b.columns {
		if k < 0 {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(fields[i]), 64)
		if err != nil {
			b.bad.add(b.lines.number)
			return false
		}
		r.values[k] = v
	}
	index, err := strconv.ParseFloat(strings.TrimSpace(fields[0]), 64)
	if err != nil || !(index >= 0 && index < 1<<31) {
		b.bad.add(b.lines.number)
		return false
	}
	r.sample, r.index, r.code = true, uint8(int64(index)&0xFF), 0
	if b.marker >= 0 {
		if v, ok := numberIn(fields, b.marker); ok && v != 0 && math.Abs(v) < math.MaxInt32 {
			r.code = int(math.Round(v))
		}
	}
	if b.rows == 0 && b.stamp >= 0 && b.rec.StartTime.IsZero() {
		if v, ok := numberIn(fields, b.stamp); ok && v > 1e9 && v < 1e14 {
			if v < 1e11 { // s in version 5 and later, ms before
				v *= 1e3
			}
			b.rec.StartTime = time.UnixMilli(int64(v)).UTC()
		}
	}
	b.rows++
	return true
}

func numberIn(fields []string, i int) (float64, bool) {
	v, ok := number(fields[i])
	return v, ok && !math.IsNaN(v)
}

func (b *openBCIRows) finish(samples int) error {
	rec := b.rec
	if samples == 0 {
		return malformed(OpenBCI, map[string]any{"rows": b.bad.total}, "the file has no row of samples")
	}
	if err := b.bad.check(rec); err != nil {
		return err
	}
	if b.rate == 0 {
		// The Cyton's rate, also on its SD card unless it was set otherwise.
		b.rate = 250
		if b.exg == 4 {
			b.rate = 200 // the Ganglion's
		}
		rec.warn("the file does not tell its sampling rate: %g Hz is assumed for %d channels", b.rate, b.exg)
	}
	for i := range rec.Channels {
		rec.Channels[i].Rate = b.rate
	}
	return nil
}

// indexSteps counts by how much the sample index, which counts modulo 256, rises from row to row.
type indexSteps struct {
	last  uint8
	rows  int
	steps [256]int
}

func (s *indexSteps) add(index uint8) {
	if s.rows > 0 {
		s.steps[index-s.last]++
	}
	s.last = index
	s.rows++
}

// usual returns the step that most rows make: boards with two samples a packet, or the Daisy, step by more than one.
func (s *indexSteps) usual() int {
	usual := 1
	for step, n := range s.steps {
		if step > 0 && n > s.steps[usual] {
			usual = step
		}
	}
	return usual
}

// lostPackets returns how many rows are missing where the index makes a step, or that it began anew.
func lostPackets(step, usual int) (lost int, restarted bool) {
	switch {
	case step == usual || step == 0:
		return 0, false
	case step%usual != 0 || step > 128: // more than half a turn: rather a counter that began anew
		return 0, true
	}
	return step/usual - 1, false
}

// findLostPackets makes gaps of the steps of the sample index that are too large.
func (r *Recording) findLostPackets(index []uint8, usual int, rate float64) {
	lost, restarts := 0, 0
	for i := 1; i < len(index); i++ {
		n, restarted := lostPackets(int(index[i]-index[i-1]), usual)
		if restarted {
			restarts++
		}
		if n == 0 {
			continue
		}
		lost += n
		if len(r.Gaps) < mostEvents {
			r.Gaps = append(r.Gaps, Gap{At: float64(i) / rate, Length: float64(n) / rate})
		}
	}
	if lost > 0 {
		r.warn("%d samples were lost on the way from the board, in %d places", lost, len(r.Gaps))
	}
	if restarts > 0 {
		r.warn("the sample index jumps %d times: what is missing there cannot be told", restarts)
	}
}
