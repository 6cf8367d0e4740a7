package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/check"
	"github.com/neurod/neurod/devices/spool"
	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/guarded"
)

// Capabilities says what a device can, as the server takes it.
type Capabilities struct {
	Channels      []string  `json:"channels"`
	SampleRates   []float64 `json:"sample_rates,omitempty"`
	MinSampleRate float64   `json:"min_sample_rate,omitempty"`
	MaxSampleRate float64   `json:"max_sample_rate,omitempty"`
	SampleRate    float64   `json:"sample_rate,omitempty"`
	Impedance     bool      `json:"impedance"`
	Counter       bool      `json:"counter"`
}

// LinkedDevice is a device that a Link runs.
type LinkedDevice struct {
	ID, Name, Type string
	// Driver is its session's device type.
	Driver string
	// Describe says what it can. It is asked until it answers, before the device is announced.
	Describe func(ctx context.Context) (Capabilities, error)
	// Open returns its source at a rate, beginning at a position of the session where exact says so.
	Open func(ctx context.Context, rate float64, from int64) (src devices.Source, exact bool, err error)
}

// LinkConfig says which devices are run for which server.
type LinkConfig struct {
	// Server is the base URL, Key an API key with the scopes devices:run and sessions, Name that of the agent in its project. Required.
	Server, Key, Name string
	// Project, where given, is held against the key's.
	Project string
	// Devices are at most 32. Required.
	Devices []LinkedDevice
	// Dir is where samples are kept until the server has them. Required.
	Dir string
	// Batch, Most and Sync are those of Config.
	Batch time.Duration
	Most  int64
	Sync  time.Duration
	// HTTP defaults to a client with a timeout of 30 s a call.
	HTTP *http.Client
	// Log defaults to nowhere.
	Log *slog.Logger
}

// Link runs devices for a server, which says what is wanted of them: it exchanges states with it, again and again (POST /v2/agents/:name/sync). Whatever is
// lost on the way comes with the next exchange; streams go on while the server is away.
type Link struct {
	cfg      LinkConfig
	server   *server
	instance string
	members  []*member
}

