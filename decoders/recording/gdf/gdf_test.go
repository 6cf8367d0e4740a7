package gdf_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/eeg"
)

// gdfFile is a GDF made field by field.
type gdfFile struct {
	version  string
	records  int64
	num, den uint32 // of the record's duration; 0/0 means 1/1
	start    string // version 1
	start2   uint64 // version 2
	channels []gdfChannel
	data     []byte
	table    []byte // event table
}

type gdfChannel struct {
	label                  string
	unit                   string
	code                   uint16 // version 2
	pmin, pmax, dmin, dmax float64
	spr, typ               uint32
}

func (f gdfFile) bytes() []byte {
	le := binary.LittleEndian
	n := len(f.channels)
	b := make([]byte, 256*(n+1))
	two := strings.HasPrefix(f.version, "GDF 2")
	copy(b, f.version)
	copy(b[168:], f.start)
	if f.num == 0 && f.den == 0 {
		f.num, f.den = 1, 1
	}
	if two {
		le.PutUint64(b[168:], f.start2)
		le.PutUint16(b[184:], uint16(n+1))
		le.PutUint16(b[252:], uint16(n))
	} else {
		le.PutUint64(b[184:], uint64(256*(n+1)))
		le.PutUint32(b[252:], uint32(n))
	}
	le.PutUint64(b[236:], uint64(f.records))
	le.PutUint32(b[244:], f.num)
	le.PutUint32(b[248:], f.den)
	body := b[256:]
	for i, c := range f.channels {
		if c.pmin == 0 && c.pmax == 0 {
			c.pmin, c.pmax, c.dmin, c.dmax = -1000, 1000, -1000, 1000
		}
		copy(body[16*i:], c.label)
		le.PutUint64(body[104*n+8*i:], math.Float64bits(c.pmin))
		le.PutUint64(body[112*n+8*i:], math.Float64bits(c.pmax))
		if two {
			copy(body[96*n+6*i:96*n+6*i+6], c.unit)
			le.PutUint16(body[102*n+2*i:], c.code)
			le.PutUint64(body[120*n+8*i:], math.Float64bits(c.dmin))
			le.PutUint64(body[128*n+8*i:], math.Float64bits(c.dmax))
		} else {
			copy(body[96*n+8*i:96*n+8*i+8], c.unit)
			le.PutUint64(body[120*n+8*i:], uint64(int64(c.dmin)))
			le.PutUint64(body[128*n+8*i:], uint64(int64(c.dmax)))
		}
		le.PutUint32(body[216*n+4*i:], c.spr)
		le.PutUint32(body[220*n+4*i:], c.typ)
	}
	return append(append(b, f.data...), f.table...)
}

func readGDF(b []byte) (*recording.Recording, error) {
	return formats.Open("x.gdf", bytes.NewReader(b), int64(len(b)))
}

