package live

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// keepTick is how often the rights of all followers are looked at: a key that was revoked and a member who was removed end what they follow
// within it, and what a lost signal has left is found.
const keepTick = 2 * time.Second

// streamsRetry is when a client whose key or project follows too many sessions should try again.
const streamsRetry = 5 * time.Second

// Token returns a token that lets its bearer follow a session, and how long it is good. Errors: SessionNotFound, and those of rights.
func (s *Service) Token(ctx context.Context, p models.Principal, id string) (token string, good time.Duration, err error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return "", 0, err
	}
	id, ok := models.ParseID(id)
	if !ok {
		return "", 0, models.NewError(models.SessionNotFound)
	}
	ses, err := s.session(ctx, p.ProjectID, id)
	if err != nil {
		return "", 0, err
	}
	token, err = s.cfg.Tokens.IssueStream(grantOf(p, ses.ID))
	return token, auth.StreamTTL, err
}

func grantOf(p models.Principal, sessionID string) auth.StreamGrant {
	return auth.StreamGrant{SessionID: sessionID, ProjectID: p.ProjectID, KeyID: p.KeyID, UserID: p.UserID}
}

// FollowToken is Follow for the bearer of a token of Token. Request.SessionID may be empty; otherwise the token must be for it. Errors: MissingCredentials,
// InvalidToken, ExpiredToken, SessionNotFound, TooManyStreams.
func (s *Service) FollowToken(ctx context.Context, token string, r Request) (*Follower, error) {
	if token == "" {
		return nil, models.Errorf(models.MissingCredentials, "This call needs a ws_token.")
	}
	grant, err := s.cfg.Tokens.VerifyStream(token)
	switch {
	case errors.Is(err, auth.ErrExpiredToken):
		return nil, models.NewError(models.ExpiredToken)
	case err != nil:
		return nil, models.NewError(models.InvalidToken).Wrap(err)
	case r.SessionID != "" && r.SessionID != grant.SessionID:
		return nil, models.Errorf(models.InvalidToken, "The token is for another session.")
	}
	r.SessionID = grant.SessionID
	return s.follow(ctx, grant, r)
}

// streams counts the streams of a process that are open, for each key or user and for each project, and holds them to
// limits: a stream is a connection with its buffers, and a client may open one after another with the same token.
type streams struct {
	mu         sync.Mutex
	of         map[string]int // by key or user, and by project
	perKey     int            // 0 for no limit
	perProject int
}

// take counts one more stream, until leave. Error: TooManyStreams.
func (s *streams) take(g auth.StreamGrant) error {
	holder, what := "key "+g.KeyID, "key"
	if g.KeyID == "" {
		holder, what = "user "+g.UserID, "user"
	}
	project := "project " + g.ProjectID
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.perKey > 0 && s.of[holder] >= s.perKey:
		return tooManyStreams(what, s.perKey)
	case s.perProject > 0 && s.of[project] >= s.perProject:
		return tooManyStreams("project", s.perProject)
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.of[holder]++
	s.of[project]++
	return nil
}

func tooManyStreams(of string, limit int) error {
	e := models.Errorf(models.TooManyStreams, "The %s has %d live streams open here; no more are allowed: end some.", of, limit)
	e.Details = map[string]any{"limit_of": of, "limit": limit}
	e.RetryAfter = streamsRetry
	return e
}

