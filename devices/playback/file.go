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

// Config says which recording is played.
type Config struct {
	// File is the path of the recording. Required. It is held in memory.
	File string
	// Channels are labels or 10-20 names. Defaults to all EEG channels of the rate that most of them have.
	Channels []string
	// Rate in Hz, where the file does not tell it.
	Rate float64
	// Speed, Chunk, Loop and First are those of Playing.
	Speed float64
	Chunk int
	Loop  bool
	First int64
}

// New reads a recording and returns the device that plays it. Errors: CodeInvalid, with what the reader found wrong.
func New(cfg Config) (devices.Source, error) {
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
	f := &file{data: sig.Data, info: devices.Info{Name: filepath.Base(cfg.File), Channels: sig.Channels, Rate: sig.Rate}}
	_, f.length = sig.Data.Dims()
	for _, g := range rec.Gaps {
		f.gaps = append(f.gaps, gap{at: int(math.Round(g.At * sig.Rate)), lost: int64(math.Round(g.Length * sig.Rate))})
	}
	for _, e := range rec.Events {
		sample := e.Onset * sig.Rate
		f.events = append(f.events, Event{Sample: sample + float64(f.missing(sample)), Code: e.Code, Label: e.Label, Duration: duration(rec, e)})
	}
	return NewSession(f, Playing{Speed: cfg.Speed, Chunk: cfg.Chunk, Loop: cfg.Loop, First: cfg.First})
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

// gap is samples that the recording has not.
type gap struct {
	at   int // samples of the recording before it
	lost int64
}

// file is a recording in memory.
type file struct {
	info   devices.Info
	data   *mat.Dense
	length int // samples that it has
	gaps   []gap
	events []Event
}

var _ Session = (*file)(nil)

func (f *file) Info() devices.Info { return f.info }

func (f *file) Length() int64 { return int64(f.length) + f.missing(math.Inf(1)) }

func (f *file) Events(context.Context) ([]Event, error) { return f.events, nil }

// missing returns how many samples are missing before the one that has so many of the recording before it.
func (f *file) missing(sample float64) int64 {
	n := int64(0)
	for _, g := range f.gaps {
		if float64(g.at) <= sample && g.at < f.length {
			n += g.lost
		}
	}
	return n
}

func (f *file) Each(_ context.Context, from int64, each func(first int64, rows [][]float64) error) error {
	channels, _ := f.data.Dims()
	rows := make([][]float64, channels)
	shift := int64(0) // of positions behind gaps
	for at, gaps := 0, f.gaps; at < f.length; {
		end := f.length
		if len(gaps) > 0 && gaps[0].at <= at {
			shift += gaps[0].lost
			gaps = gaps[1:]
			continue
		}
		if len(gaps) > 0 {
			end = min(end, gaps[0].at)
		}
		if int64(end)+shift > from {
			for c := range rows {
				rows[c] = f.data.RawRowView(c)[at:end]
			}
			if err := each(int64(at)+shift, rows); err != nil {
				return err
			}
		}
		at = end
	}
	return nil
}
