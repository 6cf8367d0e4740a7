package evaluation

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

var eegmmidbTasks = []datasets.Task{
	datasets.LeftRightImagery, datasets.HandsFeetImagery, datasets.LeftRightExecuted, datasets.HandsFeetExecuted,
}

// grazTask is left against right by the cue codes of the Graz and BioSig recordings.
var grazTask = datasets.Task{
	Name: "left/right imagery", Paradigm: eeg.MotorImagery,
	Events: [][]string{{"769"}, {"770"}}, Classes: []string{"left_hand", "right_hand"},
}

const (
	// Trials carry a second before the cue, so that the filter's edge stays outside; what follows it is what every
	// run of EEGMMIDB has after its last cue.
	beforeCue = 1.0
	afterCue  = 4.0
)

// imagerySeconds is the length of the window within a person, 0.5-3.5 s after the cue.
const imagerySeconds = 3

// withinSubject are the pipelines for folds within a person: all of the catalog. Executed movement is measured with the first two alone.
func withinSubject(task string) []pipelineRun {
	cfg, bank := motorimagery.DefaultConfig(), motorimagery.DefaultFBCSP()
	cfg.End, bank.End = cfg.Start+imagerySeconds, bank.Start+imagerySeconds
	var list []pipelineRun
	for _, p := range catalog.Of(eeg.MotorImagery) {
		of := cfg
		if p.Name() == motorimagery.FBCSPName {
			of = bank
		}
		list = append(list, pipelineRun{p.Name(), p, options(of)})
	}
	if !strings.HasSuffix(task, "imagery") {
		return list[:2]
	}
	return list
}

// motorImagery measures EEGMMIDB archives and cued GDF recordings.
func (e *evaluator) motorImagery(ctx context.Context) error {
	people := map[string][]*decoders.Dataset{} // by task
	for _, file := range e.glob("motor_imagery/*/*.zip") {
		runs := e.open(file, func(base string) bool { return strings.EqualFold(filepath.Ext(base), ".edf") })
		subject := datasets.Stem(file)
		e.progress("%s %s", e.folder(file), subject)
		for _, task := range eegmmidbTasks {
			ds, problems := task.Dataset(subject, runs, nil, beforeCue, afterCue)
			e.problem(problems...)
			if ds == nil {
				continue
			}
			key := e.folder(file) + "\x00" + task.Name
			people[key] = append(people[key], ds)
			if err := e.skip(ctx, file, e.imageryWithin(ctx, e.folder(file), task.Name, ds)); err != nil {
				return err
			}
			if task.Name == datasets.HandsFeetImagery.Name {
				if err := e.skip(ctx, file, e.cspExample(ctx, e.folder(file), ds)); err != nil {
					return err
				}
			}
		}
		e.restingAlpha(file, subject, runs)
		e.restGate(file, subject, runs)
	}
	for _, file := range e.glob("motor_imagery/*/*.gdf") {
		e.progress("%s", e.relative(file))
		ds, problems := grazTask.Dataset(datasets.Stem(file), e.open(file, nil), nil, beforeCue, afterCue)
		e.problem(problems...)
		if ds == nil {
			if len(problems) == 0 {
				e.leave(file, "no event 769 or 770, the cues of left and right, has 4 s of signal after it")
			}
			continue
		}
		if err := e.skip(ctx, file, e.imageryWithin(ctx, e.folder(file), grazTask.Name, ds)); err != nil {
			return err
		}
	}
	e.pooledRows("gate_failed", "rest", "clean windows of imagery")
	e.pooledRows("false_accept", "closed eyes called a seizure")
	e.meanRows("motor_imagery/", append([]string{"5-fold", "leave one run out"}, e.sizeProtocols()...)...)
	for _, key := range sortedKeys(people) {
		dataset, task, _ := strings.Cut(key, "\x00")
		if err := e.skip(ctx, dataset, e.acrossSubjects(ctx, dataset, task, people[key], crossSubject(task))); err != nil {
			return err
		}
		if strings.HasSuffix(task, "imagery") {
			if err := e.skip(ctx, dataset, e.adaptation(ctx, dataset, task, people[key])); err != nil {
				return err
			}
		}
		if task == datasets.LeftRightImagery.Name {
			if err := e.skip(ctx, dataset, e.onTop(ctx, dataset, task, people[key])); err != nil {
				return err
			}
			if err := e.skip(ctx, dataset, e.lostImagery(ctx, dataset, task, people[key])); err != nil {
				return err
			}
		}
	}
	return nil
}

