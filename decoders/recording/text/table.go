package text

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/clock"
)

// Table is a plain text table of numbers: one row a sample, one column a channel, with or without a line of names.
const Table recording.Format = "table"

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

// TableReader reads a table of numbers separated by commas, semicolons, tabs or spaces, with decimal points or commas. Lines
// that start with # or % are comments; a rate and labels in them are understood ("# Sampling Rate (Hz):= 125"). A first row
// of words names the columns, a number behind them is the rate.
//
// Not every column is a signal. By its name, and in tables without names by how its numbers rise, a column is the time (then it
// tells the rate and what is missing), a sample counter, or markers; batteries, contact qualities and the like are of kind
// Other. The columns that BrainFlow writes are known for the boards in brainFlowBoards. Where nothing shows the rate it is 0
// and the caller must know it: see SetRate.
var TableReader = readerOf(Table, "tables of numbers", sniffTable, func(lines *lineReader, rec *recording.Recording, name string) (rowReader, error) {
	return &tableRows{rec: rec, lines: lines, name: name}, nil
}, "example.csv", "Fz,Cz,Pz,128\n1,2,3\n4,5,6\n7,8,9\n")

// sniffTable knows a table by its second line that is not a comment: a row of numbers.
func sniffTable(head []byte) recording.Format {
	if s, ok := recording.PlainText(head); ok && looksTabular(s, len(head) >= recording.HeadBytes) {
		return Table
	}
	return ""
}

// role is what a column of a table holds.
type role int

const (
	roleSignal role = iota
	roleTime        // s
	roleMillis      // ms
	roleCounter
	roleMarker
	roleNone // left out
)

// tableRows reads a table row by row.
type tableRows struct {
	rec     *recording.Recording
	lines   *lineReader
	name    string // of the file
	dialect dialect
	labels  []string // of a comment
	names   []string // of the header, nil where there is none
	roles   []role   // nil before the first line that is not a comment
	factors []float64
	rate    float64
	device  []float64
	started bool // a row of numbers was read
	// brainFlow tells that the columns are BrainFlow's.
	brainFlow bool
	marks     []markColumn
	bad       badRows
	cells     cellFaults
}

// markColumn follows a column of markers, whose changes are events.
type markColumn struct {
	last string
	seen bool
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
		if t.roles == nil { // the first line that is not a comment
			header, err := t.begin(trimmed)
			if err != nil {
				return err
			}
			if header {
				continue
			}
		}
		if !t.started {
			t.started = true
			if err := t.firstRow(trimmed); err != nil {
				return err
			}
		}
		t.bad.total++
		if t.row(r, closed(t.dialect.split(line), len(t.roles))) {
			return nil
		}
		t.bad.add(t.lines.number)
	}
	return t.lines.end()
}

// row reads the cells of a line and reports whether they are a sample.
//
//nolint:gocyclo // one case for each role of a column
func (t *tableRows) row(r *row, cells []string) bool {
	if t.dialect.separator == "" || len(cells) != len(t.roles) {
		cells = closed(cells, len(t.roles))
	}
	if len(cells) != len(t.roles) {
		return false
	}
	if r.values == nil {
		r.values = make([]float64, len(t.rec.Channels))
	}
	some := false
	for i, k := 0, 0; i < len(cells); i++ {
		if t.roles[i] != roleSignal {
			continue
		}
		v, ok := number(cells[i])
		some = some || ok && !math.IsNaN(v)
		r.values[k] = v * t.factors[i]
		k++
	}
	if !some {
		return false
	}
	r.sample, r.stamp, r.counter, r.code, r.label, r.line = true, math.NaN(), -1, 0, "", t.lines.number
	marker := 0
	for i, k := 0, 0; i < len(cells); i++ {
		v, ok := number(cells[i])
		switch t.roles[i] {
		case roleSignal:
			if !ok {
				r.values[k] = t.cells.add(i, len(cells), t.lines.number, cells[i])
			}
			k++
		case roleTime, roleMillis:
			if !ok {
				v = stampOf(cells[i])
			} else if t.roles[i] == roleMillis || v > 1e11 { // Unix ms
				v /= 1e3
			}
			if !math.IsNaN(v) && math.IsNaN(r.stamp) {
				r.stamp = v
			}
		case roleCounter:
			if ok && v >= 0 && v < 1<<53 && v == math.Trunc(v) && r.counter < 0 {
				r.counter = int64(v)
			}
		case roleMarker:
			t.mark(r, &t.marks[marker], strings.TrimSpace(cells[i]), v, ok)
			marker++
		}
	}
	return true
}

