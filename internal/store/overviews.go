package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// overviewColumns are the columns that hold blocks, by their length.
var overviewColumns = map[models.OverviewLevel]string{models.OverviewFine: "fine", models.OverviewMid: "mid", models.OverviewCoarse: "coarse"}

// OverviewState returns the last chunk of a session that has an overview, the number below which all batches are in one as far as their
// chunk has any, and false where there is none.
func (s *Store) OverviewState(ctx context.Context, projectID, sessionID string) (last int64, seen int, any bool, err error) {
	var found []struct {
		Last *int64
		Seen *int
	}
	err = s.read(ctx).Raw(`SELECT (SELECT max(chunk) FROM session_overviews WHERE session_id = ?) AS last,
		(SELECT max(seen) FROM session_overviews WHERE session_id = ? AND project_id = ?) AS seen`, sessionID, sessionID, projectID).Scan(&found).Error
	if err != nil || len(found) == 0 || found[0].Last == nil || found[0].Seen == nil {
		return 0, 0, false, translate(err)
	}
	return *found[0].Last, *found[0].Seen, true, nil
}

// Overviews returns the chunks [from, to] of a session that have an overview, in order, each with the blocks of one length alone.
func (s *Store) Overviews(ctx context.Context, projectID, sessionID string, level models.OverviewLevel, from, to int64) ([]models.OverviewChunk, error) {
	var out []models.OverviewChunk
	err := s.read(ctx).Raw("SELECT chunk, "+overviewColumns[level]+` AS data FROM session_overviews
		WHERE session_id = ? AND project_id = ? AND chunk >= ? AND chunk <= ? ORDER BY chunk`, sessionID, projectID, from, to).Scan(&out).Error
	return out, translate(err)
}

// BatchPlaces returns where batches of a session lie, without their samples: those with a number from the one given on, in that order, at
// most limit.
func (s *Store) BatchPlaces(ctx context.Context, projectID, sessionID string, from, limit int) ([]models.SampleBatch, error) {
	var out []models.SampleBatch
	err := s.read(ctx).Select("session_id", "seq", "start_sample", "end_sample").
		Where("session_id = ? AND project_id = ? AND seq >= ?", sessionID, projectID, from).Order("seq").Limit(limit).Find(&out).Error
	return out, translate(err)
}

// PutOverviews keeps overviews of chunks of a session. One that was made of more batches stays. ErrNotFound where the session is gone.
func (s *Store) PutOverviews(ctx context.Context, projectID, sessionID string, list []models.SessionOverview) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		// The session's row is locked, so that nothing is written of one that is erased.
		if err := forUpdate(tx).Select("id").Where("id = ? AND project_id = ?", sessionID, projectID).Take(&dialect.SessionRow{}).Error; err != nil {
			return err
		}
		for _, o := range list {
			err := tx.Exec(`INSERT INTO session_overviews (session_id, chunk, project_id, seen, coarse, mid, fine) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (session_id, chunk) DO UPDATE SET seen = excluded.seen, coarse = excluded.coarse, mid = excluded.mid, fine = excluded.fine
				WHERE excluded.seen >= session_overviews.seen`, sessionID, o.Chunk, projectID, o.Seen, o.Coarse, o.Mid, o.Fine).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}
