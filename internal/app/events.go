package app

import (
	"context"
	"math"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
)

// eventPage is how many events of an export are read at once.
const eventPage = 1000

// sessionEvents gives exports the events of sessions, in the order in which they were added.
func sessionEvents(s *store.Store) service.SessionEvents {
	return func(ctx context.Context, projectID, sessionID string, each func(service.ExportEvent) error) error {
		ses, err := s.Session(ctx, projectID, sessionID)
		if err != nil || ses.OriginMS == nil { // without samples there is no place for an event
			return err
		}
		for after := 0; ; {
			found, err := s.SessionEvents(ctx, projectID, sessionID, after, eventPage)
			if err != nil {
				return err
			}
			for _, m := range found {
				after = m.Seq
				err := each(service.ExportEvent{Sample: int64(math.Round((m.AtMS - float64(*ses.OriginMS)) * ses.SampleRateHz / 1000)),
					DurationS: m.DurationMS / 1000, Code: m.Code, Label: m.Label})
				if err != nil {
					return err
				}
			}
			if len(found) < eventPage {
				return nil
			}
		}
	}
}
