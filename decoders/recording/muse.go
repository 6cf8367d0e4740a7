package recording

import (
	"io"
	"math"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders"
)

const (
	// MuseCSV is the CSV that muse-lsl and EEG Notebooks record from a Muse headset, documented with those programs.
	MuseCSV Format = "Muse CSV"
	// MindMonitor is the CSV of the Mind Monitor app for Muse headsets, documented in its technical manual.
	MindMonitor Format = "Mind Monitor CSV"
)

// ReadMuseCSV reads a muse-lsl CSV: a first column of time stamps in s, columns in µV, and columns named
// Marker... whose values other than 0 become events. The rate is estimated from the time stamps; pauses become
// gaps. "Right AUX" is of kind Other: something may or may not be plugged into it.
func ReadMuseCSV(r io.ReaderAt, size int64) (*Recording, error) {
	return readWhole(MuseCSV, "", r, size)
}

func readMuseCSV(src *source, _ string) (*Recording, error) {
	rec := &Recording{Format: MuseCSV}
	rows, err := openMuseRows(newLineReader(src, MuseCSV), rec)
	if err != nil {
		return nil, err
	}
	type mark struct{ row, code int }
	var marks []mark
	var clock clockReader
	_, err = readRows(rows, rec, func(r *row, n int) {
		if n == 0 {
			rec.StartTime = museStart(r.stamp)
		}
		clock.add(r.stamp)
		if r.code != 0 && len(marks) < mostEvents {
			marks = append(marks, mark{n, r.code})
		}
	})
	if err != nil {
		return nil, err
	}
	if err := rec.setClock(&clock); err != nil {
		return nil, err
	}
	rate := rec.Channels[0].Rate
	for _, m := range marks {
		rec.Events = append(rec.Events, decoders.Event{Onset: float64(m.row) / rate, Code: m.code})
	}
	return rec.finish(), nil
}

// museRows reads a muse-lsl CSV row by row.
type museRows struct {
	rec     *Recording
	lines   *lineReader
	channel []int // column → channel, -1 for markers
	cells   []float64
	bad     badRows
}

func openMuseRows(lines *lineReader, rec *Recording) (*museRows, error) {
	rec.Device = "Muse"
	header, _ := lines.next()
	columns := strings.Split(header, ",")
	if len(columns) < 2 || !strings.EqualFold(strings.TrimSpace(columns[0]), "timestamps") {
		return nil, malformed(MuseCSV, map[string]any{"line": 1}, "the first line does not start with the column timestamps")
	}
	if err := checkColumns(MuseCSV, len(columns)); err != nil {
		return nil, err
	}
	m := &museRows{rec: rec, lines: lines, channel: make([]int, len(columns)), cells: make([]float64, len(columns))}
	for i, name := range columns[1:] {
		name = validText(strings.TrimSpace(name))
		if cut, ok := cutPrefixFold(name, "Marker"); ok && len(cut) <= 3 {
			m.channel[i+1] = -1
			continue
		}
		m.channel[i+1] = len(rec.Channels)
		c := Channel{Label: name, Unit: microvolt}
		if !IsElectrode(name) {
			c.Kind = Other
		}
		rec.Channels = append(rec.Channels, c)
	}
	if len(rec.Channels) == 0 {
		return nil, malformed(MuseCSV, map[string]any{"line": 1}, "the first line names no channel")
	}
	return m, nil
}

func (m *museRows) next(r *row) error {
	if r.values == nil {
		r.values = make([]float64, len(m.rec.Channels))
	}
	for line, ok := m.lines.next(); ok; line, ok = m.lines.next() {
		if line == "" {
			continue
		}
		m.bad.total++
		if !splitRow(line, m.cells) || math.IsNaN(m.cells[0]) || math.IsInf(m.cells[0], 0) {
			m.bad.add(m.lines.number)
			continue
		}
		r.sample, r.stamp, r.code = true, m.cells[0], 0
		for i, v := range m.cells[1:] {
			if k := m.channel[i+1]; k >= 0 {
				r.values[k] = v
			} else if v != 0 && math.Abs(v) < math.MaxInt32 {
				r.code = int(math.Round(v))
			}
		}
		return nil
	}
	return m.lines.end()
}

func (m *museRows) finish(int) error { return m.bad.check(m.rec) }

// splitRow reads a row of numbers into dst and tells whether it has exactly as many and all can be read.
func splitRow(line string, dst []float64) bool {
	rest, ok := line, true
	for i := range dst {
		if !ok {
			return false // too few
		}
		var field string
		field, rest, ok = strings.Cut(rest, ",")
		v, isNumber := number(field)
		if !isNumber {
			return false
		}
		dst[i] = v
	}
	return !ok || strings.TrimSpace(rest) == ""
}

// setClock gives all channels the rate that the time stamps of their rows tell.
func (r *Recording) setClock(stamps *clockReader) error {
	c, ok := stamps.read()
	if !ok {
		return malformed(r.Format, map[string]any{"rows": stamps.n}, "%d rows of increasing time are too few to tell the rate", stamps.n)
	}
	for i := range r.Channels {
		r.Channels[i].Rate = c.rate
	}
	r.Irregular = c.irregular
	r.Gaps = c.gaps
	if c.irregular {
		r.warn("the rows are not evenly spaced: %.4g Hz is only their average", c.rate)
	}
	if len(c.gaps) > 0 {
		r.warn("the time stamps have %d gaps", len(c.gaps))
	}
	return nil
}

