package datasets

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

// Task is a question that cued recordings answer: which events stand for which class.
type Task struct {
	Name     string
	Paradigm eeg.Paradigm
	Runs     []int      // run numbers of EEGMMIDB; nil takes every run
	Events   [][]string // labels or codes of each class
	Classes  []string
	Flashes  *Flashes // tells which flashes were targets in the place of Events; nil for cues
}

// The tasks of the EEG Motor Movement/Imagery Dataset by run number (Schalk et al. 2004).
var (
	LeftRightImagery  = imagery("left/right imagery", []int{4, 8, 12}, "left_hand", "right_hand")
	HandsFeetImagery  = imagery("hands/feet imagery", []int{6, 10, 14}, "both_hands", "both_feet")
	LeftRightExecuted = imagery("left/right executed", []int{3, 7, 11}, "left_hand", "right_hand")
	HandsFeetExecuted = imagery("hands/feet executed", []int{5, 9, 13}, "both_hands", "both_feet")
)

func imagery(name string, runs []int, t1, t2 string) Task {
	return Task{Name: name, Paradigm: eeg.MotorImagery, Runs: runs, Events: [][]string{{"T1"}, {"T2"}}, Classes: []string{t1, t2}}
}

var runNumber = regexp.MustCompile(`R(\d+)$`)

// Has reports whether a run of that name belongs to the task.
func (t Task) Has(run string) bool {
	if t.Runs == nil {
		return true
	}
	match := runNumber.FindStringSubmatch(run)
	if match == nil {
		return false
	}
	n, err := strconv.Atoi(match[1])
	return err == nil && slices.Contains(t.Runs, n)
}

// Label returns the class of an event, -1 for none.
func (t Task) Label(e eeg.Event) int {
	return slices.IndexFunc(t.Events, func(names []string) bool {
		return slices.ContainsFunc(names, func(s string) bool { return s == e.Label || s == strconv.Itoa(e.Code) })
	})
}

// ParseClasses reads "event=class" pairs into a task. Classes are in the order they are first named.
func ParseClasses(pairs []string) (Task, error) {
	var t Task
	seen := map[string]bool{}
	for _, pair := range pairs {
		event, class, ok := strings.Cut(pair, "=")
		event, class = strings.TrimSpace(event), strings.TrimSpace(class)
		if !ok || event == "" || class == "" {
			return t, fmt.Errorf("class %q is not of the form event=class, such as T1=left_hand", pair)
		}
		if seen[event] {
			return t, fmt.Errorf("event %q stands for two classes", event)
		}
		seen[event] = true
		k := slices.Index(t.Classes, class)
		if k < 0 {
			k = len(t.Classes)
			t.Classes, t.Events = append(t.Classes, class), append(t.Events, nil)
		}
		t.Events[k] = append(t.Events[k], event)
	}
	if len(t.Classes) < 2 {
		return t, fmt.Errorf("%d classes, at least 2 are needed", len(t.Classes))
	}
	return t, nil
}

// ByClass returns the labels and codes of the events of each class.
func (t Task) ByClass() map[string][]string {
	out := make(map[string][]string, len(t.Classes))
	for k, class := range t.Classes {
		out[class] = slices.Clone(t.Events[k])
	}
	return out
}

// Dataset gathers the trials of the task from the runs of one person: the given channels (none: all), before s
// before to after s after each cue. Runs whose montage or rate differs from the first one's are problems. The dataset
// is nil where there is no trial.
func (t Task) Dataset(subject string, runs []Run, channels []string, before, after float64) (*decoders.Dataset, []Problem) {
	ds := &decoders.Dataset{Paradigm: t.Paradigm, Cue: before, Classes: t.Classes, Subject: subject}
	var problems []Problem
	for _, r := range runs {
		if !t.Has(r.Name) {
			continue
		}
		sig, err := r.Recording.Signal(channels...)
		if err != nil {
			problems = append(problems, Problem{r.Name, err})
			continue
		}
		if ds.Channels == nil {
			ds.Channels, ds.Rate = sig.Channels, sig.Rate
		}
		if !slices.Equal(ds.Channels, sig.Channels) || ds.Rate != sig.Rate {
			problems = append(problems, Problem{r.Name, errOtherMontage})
			continue
		}
		label := t.Label
		if t.Flashes != nil {
			if label, err = t.Flashes.labels(r); err != nil {
				problems = append(problems, Problem{r.Name, err})
				continue
			}
		}
		ds.Trials = append(ds.Trials, epoch.Cut(sig, r.Recording.Events, label, before, after, r.Name)...)
	}
	if len(ds.Trials) == 0 {
		return nil, problems
	}
	return ds, problems
}

