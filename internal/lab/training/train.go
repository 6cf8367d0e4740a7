package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// Candidate is a pipeline with its options.
type Candidate struct {
	Pipeline decoders.Pipeline
	Options  json.RawMessage // nil takes the pipeline's defaults
}

// Spec says what to train.
type Spec struct {
	Name    string
	Version string // Defaults to "1".
	// Candidates are compared on the same folds when there are several; the best is trained. At least one.
	Candidates []Candidate
	// Card holds what only people can write: summary, data sources, intended use, limits, citations, priority. Train
	// fills in the rest and adds limits that follow from the figures.
	Card catalog.ModelCard
	// Calibration is how the pipelines calibrate their probabilities. Defaults to "temperature".
	Calibration string
	// Request makes the decode request of a trial. Defaults to crossval.ClipRequest.
	Request func(ds *decoders.Dataset, tr decoders.Trial) *decoders.Input
	// Subjects is how many people are behind trials that name none. Defaults to the number of names.
	Subjects int
	// Folds of stratified trials. Defaults to 5.
	Folds int
	// Seed of stratified folds. Defaults to 42.
	Seed uint64
	// Program that trains, for the card. Defaults to "neurod".
	Program string
	// Base is what the candidates start from, with Alone, which is measured beside them on the learning curve. Set both with OnTop.
	// Defaults to nothing.
	Base  *Base
	Alone *Candidate
	// Recentred measures the candidates, which align, as they are used: moved to the clips of the person left out. Needs several
	// people.
	Recentred bool
	// Parallel is how many folds run at once. Defaults to the number of processors.
	Parallel int
	// Sizes are the numbers of training trials a class of the learning curve; those that the folds do not have are left out.
	// Defaults to none.
	Sizes []int
	// Progress, when not nil, is told what is being done.
	Progress func(text string)
	// Step, when not nil, is told how many decoders of how many are trained. Folds with too little to train on are not
	// counted, so that done may end short of total.
	Step func(done, total int)
}

// Model is a trained model with its card.
type Model struct {
	Name    string
	Version string
	Card    catalog.ModelCard
	Decoder decoders.Trained
	// Outcomes holds the decisions behind each evaluation on the card, in its order.
	Outcomes []*crossval.Outcome
}

// Write writes the model file.
func (m *Model) Write(w io.Writer) error {
	return catalog.Write(w, m.Decoder.Info().Paradigm, m.Name, m.Version, m.Card, m.Decoder.State())
}

// measured is a candidate with its outcome under each protocol.
type measured struct {
	Candidate
	outcomes []*crossval.Outcome
}

// comparison is the candidates of a model as they were measured.
type comparison struct {
	ds        *decoders.Dataset
	spec      Spec
	protocols []protocol
	curve     []size
	cfg       crossval.Config
	tried     []measured
}

// Train measures the candidates, trains the best one on all trials and fills its card.
//
// Errors: too_few_trials where no protocol can be followed; what the pipeline says of data it cannot use.
func Train(ctx context.Context, ds *decoders.Dataset, spec Spec) (*Model, error) {
	models, err := TrainAlike(ctx, []*decoders.Dataset{ds}, []Spec{spec})
	if err != nil {
		return nil, err
	}
	return models[0], nil
}

