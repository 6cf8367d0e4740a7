package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neurod/neurod/internal/store/coalesce"
	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// sqliteJobs keeps jobs in SQLite. Whatever writes at the same time shares one transaction on the only writing
// connection; the driver compiles each statement anew, so there is nothing to prepare.
type sqliteJobs struct {
	reader *sql.DB
	writes *coalesce.Coalescer[write, bool]
	wal    *wal
	early  early

	dirty      atomic.Bool // something was written since the last checkpoint
	stop       chan struct{}
	once       sync.Once
	checkpoint sync.WaitGroup
}

var _ dialect.Jobs = (*sqliteJobs)(nil)

// write is a piece of a transaction. It may run twice, in another transaction, so it starts with empty hands.
type write struct {
	fn      func(tx liteTx) error
	size    int
	relaxed bool // it need not survive a power cut: see relaxed
}

// Limits of one transaction. Those of heavy calls are short, because everybody waits for the only writer.
const (
	liteMaxCalls = 128
	liteMaxBytes = 8 << 20
	liteMaxHeavy = 512 << 10
	liteMaxPiece = 256 << 10
	liteTimeout  = 30 * time.Second
)

// Moving the write-ahead log into the database takes some 10 ms, during which SQLite would let the commit wait that
// crossed its limit of 1000 pages. It is done beside the commits instead, every checkpointEvery, and by a commit only
// when so many pages have come together that the other way cannot keep up.
const (
	checkpointEvery = time.Second
	checkpointPages = 8000
)

// liteTx runs statements in a transaction.
type liteTx struct{ tx *sql.Tx }

// OpenJobs implements [dialect.Database].
func (d *Database) OpenJobs(ctx context.Context) (dialect.Jobs, error) {
	writer := d.writing
	if _, err := writer.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", checkpointPages)); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	log, err := openWAL(d.path, writer)
	if err != nil {
		return nil, err
	}
	j := &sqliteJobs{reader: d.reading, wal: log, stop: make(chan struct{})}
	j.writes = coalesce.New(coalesce.Config[write, bool]{
		Lanes: 1, MaxCalls: liteMaxCalls, Weigh: func(w write) int { return w.size }, MaxWeight: liteMaxBytes, MaxHeavy: liteMaxHeavy,
		Timeout: liteTimeout,
		Isolate: func(err error) bool { return !errors.Is(err, context.DeadlineExceeded) },
		Run: func(ctx context.Context, writes []write) ([]bool, error) {
			// A context that can end costs the driver a goroutine a statement; only taking the connection may wait.
			conn, err := writer.Conn(ctx)
			if err != nil {
				return nil, err
			}
			defer conn.Close() // gives it back to the pool
			transact := func() error {
				tx, err := conn.BeginTx(context.Background(), nil)
				if err != nil {
					return err
				}
				for _, w := range writes {
					if err := w.fn(liteTx{tx}); err != nil {
						return errors.Join(err, tx.Rollback())
					}
				}
				j.dirty.Store(true)
				return tx.Commit()
			}
			// One that must be on the disk takes the others along.
			full := slices.ContainsFunc(writes, func(w write) bool { return !w.relaxed })
			if full {
				err = transact()
			} else {
				err = relaxed(conn, transact)
			}
			return slices.Repeat([]bool{full}, len(writes)), err
		},
	})
	j.checkpoint.Go(j.checkpointLoop)
	return j, nil
}

func (j *sqliteJobs) Close() {
	j.writes.Close()
	j.once.Do(func() {
		close(j.stop)
		j.checkpoint.Wait()
		_ = j.wal.close() // which only read
	})
}

// checkpointLoop moves the write-ahead log into the database while others write. An error leaves it to the next
// time, or to a commit.
func (j *sqliteJobs) checkpointLoop() {
	t := time.NewTicker(checkpointEvery)
	defer t.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-t.C:
		}
		if j.dirty.Swap(false) {
			if _, err := j.reader.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
				j.dirty.Store(true)
			}
		}
	}
}

