package grpcapi

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"sync"

	"connectrpc.com/connect"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	"github.com/neurod/neurod/api/proto/neurascale/v1/neurascalev1connect"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// neuralService is neurascale.v1.NeuralService.
type neuralService struct{ *API }

var _ neurascalev1connect.NeuralServiceHandler = (*neuralService)(nil)

// maxStreamed is how many devices one stream may be of.
const maxStreamed = 32

// StreamNeuralData implements the service.
func (a *neuralService) StreamNeuralData(ctx context.Context, r *neurascalev1.StreamRequest, out *connect.ServerStream[neurascalev1.NeuralDataPacket]) error {
	found, err := a.streamed(ctx, r)
	if err != nil {
		return err
	}
	c := callOf(ctx)
	s := &sender{call: c, send: out.Send}
	followers := make([]*follower, 0, len(found))
	defer func() {
		for _, f := range followers {
			f.Close()
		}
	}()
	for _, ses := range found {
		f, err := a.follow(ctx, r, ses)
		if err != nil {
			return err
		}
		followers = append(followers, f)
	}
	if err := out.Send(nil); err != nil { // the headers: the client knows that it is let in
		return err
	}
	group, ctx := guarded.WithContext(ctx)
	for _, f := range followers {
		group.Go(func() error { return f.run(ctx, s) })
	}
	return group.Wait()
}

// streamed returns the sessions that a request is for.
func (a *neuralService) streamed(ctx context.Context, r *neurascalev1.StreamRequest) ([]models.Session, error) {
	if err := checkStreamed(r); err != nil {
		return nil, err
	}
	who := principal(ctx)
	if r.SessionId != "" {
		ses, err := a.cfg.Sessions.Get(ctx, who, r.SessionId)
		if err != nil {
			return nil, err
		}
		if len(r.DeviceIds) > 0 && !slices.Contains(r.DeviceIds, deviceOf(ses)) {
			for _, id := range r.DeviceIds {
				if _, err := a.cfg.Devices.Get(ctx, who, id); err != nil {
					return nil, err
				}
			}
			return nil, models.InvalidField(models.At("device_ids"), "conflict", "does not have the device of the session, %s", strconv.Quote(models.Cut(deviceOf(ses), 64)))
		}
		return []models.Session{ses}, nil
	}
	var out []models.Session
	for i, id := range r.DeviceIds {
		if slices.Contains(r.DeviceIds[:i], id) {
			return nil, models.InvalidField(models.At("device_ids").Index(i), "duplicate", "is given twice")
		}
		d, err := a.cfg.Devices.Get(ctx, who, id)
		if err != nil {
			return nil, err
		}
		if d.Stream == nil {
			e := models.Errorf(models.StreamUnavailable, "Device '%s' has no stream. Start it first.", id)
			e.Details = map[string]any{"resource_type": "device", "resource_id": id}
			return nil, e
		}
		ses, err := a.cfg.Sessions.Get(ctx, who, d.Stream.SessionID)
		if err != nil {
			return nil, err
		}
		out = append(out, ses)
	}
	return out, nil
}

// checkStreamed tells what a request for streams says wrongly by itself.
func checkStreamed(r *neurascalev1.StreamRequest) error {
	switch {
	case r.SessionId == "" && len(r.DeviceIds) == 0:
		return models.InvalidField(models.At("session_id"), "required", "is required, or device_ids")
	case len(r.DeviceIds) > maxStreamed:
		return models.InvalidField(models.At("device_ids"), "too_many", "has %d devices; at most %d are allowed", len(r.DeviceIds), maxStreamed)
	case r.AfterSequence != nil && r.SessionId == "" && len(r.DeviceIds) > 1:
		return models.InvalidField(models.At("after_sequence"), "not_applicable", "goes with a single session")
	case r.AfterSequence != nil && *r.AfterSequence < -1:
		return models.InvalidField(models.At("after_sequence"), "out_of_range", "must be the sequence of a packet, or -1 for all")
	case r.AfterSample != nil && r.AfterSequence == nil:
		return models.InvalidField(models.At("after_sample"), "not_applicable", "goes with after_sequence")
	case r.Decimate < 0:
		return models.InvalidField(models.At("decimate"), "out_of_range", "must be a whole number from 1 on")
	}
	return nil
}

