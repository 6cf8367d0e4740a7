package auth

import (
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// How long grants are good: a stream's long enough to reconnect during a session, a link's long enough to fetch a file, and both
// short enough to be in a URL.
const (
	StreamTTL   = time.Hour
	DownloadTTL = time.Hour
)

// The uses of grants. Type and audience keep tokens of one signer from standing in for each other.
var (
	streamUse   = use{typ: "ws+jwt", audience: "neurod-ws", ttl: StreamTTL, numbered: true}
	downloadUse = use{typ: "dl+jwt", audience: "neurod-download", ttl: DownloadTTL}
)

type use struct {
	typ, audience string
	ttl           time.Duration
	numbered      bool // each token has an id, so that no two are equal
}

// StreamGrant is what a stream token allows: to follow one session, as long as whoever asked for it may: the key is good, or
// the user is a member of the project.
type StreamGrant struct {
	SessionID string
	ProjectID string
	KeyID     string
	UserID    string // where there is no key
}

// DownloadGrant is what a download token allows: to fetch one version of one model as the key or the user that asked for the
// link, as long as that key is good or that user a member of the project.
type DownloadGrant struct {
	Model     string // name@version
	ProjectID string
	KeyID     string
	UserID    string // where there is no key
}

// grantClaims are the claims of both; the subject is what is granted.
type grantClaims struct {
	jwt.RegisteredClaims
	ProjectID string `json:"project"`
	KeyID     string `json:"key,omitempty"`
	UserID    string `json:"user,omitempty"`
}

// IssueStream returns a token for a grant.
func (t *Tokens) IssueStream(g StreamGrant) (string, error) {
	return t.issueGrant(streamUse, g.SessionID, grantClaims{ProjectID: g.ProjectID, KeyID: g.KeyID, UserID: g.UserID})
}

// VerifyStream returns the grant of a stream token, ErrExpiredToken or ErrInvalidToken.
func (t *Tokens) VerifyStream(raw string) (StreamGrant, error) {
	c, err := t.verifyGrant(streamUse, raw)
	return StreamGrant{SessionID: c.Subject, ProjectID: c.ProjectID, KeyID: c.KeyID, UserID: c.UserID}, err
}

// IssueDownload returns a token for a grant.
func (t *Tokens) IssueDownload(g DownloadGrant) (string, error) {
	return t.issueGrant(downloadUse, g.Model, grantClaims{ProjectID: g.ProjectID, KeyID: g.KeyID, UserID: g.UserID})
}

// VerifyDownload returns the grant of a download token, ErrExpiredToken or ErrInvalidToken.
func (t *Tokens) VerifyDownload(raw string) (DownloadGrant, error) {
	c, err := t.verifyGrant(downloadUse, raw)
	return DownloadGrant{Model: c.Subject, ProjectID: c.ProjectID, KeyID: c.KeyID, UserID: c.UserID}, err
}

func (t *Tokens) issueGrant(u use, subject string, c grantClaims) (string, error) {
	c.RegisteredClaims = t.claims(subject, u.audience, u.ttl)
	if u.numbered {
		c.ID = uuid.NewString()
	}
	return t.sign(u.typ, c)
}

func (t *Tokens) verifyGrant(u use, raw string) (grantClaims, error) {
	var c grantClaims
	if err := t.parse(u.audience, u.typ, raw, &c); err != nil {
		return grantClaims{}, err
	}
	if c.Subject == "" || c.ProjectID == "" || c.KeyID == "" && c.UserID == "" {
		return grantClaims{}, ErrInvalidToken
	}
	return c, nil
}
