// Package service holds the use cases of neurod and all of its authorization.
//
// HTTP, and whatever other protocols come, are thin adapters over it. Every method that touches a tenant's data takes
// the principal first and acts only within its project; a foreign identifier looks exactly like an absent one.
// Errors are *models.Error of the one error table; anything else is an internal error to the outside.
package service

import (
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
// InsufficientScope for a key and for whoever acts in no project.
func Authorize(p models.Principal, right models.Right) error {
	switch {
	case p.May(right):
		return nil
	case right == models.RightServer:
		return models.Errorf(models.InsufficientRole, "This is for operators of the server.")
	}
	if p.UserID != "" && p.ProjectID != "" {
		return insufficientRole(p.Role, right)
	}
	scope := models.ScopeOf(right)
	e := models.Errorf(models.InsufficientScope, "This call needs an API key with the scope %q.", string(scope))
	e.Details = map[string]any{"scope": string(scope)}
	return e
}

// insufficientRole is the error of a user whose role lacks a right.
func insufficientRole(has models.Role, right models.Right) error {
	least := models.LeastRole(right)
	e := models.Errorf(models.InsufficientRole, "You are %s of this project; this takes the role %q.", article(has), string(least))
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

// authorizeJob refuses principals that may not submit jobs of a kind: InsufficientScope, InsufficientRole.
func authorizeJob(p models.Principal, kind models.JobKind) error {
	for _, right := range jobs.KindOf(kind).Rights {
		if err := Authorize(p, right); err != nil {
			return err
		}
	}
	return nil
}
