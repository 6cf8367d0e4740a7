package training

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// BuiltinConfig says how to make the built-in models.
type BuiltinConfig struct {
	// Data is the folder of recordings.
	Data string
	// Out is the folder the model files are written to. Files of other names stay.
	Out string
	// Only lists the families to make: motor_imagery, p300, seizure. Defaults to all.
	Only []string
	// Progress, when not nil, is told what is being done.
	Progress func(text string)
}

// A family makes the built-in models of one paradigm.
type family struct {
	name eeg.Paradigm
	make func(ctx context.Context, cfg BuiltinConfig) ([]*Model, []datasets.Problem, error)
}

var families = []family{
	{eeg.MotorImagery, imageryModels},
	{eeg.MotorImagery, registryImagery},
	{eeg.P300, flashModels},
	{eeg.P300, registryFlashes},
	{eeg.Seizure, seizureModels},
}

// Builtin trains the models that ship inside the program, from the sets whose licences allow it, and writes them.
// A set that is not in the folder makes no model, and what does no better than guessing is not written, and removed where
// it was. Recordings that cannot be used are returned with their reasons.
func Builtin(ctx context.Context, cfg BuiltinConfig) ([]*Model, []datasets.Problem, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	var models []*Model
	var problems []datasets.Problem
	if len(cfg.Only) == 0 || slices.Contains(cfg.Only, string(eeg.MotorImagery)) {
		if err := WritePeople(ctx, cfg); err != nil {
			return nil, nil, fmt.Errorf("people: %w", err)
		}
	}
	for _, f := range families {
		if len(cfg.Only) > 0 && !slices.Contains(cfg.Only, string(f.name)) {
			continue
		}
		made, p, err := f.make(ctx, cfg)
		problems = append(problems, p...)
		if err != nil {
			return models, problems, fmt.Errorf("%s: %w", f.name, err)
		}
		for _, m := range made {
			file := filepath.Join(cfg.Out, m.Name+catalog.Extension)
			if !m.BeatsChance() {
				cfg.Progress(m.Name + ": no better than guessing, not kept")
				if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return models, problems, err
				}
				continue
			}
			var b bytes.Buffer
			if err := m.Write(&b); err != nil {
				return models, problems, fmt.Errorf("%s: %w", m.Name, err)
			}
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				return models, problems, err
			}
			models = append(models, m)
		}
	}
	return models, problems, nil
}

// onePersonUse is what a model of a single person is for.
const onePersonUse = "Showing the pipeline at work and a pattern for a model of one's own recordings; not for relying on with another person."
