// Package accounts holds the use cases of people and projects: sign-up and logins, projects with their members and invitations, API
// keys, the audit log, and the deletion of all of these.
package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Operations are the scopes of Idempotency-Keys, beside the project or the user.
const (
	OperationProject    = "project_create"
	OperationKey        = "key_create"
	OperationKeyRefresh = "key_refresh"
)

// The account that exists in the embedded mode only. Production refuses to start with it, and nobody can sign up
// under its e-mail.
const (
	DemoEmail    = "demo@voxel.dev"
	DemoPassword = "demo1234"
)

// Bounds of what callers give.
const (
	minPassword    = 8    // bytes; NIST SP 800-63B, 5.1.1.2
	maxPassword    = 1024 // bytes
	maxEmail       = 254  // bytes; RFC 5321, 4.5.3.1.3, less the angle brackets
	maxProjectName = 200  // characters
	maxKeyName     = 100  // characters
	maxKeyDays     = 3650
)

// Config is what the use cases of accounts need.
type Config struct {
	// Store keeps the accounts. Required.
	Store Store
	// Passwords hashes passwords. Required.
	Passwords *auth.Passwords
	// Tokens issues access tokens. Required.
	Tokens *auth.Tokens
	// Jobs runs the deletion of projects. Defaults to none: the jobs are stored, and handed over by a process that has an engine.
	Jobs Jobs
	// Throttle limits guessing. Required.
	Throttle *limit.Limiter
	// SignupDisabled lets nobody make an account. Defaults to false.
	SignupDisabled bool
	// ProviderSignup makes an account for who logs in through a provider and has none. Defaults to false.
	ProviderSignup bool
	// PasswordsDisabled lets nobody log in or sign up with a password. Defaults to false.
	PasswordsDisabled bool
	// SignupsPerHour limits the accounts made from one address. Defaults to 60.
	SignupsPerHour int
	// LoginFailures limits wrong passwords for one e-mail from one address in 15 min; ten times as many for one e-mail
	// from everywhere, so that one address cannot lock an account's owner out, and from one address for all e-mails.
	// Defaults to 10.
	LoginFailures int
	// RefreshTTL is how long a refresh token is good. Defaults to 30 days.
	RefreshTTL time.Duration
	// KeyCacheTTL is how long a process trusts what it knows about a key: a revocation takes effect at once in the
	// process that made it and within this time in all others. Defaults to 3 s.
	KeyCacheTTL time.Duration
	// MaxProjects limits the projects that a user owns. Defaults to 100.
	MaxProjects int
	// MaxMembers limits the members of a project together with the open invitations into it. Defaults to 100.
	MaxMembers int
	// InvitationTTL is how long an invitation can be accepted. Defaults to 7 days.
	InvitationTTL time.Duration
	// MaxKeys limits the keys of a project that are not revoked. Defaults to 100.
	MaxKeys int
	// MaxRate bounds the rates that keys may carry, in requests a minute; bursts may be twice as large. A family whose
	// own rate is higher takes up to that. Defaults to 6,000.
	MaxRate int
	// MaxLicense is the highest tier that a key may be given. Defaults to models.LicenseCommercial.
	MaxLicense models.License
	// Rates are the families' own, for MaxRate. Defaults to none.
	Rates map[models.LimitFamily]limit.Rate
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log takes what callers are not told. Defaults to slog.Default().
	Log *slog.Logger
	// PayloadRetention and JobRetention are how long the server keeps recordings of jobs and jobs: projects keep them no longer. Default to no bound.
	PayloadRetention, JobRetention time.Duration
}

// Service is who may use the service: users, their projects, and the keys by which programs act for a project.
// It is safe for concurrent use.
type Service struct {
	cfg  Config
	keys keyCache
}

