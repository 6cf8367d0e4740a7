package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/neurod/neurod/models"
)

// liteFlow is a flow's transaction on SQLite, which has locked the whole database by beginning. gorm's transaction has the context.
type liteFlow struct{ tx *gorm.DB }

var _ flowTx = liteFlow{}

//nolint:gocyclo // one query for each thing that a flow may ask for
func (t liteFlow) read(_ context.Context, r *flowRead) (*flowFound, error) {
	f := newFlowFound()
	if k := r.key; k != nil {
		var err error
		if f.record, err = findRecord(t.tx, *k); err != nil {
			return nil, err
		}
	}
	var rows []sessionRow
	if err := t.tx.Where("id IN ?", r.sessions).Find(&rows).Error; err != nil {
		return nil, err
	}
	for i := range rows {
		ses, err := rows[i].entity()
		if err != nil {
			return nil, err
		}
		f.sessions[ses.ID] = &ses
		if len(r.batches) == 0 || !ses.JobOpen || ses.JobID == nil {
			continue
		}
		var n int64
		if err := t.tx.Table("jobs").Where("id = ? AND finished_at IS NULL", *ses.JobID).Count(&n).Error; err != nil {
			return nil, err
		}
		f.open[*ses.JobID] = n > 0
	}
	for _, name := range r.batches {
		var same []models.SampleBatch
		if err := t.tx.Select("digest", "job_id").Where("session_id = ? AND batch_id = ?", name.session, name.batch).Limit(1).Find(&same).Error; err != nil {
			return nil, err
		}
		if len(same) > 0 {
			f.batches[name] = same[0]
		}
	}
	indexes := func(wanted []indexed, into map[indexed]bool, entity any, column string) error {
		for len(wanted) > 0 { // one query for those of a session, which come one after another
			session, list := wanted[0].session, []int64(nil)
			for len(wanted) > 0 && wanted[0].session == session && len(list) < rowsChunk {
				list, wanted = append(list, wanted[0].index), wanted[1:]
			}
			var found []int64
			if err := t.tx.Model(entity).Where("session_id = ? AND "+column+" IN ?", session, list).Pluck(column, &found).Error; err != nil {
				return err
			}
			for _, index := range found {
				into[indexed{session, index}] = true
			}
		}
		return nil
	}
	if err := indexes(r.windows, f.windows, &models.FeatureWindow{}, "window_index"); err != nil {
		return nil, err
	}
	if err := indexes(r.decodes, f.decodes, &models.SessionDecode{}, "decode_index"); err != nil {
		return nil, err
	}
	for _, a := range r.attempts {
		var n int64
		if err := t.tx.Table("jobs").Where("id = ? AND state = ? AND attempts = ?", a.ID, models.JobRunning, a.Attempt).Count(&n).Error; err != nil {
			return nil, err
		}
		f.held[a] = n > 0
	}
	return f, nil
}

func (t liteFlow) segments(_ context.Context, spans []span) (map[string][]models.Segment, error) {
	out := map[string][]models.Segment{}
	for _, s := range spans {
		var found []models.SessionSegment
		if err := t.tx.Where("session_id = ? AND end_sample >= ? AND start_sample <= ?", s.session, s.first, s.last).Order("end_sample").Find(&found).Error; err != nil {
			return nil, err
		}
		for _, f := range found {
			out[s.session] = append(out[s.session], models.Segment{Start: f.StartSample, End: f.EndSample})
		}
	}
	return out, nil
}

func (t liteFlow) write(_ context.Context, w *flowWrite) error {
	for _, j := range w.jobs {
		if err := insertJob(t.tx, j); err != nil {
			return err
		}
	}
	for i := range w.batches {
		w.batches[i].CreatedAt = utc(w.batches[i].CreatedAt)
		if err := t.tx.Create(&w.batches[i]).Error; err != nil {
			return err
		}
	}
	for i := range w.windows {
		w.windows[i].CreatedAt = utc(w.windows[i].CreatedAt)
	}
	for i := range w.decodes {
		w.decodes[i].CreatedAt = utc(w.decodes[i].CreatedAt)
	}
	if len(w.windows) > 0 {
		if err := t.tx.CreateInBatches(w.windows, rowsChunk).Error; err != nil {
			return err
		}
	}
	if len(w.decodes) > 0 {
		if err := t.tx.CreateInBatches(w.decodes, rowsChunk).Error; err != nil {
			return err
		}
	}
	for i := range w.alignments {
		if err := t.tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&w.alignments[i]).Error; err != nil {
			return err
		}
	}
	for _, s := range w.sessions {
		err := one(t.tx.Model(&sessionRow{}).Where("id = ?", s.ID).Updates(map[string]any{
			"state": s.State, "job_id": s.JobID, "job_open": s.JobOpen, "origin_ms": s.OriginMS, "tail_start": s.TailStart, "tail_end": s.TailEnd,
			"sample_count": s.SampleCount, "overlap_count": s.OverlapCount, "longest_batch": s.LongestBatch, "batch_count": s.BatchCount, "seen_count": s.SeenCount,
			"window_count": s.WindowCount, "last_seq": s.LastSeq, "decode_count": s.DecodeCount,
		}))
		if err != nil {
			return err
		}
	}
	for _, g := range w.gone {
		if err := t.tx.Where("session_id = ? AND end_sample = ?", g.SessionID, g.EndSample).Delete(&models.SessionSegment{}).Error; err != nil {
			return err
		}
	}
	if len(w.fresh) > 0 {
		if err := t.tx.CreateInBatches(w.fresh, rowsChunk).Error; err != nil {
			return err
		}
	}
	if w.record == nil {
		return nil
	}
	return keepRecord(t.tx, *w.record)
}

// liteWork is pgWork on SQLite, where a query is not a journey. What is around the batches is read when it is asked for.
func (s *Store) liteWork(ctx context.Context, q WorkQuery) (w Work, err error) {
	if w.Session, err = s.Session(ctx, q.ProjectID, q.SessionID); err != nil {
		return w, err
	}
	err = s.read(ctx).Select("session_id", "seq", "start_sample", "end_sample").
		Where("session_id = ? AND seq >= ?", q.SessionID, w.Session.SeenCount).Order("seq").Limit(q.Batches).Find(&w.Pending).Error
	return w, translate(err)
}

func (s *Store) liteNews(ctx context.Context, projectID, sessionID string, after, limit int) (n News, err error) {
	if n.Session, err = s.Session(ctx, projectID, sessionID); err != nil {
		return n, err
	}
	query := func(into any) error {
		return translate(s.read(ctx).Where("session_id = ? AND project_id = ? AND seq > ?", sessionID, projectID, after).Order("seq").Limit(limit).Find(into).Error)
	}
	if err = query(&n.Windows); err != nil || n.Session.Decode == nil {
		return n, err
	}
	return n, query(&n.Decodes)
}
