// Package decoding holds the use cases of decoding: recordings are judged, held to what a call may cost, and accepted as jobs, one or
// a batch at a time; jobs of every kind are followed, listed and cancelled.
package decoding

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Operations are the scopes of Idempotency-Key, beside the project. Those of calls that submit jobs are in the registry of kinds.
var (
	OperationDecode      = jobs.KindOf(models.KindDecode).Operation
	OperationDecodeBatch = jobs.KindOf(models.KindDecodeBatch).Operation
)

// Limits of a batch.
const (
	// MaxBatchItems is how many recordings one batch may hold.
	MaxBatchItems = 100
	// MaxSharedBytes is how many bytes the defaults of a batch may have, times its items: each is stored with them.
	MaxSharedBytes = 2 << 20
)

// SessionReader gives the samples of a stored session.
type SessionReader interface {
	// Samples returns the segment [startMS, endMS) of a session of the project; nil is open. Before it takes memory it asks for
	// the bytes of the segment, and ends with the error that it is given. Errors are *models.Error.
	Samples(ctx context.Context, projectID, sessionID string, startMS, endMS *int64, ask models.Room) (models.SessionSamples, error)
}

// Config is what decoding needs.
type Config struct {
	// Jobs accepts the jobs. Required.
	Jobs service.Submitter
	// Disabled refuses every decode with NeuroDecodeDisabled. Defaults to false.
	Disabled bool
	// Sessions reads recordings by session_id. Defaults to nil: session_id is refused.
	Sessions SessionReader
	// CheckModel reports whether the caller may use the model that a request names; registry.Service.CheckModel. Defaults to all.
	CheckModel func(ctx context.Context, p models.Principal, ref string) error
	// Quotas holds projects to what they may use. Defaults to none.
	Quotas *service.Quotas
	// Tally counts the decodes that are accepted. Defaults to none.
	Tally *service.Tally
	// Compute runs what takes long. Defaults to at once.
	Compute service.Compute
}

// Service is the use case of submitting recordings.
type Service struct {
	cfg Config
}

// New returns the use case.
func New(cfg Config) *Service { return &Service{cfg: cfg} }

// Recording is one decode request. Data is the base64 text of input.data where the adapter has taken it out of
// Request, and Raw the recording itself where the protocol has bytes; they are read before Submit returns and not kept.
type Recording struct {
	Request eeg.Request
	Data    []byte
	Raw     []byte
	// Err is the fault of a batch item that could not even be read.
	Err error
	// Room is asked for the memory of a recording that did not come with the call: a segment of a session. Defaults to all
	// that there is.
	Room models.Room
	// Operation is the scope of the call's Idempotency-Key. Defaults to OperationDecode.
	Operation string
}

// Admit tells before a body is read whether the principal may decode at all: InsufficientScope, NeuroDecodeDisabled.
func (d *Service) Admit(p models.Principal) error {
	if err := service.AuthorizeJob(p, models.KindDecode); err != nil {
		return err
	}
	if d.cfg.Disabled {
		return models.NewError(models.NeuroDecodeDisabled)
	}
	return nil
}

// admit is Admit for a call that may be repeated by a key.
func (d *Service) admit(p models.Principal, idem service.Idempotency) error {
	if err := d.Admit(p); err != nil {
		return err
	}
	return service.CheckKey(idem)
}

// Submit accepts one recording. Errors: those of Admit, InvalidRequestBody naming each wrong field, PayloadTooLarge,
// InvalidIdempotencyKey, LicenseRequired, ProjectQuotaExceeded, ProjectQuotaFull, and those of the engine (IdempotencyKeyReused, IdempotencyKeyInFlight, JobCreateFailed,
// JobTriggerFailed).
func (d *Service) Submit(ctx context.Context, p models.Principal, rec Recording, idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
	if err := d.admit(p, idem); err != nil {
		return service.Accepted{}, err
	}
	var all decodes
	job, err := d.prepare(ctx, p, &rec, &all)
	if err == nil {
		err = all.admit(models.At("input"))
	}
	if err != nil {
		return service.Accepted{}, err
	}
	wants := service.Wants{models.QuotaWaitingJobs: 1, models.QuotaStoredBytes: int64(len(job.Payload))}
	return d.accept(ctx, wants, jobs.Submission{ProjectID: p.ProjectID, Operation: rec.Operation, Idempotency: idem, Job: job, Respond: respond})
}

