package devices

import (
	"context"
	"errors"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// The methods of this file are for those that run devices inside the service. They act for no caller: what they may do follows from the lease they hold.

// ErrHeld says that somebody else holds the device: who is told it has lost the device and stops.
var ErrHeld = store.ErrHeld

// Hold is the lease that a holder has of a device.
type Hold struct {
	ProjectID, DeviceID string
	Holder              string
	Fence               int64
}

// HoldOf returns the lease that a device tells of.
func HoldOf(d models.Device) Hold { return Hold{d.ProjectID, d.ID, d.Holder, d.Fence} }

// Recorder is the principal by which the samples of a device are written.
func (h Hold) Recorder() models.Principal {
	return models.Principal{ProjectID: h.ProjectID, DeviceID: h.DeviceID}
}

// Free returns the devices of some drivers, of any project, of which something is wanted and which nobody holds.
func (s *Service) Free(ctx context.Context, drivers []string) ([]models.Device, error) {
	return s.cfg.Store.FreeDevices(ctx, drivers, s.cfg.Now())
}

// FreeSignal wakes holders when a device may be free: it gets a value, and a function ends it. A signal may be lost.
func (s *Service) FreeSignal() (<-chan struct{}, func()) { return s.cfg.Signals.Subscribe(freeTopic) }

// Claim takes the lease of a device that nobody holds, and of which something is still wanted. Error: ErrHeld.
func (s *Service) Claim(ctx context.Context, d models.Device, holder string) (models.Device, error) {
	now := s.cfg.Now()
	end := now.Add(models.DeviceLease)
	return s.cfg.Store.ChangeDevice(ctx, store.DeviceChange{ProjectID: d.ProjectID, ID: d.ID, Change: func(d *models.Device) error {
		if d.Held(now) || d.Stream == nil && d.Command == nil {
			return ErrHeld
		}
		d.Holder, d.LeaseEnd = holder, &end
		d.Fence++
		return nil
	}})
}

// Renew gives everything that a holder holds another lease, and returns it as it stands: who misses a device there, or finds it with another fence, has
// lost it.
func (s *Service) Renew(ctx context.Context, holder string) ([]models.Device, error) {
	return s.cfg.Store.RenewDevices(ctx, holder, s.cfg.Now().Add(models.DeviceLease))
}

// Held returns what a holder holds, as it stands.
func (s *Service) Held(ctx context.Context, holder string) ([]models.Device, error) {
	return s.cfg.Store.HeldDevices(ctx, holder)
}

// Report writes what a holder observed. It does not wake who follows the device unless the state has changed. Error: ErrHeld.
func (s *Service) Report(ctx context.Context, h Hold, observe func(*models.DeviceReport)) (models.Device, error) {
	tell := false
	d, err := s.held(ctx, h, func(d *models.Device) error {
		was := d.Report
		observe(&d.Report)
		now := s.cfg.Now()
		d.SeenAt = &now
		tell = was.State != d.Report.State || was.StreamID != d.Report.StreamID || was.Done != d.Report.Done || (was.Fault == nil) != (d.Report.Fault == nil)
		if c := d.Command; c != nil && d.Report.Done == c.ID {
			d.Command = nil
		}
		return nil
	})
	if err == nil && tell {
		s.changed(d)
	}
	return d, err
}

// held changes a device that a holder holds.
func (s *Service) held(ctx context.Context, h Hold, change func(*models.Device) error) (models.Device, error) {
	return s.cfg.Store.ChangeDevice(ctx, store.DeviceChange{ProjectID: h.ProjectID, ID: h.DeviceID, Change: func(d *models.Device) error {
		if d.Holder != h.Holder || d.Fence != h.Fence {
			return ErrHeld
		}
		return change(d)
	}})
}

// Finish ends the stream that a holder has brought to its end, with its session, and lets go of the device. fault is why it ended, nil where it was
// stopped or its source has ended. Error: ErrHeld.
func (s *Service) Finish(ctx context.Context, h Hold, st models.DeviceStream, fault *models.DeviceFault) error {
	err := s.cfg.EndSession(ctx, h.Recorder(), st.SessionID)
	if err != nil && models.CodeOf(err) != models.SessionNotFound {
		return err
	}
	return s.letGo(ctx, h, func(d *models.Device) {
		if !gone(*d, st) {
			d.Stream = nil
			d.Revision++
		}
		d.Report.StreamID, d.Report.State, d.Report.Fault = st.ID, "", fault
	})
}

// Release lets go of a device whose stream, if it has one, is to go on elsewhere. Error: ErrHeld.
func (s *Service) Release(ctx context.Context, h Hold) error {
	return s.letGo(ctx, h, func(*models.Device) {})
}

func (s *Service) letGo(ctx context.Context, h Hold, change func(*models.Device)) error {
	d, err := s.held(ctx, h, func(d *models.Device) error {
		change(d)
		now := s.cfg.Now()
		d.Holder, d.LeaseEnd, d.SeenAt = "", nil, &now
		return nil
	})
	if err == nil {
		s.changed(d)
	}
	return err
}

// Lost reports whether an error says that a holder has lost its device: to another, or with the row.
func Lost(err error) bool { return errors.Is(err, ErrHeld) || errors.Is(err, store.ErrNotFound) }
