// Package agent brings what a device gives into a session of a neurod that may be far away, and loses nothing of it on the way.
//
//	source ──► stream ──► pump ──► spool on the disk ──► sender ──► POST /v1/sessions/:id/ingest
//	           30 s       a record a second    bounded            in order, each until it is accepted
//
// A run of a device is a session. It lives in a folder of its own, and survives both sides:
//
//   - The network or the server is away: the spool grows, and what waited goes out together when they are back. A batch has an id that depends on its
//     records alone and is kept before it is sent, so that sending it again is harmless: nothing is lost, nothing doubled, the order kept.
//   - The agent is killed: the next one goes on with the same session. What the device gave meanwhile is a gap of agent_down.
//   - The spool is full: what comes is dropped, and is a gap of spool_full that is told at once.
//   - The device is away: package devices opens it again, and what was missed is a gap.
//
// Each batch says the number of its first sample, so that it lies where the device's counter says however the clocks run, and the true time of it
// as the host knows it. Markers are events at the sample that was made when they happened.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/clock"
	"github.com/neurod/neurod/devices/spool"
	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/guarded"
)

// Config says what is brought where.
type Config struct {
	// Server is the base URL, Key an API key with the scope sessions. Required.
	Server, Key string
	// Project, where given, is held against the key's.
	Project string
	// Source is the device. Required.
	Source devices.Source
	// Dir is where sessions are kept until the server has them. Required.
	Dir string
	// ExternalUserID is the caller's name for the person. Required, but with SessionID.
	ExternalUserID string
	// SessionID is a session that the server has made. Defaults to one being made.
	SessionID string
	// First is where the first sample of the source lies in a session that goes on, where that is known. Defaults to where its time says.
	First *int64
	// DeviceType of the session. Defaults to the driver's name.
	DeviceType string
	// HopS between feature windows, s. Defaults to the server's.
	HopS float64
	// Batch is how much time goes into a record. Defaults to a second.
	Batch time.Duration
	// Most bytes on the disk for each session. Defaults to 1 GiB.
	Most int64
	// Sync is the longest time that a power cut may lose; negative syncs each record. Defaults to a second.
	Sync time.Duration
	// Seconds of samples after which to stop. Defaults to no end.
	Seconds float64
	// Drain is how long is tried to bring the rest to the server after the stop. Defaults to 30 s.
	Drain time.Duration
	// GiveUp is how long the device may be away. Defaults to for ever.
	GiveUp time.Duration
	// HTTP defaults to a client with a timeout of 30 s a call.
	HTTP *http.Client
	// Log defaults to nowhere.
	Log *slog.Logger
}

// Status is how an agent stands.
type Status struct {
	SessionID string                  `json:"session_id"` // "" until the server has made it
	Device    devices.Info            `json:"device"`
	Samples   int64                   `json:"samples"` // that the session has positions for
	Sent      int64                   `json:"sent"`    // of those, up to here the server has them or knows that they are missing
	Waiting   int64                   `json:"waiting_bytes"`
	Missing   map[devices.Cause]int64 `json:"missing"` // samples, by cause
	Dropped   int                     `json:"dropped_markers"`
	Clock     clock.Report            `json:"clock"`
	Away      string                  `json:"away,omitempty"` // why the device is away, "" where it is not
}

// Agent runs one source. Make it with New and call Run once.
type Agent struct {
	cfg    Config
	server *server

	mu     sync.Mutex
	status Status
	stream *devices.Stream
	spool  *spool.Spool // of the session that runs
}

// New returns an agent. Errors are about the configuration.
func New(cfg Config) (*Agent, error) {
	switch {
	case !strings.HasPrefix(cfg.Server, "http://") && !strings.HasPrefix(cfg.Server, "https://"):
		return nil, fmt.Errorf("the server %q is no URL that begins with http:// or https://", cfg.Server)
	case cfg.Key == "":
		return nil, errors.New("an API key with the scope sessions is needed")
	case cfg.Source == nil, cfg.Dir == "", cfg.ExternalUserID == "" && cfg.SessionID == "":
		return nil, errors.New("a source, a folder for what waits and the name of a user are needed")
	}
	if cfg.Batch <= 0 {
		cfg.Batch = time.Second
	}
	if cfg.Drain <= 0 {
		cfg.Drain = 30 * time.Second
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Server = strings.TrimRight(cfg.Server, "/")
	a := &Agent{cfg: cfg, server: &server{cfg.Server, cfg.Key, cfg.Project, cfg.HTTP}}
	a.status.Missing = map[devices.Cause]int64{}
	return a, nil
}

// Status returns how the agent stands.
func (a *Agent) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	s.Missing = map[devices.Cause]int64{}
	for c, n := range a.status.Missing {
		s.Missing[c] = n
	}
	if a.stream != nil {
		s.Clock = a.stream.Clock()
	}
	if a.spool != nil {
		s.Waiting = a.spool.Bytes()
	}
	return s
}

