package models

import (
	"slices"
	"time"
)

// User logs in with e-mail and password or through a provider, and is a member of projects.
type User struct {
	ID           string
	Email        string // lower case, unique
	PasswordHash string // argon2id, PHC string format; "" for none: the user logs in through a provider alone
	Operator     bool   // may read how the whole server does; set at the command line of the server only
	CreatedAt    time.Time
}

// HasPassword reports whether the user can log in with a password.
func (u User) HasPassword() bool { return u.PasswordHash != "" }

// LoginIdentity is who a user is at a provider of logins (OpenID Connect Core 1.0, section 2): its issuer and subject together name one person for
// good, while an e-mail address may change and go to somebody else.
type LoginIdentity struct {
	Issuer    string
	Subject   string
	UserID    string
	CreatedAt time.Time
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
	Name      string
	CreatedAt time.Time
}

// Membership is a user's place in a project. Every project has an owner.
type Membership struct {
	ProjectID string
	UserID    string
	Role      Role
	CreatedAt time.Time
}

// Invitation lets the holder of an e-mail address become a member of a project, once. Only the hash of its token is kept.
type Invitation struct {
	ID         string
	ProjectID  string
	Email      string // lower case; nobody else can accept it
	Role       Role
	Hash       string // SHA-256 of the token, hex; unique
	CreatedBy  string // the user who invited
	CreatedAt  time.Time
	ExpiresAt  time.Time
	AcceptedAt *time.Time
	RevokedAt  *time.Time
}

// Scope is a right that an API key carries.
type Scope string

// The scopes. A key without an explicit list gets all of them.
const (
	ScopeDecode        Scope = "decode"         // submit decodes
	ScopeJobsRead      Scope = "jobs:read"      // poll and list jobs
	ScopeJobsWrite     Scope = "jobs:write"     // cancel jobs
	ScopeSessions      Scope = "sessions"       // sessions, ingest, features, export
	ScopeErase         Scope = "erase"          // erase a user's data
	ScopeCatalogRead   Scope = "catalog:read"   // list and download catalog models
	ScopeCatalogWrite  Scope = "catalog:write"  // train and calibrate
	ScopeDevicesRead   Scope = "devices:read"   // devices and their streams
	ScopeDevicesUse    Scope = "devices:use"    // start, stop, configure and check them
	ScopeDevicesManage Scope = "devices:manage" // make and delete them
	ScopeDevicesRun    Scope = "devices:run"    // be the agent that runs them
	ScopeWebhooksRead  Scope = "webhooks:read"  // webhooks and their deliveries
	ScopeWebhooksWrite Scope = "webhooks:write" // make, change and delete webhooks
)

// Scopes lists every scope.
func Scopes() []Scope {
	return []Scope{ScopeDecode, ScopeJobsRead, ScopeJobsWrite, ScopeSessions, ScopeErase, ScopeCatalogRead, ScopeCatalogWrite,
		ScopeDevicesRead, ScopeDevicesUse, ScopeDevicesManage, ScopeDevicesRun, ScopeWebhooksRead, ScopeWebhooksWrite}
}

// Valid reports whether s is a known scope.
func (s Scope) Valid() bool { return slices.Contains(Scopes(), s) }

// APIKey lets a program act for one project. Only the hash of the key is kept.
type APIKey struct {
	ID         string
	ProjectID  string
	ParentID   *string // the key that was refreshed into this one, nil for one that a user made
	CreatedBy  *string // the user who made it, or the key that it was refreshed from; they need not be a member any more
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
