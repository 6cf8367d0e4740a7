package recording_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
)

// edfFile is an EDF of one record a second, made field by field so that every field can be made wrong.
type edfFile struct {
	version, reserved, date, clock, records, duration, headerBytes string
	patient, recording                                             string
	signals                                                        []edfSignal
	data                                                           []byte
}

type edfSignal struct{ label, unit, pmin, pmax, dmin, dmax, samples string }

func (f edfFile) bytes() []byte {
	pad := func(s, fallback string, n int) string {
		if s == "" {
			s = fallback
		}
		return (s + strings.Repeat(" ", n))[:n]
	}
	n := len(f.signals)
	var b strings.Builder
	b.WriteString(pad(f.version, "0", 8) + pad(f.patient, "X X X X", 80) + pad(f.recording, "Startdate 02-MAR-2002 X X X", 80))
	b.WriteString(pad(f.date, "02.03.02", 8) + pad(f.clock, "10.20.30", 8) + pad(f.headerBytes, fmt.Sprint(256*(n+1)), 8) + pad(f.reserved, " ", 44))
	b.WriteString(pad(f.records, "2", 8) + pad(f.duration, "1", 8) + pad(fmt.Sprint(n), "", 4))
	each := func(width int, fallback string, field func(edfSignal) string) {
		for _, s := range f.signals {
			b.WriteString(pad(field(s), fallback, width))
		}
	}
	each(16, "Cz", func(s edfSignal) string { return s.label })
	each(80, " ", func(s edfSignal) string { return "" })
	each(8, " ", func(s edfSignal) string { return s.unit })
	each(8, "-100", func(s edfSignal) string { return s.pmin })
	each(8, "100", func(s edfSignal) string { return s.pmax })
	each(8, "-100", func(s edfSignal) string { return s.dmin })
	each(8, "100", func(s edfSignal) string { return s.dmax })
	each(80, " ", func(s edfSignal) string { return "" })
	each(8, "4", func(s edfSignal) string { return s.samples })
	each(32, " ", func(s edfSignal) string { return "" })
	return append([]byte(b.String()), f.data...)
}

func int16s(values ...int) []byte {
	var b []byte
	for _, v := range values {
		b = append(b, byte(v), byte(v>>8))
	}
	return b
}

// tal pads an annotation list to n bytes.
func tal(n int, s string) []byte { return append([]byte(s), make([]byte, n-len(s))...) }

func readEDF(b []byte) (*recording.Recording, error) {
	return recording.Open("test.edf", bytes.NewReader(b), int64(len(b)))
}

