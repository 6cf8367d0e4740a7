// Package brainvision reads the recordings of Brain Products' recorder: a header, samples and markers in files of their own; "BrainVision
// Core Data Format", 1.0 and 2.0.
package brainvision

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders/recording"
)

// BrainVision is the format of Brain Products' recorder: a header (.vhdr), markers (.vmrk) and samples (.eeg); "BrainVision
// Core Data Format", 1.0 and 2.0.
const BrainVision recording.Format = "BrainVision"

// markerFile is that of a recording, which is none by itself.
const markerFile recording.Format = "BrainVision markers"

// Reader reads the recordings that Read reads, by any of their files.
var Reader = recording.Reader{
	Formats: []recording.Format{BrainVision}, Names: []string{"BrainVision"},
	Extensions: []string{".vhdr", ".ahdr"}, Parts: parts,
	Sniff: func(head []byte) recording.Format { return sniff(head, false) }, Files: files,
	Refusal: "a BrainVision header alone holds no samples: its .eeg and .vmrk files are needed too, for an import in one ZIP archive",
	Alone:   "the samples of a BrainVision recording cannot be read without its .vhdr file",
}

// parts are the extensions of the files beside a header.
var parts = []string{".eeg", ".vmrk", ".amrk"}

// Markers knows the marker file of a recording, which is none.
var Markers = recording.Reader{
	Formats: []recording.Format{markerFile},
	Sniff:   func(head []byte) recording.Format { return sniff(head, true) },
	Refusal: "this is the marker file of a BrainVision recording; open its .vhdr file",
}

// sniff recognizes a header, or a file of markers, by its first line.
func sniff(head []byte, markers bool) recording.Format {
	line, _ := recording.FirstLine(head)
	if !strings.HasPrefix(line, "Brain Vision") && !strings.HasPrefix(line, "BrainVision") || strings.Contains(line, "Marker") != markers {
		return ""
	}
	if markers {
		return markerFile
	}
	return BrainVision
}

// header is what a .vhdr says.
type header struct {
	dataFile, markerFile string
	interval             float64 // µs
	vectorized, big      bool
	sample               string // INT_16, ...
	channels             []channel
	trigger              bool // the samples have a column behind the channels that the header does not declare
}

type channel struct {
	label, unit string
	gain        float64
}

// Read reads a recording from its three files. marker may be nil where there is none. Markers become
// annotations ("Stimulus/S  1") and events whose code is the number at their end; a new segment within the
// recording is an annotation, since the file does not say in samples how long the pause was.
func Read(header io.Reader, samples io.ReaderAt, size int64, marker io.Reader) (*recording.Recording, error) {
	rec := &recording.Recording{Format: BrainVision}
	h, err := readHeader(header)
	if err != nil {
		return nil, err
	}
	if err := h.readSamples(samples, size, rec); err != nil {
		return nil, err
	}
	if h.trigger {
		c := &rec.Channels[len(rec.Channels)-1]
		c.Kind, c.Unit = recording.Trigger, ""
		var state recording.Triggers
		rec.Events = state.Add(rec.Events, c.Samples, c.Rate, false, rec)
		rec.Warnf("the last column is not declared by the header: it is taken for the V-Amp's trigger inputs")
	}
	if marker != nil {
		if err := readMarkers(marker, 1e6/h.interval, rec); err != nil {
			return nil, err
		}
	}
	rec.AddAnnotationEvents()
	return rec.Finish(), nil
}

