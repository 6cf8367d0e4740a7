package dialect

import (
	"github.com/neurod/neurod/models"
)

// ImportRound is what one round of an import has found. Batches follow one another.
type ImportRound struct {
	ProjectID string
	SessionID string
	Attempt         // the attempt that has computed it
	Round     int   // rounds that came before
	DoneBytes int64 // of the file, read so far
	Batches   []models.SampleBatch
	Windows   []models.FeatureWindow
	Marks     []models.SessionMark
	Last      bool // the file is at its end: the session is complete
}

// RowsChunk is how many rows go into one INSERT (SQLite takes 32,766 parameters), and BatchesChunk how many batches of samples.
const (
	RowsChunk    = 500
	BatchesChunk = 4
)

// Advance moves a session over a round and gives what the round writes its numbers. It returns the segments that the
// session's tail leaves behind.
func (r *ImportRound) Advance(ses *models.Session) (left []models.SessionSegment) {
	for i := range r.Batches {
		b := &r.Batches[i]
		b.Seq, b.JobID, b.CreatedAt = ses.BatchCount+i, r.ID, UTC(b.CreatedAt)
		n := b.EndSample - b.StartSample
		ses.SampleCount += n
		ses.LongestBatch = max(ses.LongestBatch, n)
		start, end := b.StartSample, b.EndSample
		if t, ok := ses.Tail(); ok && t.End == start {
			start = t.Start
		} else if ok {
			left = append(left, models.SessionSegment{SessionID: ses.ID, StartSample: t.Start, EndSample: t.End})
		}
		ses.TailStart, ses.TailEnd = &start, &end
	}
	r.Number(ses)
	ses.BatchCount += len(r.Batches)
	ses.SeenCount = ses.BatchCount
	ses.WindowCount += len(r.Windows)
	ses.LastSeq += len(r.Windows)
	if r.Last {
		ses.JobOpen = false
		if next, ok := ses.State.Next(models.TriggerWindowed); ok {
			ses.State = next
		}
	}
	return left
}

// Number gives the windows of a round their place among those of the session.
func (r *ImportRound) Number(ses *models.Session) {
	for i := range r.Windows {
		r.Windows[i].Seq, r.Windows[i].CreatedAt = ses.LastSeq+1+i, UTC(r.Windows[i].CreatedAt)
	}
}
