package workers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/lab/training"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// TrainingStore is what training needs of the database; *store.Store is one.
type TrainingStore interface {
	TrialStore
	ProjectModels
	NoteProgress(ctx context.Context, a store.Attempt, diagnostics json.RawMessage) error
}

var _ TrainingStore = (*store.Store)(nil)

// TrainingConfig says what trainings work with.
type TrainingConfig struct {
	// Store has the sessions and the models. Required.
	Store TrainingStore
	// Catalog has the pipelines. Required.
	Catalog *catalog.Catalog
	// Models finds those that trainings start from. Defaults to the catalog's.
	Models *Models
	// Publish stores a version; registry.Service.Publish. Required.
	Publish func(ctx context.Context, projectID, name string, build func(version string) (registry.NewVersion, error)) (models.ProjectModel, error)
	// Program is named on the cards. Defaults to "neurod".
	Program string
	// MaxBytes limits the samples of all trials of a job, as float64. Defaults to 512 MiB.
	MaxBytes int64
	// Parallel is how many jobs run at once, which bounds what their trials take together; others wait their turn. Defaults
	// to 2.
	Parallel int
}

// Trainer has the handlers of the jobs that make models. It is safe for concurrent use.
type Trainer struct {
	cfg   TrainingConfig
	slots chan struct{} // of trainings that run
}

// NewTrainer returns a trainer.
func NewTrainer(cfg TrainingConfig) *Trainer {
	if cfg.Program == "" {
		cfg.Program = "neurod"
	}
	if cfg.Models == nil {
		cfg.Models = NewModels(cfg.Catalog, nil, 0, nil)
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = maxTrialBytes
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = 2
	}
	return &Trainer{cfg, make(chan struct{}, cfg.Parallel)}
}

