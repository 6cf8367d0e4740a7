package training

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/recordings"
)

// eegmmidb is the data set of the built-in motor imagery models.
var eegmmidb = catalog.DataSource{
	Name: "EEG Motor Movement/Imagery Dataset 1.0.0", Licence: "ODC-By 1.0", Source: "https://physionet.org/content/eegmmidb/1.0.0/",
	Citation: "Schalk et al. 2004, IEEE Trans. Biomed. Eng. 51, 1034-1043; Goldberger et al. 2000, Circulation 101, e215-e220",
}

// An imageryMontage is a set of electrodes that a model of its own is made for.
type imageryMontage struct {
	suffix   string // of the model's name
	what     string
	channels string
	hands    bool // also for hands against feet
}

// imageryMontages cover the caps and headsets of the device table that have electrodes over the motor cortex, and one
// that has them beside it (Emotiv EPOC).
var imageryMontages = []imageryMontage{
	{"", "21 electrodes over the sensorimotor cortex", "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6", true},
	{"-1020", "the 19 positions of the 10-20 system", "Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2", true},
	{"-daisy", "the 16 default positions of OpenBCI Cyton+Daisy", "Fp1 Fp2 C3 C4 P7 P8 O1 O2 F7 F8 F3 F4 T7 T8 P3 P4", false},
	{"-epoc", "the 14 positions of Emotiv EPOC", "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4", false},
	{"-8ch", "8 electrodes over the sensorimotor cortex", "FC3 FC4 C3 Cz C4 CP3 CP4 Pz", true},
	{"-unicorn", "the 8 positions of g.tec Unicorn and g.Nautilus 8", "Fz C3 Cz C4 Pz PO7 Oz PO8", true},
	{"-cyton", "the 8 default positions of OpenBCI Cyton", "Fp1 Fp2 C3 C4 P7 P8 O1 O2", true},
	{"-c3c4", "C3 and C4 alone", "C3 C4", true},
}

// clipSeconds is the length of a trial: EEGMMIDB shows its target for 4.1 s (Schalk et al. 2004), and the models are
// trained and measured on the clip that a request brings, without signal before or behind it.
const clipSeconds = 4.0

// imageryModels trains left against right hand and hands against feet for each montage.
func imageryModels(ctx context.Context, cfg BuiltinConfig) ([]*Model, []recordings.Problem, error) {
	var models []*Model
	var problems []recordings.Problem
	tasks := []struct {
		recordings.Task
		name, question string
		mirror         bool
		priority       int // left against right is what most requests mean
	}{
		{recordings.LeftRightImagery, "motor_imagery-left_right", "imagined movement of the left or the right hand", true, -10},
		{recordings.HandsFeetImagery, "motor_imagery-hands_feet", "imagined movement of both hands or both feet", false, -100},
	}
	for _, task := range tasks {
		all, p, err := imageryTrials(ctx, cfg, task.Task)
		problems = append(problems, p...)
		if err != nil {
			return nil, problems, err
		}
		if all == nil {
			cfg.Progress(fmt.Sprintf("%s: no trials below %s", task.name, cfg.Data))
			continue
		}
		var made []*Model
		for _, m := range imageryMontages {
			if !task.mirror && !m.hands {
				continue
			}
			ds, err := recordings.Pick(all, strings.Fields(m.channels))
			if err != nil {
				return nil, problems, err
			}
			options := motorimagery.CrossSubject()
			options.Mirror = task.mirror
			raw, err := json.Marshal(options)
			if err != nil {
				return nil, problems, err
			}
			model, err := Train(ctx, ds, Spec{
				Name: task.name + m.suffix, Progress: cfg.Progress,
				// The first is preferred where both do as well: it is faster and smaller.
				Candidates: []Candidate{{motorimagery.CSPLDA(), raw}, {motorimagery.TSLR(), raw}},
				Card:       imageryCard(task.question, m, len(distinct(recordings.Subjects(ds)))),
			})
			if err != nil {
				return nil, problems, fmt.Errorf("%s%s: %w", task.name, m.suffix, err)
			}
			made = append(made, model)
		}
		prioritize(made, task.priority)
		models = append(models, made...)
	}
	return models, problems, nil
}

// imageryTrials reads a task's trials of every person, over all electrodes that some montage needs.
func imageryTrials(ctx context.Context, cfg BuiltinConfig, task recordings.Task) (*decoders.Dataset, []recordings.Problem, error) {
	var channels []string
	for _, m := range imageryMontages {
		for _, c := range epoch.CanonicalNames(strings.Fields(m.channels)) {
			if !slices.Contains(channels, c) {
				channels = append(channels, c)
			}
		}
	}
	var sets []*decoders.Dataset
	var problems []recordings.Problem
	for _, file := range recordings.Glob(cfg.Data, "motor_imagery/eegmmidb/*.zip") {
		if err := ctx.Err(); err != nil {
			return nil, problems, err
		}
		runs, p := recordings.Open(file, func(base string) bool { return task.Has(recordings.Stem(base)) })
		problems = append(problems, p...)
		ds, p := task.Dataset(recordings.Stem(file), runs, channels, 0, clipSeconds)
		problems = append(problems, p...)
		if ds != nil {
			sets = append(sets, ds)
		}
	}
	all, p := recordings.Pool(sets)
	return all, append(problems, p...), nil
}

// prioritize puts models of one task in the order of what they reached, so that a request whose montage fits several
// gets the one that does best. All stay below 0, behind a model that somebody trained for themselves.
func prioritize(models []*Model, first int) {
	order := slices.Clone(models)
	slices.SortStableFunc(order, func(a, b *Model) int { return cmp.Compare(rank(b.Outcomes[0]), rank(a.Outcomes[0])) })
	for i, m := range order {
		m.Card.Priority = first - i
	}
}

func imageryCard(question string, m imageryMontage, people int) catalog.ModelCard {
	use := "A first guess for a new user from one clip of 4 s of imagery, until a model is trained on recordings of that user; research and prototypes."
	if people == 1 {
		use = onePersonUse
	}
	return catalog.ModelCard{
		Summary:     fmt.Sprintf("Tells %s, from %s, without recordings of the user.", question, m.what),
		Data:        []catalog.DataSource{eegmmidb},
		IntendedUse: use,
		Limits: []string{
			"Many people's imagery cannot be told apart by a model of other people: expect some at chance.",
			"One amplifier (BCI2000, 160 Hz) and its reference; other amplifiers were not measured.",
			"It always answers one of its classes, at rest too: use the confidence, and never drive anything that can hurt with it alone.",
		},
		Citations: []string{
			"Koles, Lazar and Zhou 1990, Brain Topography 2, 275-284 (common spatial patterns)",
			"Barachant et al. 2012, IEEE Trans. Biomed. Eng. 59, 920-928 (tangent space)",
			eegmmidb.Citation,
		},
	}
}
