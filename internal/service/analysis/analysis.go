// Package analysis holds the use cases of what was made of sessions by decoding them: an analysis is a decode of a session that was asked
// for, which is a job, or the decoding of it as it ran. Nothing of one is kept beside them, and nothing in one was not measured: an
// accuracy is that of answers that the session's own events could be held against, or there is none.
package analysis

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Operation is the scope of the Idempotency-Key of Analyze, beside the project.
const Operation = "session_analyze"

// Limits of what one answer holds.
const (
	MaxAnalyses    = 50  // of a session
	MaxPredictions = 200 // of a session that was decoded as it ran; a job's answer has as many as it decoded
)

// Store finds the jobs of sessions.
type Store interface {
	Session(ctx context.Context, projectID, id string) (models.Session, error)
	SessionJobs(ctx context.Context, projectID string, sessions []string, kinds []models.JobKind, each int) (map[string][]string, error)
	JobSession(ctx context.Context, projectID, jobID string) (string, error)
	LatestDecodes(ctx context.Context, projectID string, sessions []string, each int) (map[string][]models.SessionDecode, error)
	SessionEvents(ctx context.Context, projectID, sessionID string, after, limit int) ([]models.SessionMark, error)
}

var _ Store = (*store.Store)(nil)

// Jobs reads jobs.
type Jobs interface {
	Get(ctx context.Context, projectID, id string) (models.Job, error)
	List(ctx context.Context, q jobs.Query) (jobs.Page, error)
}

var _ Jobs = (*jobs.Engine)(nil)

// Config is what the use cases need.
type Config struct {
	// Store finds the jobs of sessions. Required.
	Store Store
	// Jobs reads them. Required.
	Jobs Jobs
	// Submit accepts the decode of a session; decoding.Service.Submit of a recording that names one. Required.
	Submit func(ctx context.Context, p models.Principal, req eeg.Request, ask models.Room, idem service.Idempotency, respond service.Respond) (service.Accepted, error)
}

// Service is the use cases of analyses.
type Service struct{ cfg Config }

// New returns the use cases.
func New(cfg Config) *Service { return &Service{cfg} }

// Prediction is one answer of an analysis.
type Prediction struct {
	StartMS, EndMS float64 // Unix ms of what was decoded
	Label          string  // the decoded class, "undetermined" for none
	Intent         string
	Confidence     float64 // 0..1
	Truth          *string // the class that the session's events tell; nil where they do not
	Error          *string // the code of why there is no answer; Label and Intent are then ""
}

// Analysis is a decode of a session.
type Analysis struct {
	ID        string // of the job; "live_" and the session's for the decoding as it ran
	SessionID string
	Live      bool
	Status    models.JobState
	ModelType string  // the paradigm: what was found, else what was asked for
	Model     *string // name@version of what answered; nil where nothing has
	// Accuracy is the share of right answers among those that the session's events could be held against, and Chance that of always
	// saying the most frequent class; nil where there are none.
	Accuracy, Chance *float64
	Answered         *int // predictions that have an answer, and that a label was there for; nil while it is not finished
	Labelled         *int
	Predictions      []Prediction
	Job              *models.Job // nil for a live one
	CreatedAt        time.Time
	FinishedAt       *time.Time
}

// manyJobs is how many jobs are read at once: as parameters of one statement, of which SQLite takes 32,766.
const manyJobs = 10_000

// liveID begins the id of the decoding of a session as it ran.
const liveID = "live_"

