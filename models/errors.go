package models

import (
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"
)

// Code is the stable name of an error. The table below is the only place that gives it a status and a message.
type Code string

// Codes of the decode document.
const (
	NeuroDecodeDisabled Code = "neuro_decode_disabled"
	InvalidRequestBody  Code = "invalid_request_body"
	JobCreateFailed     Code = "job_create_failed"
	JobTriggerFailed    Code = "job_trigger_failed"
)

// Codes of our own.
const (
	InvalidParameter       Code = "invalid_parameter"
	MissingCredentials     Code = "missing_credentials"
	InvalidCredentials     Code = "invalid_credentials"
	InvalidAPIKey          Code = "invalid_api_key"
	ExpiredAPIKey          Code = "expired_api_key"
	InvalidToken           Code = "invalid_token"
	ExpiredToken           Code = "expired_token"
	InsufficientScope      Code = "insufficient_scope"
	ProjectMismatch        Code = "project_mismatch"
	ProjectRequired        Code = "project_required"
	NotFound               Code = "not_found"
	JobNotFound            Code = "job_not_found"
	JobNotCancelable       Code = "job_not_cancelable"
	ProjectNotFound        Code = "project_not_found"
	KeyNotFound            Code = "key_not_found"
	EmailTaken             Code = "email_taken"
	SignupDisabled         Code = "signup_disabled"
	MethodNotAllowed       Code = "method_not_allowed"
	PayloadTooLarge        Code = "payload_too_large"
	UploadTooSlow          Code = "upload_too_slow"
	UnsupportedMediaType   Code = "unsupported_media_type"
	InvalidIdempotencyKey  Code = "invalid_idempotency_key"
	IdempotencyKeyReused   Code = "idempotency_key_reused"
	IdempotencyKeyInFlight Code = "idempotency_key_in_flight"
	SessionNotFound        Code = "session_not_found"
	SessionClosed          Code = "session_ended"
	InvalidSamples         Code = "invalid_samples"
	TooManyEvents          Code = "too_many_events"
	UpgradeRequired        Code = "upgrade_required"
	ModelNotFound          Code = "model_not_found"
	ModelVersionTaken      Code = "model_version_taken"
	ModelStorageFull       Code = "model_storage_full"
	TrainingDataGone       Code = "training_data_gone"
	ModelNotAdaptive       Code = "model_not_adaptive"
	LicenseRequired        Code = "license_required"
	RangeNotSatisfiable    Code = "range_not_satisfiable"
	MissingKey             Code = "missing_key"
	InvalidKeyFormat       Code = "invalid_format"
	MissingEventType       Code = "missing_event_type"
	QuotaExceeded          Code = "quota_exceeded"
	ProjectQuotaExceeded   Code = "project_quota_exceeded"
	ProjectQuotaFull       Code = "project_quota_full"
	NotConfigured          Code = "not_configured"
	RateLimited            Code = "rate_limited"
	Unavailable            Code = "unavailable"
	StorageFull            Code = "storage_full"
	Internal               Code = "internal_error"
)

// Codes of the decoders' readers that refuse a file when it is uploaded.
const (
	UnsupportedFormat Code = "unsupported_format"
	PayloadMalformed  Code = "payload_malformed"
	MontageMismatch   Code = "montage_mismatch"
)

// Codes of failed jobs that are not the decoder's own (those are in package decoders).
const (
	WorkerLost       Code = "worker_lost"
	DeadlineExceeded Code = "deadline_exceeded"
	RetriesExhausted Code = "retries_exhausted"
	PayloadExpired   Code = "payload_expired"
)

// Entry is a row of the error table.
type Entry struct {
	Status  int    // HTTP status; 0 for codes that only jobs carry
	Message string // default message
}

