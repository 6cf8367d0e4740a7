package recording

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// BrainVision is the format of Brain Products' recorder: a header (.vhdr), markers (.vmrk) and samples (.eeg); "BrainVision
// Core Data Format", 1.0 and 2.0.
const BrainVision Format = "BrainVision"

// brainVisionHeader is what a .vhdr says.
type brainVisionHeader struct {
	dataFile, markerFile string
	interval             float64 // µs
	vectorized, big      bool
	sample               string // INT_16, ...
	channels             []brainVisionChannel
	trigger              bool // the samples have a column behind the channels that the header does not declare
}

type brainVisionChannel struct {
	label, unit string
	gain        float64
}

// ReadBrainVision reads a recording from its three files. marker may be nil where there is none. Markers become
// annotations ("Stimulus/S  1") and events whose code is the number at their end; a new segment within the
// recording is an annotation, since the file does not say in samples how long the pause was.
func ReadBrainVision(header io.Reader, samples io.ReaderAt, size int64, marker io.Reader) (*Recording, error) {
	rec := &Recording{Format: BrainVision}
	h, err := readBrainVisionHeader(header)
	if err != nil {
		return nil, err
	}
	if err := h.readSamples(samples, size, rec); err != nil {
		return nil, err
	}
	if h.trigger {
		c := &rec.Channels[len(rec.Channels)-1]
		c.Kind, c.Unit = Trigger, ""
		var state Triggers
		rec.Events = state.Add(rec.Events, c.Samples, c.Rate, false, rec)
		rec.Warnf("the last column is not declared by the header: it is taken for the V-Amp's trigger inputs")
	}
	if marker != nil {
		if err := readBrainVisionMarkers(marker, 1e6/h.interval, rec); err != nil {
			return nil, err
		}
	}
	rec.AddAnnotationEvents()
	return rec.Finish(), nil
}

