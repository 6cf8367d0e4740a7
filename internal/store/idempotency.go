package store

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/neurod/neurod/models"
)

// lockNumber is the PostgreSQL advisory lock of an idempotency key. Two keys that share a number by chance only make
// one of them wait for a retry of its client.
func lockNumber(r *models.IdempotencyRecord) int64 {
	h := sha256.New()
	for _, s := range []string{r.ProjectID, r.Operation, r.Key} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// recordColumns are the columns of idempotency_records in the order of the entity.
const recordColumns = "project_id, operation, key, fingerprint, job_id, status, body, created_at, expires_at"
