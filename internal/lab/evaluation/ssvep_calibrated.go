package evaluation

import (
	"context"
	"errors"
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
)

// leaveOneBlock is the protocol of the methods with calibration data: of a single file the i-th trials of all targets are a block, of several
// files each file is; a block is decoded by what was trained on the others.
const leaveOneBlock = "leave one block out"

// calibratedRows measures the methods with calibration data beside the training-free ones, on the same trials and windows.
// In both kinds of recording the lights blink on their own clock: the phase at the onset differs from trial to trial.
func (e *evaluator) calibratedRows(ctx context.Context, dataset, subject string, set ssvepSet, sigs []decoders.Signal, trials [][]flicker) error {
	ds, rest := flickerDataset(subject, set, sigs, trials)
	if len(ds.Trials) == 0 || rarest(ds) < 4 { // three to train on and one to test
		return nil
	}
	groups := make([]string, len(ds.Trials))
	for i, t := range ds.Trials {
		groups[i] = t.Group
	}
	folds, err := classify.GroupKFold(groups)
	if err != nil {
		return err
	}
	for _, seconds := range e.cfg.Windows {
		if seconds > set.end-set.start {
			continue
		}
		e.progress("%s %s, %g s, calibrated", dataset, subject, seconds)
		like := Row{Dataset: dataset, Subject: subject, Protocol: leaveOneBlock, Task: fmt.Sprintf("%d targets, %g s", len(set.targets), seconds)}
		for _, method := range []string{ssvep.CCA, ssvep.FBCCA} {
			cfg := ssvep.Config{Method: method, Skip: set.start, Seconds: seconds}
			if method == ssvep.CCA {
				cfg.Harmonics = set.harmonics
			}
			d, err := ssvep.New(cfg)
			if err != nil {
				return err
			}
			index := make([]int, len(ds.Trials))
			for i := range index {
				index[i] = i
			}
			request := func(ds *decoders.Dataset, tr decoders.Trial) *decoders.Input {
				in := crossval.ClipRequest(ds, tr)
				in.Stimulus.Targets = set.targets
				return in
			}
			o, err := crossval.Decode(ctx, d, ds, index, crossval.Config{Request: request})
			if err != nil {
				return err
			}
			r := like
			r.Pipeline, r.Note = method, "training-free"
			if r.MillisPerTrial, err = e.time(ctx, d, ds, index, request); err != nil {
				return err
			}
			e.measure(o, r, seconds)
		}
		for _, p := range catalog.Of(eeg.SSVEP) {
			cfg := ssvep.DefaultTrainConfig()
			cfg.Skip, cfg.Seconds, cfg.SubBands, cfg.FreeRunning = set.start, seconds, 3, true
			for _, t := range set.targets {
				cfg.Frequencies = append(cfg.Frequencies, t.Frequency)
			}
			pr := pipelineRun{p.Name(), p, options(cfg)}
			o, tell, first, err := e.withRest(ctx, pr, ds, folds, rest)
			if err != nil {
				return fmt.Errorf("%s %s %g s: %w", subject, pr.label, seconds, err)
			}
			r := like
			r.Pipeline = pr.label
			if r.MillisPerTrial, err = e.time(ctx, first, ds, folds[0].Test, crossval.ClipRequest); err != nil {
				return err
			}
			e.measure(o, r, seconds)
			if len(rest) > 0 {
				r.Task, r.Protocol, r.MillisPerTrial = fmt.Sprintf("no target, %g s", seconds), "rest against stimulus", 0
				e.add(tell.row(r))
				e.flicker.of(dataset, pr.label, r.Task).join(tell)
			}
		}
	}
	return nil
}

