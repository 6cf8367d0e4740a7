package sessions

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// streamTick is how often a stream looks at its key or member and session without being told to: a key that was revoked and a
// member who was removed end their streams within it, and a lost signal delays a window by no more.
const streamTick = 2 * time.Second

// A stream reads at most streamPage windows and decodes at once, and fewer of many channels: what it has read and a slow
// client has not yet taken is held in memory, some 300 bytes a channel and window.
const (
	streamPage         = 100
	streamPageChannels = 256 // of all windows of a page together
)

// pageOf is how many windows of so many channels a stream reads at once.
func pageOf(channels int) int {
	return max(1, min(streamPage, streamPageChannels/max(1, channels)))
}

// streamsRetry is when a client whose key or project follows too many sessions should try again.
const streamsRetry = 5 * time.Second

// ErrDraining ends a stream because the process stops; the client may connect again at once.
var ErrDraining = errors.New("service: the process stops")

// StreamToken returns a token that lets its bearer follow a session, and how long it is good. Errors: SessionNotFound.
func (s *Service) StreamToken(ctx context.Context, p models.Principal, id string) (token string, good time.Duration, err error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return "", 0, err
	}
	token, err = s.cfg.Tokens.IssueStream(streamGrant(p, ses.ID))
	return token, auth.StreamTTL, err
}

