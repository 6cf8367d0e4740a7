package store

import (
	"cmp"
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
	// Compute runs what unpacks batches, which has so many bytes then, when there is a processor for it: EachBatchOver holds no connection
	// meanwhile. Whoever computes already leaves it nil, and all is done at once.
	Compute func(ctx context.Context, bytes int, f func() error) error
	// Piece is how many bytes of unpacked batches Compute runs on at once, or one batch. Defaults to 1 MiB.
	Piece int
}

// over selects the batches that end after a sample.
func (r BatchRange) over(db *gorm.DB, sample int64) *gorm.DB {
	return db.Model(&models.SampleBatch{}).Where("session_id = ? AND project_id = ? AND end_sample > ? AND seq < ?", r.SessionID, r.ProjectID, sample, r.Before)
}

// EachBatchOver calls each with every batch that overlaps the samples [start, end), unpacked, in the order of their end.
// One batch is unpacked in memory at a time. Without r.Compute each must not wait: a connection is held meanwhile, where no batch may lie outside the
// database.
func (s *Store) EachBatchOver(ctx context.Context, r BatchRange, start, end int64, each func(*models.SampleBatch) error) error {
	compute := r.Compute
	if compute == nil && s.objects.at != nil {
		compute = func(_ context.Context, _ int, f func() error) error { return f() }
	}
	if compute == nil {
		_, err := s.batchesOver(ctx, r, start, end, nil, func(b *models.SampleBatch) (bool, error) { return true, unpacked(b, each) })
		return err
	}
	most := cmp.Or(r.Piece, 1<<20)
	var last *models.SampleBatch // of what was read so far
	for {
		var piece []models.SampleBatch
		bytes := 0
		more, err := s.batchesOver(ctx, r, start, end, last, func(b *models.SampleBatch) (bool, error) {
			if len(piece) > 0 && bytes+b.Size > most {
				return false, nil
			}
			piece, bytes = append(piece, *b), bytes+b.Size
			return true, nil
		})
		if err != nil || len(piece) == 0 {
			return err
		}
		if err := s.insideBatches(ctx, piece); err != nil {
			return err
		}
		err = compute(ctx, bytes, func() error {
			for i := range piece {
				if err := unpacked(&piece[i], each); err != nil {
					return err
				}
				piece[i].Data = nil
			}
			return nil
		})
		if err != nil || !more {
			return err
		}
		last = &piece[len(piece)-1]
	}
}

// unpacked calls each with a batch whose samples are unpacked.
func unpacked(b *models.SampleBatch, each func(*models.SampleBatch) error) (err error) {
	if b.Data, err = dialect.Unpack(b.Codec, b.Size, b.Data); err != nil {
		return err
	}
	return each(b)
}

// batchesOver gives the batches that overlap the samples [start, end) as they are stored, in the order of their end, from the one behind
// the batch given on, until take wants no more: then it reports that there are more.
func (s *Store) batchesOver(ctx context.Context, r BatchRange, start, end int64, behind *models.SampleBatch, take func(*models.SampleBatch) (bool, error)) (more bool, err error) {
	q := r.over(s.read(ctx), start).Where("end_sample < ? AND start_sample < ?", end+r.Longest, end)
	if behind != nil {
		q = q.Where("(end_sample, seq) > (?, ?)", behind.EndSample, behind.Seq)
	}
	rows, err := q.Select("seq", "start_sample", "end_sample", "codec", "size", "data").Order("end_sample, seq").Rows()
	if err != nil {
		return false, translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		b := models.SampleBatch{SessionID: r.SessionID, ProjectID: r.ProjectID}
		if err := rows.Scan(&b.Seq, &b.StartSample, &b.EndSample, &b.Codec, &b.Size, &b.Data); err != nil {
			return false, translate(err)
		}
		switch takes, err := take(&b); {
		case err != nil:
			return false, err
		case !takes:
			return true, nil
		}
	}
	return false, translate(rows.Err())
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
	if err == nil {
		err = s.unpackBatches(ctx, out)
	}
	if err != nil {
		return nil, translate(err)
	}
	return out, nil
}

// BatchSamples returns the samples of one batch, unpacked. Error: ErrNotFound.
func (s *Store) BatchSamples(ctx context.Context, projectID, sessionID string, seq int) ([]byte, error) {
	var b models.SampleBatch
	err := s.read(ctx).Select("codec", "size", "data").Where("session_id = ? AND project_id = ? AND seq = ?", sessionID, projectID, seq).Take(&b).Error
	if err != nil {
		return nil, translate(err)
	}
	return s.unpack(ctx, b.Codec, b.Size, b.Data)
}

// CoverQuery asks where a session had samples before a batch was accepted.
type CoverQuery struct {
	ProjectID, SessionID string
	Before               int   // only batches with a lower number
	Start, End           int64 // around these samples
	Longest              int64 // the session's LongestBatch, which bounds how far the index is read
}

// Covered returns the segments, disjoint and in order, of the batches that overlap the samples [Start, End), and of the one that ends last before them.
func (s *Store) Covered(ctx context.Context, q CoverQuery) ([]models.Segment, error) {
	batches := func() *gorm.DB {
		return s.read(ctx).Select("start_sample", "end_sample").
			Where("session_id = ? AND project_id = ? AND seq < ?", q.SessionID, q.ProjectID, q.Before)
	}
	var found, before []models.SampleBatch
	err := batches().Where("end_sample > ? AND end_sample < ? AND start_sample < ?", q.Start, q.End+q.Longest, q.End).Order("end_sample").Find(&found).Error
	if err == nil {
		err = batches().Where("end_sample <= ?", q.Start).Order("end_sample DESC, seq DESC").Limit(1).Find(&before).Error
	}
	if err != nil {
		return nil, translate(err)
	}
	var out []models.Segment
	for _, b := range append(before, found...) {
		out = models.Cover(out, models.Segment{Start: b.StartSample, End: b.EndSample})
	}
	return out, nil
}
