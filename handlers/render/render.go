// Package render writes errors to HTTP clients, in the shape that the family of the path promises.
//
// The one table of errors lives in package models; status.go maps its classes to HTTP statuses, and a family only chooses how a
// row of it looks:
//
//   - Envelope (/api/v1 and whatever has no other family):
//     {"error":{"code","message","details","request_id","timestamp"}}
//   - Problem (/v1): application/problem+json of RFC 9457, with code, errors and request_id as extensions
//   - Devices (/v2): the envelope, with codes in capitals
//   - GraphQL (/graphql): {"errors":[{"message","extensions":{"code","details","request_id","timestamp"}}]}, with the codes of Devices
//   - Registry (/v1/models, /v1/analytics/log, /v1/auth/validate|refresh|revoke, /api/health): {"error","code"}
//
// Invariants: an error that is not a *models.Error becomes internal_error and its text never leaves the process;
// wrong fields of bodies are always named by JSON pointer (RFC 6901), wrong parameters by their names.
package render

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/models"
)

// Family is a group of paths whose errors share one shape.
type Family string

// The families.
const (
	Envelope Family = "envelope"
	Devices  Family = "devices"
	Problem  Family = "problem"
	Registry Family = "registry"
	GraphQL  Family = "graphql"
)

// FamilyOf returns the family of a URL path that is not a route's. A route says its own.
func FamilyOf(path string) Family {
	switch {
	case strings.HasPrefix(path, "/v1/models/"):
		return Registry
	case path == "/v1" || strings.HasPrefix(path, "/v1/"):
		return Problem
	case path == "/graphql":
		return GraphQL
	case path == "/v2" || strings.HasPrefix(path, "/v2/"):
		return Devices
	default:
		return Envelope
	}
}

// timestampLayout is RFC 3339 in UTC with milliseconds, as the documents write times.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// Timestamp formats a time as the documents do: RFC 3339, UTC, milliseconds.
func Timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

type envelope struct {
	Error envelopeError `json:"error"`
}

type envelopeError struct {
	Code      string         `json:"code"`
	Message   string         `json:"message"`
	Details   map[string]any `json:"details"`
	RequestID string         `json:"request_id"`
	Timestamp string         `json:"timestamp"`
}

type problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	Code      models.Code    `json:"code"`
	Errors    []fieldError   `json:"errors,omitempty"`
	Details   map[string]any `json:"details,omitempty"`
	RequestID string         `json:"request_id"`
}

// fieldError is a wrong field.
type fieldError struct {
	Pointer string `json:"pointer"` // JSON pointer into the body, or the parameter's name
	Code    string `json:"code"`
	Message string `json:"message"`
}

type registryError struct {
	Error string `json:"error"`
	Code  string `json:"code"`
}

// deviceCodes are the names that the devices' document gives to codes of the table; others are upper-cased. Its INVALID_TOKEN is every credential that is
// missing or not good, its INSUFFICIENT_PERMISSIONS every right that is missing. STREAM_UNAVAILABLE has two statuses: 409 where there is no stream, which
// only its caller can change by starting one, and 503 with Retry-After where one was asked for and the device does not come.
var deviceCodes = map[models.Code]string{
	models.MissingCredentials: "INVALID_TOKEN",
	models.InvalidToken:       "INVALID_TOKEN",
	models.ExpiredToken:       "INVALID_TOKEN",
	models.InvalidAPIKey:      "INVALID_TOKEN",
	models.ExpiredAPIKey:      "INVALID_TOKEN",
	models.InsufficientScope:  "INSUFFICIENT_PERMISSIONS",
	models.InsufficientRole:   "INSUFFICIENT_PERMISSIONS",
	models.ProjectMismatch:    "INSUFFICIENT_PERMISSIONS",
	models.RateLimited:        "RATE_LIMIT_EXCEEDED",
	models.TooManyStreams:     "RATE_LIMIT_EXCEEDED",
	models.StreamNotStarted:   "STREAM_UNAVAILABLE",
}

// DeviceCode is the name of a code in the devices' document and what goes with it: for every way in of that family.
func DeviceCode(code models.Code) string { return capitals(code, deviceCodes) }

// registryCodes are the names that the registry's document gives to codes of the table; others are upper-cased.
var registryCodes = map[models.Code]string{
	models.InvalidAPIKey: "INVALID_KEY",
	models.ExpiredAPIKey: "KEY_EXPIRED",
	models.RateLimited:   "RATE_LIMIT_EXCEEDED",
	models.Internal:      "SERVER_ERROR",
}

// capitals returns the code's name in a family that writes codes in capitals.
func capitals(code models.Code, named map[models.Code]string) string {
	if name, ok := named[code]; ok {
		return name
	}
	return strings.ToUpper(string(code))
}

// Told is an error as ways in tell of it that write no body of a family: its code in the family's spelling, its message, and its details with the
// wrong fields among them.
func Told(f Family, err *models.Error) (code, message string, details map[string]any) {
	fields := fieldErrors(err)
	details = make(map[string]any, len(err.Details)+1)
	for k, d := range err.Details {
		details[k] = d
	}
	if err.At != nil {
		details["pointer"] = pointer(err.Code, err.At)
	}
	if len(fields) > 0 {
		details["fields"] = fields
	}
	code = string(err.Code)
	if f == Devices || f == GraphQL {
		code = capitals(err.Code, deviceCodes)
	}
	return code, summary(err, fields), details
}

