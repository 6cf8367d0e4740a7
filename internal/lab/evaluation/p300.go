package evaluation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/language"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/quality"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// spellerMatrix is the matrix of the BCI2000 speller (Farwell & Donchin 1988); codes 1-6 are columns, 7-12 rows.
var spellerMatrix = [][]string{
	{"A", "B", "C", "D", "E", "F"}, {"G", "H", "I", "J", "K", "L"}, {"M", "N", "O", "P", "Q", "R"},
	{"S", "T", "U", "V", "W", "X"}, {"Y", "Z", "1", "2", "3", "4"}, {"5", "6", "7", "8", "9", "_"},
}

const (
	spellerColumns = 6
	spellerCodes   = 12
	letterPause    = 2.0 // s without a flash that separates two letters
	museTarget     = 2   // muse-lsl marker of a target; 1 is the other
)

// flashPipelines are all pipelines of flashes with the same options over their defaults.
func flashPipelines(options string) []pipelineRun {
	var out []pipelineRun
	for _, p := range catalog.Of(eeg.P300) {
		out = append(out, pipelineRun{p.Name(), p, json.RawMessage(options)})
	}
	return out
}

// flashes is one recording of flashes.
type flashes struct {
	name    string
	sig     decoders.Signal
	events  []eeg.Event
	targets []bool
}

// isSpeller tells a row/column speller, which names the flash, from recordings that only tell targets.
func (f flashes) isSpeller() bool {
	seen := map[int]bool{}
	for _, ev := range f.events {
		if ev.Code < 1 || ev.Code > spellerCodes {
			return false
		}
		seen[ev.Code] = true
	}
	return len(seen) == spellerCodes
}

// p300 measures targets against other flashes within and across people, and letters.
func (e *evaluator) p300(ctx context.Context) error {
	people := map[string][]*decoders.Dataset{} // by folder
	spelling := map[string][]flashes{}         // by folder and session
	for _, file := range e.glob("p300/*/*.f32") {
		f, ok := e.flashes(file)
		if !ok {
			continue
		}
		if f.isSpeller() {
			key := e.folder(file) + "/" + sessionOf(f.name)
			spelling[key] = append(spelling[key], f)
			continue
		}
		ds := flashDataset(f.name, f)
		people[e.folder(file)] = append(people[e.folder(file)], ds)
		if err := e.skip(ctx, file, e.flashFolds(ctx, e.folder(file), ds)); err != nil {
			return err
		}
	}
	sessions := map[string][]flashes{}
	for _, file := range e.glob("p300/*/*.csv") {
		if strings.HasSuffix(file, ".events.csv") {
			continue
		}
		f, ok := e.flashes(file)
		if !ok {
			continue
		}
		key := e.folder(file) + "/" + museSession(f.name)
		sessions[key] = append(sessions[key], f)
	}
	for _, key := range sortedKeys(sessions) {
		folder, name := splitKey(key)
		ds := flashDataset(name, sessions[key]...)
		people[folder] = append(people[folder], ds)
		if err := e.skip(ctx, key, e.flashFolds(ctx, folder, ds)); err != nil {
			return err
		}
	}
	e.meanRows("p300/", append([]string{"5-fold"}, e.sizeProtocols()...)...)
	for _, folder := range sortedKeys(people) {
		pipelines := flashPipelines(`{"standardize":true}`) // as p300.CrossSubject has it
		if err := e.skip(ctx, folder, e.acrossSubjects(ctx, folder, "target/other flash", people[folder], pipelines)); err != nil {
			return err
		}
		if err := e.skip(ctx, folder, e.lostFlashes(ctx, folder, people[folder])); err != nil {
			return err
		}
	}
	for _, key := range sortedKeys(spelling) {
		folder, session := splitKey(key)
		if err := e.skip(ctx, key, e.letters(ctx, folder, session, spelling[key])); err != nil {
			return err
		}
		if err := e.skip(ctx, key, e.uncalibrated(ctx, folder, session, spelling[key])); err != nil {
			return err
		}
		for _, other := range sortedKeys(spelling) {
			if place, _ := splitKey(other); other == key || place != folder {
				continue
			}
			if err := e.skip(ctx, key, e.otherSession(ctx, folder, session, spelling[key][0], spelling[other])); err != nil {
				return err
			}
		}
	}
	return nil
}

func splitKey(key string) (folder, name string) {
	i := strings.LastIndexByte(key, '/')
	return key[:i], key[i+1:]
}

