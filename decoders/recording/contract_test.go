package recording_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
)

// contractSeeds has a small file of every format that is read. A format that is added to the readers and not here fails
// TestEveryReaderKeepsTheContract.
func contractSeeds(t testing.TB) map[recording.Format]struct {
	name string
	file []byte
} {
	t.Helper()
	x := newXDF()
	x.header(1, "amp", "EEG", "int8", 1, 100, "Cz")
	x.header(2, "m", "Markers", "string", 1, 0)
	x.offset(1, 0, 5)
	x.samples(1, ramp(5, 0, 100), func(i int) []byte { return []byte{byte(i)} })
	x.offset(1, 1, 5)
	x.samples(2, []float64{5.02}, marker("a"))
	steady := func(int) float64 { return 0 }
	var openBCI, mindMonitor strings.Builder
	openBCI.WriteString("%OpenBCI Raw EXG Data\n%Number of channels = 4\n%Sample Rate = 200 Hz\n")
	mindMonitor.WriteString("TimeStamp,RAW_TP9,RAW_AF7,Elements\n")
	for i := range 12 {
		fmt.Fprintf(&openBCI, "%d, 1, 2, 3, 4, 0, 0, 0\n", i)
		fmt.Fprintf(&mindMonitor, "2021-04-25 22:31:28.%03d,800,801,\n", i*4)
	}
	type seed = struct {
		name string
		file []byte
	}
	bdf := edfFile{version: "\xffBIOSEMI", signals: []edfSignal{{unit: "uV"}, {label: "Status"}}, data: make([]byte, 24)}
	return map[recording.Format]seed{
		recording.EDF: {"x.edf", edfFile{reserved: "EDF+D", records: "2", signals: []edfSignal{{unit: "uV"}, {label: "EDF Annotations", samples: "8"}},
			data: append(append(int16s(1, 2, 3, 4), tal(16, "+0\x14\x14\x00")...), append(int16s(1, 2, 3, 4), tal(16, "+9\x14\x14\x00")...)...)}.bytes()},
		recording.BDF: {"x.bdf", bdf.bytes()},
		recording.GDF1: {"x.gdf", gdfFile{version: "GDF 1.25", records: 1, channels: []gdfChannel{{label: "Cz", unit: "uV", spr: 4, typ: 3}}, data: int16s(1, 2, 3, 4),
			table: []byte{1, 50, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 3}}.bytes()},
		recording.GDF2:        {"x.gdf", gdfFile{version: "GDF 2.20", records: 2, channels: []gdfChannel{{label: "Cz", code: 4275, spr: 2, typ: 17}, {label: "Pz", spr: 1, typ: 1}}, data: make([]byte, 34)}.bytes()},
		recording.XDF:         {"x.xdf", x.Bytes()},
		recording.Zip:         {"x.zip", zipped(t, map[string]string{"x.vhdr": fmt.Sprintf(vhdr, "MULTIPLEXED", "INT_16"), "x.eeg": string(int16s(1, 2, 3, 4))})},
		recording.MuseCSV:     {"x.csv", []byte(museCSV(20, 256, 5, false, steady))},
		recording.MindMonitor: {"x.csv", []byte(mindMonitor.String())},
		recording.OpenBCI:     {"x.txt", []byte(openBCI.String())},
		recording.Table:       {"x.csv", []byte("Fz,Cz,Pz\n1,2,3\n4,5,6\n7,8,9\n")},
	}
}

// memoryFactor and memoryFloor bound what reading may allocate in all, garbage included: so many bytes for each of the
// input, and the readers' own buffers.
const (
	memoryFactor = 256
	memoryFloor  = 1 << 20
)

// allocated runs f and fails where it allocated more than the input of size bytes justifies.
func allocated(t testing.TB, what string, size int, f func()) {
	t.Helper()
	// The garbage collector and the race detector empty pools at random; what a reader itself takes, it takes each time.
	least := uint64(math.MaxUint64)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least <= memoryFloor+memoryFactor*uint64(size) {
			return
		}
	}
	t.Fatalf("%s: %d bytes of input took %d bytes of memory", what, size, least)
}

