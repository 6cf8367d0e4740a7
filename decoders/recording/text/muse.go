package text

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/clock"
)

const (
	// MuseCSV is the CSV that muse-lsl and EEG Notebooks record from a Muse headset, documented with those programs.
	MuseCSV recording.Format = "Muse CSV"
	// MindMonitor is the CSV of the Mind Monitor app for Muse headsets, documented in its technical manual.
	MindMonitor recording.Format = "Mind Monitor CSV"
)

// MuseReader reads a muse-lsl CSV: a first column of time stamps in s, columns in µV, and columns named
// Marker... whose values other than 0 become events, words among them. The rate is that of the headset to which the time
// stamps come near, else theirs; what was lost becomes gaps. "Right AUX" is of kind Other: something may or may not be
// plugged into it.
var MuseReader = readerOf(MuseCSV, "Muse CSV", func(head []byte) recording.Format {
	if fields := firstCells(head); len(fields) > 1 && strings.EqualFold(fields[0], "timestamps") {
		return MuseCSV
	}
	return ""
}, openMuseRows, "example.csv", "timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0\n"+exampleRows(20, func(i int) string {
	return fmt.Sprintf("%.4f,%d,2,3,4,0,%d\n", 1.6e9+float64(i)/256, i, i/10)
}))

// museTiming is what is known of all Muse headsets: they have no counter in their files.
func museTiming() clock.Timing { return clock.Timing{Device: clock.RatesOf("Muse"), ByStamps: true} }

// museRows reads a muse-lsl CSV row by row.
type museRows struct {
	rec     *recording.Recording
	lines   *lineReader
	dialect dialect
	names   []string // of columns
	channel []int    // column → channel, -1 for markers
	bad     badRows
	cells   cellFaults
}

func openMuseRows(lines *lineReader, rec *recording.Recording, _ string) (rowReader, error) {
	rec.Device = "Muse"
	header, _ := lines.next()
	m := &museRows{rec: rec, lines: lines, dialect: dialectOf(header)}
	m.names = m.dialect.split(header)
	if len(m.names) < 2 || !strings.EqualFold(strings.TrimSpace(m.names[0]), "timestamps") {
		return nil, recording.Malformed(MuseCSV, map[string]any{"line": 1}, "the first line does not start with the column timestamps")
	}
	if err := recording.CheckColumns(MuseCSV, len(m.names)); err != nil {
		return nil, err
	}
	m.channel = make([]int, len(m.names))
	for i, name := range m.names[1:] {
		name = recording.ValidText(strings.TrimSpace(name))
		m.names[i+1] = name
		if isMarkerName(name) {
			m.channel[i+1] = -1
			continue
		}
		m.channel[i+1] = len(rec.Channels)
		c := recording.Channel{Label: name, Unit: recording.Microvolt}
		if !recording.IsElectrode(name) {
			c.Kind = recording.Other
		}
		rec.Channels = append(rec.Channels, c)
	}
	if len(rec.Channels) == 0 {
		return nil, recording.Malformed(MuseCSV, map[string]any{"line": 1}, "the first line names no channel")
	}
	return m, nil
}

func (m *museRows) timing() clock.Timing { return museTiming() }

func (m *museRows) next(r *row) error {
	if r.values == nil {
		r.values = make([]float64, len(m.rec.Channels))
	}
	for line, ok := m.lines.next(); ok; line, ok = m.lines.next() {
		if line == "" {
			continue
		}
		m.bad.total++
		cells := closed(m.dialect.split(line), len(m.channel))
		stamp, ok := number(cells[0])
		if len(cells) != len(m.channel) || !ok || math.IsNaN(stamp) || math.IsInf(stamp, 0) {
			m.bad.add(m.lines.number)
			continue
		}
		r.sample, r.stamp, r.counter, r.code, r.label, r.line = true, stamp, -1, 0, "", m.lines.number
		for i, cell := range cells[1:] {
			v, ok := number(cell)
			switch k := m.channel[i+1]; {
			case k >= 0 && ok:
				r.values[k] = v
			case k >= 0:
				r.values[k] = m.cells.add(i+1, len(cells), m.lines.number, cell)
			case !ok:
				r.label = recording.ValidText(strings.TrimSpace(cell))
			case v != 0 && math.Abs(v) < math.MaxInt32: // false for NaN
				r.code = int(math.Round(v))
			}
		}
		return nil
	}
	return m.lines.end()
}

func (m *museRows) finish(int) error {
	m.cells.warnings(m.rec, func(i int) string { return m.names[i] })
	return m.bad.check(m.rec)
}

