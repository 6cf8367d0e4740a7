package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/models"
)

// deviceTick is how often a subscription to devices looks without a signal: leases end without any.
const deviceTick = 10 * time.Second

// What a client may have a device do.
const (
	actionStart  = "start_stream"
	actionStop   = "stop_stream"
	actionConfig = "update_config"
)

var actions = []string{actionStart, actionStop, actionConfig}

// controlMessage has a device do something.
type controlMessage struct {
	Type     string         `json:"type"`
	ID       string         `json:"id" validate:"max=255"`
	Action   string         `json:"action" validate:"required"`
	DeviceID string         `json:"device_id" validate:"required"`
	Config   *controlConfig `json:"config"`
}

// MarshalJSON implements [json.Marshaler].
func (n channelName) MarshalJSON() ([]byte, error) {
	if n.name != "" {
		return json.Marshal(n.name)
	}
	return json.Marshal(n.number)
}

// controlConfig is how a device is to stream.
type controlConfig struct {
	SampleRate *float64        `json:"sample_rate"`
	Channels   *[]channelName  `json:"channels"`
	Filters    json.RawMessage `json:"filters"`
}

// controlFilters are what the delivered samples go through.
type controlFilters struct {
	Notch    *float64  `json:"notch"`
	Highpass *float64  `json:"highpass"`
	Lowpass  *float64  `json:"lowpass"`
	Bandpass []float64 `json:"bandpass"`
}

// change returns what is asked of a device's configuration.
func (c *controlConfig) change() (devices.ConfigChange, error) {
	var out devices.ConfigChange
	if c == nil {
		return out, nil
	}
	out.SampleRate = c.SampleRate
	if c.Channels != nil {
		list := []devices.Channel{}
		for _, n := range *c.Channels {
			list = append(list, devices.Channel{Number: n.number, Name: n.name})
		}
		out.Channels = &list
	}
	switch {
	case len(c.Filters) == 0:
		return out, nil
	case string(c.Filters) == "null":
		out.DropFilters = true
		return out, nil
	}
	var f controlFilters
	if err := readFields(c.Filters, &f, "config", "filters"); err != nil {
		return out, err
	}
	out.Filters = &devices.FilterChange{Notch: f.Notch, Highpass: f.Highpass, Lowpass: f.Lowpass}
	if f.Bandpass != nil {
		if len(f.Bandpass) != 2 {
			return out, models.InvalidField(models.At("config", "filters", "bandpass"), "length", "must be two numbers of Hz, [lowest, highest]")
		}
		out.Filters.Bandpass = (*[2]float64)(f.Bandpass)
	}
	return out, nil
}

// control has a device do something. It takes seconds, in which other messages are answered.
func (s *socket) control(ctx context.Context, in inbound, b []byte) error {
	return readMessage(b, func(m controlMessage) error {
		if !slices.Contains(actions, m.Action) {
			return notOneOf("action", m.Action, actions)
		}
		change, err := m.Config.change()
		if err != nil {
			return err
		}
		p, err := s.principal(ctx)
		if err != nil {
			return err
		}
		if _, err := s.api.cfg.Limits.Take(ctx, service.LimitDevices, p, s.address); err != nil {
			return err
		}
		select {
		case s.controls <- struct{}{}:
		default:
			e := models.Errorf(models.RateLimited, "A connection may control %d devices at once: wait for an answer.", socketControls)
			e.RetryAfter = time.Second
			return e
		}
		s.group.Go(func() {
			defer func() { <-s.controls }()
			s.perform(ctx, p, in, m, change)
		})
		return nil
	})
}

