package holder

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	source "github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/check"
	"github.com/neurod/neurod/internal/guarded"
	devices "github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/models"
)

const (
	opening     = 15 * time.Second // how long a device has to open
	firstWait   = 250 * time.Millisecond
	longestWait = 5 * time.Second
	reportEvery = 5 * time.Second
	reportEach  = 50 * time.Millisecond // and so much for each device that the process runs
)

// runner runs one device under one lease.
type runner struct {
	h      *Holder
	hold   devices.Hold
	device models.Device // as it was claimed
	log    *slog.Logger

	mu      sync.Mutex
	renewed time.Time            // when the lease was taken or renewed last
	wanted  *models.DeviceStream // nil for none
	command *models.DeviceCommand
	lost    bool
	leaving bool // the process stops
	changed chan struct{}
	taps    map[chan source.Batch]struct{}

	stream *source.Stream // the one that is open
}

func newRunner(h *Holder, d models.Device, at time.Time) *runner {
	return &runner{h: h, hold: devices.HoldOf(d), device: d, renewed: at, wanted: d.Stream, command: d.Command, changed: make(chan struct{}, 1), taps: map[chan source.Batch]struct{}{},
		log: h.cfg.Log.With("project_id", d.ProjectID, "device_id", d.ID)}
}

func (r *runner) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// want tells the runner its device as it stands, and when its lease was renewed, where it was.
func (r *runner) want(d models.Device, renewed time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !renewed.IsZero() {
		r.renewed = renewed
	}
	r.wanted, r.command = d.Stream, d.Command
	r.wake()
}

// lose tells the runner that another holds its device, or that it is gone.
func (r *runner) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
	r.wake()
}

// leave tells the runner that the process stops.
func (r *runner) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = true
	r.wake()
}

// over reports whether a stream is to be read no longer, and whether that is for good.
func (r *runner) over(id string) (stop, lost, leaving bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := r.wanted == nil || r.wanted.ID != id || r.wanted.Stopping
	return gone || r.lost || r.leaving, r.lost, r.leaving
}

// mayWrite waits until the lease holds, and reports whether what was read at a time may go to the session: a process that was asleep, or without the
// database, must not write beside the one that has taken its device meanwhile. What was read while it held the device, it may bring.
func (r *runner) mayWrite(ctx context.Context, read time.Time) bool {
	for {
		r.mu.Lock()
		until, lost := r.renewed.Add(models.DeviceLease), r.lost
		r.mu.Unlock()
		switch {
		case time.Now().Before(until), !read.After(until):
			return true
		case lost, ctx.Err() != nil:
			return false
		}
		rest(ctx, 50*time.Millisecond)
	}
}

// run sees to everything that is wanted of the device, and lets go of it.
func (r *runner) run(ctx context.Context) error {
	if st := r.device.Stream; st != nil {
		return r.record(ctx, *st)
	}
	if c := r.device.Command; c != nil {
		r.obey(ctx, *c, func(ctx context.Context) (source.Source, error) {
			return r.h.cfg.Drivers.source(ctx, r.device, r.device.Config.SampleRate, 0)
		})
	}
	return r.h.cfg.Leases.Release(ctx, r.hold)
}