// write runs fn in a transaction that it may share with others, and returns once it is on the disk. It waits for fn's end also
// when ctx ends: fn leaves its results in variables of the caller, who must not read them while it runs.
func (j *sqliteJobs) write(ctx context.Context, size int, fn func(tx liteTx) error) error {
	_, err := j.commit(ctx, write{fn: fn, size: size})
	return err
}

// writeRelaxed is write for what heals by itself after a power cut, as package invariants of Jobs say.
func (j *sqliteJobs) writeRelaxed(ctx context.Context, fn func(tx liteTx) error) error {
	_, err := j.commit(ctx, write{fn: fn, relaxed: true})
	return err
}

// commit does a write and reports whether it is on the disk.
func (j *sqliteJobs) commit(ctx context.Context, w write) (durable bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return j.writes.Do(context.WithoutCancel(ctx), w)
}

func (t liteTx) exec(query string, args ...any) (int, error) {
	res, err := t.tx.ExecContext(context.Background(), query, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// rows is what scanning takes of *sql.Rows.
type rows interface{ Scan(...any) error }

// liteCollect reads all rows of a query.
func liteCollect[T any](q interface {
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

func inTx[T any](t liteTx, scan func(rows) (T, error), query string, args ...any) ([]T, error) {
	return liteCollect(t.tx, context.Background(), scan, query, args...)
}

// liteTime reads a time where the driver does not know the column's type, as in RETURNING.
type liteTime struct{ to *time.Time }

// liteTimeFormat is how the driver writes times; see package invariants.
const liteTimeFormat = "2006-01-02 15:04:05.999999999-07:00"

func (l liteTime) Scan(v any) error {
	switch v := v.(type) {
	case time.Time:
		*l.to = v.UTC()
		return nil
	case string:
		t, err := time.Parse(liteTimeFormat, v)
		*l.to = t.UTC()
		return err
	}
	return fmt.Errorf("store: a time is stored as %T", v)
}

// liteOptional is liteTime for a column that may be NULL.
type liteOptional struct{ to **time.Time }

func (l liteOptional) Scan(v any) error {
	if v == nil {
		*l.to = nil
		return nil
	}
	*l.to = new(time.Time)
	return liteTime{*l.to}.Scan(v)
}

func liteJobTargets(j *models.Job) []any {
	return dialect.JobTargets(j, func(t *time.Time) any { return liteTime{t} }, func(t **time.Time) any { return liteOptional{t} })
}

func liteScanJob(r rows) (models.Job, error) {
	var j models.Job
	err := r.Scan(liteJobTargets(&j)...)
	return j, err
}

func liteScanString(r rows) (s string, err error) { return s, r.Scan(&s) }

func liteScanSettled(r rows) (s dialect.Settled, err error) {
	err = r.Scan(&s.ID, (*string)(&s.Kind), (*string)(&s.State), &s.Parent)
	return s, err
}

func liteScanDue(r rows) (d dialect.Due, err error) {
	err = r.Scan(&d.ID, (*string)(&d.Kind), &d.Item, &d.Seq)
	return d, err
}

// jsonList is a parameter for json_each.
type jsonList []string

func (l jsonList) Value() (driver.Value, error) {
	b, err := json.Marshal(dialect.NonNil(l))
	return string(b), err
}

// Accept writes what is large in transactions of its own, of about liteMaxPiece, before the one that makes the jobs: payloads without a
// job are nobody's, and go like those of jobs that are over. So nobody waits for the whole of a batch of recordings.
func (j *sqliteJobs) Accept(ctx context.Context, a *dialect.Acceptance) (existing *models.IdempotencyRecord, err error) {
	if a.Size() <= liteMaxPiece {
		return j.accept(ctx, a)
	}
	rest, ahead := *a, a.Payloads
	rest.Payloads = nil
	written := 0
	defer func() {
		if written > 0 && (err != nil || existing != nil) {
			err = errors.Join(err, j.dropPayloads(ctx, ahead[:written]))
		}
	}()
	for written < len(ahead) {
		n, size := 0, 0
		for n == 0 || written+n < len(ahead) && size+len(ahead[written+n].Data) <= liteMaxPiece {
			size += dialect.RowSize + len(ahead[written+n].Data)
			n++
		}
		piece := ahead[written : written+n]
		written += n // also where it is not known what became of it
		if _, err := j.commit(ctx, write{relaxed: true, size: size, fn: func(tx liteTx) error { return tx.insertPayloads(piece) }}); err != nil {
			return nil, err
		}
	}
	return j.accept(ctx, &rest)
}

func (j *sqliteJobs) dropPayloads(ctx context.Context, list []models.Payload) error {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].JobID
	}
	return j.writeRelaxed(ctx, func(tx liteTx) error {
		_, err := tx.exec("DELETE FROM job_payloads WHERE job_id IN (SELECT value FROM json_each(?))", jsonList(ids))
		return err
	})
}

func (t liteTx) insertPayloads(list []models.Payload) error {
	for i := range list {
		p := &list[i]
		data := p.Data
		if data == nil {
			data = []byte{} // nil is NULL
		}
		if _, err := t.exec(`INSERT INTO job_payloads (job_id, project_id, codec, size, data, created_at) VALUES (?,?,?,?,?,?)`,
			p.JobID, p.ProjectID, p.Codec, p.Size, data, p.CreatedAt); err != nil {
			return err
		}
	}
	return nil
}

func (j *sqliteJobs) accept(ctx context.Context, a *dialect.Acceptance) (existing *models.IdempotencyRecord, err error) {
	durable, err := j.commit(ctx, write{relaxed: true, size: a.Size(), fn: func(tx liteTx) error {
		existing = nil
		if r := a.Record; r != nil {
			stored, err := tx.exec(`INSERT INTO idempotency_records (`+dialect.RecordColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?)
				ON CONFLICT (project_id, operation, key) DO UPDATE SET `+dialect.RecordUpdates+`
				WHERE idempotency_records.expires_at <= ?`, append(dialect.RowOfRecord(r).Values(), dialect.Now())...)
			if err != nil {
				return err
			}
			if stored == 0 {
				found, err := inTx(tx, liteScanRecord, `SELECT `+dialect.RecordColumns+` FROM idempotency_records
					WHERE project_id = ? AND operation = ? AND key = ?`, r.ProjectID, r.Operation, r.Key)
				if err != nil {
					return err
				}
				if len(found) == 0 {
					return dialect.ErrKeyInFlight // cannot be: this transaction is the only writer
				}
				existing = &found[0]
				return nil
			}
		}
		for _, l := range a.Sessions {
			n, err := tx.exec(`INSERT INTO session_jobs (session_id, job_id) SELECT id, ? FROM sessions WHERE id = ? AND project_id = ?`,
				l.JobID, l.SessionID, a.Jobs[0].ProjectID)
			if err != nil {
				return err
			}
			if n == 0 {
				return dialect.ErrNotFound
			}
		}
		for i := range a.Jobs {
			job := &a.Jobs[i]
			if _, err := tx.exec(`INSERT INTO jobs (id, project_id, kind, state, parent_id, item_index, request, error_code, error_message,
					error_details, next_check, items_total, items_pending, created_at, finished_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
				job.ID, job.ProjectID, string(job.Kind), string(job.State), job.ParentID, job.ItemIndex, dialect.CleanText(string(job.Request)),
				dialect.OptionalText(job.ErrorCode), dialect.OptionalText(job.ErrorMessage), dialect.Text(job.ErrorDetails), job.NextCheck, job.ItemsTotal, job.ItemsPending,
				job.CreatedAt, job.FinishedAt); err != nil {
				return err
			}
		}
		return tx.insertPayloads(a.Payloads)
	}})
	if err != nil {
		return nil, err
	}
	if existing == nil && a.Stored != nil {
		a.Stored()
	}
	if !durable {
		err = j.wal.flush(ctx)
	}
	return existing, err
}

func liteScanRecord(rs rows) (models.IdempotencyRecord, error) {
	var r dialect.RecordRow
	at := r.Places()
	at[8], at[9] = liteTime{&r.CreatedAt}, liteTime{&r.ExpiresAt}
	err := rs.Scan(at...)
	return r.Entity(), err
}

func (j *sqliteJobs) Claim(ctx context.Context, id, owner string, lease time.Duration) (claimed *dialect.Claimed, err error) {
	err = j.writeRelaxed(ctx, func(tx liteTx) error {
		claimed = nil
		at := dialect.Now()
		found, err := inTx(tx, liteScanJob, `UPDATE jobs SET state = 'running', owner = ?, lease_until = ?, attempts = attempts + 1,
				started_at = coalesce(started_at, ?)
			WHERE id = ? AND state = 'queued' AND items_total = 0 RETURNING `+dialect.JobColumns, owner, at.Add(lease), at, id)
		if err != nil || len(found) == 0 {
			return err
		}
		c := &dialect.Claimed{Job: found[0]}
		if c.Job.ParentID != nil {
			if _, err := tx.exec("UPDATE jobs SET state = 'running', started_at = ? WHERE id = ? AND state = 'queued'", at, *c.Job.ParentID); err != nil {
				return err
			}
		}
		if c.Job.ParentID == nil {
			others, err := inTx(tx, func(r rows) (yes bool, err error) { return yes, r.Scan(&yes) },
				"SELECT "+dialect.OthersWait+" FROM (SELECT ? AS project_id) AS c", c.Job.ProjectID)
			if err != nil {
				return err
			}
			c.Others = len(others) > 0 && others[0]
		}
		claimed = c
		return nil
	})
	if err != nil || claimed == nil {
		return nil, err
	}
	// The payload is read outside: it never changes, and the writer is free for others.
	type payload struct {
		codec string
		size  int
		data  []byte
	}
	found, err := liteCollect(j.reader, context.WithoutCancel(ctx), func(r rows) (p payload, err error) {
		return p, r.Scan(&p.codec, &p.size, &p.data)
	}, "SELECT codec, size, data FROM job_payloads WHERE job_id = ?", id)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		if claimed.Payload, err = dialect.Unpack(found[0].codec, found[0].size, found[0].data); err != nil {
			return nil, err
		}
	}
	return claimed, nil
}

func (j *sqliteJobs) Extend(ctx context.Context, owner string, held []dialect.Attempt, lease time.Duration) (kept []string, err error) {
	err = j.writeRelaxed(ctx, func(tx liteTx) error {
		kept = nil
		until := dialect.Now().Add(lease)
		for _, a := range held {
			n, err := tx.exec("UPDATE jobs SET lease_until = ? WHERE id = ? AND owner = ? AND attempts = ? AND state = 'running'", until, a.ID, owner, a.Attempt)
			if err != nil {
				return err
			}
			if n > 0 {
				kept = append(kept, a.ID)
			}
		}
		return nil
	})
	slices.Sort(kept)
	return kept, err
}

func (j *sqliteJobs) Finish(ctx context.Context, f *dialect.Finish) (changes []dialect.Change, err error) {
	var shown []string // by all attempts of the transaction
	durable, err := j.commit(ctx, write{relaxed: true, size: len(f.Output) + len(f.Diagnostics), fn: func(tx liteTx) error {
		changes = nil
		done, err := inTx(tx, liteScanSettled, `UPDATE jobs SET state = ?, output = ?, diagnostics = ?, error_code = ?, error_message = ?,
				error_details = ?, dead_letter = ?, lease_until = NULL, finished_at = ?
			WHERE id = ? AND owner = ? AND attempts = ? AND state = 'running' RETURNING id, kind, state, parent_id`,
			string(f.State), dialect.Text(f.Output), dialect.Text(f.Diagnostics), dialect.OptionalText(f.ErrorCode), dialect.OptionalText(f.ErrorMessage), dialect.Text(f.ErrorDetails),
			f.DeadLetter, dialect.Now(), f.ID, f.Owner, f.Attempt.Attempt)
		if err != nil {
			return err
		}
		for _, d := range done {
			shown = append(shown, j.early.show(d.ID))
			if d.Parent != nil { // it counts its items
				shown = append(shown, j.early.show(*d.Parent))
			}
		}
		changes, err = tx.settle(done)
		return err
	}})
	if err == nil && !durable {
		if err = j.wal.flush(ctx); err != nil {
			return changes, err // the end is in the database, and whoever reads it tries to flush it again
		}
	}
	j.early.hide(shown)
	return changes, err
}

// early counts the ends of jobs that are in the database and perhaps not yet on the disk. They commit as relaxed, so that others
// write while the disk does; who reads such a job waits for the disk, so that nobody sees an end that a power cut takes back.
type early struct {
	mu   sync.Mutex
	jobs map[string]int
}

// show counts an end that is about to be committed.
func (e *early) show(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.jobs == nil {
		e.jobs = map[string]int{}
	}
	e.jobs[id]++
	return id
}

// hide takes ends out of the count: they are on the disk, or nowhere.
func (e *early) hide(ids []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		if e.jobs[id]--; e.jobs[id] == 0 {
			delete(e.jobs, id)
		}
	}
}

