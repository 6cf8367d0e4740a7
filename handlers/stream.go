package handlers

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/models"
)

// Limits of live streams.
const (
	// streamWrite is how long a client may take for one message. One that takes longer is dropped.
	streamWrite = 5 * time.Second
	// streamPing is the pause between two pings; a client that does not answer within streamWrite is gone.
	streamPing = 20 * time.Second
	// streamControls is how many pings and pongs a client may send from one of our pings to the next: each ping wants an answer.
	streamControls = 200
	// streamBuffer is how many bytes the kernel keeps for a client that does not read: the largest message fits. Without it,
	// it keeps megabytes.
	streamBuffer = 256 << 10
)

// What ends a stream whose client sends more than it may: data at all, or more pings and pongs than anybody needs.
var (
	errData  = errors.New("handlers: the client sent data")
	errFlood = errors.New("handlers: too many control frames")
)

// streamLeave is how long such a client has for the closing handshake, in which what it goes on sending is read and dropped;
// others have streamWrite.
const streamLeave = time.Second

// connKey is where the connection of a request is in its context.
type connKey struct{}

func keepConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// boundBuffer holds what the kernel keeps for the client of a stream to streamBuffer.
func boundBuffer(ctx context.Context) {
	conn, _ := ctx.Value(connKey{}).(net.Conn)
	if c, ok := plain(conn).(interface{ SetWriteBuffer(int) error }); ok {
		_ = c.SetWriteBuffer(streamBuffer) // else it is as large as it is
	}
}

// boundClose ends a connection after a while whatever its client does: in the closing handshake package websocket reads
// what a frame claims to have, without a limit of time.
func boundClose(ctx context.Context, most time.Duration) {
	if c, ok := ctx.Value(connKey{}).(net.Conn); ok {
		_ = c.SetDeadline(time.Now().Add(most)) // else it is closed already
	}
}

// discard reads what a client goes on sending without looking into it, for as long as it has to leave: taking a megabyte of frames
// apart costs a quarter of a second, and unread bytes would have the kernel drop the word of why it ended.
func discard(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(net.Conn); ok {
		_ = c.SetReadDeadline(time.Now().Add(streamLeave)) // else it is closed already
		_, _ = io.Copy(io.Discard, c)                      // to its end, or the deadline's
	}
}

// controls counts the control frames of a client. The reader of its connection calls it, one after another.
type controls struct {
	since time.Time
	n     int
	flood func()
}

// count reports whether a frame is to be answered.
func (l *controls) count() bool {
	if now := time.Now(); now.Sub(l.since) >= streamPing {
		l.since, l.n = now, 0
	}
	if l.n++; l.n == streamControls+1 {
		l.flood()
	}
	return l.n <= streamControls
}

// streamProtocol is the subprotocol of the WebSocket; tokenProtocol precedes a token that is offered as another one, so
// that it need not be in a URL.
const (
	streamProtocol = "neurod.v1"
	tokenProtocol  = "ws_token."
)

// wsURL is where a session can be followed, at the address by which clients reach the service.
func (a *API) wsURL(c *gin.Context, sessionID, token string) string {
	u := a.base(c)
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	// Not url.Values, which sorts: the document has the session first.
	return u.String() + "/v1/ws?session_id=" + url.QueryEscape(sessionID) + "&ws_token=" + url.QueryEscape(token)
}

// wsToken is POST /v1/sessions/:id/ws-token.
func (a *API) wsToken(c *gin.Context) {
	token, good, err := a.cfg.Live.Token(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	id, _ := models.ParseID(c.Param("id"))
	c.PureJSON(http.StatusOK, struct {
		WSURL     string `json:"ws_url"`
		WSToken   string `json:"ws_token"`
		ExpiresIn int    `json:"expires_in"`
	}{a.wsURL(c, id, token), token, int(good.Seconds())})
}

// afterSeq reads where a stream resumes; nil for what comes from now on.
func afterSeq(text string) (*int, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{
			{Path: models.At("after_seq"), Code: "out_of_range", Message: "must be the seq of a message, or 0 for all"}}}
	}
	return &n, nil
}

