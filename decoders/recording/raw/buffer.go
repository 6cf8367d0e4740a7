package raw

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// Buffer is a raw float32 or int16 buffer (.f32) with its rate, channels and unit in a .json file and its events in
// an .events.csv file beside it.
const Buffer recording.Format = "raw with JSON"

// Reader reads the recordings that ReadBuffer reads, by the name of the buffer.
var Reader = recording.Reader{
	Formats: []recording.Format{Buffer}, Names: []string{"raw float32 or int16 with JSON"},
	Ambiguous: extensions, Parts: []string{".raw", ".bin"},
	Sniff: func([]byte) recording.Format { return "" },
	Files: files,
	Alone: "a raw buffer tells neither rate nor channels: a .json file beside it must",
}

// extensions are those of buffers.
var extensions = []string{".f32", ".i16"}

// files opens a buffer that has a header beside it.
func files(fsys fs.FS, name string) (rec *recording.Recording, mine bool, err error) {
	stem, ext := strings.TrimSuffix(name, path.Ext(name)), strings.ToLower(path.Ext(name))
	if !slices.Contains(extensions, ext) {
		return nil, false, nil
	}
	if _, err := fs.Stat(fsys, stem+".json"); err != nil {
		return nil, false, nil //nolint:nilerr // without a header it is not this reader's
	}
	rec, err = open(fsys, stem, name)
	return rec, true, err
}

// bufferHeader is the .json file beside a buffer.
type bufferHeader struct {
	SampleRate float64      `json:"sample_rate"`
	Channels   []string     `json:"channels"`
	Samples    int          `json:"samples"`
	Units      string       `json:"units"`
	Encoding   eeg.Encoding `json:"encoding"`
	Layout     eeg.Layout   `json:"layout"`
	ScaleUV    float64      `json:"scale_uv"`
	Note       string       `json:"note"`
}

func open(fsys fs.FS, stem, name string) (*recording.Recording, error) {
	header, err := recording.ReadSmall(fsys, stem+".json", recording.MostHeader, Buffer)
	if err != nil {
		return nil, err
	}
	f, err := recording.OpenFile(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	events, err := fsys.Open(stem + ".events.csv")
	if errors.Is(err, fs.ErrNotExist) {
		return ReadBuffer(bytes.NewReader(header), f, f.Size, nil)
	}
	if err != nil {
		return nil, err
	}
	defer events.Close()
	return ReadBuffer(bytes.NewReader(header), f, f.Size, events)
}

// ReadBuffer reads a raw buffer of size bytes with its JSON header (sample_rate, channels, units, encoding, layout,
// scale_uv) and its events (CSV with the columns sample or onset_s, code, label, target; nil for none).
func ReadBuffer(header io.Reader, data io.ReaderAt, size int64, events io.Reader) (*recording.Recording, error) {
	rec := &recording.Recording{Format: Buffer}
	b, err := recording.ReadLimited(header, recording.MostHeader, Buffer)
	if err != nil {
		return nil, err
	}
	var h bufferHeader
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, recording.Malformed(Buffer, nil, "the JSON header: %v", err)
	}
	if !(h.SampleRate > 0) || h.SampleRate > 1e7 {
		return nil, recording.Malformed(Buffer, map[string]any{"sample_rate": h.SampleRate}, "the JSON header has the sample_rate %g", h.SampleRate)
	}
	if err := recording.CheckColumns(Buffer, len(h.Channels)); err != nil {
		return nil, err
	}
	raw := make([]byte, size)
	if err := recording.ReadFull(data, raw, 0, Buffer, "samples"); err != nil {
		return nil, err
	}
	m, err := Read(raw, h.Encoding, h.Layout, len(h.Channels), h.ScaleUV)
	if err != nil {
		return nil, err
	}
	unit, factor := recording.ToMicrovolt(h.Units)
	rec.Device = h.Note
	_, n := m.Dims()
	if h.Samples != 0 && h.Samples != n {
		rec.Warnf("the JSON header says %d samples and the buffer holds %d", h.Samples, n)
	}
	for i, label := range h.Channels {
		row := m.RawRowView(i)
		if factor != 1 {
			for k := range row {
				row[k] *= factor
			}
		}
		rec.Channels = append(rec.Channels, recording.Channel{Label: label, Unit: unit, Rate: h.SampleRate, Samples: row})
	}
	if events != nil {
		if err := readEventTable(rec, events, h.SampleRate); err != nil {
			return nil, err
		}
	}
	return rec.Finish(), nil
}

