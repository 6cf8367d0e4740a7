// Package jobtable writes jobs past the service, as many as a server has after months, for whoever looks at how operators fare with them.
package jobtable

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/neurod/neurod/internal/store"
)

// Table is a database that is opened beside the service.
type Table struct {
	db      *sql.DB
	dialect store.Dialect
}

// Open opens a database by its URL, or the file of an embedded one by its path. Close it.
func Open(database string) (*Table, error) {
	driver, dialect := "pgx", store.DialectOf(database)
	if dialect == store.SQLite {
		driver, database = "sqlite", strings.TrimPrefix(database, "sqlite:")+"?_pragma=busy_timeout(60000)&_txlock=immediate"
	}
	db, err := sql.Open(driver, database)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &Table{db, dialect}, nil
}

// Close closes the database.
func (t *Table) Close() error { return t.db.Close() }

// Config says how many jobs there are to be.
type Config struct {
	Jobs     int // in all, made one after the other in the last 20 hours: retention has not come to their recordings yet
	Dead     int // of them: decodes that were given up; the oldest
	Waiting  int // of them: queued, and looked at by no reconciler; the youngest
	Projects int // that they belong to
	// Like is a job whose project, request and recording the dead ones have. Defaults to a recording of four bytes, dealt to all projects.
	Like string
}

// A request and an answer as long as those of decodes are.
const request = `{"request":{"input":{"type":"eeg","encoding":"float32le","layout":"sample_major","paradigm":"motor_imagery","device":"OpenBCI Cyton","channels":8,"sample_rate":250},"context":{"locale":"en","session_history":["move_left","rest"],"ui_mode":"wheelchair_nav"},"output":{"format":"json"}}}`

var output = `{"decoded_intent":"move_left","confidence":0.71,"alternatives":[` + strings.Repeat(`{"intent":"move_right","confidence":0.29},`, 16) + `null]}`

// kinds are those of jobs that ended well or wait, dealt in turn.
var kinds = []string{"neuro_decode", "neuro_decode", "neuro_decode", "neuro_decode", "session_windows", "session_windows", "session_import", "user_erase"}

// chunk is how many jobs one statement inserts.
const chunk = 500

