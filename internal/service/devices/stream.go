package devices

import (
	"context"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// StreamRequest describes a stream to be started. What is not said is as the device is configured.
type StreamRequest struct {
	Config ConfigChange
	// ExternalUserID is the caller's name for the person. Defaults to the device's id.
	ExternalUserID string
	// Name and Tags of the session. Sessions of several people at once share a tag. Default to none.
	Name string
	Tags []string
	// HopS between the feature windows of the session. Defaults to 2.
	HopS *float64
	// Features that the windows carry beside those that every window has. Default to none.
	Features []eeg.Feature
	// Decode is how the session is decoded as it runs, as NewSession takes it. Defaults to not at all.
	Decode any
	// Key names the call: a second one with the same key is given the stream of the first while that lives. Defaults to none.
	Key service.Idempotency
}

// Stream is a stream of a device.
type Stream struct {
	models.DeviceStream
	Device Device // as it stands
	Ended  bool   // everything that was read is in the session, which has ended
	// Repeated tells that the stream was started by an earlier call with the same key.
	Repeated bool
}

// look is how often who waits for a holder looks without a signal.
const look = 250 * time.Millisecond

// Start starts a device: it makes a session, has whoever runs the device stream into it, and returns when the first samples are there. Errors:
// DeviceNotFound; DeviceBusy where it streams already, or is in maintenance; InvalidConfiguration and InvalidRequestBody naming each wrong field;
// StreamNotStarted where nobody runs the device, or it does not answer in time: then there is no stream. Those of sessions: ProjectQuotaExceeded,
// ProjectQuotaFull, ModelNotFound, MontageMismatch.
//
//nolint:gocyclo // one guard for each thing that keeps a device from starting
func (s *Service) Start(ctx context.Context, p models.Principal, id string, r StreamRequest) (Stream, error) {
	was, err := s.get(ctx, p, models.RightDevicesUse, id)
	if err != nil {
		return Stream{}, err
	}
	if err := service.CheckKey(r.Key); err != nil {
		return Stream{}, err
	}
	if st := was.Stream; st != nil && r.Key.Key != "" && st.Key.Key == r.Key.Key {
		return s.again(ctx, p, was, r.Key)
	}
	if err := s.startable(was); err != nil {
		return Stream{}, err
	}
	caps, err := s.capabilities(ctx, was)
	if err != nil {
		return Stream{}, err
	}
	config, err := r.Config.apply(was.Config, caps)
	if err != nil {
		return Stream{}, err
	}
	if config.SampleRate == 0 {
		config.SampleRate = caps.SampleRate
	}
	if len(config.Channels) == 0 {
		config.Channels = caps.Channels
	}
	if was.Agent == "" {
		if err := s.cfg.Drivers.Admit(was, config); err != nil {
			return Stream{}, err
		}
	}
	if r.ExternalUserID == "" {
		r.ExternalUserID = id
	}
	ses, err := s.cfg.NewSession(ctx, recorder(p, id), SessionSpec{DeviceID: id, DeviceType: was.Driver, ExternalUserID: r.ExternalUserID, Name: r.Name, Tags: r.Tags,
		SampleRateHz: config.SampleRate, Channels: config.Channels, HopS: r.HopS, Features: r.Features, Decode: r.Decode})
	if err != nil {
		return Stream{}, err
	}
	done, err := s.cfg.Quotas.Take(ctx, p.ProjectID, service.Wants{models.QuotaOpenSessions: 1, models.QuotaWindowsPerDay: 1}, nil)
	if err != nil {
		return Stream{}, err
	}
	st := models.DeviceStream{ID: models.NewID(), SessionID: ses.ID, Config: config, Key: r.Key, StartedAt: s.cfg.Now().UTC()}
	e := by(p, models.AuditStreamStarted, id)
	d, err := s.cfg.Store.ChangeDevice(ctx, store.DeviceChange{ProjectID: p.ProjectID, ID: id, Session: &ses, Event: &e,
		Details: map[string]any{"stream_id": st.ID, "session_id": ses.ID}, Change: func(d *models.Device) error {
			if err := s.startable(*d); err != nil {
				return err
			}
			if d.Agent == "" {
				d.Capabilities = caps
			}
			d.Stream, d.UpdatedAt = &st, s.cfg.Now()
			d.Revision++
			return nil
		}})
	done()
	if err != nil {
		if now, getErr := s.cfg.Store.Device(ctx, p.ProjectID, id); getErr == nil && r.Key.Key != "" && now.Stream != nil && now.Stream.Key.Key == r.Key.Key {
			return s.again(ctx, p, now, r.Key) // the first call with this key was a moment earlier
		}
		return Stream{}, s.absent(ctx, p, id, err)
	}
	s.changed(d)
	return s.await(ctx, p, d, st, false)
}

// again answers a call that repeats the one which started the stream of a device.
func (s *Service) again(ctx context.Context, p models.Principal, d models.Device, key service.Idempotency) (Stream, error) {
	if d.Stream.Key.Fingerprint != key.Fingerprint {
		return Stream{}, models.NewError(models.IdempotencyKeyReused)
	}
	return s.await(ctx, p, d, *d.Stream, true)
}

// recorder is the device as the one who writes its session, with the licence of who started it.
func recorder(p models.Principal, id string) models.Principal {
	return models.Principal{ProjectID: p.ProjectID, DeviceID: id, License: p.License}
}

// startable refuses to start a device that streams, is in maintenance, or that nobody runs.
func (s *Service) startable(d models.Device) error {
	switch {
	case d.Stream != nil && d.Stream.Stopping:
		return busy(d, "What it has read is still being brought to its session.")
	case d.Stream != nil:
		return busy(d, "It streams.")
	case d.Maintenance:
		return busy(d, "It is in maintenance.")
	case d.Agent != "" && !d.Held(s.cfg.Now()):
		return unstarted(d, "The agent that runs it is not connected.")
	case d.Agent == "" && !d.Held(s.cfg.Now()) && !s.cfg.Drivers.Present(d):
		return unstarted(d, "Nothing that runs it is here: its driver is not enabled, or it is not plugged in.")
	}
	return nil
}

// unstarted is the error of a device that does not come to stream.
func unstarted(d models.Device, why string) *models.Error {
	e := models.Errorf(models.StreamNotStarted, "Device '%s' does not stream. %s", d.ID, why)
	e.Details = map[string]any{"resource_type": "device", "resource_id": d.ID}
	if f := d.Report.Fault; f != nil {
		e.Details["device_code"], e.Details["device_message"] = f.Code, f.Message
	}
	e.RetryAfter = time.Second
	return e
}

// await waits until a stream runs, or takes it back.
func (s *Service) await(ctx context.Context, p models.Principal, d models.Device, st models.DeviceStream, repeated bool) (Stream, error) {
	d, err := s.until(ctx, d, s.cfg.StartWait, func(d models.Device) bool {
		return d.Stream == nil || d.Stream.ID != st.ID || d.Stream.Stopping || d.Report.StreamID == st.ID && d.Report.State != models.StreamStarting
	})
	if err != nil {
		return Stream{}, err
	}
	state := d.StreamState(s.cfg.Now())
	switch {
	case d.Stream != nil && d.Stream.ID == st.ID && (state == models.StreamStreaming || state == models.StreamAway && repeated):
		return Stream{DeviceStream: *d.Stream, Device: s.view(d), Repeated: repeated}, nil
	case d.Stream == nil || d.Stream.ID != st.ID:
		if d.Report.StreamID == st.ID && d.Report.Fault != nil {
			return Stream{}, unstarted(d, d.Report.Fault.Message)
		}
		if d.Report.StreamID == st.ID && d.Report.Samples > 0 { // it was short: a recording of a moment
			return Stream{DeviceStream: st, Device: s.view(d), Ended: true, Repeated: repeated}, nil
		}
		return Stream{}, unstarted(d, "It was stopped before it gave a sample.")
	case ctx.Err() != nil:
		return Stream{}, ctx.Err() // nobody is there to be told: the stream goes on
	}
	if err := s.withdraw(context.WithoutCancel(ctx), p, st); err != nil {
		return Stream{}, err
	}
	return Stream{}, unstarted(d, "It gave no sample in time.")
}

// withdraw takes a stream back that did not begin.
func (s *Service) withdraw(ctx context.Context, p models.Principal, st models.DeviceStream) error {
	found, err := s.cfg.Store.Devices(ctx, p.ProjectID)
	if err != nil {
		return service.Unavailable(err)
	}
	for _, d := range found {
		if d.Stream != nil && d.Stream.ID == st.ID {
			_, err := s.stop(ctx, p, d.ID, st.ID, nil)
			return err
		}
	}
	return nil
}

// until reads a device until something of it is so, or a time is over, and returns it as it is then.
func (s *Service) until(ctx context.Context, d models.Device, wait time.Duration, so func(models.Device) bool) (models.Device, error) {
	changed, end := s.cfg.Signals.Subscribe(Topic(d.ProjectID))
	defer end()
	over := time.NewTimer(wait)
	defer over.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		now, err := s.cfg.Store.Device(ctx, d.ProjectID, d.ID)
		switch {
		case err == nil:
			if d = now; so(d) {
				return d, nil
			}
		case models.CodeOf(service.Absent(err, models.DeviceNotFound)) == models.DeviceNotFound:
			return d, s.absent(ctx, models.Principal{ProjectID: d.ProjectID}, d.ID, err)
		case ctx.Err() == nil:
			return d, service.Unavailable(err)
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-over.C:
			return d, nil
		case <-s.cfg.Signals.Drained():
			return d, nil
		case <-ctx.Done():
			return d, nil
		}
	}
}

