package service

import (
	"context"
	"errors"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// streamTick is how often a stream looks at its key and session without being told to: a key that was revoked ends its
// streams within it, and a lost signal delays a window by no more.
const streamTick = 2 * time.Second

// streamPage is how many windows a stream reads at once.
const streamPage = 100

// ErrDraining ends a stream because the process stops; the client may connect again at once.
var ErrDraining = errors.New("service: the process stops")

// StreamToken returns a token that lets its bearer follow a session, and how long it is good. Errors: SessionNotFound.
func (s *Sessions) StreamToken(ctx context.Context, p models.Principal, id string) (token string, good time.Duration, err error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return "", 0, err
	}
	token, err = s.cfg.Tokens.IssueStream(auth.StreamGrant{SessionID: ses.ID, ProjectID: p.ProjectID, KeyID: p.KeyID})
	return token, auth.StreamTTL, err
}

// Stream is the right to follow one session.
type Stream struct {
	sessions *Sessions
	grant    auth.StreamGrant
	after    int // number of the last window that the client has
}

// OpenStream checks a stream token. sessionID may be empty; otherwise the token must be for it. after is the number of the
// last window that the client has, nil for windows from now on. Errors: MissingCredentials, InvalidToken, ExpiredToken,
// SessionNotFound.
func (s *Sessions) OpenStream(ctx context.Context, token, sessionID string, after *int) (*Stream, error) {
	if token == "" {
		return nil, models.Errorf(models.MissingCredentials, "This call needs a ws_token.")
	}
	grant, err := s.cfg.Tokens.VerifyStream(token)
	switch {
	case errors.Is(err, auth.ErrExpiredToken):
		return nil, models.NewError(models.ExpiredToken)
	case err != nil:
		return nil, models.NewError(models.InvalidToken).Wrap(err)
	case sessionID != "" && sessionID != grant.SessionID:
		return nil, models.Errorf(models.InvalidToken, "The token is for another session.")
	}
	return s.open(ctx, grant, after)
}

// OpenOwnStream is OpenStream for the bearer of an API key.
func (s *Sessions) OpenOwnStream(ctx context.Context, p models.Principal, id string, after *int) (*Stream, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, auth.StreamGrant{SessionID: ses.ID, ProjectID: p.ProjectID, KeyID: p.KeyID}, after)
}

func (s *Sessions) open(ctx context.Context, g auth.StreamGrant, after *int) (*Stream, error) {
	st := &Stream{sessions: s, grant: g}
	if err := st.checkKey(ctx); err != nil {
		return nil, err
	}
	ses, err := s.get(ctx, g.ProjectID, g.SessionID)
	if err != nil {
		return nil, err
	}
	st.after = ses.WindowCount
	if after != nil {
		st.after = *after
	}
	return st, nil
}

func (st *Stream) checkKey(ctx context.Context) error {
	active, err := st.sessions.cfg.Store.KeyActive(ctx, st.grant.ProjectID, st.grant.KeyID, st.sessions.cfg.Now())
	if err != nil {
		return unavailable(err)
	}
	if !active {
		return models.NewError(models.InvalidAPIKey)
	}
	return nil
}

// StreamEvent is one thing that happened in a session: a window, its end, or nothing for a while.
type StreamEvent struct {
	Window *models.FeatureWindow
	Ended  *models.Session
}

// Run sends every window in the order of writing, then the end of the session, and returns nil. Between them it sends
// empty events now and then. It returns what send returns; InvalidAPIKey when the key is revoked meanwhile;
// SessionNotFound when the session is erased; ErrDraining; or ctx's error. A slow client delays itself alone: what it has
// not read waits in the database.
func (st *Stream) Run(ctx context.Context, send func(StreamEvent) error) error {
	changed, end := st.sessions.cfg.Jobs.Subscribe(st.grant.SessionID)
	defer end()
	tick := time.NewTicker(streamTick)
	defer tick.Stop()
	for {
		// The session is read before the windows: if it is over, all of them are there.
		ses, err := st.sessions.get(ctx, st.grant.ProjectID, st.grant.SessionID)
		if err != nil {
			return err
		}
		if err := st.sendWindows(ctx, send); err != nil {
			return err
		}
		if ses.Over() {
			return send(StreamEvent{Ended: &ses})
		}
		select {
		case <-changed:
		case <-tick.C:
			if err := st.checkKey(ctx); err != nil {
				return err
			}
			if err := send(StreamEvent{}); err != nil {
				return err
			}
		case <-st.sessions.cfg.Jobs.Drained():
			return ErrDraining
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (st *Stream) sendWindows(ctx context.Context, send func(StreamEvent) error) error {
	for {
		found, err := st.sessions.cfg.Store.FeatureWindows(ctx, st.grant.ProjectID, store.WindowListing{
			SessionID: st.grant.SessionID, AfterSeq: &st.after, Limit: streamPage})
		if err != nil {
			return unavailable(err)
		}
		for i := range found {
			if err := send(StreamEvent{Window: &found[i]}); err != nil {
				return err
			}
			st.after = found[i].Seq
		}
		if len(found) < streamPage {
			return nil
		}
	}
}
