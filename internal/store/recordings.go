package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file read many sessions at once: each is one statement, however many they are, so that a caller who asks for a
// list with all that hangs on it costs as many statements as there are kinds of things.

// manyRows is how many sessions or ranges one statement takes: each is a parameter or two, of which SQLite takes 32,766. It is more than an
// answer has.
const manyRows = 10_000

// SessionSearch selects sessions of a project. What is empty selects all.
type SessionSearch struct {
	ProjectID      string
	IDs            []string
	Mode           models.IngestionMode
	Progress       models.Progress
	Since          time.Time // with Progress: samples that came later are of now
	ExternalUserID string
	DeviceIDs      []string
	Tags           []string // all of them
	Text           string   // part of the name, in capitals or not
	Protocol       string
	StartedFrom    *time.Time
	StartedBefore  *time.Time

	// A part of the list, which has the newest first: behind AfterID and before BeforeID, or with FromID at its end and UpToID at its beginning.
	AfterID, BeforeID, FromID, UpToID string
}

// where adds the conditions to a query.
func (f SessionSearch) where(db *gorm.DB) *gorm.DB {
	db = db.Where("project_id = ?", f.ProjectID)
	if f.IDs != nil {
		db = db.Where("id IN ?", f.IDs)
	}
	if f.Mode != "" {
		db = db.Where("ingestion_mode = ?", f.Mode)
	}
	if f.ExternalUserID != "" {
		db = db.Where("external_user_id = ?", f.ExternalUserID)
	}
	if f.DeviceIDs != nil {
		db = db.Where("device_id IN ?", f.DeviceIDs).Where("device_id <> ''")
	}
	for _, tag := range f.Tags {
		text, err := dialect.TagsText([]string{tag})
		if err != nil {
			_ = db.AddError(err)
			return db
		}
		db = db.Where("replace(tags, ?, '') <> tags", strings.Trim(text, "[]")) // a whole string of the list: no tag holds a quotation mark bare
	}
	if f.Text != "" {
		db = db.Where("lower(name) LIKE ? ESCAPE '!'", "%"+strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(f.Text))+"%")
	}
	if f.Protocol != "" {
		db = db.Where("protocol = ?", f.Protocol)
	}
	if t := f.StartedFrom; t != nil {
		db = db.Where("(origin_ms IS NOT NULL AND origin_ms >= ?) OR (origin_ms IS NULL AND started_at >= ?)", t.UnixMilli(), utc(*t))
	}
	if t := f.StartedBefore; t != nil {
		db = db.Where("(origin_ms IS NOT NULL AND origin_ms < ?) OR (origin_ms IS NULL AND started_at < ?)", t.UnixMilli(), utc(*t))
	}
	for _, edge := range []struct{ id, condition string }{{f.AfterID, "id < ?"}, {f.BeforeID, "id > ?"}, {f.FromID, "id >= ?"}, {f.UpToID, "id <= ?"}} {
		if edge.id != "" {
			db = db.Where(edge.condition, edge.id)
		}
	}
	takes := []models.SessionState{models.SessionOpen, models.SessionUploading}
	const came = "EXISTS (SELECT 1 FROM sample_batches b WHERE b.session_id = sessions.id AND b.seq = sessions.batch_count - 1 AND b.created_at >= ?)"
	switch f.Progress {
	case models.ProgressPreparing:
		db = db.Where("state IN ? AND batch_count = 0", takes)
	case models.ProgressRecording:
		db = db.Where("state = ? OR (state IN ? AND batch_count > 0 AND "+came+")", models.SessionProcessing, takes, utc(f.Since))
	case models.ProgressPaused:
		db = db.Where("state IN ? AND batch_count > 0 AND NOT "+came, takes, utc(f.Since))
	case models.ProgressCompleted:
		db = db.Where("state IN ?", []models.SessionState{models.SessionEnded, models.SessionComplete})
	case models.ProgressFailed:
		db = db.Where("state = ?", models.SessionFailed)
	}
	return db
}