// deviceOf names what a session was recorded from.
func deviceOf(ses models.Session) string {
	if ses.DeviceID != "" {
		return ses.DeviceID
	}
	return ses.DeviceType
}

// sender sends the packets of all sessions of a stream.
type sender struct {
	mu   sync.Mutex
	call *call
	send func(*neurascalev1.NeuralDataPacket) error
}

func (s *sender) packet(m *neurascalev1.NeuralDataPacket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call.alive(); err != nil {
		return err
	}
	return s.send(m)
}

// idle keeps a stream that has nothing to send from passing for one that its client does not read.
func (s *sender) idle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.call.alive()
}

// follower is one session of a stream.
type follower struct {
	*live.Follower
	session  models.Session
	channels []int // of the session, from 0
	batches  bool

	events  []*models.SessionMark // that go with the next samples
	dropped int64

	sequence, through int64 // up to where the client has the session
	at                int64 // time of that place, Unix ms
}

// follow begins to follow a session.
func (a *neuralService) follow(ctx context.Context, r *neurascalev1.StreamRequest, ses models.Session) (*follower, error) {
	f := &follower{session: ses, batches: r.Batches, sequence: max(0, r.GetAfterSequence()), through: r.GetAfterSample(), at: ses.TimeOf(r.GetAfterSample())}
	for i, number := range r.Channels {
		at := int(number) - 1
		if at < 0 || at >= len(ses.Channels) || slices.Contains(f.channels, at) {
			return nil, models.InvalidField(models.At("channels").Index(i), "not_allowed", "must be a channel of the session, each once: a number from 1 to %d", len(ses.Channels))
		}
		f.channels = append(f.channels, at)
	}
	if len(f.channels) == 0 {
		for i := range ses.Channels {
			f.channels = append(f.channels, i)
		}
	}
	request := live.Request{SessionID: ses.ID, Kinds: live.Samples | live.Events, AfterSample: r.AfterSample, View: live.View{Decimate: int(r.Decimate)}}
	if r.Every {
		request.Loss = live.Every
	}
	if r.AfterSequence != nil {
		after, none := int(*r.AfterSequence), 0
		if request.AfterBatch = &after; after < 0 {
			request.AfterEvent = &none
		}
	}
	var err error
	if request.View.Filters, err = a.filters(ctx, r.Filters, ses); err != nil {
		return nil, err
	}
	f.Follower, err = a.cfg.Live.Follow(ctx, principal(ctx), request)
	return f, err
}

// filters are those of a request, or else those that the device's stream was started with.
func (a *neuralService) filters(ctx context.Context, asked *neurascalev1.Filters, ses models.Session) (eeg.Filters, error) {
	if asked != nil {
		return eeg.Filters{Notch: asked.GetNotch(), HighPass: asked.GetHighpass(), LowPass: asked.GetLowpass(), BandPass: asked.Bandpass}, nil
	}
	var out eeg.Filters
	st, found, err := a.cfg.Devices.StreamOf(ctx, principal(ctx), ses)
	if err != nil || !found || st.Config.Filters == nil {
		return out, err
	}
	for to, from := range map[*float64]*float64{&out.Notch: st.Config.Filters.Notch, &out.HighPass: st.Config.Filters.Highpass, &out.LowPass: st.Config.Filters.Lowpass} {
		if from != nil {
			*to = *from
		}
	}
	return out, nil
}

// run sends what comes of the session until it has ended.
func (f *follower) run(ctx context.Context, s *sender) error {
	return f.Each(ctx, streamWrite/2, func(i live.Item) error {
		switch {
		case i.Event != nil:
			f.events = append(f.events, i.Event)
		case i.Dropped != nil:
			f.dropped += i.Dropped.Samples
		case i.Block != nil && f.batches:
			return f.batch(s, i.Block)
		case i.Block != nil:
			return f.samples(s, i.Block)
		case i.Ended != nil && len(f.events) > 0: // those behind the last sample
			return s.packet(f.head(f.sequence, f.through, f.at, f.takeEvents(math.Inf(1)))) // a client goes on behind its last packet
		}
		return nil
	}, s.idle)
}

