package render

import (
	"encoding/json"
	"strings"

	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// pointer writes the path of an error of this code: of a body as a JSON pointer (RFC 6901), of parameters as their name.
func pointer(code models.Code, p models.Path) string {
	if code != models.InvalidParameter {
		return models.Cut(strictjson.Pointer(p), models.MaxPathBytes)
	}
	names := make([]string, len(p))
	for i, s := range p {
		names[i] = s.String()
	}
	return models.Cut(strings.Join(names, "."), models.MaxPathBytes)
}

// fieldErrors returns the wrong fields of an error as clients get them, nil for none.
func fieldErrors(err *models.Error) []fieldError {
	if len(err.Fields) == 0 {
		return nil
	}
	bounded := models.Bounded(err.Fields)
	out := make([]fieldError, len(bounded))
	for i, f := range bounded {
		out[i] = fieldError{pointer(err.Code, f.Path), f.Code, Stored(models.Code(f.Code), f.Message)}
	}
	return out
}

// StoredDetails returns the details of an error that was stored with a job as clients get them.
func StoredDetails(code models.Code, stored json.RawMessage) json.RawMessage {
	var details map[string]json.RawMessage
	if json.Unmarshal(stored, &details) != nil || details["fields"] == nil {
		return stored
	}
	var fields []struct {
		Pointer *string // of a job that an earlier version stored
		models.FieldError
	}
	if json.Unmarshal(details["fields"], &fields) != nil {
		return stored
	}
	shown := make([]fieldError, len(fields))
	for i, f := range fields {
		shown[i] = fieldError{pointer(code, f.Path), f.Code, Stored(models.Code(f.Code), f.Message)}
		if f.Pointer != nil {
			shown[i].Pointer = *f.Pointer
		}
	}
	b, err := json.Marshal(shown)
	if err != nil {
		return stored
	}
	details["fields"] = b
	if b, err = json.Marshal(details); err != nil {
		return stored
	}
	return b
}
