package sqlite

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// flowTx is a flow's transaction on SQLite, which has locked the whole database by beginning. gorm's transaction has the context.
type flowTx struct{ tx *gorm.DB }

var _ dialect.FlowTx = flowTx{}

// Flow implements [dialect.Sessions].
func (d *Database) Flow(ctx context.Context, r *dialect.FlowRead, decision dialect.Decision) error {
	run := func(tx *gorm.DB) error { return decision.Run(ctx, flowTx{tx}, r) }
	if r.Relaxed {
		return relaxedTx(d.writer.WithContext(ctx), run)
	}
	return d.writer.WithContext(ctx).Transaction(run)
}

//nolint:gocyclo // one query for each thing that a flow may ask for
func (t flowTx) Read(_ context.Context, r *dialect.FlowRead) (*dialect.FlowFound, error) {
	f := dialect.NewFlowFound()
	if k := r.Key; k != nil {
		var err error
		if f.Record, err = dialect.FindRecord(t.tx, *k); err != nil {
			return nil, err
		}
	}
	var rows []dialect.SessionRow
	if err := t.tx.Where("id IN ?", r.Sessions).Find(&rows).Error; err != nil {
		return nil, err
	}
	for i := range rows {
		ses, err := rows[i].Entity()
		if err != nil {
			return nil, err
		}
		f.Sessions[ses.ID] = &ses
		if len(r.Batches) == 0 || !ses.JobOpen || ses.JobID == nil {
			continue
		}
		var n int64
		if err := t.tx.Table("jobs").Where("id = ? AND finished_at IS NULL", *ses.JobID).Count(&n).Error; err != nil {
			return nil, err
		}
		f.Open[*ses.JobID] = n > 0
	}
	for _, name := range r.Batches {
		var same []models.SampleBatch
		if err := t.tx.Select("digest", "job_id").Where("session_id = ? AND batch_id = ?", name.Session, name.Batch).Limit(1).Find(&same).Error; err != nil {
			return nil, err
		}
		if len(same) > 0 {
			f.Batches[name] = same[0]
		}
	}
	indexes := func(wanted []dialect.Indexed, into map[dialect.Indexed]bool, entity any, column string) error {
		for len(wanted) > 0 { // one query for those of a session, which come one after another
			session, list := wanted[0].Session, []int64(nil)
			for len(wanted) > 0 && wanted[0].Session == session && len(list) < dialect.RowsChunk {
				list, wanted = append(list, wanted[0].Index), wanted[1:]
			}
			var found []int64
			if err := t.tx.Model(entity).Where("session_id = ? AND "+column+" IN ?", session, list).Pluck(column, &found).Error; err != nil {
				return err
			}
			for _, index := range found {
				into[dialect.Indexed{Session: session, Index: index}] = true
			}
		}
		return nil
	}
	if err := indexes(r.Windows, f.Windows, &models.FeatureWindow{}, "window_index"); err != nil {
		return nil, err
	}
	if err := indexes(r.Decodes, f.Decodes, &models.SessionDecode{}, "decode_index"); err != nil {
		return nil, err
	}
	for _, a := range r.Attempts {
		var n int64
		if err := t.tx.Table("jobs").Where("id = ? AND state = ? AND attempts = ?", a.ID, models.JobRunning, a.Attempt).Count(&n).Error; err != nil {
			return nil, err
		}
		f.Held[a] = n > 0
	}
	return f, nil
}

func (t flowTx) Segments(_ context.Context, spans []dialect.Span) (map[string][]models.Segment, error) {
	out := map[string][]models.Segment{}
	for _, s := range spans {
		var found []models.SessionSegment
		if err := t.tx.Where("session_id = ? AND end_sample >= ? AND start_sample <= ?", s.Session, s.First, s.Last).Order("end_sample").Find(&found).Error; err != nil {
			return nil, err
		}
		for _, f := range found {
			out[s.Session] = append(out[s.Session], models.Segment{Start: f.StartSample, End: f.EndSample})
		}
	}
	return out, nil
}