// SubmitBatch accepts many recordings as one parent job. An item that does not pass the rules is stored as a failed
// item with its own error, so that the parent accounts for every one; where no item passes, the whole batch is
// refused with the fields of its items.
func (d *Service) SubmitBatch(ctx context.Context, p models.Principal, recs []Recording, idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
	if err := d.admit(p, idem); err != nil {
		return service.Accepted{}, err
	}
	switch n := len(recs); {
	case n == 0:
		return service.Accepted{}, models.InvalidField(models.At("items"), "required", "is empty; must have 1 to %d recordings", MaxBatchItems)
	case n > MaxBatchItems:
		return service.Accepted{}, models.InvalidField(models.At("items"), "too_many", "has %d recordings; at most %d are allowed", n, MaxBatchItems)
	}
	items := make([]jobs.NewJob, len(recs))
	faults := make([]*models.Error, len(recs))
	good := 0
	var all decodes
	for i := range recs {
		job, err := d.prepare(ctx, p, &recs[i], &all)
		if err != nil && all.bytes > MaxRecordingsBytes { // a fault of all of them together
			return service.Accepted{}, err
		}
		if err == nil {
			items[i] = job
			good++
			continue
		}
		e := models.AsError(err)
		if e.Class().Ours() { // not the item's
			return service.Accepted{}, err
		}
		faults[i] = e
		items[i] = failedItem(&recs[i], e)
	}
	if good == 0 {
		return service.Accepted{}, allBad(faults)
	}
	if err := all.admit(models.At("items")); err != nil {
		return service.Accepted{}, err
	}
	request, err := json.Marshal(map[string]int{"items": len(recs)})
	if err != nil {
		return service.Accepted{}, err
	}
	stored := int64(0)
	for i := range items {
		stored += int64(len(items[i].Payload))
	}
	wants := service.Wants{models.QuotaWaitingJobs: int64(good), models.QuotaStoredBytes: stored}
	return d.accept(ctx, wants, jobs.Submission{ProjectID: p.ProjectID, Idempotency: idem,
		Job: jobs.NewJob{Kind: models.KindDecodeBatch, Request: request}, Items: items, Respond: respond})
}

// accept has decodes accepted, and counts those that were not before.
func (d *Service) accept(ctx context.Context, wants service.Wants, s jobs.Submission) (service.Accepted, error) {
	out, err := service.Submit(ctx, d.cfg.Jobs, d.cfg.Quotas, wants, s)
	if err == nil && !out.Replayed {
		d.cfg.Tally.Add(s.ProjectID, models.ActivityDecodes, wants[models.QuotaWaitingJobs])
	}
	return out, err
}

