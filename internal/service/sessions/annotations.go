package sessions

import (
	"context"
	"errors"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// EventPatch is what shall be another with an event; nil stays as it is.
type EventPatch struct {
	AtMS       *float64 `json:"t_unix_ms"`
	OnsetMS    *float64 `json:"onset_ms"`
	Sample     *int64   `json:"sample"`
	DurationMS *float64 `json:"duration_ms"`
	Code       *int     `json:"code"`
	Label      *string  `json:"label"`
	Channel    *string  `json:"channel"`
	Target     *bool    `json:"target"`
}

// over returns the event that a patch makes of one.
func (e EventPatch) over(m models.SessionMark) NewEvent {
	n := NewEvent{AtMS: e.AtMS, OnsetMS: e.OnsetMS, Sample: e.Sample, DurationMS: m.DurationMS, Code: m.Code, Label: m.Label, Channel: m.Channel, Target: m.Target}
	if e.AtMS == nil && e.OnsetMS == nil && e.Sample == nil {
		n.AtMS = &m.AtMS
	}
	if e.DurationMS != nil {
		n.DurationMS = *e.DurationMS
	}
	if e.Code != nil {
		n.Code = *e.Code
	}
	if e.Label != nil {
		n.Label = *e.Label
	}
	if e.Channel != nil {
		n.Channel = *e.Channel
	}
	if e.Target != nil {
		n.Target = e.Target
	}
	return n
}

// ChangeEvent changes an event of a session, whoever added it. Errors: SessionNotFound, EventNotFound, InvalidRequestBody naming each wrong
// field.
func (s *Service) ChangeEvent(ctx context.Context, p models.Principal, id string, seq int, patch EventPatch) (models.Session, models.SessionMark, error) {
	now := s.cfg.Now()
	return s.changeEvent(ctx, p, id, seq, func(ses models.Session, m models.SessionMark) (models.SessionMark, error) {
		placed, err := placeEvents(ses, []NewEvent{patch.over(m)}, now)
		if err != nil {
			var known *models.Error
			if errors.As(err, &known) {
				for i, f := range known.Fields { // the event is the body itself
					known.Fields[i].Path = f.Path[min(2, len(f.Path)):]
				}
			}
			return m, err
		}
		e := placed[0]
		m.AtMS, m.DurationMS, m.Code, m.Label, m.Channel, m.Target = e.AtMS, e.DurationMS, e.Code, e.Label, e.Channel, e.Target
		return m, nil
	})
}

// DeleteEvent deletes an event of a session. Errors: SessionNotFound, EventNotFound.
func (s *Service) DeleteEvent(ctx context.Context, p models.Principal, id string, seq int) error {
	_, _, err := s.changeEvent(ctx, p, id, seq, nil)
	return err
}

func (s *Service) changeEvent(ctx context.Context, p models.Principal, id string, seq int, change func(models.Session, models.SessionMark) (models.SessionMark, error)) (models.Session, models.SessionMark, error) {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return models.Session{}, models.SessionMark{}, err
	}
	ses, err := s.get(ctx, p.ProjectID, id)
	if err != nil {
		return ses, models.SessionMark{}, err
	}
	by := models.AuditEvent{ActorKind: models.ActorKey, Actor: p.KeyID}
	if p.KeyID == "" {
		by = models.AuditEvent{ActorKind: models.ActorUser, Actor: p.UserID}
	}
	ses, m, err := s.cfg.Store.ChangeEvent(ctx, store.EventChange{ProjectID: p.ProjectID, SessionID: ses.ID, Seq: seq, By: by, Change: change})
	var known *models.Error
	switch {
	case errors.As(err, &known):
		return ses, m, known
	case err != nil:
		return ses, m, service.Absent(err, models.EventNotFound)
	}
	s.cfg.Jobs.Notify(ses.ID)
	return ses, m, nil
}

// ChangedEvents returns the events of a session that were changed or deleted behind a revision. Error: SessionNotFound.
func (s *Service) ChangedEvents(ctx context.Context, p models.Principal, id string, after, limit int) (models.Session, []models.SessionMark, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return ses, nil, err
	}
	found, err := s.cfg.Store.ChangedEvents(ctx, p.ProjectID, ses.ID, after, limit)
	if err != nil {
		return ses, nil, service.Unavailable(err)
	}
	return ses, found, nil
}