// mark takes a change of a column of markers for an event.
func (t *tableRows) mark(r *row, m *markColumn, cell string, v float64, isNumber bool) {
	changed := cell != m.last
	m.last, m.seen = cell, true
	switch {
	case !changed || isNumber && (v == 0 || math.IsNaN(v)):
	case isNumber && math.Abs(v) < math.MaxInt32:
		if r.code == 0 {
			r.code = int(math.Round(v))
		}
	case !isNumber && r.label == "":
		r.label = recording.ValidText(cell)
	}
}

// stampOf reads a time that is written out; NaN where it is none.
func stampOf(cell string) float64 {
	if at, ok := timeOfDay(cell); ok {
		return float64(at.UnixMilli()) / 1e3
	}
	if at, err := time.Parse(time.RFC3339, strings.TrimSpace(cell)); err == nil {
		return float64(at.UnixMicro()) / 1e6
	}
	return math.NaN()
}

func (t *tableRows) timing() clock.Timing {
	return clock.Timing{RateUnknown: true, Header: t.rate, Device: t.device, HasCounter: slices.Contains(t.roles, roleCounter), Counters: slices.Concat(clock.TableCounters, clock.GanglionCounters)}
}

func (t *tableRows) comment(line string) {
	if m := tableRate.FindStringSubmatch(line); m != nil {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil && v > 0 && v < 1e7 {
			t.rate = v
		}
	}
	if m := tableLabels.FindStringSubmatch(line); m != nil {
		t.labels = dialectOf(m[1]).split(recording.ValidText(m[1]))
	}
}

// begin reads the first line, and reports whether it names the columns.
func (t *tableRows) begin(line string) (header bool, err error) {
	t.dialect = dialectOf(line)
	cells := closed(t.dialect.split(line), 0)
	if err := recording.CheckColumns(Table, len(cells)); err != nil {
		return false, err
	}
	if isNumbers(cells) {
		return false, t.columns(t.guess(line))
	}
	if rate, start, ok := emotivHeader(cells); ok && t.rate == 0 {
		if t.rate = rate; !start.IsZero() {
			t.rec.StartTime = start
		}
		return true, nil // the names are in the next line
	}
	names, hz, ok := parseHeader(cells)
	if !ok {
		return false, recording.Unsupported(Table, map[string]any{"line": t.lines.number},
			"line %d is neither numbers nor names of channels", t.lines.number)
	}
	if hz > 0 {
		t.rate = hz
	}
	t.names = names
	roles := make([]role, len(names))
	for i, name := range names {
		t.names[i] = strings.Trim(recording.ValidText(name), "\"' ")
		roles[i] = roleOf(t.names[i])
	}
	if !slices.Contains(roles, roleSignal) {
		return false, recording.Unsupported(Table, map[string]any{"line": t.lines.number, "columns": names},
			"line %d names no column that could be a signal", t.lines.number)
	}
	return true, t.columns(roles)
}