var (
	spellerRun = regexp.MustCompile(`R\d+$`)
	museName   = regexp.MustCompile(`^(subject\d+_session\d+)_`)
)

// sessionOf is a speller run's name without its run number, "AAS010" of "AAS010R01".
func sessionOf(name string) string { return spellerRun.ReplaceAllString(name, "") }

// museSession is the subject and session of a muse-lsl file name, or the whole name.
func museSession(name string) string {
	if m := museName.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return name
}

// flashes reads a recording of flashes with all its channels.
func (e *evaluator) flashes(file string) (flashes, bool) {
	e.progress("%s", e.relative(file))
	for _, r := range e.open(file, nil) {
		sig, err := r.Recording.Signal(r.Recording.Labels()...)
		if err != nil {
			e.problem(datasets.Problem{File: file, Err: err})
			continue
		}
		f := flashes{name: r.Name, sig: sig, events: r.Recording.Events, targets: r.Recording.Targets}
		if f.targets == nil {
			for _, ev := range f.events {
				f.targets = append(f.targets, ev.Code == museTarget)
			}
		}
		return f, true
	}
	return flashes{}, false
}

// flashDataset joins recordings of one person; those of another montage or rate than the first are left out.
func flashDataset(subject string, parts ...flashes) *decoders.Dataset {
	ds := p300.NewDataset(parts[0].sig.Channels, parts[0].sig.Rate)
	ds.Subject = subject
	for _, f := range parts {
		if f.sig.Rate == ds.Rate && slices.Equal(f.sig.Channels, ds.Channels) {
			ds.Trials = append(ds.Trials, p300.Trials(f.sig, f.events, f.targets, f.name)...)
		}
	}
	return ds
}

// flashFolds measures single flashes in five folds within a person.
func (e *evaluator) flashFolds(ctx context.Context, dataset string, ds *decoders.Dataset) error {
	const folds = 5
	if rarest(ds) < folds {
		return nil
	}
	split, err := classify.StratifiedKFold(datasets.Labels(ds), folds, e.cfg.Seed)
	if err != nil {
		return err
	}
	_, gate, err := quality.Gate(ctx, ds)
	if err != nil {
		return err
	}
	memo := new(decoders.Memo)
	var list []crossing
	for _, pr := range flashPipelines("") {
		list = append(list, crossing{pr, ds, split, memo, func(o *crossval.Outcome, ms float64) error {
			// The mean over folds, as the reference has it: scores of different folds need not share a scale.
			auc := 0.0
			for _, f := range split {
				auc += o.Part(func(trial int) bool { return slices.Contains(f.Test, trial) }).AUC() / folds
			}
			r := row(o, Row{Dataset: dataset, Subject: ds.Subject, Task: "target/other flash", Pipeline: pr.label, Protocol: "5-fold", MillisPerTrial: ms}, 0)
			r.Metrics["auc"], r.Metrics["ece_expected"] = auc, expectedError(surest(o))
			r.Note = gateNote(gate)
			e.add(r)
			e.remember(r, o)
			return nil
		}})
	}
	list = append(list, e.sizeCurve(flashPipelines(""), ds, split, memo, Row{Dataset: dataset, Subject: ds.Subject, Task: "target/other flash"}, 0)...)
	if err := e.run(ctx, list); err != nil {
		return fmt.Errorf("%s: %w", ds.Subject, err)
	}
	return nil
}

// gateNote says what the quality gate would reject; the folds hold all trials, as the references' do.
func gateNote(r quality.Report) string {
	note := fmt.Sprintf("quality gate rejects %d of %d", r.Rejected, r.Trials)
	if r.Overruled {
		note += " (overruled: most fail)"
	}
	return note
}

// letters trains on the first run of a session and spells the others, with every number of repetitions, each letter alike
// and with the prior of the language model after what has been spelled.
func (e *evaluator) letters(ctx context.Context, dataset, session string, runs []flashes) error {
	if len(runs) < 2 {
		return nil
	}
	train := flashDataset(session, runs[0])
	for _, pr := range flashPipelines("") {
		d, err := pr.pipeline.Train(ctx, train, pr.config)
		if err != nil {
			return fmt.Errorf("%s: %w", session, err)
		}
		for _, f := range runs[1:] {
			for _, task := range []spelling{{"letters", nil}, {"letters, language model", language.English()}} {
				if err := e.spell(ctx, dataset, pr.label, runs[0].name, task, d, f); err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
			}
		}
	}
	return nil
}

