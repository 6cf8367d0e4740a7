// Package playback is a device that plays what was recorded, at its own speed or any other, with its events and its gaps: a recording file of every format that
// package decoders/recording/formats reads, or a stored session (Session).
package playback

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/neurod/neurod/devices"
)

// Session is something recorded that is played. Positions count samples from its first one, those that are missing too.
type Session interface {
	// Info says what it gives. Driver, Counter and Stamps are the package's.
	Info() devices.Info
	// Length is the position behind the last sample.
	Length() int64
	// Events returns what happened, in any order.
	Events(ctx context.Context) ([]Event, error)
	// Each calls f with the samples (channels × samples, µV) from a position on, in order, a part at a time. Rows are valid during the call. What lies between two
	// parts is a gap. It returns f's error.
	Each(ctx context.Context, from int64, f func(first int64, rows [][]float64) error) error
}

// Event is something that happened in what is played.
type Event struct {
	Sample   float64 // position
	Code     int
	Label    string
	Duration time.Duration
}

// Playing says how something is played.
type Playing struct {
	// Speed of time. Defaults to 1; negative plays as fast as the stream is read.
	Speed float64
	// Chunk is how many samples come at once. Defaults to 40 ms of them.
	Chunk int
	// Loop begins again at the end. The beginning follows the end without a gap.
	Loop bool
	// First is where it begins, in samples: a player that takes over from another gives what that would have given. With Loop it may be behind the end.
	First int64
}

// NewSession returns the device that plays a session.
func NewSession(s Session, p Playing) (devices.Source, error) {
	info := s.Info()
	info.Driver, info.Counter, info.Stamps = "playback", true, devices.Exact
	if len(info.Channels) == 0 || !(info.Rate > 0) {
		return nil, devices.Errorf(devices.CodeInvalid, "%s has %d channels at %g Hz: there is nothing to play", info.Name, len(info.Channels), info.Rate)
	}
	if p.First < 0 {
		return nil, devices.Errorf(devices.CodeInvalid, "a position of %d is before the beginning", p.First)
	}
	if p.Speed == 0 {
		p.Speed = 1
	}
	if p.Chunk <= 0 {
		p.Chunk = max(1, int(info.Rate/25))
	}
	return &source{session: s, info: info, playing: p}, nil
}

type source struct {
	session Session
	info    devices.Info
	playing Playing
}

// Info says what its streams give.
func (s *source) Info() devices.Info { return s.info }

// Open implements devices.Source. Each stream begins at First.
func (s *source) Open(context.Context) (*devices.Stream, error) { return devices.Begin(s.info, s.run) }

func (s *source) run(ctx context.Context, out *devices.Writer) error {
	events, err := s.session.Events(ctx)
	if err != nil {
		return failure(s.info.Name, err)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Sample, b.Sample) })
	pace := devices.NewPace(s.info.Rate, max(0, s.playing.Speed))
	length, from := s.session.Length(), s.playing.First
	if s.playing.Loop && length > 0 {
		from %= length
	}
	for {
		if err := s.play(ctx, out, pace, events, from); err != nil {
			return failure(s.info.Name, err)
		}
		if !s.playing.Loop || length == 0 {
			return nil
		}
		from = 0
	}
}

// failure makes an error of what is played one of a device.
func failure(name string, err error) error {
	var known *devices.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return devices.Errorf(devices.CodeLost, "%s cannot be read any more: %w", name, err)
}

// play plays the session from a position to its end.
func (s *source) play(ctx context.Context, out *devices.Writer, pace *devices.Pace, events []Event, from int64) error {
	base := out.Next() - from // from a position of the session to one of the stream
	for len(events) > 0 && events[0].Sample < float64(from) {
		events = events[1:]
	}
	mark := func(before float64) {
		for ; len(events) > 0 && events[0].Sample < before; events = events[1:] {
			e := events[0]
			out.MarkSample(devices.Marker{Code: e.Code, Label: e.Label, Duration: e.Duration}, float64(base)+e.Sample)
		}
	}
	err := s.session.Each(ctx, from, func(first int64, rows [][]float64) error {
		if skip := from - first; skip > 0 {
			if skip >= int64(len(rows[0])) {
				return nil
			}
			part := make([][]float64, len(rows))
			for c, row := range rows {
				part[c] = row[skip:]
			}
			first, rows = from, part
		}
		if lost := base + first - out.Next(); lost > 0 {
			out.Put(devices.Block{Lost: lost, Cause: devices.NotRecorded})
		}
		n := len(rows[0])
		for at := 0; at < n; at += s.playing.Chunk {
			end := min(at+s.playing.Chunk, n)
			stamp, err := pace.Until(ctx, out, out.Next()+int64(end-at), s.info.Rate)
			if err != nil {
				return err
			}
			out.Put(devices.Block{Samples: interleave(rows, at, end), Stamp: stamp.Add(-time.Duration(1e9 / s.info.Rate))})
			mark(float64(first + int64(end)))
		}
		return nil
	})
	if err == nil {
		mark(math.Inf(1)) // what is noted behind the last sample
	}
	return err
}

// interleave returns samples of rows, sample-major.
func interleave(rows [][]float64, from, to int) []float32 {
	out := make([]float32, 0, (to-from)*len(rows))
	for i := from; i < to; i++ {
		for _, row := range rows {
			out = append(out, float32(row[i]))
		}
	}
	return out
}