// any reports whether one of the jobs is counted.
func (e *early) any(list []models.Job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.jobs) > 0 && slices.ContainsFunc(list, func(job models.Job) bool { return e.jobs[job.ID] > 0 })
}

// kept returns jobs that were read once what they show is on the disk.
func (j *sqliteJobs) kept(ctx context.Context, list []models.Job, err error) ([]models.Job, error) {
	if err == nil && j.early.any(list) {
		err = j.wal.flush(ctx)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// settle counts the batches of finished items down, finishes those that reach zero, and returns all that became final.
func (t liteTx) settle(done []dialect.Settled) ([]dialect.Change, error) {
	var out []dialect.Change
	for _, d := range done {
		out = append(out, d.Change)
		if d.Parent == nil {
			continue
		}
		type batch struct {
			dialect.Settled
			total, pending int
		}
		found, err := inTx(t, func(r rows) (b batch, err error) {
			return b, r.Scan(&b.ID, (*string)(&b.Kind), (*string)(&b.State), &b.total, &b.pending)
		}, "UPDATE jobs SET items_pending = items_pending - 1 WHERE id = ? RETURNING id, kind, state, items_total, items_pending", *d.Parent)
		if err != nil {
			return nil, err
		}
		for _, b := range found {
			if b.pending > 0 || b.State.Final() {
				continue
			}
			counts, err := t.count(b.ID)
			if err != nil {
				return nil, err
			}
			if _, err := t.exec("UPDATE jobs SET state = 'completed', finished_at = ?, output = ? WHERE id = ?", dialect.Now(), string(dialect.BatchOutput(b.total, counts)), b.ID); err != nil {
				return nil, err
			}
			b.State = models.JobCompleted
			out = append(out, b.Change)
		}
	}
	return out, nil
}

type stateCount struct {
	state models.JobState
	n     int
}

func liteScanCount(r rows) (c stateCount, err error) { return c, r.Scan((*string)(&c.state), &c.n) }

const liteCountItems = "SELECT state, count(*) FROM jobs WHERE parent_id = ? GROUP BY state"

func byState(cs []stateCount) map[models.JobState]int {
	counts := map[models.JobState]int{}
	for _, c := range cs {
		counts[c.state] = c.n
	}
	return counts
}

func (t liteTx) count(parentID string) (map[models.JobState]int, error) {
	cs, err := inTx(t, liteScanCount, liteCountItems, parentID)
	return byState(cs), err
}

func (j *sqliteJobs) Release(ctx context.Context, owner string, a dialect.Attempt, pause time.Duration) (seq int, ok bool, err error) {
	err = j.write(ctx, 0, func(tx liteTx) error {
		seq, ok = 0, false
		seqs, err := inTx(tx, func(r rows) (n int, err error) { return n, r.Scan(&n) },
			`UPDATE jobs SET state = 'queued', owner = NULL, lease_until = NULL, seq = seq + 1, next_check = ?, not_before = ?
			WHERE id = ? AND owner = ? AND attempts = ? AND state = 'running' RETURNING seq`, dialect.Now().Add(pause), notBefore(pause), a.ID, owner, a.Attempt)
		if err == nil && len(seqs) > 0 {
			seq, ok = seqs[0], true
		}
		return err
	})
	return seq, ok, err
}

// notBefore is when a job that was put back may be claimed by turn.
func notBefore(pause time.Duration) *time.Time {
	if pause <= 0 {
		return nil
	}
	at := dialect.Now().Add(pause)
	return &at
}

func (j *sqliteJobs) Cancel(ctx context.Context, projectID, id string) (job models.Job, changes []dialect.Change, err error) {
	const selectJob = "SELECT " + dialect.JobColumns + " FROM jobs WHERE id = ? AND project_id = ?"
	const cancel = "UPDATE jobs SET state = 'canceled', lease_until = NULL, finished_at = ?"
	const returning = " RETURNING id, kind, state, parent_id"
	missing := false
	err = j.write(ctx, 0, func(tx liteTx) error {
		changes, missing = nil, false
		found, err := inTx(tx, liteScanJob, selectJob, id, projectID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			missing = true // no error: that would undo what others wrote in this transaction
			return nil
		}
		if job = found[0]; job.State.Final() {
			return nil
		}
		at := dialect.Now()
		if job.ItemsTotal > 0 {
			items, err := inTx(tx, liteScanSettled, cancel+" WHERE parent_id = ? AND finished_at IS NULL"+returning, at, id)
			if err != nil {
				return err
			}
			for _, d := range items {
				changes = append(changes, d.Change)
			}
			counts, err := tx.count(id)
			if err != nil {
				return err
			}
			if _, err := tx.exec(cancel+", items_pending = items_pending - ?, output = ? WHERE id = ?", at, len(items), string(dialect.BatchOutput(job.ItemsTotal, counts)), id); err != nil {
				return err
			}
			changes = append(changes, dialect.Change{ID: id, Kind: job.Kind, State: models.JobCanceled})
		} else {
			done, err := inTx(tx, liteScanSettled, cancel+" WHERE id = ?"+returning, at, id)
			if err != nil {
				return err
			}
			if changes, err = tx.settle(done); err != nil {
				return err
			}
		}
		found, err = inTx(tx, liteScanJob, selectJob, id, projectID)
		if err == nil && len(found) == 1 {
			job = found[0]
		}
		return err
	})
	if err == nil && missing {
		err = dialect.ErrNotFound
	}
	return job, changes, err
}

func (j *sqliteJobs) ExpireLeases(ctx context.Context, maxLost, limit int) (requeued []string, final []dialect.Change, err error) {
	err = j.write(ctx, 0, func(tx liteTx) error {
		requeued, final = nil, nil
		at := dialect.Now()
		failed, err := inTx(tx, liteScanSettled, `UPDATE jobs SET lost_workers = lost_workers + 1, owner = NULL, lease_until = NULL,
				state = 'failed', finished_at = ?, dead_letter = true, error_code = ?, error_message = ?
			WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND lease_until < ? AND lost_workers + 1 >= ? LIMIT ?)
			RETURNING id, kind, state, parent_id`,
			at, string(models.WorkerLost), models.ErrorTable[models.WorkerLost].Message, at, maxLost, limit)
		if err != nil {
			return err
		}
		if final, err = tx.settle(failed); err != nil {
			return err
		}
		requeued, err = inTx(tx, liteScanString, `UPDATE jobs SET lost_workers = lost_workers + 1, owner = NULL, lease_until = NULL,
				state = 'queued', next_check = ?
			WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND lease_until < ? ORDER BY lease_until LIMIT ?) RETURNING id`, at, at, limit)
		return err
	})
	return requeued, final, err
}

func (j *sqliteJobs) Due(ctx context.Context, class dialect.Class, limit int) (due []dialect.Due, err error) {
	// Most of the time nothing is due, and a look does not need the writer.
	const isDue = ` FROM jobs WHERE state = 'queued' AND next_check <= ?
		AND (parent_id IS NOT NULL OR kind IN (SELECT value FROM json_each(?))) = ?`
	some, err := liteCollect(j.reader, ctx, liteScanString, "SELECT id"+isDue+" LIMIT 1", dialect.Now(), jsonList(class.BulkKinds), class.Bulk)
	if err != nil || len(some) == 0 {
		return nil, err
	}
	err = j.writeRelaxed(ctx, func(tx liteTx) error {
		at := dialect.Now()
		type dueAge struct {
			dialect.Due
			created time.Time
		}
		found, err := inTx(tx, func(r rows) (d dueAge, err error) {
			return d, r.Scan(&d.ID, (*string)(&d.Kind), &d.Item, &d.Seq, liteTime{&d.created})
		}, "SELECT id, kind, parent_id IS NOT NULL, seq, created_at"+isDue+" ORDER BY next_check LIMIT ?",
			at, jsonList(class.BulkKinds), class.Bulk, limit)
		if err != nil {
			return err
		}
		due = make([]dialect.Due, 0, len(found))
		for _, d := range found {
			if _, err := tx.exec("UPDATE jobs SET next_check = ? WHERE id = ?", at.Add(recheck(at.Sub(d.created))), d.ID); err != nil {
				return err
			}
			due = append(due, d.Due)
		}
		return nil
	})
	dialect.SortDue(due)
	return due, err
}

// recheck is the pause before a job of this age is looked at again.
func recheck(age time.Duration) time.Duration {
	return min(max(age, dialect.MinRecheck), dialect.MaxRecheck)
}

func (j *sqliteJobs) Bump(ctx context.Context, jobs []dialect.Due) (bumped []dialect.Due, err error) {
	err = j.writeRelaxed(ctx, func(tx liteTx) error {
		bumped = nil
		for _, d := range jobs {
			found, err := inTx(tx, liteScanDue, `UPDATE jobs SET seq = seq + 1 WHERE id = ? AND seq = ? AND state = 'queued'
				RETURNING id, kind, parent_id IS NOT NULL, seq`, d.ID, d.Seq)
			if err != nil {
				return err
			}
			bumped = append(bumped, found...)
		}
		return nil
	})
	dialect.SortDue(bumped)
	return bumped, err
}

func (j *sqliteJobs) MakeDue(ctx context.Context, ids []string) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx liteTx) (err error) {
		at := dialect.Now()
		query, args := "UPDATE jobs SET next_check = ? WHERE state = 'queued' AND items_total = 0 AND next_check > ?", []any{at, at}
		if ids != nil {
			query, args = query+" AND id IN (SELECT value FROM json_each(?))", append(args, jsonList(ids))
		}
		n, err = tx.exec(query, args...)
		return err
	})
	return n, err
}

