package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// rows is what scanning takes of *sql.Rows.
type rows interface{ Scan(...any) error }

// collect reads all rows of a query.
func collect[T any](q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, ctx context.Context, scan func(rows) (T, error), query string, args ...any) ([]T, error) {
	rs, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var out []T
	for rs.Next() {
		v, err := scan(rs)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rs.Err()
}

func inTx[T any](t writeTx, scan func(rows) (T, error), query string, args ...any) ([]T, error) {
	return collect(t.tx, context.Background(), scan, query, args...)
}

// storedTime reads a time where the driver does not know the column's type, as in RETURNING.
type storedTime struct{ to *time.Time }

// timeFormat is how the driver writes times; see package invariants.
const timeFormat = "2006-01-02 15:04:05.999999999-07:00"

func (l storedTime) Scan(v any) error {
	switch v := v.(type) {
	case time.Time:
		*l.to = v.UTC()
		return nil
	case string:
		t, err := time.Parse(timeFormat, v)
		*l.to = t.UTC()
		return err
	}
	return fmt.Errorf("store: a time is stored as %T", v)
}

// optionalTime is storedTime for a column that may be NULL.
type optionalTime struct{ to **time.Time }

func (l optionalTime) Scan(v any) error {
	if v == nil {
		*l.to = nil
		return nil
	}
	*l.to = new(time.Time)
	return storedTime{*l.to}.Scan(v)
}

func jobTargets(j *models.Job) []any {
	return dialect.JobTargets(j, func(t *time.Time) any { return storedTime{t} }, func(t **time.Time) any { return optionalTime{t} })
}

func scanJob(r rows) (models.Job, error) {
	var j models.Job
	err := r.Scan(jobTargets(&j)...)
	return j, err
}

func scanString(r rows) (s string, err error) { return s, r.Scan(&s) }

// jsonList is a parameter for json_each.
type jsonList []string

func (l jsonList) Value() (driver.Value, error) {
	b, err := json.Marshal(dialect.NonNil(l))
	return string(b), err
}
