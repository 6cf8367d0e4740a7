package training

import (
	"context"
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/lab/crossval"
)

// moved is how the decoders of a protocol are moved to the clips that are left out before they decode: online or by all of them,
// and of which protocol the decoders are, which has the same folds.
type moved struct {
	online bool
	of     string
}

// recentredProtocols leave one subject out and move the decoder to that person's clips, without labels. To be moved clip by
// clip, each one decoded by the mean of those before it, is the one to quote: it is what a live session gets.
func recentredProtocols(subjects []string, folds []classify.Fold) []protocol {
	const name = "leave one subject out, "
	const single = name + "single clips"
	return []protocol{
		{name + "re-centred online", subjects, folds, &moved{online: true, of: single}},
		{name + "re-centred on all clips", subjects, folds, &moved{of: single}},
		{single, subjects, folds, nil},
	}
}

// onTop adds to the first protocol of a training on top of others what a session gets: the decoder moved clip by clip, each one
// decoded by the mean of those before it. It is the figure to quote.
func onTop(list []protocol, spec Spec) []protocol {
	if spec.Base == nil {
		return list
	}
	first := list[0]
	first.name, first.moved = first.name+", re-centred online", &moved{online: true, of: first.name}
	return append([]protocol{first}, list...)
}

// follow returns a hook that measures the decoders of folds as they are moved, with what was found of each fold.
func follow(ctx context.Context, ds *decoders.Dataset, folds []classify.Fold, how *moved, cfg crossval.Config) (func(fold int, d decoders.Trained) error, []*crossval.Outcome) {
	parts := make([]*crossval.Outcome, len(folds))
	return func(fold int, d decoders.Trained) (err error) {
		parts[fold], err = crossval.Recentred(ctx, d, ds, folds[fold].Test, motorimagery.DefaultRecentring(), how.online, cfg)
		return err
	}, parts
}

// joined is the outcome of all folds.
func joined(classes int, parts []*crossval.Outcome) *crossval.Outcome {
	out := &crossval.Outcome{Classes: classes}
	for _, part := range parts {
		if part != nil {
			out.Join(part)
		}
	}
	return out
}

// measure returns the outcome of a candidate under each protocol. Protocols that move decoders take those of the protocol of
// the same folds that does not.
func measure(ctx context.Context, ds *decoders.Dataset, spec Spec, c Candidate, protocols []protocol, cfg crossval.Config) ([]*crossval.Outcome, error) {
	out := make([]*crossval.Outcome, len(protocols))
	for i, p := range protocols {
		if p.moved != nil {
			continue
		}
		parts := make([][]*crossval.Outcome, len(protocols)) // of those that move
		var hooks []func(int, decoders.Trained) error
		for k, q := range protocols {
			if q.moved != nil && q.moved.of == p.name {
				var hook func(int, decoders.Trained) error
				hook, parts[k] = follow(ctx, ds, p.folds, q.moved, cfg)
				hooks = append(hooks, hook)
			}
		}
		watched := cfg
		watched.Trained = func(fold int, d decoders.Trained) error {
			for _, hook := range hooks {
				if err := hook(fold, d); err != nil {
					return err
				}
			}
			return cfg.Trained(fold, d)
		}
		spec.Progress(fmt.Sprintf("%s: %s, %s, %d folds", spec.Name, c.Pipeline.Name(), p.name, len(p.folds)))
		o, err := crossval.Run(ctx, c.Pipeline, c.Options, ds, p.folds, watched)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.Pipeline.Name(), p.name, err)
		}
		out[i] = o
		for k := range protocols {
			if parts[k] != nil {
				out[k] = joined(o.Classes, parts[k])
			}
		}
	}
	return out, nil
}
