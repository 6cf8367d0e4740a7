package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// conn runs fn on a connection of the pool, past database/sql: pgx sends several statements at once. A connection that
// fn leaves inside a transaction is rolled back or dropped.
func (d *Database) conn(ctx context.Context, fn func(c *pgx.Conn) error) error {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer conn.Close() // gives it back to the pool
	return conn.Raw(func(raw any) error {
		c := raw.(*stdlib.Conn).Conn()
		err := fn(c)
		if err == nil {
			return nil
		}
		if !c.IsClosed() && c.PgConn().TxStatus() != 'I' {
			// The caller's context may be what ended the transaction.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if _, rollback := c.Exec(ctx, "ROLLBACK"); rollback != nil {
				return errors.Join(err, driver.ErrBadConn)
			}
		}
		if c.IsClosed() {
			return errors.Join(err, driver.ErrBadConn)
		}
		return err
	})
}

// Flow implements [dialect.Sessions].
func (d *Database) Flow(ctx context.Context, r *dialect.FlowRead, decision dialect.Decision) error {
	for try := 1; ; try++ {
		err := d.conn(ctx, func(c *pgx.Conn) error { return decision.Run(ctx, flowTx{c, d.pace}, r) })
		if err == nil || try == txRetries || !isConflict(err) {
			return err
		}
	}
}

// flowTx is one attempt of a flow.
type flowTx struct {
	conn *pgx.Conn
	pace *paced
}

var _ dialect.FlowTx = flowTx{}

