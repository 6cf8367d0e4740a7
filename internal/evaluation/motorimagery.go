package evaluation

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/recording"
)

// A task is a pair of classes that a data set tells apart.
type task struct {
	name    string
	runs    []int    // EEGMMIDB run numbers; nil for all
	events  []string // label or code of each class
	classes []string
}

// eegmmidbTasks are the tasks of the PhysioNet data set by run number (Schalk et al. 2004).
var eegmmidbTasks = []task{
	{"left/right imagery", []int{4, 8, 12}, []string{"T1", "T2"}, []string{"left_hand", "right_hand"}},
	{"hands/feet imagery", []int{6, 10, 14}, []string{"T1", "T2"}, []string{"both_hands", "both_feet"}},
	{"left/right executed", []int{3, 7, 11}, []string{"T1", "T2"}, []string{"left_hand", "right_hand"}},
	{"hands/feet executed", []int{5, 9, 13}, []string{"T1", "T2"}, []string{"both_hands", "both_feet"}},
}

// grazTask is left against right by the cue codes of the Graz and BioSig recordings.
var grazTask = task{"left/right imagery", nil, []string{"769", "770"}, []string{"left_hand", "right_hand"}}

const (
	// Trials carry a second before the cue and some after the window, so that the filter's edges stay outside.
	beforeCue = 1.0
	afterCue  = 4.0
)

// pipelineRun is a pipeline with the options it is measured with.
type pipelineRun struct {
	label    string
	pipeline decoders.Pipeline
	config   json.RawMessage
}

func options(cfg any) json.RawMessage {
	b, err := json.Marshal(cfg)
	if err != nil {
		panic(err) // plain structs of ours
	}
	return b
}

// withinSubject are the pipelines for folds within a person: 0.5-3.5 s after the cue.
func withinSubject() []pipelineRun {
	cfg := motorimagery.DefaultConfig()
	cfg.End = 3.5
	return []pipelineRun{
		{"csp_lda", motorimagery.CSPLDA(), options(cfg)},
		{"ts_lr", motorimagery.TSLR(), options(cfg)},
	}
}

var runNumber = regexp.MustCompile(`R(\d+)$`)

// motorImagery measures EEGMMIDB archives and cued GDF recordings.
func (e *evaluator) motorImagery(ctx context.Context) error {
	bySubject := map[string]map[string]*decoders.Dataset{} // task → subject
	for _, file := range e.glob("motor_imagery/*/*.zip") {
		members, err := e.openArchive(file, func(base string) bool { return strings.EqualFold(filepath.Ext(base), ".edf") })
		if err != nil {
			e.problem(file, err)
			continue
		}
		subject := stem(file)
		e.progress("%s %s", e.folder(file), subject)
		for _, tk := range eegmmidbTasks {
			ds := e.imageryDataset(file, subject, tk, members)
			if ds == nil {
				continue
			}
			if bySubject[tk.name] == nil {
				bySubject[tk.name] = map[string]*decoders.Dataset{}
			}
			bySubject[tk.name][subject] = ds
			if err := e.imageryWithin(ctx, e.folder(file), tk.name, ds); err != nil {
				return err
			}
			if tk.name == "hands/feet imagery" {
				if err := e.cspExample(ctx, e.folder(file), ds); err != nil {
					return err
				}
			}
		}
		e.restingAlpha(file, subject, members)
	}
	for _, file := range e.glob("motor_imagery/*/*.gdf") {
		rec, err := open(file)
		if err != nil {
			e.problem(file, err)
			continue
		}
		e.progress("%s %s", e.folder(file), stem(file))
		if ds := e.imageryDataset(file, stem(file), grazTask, []member{{stem(file), rec}}); ds != nil {
			if err := e.imageryWithin(ctx, e.folder(file), grazTask.name, ds); err != nil {
				return err
			}
		}
	}
	e.meanRows("motor_imagery/", withinProtocols)
	for _, tk := range eegmmidbTasks {
		if err := e.acrossSubjects(ctx, "motor_imagery/eegmmidb", tk.name, bySubject[tk.name], crossSubject()); err != nil {
			return err
		}
	}
	return nil
}

