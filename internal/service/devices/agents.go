package devices

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// The methods of this file are for agents: programs on other machines that run devices there. An agent and the service exchange states, not messages: in
// each exchange the agent says which devices it has and how they stand, which renews its leases, and is told what is wanted of them. Whatever is lost on
// the way comes with the next exchange, so that there is nothing to resume or to acknowledge.

// Limits of an exchange.
const (
	MaxAgentDevices = 32
	MaxSyncWait     = 5 * time.Second
	maxResult       = 32 << 10 // bytes of what a command gave
	maxReported     = 4 << 10  // bytes of a clock, names of readings and causes together
	maxFault        = 500      // bytes of why a device failed
)

// Announced is a device that an agent runs, as it stands.
type Announced struct {
	ID              string
	Name            string // of a device that is new; the project may call it otherwise later
	Type            models.DeviceType
	SerialNumber    string
	FirmwareVersion string
	Metadata        json.RawMessage
	Capabilities    models.DeviceCapabilities
	// Revision is the last that the agent has seen of what is wanted, 0 for none.
	Revision int64
	// Report is what it observed.
	Report models.DeviceReport
	// Ended is the stream of which everything that was read is in its session, "" for none: the session ends, and the device is free. Fault, then, is why it
	// ended by itself, nil where it was stopped or its source came to its end.
	Ended string
	Fault *models.DeviceFault
}

// Exchange is what an agent says.
type Exchange struct {
	Agent    string // its name, unique in the project
	Instance string // of the agent: another one with the same name does not hold what this one does
	Devices  []Announced
	// Wait is how long the answer may wait for something new to be wanted. At most MaxSyncWait.
	Wait time.Duration
}

// Wanted is what is wanted of a device of an agent.
type Wanted struct {
	ID string
	// Held tells that the agent holds the device. Error is why it does not: DeviceBusy while another one does, DeviceIDTaken where the project has another
	// device of this id, InvalidRequestBody, ProjectQuotaFull.
	Held     bool
	Error    error
	Stream   *models.DeviceStream  // nil for none
	Command  *models.DeviceCommand // nil for none
	Revision int64
}

