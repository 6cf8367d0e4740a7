package models

import (
	"context"
	"time"
)

// AuditRecord says that a user's data were erased. It is only ever added, which the database itself holds; the subject is
// hashed, so that the record does not keep what the erasure removed.
type AuditRecord struct {
	ID              string
	ProjectID       string
	Action          string // ActionUserErased, ActionProjectDeleted
	SubjectHash     string // SHA-256 of project and external user id, or of a project, hex
	Actor           string // id of the API key or the user that asked for it
	SessionsDeleted int64
	SamplesDeleted  int64 // a channel
	FeaturesDeleted int64
	CreatedAt       time.Time
}

// What an audit record says was done.
const (
	ActionUserErased     = "user_erased"
	ActionProjectDeleted = "project_deleted"
)

// auditPrefix precedes the UUID of an audit record in answers.
const auditPrefix = "aud_"

// PublicID returns the id that callers see.
func (a AuditRecord) PublicID() string { return auditPrefix + a.ID }

// Erasure is an erasure under way. It never names the user: the sessions it is about are listed as ErasedSession. It
// goes when the last of them is gone, and leaves an AuditRecord with its id and counts.
type Erasure struct {
	ID              string
	ProjectID       string
	SubjectHash     string // as in the audit record
	Actor           string // id of the API key or the user that asked first
	JobID           string // the latest job that works on it
	SessionsDeleted int64  // so far, as the others
	SamplesDeleted  int64
	FeaturesDeleted int64
	CreatedAt       time.Time
}

// ErasedSession is a session that nobody reaches any more and of which rows are left.
type ErasedSession struct {
	SessionID string
	ErasureID string
	ProjectID string
	JobID     *string // the session's latest job
}

// SessionJob names a job that worked for a session and that none of its batches names, such as the last look at a session
// that has ended. Erasure finds it by this.
type SessionJob struct {
	SessionID string
	JobID     string
}

// AuditEvent is a line of the audit log: who did what to accounts, keys and people's data, when and from where. The log is
// append-only, which the database itself holds. It names things by their identifiers and holds no secret, no e-mail and no
// external user id: it outlives what it is about.
type AuditEvent struct {
	ID        string
	AccountID *string     // the user whose account it concerns, nil for none; of a project's events, one of its owners
	ProjectID *string     // nil where it is about no project
	ActorKind AuditActor  // who did it
	Actor     string      // id of the actor, "" for none
	Action    AuditAction // what was done
	Subject   string      // id of what it was done to, such as a key
	Details   string      // JSON object of strings and numbers; "{}" for none
	Remote    string      // address of the client, "" where there is none
	RequestID string      // X-Request-Id of the call, "" where there is none
	CreatedAt time.Time
}

// AuditActor is the kind of an actor.
type AuditActor string

// The kinds of actors.
const (
	ActorUser      AuditActor = "user"      // with a login
	ActorKey       AuditActor = "key"       // a program with an API key
	ActorOperator  AuditActor = "operator"  // at the command line of the server
	ActorSystem    AuditActor = "system"    // the server by itself
	ActorAnonymous AuditActor = "anonymous" // somebody without a good credential
)

// AuditAction names what was done.
type AuditAction string

