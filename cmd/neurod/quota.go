package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

type quotaCmd struct {
	Project string `arg:"" help:"Id of the project."`
	Name    string `arg:"" help:"What to set: share, stored_bytes, waiting_jobs, open_sessions, windows_per_day or models."`
	Value   int64  `arg:"" help:"The project's own value; 0 for no limit."`
}

// Run sets a project's own value. Running processes take it over within seconds.
func (c quotaCmd) Run(ctx context.Context) error {
	name := models.QuotaName(c.Name)
	if !slices.Contains(models.QuotaNames(), name) {
		return fmt.Errorf("%q is not a quota; the quotas are %v", c.Name, models.QuotaNames())
	}
	if c.Value < 0 || c.Value < 1 && name == models.QuotaShare {
		return fmt.Errorf("%s must not be %d", name, c.Value)
	}
	settings, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, settings.Store())
	if err != nil {
		return err
	}
	defer s.Close()
	err = s.SetProjectQuota(ctx, c.Project, name, c.Value)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no project %s", c.Project)
	}
	return err
}