// ws is GET /v1/ws. Its credential is the stream token, in the query or as a subprotocol.
func (a *API) ws(c *gin.Context) {
	token := c.Query("ws_token")
	for _, line := range c.Request.Header.Values("Sec-WebSocket-Protocol") {
		for offered := range strings.SplitSeq(line, ",") {
			if t, is := strings.CutPrefix(strings.TrimSpace(offered), tokenProtocol); is {
				token = t
			}
		}
	}
	after, err := afterSeq(c.Query("after_seq"))
	if err == nil && !a.origins.Allow(c.Request, c.Request.Host, a.base(c).Host) {
		err = models.NewError(render.OriginNotAllowed)
	}
	if err != nil {
		fail(c, err)
		return
	}
	stream, err := a.cfg.Live.FollowToken(c.Request.Context(), token, live.Request{SessionID: c.Query("session_id"), Kinds: live.Windows | live.Decodes, AfterResult: after})
	ended := a.streams.opened(overWebSocket, err)
	if err != nil {
		fail(c, err)
		return
	}
	defer func() {
		stream.Close()
		ended(err)
	}()
	if !strings.EqualFold(c.GetHeader("Upgrade"), "websocket") {
		c.Header("Upgrade", "websocket")
		err = models.NewError(render.UpgradeRequired)
		fail(c, err)
		return
	}
	boundBuffer(c.Request.Context())
	ctx, cancel := context.WithCancelCause(c.Request.Context())
	defer cancel(nil)
	frames := &controls{flood: func() {
		cancel(errFlood)
		discard(c.Request.Context())
	}}
	var conn *websocket.Conn
	conn, err = websocket.Accept(c.Writer, c.Request, &websocket.AcceptOptions{
		Subprotocols: []string{streamProtocol},
		// The token is the credential and no browser adds it by itself, so pages of any origin may connect where no list says which.
		InsecureSkipVerify: true,
		OnPingReceived:     func(context.Context, []byte) bool { return frames.count() },
		OnPongReceived:     func(context.Context, []byte) { frames.count() },
	})
	if err != nil {
		c.Abort() // Accept has answered
		return
	}
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		// Pings, pongs and the end are dealt with here; it returns at the first frame of data, and reads none of it.
		_, _, err := conn.Reader(c.Request.Context())
		if err == nil {
			err = errData
		}
		cancel(err)
	}()
	defer func() {
		_ = conn.CloseNow() // does nothing after Close
		<-reading
	}()
	within := func(do func(context.Context) error) error {
		writing, cancel := context.WithTimeout(ctx, streamWrite)
		defer cancel()
		return do(writing)
	}
	err = stream.Each(ctx, streamPing, func(i live.Item) error {
		b := streamMessage(i)
		return within(func(ctx context.Context) error { return conn.Write(ctx, websocket.MessageText, b) })
	}, func() error { return within(conn.Ping) })
	leave := streamWrite
	if cause := context.Cause(ctx); errors.Is(cause, errFlood) || errors.Is(cause, errData) {
		err, leave = cause, streamLeave
	}
	boundClose(c.Request.Context(), leave)
	_ = conn.Close(closeCode(err)) // a client that has gone away cannot be told so
}

// endOf names why a stream ended, for the metrics.
func endOf(err error) string {
	var known *models.Error
	switch {
	case err == nil:
		return "over"
	case errors.Is(err, live.ErrDraining):
		return "restart"
	case errors.Is(err, errFlood), errors.Is(err, errData):
		return "flood"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "slow"
	case errors.As(err, &known) && !known.Class().Ours():
		return "refused"
	case errors.As(err, &known):
		return "fault"
	}
	return "left" // a connection that breaks, mostly
}

