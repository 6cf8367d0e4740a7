package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// FilesConfig says how to train a model from recordings with events.
type FilesConfig struct {
	// Paths are recordings, ZIP archives of them, and folders.
	Paths []string
	// Name and Version of the model. Version defaults to "1".
	Name, Version string
	// Pipelines to compare, by name; the best is trained. Defaults to every pipeline of the paradigm.
	Pipelines []string
	// Base is what to start from: BaseNone, BaseBuiltin, or a model that Resolve finds. Only one pipeline starts from others, so Pipelines
	// may name no other then. Defaults to BaseNone.
	Base    string
	Resolve func(ctx context.Context, name string) (*catalog.Choice, error)
	// Paradigm of the recordings. Defaults to that of the first pipeline, or motor_imagery.
	Paradigm eeg.Paradigm
	// Classes maps events to classes, each "event=class": an event is a label or a code, several may mean one class. Of P300 they may be left
	// out where recordings say which flashes were targets (the target column of a buffer's events) or Letters does.
	Classes []string
	// Letters are what was spelled in P300 recordings: "CAT", or "run=CAT" for each run. Stimulus says what the codes of their flashes lit up.
	Letters  []string
	Stimulus decoders.Stimulus
	// Channels by name. Defaults to all EEG channels of the first recording.
	Channels []string
	// Before and After the event in s that a trial holds. Both 0 take what the paradigm usually needs.
	Before, After float64
	// Rate in Hz of recordings that do not tell theirs.
	Rate float64
	// Subject finds the person in the name of a file or folder. Defaults to datasets.SubjectPattern.
	Subject *regexp.Regexp
	// KeepAll learns from trials in which a channel holds no EEG, too. Defaults to leaving them out.
	KeepAll bool
	// Options of the pipelines as JSON. Defaults to each pipeline's own.
	Options json.RawMessage
	// Card holds summary, sources, intended use and limits. What is empty gets a text that says so.
	Card catalog.ModelCard
	// Seed of stratified folds. Defaults to 42.
	Seed uint64
	// Program that trains, for the card.
	Program string
	// Progress, when not nil, is told what is being done.
	Progress func(text string)
	// Step, when not nil, is told how many of the decoders are trained.
	Step func(done, total int)
}

// Window is how much signal around an event a paradigm's pipelines use, in s: the window itself with room for the
// filter to settle on both sides. Imagery keeps to the 4 s that a cue usually lasts.
func Window(p eeg.Paradigm) (before, after float64) {
	if p == eeg.P300 {
		return 1, 1.7
	}
	if p == eeg.CVEP { // two cycles of 63 bits, modulated, at 60 Hz
		return 1, 4.2
	}
	return 0.5, 4
}

// FromFiles trains a model from recordings with events. Files that cannot be used are returned with their reasons. Trials in which a channel
// holds no EEG are left out, which the card says; invalid_signal where that would be most.
func FromFiles(ctx context.Context, cfg FilesConfig) (*Model, []datasets.Problem, error) {
	pipelines, err := choosePipelines(cfg.Pipelines, cfg.Paradigm)
	if err != nil {
		return nil, nil, err
	}
	paradigm := pipelines[0].Paradigm()
	base, err := FindBase(ctx, cfg.Base, paradigm, cfg.Resolve)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range cfg.Pipelines {
		if base != nil && name != base.Pipeline.Name() {
			return nil, nil, fmt.Errorf("pipeline %q starts from nothing; with a base it is %s", name, base.Pipeline.Name())
		}
	}
	task, err := cfg.task(paradigm)
	if err != nil {
		return nil, nil, err
	}
	if cfg.Before == 0 && cfg.After == 0 {
		cfg.Before, cfg.After = Window(paradigm)
	}
	ds, problems, err := datasets.Load(ctx, datasets.Query{
		Paths: cfg.Paths, Task: task, Channels: cfg.Channels, Before: cfg.Before, After: cfg.After, Rate: cfg.Rate, Subject: cfg.Subject,
	})
	if err != nil {
		return nil, problems, err
	}
	if !cfg.KeepAll {
		held, lost, err := contact.Gate(ctx, ds)
		if err != nil {
			return nil, problems, err
		}
		if ds = held; lost.Rejected > 0 {
			cfg.Card.Limits = append(slices.Clone(cfg.Card.Limits), lost.Limit())
		}
	}
	for k, n := range perClass(ds) {
		if n == 0 && paradigm != eeg.CVEP && task.Flashes == nil {
			return nil, problems, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": len(ds.Trials), "classes": countsByName(ds)},
				"no event of the class %q (%s) was found", ds.Classes[k], strings.Join(task.Events[k], ", "))
		}
	}
	if task.Flashes == nil {
		cfg.Card.Events = task.ByClass()
	}
	spec := Spec{Name: cfg.Name, Version: cfg.Version, Card: Describe(cfg.Card, ds, "recordings of whoever trained it"), Seed: cfg.Seed, Program: cfg.Program, Progress: cfg.Progress, Step: cfg.Step}
	for _, p := range pipelines {
		spec.Candidates = append(spec.Candidates, Candidate{p, cfg.Options})
	}
	if base != nil {
		spec.Sizes = []int{5, 10, 20, 40}
		spec.OnTop(base, cfg.Options)
	}
	m, err := Train(ctx, ds, spec)
	return m, problems, err
}

