package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/nearest"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// inbound is what every message of a client may have: an id is given back in the answer, the rest says what an error is about.
type inbound struct {
	Type           string `json:"type"`
	ID             string `json:"id"`
	Topic          string `json:"topic"`
	SessionID      string `json:"session_id"`
	DeviceID       string `json:"device_id"`
	SubscriptionID string `json:"subscription_id"`
}

// The messages of a client, by type.
type (
	authMessage struct {
		Type      string `json:"type"`
		ID        string `json:"id"`
		Token     string `json:"token" validate:"required,max=8192"`
		ProjectID string `json:"project_id" validate:"max=64"`
	}
	pingMessage struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	subscribeMessage struct {
		Type      string `json:"type"`
		ID        string `json:"id"`
		Topic     string `json:"topic" validate:"required"`
		SessionID string `json:"session_id"`
		DeviceID  string `json:"device_id"`

		SubscriptionID string          `json:"subscription_id" validate:"max=64"`
		Format         string          `json:"format"`
		Channels       []channelName   `json:"channels"`
		Decimate       int             `json:"decimate"`
		Filters        json.RawMessage `json:"filters"`
		AfterSeq       *int            `json:"after_seq"`
		AfterSample    *int64          `json:"after_sample"`
		AfterEvent     *int            `json:"after_event"`
		DropPolicy     string          `json:"drop_policy"`
		AckWindow      *int            `json:"ack_window"`
		Wait           bool            `json:"wait"`
	}
	unsubscribeMessage struct {
		Type           string `json:"type"`
		ID             string `json:"id"`
		SubscriptionID string `json:"subscription_id"`
		Topic          string `json:"topic"`
		SessionID      string `json:"session_id"`
		DeviceID       string `json:"device_id"`
	}
	ackMessage struct {
		Type           string `json:"type"`
		ID             string `json:"id"`
		SubscriptionID string `json:"subscription_id" validate:"required"`
		Seq            *int   `json:"seq" validate:"required"`
		Sample         *int64 `json:"sample"`
	}
)

// channelName names a channel by its number, from 1, or by its name.
type channelName struct {
	number int
	name   string
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *channelName) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &n.name)
	}
	return json.Unmarshal(b, &n.number)
}

// outbound is a message of the server other than data.
type outbound struct {
	Type           string          `json:"type"`
	ID             string          `json:"id,omitempty"`
	Event          string          `json:"event,omitempty"`
	ErrorCode      string          `json:"error_code,omitempty"`
	Action         string          `json:"action,omitempty"`
	Status         string          `json:"status,omitempty"`
	Message        string          `json:"message,omitempty"`
	Topic          string          `json:"topic,omitempty"`
	SubscriptionID string          `json:"subscription_id,omitempty"`
	SessionID      string          `json:"session_id,omitempty"`
	DeviceID       string          `json:"device_id,omitempty"`
	StreamID       string          `json:"stream_id,omitempty"`
	ProjectID      string          `json:"project_id,omitempty"`
	UserID         string          `json:"user_id,omitempty"`
	Reason         string          `json:"reason,omitempty"`
	Details        json.RawMessage `json:"details,omitempty"`
	Metadata       json.RawMessage `json:"metadata,omitempty"`
	RequestID      string          `json:"request_id,omitempty"`
	Retry          *bool           `json:"retry_suggested,omitempty"`
	RetryAfterMS   int64           `json:"retry_after_ms,omitempty"`
	Revision       *int            `json:"revision,omitempty"`
	Timestamp      int64           `json:"timestamp"`

	*confirmation
	*droppedFields
	*limitFields
}

// limitFields are what a connection may do.
type limitFields struct {
	Subscriptions int `json:"max_subscriptions"`
	MessageBytes  int `json:"max_message_bytes"`
}

