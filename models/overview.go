package models

// SessionOverview is what a chunk of a session's samples looks like from afar; see package envelope.
type SessionOverview struct {
	SessionID string
	Chunk     int64 // counted from the session's origin
	ProjectID string
	Seen      int    // batches with a lower number are in it
	Coarse    []byte // blocks of three lengths, the longest first
	Mid       []byte
	Fine      []byte
}

// OverviewLevel names the blocks of one length.
type OverviewLevel string

// The levels.
const (
	OverviewCoarse OverviewLevel = "coarse"
	OverviewMid    OverviewLevel = "mid"
	OverviewFine   OverviewLevel = "fine"
)

// OverviewChunk is a chunk with its blocks of one length.
type OverviewChunk struct {
	Chunk int64
	Data  []byte
}
