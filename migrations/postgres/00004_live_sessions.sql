-- Live sessions: which batches were seen is one number a session instead of a mark a batch, what was recorded is known as
-- stretches, and sessions may be decoded as they run.

-- +goose Up
DROP INDEX sample_batches_pending;
DROP INDEX sample_batches_start;
DROP INDEX sample_batches_end;
CREATE UNIQUE INDEX sample_batches_seq ON sample_batches (session_id, seq);
CREATE INDEX sample_batches_end ON sample_batches (session_id, end_sample, seq);

-- The contiguous stretches of samples of a session but the last, which is the session's tail: live samples only move
-- the tail. Between two stretches lies a gap.
CREATE TABLE session_stretches (
    session_id   text COLLATE "C" NOT NULL,
    start_sample bigint           NOT NULL,
    end_sample   bigint           NOT NULL,
    PRIMARY KEY (session_id, end_sample),
    CHECK (end_sample > start_sample)
);

ALTER TABLE sessions
    ADD COLUMN jitter_ms    integer NOT NULL DEFAULT 1, -- how far a batch's time may be off its neighbor
    ADD COLUMN seen_count   integer NOT NULL DEFAULT 0, -- batches with a lower seq were looked at
    ADD COLUMN tail_start   bigint,
    ADD COLUMN tail_end     bigint,
    ADD COLUMN last_seq     integer NOT NULL DEFAULT 0, -- number of the last message to its readers
    ADD COLUMN decode       text,                       -- JSON: how the session is decoded as it runs
    ADD COLUMN decode_count integer NOT NULL DEFAULT 0;
UPDATE sessions s SET last_seq = window_count,
    seen_count = COALESCE((SELECT min(b.seq) FROM sample_batches b WHERE b.session_id = s.id AND b.pending), s.batch_count);
INSERT INTO session_stretches (session_id, start_sample, end_sample)
SELECT session_id, min(start_sample), max(end_sample) FROM (
    SELECT session_id, start_sample, end_sample, sum(fresh) OVER (PARTITION BY session_id ORDER BY start_sample, end_sample, seq) AS island FROM (
        SELECT session_id, start_sample, end_sample, seq, CASE WHEN start_sample > max(end_sample) OVER (
            PARTITION BY session_id ORDER BY start_sample, end_sample, seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 1 ELSE 0 END AS fresh
        FROM sample_batches) marked) islands
GROUP BY session_id, island;
UPDATE sessions SET tail_start = t.start_sample, tail_end = t.end_sample FROM session_stretches t
WHERE t.session_id = sessions.id AND t.end_sample = (SELECT max(end_sample) FROM session_stretches WHERE session_id = sessions.id);
DELETE FROM session_stretches WHERE (session_id, end_sample) IN (SELECT id, tail_end FROM sessions);
ALTER TABLE sample_batches DROP COLUMN pending;
ALTER TABLE sessions DROP COLUMN pending_count;

CREATE TABLE session_decodes (
    session_id   text COLLATE "C" NOT NULL,
    decode_index bigint           NOT NULL,
    project_id   text COLLATE "C" NOT NULL,
    seq          integer          NOT NULL,
    start_ms     bigint           NOT NULL,
    end_ms       bigint           NOT NULL,
    data         text             NOT NULL, -- JSON
    created_at   timestamptz      NOT NULL,
    PRIMARY KEY (session_id, decode_index)
);
CREATE UNIQUE INDEX session_decodes_seq ON session_decodes (session_id, seq);

-- +goose Down
DROP TABLE session_decodes;
ALTER TABLE sessions ADD COLUMN pending_count integer NOT NULL DEFAULT 0;
ALTER TABLE sample_batches ADD COLUMN pending boolean NOT NULL DEFAULT false;
UPDATE sessions SET pending_count = batch_count - seen_count;
UPDATE sample_batches b SET pending = true FROM sessions s WHERE s.id = b.session_id AND b.seq >= s.seen_count;
ALTER TABLE sessions DROP COLUMN jitter_ms, DROP COLUMN seen_count, DROP COLUMN tail_start, DROP COLUMN tail_end, DROP COLUMN last_seq, DROP COLUMN decode, DROP COLUMN decode_count;
DROP TABLE session_stretches;
DROP INDEX sample_batches_seq;
DROP INDEX sample_batches_end;
CREATE UNIQUE INDEX sample_batches_end ON sample_batches (session_id, end_sample, seq);
CREATE INDEX sample_batches_start ON sample_batches (session_id, start_sample, seq);
CREATE INDEX sample_batches_pending ON sample_batches (session_id, seq) WHERE pending;
