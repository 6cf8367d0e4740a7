package training

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
)

// What a training may start from beside the name of a model.
const (
	BaseNone    = "none"    // the trials alone
	BaseBuiltin = "builtin" // the people whom the built-in models know
)

// LeastOnTop is the fewest trials a class that a training on top of others is measured with: one to learn and one to decode.
const LeastOnTop = 2

// Base is what a training starts from.
type Base struct {
	// Name is BaseBuiltin, or the name@version of a model.
	Name string
	// Pipeline trains on top of it.
	Pipeline decoders.Preparer
	// Sources are the data that came with it, for the card.
	Sources []catalog.DataSource
	// About says on the card what it is.
	About string
}

// BuiltinBase returns the people whom the built-in models of a paradigm know. Error: model_incompatible where there are none.
func BuiltinBase(paradigm eeg.Paradigm) (*Base, error) {
	if paradigm != eeg.MotorImagery {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"paradigm": paradigm, "base": BaseBuiltin}, "there are no built-in people to start from for %s", paradigm)
	}
	people, err := catalog.People()
	if err != nil {
		return nil, err
	}
	b := &Base{Name: BaseBuiltin, Pipeline: motorimagery.OnTopOf(people)}
	var names []string
	for _, s := range people.Sources {
		b.Sources = append(b.Sources, catalog.DataSource(s))
		names = append(names, s.Name)
	}
	b.About = fmt.Sprintf("Starts from the covariances of %d trials of %d people (%s), re-centred, of which one of the person's weighs %g; the weight was chosen over those people, one left out at a time.",
		people.Trials(), len(people.Labels), strings.Join(names, ", "), float64(motorimagery.DefaultWeight))
	return b, nil
}

// ModelBase returns a model as what a training starts from. Error: model_incompatible for a model that none starts from.
func ModelBase(choice *catalog.Choice) (*Base, error) {
	p, err := motorimagery.OnTopOfModel(choice.Decoder)
	if err != nil {
		return nil, err
	}
	name := choice.Entry.ID()
	return &Base{Name: name, Pipeline: p, Sources: choice.Entry.Card.Data, About: "Starts from the model " + name + ", to whose weights the person's trials are fitted."}, nil
}

// OnTop makes a spec one of a training on top of a base, nil for none. The model of the same trials alone, by the pipeline's own
// options, is measured beside it.
func (s *Spec) OnTop(b *Base, options json.RawMessage) {
	if b == nil {
		return
	}
	s.Base, s.Candidates = b, []Candidate{{b.Pipeline, options}}
	s.Alone = &Candidate{Pipeline: motorimagery.TSLR()}
}

// FindBase returns the base that a name means: BuiltinBase, a model by resolve, or nil for none.
func FindBase(ctx context.Context, name string, paradigm eeg.Paradigm, resolve func(context.Context, string) (*catalog.Choice, error)) (*Base, error) {
	switch name {
	case "", BaseNone:
		return nil, nil
	case BaseBuiltin:
		return BuiltinBase(paradigm)
	}
	choice, err := resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	return ModelBase(choice)
}
