package graphqlapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

// What a connection may do.
const (
	socketInit     = 10 * time.Second // until the first message has come
	socketWrite    = 5 * time.Second  // for a client to take a message
	socketPing     = 20 * time.Second
	socketMessage  = 256 << 10
	socketMessages = 600 // in socketPing
	socketLook     = 2 * time.Second
)

// The codes with which a connection is closed, those of graphql-transport-ws from 4400 on.
const (
	closeRestart      = websocket.StatusGoingAway
	closeFlood        = websocket.StatusPolicyViolation
	closeUnauthorized = websocket.StatusCode(4401)
	closeForbidden    = websocket.StatusCode(4403)
	closeTooMany      = websocket.StatusCode(4429)
)

// Socket says how a connection is let in.
type Socket struct {
	RequestID string
	// Enter establishes who the connection acts for, by the credential and the project of its first message: Errors: as those of a request.
	Enter func(ctx context.Context, authorization, project string) (models.Principal, error)
	// Again reports whether the principal may still do what it may: nil while it may.
	Again func(ctx context.Context, p models.Principal) (models.Principal, error)
	// Hold counts the connection until release is called. Defaults to no limit.
	Hold func(ctx context.Context, p models.Principal) (release func(), err error)
}

// ServeSocket serves a WebSocket until it ends: graphql-transport-ws, or the older graphql-ws.
func (s *Server) ServeSocket(w http.ResponseWriter, r *http.Request, in Socket) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	line := &socketLine{}
	var release func()
	defer func() {
		cancel()
		if release != nil {
			release()
		}
	}()
	end := func(code websocket.StatusCode, reason string) {
		line.why.CompareAndSwap(nil, &ending{code, reason})
		cancel()
	}
	running.Go(func() {
		select {
		case <-s.cfg.Drained:
			end(closeRestart, "restarting: connect again")
		case <-ctx.Done():
		}
	})
	limit := int64(socketMessage)
	transport.Websocket{
		Implementation: line,
		InitTimeout:    socketInit,
		// Both keep a connection through proxies, and find a client that has gone.
		PingPongInterval:      socketPing,
		KeepAlivePingInterval: socketPing,
		PayloadReadLimit:      &limit,
		InitFunc: func(ctx context.Context, first transport.InitPayload) (context.Context, *transport.InitPayload, error) {
			p, err := in.Enter(ctx, credential(r, first), projectOf(r, first))
			if err == nil && in.Hold != nil {
				release, err = in.Hold(ctx, p)
			}
			if err != nil {
				e := models.AsError(err)
				line.why.CompareAndSwap(nil, &ending{closeOf(e), closeReason(e)})
				return ctx, nil, err
			}
			running.Go(func() { s.keep(ctx, p, in, end) })
			return withStreams(withCaller(ctx, caller{p: p, requestID: in.RequestID}), s.cfg.Limits.Streams), nil, nil
		},
	}.Do(w, r.WithContext(ctx), s.exec)
}

// keep ends a connection whose principal has lost its rights.
func (s *Server) keep(ctx context.Context, p models.Principal, in Socket, end func(websocket.StatusCode, string)) {
	if in.Again == nil {
		return
	}
	tick := time.NewTicker(socketLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now, err := in.Again(ctx, p)
			var e *models.Error
			switch {
			case err != nil && ctx.Err() == nil:
				if e = models.AsError(err); e.Class().Ours() {
					continue // the database does not answer: the next look tells
				}
				end(closeOf(e), closeReason(e))
				return
			case err == nil && now.Role != p.Role:
				end(closeUnauthorized, "your role in the project has changed: connect again")
				return
			}
		}
	}
}

func closeOf(e *models.Error) websocket.StatusCode {
	switch e.Class() {
	case models.ClassForbidden, models.ClassNotFound, models.ClassInvalid:
		return closeForbidden
	case models.ClassExhausted:
		return closeTooMany
	case models.ClassUnauthenticated:
		return closeUnauthorized
	}
	return websocket.StatusInternalError
}

// closeReason is the code of an error, which fits into a close frame.
func closeReason(e *models.Error) string {
	code, _, _ := render.Told(render.Devices, e)
	return code
}

// credential is that of the first message, else that of the request: no browser can set headers of a WebSocket.
func credential(r *http.Request, first transport.InitPayload) string {
	if text := first.Authorization(); text != "" {
		return text
	}
	return r.Header.Get("Authorization")
}

