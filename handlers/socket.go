package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/models"
)

// The WebSocket of the devices' document, GET /ws: its credential comes in a message, and one connection follows many sessions and devices and controls
// devices. Every message is described in api/asyncapi.yaml, which tests hold to what is sent here.
//
//	socket.go          the connection: who it is, what it may send, how it ends
//	socketmessages.go  what comes in and what is answered
//	socketfollow.go    what is subscribed to
//	socketdata.go      samples as messages: one by one, in batches, as bytes

// Limits of a connection.
const (
	// socketAuth is how long a client has for its first message, auth.
	socketAuth = 10 * time.Second
	// socketBytes is the longest message of a client.
	socketBytes = 64 << 10
	// socketMessages is how many messages a client may send from one of our pings to the next: an acknowledgement of each of 100 a second.
	socketMessages = 2000
	// socketSubscriptions is how many subscriptions a connection may have, and socketSubscribes how many it may make from one ping to the next.
	socketSubscriptions = 64
	socketSubscribes    = 256
	// socketControls is how many devices may be controlled at once: starting one takes seconds.
	socketControls = 4
)

// What ends a connection, beside what ends streams.
var (
	errAuthTime = errors.New("handlers: no auth message came in time")
	errBinary   = errors.New("handlers: the client sent bytes")
	errMessages = errors.New("handlers: too many messages")
)

// holderOf names whom a connection is for.
func holderOf(p models.Principal) string {
	if p.KeyID != "" {
		return "key " + p.KeyID
	}
	return "user " + p.UserID
}

// socket is one connection. Its messages are read by one goroutine; each subscription writes from one of its own.
type socket struct {
	api       *API
	conn      *websocket.Conn
	under     *socketConn
	address   string // of the client
	requestID string
	end       func(error)   // ends the connection; the first call counts
	writing   chan struct{} // held by who writes
	controls  chan struct{} // room for devices that are being controlled

	mu      sync.Mutex
	authed  *time.Timer // until the client has said who it is
	token   string
	project string // that the client has named
	who     models.Principal
	leave   func()
	guard   *live.Guard
	topics  map[string]*subscription
	made    int // subscriptions
	group   sync.WaitGroup

	// Of the reader alone.
	since      time.Time
	messages   int
	subscribes int
}

// followAll is GET /ws.
func (a *API) followAll(c *gin.Context) {
	if !a.origins.Allow(c.Request, c.Request.Host, a.base(c).Host) {
		fail(c, models.NewError(render.OriginNotAllowed))
		return
	}
	if !strings.EqualFold(c.GetHeader("Upgrade"), "websocket") {
		c.Header("Upgrade", "websocket")
		fail(c, models.NewError(render.UpgradeRequired))
		return
	}
	boundBuffer(c.Request.Context())
	ctx, cancel := context.WithCancelCause(c.Request.Context())
	defer cancel(nil)
	under := new(socketConn)
	frames := &controls{flood: func() {
		cancel(errFlood)
		under.drop()
	}}
	conn, err := websocket.Accept(&socketWriter{c.Writer, under}, c.Request, &websocket.AcceptOptions{
		// The token is the credential and no browser adds it by itself, so pages of any origin may connect where no list says which.
		InsecureSkipVerify: true,
		OnPingReceived:     func(context.Context, []byte) bool { return frames.count() },
		OnPongReceived:     func(context.Context, []byte) { frames.count() },
	})
	if err != nil {
		c.Abort() // Accept has answered
		return
	}
	ended := a.streams.opened(overTopics, nil)
	conn.SetReadLimit(socketBytes)
	s := &socket{api: a, conn: conn, under: under, address: c.ClientIP(), requestID: middleware.ID(c), end: func(err error) { cancel(err) },
		writing: make(chan struct{}, 1), controls: make(chan struct{}, socketControls), topics: map[string]*subscription{}}
	s.authed = time.AfterFunc(socketAuth, func() { s.end(errAuthTime) })
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		s.read(ctx, c.Request.Context())
	}()
	err = s.run(ctx)
	s.close(c.Request.Context(), err)
	<-reading
	s.group.Wait()
	ended(err)
}

