package motorimagery

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// DefaultWeight is how much a trial of the person counts against one of the people that were recorded before. Over people,
// montages and 5 to 30 trials of EEGMMIDB it was the best of 3, 10, 30 and 100, of which the last two do alike; see
// docs/25-which-method.md for all that was tried.
const DefaultWeight = 30

// fineTuneC is the C of the default for a person's trials on top of a model, the best of 0.3, 1, 3 and 10 by the same measure.
const fineTuneC = 3

// centerPrior is how many trials of the person the average center of others counts for, as for [DefaultRecentring].
const centerPrior = 5

// OnTopOf returns the pipeline ts_lr that starts from people who were recorded before and adds a person's own trials: each person is
// re-centred by the geometric mean of their own trials (Zanini 2018), and one logistic regression learns all tangent vectors,
// a trial of the person with Config.Weight. A few trials are enough, also none of some class, or none at all. Montages are those that
// the people's electrodes cover; other channels of a dataset are left out. The decoders work at the people's rate, to which
// trials are resampled as requests are, so that both are treated alike. Band and window are the people's; options that say
// otherwise are model_incompatible.
func OnTopOf(people *People) decoders.Preparer { return onPeople{people: people} }

// restoresTSLR is what pipelines have in common that end in a model of ts_lr.
type restoresTSLR struct{}

func (restoresTSLR) Name() string           { return TSLRName }
func (restoresTSLR) Paradigm() eeg.Paradigm { return eeg.MotorImagery }

func (restoresTSLR) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	return TSLR().Restore(name, version, st)
}

type onPeople struct {
	restoresTSLR
	people *People
}

var _ decoders.Preparer = onPeople{}

func (p onPeople) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	return train(ctx, p, ds, config)
}

// Prepare does once what all trainings share: the tangent vectors of the people on the dataset's electrodes.
func (p onPeople) Prepare(ds *decoders.Dataset, config json.RawMessage, _ *decoders.Memo) (decoders.Prepared, error) {
	to := relabel(p.people.Classes, ds.Classes)
	if to == nil {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"classes": ds.Classes, "base_classes": p.people.Classes},
			"the people of the base were recorded with the classes %s, not %s", strings.Join(p.people.Classes, ", "), strings.Join(ds.Classes, ", "))
	}
	labels := p.people.Knows(ds.Channels)
	if len(labels) < 2 {
		return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channels": ds.Channels, "channels_known": p.people.Channels},
			"the people of the base were recorded with %d of the channels; at least 2 are needed", len(labels))
	}
	cfg := p.people.options()
	m, err := newModel(TSLRName, TSLRName, "", ds.Classes, labels, p.people.Rate, mustOptions(cfg))
	if err != nil {
		return nil, err
	}
	if _, err := opposite(m.channels); err != nil {
		cfg.Mirror = false // a montage that is not symmetric
	}
	want := cfg
	if err := stored.Options(config, &cfg); err != nil {
		return nil, incompatible("%v", err)
	}
	if cfg.Low != want.Low || cfg.High != want.High || cfg.Order != want.Order || cfg.Start != want.Start || cfg.End != want.End ||
		cfg.Normalize != want.Normalize || cfg.Align != want.Align || cfg.Center != want.Center {
		return nil, incompatible("the people of the base were recorded in %g to %g Hz, %g to %g s after the cue, and are re-centred: the options may not say otherwise",
			want.Low, want.High, want.Start, want.End)
	}
	if m, err = newModel(TSLRName, TSLRName, "", ds.Classes, labels, p.people.Rate, mustOptions(cfg)); err != nil {
		return nil, err
	}
	t := &transfer{ds: ds, start: m, windows: windowsOf(ds, m.frontend, shrunk, nil)}
	if t.others, err = p.people.examples(m.channels, to); err != nil {
		return nil, err
	}
	if t.center, err = align(t.others, CenterRiemann); err != nil {
		return nil, unusable(err)
	}
	if cfg.Mirror {
		if t.others, err = mirror(t.others, m.channels, len(ds.Classes)); err != nil {
			return nil, err
		}
	}
	if t.space, err = riemann.NewTangentSpace(identity(len(m.channels))); err != nil {
		return nil, incompatible("%v", err)
	}
	if t.rows, err = t.space.ProjectAll(covariancesOf(t.others, all(len(t.others)))); err != nil {
		return nil, unusable(err)
	}
	return t, nil
}

func identity(n int) *mat.SymDense {
	c := mat.NewSymDense(n, nil)
	for i := range n {
		c.SetSym(i, i, 1)
	}
	return c
}

