package entity

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// Device is a device as it stands.
type Device struct{ d devices.Device }

// DeviceOf wraps a device.
func DeviceOf(d devices.Device) *Device { return &Device{d} }

// ID and what follows are the fields of the type.
func (d *Device) ID() string                  { return d.d.ID }
func (d *Device) Name() string                { return d.d.Name }
func (d *Device) Type() models.DeviceType     { return d.d.Type }
func (d *Device) Status() models.DeviceStatus { return d.d.Status }
func (d *Device) Driver() string              { return d.d.Driver }
func (d *Device) SerialNumber() *string       { return Optional(d.d.SerialNumber) }
func (d *Device) FirmwareVersion() *string    { return Optional(d.d.FirmwareVersion) }
func (d *Device) Metadata() json.RawMessage   { return orObject(d.d.Metadata) }
func (d *Device) Settings() json.RawMessage   { return orObject(d.d.Settings) }
func (d *Device) LastSeen() *time.Time        { return d.d.SeenAt }
func (d *Device) CreatedAt() time.Time        { return d.d.CreatedAt }

func orObject(v json.RawMessage) json.RawMessage {
	if len(v) == 0 {
		return object("{}")
	}
	return v
}

// Channels are all that it has, as far as that is known.
func (d *Device) Channels() []string {
	if len(d.d.Report.Channels) > 0 {
		return nonNil(d.d.Report.Channels)
	}
	return nonNil(d.d.Capabilities.Channels)
}

func rate(hz float64) *float64 {
	if hz == 0 {
		return nil
	}
	return &hz
}

// SampleRate is the one of a stream that asks for none.
func (d *Device) SampleRate() *float64 {
	if d.d.Report.SampleRate > 0 {
		return rate(d.d.Report.SampleRate)
	}
	return rate(d.d.Capabilities.SampleRate)
}

// Config is how it streams where a start does not say otherwise.
func (d *Device) Config() *DeviceConfig {
	out := &DeviceConfig{SampleRate: rate(d.d.Config.SampleRate), Channels: d.d.Config.Channels}
	if f := d.d.Config.Filters; f != nil {
		out.Filters = &Filters{Notch: f.Notch, Highpass: f.Highpass, Lowpass: f.Lowpass}
	}
	return out
}

// Stream is what it streams, nil for nothing.
func (d *Device) Stream() *DeviceStream {
	if d.d.Stream == nil {
		return nil
	}
	return &DeviceStream{d.d}
}

// Fault is why it does not stream although it should.
func (d *Device) Fault() *Fault {
	if f := d.d.Report.Fault; f != nil {
		return &Fault{Code: f.Code, Message: f.Message}
	}
	return nil
}

// Sessions are its newest.
func (d *Device) Sessions(ctx context.Context, last *int) ([]*Session, error) {
	each, err := within("last", last, 10, sessions.MaxEach)
	if err != nil {
		return nil, err
	}
	found, err := loadersOf(ctx).ofDevice.Load(ctx, of[string, int]{d.d.ID, each})
	if err != nil {
		return nil, err
	}
	return sessionsOf(found), nil
}

// DeviceStream is a stream of a device.
type DeviceStream struct{ d devices.Device }

// ID and what follows are the fields of the type.
func (s *DeviceStream) ID() string           { return s.d.Stream.ID }
func (s *DeviceStream) SessionID() string    { return s.d.Stream.SessionID }
func (s *DeviceStream) StartedAt() time.Time { return s.d.Stream.StartedAt }
func (s *DeviceStream) SampleRate() *float64 { return rate(s.d.Stream.Config.SampleRate) }
func (s *DeviceStream) Channels() []string   { return nonNil(s.d.Stream.Config.Channels) }
func (s *DeviceStream) Status() StreamStatus { return *StreamStatusOf(s.d.State) }

// Session is what it streams into.
func (s *DeviceStream) Session(ctx context.Context) (*Session, error) {
	return FindSession(ctx, s.d.Stream.SessionID)
}

// StreamStatusOf is how far a stream is, nil for no stream.
func StreamStatusOf(s models.StreamState) *StreamStatus {
	if s == "" {
		return nil
	}
	status := StreamStatus(strings.ToUpper(string(s)))
	return &status
}

// StatusOf is how a device stands, with the quality of its signal where that is known.
func StatusOf(d devices.Device, quality *float64, at time.Time) *DeviceStatusUpdate {
	out := &DeviceStatusUpdate{DeviceID: d.ID, Status: d.Status, Timestamp: at, Device: DeviceOf(d), Metadata: &DeviceStatusMetadata{SignalQuality: quality, StreamStatus: StreamStatusOf(d.State)}}
	if d.Stream != nil {
		out.Metadata.SessionID = &d.Stream.SessionID
	}
	if r, there := d.Report.Readings["battery"]; there && len(r.Values) > 0 && r.Unit == "%" {
		out.Metadata.BatteryLevel = &r.Values[0]
	}
	return out
}
