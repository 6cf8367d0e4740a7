package evaluation

import (
	"context"
	"errors"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/lab/crossval"
)

// crossing is a pipeline to cross-validate on a dataset, and what becomes of the outcome.
type crossing struct {
	pipelineRun
	ds    *decoders.Dataset
	folds []classify.Fold
	memo  *decoders.Memo // of ds
	done  func(o *crossval.Outcome, msPerTrial float64) error
}

// run cross-validates all of a list, as many at once as Config.Parallel says, and then hands out the outcomes in the order of
// the list. Decodes are timed between the two, while nothing else runs. What a pipeline refuses to train on so few trials has no
// outcome.
func (e *evaluator) run(ctx context.Context, list []crossing) error {
	outcomes, firsts := make([]*crossval.Outcome, len(list)), make([]decoders.Trained, len(list))
	g, gctx := guarded.WithContext(ctx)
	g.SetLimit(e.cfg.Parallel)
	for i, c := range list {
		g.Go(func() error {
			var err error
			outcomes[i], err = crossval.Run(gctx, c.pipeline, c.config, c.ds, c.folds, crossval.Config{
				Parallel: 1, Memo: c.memo, Trained: keepFirst(&firsts[i]),
			})
			if fault := new(decoders.Error); errors.As(err, &fault) && fault.Code == decoders.CodeTooFewTrials {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, c := range list {
		if outcomes[i] == nil {
			continue
		}
		ms, err := e.time(ctx, firsts[i], c.ds, c.folds[0].Test, crossval.ClipRequest)
		if err != nil {
			return err
		}
		if err := c.done(outcomes[i], ms); err != nil {
			return err
		}
	}
	return nil
}

// keepFirst keeps the decoder of the first fold for its time to be taken.
func keepFirst(to *decoders.Trained) func(int, decoders.Trained) error {
	return func(fold int, d decoders.Trained) error {
		if fold == 0 {
			*to = d
		}
		return nil
	}
}

// timedTrials is how many trials the time of one decode is the median of.
const timedTrials = 9

// time is the median of the ms that a decoder takes for one of a few trials, one after another; 0 without a decoder.
func (e *evaluator) time(ctx context.Context, d decoders.Decoder, ds *decoders.Dataset, test []int, request func(*decoders.Dataset, decoders.Trial) *decoders.Input) (float64, error) {
	if d == nil || len(test) == 0 || e.cfg.Untimed {
		return 0, nil
	}
	var ms []float64
	for _, i := range test[:min(timedTrials, len(test))] {
		in := request(ds, ds.Trials[i])
		begin := e.cfg.Now()
		if _, err := d.Decode(ctx, in); err != nil {
			if errors.As(err, new(*decoders.Error)) && ctx.Err() == nil {
				continue
			}
			return 0, err
		}
		ms = append(ms, e.cfg.Now().Sub(begin).Seconds()*1000)
	}
	if len(ms) == 0 {
		return 0, nil
	}
	slices.Sort(ms)
	return ms[len(ms)/2], nil
}