func (t flowTx) Write(_ context.Context, w *dialect.FlowWrite) error {
	for _, j := range w.Jobs {
		if err := dialect.InsertJob(t.tx, j); err != nil {
			return err
		}
	}
	for i := range w.Batches {
		w.Batches[i].CreatedAt = dialect.UTC(w.Batches[i].CreatedAt)
		if err := t.tx.Create(&w.Batches[i]).Error; err != nil {
			return err
		}
	}
	for i := range w.Windows {
		w.Windows[i].CreatedAt = dialect.UTC(w.Windows[i].CreatedAt)
	}
	for i := range w.Decodes {
		w.Decodes[i].CreatedAt = dialect.UTC(w.Decodes[i].CreatedAt)
	}
	if err := insertWindows(t.tx, w.Windows, ""); err != nil {
		return err
	}
	if len(w.Decodes) > 0 {
		if err := t.tx.CreateInBatches(w.Decodes, dialect.RowsChunk).Error; err != nil {
			return err
		}
	}
	for i := range w.Alignments {
		if err := t.tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&w.Alignments[i]).Error; err != nil {
			return err
		}
	}
	for _, s := range w.Sessions {
		err := dialect.MustHit(t.tx.Model(&dialect.SessionRow{}).Where("id = ?", s.ID).Updates(map[string]any{
			"state": s.State, "job_id": s.JobID, "job_open": s.JobOpen, "origin_ms": s.OriginMS, "tail_start": s.TailStart, "tail_end": s.TailEnd,
			"sample_count": s.SampleCount, "overlap_count": s.OverlapCount, "longest_batch": s.LongestBatch, "batch_count": s.BatchCount, "seen_count": s.SeenCount,
			"window_count": s.WindowCount, "last_seq": s.LastSeq, "decode_count": s.DecodeCount,
		}))
		if err != nil {
			return err
		}
	}
	for _, g := range w.Gone {
		if err := t.tx.Where("session_id = ? AND end_sample = ?", g.SessionID, g.EndSample).Delete(&models.SessionSegment{}).Error; err != nil {
			return err
		}
	}
	if len(w.Fresh) > 0 {
		if err := t.tx.CreateInBatches(w.Fresh, dialect.RowsChunk).Error; err != nil {
			return err
		}
	}
	if w.Record == nil {
		return nil
	}
	return dialect.KeepRecord(t.tx, *w.Record)
}

// keepThere has insertWindows leave windows alone that are there already.
const keepThere = " ON CONFLICT (session_id, window_index) DO NOTHING"

// insertWindows writes windows by one statement that stays compiled.
func insertWindows(tx *gorm.DB, list []models.FeatureWindow, conflict string) error {
	for i := range list {
		w := &list[i]
		if err := tx.Exec(`INSERT INTO feature_windows (session_id, window_index, project_id, seq, start_ms, end_ms, passed, data, created_at)
			VALUES (?,?,?,?,?,?,?,?,?)`+conflict,
			w.SessionID, w.WindowIndex, w.ProjectID, w.Seq, w.StartMS, w.EndMS, w.Passed, w.Data, w.CreatedAt).Error; err != nil {
			return err
		}
	}
	return nil
}

// Work implements [dialect.Sessions]. A query is not a journey here: what is around the batches is read when it is asked for.
func (d *Database) Work(ctx context.Context, q dialect.WorkQuery) (w dialect.Work, err error) {
	db := d.reader.WithContext(ctx)
	if w.Session, err = dialect.FindSession(db, q.ProjectID, q.SessionID); err != nil {
		return w, err
	}
	err = db.Select("session_id", "seq", "start_sample", "end_sample", "created_at").
		Where("session_id = ? AND seq >= ?", q.SessionID, w.Session.SeenCount).Order("seq").Limit(q.Batches).Find(&w.Pending).Error
	return w, err
}

// News implements [dialect.Sessions].
func (d *Database) News(ctx context.Context, q dialect.NewsQuery) (n dialect.News, err error) {
	db := d.reader.WithContext(ctx)
	if n.Session, err = dialect.FindSession(db, q.ProjectID, q.SessionID); err != nil {
		return n, err
	}
	after := func(limit, after int, into any) error {
		return db.Where("session_id = ? AND project_id = ? AND seq > ?", q.SessionID, q.ProjectID, after).Order("seq").Limit(limit).Find(into).Error
	}
	if q.Results > 0 {
		if err = after(q.Results, q.AfterSeq, &n.Windows); err != nil {
			return n, err
		}
		if n.Session.Decode != nil {
			if err = after(q.Results, q.AfterSeq, &n.Decodes); err != nil {
				return n, err
			}
		}
	}
	if q.Events > 0 {
		err = db.Where("session_id = ? AND project_id = ? AND seq > ? AND NOT deleted", q.SessionID, q.ProjectID, q.AfterEvent).Order("seq").Limit(q.Events).Find(&n.Events).Error
		if err != nil {
			return n, err
		}
	}
	if q.Revision {
		err = db.Model(&models.SessionMark{}).Select("COALESCE(max(revision), 0)").Where("session_id = ? AND project_id = ? AND revision > 0", q.SessionID, q.ProjectID).Scan(&n.Revision).Error
		if err != nil {
			return n, err
		}
	}
	if q.Batches == 0 {
		return n, nil
	}
	err = db.Select("session_id, project_id, batch_id, seq, start_ms, start_sample, end_sample, codec, size, CASE WHEN size <= ? THEN data END AS data, created_at", q.BatchBytes).
		Where("session_id = ? AND project_id = ? AND seq >= ?", q.SessionID, q.ProjectID, q.FromBatch).Order("seq").Limit(q.Batches).Find(&n.Batches).Error
	return n, err
}