// readEventTable reads events as CSV with named columns. The column sample is exact where onset_s may be rounded.
//
//nolint:gocyclo // one guard for each thing that can be wrong with a line
func readEventTable(r *recording.Recording, src io.Reader, rate float64) error {
	b, err := recording.ReadLimited(src, recording.MostEvents*32, r.Format)
	if err != nil {
		return err
	}
	table := csv.NewReader(strings.NewReader(strings.TrimPrefix(recording.ValidText(string(b)), "\ufeff")))
	table.FieldsPerRecord, table.LazyQuotes, table.ReuseRecord = -1, true, true
	// next returns the cells of the next line that is not empty, and its number.
	next := func() ([]string, int, error) {
		for {
			cells, err := table.Read()
			if err != nil {
				bad, isCSV := errors.AsType[*csv.ParseError](err)
				if !isCSV {
					return nil, 0, err // io.EOF
				}
				return nil, 0, recording.Malformed(r.Format, map[string]any{"line": bad.Line}, "line %d of the events: %v", bad.Line, bad.Err)
			}
			if line, _ := table.FieldPos(0); len(cells) > 1 || strings.TrimSpace(cells[0]) != "" {
				return cells, line, nil
			}
		}
	}
	names, _, err := next()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	columns, column := len(names), map[string]int{}
	for i, name := range names {
		column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	_, bySample := column["sample"]
	_, bySecond := column["onset_s"]
	if !bySample && !bySecond {
		return recording.Malformed(r.Format, map[string]any{"line": 1}, "the events have neither a column sample nor onset_s")
	}
	targetColumn, hasTarget := column["target"]
	type row struct {
		event  eeg.Event
		target bool
	}
	var rows []row
	for {
		f, line, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(rows) >= recording.MostEvents {
			r.Warnf("only the first %d events were read", recording.MostEvents)
			break
		}
		if len(f) < columns {
			return recording.Malformed(r.Format, map[string]any{"line": line}, "line %d of the events has %d columns of %d", line, len(f), columns)
		}
		var e row
		value := func(name string) (float64, error) {
			v, err := strconv.ParseFloat(strings.TrimSpace(f[column[name]]), 64)
			if err != nil || math.IsNaN(v) || math.Abs(v) > math.MaxInt32 {
				return 0, recording.Malformed(r.Format, map[string]any{"line": line, "column": name}, "line %d of the events: %s is %q", line, name, f[column[name]])
			}
			return v, nil
		}
		if bySample {
			if e.event.Onset, err = value("sample"); err != nil {
				return err
			}
			e.event.Onset /= rate
		} else if e.event.Onset, err = value("onset_s"); err != nil {
			return err
		}
		if _, ok := column["code"]; ok {
			v, err := value("code")
			if err != nil {
				return err
			}
			e.event.Code = int(math.Round(v))
		}
		if k, ok := column["label"]; ok {
			e.event.Label = strings.TrimSpace(f[k])
		}
		if hasTarget {
			e.target = strings.TrimSpace(f[targetColumn]) == "1"
		}
		rows = append(rows, e)
	}
	sort.SliceStable(rows, func(i, k int) bool { return rows[i].event.Onset < rows[k].event.Onset })
	r.Events = slices.Grow(r.Events, len(rows))
	for _, e := range rows {
		r.Events = append(r.Events, e.event)
		if hasTarget {
			r.Targets = append(r.Targets, e.target)
		}
	}
	return nil
}