// rarest returns the number of trials of the class that has fewest.
func rarest(ds *decoders.Dataset) int {
	counts := make([]int, len(ds.Classes))
	for _, tr := range ds.Trials {
		counts[tr.Label]++
	}
	return slices.Min(counts)
}

func distinct(names []string) int {
	seen := map[string]bool{}
	for _, n := range names {
		seen[n] = true
	}
	return len(seen)
}

// imageryWithin measures folds within a person.
func (e *evaluator) imageryWithin(ctx context.Context, dataset, task string, ds *decoders.Dataset) error {
	const folds = 5
	if rarest(ds) < folds {
		return nil
	}
	random, err := classify.StratifiedKFold(datasets.Labels(ds), folds, e.cfg.Seed)
	if err != nil {
		return err
	}
	protocols := []protocol{{"5-fold", random}}
	if distinct(datasets.Groups(ds)) > 1 {
		runs, err := classify.GroupKFold(datasets.Groups(ds))
		if err != nil {
			return err
		}
		protocols = append(protocols, protocol{"leave one run out", runs})
	}
	like := Row{Dataset: dataset, Subject: ds.Subject, Task: task}
	memo := new(decoders.Memo)
	var list []crossing
	for _, pr := range withinSubject(task) {
		for _, p := range protocols {
			list = append(list, crossing{pr, ds, p.folds, memo, func(o *crossval.Outcome, ms float64) error {
				r := like
				r.Pipeline, r.Protocol, r.MillisPerTrial = pr.label, p.name, ms
				e.measure(o, r, imagerySeconds)
				return nil
			}})
		}
	}
	if strings.HasSuffix(task, "imagery") {
		list = append(list, e.sizeCurve(withinSubject(task), ds, random, memo, like, imagerySeconds)...)
	}
	if err := e.run(ctx, list); err != nil {
		return fmt.Errorf("%s %s: %w", ds.Subject, task, err)
	}
	return nil
}

// protocol is a way to split trials.
type protocol struct {
	name  string
	folds []classify.Fold
}

// cspExample repeats the protocol of MNE's CSP example on a person's hands/feet runs: 7-30 Hz, 1-2 s after the cue,
// 4 components, ten random splits with a fifth of the trials to test.
func (e *evaluator) cspExample(ctx context.Context, dataset string, ds *decoders.Dataset) error {
	cfg := motorimagery.DefaultConfig()
	cfg.Low, cfg.High, cfg.Start, cfg.End, cfg.Components, cfg.Folds = 7, 30, 1, 2, 4, 0
	split, err := classify.ShuffleSplit(len(ds.Trials), 10, .2, e.cfg.Seed)
	if err != nil {
		return err
	}
	return e.run(ctx, []crossing{{pipelineRun{"csp_lda", motorimagery.CSPLDA(), options(cfg)}, ds, split, nil, func(o *crossval.Outcome, ms float64) error {
		r := row(o, Row{Dataset: dataset, Subject: ds.Subject, Task: "hands/feet imagery", Pipeline: "csp_lda 7-30 Hz 1-2 s", Protocol: "10 × 20 %", MillisPerTrial: ms}, 1)
		r.AccuracyCI = nil // the splits share trials
		e.add(r)
		return nil
	}}})
}

// crossSubject are the pipelines for a person the model has never met. Executed movement is measured with the first alone: the
// geometric mean of hundreds of trials of 64 channels, once a person, is a third of the time of all the rest.
func crossSubject(task string) []pipelineRun {
	cfg := motorimagery.CrossSubject()
	cfg.Mirror = strings.HasPrefix(task, "left/right") // only left and right mirror each other
	list := []pipelineRun{{"csp_lda", motorimagery.CSPLDA(), options(cfg)}}
	if strings.HasSuffix(task, "imagery") {
		list = append(list, pipelineRun{"ts_lr", motorimagery.TSLR(), options(cfg)})
	}
	return list
}