func streamGrant(p models.Principal, sessionID string) auth.StreamGrant {
	return auth.StreamGrant{SessionID: sessionID, ProjectID: p.ProjectID, KeyID: p.KeyID, UserID: p.UserID}
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

// Stream is the right to follow one session. Close gives it back.
type Stream struct {
	sessions *Service
	grant    auth.StreamGrant
	after    int // number of the last message that the client has
	page     int // how many windows are read at once
	closed   sync.Once
}

// Close ends the stream's right; a second call does nothing.
func (st *Stream) Close() { st.closed.Do(func() { st.sessions.streams.leave(st.grant) }) }

// OpenStream checks a stream token. sessionID may be empty; otherwise the token must be for it. after is the number of the
// last message that the client has, nil for what comes from now on. The caller closes the stream. Errors: MissingCredentials,
// InvalidToken, ExpiredToken, SessionNotFound, TooManyStreams.
func (s *Service) OpenStream(ctx context.Context, token, sessionID string, after *int) (*Stream, error) {
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
func (s *Service) OpenOwnStream(ctx context.Context, p models.Principal, id string, after *int) (*Stream, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, streamGrant(p, ses.ID), after)
}

func (s *Service) open(ctx context.Context, g auth.StreamGrant, after *int) (*Stream, error) {
	if err := s.streams.take(g); err != nil { // before anything is looked up for it
		return nil, err
	}
	st := &Stream{sessions: s, grant: g}
	if err := st.look(ctx, after); err != nil {
		st.Close()
		return nil, err
	}
	return st, nil
}

// look finds where a stream begins.
func (st *Stream) look(ctx context.Context, after *int) error {
	s, g := st.sessions, st.grant
	if err := st.checkKey(ctx); err != nil {
		return err
	}
	ses, err := s.get(ctx, g.ProjectID, g.SessionID)
	if err != nil {
		return err
	}
	st.page, st.after = pageOf(len(ses.Channels)), ses.LastSeq
	if after != nil {
		st.after = *after
	}
	return nil
}

func (st *Stream) checkKey(ctx context.Context) error {
	who, err := st.sessions.holders(ctx, []auth.StreamGrant{st.grant}, st.sessions.cfg.Now())
	if err != nil {
		return service.Unavailable(err)
	}
	return who.fault(st.grant)
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

// StreamEvent is one thing that happened in a session: a window, a decode, its end, or nothing for a while.
type StreamEvent struct {
	Window *models.FeatureWindow
	Decode *models.SessionDecode
	Ended  *models.Session
}

// seq returns the number of a message.
func (e StreamEvent) seq() int {
	if e.Window != nil {
		return e.Window.Seq
	}
	return e.Decode.Seq
}

// Run sends every window and decode in the order of writing, then the end of the session, and returns nil. Between them it
// sends empty events now and then. It returns what send returns; InvalidAPIKey when the key is revoked meanwhile;
// SessionNotFound when the session is erased; ErrDraining; or ctx's error. A slow client delays itself alone: what it has
// not read waits in the database.
func (st *Stream) Run(ctx context.Context, send func(StreamEvent) error) error {
	s := st.sessions
	changed, end := s.cfg.Jobs.Subscribe(st.grant.SessionID)
	defer end()
	seen := s.watch.add(st.grant)
	defer s.watch.remove(seen)
	tick := time.NewTicker(streamTick)
	defer tick.Stop()
	for {
		if over, err := st.sendNews(ctx, send); over || err != nil {
			return err
		}
	wait:
		for {
			select {
			case <-changed:
				break wait
			case <-tick.C:
				news, err := s.watch.look(ctx, s, seen)
				if err != nil {
					return err
				}
				if news.LastSeq > st.after || news.Over() || news.Pending() > 0 {
					break wait // a signal was lost, or a job has ended that should have given one
				}
				if err := send(StreamEvent{}); err != nil {
					return err
				}
			case <-s.cfg.Jobs.Drained():
				return ErrDraining
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// sendNews sends what was written since the last message, and the end of the session when there is no more.
func (st *Stream) sendNews(ctx context.Context, send func(StreamEvent) error) (over bool, err error) {
	for {
		n, err := st.sessions.cfg.Store.News(ctx, st.grant.ProjectID, st.grant.SessionID, st.after, st.page)
		if err != nil {
			return false, service.Absent(err, models.SessionNotFound)
		}
		events, more := merge(n, st.page)
		for _, e := range events {
			if err := send(e); err != nil {
				return false, err
			}
			st.after = e.seq()
		}
		if more {
			continue
		}
		if n.Session.Over() {
			return true, send(StreamEvent{Ended: &n.Session})
		}
		if n.Session.JobOpen && n.Session.Ending() {
			// Looking notices a job that has failed. If the session is over by now, the last windows may have come since they
			// were read.
			ses, err := st.sessions.get(ctx, n.Session.ProjectID, n.Session.ID)
			if err != nil {
				return false, err
			}
			if ses.Over() {
				continue
			}
		}
		return false, nil
	}
}

// merge returns windows and decodes, at most a page of each, in the order of writing, and whether there may be more. Where one list is full, the
// other may have more before its end than was read.
func merge(n store.News, page int) (events []StreamEvent, more bool) {
	upTo := math.MaxInt
	if k := len(n.Windows); k == page {
		upTo, more = n.Windows[k-1].Seq, true
	}
	if k := len(n.Decodes); k == page {
		upTo, more = min(upTo, n.Decodes[k-1].Seq), true
	}
	for i := range n.Windows {
		if n.Windows[i].Seq <= upTo {
			events = append(events, StreamEvent{Window: &n.Windows[i]})
		}
	}
	for i := range n.Decodes {
		if n.Decodes[i].Seq <= upTo {
			events = append(events, StreamEvent{Decode: &n.Decodes[i]})
		}
	}
	slices.SortFunc(events, func(a, b StreamEvent) int { return cmp.Compare(a.seq(), b.seq()) })
	return events, more
}

// watch looks after the keys and sessions of all streams of a process, with two queries however many they are.
type watch struct {
	mu      sync.Mutex
	streams map[*watched]struct{}
	at      time.Time // of the last look
}

// watched is what the last look found of a stream.
type watched struct {
	grant   auth.StreamGrant
	session models.Session
	err     error
}

func (w *watch) add(g auth.StreamGrant) *watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.streams == nil {
		w.streams = map[*watched]struct{}{}
	}
	one := &watched{grant: g}
	w.streams[one] = struct{}{}
	w.at = time.Time{} // it has not been looked at
	return one
}

func (w *watch) remove(one *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.streams, one)
}

// look returns a stream's session as it was at most half a tick ago. Errors: InvalidAPIKey, SessionNotFound.
func (w *watch) look(ctx context.Context, s *Service, one *watched) (models.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := s.cfg.Now(); now.Sub(w.at) >= streamTick/2 {
		if err := w.lookAtAll(ctx, s, now); err != nil {
			return models.Session{}, service.Unavailable(err)
		}
		w.at = now
	}
	return one.session, one.err
}

func (w *watch) lookAtAll(ctx context.Context, s *Service, now time.Time) error {
	grants, sessions := make([]auth.StreamGrant, 0, len(w.streams)), map[string]struct{}{}
	for one := range w.streams {
		grants, sessions[one.grant.SessionID] = append(grants, one.grant), struct{}{}
	}
	who, err := s.holders(ctx, grants, now)
	if err != nil {
		return err
	}
	found, err := s.cfg.Store.SessionsByID(ctx, slices.Collect(maps.Keys(sessions)))
	if err != nil {
		return err
	}
	for one := range w.streams {
		ses, there := found[one.grant.SessionID]
		one.session, one.err = ses, who.fault(one.grant)
		if one.err == nil && (!there || ses.ProjectID != one.grant.ProjectID) {
			one.err = models.NewError(models.SessionNotFound)
		}
	}
	return nil
}
