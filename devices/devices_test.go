package devices_test

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/devices"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var two = devices.Info{Driver: "test", Name: "test", Channels: []string{"C3", "C4"}, Rate: 100, Counter: true, Stamps: devices.Exact}

// begin starts a driver whose end the test waits for.
func begin(t testing.TB, run func(ctx context.Context, out *devices.Writer) error) *devices.Stream {
	t.Helper()
	s, err := devices.Begin(two, run)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// samples of two channels from a position on: each says where it belongs.
func samples(first int64, n int) []float32 {
	out := make([]float32, 0, 2*n)
	for i := range int64(n) {
		out = append(out, float32(first+i), -float32(first+i))
	}
	return out
}

// TestEveryPositionOnce: whatever a driver hands on, however slowly it is read, each position comes once or is in a gap that says why.
func TestEveryPositionOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		type step struct {
			n, lost int
			bad     int // index of a sample that is no number, -1 for none
		}
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			n := rapid.IntRange(0, 1200).Draw(rt, "n")
			return step{n, rapid.IntRange(0, 50).Draw(rt, "lost"), rapid.IntRange(-1, max(0, n-1)).Draw(rt, "bad")}
		}), 1, 20).Draw(rt, "steps")
		wrote := make(chan struct{})
		s := begin(t, func(_ context.Context, out *devices.Writer) error {
			defer close(wrote)
			next := int64(0)
			for _, st := range steps {
				next += int64(st.lost)
				v := samples(next, st.n)
				if st.bad >= 0 && st.bad < st.n {
					v[2*st.bad+1] = float32(math.NaN())
				}
				next += int64(st.n)
				out.Put(devices.Block{Lost: int64(st.lost), Samples: v, Stamp: time.Now()})
				out.Mark(devices.Marker{At: time.Now(), Label: "here"})
			}
			return nil
		})
		<-wrote // the driver did not wait for a reader
		total, end, marks := int64(0), int64(0), 0
		missing := map[devices.Cause]int64{}
		for {
			b, err := s.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				rt.Fatal(err)
			}
			if b.First != end+b.Missing() {
				rt.Fatalf("a batch begins at %d behind %d with %d missing", b.First, end, b.Missing())
			}
			for _, g := range b.Gaps {
				missing[g.Cause] += g.Samples
			}
			for i := range len(b.Samples) / 2 {
				if want := float32(b.First + int64(i)); b.Samples[2*i] != want || b.Samples[2*i+1] != -want {
					rt.Fatalf("sample %d is %v", b.First+int64(i), b.Samples[2*i:2*i+2])
				}
			}
			total += int64(len(b.Samples) / 2)
			end = b.First + int64(len(b.Samples)/2)
			marks += len(b.Markers) + b.Dropped
		}
		lost, unreadable, all := int64(0), int64(0), int64(0)
		for _, st := range steps {
			all += int64(st.n + st.lost)
			lost += int64(st.lost)
			if st.bad >= 0 && st.bad < st.n {
				unreadable++
			}
		}
		if missing[devices.LostByDevice] != lost || missing[devices.Unreadable] > unreadable {
			rt.Fatalf("missing are %v; %d were lost and %d unreadable", missing, lost, unreadable)
		}
		sum := total
		for _, n := range missing {
			sum += n
		}
		if sum != all || end != all {
			rt.Fatalf("%d came and %v are missing of %d; the end is at %d", total, missing, all, end)
		}
		if total > 2*devices.Holds*100 {
			rt.Fatalf("%d samples were held", total)
		}
		if marks != len(steps) {
			rt.Fatalf("%d markers of %d", marks, len(steps))
		}
	})
}