// planOnce has every statement planned once a connection, with the indexes that it was written for; see OpenJobs.
const planOnce = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
	set_config('jit', 'off', true)`

// each queues a query and scans each of its rows.
func each(b *pgx.Batch, scan func(pgx.CollectableRow) error, sql string, args ...any) {
	b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// send sends the statements in one round trip.
func (t flowTx) send(ctx context.Context, b *pgx.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	return t.conn.SendBatch(ctx, b).Close()
}

// sessionColumns are the columns of dialect.SessionRow in the order of sessionTargets.
const sessionColumns = `id, project_id, external_user_id, device_type, sample_rate_hz, channels, ingestion_mode, state, hop_ms, jitter_ms,
	origin_ms, sample_count, overlap_count, batch_count, seen_count, longest_batch, window_count, last_seq, tail_start, tail_end, decode, decode_count,
	job_id, job_open, created_at, started_at, ended_at, name, tags, metadata, protocol, device_id, planned_ms, features`

// sessionTargets returns where to scan sessionColumns to.
func sessionTargets(r *dialect.SessionRow) []any {
	return []any{&r.ID, &r.ProjectID, &r.ExternalUserID, &r.DeviceType, &r.SampleRateHz, &r.Channels, &r.IngestionMode, &r.State, &r.HopMS, &r.JitterMS,
		&r.OriginMS, &r.SampleCount, &r.OverlapCount, &r.BatchCount, &r.SeenCount, &r.LongestBatch, &r.WindowCount, &r.LastSeq, &r.TailStart, &r.TailEnd, &r.Decode, &r.DecodeCount,
		&r.JobID, &r.JobOpen, &r.CreatedAt, &r.StartedAt, &r.EndedAt, &r.Name, &r.Tags, &r.Metadata, &r.Protocol, &r.DeviceID, &r.PlannedMS, &r.Features}
}

func scanSession(row pgx.CollectableRow) (models.Session, error) {
	var r dialect.SessionRow
	if err := row.Scan(sessionTargets(&r)...); err != nil {
		return models.Session{}, err
	}
	return r.Entity()
}

func (t flowTx) Read(ctx context.Context, r *dialect.FlowRead) (*dialect.FlowFound, error) {
	f := dialect.NewFlowFound()
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(planOnce)
	if r.Relaxed {
		b.Queue("SELECT set_config('synchronous_commit', 'off', true)")
	}
	locked := true
	if r.Key != nil {
		each(b, func(row pgx.CollectableRow) error { return row.Scan(&locked) }, "SELECT pg_try_advisory_xact_lock($1)", lockNumber(r.Key))
		each(b, func(row pgx.CollectableRow) error {
			record, err := scanRecord(row)
			f.Record = &record
			return err
		}, "SELECT "+dialect.RecordColumns+" FROM idempotency_records WHERE project_id = $1 AND operation = $2 AND key = $3 AND expires_at > now()",
			r.Key.ProjectID, r.Key.Operation, r.Key.Key)
	}
	each(b, func(row pgx.CollectableRow) error {
		ses, err := scanSession(row)
		f.Sessions[ses.ID] = &ses
		return err
	}, "SELECT "+sessionColumns+" FROM sessions WHERE id = ANY($1) ORDER BY id FOR UPDATE", r.Sessions)
	// Each statement has a snapshot of its own, so those that follow see what was written before the locks were had.
	if len(r.Batches) > 0 {
		ids, names := make([]string, len(r.Batches)), make([]string, len(r.Batches))
		for i, n := range r.Batches {
			ids[i], names[i] = n.Session, n.Batch
		}
		each(b, func(row pgx.CollectableRow) error {
			var s models.SampleBatch
			err := row.Scan(&s.SessionID, &s.BatchID, &s.Digest, &s.JobID)
			f.Batches[dialect.BatchName{Session: s.SessionID, Batch: s.BatchID}] = s
			return err
		}, `SELECT b.session_id, b.batch_id, b.digest, b.job_id FROM unnest($1::text[], $2::text[]) AS w(session_id, batch_id)
			JOIN sample_batches b USING (session_id, batch_id)`, ids, names)
		each(b, func(row pgx.CollectableRow) error {
			var id string
			err := row.Scan(&id)
			f.Open[id] = true
			return err
		}, "SELECT j.id FROM sessions s JOIN jobs j ON j.id = s.job_id WHERE s.id = ANY($1) AND s.job_open AND j.finished_at IS NULL", r.Sessions)
	}
	t.indexes(b, r.Windows, f.Windows, "feature_windows", "window_index")
	t.indexes(b, r.Decodes, f.Decodes, "session_decodes", "decode_index")
	if len(r.Attempts) > 0 {
		ids := make([]string, len(r.Attempts))
		for i, a := range r.Attempts {
			ids[i] = a.ID
		}
		each(b, func(row pgx.CollectableRow) error {
			var a dialect.Attempt
			err := row.Scan(&a.ID, &a.Attempt)
			f.Held[a] = true
			return err
		}, "SELECT id, attempts FROM jobs WHERE id = ANY($1) AND state = 'running'", ids)
	}
	if err := t.send(ctx, b); err != nil {
		return nil, err
	}
	if !locked {
		return nil, dialect.ErrKeyInFlight
	}
	return f, nil
}

// spanArgs returns ranges as three arrays.
func spanArgs(spans []dialect.Span) []any {
	ids, first, last := make([]string, len(spans)), make([]int64, len(spans)), make([]int64, len(spans))
	for i, s := range spans {
		ids[i], first[i], last[i] = s.Session, s.First, s.Last
	}
	return []any{ids, first, last}
}

// indexes reads which of the indexes are there. The whole primary key is given: with a part of it the planner, who meets
// the table while it is empty, might choose another index and read all windows of a session.
func (t flowTx) indexes(b *pgx.Batch, wanted []dialect.Indexed, into map[dialect.Indexed]bool, table, column string) {
	if len(wanted) == 0 {
		return
	}
	ids, indexes := make([]string, len(wanted)), make([]int64, len(wanted))
	for i, w := range wanted {
		ids[i], indexes[i] = w.Session, w.Index
	}
	each(b, func(row pgx.CollectableRow) error {
		var i dialect.Indexed
		err := row.Scan(&i.Session, &i.Index)
		into[i] = true
		return err
	}, `SELECT t.session_id, t.`+column+` FROM unnest($1::text[], $2::bigint[]) AS w(session_id, k)
		JOIN `+table+` t ON t.session_id = w.session_id AND t.`+column+` = w.k`, ids, indexes)
}

func (t flowTx) Segments(ctx context.Context, spans []dialect.Span) (map[string][]models.Segment, error) {
	out := map[string][]models.Segment{}
	b := &pgx.Batch{}
	each(b, func(row pgx.CollectableRow) error {
		var id string
		var s models.Segment
		err := row.Scan(&id, &s.Start, &s.End)
		out[id] = append(out[id], s)
		return err
	}, `SELECT t.session_id, t.start_sample, t.end_sample FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS w(session_id, first, last)
		JOIN session_stretches t ON t.session_id = w.session_id AND t.end_sample >= w.first AND t.start_sample <= w.last
		ORDER BY t.session_id, t.end_sample`, spanArgs(spans)...)
	return out, t.send(ctx, b)
}

func (t flowTx) Write(ctx context.Context, w *dialect.FlowWrite) error {
	p := &parts{}
	queueJobs(p.more(0), w.Jobs)
	queueBatches(p, w.Batches)
	queueWindows(p, w.Windows)
	queueDecodes(p, w.Decodes)
	b := p.more(0)
	queueAlignments(b, w.Alignments)
	queueSessions(b, w.Sessions)
	if len(w.Gone) > 0 {
		ids, _, ends := segmentArrays(w.Gone)
		b.Queue(`DELETE FROM session_stretches t USING unnest($1::text[], $2::bigint[]) AS g(session_id, end_sample)
			WHERE t.session_id = g.session_id AND t.end_sample = g.end_sample`, ids, ends)
	}
	if len(w.Fresh) > 0 {
		ids, starts, ends := segmentArrays(w.Fresh)
		b.Queue(`INSERT INTO session_stretches (session_id, start_sample, end_sample) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])`,
			ids, starts, ends)
	}
	if r := w.Record; r != nil {
		b.Queue(`INSERT INTO idempotency_records (`+dialect.RecordColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (project_id, operation, key) DO UPDATE SET `+dialect.RecordUpdates, dialect.RowOfRecord(r).Values()...)
	}
	return p.commit(ctx, t.conn, t.pace)
}