// Sync is one exchange with an agent. It registers devices that are new. Errors: InvalidRequestBody about the exchange as a whole.
func (s *Service) Sync(ctx context.Context, p models.Principal, x Exchange) ([]Wanted, error) {
	if err := service.Authorize(p, models.RightDevicesRun); err != nil {
		return nil, err
	}
	var wrong validate.Fields
	if !deviceID.MatchString(x.Agent) {
		wrong.Add(models.At("agent"), "invalid", "must have 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or a digit")
	}
	if !deviceID.MatchString(x.Instance) {
		wrong.Add(models.At("instance"), "invalid", "must have 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or a digit")
	}
	if n := len(x.Devices); n == 0 || n > MaxAgentDevices {
		wrong.Add(models.At("devices"), "length", "has %d devices; must be 1 to %d", n, MaxAgentDevices)
	}
	seen := map[string]bool{}
	for i, d := range x.Devices {
		if seen[d.ID] {
			wrong.Add(models.At("devices").Index(i).Name("id"), "duplicate", "is there twice")
		}
		seen[d.ID] = true
	}
	if len(wrong) > 0 {
		return nil, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	changed, end := s.cfg.Signals.Subscribe(agentTopic(p.ProjectID, x.Agent))
	defer end()
	out := make([]Wanted, len(x.Devices))
	news := false
	for i, d := range x.Devices {
		w, err := s.exchange(ctx, p, x, d)
		if e := models.AsError(err); err != nil && e.Class().Ours() {
			return nil, err
		}
		w.ID, w.Error = d.ID, err
		out[i] = w
		news = news || w.Revision != d.Revision
	}
	if news || x.Wait <= 0 {
		return out, nil
	}
	return s.news(ctx, p, x, out, changed)
}

// news waits until something else is wanted of a device of an agent.
func (s *Service) news(ctx context.Context, p models.Principal, x Exchange, out []Wanted, changed <-chan struct{}) ([]Wanted, error) {
	over := time.NewTimer(min(x.Wait, MaxSyncWait))
	defer over.Stop()
	for {
		select {
		case <-changed:
		case <-s.cfg.Signals.Drained():
			return out, nil
		case <-over.C:
			return out, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		news := false
		for i, w := range out {
			if w.Error != nil {
				continue
			}
			d, err := s.cfg.Store.Device(ctx, p.ProjectID, w.ID)
			if errors.Is(err, store.ErrNotFound) {
				return out, nil // it was deleted: the next exchange registers it again
			}
			if err != nil {
				return nil, service.Unavailable(err)
			}
			news = news || d.Revision != w.Revision
			out[i] = wantedOf(d, x.Instance)
		}
		if news {
			return out, nil
		}
	}
}

// wantedOf returns what is wanted of a device that an agent holds.
func wantedOf(d models.Device, instance string) Wanted {
	w := Wanted{ID: d.ID, Held: d.Holder == instance, Revision: d.Revision}
	if w.Held {
		w.Stream, w.Command = d.Stream, d.Command
	}
	return w
}

// exchange is Sync of one device.
//
//nolint:gocyclo // one condition for each thing that an agent says of a device
func (s *Service) exchange(ctx context.Context, p models.Principal, x Exchange, a Announced) (Wanted, error) {
	if err := a.bounded(); err != nil {
		return Wanted{}, err
	}
	d, err := s.announced(ctx, p, x, a)
	if err != nil {
		return Wanted{}, err
	}
	if st := d.Stream; a.Ended != "" && st != nil && st.ID == a.Ended {
		// The session ends before the device is free; an exchange that is lost in between is repeated.
		if err := s.cfg.EndSession(ctx, models.Principal{ProjectID: d.ProjectID, DeviceID: d.ID}, st.SessionID); err != nil && models.CodeOf(err) != models.SessionNotFound {
			return Wanted{}, err
		}
	}
	now := s.cfg.Now()
	end := now.Add(models.DeviceLease)
	tell := false
	d, err = s.cfg.Store.ChangeDevice(ctx, store.DeviceChange{ProjectID: p.ProjectID, ID: a.ID, Change: func(d *models.Device) error {
		if d.Driver != models.DriverRemote {
			return taken(*d)
		}
		if d.Holder != x.Instance {
			if d.Held(now) {
				return busy(*d, "Another agent runs it.")
			}
			d.Holder = x.Instance
			d.Fence++
			tell = true
		}
		tell = tell || !d.Held(now) || d.Agent != x.Agent
		d.Agent, d.LeaseEnd, d.SeenAt = x.Agent, &end, &now
		d.Capabilities, d.FirmwareVersion, d.SerialNumber = a.Capabilities, a.FirmwareVersion, a.SerialNumber
		was := d.Report
		d.Report = a.Report
		if d.Report.StreamID == "" && was.StreamID != "" { // the last one's end is kept
			d.Report.StreamID, d.Report.Samples, d.Report.Missing, d.Report.Fault = was.StreamID, was.Samples, was.Missing, was.Fault
		}
		if d.Report.Done == "" {
			d.Report.Done, d.Report.Result, d.Report.Failed = was.Done, was.Result, was.Failed
		}
		if a.Ended != "" && d.Stream != nil && d.Stream.ID == a.Ended {
			d.Stream = nil
			d.Revision++
			d.Report.StreamID, d.Report.State, d.Report.Fault = a.Ended, "", a.Fault
		}
		if c := d.Command; c != nil && (d.Report.Done == c.ID || !now.Before(c.Until)) {
			d.Command = nil
		}
		tell = tell || was.State != d.Report.State || was.StreamID != d.Report.StreamID || was.Done != d.Report.Done || (was.Fault == nil) != (d.Report.Fault == nil)
		return nil
	}})
	if err != nil {
		return Wanted{}, s.absent(ctx, p, a.ID, err)
	}
	if tell {
		s.cfg.Signals.Notify(Topic(d.ProjectID)) // the agent itself needs no waking
	}
	return wantedOf(d, x.Instance), nil
}

// announced returns the row of a device that an agent has, which is made where there is none.
func (s *Service) announced(ctx context.Context, p models.Principal, x Exchange, a Announced) (models.Device, error) {
	d, err := s.cfg.Store.Device(ctx, p.ProjectID, a.ID)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return d, s.absent(ctx, p, a.ID, err)
	}
	if a.ID == "" {
		return d, models.InvalidField(models.At("id"), "required", "is required")
	}
	if d, err = s.check(p, NewDevice{ID: a.ID, Name: a.Name, Type: a.Type, Driver: models.DriverRemote, SerialNumber: a.SerialNumber, FirmwareVersion: a.FirmwareVersion, Metadata: a.Metadata}); err != nil {
		return d, err
	}
	d.Agent, d.Capabilities = x.Agent, a.Capabilities
	done, err := s.cfg.Quotas.Take(ctx, p.ProjectID, service.Wants{models.QuotaDevices: 1}, nil)
	if err != nil {
		return d, err
	}
	defer done()
	if err := s.create(ctx, p, &d); models.CodeOf(err) != models.DeviceIDTaken {
		return d, err
	}
	d, err = s.cfg.Store.Device(ctx, p.ProjectID, a.ID) // another exchange was faster
	return d, s.absent(ctx, p, a.ID, err)
}

// taken is the error of an agent's device whose id another device has.
func taken(d models.Device) error {
	e := models.Errorf(models.DeviceIDTaken, "The project has a device '%s' that this server runs.", d.ID)
	e.Details = map[string]any{"resource_type": "device", "resource_id": d.ID}
	return e
}

// bounded holds what an agent says of a device to what a row may hold.
func (a *Announced) bounded() error {
	var wrong validate.Fields
	if len(a.Capabilities.Channels) == 0 {
		wrong.Add(models.At("capabilities", "channels"), "required", "is required: the names of its channels in order")
	}
	if len(a.Capabilities.SampleRates) == 0 && !(a.Capabilities.MaxSampleRate > 0) {
		wrong.Add(models.At("capabilities", "sample_rates"), "required", "is required: the rates that it has")
	}
	if n := len(a.Capabilities.Channels); n > 512 {
		wrong.Add(models.At("capabilities", "channels"), "too_many", "has %d channels; at most 512 are allowed", n)
	}
	for i, c := range a.Capabilities.Channels {
		if fault := validate.NameFault(c, 64); fault != "" {
			wrong.Add(models.At("capabilities", "channels").Index(i), fault, "must have 1 to 64 characters and no control characters")
		}
	}
	switch a.Report.State {
	case "", models.StreamStarting, models.StreamStreaming, models.StreamAway, models.StreamStopping:
	default:
		wrong.Add(models.At("report", "state"), "not_allowed", "must be starting, streaming, away or stopping")
	}
	if len(a.Report.Result) > maxResult {
		wrong.Add(models.At("report", "result"), "too_long", "has %d bytes; at most %d are allowed", len(a.Report.Result), maxResult)
	}
	beside := len(a.Report.Clock)
	for name := range a.Report.Missing {
		beside += len(name) + 20
	}
	for name, r := range a.Report.Readings {
		beside += len(name) + len(r.Unit) + 20*len(r.Values)
	}
	if beside > maxReported {
		wrong.Add(models.At("report"), "too_long", "has a clock, causes and readings of about %d bytes; at most %d are allowed", beside, maxReported)
	}
	for _, f := range []*models.DeviceFault{a.Report.Fault, a.Report.Failed, a.Fault} {
		if f != nil {
			f.Code, f.Message = models.Cut(f.Code, 64), models.Cut(f.Message, maxFault)
		}
	}
	if a.Capabilities.SampleRate == 0 && len(a.Capabilities.SampleRates) > 0 {
		a.Capabilities.SampleRate = a.Capabilities.SampleRates[0]
	}
	if len(wrong) > 0 {
		return &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	return nil
}
