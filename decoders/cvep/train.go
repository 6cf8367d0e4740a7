package cvep

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// RCCA returns the pipeline of reconvolution. Its options are a [TrainConfig].
func RCCA() decoders.Pipeline { return pipeline{RCCAName} }

// Template returns the pipeline of mean responses to whole codes. Its options are a [TrainConfig].
func Template() decoders.Pipeline { return pipeline{TemplateName} }

type pipeline struct{ name string }

var _ decoders.Pipeline = pipeline{}

func (p pipeline) Name() string         { return p.name }
func (pipeline) Paradigm() eeg.Paradigm { return eeg.CVEP }

// sample is a training trial: band-passed, from the beginning of the codes on.
type sample struct {
	x    *mat.Dense // channels × samples
	code int
}

// Train fits a decoder to one person's trials. Each starts ds.Cue seconds before its codes began; its class is the label of the
// target that was looked at. Not every target needs a trial. Refuses with too_few_trials.
func (p pipeline) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	d, err := newTrained(p.name, p.name, "", ds.Channels, ds.Rate, config)
	if err != nil {
		return nil, err
	}
	list, err := d.samples(ctx, ds)
	if err != nil {
		return nil, err
	}
	f, err := d.fit(list)
	if err != nil {
		return nil, err
	}
	d.fitted = *f
	if d.screen, err = d.predict(d.book, f); err != nil {
		return nil, err
	}
	if d.cfg.Folds > 0 {
		if err := d.calibrate(ctx, list); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// samples reads the trials of a dataset.
func (d *trained) samples(ctx context.Context, ds *decoders.Dataset) ([]sample, error) {
	if !(ds.Cue >= 0 && ds.Cue < 1e6) {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"cue": fmt.Sprint(ds.Cue)}, "the codes begin %v s into the trials", ds.Cue)
	}
	codes := make([]int, len(ds.Classes))
	for k, class := range ds.Classes {
		if codes[k] = slices.Index(d.book.Labels, class); codes[k] < 0 {
			return nil, incompatible("class %q is not a label of the codes, which are %q", class, d.book.Labels)
		}
	}
	counts := make([]int, len(d.book.Codes))
	for i, t := range ds.Trials {
		switch {
		case t.Label < 0 || t.Label >= len(codes):
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i, "label": t.Label}, "trial %d has label %d of %d classes", i, t.Label, len(codes))
		case t.Data == nil || t.Data.IsEmpty():
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i}, "trial %d has no data", i)
		}
		counts[codes[t.Label]]++
	}
	if err := d.enough(counts); err != nil {
		return nil, err
	}
	sp := d.pool.Get().(*space)
	defer d.pool.Put(sp)
	out := make([]sample, len(ds.Trials))
	for i, t := range ds.Trials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in := &decoders.Input{Signal: decoders.Signal{Data: t.Data, Channels: ds.Channels, Rate: ds.Rate}, Events: []eeg.Event{{Onset: ds.Cue}}}
		g, err := sp.load(d, in)
		if err != nil {
			return nil, &decoders.TrialError{Trial: i, Err: err}
		}
		if g.ignored {
			return nil, &decoders.TrialError{Trial: i, Err: epoch.TooShort(in.Signal, epoch.Samples(ds.Cue, ds.Rate)+d.minSamples(ds.Rate), in.Samples(), "too little signal after the codes began")}
		}
		x := mat.NewDense(len(sp.rows), min(g.to-g.from, d.most()), nil)
		alive := false
		for c, r := range sp.rows {
			line, ok := sp.centred(in, r, g)
			alive = alive || ok
			copy(x.RawRowView(c), sp.bandPassed(line, g))
		}
		if !alive {
			return nil, &decoders.TrialError{Trial: i, Err: epoch.Flat(ds.Channels)}
		}
		out[i] = sample{x, codes[t.Label]}
	}
	return out, nil
}

// enough refuses trials of which there are too few, by the number for each code. Reconvolution and shifts of one code learn the same
// from the trials of every target; else each target needs its own.
func (d *trained) enough(counts []int) error {
	total := 0
	byLabel := map[string]any{}
	missing := []string{}
	for k, n := range counts {
		total += n
		if n > 0 {
			byLabel[d.book.Labels[k]] = n
		} else {
			missing = append(missing, d.book.Labels[k])
		}
	}
	if total < minTrials {
		return decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": total, "needed": minTrials, "classes": byLabel}, "there are %d trials; at least %d are needed, of whichever targets", total, minTrials)
	}
	if d.pipeline == TemplateName && d.book.Lag == 0 && len(missing) > 0 {
		return decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": total, "classes": byLabel, "classes_without": missing},
			"%d of %d targets have no trial, the first is %q: with codes that are not shifts of one another each needs its own. The pipeline %s does not", len(missing), len(counts), missing[0], RCCAName)
	}
	return nil
}

