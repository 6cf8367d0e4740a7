package text_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/decoders/recording/text"
	"github.com/neurod/neurod/eeg"
)

func open(name, content string) (*recording.Recording, error) {
	return formats.Open(name, strings.NewReader(content), int64(len(content)))
}

// museCSV makes n rows at rate Hz, with stamps in bursts of 12 as Muse sends them.
func museCSV(n int, rate, start float64, burst bool, pause func(row int) float64) string {
	var b strings.Builder
	b.WriteString("timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0\n")
	at := start
	for i := range n {
		at += pause(i)
		stamp := at + float64(i)/rate
		if burst {
			stamp = at + float64(i/12*12)/rate
		}
		marker := 0
		if i%100 == 50 {
			marker = 1 + i/100%2
		}
		fmt.Fprintf(&b, "%.3f,%d,%d,%d,%d,%d,%d\n", stamp, i, 2*i, -i, 800, 3, marker)
	}
	return b.String()
}

func TestMuseCSV(t *testing.T) {
	t.Parallel()
	steady := func(int) float64 { return 0 }
	for _, tt := range []struct {
		name  string
		csv   string
		rate  float64
		gaps  int
		start bool
	}{
		{"steady", museCSV(2000, 256, 213542, false, steady), 256, 0, false},
		{"bursts", museCSV(2000, 256, 1486223115, true, steady), 256, 0, true},
		{"drifting clock", museCSV(2000, 256.4, 5, false, steady), 256, 0, false},
		{"other rate", museCSV(2000, 220, 5, false, steady), 220, 0, false},
		{"odd rate", museCSV(2000, 178, 5, false, steady), 178, 0, false},
		{"gap", museCSV(2000, 256, 5, false, func(i int) float64 {
			if i == 700 {
				return 30
			}
			return 0
		}), 256, 1, false},
	} {
		rec, err := open("x.csv", tt.csv)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if rec.Format != text.MuseCSV || math.Abs(rec.Channels[0].Rate-tt.rate) > 1e-3*tt.rate || rec.Irregular || len(rec.Gaps) != tt.gaps || rec.StartTime.IsZero() == tt.start {
			t.Errorf("%s: %s, %g Hz, irregular %v, gaps %v, starts %v", tt.name, rec.Format, rec.Channels[0].Rate, rec.Irregular, rec.Gaps, rec.StartTime)
			continue
		}
		if len(rec.Events) != 20 || rec.Events[1].Code != 2 || math.Abs(rec.Events[1].Onset-150/rec.Channels[0].Rate) > 1e-9 {
			t.Errorf("%s: %d events, %v", tt.name, len(rec.Events), rec.Events[1])
		}
		for _, g := range rec.Gaps {
			if math.Abs(g.At-700./256) > 1e-6 || math.Abs(g.Length-30) > 0.01 {
				t.Errorf("%s: gap %+v", tt.name, g)
			}
		}
		sig, err := rec.Signal("TP9", "Right AUX")
		if err != nil || sig.Data.At(0, 1999) != 1999 || sig.Data.At(1, 5) != 3 {
			t.Errorf("%s: %v", tt.name, err)
		}
		if sig, err := rec.Signal(); err != nil || strings.Join(sig.Channels, " ") != "TP9 AF7 AF8 TP10" {
			t.Errorf("%s: default channels %v, %v", tt.name, sig.Channels, err)
		}
	}
}

func TestIrregularStamps(t *testing.T) {
	t.Parallel()
	// Stamps that slow down from 250 to 50 Hz: an average rate would displace every event.
	csv := museCSV(3000, 250, 5, false, func(i int) float64 { return float64(i) / 3000 * 0.016 })
	rec, err := open("x.csv", csv)
	if err != nil || !rec.Irregular {
		t.Fatalf("irregular %v, %v", rec.Irregular, err)
	}
	if _, err := rec.Signal(); readertest.CodeOf(err) != decoders.CodePayloadMalformed {
		t.Errorf("a signal of irregular samples: %v", err)
	}
}

