package edf_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

// part is a segment of samples from a place on.
type part struct {
	start int64
	rows  [][]float64
}

// stream writes parts as EDFStream does and returns the file.
func stream(t rapid.TB, bits int, labels []string, rate float64, about edf.About, parts []part) []byte {
	t.Helper()
	s, err := edf.NewStreamWriter(bits, labels, "uV", rate)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if err := s.Measure(p.start, p.rows); err != nil {
			t.Fatal(err)
		}
	}
	size, err := s.Plan(about)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := s.Begin(&buf); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if err := s.Write(p.start, p.rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if int64(buf.Len()) != size {
		t.Fatalf("%d bytes were written, %d were planned", buf.Len(), size)
	}
	return buf.Bytes()
}

// TestStreamReadsBack writes segments with gaps of any length and holds what our reader finds to them, sample by sample:
// each at its time, what is missing annotated and held at the last value, multiples of a common step exact in float32.
func TestStreamReadsBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.SampledFrom([]int{16, 24}).Draw(t, "bits")
		rate := rapid.SampledFrom([]float64{50, 128, 160, 250, 256, 512, 173.61, 199.8}).Draw(t, "rate")
		// A calibration of common devices and files, in µV a digital step; 0 for values that no steps make.
		step := rapid.SampledFrom([]float64{0, 1, 0.5, 0.1, 1. / 32, 1600. / 8190, 0.02235, 2, 6400. / 65535}).Draw(t, "step")
		dc := rapid.SampledFrom([]float64{0, 820, -3000, 1700}).Draw(t, "offset")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		value := func() float64 {
			if step == 0 {
				return float64(float32(dc + 50*rng.NormFloat64()))
			}
			k := math.Round(dc/step) + math.Round(100*rng.NormFloat64())
			if step == 6400./65535 { // limits of ±3200 at -32768 and 32767
				k += 0.5
			}
			return float64(float32(k * step))
		}
		var parts []part
		samples := map[int64][2]float64{}
		at := rapid.Int64Range(-5000, 5000).Draw(t, "first")
		first, largest := at, 0.0
		for range rapid.IntRange(1, 8).Draw(t, "parts") {
			p := part{start: at, rows: make([][]float64, 2)}
			n := rapid.Int64Range(1, 900).Draw(t, "samples")
			for i := range n {
				v := [2]float64{value(), value()}
				samples[at+i] = v
				for ch := range v {
					p.rows[ch] = append(p.rows[ch], v[ch])
					largest = max(largest, math.Abs(v[ch]))
				}
			}
			parts = append(parts, p)
			at += n
			if rapid.Bool().Draw(t, "gap") {
				at += rapid.Int64Range(1, 4000).Draw(t, "missing")
			}
		}
		last := parts[len(parts)-1]
		length := last.start + int64(len(last.rows[0])) - first
		start := time.UnixMilli(rapid.Int64Range(1_600_000_000_000, 1_700_000_000_000).Draw(t, "start")).UTC()
		b := stream(t, bits, []string{"A", "B"}, rate, edf.About{Start: start}, parts)
		name := "x.edf"
		if bits == 24 {
			name = "x.bdf"
		}
		rec, err := formats.Open(name, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Warnings) > 0 {
			t.Fatalf("reading warns: %q", rec.Warnings)
		}
		if !rec.StartTime.Equal(start) {
			t.Fatalf("starts at %v, want %v", rec.StartTime, start)
		}
		discontinuous := rec.Format == edf.PlusD || rec.Format == edf.BDFPlusD
		if discontinuous && length <= 2*int64(len(samples)) || len(rec.Gaps) > 0 != discontinuous {
			t.Fatalf("%s of %d samples over %d, %d gaps", rec.Format, len(samples), length, len(rec.Gaps))
		}
		n := len(rec.Channels[0].Samples)
		missing := make([]bool, n)
		for _, a := range rec.Annotations {
			if a.Label != edf.MissingLabel {
				t.Fatalf("annotation %+v", a)
			}
			for i := math.Round(a.Onset * rate); i < math.Round((a.Onset+a.Duration)*rate); i++ {
				if missing[int(i)] {
					t.Fatalf("sample %g is missing twice", i)
				}
				missing[int(i)] = true
			}
		}
		steps := map[int]float64{16: 65534, 24: 16777214}[bits]
		// Few values do not tell their step, and one that float32 hardly holds drowns in its rounding.
		exact := step > 0 && len(samples) >= 100 && largest/step <= steps/2 && step > 256*largest/(1<<24)
		found, held := 0, [2]float64{}
		for i := range n {
			elapsed := float64(i) / rate
			for _, g := range rec.Gaps {
				if g.At <= float64(i)/rate+1e-6 {
					elapsed += g.Length
				}
			}
			want, there := samples[first+int64(math.Round(elapsed*rate))]
			if there == missing[i] {
				t.Fatalf("sample %d of the file: there %v, annotated as missing %v", i, there, missing[i])
			}
			if there {
				found++
				held = want
			}
			for ch := range 2 {
				got := rec.Channels[ch].Samples[i]
				switch {
				case exact && float32(got) != float32(held[ch]):
					t.Fatalf("channel %d sample %d: %v, want %v of steps of %g", ch, i, float32(got), float32(held[ch]), step)
				case math.Abs(got-held[ch]) > (1.001*largest+1e-4)/steps+1e-12:
					t.Fatalf("channel %d sample %d: %v, want %v", ch, i, got, held[ch])
				}
			}
		}
		if found != len(samples) {
			t.Fatalf("%d samples of %d", found, len(samples))
		}
	})
}

