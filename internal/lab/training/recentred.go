package training

import (
	"context"
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/lab/crossval"
)

// moved is how the decoders of a protocol are moved to the clips of the person left out before they decode.
type moved struct{ online bool }

// recentredProtocols leave one subject out and move the decoder to that person's clips, without labels. To be moved clip by
// clip, each one decoded by the mean of those before it, is the one to quote: it is what a live session gets.
func recentredProtocols(subjects []string, folds []classify.Fold) []protocol {
	const name = "leave one subject out, "
	return []protocol{
		{name + "re-centred online", subjects, folds, &moved{online: true}},
		{name + "re-centred on all clips", subjects, folds, &moved{}},
		{name + "single clips", subjects, folds, nil},
	}
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
		for k, q := range protocols {
			if q.moved != nil {
				parts[k] = make([]*crossval.Outcome, len(p.folds))
			}
		}
		watched := cfg
		watched.Trained = func(fold int, d decoders.Trained) error {
			for k, q := range protocols {
				if q.moved == nil {
					continue
				}
				var err error
				if parts[k][fold], err = crossval.Recentred(ctx, d, ds, p.folds[fold].Test, motorimagery.DefaultRecentring(), q.moved.online, cfg); err != nil {
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
		for k, q := range protocols {
			if q.moved == nil {
				continue
			}
			out[k] = &crossval.Outcome{Classes: o.Classes}
			for _, part := range parts[k] {
				if part != nil {
					out[k].Join(part)
				}
			}
		}
	}
	return out, nil
}
