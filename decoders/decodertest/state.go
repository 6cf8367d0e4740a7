package decodertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/neurod/neurod/decoders"
)

// checkState holds that a trained decoder restored from its state is the same decoder, and that the state shares
// no memory with it.
func checkState(ctx context.Context, c Case) error {
	trained, ok := c.Decoder.(decoders.Trained)
	if !ok {
		return nil
	}
	if c.Pipeline == nil {
		return errors.New("a trained decoder is tested with its Pipeline")
	}
	info, st := trained.Info(), trained.State()
	if err := checkStateForm(c.Pipeline, info, st); err != nil {
		return err
	}
	want := answers(ctx, trained, c)

	given := cloneState(st)
	restored, err := c.Pipeline.Restore(info.Name, info.Version, given)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if got := restored.Info(); got.Name != info.Name || got.Version != info.Version || got.Pipeline != info.Pipeline ||
		got.Paradigm != info.Paradigm || got.Rate != info.Rate || !slices.Equal(got.Classes, info.Classes) || !slices.Equal(got.Channels, info.Channels) {
		return fmt.Errorf("info %+v became %+v", info, got)
	}
	if got := restored.State(); !reflect.DeepEqual(got, st) {
		return errors.New("the restored decoder has another state")
	}
	if got := answers(ctx, restored, c); !slices.Equal(got, want) {
		return fmt.Errorf("before\n%s\nrestored\n%s", want, got)
	}

	overwrite(given)
	overwrite(st)
	overwrite(restored.State())
	if got := answers(ctx, restored, c); !slices.Equal(got, want) {
		return errors.New("the decoder shares memory with a state that it took or gave away")
	}
	if got := answers(ctx, trained, c); !slices.Equal(got, want) {
		return errors.New("method State hands out the decoder's own memory")
	}
	return nil
}

func checkStateForm(p decoders.Pipeline, info decoders.Info, st decoders.State) error {
	switch {
	case st.Pipeline != p.Name() || info.Pipeline != p.Name():
		return fmt.Errorf("pipeline is %q, state says %q, info %q", p.Name(), st.Pipeline, info.Pipeline)
	case info.Paradigm != p.Paradigm():
		return fmt.Errorf("pipeline is for %q, decoder for %q", p.Paradigm(), info.Paradigm)
	case !slices.Equal(st.Classes, info.Classes) || !slices.Equal(st.Channels, info.Channels) || st.Rate != info.Rate:
		return fmt.Errorf("state and info differ: %v %v %v, %v %v %v", st.Classes, st.Channels, st.Rate, info.Classes, info.Channels, info.Rate)
	case len(st.Config) > 0 && !json.Valid(st.Config):
		return errors.New("config is not JSON")
	case len(st.Arrays) == 0:
		return errors.New("state has no arrays")
	}
	for name, a := range st.Arrays {
		n := 1
		for _, d := range a.Shape {
			n *= d
		}
		if n != len(a.Data) {
			return fmt.Errorf("array %q has shape %v and %d numbers", name, a.Shape, len(a.Data))
		}
		for i, v := range a.Data {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("array %q holds %v at %d", name, v, i)
			}
		}
	}
	return nil
}

func answers(ctx context.Context, d decoders.Decoder, c Case) []string {
	out := make([]string, len(seeds))
	for i, seed := range seeds {
		out[i] = fingerprint(decode(ctx, d, c.Valid(seed)))
	}
	return out
}

func cloneState(st decoders.State) decoders.State {
	st.Classes, st.Channels, st.Config = slices.Clone(st.Classes), slices.Clone(st.Channels), slices.Clone(st.Config)
	arrays := make(map[string]decoders.Array, len(st.Arrays))
	for name, a := range st.Arrays {
		arrays[name] = decoders.Array{Shape: slices.Clone(a.Shape), Data: slices.Clone(a.Data)}
	}
	st.Arrays = arrays
	return st
}

// overwrite spoils everything a state refers to.
func overwrite(st decoders.State) {
	for i := range st.Classes {
		st.Classes[i] = "overwritten"
	}
	for i := range st.Channels {
		st.Channels[i] = "overwritten"
	}
	for i := range st.Config {
		st.Config[i] = '!'
	}
	for _, a := range st.Arrays {
		for i := range a.Data {
			a.Data[i] = math.NaN()
		}
		for i := range a.Shape {
			a.Shape[i] = -1
		}
	}
	clear(st.Arrays)
}

// damage is one way a stored state can be wrong. must says that no decoder may be restored from it; otherwise a
// decoder may be, and then has to answer or refuse valid input properly.
type damage struct {
	name  string
	apply func(st *decoders.State)
	must  bool
}

