package recording_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/neurod/neurod/decoders/recording"
)

// The corpora are made here, by our own writer and by hand: no recording lies in the repository.

// checkParsed holds what every parser promises for any input: an error with a stable code, or a sound recording
// whose size follows the input's.
func checkParsed(t *testing.T, size int, rec *recording.Recording, err error) {
	t.Helper()
	if err != nil {
		if codeOf(err) == "" {
			t.Fatalf("error without code: %v", err)
		}
		if rec != nil {
			t.Fatal("an error and a recording")
		}
		return
	}
	checkRecording(t, "fuzzed", rec)
	values := 0
	for _, c := range rec.Channels {
		values += len(c.Samples)
	}
	// No format holds more than one value a byte, gzip no more than 64 times that and a mebibyte.
	if values > 64*size+1<<20 {
		t.Fatalf("%d values from %d bytes", values, size)
	}
	for _, g := range rec.Gaps {
		if !(g.Length > 0) || math.IsInf(g.Length, 0) || g.At < 0 {
			t.Fatalf("gap %+v", g)
		}
	}
	// What can be read and has finite samples of known rates can be written and read again, or is refused in words.
	var buf bytes.Buffer
	if size < 1<<14 {
		if err := recording.WriteEDF(&buf, rec); err != nil && codeOf(err) == "" {
			t.Fatalf("writing: %v", err)
		} else if err == nil {
			if _, err := recording.ReadEDF(bytes.NewReader(buf.Bytes()), int64(buf.Len())); err != nil {
				t.Fatalf("reading what was written: %v", err)
			}
		}
	}
}

// mostOf is how many bytes the input can be when it is unpacked.
func mostOf(b string) int {
	if strings.HasPrefix(b, "\x1f\x8b") || strings.HasPrefix(b, "PK") {
		return 64*len(b) + 1<<20
	}
	return len(b)
}

// parsed reads an input of size bytes and holds it to checkParsed, and its memory to the size.
func parsed(t *testing.T, size int, read func() (*recording.Recording, error)) {
	t.Helper()
	var rec *recording.Recording
	var err error
	allocated(t, "fuzzed", size, func() { rec, err = read() })
	checkParsed(t, size, rec, err)
}

func FuzzEDF(f *testing.F) {
	for name, rec := range written() {
		for _, write := range []func(io.Writer, *recording.Recording) error{recording.WriteEDF, recording.WriteBDF} {
			var b bytes.Buffer
			if err := write(&b, rec); err != nil {
				f.Fatalf("%s: %v", name, err)
			}
			if b.Len() < 8<<10 {
				f.Add(b.Bytes())
			}
		}
	}
	f.Add(edfFile{reserved: "EDF+D", records: "2", signals: []edfSignal{{unit: "uV"}, {label: "EDF Annotations", samples: "8"}},
		data: append(append(int16s(1, 2, 3, 4), tal(16, "+0\x14\x14\x00")...), append(int16s(1, 2, 3, 4), tal(16, "+9\x14\x14\x00")...)...)}.bytes())
	f.Add(edfFile{records: "-1", signals: []edfSignal{{label: "Status"}}, data: int16s(1, 2, 3, 4)}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed(t, len(b), func() (*recording.Recording, error) { return recording.ReadEDF(bytes.NewReader(b), int64(len(b))) })
		parsed(t, len(b), func() (*recording.Recording, error) { return recording.ReadBDF(bytes.NewReader(b), int64(len(b))) })
	})
}

func FuzzGDF(f *testing.F) {
	f.Add(gdfFile{version: "GDF 1.25", records: 1, channels: []gdfChannel{{label: "Cz", unit: "uV", spr: 4, typ: 3}}, data: int16s(1, 2, 3, 4),
		table: []byte{1, 50, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 3}}.bytes())
	f.Add(gdfFile{version: "GDF 2.20", records: -1, channels: []gdfChannel{{label: "Cz", code: 4275, spr: 2, typ: 17}, {label: "Pz", spr: 1, typ: 1}}, data: make([]byte, 34)}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed(t, len(b), func() (*recording.Recording, error) { return recording.ReadGDF(bytes.NewReader(b), int64(len(b))) })
	})
}

