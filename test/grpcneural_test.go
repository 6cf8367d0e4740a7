package test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
)

const neuralCalls = "/neurascale.v1.NeuralService/"

// value is the sample i of channel c of sines at 100 Hz.
func value(i, c int) float32 {
	return float32(50 * math.Sin(2*math.Pi*5*float64(c+1)*float64(i)/100))
}

// TestGRPCNeuralData: what is streamed is what is stored, sample by sample, as packets for each sample and as batches, from the beginning, from a
// place on and as it comes, and events come with it.
func TestGRPCNeuralData(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		ctx, cancel := context.WithTimeout(as(t.Context(), s.key), patience)
		defer cancel()
		conn := s.grpcConn(t)
		session := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "CYTON", "sample_rate_hz": 100, "channels": []string{"C3", "C4", "Cz"}})["session_id"].(string)
		const n, t0 = 75, int64(1_730_000_000_000)
		ingest := func(i, first int) {
			a := s.call(t, "POST", fmt.Sprintf("/v1/sessions/%s/ingest?batch_id=b%d&t0_unix_ms=%d&first_sample=%d", session, i, t0+int64(first*10), first), s.key, sines(first, n, 3, 100), "Content-Type: application/octet-stream")
			if a.StatusCode != 202 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
		}
		stream := func(r *neurascalev1.StreamRequest) *rpcStream {
			r.SessionId = session
			out := openStream(t, conn, ctx, neuralCalls+"StreamNeuralData")
			out.send(r)
			_ = out.CloseSend()
			if _, err := out.Header(); err != nil {
				t.Fatal(err)
			}
			return out
		}
		next := func(out *rpcStream) *neurascalev1.NeuralDataPacket {
			t.Helper()
			m, err := receive[neurascalev1.NeuralDataPacket](out)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		// samples reads packets of single samples and holds them to what was sent.
		samples := func(out *rpcStream, first, count, gap int) {
			t.Helper()
			for i := first; i < first+count; i++ {
				m := next(out)
				if m.Sample != int64(i) || m.Timestamp != t0+int64(i*10) || m.DeviceId != "CYTON" || m.SessionId != session || len(m.Channels) != 3 || (i == first) != (int(m.Gap) == gap && gap > 0) && gap > 0 {
					t.Fatalf("sample %d: %v", i, m)
				}
				for c, d := range m.Channels {
					if d.ChannelNumber != int32(c+1) || d.Value != value(i, c) {
						t.Fatalf("sample %d, channel %d: %v, want %v", i, c, d, value(i, c))
					}
				}
			}
		}
		ingest(0, 0)
		all, none := int64(-1), int64(0)
		live, whole := stream(&neurascalev1.StreamRequest{}), stream(&neurascalev1.StreamRequest{AfterSequence: &all})
		batches := stream(&neurascalev1.StreamRequest{AfterSequence: &all, Batches: true, Channels: []int32{3, 1}})
		ingest(1, n)
		samples(live, n, n, 0)
		samples(whole, 0, 2*n, 0)
		if a := s.call(t, "POST", "/v1/sessions/"+session+"/events", s.key, object{"events": []object{{"sample": 3 * n, "label": "stim_001", "code": 7, "duration_ms": 20}}}); a.StatusCode != 201 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		ingest(2, 3*n) // behind a gap of one batch
		m := next(live)
		if len(m.Events) != 1 || m.Events[0].Type != "stim_001" || m.Events[0].Timestamp != t0+3*n*10 || m.Events[0].Metadata["code"] != "7" || m.Events[0].Metadata["duration_ms"] != "20" || m.Gap != n || m.Sample != 3*n {
			t.Errorf("%v", m)
		}
		samples(live, 3*n+1, n-1, 0)
		for i, first := range []int64{0, n, 3 * n} {
			m := next(batches)
			b := m.Batch
			if m.Sample != first || m.Sequence != int64(i) || b.GetSampleCount() != n || b.SampleRate != 100 || len(b.Data) != 4*2*n || b.ThroughSample != first+n-1 || b.ChannelNumbers[0] != 3 || len(m.Channels) != 0 {
				t.Fatalf("%v", m)
			}
			for k := range 2 * n {
				if v, want := math.Float32frombits(binary.LittleEndian.Uint32(b.Data[4*k:])), value(int(first)+k/2, []int{2, 0}[k%2]); v != want {
					t.Fatalf("batch %d, value %d: %v, want %v", i, k, v, want)
				}
			}
		}
		// Gone on with in the middle of a batch.
		at := int64(20)
		resumed := stream(&neurascalev1.StreamRequest{AfterSequence: &none, AfterSample: &at})
		samples(resumed, 21, n-21, 0)
		samples(resumed, n, n, 0)
		// Decimated and filtered: what is stored is as it was.
		thin := stream(&neurascalev1.StreamRequest{AfterSequence: &all, Batches: true, Decimate: 5, Filters: &neurascalev1.Filters{Notch: proto.Float64(40)}})
		if m := next(thin); m.Batch.GetSampleCount() != n/5 || m.Batch.Step != 5 || m.Batch.SampleRate != 20 {
			t.Errorf("%v", m)
		}
		// Events behind the last sample come at the end, with the place of that sample: a client that goes on from there gets nothing twice.
		if a := s.call(t, "POST", "/v1/sessions/"+session+"/events", s.key, object{"events": []object{{"sample": 4*n + 5, "label": "last"}}}); a.StatusCode != 201 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		s.json(t, 200, "POST", "/v1/sessions/"+session+"/end", s.key, nil)
		for _, out := range []*rpcStream{live, batches} {
			if m := next(out); len(m.Events) != 1 || m.Events[0].Type != "last" || m.Events[0].Timestamp != t0+(4*n+5)*10 || m.Sequence != 2 || m.Sample != 4*n-1 || m.Timestamp != t0+(4*n-1)*10 || len(m.Channels) != 0 || m.Batch != nil {
				t.Errorf("behind the last sample: %v", m)
			}
		}
		if m, err := receive[neurascalev1.NeuralDataPacket](live); !errors.Is(err, io.EOF) {
			t.Errorf("the end: %v %v", m, err)
		}

		for name, r := range map[string]struct {
			request *neurascalev1.StreamRequest
			code    codes.Code
			reason  string
			field   string
		}{
			"nothing":             {&neurascalev1.StreamRequest{}, codes.InvalidArgument, "INVALID_REQUEST_BODY", "/session_id"},
			"no session":          {&neurascalev1.StreamRequest{SessionId: "session_123"}, codes.NotFound, "SESSION_NOT_FOUND", ""},
			"no device":           {&neurascalev1.StreamRequest{DeviceIds: []string{"openbci_001"}}, codes.NotFound, "DEVICE_NOT_FOUND", ""},
			"another's device":    {&neurascalev1.StreamRequest{SessionId: session, DeviceIds: []string{"openbci_001"}}, codes.NotFound, "DEVICE_NOT_FOUND", ""},
			"no channel":          {&neurascalev1.StreamRequest{SessionId: session, Channels: []int32{4}}, codes.InvalidArgument, "INVALID_REQUEST_BODY", "/channels/0"},
			"a filter too high":   {&neurascalev1.StreamRequest{SessionId: session, Filters: &neurascalev1.Filters{Lowpass: proto.Float64(90)}}, codes.InvalidArgument, "INVALID_REQUEST_BODY", "/filters/lowpass"},
			"too few samples":     {&neurascalev1.StreamRequest{SessionId: session, Decimate: 5000}, codes.InvalidArgument, "INVALID_REQUEST_BODY", "/decimate"},
			"before the first":    {&neurascalev1.StreamRequest{SessionId: session, AfterSequence: proto.Int64(-2)}, codes.InvalidArgument, "INVALID_REQUEST_BODY", "/after_sequence"},
			"a sample alone":      {&neurascalev1.StreamRequest{SessionId: session, AfterSample: proto.Int64(1)}, codes.InvalidArgument, "INVALID_REQUEST_BODY", "/after_sample"},
			"decimated backwards": {&neurascalev1.StreamRequest{SessionId: session, Decimate: -1}, codes.InvalidArgument, "INVALID_REQUEST_BODY", "/decimate"},
		} {
			err := try(ctx, conn, "neurascale.v1.NeuralService.StreamNeuralData", r.request)
			reason, fields := reasonOf(err)
			if _, named := fields[r.field]; status.Code(err) != r.code || reason != r.reason || r.field != "" && !named {
				t.Errorf("%s: %v %s %v", name, err, reason, fields)
			}
		}
		analyzed := invoke[neurascalev1.AnalysisResponse](t, conn, ctx, neuralCalls+"AnalyzeData", &neurascalev1.AnalysisRequest{SessionId: session, ModelType: "ssvep",
			Parameters: map[string]string{"trials": "first", "start_ms": fmt.Sprint(t0), "end_ms": fmt.Sprint(t0 + 1500), "stimulus": `{"targets":[{"label":"door","frequency":5},{"label":"lamp","frequency":7}]}`}})
		if analyzed.Status != "completed" || len(analyzed.Results.GetPredictions()) != 1 || analyzed.Results.Predictions[0].Label == "" || analyzed.Results.Predictions[0].Timestamp < t0 || analyzed.Results.Predictions[0].Timestamp > t0+750 || analyzed.Results.Accuracy != nil {
			t.Errorf("%v", analyzed)
		}
		err := try(ctx, conn, "neurascale.v1.NeuralService.AnalyzeData", &neurascalev1.AnalysisRequest{SessionId: session, Parameters: map[string]string{"start_ms": "soon", "nothing": "1"}})
		if _, fields := reasonOf(err); status.Code(err) != codes.InvalidArgument || fields["/parameters/start_ms"] == "" || fields["/parameters/nothing"] == "" {
			t.Errorf("%v %v", err, fields)
		}
	})
}

