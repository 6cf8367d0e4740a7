-- Jobs, their recordings, and the answers kept for Idempotency-Key.
--
-- No foreign keys among these tables: every accepted job would lock its project's row, and a batch its parent's,
-- on the path that must be fast. Rows are written together in one transaction and pruned by the retention loop.

-- +goose Up
CREATE TABLE jobs (
    id            text COLLATE "C" PRIMARY KEY,
    project_id    text COLLATE "C" NOT NULL,
    kind          text             NOT NULL,
    state         text             NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    parent_id     text COLLATE "C",
    item_index    integer,
    request       text,            -- JSON, written and read as it is: jsonb would refuse \u0000
    output        text,
    diagnostics   text,
    error_code    text,
    error_message text,
    error_details text,
    seq           integer          NOT NULL DEFAULT 0,
    next_check    timestamptz      NOT NULL,
    attempts      integer          NOT NULL DEFAULT 0,
    lost_workers  integer          NOT NULL DEFAULT 0,
    owner         text,
    lease_until   timestamptz,
    dead_letter   boolean          NOT NULL DEFAULT false,
    items_total   integer          NOT NULL DEFAULT 0,
    items_pending integer          NOT NULL DEFAULT 0,
    created_at    timestamptz      NOT NULL,
    started_at    timestamptz,
    finished_at   timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'failed', 'canceled')))
);
-- What the reconciler hands to the queue, and whose lease it watches. The conditions are such that only the reconciler's
-- statements meet them: a claim, which also asks for state = 'queued', must find its row by its id and not by reading
-- the whole queue.
CREATE INDEX jobs_due ON jobs (next_check) WHERE state = 'queued' AND next_check < 'infinity';
CREATE INDEX jobs_leases ON jobs (lease_until) WHERE lease_until IS NOT NULL;
-- Listing: ids sort by creation.
CREATE INDEX jobs_project ON jobs (project_id, id) WHERE parent_id IS NULL;
CREATE INDEX jobs_items ON jobs (parent_id, item_index) WHERE parent_id IS NOT NULL;
CREATE INDEX jobs_dead ON jobs (finished_at) WHERE dead_letter;

CREATE TABLE job_payloads (
    job_id     text COLLATE "C" PRIMARY KEY,
    project_id text COLLATE "C" NOT NULL,
    codec      text             NOT NULL,
    size       integer          NOT NULL,
    data       bytea            NOT NULL,
    created_at timestamptz      NOT NULL
);
-- Samples do not shrink under PostgreSQL's own compression, which would only cost time; see column codec.
ALTER TABLE job_payloads ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE idempotency_records (
    project_id  text COLLATE "C" NOT NULL,
    operation   text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint text             NOT NULL,
    job_id      text COLLATE "C" NOT NULL,
    status      integer          NOT NULL,
    body        bytea            NOT NULL,
    created_at  timestamptz      NOT NULL,
    expires_at  timestamptz      NOT NULL,
    PRIMARY KEY (project_id, operation, key)
);
CREATE INDEX idempotency_records_expires_at ON idempotency_records (expires_at);

-- +goose Down
DROP TABLE idempotency_records;
DROP TABLE job_payloads;
DROP TABLE jobs;
