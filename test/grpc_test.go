package test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
)

// grpcConn is a connection of grpc-go to the server, without TLS.
func (s *server) grpcConn(t testing.TB) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// as returns a context that carries a credential and further metadata.
func as(ctx context.Context, credential string, more ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, append([]string{"authorization", "Bearer " + credential}, more...)...)
}

const (
	sessionCalls = "/neurod.v1.SessionService/"
	decodeCalls  = "/neurod.v1.DecodeService/"
)

// reasonOf returns the code of an error by our own table as the details have it, in capitals, "" for none, and its wrong fields.
func reasonOf(err error) (reason string, fields map[string]string) {
	fields = map[string]string{}
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = strings.ToUpper(d.Metadata["code"])
		case *errdetails.BadRequest:
			for _, v := range d.FieldViolations {
				fields[v.Field] = v.Description
			}
		}
	}
	return reason, fields
}

// call makes a call that must do.
func invoke[T any, P interface {
	*T
	proto.Message
}](t testing.TB, conn *grpc.ClientConn, ctx context.Context, method string, in proto.Message) P {
	t.Helper()
	out := P(new(T))
	if err := conn.Invoke(ctx, method, in, out); err != nil {
		t.Fatalf("%s: %v %v", method, err, status.Convert(err).Details())
	}
	return out
}

// stream is a stream of a call in both directions.
type rpcStream struct {
	grpc.ClientStream
	t testing.TB
}

func openStream(t testing.TB, conn *grpc.ClientConn, ctx context.Context, method string) *rpcStream {
	t.Helper()
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		t.Fatal(err)
	}
	return &rpcStream{s, t}
}

func (s *rpcStream) send(m proto.Message) {
	s.t.Helper()
	if err := s.SendMsg(m); err != nil && !errors.Is(err, io.EOF) { // then RecvMsg says why
		s.t.Fatal(err)
	}
}

func receive[T any, P interface {
	*T
	proto.Message
}](s *rpcStream) (P, error) {
	out := P(new(T))
	return out, s.RecvMsg(out)
}

// sines are n samples of k channels from a sample on, as float32: channel i carries a sine of 5·(i+1) Hz.
func sines(first, n, k int, rate float64) []byte {
	b := make([]byte, 0, 4*n*k)
	for i := first; i < first+n; i++ {
		for c := range k {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(50*math.Sin(2*math.Pi*5*float64(c+1)*float64(i)/rate))))
		}
	}
	return b
}