// Of returns the analyses of each session, the decoding as it ran first and then the newest jobs.
func (s *Service) Of(ctx context.Context, p models.Principal, sessions []models.Session) (map[string][]Analysis, error) {
	if err := admit(p); err != nil {
		return nil, err
	}
	byID := map[string]models.Session{}
	var ids, live []string
	for _, ses := range sessions {
		if ses.ProjectID != p.ProjectID {
			continue
		}
		byID[ses.ID], ids = ses, append(ids, ses.ID)
		if ses.Decode != nil {
			live = append(live, ses.ID)
		}
	}
	out := map[string][]Analysis{}
	if len(ids) == 0 {
		return out, nil
	}
	if len(live) > 0 {
		decodes, err := s.cfg.Store.LatestDecodes(ctx, p.ProjectID, live, MaxPredictions)
		if err != nil {
			return nil, service.Unavailable(err)
		}
		for _, id := range live {
			out[id] = append(out[id], ofLive(byID[id], decodes[id]))
		}
	}
	found, err := s.cfg.Store.SessionJobs(ctx, p.ProjectID, ids, []models.JobKind{models.KindDecode}, MaxAnalyses)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	of := map[string]string{}
	var all []string
	for id, list := range found {
		for _, job := range list {
			of[job], all = id, append(all, job)
		}
	}
	slices.Sort(all)
	for part := range slices.Chunk(all, manyJobs) {
		page, err := s.cfg.Jobs.List(ctx, jobs.Query{ProjectID: p.ProjectID, IDs: part})
		if err != nil {
			return nil, service.Unanswered(err)
		}
		for i := range page.Jobs {
			id := of[page.Jobs[i].ID]
			out[id] = append(out[id], ofJob(byID[id], page.Jobs[i]))
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b Analysis) int {
			if a.Live != b.Live {
				return map[bool]int{true: -1, false: 1}[a.Live]
			}
			return cmp.Compare(b.ID, a.ID)
		})
	}
	return out, nil
}

// Get returns an analysis. Error: JobNotFound.
func (s *Service) Get(ctx context.Context, p models.Principal, id string) (Analysis, error) {
	if err := admit(p); err != nil {
		return Analysis{}, err
	}
	if session, live := strings.CutPrefix(id, liveID); live {
		session, ok := models.ParseID(session)
		if !ok {
			return Analysis{}, models.NewError(models.JobNotFound)
		}
		ses, err := s.cfg.Store.Session(ctx, p.ProjectID, session)
		if err == nil && ses.Decode == nil {
			err = store.ErrNotFound
		}
		if err != nil {
			return Analysis{}, service.Absent(err, models.JobNotFound)
		}
		decodes, err := s.cfg.Store.LatestDecodes(ctx, p.ProjectID, []string{ses.ID}, MaxPredictions)
		if err != nil {
			return Analysis{}, service.Unavailable(err)
		}
		return ofLive(ses, decodes[ses.ID]), nil
	}
	job, err := s.cfg.Jobs.Get(ctx, p.ProjectID, id)
	if err != nil {
		return Analysis{}, service.Unanswered(err)
	}
	if job.Kind != models.KindDecode {
		return Analysis{}, models.NewError(models.JobNotFound)
	}
	session, err := s.cfg.Store.JobSession(ctx, p.ProjectID, job.ID)
	if err != nil {
		return Analysis{}, service.Absent(err, models.JobNotFound)
	}
	ses, err := s.cfg.Store.Session(ctx, p.ProjectID, session)
	if err != nil {
		return Analysis{}, service.Absent(err, models.JobNotFound)
	}
	return ofJob(ses, job), nil
}

// Finished returns the analyses of a session that have finished and are not known, and notes them as known. Only the newest jobs are looked at.
func (s *Service) Finished(ctx context.Context, p models.Principal, ses models.Session, known map[string]bool) ([]Analysis, error) {
	if err := admit(p); err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.SessionJobs(ctx, p.ProjectID, []string{ses.ID}, []models.JobKind{models.KindDecode}, MaxAnalyses)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	open := slices.DeleteFunc(found[ses.ID], func(id string) bool { return known[id] })
	if len(open) == 0 {
		return nil, nil
	}
	page, err := s.cfg.Jobs.List(ctx, jobs.Query{ProjectID: p.ProjectID, IDs: open, States: []models.JobState{models.JobCompleted, models.JobFailed, models.JobCanceled}})
	if err != nil {
		return nil, service.Unanswered(err)
	}
	var out []Analysis
	for _, job := range slices.Backward(page.Jobs) { // the oldest first
		known[job.ID] = true
		out = append(out, ofJob(ses, job))
	}
	return out, nil
}

func admit(p models.Principal) error {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return err
	}
	return service.Authorize(p, models.RightJobsRead)
}