// transfer trains on parts of a dataset, on top of others.
type transfer struct {
	ds      *decoders.Dataset
	start   *model
	windows *windows
	space   *riemann.TangentSpace
	center  *mat.SymDense    // the others' average
	others  []example        // re-centred, with their mirror images; none where they are a model
	rows    *mat.Dense       // their tangent vectors
	prior   *classify.Linear // the model that the others are; nil for people
}

// own are the trials of a training, as tangent vectors at where each person's trials lie.
type own struct {
	examples []example
	rows     *mat.Dense // nil for none
}

func (t *transfer) Train(ctx context.Context, trials []int) (decoders.Trained, error) {
	m := *t.start
	if err := checkTrials(t.ds, trials, 0); err != nil {
		return nil, err
	}
	mine, centers, err := t.own(ctx, trials)
	if err != nil {
		return nil, err
	}
	center := t.center
	if len(centers) > 0 {
		if center, err = riemann.Mean(centers, nil); err != nil {
			return nil, unusable(err)
		}
	}
	if err := m.setCenters([]*mat.SymDense{center}); err != nil {
		return nil, unusable(err)
	}
	linear, err := t.fit(mine, nil, nil)
	if err != nil {
		return nil, err
	}
	if m.temperature, err = t.calibrate(ctx, mine); err != nil {
		return nil, err
	}
	return &tsDecoder{&covModel{&m}, linear, t.space}, nil
}

// own describes trials; centers are where each of their people lies, which few trials tell with the help of the others.
func (t *transfer) own(ctx context.Context, trials []int) (own, []*mat.SymDense, error) {
	if len(trials) == 0 {
		return own{}, nil, nil
	}
	examples, err := t.windows.examples(ctx, trials)
	if err != nil {
		return own{}, nil, err
	}
	var bySubject [][]*mat.SymDense
	for _, e := range examples {
		for e.subject >= len(bySubject) {
			bySubject = append(bySubject, nil)
		}
		bySubject[e.subject] = append(bySubject[e.subject], e.cov)
	}
	centers, moves := make([]*mat.SymDense, len(bySubject)), make([]*mat.Dense, len(bySubject))
	for s, covs := range bySubject {
		weights := slices.Repeat([]float64{1}, len(covs))
		if centers[s], err = riemann.Mean(append(covs, t.center), append(weights, centerPrior)); err != nil {
			return own{}, nil, unusable(err)
		}
		a, err := riemann.NewAlignerAt(centers[s])
		if err != nil {
			return own{}, nil, unusable(err)
		}
		moves[s] = a.Matrix()
	}
	moved := make([]*mat.SymDense, len(examples))
	for i, e := range examples {
		moved[i] = mat.NewSymDense(len(t.start.channels), nil)
		riemann.Congruence(moved[i], moves[e.subject], e.cov)
	}
	rows, err := t.space.ProjectAll(moved)
	if err != nil {
		return own{}, nil, unusable(err)
	}
	return own{examples, rows}, centers, nil
}

// fit learns the others but for those that leave says, by the indices of their examples, and the trials but for those of without.
func (t *transfer) fit(mine own, leave, without func(int) bool) (*classify.Linear, error) {
	classes := len(t.start.classes)
	var rows [][]float64
	var labels []int
	var weights []float64
	for i, e := range t.others {
		if leave == nil || !leave(i) {
			rows, labels, weights = append(rows, t.rows.RawRowView(i)), append(labels, e.label), append(weights, 1)
		}
	}
	weight := t.start.cfg.Weight
	if t.prior != nil {
		weight = 1
	}
	for i, e := range mine.examples {
		if without == nil || !without(i) {
			rows, labels, weights = append(rows, mine.rows.RawRowView(i)), append(labels, e.label), append(weights, weight)
		}
	}
	if len(rows) == 0 { // nothing was learned beside the model
		return t.prior, nil
	}
	x := mat.NewDense(len(rows), t.space.Dim(), nil)
	for i, r := range rows {
		x.SetRow(i, r)
	}
	// A digit of a probability in the sixth place is far below what any number of trials tells.
	lr, err := classify.FitLogistic(x, labels, classes, classify.LogisticConfig{C: t.start.cfg.C, Weights: weights, Prior: t.prior, Tol: 1e-7})
	if err != nil {
		return nil, unusable(err)
	}
	return &lr.Linear, nil
}

