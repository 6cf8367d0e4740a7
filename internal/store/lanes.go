package store

import (
	"time"

	"github.com/neurod/neurod/internal/store/coalesce"
)

// lanes are where calls about sessions wait for each other.
type lanes struct {
	ingests *coalesce.Coalescer[*Ingest, ingestOutcome]
	commits *coalesce.Coalescer[*WindowCommit, commitOutcome]
}

// Limits of one flow.
const (
	flowMaxCalls = 64
	flowMaxBytes = 1 << 20
	flowTimeout  = 15 * time.Second
	// relaxedBytes is how much may be written that is left to others to bring to the disk: whose commit finds much before it waits for it.
	relaxedBytes = 64 << 10
)

// openLanes starts the lanes when the first call needs them.
func (s *Store) openLanes() *lanes {
	s.lanesOnce.Do(func() {
		n, isolate := s.db.Lanes()
		s.lanes = &lanes{
			ingests: coalesce.New(coalesce.Config[*Ingest, ingestOutcome]{Lanes: n, MaxCalls: flowMaxCalls, MaxWeight: flowMaxBytes,
				Weigh: func(in *Ingest) int { return len(in.Batch.Data) }, Timeout: flowTimeout, Isolate: isolate, Run: s.ingestMany}),
			commits: coalesce.New(coalesce.Config[*WindowCommit, commitOutcome]{Lanes: n, MaxCalls: flowMaxCalls, MaxWeight: flowMaxBytes,
				Weigh: (*WindowCommit).size, Timeout: flowTimeout, Isolate: isolate, Run: s.commitMany}),
		}
	})
	return s.lanes
}

// closeLanes ends the lanes; calls that run end first.
func (s *Store) closeLanes() {
	s.lanesOnce.Do(func() {})
	if s.lanes != nil {
		s.lanes.ingests.Close()
		s.lanes.commits.Close()
	}
}
