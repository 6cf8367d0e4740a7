package main

import (
	"context"
	"fmt"
	"os"

	"github.com/neurod/neurod/internal/evaluation"
)

type evaluateCmd struct {
	Data string   `required:"" type:"existingdir" env:"NEUROD_EEG_DATA" help:"Folder of recordings."`
	JSON bool     `name:"json" help:"Print JSON instead of tables."`
	Only []string `help:"Families to measure: motor_imagery, p300, ssvep, seizure, artifacts, formats. All by default."`
	Seed uint64   `default:"42" help:"Seed of the folds."`
}

// Run prints the report and fails when a row is below what it must reach.
func (c evaluateCmd) Run(ctx context.Context) error {
	report, err := evaluation.Run(ctx, evaluation.Config{
		Data: c.Data, Version: version(), Only: c.Only, Seed: c.Seed,
		Progress: func(s string) { fmt.Fprintln(os.Stderr, s) },
	})
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
	if failed := report.Failed(); len(failed) > 0 {
		return fmt.Errorf("%d rows are below what they must reach", len(failed))
	}
	return nil
}
