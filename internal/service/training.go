package service

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
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Scopes of Idempotency-Keys.
var (
	OperationTrain     = jobs.KindOf(models.KindModelTrain).Operation
	OperationCalibrate = jobs.KindOf(models.KindModelCalibrate).Operation
)

// Limits of what is trained on.
const (
	MaxTrainingSessions = 100
	maxTrainingEvents   = 256 // in the map of classes
	maxTrainingClasses  = 64
	maxModelName        = 128
	maxTrialSeconds     = 60
	maxLeadSeconds      = 10
	maxTrainingChannels = eeg.MaxChannels
	maxCardText         = 1000
	maxOptionsBytes     = 16 << 10
)

// modelNameForm is what names of models look like, as their files have it.
var modelNameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)

// PipelineInfo is an algorithm that models can be trained with.
type PipelineInfo struct {
	Name     string
	Paradigm eeg.Paradigm
	Usual    bool // taken where a request names none
	Adaptive bool // its models go on learning
}

// TrainingStore finds what a training begins with.
type TrainingStore interface {
	Session(ctx context.Context, projectID, id string) (models.Session, error)
	ProjectModel(ctx context.Context, projectID, name, version string) (models.ProjectModel, error)
}

var _ TrainingStore = (*store.Store)(nil)

// Trainer accepts jobs. Accepted means kept: see package jobs.
type Trainer interface {
	Submit(ctx context.Context, s jobs.Submission) (jobs.Accepted, error)
}

var _ Trainer = (*jobs.Engine)(nil)

// TrainingConfig is what training stands on.
type TrainingConfig struct {
	// Store has the sessions and models. Required.
	Store TrainingStore
	// Jobs accepts the work. Required.
	Jobs Trainer
	// Pipelines are those that there are. Required.
	Pipelines []PipelineInfo
	// Quotas holds projects to what they may use. Defaults to none.
	Quotas *Quotas
}

// Training is the use cases of making models of labelled sessions. It judges requests; jobs do the work.
type Training struct{ cfg TrainingConfig }

// NewTraining returns the use cases.
func NewTraining(cfg TrainingConfig) *Training { return &Training{cfg} }

