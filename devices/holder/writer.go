package holder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	source "github.com/neurod/neurod/devices"
	devices "github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

const (
	// What goes to a session at once: what came while the batch before was under way, within what a session takes.
	mostBatch   = 1 << 20 // bytes
	mostSeconds = 20.0
	// ingestEach is how much time a process has for a batch of each device that it runs: with many devices each has fewer and larger ones.
	ingestEach = 4 * time.Millisecond
	mostEvents = 500
	mostLabel  = 1000 // characters
	// leastMemory is what every device may have waiting, however much the others have.
	leastMemory = 1 << 20
)

// errSessionOver says that the session takes no more samples.
var errSessionOver = errors.New("devices: the session is over")

// segment is samples without a gap between them, that wait.
type segment struct {
	first  int64 // position of the first in the session
	at     time.Time
	read   time.Time // when the last of them came
	values []byte
}

// writer brings what is read of a device into its session. read, by one goroutine, never waits; run sends.
type writer struct {
	r        *runner
	session  models.Session
	streamID string
	ready    chan struct{}

	mu     sync.Mutex
	queue  []segment
	events []sessions.NewEvent
	held   int64 // bytes in the queue
	next   int64 // behind what was read, lost or dropped
	began  bool  // the session has samples, or there are some for it
	placed bool  // the stream that is open has its place
	shift  int64 // from the stream's positions to the session's
	fast   bool
	away   source.Cause // of what nobody read before the stream that is opened next
	closed bool
	err    error
	size   int64 // samples taken when grew was asked

	missing  map[string]int64
	dropped  int
	readings map[string]models.DeviceReading
	batches  int
}

// resume returns where in the session a source that is opened now begins.
func (w *writer) resume(now time.Time) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.placed = false
	if w.session.OriginMS == nil || w.fast {
		return w.next
	}
	return max(w.next, w.session.SampleAt(now.UnixMilli()))
}

// placeAt says that the stream which is opened next begins at a position.
func (w *writer) placeAt(at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if gone := at - w.next; gone > 0 && w.began {
		w.miss(gone, w.away)
	}
	w.placed, w.shift, w.next, w.away = true, at, at, source.Disconnected
}

func (w *writer) opened(fast bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fast = fast
}

// miss counts samples that are missing. The caller holds the lock.
func (w *writer) miss(n int64, cause source.Cause) {
	if w.missing == nil {
		w.missing = map[string]int64{}
	}
	w.missing[string(cause)] += n
	w.r.h.met.missing.WithLabelValues(string(cause)).Add(float64(n))
}

