package evaluation

import (
	"context"
	"fmt"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// onTopChannels are a cap of eight over the sensorimotor cortex, as most who begin have one.
var onTopChannels = []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz"}

// onTopSizes are the trials of the person a class that OnTopProtocol names. Two runs of EEGMMIDB have 14 to 16.
var onTopSizes = []int{0, 5, 10, 14}

// OnTopProtocol names the rows of trainings with so many trials of the person a class, the person left out of the others and one run
// left out of the person's; decoders are moved online to the run. The trials alone are decoded with as they are.
func OnTopProtocol(trials int) string {
	return fmt.Sprintf("one run left out, %d own trials of each class", trials)
}

// The pipelines of these rows.
const (
	OnTopAlone     = "ts_lr 8 ch, own trials"
	OnTopStrangers = "ts_lr 8 ch, others re-centred"
	OnTopOthers    = "ts_lr 8 ch, own trials on top of others"
)

// answeredBy names what decoded with how many trials a class.
type answeredBy struct {
	trials   int
	pipeline string
}

// onTop measures trainings that start from others: each person is new to the statistics of the others, and brings few trials or none.
func (e *evaluator) onTop(ctx context.Context, dataset, task string, people []*decoders.Dataset) error {
	all, problems := datasets.Pool(people)
	e.problem(problems...)
	if all == nil {
		return nil
	}
	all, err := datasets.Pick(all, onTopChannels)
	if err != nil {
		return nil //nolint:nilerr // another cap: nothing to measure
	}
	front := motorimagery.PeopleFront{Low: 8, High: 30, Order: 4, Start: 0, End: afterCue}
	statistics, err := motorimagery.NewPeople(all, front, true)
	if err != nil {
		return err
	}
	if len(statistics.Labels) < 3 {
		return nil
	}
	subjects := datasets.Subjects(all)
	names := slices.Compact(slices.Clone(subjects))
	found := make([]map[answeredBy]*crossval.Outcome, len(names))
	g, gctx := guarded.WithContext(ctx)
	g.SetLimit(e.cfg.Parallel)
	for k, name := range names {
		e.progress("%s %s %s, on top of others", dataset, task, name)
		g.Go(func() (err error) {
			var own []int
			for i, s := range subjects {
				if s == name {
					own = append(own, i)
				}
			}
			found[k], err = onTopOf(gctx, statistics.Without(k), datasets.Subset(all, own), e.cfg.Seed)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, n := range onTopSizes {
		for _, pipeline := range []string{OnTopAlone, OnTopStrangers, OnTopOthers} {
			var rows []Row
			for k, name := range names {
				if o := found[k][answeredBy{n, pipeline}]; o != nil {
					rows = append(rows, e.measure(o, Row{Dataset: dataset, Subject: name, Task: task, Pipeline: pipeline, Protocol: OnTopProtocol(n)}, 0))
				}
			}
			if len(rows) > 1 {
				e.add(e.mean(rows, Row{Dataset: dataset, Task: task, Pipeline: pipeline, Protocol: OnTopProtocol(n)}))
			}
		}
	}
	return nil
}

// onTopOf measures one person, whose trials ds holds, on top of others; nothing where there is a single run.
func onTopOf(ctx context.Context, people *motorimagery.People, ds *decoders.Dataset, seed uint64) (map[answeredBy]*crossval.Outcome, error) {
	runs, err := classify.GroupKFold(datasets.Groups(ds))
	if err != nil {
		return nil, nil //nolint:nilerr // a single run: none can be left out
	}
	others, err := motorimagery.OnTopOf(people).Prepare(ds, nil, nil)
	if err != nil {
		return nil, err
	}
	nobody, err := others.Train(ctx, nil)
	if err != nil {
		return nil, err
	}
	found := map[answeredBy]*crossval.Outcome{}
	for _, n := range onTopSizes {
		folds := crossval.Shrink(runs, datasets.Labels(ds), len(ds.Classes), n, seed)
		for _, f := range folds {
			moved := func(pipeline string, d decoders.Trained) error {
				o, err := crossval.Recentred(ctx, d, ds, f.Test, motorimagery.DefaultRecentring(), true, crossval.Config{})
				if err == nil {
					found[answeredBy{n, pipeline}] = joinedWith(found[answeredBy{n, pipeline}], o)
				}
				return err
			}
			if err := moved(OnTopStrangers, nobody); err != nil {
				return nil, err
			}
			if n == 0 {
				continue
			}
			d, err := others.Train(ctx, f.Train)
			if err != nil {
				return nil, err
			}
			if err := moved(OnTopOthers, d); err != nil {
				return nil, err
			}
		}
		if n == 0 || folds == nil {
			continue
		}
		alone := answeredBy{n, OnTopAlone}
		if found[alone], err = crossval.Run(ctx, motorimagery.TSLR(), nil, ds, folds, crossval.Config{Parallel: 1}); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// joinedWith appends a part to an outcome, nil for none yet.
func joinedWith(o, part *crossval.Outcome) *crossval.Outcome {
	if o == nil {
		return part
	}
	o.Join(part)
	return o
}