// The actions.
const (
	AuditAccountCreated   AuditAction = "account.created"
	AuditLogin            AuditAction = "login.succeeded"
	AuditLoginFailed      AuditAction = "login.failed"   // a wrong password, or a provider that cannot say that the address is the person's; unknown e-mails are not logged
	AuditLoginLinked      AuditAction = "login.linked"   // the account to an identity at a provider; its password is gone, its logins have ended
	AuditLoginUnlinked    AuditAction = "login.unlinked" // from every provider
	AuditLogout           AuditAction = "login.ended"
	AuditLogoutAll        AuditAction = "login.all_ended"
	AuditTokenReused      AuditAction = "login.token_reused" // a refresh token came twice: all of its login are revoked
	AuditProjectCreated   AuditAction = "project.created"
	AuditKeyCreated       AuditAction = "key.created"
	AuditKeyRefreshed     AuditAction = "key.refreshed"
	AuditKeyRevoked       AuditAction = "key.revoked"
	AuditUserErasing      AuditAction = "user_data.erasing" // accepted: out of reach from now on
	AuditUserErased       AuditAction = "user_data.erased"  // done
	AuditPasswordChanged  AuditAction = "password.changed"
	AuditAccountDeleted   AuditAction = "account.deleted"
	AuditRetentionChanged AuditAction = "project.retention_changed"
	AuditProjectDeleting  AuditAction = "project.deleting" // accepted: out of reach from now on
	AuditProjectDeleted   AuditAction = "project.deleted"  // done

	AuditMemberInvited     AuditAction = "member.invited"
	AuditInvitationRevoked AuditAction = "invitation.revoked"
	AuditMemberJoined      AuditAction = "member.joined"
	AuditRoleChanged       AuditAction = "member.role_changed"
	AuditMemberRemoved     AuditAction = "member.removed" // by an owner
	AuditMemberLeft        AuditAction = "member.left"
	AuditOperatorOn        AuditAction = "operator.granted"
	AuditOperatorOff       AuditAction = "operator.withdrawn"

	// What operators do.
	AuditQueuePaused    AuditAction = "queue.paused"
	AuditQueueResumed   AuditAction = "queue.resumed"
	AuditJobRetried     AuditAction = "job.retried"
	AuditJobDiscarded   AuditAction = "job.discarded"
	AuditJobCanceled    AuditAction = "job.canceled"
	AuditActionStarted  AuditAction = "action.started" // on all jobs that meet a filter
	AuditActionCanceled AuditAction = "action.canceled"
	AuditActionDone     AuditAction = "action.completed"

	AuditEventChanged AuditAction = "event.changed" // of a session
	AuditEventDeleted AuditAction = "event.deleted"

	AuditWebhookCreated  AuditAction = "webhook.created"
	AuditWebhookChanged  AuditAction = "webhook.changed"
	AuditWebhookDeleted  AuditAction = "webhook.deleted"
	AuditWebhookRotated  AuditAction = "webhook.secret_rotated"
	AuditWebhookDisabled AuditAction = "webhook.disabled" // by the server, after days of failure

	AuditDeviceCreated    AuditAction = "device.created" // also by the agent that announces it
	AuditDeviceDeleted    AuditAction = "device.deleted"
	AuditDeviceConfigured AuditAction = "device.configured"
	AuditStreamStarted    AuditAction = "device.stream_started"
	AuditStreamStopped    AuditAction = "device.stream_stopped"
)

// AuditQuery selects events of the audit log, newest first.
type AuditQuery struct {
	AccountID string // what this account may see: its own events, and those of the projects it owns; "" for all accounts
	ProjectID string // "" for all
	Action    AuditAction
	Actions   []AuditAction // any of these; none for all
	BeforeID  string        // continues a list that ended with this event
	Limit     int
}

// Origin is where a call came from, for the audit log. The ways in put it into the context of the call.
type Origin struct {
	Remote    string // address of the client
	RequestID string
	// Actor is who acts where it is neither the user nor the key that the act is about: an operator at the command line, or
	// the server by itself. "" otherwise.
	Actor AuditActor
}

type originKey struct{}

// maxRequestID is the longest request id taken over from a client.
const maxRequestID = 128

// SaneRequestID reports whether a request id that a client gives can go into logs and headers as it is.
func SaneRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch b := id[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '-' || b == '_' || b == '.' || b == ':' || b == '/' || b == '+' || b == '=':
		default:
			return false
		}
	}
	return true
}

// WithOrigin returns a context that tells where a call came from.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns where a call came from; the zero Origin where nobody has said.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// AuditActions lists every action.
func AuditActions() []AuditAction {
	return []AuditAction{AuditAccountCreated, AuditLogin, AuditLoginFailed, AuditLoginLinked, AuditLoginUnlinked, AuditLogout, AuditLogoutAll, AuditTokenReused, AuditProjectCreated, AuditKeyCreated,
		AuditKeyRefreshed, AuditKeyRevoked, AuditUserErasing, AuditUserErased, AuditPasswordChanged, AuditAccountDeleted,
		AuditRetentionChanged, AuditProjectDeleting, AuditProjectDeleted, AuditMemberInvited, AuditInvitationRevoked, AuditMemberJoined, AuditRoleChanged,
		AuditMemberRemoved, AuditMemberLeft, AuditOperatorOn, AuditOperatorOff, AuditWebhookCreated, AuditWebhookChanged, AuditWebhookDeleted,
		AuditWebhookRotated, AuditWebhookDisabled, AuditEventChanged, AuditEventDeleted, AuditQueuePaused, AuditQueueResumed, AuditJobRetried, AuditJobDiscarded,
		AuditJobCanceled, AuditActionStarted, AuditActionCanceled, AuditActionDone, AuditDeviceCreated, AuditDeviceDeleted, AuditDeviceConfigured, AuditStreamStarted, AuditStreamStopped}
}

// OperatorAuditActions lists the actions by which operators change something of the whole server, and who became one.
func OperatorAuditActions() []AuditAction {
	return []AuditAction{AuditOperatorOn, AuditOperatorOff, AuditQueuePaused, AuditQueueResumed, AuditJobRetried, AuditJobDiscarded, AuditJobCanceled,
		AuditActionStarted, AuditActionCanceled, AuditActionDone}
}