// calibrate finds the temperature from examples that were left out of a fit, the others person by person: a trial of the person
// weighs as much as in the fit.
func (t *transfer) calibrate(ctx context.Context, mine own) (float64, error) {
	k := t.start.cfg.Folds
	if k == 0 {
		return t.start.temperature, nil
	}
	if t.prior != nil && len(mine.examples) < 2*k { // too few to tell a temperature: the model's own stands
		return t.start.temperature, nil
	}
	var scores [][]float64
	var labels []int
	repeat := max(1, int(math.Round(t.start.cfg.Weight)))
	turn := turns(mine.examples, k)
	for f := range k {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		linear, err := t.fit(mine, func(i int) bool { return t.others[i].subject%k == f }, func(i int) bool { return turn[i] == f })
		if err != nil {
			return 0, err
		}
		for i, e := range t.others {
			if e.copied == i && e.subject%k == f {
				scores, labels = append(scores, linear.Scores(nil, t.rows.RawRowView(i))), append(labels, e.label)
			}
		}
		for i, e := range mine.examples {
			if turn[i] == f {
				s := linear.Scores(nil, mine.rows.RawRowView(i))
				scores, labels = append(scores, slices.Repeat([][]float64{s}, repeat)...), append(labels, slices.Repeat([]int{e.label}, repeat)...)
			}
		}
	}
	fit := classify.FitTemperature
	if t.prior != nil {
		fit = classify.FitHumbleTemperature
	}
	found, err := fit(scores, labels)
	if err != nil {
		return 0, unusable(err)
	}
	return found.T, nil
}

// turns deals the trials of each class out to k folds, in their order.
func turns(examples []example, k int) []int {
	out := make([]int, len(examples))
	next := map[int]int{}
	for i, e := range examples {
		out[i] = next[e.label] % k
		next[e.label]++
	}
	return out
}

// OnTopOfModel returns the pipeline ts_lr that starts from a decoder of ts_lr that was trained around the geometric mean (Config.Align
// and Center "riemann"): a person's own trials are re-centred, and the logistic regression is pulled to the decoder's instead of to nothing. C says
// how much the trials count, by default 3. Channels, rate, band and window are the decoder's. Errors: model_incompatible for another
// decoder.
func OnTopOfModel(d decoders.Decoder) (decoders.Preparer, error) {
	ts, ok := d.(*tsDecoder)
	if !ok || ts.centers == nil || ts.cfg.Center != CenterRiemann {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"pipeline": d.Info().Pipeline, "aligned": d.Info().Aligned},
			"a training starts from a model of %s with the options align and center %q; this is one of %s", TSLRName, CenterRiemann, d.Info().Pipeline)
	}
	return onModel{model: ts}, nil
}

type onModel struct {
	restoresTSLR
	model *tsDecoder
}

var _ decoders.Preparer = onModel{}

func (p onModel) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	return train(ctx, p, ds, config)
}

func (p onModel) Prepare(ds *decoders.Dataset, config json.RawMessage, _ *decoders.Memo) (decoders.Prepared, error) {
	to := relabel(p.model.classes, ds.Classes)
	if to == nil {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"classes": ds.Classes, "base_classes": p.model.classes},
			"the model tells %s, not %s", strings.Join(p.model.classes, ", "), strings.Join(ds.Classes, ", "))
	}
	cfg := p.model.cfg
	cfg.C, cfg.Weight, cfg.Mirror = fineTuneC, 0, false
	want := cfg
	if err := stored.Options(config, &cfg); err != nil {
		return nil, incompatible("%v", err)
	}
	free := cfg
	free.C, free.Folds, free.Seed, free.MinSeconds = want.C, want.Folds, want.Seed, want.MinSeconds
	if a, b := mustOptions(free), mustOptions(want); string(a) != string(b) {
		return nil, incompatible("of the options of a model that another is trained on top of only c, folds, seed and min_seconds may differ: its own are %s", b)
	}
	m, err := newModel(TSLRName, TSLRName, "", ds.Classes, p.model.labels, p.model.rate, mustOptions(cfg))
	if err != nil {
		return nil, err
	}
	m.temperature = p.model.temperature
	t := &transfer{ds: ds, start: m, windows: windowsOf(ds, m.frontend, shrunk, nil), space: p.model.space, center: p.model.centers[0]}
	_, features := p.model.linear.Coef.Dims()
	t.prior = &classify.Linear{Coef: mat.NewDense(len(to), features, nil), Intercept: make([]float64, len(to))}
	for k, at := range to {
		t.prior.Coef.SetRow(at, p.model.linear.Coef.RawRowView(k))
		t.prior.Intercept[at] = p.model.linear.Intercept[k]
	}
	return t, nil
}