// Fill inserts jobs in one transaction, and returns the id of the last one.
func (t *Table) Fill(ctx context.Context, cfg Config) (last string, err error) {
	if cfg.Dead+cfg.Waiting > cfg.Jobs || cfg.Projects < 1 {
		return "", errors.New("jobtable: more jobs are dead or wait than there are, or they have no project")
	}
	f := filler{cfg: cfg, now: time.Now().UTC(), asked: request, recording: "'abcd'", size: "4", codec: "'none'"}
	for range cfg.Projects {
		f.projects = append(f.projects, "'"+uuid.NewString()+"'")
	}
	if cfg.Like != "" {
		like := "'" + cfg.Like + "'"
		if err := t.db.QueryRowContext(ctx, "SELECT request FROM jobs WHERE id = "+like).Scan(&f.asked); err != nil {
			return "", err
		}
		of := func(column string) string {
			return "(SELECT " + column + " FROM job_payloads WHERE job_id = " + like + ")"
		}
		f.recording, f.size, f.codec, f.project = of("data"), of("size"), of("codec"), of("project_id")
	}
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer tx.Rollback()
	for from := 0; from < cfg.Jobs; from += chunk {
		f.jobs, f.payloads = nil, nil
		for i := from; i < min(from+chunk, cfg.Jobs); i++ {
			last = f.add(i)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO jobs (id, project_id, kind, state, request, output, error_code, dead_letter, next_check, attempts, owner, created_at,
			started_at, claimed_at, finished_at) VALUES `+strings.Join(f.jobs, ","))
		if err == nil && len(f.payloads) > 0 {
			_, err = tx.ExecContext(ctx, "INSERT INTO job_payloads (job_id, project_id, codec, size, data, created_at) VALUES "+strings.Join(f.payloads, ","))
		}
		if err != nil {
			return "", err
		}
	}
	if err := tx.Commit(); err != nil {
		return "", err
	}
	if t.dialect == store.PostgreSQL { // which does that by itself in time
		_, err = t.db.ExecContext(ctx, "VACUUM ANALYZE jobs")
	}
	return last, err
}

type filler struct {
	cfg      Config
	now      time.Time
	projects []string
	project  string // of the dead, "" for all in turn
	asked    string // by the dead

	recording, size, codec string // SQL of theirs

	jobs, payloads []string // rows
}

// add makes the rows of the i-th job and returns its id.
func (f *filler) add(i int) string {
	age := time.Duration(f.cfg.Jobs-i) * (20 * time.Hour / time.Duration(f.cfg.Jobs))
	made := f.now.Add(-age - time.Minute)
	id, project := idAt(made), f.projects[i%len(f.projects)]
	kind, state, asked, found, code := kinds[i%len(kinds)], "completed", request, "'"+output+"'", "NULL"
	dead, attempts, owner := "false", 1+i%2, "'host:1:a-worker-of-then'"
	created, begun, ended := at(made), at(made.Add(30*time.Millisecond)), at(made.Add(80*time.Millisecond))
	switch {
	case i < f.cfg.Dead:
		kind, state, asked, found, code, dead, attempts = "neuro_decode", "failed", f.asked, "NULL", "'retries_exhausted'", "true", 3
		if f.project != "" {
			project = f.project
		}
		f.payloads = append(f.payloads, fmt.Sprintf("('%s', %s, %s, %s, %s, %s)", id, project, f.codec, f.size, f.recording, created))
	case i >= f.cfg.Jobs-f.cfg.Waiting:
		state, found, attempts, owner, begun, ended = "queued", "NULL", i%2, "NULL", "NULL", "NULL"
	case i%10 == 1:
		state, found, code = "failed", "NULL", "'payload_too_short'"
	}
	f.jobs = append(f.jobs, fmt.Sprintf("('%s', %s, '%s', '%s', '%s', %s, %s, %s, '9998-01-01 00:00:00+00:00', %d, %s, %s, %s, %s, %s)",
		id, project, kind, state, strings.ReplaceAll(asked, "'", "''"), found, code, dead, attempts, owner, created, begun, begun, ended))
	return id
}

// idAt returns an id as one that is made at a time (RFC 9562, 5.7).
func idAt(t time.Time) string {
	id := uuid.Must(uuid.NewV7())
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(t.UnixMilli())) //nolint:gosec // after 1970
	copy(id[:6], ms[2:])
	return id.String()
}

// at is a time as both databases read it.
func at(t time.Time) string { return "'" + t.Format("2006-01-02 15:04:05.000000-07:00") + "'" }

// Operators makes every account an operator.
func (t *Table) Operators(ctx context.Context) error {
	_, err := t.db.ExecContext(ctx, "UPDATE users SET operator = true")
	return err
}

// Retries is what became of jobs that were made again.
type Retries struct {
	Marked   int // jobs that name one that was made of them
	Distinct int // that they name
	There    int // of them, that name one which is in the table
	Ended    int // of them, that name one which has ended
	Later    int // jobs that were made after the one given
}

// Retries counts what was made again, and all that was made after a job.
func (t *Table) Retries(ctx context.Context, after string) (r Retries, err error) {
	err = t.db.QueryRowContext(ctx, `SELECT count(*), count(DISTINCT old.retried_as), count(fresh.id), count(fresh.finished_at), (SELECT count(*) FROM jobs WHERE id > '`+after+`')
		FROM jobs old LEFT JOIN jobs fresh ON fresh.id = old.retried_as WHERE old.retried_as IS NOT NULL`).Scan(&r.Marked, &r.Distinct, &r.There, &r.Ended, &r.Later)
	return r, err
}
