// Package experiments measures what was tried before something was chosen, over the people of the evaluation data, so that anybody can see why. An
// experiment changes nothing that is served; what it found is in docs/04-decoders.md.
//
// Invariants: a person is never judged by what was learned or chosen on that person.
package experiments

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Config says what to run.
type Config struct {
	// Data is the folder of recordings.
	Data string
	// Only lists the experiments to run. Defaults to all.
	Only []string
	// Out is what tables are written to.
	Out io.Writer
}

type experiment struct {
	name string
	run  func(context.Context, Config) error
}

var all = []experiment{{"threshold", threshold}, {"umm", umm}, {"base", base}}

// Names returns what Config.Only takes.
func Names() []string {
	var out []string
	for _, e := range all {
		out = append(out, e.name)
	}
	return out
}

// Run writes the tables of the experiments.
func Run(ctx context.Context, cfg Config) error {
	for _, name := range cfg.Only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("unknown experiment %q: choose from %s", name, strings.Join(Names(), ", "))
		}
	}
	for _, e := range all {
		if len(cfg.Only) > 0 && !slices.Contains(cfg.Only, e.name) {
			continue
		}
		if err := e.run(ctx, cfg); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}
