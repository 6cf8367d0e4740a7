package edf_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/eeg"
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

// tal pads an annotation list to n bytes.
func tal(n int, s string) []byte { return append([]byte(s), make([]byte, n-len(s))...) }

func readEDF(b []byte) (*recording.Recording, error) {
	return formats.Open("test.edf", bytes.NewReader(b), int64(len(b)))
}

func TestEDFTolerates(t *testing.T) {
	t.Parallel()
	data := readertest.Int16s(1, 2, 3, 4, 5, 6, 7, 8)
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
		{"bad date", edfFile{signals: []edfSignal{uv}, data: data, date: "99.99.99", recording: " "}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, "uV", "is not a date"},
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
	ordinary := edfFile{signals: []edfSignal{{unit: "uV"}}, data: readertest.Int16s(1, 2, 3, 4)}
	for _, tt := range []struct {
		name   string
		b      []byte
		reason string
	}{
		{"empty", nil, "empty"},
		{"cut in the fixed header", ordinary.bytes()[:100], "too few for a header"},
		{"cut in the signal header", ordinary.bytes()[:400], "the file has 400"},
		{"header only", ordinary.bytes()[:512], "the file holds none"},
		{"no number of signals", bytes.Replace(ordinary.bytes(), []byte("1   Cz"), []byte("x   Cz"), 1), "number of signals is not a number"},
		{"a million signals", bytes.Replace(ordinary.bytes(), []byte("1   Cz"), []byte("9999Cz"), 1), "9999 signals need"},
		{"no signals", edfFile{records: "0"}.bytes(), "names 0 signals"},
		{"record count", edfFile{records: "many", signals: ordinary.signals, data: ordinary.data}.bytes(), "number of data records is not a number"},
		{"negative duration", edfFile{duration: "-1", signals: ordinary.signals, data: ordinary.data}.bytes(), "lasts -1 s"},
		{"infinite duration", edfFile{duration: "inf", signals: ordinary.signals, data: ordinary.data}.bytes(), "duration of a data record is not a number"},
		{"negative samples", edfFile{signals: []edfSignal{{samples: "-4"}}, data: ordinary.data}.bytes(), "has -4 samples a record"},
		{"no samples", edfFile{signals: []edfSignal{{samples: "0"}}, data: ordinary.data}.bytes(), "signals without samples"},
		{"calibration", edfFile{signals: []edfSignal{{pmax: "high"}}, data: ordinary.data}.bytes(), "physical maximum of signal 1 (Cz)"},
		{"record larger than the file", edfFile{signals: []edfSignal{{samples: "99999999"}}, data: ordinary.data}.bytes(), "the file holds none"},
	} {
		rec, err := readEDF(tt.b)
		if rec != nil || readertest.CodeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestEDFAnnotations(t *testing.T) {
	t.Parallel()
	const n = 64
	wave := readertest.Int16s(1, 2, 3, 4)
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
	rec, err := formats.Open("x.bdf", bytes.NewReader(f.bytes()), int64(len(f.bytes())))
	if err != nil {
		t.Fatal(err)
	}
	want := []eeg.Event{{Onset: 3. / 8, Code: 12}, {Onset: 5. / 8, Code: 0xFFFF}, {Onset: 6. / 8, Code: 12}}
	if diff := cmp.Diff(want, rec.Events); diff != "" {
		t.Error(diff)
	}
	if rec.Format != edf.BDF || rec.Channels[0].Kind != recording.Trigger {
		t.Errorf("%s, kind %s", rec.Format, rec.Channels[0].Kind)
	}
	if _, err := rec.Signal(); readertest.CodeOf(err) != decoders.CodeMontageMismatch {
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
		f := edfFile{date: tt.date, clock: tt.clock, recording: tt.recording, signals: []edfSignal{{}}, data: readertest.Int16s(1, 2, 3, 4)}
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
	b := edfFile{signals: []edfSignal{{}}, data: readertest.Int16s(1, 2, 3, 4)}.bytes()
	for after := range 4 {
		_, err := edf.Read(&failing{r: bytes.NewReader(b), calls: after, err: broken}, int64(len(b)))
		if after < 3 && !errors.Is(err, broken) {
			t.Errorf("after %d reads: %v", after, err)
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
			data: append(readertest.Int16s(make([]int, 1000)...), readertest.Int16s(codes...)...)}.bytes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(rec.Events) != 4 || !readertest.Warned(rec, tt.warning) {
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

// TestInspectRefusesEarly: a header that cannot be read is refused before the samples come.
func TestInspectRefusesEarly(t *testing.T) {
	t.Parallel()
	file := edfFile{records: "4", signals: []edfSignal{{pmin: "x"}}, data: make([]byte, 4096)}.bytes()
	_, _, err := formats.Inspect("x.edf", io.MultiReader(bytes.NewReader(file[:4096]), iotest.ErrReader(errors.New("read too far"))))
	var bad *decoders.Error
	if !errors.As(err, &bad) || bad.Details["field"] == nil {
		t.Errorf("a bad header: %v", err)
	}
	_, _, err = formats.Inspect("x.edf", iotest.ErrReader(errors.New("broken")))
	if err == nil || readertest.CodeOf(err) != "" {
		t.Errorf("a failing reader: %v", err)
	}
	huge := edfFile{records: "1", signals: []edfSignal{{samples: "99999999"}}}.bytes()
	if _, _, err = formats.Inspect("x.edf", bytes.NewReader(huge)); readertest.CodeOf(err) != decoders.CodeUnsupportedFormat {
		t.Errorf("a record of 200 MB: %v", err)
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

// Digital values beyond the range of the header are told.
func TestSamplesOutsideTheDigitalRange(t *testing.T) {
	t.Parallel()
	rec, err := readEDF(edfFile{records: "1", signals: []edfSignal{{label: "Cz", unit: "uV", dmin: "-100", dmax: "100"}}, data: readertest.Int16s(1, 100, -100, 30000)}.bytes())
	if err != nil || !readertest.Warned(rec, "channel Cz: 1 samples lie outside the digital range") || rec.Channels[0].Samples[3] != 30000 {
		t.Errorf("%v, %v", rec, err)
	}
}

// TestStreamAtAnyPieceSize : records read as a stream in pieces are those of the whole file.
func TestStreamAtAnyPieceSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(rt, "piece")
		records := rapid.IntRange(1, 40).Draw(rt, "records")
		var data []byte
		at := 0.0
		for i := range records {
			if rapid.IntRange(0, 5).Draw(rt, "gap") == 0 {
				at += float64(rapid.IntRange(1, 90).Draw(rt, "length"))
			}
			data = append(data, readertest.Int16s(i, 2, -i, 4)...)
			data = append(data, tal(80, fmt.Sprintf("+%.3f\x14\x14\x00+%.3f\x151.5\x14T%d\x14\x00", at, at+0.25, i%3))...)
			at += 4. / 100
		}
		file := edfFile{reserved: "EDF+D", records: fmt.Sprint(records), duration: "0.04",
			signals: []edfSignal{{unit: "uV"}, {label: "EDF Annotations", samples: "40"}}, data: data}.bytes()
		cut := rapid.IntRange(0, min(len(data), 30)).Draw(rt, "cut off")
		readertest.SameReading(t, "x.edf", file[:len(file)-cut], n)
	})
}

// Headers of nothing but claims: the answer names the number and the bytes that are there.
func TestClaimsAreRefusedByTheBytesThatAreThere(t *testing.T) {
	file := edfFile{records: "1", duration: "1"}.bytes()[:256]
	copy(file[252:], "2e9 ")
	readertest.Refused(t, "x.edf", file, "2000000000")
	readertest.Refused(t, "x.bdf", append([]byte("\xffBIOSEMI"), file[8:]...), "2000000000")
}

// The memory for a file follows its size, not its claims. Measured over a file of 10 kB that claims gigabytes.
func TestMemoryFollowsTheInput(t *testing.T) {
	// Not parallel: it looks at the allocations of the whole program.
	huge := edfFile{records: "99999999", signals: make([]edfSignal, 20), data: make([]byte, 4000)}
	for i := range huge.signals {
		huge.signals[i].samples = "100"
	}
	file := huge.bytes()
	readertest.Allocated(t, "x.edf", len(file)/4, func() { _, _ = readEDF(file) })
}