func FuzzText(f *testing.F) {
	steady := func(int) float64 { return 0 }
	f.Add("x.csv", museCSV(20, 256, 5, false, steady))
	f.Add("x.csv", "TimeStamp,RAW_TP9,Elements\n2021-04-25 22:31:28.100,1,\n2021-04-25 22:31:29.100,2,\n2021-04-25 22:31:30.100,,/muse/elements/blink\n")
	f.Add("x.txt", "%OpenBCI Raw EEG Data\n%Sample Rate = 250.0 Hz\n0, 1, 2, 3, 4, 5, 6, 7, 8\n1, 1, 2, 3, 4, 5, 6, 7, 8\n")
	f.Add("x.txt", "%OpenBCI Raw EXG Data\nSample Index, EXG Channel 0, Marker Channel, Timestamp\n0,1,0,1557936053.3\n1,2,5,1557936053.4\n")
	f.Add("x.txt", "# Sampling Rate (Hz):= 125.00\n# Labels:= Oz\n5\n6\n")
	f.Add("x.txt", " Fp1 Fp2 128\n 1 2\n 3 4\n")
	f.Add("x.gz", gzipped(f, "C3 C4\n1 2\n"))
	f.Fuzz(func(t *testing.T, name, content string) {
		size := int64(len(content))
		parsed(t, mostOf(content), func() (*recording.Recording, error) { return recording.Open(name, strings.NewReader(content), size) })
		parsed(t, len(content), func() (*recording.Recording, error) { return recording.ReadMuseCSV(strings.NewReader(content), size) })
		parsed(t, len(content), func() (*recording.Recording, error) {
			return recording.ReadMindMonitor(strings.NewReader(content), size)
		})
		parsed(t, len(content), func() (*recording.Recording, error) { return recording.ReadOpenBCI(strings.NewReader(content), size) })
		parsed(t, len(content), func() (*recording.Recording, error) { return recording.ReadTable(strings.NewReader(content), size) })
	})
}

func FuzzBrainVision(f *testing.F) {
	f.Add(fmt.Sprintf(vhdr, "MULTIPLEXED", "INT_16"), "[Marker Infos]\nMk1=Stimulus,S  7,2,1,0\n", int16s(1, 2, 3, 4))
	f.Add(fmt.Sprintf(vhdr, "VECTORIZED", "IEEE_FLOAT_32"), "Mk1=New Segment,,1,1,0,20240909105744613000", make([]byte, 16))
	f.Fuzz(func(t *testing.T, header, markers string, data []byte) {
		files := fstest.MapFS{"x.vhdr": {Data: []byte(header)}, "x.eeg": {Data: data}, "x.vmrk": {Data: []byte(markers)}}
		parsed(t, len(header)+len(markers)+len(data), func() (*recording.Recording, error) { return recording.OpenFS(files, "x.vhdr") })
	})
}

func FuzzBuffer(f *testing.F) {
	f.Add(`{"sample_rate":100,"channels":["Cz","Pz"],"units":"mV","encoding":"int16le","layout":"channel_major"}`, "sample,code,target\n2,12,1\n", int16s(1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, header, events string, data []byte) {
		parsed(t, len(header)+len(events)+len(data), func() (*recording.Recording, error) {
			return recording.ReadBuffer(strings.NewReader(header), bytes.NewReader(data), int64(len(data)), strings.NewReader(events))
		})
	})
}

func FuzzOpen(f *testing.F) {
	f.Add("x.zip", zipped(f, map[string]string{"a.txt": "1\n2\n"}))
	f.Add("x.edf", []byte("0       "))
	f.Add("x.txt", []byte("version https://git-lfs.github.com/spec/v1\n"))
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		parsed(t, mostOf(string(b)), func() (*recording.Recording, error) { return recording.Open(name, bytes.NewReader(b), int64(len(b))) })
		members, err := recording.OpenZip(bytes.NewReader(b), int64(len(b)))
		if err != nil && codeOf(err) == "" {
			t.Fatalf("ZIP: error without code: %v", err)
		}
		for _, m := range members {
			parsed(t, mostOf(string(b)), m.Open)
		}
	})
}
