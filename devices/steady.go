package devices

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"time"
)

// Backoff of opening a source again.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = 5 * time.Second
)

// SteadyConfig says how a source is kept open.
type SteadyConfig struct {
	// Failed is told why a stream ended, or could not be opened again, and how long is waited. Defaults to nobody.
	Failed func(err error, wait time.Duration)
	// GiveUp is how long a source may be away before it is given up. Defaults to for ever.
	GiveUp time.Duration
}

// Steady is a source whose streams go on when the device comes back: a stream that failed is opened again, and what was missed meanwhile is a gap of
// Disconnected, as long as the host's clock says. A source that comes back with other channels or another rate ends the stream with CodeInvalid.
// The first opening is not repeated.
func Steady(src Source, cfg SteadyConfig) Source { return steady{src, cfg} }

type steady struct {
	src Source
	cfg SteadyConfig
}

// Open implements Source.
func (y steady) Open(ctx context.Context) (*Stream, error) {
	inner, err := y.src.Open(ctx)
	if err != nil {
		return nil, err
	}
	info := inner.Info()
	s, err := Begin(info, func(ctx context.Context, out *Writer) error { return y.run(ctx, out, inner, info) })
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return s, nil
}

// run hands on one stream after the other.
func (y steady) run(ctx context.Context, out *Writer, inner *Stream, info Info) error {
	for {
		err := relay(ctx, out, inner, nil)
		_ = inner.Close()
		var failed *Error
		if !errors.As(err, &failed) || !failed.Temporary() {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if inner, err = y.reopen(ctx, failed); err != nil {
			return err
		}
		if now := inner.Info(); now.Rate != info.Rate || !slices.Equal(now.Channels, info.Channels) {
			_ = inner.Close()
			return Errorf(CodeInvalid, "the device came back with %d channels at %g Hz and had %d at %g Hz", len(now.Channels), now.Rate, len(info.Channels), info.Rate)
		}
	}
}

// reopen opens the source again, however often it takes.
func (y steady) reopen(ctx context.Context, why *Error) (*Stream, error) {
	since := time.Now()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		if y.cfg.GiveUp > 0 && time.Since(since) >= y.cfg.GiveUp {
			return nil, why
		}
		if y.cfg.Failed != nil {
			y.cfg.Failed(why, wait)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
		s, err := y.src.Open(ctx)
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var again *Error
		if !errors.As(err, &again) || !again.Temporary() {
			return nil, err
		}
		why = again
	}
}

// relay hands on what a stream gives until it ends, and shows it to tap, where that is not nil. Its first sample is placed by time behind those of the
// stream before.
func relay(ctx context.Context, out *Writer, inner *Stream, tap func(Batch)) error {
	return relayChosen(ctx, out, inner, tap, func(samples []float32) []float32 { return samples })
}

// relayChosen is relay of what choose makes of the samples: as many, of other channels.
func relayChosen(ctx context.Context, out *Writer, inner *Stream, tap func(Batch), choose func([]float32) []float32) error {
	placed := false
	shift := int64(0)
	for {
		b, err := inner.Next(ctx)
		if err != nil {
			return err
		}
		if tap != nil {
			tap(b)
		}
		for _, g := range b.Gaps {
			out.Put(Block{Lost: g.Samples, Cause: g.Cause})
		}
		if len(b.Samples) > 0 {
			if next := out.Next(); !placed && next > 0 {
				if missed := int64(math.Round(out.s.track.Position(b.At))) - next; missed > 0 {
					out.Put(Block{Lost: missed, Cause: Disconnected})
				}
			}
			if !placed {
				placed, shift = true, out.Next()-b.First
			}
			n := len(b.Samples) / len(inner.info.Channels)
			last, _ := inner.track.At(b.First + int64(n) - 1)
			out.Put(Block{Samples: choose(b.Samples), Stamp: last})
		}
		for _, m := range b.Markers {
			out.MarkSample(m, m.Sample+float64(shift))
		}
		for _, r := range b.Readings {
			out.Read(r)
		}
		out.dropped(b.Dropped)
		if d := inner.Clock().Device; d != nil {
			out.SetDevice(time.Duration(d.OffsetMS*1e6), time.Duration(d.WithinMS*1e6))
		}
	}
}

// dropped counts markers that were dropped before they came here.
func (w *Writer) dropped(n int) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.lost += n
}
