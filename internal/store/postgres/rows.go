package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// collect runs a query and returns its rows.
func collect[T any](ctx context.Context, q querier, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// retrying is collect outside a transaction, again when another transaction was in its way.
func retrying[T any](ctx context.Context, q querier, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) ([]T, error) {
	for try := 1; ; try++ {
		out, err := collect(ctx, q, scan, sql, args...)
		if err == nil || try == txRetries || !isConflict(err) {
			return out, err
		}
	}
}

// qualified returns dialect.JobColumns with an alias before each.
func qualified(alias string) string {
	cols := strings.Split(dialect.JobColumns, ",")
	for i, c := range cols {
		cols[i] = alias + "." + strings.TrimSpace(c)
	}
	return strings.Join(cols, ", ")
}

func jobTargets(j *models.Job) []any {
	return dialect.JobTargets(j, func(t *time.Time) any { return t }, func(t **time.Time) any { return t })
}

func scanJob(row pgx.CollectableRow) (models.Job, error) {
	var j models.Job
	err := row.Scan(jobTargets(&j)...)
	return j, err
}

func scanChange(row pgx.CollectableRow) (dialect.Change, error) {
	var c dialect.Change
	err := row.Scan(&c.ID, &c.Kind, &c.State)
	return c, err
}
