package eeglab

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

func chars(s string) []byte {
	var b []byte
	for _, r := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(r))
	}
	return matrix(classChar, []int{1, len(s)}, element(miUint16, b))
}

func scalar(v float64) []byte {
	return matrix(classDouble, []int{1, 1}, element(miDouble, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))))
}

// field is a field of a data set.
type field struct {
	name  string
	value []byte
}

// ofStruct is a data set as one variable, as EEGLAB has saved it for long; ofVariables as its newer versions do.
func ofStruct(fields ...field) []byte {
	var names []string
	var values [][]byte
	for _, f := range fields {
		names, values = append(names, f.name), append(values, f.value)
	}
	return file(variable(classStruct, "EEG", []int{1, 1}, structBody(names, values...)...))
}

func ofVariables(fields ...field) []byte {
	var list [][]byte
	for _, f := range fields {
		// The name stands behind flags (16 bytes) and dimensions (16), and is empty there.
		b := f.value[tagSize:]
		name := element(miInt8, []byte(f.name))
		list = append(list, element(miMatrix, slices.Concat(b[:32], name, b[40:])))
	}
	return file(list...)
}

// packed is a file with its variables compressed, as MATLAB saves them.
func packed(t testing.TB, file []byte) []byte {
	t.Helper()
	out := slices.Clone(file[:headerSize])
	for rest := file[headerSize:]; len(rest) > 0; {
		n := tagSize + binary.LittleEndian.Uint32(rest[4:])
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		if _, err := z.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		out = binary.LittleEndian.AppendUint32(out, miCompressed)
		out = binary.LittleEndian.AppendUint32(out, uint32(b.Len())) // it is not padded
		out = append(out, b.Bytes()...)
		rest = rest[n:]
	}
	return out
}

// wave is the sample of a channel.
func wave(channel, sample int) float32 { return float32(100*(channel+1)) + float32(sample)/4 }

func wavesOf(channels, samples int) []byte {
	var b []byte
	for i := range samples {
		for c := range channels {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(wave(c, i)))
		}
	}
	return b
}

// set are the fields of a data set of 3 channels and 100 samples at 250 Hz; data are its samples, or where they are.
func set(data []byte) []field {
	return []field{
		{"setname", chars("trial")}, {"nbchan", scalar(3)}, {"trials", scalar(1)}, {"pnts", scalar(100)}, {"srate", scalar(250)},
		{"times", matrix(classDouble, []int{1, 100}, element(miDouble, make([]byte, 800)))}, {"data", data},
		{"chanlocs", structure([]int{1, 3}, []string{"theta", "labels", "type"},
			scalar(1), chars("C3"), chars("EEG"), scalar(2), chars("Cz"), matrix(classDouble, []int{0, 0}, element(miDouble, nil)), scalar(3), chars("E3"), chars("EOG"))},
		{"event", structure([]int{1, 4}, []string{"type", "latency", "duration", "urevent"},
			chars("left"), scalar(26), scalar(5), scalar(1), scalar(7), scalar(51.5), scalar(0), scalar(2),
			chars("boundary"), scalar(60.5), scalar(500), scalar(3), chars("lost"), scalar(1e9), scalar(0), scalar(4))},
		{"history", chars("pop_loadset")},
	}
}

func inline() []byte {
	return matrix(classSingle, []int{3, 100}, element(miSingle, wavesOf(3, 100)))
}

func check(t *testing.T, what string, rec *recording.Recording, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if got := rec.Labels(); !slices.Equal(got, []string{"C3", "Cz", "E3"}) || rec.Channels[2].Kind != recording.EOG || rec.Channels[0].Kind != recording.EEG {
		t.Errorf("%s: channels %v, %v", what, got, rec.Channels[2].Kind)
	}
	for c := range rec.Channels {
		ch := &rec.Channels[c]
		if ch.Rate != 250 || ch.Unit != recording.Microvolt || len(ch.Samples) != 100 {
			t.Errorf("%s: %s at %g Hz in %q, %d samples", what, ch.Label, ch.Rate, ch.Unit, len(ch.Samples))
			return
		}
		for i, v := range ch.Samples {
			if v != float64(wave(c, i)) {
				t.Errorf("%s: %s sample %d is %g", what, ch.Label, i, v)
				return
			}
		}
	}
	want := []eeg.Event{{Onset: 0.1, Label: "left"}, {Onset: 50.5 / 250, Code: 7, Label: "7"}}
	if !slices.Equal(rec.Events, want) || rec.Annotations[0].Duration != 5./250 {
		t.Errorf("%s: events %+v", what, rec.Events)
	}
	if !slices.Equal(rec.Gaps, []recording.Gap{{At: 60. / 250, Length: 2}}) {
		t.Errorf("%s: gaps %+v", what, rec.Gaps)
	}
	if !slices.ContainsFunc(rec.Warnings, func(w string) bool { return strings.HasPrefix(w, "1 events lie at no sample") }) {
		t.Errorf("%s: warnings %q", what, rec.Warnings)
	}
}

