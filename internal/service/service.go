// Package service has what all use cases share; the use cases themselves are in the folders below, a package each.
//
//	accounts  sign-up, logins, projects, members, API keys, the audit log
//	sessions  recordings that are made, imported, exported and erased
//	live      sessions that are followed as they are recorded: samples, windows, decodes, events
//	decoding  decode requests and batches, and the jobs that come of them
//	training  models made of labelled sessions
//	registry  models and their versions, analytics
//	validate  what is judged of a request before anything is looked up
//
// Here are the authorization that each begins with, the answers that a repeated call is given (Once), quotas, limits of calls, health,
// and what a fault of the database is to a caller.
//
// HTTP, and whatever other protocols come, are thin adapters over use cases. Every method that touches a tenant's data takes
// the principal first and acts only within its project; a foreign identifier looks exactly like an absent one.
// Errors are *models.Error of the one error table; anything else is an internal error to the outside.
//
// A use case declares what it needs of the database (Store) and of the engine as interfaces, which package app fills. It imports no
// other use case: what one needs of another is an interface or a function in its Config.
package service

import (
	"fmt"
	"strings"
	"time"

	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// How long a call waits for its job where it does not say, and at most.
const (
	DefaultWait = 30 * time.Second // as the decode document's example
	MaxWait     = 60 * time.Second
)

// Authorize refuses principals without a right: InsufficientRole for a user in a project, and where only operators may;
// InsufficientScope for a key and for a user who acts in no project.
func Authorize(p models.Principal, right models.Right) error {
	switch {
	case p.May(right):
		return nil
	case right == models.RightServer:
		return models.Errorf(models.InsufficientRole, "Only operators of this server may do this.")
	}
	if p.UserID != "" && p.ProjectID != "" {
		return InsufficientRole(p.Role, right)
	}
	scope := models.ScopeOf(right)
	e := models.Errorf(models.InsufficientScope, "This call needs an API key with the scope %q.", string(scope))
	if p.KeyID != "" && scope != "" {
		// The default of a key's scopes is all that there were when it was made.
		e.Message += fmt.Sprintf(" The scopes of a key never change: have an owner of the project make another one with it, or log in as %s.", article(models.LeastRole(right)))
	}
	e.Details = map[string]any{"scope": string(scope)}
	return e
}

// InsufficientRole is the error of a user whose role lacks a right.
func InsufficientRole(has models.Role, right models.Right) error {
	least := models.LeastRole(right)
	e := models.Errorf(models.InsufficientRole, "You are %s of this project; this call needs the role %q.", article(has), string(least))
	if least == models.RoleMember {
		e.Message = strings.TrimSuffix(e.Message, ".") + ` or "owner".`
	}
	e.Details = map[string]any{"role": string(has), "needs": string(least)}
	return e
}

// article puts the article before a role.
func article(r models.Role) string {
	if r == models.RoleOwner {
		return "an owner"
	}
	return "a " + string(r)
}

// AuthorizeJob refuses principals that may not submit jobs of a kind: InsufficientScope, InsufficientRole. A kind that names no
// right is refused to everyone: its jobs follow from other calls.
func AuthorizeJob(p models.Principal, kind models.JobKind) error {
	rights := jobs.KindOf(kind).Rights
	if len(rights) == 0 {
		return models.Errorf(models.InsufficientScope, "Jobs of the kind %q follow from other calls; no caller submits them.", string(kind))
	}
	for _, right := range rights {
		if err := Authorize(p, right); err != nil {
			return err
		}
	}
	return nil
}
