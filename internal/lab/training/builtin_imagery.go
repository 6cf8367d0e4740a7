package training

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/lab/datasets"
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
func imageryModels(ctx context.Context, cfg BuiltinConfig) ([]*Model, []datasets.Problem, error) {
	var models []*Model
	var problems []datasets.Problem
	tasks := []struct {
		datasets.Task
		name, question string
		mirror         bool
		priority       int // left against right is what most requests mean
	}{
		{datasets.LeftRightImagery, "motor_imagery-left_right", "imagined movement of the left or the right hand", true, -20},
		{datasets.HandsFeetImagery, "motor_imagery-hands_feet", "imagined movement of both hands or both feet", false, -100},
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
		people := len(distinct(datasets.Subjects(all)))
		var made []*Model
		var sets []*decoders.Dataset
		var specs []Spec // of models that are moved to the clips of the person they meet
		for _, m := range imageryMontages {
			if !task.mirror && !m.hands {
				continue
			}
			ds, err := datasets.Pick(all, strings.Fields(m.channels))
			if err != nil {
				return nil, problems, err
			}
			options := motorimagery.CrossSubject()
			options.Mirror = task.mirror
			model, err := Train(ctx, ds, Spec{
				Name: task.name + m.suffix, Progress: cfg.Progress,
				// The first is preferred where both do as well: it is faster and smaller.
				Candidates: candidates(options, motorimagery.CSPLDA(), motorimagery.TSLR()),
				Card:       imageryCard(task.question, m, people),
			})
			if err != nil {
				return nil, problems, fmt.Errorf("%s%s: %w", task.name, m.suffix, err)
			}
			made = append(made, model)
			if people < 2 {
				continue
			}
			options.Align = true
			around := candidates(options, motorimagery.CSPLDA())
			options.Center = motorimagery.CenterRiemann
			sets = append(sets, ds)
			specs = append(specs, Spec{
				Name: task.name + "-aligned" + m.suffix, Progress: cfg.Progress, Recentred: true,
				Candidates: append(around, candidates(options, motorimagery.TSLR(), motorimagery.MDM())...),
				Card:       alignedCard(task.question, m, model),
			})
		}
		prioritize(made, task.priority)
		models = append(models, made...)
		if specs == nil {
			continue
		}
		moved, err := TrainAlike(ctx, sets, specs)
		if err != nil {
			return nil, problems, fmt.Errorf("%s-aligned: %w", task.name, err)
		}
		// Where the clips of a person are at hand, the catalog prefers what can be moved to them.
		prioritize(moved, task.priority+len(imageryMontages))
		models = append(models, moved...)
	}
	return models, problems, nil
}

// candidates are pipelines with the same options.
func candidates(options motorimagery.Config, pipelines ...decoders.Pipeline) []Candidate {
	raw, err := json.Marshal(options)
	if err != nil {
		panic(err) // numbers and texts always encode
	}
	var out []Candidate
	for _, p := range pipelines {
		out = append(out, Candidate{p, raw})
	}
	return out
}

// imageryTrials reads a task's trials of every person, over all electrodes that some montage needs.
func imageryTrials(ctx context.Context, cfg BuiltinConfig, task datasets.Task) (*decoders.Dataset, []datasets.Problem, error) {
	var channels []string
	for _, m := range imageryMontages {
		for _, c := range epoch.CanonicalNames(strings.Fields(m.channels)) {
			if !slices.Contains(channels, c) {
				channels = append(channels, c)
			}
		}
	}
	return imageryPeople(ctx, cfg, task, channels, 0)
}

// imageryPeople reads a task's trials of every person, over the given electrodes (nil for all), with lead s before the cue.
func imageryPeople(ctx context.Context, cfg BuiltinConfig, task datasets.Task, channels []string, lead float64) (*decoders.Dataset, []datasets.Problem, error) {
	var sets []*decoders.Dataset
	var problems []datasets.Problem
	for _, file := range datasets.Glob(cfg.Data, "motor_imagery/eegmmidb/*.zip") {
		if err := ctx.Err(); err != nil {
			return nil, problems, err
		}
		runs, p := datasets.Open(file, func(base string) bool { return task.Has(datasets.Stem(base)) })
		problems = append(problems, p...)
		ds, p := task.Dataset(datasets.Stem(file), runs, channels, lead, clipSeconds)
		problems = append(problems, p...)
		if ds != nil {
			sets = append(sets, ds)
		}
	}
	all, p := datasets.Pool(sets)
	return all, append(problems, p...), nil
}

// peopleFront is the window of the people that trainings start from: the whole 4 s of imagery, as of the models for strangers.
var peopleFront = motorimagery.PeopleFront{Low: 8, High: 30, Order: 4, Start: 0, End: clipSeconds}

// peopleLead is how much signal before the cue the windows are filtered along, in s: what a training has of a person's trials.
const peopleLead = 0.5

// WritePeople writes the statistics of the people of left against right imagery, over every electrode that they have in common.
// Where there are no recordings it writes nothing. What cannot be read is for the models of the same recordings to tell.
func WritePeople(ctx context.Context, cfg BuiltinConfig) error {
	all, _, err := imageryPeople(ctx, cfg, datasets.LeftRightImagery, nil, peopleLead)
	if err != nil || all == nil {
		return err
	}
	people, err := motorimagery.NewPeople(all, peopleFront, true, motorimagery.PeopleSource(eegmmidb))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := people.Write(&b); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(cfg.Out, catalog.PeopleFile), b.Bytes(), 0o644)
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
		Limits:      imageryLimits(),
		Citations: []string{
			"Koles, Lazar and Zhou 1990, Brain Topography 2, 275-284 (common spatial patterns)",
			"Barachant et al. 2012, IEEE Trans. Biomed. Eng. 59, 920-928 (tangent space)",
			eegmmidb.Citation,
		},
	}
}

func imageryLimits() []string {
	return []string{
		"Many people's imagery cannot be told apart by a model of other people: expect some at chance.",
		"One amplifier (BCI2000, 160 Hz) and its reference; other amplifiers were not measured.",
		"It always answers one of its classes, at rest too: use the confidence, and never drive anything that can hurt with it alone.",
	}
}

// alignedCard is that of a model that is moved to the clips of the person it meets; single is the one for clips without others.
func alignedCard(question string, m imageryMontage, single *Model) catalog.ModelCard {
	card := imageryCard(question, m, 2)
	card.Summary = fmt.Sprintf("Tells %s, from %s, once it was moved to several clips of the user, for which no labels are needed.", question, m.what)
	card.IntendedUse = "Sessions of a new user, live or clip by clip, until a model is trained on recordings of that user; research and prototypes."
	alone := fmt.Sprintf("For a single clip without others of the person %s is the better choice.", single.Name)
	if !single.BeatsChance() {
		alone = "For a single clip without others of the person there is no other model of this montage: none did better than guessing."
	}
	card.Limits = append(imageryLimits(), alone,
		"Moved over at most 45 clips of 4 s of a person, half of them of each class; how it does where one class is rare was not measured.",
	)
	card.Citations = append(card.Citations, "Zanini et al. 2018, IEEE Trans. Biomed. Eng. 65, 1107-1116 (re-centring)")
	return card
}
