package recording_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
)

// Variants of files that people have, as reports of faults describe them; made here.

// mean of a channel, and how many of its samples are NaN.
func meanOf(c *recording.Channel) (mean float64, missing int) {
	for _, v := range c.Samples {
		if math.IsNaN(v) {
			missing++
		} else {
			mean += v
		}
	}
	return mean / float64(len(c.Samples)-missing), missing
}

func eegNames(rec *recording.Recording) string {
	var names []string
	for _, c := range rec.Channels {
		if c.Kind == recording.EEG {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, " ")
}

func warned(rec *recording.Recording, word string) bool {
	return strings.Contains(strings.Join(rec.Warnings, "\n"), word)
}

// Channels of 100, 200, ... 800 µV, with points or commas.
func openBCIDecimals(separator, comma string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%%OpenBCI Raw EEG Data\n%%Number of channels = 8\n%%Sample Rate = 250%s0 Hz\n", comma)
	for i := range 300 {
		row := []string{fmt.Sprint(i % 256)}
		for c := range 8 {
			row = append(row, strings.Replace(fmt.Sprintf("%d.%02d", 100*(c+1), i%100), ".", comma, 1))
		}
		b.WriteString(strings.Join(row, separator) + strings.Repeat(separator+"0"+comma+"000", 3) + fmt.Sprintf("%s12:00:%02d.%03d\n", separator, i/250, i*4%1000))
	}
	return b.String()
}

func TestDecimalCommas(t *testing.T) {
	t.Parallel()
	utf16le := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return string(b)
	}
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, content := range map[string]string{
		"points":               openBCIDecimals(", ", "."),
		"points without space": openBCIDecimals(",", "."),
		"comma and space":      openBCIDecimals(", ", ","),
		"semicolons":           openBCIDecimals(";", ","),
		"tabs":                 openBCIDecimals("\t", ","),
		"CRLF":                 crlf(openBCIDecimals(", ", ",")),
		"UTF-16":               utf16le(crlf(openBCIDecimals(", ", ","))),
		"byte order mark":      "\ufeff" + openBCIDecimals("; ", ","),
	} {
		rec, err := open("x.txt", content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if rec.Format != recording.OpenBCI || rec.Channels[0].Rate != 250 || len(rec.Gaps) != 0 || len(rec.Channels[0].Samples) != 300 {
			t.Errorf("%s: %s at %g Hz, gaps %v, warnings %q", name, rec.Format, rec.Channels[0].Rate, rec.Gaps, rec.Warnings)
		}
		for i := range 8 {
			if mean, _ := meanOf(&rec.Channels[i]); math.Abs(mean-float64(100*(i+1))) > 1 {
				t.Errorf("%s: channel %d is near %g µV", name, i+1, mean)
			}
		}
	}
	// Between bare commas nobody can tell; the line is named.
	for name, content := range map[string]string{
		"OpenBCI": openBCIDecimals(",", ","),
		"table":   "C3,C4\n1,50,2,05\n1,70,2,15\n",
		"numbers": "1,50,2,05\n1,70,2,15\n",
		"column":  "12,05\n13,70\n",
	} {
		if _, err := open("x.txt", content); codeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), "line") {
			t.Errorf("%s with commas between commas: %v", name, err)
		}
	}
	for name, content := range map[string]string{
		"semicolons":    "C3;C4\n1,5;-2,25\n3,5;-4,75\n",
		"tabs, no name": "1,5\t-2,25\n3,5\t-4,75\n",
		"spaces":        "1,5 -2,25\n3,5 -4,75\n",
		"quotes":        "\"C3\",\"C4\"\n\"1,5\",\"-2,25\"\n\"3,5\",\"-4,75\"\n",
	} {
		rec, err := open("x.csv", content)
		if err != nil || len(rec.Channels) != 2 || !slices.Equal(rec.Channels[0].Samples, []float64{1.5, 3.5}) || !slices.Equal(rec.Channels[1].Samples, []float64{-2.25, -4.75}) {
			t.Errorf("table with %s: %v, %v", name, rec, err)
		}
	}
}

