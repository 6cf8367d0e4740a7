// Package playback is a device that plays a recording, at its own speed or any other, with its events and its gaps. It reads every format that
// package decoders/recording/formats does.
package playback

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/eeg"
)

// Config says what is played.
type Config struct {
	// File is the path of the recording. Required. It is held in memory.
	File string
	// Channels are labels or 10-20 names. Defaults to all EEG channels of the rate that most of them have.
	Channels []string
	// Rate in Hz, where the file does not tell it.
	Rate float64
	// Speed of time. Defaults to 1; negative plays as fast as the stream is read.
	Speed float64
	// Chunk is how many samples come at once. Defaults to 40 ms of them.
	Chunk int
	// Loop begins again at the end. The beginning follows the end without a gap.
	Loop bool
}

// New reads the recording. Errors: CodeInvalid, with what the reader found wrong.
func New(cfg Config) (devices.Source, error) {
	if cfg.Speed == 0 {
		cfg.Speed = 1
	}
	path, err := filepath.Abs(cfg.File)
	if err != nil {
		return nil, devices.Errorf(devices.CodeInvalid, "%s: %w", cfg.File, err)
	}
	rec, err := formats.OpenFS(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		return nil, devices.Errorf(devices.CodeInvalid, "%s: %w", cfg.File, err)
	}
	if cfg.Rate > 0 {
		rec.SetRate(cfg.Rate)
	}
	sig, err := rec.Signal(cfg.Channels...)
	if err != nil {
		return nil, devices.Errorf(devices.CodeInvalid, "%s: %w", cfg.File, err)
	}
	if cfg.Chunk <= 0 {
		cfg.Chunk = max(1, int(sig.Rate/25))
	}
	s := &source{cfg: cfg, data: sig.Data, info: devices.Info{Driver: "playback", Name: filepath.Base(cfg.File), Channels: sig.Channels, Rate: sig.Rate,
		Counter: true, Stamps: devices.Exact}}
	for _, g := range rec.Gaps {
		s.gaps = append(s.gaps, gap{at: int(math.Round(g.At * sig.Rate)), lost: int64(math.Round(g.Length * sig.Rate))})
	}
	for _, e := range rec.Events {
		s.events = append(s.events, event{e, duration(rec, e)})
	}
	return s, nil
}

// duration is that of the annotation that an event came of.
func duration(rec *recording.Recording, e eeg.Event) time.Duration {
	for _, a := range rec.Annotations {
		if a.Onset == e.Onset && a.Label == e.Label {
			return time.Duration(a.Duration * 1e9)
		}
	}
	return 0
}

type gap struct {
	at   int // samples of the recording before it
	lost int64
}

type event struct {
	eeg.Event
	duration time.Duration
}

type source struct {
	cfg    Config
	info   devices.Info
	data   *mat.Dense
	gaps   []gap
	events []event // ordered by onset
}

// Open implements devices.Source. Each stream begins at the beginning.
func (s *source) Open(context.Context) (*devices.Stream, error) { return devices.Begin(s.info, s.run) }

func (s *source) run(ctx context.Context, out *devices.Writer) error {
	pace := devices.NewPace(s.info.Rate, max(0, s.cfg.Speed))
	for {
		if err := s.play(ctx, out, pace); err != nil || !s.cfg.Loop {
			return err
		}
	}
}

// play plays the recording once.
func (s *source) play(ctx context.Context, out *devices.Writer, pace *devices.Pace) error {
	channels, n := s.data.Dims()
	gaps, events := s.gaps, s.events
	for first := 0; first < n; {
		if len(gaps) > 0 && gaps[0].at <= first {
			out.Put(devices.Block{Lost: gaps[0].lost, Cause: devices.NotRecorded})
			gaps = gaps[1:]
			continue
		}
		end := min(first+s.cfg.Chunk, n)
		if len(gaps) > 0 {
			end = min(end, gaps[0].at)
		}
		samples := make([]float32, 0, (end-first)*channels)
		for i := first; i < end; i++ {
			for c := range channels {
				samples = append(samples, float32(s.data.At(c, i)))
			}
		}
		position := out.Next()
		at, err := pace.Until(ctx, out, position+int64(end-first), s.info.Rate)
		if err != nil {
			return err
		}
		out.Put(devices.Block{Samples: samples, Stamp: at.Add(-time.Duration(1e9 / s.info.Rate))})
		for len(events) > 0 && (events[0].Onset*s.info.Rate < float64(end) || end == n) {
			e := events[0]
			out.MarkSample(devices.Marker{Code: e.Code, Label: e.Label, Duration: e.duration}, float64(position)+e.Onset*s.info.Rate-float64(first))
			events = events[1:]
		}
		first = end
	}
	return nil
}