func (j *sqliteJobs) Orphan(ctx context.Context) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx liteTx) (err error) {
		at := dialect.Now()
		n, err = tx.exec("UPDATE jobs SET lease_until = ? WHERE state = 'running' AND lease_until > ?", at.Add(-time.Second), at)
		return err
	})
	return n, err
}

func (j *sqliteJobs) Get(ctx context.Context, projectID, id string) (models.Job, error) {
	found, err := liteCollect(j.reader, ctx, liteScanJob, "SELECT "+dialect.JobColumns+" FROM jobs WHERE id = ? AND project_id = ?", id, projectID)
	if found, err = j.kept(ctx, found, err); err != nil {
		return models.Job{}, err
	}
	if len(found) == 0 {
		return models.Job{}, dialect.ErrNotFound
	}
	return found[0], nil
}

func (j *sqliteJobs) List(ctx context.Context, l dialect.Listing) ([]models.Job, error) {
	query, args := l.Query(func(n int) string { return fmt.Sprintf("?%d", n) })
	found, err := liteCollect(j.reader, ctx, liteScanJob, query, args...)
	return j.kept(ctx, found, err)
}

func (j *sqliteJobs) Counts(ctx context.Context, projectID, parentID string) (map[models.JobState]int, error) {
	cs, err := liteCollect(j.reader, ctx, liteScanCount, liteCountItems, parentID)
	if err != nil {
		return nil, err
	}
	// It comes second: what was counted is on the disk when it returns.
	if _, err := j.Get(ctx, projectID, parentID); err != nil {
		return nil, err
	}
	return byState(cs), nil
}