// A table's columns of time, counters, batteries and markers are no EEG.
func TestColumnsThatAreNoSignal(t *testing.T) {
	t.Parallel()
	rows := func(n int, f func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i) + "\n")
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, content, eeg string
		rate               float64
		events             int
	}{
		{"time in s", "time,ch1,ch2,ch3,ch4\n" + rows(1000, func(i int) string { return fmt.Sprintf("%.4f,1,2,3,%d", float64(i)*0.004, i%7) }), "ch1 ch2 ch3 ch4", 250, 0},
		{"time in ms", "Time (ms);C3;C4\n" + rows(500, func(i int) string { return fmt.Sprintf("%d;1;%d", i*2, i%7) }), "C3 C4", 500, 0},
		{"no names, time in s", rows(500, func(i int) string { return fmt.Sprintf("%.6f %d %d", float64(i)/256, i%7, i%5) }), "Ch1 Ch2", 256, 0},
		{"a counter and a label", "sample,C3,C4,label\n" + rows(400, func(i int) string { return fmt.Sprintf("%d,%d,2,%d", i, i%9, i/100%2*7) }), "C3 C4", 0, 0},
		{"a time and a label", "t,C3,C4,label\n" + rows(400, func(i int) string { return fmt.Sprintf("%.3f,%d,2,%d", float64(i)/100, i%9, i/100%2*7) }), "C3 C4", 100, 2},
		{"EmotivPRO without its first line", "Timestamp,OriginalTimestamp,EEG.Counter,EEG.Interpolated,EEG.AF3,EEG.F7,EEG.F8,EEG.AF4,EEG.RawCq,EEG.Battery,EEG.BatteryPercent,MarkerIndex,MarkerType,MarkerValueInt,EEG.MarkerHardware\n" +
			rows(768, func(i int) string {
				return fmt.Sprintf("%.4f,%.4f,%d,0,4199.%d,4200,4201,4202,0,4,80,,,,0", float64(i)/128, float64(i)/128, i%128, i%9)
			}), "AF3 F7 F8 AF4", 128, 0},
		{"EmotivPRO with its first line", "title:x,start timestamp:1650000000.5,stop timestamp:1650000010,headset type:EPOCX,channels:14,sampling rate:eeg_128;mot_64\nTimestamp,EEG.Counter,EEG.AF3,EEG.AF4,CQ.AF3,CQ.Overall,MarkerValueInt\n" +
			rows(300, func(i int) string {
				return fmt.Sprintf("%.6f,%d,4199.%d,4202,4,100,%s", 1650000000.5+float64(i)/128, i%128, i%9, map[bool]string{true: "5"}[i == 128])
			}), "AF3 AF4", 128, 1},
		{"BrainFlow, Cyton", rows(500, func(i int) string {
			return fmt.Sprintf("%d.0\t%d.5\t2\t3\t4\t5\t6\t7\t8\t0.01\t0.02\t0.98%s\t%.6f\t%d.0", i%256, i%9, strings.Repeat("\t0.0", 10), 1.7e9+float64(i)*0.004, map[bool]int{true: 3}[i == 250])
		}), "EXG Channel 0 EXG Channel 1 EXG Channel 2 EXG Channel 3 EXG Channel 4 EXG Channel 5 EXG Channel 6 EXG Channel 7", 250, 1},
	} {
		rec, err := open("x.csv", tt.content)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := eegNames(rec); got != tt.eeg || rec.Channels[0].Rate != tt.rate || len(rec.Events) != tt.events || len(rec.Gaps) != 0 {
			t.Errorf("%s: EEG is %q at %g Hz, events %v, gaps %v, warnings %q", tt.name, got, rec.Channels[0].Rate, rec.Events, rec.Gaps, rec.Warnings)
		}
		if tt.rate > 0 && tt.events > 0 && math.Abs(rec.Events[0].Onset-1) > 1e-9 {
			t.Errorf("%s: events %v", tt.name, rec.Events)
		}
	}
}

// One word in a row costs its cell, not the row.
func TestWordsInRows(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0\n")
	for i := range 1000 {
		mark, aux := "0", "0"
		if i == 300 || i == 600 {
			mark = "target"
		}
		if i == 450 {
			aux = "off"
		}
		fmt.Fprintf(&b, "%.4f,1,2,3,4,%s,%s\n", 1.7e9+float64(i)/256, aux, mark)
	}
	rec, err := open("x.csv", b.String())
	if err != nil || len(rec.Channels[0].Samples) != 1000 || len(rec.Gaps) != 0 {
		t.Fatalf("%v: %v", rec, err)
	}
	for i, row := range []int{300, 600} {
		if len(rec.Events) != 2 || rec.Events[i].Label != "target" || math.Abs(rec.Events[i].Onset-float64(row)/256) > 1e-9 {
			t.Errorf("events %+v", rec.Events)
		}
	}
	if !math.IsNaN(rec.Channels[4].Samples[450]) || !warned(rec, `column 6 (Right AUX) are no numbers and were left out, the first is "off" in line 452`) {
		t.Errorf("warnings %q", rec.Warnings)
	}
}