// bytes returns the message as it is sent, with the time at which it is.
func (m outbound) bytes() []byte {
	if m.Timestamp == 0 {
		m.Timestamp = time.Now().UnixMilli()
	}
	var out bytes.Buffer
	text := json.NewEncoder(&out)
	text.SetEscapeHTML(false)
	if err := text.Encode(m); err != nil {
		panic(err) // texts and numbers always encode
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// system is a message about the service or a device.
func system(event, deviceID string, metadata json.RawMessage) []byte {
	return outbound{Type: "system_event", Event: event, DeviceID: deviceID, Metadata: metadata}.bytes()
}

// codeOf and textOf are how the devices' document shows an error.
func codeOf(e *models.Error) string { return render.DeviceCode(e.Code) }
func textOf(e *models.Error) string { return render.Summary(e) }

// types are the messages that a client may send.
var types = []string{"auth", "ping", "subscribe", "unsubscribe", "ack", "device_control"}

// handle does what a message asks for. A fault is answered, and ends the connection only before the client has said who it is.
func (s *socket) handle(ctx context.Context, b []byte) {
	var in inbound
	err := strictjson.Check(b)
	if err != nil {
		err = messageFault(b, err)
	} else {
		_ = json.Unmarshal(b, &in) // what does not fit is found when the message is read whole
		err = s.dispatch(ctx, in, b)
	}
	if err == nil {
		return
	}
	s.mu.Lock()
	known := s.token != ""
	s.mu.Unlock()
	s.answer(ctx, s.fault(err, in))
	if !known {
		s.end(err)
	}
}

// messageFault gives a text that is not JSON its place in the error table.
func messageFault(b []byte, err error) error {
	e := models.AsError(jsonFault(b, err))
	e.Message = "The message is not acceptable JSON."
	var fault *strictjson.Error
	if errors.As(err, &fault) {
		e.Message = "The message is not acceptable JSON: " + fault.Error() + "."
	}
	return e
}

func (s *socket) dispatch(ctx context.Context, in inbound, b []byte) error {
	s.mu.Lock()
	known := s.token != ""
	s.mu.Unlock()
	if !known && in.Type != "auth" && in.Type != "ping" {
		return models.Errorf(models.MissingCredentials, `The first message must be {"type":"auth","token":"..."}.`)
	}
	switch in.Type {
	case "auth":
		return readMessage(b, func(m authMessage) error { return s.auth(ctx, m) })
	case "ping":
		return readMessage(b, func(m pingMessage) error {
			s.answer(ctx, outbound{Type: "pong", ID: m.ID}.bytes())
			return nil
		})
	case "subscribe":
		if s.subscribes++; s.subscribes > socketSubscribes {
			e := models.Errorf(models.RateLimited, "A connection may subscribe %d times in %d seconds.", socketSubscribes, int(streamPing.Seconds()))
			e.RetryAfter = streamPing - time.Since(s.since)
			return e
		}
		return readMessage(b, func(m subscribeMessage) error { return s.subscribe(ctx, m) })
	case "unsubscribe":
		return readMessage(b, func(m unsubscribeMessage) error { return s.unsubscribe(ctx, m) })
	case "ack":
		return readMessage(b, s.ack)
	case "device_control":
		return s.control(ctx, in, b)
	}
	return notOneOf("type", in.Type, types)
}

// hold counts the connection: those of a user over all processes, that of a key as a stream. Error: TooManyStreams.
func (s *socket) hold(ctx context.Context, p models.Principal) (release func(), err error) {
	if p.KeyID != "" {
		return s.api.cfg.Live.HoldStream(p)
	}
	return s.api.cfg.Limits.HoldSocket(ctx, p)
}

// notOneOf is the error of a field that must have one of a few values.
func notOneOf(field, given string, known []string) error {
	text := "must be one of " + strings.Join(known, ", ")
	if near := nearest.Name(given, known); near != "" {
		text += "; did you mean " + near + "?"
	}
	return models.InvalidField(models.At(field), "not_allowed", "%s", text)
}

// readMessage reads a message whole and does what it asks for.
func readMessage[M any](b []byte, do func(M) error) error {
	var m M
	if err := mismatches(strictjson.Decode(b, &m)); err != nil {
		return err
	}
	if err := validate(&m); err != nil {
		return err
	}
	return do(m)
}

// auth lets a client in. A connection may say it again, with a fresh token of the same user or key.
func (s *socket) auth(ctx context.Context, m authMessage) error {
	p, err := s.api.enterBy(ctx, m.Token, m.ProjectID)
	if err != nil {
		if !models.AsError(err).Class().Ours() {
			if _, limited := s.api.cfg.Limits.TakeRefused(ctx, s.address); limited != nil {
				err = limited
			}
		}
		return err
	}
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return err
	}
	if err := s.admit(ctx, p, m); err != nil {
		return err
	}
	s.api.cfg.Tally.Entered(p, m.ProjectID)
	s.answer(ctx, outbound{Type: "auth_success", ID: m.ID, ProjectID: p.ProjectID, UserID: p.UserID, RequestID: s.requestID,
		limitFields: &limitFields{socketSubscriptions, socketBytes}}.bytes())
	return nil
}

// admit keeps who the client is. Errors: TooManyStreams, ProjectMismatch.
func (s *socket) admit(ctx context.Context, p models.Principal, m authMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && (holderOf(p) != holderOf(s.who) || p.ProjectID != s.who.ProjectID) {
		return models.Errorf(models.ProjectMismatch, "This connection is another's, or in another project: open one for each.")
	}
	if s.leave == nil {
		release, err := s.hold(ctx, p)
		if err != nil {
			return err
		}
		s.leave = release
		s.authed.Stop()
		s.guard = s.api.cfg.Live.Guard(p)
		guard := s.guard
		s.group.Go(func() {
			select {
			case <-guard.Gone():
				s.answer(ctx, s.fault(guard.Err(), inbound{}))
				s.end(guard.Err())
			case <-ctx.Done():
			}
		})
	}
	s.token, s.project, s.who = m.Token, m.ProjectID, p
	return nil
}