// prepare applies every rule to a recording and makes the job of it, which counts for all of the call.
func (d *Service) prepare(ctx context.Context, p models.Principal, rec *Recording, all *decodes) (jobs.NewJob, error) {
	if rec.Err != nil {
		return jobs.NewJob{}, rec.Err
	}
	req := &rec.Request
	text := rec.Data
	if len(text) == 0 {
		text = []byte(req.Input.Data)
	}
	req.Input.Data = ""
	if len(text) == 0 && len(rec.Raw) == 0 && isBlank(&req.Input) {
		return jobs.NewJob{}, models.InvalidField(models.At("input"), "required", "is required: the recording and what is known about it")
	}
	wrong := validate.Decode(req)
	ask := func(size int64) error {
		if err := all.room(size); err != nil || rec.Room == nil {
			return err
		}
		return rec.Room(size)
	}
	payload, place, err := d.payload(ctx, p, req, text, rec.Raw, ask, &wrong)
	if err != nil {
		return jobs.NewJob{}, err
	}
	if len(wrong) > 0 {
		return jobs.NewJob{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	if d.cfg.CheckModel != nil {
		if err := d.cfg.CheckModel(ctx, p, req.Input.Model); err != nil {
			return jobs.NewJob{}, err
		}
	}
	all.add(req, len(payload))
	request, err := json.Marshal(models.AcceptedDecode{Request: *req, Place: place})
	if err != nil {
		return jobs.NewJob{}, fmt.Errorf("service: serialize an accepted request: %w", err)
	}
	return jobs.NewJob{Kind: models.KindDecode, Request: request, Payload: payload, SessionID: req.Input.SessionID}, nil
}

// isBlank reports whether nothing of the input was given.
func isBlank(in *eeg.Input) bool {
	return in.Type == "" && in.Encoding == "" && in.Layout == "" && in.ScaleUV == nil && in.Unit == "" && in.Paradigm == "" &&
		in.Device == "" && in.Channels == nil && in.ChannelNames == nil && in.SampleRate == 0 && in.Events == nil && in.EventClasses == nil && in.Trials == "" && in.Stimulus == nil &&
		in.Model == "" && in.Alignment == "" && in.Seizure == nil && in.SessionID == "" && in.StartMS == nil && in.EndMS == nil
}

// payload returns the recording's bytes, from input.data, as they came, or from a session, and then where they lie in it. What is wrong with the field goes to
// wrong; errors are for what ends the request at once.
//
//nolint:gocyclo // one exit for each way in which a recording comes, or does not
func (d *Service) payload(ctx context.Context, p models.Principal, req *eeg.Request, text, raw []byte, ask models.Room, wrong *validate.Fields) ([]byte, *models.SessionPlace, error) {
	in := &req.Input
	switch {
	case in.SessionID != "" && len(text)+len(raw) > 0:
		wrong.Add(models.At("input", "session_id"), "conflict", "replaces data; give one of the two")
		return nil, nil, nil
	case in.SessionID != "" && d.cfg.Sessions == nil:
		wrong.Add(models.At("input", "session_id"), "not_supported", "this server stores no sessions; send the recording in input.data")
		return nil, nil, nil
	case in.SessionID != "":
		if len(*wrong) > 0 {
			return nil, nil, nil
		}
		if err := service.Authorize(p, models.RightSessionsRead); err != nil { // it reads what this scope protects
			return nil, nil, err
		}
		s, err := d.cfg.Sessions.Samples(ctx, p.ProjectID, in.SessionID, in.StartMS, in.EndMS, ask)
		if err != nil {
			return nil, nil, err
		}
		if len(s.Data) > eeg.MaxPayloadBytes {
			return nil, nil, validate.TooLarge(len(s.Data))
		}
		in.SessionID = s.SessionID
		in.Encoding, in.Layout, in.ScaleUV, in.Unit = "float32le", "sample_major", nil, ""
		in.Channels = &eeg.Channels{Count: len(s.Channels), Names: s.Channels}
		in.SampleRate = s.Rate
		if in.Events.All() {
			in.Events, in.Trials = nil, "all"
		}
		if in.Events == nil { // the caller's own go before the session's
			in.Events = s.Events
		}
		return s.Data, &s.Place, nil
	case len(raw) > eeg.MaxPayloadBytes:
		return nil, nil, validate.TooLarge(len(raw))
	case len(raw) > 0:
		return raw, nil, nil
	case len(text) == 0:
		wrong.Add(models.At("input", "data"), "required", "is required: the recording in base64")
		return nil, nil, nil
	case len(text)/4*3 > eeg.MaxPayloadBytes+3: // before anything of that size is allocated
		return nil, nil, validate.TooLarge(len(text) / 4 * 3)
	}
	var payload []byte
	var bad *badBase64
	err := d.cfg.Compute.Run(ctx, p.ProjectID, time.Duration(len(text))*base64Byte, func() error {
		payload, bad = decodeBase64(text)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	switch {
	case bad != nil && bad.position < 0:
		wrong.Add(models.At("input", "data"), "not_base64", "is not base64: %d characters are %s", len(text), bad.reason)
	case bad != nil:
		wrong.Add(models.At("input", "data"), "not_base64", "is not base64: position %d holds %s, %s",
			bad.position, strconv.QuoteToASCII(string(runeAt(text, bad.position))), bad.reason)
	case len(payload) == 0:
		wrong.Add(models.At("input", "data"), "required", "decodes to nothing")
	case len(payload) > eeg.MaxPayloadBytes:
		return nil, nil, validate.TooLarge(len(payload))
	}
	return payload, nil, nil
}

// base64Byte is about how long a character of base64 takes.
const base64Byte = 2 * time.Nanosecond

// runeAt returns the character that begins at a byte.
func runeAt(b []byte, i int) rune {
	for _, r := range string(b[i:min(i+4, len(b))]) {
		return r
	}
	return 0
}

// maxKeptRequest is the largest request of a failed item that is stored, in bytes of JSON.
const maxKeptRequest = 64 << 10

// failedItem keeps a bad item with its error, so that the batch accounts for it.
func failedItem(rec *Recording, e *models.Error) jobs.NewJob {
	request := json.RawMessage(`{}`)
	if rec.Err == nil {
		if b, err := json.Marshal(&rec.Request); err == nil && len(b) <= maxKeptRequest {
			request = b
		}
	}
	return jobs.NewJob{
		Kind:    models.KindDecode,
		Request: request,
		Failed:  &jobs.Failure{Code: string(e.Code), Message: e.Text(), Details: itemDetails(e)},
	}
}

// itemDetails is what an error says beyond its code and message.
func itemDetails(e *models.Error) json.RawMessage {
	details := make(map[string]any, len(e.Details)+1)
	for k, v := range e.Details {
		details[k] = v
	}
	if len(e.Fields) > 0 {
		details["fields"] = models.Bounded(e.Fields)
	}
	if len(details) == 0 {
		return nil
	}
	b, err := json.Marshal(details)
	if err != nil {
		return nil
	}
	return b
}

// allBad refuses a batch of which no item passes, with the fields of its items.
func allBad(faults []*models.Error) error {
	out := models.Errorf(models.InvalidRequestBody, "None of the %d items is valid; nothing was accepted.", len(faults))
	for i, e := range faults {
		base := models.At("items").Index(i)
		if len(e.Fields) == 0 {
			out.Fields = append(out.Fields, models.FieldError{Path: base, Code: string(e.Code), Message: e.Text()})
		}
		for _, f := range e.Fields {
			f.Path = base.Join(f.Path)
			out.Fields = append(out.Fields, f)
		}
		if len(out.Fields) >= validate.MaxErrors {
			out.Fields = out.Fields[:validate.MaxErrors]
			break
		}
	}
	return out
}