// Train accepts a training. Needs the scopes catalog:write, and sessions for what it reads.
//
// Errors: InsufficientScope, InvalidRequestBody naming each wrong field, SessionNotFound, InvalidIdempotencyKey, and those of
// the engine.
func (t *Training) Train(ctx context.Context, p models.Principal, req models.TrainRequest, idem Idempotency, respond Respond) (Accepted, error) {
	if err := t.admit(p, models.KindModelTrain, idem); err != nil {
		return Accepted{}, err
	}
	var wrong fieldErrors
	if !modelNameForm.MatchString(req.Name) || len(req.Name) > maxModelName {
		wrong.add(models.At("name"), "invalid", "must have 1 to %d of a-z, 0-9, _, . and -, and begin with a letter or digit", maxModelName)
	}
	t.checkPipeline(&req, &wrong)
	checkTrials(req.LabelledTrials, &wrong)
	if classes := classNames(req.Classes); len(req.Classes) > 0 && len(classes) < 2 {
		wrong.add(models.At("classes"), "too_few", "has %d class, %q; a model tells at least 2 apart", len(classes), short(classes[0]))
	} else if req.Paradigm == eeg.P300 && len(classes) > 0 && !slices.Equal(classes, []string{"non_target", "target"}) {
		wrong.add(models.At("classes"), "not_allowed", "has the classes %s; those of p300 are target and non_target", short(strings.Join(classes, ", ")))
	}
	if len(req.Channels) > maxTrainingChannels {
		wrong.add(models.At("channels"), "too_many", "has %d names; at most %d are allowed", len(req.Channels), maxTrainingChannels)
	}
	seen := map[string]bool{}
	for i, c := range req.Channels {
		if fault := nameFault(c, MaxName); fault != "" || seen[c] {
			if fault == "" {
				fault = "duplicate"
			}
			wrong.add(models.At("channels").Index(i), fault, "must be the name of a channel that stands there once")
		}
		seen[c] = true
	}
	if n := len(req.Options); n > maxOptionsBytes {
		wrong.add(models.At("options"), "too_long", "has %d bytes; at most %d are allowed", n, maxOptionsBytes)
	} else if n > 0 && string(req.Options) != "null" && req.Options[0] != '{' {
		wrong.add(models.At("options"), "type", "must be an object")
	}
	wrong.text(models.At("summary"), req.Summary, maxCardText)
	wrong.text(models.At("intended_use"), req.IntendedUse, maxCardText)
	if len(wrong) > 0 {
		return Accepted{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	if string(req.Options) == "null" {
		req.Options = nil
	}
	ids, err := t.sessions(ctx, p, &req.LabelledTrials)
	if err != nil {
		return Accepted{}, err
	}
	return t.submit(ctx, p, models.KindModelTrain, req, ids, idem, respond)
}

// Calibrate accepts the further training of one of the project's own models. Scopes and errors are those of Train, and
// ModelNotFound, ModelNotAdaptive.
func (t *Training) Calibrate(ctx context.Context, p models.Principal, req models.CalibrateRequest, idem Idempotency, respond Respond) (Accepted, error) {
	if err := t.admit(p, models.KindModelCalibrate, idem); err != nil {
		return Accepted{}, err
	}
	var wrong fieldErrors
	checkTrials(req.LabelledTrials, &wrong)
	if len(wrong) > 0 {
		return Accepted{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	own, err := t.cfg.Store.ProjectModel(ctx, p.ProjectID, req.Name, req.Version)
	if err != nil {
		return Accepted{}, absent(err, models.ModelNotFound)
	}
	if !slices.ContainsFunc(t.cfg.Pipelines, func(i PipelineInfo) bool { return i.Name == own.Pipeline && i.Adaptive }) {
		e := models.NewError(models.ModelNotAdaptive)
		e.Details = map[string]any{"model": own.Ref(), "pipeline": own.Pipeline, "adaptive_pipelines": t.names(func(i PipelineInfo) bool { return i.Adaptive })}
		return Accepted{}, e
	}
	for _, c := range classNames(req.Classes) {
		if !slices.Contains(own.Info.Classes, c) && (own.Paradigm != eeg.P300 || c != "target" && c != "non_target") {
			wrong.add(models.At("classes"), "not_allowed", "has the class %q; those of %s are %s", short(c), own.Ref(), strings.Join(own.Info.Classes, ", "))
		}
	}
	if len(wrong) > 0 {
		return Accepted{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	ids, err := t.sessions(ctx, p, &req.LabelledTrials)
	if err != nil {
		return Accepted{}, err
	}
	return t.submit(ctx, p, models.KindModelCalibrate, req, ids, idem, respond)
}

func (t *Training) admit(p models.Principal, kind models.JobKind, idem Idempotency) error {
	if err := authorizeJob(p, kind); err != nil {
		return err
	}
	return checkKey(idem)
}

func (t *Training) submit(ctx context.Context, p models.Principal, kind models.JobKind, req any, sessions []string,
	idem Idempotency, respond Respond) (Accepted, error) {
	operation := jobs.KindOf(kind).Operation
	b, err := json.Marshal(req)
	if err != nil {
		return Accepted{}, fmt.Errorf("service: serialize an accepted request: %w", err)
	}
	done, err := t.cfg.Quotas.Take(ctx, p.ProjectID, Wants{models.QuotaWaitingJobs: 1, models.QuotaModels: 1}, t.cfg.Quotas.kept(ctx, p.ProjectID, operation, idem))
	if err != nil {
		return Accepted{}, err
	}
	defer done()
	return t.cfg.Jobs.Submit(ctx, jobs.Submission{
		ProjectID:   p.ProjectID,
		Operation:   operation,
		Idempotency: idem,
		Job:         jobs.NewJob{Kind: kind, Request: b, Sessions: sessions},
		Respond:     respond,
	})
}

// checkPipeline fills in the paradigm's usual pipeline.
func (t *Training) checkPipeline(req *models.TrainRequest, wrong *fieldErrors) {
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
		wrong.add(models.At("paradigm"), code, "is %q; must be one of %s", short(string(req.Paradigm)), strings.Join(paradigms, ", "))
		return
	}
	if req.Pipeline == "" {
		req.Pipeline = t.names(func(i PipelineInfo) bool { return of(i) && i.Usual })[0]
		return
	}
	at := slices.IndexFunc(t.cfg.Pipelines, func(i PipelineInfo) bool { return i.Name == req.Pipeline })
	switch {
	case at < 0:
		wrong.add(models.At("pipeline"), "unknown", "is %q; those of %s are %s", short(req.Pipeline), req.Paradigm, strings.Join(t.names(of), ", "))
	case !of(t.cfg.Pipelines[at]):
		wrong.add(models.At("pipeline"), "not_allowed", "%s decodes %s; those of %s are %s", req.Pipeline, t.cfg.Pipelines[at].Paradigm, req.Paradigm, strings.Join(t.names(of), ", "))
	}
}

func (t *Training) names(keep func(PipelineInfo) bool) []string {
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

// checkTrials judges what needs no database.
func checkTrials(l models.LabelledTrials, wrong *fieldErrors) {
	switch n := len(l.Sessions); {
	case n == 0:
		wrong.add(models.At("sessions"), "required", "is required: 1 to %d sessions with events", MaxTrainingSessions)
	case n > MaxTrainingSessions:
		wrong.add(models.At("sessions"), "too_many", "has %d sessions; at most %d are allowed", n, MaxTrainingSessions)
	default:
		seen := map[string]bool{}
		for i, s := range l.Sessions {
			path := models.At("sessions").Index(i)
			id, _ := models.ParseID(s.SessionID)
			switch {
			case s.SessionID == "":
				wrong.add(path.Name("session_id"), "required", "is required")
			case id != "" && seen[id]:
				wrong.add(path.Name("session_id"), "duplicate", "stands there twice")
			}
			seen[id] = true
			wrong.time(path.Name("start_ms"), s.StartMS)
			wrong.time(path.Name("end_ms"), s.EndMS)
			if s.StartMS != nil && s.EndMS != nil && *s.StartMS >= *s.EndMS {
				wrong.add(path.Name("start_ms"), "out_of_range", "is not before end_ms, %d", *s.EndMS)
			}
		}
	}
	if n := len(l.Classes); n == 0 {
		wrong.add(models.At("classes"), "required", "is required: an object that gives event labels or codes their class, such as {\"T1\": \"left_hand\"}")
	} else if n > maxTrainingEvents {
		wrong.add(models.At("classes"), "too_many", "has %d events; at most %d are allowed", n, maxTrainingEvents)
	} else {
		for _, event := range slices.Sorted(maps.Keys(l.Classes)) {
			if fault := nameFault(event, MaxEventLabel); fault != "" {
				wrong.add(models.At("classes"), "invalid", "has the event %q, which no event can be named", short(event))
			}
			if fault := nameFault(l.Classes[event], maxModelName); fault != "" {
				wrong.add(models.At("classes", event), fault, "must be the name of a class, of at most %d characters", maxModelName)
			}
		}
		if n := len(classNames(l.Classes)); n > maxTrainingClasses {
			wrong.add(models.At("classes"), "too_many", "has %d classes; at most %d are allowed", n, maxTrainingClasses)
		}
	}
	if w := l.Window; w != nil {
		if !(w.FromS >= -maxLeadSeconds && w.FromS <= 0) {
			wrong.add(models.At("window", "from_s"), "out_of_range", "must be a number of s from %d to 0", -maxLeadSeconds)
		}
		if !(w.ToS > 0 && w.ToS <= maxTrialSeconds) || math.IsInf(w.ToS, 0) {
			wrong.add(models.At("window", "to_s"), "out_of_range", "must be a number of s above 0, at most %d", maxTrialSeconds)
		}
	}
}

// sessions reads the sessions of a request, which all have one rate, puts their ids into the form that jobs use, and returns
// those in order: it is the order in which they are locked.
func (t *Training) sessions(ctx context.Context, p models.Principal, l *models.LabelledTrials) ([]string, error) {
	var wrong fieldErrors
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
			return nil, unavailable(err)
		}
		l.Sessions[i].SessionID, ids[i] = id, id
		if rate == 0 {
			rate = ses.SampleRateHz
		}
		if ses.SampleRateHz != rate {
			wrong.add(models.At("sessions").Index(i).Name("session_id"), "sample_rate", "names a session of %g Hz; the first has %g Hz", ses.SampleRateHz, rate)
		}
	}
	if len(wrong) > 0 {
		return nil, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	slices.Sort(ids)
	return ids, nil
}