// take puts a batch of the device into the queue. Where there is no room for it, it is missing.
func (w *writer) take(b source.Batch, info source.Info, columns []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := int64(len(b.Samples) / len(info.Channels))
	if !w.placed && n > 0 {
		w.place(b)
	}
	if w.placed {
		for _, g := range b.Gaps {
			w.miss(g.Samples, g.Cause)
		}
	}
	if n > 0 {
		w.put(b.First+w.shift, n, b, len(info.Channels), columns)
	}
	if w.placed {
		for _, m := range b.Markers {
			if len(w.events) >= 100*mostEvents {
				w.dropped++
				continue
			}
			w.events = append(w.events, w.event(m))
		}
	}
	w.dropped += b.Dropped
	for _, r := range b.Readings {
		if w.readings == nil {
			w.readings = map[string]models.DeviceReading{}
		}
		w.readings[r.Name] = models.DeviceReading{Unit: r.Unit, Values: r.Values, AtMS: r.At.UnixMilli()}
	}
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// place decides where the stream's first sample lies in the session: behind all that is there, where its time says. The caller holds the lock.
func (w *writer) place(b source.Batch) {
	w.placed = true
	away := w.away
	w.away = source.Disconnected
	if !w.began || w.session.OriginMS == nil {
		w.shift = w.next + b.Missing() - b.First
		return
	}
	at := w.next
	if !w.fast {
		at = max(at, w.session.SampleAt(b.At.UnixMilli())-b.Missing())
	}
	if gone := at - w.next; gone > 0 {
		w.miss(gone, away)
	}
	w.next = at
	w.shift = at + b.Missing() - b.First
}

// put appends samples to the queue. The caller holds the lock.
func (w *writer) put(first, n int64, b source.Batch, channels int, columns []int) {
	chosen := channels
	if columns != nil {
		chosen = len(columns)
	}
	size := n * int64(chosen) * 4
	w.next = first + n
	w.size += n
	if w.held+size > leastMemory && w.r.h.used.Load()+size > w.r.h.cfg.Memory {
		w.miss(n, source.Overrun)
		return
	}
	w.r.h.used.Add(size)
	w.r.h.met.waiting.Add(float64(size))
	w.held += size
	w.began = true
	k := len(w.queue) - 1
	if k < 0 || w.queue[k].first+int64(len(w.queue[k].values)/4/chosen) != first || len(w.queue[k].values) >= mostBatch/4 {
		w.queue = append(w.queue, segment{first: first, at: b.At})
		k++
	}
	seg := &w.queue[k]
	seg.read = time.Now()
	if columns == nil {
		for _, v := range b.Samples {
			seg.values = binary.LittleEndian.AppendUint32(seg.values, math.Float32bits(v))
		}
		return
	}
	for i := range int(n) {
		for _, c := range columns {
			seg.values = binary.LittleEndian.AppendUint32(seg.values, math.Float32bits(b.Samples[i*channels+c]))
		}
	}
}

// event is a marker as a session takes it.
func (w *writer) event(m source.Marker) sessions.NewEvent {
	label := []rune(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, m.Label))
	onset := (m.Sample + float64(w.shift)) * 1000 / w.session.SampleRateHz
	e := sessions.NewEvent{OnsetMS: &onset, DurationMS: max(0, float64(m.Duration)/1e6), Code: m.Code, Label: string(label[:min(len(label), mostLabel)])}
	if e.Code == 0 && strings.TrimSpace(e.Label) == "" {
		e.Label = "marker"
	}
	return e
}

func (w *writer) hasBegun() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.began
}

// grew tells whether samples came since it was asked last.
func (w *writer) grew() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	grown := w.size > 0
	w.size = 0
	return grown
}

func (w *writer) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// close says that nothing more is read.
func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// observed says what was read and what is missing.
func (w *writer) observed() models.DeviceReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := models.DeviceReport{StreamID: w.streamID, Revision: w.r.device.Revision, Samples: w.next, Waiting: w.held, Dropped: w.dropped, Missing: map[string]int64{}, Readings: map[string]models.DeviceReading{}}
	for c, n := range w.missing {
		d.Missing[c] = n
	}
	for name, v := range w.readings {
		d.Readings[name] = v
	}
	return d
}

// release gives back the memory of what was not sent.
func (h *Holder) release(w *writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.used.Add(-w.held)
	h.met.waiting.Sub(float64(w.held))
	if w.held > 0 {
		w.r.log.Error("devices: samples did not come to their session", "bytes", w.held, "segments", len(w.queue))
	}
	w.held, w.queue = 0, nil
}

