package training

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// museOddball is the data set of the built-in P300 model.
var museOddball = catalog.DataSource{
	Name: "EEG Notebooks, visual P300 oddball with a Muse 2016", Licence: "BSD-3-Clause", Source: "https://github.com/NeuroTechX/eeg-notebooks",
	Citation: "A. Barachant and NeuroTechX, muse-lsl and EEG Notebooks",
}

// flashModels trains target against non-target for the Muse. The recordings have a fifth electrode at POz, where a user
// may or may not have one; with it the figure was lower (area under the ROC curve 0.76 against 0.77, one file left
// out at a time), so there is one model, of the four electrodes that every Muse has.
func flashModels(ctx context.Context, cfg BuiltinConfig) ([]*Model, []datasets.Problem, error) {
	const name = "p300-target"
	ds, problems, err := datasets.Muse(ctx, cfg.Data, "p300/muse/*.csv", nil)
	if err != nil {
		return nil, problems, err
	}
	if ds == nil {
		cfg.Progress(fmt.Sprintf("%s: no recordings below %s", name, cfg.Data))
		return nil, problems, nil
	}
	raw, err := json.Marshal(p300.CrossSubject())
	if err != nil {
		return nil, problems, err
	}
	card := flashCard(ds)
	card.Citations = slices.Insert(card.Citations, 0,
		"Blankertz et al. 2011, NeuroImage 56, 814-825 (shrinkage LDA)",
		"Rivet et al. 2009, IEEE Trans. Biomed. Eng. 56, 2035-2043 (xDAWN)",
		"Barachant and Congedo 2014, arXiv:1409.0107 (covariances of responses with their prototypes)")
	card.Priority = -10
	m, err := Train(ctx, ds, Spec{
		Name: name, Progress: cfg.Progress, Calibration: "platt",
		// The first is preferred where they do as well: it is the simplest.
		Candidates: []Candidate{{p300.ERPLDA(), raw}, {p300.XDAWNLDA(), raw}, {p300.XDAWNCov(), raw}},
		Card:       card,
	})
	if err != nil {
		return nil, problems, fmt.Errorf("%s: %w", name, err)
	}
	return []*Model{m}, problems, nil
}

// flashCard is what models of the Muse oddball have in common, without the citations of their methods.
func flashCard(ds *decoders.Dataset) catalog.ModelCard {
	use := "A first guess for oddballs and spellers with a Muse, until a model is trained on recordings of the user; research and prototypes."
	if len(distinct(datasets.Subjects(ds))) == 1 {
		use = onePersonUse
	}
	return catalog.ModelCard{
		Summary:     "Tells attended flashes from others with the four electrodes of a Muse headset.",
		Data:        []catalog.DataSource{museOddball},
		IntendedUse: use,
		Limits: []string{
			"One flash says little: letters need many repetitions, and how many on these electrodes was not measured.",
			"Accuracy says little here: one flash in six is a target, so that never finding one is right five times in six. Quote the area under the ROC curve.",
			"Trained on flashes 0.5 to 0.7 s apart; the faster ones of a speller were not measured.",
		},
		Citations: []string{museOddball.Citation},
	}
}