// rowBytes is about what a row adds to its data in the log, with its indexes.
const rowBytes = 400

func segmentArrays(list []models.SessionSegment) (ids []string, starts, ends []int64) {
	for _, s := range list {
		ids, starts, ends = append(ids, s.SessionID), append(starts, s.StartSample), append(ends, s.EndSample)
	}
	return ids, starts, ends
}

func queueJobs(b *pgx.Batch, jobs []models.Job) {
	n := len(jobs)
	if n == 0 {
		return
	}
	id, project, kind, state, request := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	output := make([]*string, n)
	check, created := make([]time.Time, n), make([]time.Time, n)
	started, finished := make([]*time.Time, n), make([]*time.Time, n)
	trace := make([]*string, n)
	for i, j := range jobs {
		id[i], project[i], kind[i], state[i], request[i] = j.ID, j.ProjectID, string(j.Kind), string(j.State), string(j.Request)
		check[i], created[i], output[i], started[i], finished[i] = dialect.UTC(j.NextCheck), dialect.UTC(j.CreatedAt), dialect.Text(j.Output), dialect.OptionalUTC(j.StartedAt), dialect.OptionalUTC(j.FinishedAt)
		trace[i] = j.Trace
	}
	b.Queue(`INSERT INTO jobs (id, project_id, kind, state, request, next_check, created_at, output, started_at, finished_at, trace)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::text[],
			$9::timestamptz[], $10::timestamptz[], $11::text[])`,
		id, project, kind, state, request, check, created, output, started, finished, trace)
}

func queueBatches(p *parts, list []models.SampleBatch) {
	inParts(p, list, func(s *models.SampleBatch) int { return rowBytes + len(s.Data) }, queueBatchesPart)
}

func queueBatchesPart(b *pgx.Batch, list []models.SampleBatch) {
	n := len(list)
	session, batch, project, job := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	digest, codec := make([]string, n), make([]string, n)
	seq, size := make([]int, n), make([]int, n)
	ms, start, end := make([]int64, n), make([]int64, n), make([]int64, n)
	data := make([][]byte, n)
	created := make([]time.Time, n)
	for i := range list {
		s := &list[i]
		session[i], batch[i], project[i], job[i], digest[i], codec[i] = s.SessionID, s.BatchID, s.ProjectID, s.JobID, s.Digest, s.Codec
		seq[i], size[i], ms[i], start[i], end[i], data[i], created[i] = s.Seq, s.Size, s.StartMS, s.StartSample, s.EndSample, s.Data, dialect.UTC(s.CreatedAt)
	}
	b.Queue(`INSERT INTO sample_batches (session_id, batch_id, project_id, seq, start_ms, start_sample, end_sample, job_id, digest, codec, size, data, created_at)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[],
			$11::int[], $12::bytea[], $13::timestamptz[])`,
		session, batch, project, seq, ms, start, end, job, digest, codec, size, data, created)
}

