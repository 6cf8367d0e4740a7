package test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
)

// deviceCommands is a stream of DeviceControl.
type deviceCommands struct{ *rpcStream }

// do sends a command and returns its response, which must be that command's.
func (d deviceCommands) do(m *neurascalev1.DeviceCommand) *neurascalev1.DeviceResponse {
	d.t.Helper()
	d.send(m)
	return d.answer(m)
}

func (d deviceCommands) answer(m *neurascalev1.DeviceCommand) *neurascalev1.DeviceResponse {
	d.t.Helper()
	r, err := receive[neurascalev1.DeviceResponse](d.rpcStream)
	if err != nil {
		d.t.Fatal(err)
	}
	if r.DeviceId != m.DeviceId || r.Action != m.Action || r.CommandId != m.CommandId || r.Message == "" || r.Timestamp == 0 || (r.Status == "success") != (r.Error == nil) {
		d.t.Fatalf("%v, of %v", r, m)
	}
	return r
}

// must is do for a command that succeeds.
func (d deviceCommands) must(m *neurascalev1.DeviceCommand) *neurascalev1.DeviceResponse {
	d.t.Helper()
	r := d.do(m)
	if r.Status != "success" {
		d.t.Fatalf("%v", r)
	}
	return r
}

// refused is do for a command that fails by a code, and returns the details.
func (d deviceCommands) refused(m *neurascalev1.DeviceCommand, code string) map[string]any {
	d.t.Helper()
	r := d.do(m)
	if r.Status != "error" || r.Error.GetCode() != code || r.Error.Message != r.Message || r.Error.RequestId == "" || r.Error.Timestamp == "" || r.Data != nil || r.StreamId != "" {
		d.t.Errorf("%v, want %s", r, code)
	}
	return r.Error.GetDetails().AsMap()
}

// namesField reports whether the details of an error have a wrong field.
func namesField(details map[string]any, pointer string) bool {
	fields, _ := details["fields"].([]any)
	return slices.ContainsFunc(fields, func(f any) bool { return f.(map[string]any)["pointer"] == pointer })
}

// packets reads the samples of a stream until it ends or has n packets.
func (b board) packets(t testing.TB, out *rpcStream, device, session string, n int) (ended bool) {
	t.Helper()
	for range n {
		m, err := receive[neurascalev1.NeuralDataPacket](out)
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.DeviceId != device || m.SessionId != session || m.Dropped != 0 || m.Timestamp == 0 {
			t.Fatalf("%v", m)
		}
		if run := m.Batch; run != nil {
			b.rows(t, run.Data, m.Sample, run.Step, int(run.SampleCount), len(run.ChannelNumbers))
			continue
		}
		if _, twice := b[m.Sample]; twice {
			t.Fatalf("sample %d comes twice", m.Sample)
		}
		row := make([]float32, len(m.Channels))
		for i, c := range m.Channels {
			if row[i] = c.Value; c.ChannelNumber != int32(i+1) {
				t.Fatalf("%v", m)
			}
		}
		b[m.Sample] = row
	}
	return false
}