// FindSessions returns the first of the sessions that a search selects, or, from the end, the last; newest first both ways.
func (s *Store) FindSessions(ctx context.Context, f SessionSearch, fromEnd bool, offset, limit int) ([]models.Session, error) {
	db, order := f.where(s.read(ctx)), "id DESC"
	if fromEnd {
		order = "id"
	}
	var rows []dialect.SessionRow
	if err := db.Order(order).Offset(offset).Limit(limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	if fromEnd {
		slices.Reverse(rows)
	}
	return sessionEntities(rows)
}

// CountSessions returns how many sessions a search selects.
func (s *Store) CountSessions(ctx context.Context, f SessionSearch) (int64, error) {
	var n int64
	err := f.where(s.read(ctx).Model(&dialect.SessionRow{})).Count(&n).Error
	return n, translate(err)
}

// DeviceSessions returns the newest sessions of each device, at most so many of one, newest first.
func (s *Store) DeviceSessions(ctx context.Context, projectID string, devices []string, each int) (map[string][]models.Session, error) {
	var rows []dialect.SessionRow
	newest := s.read(ctx).Table("(?) AS ranked", s.read(ctx).Model(&dialect.SessionRow{}).
		Select("id, row_number() OVER (PARTITION BY device_id ORDER BY id DESC) AS place").
		Where("project_id = ? AND device_id IN ? AND device_id <> ''", projectID, devices)).Where("place <= ?", each).Select("id")
	if err := s.read(ctx).Where("project_id = ? AND id IN (?)", projectID, newest).Order("id DESC").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	found, err := sessionEntities(rows)
	out := map[string][]models.Session{}
	for _, ses := range found {
		out[ses.DeviceID] = append(out[ses.DeviceID], ses)
	}
	return out, err
}

// LastBatchTimes returns when the latest batch of each session came, of those that have one.
func (s *Store) LastBatchTimes(ctx context.Context, sessions []models.Session) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	begun := slices.DeleteFunc(slices.Clone(sessions), func(ses models.Session) bool { return ses.BatchCount == 0 })
	for part := range slices.Chunk(begun, manyRows) {
		latest, ids := make([]string, len(part)), make([]any, len(part))
		for i, ses := range part {
			latest[i], ids[i] = fmt.Sprintf("(?, %d)", ses.BatchCount-1), ses.ID
		}
		// As a table that comes first: SQLite takes no more than 1,000 conditions joined by OR, and reads all batches for a list of pairs.
		var found []models.SampleBatch
		err := s.read(ctx).Raw("WITH latest (session, last) AS (VALUES "+strings.Join(latest, ", ")+
			") SELECT session_id, created_at FROM latest CROSS JOIN sample_batches WHERE session_id = session AND seq = last", ids...).Scan(&found).Error
		if err != nil {
			return nil, translate(err)
		}
		for _, b := range found {
			out[b.SessionID] = b.CreatedAt
		}
	}
	return out, nil
}