// projectOf is the project that the first message or the request names, "" for none.
func projectOf(r *http.Request, first transport.InitPayload) string {
	for _, name := range []string{"X-Project-Id", "x-project-id", "projectId", "project_id"} {
		if text := first.GetString(name); text != "" {
			return text
		}
	}
	if text := r.Header.Get("X-Project-Id"); text != "" {
		return text
	}
	return r.URL.Query().Get("project_id")
}

// ending is why a connection ends.
type ending struct {
	code   websocket.StatusCode
	reason string
}

// socketLine accepts the connection, and bounds how long a client may take a message and how many it may send.
type socketLine struct {
	why atomic.Pointer[ending]

	conn   *websocket.Conn
	since  time.Time
	read   int
	closed sync.Once
	done   chan struct{}
}

var (
	_ transport.WebsocketImplementation = (*socketLine)(nil)
	_ transport.WebsocketConn           = (*socketLine)(nil)
	_ transport.WebsocketReadLimiter    = (*socketLine)(nil)
	_ transport.WebsocketReadDeadliner  = (*socketLine)(nil)
)

// Accept implements transport.WebsocketImplementation. Whether the page's origin may connect was asked before.
func (l *socketLine) Accept(w http.ResponseWriter, r *http.Request, options transport.WebsocketAcceptOptions) (transport.WebsocketConn, error) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: options.Subprotocols, InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	l.conn, l.done = conn, make(chan struct{})
	return l, nil
}

// NextReader implements transport.WebsocketConn.
func (l *socketLine) NextReader() (int, io.Reader, error) {
	kind, data, err := l.conn.Read(context.Background()) // Close ends it
	if err != nil {
		switch websocket.CloseStatus(err) {
		case websocket.StatusNormalClosure, websocket.StatusNoStatusRcvd:
			err = transport.ErrWebsocketClosed
		}
		return int(kind), nil, err
	}
	if now := time.Now(); now.Sub(l.since) >= socketPing {
		l.since, l.read = now, 0
	}
	if l.read++; l.read > socketMessages {
		l.why.CompareAndSwap(nil, &ending{closeFlood, "too many messages"})
		return 0, nil, errFlood
	}
	return int(kind), bytes.NewReader(data), nil
}

type floodError struct{}

func (floodError) Error() string { return "graphqlapi: too many messages" }

var errFlood error = floodError{}

// WriteJSON implements transport.WebsocketConn. A client that does not take a message in time loses its connection.
func (l *socketLine) WriteJSON(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), socketWrite)
	defer cancel()
	return l.conn.Write(ctx, websocket.MessageText, b)
}

// WriteClose implements transport.WebsocketConn. What was said to be the reason goes before what the transport says.
func (l *socketLine) WriteClose(code int, message string) error {
	if why := l.why.Load(); why != nil {
		code, message = int(why.code), why.reason
	}
	l.closed.Do(func() {
		go func() {
			defer close(l.done)
			_ = l.conn.Close(websocket.StatusCode(code), message) // waits 5 s at most for the client to say the same
		}()
	})
	return nil
}

// Close implements io.Closer. A closing handshake that has begun ends the connection itself.
func (l *socketLine) Close() error {
	l.closed.Do(func() {
		defer close(l.done)
		_ = l.conn.CloseNow()
	})
	return nil
}

// Subprotocol implements transport.WebsocketConn.
func (l *socketLine) Subprotocol() string { return l.conn.Subprotocol() }

// SetReadLimit implements transport.WebsocketReadLimiter.
func (l *socketLine) SetReadLimit(limit int64) { l.conn.SetReadLimit(limit) }

// SetReadDeadline implements transport.WebsocketReadDeadliner. A client that answers no ping is found by the writes that it does not take.
func (l *socketLine) SetReadDeadline(time.Time) error { return nil }

// streams counts the subscriptions of a connection.
type streams struct{ open, most atomic.Int64 }

type streamsKey struct{}

func withStreams(ctx context.Context, most int) context.Context {
	st := &streams{}
	st.most.Store(int64(most))
	return context.WithValue(ctx, streamsKey{}, st)
}

// bounded holds a connection to a number of subscriptions.
func (s *Server) bounded(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	st, _ := ctx.Value(streamsKey{}).(*streams)
	if st == nil || graphql.GetOperationContext(ctx).Operation.Operation != ast.Subscription {
		return next(ctx)
	}
	if st.open.Add(1) > st.most.Load() {
		st.open.Add(-1)
		e := models.Errorf(models.TooManyStreams, "This connection has %d subscriptions, which is the most; end some.", st.most.Load())
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{s.present(ctx, e)}})
	}
	context.AfterFunc(ctx, func() { st.open.Add(-1) })
	return next(ctx)
}
