package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// WorkQuery asks for what waits in a session for the job that writes its windows, and Work is that.
type (
	WorkQuery = dialect.WorkQuery
	Work      = dialect.Work
)

// Work returns what waits in a session. Error: ErrNotFound.
func (s *Store) Work(ctx context.Context, q WorkQuery) (Work, error) {
	w, err := s.db.Work(ctx, q)
	if err == nil {
		err = s.unpackBatches(ctx, w.Around)
	}
	return w, translate(err)
}

// WindowCommit is what one round of the job has found.
type WindowCommit struct {
	ProjectID string
	SessionID string
	Attempt       // the attempt that has computed it
	SeenCount int // batches with a lower seq were looked at
	Windows   []models.FeatureWindow
	Decodes   []models.SessionDecode
	Alignment *models.SessionAlignment // as it is after Decodes; nil where it has not changed
}

func (c *WindowCommit) size() int {
	n := 512
	for i := range c.Windows {
		n += 128 + len(c.Windows[i].Data)
	}
	for i := range c.Decodes {
		n += 128 + len(c.Decodes[i].Data)
	}
	if c.Alignment != nil {
		n += 128 + len(c.Alignment.Mean)
	}
	return n
}

// Committed is what became of a round.
type Committed struct {
	Windows int  // written
	Decodes int  // written
	Idle    bool // nothing is pending: the session's job is closed, and the session complete if it has ended
	Over    bool // and nothing will come any more
}

// commitOutcome is what became of one of the calls that shared a flow.
type commitOutcome struct {
	out Committed
	err error
}

// CommitWindows writes windows and decodes, each once, and notes the batches as seen. When nothing is pending any more it
// closes the session's job, and completes the session if it has ended. Errors: ErrNotFound, ErrFenced.
func (s *Store) CommitWindows(ctx context.Context, c WindowCommit) (Committed, error) {
	slices.SortFunc(c.Windows, func(a, b models.FeatureWindow) int { return cmp.Compare(a.WindowIndex, b.WindowIndex) })
	slices.SortFunc(c.Decodes, func(a, b models.SessionDecode) int { return cmp.Compare(a.DecodeIndex, b.DecodeIndex) })
	ctx, span := telemetry.Start(ctx, "store windows", telemetry.Client)
	out, err := s.openLanes().commits.Do(ctx, &c)
	telemetry.End(span, err)
	if err != nil {
		return Committed{}, translate(err)
	}
	return out.out, out.err
}

func (s *Store) commitMany(ctx context.Context, calls []*WindowCommit) ([]commitOutcome, error) {
	r := &dialect.FlowRead{}
	bytes := 0
	for _, c := range calls {
		bytes += c.size()
		r.Sessions = append(r.Sessions, c.SessionID)
		r.Attempts = append(r.Attempts, c.Attempt)
		for i := range c.Windows {
			r.Windows = append(r.Windows, dialect.Indexed{Session: c.SessionID, Index: c.Windows[i].WindowIndex})
		}
		for i := range c.Decodes {
			r.Decodes = append(r.Decodes, dialect.Indexed{Session: c.SessionID, Index: c.Decodes[i].DecodeIndex})
		}
	}
	r.Relaxed = bytes <= relaxedBytes
	slices.Sort(r.Sessions)
	r.Sessions = slices.Compact(r.Sessions)
	var out []commitOutcome
	err := s.db.Flow(ctx, r, dialect.Decision{Decide: func(f *dialect.FlowFound) (w *dialect.FlowWrite, err error) {
		w, out = decideCommit(f, calls)
		return w, nil
	}})
	return out, err
}

func decideCommit(f *dialect.FlowFound, calls []*WindowCommit) (*dialect.FlowWrite, []commitOutcome) {
	w := &dialect.FlowWrite{}
	out := make([]commitOutcome, len(calls))
	changed := map[string]bool{}
	for i, c := range calls {
		o := &out[i]
		ses := f.Sessions[c.SessionID]
		if ses == nil || ses.ProjectID != c.ProjectID {
			o.err = ErrNotFound
			continue
		}
		if !f.Held[c.Attempt] {
			o.err = ErrFenced
			continue
		}
		for _, x := range c.Windows {
			if k := (dialect.Indexed{Session: c.SessionID, Index: x.WindowIndex}); !f.Windows[k] {
				f.Windows[k] = true
				ses.LastSeq++
				x.Seq = ses.LastSeq
				w.Windows = append(w.Windows, x)
				o.out.Windows++
			}
		}
		for _, x := range c.Decodes {
			if k := (dialect.Indexed{Session: c.SessionID, Index: x.DecodeIndex}); !f.Decodes[k] {
				f.Decodes[k] = true
				ses.LastSeq++
				x.Seq = ses.LastSeq
				w.Decodes = append(w.Decodes, x)
				o.out.Decodes++
			}
		}
		if c.Alignment != nil {
			w.Alignments = append(w.Alignments, *c.Alignment)
		}
		ses.WindowCount += o.out.Windows
		ses.DecodeCount += o.out.Decodes
		ses.SeenCount = max(ses.SeenCount, min(c.SeenCount, ses.BatchCount))
		if o.out.Idle = ses.Pending() == 0; o.out.Idle {
			if ses.JobID != nil && *ses.JobID == c.ID {
				ses.JobOpen = false
			}
			if next, ok := ses.State.Next(models.TriggerWindowed); ok {
				ses.State = next
			}
		}
		o.out.Over = ses.Over()
		if !changed[ses.ID] {
			changed[ses.ID] = true
			w.Sessions = append(w.Sessions, ses)
		}
	}
	return w, out
}

// NewsQuery asks for what was written in a session after a reader's place, and News is that.
type (
	NewsQuery = dialect.NewsQuery
	News      = dialect.News
)

// News returns what was written in a session after a reader's place. Error: ErrNotFound.
func (s *Store) News(ctx context.Context, q NewsQuery) (News, error) {
	n, err := s.db.News(ctx, q)
	if err == nil {
		err = s.unpackBatches(ctx, n.Batches)
	}
	return n, translate(err)
}

// Alignment returns the alignment of a session, without clips where there is none yet.
func (s *Store) Alignment(ctx context.Context, projectID, sessionID string) (models.SessionAlignment, error) {
	var found []models.SessionAlignment
	err := s.read(ctx).Where("session_id = ? AND project_id = ?", sessionID, projectID).Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return models.SessionAlignment{SessionID: sessionID, ProjectID: projectID}, translate(err)
	}
	return found[0], nil
}

// DecodeListing selects live decodes of a session.
type DecodeListing struct {
	SessionID  string
	AfterMS    *int64 // only those that start later
	Descending bool
	Limit      int
}

// SessionDecodes returns live decodes in the order of their start.
func (s *Store) SessionDecodes(ctx context.Context, projectID string, l DecodeListing) ([]models.SessionDecode, error) {
	db := s.read(ctx).Where("session_id = ? AND project_id = ?", l.SessionID, projectID)
	if l.AfterMS != nil {
		db = db.Where("start_ms > ?", *l.AfterMS)
	}
	order := "decode_index"
	if l.Descending {
		order += " DESC"
	}
	var out []models.SessionDecode
	err := db.Order(order).Limit(l.Limit).Find(&out).Error
	return out, translate(err)
}