// fit fits the spatial filter and the responses to trials.
func (d *trained) fit(list []sample) (*fitted, error) {
	f := &fitted{}
	var err error
	if d.pipeline == RCCAName {
		err = d.reconvolve(f, list)
	} else {
		err = d.average(f, list)
	}
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the trials cannot be fitted: %v", err)
	}
	return f, nil
}

// moments gathers sums over the samples of trials for a canonical correlation between the channels and p other variables.
type moments struct {
	n      float64
	x      []float64     // Σ of channels
	xx     *mat.SymDense // Σ of products
	y      []float64     // Σ of the others
	yy     *mat.SymDense
	xy     *mat.Dense // channels × others
	totals []total    // of each code
}

// total is the sum of the trials of one code.
type total struct {
	x     *mat.Dense // channels × samples
	count []float64  // trials that reach to each sample
}

func newMoments(channels, others, codes int, list []sample) *moments {
	m := &moments{x: make([]float64, channels), xx: mat.NewSymDense(channels, nil), y: make([]float64, others), yy: mat.NewSymDense(others, nil),
		xy: mat.NewDense(channels, others, nil), totals: make([]total, codes)}
	longest := make([]int, codes)
	for _, s := range list {
		_, n := s.x.Dims()
		longest[s.code] = max(longest[s.code], n)
	}
	for k, n := range longest {
		if n > 0 {
			m.totals[k] = total{mat.NewDense(channels, n, nil), make([]float64, n)}
		}
	}
	for _, s := range list {
		_, n := s.x.Dims()
		m.n += float64(n)
		m.xx.SymRankK(m.xx, 1, s.x)
		t := m.totals[s.code]
		for c := range channels {
			row := s.x.RawRowView(c)
			m.x[c] += floats.Sum(row)
			floats.Add(t.x.RawRowView(c)[:n], row)
		}
		for i := range n {
			t.count[i]++
		}
	}
	return m
}

// canonical returns the filters of the channels and of the others of the largest canonical correlation, and the covariance of the
// channels. ridge is the share of the others' mean variance that is added to their variances.
func (m *moments) canonical(ridge float64) (w, r []float64, covariance *mat.SymDense, err error) {
	c, p := m.xy.Dims()
	if !(m.n > 1) {
		return nil, nil, nil, fmt.Errorf("there are no samples")
	}
	scale := 1 / (m.n - 1)
	covariance = mat.NewSymDense(c, nil)
	for i := range c {
		for j := i; j < c; j++ {
			covariance.SetSym(i, j, scale*(m.xx.At(i, j)-m.x[i]*m.x[j]/m.n))
		}
	}
	cyy := mat.NewSymDense(p, nil)
	trace := 0.0
	for i := range p {
		for j := i; j < p; j++ {
			cyy.SetSym(i, j, scale*(m.yy.At(i, j)-m.y[i]*m.y[j]/m.n))
		}
		trace += cyy.At(i, i)
	}
	cxy := mat.NewDense(c, p, nil)
	for i := range c {
		for j := range p {
			cxy.Set(i, j, scale*(m.xy.At(i, j)-m.x[i]*m.y[j]/m.n))
		}
	}
	white, err := riemann.Whitener(covariance, 1e-10)
	if err != nil {
		return nil, nil, nil, err
	}
	var chol mat.Cholesky
	for share := max(ridge, 1e-12); ; share *= 100 { // others that depend on one another linearly: rounding decides how much it takes
		for i := range p {
			cyy.SetSym(i, i, cyy.At(i, i)+share*trace/float64(p))
		}
		if chol.Factorize(cyy) {
			break
		}
		if share > 1 || !(trace > 0) {
			return nil, nil, nil, fmt.Errorf("nothing of what was shown varies")
		}
	}
	var back, inner mat.Dense // Cyy⁻¹Cyx
	if err := chol.SolveTo(&back, cxy.T()); err != nil {
		if _, ill := err.(mat.Condition); !ill { //nolint:errorlint // gonum returns it bare
			return nil, nil, nil, err
		}
	}
	inner.Mul(cxy, &back)
	product := mat.NewSymDense(c, nil)
	for i := range c {
		for j := i; j < c; j++ {
			product.SetSym(i, j, (inner.At(i, j)+inner.At(j, i))/2)
		}
	}
	rank, _ := white.Dims()
	shrunk := mat.NewSymDense(rank, nil)
	riemann.Congruence(shrunk, white, product)
	var eig mat.EigenSym
	if !eig.Factorize(shrunk, true) {
		return nil, nil, nil, fmt.Errorf("the eigenvalues did not converge")
	}
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	w, r = make([]float64, c), make([]float64, p)
	mat.NewVecDense(c, w).MulVec(white.T(), vectors.ColView(rank-1))
	mat.NewVecDense(p, r).MulVec(&back, mat.NewVecDense(c, w))
	for _, v := range slices.Concat(w, r) {
		if v-v != 0 {
			return nil, nil, nil, fmt.Errorf("the amplitudes are beyond what can be compared")
		}
	}
	return w, r, covariance, nil
}

