package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The parts of an accepting statement: parameters 1-16 are the jobs' columns, 17-22 the payloads'.
const (
	// A job is not looked at later than it would be by the database's clock: that of the process which made it may be ahead.
	newJobs = `SELECT id, project_id, kind, state, parent_id, item_index, request, error_code, error_message, error_details,
		CASE WHEN items_total = 0 THEN least(next_check, now() + (next_check - created_at)) ELSE next_check END, items_total, items_pending, created_at, finished_at, trace
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[],
		$9::text[], $10::text[], $11::timestamptz[], $12::int[], $13::int[], $14::timestamptz[], $15::timestamptz[], $16::text[])
		AS n` + newJobColumns
	newJobColumns = `(id, project_id, kind, state, parent_id, item_index, request, error_code,
		error_message, error_details, next_check, items_total, items_pending, created_at, finished_at, trace)`
	newPayloads       = `SELECT * FROM unnest($17::text[], $18::text[], $19::text[], $20::int[], $21::bytea[], $22::timestamptz[])`
	newPayloadColumns = `(job_id, project_id, codec, size, data, created_at)`

	insertAccepted = `WITH p AS (INSERT INTO job_payloads ` + newPayloadColumns + ` ` + newPayloads + `)
		INSERT INTO jobs ` + newJobColumns + ` ` + newJobs
	// What is inserted early can be claimed at once, and is on the disk after flush.
	insertEarly = insertAccepted + ` WHERE ` + noFlush

	// With a record all depends on getting its key: the lock tells a request in flight from an answered one.
	insertRecorded = `WITH lock AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($23) AS ok),
		record AS (
			INSERT INTO idempotency_records AS r (` + dialect.RecordColumns + `)
			SELECT $24, $25, $26, $27, $28, $29, $30, $31, $32, $33 FROM lock WHERE ok
			ON CONFLICT (project_id, operation, key) DO UPDATE SET ` + dialect.RecordUpdates + `
			WHERE r.expires_at <= now()
			RETURNING 1),
		p AS (INSERT INTO job_payloads ` + newPayloadColumns + ` ` + newPayloads + ` WHERE EXISTS (SELECT FROM record)),
		j AS (INSERT INTO jobs ` + newJobColumns + ` ` + newJobs + ` WHERE EXISTS (SELECT FROM record))
		SELECT (SELECT ok FROM lock), EXISTS (SELECT FROM record)`
)

// acceptArgs returns parameters 1-22 for the jobs and payloads of acceptances.
func acceptArgs(as []*dialect.Acceptance) []any {
	var n, np int
	for _, a := range as {
		n, np = n+len(a.Jobs), np+len(a.Payloads)
	}
	var (
		id, project, kind, state = make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n)
		parent                   = make([]*string, 0, n)
		item                     = make([]*int, 0, n)
		request                  = make([]string, 0, n)
		code, message, details   = make([]*string, 0, n), make([]*string, 0, n), make([]*string, 0, n)
		check                    = make([]time.Time, 0, n)
		total, pending           = make([]int, 0, n), make([]int, 0, n)
		created                  = make([]time.Time, 0, n)
		finished                 = make([]*time.Time, 0, n)
		trace                    = make([]*string, 0, n)
		pid, pproject, pcodec    = make([]string, 0, np), make([]string, 0, np), make([]string, 0, np)
		psize                    = make([]int, 0, np)
		pdata                    = make([][]byte, 0, np)
		pcreated                 = make([]time.Time, 0, np)
	)
	for _, a := range as {
		for i := range a.Jobs {
			j := &a.Jobs[i]
			id, project = append(id, j.ID), append(project, j.ProjectID)
			kind, state = append(kind, string(j.Kind)), append(state, string(j.State))
			parent, item = append(parent, j.ParentID), append(item, j.ItemIndex)
			request = append(request, dialect.CleanText(string(j.Request)))
			code, message, details = append(code, dialect.OptionalText(j.ErrorCode)), append(message, dialect.OptionalText(j.ErrorMessage)), append(details, dialect.Text(j.ErrorDetails))
			check = append(check, j.NextCheck)
			total, pending = append(total, j.ItemsTotal), append(pending, j.ItemsPending)
			created, finished, trace = append(created, j.CreatedAt), append(finished, j.FinishedAt), append(trace, j.Trace)
		}
		for i := range a.Payloads {
			p := &a.Payloads[i]
			pid, pproject, pcodec = append(pid, p.JobID), append(pproject, p.ProjectID), append(pcodec, p.Codec)
			psize, pdata, pcreated = append(psize, p.Size), append(pdata, p.Data), append(pcreated, p.CreatedAt)
		}
	}
	return []any{id, project, kind, state, parent, item, request, code, message, details, check, total, pending, created, finished, trace,
		pid, pproject, pcodec, psize, pdata, pcreated}
}

func (j *jobStore) Accept(ctx context.Context, a *dialect.Acceptance) (*models.IdempotencyRecord, error) {
	if a.Record == nil && len(a.Jobs) <= maxCalls && a.Size() <= heavyBytes && len(a.Sessions) == 0 {
		_, err := j.accepts.Do(ctx, a)
		return nil, err
	}
	existing, err := j.accept(ctx, a)
	if err == nil && existing == nil && a.Stored != nil {
		a.Stored()
	}
	return existing, err
}