func queueWindows(p *parts, list []models.FeatureWindow) {
	inParts(p, list, func(s *models.FeatureWindow) int { return rowBytes + len(s.Data) }, queueWindowsPart)
}

func queueWindowsPart(b *pgx.Batch, list []models.FeatureWindow) {
	n := len(list)
	session, project, data := make([]string, n), make([]string, n), make([]string, n)
	index, start, end := make([]int64, n), make([]int64, n), make([]int64, n)
	seq := make([]int, n)
	passed := make([]bool, n)
	created := make([]time.Time, n)
	for i := range list {
		w := &list[i]
		session[i], project[i], data[i], index[i], start[i], end[i] = w.SessionID, w.ProjectID, w.Data, w.WindowIndex, w.StartMS, w.EndMS
		seq[i], passed[i], created[i] = w.Seq, w.Passed, dialect.UTC(w.CreatedAt)
	}
	b.Queue(`INSERT INTO feature_windows (session_id, window_index, project_id, seq, start_ms, end_ms, passed, data, created_at)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::bool[], $8::text[], $9::timestamptz[])`,
		session, index, project, seq, start, end, passed, data, created)
}

func queueDecodes(p *parts, list []models.SessionDecode) {
	inParts(p, list, func(s *models.SessionDecode) int { return rowBytes + len(s.Data) }, queueDecodesPart)
}

func queueDecodesPart(b *pgx.Batch, list []models.SessionDecode) {
	n := len(list)
	session, project, data := make([]string, n), make([]string, n), make([]string, n)
	index, start, end := make([]int64, n), make([]int64, n), make([]int64, n)
	seq := make([]int, n)
	created := make([]time.Time, n)
	for i := range list {
		d := &list[i]
		session[i], project[i], data[i], index[i], start[i], end[i] = d.SessionID, d.ProjectID, d.Data, d.DecodeIndex, d.StartMS, d.EndMS
		seq[i], created[i] = d.Seq, dialect.UTC(d.CreatedAt)
	}
	b.Queue(`INSERT INTO session_decodes (session_id, decode_index, project_id, seq, start_ms, end_ms, data, created_at)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::text[], $8::timestamptz[])`,
		session, index, project, seq, start, end, data, created)
}

func queueAlignments(b *pgx.Batch, list []models.SessionAlignment) {
	for _, a := range list { // most rounds have none, nearly all others one
		b.Queue(`INSERT INTO session_alignments (session_id, project_id, model, clips, mean) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (session_id) DO UPDATE SET model = excluded.model, clips = excluded.clips, mean = excluded.mean`,
			a.SessionID, a.ProjectID, a.Model, a.Clips, a.Mean)
	}
}

// queueSessions updates what changes in a session.
func queueSessions(b *pgx.Batch, list []*models.Session) {
	n := len(list)
	if n == 0 {
		return
	}
	id, state := make([]string, n), make([]string, n)
	job := make([]*string, n)
	origin, tailStart, tailEnd := make([]*int64, n), make([]*int64, n), make([]*int64, n)
	samples, overlaps, longest := make([]int64, n), make([]int64, n), make([]int64, n)
	batches, seen, windows, last, decodes := make([]int, n), make([]int, n), make([]int, n), make([]int, n), make([]int, n)
	open := make([]bool, n)
	for i, s := range list {
		id[i], state[i], job[i], origin[i], tailStart[i], tailEnd[i] = s.ID, string(s.State), s.JobID, s.OriginMS, s.TailStart, s.TailEnd
		overlaps[i] = s.OverlapCount
		samples[i], longest[i], batches[i], seen[i], windows[i] = s.SampleCount, s.LongestBatch, s.BatchCount, s.SeenCount, s.WindowCount
		last[i], decodes[i], open[i] = s.LastSeq, s.DecodeCount, s.JobOpen
	}
	b.Queue(`UPDATE sessions s SET state = u.state, job_id = u.job_id, job_open = u.job_open, origin_ms = u.origin_ms, tail_start = u.tail_start,
			tail_end = u.tail_end, sample_count = u.sample_count, longest_batch = u.longest_batch, batch_count = u.batch_count,
			seen_count = u.seen_count, window_count = u.window_count, last_seq = u.last_seq, decode_count = u.decode_count, overlap_count = u.overlap_count
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
			$10::int[], $11::int[], $12::int[], $13::int[], $14::int[], $15::bigint[])
			AS u(id, state, job_id, job_open, origin_ms, tail_start, tail_end, sample_count, longest_batch, batch_count, seen_count,
				window_count, last_seq, decode_count, overlap_count)
		WHERE s.id = u.id`,
		id, state, job, open, origin, tailStart, tailEnd, samples, longest, batches, seen, windows, last, decodes, overlaps)
}

