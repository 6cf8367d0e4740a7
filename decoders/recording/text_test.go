package recording_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
)

func open(name, content string) (*recording.Recording, error) {
	return recording.Open(name, strings.NewReader(content), int64(len(content)))
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
		if rec.Format != recording.MuseCSV || math.Abs(rec.Channels[0].Rate-tt.rate) > 1e-3*tt.rate || rec.Irregular || len(rec.Gaps) != tt.gaps || rec.StartTime.IsZero() == tt.start {
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
	if _, err := rec.Signal(); codeOf(err) != decoders.CodePayloadMalformed {
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
	if rec.Format != recording.MindMonitor || rec.Irregular || rec.Channels[0].Rate != 256 || len(rec.Channels[0].Samples) != 1024 || !rec.StartTime.Equal(start) {
		t.Errorf("%s, irregular %v, %g Hz, %d samples, starts %v", rec.Format, rec.Irregular, rec.Channels[0].Rate, len(rec.Channels[0].Samples), rec.StartTime)
	}
	want := []decoders.Event{{Onset: 2, Label: "/muse/elements/blink"}}
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
		events        []decoders.Event
	}{
		{"version 2", "%OpenBCI Raw EEG Data\n%Sample Rate = 250.0 Hz\n" + row(0, eight+", 0.1, 0.2, 0.3") + row(1, eight+", 0, 0, 0") + row(2, eight+", 0, 0, 0"), 8, 8, 250, 0, 3, nil},
		{"lost packets", "%OpenBCI Raw EEG Data\n%Sample Rate = 250.0 Hz\n" + row(254, eight) + row(255, eight) + row(256, eight) + row(257, eight) + row(260, eight), 8, 8, 250, 2. / 250, 5, nil},
		{"Ganglion", "%OpenBCI Raw EEG Data\n" + row(0, "1, 2, 3, 4, 0, 0, 0") + row(1, "1, 2, 3, 4, 0, 0, 0"), 4, 4, 200, 0, 2, nil},
		{"Daisy steps by two", "%OpenBCI Raw EEG Data\n%Number of channels = 16\n%Sample Rate = 125 Hz\n" + row(0, eight+", "+eight) + row(2, eight+", "+eight) + row(4, eight+", "+eight) + row(8, eight+", "+eight), 16, 16, 125, 1. / 125, 4, nil},
		{"version 6", "%OpenBCI Raw EXG Data\n%Number of channels = 2\n%Sample Rate = 250 Hz\nSample Index, EXG Channel 0, EXG Channel 1, Accel Channel 0, Not Used, Timestamp, Marker Channel, Timestamp (Formatted)\n" +
			"0, 1, 2, 0.1, 9, 1557936053.329, 0.0, 12:00:53.329\n1, 1, 2, 0.1, 9, 1557936053.333, 7.0, 12:00:53.333\n", 3, 2, 250, 0, 2, []decoders.Event{{Onset: 1. / 250, Code: 7}}},
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
		if rec.Format != recording.OpenBCI || len(rec.Channels) != tt.channels || eeg != tt.eeg || rec.Channels[0].Rate != tt.rate || len(rec.Channels[0].Samples) != tt.samples || math.Abs(gap-tt.gap) > 1e-12 {
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
			if _, err := rec.Signal(); codeOf(err) != decoders.CodePayloadMalformed {
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
		{"prose", "x.txt", "This is no recording at all.\nNot in the least.\n", decoders.CodeUnsupportedFormat, "none of the formats"},
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
		if rec != nil || codeOf(err) != tt.code || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v, want %s ... %s", tt.name, err, tt.code, tt.reason)
		}
	}
}

func TestSniffLooksAtContentFirst(t *testing.T) {
	t.Parallel()
	edf := string(edfFile{signals: []edfSignal{{}}, data: int16s(1, 2, 3, 4)}.bytes())
	for _, tt := range []struct {
		name, head string
		want       recording.Format
	}{
		{"recording.bdf", edf, recording.EDF},
		{"recording", edf, recording.EDF},
		{"x.edf", "\xffBIOSEMI", recording.BDF},
		{"x.bin", "GDF 1.25", recording.GDF1},
		{"x.bin", "GDF 2.20", recording.GDF2},
		{"x.edf", "SR_RESEARCH_1000", recording.EyeLink},
		{"x.bdf", "version https://git-lfs.github.com/spec/v1", recording.GitLFS},
		{"x.edf", "XDF:", recording.XDF},
		{"x", "PK\x03\x04", recording.Zip},
		{"x.edf", "\x00\x01\x02", recording.EDF},
		{"x.VHDR", "\x00", recording.BrainVision},
		{"x", "timestamps,TP9\n1,2\n", recording.MuseCSV},
		{"x", "\x00\x01", recording.Unknown},
		{"x", "", recording.Unknown},
		{"x", strings.Repeat("\n", 4096), recording.Unknown},
		{"x", strings.Repeat(" ", 4096), recording.Unknown},
		{"x", "\ufeff\t\r\n", recording.Unknown},
	} {
		if got := recording.Sniff(tt.name, []byte(tt.head)); got != tt.want {
			t.Errorf("Sniff(%q, %.20q) = %s, want %s", tt.name, tt.head, got, tt.want)
		}
	}
}

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestZip(t *testing.T) {
	t.Parallel()
	edf := string(edfFile{signals: []edfSignal{{unit: "uV"}}, data: int16s(1, 2, 3, 4)}.bytes())
	b := zipped(t, map[string]string{"S1/b.edf": edf, "S1/a.txt": "1\n2\n", ".hidden": "x", "__MACOSX/a.txt": "x", "S1/bomb.txt": strings.Repeat("1\n", 4<<20)})
	members, err := recording.OpenZip(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range members {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"S1/a.txt", "S1/b.edf", "S1/bomb.txt"}, names); diff != "" {
		t.Fatal(diff)
	}
	if rec, err := members[1].Open(); err != nil || rec.Format != recording.EDF {
		t.Errorf("member: %v", err)
	}
	if _, err := members[2].Open(); codeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), "unpacks to more than") {
		t.Errorf("bomb: %v", err)
	}
	if _, err := recording.OpenZip(strings.NewReader("PK\x03\x04"), 4); codeOf(err) != decoders.CodePayloadMalformed {
		t.Errorf("cut archive: %v", err)
	}
}