// closeCode says why a stream ended (RFC 6455, section 7.4).
func closeCode(err error) (websocket.StatusCode, string) {
	var known *models.Error
	switch {
	case err == nil:
		return websocket.StatusNormalClosure, "session_ended"
	case errors.Is(err, live.ErrDraining):
		return websocket.StatusGoingAway, "restarting: connect again with after_seq"
	case errors.Is(err, errData):
		return websocket.StatusPolicyViolation, "unexpected data message"
	case errors.Is(err, errFlood):
		return websocket.StatusPolicyViolation, "too many pings and pongs"
	case errors.Is(err, context.Canceled): // what the client sent cannot be read, or it has gone
		return websocket.StatusProtocolError, "not a frame"
	case errors.Is(err, context.DeadlineExceeded):
		return websocket.StatusTryAgainLater, "too slow: connect again with after_seq"
	case errors.As(err, &known) && !known.Class().Ours():
		return websocket.StatusPolicyViolation, string(known.Code)
	}
	return websocket.StatusInternalError, string(models.Internal)
}

// streamMessage is a window, a decode or the end of a session as the document shows it.
func streamMessage(e live.Item) []byte {
	switch {
	case e.Window != nil:
		b := append([]byte(`{"type":"features","seq":`), strconv.Itoa(e.Window.Seq)...)
		return append(appendWindow(append(b, `,"data":`...), e.Window), '}')
	case e.Decode != nil:
		b := append([]byte(`{"type":"decode","seq":`), strconv.Itoa(e.Decode.Seq)...)
		return append(appendDecode(append(b, `,"data":`...), e.Decode), '}')
	default:
		return append(append([]byte(`{"type":"session_ended","data":`), endedData(e.Ended)...), '}')
	}
}

func endedData(s *models.Session) []byte {
	at := "null"
	if ended := s.Ended(); ended != nil {
		at = `"` + instant(*ended) + `"`
	}
	return []byte(`{"ended_at":` + at + `}`)
}

// eventStream begins an answer of server-sent events, and returns what sends some of its text at once.
func eventStream(c *gin.Context) (write func(text string) error) {
	boundBuffer(c.Request.Context())
	c.Header("Content-Type", "text/event-stream")
	c.Header("X-Accel-Buffering", "no") // proxies pass each event on at once
	c.Status(http.StatusOK)
	out := http.NewResponseController(c.Writer)
	return func(text string) error {
		// The server's own limit is for answers that end.
		if err := out.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
			return err
		}
		if _, err := c.Writer.WriteString(text); err != nil {
			return err
		}
		return out.Flush()
	}
}

// featureStream is GET /v1/sessions/:id/features/stream: the same as server-sent events (WHATWG HTML, section 9.2), whose
// ids are the seq.
func (a *API) featureStream(c *gin.Context) {
	from := c.GetHeader("Last-Event-ID")
	if from == "" {
		from = c.Query("after_seq")
	}
	after, err := afterSeq(from)
	if err != nil {
		fail(c, err)
		return
	}
	stream, err := a.cfg.Live.Follow(c.Request.Context(), principal(c), live.Request{SessionID: c.Param("id"), Kinds: live.Windows | live.Decodes, AfterResult: after})
	ended := a.streams.opened(overEvents, err)
	if err != nil {
		fail(c, err)
		return
	}
	defer func() {
		stream.Close()
		ended(err)
	}()
	write := eventStream(c)
	if err = write(": stream of " + c.Param("id") + "\n\n"); err != nil {
		return
	}
	err = stream.Each(c.Request.Context(), streamPing, func(e live.Item) error { // the answer has begun: the end says all there is
		var text string
		switch {
		case e.Window != nil:
			text = "id: " + strconv.Itoa(e.Window.Seq) + "\nevent: features\ndata: " + string(appendWindow(nil, e.Window)) + "\n\n"
		case e.Decode != nil:
			text = "id: " + strconv.Itoa(e.Decode.Seq) + "\nevent: decode\ndata: " + string(appendDecode(nil, e.Decode)) + "\n\n"
		default:
			text = "event: session_ended\ndata: " + string(endedData(e.Ended)) + "\n\n"
		}
		return write(text)
	}, func() error { return write(": alive\n\n") })
}