// imageryDataset gathers the trials of a task from the runs that have it; nil where there are none.
func (e *evaluator) imageryDataset(file, subject string, tk task, members []member) *decoders.Dataset {
	ds := &decoders.Dataset{Paradigm: decoders.MotorImagery, Cue: beforeCue, Classes: tk.classes, Subject: subject}
	for _, m := range members {
		if tk.runs != nil {
			match := runNumber.FindStringSubmatch(m.name)
			if match == nil {
				continue
			}
			if n, err := strconv.Atoi(match[1]); err != nil || !slices.Contains(tk.runs, n) {
				continue
			}
		}
		sig, err := m.rec.Signal()
		if err != nil {
			e.problem(filepath.Join(file, m.name), err)
			continue
		}
		if ds.Channels == nil {
			ds.Channels, ds.Rate = sig.Channels, sig.Rate
		}
		if !slices.Equal(ds.Channels, sig.Channels) || ds.Rate != sig.Rate {
			e.problem(filepath.Join(file, m.name), fmt.Errorf("its montage or rate differs from the first run's"))
			continue
		}
		ds.Trials = append(ds.Trials, cuedTrials(sig, m.rec.Events, tk, m.name)...)
	}
	if len(ds.Trials) == 0 {
		return nil
	}
	return ds
}

// cuedTrials cuts a trial around each event of the task.
func cuedTrials(sig decoders.Signal, events []decoders.Event, tk task, group string) []decoders.Trial {
	var trials []decoders.Trial
	for _, ev := range events {
		label := slices.IndexFunc(tk.events, func(s string) bool { return s == ev.Label || s == strconv.Itoa(ev.Code) })
		if label < 0 {
			continue
		}
		if data, ok := cut(sig, ev.Onset-beforeCue, ev.Onset+afterCue); ok {
			trials = append(trials, decoders.Trial{Data: data, Label: label, Group: group, Onset: ev.Onset})
		}
	}
	return trials
}

func labels(ds *decoders.Dataset) []int {
	out := make([]int, len(ds.Trials))
	for i, tr := range ds.Trials {
		out[i] = tr.Label
	}
	return out
}

func groups(ds *decoders.Dataset) []string {
	out := make([]string, len(ds.Trials))
	for i, tr := range ds.Trials {
		out[i] = tr.Group
	}
	return out
}

func distinct(names []string) int {
	seen := map[string]bool{}
	for _, n := range names {
		seen[n] = true
	}
	return len(seen)
}

// rarest returns the number of trials of the class that has fewest.
func rarest(ds *decoders.Dataset) int {
	counts := make([]int, len(ds.Classes))
	for _, tr := range ds.Trials {
		counts[tr.Label]++
	}
	return slices.Min(counts)
}

// withinProtocols are the protocols that give a row a person.
var withinProtocols = []string{"5-fold", "leave one run out"}

// imageryWithin measures folds within a person.
func (e *evaluator) imageryWithin(ctx context.Context, dataset, taskName string, ds *decoders.Dataset) error {
	const folds = 5
	if rarest(ds) < folds {
		return nil
	}
	for _, pr := range withinSubject() {
		row := Row{Dataset: dataset, Subject: ds.Subject, Task: taskName, Pipeline: pr.label, Protocol: "5-fold"}
		stratified, err := classify.StratifiedKFold(labels(ds), folds, e.cfg.Seed)
		if err != nil {
			return fmt.Errorf("%s %s: %w", ds.Subject, taskName, err)
		}
		o, err := e.crossValidate(ctx, pr.pipeline, pr.config, ds, stratified)
		if err != nil {
			return fmt.Errorf("%s %s: %w", ds.Subject, taskName, err)
		}
		e.add(o.row(row, 3))
		runs, err := classify.GroupKFold(groups(ds))
		if err != nil { // one run
			continue
		}
		row.Protocol = "leave one run out"
		if o, err = e.crossValidate(ctx, pr.pipeline, pr.config, ds, runs); err != nil {
			return fmt.Errorf("%s %s: %w", ds.Subject, taskName, err)
		}
		e.add(o.row(row, 3))
	}
	return nil
}

// cspExample repeats the protocol of MNE's CSP example on a person's hands/feet runs: 7-30 Hz, 1-2 s after the cue,
// 4 components, ten random splits with a fifth of the trials to test.
func (e *evaluator) cspExample(ctx context.Context, dataset string, ds *decoders.Dataset) error {
	cfg := motorimagery.DefaultConfig()
	cfg.Low, cfg.High, cfg.Start, cfg.End, cfg.Components, cfg.Folds = 7, 30, 1, 2, 4, 0
	splits, err := classify.ShuffleSplit(len(ds.Trials), 10, .2, e.cfg.Seed)
	if err != nil {
		return fmt.Errorf("%s: %w", ds.Subject, err)
	}
	o, err := e.crossValidate(ctx, motorimagery.CSPLDA(), options(cfg), ds, splits)
	if err != nil {
		return fmt.Errorf("%s: %w", ds.Subject, err)
	}
	e.add(o.row(Row{Dataset: dataset, Subject: ds.Subject, Task: "hands/feet imagery", Pipeline: "csp_lda 7-30 Hz 1-2 s", Protocol: "10 × 20 %"}, 1))
	return nil
}