func gzipped(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGzip(t *testing.T) {
	t.Parallel()
	rec, err := open("x.txt.gz", gzipped(t, "C3 C4\n1 2\n"))
	if err != nil || len(rec.Channels) != 2 {
		t.Errorf("table: %v", err)
	}
	for name, content := range map[string]string{
		"bomb":   gzipped(t, strings.Repeat("1\n", 4<<20)),
		"cut":    gzipped(t, strings.Repeat("1 2 3\n", 1000))[:40],
		"nested": gzipped(t, gzipped(t, "1\n")),
	} {
		if _, err := open("x.txt.gz", content); codeOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const vhdr = `Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
DataFile=$b.eeg
MarkerFile=$b.vmrk
DataFormat=BINARY
DataOrientation=%s
NumberOfChannels=2
SamplingInterval=4000
[Binary Infos]
BinaryFormat=%s
[Channel Infos]
Ch1=Cz,,0.5,µV
Ch2=EOG\1l,,,mV
`

func TestBrainVision(t *testing.T) {
	t.Parallel()
	markers := "Brain Vision Data Exchange Marker File\n[Marker Infos]\nMk1=New Segment,,1,1,0,20240909105744613000\nMk2=Stimulus,S  7,2,1,0\nMk3=Comment,a\\1b,3,2,0\n"
	for _, orientation := range []string{"MULTIPLEXED", "VECTORIZED"} {
		data := int16s(2, 10, 4, 20, 6, 30)
		if orientation == "VECTORIZED" {
			data = int16s(2, 4, 6, 10, 20, 30)
		}
		files := fstest.MapFS{
			"d/x.vhdr": {Data: fmt.Appendf(nil, vhdr, orientation, "INT_16")},
			"d/x.eeg":  {Data: data},
			"d/x.vmrk": {Data: []byte(markers)},
		}
		for _, name := range []string{"d/x.vhdr", "d/x.eeg", "d/x.vmrk"} {
			rec, err := recording.OpenFS(files, name)
			if err != nil {
				t.Fatalf("%s %s: %v", orientation, name, err)
			}
			if diff := cmp.Diff([]float64{1, 2, 3}, rec.Channels[0].Samples); diff != "" {
				t.Errorf("%s: %s", orientation, diff)
			}
			if diff := cmp.Diff([]float64{10000, 20000, 30000}, rec.Channels[1].Samples); diff != "" || rec.Channels[1].Label != "EOG,l" || rec.Channels[1].Rate != 250 {
				t.Errorf("%s: %s %g Hz %s", orientation, rec.Channels[1].Label, rec.Channels[1].Rate, diff)
			}
			want := []decoders.Event{{Onset: .004, Code: 7, Label: "Stimulus/S  7"}, {Onset: .008, Label: "Comment/a,b"}}
			if diff := cmp.Diff(want, rec.Events); diff != "" {
				t.Errorf("%s: %s", orientation, diff)
			}
		}
	}
}

func TestBrainVisionRefuses(t *testing.T) {
	t.Parallel()
	header := func(from, to string) string {
		return strings.Replace(fmt.Sprintf(vhdr, "MULTIPLEXED", "INT_16"), from, to, 1)
	}
	for _, tt := range []struct{ name, header, code, reason string }{
		{"data elsewhere", header("DataFile=$b.eeg", "DataFile=../x.eeg"), decoders.CodePayloadMalformed, "does not lie beside it"},
		{"data missing", header("DataFile=$b.eeg", "DataFile=y.eeg"), decoders.CodePayloadMalformed, "y.eeg is missing"},
		{"ASCII", header("BINARY", "ASCII"), decoders.CodeUnsupportedFormat, "only BINARY"},
		{"sample type", header("INT_16", "INT_12"), decoders.CodeUnsupportedFormat, "INT_12"},
		{"channel count", header("Channels=2", "Channels=3"), decoders.CodePayloadMalformed, "says 3 channels and describes 2"},
		{"no interval", header("SamplingInterval=4000", "SamplingInterval=0"), decoders.CodePayloadMalformed, "SamplingInterval"},
		{"resolution", header("0.5", "half"), decoders.CodePayloadMalformed, "resolution"},
		{"frequency domain", header("[Binary", "[Common Infos]\nDataType=FREQUENCYDOMAIN\n[Binary"), decoders.CodeUnsupportedFormat, "FREQUENCYDOMAIN"},
	} {
		files := fstest.MapFS{"x.vhdr": {Data: []byte(tt.header)}, "x.eeg": {Data: int16s(1, 2)}}
		_, err := recording.OpenFS(files, "x.vhdr")
		if codeOf(err) != tt.code || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestBuffer(t *testing.T) {
	t.Parallel()
	header := `{"sample_rate":100,"channels":["Cz","Pz"],"units":"mV","encoding":"int16le","layout":"channel_major","samples":3}`
	events := "sample,onset_s,code,label,target\n2,0.9,12,b,1\n1,0.01,3,a,0\n"
	files := fstest.MapFS{"x.f32": {Data: int16s(1, 2, 3, 4, 5, 6)}, "x.json": {Data: []byte(header)}, "x.events.csv": {Data: []byte(events)}}
	rec, err := recording.OpenFS(files, "x.f32")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{4000, 5000, 6000}, rec.Channels[1].Samples); diff != "" {
		t.Error(diff)
	}
	// The column sample wins over the rounded onset, and targets follow the order of the events.
	if diff := cmp.Diff([]decoders.Event{{Onset: .01, Code: 3, Label: "a"}, {Onset: .02, Code: 12, Label: "b"}}, rec.Events); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, true}, rec.Targets); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(fstest.MapFS){
		"no JSON":      func(f fstest.MapFS) { delete(f, "x.json") },
		"bad JSON":     func(f fstest.MapFS) { f["x.json"] = &fstest.MapFile{Data: []byte("{")} },
		"no rate":      func(f fstest.MapFS) { f["x.json"] = &fstest.MapFile{Data: []byte(`{"channels":["Cz"]}`)} },
		"no channels":  func(f fstest.MapFS) { f["x.json"] = &fstest.MapFile{Data: []byte(`{"sample_rate":1}`)} },
		"half a value": func(f fstest.MapFS) { f["x.f32"] = &fstest.MapFile{Data: []byte{1, 2, 3}} },
		"events":       func(f fstest.MapFS) { f["x.events.csv"] = &fstest.MapFile{Data: []byte("a,b\n1,2\n")} },
		"event row":    func(f fstest.MapFS) { f["x.events.csv"] = &fstest.MapFile{Data: []byte("sample,code\n1\n")} },
		"event value":  func(f fstest.MapFS) { f["x.events.csv"] = &fstest.MapFile{Data: []byte("sample,code\n1,x\n")} },
	} {
		bad := fstest.MapFS{}
		for k, v := range files {
			bad[k] = v
		}
		change(bad)
		if _, err := recording.OpenFS(bad, "x.f32"); codeOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignalSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{Channels: []recording.Channel{
		{Label: "EEG T3-Ref", Name: "T7", Kind: recording.EEG, Unit: "uV", Rate: 250, Samples: []float64{1, 2}},
		{Label: "Resp", Name: "Resp", Kind: recording.Other, Rate: 25, Samples: []float64{1}},
	}}
	sig, err := rec.Signal("T3")
	if err != nil || sig.Channels[0] != "T7" || sig.Samples() != 2 {
		t.Errorf("T3: %v, %v", sig.Channels, err)
	}
	_, err = rec.Signal("T7", "Cz", "Pz")
	var e *decoders.Error
	if codeOf(err) != decoders.CodeMontageMismatch {
		t.Fatal(err)
	}
	e = err.(*decoders.Error)
	if diff := cmp.Diff([]string{"Cz", "Pz"}, e.Details["channels_missing"]); diff != "" {
		t.Error(diff)
	}
	if _, err := rec.Signal("T7", "Resp"); codeOf(err) != decoders.CodeMontageMismatch || !strings.Contains(err.Error(), "different sampling rates") {
		t.Errorf("rates: %v", err)
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

func TestPosition(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{Gaps: []recording.Gap{{At: 10, Length: 5}, {At: 20, Length: 1}}}
	for _, tt := range []struct {
		elapsed, at float64
		inGap       bool
	}{{-1, -1, false}, {9.5, 9.5, false}, {10, 10, true}, {14.9, 10, true}, {15, 10, false}, {24, 19, false}, {25.5, 20, true}, {27, 21, false}} {
		at, inGap := rec.Position(tt.elapsed)
		if math.Abs(at-tt.at) > 1e-12 || inGap != tt.inGap {
			t.Errorf("Position(%g) = %g, %v, want %g, %v", tt.elapsed, at, inGap, tt.at, tt.inGap)
		}
	}
}
