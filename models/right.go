package models

import "slices"

// Right is one thing that a principal may do: in a project, or to the server. Use cases ask for rights (Principal.May) and
// never for what a principal is: the roles of users and the scopes of keys are lists of rights, in the tables below.
type Right string

// The rights in a project.
const (
	RightDecode        Right = "decode"        // submit decodes
	RightJobsRead      Right = "jobs:read"     // poll and list jobs
	RightJobsWrite     Right = "jobs:write"    // cancel jobs
	RightSessionsRead  Right = "sessions:read" // sessions, what they recorded and what was found in it; export
	RightSessionsWrite Right = "sessions:write"
	RightErase         Right = "erase"          // erase a user's data
	RightCatalogRead   Right = "catalog:read"   // list and download catalog models
	RightCatalogWrite  Right = "catalog:write"  // upload, train, calibrate, roll back and delete them
	RightAnalytics     Right = "analytics"      // log events
	RightWebhooksRead  Right = "webhooks:read"  // webhooks and how their deliveries went
	RightWebhooksWrite Right = "webhooks:write" // make, change and delete webhooks, deliver again
	RightDevicesRead   Right = "devices:read"   // devices, their streams and what they observe
	RightDevicesUse    Right = "devices:use"    // start, stop, configure and check them
	RightDevicesManage Right = "devices:manage" // make and delete them
	RightDevicesRun    Right = "devices:run"    // be the agent that runs them
	RightProjectRead   Right = "project:read"   // the project's name, and who its members are
	RightUsage         Right = "usage"          // what the project uses of its quotas
	RightRetention     Right = "retention"      // how long the project keeps what has ended
	RightKeys          Right = "keys"           // list, make and revoke keys
	RightMembers       Right = "members"        // invite and remove members, change roles
	RightProjectDelete Right = "project:delete"
	RightAudit         Right = "audit" // read the project's audit log
)

// RightServer is the one right beside projects: to read how the whole server does.
const RightServer Right = "server"

// Role is what a user is in a project.
type Role string

// The roles, each with all that the one before may do.
const (
	RoleViewer Role = "viewer"
	RoleMember Role = "member"
	RoleOwner  Role = "owner"
)

// Roles lists every role, the one that may do most first.
func Roles() []Role { return []Role{RoleOwner, RoleMember, RoleViewer} }

// Valid reports whether r is a known role.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// roleRights is what each role adds to the one before it.
var roleRights = map[Role][]Right{
	RoleViewer: {RightProjectRead, RightSessionsRead, RightJobsRead, RightCatalogRead, RightDevicesRead},
	RoleMember: {RightDecode, RightJobsWrite, RightSessionsWrite, RightCatalogWrite, RightAnalytics, RightWebhooksRead,
		RightDevicesUse, RightDevicesManage, RightDevicesRun},
	RoleOwner: {RightWebhooksWrite, RightUsage, RightRetention, RightKeys, RightMembers, RightErase, RightProjectDelete, RightAudit},
}

// scopeRights is what each scope of a key carries. No scope manages the project: that a key leaks must not be able to hand
// the project over. Every key may log events.
var scopeRights = map[Scope][]Right{
	ScopeDecode:        {RightDecode},
	ScopeJobsRead:      {RightJobsRead},
	ScopeJobsWrite:     {RightJobsWrite},
	ScopeSessions:      {RightSessionsRead, RightSessionsWrite},
	ScopeErase:         {RightErase},
	ScopeCatalogRead:   {RightCatalogRead},
	ScopeCatalogWrite:  {RightCatalogWrite},
	ScopeDevicesRead:   {RightDevicesRead},
	ScopeDevicesUse:    {RightDevicesUse},
	ScopeDevicesManage: {RightDevicesManage},
	ScopeDevicesRun:    {RightDevicesRun},
	ScopeWebhooksRead:  {RightWebhooksRead},
	ScopeWebhooksWrite: {RightWebhooksWrite},
}

// May reports whether a role has a right.
func (r Role) May(right Right) bool {
	least := LeastRole(right)
	return r.Valid() && least != "" && slices.Index(Roles(), r) <= slices.Index(Roles(), least)
}

// LeastRole returns the role that has a right and may do least, "" where none has it.
func LeastRole(right Right) Role {
	for role, rights := range roleRights {
		if slices.Contains(rights, right) {
			return role
		}
	}
	return ""
}

// ScopeOf returns the scope that carries a right, "" where none does.
func ScopeOf(right Right) Scope {
	for scope, rights := range scopeRights {
		if slices.Contains(rights, right) {
			return scope
		}
	}
	return ""
}

// Principal is who a request acts for, as established by authentication: a user, a user in a project, or a key.
type Principal struct {
	UserID    string // set for a logged-in user
	Role      Role   // of the user in the project; "" outside of one
	Operator  bool   // set for a user who reads how the server does
	ProjectID string // set for an API key, and for a user who acts in one of theirs
	KeyID     string
	Scopes    []Scope // of the key
	DeviceID  string  // set for a device of the project that the service runs itself: it writes its session
	// RateLimits are the key's own. Shared: not to be changed.
	RateLimits RateLimits
	// License is the tier of the models that it may use.
	License License
}

// May reports whether the principal has a right: in the project that it acts in, or to the server.
func (p Principal) May(right Right) bool {
	switch {
	case right == RightServer:
		return p.Operator && p.UserID != "" && p.KeyID == ""
	case p.ProjectID == "":
		return false
	case p.DeviceID != "":
		return right == RightSessionsRead || right == RightSessionsWrite
	case p.KeyID != "":
		return right == RightAnalytics || slices.Contains(p.Scopes, ScopeOf(right))
	case p.UserID != "":
		return p.Role.May(right)
	}
	return false
}