// columns makes the channels of the columns that are signals.
func (t *tableRows) columns(roles []role) error {
	t.roles, t.factors = roles, make([]float64, len(roles))
	for i, r := range roles {
		t.factors[i] = 1
		switch r {
		case roleMarker:
			t.marks = append(t.marks, markColumn{})
		case roleSignal:
			c := recording.Channel{}
			if t.names != nil {
				c.Label, c.Unit = nameAndUnit(t.names[i])
				c.Unit, t.factors[i] = recording.ToMicrovolt(c.Unit)
				switch {
				case isTelemetry(c.Label):
					c.Kind = recording.Other
				case t.brainFlow && strings.HasPrefix(c.Label, "EXG"):
					c.Kind = recording.EEG
				}
			}
			t.rec.Channels = append(t.rec.Channels, c)
		}
	}
	if len(t.rec.Channels) == 0 {
		return recording.Unsupported(Table, map[string]any{"line": t.lines.number}, "no column is a signal")
	}
	return nil
}

// firstRow looks at how the first row of numbers is written.
func (t *tableRows) firstRow(line string) error {
	d := dialectOf(line)
	cells := closed(t.dialect.split(line), len(t.roles))
	if t.names != nil && len(cells) != len(t.roles) {
		if other := closed(d.split(line), len(t.roles)); len(other) == len(t.roles) {
			t.dialect, cells = d, other // names and numbers are separated differently
		} else if t.dialect.separator == "," && len(cells) == 2*len(t.roles) {
			return commasBetween(Table, t.lines.number)
		}
	}
	if t.dialect.separator == "," && splitDecimals(cells) {
		return commasBetween(Table, t.lines.number)
	}
	return nil
}

// brainFlowBoards are the columns of BrainFlow's files: a row a sample, with tabs (commas before version 5), no names.
// Source: brainflow/src/board_controller/brainflow_boards.cpp, the default presets.
var brainFlowBoards = map[int]struct {
	name           string
	eeg, motion    [2]int // first column and the one behind the last
	counter, stamp int
	marker         int
}{
	24: {"Cyton", [2]int{1, 9}, [2]int{9, 12}, 0, 22, 23},
	32: {"Cyton+Daisy", [2]int{1, 17}, [2]int{17, 20}, 0, 30, 31},
	15: {"Ganglion", [2]int{1, 5}, [2]int{5, 8}, 0, 13, 14},
	8:  {"Muse", [2]int{1, 5}, [2]int{}, 0, 6, 7},
	19: {"Unicorn", [2]int{0, 8}, [2]int{8, 14}, 15, 17, 18},
}

// guess finds what the columns of a table without names hold, by its first rows.
//
//nolint:gocyclo // one rule for each kind of column
func (t *tableRows) guess(line string) []role {
	const look = 64
	rows := [][]float64{}
	for _, l := range append([]string{line}, t.lines.peek(look)...) {
		cells := closed(t.dialect.split(strings.TrimSpace(l)), 0)
		values := make([]float64, len(cells))
		if !parseCells(cells, values) || len(rows) > 0 && len(values) != len(rows[0]) {
			break
		}
		rows = append(rows, values)
	}
	roles := make([]role, len(closed(t.dialect.split(line), 0)))
	if len(rows) == 0 {
		return roles
	}
	epoch := func(i int) bool { // Unix time in s
		for k := range rows {
			if v := rows[k][i]; !(v > 1e9 && v < 1e11) || k > 0 && v < rows[k-1][i] {
				return false
			}
		}
		return true
	}
	if b, ok := brainFlowBoards[len(roles)]; ok && epoch(b.stamp) {
		t.rec.Device, t.device, t.brainFlow = "BrainFlow "+b.name, clock.RatesOf(b.name), true
		t.names = make([]string, len(roles))
		for i := range roles {
			switch {
			case i >= b.eeg[0] && i < b.eeg[1]:
				t.names[i] = "EXG Channel " + strconv.Itoa(i-b.eeg[0]) + " (uV)"
			case i >= b.motion[0] && i < b.motion[1]:
				t.names[i] = "Accel Channel " + strconv.Itoa(i-b.motion[0])
			default:
				roles[i] = roleNone
			}
		}
		roles[b.counter], roles[b.stamp], roles[b.marker] = roleCounter, roleTime, roleMarker
		t.rec.Warnf("the columns are taken for those of BrainFlow's %s", b.name)
		return roles
	}
	for i := range roles {
		if epoch(i) && len(roles) > 1 {
			roles[i] = roleTime
			t.rec.Warnf("column %d holds Unix time: it is read as the time of the rows", i+1)
		}
	}
	const enough = 16
	if len(rows) < enough || len(roles) < 2 || slices.Contains(roles, roleTime) {
		return roles
	}
	// A first column that rises evenly in all rows is a time or a counter.
	step := (rows[len(rows)-1][0] - rows[0][0]) / float64(len(rows)-1)
	for k := 1; k < len(rows); k++ {
		if d := rows[k][0] - rows[k-1][0]; !(d > 0) || math.Abs(d-step) > 0.26*step {
			return roles
		}
	}
	switch {
	case step == 1:
		roles[0] = roleCounter
		t.rec.Warnf("column 1 counts the rows: it is not a channel")
	case step < 0.1:
		roles[0] = roleTime
		t.rec.Warnf("column 1 rises by %.6g in every row: it is read as the time in s", step)
	default:
		roles[0] = roleMillis
		t.rec.Warnf("column 1 rises by %.6g in every row: it is read as the time in ms", step)
	}
	return roles
}