func TestGRPCSession(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		ctx, cancel := context.WithTimeout(as(t.Context(), s.key), patience)
		defer cancel()
		conn := s.grpcConn(t)
		channels := []string{"C3", "C4"}
		create := &neurodv1.CreateSessionRequest{ExternalUserId: "u", DeviceType: "CYTON", SampleRateHz: 100, Channels: channels, IdempotencyKey: "once"}
		made := invoke[neurodv1.CreateSessionResponse](t, conn, ctx, sessionCalls+"CreateSession", create).Session
		again := invoke[neurodv1.CreateSessionResponse](t, conn, ctx, sessionCalls+"CreateSession", create).Session
		if made.SessionId == "" || !proto.Equal(made, again) || made.State != "OPEN" || made.ProjectId != s.project || made.NextSample != nil {
			t.Fatalf("made %v, again %v", made, again)
		}
		if a := s.json(t, 200, "GET", "/v1/sessions/"+made.SessionId, s.key, nil); a["device_type"] != "CYTON" {
			t.Errorf("over HTTP: %v", a)
		}

		following := openStream(t, conn, ctx, sessionCalls+"Follow")
		zero := int64(0)
		following.send(&neurodv1.FollowRequest{SessionId: made.SessionId, AfterSeq: &zero})
		_ = following.CloseSend()

		const n, t0 = 250, int64(1_730_000_000_000)
		batch := func(i int) *neurodv1.IngestRequest {
			first, at := int64(i*n), t0+int64(i*n*10)
			return &neurodv1.IngestRequest{Message: &neurodv1.IngestRequest_Batch{Batch: &neurodv1.IngestBatch{BatchId: fmt.Sprint("b", i), T0UnixMs: &at, FirstSample: &first, Data: sines(i*n, n, 2, 100)}}}
		}
		open := func(next int64) *rpcStream {
			in := openStream(t, conn, ctx, sessionCalls+"Ingest")
			in.send(&neurodv1.IngestRequest{Message: &neurodv1.IngestRequest_Open{Open: &neurodv1.IngestOpen{SessionId: made.SessionId}}})
			m, err := receive[neurodv1.IngestResponse](in)
			if err != nil || m.GetOpened() == nil || m.GetOpened().Session.GetNextSample() != next {
				t.Fatalf("%v %v, want next_sample %d", m, err, next)
			}
			return in
		}
		acked := func(in *rpcStream, i, samples int, duplicate bool) {
			t.Helper()
			m, err := receive[neurodv1.IngestResponse](in)
			if a := m.GetAck(); err != nil || a == nil || a.BatchId != fmt.Sprint("b", i) || int(a.SampleCount) != samples || a.Duplicate != duplicate {
				t.Fatalf("batch %d: %v %v", i, m, err)
			}
		}
		in := open(0)
		for i := range 3 { // all are under way before the first answer is read
			in.send(batch(i))
		}
		for i := range 3 {
			acked(in, i, n, false)
		}
		// A broken stream is gone on with by another, which sends again what was not answered.
		broken := open(3 * n)
		broken.send(batch(3))
		acked(broken, 3, n, false)
		in = open(4 * n)
		in.send(batch(3))
		acked(in, 3, 0, true)
		// A batch that is wrong is refused by name, and the stream goes on.
		at := t0
		in.send(&neurodv1.IngestRequest{Message: &neurodv1.IngestRequest_Batch{Batch: &neurodv1.IngestBatch{BatchId: "bad", T0UnixMs: &at, Data: make([]byte, 12)}}})
		m, err := receive[neurodv1.IngestResponse](in)
		if r := m.GetRejected(); err != nil || r == nil || r.BatchId != "bad" || r.Code != "invalid_samples" || len(r.Fields) != 1 || r.Fields[0].Code != "length" {
			t.Fatalf("%v %v", m, err)
		}
		in.send(batch(4))
		acked(in, 4, n, false)
		_ = in.CloseSend()
		if _, err := receive[neurodv1.IngestResponse](in); !errors.Is(err, io.EOF) {
			t.Errorf("the end: %v", err)
		}

		label := 1.5
		added := invoke[neurodv1.AddEventsResponse](t, conn, ctx, sessionCalls+"AddEvents", &neurodv1.AddEventsRequest{SessionId: made.SessionId,
			Events: []*neurodv1.SessionEvent{{OnsetMs: &label, Label: "cue"}, {OnsetMs: &label, Code: 7}}})
		if added.Added != 2 {
			t.Errorf("%v", added)
		}
		ended := invoke[neurodv1.EndSessionResponse](t, conn, ctx, sessionCalls+"EndSession", &neurodv1.EndSessionRequest{SessionId: made.SessionId}).Session
		if ended.State != "ENDED" || ended.EndedAt == nil || ended.SampleCount != 5*n {
			t.Errorf("%v", ended)
		}
		windows, last := 0, int64(0)
		for over := false; !over; {
			m, err := receive[neurodv1.FollowResponse](following)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case m.GetFeatures() != nil:
				if windows++; m.Seq <= last || m.GetFeatures().EndUnixMs-m.GetFeatures().StartUnixMs != 2000 || m.GetFeatures().Data.AsMap()["features"] == nil {
					t.Errorf("%v", m)
				}
				last = m.Seq
			case m.GetEnded() != nil:
				over = true
			}
		}
		if _, err := receive[neurodv1.FollowResponse](following); windows != 6 || !errors.Is(err, io.EOF) {
			t.Errorf("%d windows, then %v", windows, err)
		}
		// The end is told: a batch more is refused, and the stream with it.
		in = open(5 * n)
		in.send(batch(5))
		_, err = receive[neurodv1.IngestResponse](in)
		if reason, _ := reasonOf(err); status.Code(err) != codes.FailedPrecondition || reason != "SESSION_ENDED" {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestGRPCDecode(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		ctx, cancel := context.WithTimeout(as(t.Context(), s.key), patience)
		defer cancel()
		conn := s.grpcConn(t)
		recording := &neurodv1.Recording{Data: sines(0, 1000, 4, 250), Paradigm: "ssvep", SampleRate: 250, Channels: []string{"O1", "Oz", "O2", "POz"},
			Stimulus: &neurodv1.Stimulus{Targets: []*neurodv1.Target{{Label: "door", Frequency: 13}, {Label: "lamp", Frequency: 17}}}}
		answer := invoke[neurodv1.DecodeResponse](t, conn, ctx, decodeCalls+"Decode", &neurodv1.DecodeRequest{Recording: recording, IdempotencyKey: "k"}).Job
		if answer.State != neurodv1.JobState_JOB_STATE_COMPLETED || answer.Result.GetDecodedIntent() == "" || answer.Result.Disclaimer == "" || answer.Result.Output.AsMap()["decoded_intent"] != answer.Result.DecodedIntent {
			t.Fatalf("%v", answer)
		}
		same := invoke[neurodv1.SubmitDecodeResponse](t, conn, ctx, decodeCalls+"SubmitDecode", &neurodv1.SubmitDecodeRequest{Recording: recording, IdempotencyKey: "k"})
		if !same.Replayed || same.JobId != answer.JobId {
			t.Errorf("%v, want %s again", same, answer.JobId)
		}
		// The same recording over HTTP has the same answer.
		if a := s.json(t, 200, "GET", "/api/v1/jobs/"+answer.JobId, s.key, nil); a["output"].(object)["decoded_intent"] != answer.Result.DecodedIntent {
			t.Errorf("%v", a)
		}
		got := invoke[neurodv1.GetJobResponse](t, conn, ctx, decodeCalls+"GetJob", &neurodv1.GetJobRequest{JobId: answer.JobId}).Job
		waited := invoke[neurodv1.WaitJobResponse](t, conn, ctx, decodeCalls+"WaitJob", &neurodv1.WaitJobRequest{JobId: answer.JobId}).Job
		if !proto.Equal(got, answer) || !proto.Equal(waited, answer) {
			t.Errorf("%v and %v, want %v", got, waited, answer)
		}
		canceled := invoke[neurodv1.CancelJobResponse](t, conn, ctx, decodeCalls+"CancelJob", &neurodv1.CancelJobRequest{JobId: answer.JobId}).Job
		if canceled.State != neurodv1.JobState_JOB_STATE_COMPLETED {
			t.Errorf("a job that is over was canceled: %v", canceled)
		}

		err := conn.Invoke(ctx, decodeCalls+"SubmitDecode", &neurodv1.SubmitDecodeRequest{Recording: &neurodv1.Recording{Data: make([]byte, 400), Paradigm: "telepathy", SampleRate: 250}}, &neurodv1.SubmitDecodeResponse{})
		reason, fields := reasonOf(err)
		if status.Code(err) != codes.InvalidArgument || reason != "INVALID_REQUEST_BODY" || fields["/recording/paradigm"] == "" || fields["/recording/channels"] == "" {
			t.Errorf("%v %s %v", err, reason, fields)
		}
		var whole *neurascalev1.Error
		for _, d := range status.Convert(err).Details() {
			if e, ok := d.(*neurascalev1.Error); ok {
				whole = e
			}
		}
		if whole == nil || whole.Code != "INVALID_REQUEST_BODY" || whole.RequestId == "" || whole.Timestamp == "" || whole.Message == "" {
			t.Errorf("%v", whole)
		}
		if err := conn.Invoke(ctx, decodeCalls+"GetJob", &neurodv1.GetJobRequest{JobId: "nothing"}, &neurodv1.GetJobResponse{}); status.Code(err) != codes.NotFound {
			t.Error(err)
		}
	})
}