// crossSubject are the pipelines for a person the model has never met.
func crossSubject() []pipelineRun {
	cfg := motorimagery.CrossSubject()
	return []pipelineRun{
		{"csp_lda", motorimagery.CSPLDA(), options(cfg)},
		{"ts_lr", motorimagery.TSLR(), options(cfg)},
	}
}

// acrossSubjects leaves one person out at a time. People with another montage or rate are left out of the comparison.
func (e *evaluator) acrossSubjects(ctx context.Context, dataset, taskName string, bySubject map[string]*decoders.Dataset, runs []pipelineRun) error {
	all := pool(bySubject)
	if all == nil {
		return nil
	}
	subjects := make([]string, len(all.Trials))
	for i, tr := range all.Trials {
		subjects[i], _, _ = strings.Cut(tr.Group, "/")
	}
	folds, err := classify.GroupKFold(subjects)
	if err != nil { // one person
		return nil
	}
	for _, pr := range runs {
		cfg := pr
		if len(all.Classes) == 2 && !strings.HasPrefix(taskName, "left/right") {
			cfg.config = withoutMirror(pr.config)
		}
		var rows []Row
		for _, f := range folds {
			subject := subjects[f.Test[0]]
			e.progress("%s %s without %s", taskName, pr.label, subject)
			o, err := e.crossValidate(ctx, cfg.pipeline, cfg.config, all, []classify.Fold{f})
			if err != nil {
				return fmt.Errorf("%s without %s: %w", taskName, subject, err)
			}
			rows = append(rows, o.row(Row{Dataset: dataset, Subject: subject, Task: taskName, Pipeline: pr.label, Protocol: "leave one subject out"}, 0))
		}
		e.report.Rows = append(e.report.Rows, rows...)
		e.add(mean(rows, Row{Dataset: dataset, Task: taskName, Pipeline: pr.label, Protocol: "leave one subject out"}))
	}
	return nil
}

// withoutMirror turns the mirrored training off for classes that do not mirror each other.
func withoutMirror(config json.RawMessage) json.RawMessage {
	var cfg motorimagery.Config
	if err := json.Unmarshal(config, &cfg); err != nil {
		panic(err) // written by options
	}
	cfg.Mirror = false
	return options(cfg)
}

// pool joins the data sets of several people into one; the group of a trial becomes "subject/run".
func pool(bySubject map[string]*decoders.Dataset) *decoders.Dataset {
	var names []string
	for name := range bySubject {
		names = append(names, name)
	}
	slices.Sort(names)
	var all *decoders.Dataset
	for _, name := range names {
		ds := bySubject[name]
		if all == nil {
			c := *ds
			c.Trials, c.Subject = nil, ""
			all = &c
		}
		if ds.Rate != all.Rate || !slices.Equal(ds.Channels, all.Channels) {
			continue
		}
		for _, tr := range ds.Trials {
			tr.Group = name + "/" + tr.Group
			all.Trials = append(all.Trials, tr)
		}
	}
	return all
}

// meanRows adds a mean over subjects for each task, pipeline and protocol of the datasets below a prefix.
func (e *evaluator) meanRows(prefix string, protocols []string) {
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
			e.add(mean(found[k], Row{Dataset: k.dataset, Task: k.task, Pipeline: k.pipeline, Protocol: k.protocol}))
		}
	}
}

// restingAlpha compares the alpha power on O1 of eyes closed (run 2) with eyes open (run 1).
func (e *evaluator) restingAlpha(file, subject string, members []member) {
	alpha := map[string]float64{}
	for _, m := range members {
		if !strings.HasSuffix(m.name, "R01") && !strings.HasSuffix(m.name, "R02") {
			continue
		}
		p, err := alphaPower(m.rec)
		if err != nil {
			e.problem(filepath.Join(file, m.name), err)
			return
		}
		alpha[m.name[len(m.name)-3:]] = p
	}
	if alpha["R01"] > 0 && alpha["R02"] > 0 {
		e.add(hold(Row{Dataset: e.folder(file), Subject: subject, Task: "alpha on O1, eyes closed : open", Pipeline: "features", Protocol: "2-s windows",
			N: 1, Metrics: map[string]float64{"ratio": alpha["R02"] / alpha["R01"]}}))
	}
}

// alphaPower is the mean alpha power on O1 over 2-s windows, in µV².
func alphaPower(rec *recording.Recording) (float64, error) {
	sig, err := rec.Signal("O1")
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