// float32s is a multiplexed buffer.
func float32s(n int, row func(i int) []float64) []byte {
	var b []byte
	for i := range n {
		for _, v := range row(i) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}
	}
	return b
}

func TestBrainVisionVariants(t *testing.T) {
	t.Parallel()
	header := func(first, data string) []byte {
		return fmt.Appendf(nil, "%s\n\n[Common Infos]\nDataFile=%s\nMarkerFile=x.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=3\nSamplingInterval=4000\n\n[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n\n[Channel Infos]\nCh1=Oz,,1,µV\nCh2=O1,,1,µV\nCh3=O2,,1,µV\n", first, data)
	}
	markers := []byte("Brain Vision Data Exchange Marker File, Version 1.0\n[Marker Infos]\nMk1=New Segment,,1,1,0,20200101120000000000\nMk2=Stimulus,S  1,501,1,0\n")
	three := float32s(1000, func(i int) []float64 { return []float64{100, 200, 300} })
	four := float32s(1000, func(i int) []float64 {
		return []float64{100, 200, 300, float64(map[bool]int{true: 5}[i >= 500 && i < 510])}
	})
	usual := "Brain Vision Data Exchange Header File Version 1.0"
	for _, tt := range []struct {
		name, file, first, data string
		eeg                     []byte
		events                  int
		warning                 string
	}{
		{"beside the header", "x.vhdr", usual, "./x.eeg", three, 1, ""},
		{"as Windows writes it", "x.vhdr", usual, `.\x.eeg`, three, 1, ""},
		{"V-Amp", "x.ahdr", "Brain Vision V-Amp Data Header File Version 1.0", "x.eeg", four, 2, "not declared"},
		{"V-Amp without the column", "x.ahdr", "Brain Vision V-Amp Data Header File Version 1.0", "x.eeg", three[:3*4*333], 1, ""},
	} {
		files := fstest.MapFS{tt.file: {Data: header(tt.first, tt.data)}, "x.eeg": {Data: tt.eeg}, "x.vmrk": {Data: markers}}
		rec, err := recording.OpenFS(files, tt.file)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for i, want := range []float64{100, 200, 300} {
			if mean, _ := meanOf(&rec.Channels[i]); mean != want {
				t.Errorf("%s: %s is %g µV", tt.name, rec.Channels[i].Label, mean)
			}
		}
		if len(rec.Events) != tt.events || !warned(rec, tt.warning) || eegNames(rec) != "Oz O1 O2" {
			t.Errorf("%s: events %v, EEG %s, warnings %q", tt.name, rec.Events, eegNames(rec), rec.Warnings)
		}
		if strings.HasSuffix(tt.name, "V-Amp") && rec.Events[0].Code != 5 {
			t.Errorf("%s: events %v", tt.name, rec.Events)
		}
	}
}

// A status channel with the waveforms' calibration, and codes that were shifted into 16 bits.
func TestEDFStatusWithAGain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status  edfSignal
		code    func(int) int
		warning string
	}{
		"copied":  {edfSignal{label: "Status", unit: "uV", pmin: "-3276.8", pmax: "3276.7", dmin: "-32768", dmax: "32767", samples: "1000"}, func(c int) int { return c }, "read as they are stored"},
		"plain":   {edfSignal{label: "Status", pmin: "-32768", pmax: "32767", dmin: "-32768", dmax: "32767", samples: "1000"}, func(c int) int { return c }, ""},
		"shifted": {edfSignal{label: "Status", pmin: "0", pmax: "65535", dmin: "-32768", dmax: "32767", samples: "1000"}, func(c int) int { return c - 32768 }, ""},
	} {
		codes := make([]int, 1000)
		for i := range codes {
			codes[i] = tt.code(0)
		}
		for code, at := range map[int]int{1: 100, 2: 300, 3: 600, 4: 900} {
			for k := range 10 {
				codes[at+k] = tt.code(code)
			}
		}
		rec, err := readEDF(edfFile{records: "1", duration: "10", signals: []edfSignal{{unit: "uV", samples: "1000"}, tt.status},
			data: append(int16s(make([]int, 1000)...), int16s(codes...)...)}.bytes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(rec.Events) != 4 || !warned(rec, tt.warning) {
			t.Errorf("%s: events %v, warnings %q", name, rec.Events, rec.Warnings)
			continue
		}
		for i, at := range []float64{1, 3, 6, 9} {
			if rec.Events[i].Code != i+1 || math.Abs(rec.Events[i].Onset-at) > 1e-9 {
				t.Errorf("%s: event %+v", name, rec.Events[i])
			}
		}
	}
}