// task is what the recordings are asked.
func (cfg FilesConfig) task(paradigm eeg.Paradigm) (datasets.Task, error) {
	switch {
	case paradigm == eeg.P300 && len(cfg.Classes) == 0:
		letters, err := datasets.ParseLetters(cfg.Letters)
		return datasets.TargetFlashes(datasets.Flashes{Stimulus: cfg.Stimulus, Letters: letters}), err
	case len(cfg.Letters) > 0:
		return datasets.Task{}, errors.New("letters tell which flashes of p300 recordings were targets, in the place of classes")
	case len(cfg.Classes) == 0:
		return datasets.Task{}, errors.New("no classes: say which events stand for which, such as T1=left_hand and T2=right_hand")
	}
	task, err := datasets.ParseClasses(cfg.Classes)
	task.Paradigm = paradigm
	return task, err
}

// Describe fills in what a card lacks of what only people can write. data says what was trained on.
func Describe(card catalog.ModelCard, ds *decoders.Dataset, data string) catalog.ModelCard {
	if card.Summary == "" {
		card.Summary = fmt.Sprintf("Tells %s by %s.", strings.Join(ds.Classes, ", "), strings.ReplaceAll(string(ds.Paradigm), "_", " "))
	}
	if card.IntendedUse == "" {
		card.IntendedUse = "Not stated by whoever trained it."
	}
	if len(card.Data) == 0 {
		card.Data = []catalog.DataSource{{Name: data, Licence: "not stated"}}
	}
	return card
}

// choosePipelines returns the pipelines of the given names, which share a paradigm, or all of a paradigm.
func choosePipelines(names []string, paradigm eeg.Paradigm) ([]decoders.Pipeline, error) {
	all := catalog.Pipelines()
	if len(names) == 0 {
		if paradigm == "" {
			paradigm = eeg.MotorImagery
		}
		all = slices.DeleteFunc(all, func(p decoders.Pipeline) bool { return p.Paradigm() != paradigm })
		if len(all) == 0 {
			return nil, fmt.Errorf("no pipeline is trained for the paradigm %q", paradigm)
		}
		return all, nil
	}
	var out []decoders.Pipeline
	for _, name := range names {
		i := slices.IndexFunc(all, func(p decoders.Pipeline) bool { return p.Name() == name })
		if i < 0 {
			var known []string
			for _, p := range all {
				known = append(known, p.Name())
			}
			return nil, fmt.Errorf("pipeline %q is unknown; the choices are %s", name, strings.Join(known, ", "))
		}
		p := all[i]
		if paradigm != "" && p.Paradigm() != paradigm || len(out) > 0 && p.Paradigm() != out[0].Paradigm() {
			return nil, fmt.Errorf("pipeline %q is for %s", name, p.Paradigm())
		}
		out = append(out, p)
	}
	return out, nil
}