// SegmentsOf returns the contiguous segments of samples of each session, in order, from the one with the number given, at most so
// many of one.
func (s *Store) SegmentsOf(ctx context.Context, sessions []models.Session, offset, each int) (map[string][]models.Segment, error) {
	ids := make([]string, len(sessions))
	for i, ses := range sessions {
		ids[i] = ses.ID
	}
	var rows []struct {
		SessionID              string
		StartSample, EndSample int64
		Place, Total           int
	}
	// The segment behind the last of the table is the session's tail.
	err := s.read(ctx).Table("(?) AS ranked", s.read(ctx).Model(&models.SessionSegment{}).
		Select("session_id, start_sample, end_sample, row_number() OVER (PARTITION BY session_id ORDER BY end_sample) AS place, count(*) OVER (PARTITION BY session_id) AS total").
		Where("session_id IN ?", ids)).Where("(place > ? AND place <= ?) OR place = total", offset, offset+each).Order("session_id, end_sample").Scan(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	out, total := map[string][]models.Segment{}, map[string]int{}
	for _, r := range rows {
		total[r.SessionID] = r.Total
		if r.Place > offset && r.Place <= offset+each {
			out[r.SessionID] = append(out[r.SessionID], models.Segment{Start: r.StartSample, End: r.EndSample})
		}
	}
	for _, ses := range sessions {
		if tail, ok := ses.Tail(); ok && total[ses.ID] >= offset && len(out[ses.ID]) < each {
			out[ses.ID] = append(out[ses.ID], tail)
		}
	}
	return out, nil
}

// WindowRange is feature windows of a session, both ends included.
type WindowRange struct {
	SessionID   string
	First, Last int64
	Every       int64 // only those whose index it divides. Defaults to 1
}

// RangeQuality is how good the windows of a range are.
type RangeQuality struct {
	Windows int
	Quality *float64 // mean of what each says of itself, 0..1; nil for none
	Passed  *float64 // share of windows that passed the gate; nil for none
}

// Qualities returns how good the windows of each range are.
func (s *Store) Qualities(ctx context.Context, projectID string, ranges []WindowRange) ([]RangeQuality, error) {
	out := make([]RangeQuality, len(ranges))
	quality := s.db.JSONNumber("data", "quality", "overall")
	err := s.eachRange(ctx, projectID, ranges, "SELECT n, count(*) AS windows, avg("+quality+") AS quality, avg(CASE WHEN passed THEN 1.0 ELSE 0.0 END) AS passed FROM "+inRanges+" GROUP BY n", func(db *gorm.DB) error {
		var rows []struct {
			N, Windows      int
			Quality, Passed *float64
		}
		err := db.Scan(&rows).Error
		for _, r := range rows {
			out[r.N] = RangeQuality{r.Windows, r.Quality, r.Passed}
		}
		return err
	})
	return out, err
}

// WindowFinding is what a window says of artifacts, each score from 0 to 1.
type WindowFinding struct {
	N                           int // the range
	WindowIndex                 int64
	StartMS, EndMS              int64
	Blink, Motion, EMG, Contact float64
}

// Findings calls each with every window of the ranges of which an artifact score is at least so high, range by range, in order. each must
// not wait: a connection is held meanwhile.
func (s *Store) Findings(ctx context.Context, projectID string, ranges []WindowRange, score float64, each func(WindowFinding)) error {
	number := func(name string) string { return s.db.JSONNumber("data", "artifacts", name) }
	query := fmt.Sprintf(`SELECT * FROM (SELECT n, window_index, start_ms, end_ms, %s AS blink, %s AS motion, %s AS emg, %s AS contact FROM %s) AS scored
		WHERE blink >= %g OR motion >= %g OR emg >= %g OR contact >= %g ORDER BY n, window_index`,
		number("blink_like"), number("motion_like"), number("emg_like"), number("bad_contact"), inRanges, score, score, score, score)
	return s.eachRange(ctx, projectID, ranges, query, func(db *gorm.DB) (err error) {
		rows, err := db.Rows()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var w WindowFinding
			if err := rows.Scan(&w.N, &w.WindowIndex, &w.StartMS, &w.EndMS, &w.Blink, &w.Motion, &w.EMG, &w.Contact); err != nil {
				return err
			}
			each(w)
		}
		return rows.Err()
	})
}

// inRanges are the windows of ranges, each with the number of its range, n. The ranges come first, so that SQLite looks each up by the key.
const inRanges = `ranges CROSS JOIN feature_windows
	WHERE session_id = session AND project_id = ? AND window_index BETWEEN low AND high AND window_index % step = 0`

// eachRange runs a query on windows that are inRanges.
func (s *Store) eachRange(ctx context.Context, projectID string, ranges []WindowRange, query string, scan func(*gorm.DB) error) error {
	for from := 0; from < len(ranges); from += manyRows {
		part := ranges[from:min(from+manyRows, len(ranges))]
		rows, args := make([]string, len(part)), make([]any, 0, len(part)+1)
		for i, r := range part {
			rows[i], args = fmt.Sprintf("(%d, ?, %d, %d, %d)", from+i, r.First, r.Last, max(1, r.Every)), append(args, r.SessionID)
		}
		if err := scan(s.read(ctx).Raw("WITH ranges (n, session, low, high, step) AS (VALUES "+strings.Join(rows, ", ")+") "+query, append(args, projectID)...)); err != nil {
			return translate(err)
		}
	}
	return nil
}

