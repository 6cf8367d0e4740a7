// Package devices is the contract of what gives samples: amplifiers, streams of the laboratory's network, files that are played.
//
//	devices            the contract: Source, Stream, Writer, and Steady, which opens a source again when it fails
//	devices/clock      the true time of samples: drift, jitter, jumps, losses
//	devices/synthetic  seeded EEG whose truth is known
//	devices/playback   a recording at its own speed or any other
//	devices/lsl        the Lab Streaming Layer: in and out
//	devices/openbci    Cyton, Cyton with Daisy, and Ganglion, over their serial dongles
//	devices/group      several people, each with a device, as one
//	devices/check      whether a device is fit to record: contact, line noise, saturation, dead and bridged channels, rate, clock
//	devices/spool      batches on the disk until a server has them
//	devices/agent      runs a source beside the headset and brings what it gives into a session
//	devices/devicetest the conformance suite that every driver passes
//
// A driver is a function that reads its device and hands what it reads to a Writer. What the contract promises is kept by the Writer and the Stream,
// so that no driver can break it:
//
//   - Nobody waits for who reads the stream: a Writer never blocks.
//   - Nothing is lost silently: every sample has a position, and positions count what was lost, with the cause. Where nobody reads for longer than
//     the stream holds, what is dropped is a gap as well.
//   - Samples come in order, each position once, as float32 in µV, sample-major.
//   - Every batch has the host's time of its first sample, and how far that may be off; markers have the time of their own source.
//   - A stream ends once, with io.EOF or with why it failed; what came before the end is read first.
//   - Close stops the driver and returns when it has ended, however often it is called.
//
// Drivers know nothing of the service.
package devices

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/devices/clock"
	"github.com/neurod/neurod/internal/guarded"
)

// Source is a device that samples can be read from.
type Source interface {
	// Open connects to the device, starts it and returns what it gives. The context is that of the connecting alone: the stream goes on until
	// it ends or is closed. After a stream has ended, Open may be called again. A source has one stream at a time.
	//
	// Errors are *Error.
	Open(ctx context.Context) (*Stream, error)
}

// Info says what a source gives.
type Info struct {
	Driver   string   `json:"driver"`
	Name     string   `json:"name"` // of the device, as it calls itself
	Channels []string `json:"channels"`
	Rate     float64  `json:"sample_rate_hz"` // nominal
	// Counter tells that the device numbers its samples, so that losses are exact.
	Counter bool `json:"counter"`
	// Stamps says what the time of samples is taken from.
	Stamps Stamps `json:"stamps"`
}

// Stamps says what the time of samples is taken from.
type Stamps string

// The stamps.
const (
	Arrival Stamps = "arrival" // when they came to the host: later than they were made, by a latency that nothing shows
	Device  Stamps = "device"  // the device's clock, compared with the host's
	Exact   Stamps = "exact"   // the host made them
)

// Cause says why samples are missing.
type Cause string

// The causes.
const (
	LostByDevice Cause = "lost"         // by the sample counter, or by lasting steps of the time stamps
	Overrun      Cause = "overrun"      // nobody read the stream for longer than it holds
	Disconnected Cause = "unplugged"    // between the end of a stream and the beginning of the next
	NotRecorded  Cause = "recording"    // the recording that is played has a gap
	SpoolFull    Cause = "spool_full"   // there was no room on the disk
	SpoolFailed  Cause = "spool_failed" // the disk did not take them
	AgentDown    Cause = "agent_down"   // the agent did not run
	Unreadable   Cause = "unreadable"   // a value that is not a number, or beyond what EEG may be
	Interrupted  Cause = "interrupted"  // the source was stopped and started by a command
)

// Gap is samples that are missing.
type Gap struct {
	Samples int64 `json:"samples"`
	Cause   Cause `json:"cause"`
}

// Marker is something that happened.
type Marker struct {
	At       time.Time     `json:"at"` // by its own source, on the host's clock
	Code     int           `json:"code,omitempty"`
	Label    string        `json:"label,omitempty"`
	Duration time.Duration `json:"duration,omitempty"`
	Sample   float64       `json:"sample"` // where At lies among the positions
}

// Reading is what a device measures beside its channels, at a rate of its own: acceleration, battery.
type Reading struct {
	At     time.Time `json:"at"`
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
}

// Batch is samples without a gap between them, and what happened.
type Batch struct {
	// Gaps are missing right before the samples.
	Gaps []Gap
	// First is the position of the first sample: samples since the stream began, those that are missing counted.
	First   int64
	Samples []float32 // samples × channels, µV
	// At is the host's time of the first sample, Within how far that may be off.
	At       time.Time
	Within   time.Duration
	Markers  []Marker
	Readings []Reading
	// Dropped counts markers and readings that were dropped because nobody read the stream.
	Dropped int
}

// Missing returns how many samples are missing before the batch.
func (b *Batch) Missing() int64 {
	n := int64(0)
	for _, g := range b.Gaps {
		n += g.Samples
	}
	return n
}