// record brings a stream into its session until it is stopped, its source ends, or the lease is lost.
func (r *runner) record(ctx context.Context, st models.DeviceStream) error {
	ses, err := r.session(ctx, st)
	if err != nil || ses == nil {
		return err
	}
	if st.Stopping {
		return r.h.cfg.Leases.Finish(ctx, r.hold, st, nil) // what its last holder had read is in the session, or lost with it
	}
	w := &writer{r: r, session: *ses, streamID: st.ID, ready: make(chan struct{}, 1), away: source.AgentDown}
	if was := r.device.Report; was.StreamID == st.ID {
		w.missing, w.dropped, w.readings = was.Missing, was.Dropped, was.Readings
	}
	if tail, any := ses.Tail(); any {
		w.next, w.began = tail.End, true
	}
	writing, stopWriting := context.WithCancel(ctx)
	defer stopWriting()
	var group guarded.Group
	group.Go(func() error { return w.run(writing) })
	commands, stopCommands := context.WithCancel(ctx)
	group.Go(func() error { r.commands(commands); return nil })
	cause := r.read(ctx, st, w)
	stopCommands()
	w.close()
	_, lost, leaving := r.over(st.ID)
	if lost || leaving {
		t := time.AfterFunc(drainTime, stopWriting)
		defer t.Stop()
	}
	err = group.Wait()
	r.h.release(w)
	switch {
	case errors.Is(err, errSessionOver):
		cause = nil // it was ended or erased by somebody else: the stream ends with it
	case lost:
		return devices.ErrHeld
	case leaving && (err == nil || errors.Is(err, context.Canceled)):
		return r.h.cfg.Leases.Release(ctx, r.hold)
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		f := fault(err)
		r.log.Error("devices: the session does not take the samples", "error", err)
		cause = &f
	}
	if err := r.tellLast(ctx, w); err != nil {
		return err
	}
	return r.persist(ctx, func(ctx context.Context) error { return r.h.cfg.Leases.Finish(ctx, r.hold, st, cause) })
}

// session returns the session of a stream; nil where that is over, and then the stream is, too.
func (r *runner) session(ctx context.Context, st models.DeviceStream) (*models.Session, error) {
	var ses models.Session
	err := r.persist(ctx, func(ctx context.Context) (err error) {
		ses, err = r.h.cfg.Sessions.Session(ctx, r.hold.Recorder(), st.SessionID)
		return err
	})
	if models.CodeOf(err) == models.SessionNotFound || err == nil && ses.Ending() {
		return nil, r.h.cfg.Leases.Finish(ctx, r.hold, st, nil)
	}
	return &ses, err
}

// persist calls f until the service answers.
func (r *runner) persist(ctx context.Context, f func(ctx context.Context) error) error {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		call, cancel := context.WithTimeout(ctx, timeout)
		err := f(call)
		cancel()
		if err == nil || devices.Lost(err) || ctx.Err() != nil {
			return err
		}
		if e := models.AsError(err); !e.Class().Ours() {
			return err
		}
		if _, lost, _ := r.over(""); lost {
			return devices.ErrHeld
		}
		rest(ctx, wait)
	}
}

// read reads the device until the stream is over, opening it again where that may help, and returns why it failed for good, nil for an end.
func (r *runner) read(ctx context.Context, st models.DeviceStream, w *writer) *models.DeviceFault {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		if stop, _, _ := r.over(st.ID); stop || ctx.Err() != nil {
			return nil
		}
		again, err := r.readOnce(ctx, st, w)
		if err == nil {
			return nil
		}
		f := fault(err)
		if !again || !w.hasBegun() {
			return &f
		}
		r.log.Warn("devices: the device is away", "error", err, "again_in", wait)
		if err := r.observe(ctx, w, models.StreamAway, &f); devices.Lost(err) {
			return nil
		}
		r.await(ctx, st.ID, wait)
		if w.grew() {
			wait = firstWait
		}
	}
}

// await waits a while, or until the stream is over.
func (r *runner) await(ctx context.Context, id string, wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		if stop, _, _ := r.over(id); stop {
			return
		}
		select {
		case <-t.C:
			return
		case <-r.changed:
		case <-ctx.Done():
			return
		}
	}
}