// turn waits until the job may run, and returns what lets the next one.
func (t *Trainer) turn(ctx context.Context) (func(), error) {
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// curveSizes are the trials a class of learning curves, as `neurod evaluate` has them.
var curveSizes = []int{5, 10, 20, 40}

// trainingOutput is the output of jobs that made a model.
type trainingOutput struct {
	Model    string       `json:"model"` // name@version
	Name     string       `json:"name"`
	Version  string       `json:"version"`
	From     string       `json:"from,omitempty"` // the version that kept learning
	Paradigm eeg.Paradigm `json:"paradigm"`
	Pipeline string       `json:"pipeline"`
	Classes  []string     `json:"classes"`
	Channels []string     `json:"channels"`
	RateHz   float64      `json:"sample_rate_hz"`
	Trials   trialReport  `json:"trials"`
	// BeatsChance reports whether the figure to quote is better than guessing with 95 % confidence; nil for calibrations.
	BeatsChance *bool             `json:"beats_chance,omitempty"`
	Card        catalog.ModelCard `json:"card"`
	SHA256      string            `json:"sha256"`
	SizeBytes   int64             `json:"size_bytes"`
}

// Train is the handler of the jobs that train a model on labelled sessions.
func (t *Trainer) Train(ctx context.Context, task *Task) (Result, error) {
	var req models.TrainRequest
	if err := json.Unmarshal(task.Job.Request, &req); err != nil {
		return Result{}, models.Errorf(models.InvalidRequestBody, "the request is not one of a training").Wrap(err)
	}
	next, err := t.turn(ctx)
	if err != nil {
		return Result{}, err
	}
	defer next()
	w := newTrainingRun(ctx, t.cfg, task)
	return w.result(w.train(ctx, req))
}

// Calibrate is the handler of the jobs that make a further version of a model that keeps learning.
func (t *Trainer) Calibrate(ctx context.Context, task *Task) (Result, error) {
	var req models.CalibrateRequest
	if err := json.Unmarshal(task.Job.Request, &req); err != nil {
		return Result{}, models.Errorf(models.InvalidRequestBody, "the request is not one of a calibration").Wrap(err)
	}
	next, err := t.turn(ctx)
	if err != nil {
		return Result{}, err
	}
	defer next()
	w := newTrainingRun(ctx, t.cfg, task)
	return w.result(w.calibrate(ctx, req))
}

// trainingProgress is what the diagnostics of a running job tell.
type trainingProgress struct {
	Phase string `json:"phase"`          // reading, training, storing
	What  string `json:"what,omitempty"` // in words
	Done  int    `json:"done"`           // decoders, or trials of a calibration
	Total int    `json:"total"`
}

// trainingRun is one attempt.
type trainingRun struct {
	cfg      TrainingConfig
	task     *Task
	steps    *stopwatch
	note     func(json.RawMessage)
	progress trainingProgress
	noted    time.Time
}

// progressEvery is the pause between two notes of progress within a phase.
const progressEvery = 200 * time.Millisecond

func newTrainingRun(ctx context.Context, cfg TrainingConfig, task *Task) *trainingRun {
	attempt := attemptOf(task)
	return &trainingRun{cfg: cfg, task: task, steps: newStopwatch(ctx), note: func(b json.RawMessage) {
		// Who has lost the job learns it by its context; and the work is worth more than the note.
		_ = cfg.Store.NoteProgress(ctx, attempt, b)
	}}
}

func attemptOf(task *Task) store.Attempt {
	return store.Attempt{ID: task.Job.ID, Attempt: task.Job.Attempts}
}

func (w *trainingRun) phase(name string) {
	w.progress = trainingProgress{Phase: name}
	w.tell(true)
}

func (w *trainingRun) step(done, total int) {
	w.progress.Done, w.progress.Total = done, total
	w.tell(false)
}

func (w *trainingRun) what(text string) {
	w.progress.What = text
	w.tell(false)
}

func (w *trainingRun) tell(now bool) {
	if now || time.Since(w.noted) >= progressEvery {
		w.noted = time.Now()
		w.note(w.diagnostics())
	}
}

func (w *trainingRun) diagnostics() json.RawMessage {
	b, _ := json.Marshal(struct { // cannot fail: texts and finite numbers
		Progress trainingProgress `json:"progress"`
		Steps    []eeg.Step       `json:"steps"`
	}{w.progress, w.steps.list})
	return b
}

func (w *trainingRun) result(out *trainingOutput, err error) (Result, error) {
	r := Result{Diagnostics: w.diagnostics()}
	if err != nil {
		return r, err
	}
	r.Output, err = json.Marshal(out)
	return r, err
}

func (w *trainingRun) train(ctx context.Context, req models.TrainRequest) (*trainingOutput, error) {
	pipeline, ok := w.cfg.Catalog.Pipeline(req.Pipeline)
	if !ok || pipeline.Paradigm() != req.Paradigm { // accepted by another version of the program
		return nil, decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"pipeline": req.Pipeline}, "there is no pipeline %q for %s", req.Pipeline, req.Paradigm)
	}
	ds, report, err := w.gather(ctx, req.LabelledTrials, pipeline.Paradigm(), req.Channels, classesOf(req.LabelledTrials))
	if err != nil {
		return nil, err
	}
	base, parent, err := w.startsFrom(ctx, req, ds)
	if err != nil {
		return nil, err
	}
	report.needed = needs(pipeline, ds.Classes, base)
	if err := report.enough(req.Paradigm); err != nil {
		return nil, err
	}
	w.phase("training")
	spec := training.Spec{
		Name: req.Name, Candidates: []training.Candidate{{Pipeline: pipeline, Options: req.Options}},
		Card: training.Describe(catalog.ModelCard{Summary: req.Summary, IntendedUse: req.IntendedUse, Events: withEvents(nil, req.Classes), Limits: report.limits()}, ds,
			"sessions of the project"),
		Calibration: calibrationOf(pipeline.Paradigm()), Program: w.cfg.Program, Sizes: curveSizes,
		Parallel: 1, // it shares the processor with jobs that somebody waits for
		Progress: w.what, Step: w.step,
	}
	spec.OnTop(base, req.Options)
	var m *training.Model
	err = w.task.computeLong(ctx, func() (err error) {
		m, err = training.Train(ctx, ds, spec)
		return err
	})
	if bad := (*decoders.Error)(nil); errors.As(err, &bad) && bad.Code == decoders.CodeTooFewTrials {
		return nil, report.tooFew(bad.Message, bad.Details)
	}
	if err != nil {
		return nil, err
	}
	w.steps.end("train")
	w.phase("storing")
	stored, err := w.publish(ctx, req.Name, func(version string) (registry.NewVersion, error) {
		m.Version = version
		return w.version(m, req.LabelledTrials, parent)
	})
	if err != nil {
		return nil, err
	}
	w.steps.end("store")
	out, err := w.output(stored, report)
	if err == nil {
		beats := m.BeatsChance()
		out.BeatsChance = &beats
	}
	return out, err
}