func (a *Agent) update(f func(s *Status)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.status)
}

// ErrWaiting is the error of an agent that stopped before the server had everything. The next one in the same folder brings the rest.
var ErrWaiting = errors.New("not everything could be sent: it is kept, and goes out with the next start")

// ErrLeft is the cause of a context that ends a run and not its session: the next run goes on with it.
var ErrLeft = errors.New("the agent stops, and its session goes on")

// drainLeft is how long a run whose session goes on tries to send what is there.
const drainLeft = 10 * time.Second

// Run runs the source until it ends, the context does, or the configured seconds have been taken, and returns when the server has everything, or after
// Drain with ErrWaiting. An agent that is killed instead, or whose device fails for good, leaves its session open: the next one goes on with it.
func (a *Agent) Run(ctx context.Context) error {
	if err := os.MkdirAll(a.cfg.Dir, 0o700); err != nil {
		return err
	}
	lock, err := durable.Lock(a.cfg.Dir, "agent.lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	stream, err := devices.Steady(a.cfg.Source, devices.SteadyConfig{GiveUp: a.cfg.GiveUp, Failed: func(err error, wait time.Duration) {
		a.update(func(s *Status) { s.Away = err.Error() })
		a.cfg.Log.Warn("the device is away", "error", err, "again_in", wait)
	}}).Open(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	info := stream.Info()
	a.mu.Lock()
	a.stream, a.status.Device = stream, info
	a.mu.Unlock()
	if a.cfg.DeviceType == "" {
		a.cfg.DeviceType = info.Driver
	}
	about := description{Server: a.cfg.Server, Project: a.cfg.Project, Info: info, ExternalUserID: a.cfg.ExternalUserID, DeviceType: a.cfg.DeviceType, HopS: a.cfg.HopS, SessionID: a.cfg.SessionID}
	current, others, err := a.left(about)
	if err != nil {
		return err
	}

	// Sending goes on for a while after the stop.
	sending, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	group, _ := guarded.WithContext(sending)
	for _, f := range others {
		group.Go(func() error { return a.send(sending, f, nil) })
	}
	began := make(chan *folder, 1)
	if current != nil {
		began <- current // what it left goes out at once
	}
	p := &pump{agent: a, stream: stream, about: about, folder: current, began: began, appended: make(chan struct{}), limit: int64(math.Round(a.cfg.Seconds * info.Rate))}
	group.Go(func() error {
		select {
		case f, any := <-began:
			if !any {
				return nil
			}
			err := a.send(sending, f, p.appended)
			if err != nil {
				stop(err) // the others have time
			}
			return err
		case <-sending.Done():
			return nil
		}
	})
	failed := make(chan error, 1)
	go func() { failed <- group.Wait() }()
	pumping, cancel := context.WithCancel(ctx)
	defer cancel()
	pumped := make(chan error, 1)
	go func() {
		pumped <- guarded.Do(func() error { return p.run(pumping) })
	}()

	var sendErr, pumpErr error
	select {
	case sendErr = <-failed: // the server refuses, or everything was sent
		cancel()
		pumpErr = <-pumped
	case pumpErr = <-pumped:
		drain := a.cfg.Drain
		if errors.Is(context.Cause(ctx), ErrLeft) {
			drain = min(drain, drainLeft)
		}
		t := time.AfterFunc(drain, func() { stop(ErrWaiting) })
		sendErr = <-failed
		t.Stop()
	}
	return errors.Join(pumpErr, sendErr)
}