// Work implements [dialect.Sessions], in one round trip.
func (d *Database) Work(ctx context.Context, q dialect.WorkQuery) (w dialect.Work, err error) {
	found := false
	b := &pgx.Batch{}
	b.Queue(planOnce) // the statements of one round trip are one transaction
	each(b, func(row pgx.CollectableRow) error {
		found = true
		w.Session, err = scanSession(row)
		return err
	}, "SELECT "+sessionColumns+" FROM sessions WHERE id = $1 AND project_id = $2", q.SessionID, q.ProjectID)
	each(b, func(row pgx.CollectableRow) error {
		p := models.SampleBatch{SessionID: q.SessionID}
		err := row.Scan(&p.Seq, &p.StartSample, &p.EndSample, &p.CreatedAt)
		w.Pending = append(w.Pending, p)
		return err
	}, `SELECT seq, start_sample, end_sample, created_at FROM sample_batches
		WHERE session_id = $1 AND seq >= (SELECT seen_count FROM sessions WHERE id = $1) ORDER BY seq LIMIT $2`, q.SessionID, q.Batches)
	// What the windows over a few live batches reach (models.Grid.Over) comes along. The steps are held apart, so that the order
	// is the same when the planner meets the tables while they are empty.
	each(b, func(row pgx.CollectableRow) error {
		p := models.SampleBatch{SessionID: q.SessionID}
		var from, to int64
		if err := row.Scan(&p.Seq, &p.StartMS, &p.StartSample, &p.EndSample, &p.Codec, &p.Size, &p.Data, &from, &to); err != nil {
			return err
		}
		w.Around, w.From, w.To = append(w.Around, p), from, to
		return nil
	}, `WITH s AS MATERIALIZED (SELECT seen_count, longest_batch, sample_rate_hz / 1000 AS per_ms, hop_ms, decode::json AS decode FROM sessions WHERE id = $1),
		p AS MATERIALIZED (SELECT start_sample, end_sample FROM sample_batches
			WHERE session_id = $1 AND seq >= (SELECT seen_count FROM s) ORDER BY seq LIMIT $2),
		g AS MATERIALIZED (SELECT per_ms * hop_ms AS hop, floor(per_ms * $3 + 0.5) AS n FROM s UNION ALL
			SELECT per_ms * (decode ->> 'hop_ms')::int, floor(per_ms * (decode ->> 'window_ms')::int + 0.5) FROM s WHERE decode IS NOT NULL),
		w AS MATERIALIZED (SELECT (floor((a - n) / hop) + 1) * hop AS first, (ceil(b / hop) - 1) * hop AS last, n
			FROM (SELECT min(start_sample) AS a, max(end_sample) AS b FROM p) ends CROSS JOIN g),
		r AS MATERIALIZED (SELECT min(sign(first) * floor(abs(first) + 0.5))::bigint AS lo, max(sign(last) * floor(abs(last) + 0.5) + n)::bigint AS hi FROM w)
		SELECT b.seq, b.start_ms, b.start_sample, b.end_sample, b.codec, b.size, b.data, r.lo, r.hi FROM r CROSS JOIN LATERAL (
			SELECT * FROM sample_batches WHERE session_id = $1 AND end_sample > r.lo AND end_sample < r.hi + (SELECT longest_batch FROM s)
				AND start_sample < r.hi AND r.hi - r.lo <= $4 ORDER BY end_sample OFFSET 0) b
		ORDER BY b.seq`, q.SessionID, q.Batches, q.WindowMS, q.AroundSamples)
	err = d.conn(ctx, func(c *pgx.Conn) error { return c.SendBatch(ctx, b).Close() })
	if err == nil && !found {
		err = dialect.ErrNotFound
	}
	return w, err
}

