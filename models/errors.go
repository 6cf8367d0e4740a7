package models

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Code is the stable name of an error. The table below is the only place that gives it a class and a message. Codes that only one
// way in has, such as HTTP's for a method that a path does not take, are defined in its package.
type Code string

// Class is the kind of fault that a code stands for. A way in maps classes to what its protocol has for them (HTTP statuses, gRPC
// codes, extensions of GraphQL errors) and says its few exceptions by code.
type Class string

// The classes.
const (
	ClassInvalid         Class = "invalid"         // the request is wrong by itself
	ClassUnauthenticated Class = "unauthenticated" // nobody is known to make the request
	ClassForbidden       Class = "forbidden"       // the caller may not do this
	ClassNotFound        Class = "not_found"       // what the request is about is not there, or another's
	ClassConflict        Class = "conflict"        // the present state conflicts with the request
	ClassTooLarge        Class = "too_large"       // the request is larger than any may be
	ClassUnprocessable   Class = "unprocessable"   // the request is well formed, and what it carries cannot be used
	ClassExhausted       Class = "exhausted"       // a rate or a quota is used up
	ClassUnavailable     Class = "unavailable"     // a part of the service is away: the same request may do later
	ClassInternal        Class = "internal"        // a fault of ours
)

// Ours reports whether a fault is the service's and not the request's.
func (c Class) Ours() bool { return c == ClassUnavailable || c == ClassInternal }

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
	InsufficientRole       Code = "insufficient_role"
	ProjectMismatch        Code = "project_mismatch"
	ProjectRequired        Code = "project_required"
	NotFound               Code = "not_found"
	JobNotFound            Code = "job_not_found"
	JobNotCancelable       Code = "job_not_cancelable"
	ProjectNotFound        Code = "project_not_found"
	KeyNotFound            Code = "key_not_found"
	MemberNotFound         Code = "member_not_found"
	InvitationNotFound     Code = "invitation_not_found"
	AlreadyMember          Code = "already_member"
	LastOwner              Code = "last_owner"
	EmailTaken             Code = "email_taken"
	SignupDisabled         Code = "signup_disabled"
	NoPassword             Code = "no_password"
	PasswordLoginDisabled  Code = "password_login_disabled"
	LoginExpired           Code = "login_expired"
	LoginRefused           Code = "login_refused"
	LoginCanceled          Code = "login_canceled"
	ProviderUnavailable    Code = "provider_unavailable"
	EmailUnverified        Code = "email_unverified"
	IdentityConflict       Code = "identity_conflict"
	PayloadTooLarge        Code = "payload_too_large"
	InvalidIdempotencyKey  Code = "invalid_idempotency_key"
	IdempotencyKeyReused   Code = "idempotency_key_reused"
	IdempotencyKeyInFlight Code = "idempotency_key_in_flight"
	SessionNotFound        Code = "session_not_found"
	SessionClosed          Code = "session_ended"
	NoFeaturesYet          Code = "no_features_yet"
	QueryTooComplex        Code = "query_too_complex"
	DeviceNotFound         Code = "device_not_found"
	DeviceBusy             Code = "device_busy"
	DeviceIDTaken          Code = "device_id_taken"
	StreamUnavailable      Code = "stream_unavailable"
	StreamNotStarted       Code = "stream_not_started"
	InvalidConfiguration   Code = "invalid_configuration"
	WebhookNotFound        Code = "webhook_not_found"
	DeliveryNotFound       Code = "delivery_not_found"
	WebhookDisabled        Code = "webhook_disabled"
	InvalidSamples         Code = "invalid_samples"
	TooManyEvents          Code = "too_many_events"
	EventNotFound          Code = "event_not_found"
	QueueNotFound          Code = "queue_not_found"
	ActionNotFound         Code = "action_not_found"
	JobNotRepeatable       Code = "job_not_repeatable"
	JobStateConflict       Code = "job_state_conflict"
	ModelNotFound          Code = "model_not_found"
	ModelVersionTaken      Code = "model_version_taken"
	ModelStorageFull       Code = "model_storage_full"
	TrainingDataGone       Code = "training_data_gone"
	ModelNotAdaptive       Code = "model_not_adaptive"
	LicenseRequired        Code = "license_required"
	MissingKey             Code = "missing_key"
	InvalidKeyFormat       Code = "invalid_format"
	MissingEventType       Code = "missing_event_type"
	QuotaExceeded          Code = "quota_exceeded"
	ProjectQuotaExceeded   Code = "project_quota_exceeded"
	ProjectQuotaFull       Code = "project_quota_full"
	NotConfigured          Code = "not_configured"
	RateLimited            Code = "rate_limited"
	TooManyStreams         Code = "too_many_streams"
	TooManyConnections     Code = "too_many_connections"
	Unavailable            Code = "unavailable"
	StorageFull            Code = "storage_full"
	RecordingLost          Code = "recording_lost"
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
	Class   Class  // "" for codes that only jobs carry
	Message string // default message
}

