package playback_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/devicetest"
	"github.com/neurod/neurod/devices/playback"
)

// file writes a session of imagery as EDF+, with a gap of 2 s after 8 s where asked for, and returns what a reader finds in it.
func file(t *testing.T, gap bool) (path string, rec *recording.Recording) {
	t.Helper()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: []string{"C3", "Cz", "C4"}, Rate: 128, Seed: 5}, synthetic.ImageryConfig{TrialsPerClass: 2})
	if err != nil {
		t.Fatal(err)
	}
	rec = &recording.Recording{Events: s.Events}
	for i, name := range s.Channels {
		rec.Channels = append(rec.Channels, recording.Channel{Label: name, Name: name, Kind: recording.EEG, Unit: "uV", Rate: s.Rate, Samples: s.Data.RawRowView(i)})
	}
	if gap {
		rec.Gaps = []recording.Gap{{At: 8, Length: 2}}
	}
	var b bytes.Buffer
	if err := edf.Write(&b, rec); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "imagery.edf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if rec, err = formats.Open("imagery.edf", bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		t.Fatal(err)
	}
	return path, rec
}

func TestConforms(t *testing.T) {
	t.Parallel()
	devicetest.Conform(t, func(t *testing.T) devicetest.Device {
		path, rec := file(t, false)
		src, err := playback.New(playback.Config{File: path, Speed: 10})
		if err != nil {
			t.Fatal(err)
		}
		return devicetest.Device{
			Source: src, Markers: 1, Seconds: 3,
			Info: devices.Info{Driver: "playback", Channels: []string{"C3", "Cz", "C4"}, Rate: 128, Counter: true, Stamps: devices.Exact},
			Check: func(t testing.TB, b devices.Batch) {
				for i, v := range b.Samples {
					if want := float32(rec.Channels[i%3].Samples[b.First+int64(i/3)]); v != want {
						t.Fatalf("value %d of the batch at %d is %g, want %g", i, b.First, v, want)
					}
				}
			},
		}
	})
}

// TestEverySampleEventAndGap: a recording that is played as fast as it is read is what a reader finds, whatever the chunks.
func TestEverySampleEventAndGap(t *testing.T) {
	t.Parallel()
	path, rec := file(t, true)
	if len(rec.Gaps) != 1 {
		t.Fatalf("gaps %v", rec.Gaps)
	}
	for _, chunk := range []int{1, 7, 1000} {
		src, err := playback.New(playback.Config{File: path, Speed: -1, Chunk: chunk, Channels: []string{"C4", "C3"}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := src.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var values []float32
		var onsets []float64
		var labels []string
		gapAt, missing := int64(-1), int64(0)
		for {
			b, err := s.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range b.Gaps {
				if g.Cause != devices.NotRecorded {
					t.Errorf("a gap of %+v", g)
				}
				gapAt, missing = b.First-b.Missing(), missing+g.Samples
			}
			values = append(values, b.Samples...)
			for _, m := range b.Markers {
				onsets, labels = append(onsets, m.Sample), append(labels, m.Label)
			}
		}
		if want := int64(math.Round(rec.Gaps[0].At * 128)); gapAt != want || missing != 256 {
			t.Errorf("%d samples are missing at %d, want 256 at %d", missing, gapAt, want)
		}
		if len(values) != 2*len(rec.Channels[0].Samples) {
			t.Fatalf("%d values of %d", len(values), 2*len(rec.Channels[0].Samples))
		}
		for i := range rec.Channels[0].Samples {
			if values[2*i] != float32(rec.Channels[2].Samples[i]) || values[2*i+1] != float32(rec.Channels[0].Samples[i]) {
				t.Fatalf("sample %d is %v", i, values[2*i:2*i+2])
			}
		}
		if len(onsets) != len(rec.Events) {
			t.Fatalf("%d events of %d: %v", len(onsets), len(rec.Events), labels)
		}
		for i, e := range rec.Events {
			want := e.Onset * 128
			if want >= float64(gapAt) {
				want += 256
			}
			if math.Abs(onsets[i]-want) > 0.01 || labels[i] != e.Label {
				t.Errorf("event %d is %s at %g, want %s at %g", i, labels[i], onsets[i], e.Label, want)
			}
		}
	}
}

// TestRefusals: what is no recording is refused with the reader's reason.
func TestRefusals(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "a.edf")
	if err := os.WriteFile(text, []byte("not a recording"), 0o600); err != nil {
		t.Fatal(err)
	}
	path, _ := file(t, false)
	for name, cfg := range map[string]playback.Config{"absent": {File: "nothing.edf"}, "text": {File: text}, "channel": {File: path, Channels: []string{"Oz"}}} {
		_, err := playback.New(cfg)
		var failed *devices.Error
		if !errors.As(err, &failed) || failed.Code != devices.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnotherPlayerGoesOn: one that begins at a position gives what the one before would have given there, events and gaps too, also round the end.
func TestAnotherPlayerGoesOn(t *testing.T) {
	t.Parallel()
	path, rec := file(t, true)
	length := int64(len(rec.Channels[0].Samples)) + 256
	type played struct {
		values map[int64]float32
		marks  map[float64]string
	}
	play := func(first, n int64) played {
		src, err := playback.New(playback.Config{File: path, Speed: -1, Loop: true, First: first, Channels: []string{"C3"}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := src.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		out := played{map[int64]float32{}, map[float64]string{}}
		for at := int64(0); at < n; {
			b, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range b.Samples {
				if position := first + b.First + int64(i); position < first+n {
					out.values[position] = v
				}
			}
			for _, m := range b.Markers {
				if position := float64(first) + m.Sample; position < float64(first+n) {
					out.marks[position] = m.Label
				}
			}
			at = b.First + int64(len(b.Samples))
		}
		return out
	}
	all := play(0, 3*length)
	if len(all.values) != int(3*(length-256)) {
		t.Fatalf("%d samples of %d", len(all.values), 3*(length-256))
	}
	for _, first := range []int64{1, 8 * 128, 8*128 + 100, 10 * 128, length - 1, length, length + 700} {
		part := play(first, length)
		marks := 0
		for position := range all.marks {
			if position >= float64(first) && position < float64(first+length) {
				marks++
			}
		}
		if len(part.marks) != marks || marks == 0 {
			t.Errorf("from %d on: %d events of %d", first, len(part.marks), marks)
		}
		for position, label := range part.marks {
			if all.marks[position] != label {
				t.Errorf("from %d on: %s at %g", first, label, position)
			}
		}
		for position := first; position < first+length; position++ {
			want, there := all.values[position]
			if got, is := part.values[position]; is != there || got != want {
				t.Fatalf("from %d on: sample %d is %g %v, want %g %v", first, position, got, is, want, there)
			}
		}
	}
}
