package sessions

import (
	"context"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Played is a session as it stood when it was opened, to be read again in order, as often as is wanted: by a device that plays it. Positions count samples
// from its first one.
type Played struct {
	Session models.Session
	Length  int64 // position behind the last sample

	first  int64 // number of the sample at position 0
	export *Export
}

// Play opens a session of the project to be played. Errors: SessionNotFound; InvalidRequestBody where it has no samples.
func (s *Service) Play(ctx context.Context, projectID, id string) (*Played, error) {
	ses, err := s.get(ctx, projectID, id)
	if err != nil {
		return nil, err
	}
	p := &Played{Session: ses, export: &Export{Session: ses, sessions: s}}
	tail, any := ses.Tail()
	if any {
		all := store.BatchRange{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: ses.BatchCount, Longest: ses.LongestBatch}
		if p.first, any, err = s.cfg.Store.FirstSample(ctx, all, -1<<62); err != nil {
			return nil, service.Unavailable(err)
		}
	}
	if !any {
		return nil, models.InvalidField(models.At("session_id"), "no_samples", "names a session that has no samples")
	}
	p.Length = tail.End - p.first
	return p, nil
}

// Each calls f with the samples (channels × samples, µV) from about a position on, in order, a part at a time, whose rows are valid during the call. What lies between
// two parts was not recorded. Errors: f's; ErrChanged where the session was erased meanwhile.
func (p *Played) Each(ctx context.Context, from int64, f func(first int64, rows [][]float64) error) error {
	var fault, failed error
	for start, rows := range p.export.segmentsFrom(ctx, p.first+from, &fault) {
		if failed = f(start-p.first, rows); failed != nil {
			return failed
		}
	}
	if fault != nil {
		return fault
	}
	return p.export.whole(ctx)
}

// Events returns what happened in the session, in the order in which it was added; Sample is a position.
func (p *Played) Events(ctx context.Context) ([]ExportEvent, error) {
	var out []ExportEvent
	err := p.export.Events(ctx, func(e ExportEvent) error {
		e.Sample -= p.first
		out = append(out, e)
		return nil
	})
	return out, err
}