// TrainAlike is Train for several models that shall have one pipeline, so that it is not chosen for each by the noise of its
// figure: the candidate of the best mean over all. The specs have the same candidates.
func TrainAlike(ctx context.Context, sets []*decoders.Dataset, specs []Spec) ([]*Model, error) {
	var all []*comparison
	for i, spec := range specs {
		c, err := compare(ctx, sets[i], spec)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	best, chosen := choose(all)
	var models []*Model
	for _, c := range all {
		m, err := c.train(ctx, best, chosen)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	return models, nil
}

// compare measures the candidates.
func compare(ctx context.Context, ds *decoders.Dataset, spec Spec) (*comparison, error) {
	spec = spec.withDefaults()
	if len(spec.Candidates) == 0 {
		return nil, errors.New("training: no pipeline")
	}
	protocols, err := protocolsFor(ds, spec)
	if err != nil {
		return nil, err
	}
	c := &comparison{ds: ds, spec: spec, protocols: protocols, curve: sizes(ds, spec, protocols[0])}
	c.cfg = crossval.Config{Request: spec.Request, Parallel: spec.Parallel, Trained: spec.steps(protocols, c.curve)}
	for _, candidate := range spec.Candidates {
		outcomes, err := measure(ctx, ds, spec, candidate, protocols, c.cfg)
		if err != nil {
			return nil, err
		}
		c.tried = append(c.tried, measured{candidate, outcomes})
	}
	return c, nil
}

// choose returns the index of the best candidate, and how it was chosen, for the card; "" where there was no choice.
func choose(all []*comparison) (best int, chosen string) {
	candidates := all[0].spec.Candidates
	means := make([]float64, len(candidates))
	for i := range candidates {
		for _, c := range all {
			means[i] += c.worth(i) / float64(len(all))
		}
		// Only a real difference changes the choice: candidates are in the order of preference.
		if means[i] > means[best]+1e-9 {
			best = i
		}
	}
	if len(candidates) == 1 {
		return best, ""
	}
	var others []string
	for i, c := range candidates {
		if i != best {
			others = append(others, fmt.Sprintf("%s %.3f", c.Pipeline.Name(), means[i]))
		}
	}
	by := "the same figure that is quoted"
	if all[0].spec.Recentred {
		by = "the mean of the figures that are quoted"
	}
	if len(all) > 1 {
		by = fmt.Sprintf("%s, over %d models that are alike", strings.Replace(by, "the same", "the mean of the", 1), len(all))
	}
	return best, fmt.Sprintf("Chosen by %s (%.3f; %s), which is therefore a little hopeful.", by, means[best], strings.Join(others, ", "))
}

// worth is what a candidate is compared by: what is quoted, or the mean over all protocols where the model is to serve both a
// person whose clips are at hand and a clip alone.
func (c *comparison) worth(candidate int) float64 {
	outcomes := c.tried[candidate].outcomes
	if !c.spec.Recentred {
		return rank(outcomes[0])
	}
	sum := 0.0
	for _, o := range outcomes {
		sum += rank(o)
	}
	return sum / float64(len(outcomes))
}

// train trains a candidate on all trials and fills its card.
func (c *comparison) train(ctx context.Context, best int, chosen string) (*Model, error) {
	spec, winner := c.spec, c.tried[best]
	spec.Progress(fmt.Sprintf("%s: training %s on all %d trials", spec.Name, winner.Pipeline.Name(), len(c.ds.Trials)))
	d, err := winner.Pipeline.Train(ctx, c.ds, winner.Options)
	if err != nil {
		return nil, err
	}
	if err := c.cfg.Trained(0, d); err != nil {
		return nil, err
	}
	card := fillCard(spec, c.ds, d.State(), c.protocols, winner, chosen)
	if n, ok := d.(decoders.Noted); ok {
		card.Limits = append(card.Limits, n.Notes()...)
	}
	if card.LearningCurve, err = learningCurve(ctx, c.ds, spec, winner.Candidate, c.protocols[0], c.curve, c.cfg); err != nil {
		return nil, err
	}
	return &Model{
		Name: spec.Name, Version: spec.Version, Decoder: d, Outcomes: winner.outcomes,
		Card: card,
	}, nil
}

func (s Spec) withDefaults() Spec {
	if s.Version == "" {
		s.Version = "1"
	}
	if s.Calibration == "" {
		s.Calibration = "temperature"
	}
	if s.Folds == 0 {
		s.Folds = 5
	}
	if s.Seed == 0 {
		s.Seed = 42
	}
	if s.Program == "" {
		s.Program = "neurod"
	}
	if s.Step == nil {
		s.Step = func(int, int) {}
	}
	if s.Progress == nil {
		s.Progress = func(string) {}
	}
	return s
}

// protocol is a way to hold trials back.
type protocol struct {
	name  string
	units []string // what the spread is taken over, one a trial: subjects or runs; nil for folds
	folds []classify.Fold
	moved *moved // nil decodes with the decoder as it is
}

// protocolsFor returns the protocols that the trials allow, the hardest first: it is the one to quote.
func protocolsFor(ds *decoders.Dataset, spec Spec) ([]protocol, error) {
	subjects := datasets.Subjects(ds)
	if folds, err := classify.GroupKFold(subjects); err == nil {
		if spec.Recentred {
			return recentredProtocols(subjects, folds), nil
		}
		return onTop([]protocol{{"leave one subject out", subjects, folds, nil}}, spec), nil
	}
	least := spec.least(ds.Classes)
	var out []protocol
	runs := datasets.Groups(ds)
	shared := ds.Paradigm == eeg.CVEP // the trials of one class teach the others
	if folds, err := classify.GroupKFold(runs); err == nil && (shared || trainable(ds, folds, least)) {
		out = append(out, protocol{"leave one run out", runs, folds, nil})
	}
	k := spec.Folds
	if shared {
		return inOrder(ds, min(k, len(ds.Trials)), out)
	}
	k, err := leftOut(ds, k, least)
	if err != nil {
		return nil, err
	}
	folds, err := classify.StratifiedKFold(datasets.Labels(ds), k, spec.Seed)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": len(ds.Trials), "classes": countsByName(ds), "needed_per_class": 2},
			"there are too few trials to hold any back: %v", countsByName(ds))
	}
	name := fmt.Sprintf("%d-fold within subject", k)
	if spec.Subjects > 1 {
		name = fmt.Sprintf("%d-fold", k)
	}
	return onTop(append(out, protocol{name, nil, folds, nil}), spec), nil
}

