-- Erasures under way, and an audit trail that can only grow.

-- +goose Up

-- What is left to be erased. The row goes with its last session; the audit record then has its id.
CREATE TABLE erasures (
    id               text PRIMARY KEY NOT NULL,
    project_id       text      NOT NULL,
    subject_hash     text      NOT NULL,
    actor            text      NOT NULL,
    job_id           text      NOT NULL,
    sessions_deleted bigint    NOT NULL DEFAULT 0,
    samples_deleted  bigint    NOT NULL DEFAULT 0,
    features_deleted bigint    NOT NULL DEFAULT 0,
    created_at       timestamp NOT NULL
);
-- A user has one at a time.
CREATE UNIQUE INDEX erasures_subject ON erasures (project_id, subject_hash);

-- Sessions that are no longer in table sessions and whose rows elsewhere are still to be deleted.
CREATE TABLE erased_sessions (
    session_id text PRIMARY KEY NOT NULL,
    erasure_id text      NOT NULL,
    project_id text      NOT NULL,
    job_id     text
);
CREATE INDEX erased_sessions_erasure ON erased_sessions (erasure_id, session_id);

-- Jobs that worked for a session and that none of its batches names.
CREATE TABLE session_jobs (
    session_id text NOT NULL,
    job_id     text NOT NULL,
    PRIMARY KEY (session_id, job_id)
);

-- Erasure finds the answers of a job.
CREATE INDEX idempotency_records_job ON idempotency_records (job_id);

-- +goose StatementBegin
CREATE TRIGGER audit_records_no_update BEFORE UPDATE ON audit_records
BEGIN
    SELECT RAISE(ABORT, 'audit_records: rows are only ever added');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_records_no_delete BEFORE DELETE ON audit_records
BEGIN
    SELECT RAISE(ABORT, 'audit_records: rows are only ever added');
END;
-- +goose StatementEnd
-- INSERT OR REPLACE deletes without the trigger above (https://sqlite.org/lang_conflict.html).
-- +goose StatementBegin
CREATE TRIGGER audit_records_no_replace BEFORE INSERT ON audit_records
WHEN EXISTS (SELECT 1 FROM audit_records WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit_records: rows are only ever added');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER audit_records_no_replace;
DROP TRIGGER audit_records_no_delete;
DROP TRIGGER audit_records_no_update;
DROP INDEX idempotency_records_job;
DROP TABLE session_jobs;
DROP TABLE erased_sessions;
DROP TABLE erasures;