// News implements [dialect.Sessions], in one round trip.
func (d *Database) News(ctx context.Context, q dialect.NewsQuery) (n dialect.News, err error) {
	found := false
	b := &pgx.Batch{}
	b.Queue(planOnce)
	// The session comes first: if it is over, all that was written is seen below.
	each(b, func(row pgx.CollectableRow) error {
		found = true
		n.Session, err = scanSession(row)
		return err
	}, "SELECT "+sessionColumns+" FROM sessions WHERE id = $1 AND project_id = $2", q.SessionID, q.ProjectID)
	if q.Results > 0 {
		each(b, func(row pgx.CollectableRow) error {
			w := models.FeatureWindow{SessionID: q.SessionID, ProjectID: q.ProjectID}
			err := row.Scan(&w.WindowIndex, &w.Seq, &w.StartMS, &w.EndMS, &w.Passed, &w.Data, &w.CreatedAt)
			n.Windows = append(n.Windows, w)
			return err
		}, `SELECT window_index, seq, start_ms, end_ms, passed, data, created_at FROM feature_windows
			WHERE session_id = $1 AND project_id = $2 AND seq > $3 ORDER BY seq LIMIT $4`, q.SessionID, q.ProjectID, q.AfterSeq, q.Results)
		each(b, func(row pgx.CollectableRow) error {
			d := models.SessionDecode{SessionID: q.SessionID, ProjectID: q.ProjectID}
			err := row.Scan(&d.DecodeIndex, &d.Seq, &d.StartMS, &d.EndMS, &d.Data, &d.CreatedAt)
			n.Decodes = append(n.Decodes, d)
			return err
		}, `SELECT decode_index, seq, start_ms, end_ms, data, created_at FROM session_decodes
			WHERE session_id = $1 AND project_id = $2 AND seq > $3 ORDER BY seq LIMIT $4`, q.SessionID, q.ProjectID, q.AfterSeq, q.Results)
	}
	if q.Batches > 0 {
		each(b, func(row pgx.CollectableRow) error {
			p := models.SampleBatch{SessionID: q.SessionID, ProjectID: q.ProjectID}
			err := row.Scan(&p.BatchID, &p.Seq, &p.StartMS, &p.StartSample, &p.EndSample, &p.Codec, &p.Size, &p.Data, &p.CreatedAt)
			n.Batches = append(n.Batches, p)
			return err
		}, `SELECT batch_id, seq, start_ms, start_sample, end_sample, codec, size, CASE WHEN size <= $4 THEN data END, created_at FROM sample_batches
			WHERE session_id = $1 AND project_id = $2 AND seq >= $3 ORDER BY seq LIMIT $5`, q.SessionID, q.ProjectID, q.FromBatch, q.BatchBytes, q.Batches)
	}
	if q.Events > 0 {
		each(b, func(row pgx.CollectableRow) error {
			e := models.SessionMark{SessionID: q.SessionID, ProjectID: q.ProjectID}
			err := row.Scan(&e.Seq, &e.AtMS, &e.DurationMS, &e.Code, &e.Label, &e.Channel, &e.Target, &e.Source, &e.CreatedAt)
			n.Events = append(n.Events, e)
			return err
		}, `SELECT seq, at_ms, duration_ms, code, label, channel, target, source, created_at FROM session_events
			WHERE session_id = $1 AND project_id = $2 AND seq > $3 AND NOT deleted ORDER BY seq LIMIT $4`, q.SessionID, q.ProjectID, q.AfterEvent, q.Events)
	}
	if q.Revision {
		each(b, func(row pgx.CollectableRow) error { return row.Scan(&n.Revision) }, `SELECT COALESCE(max(revision), 0) FROM session_events
			WHERE session_id = $1 AND project_id = $2 AND revision > 0`, q.SessionID, q.ProjectID)
	}
	err = d.conn(ctx, func(c *pgx.Conn) error { return c.SendBatch(ctx, b).Close() })
	if err == nil && !found {
		err = dialect.ErrNotFound
	}
	return n, err
}
