// Package service holds the use cases of neurod and all of its authorization.
//
// HTTP, and whatever other protocols come, are thin adapters over it. Every method that touches a tenant's data takes
// the principal first and acts only within its project; a foreign identifier looks exactly like an absent one.
// Errors are *models.Error of the one error table; anything else is an internal error to the outside.
package service

import "github.com/neurod/neurod/models"

// Authorize refuses principals that do not act through an API key with the scope: InsufficientScope.
func Authorize(p models.Principal, scope models.Scope) error {
	if p.ProjectID == "" || !p.Allows(scope) {
		e := models.Errorf(models.InsufficientScope, "This call needs an API key with the scope %q.", string(scope))
		e.Details = map[string]any{"scope": string(scope)}
		return e
	}
	return nil
}