// Body returns the status, media type and body of an error for a family.
func Body(f Family, err *models.Error, requestID string, now time.Time) (status int, contentType string, body []byte) {
	status = Status(err)
	fields := fieldErrors(err)
	details := make(map[string]any, len(err.Details)+1)
	for k, d := range err.Details {
		details[k] = d
	}
	if err.At != nil {
		details["pointer"] = pointer(err.Code, err.At)
	}
	var v any
	switch f {
	case Problem:
		contentType = "application/problem+json"
		v = problem{
			Type:      "about:blank", // RFC 9457, 4.2.1: the title is then the status phrase
			Title:     http.StatusText(status),
			Status:    status,
			Detail:    summary(err, fields),
			Code:      err.Code,
			Errors:    fields,
			Details:   details,
			RequestID: requestID,
		}
	case GraphQL:
		contentType = "application/json; charset=utf-8"
		code, message, told := Told(f, err)
		v = map[string]any{"errors": []any{map[string]any{"message": message,
			"extensions": map[string]any{"code": code, "details": told, "request_id": requestID, "timestamp": Timestamp(now)}}}}
	case Registry:
		contentType = "application/json; charset=utf-8"
		v = registryError{Error: summary(err, fields), Code: capitals(err.Code, registryCodes)}
	default:
		contentType = "application/json; charset=utf-8"
		if len(fields) > 0 {
			details["fields"] = fields
		}
		code := string(err.Code)
		if f == Devices {
			code = DeviceCode(err.Code)
		}
		v = envelope{envelopeError{
			Code: code, Message: summary(err, fields), Details: details,
			RequestID: requestID, Timestamp: Timestamp(now),
		}}
	}
	body, encErr := json.Marshal(v)
	if encErr != nil { // a detail that JSON cannot hold, such as NaN
		bare := *err
		bare.Details = nil
		return Body(f, &bare, requestID, now)
	}
	return status, contentType, append(body, '\n')
}

// summary is the message of an error; one wrong field is named in it, so that a person who reads only the
// message knows what to mend.
func summary(err *models.Error, fields []fieldError) string {
	if err.Message != "" || len(fields) == 0 {
		return Text(err)
	}
	first := fields[0]
	text := Text(err) + " " + first.Pointer + ": " + first.Message
	if first.Pointer == "" { // it is about the whole body
		text = Text(err) + " The body " + first.Message
	}
	text = strings.TrimSuffix(text, ".")
	if n := len(fields) - 1; n > 0 {
		text += " (and " + strconv.Itoa(n) + " more)"
	}
	if !strings.HasSuffix(text, "?") {
		text += "."
	}
	return text
}

// Summary is the message of an error as bodies have it.
func Summary(err *models.Error) string { return summary(err, fieldErrors(err)) }

// Error answers a request with an error in a family and returns the error that was rendered.
// Headers that belong to the status (Retry-After, WWW-Authenticate, X-RateLimit-…, X-Quota-…) are set here, so that no caller forgets them.
func Error(f Family, w http.ResponseWriter, requestID string, err error) *models.Error {
	e := models.AsError(err)
	status, contentType, body := Body(f, e, requestID, time.Now())
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	Quota(h, e.Quota)
	if u := e.Used; u != nil {
		h.Set("X-Quota-Name", string(u.Name))
		h.Set("X-Quota-Limit", strconv.FormatInt(u.Limit, 10))
		h.Set("X-Quota-Used", strconv.FormatInt(u.Used, 10))
	}
	if challenge := challenge(e, status); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone away cannot be told so
	return e
}

// Quota tells a client what a limit leaves it, in the headers that the documents name, spelled as there: how many requests a
// window allows and how many of those may still follow at once. A client that has rested may send more at once than a window
// allows, which X-RateLimit-Burst says. The zero Quota tells nothing.
func Quota(h http.Header, q models.Quota) {
	if q.Limit == 0 {
		return
	}
	window := q.Window
	if window == 0 {
		window = q.Limit
	}
	h["X-RateLimit-Limit"] = []string{strconv.Itoa(window)}
	h["X-RateLimit-Remaining"] = []string{strconv.Itoa(min(q.Remaining, window))}
	h["X-RateLimit-Burst"] = []string{strconv.Itoa(q.Limit)}
	h["X-RateLimit-Burst-Remaining"] = []string{strconv.Itoa(q.Remaining)}
	h["X-RateLimit-Reset"] = []string{strconv.FormatInt(q.Reset.Unix(), 10)}
}

// challenge is the WWW-Authenticate value of RFC 6750, section 3.
func challenge(e *models.Error, status int) string {
	const realm = `Bearer realm="neurod"`
	switch {
	case e.Code == models.MissingCredentials || e.Code == models.InvalidCredentials:
		return realm // no error attribute when no token was presented
	case status == http.StatusUnauthorized:
		return realm + `, error="invalid_token"`
	case e.Code == models.InsufficientScope:
		if scope, ok := e.Details["scope"].(string); ok {
			return realm + `, error="insufficient_scope", scope="` + scope + `"`
		}
		return realm + `, error="insufficient_scope"`
	}
	return ""
}