func (j *sqliteJobs) Depth(ctx context.Context, bulkKinds []string) ([]dialect.Depth, error) {
	return liteCollect(j.reader, ctx, func(r rows) (d dialect.Depth, err error) {
		return d, r.Scan(&d.Bulk, (*string)(&d.State), &d.Jobs)
	}, `SELECT parent_id IS NOT NULL OR kind IN (SELECT value FROM json_each(?)), state, count(*) FROM (
			SELECT parent_id, kind, state FROM jobs WHERE state = 'queued' AND items_total = 0
			UNION ALL SELECT parent_id, kind, state FROM jobs WHERE state = 'running' AND lease_until IS NOT NULL)
		GROUP BY 1, 2`, jsonList(bulkKinds))
}

func (j *sqliteJobs) PruneRecords(ctx context.Context, limit int) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx liteTx) (err error) {
		n, err = tx.exec(`DELETE FROM idempotency_records WHERE rowid IN
			(SELECT rowid FROM idempotency_records WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`, dialect.Now(), limit)
		return err
	})
	return n, err
}

func (j *sqliteJobs) PrunePayloads(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx liteTx) (err error) {
		n, err = tx.exec(`DELETE FROM job_payloads WHERE job_id IN (
			SELECT p.job_id FROM job_payloads p LEFT JOIN jobs j ON j.id = p.job_id
			WHERE p.job_id < ? AND (j.id IS NULL OR j.finished_at < ?) ORDER BY p.job_id LIMIT ?)`, dialect.FirstID(before), dialect.UTC(before), limit)
		return err
	})
	return n, err
}

func (j *sqliteJobs) PruneJobs(ctx context.Context, before, deadLetterBefore time.Time, limit int) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx liteTx) error {
		ids, err := inTx(tx, liteScanString, `SELECT id FROM jobs
			WHERE id < ? AND parent_id IS NULL AND finished_at < ? AND (NOT dead_letter OR finished_at < ?) ORDER BY id LIMIT ?`,
			dialect.FirstID(before), dialect.UTC(before), dialect.UTC(deadLetterBefore), limit)
		if err != nil {
			return err
		}
		n = len(ids)
		const these = "(SELECT value FROM json_each(?1))"
		for _, query := range []string{
			"DELETE FROM job_payloads WHERE job_id IN " + these + " OR job_id IN (SELECT id FROM jobs WHERE parent_id IN " + these + ")",
			"DELETE FROM jobs WHERE parent_id IN " + these,
			"DELETE FROM jobs WHERE id IN " + these,
		} {
			if _, err := tx.exec(query, jsonList(ids)); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