// LatestDecodes returns the live decodes of each session that start last, at most so many of one, in the order of their start.
func (s *Store) LatestDecodes(ctx context.Context, projectID string, sessions []string, each int) (map[string][]models.SessionDecode, error) {
	var rows []models.SessionDecode
	err := s.read(ctx).Table("(?) AS session_decodes", s.read(ctx).Model(&models.SessionDecode{}).
		Select("*, row_number() OVER (PARTITION BY session_id ORDER BY decode_index DESC) AS place").
		Where("project_id = ? AND session_id IN ?", projectID, sessions)).Where("place <= ?", each).Order("session_id, decode_index").Find(&rows).Error
	out := map[string][]models.SessionDecode{}
	for _, d := range rows {
		out[d.SessionID] = append(out[d.SessionID], d)
	}
	return out, translate(err)
}

// LatestWindows returns the feature windows of each session that start last, at most so many of one, in the order of their start.
func (s *Store) LatestWindows(ctx context.Context, projectID string, sessions []string, each int) (map[string][]models.FeatureWindow, error) {
	var rows []models.FeatureWindow
	err := s.read(ctx).Table("(?) AS feature_windows", s.read(ctx).Model(&models.FeatureWindow{}).
		Select("*, row_number() OVER (PARTITION BY session_id ORDER BY window_index DESC) AS place").
		Where("project_id = ? AND session_id IN ?", projectID, sessions)).Where("place <= ?", each).Order("session_id, window_index").Find(&rows).Error
	out := map[string][]models.FeatureWindow{}
	for _, w := range rows {
		out[w.SessionID] = append(out[w.SessionID], w)
	}
	return out, translate(err)
}

// EventsOf returns the events of each session with a number higher than after, at most so many of one, in the order in which they were added.
func (s *Store) EventsOf(ctx context.Context, projectID string, sessions []string, after, each int) (map[string][]models.SessionMark, error) {
	var rows []models.SessionMark
	err := s.read(ctx).Table("(?) AS session_events", s.read(ctx).Model(&models.SessionMark{}).
		Select("*, row_number() OVER (PARTITION BY session_id ORDER BY seq) AS place").
		Where("project_id = ? AND session_id IN ? AND seq > ?", projectID, sessions, after)).Where("place <= ?", each).Order("session_id, seq").Find(&rows).Error
	out := map[string][]models.SessionMark{}
	for _, m := range rows {
		out[m.SessionID] = append(out[m.SessionID], m)
	}
	return out, translate(err)
}

// SessionJobs returns the newest jobs of some kinds that worked on each session, at most so many of one, newest first.
func (s *Store) SessionJobs(ctx context.Context, projectID string, sessions []string, kinds []models.JobKind, each int) (map[string][]string, error) {
	var rows []struct{ SessionID, JobID string }
	err := s.read(ctx).Table("(?) AS ranked", s.read(ctx).Table("session_jobs l").Joins("JOIN jobs j ON j.id = l.job_id").
		Select("l.session_id, l.job_id, row_number() OVER (PARTITION BY l.session_id ORDER BY l.job_id DESC) AS place").
		Where("j.project_id = ? AND l.session_id IN ? AND j.kind IN ?", projectID, sessions, kinds)).
		Where("place <= ?", each).Order("session_id, job_id DESC").Scan(&rows).Error
	out := map[string][]string{}
	for _, r := range rows {
		out[r.SessionID] = append(out[r.SessionID], r.JobID)
	}
	return out, translate(err)
}

// JobSession returns the session that a job of the project works on, ErrNotFound where there is none.
func (s *Store) JobSession(ctx context.Context, projectID, jobID string) (string, error) {
	var found []string
	err := s.read(ctx).Table("session_jobs l").Joins("JOIN jobs j ON j.id = l.job_id").Where("j.project_id = ? AND l.job_id = ?", projectID, jobID).
		Limit(1).Pluck("l.session_id", &found).Error
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return "", translate(err)
	}
	return found[0], nil
}