// readOnce opens the device and reads it until it ends. again tells whether opening it once more may help.
func (r *runner) readOnce(ctx context.Context, st models.DeviceStream, w *writer) (again bool, err error) {
	from := w.resume(time.Now())
	src, err := r.h.cfg.Drivers.source(ctx, r.device, st.Config.SampleRate, from)
	if err != nil {
		return models.AsError(err).Class().Ours(), err
	}
	if src.exact {
		w.placeAt(from)
	}
	open, cancel := context.WithTimeout(ctx, opening)
	stream, err := src.Open(open)
	cancel()
	if err != nil {
		return temporary(err), err
	}
	defer stream.Close()
	info := stream.Info()
	columns, err := choose(info, st.Config, w.session)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	r.stream = stream
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stream = nil
	}()
	w.opened(src.fast)
	reported := time.Time{}
	for {
		if stop, _, _ := r.over(st.ID); stop {
			return false, nil
		}
		if w.failed() != nil {
			return false, nil // the writer tells why
		}
		next, cancel := context.WithTimeout(ctx, time.Second)
		b, err := stream.Next(next)
		cancel()
		switch {
		case err == nil:
			r.show(b)
			w.take(b, info, columns)
		case errors.Is(err, io.EOF):
			return false, nil
		case ctx.Err() != nil:
			return false, nil // the process ends
		case errors.Is(err, context.DeadlineExceeded):
		default:
			return temporary(err), err
		}
		if w.hasBegun() && time.Since(reported) >= max(reportEvery, time.Duration(r.h.count())*reportEach) {
			if err := r.observe(ctx, w, models.StreamStreaming, nil); devices.Lost(err) {
				r.lose()
			}
			reported = time.Now()
		}
	}
}

// temporary tells whether opening a device again may help.
func temporary(err error) bool {
	var f *source.Error
	return !errors.As(err, &f) || f.Temporary()
}

// choose returns which columns of the device are the session's channels, nil for all of them in order.
func choose(info source.Info, c models.StreamConfig, ses models.Session) ([]int, error) {
	if info.Rate != ses.SampleRateHz {
		return nil, source.Errorf(source.CodeInvalid, "the device has %g Hz, and the session %g Hz", info.Rate, ses.SampleRateHz)
	}
	if slices.Equal(info.Channels, ses.Channels) {
		return nil, nil
	}
	columns := make([]int, len(ses.Channels))
	for i, name := range ses.Channels {
		if columns[i] = slices.Index(info.Channels, name); columns[i] < 0 {
			return nil, source.Errorf(source.CodeInvalid, "the device has no channel %s any more", name)
		}
	}
	return columns, nil
}

// observe writes what the device does. An answer that does not come is no reason to read less.
func (r *runner) observe(ctx context.Context, w *writer, state models.StreamState, f *models.DeviceFault) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	seen := w.observed()
	r.mu.Lock()
	var told *models.SourceClock
	if r.stream != nil {
		info := r.stream.Info()
		seen.Channels, seen.SampleRate = info.Channels, info.Rate
		seen.Clock, _ = json.Marshal(r.stream.Clock()) //nolint:errchkjson // without a clock there is none
		told = &models.SourceClock{Driver: info.Driver, Stamps: string(info.Stamps), Counter: info.Counter, Missing: seen.Missing, DroppedMarkers: seen.Dropped}
		if err := json.Unmarshal(seen.Clock, told); err != nil { // it has the fields of a clock.Report
			told = nil
		}
	}
	r.mu.Unlock()
	if told != nil && w.hasBegun() {
		if err := r.h.cfg.Sessions.ReportClock(ctx, r.hold.Recorder(), w.session.ID, *told); err != nil && models.AsError(err).Class().Ours() {
			r.log.Warn("devices: what the clock does is not written", "error", err)
		}
	}
	_, err := r.h.cfg.Leases.Report(ctx, r.hold, func(d *models.DeviceReport) {
		seen.Done, seen.Result, seen.Failed = d.Done, d.Result, d.Failed
		if seen.Clock == nil && d.StreamID == seen.StreamID {
			seen.Clock, seen.Channels, seen.SampleRate = d.Clock, d.Channels, d.SampleRate
		}
		seen.State, seen.Fault = state, f
		*d = seen
	})
	if err != nil && !devices.Lost(err) {
		r.log.Warn("devices: what was observed is not written", "error", err)
	}
	return err
}