// ErrorTable gives every code its class and its default message, which knows nothing of how the request came.
var ErrorTable = map[Code]Entry{
	NeuroDecodeDisabled: {ClassForbidden, "Neuro decode is disabled on this server."},
	InvalidRequestBody:  {ClassInvalid, "The request is not valid."},
	JobCreateFailed:     {ClassInternal, "The job could not be stored. Nothing was accepted; try again."},
	JobTriggerFailed:    {ClassUnavailable, "The background workers are not reachable. Nothing was accepted; try again."},

	InvalidParameter:       {ClassInvalid, "A parameter is not valid."},
	MissingCredentials:     {ClassUnauthenticated, "This call needs a credential."},
	InvalidCredentials:     {ClassUnauthenticated, "E-mail or password is wrong."},
	InvalidAPIKey:          {ClassUnauthenticated, "The API key is not valid."},
	ExpiredAPIKey:          {ClassUnauthenticated, "The API key has expired."},
	InvalidToken:           {ClassUnauthenticated, "The token is not valid."},
	ExpiredToken:           {ClassUnauthenticated, "The token has expired."},
	InsufficientScope:      {ClassForbidden, "The API key lacks the scope that this call needs."},
	InsufficientRole:       {ClassForbidden, "Your role in this project does not allow this."},
	ProjectRequired:        {ClassInvalid, "A call with an access token needs the project."},
	ProjectMismatch:        {ClassForbidden, "The API key belongs to another project."},
	NotFound:               {ClassNotFound, "There is nothing here."},
	JobNotFound:            {ClassNotFound, "There is no such job."},
	JobNotCancelable:       {ClassConflict, "A job of this kind cannot be canceled."},
	ProjectNotFound:        {ClassNotFound, "There is no such project."},
	KeyNotFound:            {ClassNotFound, "There is no such key."},
	MemberNotFound:         {ClassNotFound, "This project has no such member."},
	InvitationNotFound:     {ClassNotFound, "There is no such invitation, or it has ended."},
	AlreadyMember:          {ClassConflict, "The user is already a member of this project."},
	LastOwner:              {ClassConflict, "A project needs at least one owner; make another member an owner first."},
	EmailTaken:             {ClassConflict, "An account with this e-mail already exists."},
	SignupDisabled:         {ClassForbidden, "Sign-up is disabled on this server."},
	NoPassword:             {ClassConflict, "This account has no password: its user logs in through a provider."},
	PasswordLoginDisabled:  {ClassForbidden, "Logins with a password are switched off on this server; log in through its provider."},
	LoginExpired:           {ClassInvalid, "This login was begun too long ago, or in another browser. Log in again."},
	LoginRefused:           {ClassForbidden, "What the provider answered is not a login that this server takes."},
	LoginCanceled:          {ClassForbidden, "The login was canceled at the provider."},
	ProviderUnavailable:    {ClassUnavailable, "The provider of logins does not answer; try again."},
	EmailUnverified:        {ClassForbidden, "The provider does not say that the e-mail address is yours. Verify it there first."},
	IdentityConflict:       {ClassConflict, "The account with this e-mail belongs to another person at the provider."},
	PayloadTooLarge:        {ClassTooLarge, "The request is too large."},
	InvalidIdempotencyKey:  {ClassInvalid, "An idempotency key has 1 to 255 printable ASCII characters."},
	IdempotencyKeyReused:   {ClassConflict, "This idempotency key was used with another request."},
	IdempotencyKeyInFlight: {ClassConflict, "A request with this idempotency key is still being accepted."},
	SessionNotFound:        {ClassNotFound, "There is no such session."},
	SessionClosed:          {ClassConflict, "The session has ended and takes no more samples."},
	NoFeaturesYet:          {ClassNotFound, "The session has no feature window yet."},
	QueryTooComplex:        {ClassInvalid, "The operation asks for too much at once."},
	DeviceNotFound:         {ClassNotFound, "There is no such device."},
	DeviceBusy:             {ClassConflict, "The device is already in use."},
	DeviceIDTaken:          {ClassConflict, "The project has a device of this id."},
	StreamUnavailable:      {ClassConflict, "The device has no stream; start it first."},
	StreamNotStarted:       {ClassUnavailable, "The device does not answer; try again."},
	InvalidConfiguration:   {ClassUnprocessable, "The device cannot do what is asked of it."},
	WebhookNotFound:        {ClassNotFound, "There is no such webhook."},
	DeliveryNotFound:       {ClassNotFound, "There is no such delivery."},
	WebhookDisabled:        {ClassConflict, "The webhook is disabled; enable it first."},
	InvalidSamples:         {ClassUnprocessable, "The samples do not fit the session."},
	QueueNotFound:          {ClassNotFound, "There is no such queue."},
	ActionNotFound:         {ClassNotFound, "There is no such action."},
	JobNotRepeatable:       {ClassConflict, "Jobs of this kind are not made again: they follow from other calls, or their work is settled."},
	JobStateConflict:       {ClassConflict, "The state of the job does not allow this."},
	EventNotFound:          {ClassNotFound, "There is no such event in this session."},
	TooManyEvents:          {ClassConflict, "The session cannot hold any more events."},
	UnsupportedFormat:      {ClassUnprocessable, "This file format is not supported."},
	PayloadMalformed:       {ClassUnprocessable, "The file does not follow its own format."},
	MontageMismatch:        {ClassUnprocessable, "The channels do not match."},
	ModelNotFound:          {ClassNotFound, "There is no such model."},
	ModelVersionTaken:      {ClassConflict, "This version of the model cannot be stored: versions never change and only rise."},
	ModelStorageFull:       {ClassConflict, "The models of this project use all the storage that they may; delete some first."},
	TrainingDataGone:       {ClassConflict, "The data that the model was trained on no longer exist."},
	ModelNotAdaptive:       {ClassUnprocessable, "Models of this pipeline cannot be calibrated; train a new one."},
	LicenseRequired:        {ClassForbidden, "The model requires a higher licence tier than the API key has."},
	MissingKey:             {ClassUnauthenticated, "This call needs an API key."},
	InvalidKeyFormat:       {ClassUnauthenticated, "This does not have the form of an API key."},
	MissingEventType:       {ClassInvalid, "event_type is required: inference, model_load or error."},
	QuotaExceeded:          {ClassExhausted, "The project's quota of events for this month is used up."},
	ProjectQuotaExceeded:   {ClassExhausted, "A quota of the project is used up; it becomes free again with time."},
	ProjectQuotaFull:       {ClassExhausted, "A quota of the project is used up; the project must free something."},
	NotConfigured:          {ClassUnavailable, "This server is not configured for this call."},
	RateLimited:            {ClassExhausted, "Rate limit exceeded."},
	TooManyStreams:         {ClassExhausted, "Too many live streams are open; end some."},
	TooManyConnections:     {ClassExhausted, "Too many connections are open from your address; end some."},
	Unavailable:            {ClassUnavailable, "A part of the service is not available; try again."},
	StorageFull:            {ClassUnavailable, "The disk of the service is full. Nothing was stored; try again later."},
	RecordingLost:          {ClassInternal, "A recording that lies outside the database is missing or has changed. Whoever runs the server may be able to bring it back."},
	Internal:               {ClassInternal, "Something went wrong on our side."},

	WorkerLost:       {"", "The worker was lost on every attempt."},
	DeadlineExceeded: {"", "The job ran longer than it is allowed to."},
	RetriesExhausted: {"", "The job kept failing for a temporary reason and was given up."},
	PayloadExpired:   {"", "The recording of this job is no longer kept."},
}