// run sends what is read until nothing more comes. Error: errSessionOver, and why the session refuses for good.
func (w *writer) run(ctx context.Context) (err error) {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.err = err
	}()
	for {
		began := time.Now()
		seg, events, closed := w.pick()
		if seg != nil {
			if err := w.send(ctx, *seg); err != nil {
				return err
			}
		}
		for len(events) > 0 {
			n := min(len(events), mostEvents)
			if err := w.tell(ctx, events[:n]); err != nil {
				return err
			}
			events = events[n:]
		}
		if seg != nil || len(events) > 0 {
			if pause := time.Duration(w.r.h.count())*ingestEach - time.Since(began); pause > 0 && !closed {
				rest(ctx, pause)
			}
			continue
		}
		if closed {
			return nil
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pick takes what is sent next: samples without a gap, and the events that can be placed when those are there.
func (w *writer) pick() (*segment, []sessions.NewEvent, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out *segment
	if len(w.queue) > 0 {
		one := w.queue[0]
		chosen := len(w.session.Channels)
		most := min(mostBatch, int(mostSeconds*w.session.SampleRateHz)*4*chosen)
		w.queue = w.queue[1:]
		for len(w.queue) > 0 && w.queue[0].first == one.first+int64(len(one.values)/4/chosen) && len(one.values)+len(w.queue[0].values) <= most {
			one.values, one.read = append(one.values, w.queue[0].values...), w.queue[0].read
			w.queue = w.queue[1:]
		}
		if len(one.values) > most { // one that was put together while it waited
			left := segment{first: one.first + int64(most/4/chosen), at: one.at.Add(time.Duration(float64(most/4/chosen) * 1e9 / w.session.SampleRateHz)),
				read: one.read, values: one.values[most:]}
			one.values = one.values[:most:most]
			w.queue = append([]segment{left}, w.queue...)
		}
		out = &one
	}
	var events []sessions.NewEvent
	if w.began {
		events, w.events = w.events, nil
	}
	return out, events, w.closed && len(w.queue) == 0
}

// send brings samples to the session, however often it takes. The batch's name makes that harmless.
func (w *writer) send(ctx context.Context, seg segment) error {
	size := int64(len(seg.values))
	n := size / 4 / int64(len(w.session.Channels))
	if !w.r.mayWrite(ctx, seg.read) {
		w.drop(size)
		return nil // who holds the device now reads that time
	}
	at := min(int64(math.Round(float64(seg.at.UnixNano())/1e6)), latest())
	b := sessions.Batch{BatchID: fmt.Sprintf("device-%s-%d-%d", w.streamID, w.r.hold.Fence, seg.first), StartMS: &at, First: &seg.first, Raw: seg.values}
	err := w.try(ctx, func(ctx context.Context) error {
		return w.r.h.cfg.Sessions.Ingest(ctx, w.r.hold.Recorder(), w.session.ID, b)
	})
	w.mu.Lock()
	w.held -= size
	if err == nil && w.session.OriginMS == nil {
		// As the session has it from its first batch.
		origin := at - int64(math.Round(float64(seg.first)*1000/w.session.SampleRateHz))
		w.session.OriginMS = &origin
	}
	first := w.batches == 0 && err == nil
	w.batches++
	w.mu.Unlock()
	w.r.h.used.Add(-size)
	w.r.h.met.waiting.Sub(float64(size))
	if err != nil {
		return err
	}
	w.r.h.met.samples.Add(float64(n))
	if first {
		if err := w.r.observe(ctx, w, models.StreamStreaming, nil); devices.Lost(err) {
			w.r.lose()
		}
	}
	return nil
}

// drop gives back the memory of what is not sent.
func (w *writer) drop(size int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held -= size
	w.r.h.used.Add(-size)
	w.r.h.met.waiting.Sub(float64(size))
}

// tell brings events to the session.
func (w *writer) tell(ctx context.Context, events []sessions.NewEvent) error {
	w.mu.Lock()
	w.batches++
	key := fmt.Sprintf("device-%s-%d-events-%d", w.streamID, w.r.hold.Fence, w.batches)
	w.mu.Unlock()
	err := w.try(ctx, func(ctx context.Context) error {
		return w.r.h.cfg.Sessions.AddEvents(ctx, w.r.hold.Recorder(), w.session.ID, key, events)
	})
	if models.CodeOf(err) == models.TooManyEvents {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.dropped += len(events)
		return nil
	}
	return err
}

// try calls f until the service takes it.
func (w *writer) try(ctx context.Context, f func(ctx context.Context) error) error {
	const shortest, longest = 50 * time.Millisecond, 2 * time.Second
	for wait := shortest; ; wait = min(2*wait, longest) {
		call, cancel := context.WithTimeout(ctx, 2*timeout)
		err := f(call)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := models.AsError(err)
		switch {
		case e.Code == models.SessionNotFound, e.Code == models.SessionClosed:
			return errSessionOver
		case e.Class().Ours(), e.Class() == models.ClassExhausted:
		default:
			return err
		}
		rest(ctx, max(wait, min(e.RetryAfter, longest)))
	}
}

// latest is how far ahead a time may be, Unix ms: what is played faster than it was recorded must not be refused for that.
func latest() int64 { return time.Now().Add(23 * time.Hour).UnixMilli() }
