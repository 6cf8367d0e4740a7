package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

type auditCmd struct {
	Account string `help:"Only what concerns the account with this id."`
	Project string `help:"Only what concerns the project with this id."`
	Action  string `help:"Only this action, such as key.revoked."`
	Limit   int    `default:"100" help:"Print at most this many lines."`
}

// Run prints the audit log of the configured database, a JSON object a line.
func (c auditCmd) Run(ctx context.Context) error {
	settings, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, settings.Store())
	if err != nil {
		return err
	}
	defer s.Close()
	events, err := s.AuditEvents(ctx, models.AuditQuery{AccountID: c.Account, ProjectID: c.Project, Action: models.AuditAction(c.Action), Limit: c.Limit})
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	lines := json.NewEncoder(os.Stdout)
	lines.SetEscapeHTML(false)
	for _, e := range events {
		line := struct {
			At        string             `json:"at"`
			Action    models.AuditAction `json:"action"`
			ActorKind models.AuditActor  `json:"actor_kind"`
			Actor     string             `json:"actor,omitempty"`
			AccountID *string            `json:"account_id,omitempty"`
			ProjectID *string            `json:"project_id,omitempty"`
			Subject   string             `json:"subject"`
			Details   json.RawMessage    `json:"details"`
			Remote    string             `json:"remote,omitempty"`
			RequestID string             `json:"request_id,omitempty"`
		}{e.CreatedAt.UTC().Format("2006-01-02T15:04:05.000000Z"), e.Action, e.ActorKind, e.Actor, e.AccountID, e.ProjectID, e.Subject,
			json.RawMessage(e.Details), e.Remote, e.RequestID}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
