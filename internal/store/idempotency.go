package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// onceKey is where the transaction of Once stands in a context; one for each store, as a process may have several.
type onceKey struct{ s *Store }

// joined returns the transaction of Once that a context carries, nil for none.
func (s *Store) joined(ctx context.Context) *gorm.DB {
	tx, _ := ctx.Value(onceKey{s}).(*gorm.DB)
	if tx == nil {
		return nil
	}
	return tx.WithContext(ctx)
}

// Once calls run at most once for an Idempotency-Key. Whatever run stores with the context that it is given, and the answer
// that it fills into the record, is one transaction: both are there or neither is. Where the key has an answer already, that
// is returned and run is not called. An error of run is returned as it is, and nothing is stored. Error: ErrKeyInFlight.
//
// run must store through the methods of Store alone and with its context alone: those of Jobs have connections of their own,
// and on SQLite another context would wait for the writing connection that this transaction holds.
func (s *Store) Once(ctx context.Context, r models.IdempotencyRecord, run func(context.Context, *models.IdempotencyRecord) error) (replayed *models.IdempotencyRecord, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if replayed, err = s.takeKey(tx, r); err != nil || replayed != nil {
			return err
		}
		if err := run(context.WithValue(ctx, onceKey{s}, tx), &r); err != nil {
			return err
		}
		return keepRecord(tx, r)
	})
	return replayed, err
}

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

// recordColumns are the columns of idempotency_records in the order of recordRow.
const recordColumns = "project_id, operation, key, fingerprint, job_id, protocol, status, body, created_at, expires_at"

// recordUpdates takes the row of a key that has expired over.
const recordUpdates = `fingerprint = excluded.fingerprint, job_id = excluded.job_id, protocol = excluded.protocol, status = excluded.status,
	body = excluded.body, created_at = excluded.created_at, expires_at = excluded.expires_at`

// recordRow is the row of a models.IdempotencyRecord.
//
// Earlier versions kept the answers of one protocol, a status and a body. Their rows have no protocol and are read as what they
// are; and status goes on being written, because processes of such a version replay what this one keeps while a new version is
// rolled out.
type recordRow struct {
	ProjectID   string
	Operation   string
	Key         string
	Fingerprint string
	JobID       string
	Protocol    string
	Status      int
	Body        []byte
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// firstProtocol is that of rows without one.
const firstProtocol = "http/"

func (recordRow) TableName() string { return "idempotency_records" }

func rowOfRecord(r *models.IdempotencyRecord) recordRow {
	row := recordRow{r.ProjectID, r.Operation, r.Key, r.Fingerprint, r.JobID, r.Answer.Protocol, 0, r.Answer.Bytes, r.CreatedAt, r.ExpiresAt}
	if status, is := strings.CutPrefix(row.Protocol, firstProtocol); is {
		row.Status, _ = strconv.Atoi(status)
	}
	return row
}

// values are those of recordColumns.
func (r recordRow) values() []any {
	return []any{r.ProjectID, r.Operation, r.Key, r.Fingerprint, r.JobID, r.Protocol, r.Status, r.Body, utc(r.CreatedAt), utc(r.ExpiresAt)}
}

// places are where those of recordColumns are read into.
func (r *recordRow) places() []any {
	return []any{&r.ProjectID, &r.Operation, &r.Key, &r.Fingerprint, &r.JobID, &r.Protocol, &r.Status, &r.Body, &r.CreatedAt, &r.ExpiresAt}
}

func (r recordRow) entity() models.IdempotencyRecord {
	if r.Protocol == "" {
		r.Protocol = firstProtocol + strconv.Itoa(r.Status)
	}
	return models.IdempotencyRecord{ProjectID: r.ProjectID, Operation: r.Operation, Key: r.Key, Fingerprint: r.Fingerprint, JobID: r.JobID,
		Answer: models.Answer{Protocol: r.Protocol, Bytes: r.Body}, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt}
}

// findRecord returns the live answer of an idempotency key, nil for none.
func findRecord(db *gorm.DB, k models.IdempotencyRecord) (*models.IdempotencyRecord, error) {
	var found []recordRow
	err := db.Where("project_id = ? AND operation = ? AND key = ? AND expires_at > ?", k.ProjectID, k.Operation, k.Key, now()).Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	record := found[0].entity()
	return &record, nil
}
