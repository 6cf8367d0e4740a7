package dialect

import (
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/neurod/neurod/models"
)

// RecordColumns are the columns of idempotency_records in the order of RecordRow.
const RecordColumns = "project_id, operation, key, fingerprint, job_id, protocol, status, body, created_at, expires_at"

// RecordUpdates takes the row of a key that has expired over.
const RecordUpdates = `fingerprint = excluded.fingerprint, job_id = excluded.job_id, protocol = excluded.protocol, status = excluded.status,
	body = excluded.body, created_at = excluded.created_at, expires_at = excluded.expires_at`

// RecordRow is the row of a models.IdempotencyRecord.
//
// Earlier versions kept the answers of one protocol, a status and a body. Their rows have no protocol and are read as what they
// are; and status goes on being written, because processes of such a version replay what this one keeps while a new version is
// rolled out.
type RecordRow struct {
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

// TableName tells gorm the table.
func (RecordRow) TableName() string { return "idempotency_records" }

// RowOfRecord returns the row of an answer.
func RowOfRecord(r *models.IdempotencyRecord) RecordRow {
	row := RecordRow{r.ProjectID, r.Operation, r.Key, r.Fingerprint, r.JobID, r.Answer.Protocol, 0, r.Answer.Bytes, r.CreatedAt, r.ExpiresAt}
	if status, is := strings.CutPrefix(row.Protocol, firstProtocol); is {
		row.Status, _ = strconv.Atoi(status)
	}
	return row
}

// Values are those of RecordColumns.
func (r RecordRow) Values() []any {
	return []any{r.ProjectID, r.Operation, r.Key, r.Fingerprint, r.JobID, r.Protocol, r.Status, r.Body, UTC(r.CreatedAt), UTC(r.ExpiresAt)}
}

// Places are where those of RecordColumns are read into.
func (r *RecordRow) Places() []any {
	return []any{&r.ProjectID, &r.Operation, &r.Key, &r.Fingerprint, &r.JobID, &r.Protocol, &r.Status, &r.Body, &r.CreatedAt, &r.ExpiresAt}
}

// Entity is what the row keeps.
func (r RecordRow) Entity() models.IdempotencyRecord {
	if r.Protocol == "" {
		r.Protocol = firstProtocol + strconv.Itoa(r.Status)
	}
	return models.IdempotencyRecord{ProjectID: r.ProjectID, Operation: r.Operation, Key: r.Key, Fingerprint: r.Fingerprint, JobID: r.JobID,
		Answer: models.Answer{Protocol: r.Protocol, Bytes: r.Body}, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt}
}

// FindRecord returns the live answer of an idempotency key, nil for none.
func FindRecord(db *gorm.DB, k models.IdempotencyRecord) (*models.IdempotencyRecord, error) {
	var found []RecordRow
	err := db.Where("project_id = ? AND operation = ? AND key = ? AND expires_at > ?", k.ProjectID, k.Operation, k.Key, Now()).Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	record := found[0].Entity()
	return &record, nil
}

// KeepRecord stores the answer of an idempotency key, in the place of one that has expired.
func KeepRecord(tx *gorm.DB, r models.IdempotencyRecord) error {
	r.CreatedAt, r.ExpiresAt = UTC(r.CreatedAt), UTC(r.ExpiresAt)
	row := RowOfRecord(&r)
	return tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "project_id"}, {Name: "operation"}, {Name: "key"}},
		DoUpdates: clause.AssignmentColumns([]string{"fingerprint", "job_id", "protocol", "status", "body", "created_at", "expires_at"}),
	}).Create(&row).Error
}
