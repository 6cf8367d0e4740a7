package graphqlapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/neurod/neurod/graphqlapi/entity"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

type mutation struct{ s *Server }

// userErrors says of an error what the payload tells of it: what is wrong with the input, or stands in the way of it. Errors of who calls,
// and ours, are errors of the field.
func userErrors(err error, names map[string]string) ([]*entity.UserError, error) {
	if err == nil {
		return []*entity.UserError{}, nil
	}
	e := models.AsError(err)
	switch e.Class() {
	case models.ClassUnauthenticated, models.ClassForbidden, models.ClassExhausted, models.ClassInternal:
		return nil, err
	case models.ClassUnavailable:
		if e.Code != models.StreamNotStarted { // of which the caller may do something
			return nil, err
		}
	}
	code, message, _ := render.Told(render.Devices, e)
	if len(e.Fields) == 0 {
		return []*entity.UserError{{Code: code, Message: message}}, nil
	}
	out := make([]*entity.UserError, len(e.Fields))
	for i, f := range e.Fields {
		steps := make([]string, len(f.Path))
		for k, step := range f.Path {
			steps[k] = step.String()
			if name := names[steps[k]]; name != "" {
				steps[k] = name
			}
		}
		field := strings.Join(steps, ".")
		out[i] = &entity.UserError{Code: code, Message: f.Message}
		if field != "" {
			out[i].Field = &field
			out[i].Message = field + " " + f.Message
		}
	}
	return out, nil
}

// inputNames are the names of the schema for what services name otherwise.
var inputNames = map[string]string{"external_user_id": "patientId", "sample_rate_hz": "sampleRate", "sample_rate": "sampleRate", "device_id": "deviceId", "device_ids": "deviceIds", "device_type": "deviceType",
	"duration_minutes": "durationMinutes", "model_type": "modelType", "model_id": "modelId", "session_id": "sessionId"}

func sessionPayload(ses models.Session, err error) (*entity.SessionPayload, error) {
	wrong, err := userErrors(err, inputNames)
	if err != nil {
		return nil, err
	}
	out := &entity.SessionPayload{Errors: wrong}
	if len(wrong) == 0 {
		out.Session = entity.SessionOf(ses)
	}
	return out, nil
}

// CreateSession is the field createSession.
func (m mutation) CreateSession(ctx context.Context, in entity.CreateSessionInput) (*entity.SessionPayload, error) {
	ses, err := m.createSession(ctx, in)
	return sessionPayload(ses, err)
}

func (m mutation) createSession(ctx context.Context, in entity.CreateSessionInput) (models.Session, error) {
	ids := in.DeviceIds
	switch {
	case len(ids) > 1:
		return models.Session{}, models.InvalidField(models.At("device_ids"), "too_many", "has %d devices; a session is recorded from one: make one for each, with a tag that they share", len(ids))
	case in.DeviceID != nil && len(ids) == 1 && ids[0] != *in.DeviceID:
		return models.Session{}, models.InvalidField(models.At("device_id"), "conflict", "is another device than deviceIds names")
	case in.DeviceID != nil:
		ids = []string{*in.DeviceID}
	}
	n := sessions.NewSession{ExternalUserID: in.PatientID, DeviceType: value(in.DeviceType), SampleRateHz: value(in.SampleRate), Channels: in.Channels,
		About: sessions.About{Name: in.Name, Metadata: in.Metadata, Protocol: in.Protocol, PlannedMinutes: in.DurationMinutes}}
	if in.Tags != nil {
		n.Tags = &in.Tags
	}
	if len(ids) == 1 {
		n.DeviceID = &ids[0]
	}
	if len(in.Decode) > 0 && string(in.Decode) != "null" {
		n.Decode = &sessions.NewLiveDecode{}
		if err := strict(in.Decode, n.Decode, "decode"); err != nil {
			return models.Session{}, err
		}
	}
	p := principal(ctx)
	idem, err := keyOf(ctx)
	if err != nil {
		return models.Session{}, err
	}
	var ses models.Session
	made, err := m.s.cfg.Once.Do(ctx, p.ProjectID, "graphql_session", idem, func() (err error) {
		ses, err = m.s.cfg.Sessions.Check(ctx, p, n)
		return err
	}, func(ctx context.Context) (service.Made, error) {
		return service.Made{Answer: respond(models.Job{}, nil), Ref: ses.ID}, m.s.cfg.Sessions.Create(ctx, p, ses)
	})
	if err != nil || !made.Replayed {
		return ses, err
	}
	return m.s.cfg.Sessions.Get(ctx, p, made.JobID)
}

// protocol is what kept answers of GraphQL are named after.
const protocol = "graphql"

// keyOf is the Idempotency-Key of the field that is resolved: that of the request, for this field alone, so that an operation may hold several.
func keyOf(ctx context.Context) (service.Idempotency, error) {
	idem := callerOf(ctx).idem
	if idem.Key == "" {
		return service.Idempotency{}, nil
	}
	if err := service.CheckKey(idem); err != nil {
		return service.Idempotency{}, err
	}
	sum := sha256.Sum256([]byte(graphql.GetPath(ctx).String() + "\x00" + idem.Key))
	idem.Key, idem.Protocol = protocol+" "+hex.EncodeToString(sum[:]), protocol
	return idem, nil
}