func TestMindMonitorAtConstantRate(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("TimeStamp,Delta_TP9,RAW_TP9,RAW_AF7,RAW_AF8,RAW_TP10,AUX_RIGHT,Accelerometer_X,Elements\n")
	start := time.Date(2021, 4, 25, 22, 31, 28, 0, time.UTC)
	for i := range 1024 {
		at := start.Add(time.Duration(float64(i) / 256 * 1e9)).Format("2006-01-02 15:04:05.000")
		if i == 512 {
			fmt.Fprintf(&b, "%s,,,,,,,,/muse/elements/blink\n", at)
		}
		fmt.Fprintf(&b, "%s,0.5,%d,801,802,803,,0.1,\n", at, i)
	}
	rec, err := open("x.csv", b.String())
	if err != nil {
		t.Fatal(err)
	}
	if rec.Format != text.MindMonitor || rec.Irregular || rec.Channels[0].Rate != 256 || len(rec.Channels[0].Samples) != 1024 || !rec.StartTime.Equal(start) {
		t.Errorf("%s, irregular %v, %g Hz, %d samples, starts %v", rec.Format, rec.Irregular, rec.Channels[0].Rate, len(rec.Channels[0].Samples), rec.StartTime)
	}
	want := []eeg.Event{{Onset: 2, Label: "/muse/elements/blink"}}
	if diff := cmp.Diff(want, rec.Events); diff != "" {
		t.Error(diff)
	}
	if !math.IsNaN(rec.Channels[4].Samples[0]) || rec.Channels[5].Kind != recording.Motion {
		t.Errorf("AUX %v, accelerometer of kind %s", rec.Channels[4].Samples[0], rec.Channels[5].Kind)
	}
}