// TestStreamAnnotations checks that annotations are at their time by the clock, also inside and after a gap, in both kinds of file.
func TestStreamAnnotations(t *testing.T) {
	t.Parallel()
	rows := func(n int) [][]float64 {
		row := make([]float64, n)
		for i := range row {
			row[i] = float64(i % 7)
		}
		return [][]float64{row}
	}
	about := edf.About{Start: time.Date(2021, 3, 4, 5, 6, 7, 250_000_000, time.UTC), Device: "Test Cap",
		Annotations: []recording.Annotation{{Onset: 1.5, Label: "left"}, {Onset: 2.25, Duration: 0.5, Label: "in the gap"}, {Onset: 5.125, Label: "=after"}}}
	// 2 s, 1 s missing, 3 s: filled.
	b := stream(t, 16, []string{"Cz"}, 100, about, []part{{0, rows(200)}, {300, rows(300)}})
	rec, err := edf.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	want := []recording.Annotation{{Onset: 1.5, Label: "left"}, {Onset: 2, Duration: 1, Label: edf.MissingLabel},
		{Onset: 2.25, Duration: 0.5, Label: "in the gap"}, {Onset: 5.125, Label: "=after"}}
	if !slices.Equal(rec.Annotations, want) || len(rec.Gaps) > 0 || rec.Subject != "X X X X" || rec.Device != "Startdate 04-MAR-2021 X X Test_Cap" {
		t.Errorf("filled: %+v, gaps %v, subject %q, device %q", rec.Annotations, rec.Gaps, rec.Subject, rec.Device)
	}
	// 2 s, an hour missing, 3 s: discontinuous. Our reader places what lies in a gap at the gap.
	about.Annotations[1].Onset, about.Annotations[2].Onset = 1800, 3603.125
	b = stream(t, 16, []string{"Cz"}, 100, about, []part{{0, rows(200)}, {360200, rows(300)}})
	if rec, err = edf.Read(bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
	want = []recording.Annotation{{Onset: 1.5, Label: "left"}, {Onset: 2, Duration: 0.5, Label: "in the gap"}, {Onset: 3.125, Label: "=after"}}
	if !slices.Equal(rec.Annotations, want) || !slices.Equal(rec.Gaps, []recording.Gap{{At: 2, Length: 3600}}) || rec.Format != edf.PlusD {
		t.Errorf("%s: %+v, gaps %v", rec.Format, rec.Annotations, rec.Gaps)
	}
	if !bytes.Contains(b, []byte("+1800.25\x150.5\x14in the gap\x14\x00")) {
		t.Error("the annotation in the gap is not at its time")
	}
}

// TestStreamWithoutSamples writes one missing record, because readers refuse files that have none.
func TestStreamWithoutSamples(t *testing.T) {
	t.Parallel()
	b := stream(t, 24, []string{"Cz", "Pz"}, 250, edf.About{Start: time.Unix(1e9, 0)}, nil)
	rec, err := edf.ReadBDF(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if want := []recording.Annotation{{Duration: 1, Label: edf.MissingLabel}}; !slices.Equal(rec.Annotations, want) || len(rec.Channels) != 2 || len(rec.Channels[0].Samples) != 250 {
		t.Errorf("%+v, %d channels", rec.Annotations, len(rec.Channels))
	}
}

// TestStreamLabels checks that labels stay apart in 16 characters and none turns a signal into annotations.
func TestStreamLabels(t *testing.T) {
	t.Parallel()
	labels := []string{"a very long channel name 1", "a very long channel name 2", "EDF Annotations", "größer", "Cz"}
	row := [][]float64{{1}, {2}, {3}, {4}, {5}}
	b := stream(t, 16, labels, 1, edf.About{}, []part{{0, row}})
	rec, err := edf.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rec.Labels(), []string{"a very long chan", "a very long ch#2", "EDF Annotation#2", "gr??er", "Cz"}; !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
	for i, c := range rec.Channels {
		if c.Samples[0] != float64(i+1) {
			t.Errorf("%s: %v", c.Label, c.Samples)
		}
	}
}

// TestStreamHugeValues checks the largest values that sessions take, which need another unit in the header.
func TestStreamHugeValues(t *testing.T) {
	t.Parallel()
	b := stream(t, 16, []string{"Cz"}, 4, edf.About{}, []part{{0, [][]float64{{1e7, -1e7, 0.5, 9_999_999.5}}}})
	rec, err := edf.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range []float64{1e7, -1e7, 0.5, 9_999_999.5} {
		if got := rec.Channels[0].Samples[i]; math.Abs(got-v) > 1e7/65534*1.001 || rec.Channels[0].Unit != "uV" {
			t.Errorf("%g is read as %g %s", v, got, rec.Channels[0].Unit)
		}
	}
}

func TestStreamRefuses(t *testing.T) {
	t.Parallel()
	if _, err := edf.NewStreamWriter(12, []string{"Cz"}, "uV", 100); readertest.CodeOf(err) != decoders.CodeUnsupportedFormat {
		t.Errorf("12 bits: %v", err)
	}
	if _, err := edf.NewStreamWriter(16, nil, "uV", 100); readertest.CodeOf(err) != decoders.CodeUnsupportedFormat {
		t.Errorf("no channels: %v", err)
	}
	row := func(n int) [][]float64 { return [][]float64{make([]float64, n)} }
	fresh := func() *edf.StreamWriter {
		s, err := edf.NewStreamWriter(16, []string{"Cz"}, "uV", 100)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := fresh()
	if err := s.Measure(0, [][]float64{{0, math.NaN()}}); readertest.CodeOf(err) != decoders.CodeInvalidSignal {
		t.Errorf("NaN: %v", err)
	}
	if s.Measure(0, [][]float64{{0}, {0}}) == nil {
		t.Error("a channel too many was measured")
	}
	s = fresh()
	if err := s.Measure(10, row(10)); err != nil {
		t.Fatal(err)
	}
	if s.Measure(19, row(1)) == nil {
		t.Error("a segment that overlaps was measured")
	}
	if s.Begin(&bytes.Buffer{}) == nil {
		t.Error("a file that was not planned was begun")
	}
	if _, err := s.Plan(edf.About{}); err != nil {
		t.Fatal(err)
	}
	if s.Measure(30, row(1)) == nil {
		t.Error("measured after the plan")
	}
	if err := s.Begin(&bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if s.Write(9, row(3)) == nil || s.Write(10, row(11)) == nil {
		t.Error("other samples than those measured were written")
	}
	if err := s.Write(10, row(9)); err != nil {
		t.Fatal(err)
	}
	if s.Close() == nil {
		t.Error("a file that lacks a sample was closed as whole")
	}
}

// BenchmarkStream is a minute of 8 channels at 250 Hz, measured and written.
func BenchmarkStream(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	labels := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
	rows := make([][]float64, len(labels))
	for i := range rows {
		for range 60 * 250 {
			rows[i] = append(rows[i], float64(float32(20*rng.NormFloat64())))
		}
	}
	b.SetBytes(8 * 60 * 250 * 2)
	for b.Loop() {
		stream(b, 16, labels, 250, edf.About{}, []part{{0, rows}})
	}
}