// Stop stops a device's stream: what was read is brought to the session, which ends. It returns when that is done or, where the device's holder takes
// longer or is away, as far as it is. force ends the session at once where nobody holds the device: what an agent has not sent is lost then. Errors:
// DeviceNotFound, StreamUnavailable where it does not stream.
func (s *Service) Stop(ctx context.Context, p models.Principal, id string, force bool) (Stream, error) {
	was, err := s.get(ctx, p, models.RightDevicesUse, id)
	if err != nil {
		return Stream{}, err
	}
	if was.Stream == nil {
		return Stream{}, unavailable(was)
	}
	st := *was.Stream
	e := by(p, models.AuditStreamStopped, id)
	d, err := s.stop(ctx, p, id, st.ID, &e)
	if err != nil {
		return Stream{}, err
	}
	if d, err = s.until(ctx, d, s.cfg.StopWait, func(d models.Device) bool { return gone(d, st) || force && !d.Held(s.cfg.Now()) }); err != nil {
		return Stream{}, err
	}
	if force && !gone(d, st) && !d.Held(s.cfg.Now()) {
		if d, err = s.finish(ctx, d, func(d models.Device) bool { return !d.Held(s.cfg.Now()) }); err != nil {
			return Stream{}, err
		}
	}
	return Stream{DeviceStream: st, Device: s.view(d), Ended: gone(d, st)}, nil
}