func TestOpenBCI(t *testing.T) {
	t.Parallel()
	row := func(index int, rest string) string { return fmt.Sprintf("%d, %s\n", index%256, rest) }
	eight := "1.5, 2, 3, 4, 5, 6, 7, 8"
	for _, tt := range []struct {
		name, content string
		channels, eeg int
		rate, gap     float64
		samples       int
		events        []eeg.Event
	}{
		{"version 2", "%OpenBCI Raw EEG Data\n%Sample Rate = 250.0 Hz\n" + row(0, eight+", 0.1, 0.2, 0.3") + row(1, eight+", 0, 0, 0") + row(2, eight+", 0, 0, 0"), 8, 8, 250, 0, 3, nil},
		{"lost packets", "%OpenBCI Raw EEG Data\n%Sample Rate = 250.0 Hz\n" + row(254, eight) + row(255, eight) + row(256, eight) + row(257, eight) + row(260, eight), 8, 8, 250, 2. / 250, 5, nil},
		{"Ganglion", "%OpenBCI Raw EEG Data\n" + row(0, "1, 2, 3, 4, 0, 0, 0") + row(1, "1, 2, 3, 4, 0, 0, 0"), 4, 4, 200, 0, 2, nil},
		{"Daisy steps by two", "%OpenBCI Raw EEG Data\n%Number of channels = 16\n%Sample Rate = 125 Hz\n" + row(0, eight+", "+eight) + row(2, eight+", "+eight) + row(4, eight+", "+eight) + row(8, eight+", "+eight), 16, 16, 125, 1. / 125, 4, nil},
		{"version 6", "%OpenBCI Raw EXG Data\n%Number of channels = 2\n%Sample Rate = 250 Hz\nSample Index, EXG Channel 0, EXG Channel 1, Accel Channel 0, Not Used, Timestamp, Marker Channel, Timestamp (Formatted)\n" +
			"0, 1, 2, 0.1, 9, 1557936053.329, 0.0, 12:00:53.329\n1, 1, 2, 0.1, 9, 1557936053.333, 7.0, 12:00:53.333\n", 3, 2, 250, 0, 2, []eeg.Event{{Onset: 1. / 250, Code: 7}}},
	} {
		rec, err := open("x.txt", tt.content)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		eeg := 0
		for _, c := range rec.Channels {
			if c.Kind == recording.EEG {
				eeg++
			}
		}
		gap := 0.0
		for _, g := range rec.Gaps {
			gap += g.Length
		}
		if rec.Format != text.OpenBCI || len(rec.Channels) != tt.channels || eeg != tt.eeg || rec.Channels[0].Rate != tt.rate || len(rec.Channels[0].Samples) != tt.samples || math.Abs(gap-tt.gap) > 1e-12 {
			t.Errorf("%s: %s, %d channels, %d EEG, %g Hz, %d samples, gaps %v", tt.name, rec.Format, len(rec.Channels), eeg, rec.Channels[0].Rate, len(rec.Channels[0].Samples), rec.Gaps)
		}
		if diff := cmp.Diff(tt.events, rec.Events); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	bonn := strings.Repeat("12\r\n", 4097)
	for _, tt := range []struct {
		name, file, content string
		labels              string
		rate                float64
		last                []float64
	}{
		{"numbers", "x.txt", "1\n2\n-3.5\n", "EEG", 0, []float64{-3.5}},
		{"Bonn", "Z001.txt", bonn, "EEG", 173.61, []float64{12}},
		{"named as Bonn, of another length", "Z001.txt", "1\n2\n", "EEG", 0, []float64{2}},
		{"comma and names", "x.csv", "C3,C4\n1,2\n3,4\n", "C3 C4", 0, []float64{3, 4}},
		{"semicolon", "x.csv", "C3;C4\n1;2\n3;4\n", "C3 C4", 0, []float64{3, 4}},
		{"tab", "x.tsv", "1\t2\n3\t4\n", "Ch1 Ch2", 0, []float64{3, 4}},
		{"rate behind the names", "x.txt", "  Fp1  Fp2  128\n 1 2\n 3 4\n", "Fp1 Fp2", 128, []float64{3, 4}},
		{"rate in a comment", "x.txt", "# Simple Text Format\n# Sampling Rate (Hz):= 125.00\n# Labels:= Oz\n5\n6\n", "Oz", 125, []float64{6}},
		{"missing value", "x.csv", "C3,C4\n1,2\n3,\n3,NaN\n", "C3 C4", 0, []float64{3, math.NaN()}},
		{"byte order mark", "x.csv", "\ufeffC3,C4\r\n1,2\r\n", "C3 C4", 0, []float64{1, 2}},
	} {
		rec, err := open(tt.file, tt.content)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := strings.Join(rec.Labels(), " "); got != tt.labels || rec.Channels[0].Rate != tt.rate {
			t.Errorf("%s: %q at %g Hz", tt.name, got, rec.Channels[0].Rate)
		}
		for i, v := range tt.last {
			s := rec.Channels[i].Samples
			if got := s[len(s)-1]; got != v && !(math.IsNaN(got) && math.IsNaN(v)) {
				t.Errorf("%s: last value %g, want %g", tt.name, got, v)
			}
		}
		if tt.rate == 0 {
			if _, err := rec.Signal(); readertest.CodeOf(err) != decoders.CodePayloadMalformed {
				t.Errorf("%s: a signal without a rate: %v", tt.name, err)
			}
			rec.SetRate(200)
			if sig, err := rec.Signal(); err != nil || sig.Rate != 200 {
				t.Errorf("%s: with a rate: %v", tt.name, err)
			}
		}
	}
}

func TestTextRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, content, code, reason string }{
		{"prose", "x.txt", "This is not a recording at all.\nNot in the least.\n", decoders.CodeUnsupportedFormat, "none of the formats"},
		{"JSON", "x.json", `{"a":1}`, decoders.CodeUnsupportedFormat, "JSON"},
		{"many bad rows", "x.csv", "C3,C4\n1,2\nx,y\n1,2,3\n4,5\n", decoders.CodePayloadMalformed, "2 of 4 rows cannot be read, the first is line 3"},
		{"Muse header alone", "x.csv", "timestamps,TP9\n", decoders.CodePayloadMalformed, "too few to tell the rate"},
		{"Muse without channels", "x.csv", "timestamps,Marker\n1,2\n2,3\n", decoders.CodePayloadMalformed, "names no channel"},
		{"Muse with time standing still", "x.csv", "timestamps,TP9\n1,2\n1,3\n1,4\n", decoders.CodePayloadMalformed, "too few to tell the rate"},
		{"Mind Monitor header alone", "x.csv", "TimeStamp,RAW_TP9,Elements\n", decoders.CodePayloadMalformed, "too few"},
		{"OpenBCI header alone", "x.txt", "%OpenBCI Raw EXG Data\n", decoders.CodePayloadMalformed, "no row of samples"},
		{"OpenBCI with few columns", "x.txt", "%OpenBCI Raw EXG Data\n1, 2\n", decoders.CodePayloadMalformed, "do not hold"},
		{"OpenBCI with absurd count", "x.txt", "%OpenBCI Raw EXG Data\n%Number of channels = 4000\n1, 2, 3\n", decoders.CodePayloadMalformed, "do not hold"},
		{"too many columns", "x.csv", "timestamps" + strings.Repeat(",x", 5000) + "\n1,2\n", decoders.CodePayloadMalformed, "5001 columns"},
		{"BrainVision header alone", "x.vhdr", "Brain Vision Data Exchange Header File Version 1.0\n", decoders.CodeUnsupportedFormat, ".eeg and .vmrk"},
		{"buffer alone", "x.f32", "\x01\x02\x03\x04\x00", decoders.CodeUnsupportedFormat, ".json file"},
		{"MATLAB", "x.mat", "MATLAB 5.0 MAT-file, Platform", decoders.CodeUnsupportedFormat, "MATLAB"},
		{"named EDF", "x.edf", "hello", decoders.CodePayloadMalformed, "too few for a header"},
		{"long line", "x.csv", "C3,C4\n1,2\n" + strings.Repeat("1", 2<<20), decoders.CodePayloadMalformed, "longer than"},
		{"gzip of nothing", "x.gz", "\x1f\x8b", decoders.CodePayloadMalformed, "gzip"},
		{"cut ZIP", "x.zip", "PK\x03\x04", decoders.CodeUnsupportedFormat, "ZIP"},
	} {
		rec, err := open(tt.file, tt.content)
		if rec != nil || readertest.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v, want %s ... %s", tt.name, err, tt.code, tt.reason)
		}
	}
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
		if rec.Format != text.OpenBCI || rec.Channels[0].Rate != 250 || len(rec.Gaps) != 0 || len(rec.Channels[0].Samples) != 300 {
			t.Errorf("%s: %s at %g Hz, gaps %v, warnings %q", name, rec.Format, rec.Channels[0].Rate, rec.Gaps, rec.Warnings)
		}
		for i := range 8 {
			if mean, _ := readertest.MeanOf(&rec.Channels[i]); math.Abs(mean-float64(100*(i+1))) > 1 {
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
		if _, err := open("x.txt", content); readertest.CodeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), "line") {
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

// A table's columns of time, counters, batteries and markers are not EEG.
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
		if got := readertest.EEGNames(rec); got != tt.eeg || rec.Channels[0].Rate != tt.rate || len(rec.Events) != tt.events || len(rec.Gaps) != 0 {
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
	if !math.IsNaN(rec.Channels[4].Samples[450]) || !readertest.Warned(rec, `column 6 (Right AUX) are not numbers and were left out, the first is "off" in line 452`) {
		t.Errorf("warnings %q", rec.Warnings)
	}
}

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	rec, err := open("x.csv", "T3,T7,F3,F3,Cz\n1,2,3,4,5\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range rec.Channels {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff([]string{"T7", "T7#2", "F3", "F3#2", "Cz"}, got); diff != "" {
		t.Error(diff)
	}
	rec, err = open("x.csv", "X#2,X,X,X\n1,2,3,4\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"X#2", "X", "X#3", "X#4"}, rec.Labels()); diff != "" {
		t.Error(diff)
	}
}