// flickerDataset gathers the trials with a target, and those at rest, of one person. A trial holds two seconds before its
// start for the filters and what follows it up to one period beyond the set's window.
func flickerDataset(subject string, set ssvepSet, sigs []decoders.Signal, trials [][]flicker) (ds *decoders.Dataset, rest []decoders.Trial) {
	ds = &decoders.Dataset{Paradigm: eeg.SSVEP, Channels: sigs[0].Channels, Rate: sigs[0].Rate, Cue: ssvepMargin, Subject: subject}
	slowest := set.targets[0].Frequency
	for _, t := range set.targets {
		ds.Classes = append(ds.Classes, t.Label)
		slowest = min(slowest, t.Frequency)
	}
	seen := map[float64]int{}
	for i, sig := range sigs {
		if sig.Rate != ds.Rate || len(sig.Channels) != len(ds.Channels) {
			continue
		}
		for _, tr := range trials[i] {
			data, ok := cut(sig, tr.start-ssvepMargin, tr.start+set.end+1/slowest+0.02)
			if !ok {
				continue
			}
			t := decoders.Trial{Data: data, Group: fmt.Sprintf("block %d", seen[tr.frequency]), Onset: tr.start}
			if len(sigs) > 1 {
				t.Group = fmt.Sprintf("file %d", i)
			}
			seen[tr.frequency]++
			if tr.frequency == 0 {
				rest = append(rest, t)
				continue
			}
			for k, target := range set.targets {
				if target.Frequency == tr.frequency {
					t.Label = k
					ds.Trials = append(ds.Trials, t)
				}
			}
		}
	}
	return ds, rest
}

// presence is what decoders said of whether somebody looks at a target.
type presence struct {
	there    []float64
	looking  []bool
	accepted [2]int // of rest, of targets
	n        [2]int
}

func (p *presence) add(res *decoders.Result, looking bool) {
	_, none := bestTarget(res)
	p.there, p.looking = append(p.there, 1-none), append(p.looking, looking)
	kind := 0
	if looking {
		kind = 1
	}
	p.n[kind]++
	if res.Classes[0].Name != ssvep.NoTarget {
		p.accepted[kind]++
	}
}

func (p *presence) row(r Row) Row {
	r.N = p.n[0]
	r.Metrics = map[string]float64{
		"auc": classify.AUC(p.there, p.looking), "false_accept": float64(p.accepted[0]) / float64(p.n[0]), "accepted": float64(p.accepted[1]) / float64(p.n[1]),
	}
	r.Note = "ROC (false accept → accept): " + rocText(classify.ROC(p.there, p.looking))
	return r
}

// join adds what was said of other trials.
func (p *presence) join(o *presence) {
	p.there, p.looking = append(p.there, o.there...), append(p.looking, o.looking...)
	for kind := range p.n {
		p.n[kind] += o.n[kind]
		p.accepted[kind] += o.accepted[kind]
	}
}

// presences are those over everybody, by dataset, method and task.
type presences struct{ list []*total }

type total struct {
	dataset, method, task string
	right, shown, targets int
	presence
}

func (p *presences) of(dataset, method, task string) *total {
	for _, t := range p.list {
		if t.dataset == dataset && t.method == method && t.task == task {
			return t
		}
	}
	t := &total{dataset: dataset, method: method, task: task}
	p.list = append(p.list, t)
	return t
}

// withRest cross-validates and asks each fold's decoder about its test trials and its share of those at rest whether there
// is a target. Rest is never trained on.
func (e *evaluator) withRest(ctx context.Context, pr pipelineRun, ds *decoders.Dataset, folds []classify.Fold, rest []decoders.Trial) (*crossval.Outcome, *presence, decoders.Trained, error) {
	told := make([]presence, len(folds)) // each fold writes its own
	var first decoders.Trained
	keep := keepFirst(&first)
	o, err := crossval.Run(ctx, pr.pipeline, pr.config, ds, folds, crossval.Config{Parallel: e.cfg.Parallel, Trained: func(fold int, d decoders.Trained) error {
		if err := keep(fold, d); err != nil || len(rest) == 0 {
			return err
		}
		var p presence
		ask := func(t decoders.Trial, looking bool) error {
			res, err := d.Decode(ctx, crossval.ClipRequest(ds, t))
			if errors.As(err, new(*decoders.Error)) && ctx.Err() == nil {
				return nil // the outcome lists it
			}
			if err == nil {
				p.add(res, looking)
			}
			return err
		}
		for _, i := range folds[fold].Test {
			if err := ask(ds.Trials[i], true); err != nil {
				return err
			}
		}
		for i := fold; i < len(rest); i += len(folds) {
			if err := ask(rest[i], false); err != nil {
				return err
			}
		}
		told[fold] = p
		return nil
	}})
	if err != nil {
		return nil, nil, nil, err
	}
	all := new(presence)
	for i := range told {
		all.join(&told[i])
	}
	return o, all, first, nil
}
