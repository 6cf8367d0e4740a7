package training

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// The models that the Nimbus document lists by name: its examples load them, and its filters by type find Bayesian
// classifiers. Trained here from open recordings, with true cards; ssvep_multiclass_v1 needs no training and is in package
// catalog. The tiers are the document's. Nothing chooses them for a request that names no model.
const (
	registry4Class  = "motor_imagery_4class_v1"
	registry2Class  = "motor_imagery_2class_v1"
	registryP300    = "p300_binary_v1"
	registryVersion = "1.0.0"
)

// registryMontage is what the document's imagery models look at here: of the montages with 21, 19, 8 and 2 electrodes both models
// did best with 8, 0.61 and 0.46.
var registryMontage = imageryMontages[4]

// fourClasses are the movements that a person imagines in EEGMMIDB, two in each task.
var fourClasses = []datasets.Task{datasets.LeftRightImagery, datasets.HandsFeetImagery}

// registryImagery trains the two motor imagery models of the document as RxLDA: two classes over everybody, four over those
// who did both tasks.
func registryImagery(ctx context.Context, cfg BuiltinConfig) ([]*Model, []datasets.Problem, error) {
	var models []*Model
	both, problems, err := imageryTrials(ctx, cfg, datasets.LeftRightImagery)
	if err != nil {
		return nil, problems, err
	}
	four, p, err := fourClassTrials(ctx, cfg)
	problems = append(problems, p...)
	if err != nil {
		return nil, problems, err
	}
	within := motorimagery.DefaultConfig() // the four classes have no mirror images
	within.Start, within.End = 0, clipSeconds
	for _, m := range []struct {
		name, question string
		trials         *decoders.Dataset
		options        motorimagery.Config
	}{
		{registry2Class, "imagined movement of the left or the right hand", both, motorimagery.CrossSubject()},
		{registry4Class, "imagined movement of the left hand, the right hand, both hands or both feet", four, within},
	} {
		if m.trials == nil {
			cfg.Progress(fmt.Sprintf("%s: no trials below %s", m.name, cfg.Data))
			continue
		}
		ds, err := datasets.Pick(m.trials, strings.Fields(registryMontage.channels))
		if err != nil {
			return nil, problems, err
		}
		card := imageryCard(m.question, registryMontage, len(distinct(datasets.Subjects(ds))))
		card.Limits = append(card.Limits, "The electrodes were chosen among four montages by the figure that is quoted, which is therefore a little hopeful.")
		card.Citations = slices.Insert(card.Citations, 1, "Murphy 2007, Conjugate Bayesian analysis of the Gaussian distribution")
		model, err := Train(ctx, ds, Spec{Name: m.name, Version: registryVersion, Progress: cfg.Progress,
			Candidates: candidates(m.options, motorimagery.CSPRxLDA()), Card: registryCard(card)})
		if err != nil {
			return nil, problems, fmt.Errorf("%s: %w", m.name, err)
		}
		models = append(models, model)
	}
	return models, problems, nil
}

// fourClassTrials joins the two imagery tasks of each person who did both.
func fourClassTrials(ctx context.Context, cfg BuiltinConfig) (*decoders.Dataset, []datasets.Problem, error) {
	var sets []*decoders.Dataset
	var problems []datasets.Problem
	for _, file := range datasets.Glob(cfg.Data, "motor_imagery/eegmmidb/*.zip") {
		if err := ctx.Err(); err != nil {
			return nil, problems, err
		}
		runs, p := datasets.Open(file, func(base string) bool {
			return slices.ContainsFunc(fourClasses, func(t datasets.Task) bool { return t.Has(datasets.Stem(base)) })
		})
		problems = append(problems, p...)
		ds, p := datasets.Join(fourClasses, datasets.Stem(file), runs, strings.Fields(registryMontage.channels), 0, clipSeconds)
		problems = append(problems, p...)
		if ds != nil {
			sets = append(sets, ds)
		}
	}
	all, p := datasets.Pool(sets)
	return all, append(problems, p...), nil
}

// registryFlashes trains the P300 model of the document as RxGMM.
func registryFlashes(ctx context.Context, cfg BuiltinConfig) ([]*Model, []datasets.Problem, error) {
	ds, problems, err := datasets.Muse(ctx, cfg.Data, "p300/muse/*.csv", nil)
	if err != nil {
		return nil, problems, err
	}
	if ds == nil {
		cfg.Progress(fmt.Sprintf("%s: no recordings below %s", registryP300, cfg.Data))
		return nil, problems, nil
	}
	options := p300.CrossSubject()
	// One component in 8 averages: with each kind of flash's own covariance, more features than that do worse.
	options.Components, options.Bins = 1, 12
	raw, err := json.Marshal(options)
	if err != nil {
		return nil, problems, err
	}
	card := registryCard(flashCard(ds))
	card.Limits = append(card.Limits, "p300-target, with one covariance for both kinds of flashes, tells them apart better.")
	card.RequiresLicense = "research"
	card.Citations = slices.Insert(card.Citations, 0, "Rivet et al. 2009, IEEE Trans. Biomed. Eng. 56, 2035-2043 (xDAWN)")
	m, err := Train(ctx, ds, Spec{Name: registryP300, Version: registryVersion, Progress: cfg.Progress, Calibration: "platt",
		Candidates: []Candidate{{p300.XDAWNRxGMM(), raw}}, Card: card})
	if err != nil {
		return nil, problems, fmt.Errorf("%s: %w", registryP300, err)
	}
	return []*Model{m}, problems, nil
}

// registryCard puts a model behind all others: a request gets it only by its name.
func registryCard(card catalog.ModelCard) catalog.ModelCard {
	card.Priority = -1000
	return card
}
