package p300

import (
	"context"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

// adaptive is a decoder of xdawn_rxlda or xdawn_rxgmm.
type adaptive struct{ *decoder }

var _ decoders.Adaptive = (*adaptive)(nil)

// Update learns every usable flash of the clip. label is what the person chose, by a name that Decode gives: "letter_H"
// makes targets of the flashes that lit up H, and target or non_target say it of all of them.
func (a *adaptive) Update(ctx context.Context, in *decoders.Input, label string) (decoders.Adaptive, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := epoch.Check(in.Signal, a.minSamples(in.Rate), a.cfg.minRate()); err != nil {
		return nil, err
	}
	sel, err := newSelection(in)
	if err != nil {
		return nil, err
	}
	sc := a.pool.Get().(*scratch)
	defer a.pool.Put(sc)
	x, events, err := a.rows(in, sel, sc)
	if err != nil {
		return nil, err
	}
	target, err := sel.attended(in, events, label)
	if err != nil {
		return nil, err
	}
	learned := a.scorer.(bayesScorer).posterior
	for i, e := range events {
		class := 0
		if target(e.Code) {
			class = 1
		}
		if learned, err = learned.learn(x.RawRowView(i), class); err != nil {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"onset_s": e.Onset}, "the flash at %g s cannot be learned: %v", e.Onset, err)
		}
	}
	next := *a.decoder
	next.scorer = bayesScorer{learned}
	return &adaptive{&next}, nil
}

// attended says of each code whether its flashes are targets when label is what was chosen.
func (s *selection) attended(in *decoders.Input, events []eeg.Event, label string) (func(code int) bool, error) {
	if label == Target || label == NonTarget {
		return func(int) bool { return label == Target }, nil
	}
	codes := map[int]bool{}
	for _, e := range events {
		codes[e.Code] = true
	}
	options, err := s.options(in, codes)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		if o.name == label {
			return func(code int) bool { return o.codes[code] }, nil
		}
	}
	return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"label": label}, "%q is not among what these flashes choose from", label)
}
