package decoding

import (
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/models"
)

// MaxRecordingsBytes is how many bytes of samples the recordings of a batch may have together, whether they were sent or are
// segments of sessions: what a body of BatchBodyLimit holds in base64. What a decode request may cost is in package eeg; MaxBatchItems
// and MaxSharedBytes are beside what they limit.
const MaxRecordingsBytes = 48 << 20

// decodes adds up what the recordings of one call take, and holds it to what a call may. The zero value is an empty call.
type decodes struct {
	bytes int64 // of samples
	sent  int64 // of them, those that came with the call
	work  int64
}

// room holds one more recording to what all of a call may have, before it is read.
func (d *decodes) room(size int64) error {
	if d.bytes += size; d.bytes <= MaxRecordingsBytes {
		return nil
	}
	e := models.Errorf(models.PayloadTooLarge, "The recordings of the call have more than %d bytes together; no more are allowed: send them in several calls.", int64(MaxRecordingsBytes))
	e.Details = map[string]any{"payload_bytes": d.bytes, "limit_bytes": MaxRecordingsBytes}
	return e
}

// add counts a recording that was read.
func (d *decodes) add(req *eeg.Request, size int) {
	if req.Input.SessionID == "" {
		d.sent += int64(size)
		d.bytes += int64(size)
	}
	d.work += req.Work(size)
}

// admit refuses a call whose decodes would cost too much.
func (d *decodes) admit(path models.Path) error {
	limit := eeg.MaxDecodeWork + eeg.DecodeWorkPerByte*d.sent
	if d.work <= limit {
		return nil
	}
	return models.InvalidField(path, "too_much_work", "would cost as much to decode as %d samples; at most %d are allowed for so many bytes: send it in parts, with fewer targets, or with fewer trials",
		d.work, limit)
}
