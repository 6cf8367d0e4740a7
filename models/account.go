package models

import (
	"slices"
	"time"
)

// User owns projects and logs in with e-mail and password.
type User struct {
	ID           string
	Email        string // lower case, unique
	PasswordHash string // argon2id, PHC string format
	CreatedAt    time.Time
}

// RefreshToken is one link of a rotating chain. Using a link twice revokes its whole family.
type RefreshToken struct {
	ID        string
	UserID    string
	Family    string
	Hash      string // SHA-256 of the token, hex
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    *time.Time
	RevokedAt *time.Time
}

// Project is the tenant: every piece of data belongs to exactly one.
type Project struct {
	ID        string
	OwnerID   string
	Name      string
	CreatedAt time.Time
}

// Scope is a right that an API key carries.
type Scope string

// The scopes. A key without an explicit list gets all of them.
const (
	ScopeDecode       Scope = "decode"        // submit decodes
	ScopeJobsRead     Scope = "jobs:read"     // poll and list jobs
	ScopeJobsWrite    Scope = "jobs:write"    // cancel jobs
	ScopeSessions     Scope = "sessions"      // sessions, ingest, features, export
	ScopeErase        Scope = "erase"         // erase a user's data
	ScopeCatalogRead  Scope = "catalog:read"  // list and download catalog models
	ScopeCatalogWrite Scope = "catalog:write" // train and calibrate
)

// Scopes lists every scope.
func Scopes() []Scope {
	return []Scope{ScopeDecode, ScopeJobsRead, ScopeJobsWrite, ScopeSessions, ScopeErase, ScopeCatalogRead, ScopeCatalogWrite}
}

// Valid reports whether s is a known scope.
func (s Scope) Valid() bool { return slices.Contains(Scopes(), s) }

// APIKey lets a program act for one project. Only the hash of the key is kept.
type APIKey struct {
	ID         string
	ProjectID  string
	ParentID   *string // the key that was refreshed into this one, nil for one that its owner made
	Name       string
	Hash       string // SHA-256 of the whole key, hex; unique
	LastFour   string
	Scopes     []Scope    // stored as JSON text
	RateLimits RateLimits // instead of the server's; stored as JSON text
	License    License    // tier of the models it may use
	CreatedAt  time.Time
	ExpiresAt  *time.Time
	RevokedAt  *time.Time
	LastUsedAt *time.Time
}

// Allows reports whether the key carries the scope.
func (k APIKey) Allows(s Scope) bool { return slices.Contains(k.Scopes, s) }

// Principal is who a request acts for, as established by authentication.
type Principal struct {
	UserID    string // set for a logged-in user
	ProjectID string // set for an API key, and for a user who acts in one of theirs
	KeyID     string
	Scopes    []Scope
	// RateLimits are the key's own. Shared: not to be changed.
	RateLimits RateLimits
	// License is the key's tier.
	License License
}

// Allows reports whether the principal acts in a project with the scope: through a key that carries it, or as the project's
// owner.
func (p Principal) Allows(s Scope) bool {
	return p.ProjectID != "" && (p.KeyID != "" || p.UserID != "") && slices.Contains(p.Scopes, s)
}
