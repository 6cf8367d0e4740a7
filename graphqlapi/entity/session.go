package entity

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// within reads an optional argument that counts things.
func within(name string, v *int, fallback, most int) (int, error) {
	switch {
	case v == nil:
		return fallback, nil
	case *v < 0 || *v > most:
		return 0, &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At(name), Code: "out_of_range", Message: fmt.Sprintf("must be a whole number from 0 to %d", most)}}}
	}
	return *v, nil
}

// Session is a session with all that hangs on it.
type Session struct{ s *models.Session }

// SessionOf wraps a session.
func SessionOf(s models.Session) *Session { return &Session{&s} }

func sessionsOf(list []models.Session) []*Session {
	out := make([]*Session, len(list))
	for i, s := range list {
		out[i] = SessionOf(s)
	}
	return out
}

// ID and what follows are the fields of the type.
func (s *Session) ID() string                { return s.s.ID }
func (s *Session) Name() string              { return s.s.Name }
func (s *Session) StartTime() time.Time      { return s.s.Began() }
func (s *Session) EndTime() *time.Time       { return s.s.Ended() }
func (s *Session) CreatedAt() time.Time      { return s.s.CreatedAt }
func (s *Session) PatientID() string         { return s.s.ExternalUserID }
func (s *Session) Tags() []string            { return nonNil(s.s.Tags) }
func (s *Session) Metadata() json.RawMessage { return sessions.MetadataOf(*s.s) }
func (s *Session) Protocol() *string         { return Optional(s.s.Protocol) }
func (s *Session) DeviceID() *string         { return Optional(s.s.DeviceID) }
func (s *Session) DeviceType() string        { return s.s.DeviceType }
func (s *Session) SampleRate() float64       { return s.s.SampleRateHz }
func (s *Session) ChannelCount() int         { return len(s.s.Channels) }
func (s *Session) Channels() []string        { return s.s.Channels }
func (s *Session) SampleCount() int64        { return s.s.SampleCount - s.s.OverlapCount }

// DurationMinutes is as planned.
func (s *Session) DurationMinutes() *float64 {
	if s.s.PlannedMS == nil {
		return nil
	}
	minutes := float64(*s.s.PlannedMS) / 60_000
	return &minutes
}

// Status is how far it is.
func (s *Session) Status(ctx context.Context) (models.Progress, error) {
	return loadersOf(ctx).progress.Load(ctx, s.s)
}

// Device is what it is recorded from, nil for none that is there.
func (s *Session) Device(ctx context.Context) (*Device, error) {
	if s.s.DeviceID == "" {
		return nil, nil
	}
	d, err := loadersOf(ctx).devices.Load(ctx, s.s.DeviceID)
	if err != nil || d == nil {
		return nil, err
	}
	return DeviceOf(*d), nil
}

// Recordings are its contiguous parts.
func (s *Session) Recordings(ctx context.Context, limit, offset *int) ([]*Recording, error) {
	n, err := within("limit", limit, 100, sessions.MaxRecordings)
	if err != nil {
		return nil, err
	}
	from, err := within("offset", offset, 0, 1<<31-1)
	if err != nil {
		return nil, err
	}
	found, err := loadersOf(ctx).recordings.Load(ctx, of[*models.Session, page]{s.s, page{from, n}})
	if err != nil {
		return nil, err
	}
	out := make([]*Recording, len(found))
	for i := range found {
		out[i] = &Recording{&found[i]}
	}
	return out, nil
}

// Analysis is what decodes found in it.
func (s *Session) Analysis(ctx context.Context) ([]*Analysis, error) {
	found, err := loadersOf(ctx).analyses.Load(ctx, s.s)
	if err != nil {
		return nil, err
	}
	out := make([]*Analysis, len(found))
	for i := range found {
		out[i] = AnalysisOf(found[i])
	}
	return out, nil
}

// Features are its newest feature windows.
func (s *Session) Features(ctx context.Context, last *int) ([]*FeatureWindow, error) {
	each, err := within("last", last, 10, sessions.MaxEach)
	if err != nil {
		return nil, err
	}
	found, err := loadersOf(ctx).windows.Load(ctx, of[string, int]{s.s.ID, each})
	if err != nil {
		return nil, err
	}
	out := make([]*FeatureWindow, len(found))
	for i := range found {
		out[i] = &FeatureWindow{&found[i]}
	}
	return out, nil
}

// Decodes are its newest live decodes.
func (s *Session) Decodes(ctx context.Context, last *int) ([]*LiveDecode, error) {
	each, err := within("last", last, 10, sessions.MaxEach)
	if err != nil {
		return nil, err
	}
	found, err := loadersOf(ctx).decodes.Load(ctx, of[string, int]{s.s.ID, each})
	if err != nil {
		return nil, err
	}
	out := make([]*LiveDecode, len(found))
	for i := range found {
		out[i] = LiveDecodeOf(&found[i])
	}
	return out, nil
}

