// Package eeglab reads the data sets of EEGLAB: a MATLAB file (.set) that holds the samples or names the file (.fdt) that does.
//
// Sources: "EEGLAB data structures" (https://eeglab.org/tutorials/ConceptsGuide/Data_Structures.html) for what the fields mean;
// "MAT-File Format", The MathWorks, R2022a, for levels 5 and 7. Level 7.3 is HDF5 and not read.
package eeglab

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/neurod/neurod/decoders/recording"
)

// EEGLAB is the format of EEGLAB's data sets.
const EEGLAB recording.Format = "EEGLAB"

// matlab is a MATLAB file that holds no data set.
const matlab recording.Format = "MATLAB"

// Reader reads continuous data sets, in one file or two.
var Reader = recording.Reader{
	Formats: []recording.Format{EEGLAB}, Names: []string{"EEGLAB"},
	Extensions: []string{".set"}, Parts: []string{".fdt"}, MediaTypes: []string{"application/x-matlab-data"},
	Sniff: recording.Prefix(EEGLAB, magic), Whole: whole, Inspect: inspect, Open: open, Files: files,
	Alone:   "the samples of an EEGLAB data set cannot be read without its .set file",
	Example: func(recording.Format) (string, []byte) { return "example.set", example() },
}

var inspect, open = recording.Held(EEGLAB, whole)

// dataset is what a .set says.
type dataset struct {
	found    bool // it has a rate, which no other file of MATLAB has under this name
	channels float64
	trials   float64
	points   float64
	rate     float64
	dataFile string      // in which the samples are; "" where they are here
	samples  [][]float64 // channels × samples
	places   []place
	events   []event
	dropped  int // events beyond what is kept
}

// place is a channel's name, and what it measures.
type place struct{ label, kind string }

// event is a row of EEG.event: samples count from 1, fractions between them.
type event struct {
	kind              string
	latency, duration float64
}

// boundary is the type of the event that EEGLAB puts where samples were cut out.
const boundary = "boundary"

func whole(src *recording.Source, _ io.ReaderAt, _ string) (*recording.Recording, error) {
	d, err := read(src)
	if err != nil {
		return nil, err
	}
	if d.samples == nil {
		return nil, recording.Unsupported(EEGLAB, map[string]any{"data_file": d.dataFile},
			"the samples of the data set are in the file %q: it is needed too, for an import both in one ZIP archive", d.dataFile)
	}
	return d.recording(nil)
}

// read reads the data set of a MATLAB file.
func read(src *recording.Source) (*dataset, error) {
	d := &dataset{channels: math.NaN(), trials: 1, points: math.NaN(), rate: math.NaN()}
	err := readMAT(src, func(m *mat, name string, a array) error {
		if a.class == classStruct || a.class == classObject {
			if name == "EEG" {
				if n := a.count(); n != 1 {
					return recording.Unsupported(EEGLAB, map[string]any{"data_sets": n}, "the file holds %d data sets; save one", n)
				}
				return m.structs(a, func(_ int64, field string, a array) error { return d.field(m, field, a) })
			}
		}
		return d.field(m, name, a) // newer versions save the fields as variables of their own
	})
	if err != nil {
		return nil, err
	}
	if !d.found {
		return nil, recording.Unsupported(matlab, nil, "the MATLAB file holds no data set of EEGLAB; other MATLAB files are not supported: they state neither rate nor units in a standard way")
	}
	return d, d.check()
}

// field takes a field of the data set, and leaves those alone that are not needed.
func (d *dataset) field(m *mat, name string, a array) (err error) {
	switch name {
	case "nbchan":
		d.channels, err = m.number(a)
	case "trials":
		d.trials, err = m.number(a)
	case "pnts":
		d.points, err = m.number(a)
	case "srate":
		d.rate, err = m.number(a)
		d.found = true
	case "data":
		if a.class == classChar {
			d.dataFile, err = m.text(a)
			return err
		}
		d.samples, err = m.samples(a)
	case "chanlocs":
		err = m.structs(a, func(i int64, field string, a array) (err error) {
			if i >= recording.MostColumns || field != "labels" && field != "type" {
				return nil
			}
			for int64(len(d.places)) <= i {
				d.places = append(d.places, place{})
			}
			p := &d.places[i]
			if field == "labels" {
				p.label, err = m.label(a)
			} else {
				p.kind, err = m.label(a)
			}
			return err
		})
	case "event":
		err = m.structs(a, func(i int64, field string, a array) (err error) {
			if i >= recording.MostEvents {
				d.dropped = int(min(i+1-recording.MostEvents, math.MaxInt32))
				return nil
			}
			for int64(len(d.events)) <= i {
				d.events = append(d.events, event{latency: math.NaN()})
			}
			e := &d.events[i]
			switch field {
			case "type":
				e.kind, err = m.label(a)
			case "latency":
				e.latency, err = m.number(a)
			case "duration":
				e.duration, err = m.number(a)
			}
			return err
		})
	}
	return err
}

