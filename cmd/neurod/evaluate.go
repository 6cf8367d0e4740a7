package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/neurod/neurod/internal/lab/evaluation"
	"github.com/neurod/neurod/internal/lab/results"
)

type evaluateCmd struct {
	Data    string   `required:"" type:"existingdir" env:"NEUROD_EEG_DATA" help:"Folder of recordings."`
	JSON    bool     `name:"json" help:"Print JSON instead of tables."`
	Only    []string `help:"Families to measure: motor_imagery, p300, ssvep, cvep, seizure, artifacts, fitness, synthetic, formats, recordings. All by default."`
	Classes []string `placeholder:"EVENT=CLASS" help:"What events (labels or codes) of recordings in no known layout stand for, such as 7=left_hand,8=right_hand."`
	Seed    uint64   `default:"42" help:"Seed of the folds."`

	Results string `type:"path" help:"Also write the figures, with a page and pictures, to this folder; decodes are not timed."`
	Check   string `type:"existingdir" help:"Fail where the figures differ from those in this folder; decodes are not timed."`
}

// Run prints the report and fails when a row is below what it must reach.
func (c evaluateCmd) Run(ctx context.Context) error {
	bar := newBar("measuring")
	report, err := evaluation.Run(ctx, evaluation.Config{
		Data: c.Data, Version: version(), Only: c.Only, Classes: c.Classes, Seed: c.Seed, Untimed: c.Results != "" || c.Check != "",
		Progress: bar.say,
	})
	bar.done()
	if err != nil {
		return err
	}
	if c.JSON {
		err = report.WriteJSON(os.Stdout)
	} else {
		err = report.WriteText(os.Stdout)
	}
	if err != nil {
		return err
	}
	if err := c.keep(report); err != nil {
		return err
	}
	if report.Nothing() {
		return fmt.Errorf("nothing in %s could be used: %d recordings were found", c.Data, report.Files.Found)
	}
	if failed := report.Failed(); len(failed) > 0 {
		return fmt.Errorf("%d rows are below what they must reach", len(failed))
	}
	return nil
}

// keep writes the figures to the folder of results, or compares them with those in it.
func (c evaluateCmd) keep(report *evaluation.Report) error {
	if c.Results == "" && c.Check == "" {
		return nil
	}
	data, err := results.Folder(c.Data)
	if err != nil {
		return err
	}
	measured := results.From(report, data, results.Processor())
	if c.Results != "" {
		if err := measured.Write(c.Results); err != nil {
			return err
		}
	}
	if c.Check == "" {
		return nil
	}
	kept, err := results.Read(c.Check)
	if err != nil {
		return err
	}
	if diff := results.Differences(kept, measured); len(diff) > 0 {
		return fmt.Errorf("%s is not current:\n%s", c.Check, strings.Join(diff, "\n"))
	}
	return nil
}
