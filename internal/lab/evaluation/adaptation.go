package evaluation

import (
	"context"
	"fmt"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// adaptationChannels lie over the sensorimotor cortex; alignment needs covariances that a person's trials fill.
var adaptationChannels = []string{
	"FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6",
}

// adaptation is a way to meet a stranger.
type adaptation struct {
	label  string
	center string // of Config; "" does not align
	online bool   // recursive: each clip is decoded before it is counted in
}

var adaptations = []adaptation{
	{"", "", false},
	{" + Euclidean alignment", motorimagery.CenterEuclid, false},
	{" + re-centring", motorimagery.CenterRiemann, false},
	{" + re-centring online", motorimagery.CenterRiemann, true},
}

// onlinePrior is how many clips the training people's average counts for at the start of an online re-centring.
const onlinePrior = 5

// adaptation leaves one person out at a time and moves the decoder to where that person's clips lie, without labels: by all
// of them at once, or clip by clip as they come. It says what alignment is worth where a session's clips are at hand;
// a single clip from a stranger has no mean of its own.
func (e *evaluator) adaptation(ctx context.Context, dataset, task string, people []*decoders.Dataset) error {
	all, problems := datasets.Pool(people)
	e.problem(problems...)
	if all == nil {
		return nil
	}
	all, err := datasets.Pick(all, adaptationChannels)
	if err != nil {
		return nil //nolint:nilerr // another cap: nothing to measure
	}
	subjects := datasets.Subjects(all)
	if distinct(subjects) < 2 {
		return nil
	}
	folds, err := classify.GroupKFold(subjects)
	if err != nil {
		return err
	}
	for _, p := range []decoders.Preparer{motorimagery.TSLR(), motorimagery.MDM()} {
		var trained []decoders.Trained // of each fold; adaptations that differ in decoding alone share them
		for n, a := range adaptations {
			cfg := motorimagery.CrossSubject()
			cfg.Normalize = a.center == "" // the mean takes the person's gain out
			cfg.Mirror = strings.HasPrefix(task, "left/right")
			cfg.Align, cfg.Center = a.center != "", a.center
			label := p.Name() + " 21 ch" + a.label
			e.progress("%s %s %s, leaving one subject out", dataset, task, label)
			prepared, err := p.Prepare(all, options(cfg), nil)
			if err != nil {
				return fmt.Errorf("%s: %w", label, err)
			}
			if n == 0 || a.center != adaptations[n-1].center {
				trained = make([]decoders.Trained, len(folds))
			}
			outcomes := make([]*crossval.Outcome, len(folds))
			g, gctx := guarded.WithContext(ctx)
			g.SetLimit(e.cfg.Parallel)
			for i, f := range folds {
				g.Go(func() error {
					var err error
					if trained[i] == nil {
						if trained[i], err = prepared.Train(gctx, f.Train); err != nil {
							return err
						}
					}
					outcomes[i], err = a.decode(gctx, trained[i], all, f.Test)
					return err
				})
			}
			if err := g.Wait(); err != nil {
				return fmt.Errorf("%s: %w", label, err)
			}
			var rows []Row
			for i, f := range folds {
				rows = append(rows, e.measure(outcomes[i], Row{Dataset: dataset, Subject: subjects[f.Test[0]], Task: task, Pipeline: label, Protocol: "leave one subject out, adapted"}, 0))
			}
			e.add(e.mean(rows, Row{Dataset: dataset, Task: task, Pipeline: label, Protocol: "leave one subject out, adapted"}))
		}
	}
	return nil
}

// decode answers the trials of one person in their order.
func (a adaptation) decode(ctx context.Context, d decoders.Trained, ds *decoders.Dataset, test []int) (*crossval.Outcome, error) {
	if a.center == "" {
		return crossval.Decode(ctx, d, ds, test, crossval.Config{})
	}
	cfg := motorimagery.RecentringConfig{}
	if a.online {
		cfg.Prior = onlinePrior
	}
	return crossval.Recentred(ctx, d, ds, test, cfg, a.online, crossval.Config{})
}