// readBoth reads a file as a whole and as a stream and drops what it finds.
func readBoth(t testing.TB, name string, file []byte) {
	t.Helper()
	if _, err := recording.Open(name, bytes.NewReader(file), int64(len(file))); err != nil && codeOf(err) == "" {
		t.Fatalf("%s: error without code: %v", name, err)
	}
	rec, plan, err := recording.Survey(name, bytes.NewReader(file))
	if err != nil {
		if codeOf(err) == "" {
			t.Fatalf("%s: survey: error without code: %v", name, err)
		}
		return
	}
	if plan.Rate == 0 && len(rec.Channels) > 0 {
		plan.Rate = 100
	}
	s, err := recording.OpenStream(plan, bytes.NewReader(file))
	if err != nil {
		if codeOf(err) == "" {
			t.Fatalf("%s: stream: error without code: %v", name, err)
		}
		return
	}
	var b recording.Block
	for {
		if err := s.Next(&b); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			if codeOf(err) == "" {
				t.Fatalf("%s: stream: error without code: %v", name, err)
			}
			return
		}
	}
}

// TestEveryReaderKeepsTheContract: whatever a header claims, at any place, the memory follows the bytes that are there,
// and errors have codes.
func TestEveryReaderKeepsTheContract(t *testing.T) {
	// Not parallel: it looks at the allocations of the whole program.
	seeds := contractSeeds(t)
	patches := []string{"2e9", "99999999", "\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\x00\x00\x00\x00\x00\x00\x00\x40", "-1", "\x08\x00\x00\x00\xff\xff\x00\x00\x00"}
	for _, format := range recording.ReadFormats() {
		seed, ok := seeds[format]
		if !ok {
			t.Errorf("the format %s has no file here", format)
			continue
		}
		if got := recording.Sniff(seed.name, seed.file); got != format {
			t.Errorf("the file of %s is taken for %s", format, got)
		}
		if rec, _, err := recording.Survey(seed.name, bytes.NewReader(seed.file)); err != nil || len(rec.Channels) == 0 {
			t.Errorf("%s: %v", format, err)
		}
		for at := range min(len(seed.file), 800) {
			for _, p := range patches {
				file := slices.Clone(seed.file)
				if at+len(p) > len(file) {
					continue
				}
				copy(file[at:], p)
				allocated(t, fmt.Sprintf("%s with %q at %d", format, p, at), len(file), func() { readBoth(t, seed.name, file) })
			}
			allocated(t, fmt.Sprintf("%s cut at %d", format, at), at+1, func() { readBoth(t, seed.name, seed.file[:at+1]) })
		}
	}
}

// Headers of nothing but claims: the answer names the number and the bytes that are there.
func TestClaimsAreRefusedByTheBytesThatAreThere(t *testing.T) {
	edf := edfFile{records: "1", duration: "1"}.bytes()[:256]
	copy(edf[252:], "2e9 ")
	if len(edf) != 256 {
		t.Fatal(len(edf))
	}
	bdf := append([]byte("\xffBIOSEMI"), edf[8:]...)
	gdf := gdfFile{version: "GDF 2.20", records: 1}.bytes()[:256]
	gdf[252], gdf[253] = 0xff, 0xff
	gdf1 := gdfFile{version: "GDF 1.25", records: 1}.bytes()[:256]
	copy(gdf1[252:], "\xff\xff\xff\x7f")
	for name, tt := range map[string]struct {
		file    []byte
		claimed string
	}{"x.edf": {edf, "2000000000"}, "x.bdf": {bdf, "2000000000"}, "2.gdf": {gdf, "65535"}, "1.gdf": {gdf1, "2147483647"}} {
		var whole, survey error
		allocated(t, name, len(tt.file), func() {
			_, whole = recording.Open(name, bytes.NewReader(tt.file), int64(len(tt.file)))
			_, _, survey = recording.Survey(name, bytes.NewReader(tt.file))
		})
		for way, err := range map[string]error{"whole": whole, "stream": survey} {
			if codeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), tt.claimed) {
				t.Errorf("%s as a %s: %v", name, way, err)
				continue
			}
			var bad *decoders.Error
			if !errors.As(err, &bad) || bad.Details["bytes"] == nil && bad.Details["bytes_got"] == nil {
				t.Errorf("%s as a %s: the details do not say what is there: %v", name, way, bad.Details)
			}
		}
	}
}
