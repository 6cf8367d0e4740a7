package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/lab/training"
)

type trainCmd struct {
	Files   trainFilesCmd   `cmd:"" default:"withargs" help:"Train a model from recordings with events (the default)."`
	Builtin trainBuiltinCmd `cmd:"" help:"Make the built-in models again from the open recordings."`
}

type trainFilesCmd struct {
	Paths []string `arg:"" type:"existing" name:"file|dir" help:"Recordings, ZIP archives of them, or folders."`

	Name    string `required:"" help:"Name of the model: a-z 0-9 _ . -"`
	Version string `default:"1" help:"Version of the model."`
	Out     string `help:"Model file to write. NAME.nrdm by default."`
	Force   bool   `help:"Overwrite the model file."`

	Classes  []string `placeholder:"EVENT=CLASS" help:"Events (labels or codes) and their classes, such as T1=left_hand,T2=right_hand. Of p300 they may be left out where recordings have a target column, or with --letters."`
	Letters  []string `placeholder:"[RUN=]TEXT" help:"What was spelled in p300 recordings, such as CAT, or R01=CAT,R02=DOG by the names of the files; with --matrix or --flashes."`
	Matrix   string   `help:"P300 matrix, rows separated by spaces, such as 'ABCDEF GHIJKL'."`
	Flashes  string   `placeholder:"JSON" help:"Which symbols each code lights up, as in a request. Columns 1.. and rows behind them by default."`
	Channels []string `help:"Channels to use. All EEG channels of the first recording by default."`
	KeepAll  bool     `help:"Learn from trials in which a channel holds no EEG (flat, clipped, hum, noise), too."`
	Pipeline []string `help:"Pipelines to compare; the best is trained. All of the paradigm by default."`
	Paradigm string   `help:"motor_imagery, p300, ssvep or cvep. The pipeline's by default, else motor_imagery."`
	Options  string   `help:"Options of the pipeline as JSON; those of cvep hold its codes."`
	Base     string   `default:"none" help:"What to start from: none, builtin (the people whom the built-in models know), or a model by its name, name@version or file."`
	Before   float64  `help:"Seconds before the event that a trial holds."`
	After    float64  `help:"Seconds after the event that a trial holds."`
	Rate     float64  `help:"Sampling rate in Hz of recordings that do not state one."`
	Subject  string   `help:"Regular expression that finds the person in a file's or folder's name, such as '^(P[0-9]+)'."`
	Seed     uint64   `default:"42" help:"Seed of the folds."`

	Summary     string `help:"One sentence about the model, for its card."`
	DataName    string `help:"What the recordings are called, for the card."`
	License     string `help:"License of the recordings, for the card."`
	IntendedUse string `help:"Who may use the model for what, for its card."`
}

// Run trains and measures a model, writes it and prints its figures.
func (c trainFilesCmd) Run(ctx context.Context) error {
	cfg := training.FilesConfig{
		Paths: c.Paths, Name: c.Name, Version: c.Version, Pipelines: c.Pipeline, Paradigm: eeg.Paradigm(c.Paradigm), Classes: c.Classes,
		Channels: c.Channels, Before: c.Before, After: c.After, Rate: c.Rate, Seed: c.Seed, KeepAll: c.KeepAll,
		Card:    catalog.ModelCard{Summary: c.Summary, IntendedUse: c.IntendedUse},
		Program: "neurod " + version(), Base: c.Base, Resolve: baseModel,
	}
	var err error
	if cfg.Letters, cfg.Stimulus, err = c.spelled(); err != nil {
		return err
	}
	bar := newBar("reading")
	cfg.Progress, cfg.Step = bar.say, bar.step
	if c.Options != "" {
		cfg.Options = json.RawMessage(c.Options)
	}
	if c.DataName != "" || c.License != "" {
		cfg.Card.Data = []catalog.DataSource{{Name: c.DataName, Licence: c.License}}
	}
	if c.Subject != "" {
		pattern, err := regexp.Compile(c.Subject)
		if err != nil {
			return fmt.Errorf("--subject: %w", err)
		}
		cfg.Subject = pattern
	}
	out := c.Out
	if out == "" {
		out = c.Name + catalog.Extension
	}
	if _, err := os.Stat(out); err == nil && !c.Force {
		return fmt.Errorf("%s exists; --force overwrites it", out)
	}
	m, problems, err := training.FromFiles(ctx, cfg)
	bar.done()
	report(os.Stderr, problems)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Clean(out), b.Bytes(), 0o644); err != nil {
		return err
	}
	training.WriteSummary(os.Stdout, m)
	fmt.Println("wrote", out)
	return nil
}

// spelled is what was spelled with which stimulus.
func (c trainFilesCmd) spelled() ([]string, decoders.Stimulus, error) {
	given := eeg.Stimulus{Matrix: matrixOf(c.Matrix)}
	if c.Flashes != "" {
		if err := json.Unmarshal([]byte(c.Flashes), &given.Flashes); err != nil {
			return nil, decoders.Stimulus{}, fmt.Errorf("--flashes: not an object of codes and the symbols that each lights up: %w", err)
		}
	}
	if len(c.Letters) == 0 && (c.Matrix != "" || c.Flashes != "") {
		return nil, decoders.Stimulus{}, errors.New("--matrix and --flashes say what was spelled together with --letters")
	}
	st, err := decode.Stimulus(&given)
	return c.Letters, st, err
}

// baseModel finds a model that a training starts from: a file, or one of the program's.
func baseModel(_ context.Context, name string) (*catalog.Choice, error) {
	cat, err := catalog.Default()
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, catalog.Extension) {
		b, err := os.ReadFile(filepath.Clean(name))
		if err != nil {
			return nil, err
		}
		m, err := catalog.Parse(b)
		if err != nil {
			return nil, err
		}
		if err := cat.AddModel(m, eeg.SourceAdded); err != nil {
			return nil, err
		}
		name = m.ID()
	}
	for _, e := range cat.List() { // newest version first
		if e.Name == name || e.ID() == name {
			return cat.Resolve(catalog.Query{Model: e.ID(), Channels: e.Channels, Rate: e.Rate})
		}
	}
	return nil, fmt.Errorf("--base: there is no model %q; neurod models lists those that there are", name)
}

type trainBuiltinCmd struct {
	Data string   `required:"" type:"existingdir" env:"NEUROD_EEG_DATA" help:"Folder of recordings."`
	Out  string   `required:"" type:"existingdir" help:"Folder for the model files."`
	Only []string `help:"Families to make: motor_imagery, p300, seizure. All by default."`
}

// Run trains and measures the built-in models, writes them and prints their figures.
func (c trainBuiltinCmd) Run(ctx context.Context) error {
	bar := newBar("training")
	models, problems, err := training.Builtin(ctx, training.BuiltinConfig{Data: c.Data, Out: c.Out, Only: c.Only, Progress: bar.say})
	bar.done()
	report(os.Stderr, problems)
	for _, m := range models {
		training.WriteSummary(os.Stdout, m)
	}
	return err
}

func report(w io.Writer, problems []datasets.Problem) {
	for _, p := range problems {
		fmt.Fprintln(w, "not used:", p)
	}
}
