package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file read the samples of a session from one end to the other. They go through the index
// (session_id, end_sample, seq), so that no part of a session costs more than another, and see only the batches that were
// accepted before a given one, so that whoever reads twice reads the same.

// BatchRange selects batches of a session.
type BatchRange struct {
	ProjectID string
	SessionID string
	Before    int   // only batches with a lower number: the session's BatchCount for all that are there
	Longest   int64 // the session's LongestBatch, which bounds how far the index is read
}

// over selects the batches that end after a sample.
func (r BatchRange) over(db *gorm.DB, sample int64) *gorm.DB {
	return db.Model(&models.SampleBatch{}).Where("session_id = ? AND project_id = ? AND end_sample > ? AND seq < ?", r.SessionID, r.ProjectID, sample, r.Before)
}

// EachBatchOver calls each with every batch that overlaps the samples [start, end), unpacked, in the order of their end.
// One batch is in memory at a time. each must not wait: a connection is held meanwhile.
func (s *Store) EachBatchOver(ctx context.Context, r BatchRange, start, end int64, each func(*models.SampleBatch) error) (err error) {
	rows, err := r.over(s.read(ctx), start).Where("end_sample < ? AND start_sample < ?", end+r.Longest, end).
		Select("seq", "start_sample", "end_sample", "codec", "size", "data").Order("end_sample, seq").Rows()
	if err != nil {
		return translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	b := models.SampleBatch{SessionID: r.SessionID, ProjectID: r.ProjectID}
	for rows.Next() {
		if err := rows.Scan(&b.Seq, &b.StartSample, &b.EndSample, &b.Codec, &b.Size, &b.Data); err != nil {
			return translate(err)
		}
		if b.Data, err = dialect.Unpack(b.Codec, b.Size, b.Data); err != nil {
			return err
		}
		if err := each(&b); err != nil {
			return err
		}
	}
	return translate(rows.Err())
}

// FirstSample returns the first sample at or after the given one, and false where there is none.
func (s *Store) FirstSample(ctx context.Context, r BatchRange, from int64) (int64, bool, error) {
	var found []int64
	err := r.over(s.read(ctx), from).Order("end_sample, seq").Limit(1).Pluck("start_sample", &found).Error
	if err != nil || len(found) == 0 {
		return 0, false, translate(err)
	}
	// That batch ends first; one that begins before it ends at most the longest batch later.
	var first int64
	err = r.over(s.read(ctx), from).Where("end_sample <= ?", found[0]+r.Longest).Select("min(start_sample)").Scan(&first).Error
	return max(min(first, found[0]), from), true, translate(err)
}

// BatchesByEnd returns batches with their samples unpacked, in the order of their end, after the one that ends there and
// has the number given.
func (s *Store) BatchesByEnd(ctx context.Context, r BatchRange, afterEnd int64, afterSeq, limit int) ([]models.SampleBatch, error) {
	var out []models.SampleBatch
	err := s.read(ctx).Select("session_id", "batch_id", "seq", "start_ms", "start_sample", "end_sample", "codec", "size", "data").
		Where("session_id = ? AND project_id = ? AND seq < ?", r.SessionID, r.ProjectID, r.Before).
		Where("(end_sample, seq) > (?, ?)", afterEnd, afterSeq).
		Order("end_sample, seq").Limit(limit).Find(&out).Error
	if err != nil {
		return nil, translate(err)
	}
	for i := range out {
		if out[i].Data, err = dialect.Unpack(out[i].Codec, out[i].Size, out[i].Data); err != nil {
			return nil, err
		}
	}
	return out, nil
}