// modelOf names what answered.
func modelOf(m *eeg.ModelUsed) *string {
	if m == nil {
		return nil
	}
	ref := m.Name
	if m.Version != "" {
		ref += "@" + m.Version
	}
	return &ref
}

// ofJob is a decode job as an analysis.
func ofJob(ses models.Session, job models.Job) Analysis {
	a := Analysis{ID: job.ID, SessionID: ses.ID, Status: job.State, Job: &job, CreatedAt: job.CreatedAt, FinishedAt: job.FinishedAt}
	var asked models.AcceptedDecode
	if json.Unmarshal(job.Request, &asked) == nil {
		a.ModelType = string(cmp.Or(asked.Input.Paradigm, eeg.Auto))
	}
	var out eeg.Result
	if job.State != models.JobCompleted || json.Unmarshal(job.Output, &out) != nil {
		return a
	}
	a.ModelType, a.Model = cmp.Or(out.ParadigmDetected, a.ModelType), modelOf(out.Model)
	begin := float64(ses.TimeOf(0))
	if asked.Place != nil {
		begin += float64(asked.Place.Start) * 1000 / ses.SampleRateHz
	}
	at := func(c eeg.Clip) (float64, float64) { return begin + c.StartS*1000, begin + c.EndS*1000 }
	answered, labelled := 0, 0
	if out.Trials == nil {
		one := Prediction{Label: out.DecodedClass, Intent: out.DecodedIntent, Confidence: out.Confidence}
		one.StartMS, one.EndMS = at(out.Clip)
		a.Predictions, answered = []Prediction{one}, 1
	}
	for _, t := range out.Trials {
		one := Prediction{Label: t.DecodedClass, Intent: t.DecodedIntent, Confidence: t.Confidence, Truth: t.Label}
		one.StartMS, one.EndMS = at(t.Clip)
		if t.Error != nil {
			one.Error = &t.Error.Code
		}
		a.Predictions = append(a.Predictions, one)
	}
	if sum := out.TrialsSummary; sum != nil {
		answered, labelled = sum.Answered, sum.Labelled
		a.Accuracy, a.Chance = sum.Accuracy, sum.Chance
	}
	a.Answered, a.Labelled = &answered, &labelled
	return a
}

// ofLive is the decoding of a session as it ran as an analysis, with its latest decodes.
func ofLive(ses models.Session, decodes []models.SessionDecode) Analysis {
	a := Analysis{ID: liveID + ses.ID, SessionID: ses.ID, Live: true, Status: models.JobRunning, CreatedAt: ses.CreatedAt, FinishedAt: ses.Ended()}
	switch {
	case ses.State == models.SessionFailed:
		a.Status = models.JobFailed
	case ses.Over():
		a.Status = models.JobCompleted
	default:
		a.FinishedAt = nil
	}
	if ses.Decode != nil {
		a.ModelType = string(ses.Decode.Paradigm)
	}
	for _, d := range decodes {
		one, model, paradigm := PredictionOf(d)
		a.Predictions = append(a.Predictions, one)
		if model != nil {
			a.Model, a.ModelType = model, cmp.Or(paradigm, a.ModelType)
		}
	}
	return a
}

// PredictionOf is a live decode as a prediction, with the model that answered, nil for none, and the paradigm.
func PredictionOf(d models.SessionDecode) (one Prediction, model *string, paradigm string) {
	var out struct {
		eeg.Result
		Error *eeg.TrialError `json:"error"`
	}
	one = Prediction{StartMS: float64(d.StartMS), EndMS: float64(d.EndMS)}
	if json.Unmarshal([]byte(d.Data), &out) != nil {
		return one, nil, ""
	}
	if out.Error != nil {
		one.Error = &out.Error.Code
		return one, nil, ""
	}
	one.Label, one.Intent, one.Confidence = out.DecodedClass, out.DecodedIntent, out.Confidence
	return one, modelOf(out.Model), out.ParadigmDetected
}

