package sessions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Expire erases sessions of a project that ended before a time, at most limit, as EraseSession does, and waits for nobody. It returns how many.
func (s *Service) Expire(ctx context.Context, projectID string, before time.Time, limit int) (n int, err error) {
	ids, err := s.cfg.Store.ExpiredSessions(ctx, projectID, before, limit)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		subject := sha256.Sum256([]byte(projectID + "\x00session\x00" + id))
		accepted, err := s.cfg.Store.AcceptErasure(ctx, store.NewErasure{SessionID: id, ActorKind: models.ActorSystem,
			Erasure: models.Erasure{ID: models.NewID(), ProjectID: projectID, SubjectHash: hex.EncodeToString(subject[:]), CreatedAt: s.cfg.Now()},
			Job: func(erasureID string) models.Job {
				return s.cfg.Jobs.Prepare(ctx, projectID, models.KindUserErase, json.RawMessage(`{"erasure_id":"`+erasureID+`"}`))
			}})
		if err != nil {
			return n, err
		}
		n++
		if accepted.NewJob {
			s.cfg.Jobs.HandOver(accepted.Job)
		}
		for _, gone := range accepted.Sessions {
			s.cfg.Jobs.Notify(gone) // streams look, find no session and end
		}
	}
	return n, nil
}
