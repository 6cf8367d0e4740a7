package crossval

import (
	"context"
	"errors"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/motorimagery"
)

// Recentred measures a decoder that was trained with alignment on the trials of one person, in their order, after it was moved
// to where they lie, without labels: to all of them at once, or online to those before each.
func Recentred(ctx context.Context, d decoders.Trained, ds *decoders.Dataset, test []int, rc motorimagery.RecentringConfig, online bool, cfg Config) (*Outcome, error) {
	if cfg.Request == nil {
		cfg.Request = ClipRequest
	}
	r, err := motorimagery.NewRecentring(d, rc)
	if err != nil {
		return nil, err
	}
	o := &Outcome{Classes: len(ds.Classes)}
	for _, i := range test {
		if online {
			moved, err := r.Decoder()
			if err != nil {
				return nil, err
			}
			if err := o.decode(ctx, moved, ds, []int{i}, cfg); err != nil {
				return nil, err
			}
		}
		if err := r.Observe(ctx, cfg.Request(ds, ds.Trials[i])); err != nil {
			if errors.As(err, new(*decoders.Error)) && ctx.Err() == nil {
				continue // what cannot be read says nothing of the person; decoding it lists it
			}
			return nil, err
		}
	}
	if online {
		return o, nil
	}
	moved, err := r.Decoder()
	if err != nil {
		return nil, err
	}
	return o, o.decode(ctx, moved, ds, test, cfg)
}