// ini walks over the key=value lines of a BrainVision text file; section names come in lower case, since writers
// differ in theirs.
func ini(r io.Reader, visit func(section, key, value string) error) error {
	b, err := recording.ReadLimited(r, recording.MostHeader, BrainVision)
	if err != nil {
		return err
	}
	s := strings.TrimPrefix(recording.ValidText(string(b)), "\ufeff")
	section := ""
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == ';':
		case line[0] == '[':
			section = strings.ToLower(strings.Trim(line, "[]"))
			if section == "comment" { // free text to the end
				return nil
			}
		default:
			if key, value, ok := strings.Cut(line, "="); ok {
				if err := visit(section, strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

//nolint:gocyclo // one case for each key of the header
func readHeader(r io.Reader) (*header, error) {
	b, err := recording.ReadLimited(r, recording.MostHeader, BrainVision)
	if err != nil {
		return nil, err
	}
	h := &header{}
	// The V-Amp's recorder writes the trigger inputs behind the channels and declares nothing of it.
	first, _, _ := bytes.Cut(b, []byte("\n"))
	h.trigger = bytes.Contains(first, []byte("V-Amp"))
	count, format := 0, "BINARY"
	err = ini(bytes.NewReader(b), func(section, key, value string) error {
		switch section {
		case "common infos":
			switch strings.ToLower(key) {
			case "datafile":
				h.dataFile = value
			case "markerfile":
				h.markerFile = value
			case "dataformat":
				format = strings.ToUpper(value)
			case "dataorientation":
				h.vectorized = strings.EqualFold(value, "VECTORIZED")
			case "datatype":
				if !strings.EqualFold(value, "TIMEDOMAIN") {
					return recording.Unsupported(BrainVision, map[string]any{"data_type": value}, "data of type %s are not a recording", value)
				}
			case "numberofchannels":
				n, err := strconv.Atoi(value)
				if err != nil || n < 1 || n > recording.MostColumns {
					return recording.Malformed(BrainVision, map[string]any{"channels": value}, "NumberOfChannels is %q", value)
				}
				count = n
			case "samplinginterval":
				v, err := strconv.ParseFloat(strings.Replace(value, ",", ".", 1), 64)
				if err != nil || !(v > 0) || math.IsInf(v, 0) {
					return recording.Malformed(BrainVision, map[string]any{"sampling_interval": value}, "SamplingInterval is %q", value)
				}
				h.interval = v
			}
		case "binary infos":
			switch strings.ToLower(key) {
			case "binaryformat":
				h.sample = strings.ToUpper(value)
			case "usebigendianorder":
				h.big = strings.EqualFold(value, "YES")
			}
		case "channel infos":
			n, err := strconv.Atoi(strings.TrimPrefix(strings.ToLower(key), "ch"))
			if err != nil || n < 1 || n > recording.MostColumns {
				return recording.Malformed(BrainVision, map[string]any{"key": key}, "%q is not a channel", key)
			}
			for len(h.channels) < n {
				h.channels = append(h.channels, channel{gain: 1, unit: recording.Microvolt})
			}
			return h.channels[n-1].parse(value)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if format != "BINARY" {
		return nil, recording.Unsupported(BrainVision, map[string]any{"data_format": format}, "data written as %s are not read, only BINARY", format)
	}
	if count == 0 || h.interval == 0 {
		return nil, recording.Malformed(BrainVision, nil, "the header lacks NumberOfChannels or SamplingInterval")
	}
	if len(h.channels) != count {
		return nil, recording.Malformed(BrainVision, map[string]any{"channels": count, "channels_described": len(h.channels)},
			"the header says %d channels and describes %d", count, len(h.channels))
	}
	return h, nil
}

// parse reads "name,reference,resolution,unit". Commas within are written \1. Resolution is 1 and unit µV when
// omitted.
func (c *channel) parse(value string) error {
	f := strings.Split(value, ",")
	for len(f) < 4 {
		f = append(f, "")
	}
	c.label = strings.ReplaceAll(strings.TrimSpace(f[0]), `\1`, ",")
	if res := strings.TrimSpace(f[2]); res != "" {
		v, err := strconv.ParseFloat(res, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return recording.Malformed(BrainVision, map[string]any{"channel": c.label, "resolution": res}, "the resolution of channel %s is %q", c.label, res)
		}
		c.gain = v
	}
	unit := strings.TrimSpace(f[3])
	if unit == "" {
		unit = recording.Microvolt
	}
	u, factor := recording.ToMicrovolt(unit)
	c.unit = u
	c.gain *= factor
	return nil
}

//nolint:gocyclo // one case for each binary format and orientation
func (h *header) readSamples(r io.ReaderAt, size int64, rec *recording.Recording) error {
	var width int
	var value func(b []byte) float64
	var order binary.ByteOrder = binary.LittleEndian
	if h.big {
		order = binary.BigEndian
	}
	switch h.sample {
	case "INT_16":
		width, value = 2, func(b []byte) float64 { return float64(int16(order.Uint16(b))) }
	case "UINT_16":
		width, value = 2, func(b []byte) float64 { return float64(order.Uint16(b)) }
	case "INT_32":
		width, value = 4, func(b []byte) float64 { return float64(int32(order.Uint32(b))) }
	case "IEEE_FLOAT_32":
		width, value = 4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }
	case "IEEE_FLOAT_64":
		width, value = 8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }
	default:
		return recording.Unsupported(BrainVision, map[string]any{"binary_format": h.sample}, "samples written as %q are not read", h.sample)
	}
	columns := len(h.channels)
	if h.trigger {
		if undeclared := int64(width * (columns + 1)); size%undeclared == 0 || size%int64(width*columns) != 0 {
			h.channels = append(h.channels, channel{label: "Trigger", gain: 1})
		} else {
			rec.Warnf("the header is of a V-Amp, whose files have a trigger column behind the channels; %d bytes hold none", size)
			h.trigger = false
		}
	}
	frame := int64(width * len(h.channels))
	n := size / frame
	if n == 0 {
		return recording.Malformed(BrainVision, map[string]any{"bytes": size, "bytes_per_sample": frame}, "the data file holds no sample of all channels")
	}
	if extra := size - n*frame; extra > 0 {
		rec.Warnf("%d bytes after the last sample were ignored", extra)
	}
	for _, c := range h.channels {
		rec.Channels = append(rec.Channels, recording.Channel{Label: c.label, Unit: c.unit, Rate: 1e6 / h.interval, Samples: make([]float64, n)})
	}
	// One block is a mebibyte of frames, or of one channel where the channels follow each other.
	buf := make([]byte, min(size, max(frame, 1<<20/frame*frame)))
	if h.vectorized {
		buf = buf[:len(buf)/width*width]
		for k, c := range h.channels {
			dst := rec.Channels[k].Samples
			at := int64(k) * n * int64(width)
			for len(dst) > 0 {
				m := min(len(dst), len(buf)/width)
				if err := recording.ReadFull(r, buf[:m*width], at, BrainVision, "samples"); err != nil {
					return err
				}
				for i := range m {
					dst[i] = c.gain * value(buf[i*width:])
				}
				dst, at = dst[m:], at+int64(m*width)
			}
		}
		return nil
	}
	for done := int64(0); done < n; {
		m := min(n-done, int64(len(buf))/frame)
		if err := recording.ReadFull(r, buf[:m*frame], done*frame, BrainVision, "samples"); err != nil {
			return err
		}
		b := buf
		for i := range m {
			for k, c := range h.channels {
				rec.Channels[k].Samples[done+i] = c.gain * value(b)
				b = b[width:]
			}
		}
		done += m
	}
	return nil
}

// readMarkers reads "Mk1=type,description,position,size,channel[,date]". Positions count from 1.
func readMarkers(r io.Reader, rate float64, rec *recording.Recording) error {
	bad, segments := 0, 0
	err := ini(r, func(section, key, value string) error {
		if section != "marker infos" || !strings.HasPrefix(strings.ToLower(key), "mk") {
			return nil
		}
		f := strings.Split(value, ",")
		if len(f) < 3 || len(rec.Annotations) >= recording.MostEvents {
			bad++
			return nil
		}
		unescape := func(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), `\1`, ",") }
		kind, description := unescape(f[0]), unescape(f[1])
		position, err := strconv.ParseFloat(strings.TrimSpace(f[2]), 64)
		if err != nil || math.IsNaN(position) || math.IsInf(position, 0) {
			bad++
			return nil //nolint:nilerr // counted, and told with the others
		}
		if kind == "New Segment" {
			segments++
			if segments == 1 {
				if len(f) >= 6 {
					rec.StartTime = timeOf(strings.TrimSpace(f[5]))
				}
				return nil
			}
		}
		length := 0.0
		if len(f) >= 4 {
			if v, err := strconv.ParseFloat(strings.TrimSpace(f[3]), 64); err == nil && v >= 0 && !math.IsInf(v, 0) {
				length = v
			}
		}
		label := kind
		if description != "" {
			label += "/" + description
		}
		rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: max(0, position-1) / rate, Duration: length / rate, Label: label})
		return nil
	})
	if bad > 0 {
		rec.Warnf("%d markers cannot be read and were left out", bad)
	}
	if segments > 1 {
		rec.Warnf("the recording was paused %d times: the samples on both sides are adjacent", segments-1)
	}
	return err
}

// timeOf reads "YYYYMMDDhhmmssuuuuuu".
func timeOf(s string) time.Time {
	if len(s) != 20 {
		return time.Time{}
	}
	t, err := time.Parse("20060102150405.000000", s[:14]+"."+s[14:])
	if err != nil {
		return time.Time{}
	}
	return t
}
