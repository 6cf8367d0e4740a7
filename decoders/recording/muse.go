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
	rec := &Recording{Format: MuseCSV, Device: "Muse"}
	lines := newLineReader(r, size, MuseCSV)
	header, _ := lines.next()
	columns := strings.Split(header, ",")
	if len(columns) < 2 || !strings.EqualFold(strings.TrimSpace(columns[0]), "timestamps") {
		return nil, malformed(MuseCSV, map[string]any{"line": 1}, "the first line does not start with the column timestamps")
	}
	if err := checkColumns(MuseCSV, len(columns)); err != nil {
		return nil, err
	}
	channel := make([]int, len(columns)) // -1 for markers
	for i, name := range columns[1:] {
		name = validText(strings.TrimSpace(name))
		if cut, ok := cutPrefixFold(name, "Marker"); ok && len(cut) <= 3 {
			channel[i+1] = -1
			continue
		}
		channel[i+1] = len(rec.Channels)
		c := Channel{Label: name, Unit: microvolt}
		if !IsElectrode(name) {
			c.Kind = Other
		}
		rec.Channels = append(rec.Channels, c)
	}
	if len(rec.Channels) == 0 {
		return nil, malformed(MuseCSV, map[string]any{"line": 1}, "the first line names no channel")
	}
	type mark struct{ row, code int }
	var marks []mark
	var stamps []float64
	var bad badRows
	row := make([]float64, len(columns))
	for line, ok := lines.next(); ok; line, ok = lines.next() {
		if line == "" {
			continue
		}
		bad.total++
		if !splitRow(line, row) || math.IsNaN(row[0]) || math.IsInf(row[0], 0) {
			bad.add(lines.number)
			continue
		}
		stamps = append(stamps, row[0])
		for i := 1; i < len(row); i++ {
			if k := channel[i]; k >= 0 {
				rec.Channels[k].Samples = append(rec.Channels[k].Samples, row[i])
			} else if v := row[i]; v != 0 && math.Abs(v) < math.MaxInt32 && len(marks) < mostEvents {
				marks = append(marks, mark{row: len(stamps) - 1, code: int(math.Round(v))})
			}
		}
	}
	if err := lines.err(); err != nil {
		return nil, err
	}
	if err := bad.check(rec); err != nil {
		return nil, err
	}
	if err := rec.setClock(stamps); err != nil {
		return nil, err
	}
	const epoch = 1e9 // 2001: smaller stamps are seconds since the machine started, as liblsl gives them
	if stamps[0] > epoch && stamps[0] < 1e11 {
		rec.StartTime = time.UnixMilli(int64(math.Round(stamps[0] * 1e3))).UTC()
	}
	rate := rec.Channels[0].Rate
	for _, m := range marks {
		rec.Events = append(rec.Events, decoders.Event{Onset: float64(m.row) / rate, Code: m.code})
	}
	return rec.finish(), nil
}

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
func (r *Recording) setClock(stamps []float64) error {
	c, ok := readClock(stamps)
	if !ok {
		return malformed(r.Format, map[string]any{"rows": len(stamps)}, "%d rows of increasing time are too few to tell the rate", len(stamps))
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
	rec := &Recording{Format: MindMonitor, Device: "Muse"}
	lines := newLineReader(r, size, MindMonitor)
	header, _ := lines.next()
	columns := strings.Split(header, ",")
	if err := checkColumns(MindMonitor, len(columns)); err != nil {
		return nil, err
	}
	elements := -1
	channel := make([]int, len(columns)) // -1 for what is no signal
	raw := -1
	for i, name := range columns {
		name = validText(strings.TrimSpace(name))
		channel[i] = -1
		c := Channel{Label: name}
		upper := strings.ToUpper(name)
		switch {
		case strings.EqualFold(name, "Elements"):
			elements = i
			continue
		case strings.HasPrefix(upper, "RAW_"):
			c.Label, c.Unit, c.Kind = name[len("RAW_"):], microvolt, EEG
			if raw < 0 {
				raw = i
			}
		case strings.HasPrefix(upper, "AUX"):
			c.Unit, c.Kind = microvolt, Other
		case strings.HasPrefix(upper, "ACCELEROMETER"), strings.HasPrefix(upper, "GYRO"):
			c.Kind = Motion
		default:
			continue // band powers, contact and battery are the app's own results
		}
		channel[i] = len(rec.Channels)
		rec.Channels = append(rec.Channels, c)
	}
	if raw < 0 || !strings.EqualFold(strings.TrimSpace(columns[0]), "TimeStamp") {
		return nil, malformed(MindMonitor, map[string]any{"line": 1}, "the first line has no columns TimeStamp and RAW_...")
	}
	type element struct {
		at    time.Time
		label string
	}
	var found []element
	var stamps []float64
	var start time.Time
	var bad badRows
	for line, ok := lines.next(); ok; line, ok = lines.next() {
		if line == "" {
			continue
		}
		bad.total++
		fields := strings.Split(line, ",")
		at, err := time.Parse("2006-01-02 15:04:05.999", strings.TrimSpace(fields[0]))
		if err != nil {
			bad.add(lines.number)
			continue
		}
		if elements >= 0 && elements < len(fields) && len(found) < mostEvents {
			if label := strings.TrimSpace(fields[elements]); label != "" {
				found = append(found, element{at, validText(label)})
			}
		}
		if raw >= len(fields) || strings.TrimSpace(fields[raw]) == "" {
			continue
		}
		if len(stamps) == 0 {
			start = at
		}
		stamps = append(stamps, at.Sub(start).Seconds())
		for i, k := range channel {
			if k < 0 {
				continue
			}
			v := math.NaN()
			if i < len(fields) {
				if x, ok := number(fields[i]); ok {
					v = x
				}
			}
			rec.Channels[k].Samples = append(rec.Channels[k].Samples, v)
		}
	}
	if err := lines.err(); err != nil {
		return nil, err
	}
	if err := bad.check(rec); err != nil {
		return nil, err
	}
	if err := rec.setClock(stamps); err != nil {
		return nil, err
	}
	// A Muse samples at 220 or 256 Hz; far fewer rows are picks from that stream.
	if rate := rec.Channels[0].Rate; rate < 100 && !rec.Irregular {
		rec.Irregular = true
		rec.warn("one row every %.3g s: the app recorded at an interval, so the raw columns are single values and no waveform", 1/rate)
	}
	rec.StartTime = start
	for _, e := range found {
		at, _ := rec.Position(e.at.Sub(start).Seconds())
		if !rec.Irregular {
			rec.Annotations = append(rec.Annotations, Annotation{Onset: at, Label: e.label})
			continue
		}
		// Without a waveform there is no sample to place the event at: its true time says more.
		rec.Annotations = append(rec.Annotations, Annotation{Onset: e.at.Sub(start).Seconds(), Label: e.label})
	}
	rec.annotationEvents()
	return rec.finish(), nil
}