// head is a packet without its samples.
func (f *follower) head(sequence, sample, at int64, events []*neurascalev1.Event) *neurascalev1.NeuralDataPacket {
	m := &neurascalev1.NeuralDataPacket{DeviceId: deviceOf(f.session), SessionId: f.session.ID, Timestamp: at, Sequence: sequence, Sample: sample,
		Events: events, Dropped: f.dropped}
	f.dropped, f.sequence, f.through, f.at = 0, sequence, sample, at
	return m
}

// takeEvents returns the events that wait and are not after a time, Unix ms.
func (f *follower) takeEvents(upTo float64) []*neurascalev1.Event {
	var out []*neurascalev1.Event
	f.events = slices.DeleteFunc(f.events, func(e *models.SessionMark) bool {
		if e.AtMS > upTo {
			return false
		}
		out = append(out, eventOf(e))
		return true
	})
	return out
}

// eventOf is what callers see of an event.
func eventOf(e *models.SessionMark) *neurascalev1.Event {
	out := &neurascalev1.Event{Type: e.Label, Timestamp: int64(math.Round(e.AtMS)), Metadata: map[string]string{"source": string(e.Source)}}
	if e.Label == "" {
		out.Type = strconv.Itoa(e.Code)
	}
	if e.Code != 0 {
		out.Metadata["code"] = strconv.Itoa(e.Code)
	}
	if e.Label != "" {
		out.Metadata["label"] = e.Label
	}
	if e.DurationMS > 0 {
		out.Metadata["duration_ms"] = strconv.FormatFloat(e.DurationMS, 'g', -1, 64)
	}
	if e.Target != nil {
		out.Metadata["target"] = strconv.FormatBool(*e.Target)
	}
	return out
}

// quality is that of a channel, NaN where it was not measured.
func quality(b *live.Block, channel int) float32 {
	if b.Quality == nil {
		return float32(math.NaN())
	}
	return float32(b.Quality[channel])
}

// clockOf is what the clock of a source was found to do, nil where nobody has said.
func clockOf(c *live.Clock) *neurascalev1.SourceClock {
	if c == nil {
		return nil
	}
	out := &neurascalev1.SourceClock{ReportedAt: c.At.UnixMilli(), Stamps: c.Stamps, RateHz: c.RateHz, DriftPpm: c.DriftPPM, DriftWithinPpm: c.DriftWithinPPM,
		JitterMs: c.JitterMS, OffsetMs: c.OffsetMS, WithinMs: c.WithinMS}
	if d := c.Device; d != nil {
		out.DeviceOffsetMs, out.DeviceWithinMs = &d.OffsetMS, &d.WithinMS
	}
	return out
}

// samples sends a packet for each sample of a block. An event goes with the first sample that is not before it, or with the last.
func (f *follower) samples(s *sender, b *live.Block) error {
	for n := range b.Frames {
		at := b.TimeMS(n)
		upTo := float64(at)
		if n == b.Frames-1 {
			upTo = math.Inf(1)
		}
		m := f.head(int64(b.Seq), b.First+int64(n)*b.Step, at, f.takeEvents(upTo))
		if m.Late = b.Late; n == 0 {
			m.Gap, m.Clock = b.Gap, clockOf(b.Clock)
		}
		m.Channels = make([]*neurascalev1.ChannelData, len(f.channels))
		for i, c := range f.channels {
			m.Channels[i] = &neurascalev1.ChannelData{ChannelNumber: int32(c + 1), Value: b.At(n, c), Quality: quality(b, c)} //nolint:gosec // at most 512
		}
		if err := s.packet(m); err != nil {
			return err
		}
	}
	return nil
}

// batch sends a packet for a block.
func (f *follower) batch(s *sender, b *live.Block) error {
	m := f.head(int64(b.Seq), b.First, b.TimeMS(0), f.takeEvents(math.Inf(1)))
	m.Gap, m.Late, m.Clock = b.Gap, b.Late, clockOf(b.Clock)
	f.through, f.at = b.Through, b.Session.TimeOf(b.Through)
	run := &neurascalev1.SampleBatch{SampleCount: int32(b.Frames), SampleRate: f.session.SampleRateHz / float64(b.Step), ThroughSample: b.Through, Step: b.Step, //nolint:gosec // of a block
		Data: make([]byte, 0, 4*b.Frames*len(f.channels))}
	for _, c := range f.channels {
		run.ChannelNumbers = append(run.ChannelNumbers, int32(c+1)) //nolint:gosec // at most 512
		run.Quality = append(run.Quality, quality(b, c))
	}
	for n := range b.Frames {
		for _, c := range f.channels {
			run.Data = binary.LittleEndian.AppendUint32(run.Data, math.Float32bits(b.At(n, c)))
		}
	}
	m.Batch = run
	return s.packet(m)
}

