package recording

import (
	"bytes"
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

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Buffer is a raw float32 or int16 buffer (.f32) with its rate, channels and unit in a .json file and its events in
// an .events.csv file beside it.
const Buffer Format = "raw with JSON"

// OpenFS reads the recording of the given name from a file system, with the files that belong to it: the .vhdr, .eeg
// and .vmrk of BrainVision (by any of their names), the .json and .events.csv of a .f32 buffer. Everything else
// is read as Open does.
func OpenFS(fsys fs.FS, name string) (*Recording, error) {
	stem, ext := strings.TrimSuffix(name, path.Ext(name)), strings.ToLower(path.Ext(name))
	switch ext {
	case ".vhdr", ".ahdr":
		return openBrainVision(fsys, name)
	case ".eeg", ".vmrk", ".amrk":
		for _, header := range []string{stem + ".vhdr", stem + ".VHDR", stem + ".ahdr", stem + ".AHDR"} {
			if _, err := fs.Stat(fsys, header); err == nil {
				return openBrainVision(fsys, header)
			}
		}
	case ".f32", ".i16":
		if _, err := fs.Stat(fsys, stem+".json"); err == nil {
			return openBuffer(fsys, stem, name)
		}
	}
	f, err := OpenFile(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Open(path.Base(name), f, f.Size)
}

func openBrainVision(fsys fs.FS, name string) (*Recording, error) {
	b, err := ReadSmall(fsys, name, MostHeader, BrainVision)
	if err != nil {
		return nil, err
	}
	h, err := readBrainVisionHeader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	// "$b" stands for the header's own name.
	sibling := func(stated string) (string, error) {
		stated = strings.ReplaceAll(stated, "$b", stem)
		for _, here := range []string{"./", `.\`} { // the header's own folder
			stated = strings.TrimPrefix(stated, here)
		}
		if stated == "" || strings.ContainsAny(stated, `/\`) || stated == ".." {
			return "", Malformed(BrainVision, map[string]any{"file": stated}, "the header names the file %q, which does not lie beside it", stated)
		}
		return path.Join(path.Dir(name), stated), nil
	}
	dataName, err := sibling(h.dataFile)
	if err != nil {
		return nil, err
	}
	data, err := OpenFile(fsys, dataName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Malformed(BrainVision, map[string]any{"file": path.Base(dataName)}, "the data file %s is missing", path.Base(dataName))
	}
	if err != nil {
		return nil, err
	}
	defer data.Close()
	if h.markerFile == "" {
		return ReadBrainVision(bytes.NewReader(b), data, data.Size, nil)
	}
	markerName, err := sibling(h.markerFile)
	if err != nil {
		return nil, err
	}
	markers, err := ReadSmall(fsys, markerName, MostHeader, BrainVision)
	if errors.Is(err, fs.ErrNotExist) {
		rec, err := ReadBrainVision(bytes.NewReader(b), data, data.Size, nil)
		if err == nil {
			rec.Warnf("the marker file %s is missing", path.Base(markerName))
		}
		return rec, err
	}
	if err != nil {
		return nil, err
	}
	return ReadBrainVision(bytes.NewReader(b), data, data.Size, bytes.NewReader(markers))
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

func openBuffer(fsys fs.FS, stem, name string) (*Recording, error) {
	header, err := ReadSmall(fsys, stem+".json", MostHeader, Buffer)
	if err != nil {
		return nil, err
	}
	f, err := OpenFile(fsys, name)
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
func ReadBuffer(header io.Reader, data io.ReaderAt, size int64, events io.Reader) (*Recording, error) {
	rec := &Recording{Format: Buffer}
	b, err := ReadLimited(header, MostHeader, Buffer)
	if err != nil {
		return nil, err
	}
	var h bufferHeader
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, Malformed(Buffer, nil, "the JSON header: %v", err)
	}
	if !(h.SampleRate > 0) || h.SampleRate > 1e7 {
		return nil, Malformed(Buffer, map[string]any{"sample_rate": h.SampleRate}, "the JSON header has the sample_rate %g", h.SampleRate)
	}
	if err := CheckColumns(Buffer, len(h.Channels)); err != nil {
		return nil, err
	}
	raw := make([]byte, size)
	if err := ReadFull(data, raw, 0, Buffer, "samples"); err != nil {
		return nil, err
	}
	m, err := ReadRaw(raw, h.Encoding, h.Layout, len(h.Channels), h.ScaleUV)
	if err != nil {
		return nil, err
	}
	unit, factor := ToMicrovolt(h.Units)
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
		rec.Channels = append(rec.Channels, Channel{Label: label, Unit: unit, Rate: h.SampleRate, Samples: row})
	}
	if events != nil {
		if err := readEventTable(rec, events, h.SampleRate); err != nil {
			return nil, err
		}
	}
	return rec.Finish(), nil
}

// readEventTable reads events as CSV with named columns. The column sample is exact where onset_s may be rounded.
func readEventTable(r *Recording, src io.Reader, rate float64) error {
	b, err := ReadLimited(src, MostEvents*32, r.Format)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.ReplaceAll(ValidText(string(b)), "\r", ""), "\n")
	column := map[string]int{}
	names := strings.Split(lines[0], ",")
	for i, name := range names {
		column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	_, bySample := column["sample"]
	_, bySecond := column["onset_s"]
	if !bySample && !bySecond {
		return Malformed(r.Format, map[string]any{"line": 1}, "the events have neither a column sample nor onset_s")
	}
	targetColumn, hasTarget := column["target"]
	type row struct {
		event  decoders.Event
		target bool
	}
	var rows []row
	for i, line := range lines[1:] {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(rows) >= MostEvents {
			r.Warnf("only the first %d events were read", MostEvents)
			break
		}
		f := strings.Split(line, ",")
		if len(f) < len(names) {
			return Malformed(r.Format, map[string]any{"line": i + 2}, "line %d of the events has %d columns of %d", i+2, len(f), len(names))
		}
		var e row
		value := func(name string) (float64, error) {
			v, err := strconv.ParseFloat(strings.TrimSpace(f[column[name]]), 64)
			if err != nil || math.IsNaN(v) || math.Abs(v) > math.MaxInt32 {
				return 0, Malformed(r.Format, map[string]any{"line": i + 2, "column": name}, "line %d of the events: %s is %q", i+2, name, f[column[name]])
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