var (
	timeName    = regexp.MustCompile(`(?i)^(time|times|timestamps?|t|time[ _]?stamps?|unix ?time|lsl[ _]?time(stamp)?|original ?timestamp|date|date ?time|datetime|seconds?|secs?|elapsed( ?time)?)(?:[ _]?[([]?(s|sec|seconds|ms|msec|milliseconds?)[)\]]?)?$`)
	millisName  = regexp.MustCompile(`(?i)^(ms|msec|milliseconds?)$`)
	counterName = regexp.MustCompile(`(?i)^(eeg[. ])?(counter|index|idx|row|samples?|n|no|nr|sample[ _]?(index|no|nr|num|number|id|counter)|package[ _]?num(ber)?|packet([ _]?(num|number|counter|index))?|seq(uence)?( ?no)?|frame)\.?$`)
	markerName  = regexp.MustCompile(`(?i)^(eeg[. ])?(markers?|marker[ _]?(value|valueint|index|type|channel|hardware|code|id)?\d*|events?|event[ _]?(code|id|type)|trig|trigger|triggers|stim|stimulus|sti ?\d*|status|annotations?|labels?|class|target|codes?)$`)
	telemetry   = regexp.MustCompile(`(?i)(batter|interpolat|contact|quality|impedance|rssi|signal ?strength|temperature|resistance)|^(eeg[. ])?(raw)?[ce]q([._ ]|$)|^(pow|pm|fe|met|mot|com|com\.|motion)\.|^hsi|headbandon`)
)

// roleOf tells what a column holds by its name.
func roleOf(name string) role {
	if recording.IsElectrode(name) {
		return roleSignal
	}
	base, unit := nameAndUnit(name)
	switch m := timeName.FindStringSubmatch(name); {
	case m != nil && strings.HasPrefix(strings.ToLower(m[len(m)-1]), "m"):
		return roleMillis
	case m != nil:
		return roleTime
	case millisName.MatchString(name):
		return roleMillis
	case timeName.MatchString(base) && strings.HasPrefix(strings.ToLower(unit), "m"):
		return roleMillis
	case timeName.MatchString(base):
		return roleTime
	case counterName.MatchString(base):
		return roleCounter
	case markerName.MatchString(base):
		return roleMarker
	}
	return roleSignal
}

// isTelemetry reports whether a name is of what a headset says about itself.
func isTelemetry(name string) bool { return telemetry.MatchString(name) }