// New returns the use cases of accounts.
func New(cfg Config) *Service {
	setDefault(&cfg.SignupsPerHour, 60)
	setDefault(&cfg.LoginFailures, 10)
	setDefault(&cfg.RefreshTTL, 30*24*time.Hour)
	setDefault(&cfg.KeyCacheTTL, 3*time.Second)
	setDefault(&cfg.MaxProjects, 100)
	setDefault(&cfg.MaxKeys, 100)
	setDefault(&cfg.MaxMembers, 100)
	setDefault(&cfg.InvitationTTL, 7*24*time.Hour)
	setDefault(&cfg.MaxRate, 6000)
	if cfg.MaxLicense == "" {
		cfg.MaxLicense = models.LicenseCommercial
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Service{cfg: cfg, keys: keyCache{ttl: cfg.KeyCacheTTL, entries: map[string]cachedKey{}}}
}

func setDefault[T ~int | ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Credentials are an e-mail and a password, and the address they came from.
type Credentials struct {
	Email    string
	Password string
	Remote   string // the client's IP address, for the throttle
	// Invitation is the token of an invitation that a sign-up accepts, "" for none.
	Invitation string
}

// Login is what a login gives: a short-lived access token and the refresh token that renews it once.
type Login struct {
	UserID       string
	AccessToken  string
	ExpiresIn    time.Duration // of the access token
	RefreshToken string
	RefreshFor   time.Duration // how long that is good
}

// Signup makes an account and logs it in. With the token of an invitation it also accepts it, and that is possible
// where sign-up is disabled. Errors: InvalidRequestBody, EmailTaken, SignupDisabled, RateLimited; InvitationNotFound as in
// AcceptInvitation, and then no account is made; PasswordLoginDisabled.
func (a *Service) Signup(ctx context.Context, c Credentials) (models.User, Login, error) {
	if a.cfg.PasswordsDisabled {
		return models.User{}, Login{}, models.NewError(models.PasswordLoginDisabled)
	}
	if a.cfg.SignupDisabled && c.Invitation == "" {
		return models.User{}, Login{}, models.NewError(models.SignupDisabled)
	}
	email, err := checkCredentials(c)
	if err != nil {
		return models.User{}, Login{}, err
	}
	if err := a.countSignup(ctx, c.Remote); err != nil {
		return models.User{}, Login{}, err
	}
	if email == DemoEmail {
		return models.User{}, Login{}, models.NewError(models.EmailTaken)
	}
	u, err := a.signUp(ctx, email, c.Password, c.Invitation)
	if err != nil {
		return models.User{}, Login{}, err
	}
	s, err := a.newLogin(ctx, u.ID, "")
	return u, s, err
}

// countSignup counts an account that is to be made for an address. Error: RateLimited.
func (a *Service) countSignup(ctx context.Context, remote string) error {
	rate := limit.Rate{Requests: a.cfg.SignupsPerHour, Per: time.Hour}
	if d := a.cfg.Throttle.Take(ctx, "signup ip "+service.Network(remote), rate); d.Wait > 0 {
		return service.Limited(d, a.cfg.Now())
	}
	return nil
}

func (a *Service) signUp(ctx context.Context, email, password, invitation string) (models.User, error) {
	if invitation == "" {
		u, err := a.createUser(ctx, email, password)
		return u, signupError(err)
	}
	if err := checkInvitation(invitation); err != nil {
		return models.User{}, err
	}
	hash := auth.HashSecret(invitation)
	if _, err := a.cfg.Store.OpenInvitation(ctx, hash, email, a.cfg.Now()); err != nil { // before a password is hashed for nobody
		return models.User{}, signupError(err)
	}
	u, err := a.newUser(ctx, email, password)
	if err == nil {
		_, err = a.cfg.Store.CreateInvitedUser(ctx, u, hash)
	}
	return u, signupError(err)
}

// signupError is the error of a sign-up that failed, nil for none.
func signupError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrDuplicate):
		return models.NewError(models.EmailTaken)
	case errors.Is(err, store.ErrNotFound):
		return noInvitation()
	}
	return service.Unavailable(err)
}

func (a *Service) newUser(ctx context.Context, email, password string) (models.User, error) {
	hash, err := a.cfg.Passwords.Hash(ctx, password)
	return models.User{ID: models.NewID(), Email: email, PasswordHash: hash, CreatedAt: a.cfg.Now().UTC()}, err
}

func (a *Service) createUser(ctx context.Context, email, password string) (models.User, error) {
	u, err := a.newUser(ctx, email, password)
	if err != nil {
		return models.User{}, err
	}
	return u, a.cfg.Store.CreateUser(ctx, u)
}

// checkCredentials returns the normalized e-mail, or an error that names what is wrong with e-mail and password.
func checkCredentials(c Credentials) (string, error) {
	e := models.NewError(models.InvalidRequestBody)
	email, ok := NormalizeEmail(c.Email)
	if !ok {
		e.Fields = append(e.Fields, models.FieldError{Path: models.At("email"), Code: "not_email", Message: "must be an e-mail address"})
	}
	if fault := passwordFault(c.Password); fault != nil {
		e.Fields = append(e.Fields, *fault)
	}
	if len(e.Fields) > 0 {
		return "", e
	}
	return email, nil
}

// passwordFault says what is wrong with a password to be, nil for nothing.
func passwordFault(password string) *models.FieldError {
	switch n := len(password); {
	case n < minPassword:
		return &models.FieldError{Path: models.At("password"), Code: "too_short", Message: fmt.Sprintf("must have at least %d bytes", minPassword)}
	case n > maxPassword:
		return &models.FieldError{Path: models.At("password"), Code: "too_long", Message: fmt.Sprintf("must have at most %d bytes", maxPassword)}
	}
	return nil
}