// Digital values beyond the range of the header are overflows: NaN in GDF, a warning in EDF.
func TestSamplesOutsideTheDigitalRange(t *testing.T) {
	t.Parallel()
	gdf := gdfFile{version: "GDF 1.25", records: 1, channels: []gdfChannel{{label: "C3", unit: "mV", spr: 8, typ: 4}, {label: "C4", unit: "mV", spr: 8, typ: 4}},
		data: append(int16s(0, 512, 1023, 5, 6, 7, 8, 9), int16s(0, 512, 1023, 65000, 1024, 7, 8, 9)...)}
	for i := range gdf.channels {
		gdf.channels[i].pmin, gdf.channels[i].pmax, gdf.channels[i].dmin, gdf.channels[i].dmax = -5, 5, 0, 1023
	}
	rec, err := readGDF(gdf.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, missing := meanOf(&rec.Channels[0]); missing != 0 {
		t.Errorf("C3 lacks %d samples", missing)
	}
	c4 := rec.Channels[1].Samples
	if _, missing := meanOf(&rec.Channels[1]); missing != 2 || !math.IsNaN(c4[3]) || !math.IsNaN(c4[4]) || c4[2] != 5000 {
		t.Errorf("C4 is %v", c4)
	}
	if !warned(rec, "channel C4: 2 samples lie outside the digital range") || !warned(rec, "the first is sample 3") {
		t.Errorf("warnings %q", rec.Warnings)
	}
	edf, err := readEDF(edfFile{records: "1", signals: []edfSignal{{label: "Cz", unit: "uV", dmin: "-100", dmax: "100"}}, data: int16s(1, 100, -100, 30000)}.bytes())
	if err != nil || !warned(edf, "channel Cz: 1 samples lie outside the digital range") || edf.Channels[0].Samples[3] != 30000 {
		t.Errorf("%v, %v", edf, err)
	}
}

// Markers that claim a rate, numbers that are no markers, streams of other types.
func TestXDFStreamsOfOtherKinds(t *testing.T) {
	t.Parallel()
	value := func(i int) []byte { return []byte{byte(i)} }
	int32s := func(codes ...int) func(i int) []byte {
		return func(i int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(codes[i])) }
	}
	for _, tt := range []struct {
		name    string
		add     func(f *xdfFile)
		events  string
		warning string
	}{
		{"integers with a rate", func(f *xdfFile) {
			f.header(2, "Trig", "Markers", "int32", 1, 10000)
			f.samples(2, []float64{0.5, 1, 1.75, 2.5, 3, 3.5}, int32s(1, 2, 3, 4, 1, 2))
		}, "1@0.5 2@1 3@1.75 4@2.5 1@3 2@3.5", ""},
		{"integers with a rate and zeros", func(f *xdfFile) {
			f.header(2, "Trig", "Stim", "int32", 1, 100)
			f.samples(2, []float64{0.5, 0.51, 2, 2.01}, int32s(7, 0, 7, 0))
		}, "7@0.5 7@2", ""},
		{"a trigger channel at a rate", func(f *xdfFile) {
			codes := make([]int, 400)
			for i := range 20 {
				codes[100+i], codes[300+i] = 4, 5
			}
			f.header(2, "Trig", "Trigger", "int32", 1, 100)
			f.samples(2, ramp(400, 0, 100), int32s(codes...))
		}, "4@1 5@3", ""},
		{"a heart rate", func(f *xdfFile) {
			f.header(2, "HeartRate", "HR", "float32", 1, 0)
			f.samples(2, []float64{1, 2, 3}, func(int) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(61.5)) })
			f.header(3, "m", "Markers", "string", 1, 0)
			f.samples(3, []float64{1.5}, marker("left"))
		}, "left@1.5", "HeartRate"},
	} {
		f := newXDF()
		f.header(1, "amp", "EEG", "int8", 1, 100, "Cz")
		f.samples(1, ramp(400, 0, 100), value)
		tt.add(f)
		rec, err := readXDF(f)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, e := range rec.Events {
			name := e.Label
			if name == "" {
				name = fmt.Sprint(e.Code)
			}
			got = append(got, fmt.Sprintf("%s@%.4g", name, e.Onset))
		}
		if strings.Join(got, " ") != tt.events || len(rec.Channels) != 1 || !warned(rec, tt.warning) {
			t.Errorf("%s: events %v, channels %v, warnings %q", tt.name, got, rec.Labels(), rec.Warnings)
		}
	}
	for _, typ := range []string{"Signal", "", "ExG", "something with electrodes"} {
		f := newXDF()
		f.header(1, "EEGdev", typ, "int8", 3, 100, "C3", "Cz", "C4")
		f.samples(1, ramp(400, 0, 100), func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 3) })
		if rec, err := readXDF(f); err != nil || eegNames(rec) != "C3 Cz C4" || !warned(rec, "taken for EEG") {
			t.Errorf("type %q: %v, %v", typ, rec, err)
		}
	}
}

