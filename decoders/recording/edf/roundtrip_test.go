package edf_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// noise is a channel of seeded noise of the given standard deviation, µV.
func noise(rng *rand.Rand, label string, rate float64, n int, sd float64) recording.Channel {
	c := recording.Channel{Label: label, Unit: "uV", Rate: rate, Samples: make([]float64, n)}
	for i := range c.Samples {
		c.Samples[i] = sd * rng.NormFloat64()
	}
	return c
}

// written are recordings that WriteEDF and WriteBDF must keep.
func written() map[string]*recording.Recording {
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2021, 3, 4, 5, 6, 7, 250_000_000, time.UTC)
	events := []eeg.Event{{Onset: 0.5, Code: 769, Label: "left"}, {Onset: 1.25, Code: 33}, {Onset: 1.25, Code: -1, Label: "nontarget"}}
	integers := recording.Channel{Label: "Cz", Unit: "uV", Rate: 160}
	for i := range 320 {
		integers.Samples = append(integers.Samples, float64((i*7919)%4001-2000))
	}
	return map[string]*recording.Recording{
		"plain": {Channels: []recording.Channel{noise(rng, "Fp1", 250, 1000, 20), noise(rng, "Fp2", 250, 1000, 20000)},
			StartTime: start, Events: events, Subject: "S1", Device: "test amplifier"},
		"mixed rates":         {Channels: []recording.Channel{noise(rng, "C3", 256, 1024, 30), noise(rng, "Resp", 12.5, 50, 30)}, Events: events},
		"odd length":          {Channels: []recording.Channel{noise(rng, "C3", 250, 1003, 30)}},
		"odd rate":            {Channels: []recording.Channel{noise(rng, "EEG", 173.61, 4097, 100)}},
		"integers":            {Channels: []recording.Channel{integers}, Subject: "X F 01-JAN-1990 Name"},
		"UTF-8 with duration": {Channels: []recording.Channel{noise(rng, "Oz", 128, 512, 10)}, Annotations: []recording.Annotation{{Onset: 1, Duration: 0.75, Label: "仰卧 — größer"}}},
		"gap between records": {Channels: []recording.Channel{noise(rng, "Oz", 100, 500, 10)}, StartTime: start, Gaps: []recording.Gap{{At: 2, Length: 3.5}}, Events: events},
		"many events":         {Channels: []recording.Channel{noise(rng, "Oz", 100, 200, 10)}, Events: manyEvents(700)},
		"flat":                {Channels: []recording.Channel{{Label: "Oz", Unit: "uV", Rate: 100, Samples: make([]float64, 100)}}},
		"only annotations":    {Annotations: []recording.Annotation{{Onset: 30, Duration: 30, Label: "Sleep stage 2"}}, StartTime: start},
	}
}

func manyEvents(n int) []eeg.Event {
	var events []eeg.Event
	for i := range n {
		events = append(events, eeg.Event{Onset: 1.9, Code: i + 1, Label: fmt.Sprint(i + 1)})
	}
	return events
}