var errOtherMontage = errors.New("its montage or rate differs from the first run's")

// Pool joins the datasets of several people into one; the group of a trial becomes "subject/run". People whose
// montage, rate or classes differ from the first one's are problems.
func Pool(sets []*decoders.Dataset) (*decoders.Dataset, []Problem) {
	var all *decoders.Dataset
	var problems []Problem
	for _, ds := range sets {
		if all == nil {
			c := *ds
			c.Trials, c.Subject = nil, ""
			all = &c
		}
		if ds.Rate != all.Rate || ds.Cue != all.Cue || !slices.Equal(ds.Channels, all.Channels) || !slices.Equal(ds.Classes, all.Classes) {
			problems = append(problems, Problem{ds.Subject, fmt.Errorf("its montage, rate or classes differ from the first person's")})
			continue
		}
		for _, tr := range ds.Trials {
			tr.Group = ds.Subject + "/" + tr.Group
			all.Trials = append(all.Trials, tr)
		}
	}
	return all, problems
}

// Subjects returns the person of each trial of a pooled dataset: Trial.Group up to its first "/", or the dataset's
// subject where there is none.
func Subjects(ds *decoders.Dataset) []string {
	out := make([]string, len(ds.Trials))
	for i, tr := range ds.Trials {
		subject, _, pooled := strings.Cut(tr.Group, "/")
		if !pooled {
			subject = ds.Subject
		}
		out[i] = subject
	}
	return out
}

// Groups returns the group of each trial.
func Groups(ds *decoders.Dataset) []string {
	out := make([]string, len(ds.Trials))
	for i, tr := range ds.Trials {
		out[i] = tr.Group
	}
	return out
}

// Labels returns the label of each trial.
func Labels(ds *decoders.Dataset) []int {
	out := make([]int, len(ds.Trials))
	for i, tr := range ds.Trials {
		out[i] = tr.Label
	}
	return out
}

// Subset returns the dataset with only the trials of the given indices.
func Subset(ds *decoders.Dataset, index []int) *decoders.Dataset {
	out := *ds
	out.Trials = make([]decoders.Trial, len(index))
	for i, j := range index {
		out.Trials[i] = ds.Trials[j]
	}
	return &out
}

// Pick returns the dataset with only the given channels, in that order. The trials are copies.
// A channel that is missing is montage_mismatch.
func Pick(ds *decoders.Dataset, channels []string) (*decoders.Dataset, error) {
	rows, err := epoch.Rows(nil, ds.Channels, epoch.CanonicalNames(channels))
	if err != nil {
		return nil, err
	}
	out := *ds
	out.Channels = slices.Clone(channels)
	out.Trials = slices.Clone(ds.Trials)
	for i := range out.Trials {
		_, n := out.Trials[i].Data.Dims()
		m := mat.NewDense(len(rows), n, nil)
		for k, r := range rows {
			m.SetRow(k, ds.Trials[i].Data.RawRowView(r))
		}
		out.Trials[i].Data = m
	}
	return &out, nil
}

// Join gathers the trials of several tasks of one person as one task with the classes of all, in their order. It is nil, without a
// problem, for a person who has no trials of one of them.
func Join(tasks []Task, subject string, runs []Run, channels []string, before, after float64) (*decoders.Dataset, []Problem) {
	var all *decoders.Dataset
	var problems []Problem
	for _, t := range tasks {
		ds, p := t.Dataset(subject, runs, channels, before, after)
		problems = append(problems, p...)
		switch {
		case ds == nil:
			return nil, problems
		case all == nil:
			ds.Classes = slices.Clone(ds.Classes)
			all = ds
			continue
		case ds.Rate != all.Rate || !slices.Equal(ds.Channels, all.Channels):
			return nil, append(problems, Problem{subject, errOtherMontage})
		}
		first := len(all.Classes)
		all.Classes = append(all.Classes, ds.Classes...)
		for _, tr := range ds.Trials {
			tr.Label += first
			all.Trials = append(all.Trials, tr)
		}
	}
	return all, problems
}