// perform has a device do something and answers with what came of it. A fault comes as a message of its own, too, as the document has it.
func (s *socket) perform(ctx context.Context, p models.Principal, in inbound, m controlMessage, change devices.ConfigChange) {
	answer := outbound{Type: "device_response", ID: m.ID, Action: m.Action, DeviceID: m.DeviceID, Status: "success"}
	var err error
	switch m.Action {
	case actionStart:
		request := devices.StreamRequest{Config: change}
		if m.ID != "" { // the same message again is given the same stream
			config, _ := json.Marshal(m.Config) // as it was read
			request.Key = service.Idempotency{Key: m.ID, Fingerprint: fingerprint(m.DeviceID, string(config)), Protocol: "ws"}
		}
		var st devices.Stream
		if st, err = s.api.cfg.Devices.Start(ctx, p, m.DeviceID, request); err == nil {
			answer.StreamID, answer.SessionID, answer.Message = st.ID, st.SessionID, "The device streams."
		}
	case actionStop:
		var st devices.Stream
		if st, err = s.api.cfg.Devices.Stop(ctx, p, m.DeviceID, false); err == nil {
			answer.StreamID, answer.SessionID, answer.Message = st.ID, st.SessionID, "The stream has ended."
			if !st.Ended {
				answer.Message = "The stream ends when what was read is in its session."
			}
		}
	case actionConfig:
		var d devices.Device
		if d, err = s.api.cfg.Devices.Configure(ctx, p, m.DeviceID, change); err == nil {
			answer.Message = "The device is configured."
			if d.Stream != nil {
				answer.StreamID, answer.SessionID = d.Stream.ID, d.Stream.SessionID
			}
		}
	}
	if err == nil {
		s.answer(ctx, answer.bytes())
		return
	}
	s.answer(ctx, s.fault(err, in))
	e := models.AsError(err)
	answer.Status, answer.ErrorCode, answer.Message = "error", codeOf(e), textOf(e)
	s.answer(ctx, answer.bytes())
}

// sessionOf returns the session that a device streams into, "" where there is none and the subscription waits. Errors: DeviceNotFound, StreamUnavailable.
func (s *socket) sessionOf(ctx context.Context, p models.Principal, sub *subscription) (string, error) {
	d, err := s.api.cfg.Devices.Get(ctx, p, sub.asked.DeviceID)
	switch {
	case err != nil:
		return "", err
	case d.Stream != nil:
		return d.Stream.SessionID, nil
	case sub.asked.Wait:
		return "", nil
	}
	e := models.Errorf(models.StreamUnavailable, "Device '%s' has no stream. Start it first, or subscribe with wait.", d.ID)
	e.Details = map[string]any{"resource_type": "device", "resource_id": d.ID}
	return "", e
}

// filtersOf returns the filters that the stream of a session is configured with; none where it is recorded from no device.
func (s *socket) filtersOf(ctx context.Context, p models.Principal, ses models.Session) (eeg.Filters, error) {
	var out eeg.Filters
	st, found, err := s.api.cfg.Devices.StreamOf(ctx, p, ses)
	if err != nil || !found || st.Config.Filters == nil {
		return out, err
	}
	for to, from := range map[*float64]*float64{&out.Notch: st.Config.Filters.Notch, &out.HighPass: st.Config.Filters.Highpass, &out.LowPass: st.Config.Filters.Lowpass} {
		if from != nil {
			*to = *from
		}
	}
	return out, nil
}