// Code is the stable name of what a driver fails with.
type Code string

// The codes.
const (
	CodeNotFound    Code = "device_not_found"      // there is none, or it does not answer
	CodeBusy        Code = "device_busy"           // another program has it, or this one
	CodeProtocol    Code = "device_protocol"       // it says what the driver does not understand
	CodeLost        Code = "device_lost"           // it was there, and is not any more
	CodeInvalid     Code = "invalid_configuration" // it cannot do what was asked
	CodeUnsupported Code = "device_unsupported"    // the driver cannot use it
)

// Error is what a driver fails with.
type Error struct {
	Code    Code
	Message string
	Err     error // what it came from, which Message tells as well; or nil
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Unwrap returns what the error came from.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an error with a code. A cause that is given with %w is kept.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Temporary tells whether opening the source again may help.
func (e *Error) Temporary() bool {
	return e.Code == CodeNotFound || e.Code == CodeLost || e.Code == CodeBusy || e.Code == CodeProtocol
}

// What a stream holds for who reads it.
const (
	// Holds is how many seconds of samples.
	Holds = 30
	// holdsMarkers is how many markers and readings.
	holdsMarkers = 100_000
	// largest is the absolute value of a sample that a session takes, µV.
	largest = 1e7
)

// Stream is what a source gives from its start to its end.
type Stream struct {
	info  Info
	track *clock.Track
	stop  context.CancelFunc
	ended chan struct{} // the driver has returned

	mu    sync.Mutex
	ready chan struct{} // holds one token where there is something to read
	space chan struct{} // holds one where something was read
	queue []Batch
	held  int   // values in the queue
	marks int   // markers and readings in the queue
	next  int64 // position of the next sample
	gaps  []Gap // before it
	lost  int   // markers dropped
	done  bool
	err   error
}

// Begin starts a driver. run reads the device until it has no more (nil), fails, or its context ends, which is how it is told to stop; it releases the
// device before it returns. Errors of the info are mistakes of the driver, and are returned.
func Begin(info Info, run func(ctx context.Context, out *Writer) error) (*Stream, error) {
	if len(info.Channels) == 0 || !(info.Rate > 0) || info.Driver == "" {
		return nil, Errorf(CodeInvalid, "a source of %d channels at %g Hz gives no samples", len(info.Channels), info.Rate)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Stream{info: info, track: clock.New(info.Rate), stop: stop, ended: make(chan struct{}),
		ready: make(chan struct{}, 1), space: make(chan struct{}, 1)}
	go func() {
		defer close(s.ended)
		err := guarded.Do(func() error { return run(ctx, &Writer{s}) })
		s.end(err, ctx.Err() != nil)
	}()
	return s, nil
}

// Info says what the stream gives.
func (s *Stream) Info() Info {
	i := s.info
	i.Channels = slices.Clone(i.Channels)
	return i
}

// Clock says what the time of the source was found to do.
func (s *Stream) Clock() clock.Report { return s.track.Report() }

// Position returns where a time of the host lies among the positions.
func (s *Stream) Position(at time.Time) float64 { return s.track.Position(at) }

// Next waits for the next batch. It returns io.EOF when the source has no more or was closed, an *Error where it failed, and the context's
// error when that ends first.
func (s *Stream) Next(ctx context.Context) (Batch, error) {
	for {
		if b, ok, err := s.take(); ok {
			return b, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

// take returns the oldest batch, or how the stream ended.
func (s *Stream) take() (b Batch, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		b = s.queue[0]
		s.queue[0] = Batch{}
		s.queue = s.queue[1:]
		s.held -= len(b.Samples)
		s.marks -= len(b.Markers) + len(b.Readings)
		wake(s.space)
		wake(s.ready)
		return b, true, nil
	}
	if s.done {
		wake(s.ready)
		return Batch{}, true, s.err
	}
	return Batch{}, false, nil
}

// wake lets who waits on a channel look again.
func wake(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// end tells readers how the driver ended.
func (s *Stream) end(err error, stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending() {
		s.queue = append(s.queue, s.fresh(s.next)) // what was dropped last has nothing behind it
	}
	var failed *Error
	switch {
	case err == nil, stopped && errors.Is(err, context.Canceled):
		err = io.EOF
	case !errors.As(err, &failed):
		err = Errorf(CodeLost, "%s failed: %w", s.info.Driver, err)
	}
	s.done, s.err = true, err
	wake(s.ready)
}

// Close stops the driver and waits until it has let go of the device. What was read before may still be taken.
func (s *Stream) Close() error {
	s.stop()
	<-s.ended
	return nil
}

// pending tells whether something was lost that no batch tells yet. The caller holds the lock.
func (s *Stream) pending() bool { return len(s.gaps) > 0 || s.lost > 0 }

// fresh returns a batch at a position that tells what was lost before it. The caller holds the lock.
func (s *Stream) fresh(first int64) Batch {
	b := Batch{First: first, Gaps: s.gaps, Dropped: s.lost}
	s.gaps, s.lost = nil, 0
	if at, within := s.track.At(first); !at.IsZero() {
		b.At, b.Within = at, within
	}
	return b
}

// Writer is where a driver puts what it reads. Nothing of it blocks. It belongs to the goroutine of the driver.
type Writer struct{ s *Stream }

// Block is what a driver has read at once.
type Block struct {
	// Lost samples were made by the device before these, and never came.
	Lost  int64
	Cause Cause // Defaults to LostByDevice.
	// Samples are whole samples of all channels, sample-major, in µV. The stream keeps them.
	Samples []float32
	// Stamp is the time of the last sample by the source's Stamps. A block that is only a loss may have none.
	Stamp time.Time
}

// Put hands on what was read. A block with a value that is no EEG is cut there: the sample becomes a gap.
func (w *Writer) Put(b Block) {
	s := w.s
	channels := len(s.info.Channels)
	n := len(b.Samples) / channels
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Lost > 0 {
		if b.Cause == "" {
			b.Cause = LostByDevice
		}
		s.lose(b.Lost, b.Cause)
		s.track.Lose(b.Lost)
	}
	if n == 0 {
		return
	}
	s.track.Add(s.next+int64(n)-1, b.Stamp, n)
	if s.held+n*channels > s.most() {
		s.lose(int64(n), Overrun)
		return
	}
	for start := 0; start < n; {
		end := start
		for end < n && readable(b.Samples[end*channels:(end+1)*channels]) {
			end++
		}
		if end > start {
			batch := s.fresh(s.next)
			batch.Samples = b.Samples[start*channels : end*channels : end*channels]
			s.queue = append(s.queue, batch)
			s.held += len(batch.Samples)
			s.next += int64(end - start)
		}
		if end < n {
			s.lose(1, Unreadable)
			end++
		}
		start = end
	}
	wake(s.ready)
}

// readable tells whether a sample is one that a session takes.
func readable(sample []float32) bool {
	for _, v := range sample {
		if !(v >= -largest && v <= largest) {
			return false
		}
	}
	return true
}

// most is how many values a stream holds.
func (s *Stream) most() int { return max(1, int(Holds*s.info.Rate)) * len(s.info.Channels) }

// lose counts samples that are missing before the next. The caller holds the lock.
func (s *Stream) lose(n int64, cause Cause) {
	s.next += n
	if k := len(s.gaps) - 1; k >= 0 && s.gaps[k].Cause == cause {
		s.gaps[k].Samples += n
		return
	}
	s.gaps = append(s.gaps, Gap{n, cause})
}

// Mark hands on what happened, at the time of its own source.
func (w *Writer) Mark(m Marker) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Sample = s.track.Position(m.At)
	w.beside(func(b *Batch) { b.Markers = append(b.Markers, m) })
}

// MarkSample is Mark of what is known to have happened at a position: At is the time of that.
func (w *Writer) MarkSample(m Marker, position float64) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Sample = position
	if m.At.IsZero() {
		m.At, _ = s.track.At(int64(position))
	}
	w.beside(func(b *Batch) { b.Markers = append(b.Markers, m) })
}

// Read hands on what a device measures beside its channels.
func (w *Writer) Read(r Reading) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.beside(func(b *Batch) { b.Readings = append(b.Readings, r) })
}

// beside puts something into the newest batch, or one of its own. The caller holds the lock.
func (w *Writer) beside(add func(*Batch)) {
	s := w.s
	if s.marks >= holdsMarkers {
		s.lost++
		return
	}
	s.marks++
	if len(s.queue) == 0 || s.pending() {
		s.queue = append(s.queue, s.fresh(s.next))
	}
	add(&s.queue[len(s.queue)-1])
	wake(s.ready)
}

// SetDevice says how the device's clock stands to the host's, and how far that may be off.
func (w *Writer) SetDevice(offset, within time.Duration) { w.s.track.SetDevice(offset, within) }

// Wait waits until half of what the stream holds is free. Only a source that makes its samples itself, as fast as they are read, may wait: a
// device goes on.
func (w *Writer) Wait(ctx context.Context) error {
	for {
		w.s.mu.Lock()
		room := 2*w.s.held <= w.s.most() && 2*w.s.marks <= holdsMarkers
		w.s.mu.Unlock()
		if room {
			return nil
		}
		select {
		case <-w.s.space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Next returns the position of the next sample.
func (w *Writer) Next() int64 {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.next
}

// Contacts is a source that can measure the impedance of its electrodes.
type Contacts interface {
	// Impedance measures. No stream may be open: CodeBusy. Errors are *Error.
	Impedance(ctx context.Context) ([]Impedance, error)
}

// Impedance is that of an electrode.
type Impedance struct {
	Channel string `json:"channel"`
	// KOhm is null where it was not measured.
	KOhm *float64 `json:"impedance_kohm"`
}