// otherSession spells the runs of another session than the one that was trained on: what the letters are worth after a change of
// session.
func (e *evaluator) otherSession(ctx context.Context, dataset, session string, trained flashes, runs []flashes) error {
	train := flashDataset(session, trained)
	for _, pr := range flashPipelines("") {
		d, err := pr.pipeline.Train(ctx, train, pr.config)
		if err != nil {
			return fmt.Errorf("%s: %w", session, err)
		}
		for _, f := range runs {
			if err := e.spell(ctx, dataset, pr.label, trained.name, spelling{"letters, another session", nil}, d, f); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	return nil
}

// spelling is a way to spell: with a language model, or without one.
type spelling struct {
	name  string
	model *language.Model
}

// prior is what a decode request of a speller gets: half of it the language model's, half flat (package decode).
func (s spelling) prior(spelled []string) func(string) float64 {
	prior := s.model.Prior(spelled)
	if prior == nil {
		return nil
	}
	symbols := float64(len(spellerMatrix) * len(spellerMatrix[0]))
	return func(symbol string) float64 { return math.Log(0.5*math.Exp(prior(symbol)) + 0.5/symbols) }
}

// stopping is a selection that ends as soon as a symbol is probable enough.
type stopping struct {
	done        bool
	symbol      string
	repetitions int
}

func (e *evaluator) spell(ctx context.Context, dataset, pipeline, trainedOn string, task spelling, d decoders.Decoder, f flashes) error {
	letters := spelledLetters(f)
	if len(letters) == 0 {
		return nil
	}
	repetitions := len(letters[0].events) / spellerCodes
	var right []int
	spelled, truth := "", ""
	correct, spent := 0, 0.0
	stopped := make([]stopping, len(letters))
	answers, hits, sure, sureHits, confidence := 0, 0, 0, 0, 0.0 // over all numbers of repetitions
	for n := 1; n <= repetitions; n++ {
		spelled, truth, correct = "", "", 0
		var history []string
		for i, l := range letters {
			events := l.events[:min(n*spellerCodes, len(l.events))]
			in := spellRequest(f.sig, events)
			in.Prior, in.History = task.prior(history), history
			begin := e.cfg.Now()
			res, err := d.Decode(ctx, in)
			spent += e.cfg.Now().Sub(begin).Seconds() * 1000
			if errors.As(err, new(*decoders.Error)) && ctx.Err() == nil {
				// A letter that cannot be read is a letter that is not right.
				e.problem(datasets.Problem{File: filepath.Join(e.cfg.Data, filepath.FromSlash(dataset)), Err: fmt.Errorf("%s, %s, letter %d: %w", f.name, pipeline, i+1, err)})
				spelled, truth = spelled+"?", truth+l.symbol
				continue
			}
			if err != nil {
				return err
			}
			got := strings.TrimPrefix(res.Classes[0].Name, "letter_")
			history = append(history, got)
			spelled += got
			truth += l.symbol
			p := res.Classes[0].Probability
			answers, confidence = answers+1, confidence+p
			if p > 0.9 {
				sure++
			}
			if got == l.symbol {
				correct++
				hits++
				if p > 0.9 {
					sureHits++
				}
			}
			threshold, _ := res.Evidence["threshold"].(float64)
			if s := &stopped[i]; !s.done {
				*s = stopping{res.Classes[0].Probability > threshold, got, n}
			}
		}
		right = append(right, correct)
	}
	early, used := 0, 0
	for i, s := range stopped {
		used += s.repetitions
		if s.symbol == letters[i].symbol {
			early++
		}
	}
	ds := flashDataset(f.name, f)
	index := make([]int, len(ds.Trials))
	for i := range index {
		index[i] = i
	}
	o, err := crossval.Decode(ctx, d, ds, index, crossval.Config{})
	if err != nil {
		return err
	}
	e.add(Row{Dataset: dataset, Subject: f.name, Task: task.name, Pipeline: pipeline, Protocol: "trained on " + trainedOn, N: len(letters),
		Metrics: map[string]float64{"letters": float64(correct), "accuracy": float64(correct) / float64(len(letters)), "auc": o.AUC(), "ece": o.ECE(),
			"confidence": confidence / float64(answers), "right_all": float64(hits) / float64(answers), "above_90": float64(sure), "right_above_90": float64(sureHits)},
		MillisPerTrial: spent / float64(len(letters)*repetitions), Curve: right,
		Note: fmt.Sprintf("%q for %q; letters right after 1..%d repetitions: %s; stopping early: %d right after %.1f on average", spelled, truth, repetitions,
			strings.Trim(fmt.Sprint(right), "[]"), early, float64(used)/float64(len(letters)))})
	return nil
}

// uncalibrated spells a session from its first letter on without any training: each letter alone, and by a decoder that grows with those before.
func (e *evaluator) uncalibrated(ctx context.Context, dataset, session string, runs []flashes) error {
	type place struct {
		sig decoders.Signal
		letter
	}
	var letters []place
	repetitions := 0
	for _, f := range runs {
		for _, l := range spelledLetters(f) {
			letters = append(letters, place{f.sig, l})
			repetitions = max(repetitions, len(l.events)/spellerCodes)
		}
	}
	if len(letters) < 2 {
		return nil
	}
	decoder := p300.NewUMM()
	for _, grows := range []bool{false, true} {
		r := Row{Dataset: dataset, Subject: session, Task: "letters, from the first on", Pipeline: p300.UMMName, Protocol: "without calibration", N: len(letters)}
		if grows {
			r.Pipeline += ", growing"
		}
		answers, hits, sure, sureHits, confidence, spent := 0, 0, 0, 0, 0.0, 0.0
		var spelled, truth string
		for n := 1; n <= repetitions; n++ {
			var earlier []decoders.Input
			correct := 0
			spelled, truth = "", ""
			for _, l := range letters {
				in := spellRequest(l.sig, l.events[:min(n*spellerCodes, len(l.events))])
				if grows {
					in.Earlier = earlier
				}
				begin := e.cfg.Now()
				res, err := decoder.Decode(ctx, in)
				spent += e.cfg.Now().Sub(begin).Seconds() * 1000
				if err != nil {
					return err
				}
				earlier = append(earlier, *in)
				got, p := strings.TrimPrefix(res.Classes[0].Name, "letter_"), res.Classes[0].Probability
				spelled, truth = spelled+got, truth+l.symbol
				answers, confidence = answers+1, confidence+p
				right := got == l.symbol
				if right {
					correct++
					hits++
				}
				if p > 0.9 {
					sure++
					if right {
						sureHits++
					}
				}
			}
			r.Curve = append(r.Curve, correct)
		}
		last := float64(r.Curve[len(r.Curve)-1])
		r.Metrics = map[string]float64{"letters": last, "accuracy": last / float64(len(letters)), "confidence": confidence / float64(answers),
			"right_all": float64(hits) / float64(answers), "above_90": float64(sure), "right_above_90": float64(sureHits)}
		r.MillisPerTrial = spent / float64(answers)
		r.Note = fmt.Sprintf("%q for %q; letters right after 1..%d repetitions: %s", spelled, truth, repetitions, strings.Trim(fmt.Sprint(r.Curve), "[]"))
		e.add(r)
	}
	return nil
}

// letter is the flashes of one selection and the symbol that was attended.
type letter struct {
	events []eeg.Event
	symbol string
}

// spelledLetters splits a run at its pauses and finds each attended symbol at the crossing of its target codes.
func spelledLetters(f flashes) []letter {
	var out []letter
	column, rowCode := 0, 0
	for i, ev := range f.events {
		if i == 0 || ev.Onset-f.events[i-1].Onset > letterPause {
			out = append(out, letter{})
			column, rowCode = 0, 0
		}
		l := &out[len(out)-1]
		l.events = append(l.events, ev)
		if f.targets[i] {
			if ev.Code <= spellerColumns {
				column = ev.Code
			} else {
				rowCode = ev.Code - spellerColumns
			}
			if column > 0 && rowCode > 0 {
				l.symbol = spellerMatrix[rowCode-1][column-1]
			}
		}
	}
	return slices.DeleteFunc(out, func(l letter) bool { return l.symbol == "" || len(l.events) < spellerCodes })
}

// spellRequest is what a client would send for one letter: the signal around its flashes.
func spellRequest(sig decoders.Signal, events []eeg.Event) *decoders.Input {
	from := max(0, int((events[0].Onset-p300.Cue)*sig.Rate))
	to := min(sig.Samples(), int((events[len(events)-1].Onset+p300.After)*sig.Rate))
	rows, _ := sig.Data.Dims()
	shifted := slices.Clone(events)
	for i := range shifted {
		shifted[i].Onset -= float64(from) / sig.Rate
	}
	return &decoders.Input{
		Signal:   decoders.Signal{Data: sig.Data.Slice(0, rows, from, to).(*mat.Dense), Channels: sig.Channels, Rate: sig.Rate},
		Events:   shifted,
		Stimulus: decoders.Stimulus{Matrix: spellerMatrix},
	}
}
