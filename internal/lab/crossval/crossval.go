// Package crossval measures pipelines on trials that they were not trained on.
//
// Trials are decoded one by one through the decoder's public face, as a request would be, so what is measured is what
// is served. Folds may run at the same time; the outcome is in the order of the folds whatever finishes first. A pipeline
// that can prepare does once what all folds share, which changes no bit of any decoder.
package crossval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// Outcome is what decoders said of test trials.
type Outcome struct {
	Classes       int
	Trials        []int // index of each decision's trial in the dataset
	Labels        []int
	Predicted     []int
	Probabilities [][]float64 // decisions × classes
	// Unread are the trials of which there is no decision, because a decoder refused them, in order.
	Unread []Unread
}

// Unread is a trial that could not be read.
type Unread struct {
	Trial int // index in the dataset
	Err   error
}

// mostUnread is the share of its training trials that a fold may lose: where more cannot be read something else is wrong.
const mostUnread = 0.25

// Config says how to run.
type Config struct {
	// Request makes the decode request of a trial. Defaults to ClipRequest.
	Request func(ds *decoders.Dataset, tr decoders.Trial) *decoders.Input
	// Parallel is how many folds run at once. Defaults to the number of processors.
	Parallel int
	// Trained, when not nil, is given the decoder of each fold before its test trials; folds may call it at the same time.
	Trained func(fold int, d decoders.Trained) error
	// Memo is the dataset's own, where several pipelines are measured on it. Defaults to none.
	Memo *decoders.Memo
}

// ClipRequest asks for the whole trial, with an event at the cue where the trial starts before it.
func ClipRequest(ds *decoders.Dataset, tr decoders.Trial) *decoders.Input {
	in := &decoders.Input{Signal: decoders.Signal{Data: tr.Data, Channels: ds.Channels, Rate: ds.Rate}}
	if ds.Cue > 0 {
		in.Events = []eeg.Event{{Onset: ds.Cue, Code: 1, Label: "cue"}}
	}
	return in
}

