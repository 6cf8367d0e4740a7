package evaluation

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// cueFolds is how often a trial of each class must be there at least.
const cueFolds = 5

// movements are the classes that events of recordings of no known layout are looked at for.
var movements = []string{"left_hand", "right_hand", "both_hands", "both_feet", "tongue"}

// person is who the runs of some files are of.
type person struct {
	folder, name string
	runs         []datasets.Run
	files        []string // of the runs
}

// leave notes a recording of which nothing was measured.
func (e *evaluator) leave(file, format string, args ...any) {
	delete(e.used, filepath.Clean(file))
	e.problem(datasets.Problem{File: file, Err: fmt.Errorf(format, args...)})
}

// recordings measures what lies in no known layout by its events: cues of movements and of the classes of the caller, and flashes
// of which the recording says whether they were targets. What has neither is left, with the reason.
func (e *evaluator) recordings(ctx context.Context) error {
	people := map[string]*person{}
	var order []string
	for _, file := range e.plain() {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.progress("%s", e.relative(file))
		for _, r := range e.open(file, nil) {
			subject := datasets.SubjectOf(e.cfg.Data, file, r.Name)
			if subject == "" {
				subject = datasets.Stem(file)
			}
			key := e.folder(file) + "\x00" + subject
			if people[key] == nil {
				people[key] = &person{folder: e.folder(file), name: subject}
				order = append(order, key)
			}
			p := people[key]
			p.runs, p.files = append(p.runs, r), append(p.files, file)
		}
	}
	slices.Sort(order)
	sets := map[string][]*decoders.Dataset{} // by folder and task
	for _, key := range order {
		p := people[key]
		people[key] = nil // its samples are not needed any more
		found, err := e.person(ctx, p)
		if err != nil {
			return err
		}
		for task, ds := range found {
			sets[p.folder+"\x00"+task] = append(sets[p.folder+"\x00"+task], ds)
		}
	}
	for _, key := range sortedKeys(sets) {
		folder, task, _ := strings.Cut(key, "\x00")
		if len(sets[key]) < 2 {
			continue
		}
		if err := e.skip(ctx, folder, e.acrossSubjects(ctx, folder, task, sets[key], cuedPipelines(motorimagery.CrossSubject()))); err != nil {
			return err
		}
	}
	e.meanRows("", "5-fold by events")
	return nil
}

// plain lists the recordings that lie in no known layout.
func (e *evaluator) plain() []string {
	files, err := datasets.Files(e.cfg.Data)
	if err != nil {
		return nil // none, which the inventory tells
	}
	claimed := map[string]bool{}
	for _, pattern := range layouts {
		for _, f := range e.glob(pattern) {
			claimed[filepath.Clean(f)] = true
		}
	}
	return slices.DeleteFunc(files, func(f string) bool { return claimed[filepath.Clean(f)] })
}

// person measures the tasks that the events of one person's runs hold, and returns the trials of those with cues.
func (e *evaluator) person(ctx context.Context, p *person) (map[string]*decoders.Dataset, error) {
	found := map[string]*decoders.Dataset{}
	used := map[int]bool{} // runs
	for _, task := range e.tasksOf(p) {
		var part []datasets.Run
		var at []int
		for i, r := range p.runs {
			if task.Has(r.Name) && slices.ContainsFunc(r.Recording.Events, func(ev eeg.Event) bool { return task.Label(ev) >= 0 }) {
				part, at = append(part, r), append(at, i)
			}
		}
		ds, problems := task.Dataset(p.name, part, nil, beforeCue, afterCue)
		e.problem(problems...)
		if ds == nil {
			continue
		}
		for _, i := range at {
			used[i] = true
		}
		if n := rarest(ds); n < cueFolds {
			e.problem(datasets.Problem{File: p.files[at[0]], Err: fmt.Errorf("%s: %d trials of the class that has fewest; %d of each are needed for folds", task.Name, n, cueFolds)})
			for _, i := range at {
				used[i] = false
			}
			continue
		}
		err := e.cuedWithin(ctx, p.folder, task.Name, ds)
		if err := e.skip(ctx, p.files[at[0]], err); err != nil {
			return nil, err
		}
		if err == nil {
			found[task.Name] = ds
		}
	}
	if err := e.flashesOf(ctx, p, used); err != nil {
		return nil, err
	}
	for i, r := range p.runs {
		if !used[i] {
			e.leave(p.files[i], "%s", e.whyNot(r))
		}
	}
	for i := range p.runs { // of an archive some runs may be used and others not
		if used[i] {
			e.use(p.files[i])
		}
	}
	return found, nil
}

