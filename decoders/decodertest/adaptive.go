package decodertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/neurod/neurod/decoders"
)

// checkUpdate holds that a decoder which keeps learning returns a new one that answers, restores and differs, is
// itself left alone, and refuses what it cannot learn from.
func checkUpdate(ctx context.Context, c Case) error {
	old, ok := c.Decoder.(decoders.Adaptive)
	if !ok {
		return nil
	}
	before, state := answers(ctx, old, c), old.State()

	// Learn the answers themselves: the names are then ones that the decoder gives.
	now := old
	for _, seed := range seeds {
		in := c.Valid(seed)
		res, err := decode(ctx, now, in)
		if err != nil {
			return err
		}
		kept := clone(in)
		next, err := update(ctx, now, in, res.Classes[0].Name)
		if err != nil {
			return fmt.Errorf("seed %d: update with %q: %w", seed, res.Classes[0].Name, err)
		}
		if err := sameInput(kept, in); err != nil {
			return fmt.Errorf("seed %d: update: %w", seed, err)
		}
		now = next
	}
	if reflect.DeepEqual(now.State(), state) {
		return errors.New("updates changed nothing")
	}
	if got := answers(ctx, old, c); !slices.Equal(got, before) || !reflect.DeepEqual(old.State(), state) {
		return errors.New("an update changed the decoder that it was made from")
	}
	// The updated decoder keeps the contract of a trained one, and restores to the last bit.
	if err := checkState(ctx, Case{Decoder: now, Pipeline: c.Pipeline, Valid: c.Valid}); err != nil {
		return fmt.Errorf("after updates: %w", err)
	}
	if err := checkValid(ctx, Case{Decoder: now, Valid: c.Valid}); err != nil {
		return fmt.Errorf("after updates: %w", err)
	}
	if _, err := update(ctx, old, c.Valid(seeds[0]), "no_such_class"); err == nil {
		return errors.New("a class that the decoder does not have was learned")
	} else if err := CheckError(err); err != nil {
		return fmt.Errorf("unknown class: %w", err)
	}
	res, err := decode(ctx, old, c.Valid(seeds[0]))
	if err != nil {
		return err
	}
	label := res.Classes[0].Name
	var faults []error
	for _, m := range mutations {
		in := clone(c.Valid(seeds[0]))
		m.apply(in)
		next, err := update(ctx, old, in, label)
		switch {
		case errors.As(err, new(*panicError)):
			faults = append(faults, fmt.Errorf("update, %s: %w", m.name, err))
		case err != nil:
			if fault := CheckError(err); fault != nil {
				faults = append(faults, fmt.Errorf("update, %s: %w", m.name, fault))
			}
		default:
			if fault := checkStateForm(c.Pipeline, next.Info(), next.State()); fault != nil {
				faults = append(faults, fmt.Errorf("update, %s: %w", m.name, fault))
			}
		}
	}
	faults = append(faults, updateTogether(ctx, old, c, label))
	return errors.Join(faults...)
}

// updateTogether updates from several goroutines at once while others decode.
func updateTogether(ctx context.Context, d decoders.Adaptive, c Case, label string) error {
	want, err := update(ctx, d, c.Valid(seeds[0]), label)
	if err != nil {
		return err
	}
	state := want.State()
	faults := make([]error, max(c.Goroutines, 2))
	var wg sync.WaitGroup
	for g := range faults {
		wg.Go(func() {
			if g%2 == 0 {
				_, faults[g] = decode(ctx, d, c.Valid(seeds[g%len(seeds)]))
				return
			}
			next, err := update(ctx, d, c.Valid(seeds[0]), label)
			if err == nil && !reflect.DeepEqual(next.State(), state) {
				err = errors.New("the same update beside others gives another decoder")
			}
			faults[g] = err
		})
	}
	wg.Wait()
	return errors.Join(faults...)
}

// update calls Update and turns a panic into a *panicError.
func update(ctx context.Context, d decoders.Adaptive, in *decoders.Input, label string) (next decoders.Adaptive, err error) {
	defer func() {
		if r := recover(); r != nil {
			next, err = nil, &panicError{value: fmt.Sprint(r)}
		}
	}()
	next, err = d.Update(ctx, in, label)
	if err == nil && next == nil {
		err = errors.New("neither a decoder nor an error")
	}
	return next, err
}
