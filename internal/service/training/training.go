// Package training holds the use cases of making models of labelled sessions. Requests are judged here; jobs do the work.
package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Operations are the scopes of Idempotency-Keys, beside the project.
var (
	OperationTrain     = jobs.KindOf(models.KindModelTrain).Operation
	OperationCalibrate = jobs.KindOf(models.KindModelCalibrate).Operation
)

// Limits of what is trained on.
const (
	MaxSessions         = 100
	maxTrainingEvents   = 256 // in the map of classes
	maxTrainingClasses  = 64
	maxModelName        = 128
	maxTrialSeconds     = 60
	maxLeadSeconds      = 10
	maxTrainingChannels = eeg.MaxChannels
	maxCardText         = 1000
	maxOptionsBytes     = 16 << 10
	maxLetters          = 1000 // of a session
)

// modelNameForm is what names of models look like, as their files have it.
var modelNameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)

// PipelineInfo is an algorithm that models can be trained with.
type PipelineInfo struct {
	Name     string
	Paradigm eeg.Paradigm
	Usual    bool // taken where a request names none
	Adaptive bool // its models keep learning
	OnTop    bool // a training may start from others, see models.TrainRequest.Base
}

// Store finds what a training begins with.
type Store interface {
	Session(ctx context.Context, projectID, id string) (models.Session, error)
	ProjectModel(ctx context.Context, projectID, name, version string) (models.ProjectModel, error)
}

var _ Store = (*store.Store)(nil)

// Config is what training needs.
type Config struct {
	// Store has the sessions and models. Required.
	Store Store
	// Jobs accepts the work. Required.
	Jobs service.Submitter
	// Pipelines are those that there are. Required.
	Pipelines []PipelineInfo
	// Quotas holds projects to what they may use. Defaults to none.
	Quotas *service.Quotas
}

// Service is the use cases of making models of labelled sessions. It judges requests; jobs do the work.
type Service struct{ cfg Config }

// New returns the use cases.
func New(cfg Config) *Service { return &Service{cfg} }