// tasksOf lists what the events of runs ask: the classes of the caller; the tasks of EEGMMIDB by the numbers of its runs; the names
// and codes of movements; T1 against T2.
func (e *evaluator) tasksOf(p *person) []datasets.Task {
	if len(e.cfg.Classes) > 0 {
		task, err := datasets.ParseClasses(e.cfg.Classes)
		if err != nil {
			return nil // Run has checked it
		}
		task.Name, task.Paradigm = strings.Join(task.Classes, "/"), eeg.MotorImagery
		return []datasets.Task{task}
	}
	var tasks []datasets.Task
	var others []datasets.Run
	for _, r := range p.runs {
		i := slices.IndexFunc(eegmmidbTasks, func(t datasets.Task) bool { return physionetRun(r) && t.Has(r.Name) })
		if i < 0 {
			others = append(others, r)
			continue
		}
		if !slices.ContainsFunc(tasks, func(t datasets.Task) bool { return t.Name == eegmmidbTasks[i].Name }) {
			tasks = append(tasks, eegmmidbTasks[i])
		}
	}
	events := map[string]map[string]bool{} // by class
	note := func(class string, ev eeg.Event) {
		if events[class] == nil {
			events[class] = map[string]bool{}
		}
		events[class][cue.Name(ev)] = true
	}
	for _, r := range others {
		trials, err := cue.Find(cue.Query{Paradigm: eeg.MotorImagery, Classes: movements}, r.Recording.Events)
		if err != nil {
			continue
		}
		for _, t := range trials {
			if t.Class != "" {
				note(t.Class, t.Event)
			} else if t.Event.Label == "T1" || t.Event.Label == "T2" { // their meaning is not told
				note(t.Event.Label, t.Event)
			}
		}
	}
	if len(events) < 2 {
		return tasks
	}
	task := datasets.Task{Paradigm: eeg.MotorImagery, Classes: slices.Sorted(maps.Keys(events))}
	for _, class := range task.Classes {
		task.Events = append(task.Events, slices.Sorted(maps.Keys(events[class])))
	}
	task.Name = strings.Join(task.Classes, "/")
	return append(tasks, task)
}

// physionetRun reports whether a run has the events of EEGMMIDB.
func physionetRun(r datasets.Run) bool {
	return len(r.Name) == len("S001R01") && slices.ContainsFunc(r.Recording.Events, func(ev eeg.Event) bool { return ev.Label == "T1" || ev.Label == "T2" })
}

// cuedPipelines are those of a few seconds a person.
func cuedPipelines(cfg motorimagery.Config) []pipelineRun {
	return []pipelineRun{{"csp_lda", motorimagery.CSPLDA(), options(cfg)}, {"ts_lr", motorimagery.TSLR(), options(cfg)}}
}

// cuedWithin measures folds within a person.
func (e *evaluator) cuedWithin(ctx context.Context, dataset, task string, ds *decoders.Dataset) error {
	random, err := classify.StratifiedKFold(datasets.Labels(ds), cueFolds, e.cfg.Seed)
	if err != nil {
		return err
	}
	protocols := []protocol{{"5-fold by events", random}}
	if distinct(datasets.Groups(ds)) > 1 {
		runs, err := classify.GroupKFold(datasets.Groups(ds))
		if err != nil {
			return err
		}
		protocols = append(protocols, protocol{"leave one run out", runs})
	}
	cfg := motorimagery.DefaultConfig()
	cfg.End = cfg.Start + imagerySeconds
	memo := new(decoders.Memo)
	var list []crossing
	for _, pr := range cuedPipelines(cfg) {
		for _, p := range protocols {
			list = append(list, crossing{pr, ds, p.folds, memo, func(o *crossval.Outcome, ms float64) error {
				e.measure(o, Row{Dataset: dataset, Subject: ds.Subject, Task: task, Pipeline: pr.label, Protocol: p.name, MillisPerTrial: ms}, imagerySeconds)
				return nil
			}})
		}
	}
	return e.run(ctx, list)
}