// FieldError names one wrong field of a request.
type FieldError struct {
	Path    Path   `json:"path"`
	Code    string `json:"code"` // "required", "too_long", "not_base64", ...
	Message string `json:"message"`
}

// Limits of what an error tells: callers' own names are in paths and messages, and a body of a megabyte can be wrong in as
// many places.
const (
	MaxFieldErrors = 20
	MaxPathBytes   = 200 // of a path as a way in writes it, with Cut
	maxNamesBytes  = 256 // of the names of a path: what is written of them is cut at MaxPathBytes
	maxMessage     = 1000
)

// Bounded returns the first MaxFieldErrors fields, with paths and messages cut to a length that people read.
func Bounded(fields []FieldError) []FieldError {
	out := make([]FieldError, 0, min(len(fields), MaxFieldErrors))
	for _, f := range fields[:min(len(fields), MaxFieldErrors)] {
		out = append(out, FieldError{f.Path.bounded(), f.Code, Cut(f.Message, maxMessage)})
	}
	return out
}

// Cut returns a text of at most so many bytes, of whole characters, and an ellipsis where something was cut off.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return whole(s, most) + "…"
}

// whole returns the first bytes of a text that are whole characters.
func whole(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// Error is a fault with a stable code. Whatever is not an *Error is an internal error to the outside.
type Error struct {
	Code       Code
	Message    string         // empty takes the table's
	Fields     []FieldError   // the fields that are wrong, if any
	At         Path           // what the error is about, where its code alone leaves that open; nil for nothing
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
func InvalidField(path Path, code, format string, args ...any) *Error {
	return &Error{Code: InvalidRequestBody, Fields: []FieldError{{path, code, fmt.Sprintf(format, args...)}}}
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

// Class is the class of the error's code. A code that no call is answered with is a fault of ours where it is.
func (e *Error) Class() Class {
	if c := ErrorTable[e.Code].Class; c != "" {
		return c
	}
	return ClassInternal
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return string(e.Code) + ": " + e.Text() + ": " + e.Cause.Error()
	}
	return string(e.Code) + ": " + e.Text()
}

func (e *Error) Unwrap() error { return e.Cause }

// CodeOf returns the code of an error, "" for none.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}

// AsError returns err's *Error, or an internal error that wraps it.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Cause: err}
}

// InvalidSetting returns an InvalidConfiguration error about one field.
func InvalidSetting(path Path, code, format string, args ...any) *Error {
	return &Error{Code: InvalidConfiguration, Fields: []FieldError{{path, code, fmt.Sprintf(format, args...)}}}
}
