package sessions

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// ClockStore keeps what the clocks of sources do.
type ClockStore interface {
	PutClock(ctx context.Context, c models.SessionClock) error
	Clock(ctx context.Context, projectID, sessionID string) (models.SessionClock, error)
}

// Limits of a report of a clock.
const (
	maxClockWord   = 64
	maxClockCauses = 32
)

var clockStamps = []string{"", "arrival", "device", "exact"}

// checkClock judges a report; its errors go under clock.
func checkClock(c *models.SourceClock, rateHz float64, wrong *validate.Fields) {
	at := func(name string) models.Path { return models.At("clock", name) }
	if len(c.Driver) > maxClockWord {
		wrong.Add(at("driver"), "too_long", "has more than %d bytes", maxClockWord)
	}
	if !slices.Contains(clockStamps, c.Stamps) {
		wrong.Add(at("stamps"), "invalid", "must be arrival, device or exact")
	}
	if c.NominalHz != rateHz {
		wrong.Add(at("nominal_hz"), "invalid", "is %g; the session has %g", c.NominalHz, rateHz)
	}
	numbers := map[string]float64{"jitter_ms": c.JitterMS, "jitter_max_ms": c.JitterMaxMS, "within_ms": c.WithinMS, "offset_ms": math.Abs(c.OffsetMS),
		"jumps": float64(c.Jumps), "host_steps": float64(c.HostSteps), "samples": float64(c.Samples), "lost": float64(c.Lost), "dropped_markers": float64(c.DroppedMarkers)}
	for _, name := range []string{"jitter_ms", "jitter_max_ms", "within_ms", "offset_ms", "jumps", "host_steps", "samples", "lost", "dropped_markers"} {
		if v := numbers[name]; !(v >= 0 && v < 1e15) {
			wrong.Add(at(name), "out_of_range", "is %g", v)
		}
	}
	if len(c.Missing) > maxClockCauses {
		wrong.Add(at("missing"), "too_many", "has %d causes; %d are the most", len(c.Missing), maxClockCauses)
	}
	for cause, n := range c.Missing {
		if len(cause) == 0 || len(cause) > maxClockWord || n < 0 {
			wrong.Add(at("missing"), "invalid", "has %d samples for the cause %q", n, validate.Short(cause))
			break
		}
	}
}

// ReportClock keeps what the clock of a session's source was found to do. Errors: SessionNotFound, InvalidRequestBody.
func (s *Service) ReportClock(ctx context.Context, p models.Principal, id string, c models.SourceClock) error {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return err
	}
	ses, err := s.get(ctx, p.ProjectID, id)
	if err != nil {
		return err
	}
	var wrong validate.Fields
	if checkClock(&c, ses.SampleRateHz, &wrong); len(wrong) > 0 {
		return &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	if err := s.putClock(ctx, p.ProjectID, ses.ID, c); err != nil {
		return service.Absent(err, models.SessionNotFound)
	}
	return nil
}

func (s *Service) putClock(ctx context.Context, projectID, id string, c models.SourceClock) error {
	report, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return s.cfg.Store.PutClock(ctx, models.SessionClock{SessionID: id, ProjectID: projectID, Report: string(report), UpdatedAt: s.cfg.Now().UTC()})
}

// Clock is what the clock of a session's source was last found to do, and when that was.
type Clock struct {
	models.SourceClock
	At time.Time
}

// Clock returns what the clock of a session's source was last found to do, nil where nobody has said. Error: SessionNotFound.
func (s *Service) Clock(ctx context.Context, p models.Principal, id string) (*Clock, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	return s.clockOf(ctx, ses)
}

func (s *Service) clockOf(ctx context.Context, ses models.Session) (*Clock, error) {
	row, err := s.cfg.Store.Clock(ctx, ses.ProjectID, ses.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // nobody has said
	}
	if err != nil {
		return nil, service.Unavailable(err)
	}
	c, err := row.Clock()
	return &Clock{c, row.UpdatedAt}, err
}