// waitForDevice waits until the device of a subscription streams into another session than the last, and follows that.
func (s *socket) waitForDevice(ctx context.Context, sub *subscription) {
	p := s.known()
	changed, end, err := s.api.cfg.Devices.Watch(p)
	if err != nil {
		s.give(ctx, sub, err)
		return
	}
	defer end()
	tick := time.NewTicker(deviceTick)
	defer tick.Stop()
	for {
		d, err := s.api.cfg.Devices.Get(ctx, p, sub.asked.DeviceID)
		if err != nil && !models.AsError(err).Class().Ours() {
			s.give(ctx, sub, err)
			return
		}
		if err == nil && d.Stream != nil && d.Stream.SessionID != sub.session.ID {
			if s.goOn(ctx, p, sub, d.Stream.SessionID) {
				return
			}
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// goOn follows the next session of a device from its beginning; it returns false where that could not be done now.
func (s *socket) goOn(ctx context.Context, p models.Principal, sub *subscription, session string) bool {
	f, err := s.begin(ctx, p, sub, session, fromStart)
	switch {
	case err != nil && models.AsError(err).Class().Ours():
		return false
	case err != nil:
		s.give(ctx, sub, err)
		return true
	}
	started := outbound{Type: "session_event", Event: "recording_started", SubscriptionID: sub.id, SessionID: sub.session.ID, DeviceID: sub.session.DeviceID,
		UserID: sub.session.ExternalUserID, Timestamp: sub.session.Began().UnixMilli()}
	if err = s.send(ctx, started.bytes()); err == nil {
		err = s.confirm(ctx, sub, f)
	}
	if err != nil {
		f.Close()
		return true
	}
	s.group.Go(func() { s.follow(ctx, sub, f) })
	return true
}

// refilter ends ctx's delivery when the filters that the stream is configured with change.
func (s *socket) refilter(ctx context.Context, sub *subscription, changed func()) {
	p := s.known()
	signal, end, err := s.api.cfg.Devices.Watch(p)
	if err != nil {
		return
	}
	defer end()
	for {
		if now, err := s.filtersOf(ctx, p, sub.session); err == nil && !sameFilters(now, sub.view.Filters) && s.streams(ctx, p, sub) {
			changed()
			return
		}
		select {
		case <-signal:
		case <-ctx.Done():
			return
		}
	}
}

// streams reports whether the session of a subscription is still that of its device's stream: one that has ended keeps its filters.
func (s *socket) streams(ctx context.Context, p models.Principal, sub *subscription) bool {
	_, found, err := s.api.cfg.Devices.StreamOf(ctx, p, sub.session)
	return err == nil && found
}

func sameFilters(a, b eeg.Filters) bool {
	a, b = a.Edges(), b.Edges()
	return a.Notch == b.Notch && a.HighPass == b.HighPass && a.LowPass == b.LowPass
}

// deviceShown is what a subscription to devices tells of one.
type deviceShown struct {
	Type           string          `json:"type"`
	SubscriptionID string          `json:"subscription_id"`
	DeviceID       string          `json:"device_id"`
	Name           string          `json:"name"`
	Status         string          `json:"status"`
	Stream         *streamShown    `json:"stream"`
	Fault          *faultShown     `json:"fault"`
	Clock          json.RawMessage `json:"clock"` // of the stream that runs, as it was last told
	Metadata       json.RawMessage `json:"metadata"`
	Timestamp      int64           `json:"timestamp"`

	told time.Time // when the clock was
}

// clockShown is how often what the clock of a device does is told, where nothing else is new.
const clockShown = 5 * time.Second

type streamShown struct {
	StreamID  string `json:"stream_id"`
	SessionID string `json:"session_id"`
	State     string `json:"state"`
}

type faultShown struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// deviceMetadata is what is known of a device beside; what was not measured is null.
type deviceMetadata struct {
	FirmwareVersion *string  `json:"firmware_version"`
	BatteryLevel    *float64 `json:"battery_level"`
}

func deviceMetadataOf(d devices.Device) json.RawMessage {
	var m deviceMetadata
	if d.FirmwareVersion != "" {
		m.FirmwareVersion = &d.FirmwareVersion
	}
	if r, ok := d.Report.Readings["battery"]; ok && len(r.Values) > 0 {
		m.BatteryLevel = &r.Values[0]
	}
	b, err := json.Marshal(m)
	if err != nil {
		return json.RawMessage(`{"firmware_version":null,"battery_level":null}`) // a reading that is not finite
	}
	return b
}

func shownOf(d devices.Device) deviceShown {
	out := deviceShown{Type: "device_status", DeviceID: d.ID, Name: d.Name, Status: string(d.Status)}
	if d.Stream != nil {
		out.Stream = &streamShown{d.Stream.ID, d.Stream.SessionID, string(d.State)}
		if d.Report.StreamID == d.Stream.ID {
			out.Clock = d.Report.Clock
		}
	}
	if f := d.Report.Fault; f != nil {
		out.Fault = &faultShown{f.Code, f.Message}
	}
	return out
}

// same reports whether two say the same of how a device stands.
func (d deviceShown) same(o deviceShown) bool {
	stream := func(s *streamShown) streamShown {
		if s == nil {
			return streamShown{}
		}
		return *s
	}
	fault := func(f *faultShown) faultShown {
		if f == nil {
			return faultShown{}
		}
		return *f
	}
	return d.Status == o.Status && d.Name == o.Name && stream(d.Stream) == stream(o.Stream) && fault(d.Fault) == fault(o.Fault)
}

// followDevices begins a subscription to how devices stand: one, or all of the project.
func (s *socket) followDevices(ctx context.Context, p models.Principal, sub *subscription) error {
	if sub.asked.DeviceID != "" {
		if _, err := s.api.cfg.Devices.Get(ctx, p, sub.asked.DeviceID); err != nil {
			return err
		}
	}
	changed, end, err := s.api.cfg.Devices.Watch(p)
	if err != nil {
		return err
	}
	if err := s.confirm(ctx, sub, nil); err != nil {
		end()
		return err
	}
	s.group.Go(func() {
		defer end()
		tick := time.NewTicker(deviceTick)
		defer tick.Stop()
		var last map[string]deviceShown
		for {
			if all, err := s.api.cfg.Devices.All(ctx, p); err == nil {
				if last, err = s.tellDevices(ctx, sub, all, last); err != nil {
					return
				}
			} else if !models.AsError(err).Class().Ours() {
				s.give(ctx, sub, err)
				return
			}
			select {
			case <-changed:
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return nil
}

// tellDevices tells what is new of devices, and returns how they stand. The first time it tells how each stands.
func (s *socket) tellDevices(ctx context.Context, sub *subscription, all []devices.Device, last map[string]deviceShown) (map[string]deviceShown, error) {
	now := make(map[string]deviceShown, len(all))
	for _, d := range all {
		if sub.asked.DeviceID != "" && d.ID != sub.asked.DeviceID {
			continue
		}
		shown := shownOf(d)
		before, was := last[d.ID]
		if was && before.same(shown) && (bytes.Equal(before.Clock, shown.Clock) || time.Since(before.told) < clockShown) {
			now[d.ID] = before
			continue
		}
		shown.told = time.Now()
		now[d.ID] = shown
		shown.SubscriptionID, shown.Metadata, shown.Timestamp = sub.id, deviceMetadataOf(d), time.Now().UnixMilli()
		b, err := json.Marshal(shown)
		if err != nil {
			return nil, err
		}
		if err := s.send(ctx, b); err != nil {
			return nil, err
		}
		if last == nil {
			continue
		}
		for _, event := range happened(before, shown, was) {
			if err := s.send(ctx, system(event, d.ID, shown.Metadata)); err != nil {
				return nil, err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		if _, there := now[id]; !there {
			if err := s.send(ctx, system("device_removed", id, nil)); err != nil {
				return nil, err
			}
		}
	}
	return now, nil
}

// happened names what came between how a device stood and how it stands.
func happened(before, now deviceShown, was bool) []string {
	var out []string
	online, offline := string(models.DeviceOnline), string(models.DeviceOffline)
	switch {
	case !was:
		out = append(out, "device_discovered")
	case before.Status == now.Status:
	case now.Status == online && before.Status == offline:
		out = append(out, "device_connected")
	case now.Status == offline:
		out = append(out, "device_disconnected")
	case now.Status == string(models.DeviceError):
		out = append(out, "device_error")
	default:
		out = append(out, "device_state_changed")
	}
	runs := func(d deviceShown) bool { return d.Stream != nil && d.Stream.State == string(models.StreamStreaming) }
	switch {
	case runs(now) && !runs(before):
		out = append(out, "device_streaming_started")
	case before.Stream != nil && now.Stream == nil:
		out = append(out, "device_streaming_stopped")
	}
	return out
}