// damages lists what can be wrong with a state, for its own arrays by name.
func damages(st decoders.State) []damage {
	list := []damage{
		{"another pipeline", func(st *decoders.State) { st.Pipeline = "no_such_pipeline" }, true},
		{"no arrays", func(st *decoders.State) { st.Arrays = nil }, true},
		{"no config", func(st *decoders.State) { st.Config = nil }, false},
		{"config null", func(st *decoders.State) { st.Config = json.RawMessage("null") }, false},
		{"config of another type", func(st *decoders.State) { st.Config = json.RawMessage(`[1]`) }, true},
		{"config cut off", func(st *decoders.State) { st.Config = json.RawMessage(`{"a":`) }, true},
		{"rate NaN", func(st *decoders.State) { st.Rate = math.NaN() }, true},
		{"rate negative", func(st *decoders.State) { st.Rate = -1 }, true},
		{"rate infinite", func(st *decoders.State) { st.Rate = math.Inf(1) }, true},
		{"zero state", func(st *decoders.State) { *st = decoders.State{} }, true},
	}
	if len(st.Classes) > 0 {
		list = append(list,
			damage{"no classes", func(st *decoders.State) { st.Classes = nil }, true},
			damage{"a class too few", func(st *decoders.State) { st.Classes = st.Classes[1:] }, true},
			damage{"a class too many", func(st *decoders.State) { st.Classes = append(st.Classes, "extra") }, true},
			damage{"a class twice", func(st *decoders.State) { st.Classes[len(st.Classes)-1] = st.Classes[0] }, len(st.Classes) > 1},
			damage{"an empty class", func(st *decoders.State) { st.Classes[0] = "" }, true},
		)
	}
	if len(st.Channels) > 0 {
		list = append(list,
			damage{"no channels", func(st *decoders.State) { st.Channels = nil }, true},
			damage{"a channel too few", func(st *decoders.State) { st.Channels = st.Channels[1:] }, true},
			damage{"a channel too many", func(st *decoders.State) { st.Channels = append(st.Channels, "extra") }, true},
			damage{"a channel twice", func(st *decoders.State) { st.Channels[len(st.Channels)-1] = st.Channels[0] }, len(st.Channels) > 1},
		)
	}
	edit := func(name, what string, must bool, f func(a *decoders.Array)) {
		list = append(list, damage{what + " in " + name, func(st *decoders.State) {
			a := st.Arrays[name]
			f(&a)
			st.Arrays[name] = a
		}, must})
	}
	for _, name := range slices.Sorted(maps.Keys(st.Arrays)) {
		list = append(list, damage{"missing " + name, func(st *decoders.State) { delete(st.Arrays, name) }, true})
		edit(name, "no data", len(st.Arrays[name].Data) > 0, func(a *decoders.Array) { a.Data = nil })
		edit(name, "no shape", len(st.Arrays[name].Data) > 1, func(a *decoders.Array) { a.Shape = nil })
		edit(name, "a negative shape", true, func(a *decoders.Array) { a.Shape = []int{-1, -len(a.Data)} })
		edit(name, "a shape whose product overflows", true, func(a *decoders.Array) { a.Shape = []int{1 << 62, 4, len(a.Data)} })
		edit(name, "one number more", true, func(a *decoders.Array) {
			a.Data, a.Shape = append(a.Data, 1), []int{len(a.Data) + 1}
		})
		if len(st.Arrays[name].Data) > 0 {
			edit(name, "a number too few", true, func(a *decoders.Array) { a.Data = a.Data[1:] })
			edit(name, "NaN", true, func(a *decoders.Array) { a.Data[len(a.Data)/2] = math.NaN() })
			edit(name, "infinity", true, func(a *decoders.Array) { a.Data[0] = math.Inf(-1) })
			edit(name, "1e300 everywhere", false, func(a *decoders.Array) {
				for i := range a.Data {
					a.Data[i] = 1e300
				}
			})
			edit(name, "0 everywhere", false, func(a *decoders.Array) { clear(a.Data) })
			edit(name, "-1 everywhere", false, func(a *decoders.Array) {
				for i := range a.Data {
					a.Data[i] = -1
				}
			})
		}
	}
	return list
}

// checkDamagedState holds that a damaged state is refused, and never makes a decoder that panics.
func checkDamagedState(ctx context.Context, c Case) error {
	trained, ok := c.Decoder.(decoders.Trained)
	if !ok || c.Pipeline == nil {
		return nil
	}
	info, st := trained.Info(), trained.State()
	var faults []error
	for _, d := range damages(st) {
		bad := cloneState(st)
		d.apply(&bad)
		restored, err := restore(c.Pipeline, info, bad)
		switch {
		case errors.As(err, new(*panicError)):
			faults = append(faults, fmt.Errorf("%s: %w", d.name, err))
		case err != nil:
		case restored == nil:
			faults = append(faults, fmt.Errorf("%s: neither a decoder nor an error", d.name))
		case d.must:
			faults = append(faults, fmt.Errorf("%s: restored without an error", d.name))
		default:
			res, err := decode(ctx, restored, c.Valid(seeds[0]))
			if fault := checkOutcome(restored.Info(), res, err); fault != nil {
				faults = append(faults, fmt.Errorf("%s: %w", d.name, fault))
			}
		}
	}
	return errors.Join(faults...)
}

func restore(p decoders.Pipeline, info decoders.Info, st decoders.State) (t decoders.Trained, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = nil, &panicError{value: fmt.Sprint(r)}
		}
	}()
	return p.Restore(info.Name, info.Version, st)
}