// TestGRPCDeviceControl starts, configures and stops a device by commands; what cannot be done is answered with the document's codes and the
// stream of commands goes on; and what the device's stream sends is what its session stores.
func TestGRPCDeviceControl(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		const id = "board_rpc"
		s.json(t, 201, "POST", "/v2/devices", s.token, object{"id": id, "driver": "synthetic", "settings": object{"pattern": "sine"}})
		ctx, cancel := context.WithTimeout(as(t.Context(), s.key), patience)
		defer cancel()
		conn := s.grpcConn(t)
		open := func() deviceCommands { return deviceCommands{openStream(t, conn, ctx, neuralCalls+"DeviceControl")} }
		follow := func(r *neurascalev1.StreamRequest) *rpcStream {
			out := openStream(t, conn, ctx, neuralCalls+"StreamNeuralData")
			out.send(r)
			_ = out.CloseSend()
			if _, err := out.Header(); err != nil {
				t.Fatal(err)
			}
			return out
		}
		command := func(action string) *neurascalev1.DeviceCommand {
			return &neurascalev1.DeviceCommand{DeviceId: id, Action: action, CommandId: "c-" + action}
		}
		configured := func(action string, c *neurascalev1.StreamConfig) *neurascalev1.DeviceCommand {
			m := command(action)
			m.Config = c
			return m
		}
		d := open()

		if r := d.must(command("get_status")); r.StreamId != "" || r.SessionId != "" || r.Data.AsMap()["id"] != id || r.Data.AsMap()["status"] != "ONLINE" || r.Data.AsMap()["stream"] != nil {
			t.Errorf("%v", r)
		}
		d.refused(command("stop_stream"), "STREAM_UNAVAILABLE")
		if details := d.refused(&neurascalev1.DeviceCommand{DeviceId: id, Action: "explode"}, "INVALID_REQUEST_BODY"); !namesField(details, "/action") {
			t.Errorf("details %v", details)
		}
		if details := d.refused(&neurascalev1.DeviceCommand{Action: "get_status"}, "INVALID_REQUEST_BODY"); !namesField(details, "/device_id") {
			t.Errorf("details %v", details)
		}
		if there := d.refused(&neurascalev1.DeviceCommand{DeviceId: "board_404", Action: "start_stream"}, "DEVICE_NOT_FOUND"); fmt.Sprint(there["available_devices"]) != "["+id+"]" {
			t.Errorf("details %v", there)
		}
		// What a device cannot do is refused field by field, whether it is to be kept or only for one stream.
		for field, c := range map[string]*neurascalev1.StreamConfig{
			"/sample_rate":      {SampleRate: proto.Float64(1e6)},
			"/channels/1":       {Channels: []int32{1, 900}},
			"/channels/0":       {Channels: []int32{0}},
			"/filters/notch":    {SampleRate: proto.Float64(250), Filters: &neurascalev1.Filters{Notch: proto.Float64(125)}},
			"/filters/bandpass": {Filters: &neurascalev1.Filters{Bandpass: []float64{1}}},
		} {
			for _, action := range []string{"update_config", "start_stream"} {
				if details := d.refused(configured(action, c), "INVALID_CONFIGURATION"); !namesField(details, field) {
					t.Errorf("%s %v: %v names no %s", action, c, details, field)
				}
			}
		}
		if details := d.refused(configured("update_config", &neurascalev1.StreamConfig{Channels: []int32{900}}), "INVALID_CONFIGURATION"); details["supported"] == nil {
			t.Errorf("%v does not say what the device can", details)
		}
		if r := d.must(configured("update_config", &neurascalev1.StreamConfig{SampleRate: proto.Float64(250), Channels: []int32{1, 2, 3}})); fmt.Sprint(r.Data.AsMap()["config"].(map[string]any)["sample_rate"]) != "250" {
			t.Errorf("%v", r)
		}

		// Two starts at once: one stream, and one that is told of it.
		begin, other := configured("start_stream", &neurascalev1.StreamConfig{Channels: []int32{1, 2}, Filters: &neurascalev1.Filters{Notch: proto.Float64(60), Highpass: proto.Float64(0.5)}, ExternalUserId: "person"}), open()
		begin.CommandId = "one"
		rival := proto.CloneOf(begin)
		rival.CommandId = "two"
		d.send(begin)
		other.send(rival)
		started, busy := d.answer(begin), other.answer(rival)
		if started.Status != "success" {
			started, busy, begin, rival = busy, started, rival, begin
		}
		stream, session := started.StreamId, started.SessionId
		if started.Status != "success" || stream == "" || session == "" || busy.Error.GetCode() != "DEVICE_BUSY" {
			t.Fatalf("%v and %v", started, busy)
		}
		if details := d.refused(rival, "DEVICE_BUSY"); details["stream_id"] != stream {
			t.Errorf("details %v", details)
		}
		if r := d.must(begin); r.StreamId != stream || r.SessionId != session {
			t.Errorf("the same command again: %v", r)
		}
		twisted := proto.CloneOf(begin)
		twisted.Config.Channels = []int32{1}
		d.refused(twisted, "IDEMPOTENCY_KEY_REUSED")
		if ses := s.json(t, 200, "GET", "/v1/sessions/"+session, s.key, nil); ses["external_user_id"] != "person" || ses["ended_at"] != nil || len(ses["channels"].([]any)) != 2 {
			t.Errorf("%v", ses)
		}

		// As it is stored, sample by sample and in batches; and by the name of the device, as it comes, with the filters of its stream.
		all := int64(-1)
		single := follow(&neurascalev1.StreamRequest{SessionId: session, DeviceIds: []string{id}, AfterSequence: &all, Every: true, Filters: &neurascalev1.Filters{}})
		batches := follow(&neurascalev1.StreamRequest{SessionId: session, AfterSequence: &all, Every: true, Batches: true, Filters: &neurascalev1.Filters{}})
		shown := follow(&neurascalev1.StreamRequest{DeviceIds: []string{id}, Every: true})
		seen, packed, filtered := board{}, board{}, board{}
		if seen.packets(t, single, id, session, 250) || filtered.packets(t, shown, id, session, 250) {
			t.Fatal("the stream has ended by itself")
		}
		d.refused(configured("update_config", &neurascalev1.StreamConfig{SampleRate: proto.Float64(500)}), "DEVICE_BUSY")
		if r := d.must(configured("update_config", &neurascalev1.StreamConfig{Filters: &neurascalev1.Filters{Bandpass: []float64{1, 40}}})); r.StreamId != stream || r.SessionId != session {
			t.Errorf("%v", r)
		}
		if r := d.must(command("get_status")); r.StreamId != stream || r.SessionId != session || r.Data.AsMap()["stream"].(map[string]any)["session_id"] != session {
			t.Errorf("%v", r)
		}
		if r := d.must(command("stop_stream")); r.StreamId != stream || r.SessionId != session {
			t.Errorf("%v", r)
		}
		const enough = 1 << 20
		if !seen.packets(t, single, id, session, enough) || !packed.packets(t, batches, id, session, enough) || !filtered.packets(t, shown, id, session, enough) {
			t.Fatal("the streams go on")
		}
		want := s.stored(t, session)
		seen.same(t, "sample by sample", want)
		packed.same(t, "in batches", want)
		changed := 0
		for at, row := range filtered {
			if want[at] == nil {
				t.Fatalf("sample %d is not stored", at)
			}
			if row[0] != want[at][0] {
				changed++
			}
		}
		if len(want) < 250 || changed < len(filtered)/2 {
			t.Errorf("%d samples, %d of %d filtered", len(want), changed, len(filtered))
		}
		d.refused(command("stop_stream"), "STREAM_UNAVAILABLE")
		if r := d.must(command("get_status")); r.StreamId != "" || r.SessionId != "" {
			t.Errorf("%v", r)
		}
		for _, c := range []deviceCommands{d, other} {
			_ = c.CloseSend()
			if r, err := receive[neurascalev1.DeviceResponse](c.rpcStream); !errors.Is(err, io.EOF) {
				t.Errorf("the end: %v %v", r, err)
			}
		}
	})
}