// NormalizeEmail returns an e-mail without space around it and in lower case, so that one mailbox has one account;
// false for what is not an address.
func NormalizeEmail(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) > maxEmail || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", false
	}
	addr, err := mail.ParseAddress(s)
	if err != nil || addr.Name != "" || addr.Address != s {
		return "", false
	}
	return s, true
}

// loginWindow is the time over which wrong passwords are counted.
const loginWindow = 15 * time.Minute

// Login checks the password and begins a login. Errors: InvalidCredentials for an unknown e-mail, for an account without a password and for a wrong
// password alike, after the same work; RateLimited; PasswordLoginDisabled.
func (a *Service) Login(ctx context.Context, c Credentials) (Login, error) {
	if a.cfg.PasswordsDisabled {
		return Login{}, models.NewError(models.PasswordLoginDisabled)
	}
	email, known := NormalizeEmail(c.Email)
	if !known || len(c.Password) > maxPassword {
		email = "" // there is no such account, and the attempt counts for the address
	}
	from := service.Network(c.Remote)
	type counted struct {
		key  string
		rate limit.Rate
	}
	few, many := limit.Rate{Requests: a.cfg.LoginFailures, Per: loginWindow}, limit.Rate{Requests: 10 * a.cfg.LoginFailures, Per: loginWindow}
	limits := []counted{{"login ip " + from, many}}
	if email != "" {
		limits = append(limits, counted{"login ip " + from + " email " + email, few}, counted{"login email " + email, many})
	}
	refund := func(n int) {
		for _, l := range limits[:n] {
			a.cfg.Throttle.Refund(ctx, l.key, l.rate)
		}
	}
	for i, l := range limits {
		if d := a.cfg.Throttle.Take(ctx, l.key, l.rate); d.Wait > 0 {
			refund(i) // what one limit refuses does not count for the others
			return Login{}, service.Limited(d, a.cfg.Now())
		}
	}

	var u models.User
	err := store.ErrNotFound
	if email != "" {
		u, err = a.cfg.Store.UserByEmail(ctx, email)
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && !u.HasPassword() {
		if err := a.cfg.Passwords.VerifyNone(ctx, c.Password[:min(len(c.Password), maxPassword)]); err != nil {
			refund(len(limits))
			return Login{}, service.Unavailable(err)
		}
		return Login{}, models.NewError(models.InvalidCredentials)
	}
	if err != nil {
		refund(len(limits))
		return Login{}, service.Unavailable(err)
	}
	ok, stale, err := a.cfg.Passwords.Verify(ctx, u.PasswordHash, c.Password)
	if err != nil {
		refund(len(limits))
		if errors.Is(err, auth.ErrMalformedHash) {
			return Login{}, fmt.Errorf("user %s: %w", u.ID, err)
		}
		return Login{}, service.Unavailable(err)
	}
	if !ok {
		a.noteFailed(ctx, u.ID, nil)
		return Login{}, models.NewError(models.InvalidCredentials)
	}
	refund(len(limits))
	if stale {
		a.rehash(ctx, u, c.Password)
	}
	return a.newLogin(ctx, u.ID, "")
}

// noteFailed notes a failed login in the audit log. That it fails changes nothing of the answer.
func (a *Service) noteFailed(ctx context.Context, userID string, details map[string]any) {
	failed := models.AuditEvent{AccountID: &userID, ActorKind: models.ActorAnonymous, Action: models.AuditLoginFailed, Subject: userID}
	if err := a.cfg.Store.AppendAudit(ctx, failed, details); err != nil {
		a.cfg.Log.WarnContext(ctx, "failed login not noted in the audit log", "user_id", userID, "error", err)
	}
}

// rehash stores the password at today's cost. That it fails is not a reason to refuse a login.
func (a *Service) rehash(ctx context.Context, u models.User, password string) {
	hash, err := a.cfg.Passwords.Hash(ctx, password)
	if err == nil {
		err = a.cfg.Store.ReplacePasswordHash(ctx, u.ID, u.PasswordHash, hash)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		a.cfg.Log.WarnContext(ctx, "password not hashed anew", "user_id", u.ID, "error", err)
	}
}

// newLogin starts a family of refresh tokens, for a login through the provider with an issuer or, with "", by a password.
func (a *Service) newLogin(ctx context.Context, userID, issuer string) (Login, error) {
	raw, token := a.refreshToken()
	token.UserID, token.Family = userID, token.ID
	if err := a.cfg.Store.CreateRefreshToken(ctx, token, issuer); err != nil {
		return Login{}, service.Unavailable(err)
	}
	return a.login(userID, raw)
}

func (a *Service) refreshToken() (raw string, t models.RefreshToken) {
	now := a.cfg.Now().UTC()
	raw = auth.NewRefreshToken()
	return raw, models.RefreshToken{ID: models.NewID(), Hash: auth.HashSecret(raw), CreatedAt: now, ExpiresAt: now.Add(a.cfg.RefreshTTL)}
}

func (a *Service) login(userID, refresh string) (Login, error) {
	access, err := a.cfg.Tokens.Issue(userID)
	if err != nil {
		return Login{}, fmt.Errorf("issue a token: %w", err)
	}
	return Login{UserID: userID, AccessToken: access, ExpiresIn: a.cfg.Tokens.TTL(), RefreshToken: refresh, RefreshFor: a.cfg.RefreshTTL}, nil
}

// Refresh exchanges a refresh token for a new access token and the next refresh token. A token works once: the second use
// revokes every token that came from the same login, because one of the two users has a copy. Error: InvalidToken.
func (a *Service) Refresh(ctx context.Context, refreshToken string) (Login, error) {
	return a.refresh(ctx, refreshToken, 0)
}

// sharedUse is how long after its first use a token that several pages of a browser share may be used again: two that are opened at once
// send the same, and one whose answer was lost sends it again (RFC 9700, section 4.14.2, leaves room for that).
const sharedUse = 30 * time.Second

// RefreshShared is Refresh of a token in a browser's cookie, which all its pages share: it may come again within sharedUse, and then each
// use has a token of its own. No script can read the cookie, so that a copy is harder to get than of other clients' tokens.
func (a *Service) RefreshShared(ctx context.Context, refreshToken string) (Login, error) {
	return a.refresh(ctx, refreshToken, sharedUse)
}

func (a *Service) refresh(ctx context.Context, refreshToken string, again time.Duration) (Login, error) {
	if !auth.WellFormedRefreshToken(refreshToken) {
		return Login{}, models.Errorf(models.InvalidToken, "The refresh token is not valid.")
	}
	raw, next := a.refreshToken()
	got, err := a.cfg.Store.RotateRefreshToken(ctx, auth.HashSecret(refreshToken), next, again)
	switch {
	case errors.Is(err, store.ErrTokenReused):
		a.cfg.Log.WarnContext(ctx, "refresh token used twice; its family is revoked")
		fallthrough
	case errors.Is(err, store.ErrNotFound):
		return Login{}, models.Errorf(models.InvalidToken, "The refresh token is not valid.")
	case err != nil:
		return Login{}, service.Unavailable(err)
	}
	return a.login(got.UserID, raw)
}

// Logout revokes every refresh token that came from the same login as this one. Access tokens live on until they
// expire. An unknown token is not an error.
func (a *Service) Logout(ctx context.Context, refreshToken string) error {
	if !auth.WellFormedRefreshToken(refreshToken) {
		return nil
	}
	if err := a.cfg.Store.RevokeRefreshFamily(ctx, auth.HashSecret(refreshToken), a.cfg.Now()); err != nil {
		return service.Unavailable(err)
	}
	return nil
}

// LogoutEverywhere ends every login of a user. Access tokens live on until they expire.
func (a *Service) LogoutEverywhere(ctx context.Context, p models.Principal) error {
	id, err := user(p)
	if err != nil {
		return err
	}
	if err := a.cfg.Store.RevokeLogins(ctx, id, a.cfg.Now()); err != nil {
		return service.Absent(err, models.InvalidToken)
	}
	return nil
}

// Account returns the user who has logged in. Error: InvalidToken where the account is gone and its token not yet expired.
func (a *Service) Account(ctx context.Context, p models.Principal) (models.User, error) {
	id, err := user(p)
	if err != nil {
		return models.User{}, err
	}
	u, err := a.cfg.Store.UserByID(ctx, id)
	if err != nil {
		return models.User{}, service.Absent(err, models.InvalidToken)
	}
	return u, nil
}

// SignupOpen reports whether anybody may make an account, with a password.
func (a *Service) SignupOpen() bool { return !a.cfg.SignupDisabled && !a.cfg.PasswordsDisabled }

// PasswordsOpen reports whether one may log in with a password.
func (a *Service) PasswordsOpen() bool { return !a.cfg.PasswordsDisabled }

// EnterProject returns a user's principal within a project of which they are a member. The database is asked every time: who is
// removed is out with the next call. Errors: ProjectRequired for no project; ProjectNotFound for one that is absent, or of which
// the user is not a member.
func (a *Service) EnterProject(ctx context.Context, p models.Principal, projectID string) (models.Principal, error) {
	userID, err := user(p)
	if err != nil {
		return models.Principal{}, err
	}
	if projectID == "" {
		return models.Principal{}, models.NewError(models.ProjectRequired)
	}
	id, ok := models.ParseID(projectID)
	if !ok {
		return models.Principal{}, models.NewError(models.ProjectNotFound)
	}
	m, err := a.cfg.Store.Membership(ctx, id, userID)
	if err != nil {
		return models.Principal{}, service.Absent(err, models.ProjectNotFound)
	}
	return models.Principal{UserID: userID, ProjectID: id, Role: m.Role, License: a.cfg.MaxLicense}, nil
}

// EnterSoleProject returns a user's principal within the only project that they are in, for ways in whose clients name none. Errors: ProjectRequired where
// there are more or none.
func (a *Service) EnterSoleProject(ctx context.Context, p models.Principal) (models.Principal, error) {
	found, err := a.ListProjects(ctx, p)
	if err != nil {
		return models.Principal{}, err
	}
	if len(found) == 1 {
		return a.EnterProject(ctx, p, found[0].ID)
	}
	e := models.NewError(models.ProjectRequired)
	e.Details = map[string]any{"projects": len(found)}
	return models.Principal{}, e
}

// within returns a user's principal in a project where they have a right. Errors are those of EnterProject, and
// InsufficientRole. What changes something asks again in its transaction (store.ErrForbidden).
func (a *Service) within(ctx context.Context, p models.Principal, projectID string, right models.Right) (models.Principal, error) {
	id, ok := models.ParseID(projectID)
	if _, err := user(p); err == nil && !ok {
		return models.Principal{}, models.NewError(models.ProjectNotFound)
	}
	if p.ProjectID != id || p.Role == "" {
		var err error
		if p, err = a.EnterProject(ctx, models.Principal{UserID: p.UserID}, id); err != nil {
			return models.Principal{}, err
		}
	}
	return p, service.Authorize(p, right)
}

// refused is the error of a call of a user in a project that the store refused.
func refused(err error, p models.Principal, right models.Right, code models.Code) error {
	if errors.Is(err, store.ErrForbidden) { // the role has changed since it was looked up
		return service.InsufficientRole(p.Role, right)
	}
	return service.Absent(err, code)
}

// LooksLikeToken reports whether a credential has the form of an access token, good or not.
func (a *Service) LooksLikeToken(raw string) bool { return auth.LooksLikeToken(raw) }

// otherKind names the kind of a credential that is not of the kind that a call needs, so that its sender learns which one it needs.
// A credential of no known kind keeps the error's own words.
func otherKind(code models.Code, raw, due string) *models.Error {
	is := ""
	switch {
	case auth.WellFormedKey(raw):
		is = "an API key"
	case auth.WellFormedRefreshToken(raw):
		is = "a refresh token"
	case auth.LooksLikeToken(raw):
		is = "an access token or the token of a link"
	}
	if is == "" {
		return models.NewError(code)
	}
	return models.Errorf(code, "This is %s; this call needs %s.", is, due)
}

// The credentials that calls need, as errors name them.
const (
	dueKey   = "an API key of a project"
	dueLogin = "an access token"
)

// AuthenticateToken returns the user of an access token: InvalidToken or ExpiredToken otherwise.
func (a *Service) AuthenticateToken(_ context.Context, token string) (models.Principal, error) {
	userID, err := a.cfg.Tokens.Verify(token)
	switch {
	case errors.Is(err, auth.ErrExpiredToken):
		return models.Principal{}, models.NewError(models.ExpiredToken)
	case err != nil:
		if auth.LooksLikeToken(token) { // of the right form, and not good
			return models.Principal{}, models.NewError(models.InvalidToken).Wrap(err)
		}
		return models.Principal{}, otherKind(models.InvalidToken, token, dueLogin).Wrap(err)
	}
	return models.Principal{UserID: userID}, nil
}

// touchInterval is how exact a key's last use is.
const touchInterval = time.Minute

// AuthenticateKey returns the project and scopes of a raw API key: InvalidAPIKey for an unknown, malformed or revoked
// one, ExpiredAPIKey for one past its time.
func (a *Service) AuthenticateKey(ctx context.Context, rawKey string) (models.Principal, error) {
	if !auth.WellFormedKey(rawKey) {
		return models.Principal{}, otherKind(models.InvalidAPIKey, rawKey, dueKey)
	}
	hash := auth.HashSecret(rawKey)
	now := a.cfg.Now()
	key, known, epoch := a.keys.get(hash, now)
	if !known {
		var err error
		key, err = a.cfg.Store.KeyByHash(ctx, hash)
		if errors.Is(err, store.ErrNotFound) {
			return models.Principal{}, models.NewError(models.InvalidAPIKey)
		}
		if err != nil {
			return models.Principal{}, service.Unavailable(err)
		}
		if key.RevokedAt == nil && (key.ExpiresAt == nil || now.Before(*key.ExpiresAt)) {
			a.touch(ctx, key, now)
			a.keys.put(hash, key, now, epoch) // as of the time before it was read
		}
	}
	return a.principal(key)
}

// touch notes the use of a key about once a minute. That it fails is not a reason to refuse a request.
func (a *Service) touch(ctx context.Context, key models.APIKey, now time.Time) {
	if key.LastUsedAt != nil && now.Sub(*key.LastUsedAt) < touchInterval {
		return
	}
	if err := a.cfg.Store.TouchKey(ctx, key.ID, now, now.Add(-touchInterval)); err != nil && ctx.Err() == nil {
		a.cfg.Log.WarnContext(ctx, "use of a key not noted", "key_id", key.ID, "error", err)
	}
}

// user returns the user of a principal. Programs that act through a key manage no accounts.
func user(p models.Principal) (string, error) {
	if p.UserID == "" {
		return "", models.NewError(models.MissingCredentials)
	}
	return p.UserID, nil
}

// CreateProject makes a project of the user's. Error: InvalidRequestBody.
func (a *Service) CreateProject(ctx context.Context, p models.Principal, name string) (models.Project, error) {
	owner, err := user(p)
	if err != nil {
		return models.Project{}, err
	}
	name, err = checkName(name, maxProjectName)
	if err != nil {
		return models.Project{}, err
	}
	project := models.Project{ID: models.NewID(), Name: name, CreatedAt: a.cfg.Now().UTC().Truncate(time.Microsecond)}
	err = a.cfg.Store.CreateProject(ctx, project, owner, a.cfg.MaxProjects)
	switch {
	case errors.Is(err, store.ErrTooMany):
		return models.Project{}, models.Errorf(models.InvalidRequestBody, "This account owns %d projects, the most it may own.", a.cfg.MaxProjects)
	case errors.Is(err, store.ErrNotFound): // the account is gone, its token not yet expired
		return models.Project{}, models.NewError(models.InvalidToken)
	case err != nil:
		return models.Project{}, service.Unavailable(err)
	}
	return project, nil
}

// OwnProject is a project with what the user is in it who asked.
type OwnProject = store.OwnProject

// ListProjects returns the projects of which the user is a member, oldest first.
func (a *Service) ListProjects(ctx context.Context, p models.Principal) ([]OwnProject, error) {
	userID, err := user(p)
	if err != nil {
		return nil, err
	}
	out, err := a.cfg.Store.Projects(ctx, userID)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return out, nil
}

// GetProject returns a project of which the user is a member, or ProjectNotFound.
func (a *Service) GetProject(ctx context.Context, p models.Principal, id string) (OwnProject, error) {
	userID, err := user(p)
	if err != nil {
		return OwnProject{}, err
	}
	id, ok := models.ParseID(id)
	if !ok {
		return OwnProject{}, models.NewError(models.ProjectNotFound)
	}
	project, err := a.cfg.Store.Project(ctx, userID, id)
	if err != nil {
		return OwnProject{}, service.Absent(err, models.ProjectNotFound)
	}
	return project, nil
}

// NewKey describes a key to make.
type NewKey struct {
	Name          string
	Scopes        []models.Scope // nil for all
	ExpiresAt     *time.Time     // nil for never
	ExpiresInDays *int           // instead of ExpiresAt
	RateLimits    map[models.LimitFamily]NewRateLimit
	License       models.License // "" for free
}

// NewRateLimit describes a rate that a key is to carry.
type NewRateLimit struct {
	PerMinute *int // required
	Burst     *int // nil for twice the rate
}

// CreateKey makes a key for a project and returns it with its raw text, which is kept nowhere. The key is the project's: it
// stays when the user who made it goes. Errors: InvalidRequestBody, ProjectNotFound, InsufficientRole.
func (a *Service) CreateKey(ctx context.Context, p models.Principal, projectID string, n NewKey) (models.APIKey, string, error) {
	p, err := a.within(ctx, p, projectID, models.RightKeys)
	if err != nil {
		return models.APIKey{}, "", err
	}
	now := a.cfg.Now().UTC().Truncate(time.Microsecond)
	key, err := a.check(n, now)
	if err != nil {
		return models.APIKey{}, "", err
	}
	raw := auth.NewKey()
	key.ID, key.ProjectID, key.CreatedBy, key.CreatedAt = models.NewID(), p.ProjectID, &p.UserID, now
	key.Hash, key.LastFour = auth.HashSecret(raw), auth.LastFour(raw)
	err = a.cfg.Store.CreateKey(ctx, p.UserID, key, a.cfg.MaxKeys)
	switch {
	case errors.Is(err, store.ErrTooMany):
		return models.APIKey{}, "", models.Errorf(models.InvalidRequestBody, "This project has %d keys, the most it may have; revoke one first.", a.cfg.MaxKeys)
	case err != nil:
		return models.APIKey{}, "", refused(err, p, models.RightKeys, models.ProjectNotFound)
	}
	return key, raw, nil
}

// check returns the key that is described, or an error that names every wrong field.
//
//nolint:gocyclo // one guard for each field
func (a *Service) check(n NewKey, now time.Time) (models.APIKey, error) {
	e := models.NewError(models.InvalidRequestBody)
	wrong := func(path models.Path, code, format string, args ...any) {
		e.Fields = append(e.Fields, models.FieldError{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
	}
	var key models.APIKey
	name, err := checkName(n.Name, maxKeyName)
	if err != nil {
		e.Fields = append(e.Fields, models.AsError(err).Fields...)
	}
	key.Name = name
	switch {
	case n.Scopes == nil:
		key.Scopes = models.Scopes()
	case len(n.Scopes) == 0:
		wrong(models.At("scopes"), "too_few", "must name at least one scope; leave it out for all")
	}
	for i, s := range n.Scopes {
		switch {
		case !s.Valid():
			wrong(models.At("scopes").Index(i), "not_allowed", "must be one of %v", models.Scopes())
		case !slices.Contains(key.Scopes, s):
			key.Scopes = append(key.Scopes, s)
		}
	}
	switch {
	case n.ExpiresAt != nil && n.ExpiresInDays != nil:
		wrong(models.At("expires_in_days"), "conflict", "cannot be used together with expires_at")
	case n.ExpiresAt != nil:
		at := n.ExpiresAt.UTC().Truncate(time.Microsecond)
		switch {
		case !at.After(now):
			wrong(models.At("expires_at"), "in_the_past", "must be in the future")
		case at.After(now.AddDate(0, 0, maxKeyDays)):
			wrong(models.At("expires_at"), "too_large", "must be at most %d days ahead; leave it out for never", maxKeyDays)
		}
		key.ExpiresAt = &at
	case n.ExpiresInDays != nil:
		if *n.ExpiresInDays < 1 || *n.ExpiresInDays > maxKeyDays {
			wrong(models.At("expires_in_days"), "out_of_range", "must be from 1 to %d", maxKeyDays)
			break
		}
		at := now.AddDate(0, 0, *n.ExpiresInDays)
		key.ExpiresAt = &at
	}
	switch key.License = n.License; {
	case n.License == "":
		key.License = models.LicenseFree
	case !n.License.Valid():
		wrong(models.At("license"), "not_allowed", "must be one of %v", models.Licenses())
	case !a.cfg.MaxLicense.Covers(n.License):
		wrong(models.At("license"), "not_granted", "must be at most %s, the highest tier that this server grants", a.cfg.MaxLicense)
	}
	for _, family := range slices.Sorted(maps.Keys(n.RateLimits)) {
		at := models.At("rate_limits", string(family))
		if !slices.Contains(models.KeyLimitFamilies(), family) {
			wrong(at, "not_allowed", "must be one of %v", models.KeyLimitFamilies())
			continue
		}
		most := max(a.cfg.MaxRate, a.cfg.Rates[family].Requests)
		r := n.RateLimits[family]
		if r.PerMinute == nil {
			wrong(at.Name("per_minute"), "required", "is required")
			continue
		}
		burst := 2 * *r.PerMinute
		if r.Burst != nil {
			burst = *r.Burst
		}
		if *r.PerMinute < 1 || *r.PerMinute > most {
			wrong(at.Name("per_minute"), "out_of_range", "must be from 1 to %d", most)
		} else if burst < 1 || burst > 2*most {
			wrong(at.Name("burst"), "out_of_range", "must be from 1 to %d", 2*most)
		}
		if key.RateLimits == nil {
			key.RateLimits = models.RateLimits{}
		}
		key.RateLimits[family] = models.RateLimit{PerMinute: *r.PerMinute, Burst: burst}
	}
	if len(e.Fields) > 0 {
		return models.APIKey{}, e
	}
	return key, nil
}

// ListKeys returns the keys of a project that are not revoked, oldest first. Errors: ProjectNotFound, InsufficientRole.
func (a *Service) ListKeys(ctx context.Context, p models.Principal, projectID string) ([]models.APIKey, error) {
	p, err := a.within(ctx, p, projectID, models.RightKeys)
	if err != nil {
		return nil, err
	}
	keys, err := a.cfg.Store.Keys(ctx, p.UserID, p.ProjectID)
	if err != nil {
		return nil, refused(err, p, models.RightKeys, models.ProjectNotFound)
	}
	return keys, nil
}

// RevokeKey revokes a key of a project with all that were refreshed from it, for good: whoever held a copy of a key may have
// refreshed it. Errors: KeyNotFound when there is none, when it is revoked already, or the user is not a member of the project;
// InsufficientRole. It takes effect at once in this process, and in others within Config.KeyCacheTTL.
func (a *Service) RevokeKey(ctx context.Context, p models.Principal, projectID, keyID string) error {
	p, err := a.within(ctx, p, projectID, models.RightKeys)
	if models.CodeOf(err) == models.ProjectNotFound {
		return models.NewError(models.KeyNotFound)
	}
	if err != nil {
		return err
	}
	keyID, ok := models.ParseID(keyID)
	if !ok {
		return models.NewError(models.KeyNotFound)
	}
	hashes, err := a.cfg.Store.RevokeKey(ctx, p.UserID, p.ProjectID, keyID, a.cfg.Now())
	if err != nil {
		return refused(err, p, models.RightKeys, models.KeyNotFound)
	}
	a.keys.drop(hashes...)
	return nil
}

// SeedDemo makes the demo account where it is missing. For the embedded mode only.
func (a *Service) SeedDemo(ctx context.Context) error {
	switch _, err := a.cfg.Store.UserByEmail(ctx, DemoEmail); {
	case err == nil:
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	ctx = models.WithOrigin(ctx, models.Origin{Actor: models.ActorSystem})
	u, err := a.createUser(ctx, DemoEmail, DemoPassword)
	if errors.Is(err, store.ErrDuplicate) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.cfg.Store.SetOperator(ctx, u.ID, true) // of a server that this machine alone can reach
}

// FirstOperator makes the account with an e-mail an operator where the server has none, and makes the account where it is missing and a
// password is given. It returns the operator, nil where it changed nothing. Errors: ErrNoUser, InvalidRequestBody.
func (a *Service) FirstOperator(ctx context.Context, email, password string) (*models.User, error) {
	some, err := a.cfg.Store.HasOperator(ctx)
	if err != nil || some {
		return nil, err
	}
	ctx = models.WithOrigin(ctx, models.Origin{Actor: models.ActorSystem})
	u, err := a.byEmail(ctx, email)
	if errors.Is(err, ErrNoUser) && password != "" {
		u, err = a.AddUser(ctx, email, password)
		if err != nil && models.AsError(err).Code == models.EmailTaken { // another process was faster
			u, err = a.byEmail(ctx, email)
		}
	}
	if err != nil {
		return nil, err
	}
	u.Operator = true
	return &u, a.cfg.Store.SetOperator(ctx, u.ID, true)
}

// ErrDemoAccount says that a production database holds the demo account.
var ErrDemoAccount = errors.New("the database holds the demo account " + DemoEmail + ", whose password is public: remove it before production starts")

// RefuseDemo returns ErrDemoAccount where the demo account exists. Production must not start then.
func (a *Service) RefuseDemo(ctx context.Context) error {
	switch _, err := a.cfg.Store.UserByEmail(ctx, DemoEmail); {
	case err == nil:
		return ErrDemoAccount
	case errors.Is(err, store.ErrNotFound):
		return nil
	default:
		return err
	}
}

// checkName returns a name without space around it, or an error about /name.
func checkName(s string, most int) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", models.InvalidField(models.At("name"), "required", "is required")
	case utf8.RuneCountInString(s) > most:
		return "", models.InvalidField(models.At("name"), "too_long", "must have at most %d characters", most)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", models.InvalidField(models.At("name"), "invalid", "must not contain control characters")
	}
	return s, nil
}

// keyCache remembers good keys for a short while, so that a stream of requests does not ask the database each time.
type keyCache struct {
	ttl     time.Duration
	mu      sync.Mutex
	entries map[string]cachedKey // by hash
	epoch   int                  // counts drops
}

type cachedKey struct {
	key   models.APIKey
	until time.Time
}

// maxCachedKeys bounds the memory of the cache.
const maxCachedKeys = 10_000

func (c *keyCache) get(hash string, now time.Time) (key models.APIKey, ok bool, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[hash]
	if !ok || !now.Before(e.until) {
		return models.APIKey{}, false, c.epoch
	}
	return e.key, true, c.epoch
}

// put remembers what the database said about a key at a time not before asOf, unless a key was dropped since epoch:
// then what the database said may be from before.
func (c *keyCache) put(hash string, key models.APIKey, asOf time.Time, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	if len(c.entries) >= maxCachedKeys {
		clear(c.entries)
	}
	c.entries[hash] = cachedKey{key, asOf.Add(c.ttl)}
}

func (c *keyCache) dropAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	clear(c.entries)
}

func (c *keyCache) drop(hashes ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for _, hash := range hashes {
		delete(c.entries, hash)
	}
}