func TestEDFTolerates(t *testing.T) {
	t.Parallel()
	data := int16s(1, 2, 3, 4, 5, 6, 7, 8)
	uv := edfSignal{unit: "uV"}
	for _, tt := range []struct {
		name    string
		file    edfFile
		want    []float64
		unit    string
		warning string // "" for none
	}{
		{"ordinary", edfFile{signals: []edfSignal{uv}, data: data}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", ""},
		{"unknown record count", edfFile{signals: []edfSignal{uv}, data: data, records: "-1"}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", "gives no number of data records (-1): the file holds 2"},
		{"zero record count", edfFile{signals: []edfSignal{uv}, data: data, records: "0"}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", "says 0 data records"},
		{"claims more records", edfFile{signals: []edfSignal{uv}, data: data, records: "99999999"}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", "says 99999999 data records and the file holds 2"},
		{"truncated record", edfFile{signals: []edfSignal{uv}, data: data[:13]}, []float64{1, 2, 3, 4}, "uV", "5 bytes after the last data record"},
		{"trailing byte", edfFile{signals: []edfSignal{uv}, data: append(bytes.Clone(data), 7)}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", "1 bytes after the last data record"},
		{"more data than claimed", edfFile{signals: []edfSignal{uv}, data: data, records: "1"}, []float64{1, 2, 3, 4}, "uV", "8 bytes after the last data record"},
		{"mV", edfFile{signals: []edfSignal{{unit: "mV"}}, data: data[:8]}, []float64{1000, 2000, 3000, 4000}, "uV", "the file holds 1"},
		{"micro sign", edfFile{signals: []edfSignal{{unit: "\xb5V"}}, data: data}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", ""},
		{"other unit", edfFile{signals: []edfSignal{{unit: "degC"}}, data: data}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "degC", ""},
		{"decimal comma", edfFile{signals: []edfSignal{{unit: "uV", pmin: "-50,0", pmax: "50,0"}}, data: data}, []float64{.5, 1, 1.5, 2, 2.5, 3, 3.5, 4}, "uV", ""},
		{"inverted", edfFile{signals: []edfSignal{{unit: "uV", pmin: "100", pmax: "-100"}}, data: data}, []float64{-1, -2, -3, -4, -5, -6, -7, -8}, "uV", ""},
		{"no calibration", edfFile{signals: []edfSignal{{unit: "uV", dmin: "5", dmax: "5"}}, data: data}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "", "give no calibration"},
		{"zero record duration", edfFile{signals: []edfSignal{uv}, data: data, duration: "0"}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", "1 s is assumed"},
		{"wrong header length", edfFile{signals: []edfSignal{uv}, data: data, headerBytes: "77"}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", "header length"},
		{"bad date", edfFile{signals: []edfSignal{uv}, data: data, date: "99.99.99", recording: " "}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", "is no date"},
	} {
		rec, err := readEDF(tt.file.bytes())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		c := rec.Channels[0]
		if c.Rate != 4 || c.Unit != tt.unit || len(c.Samples) != len(tt.want) {
			t.Errorf("%s: %g Hz, %q, %v", tt.name, c.Rate, c.Unit, c.Samples)
			continue
		}
		for i, v := range tt.want {
			if math.Abs(c.Samples[i]-v) > 1e-9 {
				t.Errorf("%s: %v, want %v", tt.name, c.Samples, tt.want)
				break
			}
		}
		warnings := strings.Join(rec.Warnings, "; ")
		if (tt.warning == "") != (warnings == "") || !strings.Contains(warnings, tt.warning) {
			t.Errorf("%s: warnings %q, want %q", tt.name, warnings, tt.warning)
		}
	}
}

func TestEDFRefuses(t *testing.T) {
	t.Parallel()
	ordinary := edfFile{signals: []edfSignal{{unit: "uV"}}, data: int16s(1, 2, 3, 4)}
	for _, tt := range []struct {
		name   string
		b      []byte
		reason string
	}{
		{"empty", nil, "empty"},
		{"cut in the fixed header", ordinary.bytes()[:100], "too few for a header"},
		{"cut in the signal header", ordinary.bytes()[:400], "the file has 400"},
		{"header only", ordinary.bytes()[:512], "the file holds none"},
		{"no number of signals", bytes.Replace(ordinary.bytes(), []byte("1   Cz"), []byte("x   Cz"), 1), "number of signals is no number"},
		{"a million signals", bytes.Replace(ordinary.bytes(), []byte("1   Cz"), []byte("9999Cz"), 1), "9999 signals need"},
		{"no signals", edfFile{records: "0"}.bytes(), "names 0 signals"},
		{"record count", edfFile{records: "many", signals: ordinary.signals, data: ordinary.data}.bytes(), "number of data records is no number"},
		{"negative duration", edfFile{duration: "-1", signals: ordinary.signals, data: ordinary.data}.bytes(), "lasts -1 s"},
		{"infinite duration", edfFile{duration: "inf", signals: ordinary.signals, data: ordinary.data}.bytes(), "duration of a data record is no number"},
		{"negative samples", edfFile{signals: []edfSignal{{samples: "-4"}}, data: ordinary.data}.bytes(), "has -4 samples a record"},
		{"no samples", edfFile{signals: []edfSignal{{samples: "0"}}, data: ordinary.data}.bytes(), "signals without samples"},
		{"calibration", edfFile{signals: []edfSignal{{pmax: "high"}}, data: ordinary.data}.bytes(), "physical maximum of signal 1 (Cz)"},
		{"record larger than the file", edfFile{signals: []edfSignal{{samples: "99999999"}}, data: ordinary.data}.bytes(), "the file holds none"},
	} {
		rec, err := readEDF(tt.b)
		if rec != nil || codeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestEDFAnnotations(t *testing.T) {
	t.Parallel()
	const n = 64
	wave := int16s(1, 2, 3, 4)
	file := func(reserved string, lists ...string) edfFile {
		f := edfFile{reserved: reserved, records: fmt.Sprint(len(lists)), signals: []edfSignal{{unit: "uV"}, {label: "EDF Annotations", samples: "32", pmin: "-1", pmax: "1"}}}
		for _, l := range lists {
			f.data = append(append(f.data, wave...), tal(n, l)...)
		}
		return f
	}
	for _, tt := range []struct {
		name    string
		file    edfFile
		want    []recording.Annotation
		gaps    []recording.Gap
		start   string
		warning string
	}{
		{"durations and several texts", file("EDF+C", "+0\x14\x14\x00+0.5\x150.25\x14left\x14trial\x14\x00", "+1\x14\x14\x00"),
			[]recording.Annotation{{Onset: .5, Duration: .25, Label: "left"}, {Onset: .5, Duration: .25, Label: "trial"}}, nil, "10:20:30", ""},
		{"UTF-8", file("EDF+C", "+0\x14\x14\x00+1\x14Schlaf größer\x14\x00"), []recording.Annotation{{Onset: 1, Label: "Schlaf größer"}}, nil, "10:20:30", ""},
		{"Latin-1", file("EDF+C", "+0\x14\x14\x00+1\x14gr\xf6\xdfer\x14\x00"), []recording.Annotation{{Onset: 1, Label: "größer"}}, nil, "10:20:30", "not UTF-8"},
		{"overlapping, out of order", file("EDF+C", "+0\x14\x14\x00+0.75\x142\x14b\x14\x00+0.25\x1530\x14a\x14\x00"),
			[]recording.Annotation{{Onset: .25, Duration: 30, Label: "a"}, {Onset: .75, Label: "2"}, {Onset: .75, Label: "b"}}, nil, "10:20:30", ""},
		{"sub-second start", file("EDF+C", "+0.25\x14\x14\x00+0.75\x14a\x14\x00", "+1.25\x14\x14\x00"), []recording.Annotation{{Onset: .5, Label: "a"}}, nil, "10:20:30.25", ""},
		{"discontinuous", file("EDF+D", "+0\x14\x14\x00", "+5\x14\x14\x00+5.5\x14a\x14\x00", "+6\x14\x14\x00", "+20\x14\x14\x00+20.25\x14b\x14\x00"),
			[]recording.Annotation{{Onset: 1.5, Label: "a"}, {Onset: 3.25, Label: "b"}}, []recording.Gap{{At: 1, Length: 4}, {At: 3, Length: 13}}, "10:20:30", ""},
		{"annotation in a gap", file("EDF+D", "+0\x14\x14\x00+3\x14lost\x14\x00", "+5\x14\x14\x00"),
			[]recording.Annotation{{Onset: 1, Label: "lost"}}, []recording.Gap{{At: 1, Length: 4}}, "10:20:30", "lie in gaps"},
		{"contiguous with a jump", file("EDF+C", "+0\x14\x14\x00", "+5\x14\x14\x00"), nil, nil, "10:20:30", "do not start where the one before ends"},
		{"unreadable list", file("EDF+C", "+0\x14\x14\x00+x\x14a\x14\x00+1\x14b\x14\x00no separator\x00"), []recording.Annotation{{Onset: 1, Label: "b"}}, nil, "10:20:30", "2 annotation lists cannot be read"},
	} {
		rec, err := readEDF(tt.file.bytes())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, rec.Annotations); diff != "" {
			t.Errorf("%s: annotations %s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.gaps, rec.Gaps); diff != "" {
			t.Errorf("%s: gaps %s", tt.name, diff)
		}
		if got := rec.StartTime.Format("15:04:05.999"); got != tt.start {
			t.Errorf("%s: starts %s, want %s", tt.name, got, tt.start)
		}
		warnings := strings.Join(rec.Warnings, "; ")
		if (tt.warning == "") != (warnings == "") || !strings.Contains(warnings, tt.warning) {
			t.Errorf("%s: warnings %q, want %q", tt.name, warnings, tt.warning)
		}
		for i, a := range rec.Annotations {
			if e := rec.Events[i]; e.Onset != a.Onset || e.Label != a.Label {
				t.Errorf("%s: event %+v for annotation %+v", tt.name, e, a)
			}
		}
	}
}

func TestBDFStatusBecomesEvents(t *testing.T) {
	t.Parallel()
	const system = 0x900000 // bits 16 to 23 are the amplifier's own
	var data []byte
	for _, v := range []int{7 | system, 7 | system, 0 | system, 12 | system, 12 | 0x100000, 0x1FFFF &^ 0x10000, 12, 0} {
		data = append(data, byte(v), byte(v>>8), byte(v>>16))
	}
	f := edfFile{version: "\xffBIOSEMI", reserved: "24BIT", records: "1",
		signals: []edfSignal{{label: "Status", unit: "Boolean", samples: "8", pmin: "-8388608", pmax: "8388607", dmin: "-8388608", dmax: "8388607"}}, data: data}
	rec, err := recording.Open("x.bdf", bytes.NewReader(f.bytes()), int64(len(f.bytes())))
	if err != nil {
		t.Fatal(err)
	}
	want := []decoders.Event{{Onset: 3. / 8, Code: 12}, {Onset: 5. / 8, Code: 0xFFFF}, {Onset: 6. / 8, Code: 12}}
	if diff := cmp.Diff(want, rec.Events); diff != "" {
		t.Error(diff)
	}
	if rec.Format != recording.BDF || rec.Channels[0].Kind != recording.Trigger {
		t.Errorf("%s, kind %s", rec.Format, rec.Channels[0].Kind)
	}
	if _, err := rec.Signal(); codeOf(err) != decoders.CodeMontageMismatch {
		t.Errorf("a trigger channel is taken for EEG: %v", err)
	}
}

func TestEDFDates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		date, clock, recording string
		want                   time.Time
	}{
		{"02.03.02", "10.20.30", "x", time.Date(2002, 3, 2, 10, 20, 30, 0, time.UTC)},
		{"02.03.85", "10.20.30", "x", time.Date(1985, 3, 2, 10, 20, 30, 0, time.UTC)},
		{"02.03.84", "10.20.30", "x", time.Date(2084, 3, 2, 10, 20, 30, 0, time.UTC)},
		{"02.03.yy", "10.20.30", "Startdate 02-MAR-2102 X X X", time.Date(2102, 3, 2, 10, 20, 30, 0, time.UTC)},
		{"06.11.76", "11.42.54", "Startdate 06-NOV-1976 X X X", time.Date(1976, 11, 6, 11, 42, 54, 0, time.UTC)},
		{"30.02.02", "10.20.30", "x", time.Time{}},
		{"02.03.02", "25.00.00", "x", time.Time{}},
	} {
		f := edfFile{date: tt.date, clock: tt.clock, recording: tt.recording, signals: []edfSignal{{}}, data: int16s(1, 2, 3, 4)}
		rec, err := readEDF(f.bytes())
		if err != nil || !rec.StartTime.Equal(tt.want) {
			t.Errorf("%s %s: %v, %v, want %v", tt.date, tt.clock, rec.StartTime, err, tt.want)
		}
	}
}

// A reader that fails is not the file's fault, and its error comes through.
func TestReadErrorsPassThrough(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	b := edfFile{signals: []edfSignal{{}}, data: int16s(1, 2, 3, 4)}.bytes()
	for after := range 4 {
		_, err := recording.ReadEDF(&failing{r: bytes.NewReader(b), calls: after, err: broken}, int64(len(b)))
		if after < 3 && !errors.Is(err, broken) {
			t.Errorf("after %d reads: %v", after, err)
		}
	}
}

type failing struct {
	r     io.ReaderAt
	calls int
	err   error
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.calls--; f.calls < 0 {
		return 0, f.err
	}
	return f.r.ReadAt(p, off)
}

// The memory for a file follows its size, not its claims. Measured over a file of 10 kB that claims gigabytes.
func TestMemoryFollowsTheInput(t *testing.T) {
	// Not parallel: it looks at the allocations of the whole program.
	huge := edfFile{records: "99999999", signals: make([]edfSignal, 20), data: make([]byte, 4000)}
	for i := range huge.signals {
		huge.signals[i].samples = "100"
	}
	files := map[string][]byte{
		"huge.edf": huge.bytes(),
		"huge.gdf": gdfFile{version: "GDF 1.25", records: 1 << 60, channels: []gdfChannel{{spr: 1 << 31, typ: 17}}, data: make([]byte, 4000)}.bytes(),
		"many.gdf": gdfFile{version: "GDF 2.20", records: 100, channels: []gdfChannel{{spr: 1, typ: 3}}, data: make([]byte, 200), table: []byte{1, 255, 255, 255, 0, 0, 128, 67}}.bytes(),
	}
	for name, b := range files {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = recording.Open(name, bytes.NewReader(b), int64(len(b)))
		runtime.ReadMemStats(&after)
		// 1 MiB covers the readers' own buffers.
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20+64*uint64(len(b)) {
			t.Errorf("%s: %d bytes of file took %d bytes of memory", name, len(b), used)
		}
	}
}
