package training

import (
	"context"
	"fmt"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// onlineProtocol names the figures of Adapt.
const onlineProtocol = "online, each trial before it was learned"

// AdaptSpec says how to go on with a model.
type AdaptSpec struct {
	Name string // of the model
	From string // version that keeps learning
	// Card of that version.
	Card catalog.ModelCard
	// Calibration is how its pipeline calibrates probabilities. Defaults to "temperature".
	Calibration string
	// Step, when not nil, is told how many trials of how many are learned.
	Step func(done, total int)
}

// Adapt has a decoder learn labelled trials in their order, one at a time, each after it was decoded: what was decoded is
// the outcome, and is on the card after the figures of the version it was made from. The model's version is left to
// the caller. Errors are those of decoding and learning; the classes must be among the decoder's.
func Adapt(ctx context.Context, d decoders.Adaptive, ds *decoders.Dataset, spec AdaptSpec) (*Model, error) {
	if spec.Calibration == "" {
		spec.Calibration = "temperature"
	}
	all := &crossval.Outcome{Classes: len(ds.Classes)}
	for i, t := range ds.Trials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		o, err := crossval.Decode(ctx, d, ds, []int{i}, crossval.Config{})
		if err != nil {
			return nil, err
		}
		all.Join(o)
		if d, err = d.Update(ctx, crossval.ClipRequest(ds, t), ds.Classes[t.Label]); err != nil {
			return nil, fmt.Errorf("trial %d: %w", i, err)
		}
		if spec.Step != nil {
			spec.Step(i+1, len(ds.Trials))
		}
	}
	card := spec.Card
	card.Trials += len(ds.Trials)
	card.TrainedWith.From = spec.From
	e := evaluation(protocol{name: onlineProtocol, units: make([]string, len(ds.Trials))}, all, len(distinct(datasets.Subjects(ds))))
	card.Evaluations = append(slices.Clone(card.Evaluations), e)
	card.Calibration = append(slices.Clone(card.Calibration), calibration(onlineProtocol, spec.Calibration, all))
	card.Limits = append(slices.Clone(card.Limits),
		fmt.Sprintf("Went on from version %s with %d more trials; the figures before those of %q are that version's.", spec.From, len(ds.Trials), onlineProtocol))
	return &Model{Name: spec.Name, Decoder: d, Card: card, Outcomes: []*crossval.Outcome{all}}, nil
}
