package agent

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/clock"
)

// record is a segment of a session as it lies in the spool:
//
//	length of the header u32 · header, JSON · samples, float32, sample-major          little-endian
//
// It holds samples without a gap between them, and what happened.
type record struct {
	// First is the session's number of the first sample: the session counts samples from the first one that the agent saw, those that are
	// missing too, over every restart.
	First int64 `json:"first"`
	// Samples is how many there are.
	Samples int64         `json:"samples"`
	Gaps    []devices.Gap `json:"gaps,omitempty"` // right before First
	// AtMS is the host's time of the first sample, Unix ms, and WithinMS how far it may be off.
	AtMS     float64           `json:"at_ms"`
	WithinMS float64           `json:"within_ms"`
	Markers  []devices.Marker  `json:"markers,omitempty"` // Sample counts as First does
	Readings []devices.Reading `json:"readings,omitempty"`
	Dropped  int               `json:"dropped,omitempty"`
	Clock    *clock.Report     `json:"clock,omitempty"`

	values []byte // float32 little-endian
}

func (r *record) end() int64 { return r.First + r.Samples }

// encode returns the bytes of a record.
func (r *record) encode() ([]byte, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 4, 4+len(head)+len(r.values))
	binary.LittleEndian.PutUint32(b, uint32(len(head)))
	return append(append(b, head...), r.values...), nil
}

// decodeRecord reads a record of a session of so many channels. The samples share the memory of b.
func decodeRecord(b []byte, channels int) (record, error) {
	var r record
	if len(b) < 4 {
		return r, errors.New("a record without a header")
	}
	n := int(binary.LittleEndian.Uint32(b))
	if n > len(b)-4 {
		return r, fmt.Errorf("a header of %d bytes in a record of %d", n, len(b))
	}
	if err := json.Unmarshal(b[4:4+n], &r); err != nil {
		return r, fmt.Errorf("header of a record: %w", err)
	}
	r.values = b[4+n:]
	if int64(len(r.values)) != r.Samples*int64(channels)*4 || r.First < 0 || r.Samples < 0 {
		return r, fmt.Errorf("%d bytes for %d samples of %d channels from %d", len(r.values), r.Samples, channels, r.First)
	}
	return r, nil
}

// appendValues appends samples as little-endian floats.
func appendValues(b []byte, samples []float32) []byte {
	for _, v := range samples {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}