// flashesOf measures targets against other flashes where the recordings tell which were targets.
func (e *evaluator) flashesOf(ctx context.Context, p *person, used map[int]bool) error {
	var parts []flashes
	var at []int
	for i, r := range p.runs {
		if used[i] {
			continue
		}
		trials, err := cue.Find(cue.Query{Paradigm: eeg.P300, Targets: r.Recording.Targets, Each: true}, r.Recording.Events)
		if err != nil || len(trials) == 0 || slices.ContainsFunc(trials, func(t cue.Trial) bool { return t.Class == "" }) {
			continue
		}
		sig, err := r.Recording.Signal()
		if err != nil {
			continue // whyNot says so
		}
		f := flashes{name: r.Name, sig: sig}
		for _, t := range trials {
			f.events, f.targets = append(f.events, t.Event), append(f.targets, t.Class == cue.Target)
		}
		parts, at = append(parts, f), append(at, i)
	}
	if len(parts) == 0 {
		return nil
	}
	ds := flashDataset(p.name, parts...)
	if rarest(ds) < cueFolds {
		return nil
	}
	err := e.flashFolds(ctx, p.folder, ds)
	if err == nil {
		for _, i := range at {
			used[i] = true
		}
	}
	return e.skip(ctx, p.files[at[0]], err)
}

// whyNot says why nothing was measured of a run.
func (e *evaluator) whyNot(r datasets.Run) string {
	if _, err := r.Recording.Signal(); err != nil {
		return err.Error()
	}
	if len(r.Recording.Events) == 0 {
		return "it has no events that tell what was meant"
	}
	count := map[string]int{}
	for _, ev := range r.Recording.Events {
		name := cue.Name(ev)
		if code := strconv.Itoa(ev.Code); ev.Label != "" && ev.Code != 0 && !strings.Contains(ev.Label, code) {
			name += " (" + code + ")"
		}
		count[name]++
	}
	names := slices.Sorted(maps.Keys(count))
	const most = 8
	var texts []string
	for _, n := range names[:min(len(names), most)] {
		texts = append(texts, fmt.Sprintf("%s × %d", n, count[n]))
	}
	if len(names) > most {
		texts = append(texts, "...")
	}
	if slices.ContainsFunc(r.Recording.Events, func(ev eeg.Event) bool { return ev.Code == 32779 }) {
		return "its events mark flickers and do not tell their frequencies (" + strings.Join(texts, ", ") + "): neurod decode --target … --all-events --classes … measures it"
	}
	return fmt.Sprintf("there are not %d trials each of two classes that its events tell (%s); --classes EVENT=CLASS names them", cueFolds, strings.Join(texts, ", "))
}

// inventory counts the recordings below the data root, those of the families that were asked for; nil where none of them looks at
// recordings.
func (e *evaluator) inventory() *Files {
	some := len(e.cfg.Only) > 0
	if some && !slices.ContainsFunc(e.cfg.Only, func(name string) bool { return name != "synthetic" }) {
		return nil
	}
	all, err := datasets.Files(e.cfg.Data)
	if err != nil {
		all = nil
	}
	f := &Files{Left: []Problem{}}
	for file := range e.used { // of a kind that nothing else reads
		if !slices.ContainsFunc(all, func(name string) bool { return filepath.Clean(name) == file }) {
			f.Found, f.Used = f.Found+1, f.Used+1
		}
	}
	for _, file := range all {
		name := e.relative(file)
		i := slices.IndexFunc(e.report.Problems, func(p Problem) bool { return p.File == name || strings.HasPrefix(p.File, name+"/") })
		switch {
		case e.used[filepath.Clean(file)]:
			f.Used++
		case i >= 0:
			f.Left = append(f.Left, e.report.Problems[i])
		case some: // another family's
			continue
		default:
			f.Left = append(f.Left, Problem{File: name, Reason: "no measurement takes it"})
		}
		f.Found++
	}
	return f
}

// Nothing reports whether recordings were looked for and none could be used.
func (r *Report) Nothing() bool { return r.Files != nil && r.Files.Used == 0 }