// reconvolve fits the responses to flashes.
func (d *trained) reconvolve(f *fitted, list []sample) error {
	length := d.cfg.lengthOf(d.rate)
	m := newMoments(len(d.channels), len(d.kinds)*length, len(d.book.Codes), list)
	for k, t := range m.totals {
		if t.x == nil {
			continue
		}
		_, n := t.x.Dims()
		events, err := marks(d.book.Codes[k], d.cfg.Flashes, d.kinds, d.book.Rate, d.rate, n)
		if err != nil {
			return err
		}
		columns(events, length, n, func(at int, set []int) {
			for a, i := range set {
				m.y[i] += t.count[at]
				for c := range d.channels {
					m.xy.Set(c, i, m.xy.At(c, i)+t.x.At(c, at))
				}
				for _, j := range set[a:] {
					m.yy.SetSym(i, j, m.yy.At(i, j)+t.count[at])
				}
			}
		})
	}
	var err error
	f.filter, f.response, f.covariance, err = m.canonical(d.cfg.Ridge)
	return err
}

// average fits the mean responses to cycles.
func (d *trained) average(f *fitted, list []sample) error {
	channels, bins := len(d.channels), d.bins(d.book)
	m := newMoments(channels, channels, len(d.book.Codes), list)
	count := 1
	if d.book.Lag == 0 {
		count = len(d.book.Codes)
	}
	means := make([]*mat.Dense, count)
	seen := make([][]float64, count)
	for k := range means {
		means[k], seen[k] = mat.NewDense(channels, bins, nil), make([]float64, bins)
	}
	each := func(do func(of, bin, at int, t total)) {
		for k, t := range m.totals {
			if t.x == nil {
				continue
			}
			of, lag := k, 0
			if count == 1 {
				of, lag = 0, k*d.book.Lag
			}
			for at := range t.count {
				do(of, d.phase(d.book, at, lag), at, t)
			}
		}
	}
	each(func(of, bin, at int, t total) {
		seen[of][bin] += t.count[at]
		for c := range channels {
			means[of].Set(c, bin, means[of].At(c, bin)+t.x.At(c, at))
		}
	})
	for k, mean := range means {
		for b, n := range seen[k] {
			for c := range channels {
				if n > 0 {
					mean.Set(c, b, mean.At(c, b)/n)
				}
			}
		}
	}
	template := make([]float64, channels)
	each(func(of, bin, at int, t total) {
		mat.Col(template, bin, means[of])
		n := t.count[at]
		for i, v := range template {
			m.y[i] += n * v
			for c := range channels {
				m.xy.Set(c, i, m.xy.At(c, i)+v*t.x.At(c, at))
			}
			for j := i; j < channels; j++ {
				m.yy.SetSym(i, j, m.yy.At(i, j)+n*v*template[j])
			}
		}
	})
	var err error
	if f.filter, _, f.covariance, err = m.canonical(d.cfg.Ridge); err != nil {
		return err
	}
	for _, mean := range means {
		cycle := make([]float64, bins)
		for c, w := range f.filter {
			floats.AddScaled(cycle, w, mean.RawRowView(c))
		}
		f.cycles = append(f.cycles, cycle)
	}
	return nil
}

// calibrate fits the temperature to trials that were left out, at lengths from half a second to all of a trial. Trials are left
// out in the order in which they were recorded, part by part, as a later session would be.
func (d *trained) calibrate(ctx context.Context, list []sample) error {
	folds := min(d.cfg.Folds, len(list)/2)
	var all [][]float64
	var truth []int
	for f := range folds {
		if err := ctx.Err(); err != nil {
			return err
		}
		lo, hi := f*len(list)/folds, (f+1)*len(list)/folds
		part := slices.Concat(list[:lo], list[hi:])
		counts := make([]int, len(d.book.Codes))
		for _, s := range part {
			counts[s.code]++
		}
		if d.enough(counts) != nil {
			continue
		}
		fit, err := d.fit(part)
		if err != nil {
			return err
		}
		shown, err := d.predict(d.book, fit)
		if err != nil {
			return err
		}
		step := epoch.Samples(0.5, d.rate)
		for _, s := range list[lo:hi] {
			_, n := s.x.Dims()
			z := make([]float64, n)
			for c, w := range fit.filter {
				floats.AddScaled(z, w, s.x.RawRowView(c))
			}
			r := make([]float64, len(d.book.Codes))
			shown.correlate(z, 0, step, r, func(samples int) {
				row := make([]float64, len(r))
				for k, v := range r {
					row[k] = evidence(v, float64(samples)/d.rate)
				}
				all, truth = append(all, row), append(truth, s.code)
			})
		}
	}
	if len(all) == 0 {
		return nil // too few to leave any out: nothing is known of how sure scores make
	}
	t, err := classify.FitHumbleTemperature(all, truth)
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	if d.temperature = t.T; math.IsNaN(d.temperature) {
		return fmt.Errorf("calibrate: temperature is %v", t.T)
	}
	return nil
}
