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

// sizes returns the points of the learning curve that the folds of a protocol have trials for.
func sizes(ds *decoders.Dataset, spec Spec, p protocol) []size {
	var out []size
	for _, n := range spec.Sizes {
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

// learningCurve measures a candidate with fewer training trials. A size that the pipeline refuses is left out.
func learningCurve(ctx context.Context, ds *decoders.Dataset, spec Spec, c Candidate, curve []size, cfg crossval.Config) ([]catalog.CurvePoint, error) {
	var out []catalog.CurvePoint
	for _, s := range curve {
		spec.Progress(fmt.Sprintf("%s: %s, %d trials a class", spec.Name, c.Pipeline.Name(), s.trials))
		o, err := crossval.Run(ctx, c.Pipeline, c.Options, ds, s.folds, cfg)
		if errors.As(err, new(*decoders.Error)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, catalog.CurvePoint{TrialsPerClass: s.trials, Accuracy: round(o.Accuracy()), Trials: len(o.Labels)})
	}
	return out, nil
}