// strict reads JSON as the REST API does: what does not fit, and members that are not known, are named.
func strict(text json.RawMessage, to any, at ...string) error {
	found := strictjson.Decode(text, to)
	if len(found) == 0 {
		return nil
	}
	e := models.NewError(models.InvalidRequestBody)
	for _, f := range found {
		e.Fields = append(e.Fields, models.FieldError{Path: models.At(at...).Join(f.Path), Code: f.Code, Message: f.Text})
	}
	return e
}

// UpdateSession is the field updateSession.
func (m mutation) UpdateSession(ctx context.Context, id string, in entity.UpdateSessionInput) (*entity.SessionPayload, error) {
	about := sessions.About{Name: in.Name, Metadata: in.Metadata, Protocol: in.Protocol, PlannedMinutes: in.DurationMinutes}
	if in.Tags != nil {
		about.Tags = &in.Tags
	}
	return sessionPayload(m.s.cfg.Sessions.Update(ctx, principal(ctx), id, about))
}

// EndSession is the field endSession.
func (m mutation) EndSession(ctx context.Context, id string) (*entity.SessionPayload, error) {
	return sessionPayload(m.s.cfg.Sessions.Finish(ctx, principal(ctx), id))
}

// DeleteSession is the field deleteSession.
func (m mutation) DeleteSession(ctx context.Context, id string) (*entity.DeleteSessionPayload, error) {
	erased, err := m.s.cfg.Sessions.EraseSession(ctx, principal(ctx), id)
	wrong, err := userErrors(err, inputNames)
	if err != nil {
		return nil, err
	}
	out := &entity.DeleteSessionPayload{Errors: wrong}
	if len(wrong) == 0 {
		out.DeletedID = &id
		if erased.Audit == nil {
			out.Job = entity.JobOf(erased.Job)
		}
	}
	return out, nil
}

// configOf reads how a device is to stream.
func configOf(in entity.StreamConfig) (devices.ConfigChange, error) {
	out := devices.ConfigChange{SampleRate: in.SampleRate}
	if in.Channels != nil {
		list := make([]devices.Channel, len(in.Channels))
		for i, c := range in.Channels {
			list[i] = *c
		}
		out.Channels = &list
	}
	if f := in.Filters; f != nil {
		out.Filters = &devices.FilterChange{Notch: f.Notch, Highpass: f.Highpass, Lowpass: f.Lowpass}
		switch len(f.Bandpass) {
		case 0:
		case 2:
			out.Filters.Bandpass = &[2]float64{f.Bandpass[0], f.Bandpass[1]}
		default:
			return out, models.InvalidSetting(models.At("filters", "bandpass"), "type", "must be two frequencies in Hz, the lower first")
		}
	}
	return out, nil
}

func streamPayload(st devices.Stream, ended bool, err error) (*entity.StreamPayload, error) {
	wrong, err := userErrors(err, inputNames)
	if err != nil {
		return nil, err
	}
	out := &entity.StreamPayload{Errors: wrong}
	if len(wrong) > 0 {
		return out, nil
	}
	out.StreamID, out.SessionID = &st.ID, &st.SessionID
	if !ended {
		out.Status = entity.StreamStatusOf(st.Device.State)
	}
	return out, nil
}

// StartStreaming is the field startStreaming.
func (m mutation) StartStreaming(ctx context.Context, deviceID string, config entity.StreamConfig, patientID, name *string) (*entity.StreamPayload, error) {
	change, err := configOf(config)
	var st devices.Stream
	if err == nil {
		st, err = m.s.cfg.Devices.Start(ctx, principal(ctx), deviceID, devices.StreamRequest{Config: change, ExternalUserID: value(patientID), Name: value(name)})
	}
	return streamPayload(st, false, err)
}

// StopStreaming is the field stopStreaming.
func (m mutation) StopStreaming(ctx context.Context, deviceID string) (*entity.StreamPayload, error) {
	st, err := m.s.cfg.Devices.Stop(ctx, principal(ctx), deviceID, false)
	return streamPayload(st, st.Ended, err)
}

// UpdateDeviceConfig is the field updateDeviceConfig.
func (m mutation) UpdateDeviceConfig(ctx context.Context, deviceID string, config entity.StreamConfig) (*entity.DevicePayload, error) {
	change, err := configOf(config)
	var d devices.Device
	if err == nil {
		d, err = m.s.cfg.Devices.Configure(ctx, principal(ctx), deviceID, change)
	}
	wrong, err := userErrors(err, inputNames)
	if err != nil {
		return nil, err
	}
	out := &entity.DevicePayload{Errors: wrong}
	if len(wrong) == 0 {
		out.Device = entity.DeviceOf(d)
	}
	return out, nil
}