func TestGDFSampleTypes(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	for _, tt := range []struct {
		name string
		typ  uint32
		data []byte
		want []float64
	}{
		{"int8", 1, []byte{0x80, 0x7F}, []float64{-128, 127}},
		{"uint8", 2, []byte{0x80, 0xFF}, []float64{128, 255}},
		{"int16", 3, []byte{0x00, 0x80, 0xFF, 0x7F}, []float64{-32768, 32767}},
		{"uint16", 4, []byte{0x00, 0x80, 0xFF, 0xFF}, []float64{32768, 65535}},
		{"int32", 5, le.AppendUint32(le.AppendUint32(nil, 0xFFFFFFFE), 70000), []float64{-2, 70000}},
		{"uint32", 6, le.AppendUint32(le.AppendUint32(nil, 0xFFFFFFFE), 7), []float64{4294967294, 7}},
		{"int64", 7, le.AppendUint64(le.AppendUint64(nil, math.MaxUint64), 1<<40), []float64{-1, 1 << 40}},
		{"uint64", 8, le.AppendUint64(le.AppendUint64(nil, 1<<63), 3), []float64{1 << 63, 3}},
		{"float32", 16, le.AppendUint32(le.AppendUint32(nil, math.Float32bits(-1.5)), math.Float32bits(0.25)), []float64{-1.5, .25}},
		{"float64", 17, le.AppendUint64(le.AppendUint64(nil, math.Float64bits(-1e-9)), math.Float64bits(math.Pi)), []float64{-1e-9, math.Pi}},
		// binary128: sign and exponent in the upper 16 bits; 1.5 is 0x3FFF8000..., -3 is 0xC0008000...
		{"float128", 18, le.AppendUint64(le.AppendUint64(le.AppendUint64(le.AppendUint64(nil, 0), 0x3FFF800000000000), 0), 0xC000800000000000), []float64{1.5, -3}},
		{"int24", 279, []byte{0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, []float64{-2, 8388607}},
		{"uint24", 535, []byte{0xFE, 0xFF, 0xFF, 0x01, 0x00, 0x00}, []float64{16777214, 1}},
	} {
		for _, version := range []string{"GDF 1.25", "GDF 2.20"} {
			f := gdfFile{version: version, records: 2, channels: []gdfChannel{{label: "Cz", unit: "uV", code: 4275, spr: 1, typ: tt.typ}}, data: tt.data}
			rec, err := readGDF(f.bytes())
			if err != nil {
				t.Errorf("%s %s: %v", version, tt.name, err)
				continue
			}
			// The calibration of -1000..1000 rounds by its own size.
			if got := rec.Channels[0]; got.Unit != "uV" || len(got.Samples) != 2 || math.Abs(got.Samples[0]-tt.want[0]) > 1e-12 || math.Abs(got.Samples[1]-tt.want[1]) > 1e-12 {
				t.Errorf("%s %s: %v %s, want %v", version, tt.name, got.Samples, got.Unit, tt.want)
			}
		}
	}
}

func TestGDFChannelsOfDifferentRates(t *testing.T) {
	t.Parallel()
	f := gdfFile{version: "GDF 2.20", records: 2, num: 1, den: 2, channels: []gdfChannel{
		{label: "C3", code: 4274, spr: 3, typ: 3, pmin: -2, pmax: 2, dmin: -200, dmax: 200}, // mV
		{label: "Temp", code: 6048, spr: 1, typ: 1},
	}, data: []byte{1, 0, 2, 0, 3, 0, 36, 4, 0, 5, 0, 6, 0, 37}}
	rec, err := readGDF(f.bytes())
	if err != nil {
		t.Fatal(err)
	}
	c3, temp := rec.Channels[0], rec.Channels[1]
	if c3.Rate != 6 || temp.Rate != 2 || c3.Unit != "uV" || temp.Unit == "uV" || temp.Kind != recording.Other {
		t.Errorf("%g Hz %s, %g Hz %s %s", c3.Rate, c3.Unit, temp.Rate, temp.Unit, temp.Kind)
	}
	for i, want := range []float64{10, 20, 30, 40, 50, 60} {
		if math.Abs(c3.Samples[i]-want) > 1e-9 {
			t.Fatalf("C3: %v", c3.Samples)
		}
	}
	if diff := cmp.Diff([]float64{36, 37}, temp.Samples); diff != "" {
		t.Error(diff)
	}
}

func TestGDFEventTables(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	channel := []gdfChannel{{label: "Cz", unit: "uV", code: 4275, spr: 100, typ: 1}}
	table := func(head []byte, durations bool) []byte {
		b := bytes.Clone(head)
		b = le.AppendUint32(le.AppendUint32(b, 1), 51) // positions count from 1
		b = le.AppendUint16(le.AppendUint16(b, 768), 770)
		if durations {
			b = le.AppendUint16(le.AppendUint16(b, 0), 1)
			b = le.AppendUint32(le.AppendUint32(b, 25), 50)
		}
		return b
	}
	rate := le.AppendUint32(nil, math.Float32bits(50))
	for _, tt := range []struct {
		name, version string
		table         []byte
		step          float64 // s of the second event
		durations     bool
	}{
		{"1.25 mode 1", "GDF 1.25", table([]byte{1, 50, 0, 0, 2, 0, 0, 0}, false), 1, false},
		{"1.25 mode 3", "GDF 1.25", table([]byte{3, 50, 0, 0, 2, 0, 0, 0}, true), 1, true},
		{"1.25 without rate", "GDF 1.25", table([]byte{3, 0, 0, 0, 2, 0, 0, 0}, true), .5, true},
		{"2.20 mode 1", "GDF 2.20", table(append([]byte{1, 2, 0, 0}, rate...), false), 1, false},
		{"2.20 mode 3", "GDF 2.20", table(append([]byte{3, 2, 0, 0}, rate...), true), 1, true},
	} {
		f := gdfFile{version: tt.version, records: 1, channels: channel, data: make([]byte, 100), table: tt.table}
		rec, err := readGDF(f.bytes())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := []eeg.Event{{Onset: 0, Code: 768, Label: "trial start"}, {Onset: tt.step, Code: 770, Label: "right"}}
		if diff := cmp.Diff(want, rec.Events); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		var annotations []recording.Annotation
		if tt.durations {
			annotations = []recording.Annotation{{Onset: 0, Duration: tt.step / 2, Label: "trial start"}, {Onset: tt.step, Duration: tt.step, Label: "right"}}
		}
		if diff := cmp.Diff(annotations, rec.Annotations); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	for name, bad := range map[string][]byte{
		"mode 2":              {2, 50, 0, 0, 0, 0, 0, 0},
		"more than there are": {1, 50, 0, 0, 255, 255, 255, 255},
		"cut in its head":     {1, 50, 0},
	} {
		f := gdfFile{version: "GDF 1.25", records: 1, channels: channel, data: make([]byte, 100), table: bad}
		rec, err := readGDF(f.bytes())
		if err != nil || len(rec.Events) != 0 || len(rec.Warnings) == 0 {
			t.Errorf("%s: %v, %d events, warnings %q", name, err, len(rec.Events), rec.Warnings)
		}
	}
}

func TestGDFStart(t *testing.T) {
	t.Parallel()
	channel := []gdfChannel{{label: "Cz", spr: 1, typ: 1}}
	one, err := readGDF(gdfFile{version: "GDF 1.25", records: 1, channels: channel, data: []byte{1}, start: "2007030212075925"}.bytes())
	if err != nil || !one.StartTime.Equal(time.Date(2007, 3, 2, 12, 7, 59, 250e6, time.UTC)) {
		t.Errorf("version 1: %v, %v", one.StartTime, err)
	}
	// Day 719529 of the proleptic calendar is 1970-01-01; half a day later is noon.
	two, err := readGDF(gdfFile{version: "GDF 2.20", records: 1, channels: channel, data: []byte{1}, start2: 719529<<32 + 1<<31}.bytes())
	if err != nil || !two.StartTime.Equal(time.Date(1970, 1, 1, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("version 2: %v, %v", two.StartTime, err)
	}
}

func TestGDFRefuses(t *testing.T) {
	t.Parallel()
	ok := gdfChannel{label: "Cz", spr: 1, typ: 3}
	for _, tt := range []struct {
		name, code, reason string
		f                  gdfFile
		cut                int
	}{
		{name: "version 3", code: decoders.CodeUnsupportedFormat, reason: "not 1.x or 2.x", f: gdfFile{version: "GDF 3.00", channels: []gdfChannel{ok}}},
		{name: "no version", code: decoders.CodePayloadMalformed, reason: "not a GDF version", f: gdfFile{version: "GDF abcd", channels: []gdfChannel{ok}}},
		{name: "sample type", code: decoders.CodeUnsupportedFormat, reason: "unknown sample type 99", f: gdfFile{version: "GDF 2.20", channels: []gdfChannel{{spr: 1, typ: 99}}, data: []byte{1, 2}}},
		{name: "no data", code: decoders.CodePayloadMalformed, reason: "the file holds none", f: gdfFile{version: "GDF 2.20", records: 5, channels: []gdfChannel{ok}}},
		{name: "no samples", code: decoders.CodePayloadMalformed, reason: "without samples", f: gdfFile{version: "GDF 1.25", channels: []gdfChannel{{typ: 3}}, data: []byte{1, 2}}},
		{name: "no channels", code: decoders.CodePayloadMalformed, reason: "0 channels", f: gdfFile{version: "GDF 1.25"}},
		{name: "infinite duration", code: decoders.CodePayloadMalformed, reason: "lasts 1/0 s", f: gdfFile{version: "GDF 1.25", num: 1, den: 0, channels: []gdfChannel{ok}, data: []byte{1, 2}}},
		{name: "cut", code: decoders.CodePayloadMalformed, reason: "too few for a header", f: gdfFile{version: "GDF 1.25", channels: []gdfChannel{ok}}, cut: 100},
		{name: "cut in the channels", code: decoders.CodePayloadMalformed, reason: "do not fit", f: gdfFile{version: "GDF 2.20", channels: []gdfChannel{ok}}, cut: 300},
	} {
		b := tt.f.bytes()
		if tt.cut > 0 {
			b = b[:tt.cut]
		}
		rec, err := readGDF(b)
		if rec != nil || readertest.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Digital values beyond the range of the header are overflows.
func TestSamplesOutsideTheDigitalRange(t *testing.T) {
	t.Parallel()
	gdf := gdfFile{version: "GDF 1.25", records: 1, channels: []gdfChannel{{label: "C3", unit: "mV", spr: 8, typ: 4}, {label: "C4", unit: "mV", spr: 8, typ: 4}},
		data: append(readertest.Int16s(0, 512, 1023, 5, 6, 7, 8, 9), readertest.Int16s(0, 512, 1023, 65000, 1024, 7, 8, 9)...)}
	for i := range gdf.channels {
		gdf.channels[i].pmin, gdf.channels[i].pmax, gdf.channels[i].dmin, gdf.channels[i].dmax = -5, 5, 0, 1023
	}
	rec, err := readGDF(gdf.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, missing := readertest.MeanOf(&rec.Channels[0]); missing != 0 {
		t.Errorf("C3 lacks %d samples", missing)
	}
	c4 := rec.Channels[1].Samples
	if _, missing := readertest.MeanOf(&rec.Channels[1]); missing != 2 || !math.IsNaN(c4[3]) || !math.IsNaN(c4[4]) || c4[2] != 5000 {
		t.Errorf("C4 is %v", c4)
	}
	if !readertest.Warned(rec, "channel C4: 2 samples lie outside the digital range") || !readertest.Warned(rec, "the first is sample 3") {
		t.Errorf("warnings %q", rec.Warnings)
	}
}

// Headers of nothing but claims: the answer names the number and the bytes that are there.
func TestClaimsAreRefusedByTheBytesThatAreThere(t *testing.T) {
	second := gdfFile{version: "GDF 2.20", records: 1}.bytes()[:256]
	second[252], second[253] = 0xff, 0xff
	readertest.Refused(t, "2.gdf", second, "65535")
	first := gdfFile{version: "GDF 1.25", records: 1}.bytes()[:256]
	copy(first[252:], "\xff\xff\xff\x7f")
	readertest.Refused(t, "1.gdf", first, "2147483647")
}

// The memory for a file follows its size, not its claims. Measured over files of 4 kB that claim gigabytes.
func TestMemoryFollowsTheInput(t *testing.T) {
	// Not parallel: it looks at the allocations of the whole program.
	for name, file := range map[string][]byte{
		"huge": gdfFile{version: "GDF 1.25", records: 1 << 60, channels: []gdfChannel{{spr: 1 << 31, typ: 17}}, data: make([]byte, 4000)}.bytes(),
		"many": gdfFile{version: "GDF 2.20", records: 100, channels: []gdfChannel{{spr: 1, typ: 3}}, data: make([]byte, 200), table: []byte{1, 255, 255, 255, 0, 0, 128, 67}}.bytes(),
	} {
		readertest.Allocated(t, name, len(file)/4, func() { _, _ = readGDF(file) })
	}
}