// Train accepts a training. Needs the scopes catalog:write, and sessions for what it reads.
//
// Errors: InsufficientScope, InvalidRequestBody naming each wrong field, SessionNotFound, InvalidIdempotencyKey, and those of
// the engine.
func (t *Service) Train(ctx context.Context, p models.Principal, req models.TrainRequest, idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
	if err := service.AdmitJob(p, models.KindModelTrain, idem); err != nil {
		return service.Accepted{}, err
	}
	var wrong validate.Fields
	if !modelNameForm.MatchString(req.Name) || len(req.Name) > maxModelName {
		wrong.Add(models.At("name"), "invalid", "must have 1 to %d of a-z, 0-9, _, . and -, and begin with a letter or digit", maxModelName)
	}
	t.checkPipeline(&req, &wrong)
	t.checkBase(req, &wrong)
	checkTrials(req.LabelledTrials, req.Paradigm == eeg.P300, &wrong)
	if classes := classNames(req.Classes); len(req.Classes) > 0 && len(classes) < 2 {
		wrong.Add(models.At("classes"), "too_few", "has %d class, %q; a model needs at least 2", len(classes), validate.Short(classes[0]))
	} else if req.Paradigm == eeg.P300 && len(classes) > 0 && !slices.Equal(classes, []string{"non_target", "target"}) {
		wrong.Add(models.At("classes"), "not_allowed", "has the classes %s; those of p300 are target and non_target", validate.Short(strings.Join(classes, ", ")))
	}
	if len(req.Channels) > maxTrainingChannels {
		wrong.Add(models.At("channels"), "too_many", "has %d names; at most %d are allowed", len(req.Channels), maxTrainingChannels)
	}
	seen := map[string]bool{}
	for i, c := range req.Channels {
		if fault := validate.NameFault(c, validate.MaxName); fault != "" || seen[c] {
			if fault == "" {
				fault = "duplicate"
			}
			wrong.Add(models.At("channels").Index(i), fault, "must be the name of a channel, given once")
		}
		seen[c] = true
	}
	if n := len(req.Options); n > maxOptionsBytes {
		wrong.Add(models.At("options"), "too_long", "has %d bytes; at most %d are allowed", n, maxOptionsBytes)
	} else if n > 0 && string(req.Options) != "null" && req.Options[0] != '{' {
		wrong.Add(models.At("options"), "type", "must be an object")
	}
	wrong.Text(models.At("summary"), req.Summary, maxCardText)
	wrong.Text(models.At("intended_use"), req.IntendedUse, maxCardText)
	if len(wrong) > 0 {
		return service.Accepted{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	if string(req.Options) == "null" {
		req.Options = nil
	}
	ids, err := t.sessions(ctx, p, &req.LabelledTrials)
	if err != nil {
		return service.Accepted{}, err
	}
	return t.submit(ctx, p, models.KindModelTrain, req, ids, idem, respond)
}

// Calibrate accepts the further training of one of the project's own models. Scopes and errors are those of Train, and
// ModelNotFound, ModelNotAdaptive.
func (t *Service) Calibrate(ctx context.Context, p models.Principal, req models.CalibrateRequest, idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
	if err := service.AdmitJob(p, models.KindModelCalibrate, idem); err != nil {
		return service.Accepted{}, err
	}
	own, err := t.cfg.Store.ProjectModel(ctx, p.ProjectID, req.Name, req.Version)
	var wrong validate.Fields
	checkTrials(req.LabelledTrials, err == nil && own.Paradigm == eeg.P300, &wrong)
	if len(wrong) > 0 {
		return service.Accepted{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	if err != nil {
		return service.Accepted{}, service.Absent(err, models.ModelNotFound)
	}
	if !slices.ContainsFunc(t.cfg.Pipelines, func(i PipelineInfo) bool { return i.Name == own.Pipeline && i.Adaptive }) {
		e := models.NewError(models.ModelNotAdaptive)
		e.Details = map[string]any{"model": own.Ref(), "pipeline": own.Pipeline, "adaptive_pipelines": t.names(func(i PipelineInfo) bool { return i.Adaptive })}
		return service.Accepted{}, e
	}
	for _, c := range classNames(req.Classes) {
		if !slices.Contains(own.Info.Classes, c) && (own.Paradigm != eeg.P300 || c != "target" && c != "non_target") {
			wrong.Add(models.At("classes"), "not_allowed", "has the class %q; those of %s are %s", validate.Short(c), own.Ref(), strings.Join(own.Info.Classes, ", "))
		}
	}
	if len(wrong) > 0 {
		return service.Accepted{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	ids, err := t.sessions(ctx, p, &req.LabelledTrials)
	if err != nil {
		return service.Accepted{}, err
	}
	return t.submit(ctx, p, models.KindModelCalibrate, req, ids, idem, respond)
}

func (t *Service) submit(ctx context.Context, p models.Principal, kind models.JobKind, req any, sessions []string,
	idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
	b, err := json.Marshal(req)
	if err != nil {
		return service.Accepted{}, fmt.Errorf("service: serialize an accepted request: %w", err)
	}
	return service.Submit(ctx, t.cfg.Jobs, t.cfg.Quotas, service.Wants{models.QuotaWaitingJobs: 1, models.QuotaModels: 1}, jobs.Submission{
		ProjectID:   p.ProjectID,
		Idempotency: idem,
		Job:         jobs.NewJob{Kind: kind, Request: b, Sessions: sessions},
		Respond:     respond,
	})
}

// checkPipeline fills in the paradigm's usual pipeline.
func (t *Service) checkPipeline(req *models.TrainRequest, wrong *validate.Fields) {
	of := func(i PipelineInfo) bool { return i.Paradigm == req.Paradigm }
	paradigms := slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, i := range t.cfg.Pipelines {
			if !yield(string(i.Paradigm)) {
				return
			}
		}
	}))
	if !slices.Contains(paradigms, string(req.Paradigm)) {
		code := "not_allowed"
		if req.Paradigm == "" {
			code = "required"
		}
		wrong.Add(models.At("paradigm"), code, "is %q; must be one of %s", validate.Short(string(req.Paradigm)), strings.Join(paradigms, ", "))
		return
	}
	if req.Pipeline == "" {
		req.Pipeline = t.names(func(i PipelineInfo) bool { return of(i) && i.Usual })[0]
		return
	}
	at := slices.IndexFunc(t.cfg.Pipelines, func(i PipelineInfo) bool { return i.Name == req.Pipeline })
	switch {
	case at < 0:
		wrong.Add(models.At("pipeline"), "unknown", "is %q; those of %s are %s", validate.Short(req.Pipeline), req.Paradigm, strings.Join(t.names(of), ", "))
	case !of(t.cfg.Pipelines[at]):
		wrong.Add(models.At("pipeline"), "not_allowed", "%s decodes %s; those of %s are %s", req.Pipeline, t.cfg.Pipelines[at].Paradigm, req.Paradigm, strings.Join(t.names(of), ", "))
	}
}

// modelRefForm is how a request names a model.
var modelRefForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*(@[0-9]+(\.[0-9]+){0,3})?$`)

// checkBase judges what a training starts from, once its pipeline is known.
func (t *Service) checkBase(req models.TrainRequest, wrong *validate.Fields) {
	if req.Base == "" || req.Base == "none" {
		return
	}
	if len(req.Base) > maxModelName || !modelRefForm.MatchString(req.Base) {
		wrong.Add(models.At("base"), "invalid", "must be none, builtin, or a model as name or name@version")
		return
	}
	able := t.names(func(i PipelineInfo) bool { return i.OnTop })
	if slices.Contains(t.names(func(i PipelineInfo) bool { return i.Paradigm == req.Paradigm }), req.Pipeline) && !slices.Contains(able, req.Pipeline) {
		wrong.Add(models.At("base"), "not_allowed", "%s starts from nothing; only %s starts from others", req.Pipeline, strings.Join(able, ", "))
	}
}

func (t *Service) names(keep func(PipelineInfo) bool) []string {
	var out []string
	for _, i := range t.cfg.Pipelines {
		if keep(i) {
			out = append(out, i.Name)
		}
	}
	return out
}

// classNames returns the classes of a map, sorted: the order that a model has them in.
func classNames(classes map[string]string) []string {
	return slices.Compact(slices.Sorted(maps.Values(classes)))
}

// checkTrials judges what needs no database; flashes says whether the trials are those of P300.
//
//nolint:gocyclo // one guard for each field
func checkTrials(l models.LabelledTrials, flashes bool, wrong *validate.Fields) {
	switch n := len(l.Sessions); {
	case n == 0:
		wrong.Add(models.At("sessions"), "required", "is required: 1 to %d sessions with events", MaxSessions)
	case n > MaxSessions:
		wrong.Add(models.At("sessions"), "too_many", "has %d sessions; at most %d are allowed", n, MaxSessions)
	default:
		seen := map[string]bool{}
		for i, s := range l.Sessions {
			path := models.At("sessions").Index(i)
			id, _ := models.ParseID(s.SessionID)
			switch {
			case s.SessionID == "":
				wrong.Add(path.Name("session_id"), "required", "is required")
			case id != "" && seen[id]:
				wrong.Add(path.Name("session_id"), "duplicate", "is given twice")
			}
			seen[id] = true
			wrong.Time(path.Name("start_ms"), s.StartMS)
			wrong.Time(path.Name("end_ms"), s.EndMS)
			if s.StartMS != nil && s.EndMS != nil && *s.StartMS >= *s.EndMS {
				wrong.Add(path.Name("start_ms"), "out_of_range", "must be before end_ms, %d", *s.EndMS)
			}
		}
	}
	checkSpelling(l, flashes, wrong)
	if n := len(l.Classes); n == 0 {
		if !flashes { // which letters tell apart, or the events themselves
			wrong.Add(models.At("classes"), "required", "is required: an object that gives event labels or codes their class, such as {\"T1\": \"left_hand\"}")
		}
	} else if n > maxTrainingEvents {
		wrong.Add(models.At("classes"), "too_many", "has %d events; at most %d are allowed", n, maxTrainingEvents)
	} else {
		for _, event := range slices.Sorted(maps.Keys(l.Classes)) {
			if fault := validate.NameFault(event, validate.MaxEventLabel); fault != "" {
				wrong.Add(models.At("classes"), "invalid", "has %q, which cannot be the name of an event", validate.Short(event))
			}
			if fault := validate.NameFault(l.Classes[event], maxModelName); fault != "" {
				wrong.Add(models.At("classes", event), fault, "must be the name of a class, of at most %d characters", maxModelName)
			}
		}
		if n := len(classNames(l.Classes)); n > maxTrainingClasses {
			wrong.Add(models.At("classes"), "too_many", "has %d classes; at most %d are allowed", n, maxTrainingClasses)
		}
	}
	if w := l.Window; w != nil {
		if !(w.FromS >= -maxLeadSeconds && w.FromS <= 0) {
			wrong.Add(models.At("window", "from_s"), "out_of_range", "must be a number of s from %d to 0", -maxLeadSeconds)
		}
		if !(w.ToS > 0 && w.ToS <= maxTrialSeconds) || math.IsInf(w.ToS, 0) {
			wrong.Add(models.At("window", "to_s"), "out_of_range", "must be a number of s above 0, at most %d", maxTrialSeconds)
		}
	}
}

// checkSpelling judges what was spelled, which tells the targets among flashes.
func checkSpelling(l models.LabelledTrials, flashes bool, wrong *validate.Fields) {
	spelled := false
	for i, s := range l.Sessions {
		if s.Letters == "" {
			continue
		}
		path := models.At("sessions").Index(i).Name("letters")
		switch spelled = true; {
		case !flashes:
			wrong.Add(path, "not_allowed", "tell the targets among the flashes of p300; other paradigms have classes")
		case len(l.Classes) > 0:
			wrong.Add(path, "conflict", "tell the targets in the place of classes: leave one of them out")
		case l.Stimulus == nil:
			wrong.Add(models.At("stimulus"), "required", "is required with letters: the matrix that they were spelled with")
		}
		wrong.Text(path, s.Letters, maxLetters)
	}
	if l.Stimulus == nil {
		return
	}
	if !spelled {
		wrong.Add(models.At("stimulus"), "not_applicable", "says what letters were spelled with, and no session has letters")
	}
	if l.Stimulus.Matrix == nil {
		wrong.Add(models.At("stimulus", "matrix"), "required", "is required")
		return
	}
	// The rules are those of a decode request, whose stimulus stands in its input.
	var inner validate.Fields
	validate.Stimulus(&eeg.Stimulus{Matrix: l.Stimulus.Matrix, Flashes: l.Stimulus.Flashes}, 0, &inner)
	for _, e := range inner {
		wrong.Add(e.Path[1:], e.Code, "%s", e.Message)
	}
}

// sessions reads the sessions of a request, which all have one rate, puts their ids into the form that jobs use, and returns
// those in order: it is the order in which they are locked.
func (t *Service) sessions(ctx context.Context, p models.Principal, l *models.LabelledTrials) ([]string, error) {
	var wrong validate.Fields
	l.Sessions = slices.Clone(l.Sessions)
	ids := make([]string, len(l.Sessions))
	rate := 0.0
	for i := range l.Sessions {
		var ses models.Session
		id, ok := models.ParseID(l.Sessions[i].SessionID)
		err := store.ErrNotFound
		if ok {
			ses, err = t.cfg.Store.Session(ctx, p.ProjectID, id)
		}
		if errors.Is(err, store.ErrNotFound) {
			e := models.NewError(models.SessionNotFound)
			e.At = models.At("sessions").Index(i).Name("session_id")
			return nil, e
		}
		if err != nil {
			return nil, service.Unavailable(err)
		}
		l.Sessions[i].SessionID, ids[i] = id, id
		if rate == 0 {
			rate = ses.SampleRateHz
		}
		if ses.SampleRateHz != rate {
			wrong.Add(models.At("sessions").Index(i).Name("session_id"), "sample_rate", "names a session of %g Hz; the first has %g Hz", ses.SampleRateHz, rate)
		}
	}
	if len(wrong) > 0 {
		return nil, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	slices.Sort(ids)
	return ids, nil
}
