package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/clock"
)

// server calls the API of a neurod.
type server struct {
	base    string
	key     string
	project string
	http    *http.Client
}

// answerError is an answer outside 2xx.
type answerError struct {
	status int
	code   string
	detail string
	after  time.Duration // Retry-After
}

func (e *answerError) Error() string {
	return fmt.Sprintf("HTTP %d %s: %s", e.status, e.code, e.detail)
}

// passing tells whether the same call may be taken later: the network, the server, its limits. A credential that is refused may be given back its rights.
func passing(err error) bool {
	var a *answerError
	if !errors.As(err, &a) {
		return true
	}
	switch a.status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusConflict:
		return a.after > 0 // the first try of the same is under way
	}
	return a.status >= 500
}

// mostAnswer is how much of an answer is read.
const mostAnswer = 1 << 20

// post makes a call and decodes its answer into out, where that is not nil.
func (s *server) post(ctx context.Context, path string, query url.Values, media, once string, body []byte, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", media)
	req.Header.Set("User-Agent", "neurod-agent")
	if s.project != "" {
		req.Header.Set("X-Project-Id", s.project)
	}
	if once != "" {
		req.Header.Set("Idempotency-Key", once)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		a := &answerError{status: res.StatusCode, detail: string(b[:min(len(b), 200)])}
		var doc struct{ Code, Detail string }
		if json.Unmarshal(b, &doc) == nil && doc.Detail != "" {
			a.code, a.detail = doc.Code, doc.Detail
		}
		if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
			a.after = time.Duration(n) * time.Second
		}
		return a
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// create makes the session, once however often it is called.
func (s *server) create(ctx context.Context, d description) (id string, err error) {
	body := map[string]any{"external_user_id": d.ExternalUserID, "device_type": d.DeviceType, "sample_rate_hz": d.Info.Rate, "channels": d.Info.Channels,
		"ingestion_mode": "STREAMING", "started_at_unix_ms": d.OriginMS}
	if d.HopS > 0 {
		body["hop_s"] = d.HopS
	}
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	var out struct {
		SessionID string `json:"session_id"`
	}
	if err := s.post(ctx, "/v1/sessions", nil, "application/json", "agent-"+d.ID, b, &out); err != nil {
		return "", err
	}
	if out.SessionID == "" {
		return "", errors.New("the server made a session without an id")
	}
	return out.SessionID, nil
}

// ingest sends samples. The batch id makes sending them again harmless.
// What the clock of the source does goes with them, nil for nothing new.
func (s *server) ingest(ctx context.Context, session, batch string, first int64, atMS int64, values []byte, told *sourceClock) error {
	q := url.Values{"batch_id": {batch}, "t0_unix_ms": {strconv.FormatInt(atMS, 10)}, "first_sample": {strconv.FormatInt(first, 10)}}
	if told != nil {
		b, err := json.Marshal(told)
		if err != nil {
			return err
		}
		q.Set("clock", string(b))
	}
	return s.post(ctx, "/v1/sessions/"+session+"/ingest", q, "application/octet-stream", "", values, nil)
}

// sourceClock is what the clock of a source does, as the API takes it.
type sourceClock struct {
	Driver  string         `json:"driver"`
	Stamps  devices.Stamps `json:"stamps"`
	Counter bool           `json:"counter"`
	clock.Report
	Missing        map[devices.Cause]int64 `json:"missing,omitempty"`
	DroppedMarkers int                     `json:"dropped_markers,omitempty"`
}

// event is a marker as the API takes it.
type event struct {
	OnsetMS    float64 `json:"onset_ms"`
	DurationMS float64 `json:"duration_ms,omitempty"`
	Code       int     `json:"code,omitempty"`
	Label      string  `json:"label,omitempty"`
}

const (
	mostEvents = 1000 // of a call
	mostLabel  = 1000 // characters
)

// eventOf is a marker as the API takes it: with a label that it takes.
func eventOf(m devices.Marker, rate float64) event {
	label := []rune(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, m.Label))
	e := event{OnsetMS: m.Sample * 1000 / rate, DurationMS: max(0, float64(m.Duration)/1e6), Code: m.Code, Label: string(label[:min(len(label), mostLabel)])}
	if e.Code == 0 && strings.TrimSpace(e.Label) == "" {
		e.Label = "marker"
	}
	return e
}

// events sends what happened, once however often it is called.
func (s *server) events(ctx context.Context, session, once string, list []event) error {
	for k := 0; len(list) > 0; k++ {
		n := min(len(list), mostEvents)
		b, err := json.Marshal(map[string]any{"events": list[:n]})
		if err != nil {
			return err
		}
		if err := s.post(ctx, "/v1/sessions/"+session+"/events", nil, "application/json", fmt.Sprintf("%s-%d", once, k), b, nil); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// end ends the session.
func (s *server) end(ctx context.Context, session string, atMS int64) error {
	b, err := json.Marshal(map[string]int64{"ended_at_unix_ms": atMS})
	if err != nil {
		return err
	}
	return s.post(ctx, "/v1/sessions/"+session+"/end", nil, "application/json", "", b, nil)
}
