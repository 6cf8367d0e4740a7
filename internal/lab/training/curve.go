package training

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// size is a point of a learning curve to be measured.
type size struct {
	trials int // a class
	folds  []classify.Fold
}

// sizes returns the points of the learning curve that the folds of a protocol have trials for. On top of others it begins with none.
func sizes(ds *decoders.Dataset, spec Spec, p protocol) []size {
	var out []size
	numbers := spec.Sizes
	if spec.Base != nil && len(numbers) > 0 {
		numbers = append([]int{0}, numbers...)
	}
	for _, n := range numbers {
		if folds := crossval.Shrink(p.folds, datasets.Labels(ds), len(ds.Classes), n, spec.Seed); folds != nil {
			out = append(out, size{n, folds})
		}
	}
	return out
}

// steps returns a hook that counts the decoders of a training, of which several may be trained at once.
func (s Spec) steps(protocols []protocol, curve []size) func(int, decoders.Trained) error {
	total := 0
	for _, p := range protocols {
		if p.moved == nil {
			total += len(p.folds)
		}
	}
	total = total*len(s.Candidates) + 1
	for _, c := range curve {
		total += len(c.folds)
		if s.Alone != nil {
			total += len(c.folds)
		}
	}
	var mu sync.Mutex
	done := 0
	return func(int, decoders.Trained) error {
		mu.Lock()
		defer mu.Unlock()
		done++
		s.Step(done, total)
		return nil
	}
}

// learningCurve measures a candidate with fewer training trials, and beside it the trials alone where it starts from others. A size that
// the pipeline refuses is left out.
func learningCurve(ctx context.Context, ds *decoders.Dataset, spec Spec, c Candidate, p protocol, curve []size, cfg crossval.Config) ([]catalog.CurvePoint, error) {
	var out []catalog.CurvePoint
	for _, s := range curve {
		spec.Progress(fmt.Sprintf("%s: %s, %d trials a class", spec.Name, c.Pipeline.Name(), s.trials))
		o, err := curvePoint(ctx, ds, c, p, s, cfg)
		if err != nil {
			return nil, err
		}
		if o == nil {
			continue
		}
		point := catalog.CurvePoint{TrialsPerClass: s.trials, Accuracy: round(o.Accuracy()), Trials: len(o.Labels)}
		if spec.Alone != nil {
			alone, err := curvePoint(ctx, ds, *spec.Alone, protocol{}, s, cfg)
			if err != nil {
				return nil, err
			}
			if alone != nil {
				v := round(alone.Accuracy())
				point.Alone = &v
			}
		}
		out = append(out, point)
	}
	return out, nil
}

// curvePoint is the outcome of one size, as the protocol moves decoders; nil where the pipeline refuses it.
func curvePoint(ctx context.Context, ds *decoders.Dataset, c Candidate, p protocol, s size, cfg crossval.Config) (*crossval.Outcome, error) {
	watched, parts := cfg, []*crossval.Outcome(nil)
	if p.moved != nil {
		var hook func(int, decoders.Trained) error
		hook, parts = follow(ctx, ds, s.folds, p.moved, cfg)
		watched.Trained = func(fold int, d decoders.Trained) error {
			if err := hook(fold, d); err != nil {
				return err
			}
			return cfg.Trained(fold, d)
		}
	}
	o, err := crossval.Run(ctx, c.Pipeline, c.Options, ds, s.folds, watched)
	switch {
	case errors.As(err, new(*decoders.Error)):
		return nil, nil
	case err != nil:
		return nil, err
	case parts != nil:
		return joined(o.Classes, parts), nil
	}
	return o, nil
}