// gone reports whether a stream is not a device's any more.
func gone(d models.Device, st models.DeviceStream) bool {
	return d.Stream == nil || d.Stream.ID != st.ID
}

// unavailable is the error of a device without a stream.
func unavailable(d models.Device) *models.Error {
	e := models.Errorf(models.StreamUnavailable, "Device '%s' has no stream. Start it first.", d.ID)
	e.Details = map[string]any{"resource_type": "device", "resource_id": d.ID}
	return e
}

// stop has a stream stopped. One that nobody holds and nobody can have read ends at once.
func (s *Service) stop(ctx context.Context, p models.Principal, id, streamID string, e *models.AuditEvent) (models.Device, error) {
	change := store.DeviceChange{ProjectID: p.ProjectID, ID: id, Event: e, Change: func(d *models.Device) error {
		switch {
		case d.Stream == nil || d.Stream.ID != streamID:
			return unavailable(*d)
		case d.Stream.Stopping:
			return nil
		}
		d.Stream.Stopping, d.UpdatedAt = true, s.cfg.Now()
		d.Revision++
		return nil
	}}
	if e != nil {
		change.Details = map[string]any{"stream_id": streamID}
	}
	d, err := s.cfg.Store.ChangeDevice(ctx, change)
	if err != nil {
		return d, s.absent(ctx, p, id, err)
	}
	s.changed(d)
	// An agent that is away may have samples of it. Of the service's own streams nobody has: what is not in the session is lost with its holder.
	if unread := d.Report.StreamID != streamID; !d.Held(s.cfg.Now()) && (d.Agent == "" || unread) {
		return s.finish(ctx, d, func(d models.Device) bool { return !d.Held(s.cfg.Now()) })
	}
	return d, nil
}

// finish ends the session of a device's stream and takes the stream off the device, where that is still allowed.
func (s *Service) finish(ctx context.Context, d models.Device, still func(models.Device) bool) (models.Device, error) {
	st := *d.Stream
	err := s.cfg.EndSession(ctx, models.Principal{ProjectID: d.ProjectID, DeviceID: d.ID}, st.SessionID)
	if code := models.CodeOf(err); err != nil && code != models.SessionNotFound {
		return d, err
	}
	changed, err := s.cfg.Store.ChangeDevice(ctx, store.DeviceChange{ProjectID: d.ProjectID, ID: d.ID, Change: func(d *models.Device) error {
		if !gone(*d, st) && still(*d) {
			d.Stream = nil
			d.Revision++
		}
		return nil
	}})
	if err != nil {
		return d, service.Absent(err, models.DeviceNotFound)
	}
	s.changed(changed)
	return changed, nil
}