// MindMonitorReader reads a Mind Monitor CSV: the RAW_ columns and AUX as EEG in µV (with the headset's offset near
// 800 µV), accelerometer and gyroscope as motion, and what the Elements column holds (blinks, jaw clenches,
// markers) as events. Rows that hold only an element are not samples.
//
// The app can record at a set interval, for instance one row a second. Then a row is one raw value out of 256 and
// the rows are not a waveform; Recording.Irregular is set and Signal refuses.
var MindMonitorReader = readerOf(MindMonitor, "Mind Monitor CSV", func(head []byte) recording.Format {
	line, _ := recording.FirstLine(head)
	if fields := firstCells(head); len(fields) > 0 && strings.EqualFold(fields[0], "TimeStamp") && strings.Contains(line, "RAW_") {
		return MindMonitor
	}
	return ""
}, openMindMonitorRows, "example.csv", "TimeStamp,RAW_TP9,RAW_AF7,Elements\n"+exampleRows(12, func(i int) string {
	return fmt.Sprintf("2021-04-25 22:31:28.%03d,800,801,\n", i*4)
}))

// pickedAtIntervals marks rows that are single values out of the headset's samples as no waveform.
func pickedAtIntervals(r *recording.Recording) {
	// A Muse samples at 220 or 256 Hz; far fewer rows are picks from that stream.
	if rate := r.Channels[0].Rate; rate < clock.Slowest && !r.Irregular {
		r.Irregular = true
		r.Remedy = "Set Recording Interval to Constant in the settings of the app and record again: it then writes every sample"
		r.Warnf("one row every %.3g s: the app recorded at an interval, so the raw columns are single values and not a waveform", 1/rate)
	}
}

// mindMonitorRows reads a Mind Monitor CSV row by row.
type mindMonitorRows struct {
	rec      *recording.Recording
	lines    *lineReader
	dialect  dialect
	names    []string
	channel  []int // column → channel, -1 for what is not signal
	elements int   // column of the elements, -1 for none
	raw      int   // first column of samples
	first    time.Time
	bad      badRows
	cells    cellFaults
}

func openMindMonitorRows(lines *lineReader, rec *recording.Recording, _ string) (rowReader, error) {
	rec.Device = "Muse"
	header, _ := lines.next()
	m := &mindMonitorRows{rec: rec, lines: lines, elements: -1, raw: -1, dialect: dialectOf(header)}
	m.names = m.dialect.split(header)
	if err := recording.CheckColumns(MindMonitor, len(m.names)); err != nil {
		return nil, err
	}
	m.channel = make([]int, len(m.names))
	for i, name := range m.names {
		name = recording.ValidText(strings.TrimSpace(name))
		m.channel[i] = -1
		c := recording.Channel{Label: name}
		upper := strings.ToUpper(name)
		switch {
		case strings.EqualFold(name, "Elements"):
			m.elements = i
			continue
		case strings.HasPrefix(upper, "RAW_"):
			c.Label, c.Unit, c.Kind = name[len("RAW_"):], recording.Microvolt, recording.EEG
			if m.raw < 0 {
				m.raw = i
			}
		case strings.HasPrefix(upper, "AUX"):
			c.Unit, c.Kind = recording.Microvolt, recording.Other
		case strings.HasPrefix(upper, "ACCELEROMETER"), strings.HasPrefix(upper, "GYRO"):
			c.Kind = recording.Motion
		default:
			continue // band powers, contact and battery are the app's own results
		}
		m.channel[i] = len(rec.Channels)
		rec.Channels = append(rec.Channels, c)
	}
	if m.raw < 0 || !strings.EqualFold(strings.TrimSpace(m.names[0]), "TimeStamp") {
		return nil, recording.Malformed(MindMonitor, map[string]any{"line": 1}, "the first line has no columns TimeStamp and RAW_...")
	}
	return m, nil
}

func (m *mindMonitorRows) timing() clock.Timing {
	t := museTiming()
	t.AtIntervals = true
	return t
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
		fields := closed(m.dialect.split(line), len(m.names))
		at, ok := timeOfDay(fields[0])
		if !ok || len(fields) > len(m.names) { // more cells than names: a decimal comma that nothing protects
			m.bad.add(m.lines.number)
			continue
		}
		if m.first.IsZero() {
			m.first = at
		}
		r.at, r.label, r.line, r.counter, r.stamp = at, "", m.lines.number, -1, at.Sub(m.first).Seconds()
		if m.elements >= 0 && m.elements < len(fields) {
			r.label = recording.ValidText(strings.TrimSpace(fields[m.elements]))
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
				} else {
					v = m.cells.add(i, len(m.names), m.lines.number, fields[i])
				}
			}
			r.values[k] = v
		}
		return nil
	}
	return m.lines.end()
}

func (m *mindMonitorRows) finish(int) error {
	m.cells.warnings(m.rec, func(i int) string { return m.names[i] })
	return m.bad.check(m.rec)
}

// timeOfDay reads a date with its time, as apps and spreadsheets write it.
func timeOfDay(cell string) (time.Time, bool) {
	s := strings.Replace(strings.TrimSpace(cell), ",", ".", 1)
	for _, layout := range []string{"2006-01-02 15:04:05.999", "2006-01-02T15:04:05.999", "2006/01/02 15:04:05.999", "02.01.2006 15:04:05.999"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// isMarkerName reports whether a column is one of markers: "Marker", "Marker0", ...
func isMarkerName(name string) bool {
	const word = "Marker"
	return len(name) >= len(word) && len(name) <= len(word)+3 && strings.EqualFold(name[:len(word)], word)
}
