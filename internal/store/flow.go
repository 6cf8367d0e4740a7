package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// A flow is a transaction on sessions: it locks them, reads what a decision needs, decides in Go, and writes. Samples come
// in and windows go out many times a second, so calls about different sessions that wait at the same moment share one flow
// (coalescer), and on PostgreSQL its statements travel together: two round trips and one flush for all of them.

// batchName names a batch by its session and the caller's id.
type batchName struct{ session, batch string }

// span is a range of samples of a session, both ends included.
type span struct {
	session     string
	first, last int64
}

// indexed is one window or decode of a session.
type indexed struct {
	session string
	index   int64
}

// flowRead is what a flow locks and reads.
type flowRead struct {
	sessions []string // ids to lock, in order, each once
	batches  []batchName
	windows  []indexed // that may be there
	decodes  []indexed
	attempts []Attempt
	key      *models.IdempotencyRecord
	relaxed  bool // what is written can be computed again: the commit need not wait for the disk
}

// flowFound is what it found. A session that is not there is not in the map.
type flowFound struct {
	sessions map[string]*models.Session
	open     map[string]bool // jobs of these sessions that have not finished
	batches  map[batchName]models.SampleBatch
	windows  map[indexed]bool
	decodes  map[indexed]bool
	held     map[Attempt]bool // attempts that run
	record   *models.IdempotencyRecord
	segments map[string][]models.Segment // in the order of their start
}

func newFlowFound() *flowFound {
	return &flowFound{sessions: map[string]*models.Session{}, open: map[string]bool{}, batches: map[batchName]models.SampleBatch{},
		windows: map[indexed]bool{}, decodes: map[indexed]bool{}, held: map[Attempt]bool{}, segments: map[string][]models.Segment{}}
}

// flowWrite is what a flow writes.
type flowWrite struct {
	jobs    []models.Job
	batches []models.SampleBatch
	windows []models.FeatureWindow
	decodes []models.SessionDecode
	// alignments replace those of their sessions, which are different ones.
	alignments []models.SessionAlignment
	sessions   []*models.Session // as they stand now
	gone       []models.SessionSegment
	fresh      []models.SessionSegment
	record     *models.IdempotencyRecord
}

// flowTx is a flow's transaction on one of the databases.
type flowTx interface {
	read(ctx context.Context, r *flowRead) (*flowFound, error)
	// segments returns the segments that touch the samples given.
	segments(ctx context.Context, spans []span) (map[string][]models.Segment, error)
	write(ctx context.Context, w *flowWrite) error
}

// decision says what a flow does with what it found. reach names the segments that decide needs beside the tails; nil for
// none. Both may run twice, in another transaction.
type decision struct {
	reach  func(*flowFound) []span
	decide func(*flowFound) (*flowWrite, error)
}

func (d decision) run(ctx context.Context, tx flowTx, r *flowRead) error {
	found, err := tx.read(ctx, r)
	if err != nil {
		return err
	}
	if d.reach != nil {
		if spans := d.reach(found); len(spans) > 0 {
			if found.segments, err = tx.segments(ctx, spans); err != nil {
				return err
			}
		}
	}
	w, err := d.decide(found)
	if err != nil {
		return err
	}
	return tx.write(ctx, w)
}

// flow runs a decision in one transaction.
func (s *Store) flow(ctx context.Context, r *flowRead, d decision) error {
	if s.dialect == PostgreSQL {
		return s.pgFlow(ctx, r, d)
	}
	if r.relaxed {
		return s.relaxedTx(ctx, func(tx *gorm.DB) error { return d.run(ctx, liteFlow{tx}, r) })
	}
	return s.tx(ctx, func(tx *gorm.DB) error { return d.run(ctx, liteFlow{tx}, r) })
}

// lanes are where calls about sessions wait for each other.
type lanes struct {
	ingests *coalescer[*Ingest, ingestOutcome]
	commits *coalescer[*WindowCommit, commitOutcome]
}

// Limits of one flow.
const (
	flowMaxCalls = 64
	flowMaxBytes = 8 << 20
	flowTimeout  = 15 * time.Second
)

// openLanes starts the lanes when the first call needs them.
func (s *Store) openLanes() *lanes {
	s.lanesOnce.Do(func() {
		n := 1 // SQLite has one writer
		isolate := func(err error) bool { return !errors.Is(err, context.DeadlineExceeded) }
		if s.dialect == PostgreSQL {
			n, isolate = pgLanes, isDataError
		}
		s.lanes = &lanes{
			ingests: newCoalescer(coalesce[*Ingest, ingestOutcome]{lanes: n, maxCalls: flowMaxCalls, maxWeight: flowMaxBytes,
				weigh: func(in *Ingest) int { return len(in.Batch.Data) }, timeout: flowTimeout, isolate: isolate, run: s.ingestMany}),
			commits: newCoalescer(coalesce[*WindowCommit, commitOutcome]{lanes: n, maxCalls: flowMaxCalls, maxWeight: flowMaxBytes,
				weigh: (*WindowCommit).size, timeout: flowTimeout, isolate: isolate, run: s.commitMany}),
		}
	})
	return s.lanes
}

// closeLanes ends the lanes; calls that run end first.
func (s *Store) closeLanes() {
	s.lanesOnce.Do(func() {})
	if s.lanes != nil {
		s.lanes.ingests.close()
		s.lanes.commits.close()
	}
}