// Events are what happened during it.
func (s *Session) Events(ctx context.Context, limit, after *int) ([]*SessionEvent, error) {
	n, err := within("limit", limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	behind, err := within("after", after, 0, 1<<31-1)
	if err != nil {
		return nil, err
	}
	found, err := loadersOf(ctx).events.Load(ctx, of[string, page]{s.s.ID, page{behind, n}})
	if err != nil {
		return nil, err
	}
	out := make([]*SessionEvent, len(found))
	for i := range found {
		out[i] = EventOf(&found[i])
	}
	return out, nil
}

// Recording is a contiguous part of a session.
type Recording struct{ r *sessions.Recording }

// ID and what follows are the fields of the type.
func (r *Recording) ID() string           { return r.r.ID() }
func (r *Recording) StartTime() time.Time { return r.r.Begin() }
func (r *Recording) EndTime() time.Time   { return r.r.Finish() }
func (r *Recording) Duration() float64    { return r.r.Seconds() }
func (r *Recording) SampleCount() int64   { return r.r.Samples() }
func (r *Recording) ChannelCount() int    { return len(r.r.Session.Channels) }
func (r *Recording) SampleRate() float64  { return r.r.Session.SampleRateHz }
func (r *Recording) FirstSample() int64   { return r.r.Start }

// Quality is the mean of its windows.
func (r *Recording) Quality(ctx context.Context) (*float64, error) {
	q, err := loadersOf(ctx).quality.Load(ctx, r.r)
	return q.Quality, err
}

// PassedShare is the share of its windows that passed.
func (r *Recording) PassedShare(ctx context.Context) (*float64, error) {
	q, err := loadersOf(ctx).quality.Load(ctx, r.r)
	return q.Passed, err
}

// Artifacts are intervals of it.
func (r *Recording) Artifacts(ctx context.Context, limit *int, from *time.Time) ([]*Artifact, error) {
	n, err := within("limit", limit, 100, sessions.MaxArtifacts)
	if err != nil {
		return nil, err
	}
	asked := artifactsAsked{limit: n}
	if from != nil {
		asked.from = from.UTC()
	}
	found, err := loadersOf(ctx).artifacts.Load(ctx, of[*sessions.Recording, artifactsAsked]{r.r, asked})
	if err != nil {
		return nil, err
	}
	out := make([]*Artifact, len(found))
	for i, a := range found {
		out[i] = &Artifact{Type: a.Type, StartTime: time.UnixMilli(a.StartMS), EndTime: time.UnixMilli(a.EndMS), Score: a.Score, Windows: a.Windows}
	}
	return out, nil
}

// Analysis is a decode of a session.
type Analysis struct{ a analysis.Analysis }

// AnalysisOf wraps an analysis.
func AnalysisOf(a analysis.Analysis) *Analysis { return &Analysis{a} }

// ID and what follows are the fields of the type.
func (a *Analysis) ID() string              { return a.a.ID }
func (a *Analysis) Status() models.JobState { return a.a.Status }
func (a *Analysis) ModelType() string       { return a.a.ModelType }
func (a *Analysis) Model() *string          { return a.a.Model }
func (a *Analysis) Accuracy() *float64      { return a.a.Accuracy }
func (a *Analysis) Chance() *float64        { return a.a.Chance }
func (a *Analysis) CreatedAt() time.Time    { return a.a.CreatedAt }
func (a *Analysis) FinishedAt() *time.Time  { return a.a.FinishedAt }

// Predictions are its answers.
func (a *Analysis) Predictions() []*Prediction {
	out := make([]*Prediction, len(a.a.Predictions))
	for i, p := range a.a.Predictions {
		out[i] = predictionOf(p)
	}
	return out
}

// Job is what makes it, nil where nothing was asked for.
func (a *Analysis) Job() *Job {
	if a.a.Job == nil {
		return nil
	}
	return JobOf(*a.a.Job)
}

func predictionOf(p analysis.Prediction) *Prediction {
	return &Prediction{Timestamp: instant(p.StartMS), EndTime: instant(p.EndMS), Label: p.Label, Intent: p.Intent, Confidence: p.Confidence, Truth: p.Truth, Error: p.Error}
}

// FeatureWindow is a feature window.
type FeatureWindow struct{ w *models.FeatureWindow }

// WindowOf wraps a window.
func WindowOf(w *models.FeatureWindow) *FeatureWindow { return &FeatureWindow{w} }

// ID and what follows are the fields of the type.
func (w *FeatureWindow) ID() string            { return w.w.ID() }
func (w *FeatureWindow) Seq() int              { return w.w.Seq }
func (w *FeatureWindow) StartTime() time.Time  { return time.UnixMilli(w.w.StartMS) }
func (w *FeatureWindow) EndTime() time.Time    { return time.UnixMilli(w.w.EndMS) }
func (w *FeatureWindow) Passed() bool          { return w.w.Passed }
func (w *FeatureWindow) Data() json.RawMessage { return object(w.w.Data) }

// Quality is that of all channels.
func (w *FeatureWindow) Quality() *float64 {
	var doc struct {
		Quality struct {
			Overall *float64 `json:"overall"`
		} `json:"quality"`
	}
	if json.Unmarshal([]byte(w.w.Data), &doc) != nil {
		return nil
	}
	return doc.Quality.Overall
}

// LiveDecode is a decode of a session as it ran.
type LiveDecode struct {
	d          *models.SessionDecode
	prediction *Prediction
	model      *string
}

// LiveDecodeOf wraps a decode.
func LiveDecodeOf(d *models.SessionDecode) *LiveDecode {
	p, model, _ := analysis.PredictionOf(*d)
	return &LiveDecode{d, predictionOf(p), model}
}

// ID and what follows are the fields of the type.
func (d *LiveDecode) ID() string              { return d.d.ID() }
func (d *LiveDecode) Seq() int                { return d.d.Seq }
func (d *LiveDecode) Prediction() *Prediction { return d.prediction }
func (d *LiveDecode) Model() *string          { return d.model }
func (d *LiveDecode) Data() json.RawMessage   { return object(d.d.Data) }

// EventOf is a marker of a session as an event.
func EventOf(m *models.SessionMark) *SessionEvent {
	return &SessionEvent{Seq: m.Seq, Type: m.Label, Timestamp: instant(m.AtMS), Data: markData(m), Source: string(m.Source)}
}

func markData(m *models.SessionMark) json.RawMessage {
	b, err := json.Marshal(struct {
		Code       int     `json:"code"`
		DurationMS float64 `json:"duration_ms"`
	}{m.Code, m.DurationMS})
	if err != nil { // cannot be: finite numbers
		return object("null")
	}
	return b
}

// NeuralEventOf is a marker of a session beside its samples.
func NeuralEventOf(m *models.SessionMark) *NeuralEvent {
	return &NeuralEvent{Type: m.Label, Timestamp: instant(m.AtMS), Metadata: markData(m)}
}

// EndOf is the end of a session as an event.
func EndOf(s *models.Session, at time.Time) *SessionEvent {
	if ended := s.Ended(); ended != nil {
		at = *ended
	}
	return &SessionEvent{Type: "session_ended", Timestamp: at, Data: object("{}"), Source: "session"}
}

// SessionConnection is a part of a list of sessions.
type SessionConnection struct {
	Edges      []*SessionEdge
	Nodes      []*Session
	PageInfo   *PageInfo
	totalCount func(ctx context.Context) (int64, error)
}

// ConnectionOf wraps a part of a list of sessions.
func ConnectionOf(f sessions.Search, found sessions.Found) *SessionConnection {
	out := &SessionConnection{Edges: []*SessionEdge{}, Nodes: sessionsOf(found.Sessions), PageInfo: &PageInfo{HasNextPage: found.Next, HasPreviousPage: found.Prior}}
	for _, s := range out.Nodes {
		out.Edges = append(out.Edges, &SessionEdge{Cursor: sessions.SessionCursor(s.s.ID), Node: s})
	}
	if n := len(out.Edges); n > 0 {
		out.PageInfo.StartCursor, out.PageInfo.EndCursor = &out.Edges[0].Cursor, &out.Edges[n-1].Cursor
	}
	out.totalCount = func(ctx context.Context) (int64, error) {
		l := loadersOf(ctx)
		return l.cfg.Sessions.Count(ctx, l.p, f)
	}
	return out
}

// TotalCount is how many sessions the filters select.
func (c *SessionConnection) TotalCount(ctx context.Context) (*int, error) {
	n, err := c.totalCount(ctx)
	if err != nil {
		return nil, err
	}
	out := int(n)
	return &out, nil
}

// SessionEdge is a session in a list.
type SessionEdge struct {
	Cursor string
	Node   *Session
}

// NeuralDataOf is one frame of a block of samples. take gives the events and the losses since the frame before.
func NeuralDataOf(b *live.Block, frame int, take func() ([]*NeuralEvent, int64)) *NeuralData {
	ses := b.Session
	sample := b.First + int64(frame)*b.Step
	out := &NeuralData{Timestamp: time.UnixMilli(b.TimeMS(frame)), DeviceID: Optional(ses.DeviceID), SessionID: ses.ID, Seq: b.Seq, Sample: sample,
		Channels: make([]*NeuralChannel, len(ses.Channels))}
	if ses.OriginMS != nil {
		out.Timestamp = instant(float64(*ses.OriginMS) + float64(sample)*1000/ses.SampleRateHz)
	}
	for ch, name := range ses.Channels {
		c := &NeuralChannel{Number: ch + 1, Name: name, Value: float64(b.At(frame, ch))}
		if ch < len(b.Quality) {
			c.Quality = &b.Quality[ch]
		}
		out.Channels[ch] = c
	}
	out.Events, out.Dropped = take()
	return out
}