// ini walks over the key=value lines of a BrainVision text file; section names come in lower case, since writers
// differ in theirs.
func ini(r io.Reader, visit func(section, key, value string) error) error {
	b, err := ReadLimited(r, MostHeader, BrainVision)
	if err != nil {
		return err
	}
	s := strings.TrimPrefix(ValidText(string(b)), "\ufeff")
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

func readBrainVisionHeader(r io.Reader) (*brainVisionHeader, error) {
	b, err := ReadLimited(r, MostHeader, BrainVision)
	if err != nil {
		return nil, err
	}
	h := &brainVisionHeader{}
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
					return Unsupported(BrainVision, map[string]any{"data_type": value}, "data of type %s are no recording", value)
				}
			case "numberofchannels":
				n, err := strconv.Atoi(value)
				if err != nil || n < 1 || n > MostColumns {
					return Malformed(BrainVision, map[string]any{"channels": value}, "NumberOfChannels is %q", value)
				}
				count = n
			case "samplinginterval":
				v, err := strconv.ParseFloat(strings.Replace(value, ",", ".", 1), 64)
				if err != nil || !(v > 0) || math.IsInf(v, 0) {
					return Malformed(BrainVision, map[string]any{"sampling_interval": value}, "SamplingInterval is %q", value)
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
			if err != nil || n < 1 || n > MostColumns {
				return Malformed(BrainVision, map[string]any{"key": key}, "%q is no channel", key)
			}
			for len(h.channels) < n {
				h.channels = append(h.channels, brainVisionChannel{gain: 1, unit: Microvolt})
			}
			return h.channels[n-1].parse(value)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if format != "BINARY" {
		return nil, Unsupported(BrainVision, map[string]any{"data_format": format}, "data written as %s are not read, only BINARY", format)
	}
	if count == 0 || h.interval == 0 {
		return nil, Malformed(BrainVision, nil, "the header lacks NumberOfChannels or SamplingInterval")
	}
	if len(h.channels) != count {
		return nil, Malformed(BrainVision, map[string]any{"channels": count, "channels_described": len(h.channels)},
			"the header says %d channels and describes %d", count, len(h.channels))
	}
	return h, nil
}

// parse reads "name,reference,resolution,unit". Commas within are written \1. Resolution is 1 and unit µV when
// omitted.
func (c *brainVisionChannel) parse(value string) error {
	f := strings.Split(value, ",")
	for len(f) < 4 {
		f = append(f, "")
	}
	c.label = strings.ReplaceAll(strings.TrimSpace(f[0]), `\1`, ",")
	if res := strings.TrimSpace(f[2]); res != "" {
		v, err := strconv.ParseFloat(res, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return Malformed(BrainVision, map[string]any{"channel": c.label, "resolution": res}, "the resolution of channel %s is %q", c.label, res)
		}
		c.gain = v
	}
	unit := strings.TrimSpace(f[3])
	if unit == "" {
		unit = Microvolt
	}
	u, factor := ToMicrovolt(unit)
	c.unit = u
	c.gain *= factor
	return nil
}

func (h *brainVisionHeader) readSamples(r io.ReaderAt, size int64, rec *Recording) error {
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
		return Unsupported(BrainVision, map[string]any{"binary_format": h.sample}, "samples written as %q are not read", h.sample)
	}
	columns := len(h.channels)
	if h.trigger {
		if undeclared := int64(width * (columns + 1)); size%undeclared == 0 || size%int64(width*columns) != 0 {
			h.channels = append(h.channels, brainVisionChannel{label: "Trigger", gain: 1})
		} else {
			rec.Warnf("the header is of a V-Amp, whose files have a trigger column behind the channels; %d bytes hold none", size)
			h.trigger = false
		}
	}
	frame := int64(width * len(h.channels))
	n := size / frame
	if n == 0 {
		return Malformed(BrainVision, map[string]any{"bytes": size, "bytes_per_sample": frame}, "the data file holds no sample of all channels")
	}
	if extra := size - n*frame; extra > 0 {
		rec.Warnf("%d bytes after the last sample were ignored", extra)
	}
	for _, c := range h.channels {
		rec.Channels = append(rec.Channels, Channel{Label: c.label, Unit: c.unit, Rate: 1e6 / h.interval, Samples: make([]float64, n)})
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
				if err := ReadFull(r, buf[:m*width], at, BrainVision, "samples"); err != nil {
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
		if err := ReadFull(r, buf[:m*frame], done*frame, BrainVision, "samples"); err != nil {
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

// readBrainVisionMarkers reads "Mk1=type,description,position,size,channel[,date]". Positions count from 1.
func readBrainVisionMarkers(r io.Reader, rate float64, rec *Recording) error {
	bad, segments := 0, 0
	err := ini(r, func(section, key, value string) error {
		if section != "marker infos" || !strings.HasPrefix(strings.ToLower(key), "mk") {
			return nil
		}
		f := strings.Split(value, ",")
		if len(f) < 3 || len(rec.Annotations) >= MostEvents {
			bad++
			return nil
		}
		unescape := func(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), `\1`, ",") }
		kind, description := unescape(f[0]), unescape(f[1])
		position, err := strconv.ParseFloat(strings.TrimSpace(f[2]), 64)
		if err != nil || math.IsNaN(position) || math.IsInf(position, 0) {
			bad++
			return nil
		}
		if kind == "New Segment" {
			segments++
			if segments == 1 {
				if len(f) >= 6 {
					rec.StartTime = brainVisionTime(strings.TrimSpace(f[5]))
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
		rec.Annotations = append(rec.Annotations, Annotation{Onset: max(0, position-1) / rate, Duration: length / rate, Label: label})
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

// brainVisionTime reads "YYYYMMDDhhmmssuuuuuu".
func brainVisionTime(s string) time.Time {
	if len(s) != 20 {
		return time.Time{}
	}
	t, err := time.Parse("20060102150405.000000", s[:14]+"."+s[14:])
	if err != nil {
		return time.Time{}
	}
	return t
}
