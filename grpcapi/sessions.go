package grpcapi

import (
	"context"
	"errors"
	"io"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/api/proto/neurod/v1/neurodv1connect"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// sessionService is neurod.v1.SessionService.
type sessionService struct{ *API }

var _ neurodv1connect.SessionServiceHandler = (*sessionService)(nil)

var modes = map[neurodv1.IngestionMode]models.IngestionMode{
	neurodv1.IngestionMode_INGESTION_MODE_STREAMING: models.ModeStreaming,
	neurodv1.IngestionMode_INGESTION_MODE_RECORDED:  models.ModeRecorded,
}

// sessionOf is what callers see of a session.
func sessionOf(s models.Session) *neurodv1.Session {
	out := &neurodv1.Session{SessionId: s.ID, ProjectId: s.ProjectID, ExternalUserId: s.ExternalUserID, DeviceType: s.DeviceType,
		SampleRateHz: s.SampleRateHz, Channels: s.Channels, State: string(s.State), StartedAt: timestamppb.New(s.Began()),
		SampleCount: s.SampleCount, WindowCount: int32(s.WindowCount), DecodeCount: int32(s.DecodeCount), //nolint:gosec // numbers of 32 bits in the database
		LastSeq: int64(s.LastSeq), HopS: float64(s.HopMS) / 1000, JitterMs: int32(s.JitterMS), Features: eeg.Names(s.Features)} //nolint:gosec // at most 1000
	for name, m := range modes {
		if m == s.IngestionMode {
			out.IngestionMode = name
		}
	}
	if at := s.Ended(); at != nil {
		out.EndedAt = timestamppb.New(*at)
	}
	if tail, ok := s.Tail(); ok {
		out.NextSample = &tail.End
	}
	return out
}

// CreateSession implements the service.
func (a *sessionService) CreateSession(ctx context.Context, r *neurodv1.CreateSessionRequest) (*neurodv1.CreateSessionResponse, error) {
	n := sessions.NewSession{ExternalUserID: r.ExternalUserId, DeviceType: r.DeviceType, SampleRateHz: r.SampleRateHz, Channels: r.Channels,
		IngestionMode: string(modes[r.IngestionMode]), HopS: r.HopS, StartedAtMS: r.StartedAtUnixMs, Features: featuresOf(r.Features)}
	if r.IngestionMode != 0 && n.IngestionMode == "" {
		n.IngestionMode = r.IngestionMode.String() // refused by name
	}
	if r.JitterMs != nil {
		jitter := int(*r.JitterMs)
		n.JitterMS = &jitter
	}
	if d := r.Decode; d != nil {
		n.Decode = &sessions.NewLiveDecode{Paradigm: eeg.Paradigm(d.Paradigm), Model: d.Model, WindowS: d.WindowS, HopS: d.HopS,
			Stimulus: stimulusOf(d.Stimulus), Intents: d.Intents, Alignment: d.Alignment, Seizure: seizureOf(d.Seizure)}
	}
	who := principal(ctx)
	var s models.Session
	check := func() (err error) {
		s, err = a.cfg.Sessions.Check(ctx, who, n)
		return err
	}
	idem, err := keyOf(r.IdempotencyKey, r)
	if err != nil {
		return nil, err
	}
	accepted, err := a.cfg.Once.Do(ctx, who.ProjectID, sessions.OperationCreate, idem, check, func(ctx context.Context) (service.Made, error) {
		if err := a.cfg.Sessions.Create(ctx, who, s); err != nil {
			return service.Made{}, err
		}
		b, err := proto.Marshal(sessionOf(s))
		return service.Made{Answer: kept(b), Ref: s.ID}, err
	})
	if err != nil {
		return nil, err
	}
	out := &neurodv1.CreateSessionResponse{Session: &neurodv1.Session{}}
	return out, proto.Unmarshal(accepted.Answer.Bytes, out.Session)
}

// GetSession implements the service.
func (a *sessionService) GetSession(ctx context.Context, r *neurodv1.GetSessionRequest) (*neurodv1.GetSessionResponse, error) {
	s, err := a.cfg.Sessions.Get(ctx, principal(ctx), r.SessionId)
	if err != nil {
		return nil, err
	}
	return &neurodv1.GetSessionResponse{Session: sessionOf(s)}, nil
}

// EndSession implements the service.
func (a *sessionService) EndSession(ctx context.Context, r *neurodv1.EndSessionRequest) (*neurodv1.EndSessionResponse, error) {
	var s models.Session
	accepted, err := a.cfg.Sessions.End(ctx, principal(ctx), r.SessionId, r.EndedAtUnixMs, service.Idempotency{}, func(ended models.Session) models.Answer {
		s = ended
		return models.Answer{}
	})
	if err != nil {
		return nil, err
	}
	out := &neurodv1.EndSessionResponse{Session: sessionOf(s)}
	if s.IngestionMode == models.ModeRecorded {
		out.JobId = accepted.JobID
	}
	return out, nil
}

// AddEvents implements the service.
func (a *sessionService) AddEvents(ctx context.Context, r *neurodv1.AddEventsRequest) (*neurodv1.AddEventsResponse, error) {
	events := make([]sessions.NewEvent, len(r.Events))
	for i, e := range r.Events {
		events[i] = sessions.NewEvent{AtMS: e.TUnixMs, OnsetMS: e.OnsetMs, Sample: e.Sample, DurationMS: e.DurationMs, Code: int(e.Code), Label: e.Label}
	}
	idem, err := keyOf(r.IdempotencyKey, r)
	if err != nil {
		return nil, err
	}
	accepted, err := a.cfg.Sessions.AddEvents(ctx, principal(ctx), r.SessionId, events, idem, func(_ models.Session, added []models.SessionMark) models.Answer {
		b, _ := proto.Marshal(&neurodv1.AddEventsResponse{Added: int32(len(added))}) //nolint:gosec // one number, of at most 1000
		return kept(b)
	})
	if err != nil {
		return nil, err
	}
	out := &neurodv1.AddEventsResponse{}
	return out, proto.Unmarshal(accepted.Answer.Bytes, out)
}

// Follow implements the service.
func (a *sessionService) Follow(ctx context.Context, r *neurodv1.FollowRequest, out *connect.ServerStream[neurodv1.FollowResponse]) error {
	var after *int
	if r.AfterSeq != nil {
		n := int(*r.AfterSeq)
		if after = &n; n < 0 {
			return models.InvalidField(models.At("after_seq"), "out_of_range", "must be the seq of a message, or 0 for all")
		}
	}
	features, decodes := len(r.Kinds) == 0, len(r.Kinds) == 0
	for i, k := range r.Kinds {
		switch k {
		case neurodv1.FollowKind_FOLLOW_KIND_FEATURES:
			features = true
		case neurodv1.FollowKind_FOLLOW_KIND_DECODES:
			decodes = true
		default:
			return models.InvalidField(models.At("kinds").Index(i), "not_allowed", "must be FOLLOW_KIND_FEATURES or FOLLOW_KIND_DECODES")
		}
	}
	want := live.Request{SessionID: r.SessionId, AfterResult: after}
	if features {
		want.Kinds |= live.Windows
	}
	if decodes {
		want.Kinds |= live.Decodes
	}
	stream, err := a.cfg.Live.Follow(ctx, principal(ctx), want)
	if err != nil {
		return err
	}
	defer stream.Close()
	c := callOf(ctx)
	if err := out.Send(nil); err != nil { // the headers: the client knows that it is let in
		return err
	}
	return stream.Each(ctx, streamCheck, func(e live.Item) error {
		if err := c.alive(); err != nil {
			return err
		}
		m := &neurodv1.FollowResponse{}
		switch {
		case e.Window != nil:
			w := e.Window
			m.Seq = int64(w.Seq)
			m.Message = &neurodv1.FollowResponse_Features{Features: &neurodv1.FeatureWindow{WindowId: w.ID(), StartUnixMs: w.StartMS, EndUnixMs: w.EndMS, Passed: w.Passed, Data: structOfJSON([]byte(w.Data))}}
		case e.Decode != nil:
			m.Seq = int64(e.Decode.Seq)
			m.Message = &neurodv1.FollowResponse_Decode{Decode: sessionDecodeOf(e.Decode)}
		case e.Ended != nil:
			ended := &neurodv1.SessionEnded{}
			if at := e.Ended.Ended(); at != nil {
				ended.EndedAt = timestamppb.New(*at)
			}
			m.Message = &neurodv1.FollowResponse_Ended{Ended: ended}
		}
		return out.Send(m)
	}, c.alive)
}

// Ingest implements the service.
func (a *sessionService) Ingest(ctx context.Context, stream *connect.BidiStream[neurodv1.IngestRequest, neurodv1.IngestResponse]) error {
	first, err := stream.Receive()
	switch {
	case errors.Is(err, io.EOF):
		return models.InvalidField(models.At("open"), "required", "is required: the first message opens the stream")
	case err != nil:
		return err
	}
	open := first.GetOpen()
	if open == nil {
		return models.InvalidField(models.At("open"), "required", "must come first")
	}
	who := principal(ctx)
	leave, err := a.cfg.Live.HoldStream(who)
	if err != nil {
		return err
	}
	defer leave()
	s, err := a.cfg.Sessions.Get(ctx, who, open.SessionId)
	if err != nil {
		return err
	}
	c := callOf(ctx)
	c.w = nil // the headers of the answer are gone from now on
	send := func(m *neurodv1.IngestResponse) error {
		if err := c.alive(); err != nil {
			return err
		}
		return stream.Send(m)
	}
	if err := send(&neurodv1.IngestResponse{Message: &neurodv1.IngestResponse_Opened{Opened: &neurodv1.IngestOpened{Session: sessionOf(s), MaxBatchBytes: MaxBatchBytes}}}); err != nil {
		return err
	}
	return each(ctx, a.API, stream.Receive, func(m *neurodv1.IngestRequest) error {
		if m.GetBatch() == nil {
			return models.InvalidField(models.At("batch"), "required", "is required in every message but the first")
		}
		answer, err := a.ingest(ctx, c, s.ID, open, m.GetBatch())
		if err != nil {
			return err
		}
		return send(answer)
	})
}

// ingest adds a batch and returns what its sender is told. The error ends the stream.
func (a *sessionService) ingest(ctx context.Context, c *call, session string, open *neurodv1.IngestOpen, m *neurodv1.IngestBatch) (*neurodv1.IngestResponse, error) {
	if err := a.take(ctx, c); err != nil {
		return nil, err
	}
	b := sessions.Batch{BatchID: m.BatchId, StartMS: m.T0UnixMs, First: m.FirstSample, Raw: m.Data, Unit: open.Unit, Encoding: open.Encoding}
	if b.Raw == nil {
		b.Raw = []byte{}
	}
	var got sessions.Ingested
	_, err := a.cfg.Sessions.Ingest(ctx, c.who, session, b, service.Idempotency{}, func(i sessions.Ingested) models.Answer {
		got = i
		return models.Answer{}
	})
	var known *models.Error
	switch {
	case errors.As(err, &known) && (known.Code == models.InvalidSamples || known.Code == models.InvalidRequestBody):
		r := &neurodv1.IngestRejected{BatchId: m.BatchId, Code: string(known.Code), Message: message(known)}
		for _, f := range models.Bounded(known.Fields) {
			r.Fields = append(r.Fields, &neurodv1.FieldError{Pointer: pointer(f.Path), Code: f.Code, Message: f.Message})
		}
		return &neurodv1.IngestResponse{Message: &neurodv1.IngestResponse_Rejected{Rejected: r}}, nil
	case err != nil:
		return nil, err
	}
	return &neurodv1.IngestResponse{Message: &neurodv1.IngestResponse_Ack{Ack: &neurodv1.IngestAck{BatchId: m.BatchId, SampleCount: int32(got.Samples), //nolint:gosec // of 4 MiB
		Duplicate: got.Duplicate, PayloadDiffers: got.Differs, OverlappedSampleCount: got.Overlap, JobId: got.JobID, Warnings: got.Warnings}}}, nil
}

// maxHold is how long a batch waits for its sender's rate. Beyond it the stream ends, and its sender learns why.
const maxHold = 10 * time.Second

// take counts a batch as a call, and holds it back where its sender's rate is used up: the sender waits for its answer, and then cannot
// send more.
func (a *API) take(ctx context.Context, c *call) error {
	for held := time.Duration(0); ; {
		err := a.count(ctx, c)
		if models.CodeOf(err) != models.RateLimited {
			return err
		}
		wait := models.AsError(err).RetryAfter
		if held += wait; held > maxHold {
			return err
		}
		// The stream must not pass for one whose client reads too slowly.
		c.hold(wait)
		select {
		case <-time.After(wait):
		case <-a.cfg.Drained:
			return live.ErrDraining
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