// inOrder adds the protocol that holds back one of k parts of the trials in their order.
func inOrder(ds *decoders.Dataset, k int, to []protocol) ([]protocol, error) {
	tests := make([][]int, max(k, 1))
	for i := range ds.Trials {
		f := i * k / len(ds.Trials)
		tests[f] = append(tests[f], i)
	}
	folds, err := classify.FoldsFromTests(len(ds.Trials), tests)
	if err != nil || k < 2 {
		return nil, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": len(ds.Trials), "classes": countsByName(ds), "needed": 2},
			"there are too few trials to hold any back: %v", countsByName(ds))
	}
	return append(to, protocol{fmt.Sprintf("%d parts in order", k), nil, folds, nil}), nil
}

// trainable reports whether every fold trains on enough of every class.
func trainable(ds *decoders.Dataset, folds []classify.Fold, least []int) bool {
	for _, f := range folds {
		for k, n := range perClass(datasets.Subset(ds, f.Train)) {
			if n < least[k] {
				return false
			}
		}
	}
	return true
}

func perClass(ds *decoders.Dataset) []int {
	counts := make([]int, len(ds.Classes))
	for _, t := range ds.Trials {
		if t.Label >= 0 && t.Label < len(counts) {
			counts[t.Label]++
		}
	}
	return counts
}

func countsByName(ds *decoders.Dataset) map[string]int {
	out := map[string]int{}
	for k, n := range perClass(ds) {
		out[ds.Classes[k]] = n
	}
	return out
}

// unbalanced is the share of the largest class from which accuracy says less than the area under the ROC curve.
const unbalanced = 0.6

// rank is what candidates are compared by: accuracy, or the area under the ROC curve where two classes are unbalanced.
func rank(o *crossval.Outcome) float64 {
	if auc := o.AUC(); chance(o) > unbalanced && !math.IsNaN(auc) {
		return auc
	}
	return o.Accuracy()
}

// chance is the accuracy of always guessing the most frequent class.
func chance(o *crossval.Outcome) float64 {
	counts := make([]float64, o.Classes)
	most := 0.0
	for _, l := range o.Labels {
		counts[l]++
		most = max(most, counts[l])
	}
	return most / float64(len(o.Labels))
}