// A ZIP archive is imported where it holds one recording, BrainVision's files together.
func TestArchiveOfOneRecording(t *testing.T) {
	t.Parallel()
	header := fmt.Sprintf(vhdr, "MULTIPLEXED", "INT_16")
	edf := string(edfFile{signals: []edfSignal{{unit: "uV"}}, data: int16s(1, 2, 3, 4, 5, 6, 7, 8)}.bytes())
	samples := make([]int, 2*500)
	for i := range samples {
		samples[i] = i
	}
	eeg := string(int16s(samples...))
	markers := "[Marker Infos]\nMk1=New Segment,,1,1,0,20240909105744613000\nMk2=Stimulus,S  7,251,1,0\nMk3=Stimulus,S  8,400,25,0\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		code  string // of the refusal
		word  string
	}{
		{"BrainVision", map[string]string{"S1/x.vhdr": header, "S1/x.eeg": eeg, "S1/x.vmrk": markers, "S1/README.txt": "none"}, "", ""},
		{"EDF with a note", map[string]string{"x.edf": edf, "notes.txt": "nothing of interest"}, "", ""},
		{"two recordings", map[string]string{"x.edf": edf, "y.edf": edf}, decoders.CodeUnsupportedFormat, "holds 2 recordings"},
		{"no recording", map[string]string{"notes.md": "nothing at all"}, decoders.CodeUnsupportedFormat, "no recording"},
		{"without its samples", map[string]string{"x.vhdr": header}, decoders.CodePayloadMalformed, "x.eeg is missing"},
		{"a bomb", map[string]string{"x.txt": strings.Repeat("1\n", 4<<20)}, decoders.CodePayloadMalformed, "unpacks to more"},
	} {
		file := zipped(t, tt.files)
		rec, plan, err := recording.Survey("x.zip", bytes.NewReader(file))
		if tt.code != "" {
			if codeOf(err) != tt.code || !strings.Contains(err.Error(), tt.word) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		s, err := recording.OpenStream(plan, bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var b recording.Block
		n, notes := 0, []recording.Annotation{}
		for s.Next(&b) == nil {
			n += len(b.Samples[0])
			notes = append(notes, b.Annotations...)
			if len(b.Events) > 0 {
				t.Errorf("%s: events that are annotations already: %v", tt.name, b.Events)
			}
		}
		want, marks := 8, 0
		if tt.name == "BrainVision" {
			want, marks = 500, 2
		}
		if n != want || len(notes) != marks || len(rec.Channels) == 0 || rec.Channels[0].Samples != nil {
			t.Errorf("%s: %d samples, annotations %v", tt.name, n, notes)
		}
		if marks > 0 && (math.Abs(notes[0].Onset-1) > 1e-9 || notes[1].Duration != 0.1 || notes[0].Code() != 7) {
			t.Errorf("%s: annotations %+v", tt.name, notes)
		}
	}
}
