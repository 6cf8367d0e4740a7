package devices

import (
	"context"
	"encoding/json"
	"time"

	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// How long a check looks, s, and how much longer its caller waits.
const (
	DefaultCheck = 12.0
	MinCheck     = 4.0
	MaxCheck     = 30.0
	commandWait  = 20 * time.Second
	// contactTime is how long a device takes for the impedance of an electrode, one after the other.
	contactTime = 2 * time.Second
)

// Check measures whether a device is fit to record: contact, line noise, saturation, dead and bridged channels, rate and clock, for so many seconds
// (0 for DefaultCheck), also while it streams. It returns the report of package devices/check as JSON. Errors: DeviceNotFound, DeviceBusy where another
// check runs, InvalidConfiguration, StreamNotStarted where the device does not answer.
func (s *Service) Check(ctx context.Context, p models.Principal, id string, seconds float64) (json.RawMessage, error) {
	if _, err := s.get(ctx, p, models.RightDevicesUse, id); err != nil {
		return nil, err
	}
	if seconds == 0 {
		seconds = DefaultCheck
	}
	if !(seconds >= MinCheck && seconds <= MaxCheck) {
		return nil, models.InvalidSetting(models.At("seconds"), "out_of_range", "is %g; must be a number of seconds from %g to %g", seconds, MinCheck, MaxCheck)
	}
	d, err := s.command(ctx, p, id, models.DeviceCommand{Kind: models.CommandCheck, Seconds: seconds})
	if err != nil {
		return nil, err
	}
	return d.Report.Result, nil
}

// Impedance is the impedance of a device's electrodes.
type Impedance struct {
	DeviceID string
	// Measured tells whether anything was: a device that measures none has null everywhere, and a reason.
	Measured bool
	Reason   string
	Channels []ChannelImpedance
	At       *time.Time
}

// ChannelImpedance is the impedance of an electrode.
type ChannelImpedance struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	// KOhm is null where it was not measured.
	KOhm *float64 `json:"impedance_kohm"`
}

// Impedance measures the impedance of a device's electrodes, where the device can; nothing is guessed where it cannot. Errors: as Check.
func (s *Service) Impedance(ctx context.Context, p models.Principal, id string) (Impedance, error) {
	d, err := s.get(ctx, p, models.RightDevicesUse, id)
	if err != nil {
		return Impedance{}, err
	}
	out := Impedance{DeviceID: id}
	if !d.Capabilities.Impedance {
		out.Reason = "This device does not measure the impedance of its electrodes."
		for i, name := range d.Capabilities.Channels {
			out.Channels = append(out.Channels, ChannelImpedance{Number: i + 1, Name: name})
		}
		return out, nil
	}
	if d, err = s.command(ctx, p, id, models.DeviceCommand{Kind: models.CommandImpedance}); err != nil {
		return Impedance{}, err
	}
	if err := json.Unmarshal(d.Report.Result, &out.Channels); err != nil {
		return Impedance{}, err
	}
	out.At = d.SeenAt
	for _, c := range out.Channels {
		out.Measured = out.Measured || c.KOhm != nil
	}
	return out, nil
}

// command asks whoever runs a device for something and waits for it.
func (s *Service) command(ctx context.Context, p models.Principal, id string, c models.DeviceCommand) (models.Device, error) {
	was, err := s.get(ctx, p, models.RightDevicesUse, id)
	if err != nil {
		return was, err
	}
	if was.Stream == nil {
		if err := s.startable(was); err != nil {
			return was, err
		}
	}
	wait := time.Duration(c.Seconds*float64(time.Second)) + commandWait
	if was.Capabilities.Impedance && was.Stream == nil {
		wait += time.Duration(len(was.Capabilities.Channels)) * contactTime
	}
	c.ID, c.Until = models.NewID(), s.cfg.Now().Add(wait).UTC()
	d, err := s.cfg.Store.ChangeDevice(ctx, store.DeviceChange{ProjectID: p.ProjectID, ID: id, Change: func(d *models.Device) error {
		if d.Command != nil && s.cfg.Now().Before(d.Command.Until) {
			e := busy(*d, "It is being checked.")
			e.RetryAfter = time.Second
			return e
		}
		d.Command = &c
		d.Revision++
		return nil
	}})
	if err != nil {
		return d, s.absent(ctx, p, id, err)
	}
	s.changed(d)
	d, err = s.until(ctx, d, wait, func(d models.Device) bool { return d.Report.Done == c.ID })
	switch {
	case err != nil:
		return d, err
	case d.Report.Done != c.ID:
		return d, unstarted(d, "It did not answer in time.")
	case d.Report.Failed != nil:
		e := unstarted(d, validate.Short(d.Report.Failed.Message))
		e.Details["device_code"], e.Details["device_message"] = d.Report.Failed.Code, d.Report.Failed.Message
		return d, e
	}
	return d, nil
}