func (j *jobStore) accept(ctx context.Context, a *dialect.Acceptance) (*models.IdempotencyRecord, error) {
	if a.Record == nil {
		return nil, j.transact(ctx, func(tx pgx.Tx) error {
			if err := linkSessions(ctx, tx, a); err != nil {
				return err
			}
			return j.insertParts(ctx, tx, partsOf(a))
		})
	}
	// A record that expires or is pruned between the two looks at it makes a second try succeed.
	for range 2 {
		stored, err := j.acceptRecorded(ctx, a)
		if err != nil || stored {
			return nil, err
		}
		records, err := collect(ctx, j.pool, scanRecord, `SELECT `+dialect.RecordColumns+` FROM idempotency_records
			WHERE project_id = $1 AND operation = $2 AND key = $3 AND expires_at > now()`, a.Record.ProjectID, a.Record.Operation, a.Record.Key)
		if err != nil {
			return nil, err
		}
		if len(records) > 0 {
			return &records[0], nil
		}
	}
	return nil, dialect.ErrKeyInFlight
}

// insertParts inserts the parts of an acceptance. The commit that follows takes the last to the disk.
func (j *jobStore) insertParts(ctx context.Context, tx pgx.Tx, list []*dialect.Acceptance) error {
	for i, part := range list {
		insert := func() error {
			_, err := tx.Exec(ctx, insertAccepted, acceptArgs([]*dialect.Acceptance{part})...)
			return err
		}
		var err error
		if i < len(list)-1 {
			err = j.pace.part(ctx, insert)
		} else {
			err = insert()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// linkSessions notes for which sessions an acceptance works. Their rows are locked, so that an erasure finds the note.
func linkSessions(ctx context.Context, tx pgx.Tx, a *dialect.Acceptance) error {
	for _, l := range a.Sessions {
		found, err := collect(ctx, tx, pgx.RowTo[string], "SELECT id FROM sessions WHERE id = $1 AND project_id = $2 FOR UPDATE", l.SessionID, a.Jobs[0].ProjectID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return dialect.ErrNotFound
		}
		if _, err := tx.Exec(ctx, "INSERT INTO session_jobs (session_id, job_id) VALUES ($1, $2)", l.SessionID, l.JobID); err != nil {
			return err
		}
	}
	return nil
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

// acceptRecorded stores an acceptance if its key is free.
func (j *jobStore) acceptRecorded(ctx context.Context, a *dialect.Acceptance) (stored bool, err error) {
	r := a.Record
	record := append([]any{lockNumber(r)}, dialect.RowOfRecord(r).Values()...)
	var locked bool
	first := func(q interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	}, part *dialect.Acceptance) error {
		return q.QueryRow(ctx, insertRecorded, append(acceptArgs([]*dialect.Acceptance{part}), record...)...).Scan(&locked, &stored)
	}
	parts := partsOf(a)
	if len(parts) == 1 && len(a.Sessions) == 0 {
		err = first(j.pool, parts[0])
	} else {
		err = j.transact(ctx, func(tx pgx.Tx) error {
			if err := first(tx, parts[0]); err != nil || !stored {
				return err
			}
			if err := linkSessions(ctx, tx, a); err != nil {
				return err
			}
			return j.insertParts(ctx, tx, parts[1:])
		})
	}
	if err == nil && !locked {
		err = dialect.ErrKeyInFlight
	}
	return stored, err
}

// partsOf cuts an acceptance into ones of moderate size (see paced); only the first keeps the record. A process of PostgreSQL that inserts
// megabytes in one statement also keeps a processor for as long, and those of others wait for theirs.
func partsOf(a *dialect.Acceptance) []*dialect.Acceptance {
	payloads := make(map[string]models.Payload, len(a.Payloads))
	for _, p := range a.Payloads {
		payloads[p.JobID] = p
	}
	parts := []*dialect.Acceptance{{Record: a.Record}}
	size := 0
	for _, job := range a.Jobs {
		p, has := payloads[job.ID]
		part := parts[len(parts)-1]
		if n := len(p.Data) + len(job.Request); len(part.Jobs) >= 1000 || (len(part.Jobs) > 0 && size+n > partBytes) {
			part, size = &dialect.Acceptance{}, 0
			parts = append(parts, part)
		}
		size += len(p.Data) + len(job.Request)
		part.Jobs = append(part.Jobs, job)
		if has {
			part.Payloads = append(part.Payloads, p)
		}
	}
	return parts
}

func scanRecord(row pgx.CollectableRow) (models.IdempotencyRecord, error) {
	var r dialect.RecordRow
	err := row.Scan(r.Places()...)
	return r.Entity(), err
}

// acceptMany stores acceptances, tells that they can be claimed, and returns once they are on the disk: workers begin while it writes. Of a
// database that crashes meanwhile they are gone, and nobody was told that they are kept.
func (j *jobStore) acceptMany(ctx context.Context, as []*dialect.Acceptance) ([]struct{}, error) {
	err := j.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(ctx, insertEarly, acceptArgs(as)...); err != nil {
			return err
		}
		for _, a := range as {
			if a.Stored != nil {
				a.Stored()
			}
		}
		_, err := conn.Exec(ctx, flush)
		return err
	})
	return make([]struct{}, len(as)), err
}
