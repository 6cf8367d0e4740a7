package accounts

import (
	"context"
	"fmt"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// RetentionChange is what is to change of how long a project keeps what has ended, in hours: nil leaves it as it is, 0 is what the server does.
type RetentionChange struct {
	PayloadHours, JobHours, SessionHours, WindowHours *int
}

// Retention returns how long a project keeps what has ended. Errors: ProjectNotFound, InsufficientRole.
func (a *Service) Retention(ctx context.Context, p models.Principal, projectID string) (models.ProjectRetention, error) {
	p, err := a.within(ctx, p, projectID, models.RightRetention)
	if err != nil {
		return models.ProjectRetention{}, err
	}
	r, err := a.cfg.Store.Retention(ctx, p.ProjectID)
	if err != nil {
		return r, service.Unavailable(err)
	}
	return r, nil
}

// SetRetention changes how long a project keeps what has ended; what is older then goes within minutes. A project keeps jobs and their recordings no
// longer than the server. Errors: InvalidRequestBody naming each wrong field, ProjectNotFound, InsufficientRole.
func (a *Service) SetRetention(ctx context.Context, p models.Principal, projectID string, c RetentionChange) (models.ProjectRetention, error) {
	p, err := a.within(ctx, p, projectID, models.RightRetention)
	if err != nil {
		return models.ProjectRetention{}, err
	}
	var wrong []models.FieldError
	for _, f := range []struct {
		name  string
		hours *int
		most  time.Duration // what the server keeps; 0 for everything
	}{
		{"payload_hours", c.PayloadHours, a.cfg.PayloadRetention}, {"job_hours", c.JobHours, a.cfg.JobRetention},
		{"session_hours", c.SessionHours, 0}, {"window_hours", c.WindowHours, 0},
	} {
		most := models.MaxRetentionHours
		if f.most > 0 {
			most = min(most, max(1, int(f.most/time.Hour)))
		}
		if f.hours != nil && (*f.hours < 0 || *f.hours > most) {
			wrong = append(wrong, models.FieldError{Path: models.At(f.name), Code: "out_of_range", Message: fmt.Sprintf("must be from 1 to %d hours, or 0 for what the server does", most)})
		}
	}
	if len(wrong) > 0 {
		return models.ProjectRetention{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	r, err := a.cfg.Store.ChangeRetention(ctx, p.ProjectID, p.UserID, func(r *models.ProjectRetention) error {
		for _, f := range []struct{ to, from *int }{{&r.PayloadHours, c.PayloadHours}, {&r.JobHours, c.JobHours}, {&r.SessionHours, c.SessionHours}, {&r.WindowHours, c.WindowHours}} {
			if f.from != nil {
				*f.to = *f.from
			}
		}
		r.UpdatedAt = time.Now()
		return nil
	})
	if err != nil {
		return r, refused(err, p, models.RightRetention, models.ProjectNotFound)
	}
	return r, nil
}
