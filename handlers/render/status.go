package render

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/neurod/neurod/models"
)

// Codes that only HTTP has.
const (
	MethodNotAllowed     models.Code = "method_not_allowed"
	UploadTooSlow        models.Code = "upload_too_slow"
	UnsupportedMediaType models.Code = "unsupported_media_type"
	UpgradeRequired      models.Code = "upgrade_required"
	RangeNotSatisfiable  models.Code = "range_not_satisfiable"
	OriginNotAllowed     models.Code = "origin_not_allowed"
)

// classes gives every class of the error table its status.
var classes = map[models.Class]int{
	models.ClassInvalid:         http.StatusBadRequest,
	models.ClassUnauthenticated: http.StatusUnauthorized,
	models.ClassForbidden:       http.StatusForbidden,
	models.ClassNotFound:        http.StatusNotFound,
	models.ClassConflict:        http.StatusConflict,
	models.ClassTooLarge:        http.StatusRequestEntityTooLarge,
	models.ClassUnprocessable:   http.StatusUnprocessableEntity,
	models.ClassExhausted:       http.StatusTooManyRequests,
	models.ClassUnavailable:     http.StatusServiceUnavailable,
	models.ClassInternal:        http.StatusInternalServerError,
}

// codes lists what does not follow from the error table: HTTP's own codes, codes with another status than their class has, and
// messages that speak of headers and paths.
var codes = map[models.Code]struct {
	status  int    // 0 for that of the class
	message string // "" for the table's
}{
	MethodNotAllowed:     {http.StatusMethodNotAllowed, "This path does not allow this method."},
	UploadTooSlow:        {http.StatusRequestTimeout, "The request body came in too slowly."},
	UnsupportedMediaType: {http.StatusUnsupportedMediaType, "This call does not accept this media type or content encoding."},
	UpgradeRequired:      {http.StatusUpgradeRequired, "This path takes WebSocket connections only."},
	RangeNotSatisfiable:  {http.StatusRequestedRangeNotSatisfiable, "The range lies outside the file."},
	OriginNotAllowed:     {http.StatusForbidden, "Pages of this origin may not use this server."},

	// As the documents have them.
	models.JobTriggerFailed: {status: http.StatusBadGateway},
	models.MissingKey:       {http.StatusBadRequest, "This call needs an API key: as Authorization: Bearer, or as api_key."},
	models.InvalidKeyFormat: {status: http.StatusBadRequest},

	models.IdempotencyKeyReused: {status: http.StatusUnprocessableEntity}, // draft-ietf-httpapi-idempotency-key-header, 2.7
	models.ProjectQuotaFull:     {status: http.StatusForbidden},           // it does not pass with time

	models.InvalidRequestBody:    {message: "The request body is not valid."},
	models.InvalidParameter:      {message: "A query or path parameter is not valid."},
	models.MissingCredentials:    {message: "This call needs an Authorization: Bearer header."},
	models.ProjectRequired:       {message: "A call with an access token needs the project: X-Project-Id, or project_id in the query."},
	models.ProjectMismatch:       {message: "X-Project-Id names another project than that of the API key."},
	models.NotFound:              {message: "There is nothing at this path."},
	models.PayloadTooLarge:       {message: "The request body is too large."},
	models.InvalidIdempotencyKey: {message: "Idempotency-Key must be 1 to 255 printable ASCII characters."},
}

// Status is the HTTP status of an error.
func Status(e *models.Error) int {
	if s := codes[e.Code].status; s != 0 {
		return s
	}
	return StatusOf(e.Class())
}

// StatusOf is the HTTP status of a class, 0 for none.
func StatusOf(c models.Class) int { return classes[c] }

// Message is the message of an error's code to HTTP clients.
func Message(code models.Code) string { return Text(&models.Error{Code: code}) }

// Text is the message of an error to HTTP clients, without the fields that are wrong.
func Text(e *models.Error) string {
	if m := codes[e.Code].message; m != "" && e.Message == "" {
		return m
	}
	switch e.Code {
	case models.IdempotencyKeyReused, models.IdempotencyKeyInFlight: // HTTP carries the key in a header of this name
		return strings.Replace(e.Text(), "idempotency key", "Idempotency-Key", 1)
	}
	return e.Text()
}

// Stored is the message of an error that was stored with a job: what the table says by default is told in HTTP's words.
func Stored(code models.Code, message string) string {
	if message == models.ErrorTable[code].Message {
		return Message(code)
	}
	return message
}

// Codes lists every code that an HTTP client may get, in order.
func Codes() []models.Code {
	all := map[models.Code]bool{}
	for code := range models.ErrorTable {
		all[code] = true
	}
	for code := range codes {
		all[code] = true
	}
	return slices.Sorted(maps.Keys(all))
}