// startsFrom returns what a training starts from, nil for nothing, and the id of the project's own model that it is.
func (w *trainingRun) startsFrom(ctx context.Context, req models.TrainRequest, ds *decoders.Dataset) (base *training.Base, parent string, err error) {
	base, err = training.FindBase(ctx, req.Base, req.Paradigm, func(ctx context.Context, name string) (*catalog.Choice, error) {
		found, err := w.cfg.Models.For(ctx, w.task.Job.ProjectID, name)
		if err != nil {
			return nil, err
		}
		choice, err := found.Resolve(catalog.Query{Model: name, Paradigm: req.Paradigm, Channels: ds.Channels, Rate: ds.Rate})
		if err != nil || choice.Entry.Source != eeg.SourceProject {
			return choice, err
		}
		// What is erased with its users takes along what was made from it.
		own, err := w.cfg.Store.ProjectModel(ctx, w.task.Job.ProjectID, choice.Entry.Name, choice.Entry.Version)
		if errors.Is(err, store.ErrNotFound) {
			return nil, models.NewError(models.ModelNotFound)
		}
		parent = own.ID
		return choice, err
	})
	return base, parent, err
}

func (w *trainingRun) calibrate(ctx context.Context, req models.CalibrateRequest) (*trainingOutput, error) {
	base, first, err := w.base(ctx, req.Name, req.Version)
	if err != nil {
		return nil, err
	}
	info := base.Info
	classes := info.Classes
	if len(classes) == 0 || info.Paradigm == eeg.P300 {
		classes = classesOf(req.LabelledTrials)
	}
	ds, report, err := w.gather(ctx, req.LabelledTrials, first.Info().Paradigm, info.Channels, classes)
	if err != nil {
		return nil, err
	}
	if report.Used == 0 {
		return nil, report.tooFew("there is no usable trial", nil)
	}
	stored, err := w.publish(ctx, req.Name, func(version string) (registry.NewVersion, error) {
		// Read after the version is chosen: where another version comes between, this is called again, and nothing that another
		// calibration has learned is lost.
		base, d, err := w.base(ctx, req.Name, req.Version)
		if err != nil {
			return registry.NewVersion{}, err
		}
		var card catalog.ModelCard
		if err := json.Unmarshal(base.Info.Card, &card); err != nil {
			return registry.NewVersion{}, fmt.Errorf("workers: card of %s: %w", base.Ref(), err)
		}
		if card.Events != nil { // of an older model nothing is known of the rest
			card.Events = withEvents(card.Events, req.Classes)
		}
		card.Limits = append(card.Limits, report.limits()...)
		w.phase("training")
		var m *training.Model
		err = w.task.computeLong(ctx, func() (err error) {
			m, err = training.Adapt(ctx, d, ds, training.AdaptSpec{Name: req.Name, From: base.Version, Card: card, Calibration: calibrationOf(ds.Paradigm), Step: w.step})
			return err
		})
		if err != nil {
			return registry.NewVersion{}, err
		}
		w.steps.end("train")
		w.phase("storing")
		m.Version = version
		return w.version(m, req.LabelledTrials, base.ID)
	})
	if err != nil {
		return nil, err
	}
	w.steps.end("store")
	return w.output(stored, report)
}