// ErrorTable gives every code its status and its default message.
var ErrorTable = map[Code]Entry{
	NeuroDecodeDisabled: {http.StatusForbidden, "Neuro decode is disabled on this server."},
	InvalidRequestBody:  {http.StatusBadRequest, "The request body is not valid."},
	JobCreateFailed:     {http.StatusInternalServerError, "The job could not be stored. Nothing was accepted; try again."},
	JobTriggerFailed:    {http.StatusBadGateway, "The background workers are not reachable. Nothing was accepted; try again."},

	InvalidParameter:       {http.StatusBadRequest, "A query or path parameter is not valid."},
	MissingCredentials:     {http.StatusUnauthorized, "This call needs an Authorization: Bearer header."},
	InvalidCredentials:     {http.StatusUnauthorized, "E-mail or password is wrong."},
	InvalidAPIKey:          {http.StatusUnauthorized, "The API key is not valid."},
	ExpiredAPIKey:          {http.StatusUnauthorized, "The API key has expired."},
	InvalidToken:           {http.StatusUnauthorized, "The token is not valid."},
	ExpiredToken:           {http.StatusUnauthorized, "The token has expired."},
	InsufficientScope:      {http.StatusForbidden, "The API key lacks the scope that this call needs."},
	ProjectRequired:        {http.StatusBadRequest, "With the access token of a login this call needs the project: X-Project-Id, or project_id in the query."},
	ProjectMismatch:        {http.StatusForbidden, "X-Project-Id is not the project of this API key."},
	NotFound:               {http.StatusNotFound, "There is nothing at this path."},
	JobNotFound:            {http.StatusNotFound, "There is no such job."},
	JobNotCancelable:       {http.StatusConflict, "A job of this kind cannot be canceled."},
	ProjectNotFound:        {http.StatusNotFound, "There is no such project."},
	KeyNotFound:            {http.StatusNotFound, "There is no such key."},
	EmailTaken:             {http.StatusConflict, "An account with this e-mail exists."},
	SignupDisabled:         {http.StatusForbidden, "Sign-up is disabled on this server."},
	MethodNotAllowed:       {http.StatusMethodNotAllowed, "This path does not take this method."},
	PayloadTooLarge:        {http.StatusRequestEntityTooLarge, "The request body is too large."},
	UploadTooSlow:          {http.StatusRequestTimeout, "The request body came in too slowly."},
	UnsupportedMediaType:   {http.StatusUnsupportedMediaType, "This call does not take this media type or content encoding."},
	InvalidIdempotencyKey:  {http.StatusBadRequest, "Idempotency-Key must be 1 to 255 printable ASCII characters."},
	IdempotencyKeyReused:   {http.StatusUnprocessableEntity, "This Idempotency-Key was used with another request."},
	IdempotencyKeyInFlight: {http.StatusConflict, "A request with this Idempotency-Key is still being accepted."},
	SessionNotFound:        {http.StatusNotFound, "There is no such session."},
	SessionClosed:          {http.StatusConflict, "The session has ended and takes no more samples."},
	InvalidSamples:         {http.StatusUnprocessableEntity, "The samples do not fit the session."},
	TooManyEvents:          {http.StatusConflict, "The session keeps no more events."},
	UnsupportedFormat:      {http.StatusUnprocessableEntity, "The file is not read."},
	PayloadMalformed:       {http.StatusUnprocessableEntity, "The file breaks its own format."},
	MontageMismatch:        {http.StatusUnprocessableEntity, "The channels do not fit."},
	UpgradeRequired:        {http.StatusUpgradeRequired, "This path speaks WebSocket."},
	ModelNotFound:          {http.StatusNotFound, "There is no such model."},
	ModelVersionTaken:      {http.StatusConflict, "This version of the model cannot be stored: versions never change and only rise."},
	ModelStorageFull:       {http.StatusConflict, "The models of this project take as much room as they may; delete some first."},
	TrainingDataGone:       {http.StatusConflict, "What the model was trained on is no longer there."},
	ModelNotAdaptive:       {http.StatusUnprocessableEntity, "Models of this pipeline do not go on learning; train a new one."},
	LicenseRequired:        {http.StatusForbidden, "The model requires a higher licence tier than the API key has."},
	RangeNotSatisfiable:    {http.StatusRequestedRangeNotSatisfiable, "The range lies outside the file."},
	MissingKey:             {http.StatusBadRequest, "This call needs an API key: as Authorization: Bearer, or as api_key."},
	InvalidKeyFormat:       {http.StatusBadRequest, "This does not have the form of an API key."},
	MissingEventType:       {http.StatusBadRequest, "event_type is required: inference, model_load or error."},
	QuotaExceeded:          {http.StatusTooManyRequests, "The project's quota of events for this month is used up."},
	ProjectQuotaExceeded:   {http.StatusTooManyRequests, "A quota of the project is used up; it frees itself with time."},
	ProjectQuotaFull:       {http.StatusForbidden, "A quota of the project is used up; the project must free something."},
	NotConfigured:          {http.StatusServiceUnavailable, "This server is not configured for this call."},
	RateLimited:            {http.StatusTooManyRequests, "Rate limit exceeded."},
	Unavailable:            {http.StatusServiceUnavailable, "A part of the service is not available; try again."},
	StorageFull:            {http.StatusServiceUnavailable, "The disk of the service is full. Nothing was stored; try again later."},
	Internal:               {http.StatusInternalServerError, "Something went wrong on our side."},

	WorkerLost:       {0, "The worker was lost on every attempt."},
	DeadlineExceeded: {0, "The job ran longer than it may."},
	RetriesExhausted: {0, "The job kept failing for a passing reason and was given up."},
	PayloadExpired:   {0, "The recording of this job is no longer kept."},
}