// Run trains a pipeline on each fold's training trials and decodes its test trials. Trials that cannot be read are left out of the
// training, and out of the decisions, where they are listed. Folds with too little to train on are left out; when all are, the
// error says why.
func Run(ctx context.Context, p decoders.Pipeline, options json.RawMessage, ds *decoders.Dataset, folds []classify.Fold, cfg Config) (*Outcome, error) {
	if cfg.Request == nil {
		cfg.Request = ClipRequest
	}
	if cfg.Parallel < 1 {
		cfg.Parallel = runtime.GOMAXPROCS(0)
	}
	train, err := trainer(p, options, ds, cfg.Memo)
	if err != nil {
		return nil, err
	}
	parts := make([]*Outcome, len(folds))
	refused := make([]error, len(folds))
	g, ctx := guarded.WithContext(ctx)
	g.SetLimit(cfg.Parallel)
	for i, f := range folds {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			d, err := readable(ctx, train, f.Train)
			if err != nil {
				if errors.As(err, new(*decoders.Error)) {
					refused[i] = err
					return nil
				}
				return err
			}
			if cfg.Trained != nil {
				if err := cfg.Trained(i, d); err != nil {
					return err
				}
			}
			parts[i] = &Outcome{Classes: len(ds.Classes)}
			return parts[i].decode(ctx, d, ds, f.Test, cfg)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	all := &Outcome{Classes: len(ds.Classes)}
	for _, part := range parts {
		if part != nil {
			all.Join(part)
		}
	}
	if len(all.Labels) == 0 {
		for _, u := range all.Unread {
			refused = append(refused, fmt.Errorf("trial %d: %w", u.Trial, u.Err))
		}
		return nil, errors.Join(refused...)
	}
	return all, nil
}

// readable trains on those of the given trials that can be read.
func readable(ctx context.Context, train func(context.Context, []int) (decoders.Trained, error), trials []int) (decoders.Trained, error) {
	left := trials
	for {
		d, err := train(ctx, left)
		var bad *decoders.TrialError
		switch {
		case err == nil || !errors.As(err, &bad) || !errors.As(bad.Err, new(*decoders.Error)):
			return d, err
		case bad.Trial < 0 || bad.Trial >= len(left) || float64(len(trials)-len(left)+1) > mostUnread*float64(len(trials)):
			return nil, err
		}
		left = slices.Delete(slices.Clone(left), bad.Trial, bad.Trial+1)
	}
}

// trainer trains on trials of a dataset by their indices.
func trainer(p decoders.Pipeline, options json.RawMessage, ds *decoders.Dataset, memo *decoders.Memo) (func(context.Context, []int) (decoders.Trained, error), error) {
	if able, ok := p.(decoders.Preparer); ok {
		prepared, err := able.Prepare(ds, options, memo)
		if err != nil {
			return nil, err
		}
		return prepared.Train, nil
	}
	return func(ctx context.Context, trials []int) (decoders.Trained, error) {
		return p.Train(ctx, datasets.Subset(ds, trials), options)
	}, nil
}

// Decode measures a decoder that is trained already on the trials of the given indices.
func Decode(ctx context.Context, d decoders.Decoder, ds *decoders.Dataset, test []int, cfg Config) (*Outcome, error) {
	if cfg.Request == nil {
		cfg.Request = ClipRequest
	}
	o := &Outcome{Classes: len(ds.Classes)}
	return o, o.decode(ctx, d, ds, test, cfg)
}

func (o *Outcome) decode(ctx context.Context, d decoders.Decoder, ds *decoders.Dataset, test []int, cfg Config) error {
	for _, i := range test {
		in := cfg.Request(ds, ds.Trials[i])
		res, err := d.Decode(ctx, in)
		if errors.As(err, new(*decoders.Error)) && ctx.Err() == nil {
			o.Unread = append(o.Unread, Unread{Trial: i, Err: err})
			continue
		}
		if err != nil {
			return fmt.Errorf("trial %d: %w", i, err)
		}
		if res.Paradigm == eeg.Seizure && res.Seizure == nil { // the decoder says that it cannot say
			o.Unread = append(o.Unread, Unread{Trial: i, Err: decoders.Errorf(decoders.CodeInvalidSignal, res.Evidence, "the clip is too short or too bad for a verdict")})
			continue
		}
		p := make([]float64, len(ds.Classes))
		best, outside := 0, 1.0
		for k, name := range ds.Classes {
			for _, c := range res.Classes {
				if c.Name == name {
					p[k] = c.Probability
					outside -= c.Probability
				}
			}
			if p[k] > p[best] {
				best = k
			}
		}
		// A decoder may know classes that the trials do not have, such as no_target: what it gave them is dealt out, since the
		// trials are known to belong to the others.
		if outside > 1e-9 && outside < 1 {
			floats.Scale(1/floats.Sum(p), p)
		}
		o.Trials = append(o.Trials, i)
		o.Labels = append(o.Labels, ds.Trials[i].Label)
		o.Predicted = append(o.Predicted, best)
		o.Probabilities = append(o.Probabilities, p)
	}
	return nil
}

// Join appends the decisions of another outcome of the same classes.
func (o *Outcome) Join(part *Outcome) {
	o.Trials = append(o.Trials, part.Trials...)
	o.Labels = append(o.Labels, part.Labels...)
	o.Predicted = append(o.Predicted, part.Predicted...)
	o.Probabilities = append(o.Probabilities, part.Probabilities...)
	o.Unread = append(o.Unread, part.Unread...)
}

// Accuracy is the share of decisions that are right.
func (o *Outcome) Accuracy() float64 { return classify.Accuracy(o.Predicted, o.Labels) }

// Kappa is Cohen's kappa.
func (o *Outcome) Kappa() float64 { return classify.Kappa(o.Predicted, o.Labels) }

// ECE is the expected calibration error over 10 bins.
func (o *Outcome) ECE() float64 { return classify.ECE(o.Probabilities, o.Labels, 10) }

// Reliability is what ECE is the mean of, by tenths of confidence.
func (o *Outcome) Reliability() []classify.ReliabilityBin {
	return classify.Reliability(o.Probabilities, o.Labels, 10)
}

// Brier is the Brier score, summed over classes.
func (o *Outcome) Brier() float64 { return classify.Brier(o.Probabilities, o.Labels) }

// AUC is the area under the ROC curve of class 1; NaN for more than two classes or where one is missing.
func (o *Outcome) AUC() float64 {
	if o.Classes != 2 {
		return math.NaN()
	}
	scores, positive := make([]float64, len(o.Labels)), make([]bool, len(o.Labels))
	for i, l := range o.Labels {
		scores[i], positive[i] = o.Probabilities[i][1], l == 1
	}
	return classify.AUC(scores, positive)
}

// Part returns the decisions for which keep, given the index of the trial in the dataset, is true.
func (o *Outcome) Part(keep func(trial int) bool) *Outcome {
	out := &Outcome{Classes: o.Classes}
	for i, t := range o.Trials {
		if keep(t) {
			out.Trials = append(out.Trials, t)
			out.Labels = append(out.Labels, o.Labels[i])
			out.Predicted = append(out.Predicted, o.Predicted[i])
			out.Probabilities = append(out.Probabilities, o.Probabilities[i])
		}
	}
	return out
}
