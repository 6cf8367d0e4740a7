package dialect

import (
	"context"

	"github.com/neurod/neurod/models"
)

// A flow is a transaction on sessions: it locks them, reads what a decision needs, decides in Go, and writes. Samples come
// in and windows go out many times a second, so calls about different sessions that wait at the same moment share one flow
// (package coalesce), and on PostgreSQL its statements travel together: two round trips and one flush for all of them.

// BatchName names a batch by its session and the caller's id.
type BatchName struct{ Session, Batch string }

// Span is a range of samples of a session, both ends included.
type Span struct {
	Session     string
	First, Last int64
}

// Indexed is one window or decode of a session.
type Indexed struct {
	Session string
	Index   int64
}

// FlowRead is what a flow locks and reads.
type FlowRead struct {
	Sessions []string // ids to lock, in order, each once
	Batches  []BatchName
	Windows  []Indexed // that may be there
	Decodes  []Indexed
	Attempts []Attempt
	Key      *models.IdempotencyRecord
	Relaxed  bool // what is written can be computed again: the commit need not wait for the disk
}

// FlowFound is what it found. A session that is not there is not in the map.
type FlowFound struct {
	Sessions map[string]*models.Session
	Open     map[string]bool // jobs of these sessions that have not finished
	Batches  map[BatchName]models.SampleBatch
	Windows  map[Indexed]bool
	Decodes  map[Indexed]bool
	Held     map[Attempt]bool // attempts that run
	Record   *models.IdempotencyRecord
	Segments map[string][]models.Segment // in the order of their start
}

// NewFlowFound returns one that has found nothing.
func NewFlowFound() *FlowFound {
	return &FlowFound{Sessions: map[string]*models.Session{}, Open: map[string]bool{}, Batches: map[BatchName]models.SampleBatch{},
		Windows: map[Indexed]bool{}, Decodes: map[Indexed]bool{}, Held: map[Attempt]bool{}, Segments: map[string][]models.Segment{}}
}

// FlowWrite is what a flow writes.
type FlowWrite struct {
	Jobs    []models.Job
	Batches []models.SampleBatch
	Windows []models.FeatureWindow
	Decodes []models.SessionDecode
	// Alignments replace those of their sessions, which are different ones.
	Alignments []models.SessionAlignment
	Sessions   []*models.Session // as they stand now
	Gone       []models.SessionSegment
	Fresh      []models.SessionSegment
	Record     *models.IdempotencyRecord
}

// FlowTx is a flow's transaction on one of the databases.
type FlowTx interface {
	Read(ctx context.Context, r *FlowRead) (*FlowFound, error)
	// Segments returns the segments that touch the samples given.
	Segments(ctx context.Context, spans []Span) (map[string][]models.Segment, error)
	Write(ctx context.Context, w *FlowWrite) error
}

// Decision says what a flow does with what it found. Reach names the segments that Decide needs beside the tails; nil for
// none. Both may run twice, in another transaction.
type Decision struct {
	Reach  func(*FlowFound) []Span
	Decide func(*FlowFound) (*FlowWrite, error)
}

// Run takes the decision in a transaction.
func (d Decision) Run(ctx context.Context, tx FlowTx, r *FlowRead) error {
	found, err := tx.Read(ctx, r)
	if err != nil {
		return err
	}
	if d.Reach != nil {
		if spans := d.Reach(found); len(spans) > 0 {
			if found.Segments, err = tx.Segments(ctx, spans); err != nil {
				return err
			}
		}
	}
	w, err := d.Decide(found)
	if err != nil {
		return err
	}
	return tx.Write(ctx, w)
}