// tellLast writes how a stream stood at its end.
func (r *runner) tellLast(ctx context.Context, w *writer) error {
	err := r.observe(ctx, w, models.StreamStopping, nil)
	if devices.Lost(err) {
		return err
	}
	return nil
}

// commands carries out what is asked of the device while it streams.
func (r *runner) commands(ctx context.Context) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	done := ""
	for {
		r.mu.Lock()
		c := r.command
		r.mu.Unlock()
		if c != nil && c.ID != done {
			done = c.ID
			r.obey(ctx, *c, func(context.Context) (source.Source, error) { return tapped{r}, nil })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// obey carries out a command and writes what it gave.
func (r *runner) obey(ctx context.Context, c models.DeviceCommand, open func(context.Context) (source.Source, error)) {
	result, err := r.measure(ctx, c, open)
	var failed *models.DeviceFault
	if err != nil {
		f := fault(err)
		failed, result = &f, nil
	}
	err = r.persist(ctx, func(ctx context.Context) error {
		_, err := r.h.cfg.Leases.Report(ctx, r.hold, func(d *models.DeviceReport) { d.Done, d.Result, d.Failed = c.ID, result, failed })
		return err
	})
	if err != nil && ctx.Err() == nil {
		r.log.Warn("devices: the result of a command is not written", "error", err)
	}
}

func (r *runner) measure(ctx context.Context, c models.DeviceCommand, open func(context.Context) (source.Source, error)) (json.RawMessage, error) {
	if !time.Now().Before(c.Until) {
		return nil, source.Errorf(source.CodeNotFound, "it came too late to it")
	}
	ctx, cancel := context.WithDeadline(ctx, c.Until)
	defer cancel()
	src, err := open(ctx)
	if err != nil {
		return nil, err
	}
	if o, wrapped := src.(opened); wrapped {
		src = o.Source // which may measure contacts
	}
	if c.Kind == models.CommandImpedance {
		i, can := src.(source.Contacts)
		if !can {
			return nil, source.Errorf(source.CodeUnsupported, "the impedance is not measured while the device streams, or not at all")
		}
		contacts, err := i.Impedance(ctx)
		if err != nil {
			return nil, err
		}
		out := make([]devices.ChannelImpedance, len(contacts))
		for k, z := range contacts {
			out[k] = devices.ChannelImpedance{Number: k + 1, Name: z.Channel, KOhm: z.KOhm}
		}
		return json.Marshal(out)
	}
	report, err := check.Run(ctx, src, check.Config{Seconds: c.Seconds, Impedance: true, Timeout: time.Until(c.Until)})
	if err != nil {
		return nil, err
	}
	return json.Marshal(report)
}

// tapHolds is how many batches wait for who looks at a stream that runs.
const tapHolds = 4096

// tapped is the stream that runs as a source of its own: a check looks at what is recorded.
type tapped struct{ r *runner }

// Open implements devices.Source.
func (t tapped) Open(context.Context) (*source.Stream, error) {
	r := t.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stream == nil {
		return nil, source.Errorf(source.CodeLost, "the device is away")
	}
	info := r.stream.Info()
	batches := make(chan source.Batch, tapHolds)
	r.taps[batches] = struct{}{}
	return source.Begin(info, func(ctx context.Context, out *source.Writer) error {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.taps, batches)
		}()
		for {
			select {
			case b := <-batches:
				for _, g := range b.Gaps {
					out.Put(source.Block{Lost: g.Samples, Cause: g.Cause})
				}
				if n := len(b.Samples) / len(info.Channels); n > 0 {
					last := b.At.Add(time.Duration(math.Round(float64(n-1) * 1e9 / info.Rate)))
					out.Put(source.Block{Samples: slices.Clone(b.Samples), Stamp: last})
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// show hands a batch to who looks at the stream. Nobody waits for them.
func (r *runner) show(b source.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range r.taps {
		select {
		case t <- b:
		default:
		}
	}
}
