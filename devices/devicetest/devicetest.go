// Package devicetest is the conformance suite of drivers: whatever a source is, its streams keep the promises of package devices.
package devicetest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/neurod/neurod/devices"
)

// Device is a device under test: a driver's source and the means to make its device do things. Where a test runs in a bubble of testing/synctest,
// time is the bubble's.
type Device struct {
	Source devices.Source
	// Info is what its streams must say.
	Info devices.Info
	// Check holds a batch to the truth, where the test knows it: what the samples at a position are. Optional.
	Check func(t testing.TB, b devices.Batch)
	// Fail has the device break off while a stream is open, as one that is unplugged; Restore brings it back. Optional together.
	Fail, Restore func(t testing.TB)
	// Lose has the device lose samples in between, and returns how many it will have lost. Optional.
	Lose func(t testing.TB) int64
	// Markers is how many markers come while it is read, at the least. Optional.
	Markers int
	// Seconds of samples to read. Defaults to 2.
	Seconds float64
}

// Conform runs the suite. open makes a device of its own for each part.
//
//nolint:gocyclo // one part after another
func Conform(t *testing.T, open func(t *testing.T) Device) {
	t.Run("what it says of itself", func(t *testing.T) {
		d := open(t)
		s := start(t, d)
		got := s.Info()
		if got.Driver != d.Info.Driver || got.Rate != d.Info.Rate || len(got.Channels) != len(d.Info.Channels) || got.Counter != d.Info.Counter || got.Stamps != d.Info.Stamps {
			t.Fatalf("info is %+v, want %+v", got, d.Info)
		}
		for i := range got.Channels {
			if got.Channels[i] != d.Info.Channels[i] {
				t.Errorf("channel %d is %s, want %s", i, got.Channels[i], d.Info.Channels[i])
			}
		}
		got.Channels[0] = "another's"
		if s.Info().Channels[0] == "another's" {
			t.Error("the channels of a stream can be changed from outside")
		}
	})
	t.Run("samples in order, with their times", func(t *testing.T) {
		d := open(t)
		r := &reader{d: d, s: start(t, d)}
		for began := time.Now(); r.seconds() < d.seconds() || r.markers < d.Markers; {
			if time.Since(began) > patience {
				t.Fatalf("%d markers within %v, want %d", r.markers, patience, d.Markers)
			}
			r.next(t)
		}
		if c := r.s.Clock(); c.Samples < r.end || c.NominalHz != d.Info.Rate {
			t.Errorf("the clock counts %d samples at %g Hz after %d", c.Samples, c.NominalHz, r.end)
		}
	})
	t.Run("stop, twice, and start again", func(t *testing.T) {
		d := open(t)
		for range 2 {
			r := &reader{d: d, s: start(t, d)}
			r.next(t)
			for range 2 {
				if err := r.s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			r.drain(t, io.EOF)
		}
	})
	t.Run("a context that ends leaves the stream", func(t *testing.T) {
		d := open(t)
		r := &reader{d: d, s: start(t, d)}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for {
			b, err := r.s.Next(ctx)
			if err == nil {
				r.judge(t, b)
				continue
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			break
		}
		r.next(t)
	})
	t.Run("losses", func(t *testing.T) {
		d := open(t)
		if d.Lose == nil {
			t.Skip("the device loses nothing by itself")
		}
		r := &reader{d: d, s: start(t, d)}
		r.next(t)
		want := d.Lose(t)
		for r.missing < want {
			r.next(t)
		}
		for range 3 {
			r.next(t)
		}
		if r.missing != want {
			t.Errorf("%d samples are missing, want %d", r.missing, want)
		}
		if lost := r.s.Clock().Lost; lost != want {
			t.Errorf("the clock counts %d lost samples, want %d", lost, want)
		}
	})
	t.Run("failure, and back again", func(t *testing.T) {
		d := open(t)
		if d.Fail == nil {
			t.Skip("the device cannot fail")
		}
		r := &reader{d: d, s: start(t, d)}
		r.next(t)
		d.Fail(t)
		var failed *devices.Error
		if err := r.until(t); !errors.As(err, &failed) || !failed.Temporary() {
			t.Fatalf("the stream ended with %v", err)
		}
		if _, err := r.s.Next(t.Context()); !errors.As(err, &failed) {
			t.Errorf("after its end the stream gives %v", err)
		}
		d.Restore(t)
		again := &reader{d: d, s: start(t, d)}
		again.next(t)
	})
	t.Run("steady over a failure", func(t *testing.T) {
		d := open(t)
		if d.Fail == nil {
			t.Skip("the device cannot fail")
		}
		failed := make(chan error, 100)
		steady := devices.Steady(d.Source, devices.SteadyConfig{Failed: func(err error, _ time.Duration) {
			select {
			case failed <- err:
			default:
			}
		}})
		r := &reader{d: d, s: begin(t, steady), lenient: true}
		r.next(t)
		d.Fail(t)
		if err := <-failed; err == nil {
			t.Error("a failure without an error")
		}
		d.Restore(t)
		for gone, began := false, time.Now(); !gone; {
			if time.Since(began) > patience {
				t.Fatal("no gap tells that the device was away")
			}
			for _, g := range r.next(t).Gaps {
				gone = gone || g.Cause == devices.Disconnected
			}
		}
		r.next(t)
	})
	t.Run("nobody reads", func(t *testing.T) {
		d := open(t)
		s := start(t, d)
		// The driver is not held up: it can be stopped, and tells what it has.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		(&reader{d: d, s: s}).drain(t, io.EOF)
	})
}

// patience is for devices of a machine that other tests keep busy.
const patience = time.Minute

func (d Device) seconds() float64 {
	if d.Seconds > 0 {
		return d.Seconds
	}
	return 2
}

func start(t testing.TB, d Device) *devices.Stream {
	t.Helper()
	return begin(t, d.Source)
}

func begin(t testing.TB, src devices.Source) *devices.Stream {
	t.Helper()
	s, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reader reads a stream and holds what it gives to the contract.
type reader struct {
	d       Device
	s       *devices.Stream
	end     int64 // position behind the last sample
	missing int64
	markers int
	last    time.Time
	lenient bool // the truth begins anew somewhere
}

func (r *reader) seconds() float64 { return float64(r.end) / r.d.Info.Rate }

// next returns the next batch with samples or gaps.
func (r *reader) next(t testing.TB) devices.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		b, err := r.s.Next(ctx)
		if err != nil {
			t.Fatalf("after %d samples: %v", r.end, err)
		}
		r.judge(t, b)
		if len(b.Samples) > 0 || len(b.Gaps) > 0 {
			return b
		}
	}
}

// until reads to the end, and returns why it came.
func (r *reader) until(t testing.TB) error {
	t.Helper()
	for {
		b, err := r.s.Next(t.Context())
		if err != nil {
			return err
		}
		r.judge(t, b)
	}
}

func (r *reader) drain(t testing.TB, want error) {
	t.Helper()
	if err := r.until(t); !errors.Is(err, want) {
		t.Errorf("the stream ended with %v, want %v", err, want)
	}
}

// judge holds a batch to the contract.
func (r *reader) judge(t testing.TB, b devices.Batch) {
	t.Helper()
	channels := len(r.d.Info.Channels)
	for _, g := range b.Gaps {
		if g.Samples <= 0 || g.Cause == "" {
			t.Errorf("a gap of %d samples, cause %q", g.Samples, g.Cause)
		}
	}
	if want := r.end + b.Missing(); b.First != want {
		t.Errorf("the batch begins at %d; %d samples were before it and %d are missing", b.First, r.end, b.Missing())
	}
	if len(b.Samples)%channels != 0 {
		t.Errorf("%d values are no whole samples of %d channels", len(b.Samples), channels)
	}
	for i, v := range b.Samples {
		if !(v >= -1e7 && v <= 1e7) {
			t.Fatalf("value %d of the batch at %d is %g µV", i, b.First, v)
		}
	}
	if len(b.Samples) > 0 {
		if b.At.IsZero() || b.Within <= 0 {
			t.Errorf("the batch at %d has the time %v within %v", b.First, b.At, b.Within)
		}
		if b.At.Before(r.last.Add(-b.Within)) {
			t.Errorf("the batch at %d is of %v, before the one before it (%v)", b.First, b.At, r.last)
		}
		r.last = b.At
		if r.d.Check != nil && !r.lenient {
			r.d.Check(t, b)
		}
	}
	r.markers += len(b.Markers)
	for _, m := range b.Markers {
		if m.At.IsZero() || (m.Label == "" && m.Code == 0) {
			t.Errorf("a marker without time, code and label: %+v", m)
		}
	}
	r.missing += b.Missing()
	r.end = b.First + int64(len(b.Samples)/channels)
}