// Finish brings to the server what earlier runs have left in the folder, and ends their sessions. It opens no device.
func (a *Agent) Finish(ctx context.Context) error {
	if err := os.MkdirAll(a.cfg.Dir, 0o700); err != nil {
		return err
	}
	lock, err := durable.Lock(a.cfg.Dir, "agent.lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	current, others, err := a.left(description{})
	if err != nil || current != nil { // the zero description continues nothing
		return err
	}
	group, sending := guarded.WithContext(ctx)
	for _, f := range others {
		group.Go(func() error { return a.send(sending, f, nil) })
	}
	return group.Wait()
}

// left opens what earlier runs have left: the session that this one goes on with, or nil, and those that are only to be sent.
func (a *Agent) left(about description) (current *folder, others []*folder, err error) {
	folders, err := findFolders(a.cfg.Dir)
	if err != nil {
		return nil, nil, err
	}
	cfg := spool.Config{Most: a.cfg.Most, Sync: a.cfg.Sync}
	for i := len(folders) - 1; i >= 0; i-- {
		f := folders[i]
		if d := f.about(); d.Server != a.cfg.Server || d.Project != a.cfg.Project {
			continue // another agent's, which has the key
		}
		if err := f.open(cfg); err != nil {
			return nil, nil, err
		}
		if d := f.about(); current == nil && d.continues(about) {
			current = f
			continue
		}
		if f.about().EndedAtMS == 0 {
			end, err := f.end()
			if err == nil {
				err = f.endAt(end)
			}
			if err != nil {
				return nil, nil, err
			}
		}
		others = append(others, f)
	}
	return current, others, nil
}

// pump brings what the stream gives into the spool.
type pump struct {
	agent    *Agent
	stream   *devices.Stream
	about    description
	folder   *folder // nil until there is a sample
	began    chan *folder
	appended chan struct{} // closed when nothing more comes
	limit    int64         // samples of this run; 0 for none

	placed  bool
	shift   int64 // from the stream's positions to the session's
	end     int64 // of the session, behind what was put into the spool or dropped
	taken   int64
	pending record
	missing []devices.Gap // before the next record
	dropped int
	full    bool
}

// run pumps until the stream or the context ends. A device that fails for good leaves the session open.
func (p *pump) run(ctx context.Context) error {
	defer close(p.appended)
	defer func() {
		if p.folder == nil {
			close(p.began) // there was not a sample
		}
	}()
	err := p.read(ctx)
	p.flush()
	if err == nil && p.folder != nil && !errors.Is(context.Cause(ctx), ErrLeft) {
		err = p.folder.endAt(p.end)
	}
	if p.folder != nil {
		err = errors.Join(err, p.folder.spool.Sync())
	}
	return err
}

// read takes batches until there are no more.
func (p *pump) read(ctx context.Context) error {
	for {
		wait, cancel := context.WithTimeout(ctx, p.agent.cfg.Batch)
		b, err := p.stream.Next(wait)
		cancel()
		switch {
		case err == nil:
			if done, err := p.take(b); done || err != nil {
				return err
			}
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil //nolint:nilerr // the stream or the program has come to its end
		case errors.Is(err, context.DeadlineExceeded):
			p.flush() // nothing comes: what is there must not wait
		default:
			return err
		}
	}
}

// take puts a batch into the record that is being filled. done tells that there are enough samples.
func (p *pump) take(b devices.Batch) (done bool, err error) {
	channels := len(p.about.Info.Channels)
	if !p.placed && len(b.Samples) > 0 {
		if err := p.place(b); err != nil {
			return false, err
		}
	}
	if p.placed {
		for _, g := range b.Gaps {
			p.lose(g)
		}
	}
	n := int64(len(b.Samples) / channels)
	if p.limit > 0 && p.taken+n >= p.limit {
		n, done = p.limit-p.taken, true
		b.Samples = b.Samples[:n*int64(channels)]
	}
	p.taken += n
	if n > 0 {
		p.agent.update(func(s *Status) { s.Away = "" })
	}
	r := &p.pending
	if len(p.missing) > 0 && (r.Samples > 0 || len(r.Markers) > 0) {
		p.flush()
	}
	if n > 0 {
		if r.Samples == 0 {
			r.First, r.AtMS, r.WithinMS = b.First+p.shift, float64(b.At.UnixNano())/1e6, float64(b.Within)/1e6
			r.Gaps, p.missing = p.missing, nil
		}
		r.Samples += n
		r.values = appendValues(r.values, b.Samples)
		p.end = b.First + p.shift + n
	}
	for _, m := range b.Markers {
		m.Sample += float64(p.shift)
		r.Markers = append(r.Markers, m)
	}
	r.Readings = append(r.Readings, b.Readings...)
	p.dropped += b.Dropped
	if float64(r.Samples) >= p.agent.cfg.Batch.Seconds()*p.about.Info.Rate || len(r.values) >= mostRecord {
		p.flush()
	}
	return done, nil
}

// mostRecord bounds a record in bytes.
const mostRecord = 1 << 20

// place decides where the first sample lies in the session: at its beginning, or, in one that goes on, where its time says, behind all that is there.
func (p *pump) place(b devices.Batch) error {
	p.placed = true
	rate := p.about.Info.Rate
	if p.folder == nil {
		p.about.OriginMS = int64(math.Round(float64(b.At.UnixNano())/1e6 - float64(b.First)*1000/rate))
		f, err := newFolder(p.agent.cfg.Dir, p.about, spool.Config{Most: p.agent.cfg.Most, Sync: p.agent.cfg.Sync})
		if err != nil {
			return err
		}
		p.folder = f
		p.began <- f
	} else {
		end, err := p.folder.end()
		if err != nil {
			return err
		}
		p.end = end
		at := int64(math.Round((float64(b.At.UnixNano())/1e6 - float64(p.folder.about().OriginMS)) * rate / 1000))
		if f := p.agent.cfg.First; f != nil {
			at = *f + b.First
		}
		p.shift = max(end, at-b.Missing()) + b.Missing() - b.First
		if gone := b.First + p.shift - b.Missing() - end; gone > 0 {
			p.lose(devices.Gap{Samples: gone, Cause: devices.AgentDown})
		}
	}
	p.agent.mu.Lock()
	p.agent.spool = p.folder.spool
	p.agent.status.SessionID = p.folder.about().SessionID
	p.agent.mu.Unlock()
	return nil
}

// lose keeps that samples are missing before the next record.
func (p *pump) lose(g devices.Gap) {
	p.end += g.Samples
	p.agent.update(func(s *Status) { s.Missing[g.Cause] += g.Samples })
	p.agent.cfg.Log.Warn("samples are missing", "samples", g.Samples, "cause", g.Cause)
	p.missing = appendGap(p.missing, g)
}

func appendGap(list []devices.Gap, g devices.Gap) []devices.Gap {
	if k := len(list) - 1; k >= 0 && list[k].Cause == g.Cause {
		list[k].Samples += g.Samples
		return list
	}
	return append(list, g)
}

// flush puts the record into the spool. Where there is no room, its samples are missing.
func (p *pump) flush() {
	if p.folder == nil {
		return // markers before the first sample wait for it
	}
	r := p.pending
	p.pending = record{}
	if r.Samples == 0 && len(r.Markers) == 0 && len(r.Readings) == 0 && len(p.missing) == 0 {
		return
	}
	if r.Samples == 0 {
		r.First = p.end
		r.Gaps, p.missing = p.missing, nil
	}
	r.Dropped, p.dropped = p.dropped, 0
	report := p.stream.Clock()
	r.Clock = &report
	b, err := r.encode()
	if err == nil {
		_, err = p.folder.spool.Append(b)
	}
	if err != nil {
		p.refused(r, err)
		return
	}
	p.full = false
	p.agent.update(func(s *Status) { s.Samples, s.Dropped = p.end, s.Dropped+r.Dropped })
}

// refused makes a gap of a record that the disk did not take.
func (p *pump) refused(r record, err error) {
	cause := devices.SpoolFull
	if !errors.Is(err, spool.ErrFull) {
		cause = devices.SpoolFailed
	}
	if !p.full {
		p.agent.cfg.Log.Error("what comes is dropped until there is room", "cause", cause, "error", err)
	}
	p.full = true
	p.dropped = r.Dropped + len(r.Markers) + len(r.Readings)
	later := p.missing
	p.missing = r.Gaps
	if r.Samples > 0 {
		p.missing = appendGap(p.missing, devices.Gap{Samples: r.Samples, Cause: cause})
		p.agent.update(func(s *Status) { s.Missing[cause] += r.Samples })
	}
	for _, g := range later {
		p.missing = appendGap(p.missing, g)
	}
}
