package motorimagery

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/riemann"
)

// windowKey names what the covariance of a trial's window depends on besides the trial.
type windowKey struct {
	low, high, start, end, minSeconds float64
	order                             int
	normalize                         bool
	estimate                          estimate
}

// estimate is how a window's covariance is found: not centred, as CSP wants it, or with oracle shrinkage.
type estimate int

const (
	plain estimate = iota
	shrunk
)

// windows keeps the covariance of each trial's window in one band; it is found when it is first asked for.
type windows struct {
	key    windowKey
	front  *frontend
	ds     *decoders.Dataset
	trials []windowed
}

type windowed struct {
	once sync.Once
	cov  *mat.SymDense
	err  error
}

// windowsOf returns the windows of a dataset in the band of a front end, which others with the same memo share.
func windowsOf(ds *decoders.Dataset, f *frontend, kind estimate, memo *decoders.Memo) *windows {
	c := f.cfg
	key := windowKey{c.Low, c.High, c.Start, c.End, c.MinSeconds, c.Order, c.Normalize, kind}
	w, _ := memo.Do(key, func() (any, error) {
		return &windows{key: key, front: f, ds: ds, trials: make([]windowed, len(ds.Trials))}, nil
	})
	return w.(*windows)
}

// covariance returns that of trial i, which nobody may change.
func (w *windows) covariance(i int) (*mat.SymDense, error) {
	t := &w.trials[i]
	t.once.Do(func() { t.cov, t.err = w.compute(i) })
	return t.cov, t.err
}

func (w *windows) compute(i int) (*mat.SymDense, error) {
	sc := w.front.pool.Get().(*scratch)
	defer w.front.pool.Put(sc)
	x, err := w.front.trial(w.ds, i, sc)
	if err != nil {
		return nil, err
	}
	c := mat.NewSymDense(len(w.front.channels), nil)
	find := riemann.Cov
	if w.key.estimate == shrunk {
		find = riemann.OAS
	}
	if err := find(c, x); err != nil {
		return nil, err
	}
	return c, usable(c, w.front.cfg.Normalize)
}

// lesson is one training: a model that has its front end, and the trials as covariances, aligned and mirrored as the
// options say.
type lesson struct {
	*model
	bands  [][]example // one list a band
	trials []int
	keys   []windowKey
	memo   *decoders.Memo
}

// fitter makes a decoder of a lesson.
type fitter func(ctx context.Context, l *lesson) (decoders.Trained, error)

// prepared trains one pipeline on parts of a dataset.
type prepared struct {
	pipeline string
	ds       *decoders.Dataset
	config   json.RawMessage
	memo     *decoders.Memo
	bands    []*windows
	fit      fitter
}

// prepare checks options and sets up the windows of every band.
func prepare(pipeline string, ds *decoders.Dataset, config json.RawMessage, memo *decoders.Memo, kind estimate, fit fitter) (decoders.Prepared, error) {
	m, err := newModel(pipeline, pipeline, "", ds.Classes, ds.Channels, ds.Rate, config)
	if err != nil {
		return nil, err
	}
	fronts := []*frontend{m.frontend}
	if pipeline == FBCSPName {
		if fronts, err = bankFronts(m); err != nil {
			return nil, err
		}
	}
	p := &prepared{pipeline: pipeline, ds: ds, config: config, memo: memo, fit: fit}
	for _, f := range fronts {
		p.bands = append(p.bands, windowsOf(ds, f, kind, memo))
	}
	return p, nil
}

// train is Pipeline.Train of a pipeline that can prepare.
func train(ctx context.Context, p decoders.Preparer, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	r, err := p.Prepare(ds, config, nil)
	if err != nil {
		return nil, err
	}
	return r.Train(ctx, all(len(ds.Trials)))
}

func (p *prepared) Train(ctx context.Context, trials []int) (decoders.Trained, error) {
	m, err := newModel(p.pipeline, p.pipeline, "", p.ds.Classes, p.ds.Channels, p.ds.Rate, p.config)
	if err != nil {
		return nil, err
	}
	if err := checkTrials(p.ds, trials, minTrials); err != nil {
		return nil, err
	}
	l := &lesson{model: m, trials: trials, memo: p.memo}
	for _, w := range p.bands {
		examples, err := w.examples(ctx, trials)
		if err != nil {
			return nil, err
		}
		if examples, err = m.augment(examples); err != nil {
			return nil, err
		}
		l.bands, l.keys = append(l.bands, examples), append(l.keys, w.key)
	}
	return p.fit(ctx, l)
}

// tangentKey names what a tangent space and its vectors depend on.
type tangentKey struct {
	window        windowKey
	align, mirror bool
	center        string
	trials        string
}

type tangentVectors struct {
	space *riemann.TangentSpace
	rows  *mat.Dense
}

// tangents returns the tangent space at the mean of the examples and their tangent vectors as rows, which nobody may change.
func (l *lesson) tangents() (*riemann.TangentSpace, *mat.Dense, error) {
	key := tangentKey{l.keys[0], l.cfg.Align, l.cfg.Mirror, l.cfg.Center, ""}
	if l.memo != nil {
		var index []byte
		for _, i := range l.trials {
			index = binary.AppendUvarint(index, uint64(i))
		}
		key.trials = string(index)
	}
	t, err := l.memo.Do(key, func() (any, error) {
		space, rows, err := tangents(l.bands[0])
		return tangentVectors{space, rows}, err
	})
	if err != nil {
		return nil, nil, err
	}
	v := t.(tangentVectors)
	return v.space, v.rows, nil
}
