package xdf_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/decoders/recording/xdf"
)

// xdfFile is an XDF made chunk by chunk.
type xdfFile struct{ bytes.Buffer }

func newXDF() *xdfFile {
	f := &xdfFile{}
	f.WriteString("XDF:")
	f.chunk(1, []byte(`<?xml version="1.0"?><info><version>1.0</version><datetime>2024-03-04T05:06:07+0100</datetime></info>`))
	return f
}

func (f *xdfFile) chunk(tag uint16, content []byte) {
	f.WriteByte(4)
	_ = binary.Write(f, binary.LittleEndian, uint32(len(content)+2))
	_ = binary.Write(f, binary.LittleEndian, tag)
	f.Write(content)
}

func (f *xdfFile) header(id uint32, name, typ, format string, channels int, rate float64, labels ...string) {
	var desc strings.Builder
	for _, l := range labels {
		fmt.Fprintf(&desc, "<channel><label>%s</label><unit>microvolts</unit><type>EEG</type></channel>", l)
	}
	xml := fmt.Sprintf("<info><name>%s</name><type>%s</type><channel_count>%d</channel_count><nominal_srate>%g</nominal_srate><channel_format>%s</channel_format><desc><channels>%s</channels></desc></info>",
		name, typ, channels, rate, format, desc.String())
	f.chunk(2, append(binary.LittleEndian.AppendUint32(nil, id), xml...))
}

// samples writes one chunk; a stamp of NaN is left out.
func (f *xdfFile) samples(id uint32, stamps []float64, values func(i int) []byte) {
	b := binary.LittleEndian.AppendUint32(nil, id)
	b = append(b, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(stamps)))
	for i, t := range stamps {
		if math.IsNaN(t) {
			b = append(b, 0)
		} else {
			b = append(b, 8)
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(t))
		}
		b = append(b, values(i)...)
	}
	f.chunk(3, b)
}

func (f *xdfFile) offset(id uint32, at, ahead float64) {
	b := binary.LittleEndian.AppendUint32(nil, id)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(at))
	f.chunk(4, binary.LittleEndian.AppendUint64(b, math.Float64bits(ahead)))
}

func ramp(n int, start, rate float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = start + float64(i)/rate
	}
	return out
}

func marker(text string) func(int) []byte {
	return func(int) []byte { return append([]byte{1, byte(len(text))}, text...) }
}

func readXDF(f *xdfFile) (*recording.Recording, error) {
	return formats.Open("x.xdf", bytes.NewReader(f.Bytes()), int64(f.Len()))
}

func TestXDFAlignsStreamsAndMarkers(t *testing.T) {
	t.Parallel()
	f := newXDF()
	f.header(1, "amp", "EEG", "int16", 2, 250, "T3", "TRG")
	f.header(2, "markers", "Markers", "string", 1, 0)
	f.header(3, "acc", "Accelerometer", "float32", 1, 50)
	f.header(4, "second", "EEG", "double64", 1, 100, "Oz")
	two := func(i int) []byte { return readertest.Int16s(i, 7) }
	// The amplifier's clock is 100 s behind the common one; the markers' clock is right.
	f.offset(1, 10, 100)
	f.samples(1, ramp(500, 10, 250), two)
	f.offset(1, 12, 100)
	f.samples(2, []float64{111}, marker("target 3"))
	f.samples(3, ramp(200, 108, 50), func(i int) []byte {
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(i)))
	})
	f.samples(4, ramp(100, 110.1, 100), func(i int) []byte {
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(i)))
	})
	rec, err := readXDF(f)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(rec.Labels(), " ") != "T3 TRG Oz acc 1" || rec.Channels[0].Name != "T7" || rec.Channels[0].Unit != "uV" ||
		rec.Channels[1].Kind != recording.Trigger || rec.Channels[3].Kind != recording.Motion {
		t.Errorf("channels %v: %+v", rec.Labels(), rec.Channels[0].Name)
	}
	// The latest EEG stream starts at 110.1: 25 samples of the amplifier and 105 of the accelerometer come before.
	if first := rec.Channels[0].Samples[0]; first != 25 || len(rec.Channels[0].Samples) != 475 {
		t.Errorf("the amplifier starts with sample %g and has %d", first, len(rec.Channels[0].Samples))
	}
	if first := rec.Channels[3].Samples[0]; first != 105 {
		t.Errorf("the accelerometer starts with sample %g", first)
	}
	if len(rec.Events) != 1 || math.Abs(rec.Events[0].Onset-0.9) > 1e-9 || rec.Events[0].Code != 3 || rec.Events[0].Label != "target 3" {
		t.Errorf("events %+v", rec.Events)
	}
	if rec.StartTime.IsZero() {
		t.Error("no start time")
	}
}

