package brainvision_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

func TestBrainVision(t *testing.T) {
	t.Parallel()
	markers := "Brain Vision Data Exchange Marker File\n[Marker Infos]\nMk1=New Segment,,1,1,0,20240909105744613000\nMk2=Stimulus,S  7,2,1,0\nMk3=Comment,a\\1b,3,2,0\n"
	for _, orientation := range []string{"MULTIPLEXED", "VECTORIZED"} {
		data := readertest.Int16s(2, 10, 4, 20, 6, 30)
		if orientation == "VECTORIZED" {
			data = readertest.Int16s(2, 4, 6, 10, 20, 30)
		}
		files := fstest.MapFS{
			"d/x.vhdr": {Data: fmt.Appendf(nil, readertest.BrainVisionHeader, orientation, "INT_16")},
			"d/x.eeg":  {Data: data},
			"d/x.vmrk": {Data: []byte(markers)},
		}
		for _, name := range []string{"d/x.vhdr", "d/x.eeg", "d/x.vmrk"} {
			rec, err := formats.OpenFS(files, name)
			if err != nil {
				t.Fatalf("%s %s: %v", orientation, name, err)
			}
			if diff := cmp.Diff([]float64{1, 2, 3}, rec.Channels[0].Samples); diff != "" {
				t.Errorf("%s: %s", orientation, diff)
			}
			if diff := cmp.Diff([]float64{10000, 20000, 30000}, rec.Channels[1].Samples); diff != "" || rec.Channels[1].Label != "EOG,l" || rec.Channels[1].Rate != 250 {
				t.Errorf("%s: %s %g Hz %s", orientation, rec.Channels[1].Label, rec.Channels[1].Rate, diff)
			}
			want := []eeg.Event{{Onset: .004, Code: 7, Label: "Stimulus/S  7"}, {Onset: .008, Label: "Comment/a,b"}}
			if diff := cmp.Diff(want, rec.Events); diff != "" {
				t.Errorf("%s: %s", orientation, diff)
			}
		}
	}
}

func TestBrainVisionRefuses(t *testing.T) {
	t.Parallel()
	header := func(from, to string) string {
		return strings.Replace(fmt.Sprintf(readertest.BrainVisionHeader, "MULTIPLEXED", "INT_16"), from, to, 1)
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
		files := fstest.MapFS{"x.vhdr": {Data: []byte(tt.header)}, "x.eeg": {Data: readertest.Int16s(1, 2)}}
		_, err := formats.OpenFS(files, "x.vhdr")
		if readertest.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v", tt.name, err)
		}
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
		rec, err := formats.OpenFS(files, tt.file)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for i, want := range []float64{100, 200, 300} {
			if mean, _ := readertest.MeanOf(&rec.Channels[i]); mean != want {
				t.Errorf("%s: %s is %g µV", tt.name, rec.Channels[i].Label, mean)
			}
		}
		if len(rec.Events) != tt.events || !readertest.Warned(rec, tt.warning) || readertest.EEGNames(rec) != "Oz O1 O2" {
			t.Errorf("%s: events %v, EEG %s, warnings %q", tt.name, rec.Events, readertest.EEGNames(rec), rec.Warnings)
		}
		if strings.HasSuffix(tt.name, "V-Amp") && rec.Events[0].Code != 5 {
			t.Errorf("%s: events %v", tt.name, rec.Events)
		}
	}
}

// MNE's test_units.vhdr states the same samples in nV, mV, V and µV.
func TestBrainVisionUnits(t *testing.T) {
	t.Parallel()
	plain, err := openFile(t, "formats/brainvision/test.vhdr")
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := openFile(t, "formats/brainvision/test_units.vhdr")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		a, b := plain.Channels[i], mixed.Channels[i]
		for k := range a.Samples {
			if math.Abs(a.Samples[k]-b.Samples[k]) > 1e-9*(1+math.Abs(a.Samples[k])) {
				t.Fatalf("%s sample %d: %g and %g µV", a.Label, k, a.Samples[k], b.Samples[k])
			}
		}
	}
	byMarker, err := openFile(t, "formats/brainvision/test.vmrk")
	if err != nil || len(byMarker.Channels) != len(plain.Channels) {
		t.Errorf("opened by its marker file: %v", err)
	}
}

func FuzzBrainVision(f *testing.F) {
	f.Add(fmt.Sprintf(readertest.BrainVisionHeader, "MULTIPLEXED", "INT_16"), "[Marker Infos]\nMk1=Stimulus,S  7,2,1,0\n", readertest.Int16s(1, 2, 3, 4))
	f.Add(fmt.Sprintf(readertest.BrainVisionHeader, "VECTORIZED", "IEEE_FLOAT_32"), "Mk1=New Segment,,1,1,0,20240909105744613000", make([]byte, 16))
	f.Fuzz(func(t *testing.T, header, markers string, data []byte) {
		files := fstest.MapFS{"x.vhdr": {Data: []byte(header)}, "x.eeg": {Data: data}, "x.vmrk": {Data: []byte(markers)}}
		readertest.Parsed(t, len(header)+len(markers)+len(data), func() (*recording.Recording, error) { return formats.OpenFS(files, "x.vhdr") })
	})
}

// openFile opens a public recording.
func openFile(t *testing.T, name string) (*recording.Recording, error) {
	t.Helper()
	path := eegdata.File(t, name)
	return formats.OpenFS(os.DirFS(filepath.Dir(path)), filepath.Base(path))
}
