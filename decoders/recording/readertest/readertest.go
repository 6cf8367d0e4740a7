// Package readertest is what tests of readers share: the conformance suite that every row of the registry is held to, and checks of what was
// read.
package readertest

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"math"
	"os"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/text"
)

// CodeOf returns the stable code of an error, "" when it has none.
func CodeOf(err error) string {
	var e *decoders.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// MeanOf is the mean of a channel, and how many of its samples are NaN.
func MeanOf(c *recording.Channel) (mean float64, missing int) {
	for _, v := range c.Samples {
		if math.IsNaN(v) {
			missing++
		} else {
			mean += v
		}
	}
	return mean / float64(len(c.Samples)-missing), missing
}

// EEGNames are the names of the EEG channels, with spaces between.
func EEGNames(rec *recording.Recording) string {
	var names []string
	for _, c := range rec.Channels {
		if c.Kind == recording.EEG {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, " ")
}

// BrainVisionHeader is the header of a BrainVision recording of two channels at 250 Hz, whose orientation and binary format are to
// be filled in.
const BrainVisionHeader = `Brain Vision Data Exchange Header File Version 1.0
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

// Warned reports whether a warning holds a word.
func Warned(rec *recording.Recording, word string) bool {
	return strings.Contains(strings.Join(rec.Warnings, "\n"), word)
}

// Archive gives the recordings of a ZIP file whose names end in one of the suffixes, in their order; all where none is given.
func Archive(t testing.TB, file string, suffixes ...string) iter.Seq2[string, *recording.Recording] {
	t.Helper()
	return func(yield func(string, *recording.Recording) bool) {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		members, err := formats.OpenZip(f, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			if len(suffixes) > 0 && !slices.ContainsFunc(suffixes, func(end string) bool { return strings.HasSuffix(m.Name, end) }) {
				continue
			}
			rec, err := m.Open()
			if err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
			if !yield(m.Name, rec) {
				return
			}
		}
	}
}

// Int16s are values as little-endian int16.
func Int16s(values ...int) []byte {
	var b []byte
	for _, v := range values {
		b = append(b, byte(v), byte(v>>8))
	}
	return b
}

// CheckParsed holds what every parser promises for any input: an error with a stable code, or a sound recording
// whose size follows the input's.
func CheckParsed(t *testing.T, size int, rec *recording.Recording, err error) {
	t.Helper()
	if err != nil {
		if CodeOf(err) == "" {
			t.Fatalf("error without code: %v", err)
		}
		if rec != nil {
			t.Fatal("an error and a recording")
		}
		return
	}
	CheckRecording(t, "fuzzed", rec)
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
		if err := edf.Write(&buf, rec); err != nil && CodeOf(err) == "" {
			t.Fatalf("writing: %v", err)
		} else if err == nil {
			if _, err := edf.Reader.Read("", bytes.NewReader(buf.Bytes()), int64(buf.Len())); err != nil {
				t.Fatalf("reading what was written: %v", err)
			}
		}
	}
}

// MostOf is how many bytes the input can be when it is unpacked.
func MostOf(b string) int {
	if strings.HasPrefix(b, "\x1f\x8b") || strings.HasPrefix(b, "PK") {
		return 64*len(b) + 1<<20
	}
	return len(b)
}

// Parsed reads an input of size bytes and holds it to checkParsed, and its memory to the size.
func Parsed(t *testing.T, size int, read func() (*recording.Recording, error)) {
	t.Helper()
	var rec *recording.Recording
	var err error
	Allocated(t, "fuzzed", size, func() { rec, err = read() })
	CheckParsed(t, size, rec, err)
}

// memoryFactor and memoryFloor bound what reading may allocate in all, garbage included: so many bytes for each of the
// input, and the readers' own buffers.
const (
	memoryFactor = 256
	memoryFloor  = 1 << 20
)

// Allocated runs f and fails where it allocated more than the input of size bytes justifies. Nothing else may run meanwhile: it looks at the
// allocations of the whole program.
func Allocated(t testing.TB, what string, size int, f func()) {
	t.Helper()
	// The garbage collector and the race detector empty pools at random; what a reader itself takes, it takes each time.
	least := uint64(math.MaxUint64)
	for range 3 {
		before := allocatedBytes()
		f()
		if least = min(least, allocatedBytes()-before); least <= memoryFloor+memoryFactor*uint64(size) {
			return
		}
	}
	t.Fatalf("%s: %d bytes of input took %d bytes of memory", what, size, least)
}

// allocatedBytes is what the program has allocated so far. Unlike runtime.ReadMemStats it does not stop the world, and is right to some kB.
func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// ReadBoth reads a file as a whole and as a stream and drops what it finds.
func ReadBoth(t testing.TB, name string, file []byte) {
	t.Helper()
	if _, err := formats.Open(name, bytes.NewReader(file), int64(len(file))); err != nil && CodeOf(err) == "" {
		t.Fatalf("%s: error without code: %v", name, err)
	}
	rec, plan, err := formats.Inspect(name, bytes.NewReader(file))
	if err != nil {
		if CodeOf(err) == "" {
			t.Fatalf("%s: inspect: error without code: %v", name, err)
		}
		return
	}
	if plan.Rate == 0 && len(rec.Channels) > 0 {
		plan.Rate = 100
	}
	s, err := formats.OpenStream(plan, bytes.NewReader(file))
	if err != nil {
		if CodeOf(err) == "" {
			t.Fatalf("%s: stream: error without code: %v", name, err)
		}
		return
	}
	var b recording.Block
	for {
		if err := s.Next(&b); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			if CodeOf(err) == "" {
				t.Fatalf("%s: stream: error without code: %v", name, err)
			}
			return
		}
	}
}

// pieces gives a text in reads of at most n bytes.
type pieces struct {
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

// Streamed reads a file as a stream and puts its blocks together.
func Streamed(t testing.TB, name string, file []byte, n int) (*recording.Recording, error) {
	t.Helper()
	rec, plan, err := formats.Inspect(name, pieces{bytes.NewReader(file), n})
	if err != nil {
		return nil, err
	}
	if plan.Bytes != int64(len(file)) {
		t.Fatalf("the inspection saw %d bytes of %d", plan.Bytes, len(file))
	}
	if rec.Irregular || len(rec.Channels) > 0 && rec.Channels[0].Rate == 0 { // nothing shows the time of samples
		return rec, nil
	}
	s, err := formats.OpenStream(plan, pieces{bytes.NewReader(file), n})
	if err != nil {
		return nil, err
	}
	var b recording.Block
	missing := 0.0
	for {
		err := s.Next(&b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if b.Gap > 0 {
			rec.Gaps = append(rec.Gaps, recording.Gap{At: b.At, Length: b.Gap})
			missing += b.Gap
		}
		for i := range b.Samples {
			rec.Channels[i].Samples = append(rec.Channels[i].Samples, b.Samples[i]...)
		}
		rec.Events = append(rec.Events, b.Events...)
		rec.Annotations = append(rec.Annotations, b.Annotations...)
		for i, d := range b.Durations {
			rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: b.Events[i].Onset, Duration: d, Label: b.Events[i].Label})
		}
	}
	if !rec.StartTime.Equal(s.Recording().StartTime) && plan.Format != text.MuseCSV && plan.Format != text.MindMonitor {
		t.Fatalf("the inspection says that it began %v, the stream %v", rec.StartTime, s.Recording().StartTime)
	}
	return rec, nil
}

// SameReading holds a stream to what Open reads of the same bytes.
func SameReading(t testing.TB, name string, file []byte, pieces ...int) {
	t.Helper()
	want, wantErr := formats.Open(name, bytes.NewReader(file), int64(len(file)))
	for _, n := range pieces {
		got, err := Streamed(t, name, file, n)
		sameAs(t, name, file, want, wantErr, got, err)
	}
}

// sameAs compares what a stream gave with what Open has.
//
//nolint:gocyclo // one comparison for each field of a recording
func sameAs(t testing.TB, name string, file []byte, want *recording.Recording, wantErr error, got *recording.Recording, err error) {
	t.Helper()
	format := formats.Sniff(name, file[:min(len(file), 4096)])
	if format == formats.Zip {
		return // Open leaves the choice among its files to the caller
	}
	if format == formats.Gzip {
		if CodeOf(err) != decoders.CodeUnsupportedFormat {
			t.Fatalf("a format that is not streamed: %v", err)
		}
		return
	}
	if CodeOf(err) == decoders.CodeUnsupportedFormat && strings.Contains(err.Error(), "as a stream") {
		return // a record too large to be held
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: Open says %v, the stream %v", name, wantErr, err)
	}
	if err != nil {
		if CodeOf(err) != CodeOf(wantErr) {
			t.Fatalf("%s: Open says %v, the stream %v", name, wantErr, err)
		}
		return
	}
	if len(got.Channels) != len(want.Channels) || got.Irregular != want.Irregular || !got.StartTime.Equal(want.StartTime) || got.Format != want.Format {
		t.Fatalf("%s: %d channels of %s from %v, Open has %d of %s from %v", name, len(got.Channels), got.Format, got.StartTime,
			len(want.Channels), want.Format, want.StartTime)
	}
	for i := range want.Channels {
		w, g := &want.Channels[i], &got.Channels[i]
		if g.Label != w.Label || g.Name != w.Name || g.Kind != w.Kind || g.Unit != w.Unit || g.Rate != w.Rate {
			t.Fatalf("%s: channel %d is %+v, Open has %+v", name, i, header(g), header(w))
		}
		if got.Irregular || w.Rate == 0 {
			continue
		}
		if !slices.EqualFunc(g.Samples, w.Samples, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
			t.Fatalf("%s: channel %s has %d samples, Open has %d, or they differ", name, w.Label, len(g.Samples), len(w.Samples))
		}
	}
	if got.Irregular || len(want.Channels) > 0 && want.Channels[0].Rate == 0 {
		return
	}
	if !slices.EqualFunc(got.Gaps, want.Gaps, func(a, b recording.Gap) bool { return near(a.At, b.At, 1) && near(a.Length, b.Length, 1) }) {
		t.Fatalf("%s: gaps %v, Open has %v", name, got.Gaps, want.Gaps)
	}
	if len(got.Annotations) != len(want.Annotations) {
		t.Fatalf("%s: %d annotations, Open has %d", name, len(got.Annotations), len(want.Annotations))
	}
	// Open's events are those of the stream and one for each annotation that is none of them already.
	type key struct {
		onset float64
		label string
	}
	already := map[key]bool{}
	for _, e := range got.Events {
		already[key{e.Onset, e.Label}] = true
	}
	events := len(got.Events)
	for _, a := range got.Annotations {
		if !already[key{a.Onset, a.Label}] {
			events++
		}
	}
	if events != len(want.Events) {
		t.Fatalf("%s: %d events, Open has %d", name, events, len(want.Events))
	}
}

func header(c *recording.Channel) recording.Channel {
	h := *c
	h.Samples = nil
	return h
}

// CheckRecording holds what is true of every recording that a reader returns.
func CheckRecording(t *testing.T, name string, rec *recording.Recording) {
	t.Helper()
	labels := map[string]bool{}
	for _, c := range rec.Channels {
		if c.Label == "" || c.Name == "" || c.Kind == "" {
			t.Errorf("%s: channel %+v lacks label, name or kind", name, c.Label)
		}
		if labels[c.Label] {
			t.Errorf("%s: label %q twice", name, c.Label)
		}
		labels[c.Label] = true
		if c.Rate < 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) {
			t.Errorf("%s %s: rate %g", name, c.Label, c.Rate)
		}
	}
	for i, e := range rec.Events {
		if i > 0 && e.Onset < rec.Events[i-1].Onset {
			t.Errorf("%s: event %d at %g after one at %g", name, i, e.Onset, rec.Events[i-1].Onset)
		}
		if math.IsNaN(e.Onset) || math.IsInf(e.Onset, 0) {
			t.Errorf("%s: event %d at %g", name, i, e.Onset)
		}
	}
	if rec.Targets != nil && len(rec.Targets) != len(rec.Events) {
		t.Errorf("%s: %d targets of %d events", name, len(rec.Targets), len(rec.Events))
	}
	sig, err := rec.Signal()
	if err != nil {
		if CodeOf(err) == "" {
			t.Errorf("%s: Signal gives an error without code: %v", name, err)
		}
		return
	}
	r, c := sig.Data.Dims()
	if r != len(sig.Channels) || c == 0 || sig.Rate <= 0 {
		t.Errorf("%s: signal of %d × %d at %g Hz with %d names", name, r, c, sig.Rate, len(sig.Channels))
	}
}

// near is 1e-6 relative to the size of what was summed.
func near(got, want, size float64) bool {
	return math.Abs(got-want) <= 1e-6*math.Max(size, 1e-9)
}

// Refused holds that a file is refused as malformed, whole and as a stream, with the number that it claims and with what is there, and at no
// cost.
func Refused(t *testing.T, name string, file []byte, claimed string) {
	t.Helper()
	var whole, inspect error
	Allocated(t, name, len(file), func() {
		_, whole = formats.Open(name, bytes.NewReader(file), int64(len(file)))
		_, _, inspect = formats.Inspect(name, bytes.NewReader(file))
	})
	for way, err := range map[string]error{"whole": whole, "stream": inspect} {
		if CodeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), claimed) {
			t.Errorf("%s as a %s: %v", name, way, err)
			continue
		}
		var bad *decoders.Error
		if !errors.As(err, &bad) || bad.Details["bytes"] == nil && bad.Details["bytes_got"] == nil {
			t.Errorf("%s as a %s: the details do not say what is there: %v", name, way, bad.Details)
		}
	}
}