func (s *streams) leave(g auth.StreamGrant) {
	holder := "key " + g.KeyID
	if g.KeyID == "" {
		holder = "user " + g.UserID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, who := range []string{holder, "project " + g.ProjectID} {
		if s.of[who]--; s.of[who] <= 0 {
			delete(s.of, who)
		}
	}
}

// holders are who may follow sessions at a moment.
type holders struct {
	keys  map[string]string         // projects of good keys
	roles map[[2]string]models.Role // of users, by project and user
}

// holders looks up those that grants name.
func (s *Service) holders(ctx context.Context, grants []auth.StreamGrant, now time.Time) (holders, error) {
	keys, projects, users := map[string]struct{}{}, map[string]struct{}{}, map[string]struct{}{}
	for _, g := range grants {
		if g.KeyID != "" {
			keys[g.KeyID] = struct{}{}
		} else {
			projects[g.ProjectID], users[g.UserID] = struct{}{}, struct{}{}
		}
	}
	var who holders
	var err error
	if who.keys, err = s.cfg.Store.ActiveKeys(ctx, slices.Collect(maps.Keys(keys)), now); err != nil {
		return holders{}, err
	}
	who.roles, err = s.cfg.Store.MembershipsIn(ctx, slices.Collect(maps.Keys(projects)), slices.Collect(maps.Keys(users)))
	return who, err
}

// fault is the error of a grant whose holder may not follow the session any more, nil for none.
func (h holders) fault(g auth.StreamGrant) error {
	switch {
	case g.KeyID != "" && h.keys[g.KeyID] != g.ProjectID:
		return models.NewError(models.InvalidAPIKey)
	case g.KeyID == "" && (!h.roles[[2]string{g.ProjectID, g.UserID}].May(models.RightSessionsRead)):
		return models.NewError(models.InvalidToken)
	}
	return nil
}

// startKeeping begins the look at all rights. The caller holds the lock.
func (s *Service) startKeeping() {
	ctx, stop := context.WithCancel(context.Background())
	s.keeper = stop
	go func() {
		tick := time.NewTicker(keepTick)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.keep(ctx)
			}
		}
	}()
}

// keep ends the followers that have lost their right, and wakes the feeds of sessions of which there is more than was read.
func (s *Service) keep(ctx context.Context) {
	s.mu.Lock()
	feeds, guards := maps.Clone(s.feeds), maps.Clone(s.guards)
	s.mu.Unlock()
	var grants []auth.StreamGrant
	for _, f := range feeds {
		for _, one := range f.all() {
			grants = append(grants, one.grant)
		}
	}
	for g := range guards {
		grants = append(grants, g.grant)
	}
	if len(grants) == 0 {
		return
	}
	who, err := s.holders(ctx, grants, s.cfg.Now())
	if err != nil {
		return // whether they may is not known; the next look will tell
	}
	for g := range guards {
		if err := who.fault(g.grant); err != nil {
			g.end(err)
		}
	}
	found, err := s.cfg.Store.SessionsByID(ctx, slices.Collect(maps.Keys(feeds)))
	if err != nil {
		return
	}
	for id, f := range feeds {
		ses, there := found[id]
		for _, one := range f.all() {
			err := who.fault(one.grant)
			if err == nil && (!there || ses.ProjectID != one.grant.ProjectID) {
				err = models.NewError(models.SessionNotFound)
			}
			if err != nil {
				one.end(err)
			}
		}
		if there {
			f.check(ses)
		}
	}
}

// HoldStream counts one more stream of a principal, of another kind than these, until leave is called. Error: TooManyStreams.
func (s *Service) HoldStream(p models.Principal) (leave func(), err error) {
	g := grantOf(p, "")
	if err := s.streams.take(g); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { s.streams.leave(g) }), nil
}

// Guard looks after the right of someone who follows nothing now, and may any moment.
type Guard struct {
	svc   *Service
	grant auth.StreamGrant
	once  sync.Once
	err   error
	gone  chan struct{}
}

// Guard begins to look after the right of a principal to follow sessions of its project. The caller closes it.
func (s *Service) Guard(p models.Principal) *Guard {
	g := &Guard{svc: s, grant: grantOf(p, ""), gone: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guards[g] = struct{}{}
	if s.keeper == nil {
		s.startKeeping()
	}
	return g
}

// Gone is closed when the right has ended; Err then says why: InvalidAPIKey or InvalidToken.
func (g *Guard) Gone() <-chan struct{} { return g.gone }

// Err is why the right has ended.
func (g *Guard) Err() error { return g.err }

// Close ends looking.
func (g *Guard) Close() {
	g.svc.mu.Lock()
	defer g.svc.mu.Unlock()
	delete(g.svc.guards, g)
	g.svc.rest()
}

func (g *Guard) end(err error) {
	g.once.Do(func() {
		g.err = err
		close(g.gone)
	})
}

// rest ends the look at all rights where nobody is left. The caller holds the lock.
func (s *Service) rest() {
	if len(s.feeds) == 0 && len(s.guards) == 0 && s.keeper != nil {
		s.keeper()
		s.keeper = nil
	}
}