// base restores the model that is to keep learning.
func (w *trainingRun) base(ctx context.Context, name, version string) (models.ProjectModel, decoders.Adaptive, error) {
	project := w.task.Job.ProjectID
	own, err := w.cfg.Store.ProjectModel(ctx, project, name, version)
	var file []byte
	if err == nil {
		file, err = w.cfg.Store.ModelFile(ctx, project, own.ID)
	}
	if errors.Is(err, store.ErrNotFound) {
		return own, nil, models.NewError(models.ModelNotFound)
	}
	if err != nil {
		return own, nil, err
	}
	parsed, err := catalog.Parse(file)
	if err != nil {
		return own, nil, err
	}
	var d decoders.Trained
	err = w.task.compute(ctx, compute.RestoreTakes(len(file)), func() (err error) {
		d, err = w.cfg.Catalog.Restore(parsed)
		return err
	})
	if err != nil {
		return own, nil, err
	}
	adaptive, ok := d.(decoders.Adaptive)
	if !ok {
		return own, nil, models.NewError(models.ModelNotAdaptive)
	}
	return own, adaptive, nil
}

// gather reads the trials of a request.
func (w *trainingRun) gather(ctx context.Context, l models.LabelledTrials, paradigm eeg.Paradigm, channels, classes []string) (*decoders.Dataset, trialReport, error) {
	w.phase("reading")
	before, after := training.Window(paradigm)
	if l.Window != nil {
		before, after = -l.Window.FromS, l.Window.ToS
	}
	ds, report, err := gather(ctx, w.cfg.Store, trialQuery{project: w.task.Job.ProjectID, LabelledTrials: l, paradigm: paradigm, channels: channels,
		classes: classes, before: before, after: after, maxBytes: w.cfg.MaxBytes,
		compute: func(f func() error) error { return w.task.computeLong(ctx, f) }, unpack: w.task.unpack})
	w.steps.end("read")
	return ds, report, err
}

// publish stores the next version of a name. Where other versions come between again and again, the job is tried again later.
func (w *trainingRun) publish(ctx context.Context, name string, build func(version string) (registry.NewVersion, error)) (models.ProjectModel, error) {
	m, err := w.cfg.Publish(ctx, w.task.Job.ProjectID, name, build)
	if known := (*models.Error)(nil); errors.As(err, &known) && known.Code == models.ModelVersionTaken {
		return m, fmt.Errorf("workers: versions of %s come too fast: %s", name, known.Text())
	}
	return m, err
}

// version is the model as it is stored.
func (w *trainingRun) version(m *training.Model, l models.LabelledTrials, parent string) (registry.NewVersion, error) {
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		return registry.NewVersion{}, err
	}
	n := registry.NewVersion{File: b.Bytes(), Parent: parent, Attempt: attemptOf(w.task)}
	for _, s := range l.Sessions {
		n.Sessions = append(n.Sessions, s.SessionID)
	}
	return n, nil
}

// output describes the model that is stored. An earlier attempt may have stored it: the same trials make the same model, under
// its version.
func (w *trainingRun) output(stored models.ProjectModel, report trialReport) (*trainingOutput, error) {
	out := &trainingOutput{Model: stored.Ref(), Name: stored.Name, Version: stored.Version, Paradigm: stored.Paradigm,
		Pipeline: stored.Pipeline, Classes: stored.Info.Classes, Channels: stored.Info.Channels, RateHz: stored.Info.RateHz, Trials: report,
		SHA256: stored.SHA256, SizeBytes: stored.Size}
	if err := json.Unmarshal(stored.Info.Card, &out.Card); err != nil {
		return nil, fmt.Errorf("workers: card of %s: %w", stored.Ref(), err)
	}
	if from := out.Card.TrainedWith.From; from != "" {
		out.From = stored.Name + "@" + from
	}
	return out, nil
}

// calibrationOf names how the pipelines of a paradigm calibrate their probabilities.
func calibrationOf(p eeg.Paradigm) string {
	if p == eeg.P300 {
		return "platt"
	}
	return "temperature"
}