// ReadMindMonitor reads a Mind Monitor CSV: the RAW_ columns and AUX as EEG in µV (with the headset's offset near
// 800 µV), accelerometer and gyroscope as motion, and what the Elements column holds (blinks, jaw clenches,
// markers) as events. Rows that hold only an element are no samples.
//
// The app can record at a set interval, for instance one row a second. Then a row is one raw value out of 256 and
// the rows are no waveform; Recording.Irregular is set and Signal refuses.
func ReadMindMonitor(r io.ReaderAt, size int64) (*Recording, error) {
	return readWhole(MindMonitor, "", r, size)
}

func readMindMonitor(src *source, _ string) (*Recording, error) {
	rec := &Recording{Format: MindMonitor}
	rows, err := openMindMonitorRows(newLineReader(src, MindMonitor), rec)
	if err != nil {
		return nil, err
	}
	type element struct {
		at    time.Time
		label string
	}
	var found []element
	var clock clockReader
	_, err = readRows(rows, rec, func(r *row, n int) {
		if r.label != "" && len(found) < mostEvents {
			found = append(found, element{r.at, r.label})
		}
		if !r.sample {
			return
		}
		if n == 0 {
			rec.StartTime = r.at
		}
		clock.add(r.at.Sub(rec.StartTime).Seconds())
	})
	if err != nil {
		return nil, err
	}
	if err := rec.setClock(&clock); err != nil {
		return nil, err
	}
	rec.pickedAtIntervals()
	for _, e := range found {
		// Without a waveform there is no sample to place the event at: its true time says more.
		at := e.at.Sub(rec.StartTime).Seconds()
		if !rec.Irregular {
			at, _ = rec.Position(at)
		}
		rec.Annotations = append(rec.Annotations, Annotation{Onset: at, Label: e.label})
	}
	rec.annotationEvents()
	return rec.finish(), nil
}

// pickedAtIntervals marks rows that are single values out of the headset's samples as no waveform.
func (r *Recording) pickedAtIntervals() {
	// A Muse samples at 220 or 256 Hz; far fewer rows are picks from that stream.
	if rate := r.Channels[0].Rate; rate < 100 && !r.Irregular {
		r.Irregular = true
		r.warn("one row every %.3g s: the app recorded at an interval, so the raw columns are single values and no waveform", 1/rate)
	}
}

// mindMonitorRows reads a Mind Monitor CSV row by row.
type mindMonitorRows struct {
	rec      *Recording
	lines    *lineReader
	channel  []int // column → channel, -1 for what is no signal
	elements int   // column of the elements, -1 for none
	raw      int   // first column of samples
	bad      badRows
}

func openMindMonitorRows(lines *lineReader, rec *Recording) (*mindMonitorRows, error) {
	rec.Device = "Muse"
	header, _ := lines.next()
	columns := strings.Split(header, ",")
	if err := checkColumns(MindMonitor, len(columns)); err != nil {
		return nil, err
	}
	m := &mindMonitorRows{rec: rec, lines: lines, channel: make([]int, len(columns)), elements: -1, raw: -1}
	for i, name := range columns {
		name = validText(strings.TrimSpace(name))
		m.channel[i] = -1
		c := Channel{Label: name}
		upper := strings.ToUpper(name)
		switch {
		case strings.EqualFold(name, "Elements"):
			m.elements = i
			continue
		case strings.HasPrefix(upper, "RAW_"):
			c.Label, c.Unit, c.Kind = name[len("RAW_"):], microvolt, EEG
			if m.raw < 0 {
				m.raw = i
			}
		case strings.HasPrefix(upper, "AUX"):
			c.Unit, c.Kind = microvolt, Other
		case strings.HasPrefix(upper, "ACCELEROMETER"), strings.HasPrefix(upper, "GYRO"):
			c.Kind = Motion
		default:
			continue // band powers, contact and battery are the app's own results
		}
		m.channel[i] = len(rec.Channels)
		rec.Channels = append(rec.Channels, c)
	}
	if m.raw < 0 || !strings.EqualFold(strings.TrimSpace(columns[0]), "TimeStamp") {
		return nil, malformed(MindMonitor, map[string]any{"line": 1}, "the first line has no columns TimeStamp and RAW_...")
	}
	return m, nil
}

func (m *mindMonitorRows) next(r *row) error {
	if r.values == nil {
		r.values = make([]float64, len(m.rec.Channels))
	}
	for line, ok := m.lines.next(); ok; line, ok = m.lines.next() {
		if line == "" {
			continue
		}
		m.bad.total++
		fields := strings.Split(line, ",")
		at, err := time.Parse("2006-01-02 15:04:05.999", strings.TrimSpace(fields[0]))
		if err != nil {
			m.bad.add(m.lines.number)
			continue
		}
		r.at, r.label = at, ""
		if m.elements >= 0 && m.elements < len(fields) {
			r.label = validText(strings.TrimSpace(fields[m.elements]))
		}
		if r.sample = m.raw < len(fields) && strings.TrimSpace(fields[m.raw]) != ""; !r.sample {
			if r.label == "" {
				continue
			}
			return nil
		}
		for i, k := range m.channel {
			if k < 0 {
				continue
			}
			v := math.NaN()
			if i < len(fields) {
				if x, ok := number(fields[i]); ok {
					v = x
				}
			}
			r.values[k] = v
		}
		return nil
	}
	return m.lines.end()
}

func (m *mindMonitorRows) finish(int) error { return m.bad.check(m.rec) }
