package grpcapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/api/proto/neurod/v1/neurodv1connect"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/models"
)

// decodeService is neurod.v1.DecodeService.
type decodeService struct{ *API }

var _ neurodv1connect.DecodeServiceHandler = (*decodeService)(nil)

// protocol is what kept answers of gRPC are named after.
const protocol = "grpc"

// kept is an answer that is kept for a repetition of the call.
func kept(b []byte) models.Answer { return models.Answer{Protocol: protocol, Bytes: b} }

// keyOf returns the idempotency of a request, whose fingerprint is that of its fields.
func keyOf(key string, r proto.Message) (service.Idempotency, error) {
	if key == "" {
		return service.Idempotency{}, nil
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		return service.Idempotency{}, err
	}
	sum := sha256.Sum256(b)
	return service.Idempotency{Key: key, Fingerprint: hex.EncodeToString(sum[:]), Protocol: protocol}, nil
}

// SubmitDecode implements the service.
func (a *decodeService) SubmitDecode(ctx context.Context, r *neurodv1.SubmitDecodeRequest) (*neurodv1.SubmitDecodeResponse, error) {
	accepted, err := a.submit(ctx, r.Recording, r.Options, r.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	return &neurodv1.SubmitDecodeResponse{JobId: accepted.JobID, Replayed: accepted.Replayed}, nil
}

// Decode implements the service.
func (a *decodeService) Decode(ctx context.Context, r *neurodv1.DecodeRequest) (*neurodv1.DecodeResponse, error) {
	if err := service.Authorize(principal(ctx), models.RightJobsRead); err != nil { // before anything is accepted
		return nil, err
	}
	accepted, err := a.submit(ctx, r.Recording, r.Options, r.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	job, err := a.wait(ctx, accepted.JobID, service.MaxWait)
	return &neurodv1.DecodeResponse{Job: job}, err
}

// submit accepts a recording. Its key is the same for both calls that submit.
func (a *decodeService) submit(ctx context.Context, r *neurodv1.Recording, o *neurodv1.DecodeOptions, key string) (service.Accepted, error) {
	var none service.Accepted
	if err := a.cfg.Decode.Admit(principal(ctx)); err != nil {
		return none, err
	}
	if r == nil {
		return none, models.InvalidField(models.At("recording"), "required", "is required: the recording and what is known about it")
	}
	idem, err := keyOf(key, &neurodv1.SubmitDecodeRequest{Recording: r, Options: o})
	if err != nil {
		return none, err
	}
	rec := decoding.Recording{Raw: r.Data}
	if rec.Request, err = requestOf(r, o); err != nil {
		return none, err
	}
	accepted, err := a.cfg.Decode.Submit(ctx, principal(ctx), rec, idem, func(job models.Job, _ []models.Job) models.Answer { return kept([]byte(job.ID)) })
	return accepted, inMessage(err)
}

// places are where the fields of a decode document's request are in the messages.
var places = map[string]models.Path{"input": models.At("recording"), "context": models.At("options", "context"), "output": models.At("options")}

// inMessage returns an error whose fields are named as they are in the messages.
func inMessage(err error) error {
	var known *models.Error
	if !errors.As(err, &known) || len(known.Fields) == 0 {
		return err
	}
	out := *known
	out.Fields = slices.Clone(known.Fields)
	for i, f := range out.Fields {
		if len(f.Path) == 0 {
			continue
		}
		if name, ok := f.Path[0].Name(); ok && places[name] != nil {
			out.Fields[i].Path = places[name].Join(f.Path[1:])
		}
	}
	return &out
}

// requestOf is a recording as a decode takes it.
func requestOf(r *neurodv1.Recording, o *neurodv1.DecodeOptions) (eeg.Request, error) {
	in := eeg.Input{Type: "eeg", Encoding: eeg.Encoding(r.Encoding), Layout: eeg.Layout(r.Layout), ScaleUV: r.ScaleUv, Unit: r.Unit,
		Paradigm: eeg.Paradigm(r.Paradigm), Device: r.Device, ChannelNames: r.ChannelNames, SampleRate: r.SampleRate, EventClasses: r.EventClasses,
		Trials: r.Trials, Stimulus: stimulusOf(r.Stimulus), Model: r.Model, Alignment: r.Alignment, SessionID: r.SessionId, StartMS: r.StartMs, EndMS: r.EndMs, Seizure: seizureOf(r.Seizure)}
	switch {
	case len(r.Channels) > 0 && r.ChannelCount != 0:
		return eeg.Request{}, models.InvalidField(models.At("recording", "channel_count"), "conflict", "replaces channels; give one of the two")
	case len(r.Channels) > 0:
		in.Channels = &eeg.Channels{Count: len(r.Channels), Names: r.Channels}
	case r.ChannelCount != 0:
		in.Channels = &eeg.Channels{Count: int(r.ChannelCount)}
	}
	switch {
	case r.AllEvents && len(r.Events) > 0:
		return eeg.Request{}, models.InvalidField(models.At("recording", "all_events"), "conflict", "replaces events; give one of the two")
	case r.AllEvents:
		in.Events = eeg.AllEvents()
	}
	for _, e := range r.Events {
		in.Events = append(in.Events, eeg.Event{Onset: e.OnsetS, Code: int(e.Code), Label: e.Label})
	}
	out := eeg.Request{Input: in}
	if o == nil {
		return out, nil
	}
	if o.Context != nil {
		b, err := o.Context.MarshalJSON()
		if err == nil {
			out.Context = &eeg.Context{}
			err = json.Unmarshal(b, out.Context)
		}
		if err != nil {
			return out, models.InvalidField(models.At("options", "context"), "type", "has a field of the wrong type: %s", models.Cut(err.Error(), 200))
		}
	}
	if o.IncludeDiagnostics || len(o.Features) > 0 {
		out.Output = &eeg.OutputOptions{IncludeDiagnostics: o.IncludeDiagnostics, Features: featuresOf(o.Features)}
	}
	return out, nil
}

// featuresOf returns the features of these names, nil for none.
func featuresOf(names []string) []eeg.Feature {
	var out []eeg.Feature
	for _, n := range names {
		out = append(out, eeg.Feature(n))
	}
	return out
}

func stimulusOf(s *neurodv1.Stimulus) *eeg.Stimulus {
	if s == nil {
		return nil
	}
	out := &eeg.Stimulus{}
	for _, t := range s.Targets {
		out.Targets = append(out.Targets, eeg.Target{Label: t.Label, Frequency: t.Frequency, Phase: t.Phase})
	}
	for _, row := range s.Matrix {
		out.Matrix = append(out.Matrix, row.GetSymbols())
	}
	for code, lit := range s.Flashes {
		if out.Flashes == nil {
			out.Flashes = make(map[string][]string, len(s.Flashes))
		}
		out.Flashes[code] = lit.GetSymbols()
	}
	if c := s.Codes; c != nil {
		out.Codes = &eeg.CodeBook{Kind: c.Kind, RateHz: c.RateHz, Degree: int(c.Degree), Taps: wholes(c.Taps), SecondTaps: wholes(c.SecondTaps), Modulated: c.Modulated,
			Targets: int(c.Targets), Lag: int(c.Lag), Bits: c.Bits, Labels: c.Labels}
	}
	if s.FalseAccept != nil {
		out.Presence = &eeg.Presence{FalseAccept: s.FalseAccept}
	}
	return out
}

func seizureOf(o *neurodv1.SeizureOptions) *eeg.SeizureOptions {
	if o == nil {
		return nil
	}
	return &eeg.SeizureOptions{FalseAlarmsPerDay: o.FalseAlarmsPerDay, Threshold: o.Threshold}
}

func wholes(list []int32) []int {
	var out []int
	for _, v := range list {
		out = append(out, int(v))
	}
	return out
}

// GetJob implements the service.
func (a *decodeService) GetJob(ctx context.Context, r *neurodv1.GetJobRequest) (*neurodv1.GetJobResponse, error) {
	id, err := jobID(r.JobId)
	if err != nil {
		return nil, err
	}
	v, err := a.cfg.Jobs.Get(ctx, principal(ctx), id)
	return &neurodv1.GetJobResponse{Job: jobOf(&v.Job)}, err
}

// WaitJob implements the service.
func (a *decodeService) WaitJob(ctx context.Context, r *neurodv1.WaitJobRequest) (*neurodv1.WaitJobResponse, error) {
	id, err := jobID(r.JobId)
	if err != nil {
		return nil, err
	}
	wait := service.DefaultWait
	if _, ends := ctx.Deadline(); ends {
		wait = service.MaxWait
	}
	if s := r.TimeoutS; s != nil {
		if !(*s >= 0) {
			return nil, models.InvalidField(models.At("timeout_s"), "out_of_range", "must be a number of seconds, 0 or more")
		}
		wait = time.Duration(min(*s, service.MaxWait.Seconds()) * float64(time.Second))
	}
	job, err := a.wait(ctx, id, wait)
	return &neurodv1.WaitJobResponse{Job: job}, err
}

// CancelJob implements the service.
func (a *decodeService) CancelJob(ctx context.Context, r *neurodv1.CancelJobRequest) (*neurodv1.CancelJobResponse, error) {
	id, err := jobID(r.JobId)
	if err != nil {
		return nil, err
	}
	v, err := a.cfg.Jobs.Cancel(ctx, principal(ctx), id)
	return &neurodv1.CancelJobResponse{Job: jobOf(&v.Job)}, err
}

// answerIn is left of a call's deadline for its answer to reach the client.
const answerIn = 200 * time.Millisecond

// wait waits for a job, at most for so long and not beyond the deadline of the call: an answer that comes later is none.
func (a *API) wait(ctx context.Context, id string, most time.Duration) (*neurodv1.Job, error) {
	v, err := a.await(ctx, id, most)
	return jobOf(&v.Job), err
}

func (a *API) await(ctx context.Context, id string, most time.Duration) (decoding.JobView, error) {
	if end, ends := ctx.Deadline(); ends {
		left := time.Until(end)
		most = min(most, left-min(answerIn, left/4))
	}
	return a.cfg.Jobs.Wait(ctx, principal(ctx), id, max(0, most))
}

func jobID(text string) (string, error) {
	id, ok := models.ParseJobID(text)
	if !ok {
		return "", models.NewError(models.JobNotFound)
	}
	return id, nil
}

var states = map[models.JobState]neurodv1.JobState{
	models.JobQueued:    neurodv1.JobState_JOB_STATE_QUEUED,
	models.JobRunning:   neurodv1.JobState_JOB_STATE_RUNNING,
	models.JobCompleted: neurodv1.JobState_JOB_STATE_COMPLETED,
	models.JobFailed:    neurodv1.JobState_JOB_STATE_FAILED,
	models.JobCanceled:  neurodv1.JobState_JOB_STATE_CANCELED,
}

// jobOf is what callers see of a job.
func jobOf(j *models.Job) *neurodv1.Job {
	out := &neurodv1.Job{JobId: j.ID, Kind: string(j.Kind), State: states[j.State], CreatedAt: timestamppb.New(j.CreatedAt), Attempts: int32(j.Attempts), //nolint:gosec // at most 100
		Diagnostics: structOfJSON(j.Diagnostics)}
	if j.StartedAt != nil {
		out.StartedAt = timestamppb.New(*j.StartedAt)
	}
	if j.FinishedAt != nil {
		out.FinishedAt = timestamppb.New(*j.FinishedAt)
	}
	switch {
	case j.ErrorCode != nil:
		out.Error = &neurodv1.JobError{Code: *j.ErrorCode, Details: structOfJSON(j.ErrorDetails)}
		if j.ErrorMessage != nil {
			out.Error.Message = *j.ErrorMessage
		}
	case len(j.Output) == 0:
	case j.Kind == models.KindDecode:
		out.Result = resultOf(j.Output)
	default:
		out.Output = structOfJSON(j.Output)
	}
	return out
}

// resultOf is what a decode has found, given as it is stored.
func resultOf(output []byte) *neurodv1.DecodeResult {
	var r eeg.Result
	if json.Unmarshal(output, &r) != nil {
		return &neurodv1.DecodeResult{Output: structOfJSON(output)}
	}
	out := &neurodv1.DecodeResult{DecodedIntent: r.DecodedIntent, Confidence: r.Confidence, ParadigmDetected: r.ParadigmDetected, PredictedText: r.PredictedText,
		SessionContext: r.SessionContext, SeizureDetected: r.SeizureDetected, RedFlags: r.RedFlags, Disclaimer: r.Disclaimer, DecodedClass: r.DecodedClass,
		Output: structOfJSON(output)}
	for _, alternative := range r.Alternatives {
		out.Alternatives = append(out.Alternatives, &neurodv1.RankedIntent{Intent: alternative.Intent, Confidence: alternative.Confidence})
	}
	return out
}

// sessionDecodeOf is what callers see of a live decode.
func sessionDecodeOf(d *models.SessionDecode) *neurodv1.SessionDecode {
	out := &neurodv1.SessionDecode{DecodeId: d.ID(), StartUnixMs: d.StartMS, EndUnixMs: d.EndMS}
	var failed struct {
		Error *struct {
			Code    string          `json:"code"`
			Message string          `json:"message"`
			Details json.RawMessage `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(d.Data), &failed) == nil && failed.Error != nil {
		out.Outcome = &neurodv1.SessionDecode_Error{Error: &neurodv1.JobError{Code: failed.Error.Code, Message: failed.Error.Message, Details: structOfJSON(failed.Error.Details)}}
		return out
	}
	out.Outcome = &neurodv1.SessionDecode_Result{Result: resultOf([]byte(d.Data))}
	return out
}
