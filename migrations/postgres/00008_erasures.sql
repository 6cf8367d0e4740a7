-- Erasures under way, and an audit trail that can only grow.

-- +goose Up

-- What is left to be erased. The row goes with its last session; the audit record then has its id.
CREATE TABLE erasures (
    id               text COLLATE "C" PRIMARY KEY,
    project_id       text COLLATE "C" NOT NULL,
    subject_hash     text             NOT NULL,
    actor            text             NOT NULL,
    job_id           text COLLATE "C" NOT NULL,
    sessions_deleted bigint           NOT NULL DEFAULT 0,
    samples_deleted  bigint           NOT NULL DEFAULT 0,
    features_deleted bigint           NOT NULL DEFAULT 0,
    created_at       timestamptz      NOT NULL
);
-- A user has one at a time.
CREATE UNIQUE INDEX erasures_subject ON erasures (project_id, subject_hash);

-- Sessions that are no longer in table sessions and whose rows elsewhere are still to be deleted.
CREATE TABLE erased_sessions (
    session_id text COLLATE "C" PRIMARY KEY,
    erasure_id text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    job_id     text COLLATE "C"
);
CREATE INDEX erased_sessions_erasure ON erased_sessions (erasure_id, session_id);

-- Jobs that worked for a session and that none of its batches names.
CREATE TABLE session_jobs (
    session_id text COLLATE "C" NOT NULL,
    job_id     text COLLATE "C" NOT NULL,
    PRIMARY KEY (session_id, job_id)
);

-- Erasure finds the answers of a job.
CREATE INDEX idempotency_records_job ON idempotency_records (job_id);

-- +goose StatementBegin
CREATE FUNCTION audit_records_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_records: rows are only ever added' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_records_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_records
    FOR EACH STATEMENT EXECUTE FUNCTION audit_records_refuse();

-- +goose Down
DROP TRIGGER audit_records_append_only ON audit_records;
DROP FUNCTION audit_records_refuse();
DROP INDEX idempotency_records_job;
DROP TABLE session_jobs;
DROP TABLE erased_sessions;
DROP TABLE erasures;
