package grpcapi

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/models"
)

// The words of device_control and device_response.
const (
	actionStart     = "start_stream"
	actionStop      = "stop_stream"
	actionConfigure = "update_config"
	actionCheck     = "check"
	actionImpedance = "impedance"
	actionStatus    = "get_status"

	statusSuccess = "success"
	statusError   = "error"
)

// DeviceControl implements the service.
func (a *neuralService) DeviceControl(ctx context.Context, stream *connect.BidiStream[neurascalev1.DeviceCommand, neurascalev1.DeviceResponse]) error {
	leave, err := a.cfg.Live.HoldStream(principal(ctx))
	if err != nil {
		return err
	}
	defer leave()
	if err := stream.Send(nil); err != nil { // the headers: the client knows that it is let in
		return err
	}
	return each(ctx, a.API, stream.Receive, func(m *neurascalev1.DeviceCommand) error {
		c := callOf(ctx)
		c.hold(longestCommand) // a check takes its time
		answer := a.command(ctx, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.alive(); err != nil {
			return err
		}
		return stream.Send(answer)
	})
}

// longestCommand is how long a command may take: a check of the greatest length.
const longestCommand = time.Duration(devices.MaxCheck)*time.Second + 30*time.Second

// command carries a command out, and says what became of it.
func (a *neuralService) command(ctx context.Context, m *neurascalev1.DeviceCommand) *neurascalev1.DeviceResponse {
	out := &neurascalev1.DeviceResponse{DeviceId: m.DeviceId, Action: m.Action, CommandId: m.CommandId, Status: statusSuccess}
	if err := a.carryOut(ctx, m, out); err != nil {
		known := models.AsError(err)
		out.Status, out.Message, out.Error = statusError, message(known), neuraError(known, callOf(ctx).requestID, time.Now())
		_, _, details := render.Told(render.Devices, known) // the wrong fields among them: no BadRequest stands beside this error
		out.Error.Details = structOf(details)
		if known.Class() == models.ClassInternal && known.Cause != nil {
			a.cfg.Log.ErrorContext(ctx, "command failed", "request_id", callOf(ctx).requestID, "action", models.Cut(m.Action, 40), "cause", known.Cause.Error())
		}
	}
	out.Timestamp = time.Now().UnixMilli()
	return out
}

func (a *neuralService) carryOut(ctx context.Context, m *neurascalev1.DeviceCommand, out *neurascalev1.DeviceResponse) error {
	who := principal(ctx)
	if m.DeviceId == "" {
		return models.InvalidField(models.At("device_id"), "required", "is required")
	}
	config, err := configOf(m.Config)
	if err != nil {
		return err
	}
	streams := func(st devices.Stream, text string) {
		out.StreamId, out.SessionId, out.Message = st.ID, st.SessionID, text
		out.Data = deviceData(st.Device)
	}
	switch m.Action {
	case actionStart:
		key, err := keyOf(m.CommandId, m)
		if err != nil {
			return err
		}
		st, err := a.cfg.Devices.Start(ctx, who, m.DeviceId, devices.StreamRequest{Config: config, ExternalUserID: m.GetConfig().GetExternalUserId(), Key: key})
		if err != nil {
			return err
		}
		streams(st, "The stream has started.")
	case actionStop:
		st, err := a.cfg.Devices.Stop(ctx, who, m.DeviceId, false)
		if err != nil {
			return err
		}
		if streams(st, "The stream has ended."); !st.Ended {
			out.Message = "The stream is stopping: what was read is being brought to its session."
		}
	case actionConfigure:
		d, err := a.cfg.Devices.Configure(ctx, who, m.DeviceId, config)
		if err != nil {
			return err
		}
		out.Message, out.Data = "The configuration has changed.", deviceData(d)
		streamOf(d, out)
	case actionStatus:
		d, err := a.cfg.Devices.Get(ctx, who, m.DeviceId)
		if err != nil {
			return err
		}
		out.Message, out.Data = "The device is "+string(d.Status)+".", deviceData(d)
		streamOf(d, out)
	case actionCheck:
		report, err := a.cfg.Devices.Check(ctx, who, m.DeviceId, 0)
		if err != nil {
			return err
		}
		out.Message, out.Data = "The device was checked.", structOfJSON(report)
	case actionImpedance:
		measured, err := a.cfg.Devices.Impedance(ctx, who, m.DeviceId)
		if err != nil {
			return err
		}
		if out.Message = "The impedances were measured."; !measured.Measured {
			out.Message = measured.Reason
		}
		out.Data = structOf(map[string]any{"measured": measured.Measured, "channels": measured.Channels})
	default:
		return models.InvalidField(models.At("action"), "not_allowed", "must be one of start_stream, stop_stream, update_config, check, impedance and get_status")
	}
	return nil
}

func streamOf(d devices.Device, out *neurascalev1.DeviceResponse) {
	if d.Stream != nil {
		out.StreamId, out.SessionId = d.Stream.ID, d.Stream.SessionID
	}
}

// configOf reads how a device is to stream.
func configOf(c *neurascalev1.StreamConfig) (devices.ConfigChange, error) {
	var out devices.ConfigChange
	if c == nil {
		return out, nil
	}
	out.SampleRate = c.SampleRate
	if len(c.Channels) > 0 {
		list := make([]devices.Channel, len(c.Channels))
		for i, n := range c.Channels {
			if list[i].Number = int(n); n < 1 { // 0 would stand for a name
				return out, models.InvalidSetting(models.At("channels").Index(i), "not_supported", "is %d; channels are numbered from 1", n)
			}
		}
		out.Channels = &list
	}
	if f := c.Filters; f != nil {
		out.Filters = &devices.FilterChange{Notch: f.Notch, Highpass: f.Highpass, Lowpass: f.Lowpass}
		switch len(f.Bandpass) {
		case 0:
		case 2:
			out.Filters.Bandpass = &[2]float64{f.Bandpass[0], f.Bandpass[1]}
		default:
			return out, models.InvalidSetting(models.At("filters", "bandpass"), "length", "has %d numbers; must have two, the edges in Hz", len(f.Bandpass))
		}
	}
	return out, nil
}

// deviceData is what callers see of a device: the fields of REST that say how it stands.
func deviceData(d devices.Device) *structpb.Struct {
	out := map[string]any{"id": d.ID, "name": d.Name, "type": d.Type, "status": d.Status, "driver": d.Driver, "agent": d.Agent, "serial_number": d.SerialNumber,
		"firmware_version": d.FirmwareVersion, "capabilities": d.Capabilities, "config": d.Config, "stream": nil, "last_seen": nil, "fault": d.Report.Fault}
	if d.SeenAt != nil {
		out["last_seen"] = d.SeenAt.UTC().Format(time.RFC3339Nano)
	}
	if st := d.Stream; st != nil {
		out["stream"] = map[string]any{"stream_id": st.ID, "session_id": st.SessionID, "state": d.State, "config": st.Config, "started_at": st.StartedAt.UTC().Format(time.RFC3339Nano)}
	}
	return structOf(out)
}