func opened(b []byte) (*recording.Recording, error) {
	return Reader.Read("x.set", bytes.NewReader(b), int64(len(b)))
}

// TestDataSets reads one data set in every form that it is saved in.
func TestDataSets(t *testing.T) {
	t.Parallel()
	doubles, counts := []byte(nil), []byte(nil)
	for i := range 100 {
		for c := range 3 {
			doubles = binary.LittleEndian.AppendUint64(doubles, math.Float64bits(float64(wave(c, i))))
			counts = append(counts, byte(c+i))
		}
	}
	for what, b := range map[string][]byte{
		"a structure":      ofStruct(set(inline())...),
		"variables":        ofVariables(set(inline())...),
		"packed":           packed(t, ofStruct(set(inline())...)),
		"packed variables": packed(t, ofVariables(set(inline())...)),
		"doubles":          ofStruct(set(matrix(classDouble, []int{3, 100}, element(miDouble, doubles)))...),
	} {
		rec, err := opened(b)
		check(t, what, rec, err)
	}
	// MATLAB saves whole numbers in as few bytes as they need.
	rec, err := opened(ofStruct(set(matrix(classDouble, []int{3, 100}, element(miUint8, counts)))...))
	if err != nil || rec.Channels[1].Samples[99] != 100 {
		t.Errorf("counts: %v", err)
	}
}

// TestTwoFiles reads a data set whose samples lie beside it, by either file, also where they were renamed.
func TestTwoFiles(t *testing.T) {
	t.Parallel()
	set := ofStruct(set(chars("x.fdt"))...)
	fsys := fstest.MapFS{"S1/x.set": {Data: set}, "S1/x.fdt": {Data: wavesOf(3, 100)}, "y.set": {Data: set}, "y.fdt": {Data: wavesOf(3, 100)},
		"alone.set": {Data: set}, "short.set": {Data: set}, "short.fdt": {Data: wavesOf(3, 100)[:3*4*50+5]}}
	for _, name := range []string{"S1/x.set", "S1/x.fdt", "y.set"} {
		rec, mine, err := files(fsys, name)
		if !mine {
			t.Errorf("%s is not taken", name)
			continue
		}
		check(t, name, rec, err)
		if renamed := slices.ContainsFunc(rec.Warnings, func(w string) bool { return strings.Contains(w, "y.fdt was read") }); renamed != (name == "y.set") {
			t.Errorf("%s: warnings %q", name, rec.Warnings)
		}
	}
	if rec, _, err := files(fsys, "short.set"); err != nil || len(rec.Channels[0].Samples) != 50 || len(rec.Warnings) == 0 {
		t.Errorf("cut samples: %v", err)
	}
	if _, _, err := files(fsys, "alone.set"); codeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), "x.fdt is missing") {
		t.Errorf("without samples: %v", err)
	}
	if _, err := opened(set); codeOf(err) != decoders.CodeUnsupportedFormat || !strings.Contains(err.Error(), `"x.fdt"`) {
		t.Errorf("a header alone: %v", err)
	}
}

// TestRefusals: what is not read is refused with the reason.
func TestRefusals(t *testing.T) {
	t.Parallel()
	with := func(name string, value []byte) []byte {
		fields := set(inline())
		for i := range fields {
			if fields[i].name == name {
				fields[i].value = value
			}
		}
		return ofStruct(fields...)
	}
	for what, tt := range map[string]struct {
		file []byte
		code string
		says string
	}{
		"epochs":             {with("trials", scalar(40)), decoders.CodeUnsupportedFormat, "cut into 40 epochs"},
		"epochs in the data": {with("data", matrix(classSingle, []int{3, 50, 2}, element(miSingle, wavesOf(3, 100)))), decoders.CodeUnsupportedFormat, "cut into epochs"},
		"no rate":            {with("srate", scalar(0)), decoders.CodePayloadMalformed, "srate is 0"},
		"other rows":         {with("nbchan", scalar(4)), decoders.CodePayloadMalformed, "nbchan is 4 and data has 3 rows"},
		"no samples":         {with("data", matrix(classSingle, []int{0, 0}, element(miSingle, nil))), decoders.CodePayloadMalformed, "no samples"},
		"fewer bytes":        {with("data", matrix(classSingle, []int{3, 101}, element(miSingle, wavesOf(3, 100)))), decoders.CodePayloadMalformed, "303 values"},
		"transposed":         {with("data", chars("x.dat")), decoders.CodeUnsupportedFormat, "x.dat"},
		"another file":       {file(variable(classDouble, "x", []int{1, 1}, element(miDouble, make([]byte, 8)))), decoders.CodeUnsupportedFormat, "no data set of EEGLAB"},
		"nothing":            {file(), decoders.CodeUnsupportedFormat, "no data set of EEGLAB"},
	} {
		_, err := opened(tt.file)
		if codeOf(err) != tt.code || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func codeOf(err error) string {
	if e, ok := err.(*decoders.Error); ok {
		return e.Code
	}
	return ""
}