// respond is the answer that is kept with an Idempotency-Key: an empty one. A repetition shows what was made as it stands.
func respond(models.Job, []models.Job) models.Answer {
	return models.Answer{Protocol: protocol, Bytes: []byte("{}")}
}

// AnalyzeSession is the field analyzeSession.
func (m mutation) AnalyzeSession(ctx context.Context, sessionID string, in entity.AnalyzeInput) (*entity.AnalysisPayload, error) {
	p := principal(ctx)
	r := analysis.Request{SessionID: sessionID, ModelType: value(in.ModelType)}
	var err error
	if len(in.Parameters) > 0 && string(in.Parameters) != "null" {
		err = strict(in.Parameters, &r.Parameters, "parameters")
	}
	var idem service.Idempotency
	if err == nil {
		idem, err = keyOf(ctx)
	}
	var accepted service.Accepted
	if err == nil {
		accepted, err = m.s.cfg.Analyses.Analyze(ctx, p, r, callerOf(ctx).room, idem, respond)
	}
	wrong, err := userErrors(err, inputNames)
	if err != nil {
		return nil, err
	}
	out := &entity.AnalysisPayload{Errors: wrong}
	if len(wrong) > 0 {
		return out, nil
	}
	out.AnalysisID = &accepted.JobID
	if p.May(models.RightJobsRead) {
		a, err := m.s.cfg.Analyses.Get(ctx, p, accepted.JobID)
		if err != nil {
			return nil, err
		}
		out.Analysis = entity.AnalysisOf(a)
	}
	return out, nil
}

// jobPayload is a job that was accepted, as far as the caller may see jobs: its id in any case.
func (m mutation) jobPayload(ctx context.Context, job models.Job, err error) (*entity.JobPayload, error) {
	wrong, err := userErrors(err, inputNames)
	if err != nil {
		return nil, err
	}
	out := &entity.JobPayload{Errors: wrong}
	if len(wrong) == 0 {
		out.Job = entity.JobOf(job)
	}
	return out, nil
}

// Decode is the field decode.
func (m mutation) Decode(ctx context.Context, request json.RawMessage) (*entity.JobPayload, error) {
	var rec decoding.Recording
	if err := strict(request, &rec.Request, "request"); err != nil {
		return m.jobPayload(ctx, models.Job{}, err)
	}
	rec.Room = callerOf(ctx).room
	return m.submit(ctx, func(idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
		return m.s.cfg.Decode.Submit(ctx, principal(ctx), rec, idem, respond)
	})
}

// submit answers with the job that a call makes, or that it made when it was called with the same Idempotency-Key.
func (m mutation) submit(ctx context.Context, call func(idem service.Idempotency, respond service.Respond) (service.Accepted, error)) (*entity.JobPayload, error) {
	idem, err := keyOf(ctx)
	if err != nil {
		return m.jobPayload(ctx, models.Job{}, err)
	}
	var made models.Job
	accepted, err := call(idem, func(job models.Job, items []models.Job) models.Answer {
		made = job
		return respond(job, items)
	})
	if err == nil && accepted.Replayed {
		var v decoding.JobView
		v, err = m.s.cfg.Jobs.Get(ctx, principal(ctx), accepted.JobID)
		made = v.Job
	}
	return m.jobPayload(ctx, made, err)
}

// TrainModel is the field trainModel.
func (m mutation) TrainModel(ctx context.Context, request json.RawMessage) (*entity.JobPayload, error) {
	var req models.TrainRequest
	if err := strict(request, &req, "request"); err != nil {
		return m.jobPayload(ctx, models.Job{}, err)
	}
	return m.submit(ctx, func(idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
		return m.s.cfg.Training.Train(ctx, principal(ctx), req, idem, respond)
	})
}

// CancelJob is the field cancelJob.
func (m mutation) CancelJob(ctx context.Context, id string) (*entity.JobPayload, error) {
	v, err := m.s.cfg.Jobs.Cancel(ctx, principal(ctx), id)
	return m.jobPayload(ctx, v.Job, err)
}

// decodePath is where a deployed model answers, by its name.
const decodePath = "/api/v1/neuro/decode"

// DeployModel is the field deployModel.
func (m mutation) DeployModel(ctx context.Context, in entity.DeployModelInput) (*entity.DeployModelPayload, error) {
	name, version, pinned := strings.Cut(in.ModelID, "@")
	if !pinned {
		version = value(in.Version)
	}
	var err error
	if pinned && in.Version != nil && *in.Version != version {
		err = models.InvalidField(models.At("version"), "conflict", "is another version than modelId names")
	}
	var out entity.DeployModelPayload
	if err == nil {
		d, failed := m.s.cfg.Registry.Deploy(ctx, principal(ctx), name, version)
		if err = failed; err == nil {
			out.Deployment = &entity.Deployment{ID: d.ID, ModelID: d.ModelID, Version: d.Version, Status: "ACTIVE", Endpoint: decodePath}
		}
	}
	if out.Errors, err = userErrors(err, inputNames); err != nil {
		return nil, err
	}
	return &out, nil
}