func TestXDFClockDriftJitterAndGaps(t *testing.T) {
	t.Parallel()
	f := newXDF()
	f.header(1, "amp", "EEG", "float32", 1, 100, "Cz")
	f.header(2, "markers", "Markers", "string", 1, 0)
	value := func(i int) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(i))) }
	// The device's clock runs 1 ms a second slow and its stamps jitter by up to 8 ms; one measurement is 0.3 s off.
	drift := func(t float64) float64 { return 5 + 0.001*t }
	stamps := ramp(6000, 0, 100)
	for i := range stamps {
		stamps[i] += 0.008 * math.Sin(float64(i*i))
	}
	for i := 0; i < 60; i += 5 {
		late := 0.0
		if i == 30 {
			late = 0.3
		}
		f.offset(1, float64(i), drift(float64(i))+late)
	}
	f.samples(1, stamps, value)
	// A pause of 20 s, and samples without stamps behind it.
	later := ramp(1000, 80, 100)
	for i := 1; i < len(later); i++ {
		later[i] = math.NaN()
	}
	f.samples(1, later, value)
	f.samples(2, []float64{30 + drift(30)}, marker("a"))
	f.samples(2, []float64{82 + drift(82)}, marker("b"))
	rec, err := readXDF(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Gaps) != 1 || math.Abs(rec.Gaps[0].At-60) > 0.01 || math.Abs(rec.Gaps[0].Length-20) > 0.1 || rec.Channels[0].Rate != 100 {
		t.Errorf("gaps %+v, %g Hz", rec.Gaps, rec.Channels[0].Rate)
	}
	if len(rec.Events) != 2 || math.Abs(rec.Events[0].Onset-30) > 0.003 || math.Abs(rec.Events[1].Onset-62) > 0.01 {
		t.Errorf("events %+v", rec.Events)
	}
}

// The specification's own example has a stream of strings with a rate, and samples without stamps behind the first.
func TestXDFStringsWithARate(t *testing.T) {
	t.Parallel()
	f := newXDF()
	f.header(1, "amp", "EEG", "int16", 1, 10, "Cz")
	f.header(2, "strings", "StringMarker", "string", 2, 10)
	nan := math.NaN()
	f.samples(1, []float64{5, nan, nan, nan, nan}, func(i int) []byte { return readertest.Int16s(i) })
	f.samples(2, []float64{5.1, nan}, func(i int) []byte { return append(marker(fmt.Sprint("a", i))(i), marker("b")(i)...) })
	rec, err := readXDF(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Events) != 2 || rec.Events[0].Label != "a0,b" || math.Abs(rec.Events[1].Onset-0.2) > 1e-9 {
		t.Errorf("events %+v", rec.Events)
	}
	f = newXDF()
	f.header(1, "amp", "EEG", "int16", 1, 10, "Cz")
	f.samples(1, []float64{5}, func(i int) []byte { return readertest.Int16s(3) })
	if rec, err := readXDF(f); err != nil || len(rec.Channels[0].Samples) != 1 || rec.Channels[0].Rate != 10 {
		t.Errorf("one sample: %v", err)
	}
}

func TestXDFClockReset(t *testing.T) {
	t.Parallel()
	f := newXDF()
	f.header(1, "amp", "EEG", "int8", 1, 100, "Cz")
	f.header(2, "codes", "Markers", "int32", 1, 0)
	value := func(i int) []byte { return []byte{byte(i % 100)} }
	f.offset(1, 1000, 50)
	f.offset(1, 1005, 50)
	f.samples(1, ramp(1000, 1000, 100), value)
	f.offset(1, 0, 1065) // the device was restarted 5 s later, its clock is at 0
	f.samples(1, ramp(1000, 0, 100), value)
	f.offset(1, 9, 1065)
	f.samples(2, []float64{1070}, func(int) []byte { return binary.LittleEndian.AppendUint32(nil, 42) })
	rec, err := readXDF(f)
	if err != nil {
		t.Fatal(err)
	}
	want := []recording.Gap{{At: 10, Length: 5}}
	if len(rec.Gaps) != 1 || math.Abs(rec.Gaps[0].At-want[0].At) > 1e-6 || math.Abs(rec.Gaps[0].Length-want[0].Length) > 1e-6 {
		t.Errorf("gaps: %s", cmp.Diff(want, rec.Gaps))
	}
	if len(rec.Events) != 1 || rec.Events[0].Code != 42 || math.Abs(rec.Events[0].Onset-15) > 1e-6 {
		t.Errorf("events %+v", rec.Events)
	}
}