// AnalyzeData implements the service.
func (a *neuralService) AnalyzeData(ctx context.Context, r *neurascalev1.AnalysisRequest) (*neurascalev1.AnalysisResponse, error) {
	who := principal(ctx)
	for _, right := range []models.Right{models.RightSessionsRead, models.RightJobsRead} { // before anything is accepted
		if err := service.Authorize(who, right); err != nil {
			return nil, err
		}
	}
	if r.SessionId == "" {
		return nil, models.InvalidField(models.At("session_id"), "required", "is required")
	}
	parameters, err := parametersOf(r.Parameters)
	if err != nil {
		return nil, err
	}
	accepted, err := a.cfg.Analysis.Analyze(ctx, who, analysis.Request{SessionID: r.SessionId, ModelType: r.ModelType, Parameters: parameters}, nil, service.Idempotency{},
		func(job models.Job, _ []models.Job) models.Answer { return kept([]byte(job.ID)) })
	if err != nil {
		return nil, err
	}
	if _, err := a.await(ctx, accepted.JobID, service.MaxWait); err != nil {
		return nil, err
	}
	found, err := a.cfg.Analysis.Get(ctx, who, accepted.JobID)
	if err != nil {
		return nil, err
	}
	return analysisOf(found), nil
}

// parametersOf reads the parameters of an analysis: their values are JSON, or bare text.
func parametersOf(given map[string]string) (out analysis.Parameters, err error) {
	fields := make(map[string]json.RawMessage, len(given))
	for name, text := range given {
		if value := []byte(text); json.Valid(value) {
			fields[name] = value
		} else if fields[name], err = json.Marshal(text); err != nil {
			return out, err
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return out, err
	}
	if err := strictjson.Check(b); err != nil {
		return out, models.InvalidField(models.At("parameters"), "type", "hold no JSON that is acceptable: %s", models.Cut(err.Error(), 200))
	}
	return out, mismatches("parameters", strictjson.Decode(b, &out))
}

// mismatches turns values of the wrong type into an error that names each under a field; nil for none.
func mismatches(under string, found []strictjson.Mismatch) error {
	if len(found) == 0 {
		return nil
	}
	e := models.NewError(models.InvalidRequestBody)
	for _, m := range found {
		e.Fields = append(e.Fields, models.FieldError{Path: models.At(under).Join(m.Path), Code: m.Code, Message: m.Text})
	}
	return e
}

// statuses are the words of an analysis, as the pages of the decode document and the devices document's have them.
var statuses = map[models.JobState]string{models.JobQueued: "queued", models.JobRunning: "processing", models.JobCompleted: "completed", models.JobFailed: "failed", models.JobCanceled: "canceled"}

func analysisOf(f analysis.Analysis) *neurascalev1.AnalysisResponse {
	out := &neurascalev1.AnalysisResponse{AnalysisId: f.ID, ModelType: f.ModelType, Status: statuses[f.Status]}
	if j := f.Job; j != nil && j.ErrorCode != nil {
		out.Error = &neurascalev1.Error{Code: render.DeviceCode(models.Code(*j.ErrorCode)), Details: structOfJSON(j.ErrorDetails)}
		if j.ErrorMessage != nil {
			out.Error.Message = *j.ErrorMessage
		}
	}
	if f.Status != models.JobCompleted {
		return out
	}
	out.Results = &neurascalev1.AnalysisResults{Accuracy: f.Accuracy}
	for _, p := range f.Predictions {
		one := &neurascalev1.Prediction{Timestamp: int64(math.Round(p.StartMS)), Label: p.Intent, Confidence: p.Confidence}
		if p.Error != nil {
			one.Error = render.DeviceCode(models.Code(*p.Error))
		}
		out.Results.Predictions = append(out.Results.Predictions, one)
	}
	return out
}
