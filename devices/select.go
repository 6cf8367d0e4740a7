package devices

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Select is a source that gives some channels of another, in the order given; those of all where none are. Opening it fails with CodeInvalid where the
// device lacks one.
func Select(src Source, channels []string) Source {
	if len(channels) == 0 {
		return src
	}
	return selected{src, channels}
}

type selected struct {
	src      Source
	channels []string
}

// Open implements Source.
func (s selected) Open(ctx context.Context) (*Stream, error) {
	inner, err := s.src.Open(ctx)
	if err != nil {
		return nil, err
	}
	info := inner.Info()
	all := len(info.Channels)
	columns := make([]int, len(s.channels))
	for i, name := range s.channels {
		if columns[i] = slices.Index(info.Channels, name); columns[i] < 0 {
			return nil, errors.Join(Errorf(CodeInvalid, "the device has no channel %s; it has %v", name, info.Channels), inner.Close())
		}
	}
	if slices.Equal(s.channels, info.Channels) {
		return inner, nil
	}
	info.Channels = slices.Clone(s.channels)
	out, err := Begin(info, func(ctx context.Context, out *Writer) error {
		defer inner.Close()
		return relayChosen(ctx, out, inner, nil, func(samples []float32) []float32 {
			chosen := make([]float32, 0, len(samples)/all*len(columns))
			for at := 0; at < len(samples); at += all {
				for _, c := range columns {
					chosen = append(chosen, samples[at+c])
				}
			}
			return chosen
		})
	})
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return out, nil
}

// Monitor is a source that can be looked at while it is read.
type Monitor struct{ looks }

// Watched returns a source that gives what another does, and a Monitor of it.
func Watched(src Source) (Source, *Monitor) {
	m := &Monitor{}
	return Tap(src, func(i Info) (func(Batch), func(), error) {
		m.begin(i)
		return m.show, m.end, nil
	}), m
}

// Source returns what the monitored source gives from now on, as a source of its own. Who reads it too slowly loses what the Writer has no room for; the
// monitored source does not wait. Opening it fails with CodeLost where that is not open.
func (m *Monitor) Source() Source { return look{m} }

type look struct{ m *Monitor }

// Open implements Source.
func (l look) Open(context.Context) (*Stream, error) {
	info, batches, done, err := l.m.join()
	if err != nil {
		return nil, err
	}
	return Begin(info, func(ctx context.Context, out *Writer) error {
		defer done()
		for {
			select {
			case b := <-batches:
				for _, g := range b.Gaps {
					out.Put(Block{Lost: g.Samples, Cause: g.Cause})
				}
				if n := len(b.Samples) / len(info.Channels); n > 0 {
					last := b.At.Add(time.Duration(float64(n-1) * 1e9 / info.Rate))
					out.Put(Block{Samples: slices.Clone(b.Samples), Stamp: last})
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}