// NewLink returns a link. Errors are about the configuration.
func NewLink(cfg LinkConfig) (*Link, error) {
	switch {
	case !strings.HasPrefix(cfg.Server, "http://") && !strings.HasPrefix(cfg.Server, "https://"):
		return nil, fmt.Errorf("the server %q is no URL that begins with http:// or https://", cfg.Server)
	case cfg.Key == "":
		return nil, errors.New("an API key with the scopes devices:run and sessions is needed")
	case cfg.Name == "" || cfg.Dir == "" || len(cfg.Devices) == 0:
		return nil, errors.New("a name, a folder for what waits and at least one device are needed")
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Server = strings.TrimRight(cfg.Server, "/")
	l := &Link{cfg: cfg, server: &server{cfg.Server, cfg.Key, cfg.Project, cfg.HTTP}}
	ids := map[string]bool{}
	for _, d := range cfg.Devices {
		if d.ID == "" || strings.ContainsAny(d.ID, `/\`) || ids[d.ID] {
			return nil, fmt.Errorf("%q is no id of a device, or that of two", d.ID)
		}
		ids[d.ID] = true
		l.members = append(l.members, &member{link: l, device: d, log: cfg.Log.With("device", d.ID)})
	}
	return l, nil
}

const (
	firstPause   = time.Second
	longestPause = 5 * time.Second
	settle       = 200 * time.Millisecond // between two looks whether something is to be said at once
	forEver      = 365 * 24 * time.Hour
)

// Run runs the devices until ctx ends. Streams that run then go on with the next Run in the same folder.
func (l *Link) Run(ctx context.Context) error {
	if err := os.MkdirAll(l.cfg.Dir, 0o700); err != nil {
		return err
	}
	lock, err := durable.Lock(l.cfg.Dir, "link.lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if l.instance, err = instanceOf(l.cfg.Dir); err != nil {
		return err
	}
	running, leave := context.WithCancelCause(context.WithoutCancel(ctx))
	defer leave(ErrLeft)
	var group guarded.Group
	defer func() {
		leave(ErrLeft)
		_ = group.Wait() // each has told its log
	}()
	for _, m := range l.members {
		group.Go(func() error { m.describe(running); return nil })
	}
	told := map[string]bool{}
	for pause := firstPause; ctx.Err() == nil; {
		answer, refused, err := l.exchange(ctx)
		switch {
		case errors.Is(err, errSooner):
			continue
		case ctx.Err() != nil:
			return nil
		case refused && len(told) == 0:
			return fmt.Errorf("%s does not take the key: %w", l.cfg.Server, err)
		case err != nil:
			if !told["away"] {
				l.cfg.Log.Warn("the server is away", "error", err)
			}
			told = map[string]bool{"away": true}
			_ = rest(ctx, jittered(pause), nil)
			pause = min(2*pause, longestPause)
			continue
		}
		if told["away"] || len(told) == 0 {
			l.cfg.Log.Info("the server is there", "server", l.cfg.Server, "devices", len(answer.Devices))
		}
		told, pause = map[string]bool{"there": true}, firstPause
		for _, w := range answer.Devices {
			for _, m := range l.members {
				if m.device.ID == w.ID {
					m.want(running, &group, w)
				}
			}
		}
		if len(answer.Devices) == 0 {
			_ = rest(ctx, time.Second, nil) // no device has said yet what it can
		}
	}
	return nil
}

// instanceOf returns the name by which this agent holds devices, which stays over its restarts.
func instanceOf(dir string) (string, error) {
	path := filepath.Join(dir, "instance")
	b, err := os.ReadFile(path)
	if err == nil && len(bytes.TrimSpace(b)) > 0 {
		return string(bytes.TrimSpace(b)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	var id [12]byte
	rand.Read(id[:])
	name := hex.EncodeToString(id[:])
	return name, spool.WriteFile(path, []byte(name+"\n"))
}

// errSooner says that an exchange was broken off because there is something new to say.
var errSooner = errors.New("there is something new to say")

// What is exchanged.
type (
	syncRequest struct {
		Instance string     `json:"instance"`
		WaitS    float64    `json:"wait_s"`
		Devices  []syncSays `json:"devices"`
	}
	syncSays struct {
		ID           string       `json:"id"`
		Name         string       `json:"name,omitempty"`
		Type         string       `json:"type,omitempty"`
		Capabilities Capabilities `json:"capabilities"`
		Revision     int64        `json:"revision"`
		Report       syncReport   `json:"report"`
		Ended        string       `json:"ended,omitempty"`
		Fault        *syncFault   `json:"fault,omitempty"`
	}
	syncReport struct {
		StreamID string           `json:"stream_id"`
		State    string           `json:"state"`
		Samples  int64            `json:"samples"`
		Missing  map[string]int64 `json:"missing,omitempty"`
		Waiting  int64            `json:"waiting_bytes"`
		Dropped  int              `json:"dropped_markers"`
		Clock    any              `json:"clock,omitempty"`
		Fault    *syncFault       `json:"fault,omitempty"`
		Done     string           `json:"done,omitempty"`
		Result   json.RawMessage  `json:"result,omitempty"`
		Failed   *syncFault       `json:"failed,omitempty"`
	}
	syncFault struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	syncAnswer struct {
		Devices []syncWants `json:"devices"`
	}
	syncWants struct {
		ID       string       `json:"id"`
		Held     bool         `json:"held"`
		Revision int64        `json:"revision"`
		Stream   *syncStream  `json:"stream"`
		Command  *syncCommand `json:"command"`
		Error    *syncFault   `json:"error"`
	}
	syncStream struct {
		StreamID  string `json:"stream_id"`
		SessionID string `json:"session_id"`
		Stopping  bool   `json:"stopping"`
		Config    struct {
			SampleRate float64  `json:"sample_rate"`
			Channels   []string `json:"channels"`
		} `json:"config"`
	}
	syncCommand struct {
		ID      string    `json:"id"`
		Kind    string    `json:"kind"`
		Seconds float64   `json:"seconds"`
		Until   time.Time `json:"until"`
	}
)

// faultOf is an error as the server takes it.
func faultOf(err error) *syncFault {
	var f *devices.Error
	if errors.As(err, &f) {
		return &syncFault{string(f.Code), f.Message}
	}
	return &syncFault{string(devices.CodeLost), err.Error()}
}

// exchange says how the devices stand and returns what is wanted. It is broken off with errSooner when there is something else to say.
func (l *Link) exchange(ctx context.Context) (out syncAnswer, refused bool, err error) {
	req := syncRequest{Instance: l.instance, WaitS: 5}
	said := ""
	for _, m := range l.members {
		if s, ready := m.says(); ready {
			req.Devices = append(req.Devices, s)
		}
		said += m.signature()
	}
	if len(req.Devices) == 0 {
		return out, false, nil
	}
	body, err := json.Marshal(req)
	if err != nil {
		return out, false, err
	}
	call, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		tick := time.NewTicker(settle)
		defer tick.Stop()
		for {
			select {
			case <-call.Done():
				return
			case <-tick.C:
				now := ""
				for _, m := range l.members {
					now += m.signature()
				}
				if now != said {
					cancel(errSooner)
				}
			}
		}
	}()
	err = l.server.post(call, "/v2/agents/"+l.cfg.Name+"/sync", nil, "application/json", "", body, &out)
	var answer *answerError
	if errors.As(err, &answer) {
		return out, answer.status == http.StatusUnauthorized || answer.status == http.StatusForbidden, err
	}
	if err != nil && errors.Is(context.Cause(call), errSooner) {
		return out, false, errSooner
	}
	return out, false, err
}

// member is a device of a link.
type member struct {
	link   *Link
	device LinkedDevice
	log    *slog.Logger

	mu       sync.Mutex
	can      *Capabilities // nil until it is known
	revision int64
	run      *linkedRun // nil for none
	ended    string     // the stream that has ended
	fault    *syncFault
	last     syncReport // of it
	busy     string     // the command that is carried out
	done     string
	result   json.RawMessage
	failed   *syncFault
	told     string // the error that was logged last
}

// linkedRun is a stream that runs.
type linkedRun struct {
	stream   syncStream
	stop     context.CancelCauseFunc
	stopping bool
	fault    *syncFault // why the device is away
	agent    *Agent
	monitor  *devices.Monitor
}

// describe asks the device what it can until it answers.
func (m *member) describe(ctx context.Context) {
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, longestPause) {
		call, cancel := context.WithTimeout(ctx, 20*time.Second)
		can, err := m.device.Describe(call)
		cancel()
		if err == nil {
			m.mu.Lock()
			m.can = &can
			m.mu.Unlock()
			return
		}
		m.log.Warn("the device does not say what it can", "error", err, "again_in", pause)
		_ = rest(ctx, pause, nil)
	}
}

// signature is what is to be said at once where it changes.
func (m *member) signature() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(m.can != nil, " ", m.ended, " ", m.done, " ", m.state(), ";")
}

// state is how the stream that runs is. The caller holds the lock.
func (m *member) state() string {
	switch r := m.run; {
	case r == nil:
		return ""
	case r.stopping:
		return "stopping"
	case r.fault != nil:
		return "away"
	case r.agent == nil:
		return "starting"
	default:
		s := r.agent.Status()
		switch {
		case s.Away != "":
			return "away"
		case s.Sent > 0:
			return "streaming"
		}
		return "starting"
	}
}

// says returns how the device stands; ready is false where it has not said what it can.
func (m *member) says() (s syncSays, ready bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.can == nil {
		return s, false
	}
	s = syncSays{ID: m.device.ID, Name: m.device.Name, Type: m.device.Type, Capabilities: *m.can, Revision: m.revision, Ended: m.ended, Fault: m.fault, Report: m.last}
	if r := m.run; r != nil {
		s.Report = syncReport{StreamID: r.stream.StreamID, State: m.state(), Fault: r.fault}
		if r.agent != nil {
			s.Report = reportOf(r.agent, s.Report)
		}
	}
	s.Report.Done, s.Report.Result, s.Report.Failed = m.done, m.result, m.failed
	return s, true
}

// reportOf adds what an agent has read.
func reportOf(a *Agent, r syncReport) syncReport {
	st := a.Status()
	r.Samples, r.Waiting, r.Dropped, r.Clock, r.Missing = st.Samples, st.Waiting, st.Dropped, st.Clock, map[string]int64{}
	for c, n := range st.Missing {
		r.Missing[string(c)] = n
	}
	if st.Away != "" {
		r.Fault = &syncFault{string(devices.CodeLost), st.Away}
	}
	return r
}

// want sees to what is wanted of the device.
func (m *member) want(ctx context.Context, group *guarded.Group, w syncWants) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision = w.Revision
	if text := fmt.Sprint(w.Error); w.Error != nil && text != m.told {
		m.told = text
		m.log.Warn("the device is not held", "code", w.Error.Code, "error", w.Error.Message)
	} else if w.Error == nil {
		m.told = ""
	}
	if r := m.run; r != nil && (!w.Held || w.Stream == nil || w.Stream.StreamID != r.stream.StreamID) {
		r.stop(ErrLeft) // another agent has it, or the stream was ended by force
		return
	}
	if w.Stream == nil || w.Stream.StreamID != m.ended {
		m.ended, m.fault = "", nil // the server knows
	}
	if w.Stream != nil && w.Stream.StreamID != m.ended && w.Held {
		switch {
		case m.run == nil:
			m.last = syncReport{}
			running, stop := context.WithCancelCause(ctx)
			r := &linkedRun{stream: *w.Stream, stop: stop, stopping: w.Stream.Stopping}
			m.run = r
			group.Go(func() error { m.stream(running, r); return nil })
		case w.Stream.Stopping && !m.run.stopping:
			m.run.stopping = true
			m.run.stop(context.Canceled)
		}
	}
	if c := w.Command; c != nil && c.ID != m.done && m.busy == "" {
		m.busy = c.ID
		group.Go(func() error { m.obey(ctx, *c); return nil })
	}
}

// stream runs a stream until it is over.
func (m *member) stream(ctx context.Context, r *linkedRun) {
	err := guarded.Do(func() error { return m.record(ctx, r) })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = syncReport{StreamID: r.stream.StreamID}
	if r.agent != nil {
		m.last = reportOf(r.agent, m.last)
		m.last.Fault = nil
	}
	m.run = nil
	if errors.Is(context.Cause(ctx), ErrLeft) {
		return // it is not over: the next run, or another agent, goes on with it
	}
	m.ended = r.stream.StreamID
	var answer *answerError
	if err != nil && !errors.As(err, &answer) && !r.stopping {
		m.fault = faultOf(err)
	}
	if err != nil {
		m.log.Error("the stream has ended", "error", err)
	}
}

// record brings what the device gives into the session of a stream.
func (m *member) record(ctx context.Context, r *linkedRun) error {
	l := m.link
	dir := filepath.Join(l.cfg.Dir, m.device.ID, r.stream.StreamID)
	cfg := Config{Server: l.cfg.Server, Key: l.cfg.Key, Project: l.cfg.Project, Dir: dir, SessionID: r.stream.SessionID, DeviceType: m.device.Driver, HTTP: l.cfg.HTTP, Log: m.log,
		Batch: l.cfg.Batch, Most: l.cfg.Most, Sync: l.cfg.Sync, Drain: forEver}
	if r.stopping { // what an earlier run has left is all there is
		cfg.Source = absent{}
		a, err := New(cfg)
		if err == nil {
			err = a.Finish(ctx)
		}
		return errors.Join(err, os.RemoveAll(dir))
	}
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		again, err := m.recordOnce(ctx, r, cfg)
		if err == nil || !again || ctx.Err() != nil {
			if err == nil && ctx.Err() == nil || r.over(m) {
				err = errors.Join(err, os.RemoveAll(dir))
			}
			return err
		}
		m.mu.Lock()
		r.fault = faultOf(err)
		m.mu.Unlock()
		_ = rest(ctx, wait, nil)
	}
}

// over reports whether the stream was told to stop.
func (r *linkedRun) over(m *member) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return r.stopping
}

// recordOnce opens the device and records. again tells that it may be tried again: the stream has begun, and the device is away.
func (m *member) recordOnce(ctx context.Context, r *linkedRun, cfg Config) (again bool, err error) {
	from, begun, err := m.resume(ctx, r, cfg)
	if err != nil {
		return passing(err), err
	}
	src, exact, err := m.device.Open(ctx, r.stream.Config.SampleRate, from)
	if err != nil {
		return begun, err
	}
	watched, monitor := devices.Watched(devices.Select(src, r.stream.Config.Channels))
	cfg.Source = watched
	if exact && begun {
		cfg.First = &from
	}
	a, err := New(cfg)
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	r.agent, r.monitor, r.fault = a, monitor, nil
	m.mu.Unlock()
	err = a.Run(ctx)
	var f *devices.Error
	return begun && errors.As(err, &f) && f.Temporary(), err
}

// resume returns where in the session the device is to go on, and whether the session has samples: by the folder of an earlier run, or by the server, where
// that is lost.
func (m *member) resume(ctx context.Context, r *linkedRun, cfg Config) (from int64, begun bool, err error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return 0, false, err
	}
	found, err := findFolders(cfg.Dir)
	if err != nil {
		return 0, false, err
	}
	rate := r.stream.Config.SampleRate
	var origin int64
	if len(found) > 0 {
		origin = found[len(found)-1].about().OriginMS
	} else {
		var ses struct {
			StartedAt   time.Time `json:"started_at"`
			SampleCount int64     `json:"sample_count"`
		}
		if err := m.link.server.get(ctx, "/v1/sessions/"+r.stream.SessionID+"/status", &ses); err != nil {
			return 0, false, err
		}
		if ses.SampleCount == 0 {
			return 0, false, nil
		}
		if err := m.link.server.get(ctx, "/v1/sessions/"+r.stream.SessionID, &ses); err != nil {
			return 0, false, err
		}
		origin = ses.StartedAt.UnixMilli()
		f, err := newFolder(cfg.Dir, description{Server: cfg.Server, Project: cfg.Project, DeviceType: cfg.DeviceType, OriginMS: origin, SessionID: r.stream.SessionID,
			Info: devices.Info{Driver: cfg.DeviceType, Rate: rate, Channels: r.stream.Config.Channels}}, spool.Config{Most: cfg.Most, Sync: cfg.Sync})
		if err != nil {
			return 0, false, err
		}
		if err := f.spool.Close(); err != nil {
			return 0, false, err
		}
	}
	return max(0, int64(math.Round(float64(time.Now().UnixMilli()-origin)*rate/1000))), true, nil
}

// absent is the device of an agent that only sends what is left.
type absent struct{}

// Open implements devices.Source.
func (absent) Open(context.Context) (*devices.Stream, error) {
	return nil, devices.Errorf(devices.CodeLost, "there is no device")
}

// obey carries out a command.
func (m *member) obey(ctx context.Context, c syncCommand) {
	result, err := m.measure(ctx, c)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy, m.done, m.result, m.failed = "", c.ID, result, nil
	if err != nil {
		m.result, m.failed = nil, faultOf(err)
	}
}

func (m *member) measure(ctx context.Context, c syncCommand) (json.RawMessage, error) {
	ctx, cancel := context.WithDeadline(ctx, c.Until)
	defer cancel()
	m.mu.Lock()
	run := m.run
	m.mu.Unlock()
	var src devices.Source
	if run != nil && run.monitor != nil {
		src = run.monitor.Source()
	} else {
		var err error
		if src, _, err = m.device.Open(ctx, 0, 0); err != nil {
			return nil, err
		}
	}
	switch c.Kind {
	case "check":
		report, err := check.Run(ctx, src, check.Config{Seconds: c.Seconds, Timeout: time.Until(c.Until)})
		if err != nil {
			return nil, err
		}
		return json.Marshal(report)
	case "impedance":
		i, can := src.(devices.Contacts)
		if !can {
			return nil, devices.Errorf(devices.CodeUnsupported, "the impedance is not measured while the device streams, or not at all")
		}
		found, err := i.Impedance(ctx)
		if err != nil {
			return nil, err
		}
		type one struct {
			Number int      `json:"number"`
			Name   string   `json:"name"`
			KOhm   *float64 `json:"impedance_kohm"`
		}
		out := make([]one, len(found))
		for k, f := range found {
			out[k] = one{k + 1, f.Channel, f.KOhm}
		}
		return json.Marshal(out)
	}
	return nil, devices.Errorf(devices.CodeUnsupported, "this agent knows no command %q", c.Kind)
}

// get makes a call that reads.
func (s *server) get(ctx context.Context, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	if s.project != "" {
		req.Header.Set("X-Project-Id", s.project)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return &answerError{status: res.StatusCode, detail: string(b[:min(len(b), 200)])}
	}
	return json.Unmarshal(b, out)
}