// acrossSubjects leaves one person out at a time. People with another montage or rate are left out of the comparison.
func (e *evaluator) acrossSubjects(ctx context.Context, dataset, task string, people []*decoders.Dataset, pipelines []pipelineRun) error {
	all, problems := datasets.Pool(people)
	e.problem(problems...)
	subjects := datasets.Subjects(all)
	if distinct(subjects) < 2 {
		return nil
	}
	folds, err := classify.GroupKFold(subjects)
	if err != nil {
		return err
	}
	for _, pr := range pipelines {
		e.progress("%s %s %s, leaving one subject out", dataset, task, pr.label)
		var first decoders.Trained
		o, err := crossval.Run(ctx, pr.pipeline, pr.config, all, folds, crossval.Config{Parallel: e.cfg.Parallel, Trained: keepFirst(&first)})
		if err != nil {
			return fmt.Errorf("%s: %w", task, err)
		}
		ms, err := e.time(ctx, first, all, folds[0].Test, crossval.ClipRequest)
		if err != nil {
			return err
		}
		var rows []Row
		for _, f := range folds {
			subject := subjects[f.Test[0]]
			part := o.Part(func(trial int) bool { return subjects[trial] == subject })
			if len(part.Labels) == 0 {
				continue
			}
			rows = append(rows, e.measure(part, Row{Dataset: dataset, Subject: subject, Task: task, Pipeline: pr.label, Protocol: "leave one subject out", MillisPerTrial: ms}, 0))
		}
		e.add(e.mean(rows, Row{Dataset: dataset, Task: task, Pipeline: pr.label, Protocol: "leave one subject out"}))
	}
	return nil
}

// meanRows adds a mean over subjects for each task, pipeline and protocol of the datasets below a prefix.
func (e *evaluator) meanRows(prefix string, protocols ...string) {
	type key struct{ dataset, task, pipeline, protocol string }
	found := map[key][]Row{}
	var order []key
	for _, r := range e.report.Rows {
		if !strings.HasPrefix(r.Dataset, prefix) || !slices.Contains(protocols, r.Protocol) {
			continue
		}
		k := key{r.Dataset, r.Task, r.Pipeline, r.Protocol}
		if found[k] == nil {
			order = append(order, k)
		}
		found[k] = append(found[k], r)
	}
	for _, k := range order {
		if len(found[k]) > 1 {
			e.add(e.mean(found[k], Row{Dataset: k.dataset, Task: k.task, Pipeline: k.pipeline, Protocol: k.protocol}))
		}
	}
}

// restingAlpha compares the alpha power on O1 of eyes closed (run 2) with eyes open (run 1).
func (e *evaluator) restingAlpha(file, subject string, runs []datasets.Run) {
	alpha := map[string]float64{}
	for _, r := range runs {
		for _, rest := range []string{"R01", "R02"} {
			if !strings.HasSuffix(r.Name, rest) {
				continue
			}
			p, err := alphaPower(r)
			if err != nil {
				e.problem(datasets.Problem{File: filepath.Join(file, r.Name), Err: err})
				return
			}
			alpha[rest] = p
		}
	}
	if alpha["R01"] > 0 && alpha["R02"] > 0 {
		e.add(Row{Dataset: e.folder(file), Subject: subject, Task: "alpha on O1, eyes closed : open", Pipeline: "features", Protocol: "2-s windows",
			N: 1, Metrics: map[string]float64{"ratio": alpha["R02"] / alpha["R01"]}})
	}
}

// alphaPower is the mean alpha power on O1 over 2-s windows, in µV².
func alphaPower(r datasets.Run) (float64, error) {
	sig, err := r.Recording.Signal("O1")
	if err != nil {
		return 0, err
	}
	sum, n := 0.0, 0
	err = eachWindow(sig, func(w *window, _ *mat.Dense) {
		sum += float64(w.Features.BandPower.Alpha)
		n++
	})
	if err != nil {
		return 0, err
	}
	return sum / float64(n), nil
}
