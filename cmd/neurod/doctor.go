package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/neurod/neurod/internal/app"
	"github.com/neurod/neurod/internal/doctor"
)

// doctorCmd looks at the configured server. The exit status is 0 where nothing is wrong, 1 for warnings, 2 for errors.
type doctorCmd struct {
	JSON bool `name:"json" help:"Print the findings as one JSON object."`
}

// Run prints what there is to say.
func (c doctorCmd) Run(ctx context.Context) error {
	report := app.Doctor(ctx, os.Environ())
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(struct {
			Worst doctor.Level `json:"worst"`
			doctor.Report
		}{report.Worst(), report}); err != nil {
			return err
		}
	} else {
		for _, f := range report.Findings {
			fmt.Printf("%-8s %-22s %s\n", f.Level, f.Check, f.Says)
			if f.Mend != "" {
				fmt.Printf("%31s → %s\n", "", f.Mend)
			}
		}
	}
	if code := report.ExitCode(); code != 0 {
		return exitStatus(code)
	}
	return nil
}