// TestStreamAtAnyPieceSize: rows read as a stream in pieces are those of the whole file.
func TestStreamAtAnyPieceSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(rt, "piece")
		var csv strings.Builder
		csv.WriteString("timestamps,TP9,AF7,Marker0\n")
		stamp := 100.0
		for i := range rapid.IntRange(0, 2500).Draw(rt, "rows") {
			stamp += 1. / 256
			if i%701 == 700 {
				stamp += float64(rapid.IntRange(0, 3).Draw(rt, "pause"))
			}
			fmt.Fprintf(&csv, "%.6f,%d,%d,%d\n", stamp, i%50, -i%20, i%97/96)
		}
		readertest.SameReading(t, "x.csv", []byte(csv.String()), n)
	})
}

// What the Cyton lost is counted in a byte. Ten whole cycles of it leave no trace in the counter: the time stamps tell.
func TestCytonLosesWholeCyclesOfItsCounter(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{200, 2560} {
		var b strings.Builder
		b.WriteString("%OpenBCI Raw EXG Data\n%Number of channels = 8\n%Sample Rate = 250 Hz\n%Board = OpenBCI_GUI$BoardCytonSerial\nSample Index")
		for i := range 8 {
			fmt.Fprintf(&b, ", EXG Channel %d", i)
		}
		b.WriteString(", Timestamp, Marker Channel\n")
		for i := range 1500 {
			at, mark := i, 0
			if i >= 750 {
				at += lost
			}
			if i == 1000 {
				mark = 1
			}
			fmt.Fprintf(&b, "%d.0%s, %.4f, %d.0\n", at%256, strings.Repeat(fmt.Sprintf(", %d.5", i%50), 8), 1.7e9+float64(at)/250, mark)
		}
		rec, err := open("x.txt", b.String())
		if err != nil {
			t.Fatal(err)
		}
		seconds := float64(lost) / 250
		if len(rec.Gaps) != 1 || math.Abs(rec.Gaps[0].At-3) > 1e-9 || math.Abs(rec.Gaps[0].Length-seconds) > 1e-9 || rec.Channels[0].Rate != 250 {
			t.Errorf("%d packets lost: gaps %v at %g Hz, want %g s after 3 s", lost, rec.Gaps, rec.Channels[0].Rate, seconds)
		}
		// Its onset is among the samples; with the gap before it, 4 s and what was lost after the first.
		if len(rec.Events) != 1 || math.Abs(rec.Events[0].Onset+rec.Gaps[0].Length-4-seconds) > 1e-9 {
			t.Errorf("%d packets lost: events %v", lost, rec.Events)
		}
	}
}

// Rows that the app wrote at an interval are refused with what to set in the app.
func TestRowsAtIntervalsAreRefusedWithARemedy(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("TimeStamp,RAW_TP9,RAW_AF7,Elements\n")
	for i := range 30 {
		fmt.Fprintf(&b, "2021-04-25 22:31:%02d.100,800,801,\n", i)
	}
	rec, err := open("x.csv", b.String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = rec.Signal()
	if readertest.CodeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), "Recording Interval to Constant") {
		t.Errorf("%v", err)
	}
	if _, _, err := rec.Select(); err == nil || !strings.Contains(err.Error(), "Recording Interval to Constant") {
		t.Errorf("an import: %v", err)
	}
}