// TestTheClockComesWithTheSamples: what a source's clock was found to do is on the first message of each run of samples, on every way; where nobody has said,
// nothing is.
func TestTheClockComesWithTheSamples(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		ctx, cancel := context.WithTimeout(as(t.Context(), s.key), patience)
		defer cancel()
		const clock = `{"driver":"cyton","stamps":"device","counter":true,"nominal_hz":100,"rate_hz":100.02,"drift_ppm":200,"drift_within_ppm":5,"jitter_ms":3.5,"jitter_max_ms":9,` +
			`"offset_ms":-1.25,"within_ms":0.75,"jumps":0,"host_steps":0,"samples":75,"lost":0,"device":{"offset_ms":12.5,"within_ms":0.5}}`
		conn := s.grpcConn(t)
		for _, said := range []bool{true, false} {
			session := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "CYTON", "sample_rate_hz": 100, "channels": []string{"C3", "C4", "Cz"}})["session_id"].(string)
			target := "/v1/sessions/" + session + "/ingest?batch_id=b&t0_unix_ms=1730000000000"
			if said {
				target += "&clock=" + url.QueryEscape(clock)
			}
			if a := s.call(t, "POST", target, s.key, sines(0, 75, 3, 100), "Content-Type: application/octet-stream"); a.StatusCode != 202 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			want := any(nil)
			if said {
				want = object{"reported_at": s.json(t, 200, "GET", "/v1/sessions/"+session+"/status", s.key, nil)["clock"].(object)["reported_at"], "stamps": "device", "rate_hz": 100.02,
					"drift_ppm": 200., "drift_within_ppm": 5., "jitter_ms": 3.5, "offset_ms": -1.25, "within_ms": 0.75, "device": object{"offset_ms": 12.5, "within_ms": 0.5}}
				at, err := time.Parse(time.RFC3339Nano, want.(object)["reported_at"].(string))
				if err != nil {
					t.Fatal(err)
				}
				want.(object)["reported_at"] = float64(at.UnixMilli())
			}
			for _, format := range []string{"sample", "batch"} {
				c := s.topics(t, s.key)
				c.subscribe(t, object{"topic": "neural_data", "session_id": session, "format": format, "after_seq": -1})
				if m := c.next(t); !cmp.Equal(m["clock"], want) {
					t.Errorf("as %s: %v, want %v", format, m["clock"], want)
				}
				if format == "sample" {
					if m := c.next(t); m["clock"] != nil {
						t.Errorf("the second sample: %v", m)
					}
				}
			}
			for _, batches := range []bool{false, true} {
				out := openStream(t, conn, ctx, neuralCalls+"StreamNeuralData")
				out.send(&neurascalev1.StreamRequest{SessionId: session, AfterSequence: proto.Int64(-1), Batches: batches})
				_ = out.CloseSend()
				m, err := receive[neurascalev1.NeuralDataPacket](out)
				if err != nil {
					t.Fatal(err)
				}
				if !said {
					if m.Clock != nil {
						t.Errorf("gRPC: %v", m.Clock)
					}
					continue
				}
				if got := (object{"reported_at": float64(m.Clock.GetReportedAt()), "stamps": m.Clock.GetStamps(), "rate_hz": m.Clock.GetRateHz(), "drift_ppm": m.Clock.GetDriftPpm(), "drift_within_ppm": m.Clock.GetDriftWithinPpm(),
					"jitter_ms": m.Clock.GetJitterMs(), "offset_ms": m.Clock.GetOffsetMs(), "within_ms": m.Clock.GetWithinMs(),
					"device": object{"offset_ms": m.Clock.GetDeviceOffsetMs(), "within_ms": m.Clock.GetDeviceWithinMs()}}); !cmp.Equal(got, want) {
					t.Errorf("gRPC: %v, want %v", got, want)
				}
			}
		}
	})
}