// nameAndUnit parts "C3 (uV)" and "C3 [uV]".
func nameAndUnit(name string) (base, unit string) {
	for _, p := range []string{"()", "[]"} {
		if at := strings.LastIndexByte(name, p[0]); at > 0 && strings.HasSuffix(name, p[1:]) {
			return strings.TrimSpace(name[:at]), strings.TrimSpace(name[at+1 : len(name)-1])
		}
	}
	return name, ""
}

// emotivHeader reads the first line of EmotivPRO's files: cells of keys and values with a colon between.
func emotivHeader(cells []string) (rate float64, start time.Time, ok bool) {
	pairs := 0
	for _, cell := range cells {
		key, value, found := strings.Cut(cell, ":")
		if !found {
			continue
		}
		pairs++
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "sampling rate", "sampling": // "128" or "eeg_128;mot_64"
			for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ' ' }) {
				if v, err := strconv.ParseFloat(strings.TrimPrefix(strings.ToLower(part), "eeg_"), 64); err == nil && v > 0 && v < 1e6 && rate == 0 {
					rate = v
				}
			}
		case "start timestamp":
			if v, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				start = museStart(v)
			}
		}
	}
	return rate, start, pairs >= 3
}

func (t *tableRows) finish(samples int) error {
	rec := t.rec
	if t.bad.total == 0 {
		return recording.Unsupported(Table, nil, "there is no row of numbers")
	}
	if t.bad.count == t.bad.total {
		return recording.Unsupported(Table, map[string]any{"rows": t.bad.total}, "no row is made of %d numbers", len(t.roles))
	}
	if err := t.bad.check(rec); err != nil {
		return err
	}
	t.cells.warnings(rec, func(i int) string {
		if t.names != nil {
			return t.names[i]
		}
		return "without a name"
	})
	if t.rate == 0 && len(t.roles) == 1 && bonnName.MatchString(t.name) && samples == bonnSamples {
		t.rate = bonnRate
		rec.Device = "Bonn University EEG"
	}
	stated := false
	for i := range rec.Channels {
		c := &rec.Channels[i]
		if len(t.labels) == len(rec.Channels) {
			c.Label = strings.Trim(recording.ValidText(t.labels[i]), `"' `)
		}
		if c.Label == "" && len(rec.Channels) == 1 {
			c.Label = "EEG"
		}
		stated = stated || c.Unit != ""
	}
	if !stated {
		rec.Warnf("the table does not state its unit")
	}
	return nil
}

// closed drops the empty cell that a separator at the end of a line makes, where there is one more than due.
func closed(cells []string, due int) []string {
	if n := len(cells); n > due && n > 1 && strings.TrimSpace(cells[n-1]) == "" {
		return cells[:n-1]
	}
	return cells
}

// isNumbers reports whether all cells are numbers.
func isNumbers(cells []string) bool { return parseCells(cells, make([]float64, len(cells))) }

// someNumbers reports whether cells can be a row of a table with words in it: at least half are numbers.
func someNumbers(cells []string) bool {
	n := 0
	for _, c := range cells {
		if v, ok := number(c); ok && !math.IsNaN(v) {
			n++
		}
	}
	return n > 0 && 2*n >= len(cells)
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
		if cell == "" || len(cell) > 64 {
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

// looksTabular reports whether the second line that is not a comment is a row of numbers. cut says that the text may end
// within a line.
func looksTabular(s string, cut bool) bool {
	rows, meta := 0, false
	for line := range strings.Lines(s) {
		if cut && !strings.HasSuffix(line, "\n") {
			break
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '%' {
			continue
		}
		cells := closed(dialectOf(line).split(line), 0)
		if isNumbers(cells) || rows > 0 && someNumbers(cells) {
			return true
		}
		if _, _, ok := emotivHeader(cells); ok && rows == 0 && !meta {
			meta = true
			continue
		}
		if _, _, ok := parseHeader(cells); rows > 0 || !ok {
			return false
		}
		rows++
	}
	return false
}