// fillCard completes the card with what was measured.
func fillCard(spec Spec, ds *decoders.Dataset, st decoders.State, protocols []protocol, winner measured, chosen string) catalog.ModelCard {
	card := spec.Card
	subjects := spec.Subjects
	if subjects == 0 {
		subjects = len(distinct(datasets.Subjects(ds)))
	}
	card.Subjects, card.Trials = subjects, len(ds.Trials)
	card.TrainedWith = catalog.TrainedWith{Pipeline: st.Pipeline, Config: st.Config, Seed: int64(spec.Seed), Program: spec.Program}
	if spec.Base != nil {
		card.TrainedWith.Base = spec.Base.Name
		card.Data = append(slices.Clone(card.Data), spec.Base.Sources...)
	}
	card.Evaluations, card.Calibration = nil, nil
	for i, p := range protocols {
		o := winner.outcomes[i]
		card.Evaluations = append(card.Evaluations, evaluation(p, o, subjects))
		card.Calibration = append(card.Calibration, calibration(p.name, spec.Calibration, o))
	}
	card.Limits = append([]string(nil), spec.Card.Limits...)
	if spec.Base != nil {
		card.Limits = append(card.Limits, spec.Base.About)
	}
	if subjects == 1 {
		card.Limits = append(card.Limits, "Trained on one person: how it does on anybody else was not measured.")
	}
	if !beats(winner.outcomes[0]) {
		card.Limits = append(card.Limits, "Not better than guessing on the trials measured (95 % confidence).")
	}
	if chosen != "" {
		card.Limits = append(card.Limits, chosen)
	}
	return card
}

// calibration says how far the probabilities of an outcome can be believed.
func calibration(protocol, method string, o *crossval.Outcome) catalog.Calibration {
	brier := round(o.Brier())
	c := catalog.Calibration{Protocol: protocol, Method: method, ECE: round(o.ECE()), Brier: &brier}
	for _, b := range o.Reliability() {
		c.Bins = append(c.Bins, catalog.Bin{From: b.From, To: b.To, Count: b.Count, Confidence: round(b.Confidence), Accuracy: round(b.Accuracy)})
	}
	return c
}

// evaluation turns an outcome into a line of the card.
func evaluation(p protocol, o *crossval.Outcome, subjects int) catalog.Evaluation {
	value := func(v float64) *float64 {
		if math.IsNaN(v) {
			return nil
		}
		v = round(v)
		return &v
	}
	return catalog.Evaluation{
		Protocol: p.name, Accuracy: value(o.Accuracy()), AccuracySD: value(spread(p, o)), Chance: round(chance(o)),
		Kappa: value(o.Kappa()), AUC: value(o.AUC()), Subjects: subjects, Trials: len(o.Labels),
	}
}

// spread is the standard deviation of the accuracy over the protocol's units; NaN for fewer than two.
func spread(p protocol, o *crossval.Outcome) float64 {
	unit := func(trial int) string { return p.units[trial] }
	if p.units == nil {
		fold := map[int]string{}
		for f := range p.folds {
			for _, i := range p.folds[f].Test {
				fold[i] = fmt.Sprint(f)
			}
		}
		unit = func(trial int) string { return fold[trial] }
	}
	var names []string
	for _, t := range o.Trials {
		names = append(names, unit(t))
	}
	var each []float64
	for _, name := range distinct(names) {
		each = append(each, o.Part(func(t int) bool { return unit(t) == name }).Accuracy())
	}
	if len(each) < 2 {
		return math.NaN()
	}
	return stat.StdDev(each, nil)
}

// BeatsChance reports whether the figure to quote is better than guessing with 95 % confidence.
func (m *Model) BeatsChance() bool { return beats(m.Outcomes[0]) }

// beats compares with the one-sided 95 % bound of guessing: 1.645 standard errors above chance. For unbalanced classes
// it is the area under the ROC curve above 1/2, with its standard error for no difference between n and m trials,
// √((n+m+1)/(12nm)) (Mann and Whitney 1947).
func beats(o *crossval.Outcome) bool {
	if auc := o.AUC(); chance(o) > unbalanced && !math.IsNaN(auc) {
		n := chance(o) * float64(len(o.Labels))
		m := float64(len(o.Labels)) - n
		return auc > 0.5+1.645*math.Sqrt((n+m+1)/(12*n*m))
	}
	return o.Accuracy() > guessingBound(o)
}

func guessingBound(o *crossval.Outcome) float64 {
	c := chance(o)
	return c + 1.645*math.Sqrt(c*(1-c)/float64(len(o.Labels)))
}

func distinct(names []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// round keeps four decimals: a card is read by people, and the fifth is noise for less than a million trials.
func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }
