package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/internal/lab/alarms"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// bonn is the data set of the built-in seizure check.
var bonn = catalog.DataSource{
	Name: "Bonn University EEG, sets A to E", Licence: "CC BY 4.0", Source: "https://doi.org/10.34810/data490",
	Citation: "Andrzejak et al. 2001, Phys. Rev. E 64, 061907",
}

// bonnPeople are the five volunteers of sets A and B and the five patients of sets C, D and E (Andrzejak et al. 2001).
// The clips do not say whose they are.
const bonnPeople = 10

// seizureModels trains the seizure check and tries it on healthy people's recordings, where it must stay quiet.
func seizureModels(ctx context.Context, cfg BuiltinConfig) ([]*Model, []datasets.Problem, error) {
	const name = "seizure-check"
	ds, problems, err := datasets.Bonn(ctx, datasets.Glob(cfg.Data, "seizure/bonn/*.zip"))
	if err != nil {
		return nil, problems, err
	}
	if ds == nil {
		cfg.Progress(fmt.Sprintf("%s: no recordings below %s", name, cfg.Data))
		return nil, problems, nil
	}
	options := seizure.DefaultModelConfig()
	with, err := json.Marshal(options)
	if err != nil {
		return nil, problems, err
	}
	options.Amplitude = false
	without, err := json.Marshal(options)
	if err != nil {
		return nil, problems, err
	}
	spec := Spec{
		Name: name, Progress: cfg.Progress, Subjects: bonnPeople, Folds: 10,
		Candidates: []Candidate{{seizure.IctalScore(), with}},
		Card: catalog.ModelCard{
			Summary:     "Tells clips that look like a seizure from others by amplitude, line length, rhythm and band powers; a warning, never a diagnosis.",
			Data:        []catalog.DataSource{bonn},
			IntendedUse: "A warning to a person who watches, beside any decoding. Never a diagnosis, and never the only guard of a person at risk.",
			Limits: []string{
				"The seizures of the training data were recorded inside the head (set E) and the healthy clips on the scalp (sets A and B): much of the figure is amplitude.",
				"The ten people of the data are in the training and in the test folds: the clips do not say whose they are.",
				"It calls a clip ictal_like only where the rules of the check do so, too: 10 s of large activity, neither alpha nor muscle, on two channels where there are two. Clips under 10 s get no verdict.",
				"The samples must be calibrated in microvolts: a seizure at a tenth of its amplitude looks like ongoing EEG, and a clip larger than EEG can be gets no verdict.",
				"No answer is surer than 0.98: of the clips that were held out no more can be said.",
			},
			Citations: []string{bonn.Citation, "Esteller et al. 2001, Proc. IEEE EMBS 23, 1707-1710 (line length)", "Gotman 1982, Electroencephalogr. Clin. Neurophysiol. 54, 530-540"},
			Priority:  -10,
		},
	}
	m, err := Train(ctx, ds, spec)
	if err != nil {
		return nil, problems, fmt.Errorf("%s: %w", name, err)
	}
	if err := m.addShapeAlone(ctx, ds, spec, without); err != nil {
		return nil, problems, fmt.Errorf("%s: %w", name, err)
	}
	quiet, p, err := healthyClips(ctx, cfg, m.Decoder)
	problems = append(problems, p...)
	if err != nil {
		return nil, problems, fmt.Errorf("%s: %w", name, err)
	}
	if quiet != "" {
		m.Card.Limits = append(m.Card.Limits, quiet)
	}
	cfg.Progress(name + ": operating points")
	heard, p, err := alarms.Listen(ctx, m.Decoder, alarms.Files(cfg.Data))
	problems = append(problems, p...)
	if err != nil {
		return nil, problems, fmt.Errorf("%s: %w", name, err)
	}
	if m.Card.OperatingPoints, err = heard.Points(alarms.Thresholds); err != nil {
		return nil, problems, fmt.Errorf("%s: %w", name, err)
	}
	if len(m.Card.OperatingPoints) > 0 {
		m.Card.Limits = append(m.Card.Limits, operatingPoints)
	}
	return []*Model{m}, problems, nil
}

// operatingPoints says how the operating points were counted.
const operatingPoints = "Operating points were counted in clips of 30 s, a new one every 15 s; alarms less than 90 s apart are one, and limits are of 95 % each side. The hours are of healthy people at tasks and of the one patient with the one seizure; " +
	"other patients, sleep and movement at home were not measured."

// addShapeAlone adds what the same pipeline reaches without amplitude, which alone separates recordings inside the head
// from those on the scalp.
func (m *Model) addShapeAlone(ctx context.Context, ds *decoders.Dataset, spec Spec, options json.RawMessage) error {
	spec = spec.withDefaults()
	protocols, err := protocolsFor(ds, spec)
	if err != nil {
		return err
	}
	p := protocols[0]
	spec.Progress(fmt.Sprintf("%s: each clip at unit variance, %s", m.Name, p.name))
	o, err := crossval.Run(ctx, spec.Candidates[0].Pipeline, options, ds, p.folds, crossval.Config{Parallel: spec.Parallel})
	if err != nil {
		return err
	}
	p.name += ", each clip at unit variance (another model)"
	m.Card.Evaluations = append(m.Card.Evaluations, evaluation(p, o, m.Card.Subjects))
	return nil
}

// healthySeconds is the length of the clips of healthy people.
const healthySeconds = 30

// healthyMontages are the electrodes on which healthy people's clips are tried: the more there are, the likelier one stands out.
var healthyMontages = [][]string{{"Fp1", "Fp2", "F7", "F8", "C3", "Cz", "C4", "T7", "T8", "P3", "P4", "O1", "O2"}, nil}

// healthyClips returns how often the model alarms on EEGMMIDB, whose people are healthy; "" where it is not in the folder.
func healthyClips(ctx context.Context, cfg BuiltinConfig, d decoders.Decoder) (string, []datasets.Problem, error) {
	var problems []datasets.Problem
	type count struct{ clips, channels, alarms, silent int }
	counts := make([]count, len(healthyMontages))
	for _, file := range datasets.Glob(cfg.Data, "motor_imagery/eegmmidb/*.zip") {
		runs, p := datasets.Open(file, nil)
		problems = append(problems, p...)
		for _, r := range runs {
			for k, montage := range healthyMontages {
				signals, err := datasets.Clips(r.Recording, healthySeconds, montage...)
				if err != nil {
					problems = append(problems, datasets.Problem{File: r.Name, Err: err})
					continue
				}
				for _, sig := range signals {
					res, err := d.Decode(ctx, &decoders.Input{Signal: sig})
					if errors.As(err, new(*decoders.Error)) {
						continue // unreadable clips are refused, which is not an alarm
					}
					if err != nil {
						return "", problems, err
					}
					counts[k].clips++
					counts[k].channels = len(sig.Channels)
					switch {
					case res.Seizure == nil:
						counts[k].silent++
					case *res.Seizure:
						counts[k].alarms++
					}
				}
			}
		}
	}
	var parts []string
	for _, c := range counts {
		if c.clips > 0 {
			parts = append(parts, fmt.Sprintf("%d clips of %d s on %d channels it called %d ictal_like and gave no verdict on %d", c.clips, healthySeconds, c.channels, c.alarms, c.silent))
		}
	}
	if len(parts) == 0 {
		return "", problems, nil
	}
	return fmt.Sprintf("Healthy people's scalp EEG (%s): of %s.", eegmmidb.Name, strings.Join(parts, "; of ")), problems, nil
}