func TestWrittenFilesReadBack(t *testing.T) {
	t.Parallel()
	out := os.Getenv("NEUROD_EDF_OUT") // a folder: the files are kept, for other programs to open
	for name, rec := range written() {
		for _, format := range []string{"edf", "bdf"} {
			t.Run(name+"."+format, func(t *testing.T) {
				t.Parallel()
				var buf bytes.Buffer
				write, steps := edf.Write, 65534.0
				if format == "bdf" {
					write, steps = edf.WriteBDF, 16777214
				}
				if err := write(&buf, rec); err != nil {
					t.Fatal(err)
				}
				if out != "" {
					path := filepath.Join(out, strings.ReplaceAll(name, " ", "_")+"."+format)
					if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				got, err := formats.Open("x."+format, bytes.NewReader(buf.Bytes()), int64(buf.Len()))
				if err != nil {
					t.Fatal(err)
				}
				if len(got.Warnings) > 0 {
					t.Errorf("reading warns: %q", got.Warnings)
				}
				compareWritten(t, rec, got, steps)
			})
		}
	}
}

func compareWritten(t *testing.T, want, got *recording.Recording, steps float64) {
	t.Helper()
	if len(got.Channels) != len(want.Channels) {
		t.Fatalf("%d channels of %d", len(got.Channels), len(want.Channels))
	}
	for i, w := range want.Channels {
		g := got.Channels[i]
		if g.Label != w.Label || g.Unit != w.Unit || math.Abs(g.Rate-w.Rate) > 1e-6*w.Rate {
			t.Errorf("channel %d: %s %s %g Hz, want %s %s %g Hz", i, g.Label, g.Unit, g.Rate, w.Label, w.Unit, w.Rate)
		}
		largest := 0.0
		for _, v := range w.Samples {
			largest = max(largest, math.Abs(v))
		}
		whole := w.Label == "Cz"
		if len(g.Samples) < len(w.Samples) {
			t.Fatalf("channel %s: %d samples of %d", w.Label, len(g.Samples), len(w.Samples))
		}
		for k, v := range w.Samples {
			// The header's rounding of the physical maximum adds at most 1e-4 of a channel above 1 µV.
			if diff := math.Abs(g.Samples[k] - v); diff > 1.001*largest/steps+1e-12 || whole && diff > 1e-9 {
				t.Fatalf("channel %s sample %d: %g, want %g", w.Label, k, g.Samples[k], v)
			}
		}
		for _, v := range g.Samples[len(w.Samples):] {
			if v != g.Samples[len(w.Samples)-1] {
				t.Fatalf("channel %s is not padded with its last value", w.Label)
			}
		}
	}
	if !want.StartTime.IsZero() && !got.StartTime.Equal(want.StartTime) {
		t.Errorf("starts %v, want %v", got.StartTime, want.StartTime)
	}
	if diff := cmp.Diff(want.Gaps, got.Gaps); diff != "" {
		t.Errorf("gaps: %s", diff)
	}
	wantEvents := append([]eeg.Event(nil), want.Events...)
	for _, a := range want.Annotations {
		wantEvents = append(wantEvents, eeg.Event{Onset: a.Onset, Label: a.Label})
	}
	if len(got.Events) != len(wantEvents) {
		t.Fatalf("%d events of %d", len(got.Events), len(wantEvents))
	}
	for i, w := range wantEvents {
		g := got.Events[i]
		if math.Abs(g.Onset-w.Onset) > 1e-9 || w.Code != 0 && g.Code != w.Code || !strings.HasPrefix(g.Label, w.Label) {
			t.Errorf("event %d: %+v, want %+v", i, g, w)
		}
	}
	for i, a := range want.Annotations {
		if g := got.Annotations[i]; math.Abs(g.Duration-a.Duration) > 1e-9 || g.Label != a.Label {
			t.Errorf("annotation %d: %+v, want %+v", i, g, a)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	one := func(c recording.Channel) *recording.Recording {
		return &recording.Recording{Channels: []recording.Channel{c}}
	}
	for name, tt := range map[string]struct {
		rec  *recording.Recording
		code string
	}{
		"NaN":          {one(recording.Channel{Label: "Cz", Rate: 100, Samples: []float64{1, math.NaN()}}), decoders.CodeInvalidSignal},
		"Inf":          {one(recording.Channel{Label: "Cz", Rate: 100, Samples: []float64{math.Inf(-1)}}), decoders.CodeInvalidSignal},
		"no rate":      {one(recording.Channel{Label: "Cz", Samples: []float64{1}}), decoders.CodeUnsupportedFormat},
		"no samples":   {one(recording.Channel{Label: "Cz", Rate: 100}), decoders.CodePayloadMalformed},
		"too large":    {one(recording.Channel{Label: "Cz", Rate: 100, Samples: []float64{1e12}}), decoders.CodeUnsupportedFormat},
		"fast":         {one(recording.Channel{Label: "Cz", Rate: 1e300, Samples: []float64{1}}), decoders.CodeUnsupportedFormat},
		"slow":         {one(recording.Channel{Label: "Cz", Rate: 1e-300, Samples: []float64{1}}), decoders.CodeUnsupportedFormat},
		"near the end": {one(recording.Channel{Label: "Cz", Rate: 100, Samples: []float64{1e308}}), decoders.CodeUnsupportedFormat},
		"lengths":      {&recording.Recording{Channels: []recording.Channel{{Label: "a", Rate: 1, Samples: make([]float64, 500)}, {Label: "b", Rate: 4000, Samples: []float64{1}}}}, decoders.CodeUnsupportedFormat},
		"rates differ": {&recording.Recording{Channels: []recording.Channel{{Label: "a", Rate: 173.61, Samples: []float64{1}}, {Label: "b", Rate: 256.013, Samples: []float64{1}}}}, decoders.CodeUnsupportedFormat},
	} {
		if err := edf.Write(&bytes.Buffer{}, tt.rec); readertest.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is written is read back with its events in order and its samples within one step.
func TestWriteReadProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := float64(rapid.SampledFrom([]int{1, 50, 128, 160, 250, 512}).Draw(t, "rate"))
		n := rapid.IntRange(1, 3000).Draw(t, "samples")
		scale := math.Pow(10, rapid.Float64Range(-2, 6).Draw(t, "log scale"))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		rec := &recording.Recording{Channels: []recording.Channel{noise(rng, "A", rate, n, scale), noise(rng, "B", rate, n, 1)}}
		at := 0.0
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			at += rapid.Float64Range(0, 1).Draw(t, "step")
			rec.Events = append(rec.Events, eeg.Event{Onset: math.Round(at*1e6) / 1e6, Code: rapid.IntRange(1, 99999).Draw(t, "code")})
		}
		var buf bytes.Buffer
		if err := edf.Write(&buf, rec); err != nil {
			t.Fatal(err)
		}
		got, err := edf.Read(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range rec.Channels {
			largest := 0.0
			for _, v := range c.Samples {
				largest = max(largest, math.Abs(v))
			}
			for k, v := range c.Samples {
				if math.Abs(got.Channels[i].Samples[k]-v) > (1.001*largest+1e-4)/65534+1e-12 {
					t.Fatalf("channel %d sample %d: %g, want %g", i, k, got.Channels[i].Samples[k], v)
				}
			}
		}
		if len(got.Events) != len(rec.Events) {
			t.Fatalf("%d events of %d", len(got.Events), len(rec.Events))
		}
		for i, e := range rec.Events {
			if g := got.Events[i]; math.Abs(g.Onset-e.Onset) > 1e-9 || g.Code != e.Code {
				t.Fatalf("event %d: %+v, want %+v", i, g, e)
			}
		}
	})
}