// Parameters are what an analysis may be asked for beside its model.
type Parameters struct {
	Paradigm     eeg.Paradigm        `json:"paradigm"` // where ModelType names a model
	Model        string              `json:"model"`    // where ModelType names a paradigm
	StartMS      *int64              `json:"start_ms"` // defaults to the beginning of the last contiguous part
	EndMS        *int64              `json:"end_ms"`
	Trials       string              `json:"trials"` // defaults to all where the session has events
	Stimulus     *eeg.Stimulus       `json:"stimulus"`
	Events       eeg.Events          `json:"events"`
	EventClasses map[string]string   `json:"event_classes"`
	Alignment    string              `json:"alignment"`
	Seizure      *eeg.SeizureOptions `json:"seizure"`
	Intents      map[string]string   `json:"intents"`
}

// Request asks for an analysis.
type Request struct {
	SessionID string
	// ModelType is a paradigm, or the name of a model, with a version or without.
	ModelType  string
	Parameters Parameters
}

// Analyze accepts the decode of a session: every trial of its events where it has some, else one answer. Errors: those of a decode
// (InvalidRequestBody naming each wrong field, SessionNotFound, PayloadTooLarge, …).
func (s *Service) Analyze(ctx context.Context, p models.Principal, r Request, ask models.Room, idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
	if err := service.AuthorizeJob(p, models.KindDecode); err != nil {
		return service.Accepted{}, err
	}
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return service.Accepted{}, err
	}
	in := eeg.Input{Type: "eeg", SessionID: r.SessionID, Paradigm: r.Parameters.Paradigm, Model: r.Parameters.Model, StartMS: r.Parameters.StartMS, EndMS: r.Parameters.EndMS,
		Trials: r.Parameters.Trials, Stimulus: r.Parameters.Stimulus, Events: r.Parameters.Events, EventClasses: r.Parameters.EventClasses, Alignment: r.Parameters.Alignment, Seizure: r.Parameters.Seizure}
	var wrong validate.Fields
	conflict := func(name, given string) {
		if given != "" && given != r.ModelType {
			wrong.Add(models.At("parameters", name), "conflict", "is %q, and model_type %q; give one of the two", validate.Short(given), validate.Short(r.ModelType))
		}
	}
	switch {
	case slices.Contains(eeg.Names(eeg.Paradigms()), r.ModelType):
		conflict("paradigm", string(in.Paradigm))
		in.Paradigm = eeg.Paradigm(r.ModelType)
	case r.ModelType == "":
	case validate.ModelRef.MatchString(r.ModelType):
		conflict("model", in.Model)
		in.Model = r.ModelType
	default:
		wrong.Add(models.At("model_type"), "invalid", "is %s; must be one of %s, or the name of a model", strconv.Quote(validate.Short(r.ModelType)), strings.Join(eeg.Names(eeg.Paradigms()), ", "))
	}
	if len(wrong) > 0 {
		return service.Accepted{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	id, ok := models.ParseID(r.SessionID)
	if !ok {
		return service.Accepted{}, models.NewError(models.SessionNotFound)
	}
	if in.Trials == "" && in.Events == nil {
		marks, err := s.cfg.Store.SessionEvents(ctx, p.ProjectID, id, 0, 1)
		if err != nil {
			return service.Accepted{}, service.Absent(err, models.SessionNotFound)
		}
		if len(marks) > 0 {
			in.Trials = eeg.TrialsAll
		}
	}
	req := eeg.Request{Input: in}
	if len(r.Parameters.Intents) > 0 {
		req.Context = &eeg.Context{Intents: r.Parameters.Intents}
	}
	accepted, err := s.cfg.Submit(ctx, p, req, ask, idem, respond)
	return accepted, relocated(err)
}

// relocated names the fields of a decode request as those of an analysis have them.
func relocated(err error) error {
	if err == nil {
		return nil
	}
	e := models.AsError(err)
	if len(e.Fields) == 0 {
		return err
	}
	moved := *e
	moved.Fields = slices.Clone(e.Fields)
	for i, f := range moved.Fields {
		switch {
		case slices.Equal(f.Path, models.At("input", "session_id")):
			moved.Fields[i].Path = models.At("session_id")
		case len(f.Path) > 1 && slices.Equal(f.Path[:1], models.At("input")), len(f.Path) > 1 && slices.Equal(f.Path[:1], models.At("context")):
			moved.Fields[i].Path = models.At("parameters").Join(f.Path[1:])
		}
	}
	return &moved
}
