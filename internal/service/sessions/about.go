package sessions

import (
	"bytes"
	"context"
	"encoding/json"
	"math"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Limits of what may be said about a session.
const (
	maxTags           = 32
	maxTag            = 64
	maxMetadata       = 16_000 // bytes, as of an event of analytics
	maxPlannedMinutes = 7 * 24 * 60
)

// About is what the makers of a session call it and say about it. What is nil is not said; of a change it stays as it is.
type About struct {
	Name           *string         // "" for none
	Tags           *[]string       // in their order, each once
	Metadata       json.RawMessage // an object; null for none
	Protocol       *string         // "" for none
	DeviceID       *string         // a device of the project, "" for none. No change takes it: it is where the samples came from
	PlannedMinutes *float64        // how long it is meant to last; it does not end by itself
}

// apply puts what is said on a session, and adds what is wrong with it.
func (a About) apply(ses *models.Session, wrong *validate.Fields) {
	text := func(path string, v *string, to *string) {
		if v == nil {
			return
		}
		if fault := validate.NameFault(*v, validate.MaxName); fault != "" && *v != "" {
			wrong.Add(models.At(path), fault, "must have at most %d characters and no control characters", validate.MaxName)
		}
		*to = *v
	}
	text("name", a.Name, &ses.Name)
	text("protocol", a.Protocol, &ses.Protocol)
	text("device_id", a.DeviceID, &ses.DeviceID)
	if a.Tags != nil {
		ses.Tags = *a.Tags
		checkTags(ses.Tags, wrong)
	}
	if m := bytes.TrimSpace(a.Metadata); len(m) > 0 {
		var compact bytes.Buffer
		switch {
		case string(m) == "null":
			compact.WriteString("{}")
		case m[0] != '{' || json.Compact(&compact, m) != nil:
			wrong.Add(models.At("metadata"), "type", "must be an object")
		case compact.Len() > maxMetadata:
			wrong.Add(models.At("metadata"), "too_long", "has %d bytes; at most %d are allowed", compact.Len(), maxMetadata)
		}
		ses.Metadata = compact.String()
	}
	if d := a.PlannedMinutes; d != nil {
		if !(*d > 0 && *d <= maxPlannedMinutes) {
			wrong.Add(models.At("duration_minutes"), "out_of_range", "must be a number of minutes greater than 0 and at most %d", maxPlannedMinutes)
			return
		}
		ms := int64(math.Ceil(*d * 60_000))
		ses.PlannedMS = &ms
	}
}

func checkTags(tags []string, wrong *validate.Fields) {
	if len(tags) > maxTags {
		wrong.Add(models.At("tags"), "too_many", "has %d tags; at most %d are allowed", len(tags), maxTags)
		return
	}
	seen := make(map[string]int, len(tags))
	for i, tag := range tags {
		path := models.At("tags").Index(i)
		if fault := validate.NameFault(tag, maxTag); fault != "" {
			wrong.Add(path, fault, "must have 1 to %d characters and no control characters", maxTag)
		}
		if first, twice := seen[tag]; twice {
			wrong.Add(path, "duplicate", "is the same as tag %d", first)
		}
		seen[tag] = i
	}
}

// Update changes what is said about a session, whatever its state. Errors: SessionNotFound, InvalidRequestBody naming each wrong field.
func (s *Service) Update(ctx context.Context, p models.Principal, id string, a About) (models.Session, error) {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return models.Session{}, err
	}
	var changed models.Session
	var wrong validate.Fields
	if a.apply(&changed, &wrong); a.DeviceID != nil {
		wrong.Add(models.At("device_id"), "not_allowed", "cannot be changed: it is where the samples came from")
	}
	if len(wrong) > 0 {
		return models.Session{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	id, ok := models.ParseID(id)
	if !ok {
		return models.Session{}, models.NewError(models.SessionNotFound)
	}
	change := store.SessionChange{ProjectID: p.ProjectID, SessionID: id, Name: a.Name, Protocol: a.Protocol, PlannedMS: changed.PlannedMS}
	if a.Tags != nil {
		change.Tags = &changed.Tags
	}
	if changed.Metadata != "" {
		change.Metadata = &changed.Metadata
	}
	ses, err := s.cfg.Store.ChangeSession(ctx, change)
	if err != nil {
		return models.Session{}, service.Absent(err, models.SessionNotFound)
	}
	return ses, nil
}
