package app

import (
	"cmp"
	"context"

	"github.com/neurod/neurod/devices/holder"
	"github.com/neurod/neurod/devices/lsl"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// wireDevices makes the use cases of devices and what runs those of this machine.
func (a *App) wireDevices(recorded *sessions.Service) *devices.Service {
	s := a.settings
	cfg := holder.DriversConfig{Folder: s.DeviceFolder, Stored: storedSessions{recorded}.open, Network: lsl.Network{Peers: s.DeviceLSLPeers, BasePort: s.DeviceLSLPort}}
	for _, d := range s.DeviceDrivers {
		cfg.Drivers = append(cfg.Drivers, holder.ParseRule(d))
	}
	for _, p := range s.DevicePorts {
		cfg.Ports = append(cfg.Ports, holder.ParseRule(p))
	}
	drivers := holder.NewDrivers(cfg)
	registered := devices.New(devices.Config{Store: a.store, Signals: a.engine, Drivers: drivers, Quotas: a.quotas, Now: a.store.Now,
		NewSession: func(ctx context.Context, p models.Principal, n devices.SessionSpec) (models.Session, error) {
			live, _ := n.Decode.(*sessions.NewLiveDecode)
			return recorded.Check(ctx, p, sessions.NewSession{ExternalUserID: n.ExternalUserID, DeviceType: n.DeviceType, SampleRateHz: n.SampleRateHz, Channels: n.Channels,
				IngestionMode: string(models.ModeStreaming), HopS: n.HopS, Features: n.Features, Decode: live, About: sessions.About{Name: &n.Name, Tags: &n.Tags, DeviceID: &n.DeviceID}})
		},
		EndSession: func(ctx context.Context, p models.Principal, id string) error {
			_, err := recorded.End(ctx, p, id, nil, service.Idempotency{}, func(models.Session) models.Answer { return models.Answer{} })
			return err
		}})
	a.holder = holder.New(holder.Config{Leases: registered, Sessions: deviceSessions{recorded}, Drivers: drivers, Memory: int64(s.DeviceMemoryMB) << 20, Log: a.log})
	a.metrics.MustRegister(a.holder.Collector())
	return registered
}

// deviceSessions takes what devices give, by the use cases of sessions.
type deviceSessions struct{ recorded *sessions.Service }

// Session implements holder.Sessions.
func (s deviceSessions) Session(ctx context.Context, p models.Principal, id string) (models.Session, error) {
	return s.recorded.Get(ctx, p, id)
}

// Ingest implements holder.Sessions.
func (s deviceSessions) Ingest(ctx context.Context, p models.Principal, id string, b sessions.Batch) error {
	_, err := s.recorded.Ingest(ctx, p, id, b, service.Idempotency{}, func(sessions.Ingested) models.Answer { return models.Answer{} })
	return err
}

// ReportClock implements holder.Sessions.
func (s deviceSessions) ReportClock(ctx context.Context, p models.Principal, id string, c models.SourceClock) error {
	return s.recorded.ReportClock(ctx, p, id, c)
}

// AddEvents implements holder.Sessions.
func (s deviceSessions) AddEvents(ctx context.Context, p models.Principal, id, key string, events []sessions.NewEvent) error {
	_, err := s.recorded.AddEvents(ctx, p, id, events, service.Idempotency{Key: key, Fingerprint: key, Protocol: "device"},
		func(models.Session, []models.SessionMark) models.Answer {
			return models.Answer{Protocol: "device", Bytes: []byte("{}")}
		}) // an answer is never empty
	return err
}

// recorder is what a device records, as far as it is known before it streams.
func (a *App) recorder(ctx context.Context, projectID, id string) (sessions.Recorder, error) {
	d, err := a.store.Device(ctx, projectID, id)
	if err != nil {
		return sessions.Recorder{}, service.Absent(err, models.DeviceNotFound)
	}
	out := sessions.Recorder{DeviceType: d.Driver, RateHz: cmp.Or(d.Config.SampleRate, d.Capabilities.SampleRate), Channels: d.Config.Channels}
	if len(out.Channels) == 0 {
		out.Channels = d.Capabilities.Channels
	}
	return out, nil
}
