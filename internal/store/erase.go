package store

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// eraseChunk is how many ids one statement takes.
const eraseChunk = 500

// EraseUser deletes everything of a project's external user, sessions, samples, windows, the models trained on them, their jobs and the answers kept
// for Idempotency-Keys, and adds the audit record with its counts filled in. It is one transaction: a process that is
// killed in its middle has erased nothing, and the same call does it all.
func (s *Store) EraseUser(ctx context.Context, externalUserID string, audit models.AuditRecord) (models.AuditRecord, error) {
	audit.CreatedAt = utc(audit.CreatedAt)
	err := s.tx(ctx, func(tx *gorm.DB) error {
		audit.SessionsDeleted, audit.SamplesDeleted, audit.FeaturesDeleted = 0, 0, 0
		// The locks keep batches out: one that waits for its session finds none.
		var sessions []sessionRow
		err := forUpdate(tx).Select("id", "sample_count", "job_id").
			Where("project_id = ? AND external_user_id = ?", audit.ProjectID, externalUserID).Order("id").Find(&sessions).Error
		if err != nil {
			return err
		}
		var ids, jobIDs []string
		for _, ses := range sessions {
			ids = append(ids, ses.ID)
			audit.SamplesDeleted += ses.SampleCount
			if ses.JobID != nil {
				jobIDs = append(jobIDs, *ses.JobID)
			}
		}
		for chunk := range slices.Chunk(ids, eraseChunk) {
			var found []string
			if err := tx.Model(&models.SampleBatch{}).Where("session_id IN ?", chunk).Distinct().Pluck("job_id", &found).Error; err != nil {
				return err
			}
			jobIDs = append(jobIDs, found...)
			windows := tx.Where("session_id IN ?", chunk).Delete(&models.FeatureWindow{})
			if windows.Error != nil {
				return windows.Error
			}
			audit.FeaturesDeleted += windows.RowsAffected
			if err := tx.Where("session_id IN ?", chunk).Delete(&models.SampleBatch{}).Error; err != nil {
				return err
			}
			gone := tx.Where("id IN ?", chunk).Delete(&sessionRow{})
			if gone.Error != nil {
				return gone.Error
			}
			audit.SessionsDeleted += gone.RowsAffected
		}
		if err := eraseModels(tx, audit.ProjectID, ids); err != nil {
			return err
		}
		// An answer without a job is kept under its session's id.
		for chunk := range slices.Chunk(append(jobIDs, ids...), eraseChunk) {
			for _, query := range []string{
				"DELETE FROM idempotency_records WHERE project_id = ? AND job_id IN ?",
				"DELETE FROM job_payloads WHERE project_id = ? AND job_id IN ?",
				"DELETE FROM jobs WHERE project_id = ? AND id IN ?",
			} {
				if err := tx.Exec(query, audit.ProjectID, chunk).Error; err != nil {
					return err
				}
			}
		}
		return tx.Create(&audit).Error
	})
	return audit, err
}