// run keeps a connection until something ends it, and returns what.
func (s *socket) run(ctx context.Context) error {
	ping := time.NewTicker(streamPing)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.api.cfg.Live.Drained():
			_ = s.send(ctx, system("server_restarting", "", nil)) // whoever misses it is told by the code
			return live.ErrDraining
		case <-ping.C:
			pinging, cancel := context.WithTimeout(ctx, streamWrite)
			err := s.conn.Ping(pinging)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// close ends a connection with the word of why.
func (s *socket) close(request context.Context, err error) {
	s.end(err) // subscriptions end
	s.mu.Lock()
	s.authed.Stop()
	if s.leave != nil {
		s.leave()
		s.guard.Close()
	}
	s.mu.Unlock()
	leave := streamWrite
	switch {
	case errors.Is(err, errFlood), errors.Is(err, errMessages), errors.Is(err, errBinary):
		leave = streamLeave
	case errors.Is(err, errAuthTime):
		leave = streamLeave
		e := models.Errorf(models.MissingCredentials, "No message with a token came within %d seconds of connecting.", int(socketAuth.Seconds()))
		telling, cancel := context.WithTimeout(context.WithoutCancel(request), streamLeave)
		_ = s.conn.Write(telling, websocket.MessageText, s.fault(e, inbound{}))
		cancel()
	}
	boundClose(request, leave)
	code, reason := socketClose(err)
	_ = s.conn.Close(code, reason) // a client that has gone away cannot be told so
	_ = s.conn.CloseNow()
}

// socketClose says why a connection ended (RFC 6455, section 7.4).
func socketClose(err error) (websocket.StatusCode, string) {
	var known *models.Error
	var gone websocket.CloseError
	switch {
	case errors.Is(err, errAuthTime):
		return websocket.StatusPolicyViolation, "auth_timeout"
	case errors.Is(err, errBinary):
		return websocket.StatusUnsupportedData, "messages are JSON text"
	case errors.Is(err, errMessages):
		return websocket.StatusPolicyViolation, "too many messages"
	case errors.Is(err, live.ErrDraining):
		return websocket.StatusGoingAway, "restarting: connect again and resume with after_seq"
	case errors.As(err, &gone):
		return websocket.StatusNormalClosure, ""
	case errors.As(err, &known) && !known.Class().Ours():
		return websocket.StatusPolicyViolation, render.DeviceCode(known.Code)
	}
	return closeCode(err)
}

// read reads messages until the connection ends. ctx ends with what goes on for the client, request with the connection.
func (s *socket) read(ctx, request context.Context) {
	for {
		kind, b, err := s.conn.Read(request)
		switch {
		case err != nil:
			s.end(err)
			return
		case !s.counts():
			s.under.drop()
			s.end(errMessages)
			return
		case kind != websocket.MessageText:
			s.end(errBinary)
			return
		}
		s.handle(ctx, b)
		if ctx.Err() != nil {
			// What else comes is the answer to our closing.
			for err == nil {
				_, _, err = s.conn.Read(request)
			}
			return
		}
	}
}

// counts counts a message and reports whether it is not one too many.
func (s *socket) counts() bool {
	if now := time.Now(); now.Sub(s.since) >= streamPing {
		s.since, s.messages, s.subscribes = now, 0, 0
	}
	s.messages++
	return s.messages <= socketMessages
}

// send writes messages of text, one after another. A client that does not take one within streamWrite is let go.
func (s *socket) send(ctx context.Context, messages ...[]byte) error {
	return s.write(ctx, websocket.MessageText, messages)
}

func (s *socket) write(ctx context.Context, kind websocket.MessageType, messages [][]byte) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var err error
	switch len(messages) {
	case 0:
	case 1:
		// A write that is broken off breaks the connection: what ends a subscription does not end it.
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), streamWrite)
		err = s.conn.Write(writing, kind, messages[0])
		if err != nil && writing.Err() != nil {
			err = context.DeadlineExceeded
		}
		cancel()
	default:
		err = s.under.together(kind, messages)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = context.DeadlineExceeded
		}
	}
	if err != nil {
		s.end(err)
	}
	return err
}

// answer is send for whoever needs not know whether it came.
func (s *socket) answer(ctx context.Context, m []byte) { _ = s.send(ctx, m) }

// fault is the message of an error. to is what it answers, if anything.
func (s *socket) fault(err error, to inbound) []byte {
	e := models.AsError(err)
	_, _, body := render.Body(render.Devices, e, s.requestID, time.Now())
	var shown struct {
		Error struct {
			Code    string          `json:"code"`
			Message string          `json:"message"`
			Details json.RawMessage `json:"details"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &shown) // our own writing
	m := outbound{Type: "error", ErrorCode: shown.Error.Code, Message: shown.Error.Message, Details: shown.Error.Details, RequestID: s.requestID,
		Retry: new(bool), ID: to.ID, DeviceID: to.DeviceID, SessionID: to.SessionID, SubscriptionID: to.SubscriptionID, Topic: to.Topic}
	*m.Retry = e.RetryAfter > 0 || e.Class().Ours()
	if e.RetryAfter > 0 {
		m.RetryAfterMS = e.RetryAfter.Milliseconds()
	}
	return m.bytes()
}

// principal returns who the connection acts for, as the rights of its token are now. Errors: those of credentials and projects.
func (s *socket) principal(ctx context.Context) (models.Principal, error) {
	s.mu.Lock()
	token, project := s.token, s.project
	s.mu.Unlock()
	return s.api.enterBy(ctx, token, project)
}

// enterBy establishes who a token or key acts for. A user who names no project acts in their only one. Errors: those of credentials, ProjectRequired,
// ProjectNotFound, ProjectMismatch.
func (a *API) enterBy(ctx context.Context, token, project string) (models.Principal, error) {
	if !a.cfg.Accounts.LooksLikeToken(token) {
		p, err := a.cfg.Accounts.AuthenticateKey(ctx, token)
		if err == nil && project != "" && project != p.ProjectID {
			err = models.NewError(models.ProjectMismatch)
		}
		return p, err
	}
	p, err := a.cfg.Accounts.AuthenticateToken(ctx, token)
	if err != nil {
		return models.Principal{}, err
	}
	if project == "" {
		own, err := a.cfg.Accounts.ListProjects(ctx, p)
		if err != nil {
			return models.Principal{}, err
		}
		if len(own) != 1 {
			e := models.NewError(models.ProjectRequired)
			e.Message = "You are a member of more or fewer than one project: name yours in project_id."
			e.Details = map[string]any{"projects": len(own)}
			return models.Principal{}, e
		}
		project = own[0].ID
	}
	return a.cfg.Accounts.EnterProject(ctx, p, project)
}

// known returns who the connection acts for, as it was let in. Its right is looked at all the time (live.Guard).
func (s *socket) known() models.Principal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who
}

// subscriptions returns those there are.
func (s *socket) subscriptions() []*subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.topics))
}