// TestAStreamEndsOnce: an error, a panic and the end of a driver come behind what it gave, and again at each call.
func TestAStreamEndsOnce(t *testing.T) {
	t.Parallel()
	lost := devices.Errorf(devices.CodeLost, "unplugged")
	for name, c := range map[string]struct {
		run  func(ctx context.Context, out *devices.Writer) error
		code devices.Code // "" for io.EOF
	}{
		"end":     {func(context.Context, *devices.Writer) error { return nil }, ""},
		"failure": {func(context.Context, *devices.Writer) error { return lost }, devices.CodeLost},
		"panic":   {func(context.Context, *devices.Writer) error { panic("at the disco") }, devices.CodeLost},
		"foreign": {func(context.Context, *devices.Writer) error { return io.ErrUnexpectedEOF }, devices.CodeLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, func(ctx context.Context, out *devices.Writer) error {
				out.Put(devices.Block{Samples: samples(0, 5), Stamp: time.Now()})
				return c.run(ctx, out)
			})
			if b, err := s.Next(t.Context()); err != nil || len(b.Samples) != 10 {
				t.Fatalf("%d values, %v", len(b.Samples), err)
			}
			for range 2 {
				_, err := s.Next(t.Context())
				var failed *devices.Error
				switch {
				case c.code == "" && !errors.Is(err, io.EOF):
					t.Errorf("the end is %v", err)
				case c.code != "" && (!errors.As(err, &failed) || failed.Code != c.code):
					t.Errorf("the error is %v", err)
				}
			}
		})
	}
}

// flaky is a source whose streams give a second of samples and fail.
type flaky struct {
	opened int
	absent int // openings that fail between
	last   devices.Info
}

func (f *flaky) Open(context.Context) (*devices.Stream, error) {
	f.opened++
	if f.opened > 1 && f.absent > 0 {
		f.absent--
		return nil, devices.Errorf(devices.CodeNotFound, "not there")
	}
	return devices.Begin(f.last, func(ctx context.Context, out *devices.Writer) error {
		for i := range 10 {
			t := time.NewTimer(100 * time.Millisecond)
			select {
			case <-t.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			out.Put(devices.Block{Samples: samples(int64(10*i), 10), Stamp: time.Now()})
		}
		return devices.Errorf(devices.CodeLost, "gone")
	})
}

// TestSteadyPlacesWhatComesBackByTime: the gap is as long as the device was away, by the clock.
func TestSteadyPlacesWhatComesBackByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &flaky{absent: 4, last: two}
		var told []error
		began := time.Now()
		s, err := devices.Steady(src, devices.SteadyConfig{Failed: func(err error, _ time.Duration) { told = append(told, err) }}).Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		end := int64(0)
		for end < 150 {
			b, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range b.Gaps {
				if g.Cause != devices.Disconnected {
					t.Errorf("a gap of %+v", g)
				}
			}
			// The samples of a batch were made in the tenth of a second before they came.
			if late := b.At.Sub(began) - time.Duration(float64(b.First)/100*1e9); late.Abs() > 100*time.Millisecond+b.Within {
				t.Errorf("sample %d is at %v", b.First, b.At.Sub(began))
			}
			end = b.First + int64(len(b.Samples)/2)
		}
		if len(told) != 5 {
			t.Errorf("failures told: %v", told)
		}
	})
}

// TestSteadyGivesUp: after the time that was stated, on a device that came back as another one, and on what no waiting mends.
func TestSteadyGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &flaky{absent: 1000, last: two}
		s, err := devices.Steady(src, devices.SteadyConfig{GiveUp: time.Minute}).Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		began := time.Now()
		for err == nil {
			_, err = s.Next(t.Context())
		}
		var failed *devices.Error
		if !errors.As(err, &failed) || failed.Code != devices.CodeNotFound || time.Since(began) > 2*time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		src := &flaky{last: two}
		s, err := devices.Steady(src, devices.SteadyConfig{Failed: func(error, time.Duration) { src.last.Rate = 250 }}).Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for err == nil {
			_, err = s.Next(t.Context())
		}
		var failed *devices.Error
		if !errors.As(err, &failed) || failed.Code != devices.CodeInvalid {
			t.Errorf("%v", err)
		}
	})
}