// FieldError names one wrong field of a request.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON pointer (RFC 6901) into the body, or the parameter's name
	Code    string `json:"code"`    // "required", "too_long", "not_base64", ...
	Message string `json:"message"`
}

// Limits of what an error tells: callers' own names stand in pointers and messages, and a body of a megabyte can be wrong in
// as many places.
const (
	MaxFieldErrors  = 20
	maxPointerBytes = 200
	maxMessageBytes = 1000
)

// Bounded returns the first MaxFieldErrors fields, with pointers and messages cut to a length that people read.
func Bounded(fields []FieldError) []FieldError {
	out := make([]FieldError, 0, min(len(fields), MaxFieldErrors))
	for _, f := range fields[:min(len(fields), MaxFieldErrors)] {
		out = append(out, FieldError{cut(f.Pointer, maxPointerBytes), f.Code, cut(f.Message, maxMessageBytes)})
	}
	return out
}

// cut returns a text of at most so many bytes, of whole characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// Error is a fault with a stable code. Whatever is not an *Error is an internal error to the outside.
type Error struct {
	Code       Code
	Message    string         // empty takes the table's
	Fields     []FieldError   // the fields that are wrong, if any
	Details    map[string]any // further numbers
	RetryAfter time.Duration  // 0 for none
	Quota      Quota          // of the limit that refused, if one did
	Used       *Used          // the quota of the project that refused, if one did
	Cause      error          // logged, never shown
}

// NewError returns an error of the table, with its default message.
func NewError(code Code) *Error { return &Error{Code: code} }

// Errorf returns an error of the table with a message of its own.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidField returns an InvalidRequestBody error about one field.
func InvalidField(pointer, code, format string, args ...any) *Error {
	return &Error{Code: InvalidRequestBody, Fields: []FieldError{{pointer, code, fmt.Sprintf(format, args...)}}}
}

// Wrap returns a copy of e that carries the cause.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Text is the message that callers see.
func (e *Error) Text() string {
	if e.Message != "" {
		return e.Message
	}
	return ErrorTable[e.Code].Message
}

// Status is the HTTP status of the error.
func (e *Error) Status() int {
	if s := ErrorTable[e.Code].Status; s != 0 {
		return s
	}
	return http.StatusInternalServerError
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return string(e.Code) + ": " + e.Text() + ": " + e.Cause.Error()
	}
	return string(e.Code) + ": " + e.Text()
}

func (e *Error) Unwrap() error { return e.Cause }

// AsError returns err's *Error, or an internal error that wraps it.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Cause: err}
}