func TestXDFRefuses(t *testing.T) {
	t.Parallel()
	make1 := func(change func(f *xdfFile)) []byte {
		f := newXDF()
		change(f)
		return f.Bytes()
	}
	good := make1(func(f *xdfFile) {
		f.header(1, "amp", "EEG", "int8", 1, 100, "Cz")
		f.samples(1, ramp(10, 0, 100), func(i int) []byte { return []byte{1} })
	})
	for _, tt := range []struct {
		name, code, reason string
		b                  []byte
	}{
		{"no streams", decoders.CodePayloadMalformed, "none of the 0 streams", make1(func(f *xdfFile) {})},
		{"only markers", decoders.CodePayloadMalformed, "none of the 1 streams", make1(func(f *xdfFile) { f.header(1, "m", "Markers", "string", 1, 0) })},
		{"unknown format", decoders.CodeUnsupportedFormat, "float16", make1(func(f *xdfFile) { f.header(1, "m", "EEG", "float16", 1, 100) })},
		{"absurd channels", decoders.CodePayloadMalformed, "1000000000", make1(func(f *xdfFile) { f.header(1, "m", "EEG", "int8", 1e9, 100) })},
		{"no header", decoders.CodePayloadMalformed, "stream 9 has no header", make1(func(f *xdfFile) { f.offset(9, 1, 2) })},
		{"two headers", decoders.CodePayloadMalformed, "two headers", make1(func(f *xdfFile) { f.header(1, "a", "EEG", "int8", 1, 1); f.header(1, "a", "EEG", "int8", 1, 1) })},
		{"bad XML", decoders.CodePayloadMalformed, "header of stream 1", make1(func(f *xdfFile) { f.chunk(2, []byte("\x01\x00\x00\x00<info")) })},
		{"samples cut", decoders.CodePayloadMalformed, "cut or inconsistent", make1(func(f *xdfFile) {
			f.header(1, "a", "EEG", "int8", 1, 1)
			f.chunk(3, []byte{1, 0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 255, 0, 1})
		})},
		{"stamps stand still", decoders.CodePayloadMalformed, "do not increase", make1(func(f *xdfFile) {
			f.header(1, "a", "EEG", "int8", 1, 1)
			f.samples(1, []float64{5, 5, 5}, func(int) []byte { return []byte{1} })
		})},
	} {
		rec, err := formats.Open("x.xdf", bytes.NewReader(tt.b), int64(len(tt.b)))
		if rec != nil || readertest.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	// A recorder that was killed leaves a chunk unfinished: what is there is read.
	for _, tail := range [][]byte{{4}, {4, 255, 255, 255, 127}, {8, 1, 2}} {
		b := append(bytes.Clone(good), tail...)
		rec, err := formats.Open("x.xdf", bytes.NewReader(b), int64(len(b)))
		if err != nil || len(rec.Channels[0].Samples) != 10 || !strings.Contains(strings.Join(rec.Warnings, ";"), "ends within a chunk") {
			t.Errorf("cut at the end: %v", err)
		}
	}
}

// What is broken is left out with its place, and the rest is read, as pyxdf does.
func TestXDFReadsWhatIsWhole(t *testing.T) {
	t.Parallel()
	boundary := []byte{0x43, 0xa5, 0x46, 0xdc, 0xcb, 0xf5, 0x41, 0x0f, 0xb3, 0x0e, 0xd5, 0x46, 0x73, 0x83, 0xcb, 0xe4}
	value := func(i int) []byte { return []byte{byte(i)} }
	for _, tt := range []struct {
		name    string
		spoil   func(f *xdfFile)
		warning string
	}{
		{"zeros", func(f *xdfFile) { f.Write(make([]byte, 200)) }, "length of 0 bytes"},
		{"a length of three bytes", func(f *xdfFile) { f.Write([]byte{3, 1, 1, 1}) }, "none of 1, 4 and 8"},
		{"a chunk without a tag", func(f *xdfFile) { f.Write([]byte{1, 1, 0}) }, "no tag"},
		{"a length beyond the file", func(f *xdfFile) { f.Write([]byte{4, 255, 255, 255, 127}) }, "not chunks"},
		{"a chunk of no known tag", func(f *xdfFile) { f.Write([]byte{1, 9, 77, 77, 1, 2, 3, 4, 5, 6, 7}) }, "not chunks"},
		{"samples that contradict themselves", func(f *xdfFile) { f.chunk(3, []byte{1, 0, 0, 0, 1, 200, 9, 9, 9}) }, "cut or inconsistent"},
		{"samples of no stream", func(f *xdfFile) { f.chunk(3, []byte{9, 0, 0, 0, 1, 0}) }, "stream 9 has no header"},
		{"a footer of no stream", func(f *xdfFile) { f.chunk(6, []byte{1, 0}) }, "names no stream"},
		{"a header in Latin-1", func(f *xdfFile) {
			f.chunk(2, append([]byte{7, 0, 0, 0}, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><info><name>Gr\xf6\xdfe</name><type>HR</type><channel_count>1</channel_count><nominal_srate>0</nominal_srate><channel_format>float32</channel_format></info>"...))
		}, "Größe"},
		{"a header that is none", func(f *xdfFile) { f.chunk(2, append([]byte{7, 0, 0, 0}, "<info"...)) }, "header of stream 7"},
		{"values of an unknown format", func(f *xdfFile) { f.header(7, "new", "EEG", "float16", 1, 100) }, "float16"},
		{"a bystander whose clock goes back", func(f *xdfFile) {
			f.header(7, "acc", "Accelerometer", "int8", 1, 50)
			f.samples(7, append(ramp(100, 10, 50), ramp(100, 3, 50)...), value)
		}, "\"acc\" do not increase"},
	} {
		f := newXDF()
		f.header(1, "amp", "EEG", "int8", 1, 100, "Cz")
		f.header(2, "m", "Markers", "string", 1, 0)
		f.samples(1, ramp(50, 0, 100), value)
		tt.spoil(f)
		f.chunk(5, boundary)
		f.samples(1, ramp(50, 0.5, 100), value)
		f.samples(2, []float64{0.75}, marker("late"))
		rec, err := readXDF(f)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if len(rec.Channels) != 1 || len(rec.Channels[0].Samples) != 100 || len(rec.Events) != 1 || math.Abs(rec.Events[0].Onset-0.75) > 1e-6 {
			t.Errorf("%s: %d samples, events %+v", tt.name, len(rec.Channels[0].Samples), rec.Events)
		}
		if !strings.Contains(strings.Join(rec.Warnings, "\n"), tt.warning) {
			t.Errorf("%s: warnings %q lack %q", tt.name, rec.Warnings, tt.warning)
		}
	}
}

func FuzzXDF(f *testing.F) {
	x := newXDF()
	x.header(1, "amp", "EEG", "int8", 1, 100, "Cz")
	x.header(2, "m", "Markers", "string", 1, 0)
	x.offset(1, 0, 5)
	x.samples(1, ramp(5, 0, 100), func(i int) []byte { return []byte{byte(i)} })
	x.offset(1, 1, 7)
	x.samples(2, []float64{5.02}, marker("a"))
	f.Add(x.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		readertest.Parsed(t, len(b), func() (*recording.Recording, error) { return xdf.Read(bytes.NewReader(b), int64(len(b))) })
	})
}

// Markers that claim a rate, numbers that are not markers, streams of other types.
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
		if strings.Join(got, " ") != tt.events || len(rec.Channels) != 1 || !readertest.Warned(rec, tt.warning) {
			t.Errorf("%s: events %v, channels %v, warnings %q", tt.name, got, rec.Labels(), rec.Warnings)
		}
	}
	for _, typ := range []string{"Signal", "", "ExG", "something with electrodes"} {
		f := newXDF()
		f.header(1, "EEGdev", typ, "int8", 3, 100, "C3", "Cz", "C4")
		f.samples(1, ramp(400, 0, 100), func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 3) })
		if rec, err := readXDF(f); err != nil || readertest.EEGNames(rec) != "C3 Cz C4" || !readertest.Warned(rec, "taken for EEG") {
			t.Errorf("type %q: %v, %v", typ, rec, err)
		}
	}
}