// check refuses a data set that is none of continuous EEG.
func (d *dataset) check() error {
	whole := func(v float64) bool { return v >= 1 && v <= 1<<40 && v == math.Trunc(v) }
	switch {
	case !(d.rate > 0) || math.IsInf(d.rate, 0):
		return recording.Malformed(EEGLAB, map[string]any{"srate": strconv.FormatFloat(d.rate, 'g', -1, 64)}, "srate is %g", d.rate)
	case d.trials > 1:
		return recording.Unsupported(EEGLAB, map[string]any{"trials": d.trials, "samples_each": strconv.FormatFloat(d.points, 'g', -1, 64)},
			"the data set is cut into %g epochs; save the continuous one", d.trials)
	case d.samples == nil && d.dataFile == "":
		return recording.Malformed(EEGLAB, nil, "the data set has no samples")
	case d.samples == nil && (!whole(d.channels) || !whole(d.points)):
		return recording.Malformed(EEGLAB, nil, "nbchan and pnts are %g and %g", d.channels, d.points)
	case d.samples != nil && whole(d.channels) && int(d.channels) != len(d.samples):
		return recording.Malformed(EEGLAB, map[string]any{"nbchan": d.channels, "rows": len(d.samples)}, "nbchan is %g and data has %d rows", d.channels, len(d.samples))
	case d.samples == nil:
		return recording.CheckColumns(EEGLAB, int(min(d.channels, math.MaxInt32)))
	}
	return nil
}

// kinds are what chanlocs.type says of channels.
var kinds = map[string]recording.Kind{
	"eeg": recording.EEG, "eog": recording.EOG, "heog": recording.EOG, "veog": recording.EOG, "emg": recording.EMG, "ecg": recording.ECG, "ekg": recording.ECG,
	"stim": recording.Trigger, "trig": recording.Trigger, "acc": recording.Motion, "misc": recording.Other, "ref": recording.Other, "gsr": recording.Other, "resp": recording.Other,
}

// recording makes the recording of a data set. warnings come first.
func (d *dataset) recording(warnings []string) (*recording.Recording, error) {
	rec := &recording.Recording{Format: EEGLAB, Warnings: warnings}
	for i, samples := range d.samples {
		c := recording.Channel{Unit: recording.Microvolt, Rate: d.rate, Samples: samples} // EEGLAB keeps all in µV
		if i < len(d.places) {
			c.Label = strings.TrimSpace(d.places[i].label)
		}
		rec.Channels = append(rec.Channels, c)
	}
	if len(d.places) > 0 && len(d.places) != len(d.samples) {
		rec.Warnf("chanlocs names %d channels, and there are %d", len(d.places), len(d.samples))
	}
	d.mark(rec)
	rec.AddAnnotationEvents()
	rec.Finish()
	for i := range rec.Channels {
		if i >= len(d.places) {
			break
		}
		if kind, known := kinds[strings.ToLower(strings.TrimSpace(d.places[i].kind))]; known {
			rec.Channels[i].Kind = kind
		}
		if c := &rec.Channels[i]; c.Kind == recording.Trigger {
			c.Unit = ""
		}
	}
	return rec, nil
}

// mark gives the recording its annotations, and a gap where samples were cut out.
func (d *dataset) mark(rec *recording.Recording) {
	points := 0
	if len(d.samples) > 0 {
		points = len(d.samples[0])
	}
	lost, joined := 0, 0
	for _, e := range d.events {
		if !(e.latency >= 0.5) || e.latency > float64(points)+1 { // it may lie behind the last sample
			lost++
			continue
		}
		if !(e.duration > 0) || math.IsInf(e.duration, 0) {
			e.duration = 0
		}
		if e.kind != boundary {
			rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: max(0, e.latency-1) / d.rate, Duration: e.duration / d.rate, Label: e.kind})
			continue
		}
		// It lies between two samples.
		switch at := math.Floor(e.latency) / d.rate; {
		case at <= 0 || at >= float64(points)/d.rate:
		case e.duration == 0:
			joined++
		default:
			rec.Gaps = append(rec.Gaps, recording.Gap{At: at, Length: e.duration / d.rate})
		}
	}
	slices.SortStableFunc(rec.Gaps, func(a, b recording.Gap) int {
		if a.At < b.At {
			return -1
		}
		return 1
	})
	if joined > 0 {
		rec.Warnf("the recording was cut %d times, nobody knows for how long: the samples on both sides are adjacent", joined)
	}
	if lost > 0 {
		rec.Warnf("%d events lie at no sample and were left out", lost)
	}
	if d.dropped > 0 {
		rec.Warnf("only the first %d events were read", recording.MostEvents)
	}
}

// example is a small data set of two channels with an event.
func example() []byte {
	text := func(s string) []byte {
		var b []byte
		for _, r := range s {
			b = binary.LittleEndian.AppendUint16(b, uint16(r))
		}
		return matrix(classChar, []int{1, len(s)}, element(miUint16, b))
	}
	number := func(v float64) []byte {
		return matrix(classDouble, []int{1, 1}, element(miDouble, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))))
	}
	var data []byte
	for i := range 16 {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i)))
	}
	return file(variable(classStruct, "EEG", []int{1, 1}, structBody([]string{"srate", "nbchan", "pnts", "trials", "data", "chanlocs", "event"},
		number(250), number(2), number(8), number(1),
		matrix(classSingle, []int{2, 8}, element(miSingle, data)),
		structure([]int{1, 2}, []string{"labels"}, text("C3"), text("C4")),
		structure([]int{1, 1}, []string{"type", "latency"}, text("7"), number(3)))...))
}
