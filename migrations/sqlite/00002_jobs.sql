-- Jobs, their recordings, and the answers kept for Idempotency-Key.
--
-- No foreign keys among these tables, as in PostgreSQL. Rows are written together in one transaction and pruned
-- by the retention loop.

-- +goose Up
CREATE TABLE jobs (
    id            text PRIMARY KEY NOT NULL,
    project_id    text             NOT NULL,
    kind          text             NOT NULL,
    state         text             NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    parent_id     text,
    item_index    integer,
    request       text,            -- JSON
    output        text,
    diagnostics   text,
    error_code    text,
    error_message text,
    error_details text,
    seq           integer          NOT NULL DEFAULT 0,
    next_check    timestamp        NOT NULL,
    attempts      integer          NOT NULL DEFAULT 0,
    lost_workers  integer          NOT NULL DEFAULT 0,
    owner         text,
    lease_until   timestamp,
    dead_letter   boolean          NOT NULL DEFAULT false,
    items_total   integer          NOT NULL DEFAULT 0,
    items_pending integer          NOT NULL DEFAULT 0,
    created_at    timestamp        NOT NULL,
    started_at    timestamp,
    finished_at   timestamp,
    CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'failed', 'canceled')))
);
-- What the reconciler hands to the queue, and whose lease it watches.
CREATE INDEX jobs_due ON jobs (next_check) WHERE state = 'queued';
CREATE INDEX jobs_leases ON jobs (lease_until) WHERE lease_until IS NOT NULL;
-- Listing: ids sort by creation.
CREATE INDEX jobs_project ON jobs (project_id, id) WHERE parent_id IS NULL;
CREATE INDEX jobs_items ON jobs (parent_id, item_index) WHERE parent_id IS NOT NULL;
CREATE INDEX jobs_dead ON jobs (finished_at) WHERE dead_letter;

CREATE TABLE job_payloads (
    job_id     text PRIMARY KEY NOT NULL,
    project_id text             NOT NULL,
    codec      text             NOT NULL,
    size       integer          NOT NULL,
    data       blob             NOT NULL,
    created_at timestamp        NOT NULL
);

CREATE TABLE idempotency_records (
    project_id  text      NOT NULL,
    operation   text      NOT NULL,
    key         text      NOT NULL,
    fingerprint text      NOT NULL,
    job_id      text      NOT NULL,
    status      integer   NOT NULL,
    body        blob      NOT NULL,
    created_at  timestamp NOT NULL,
    expires_at  timestamp NOT NULL,
    PRIMARY KEY (project_id, operation, key)
);
CREATE INDEX idempotency_records_expires_at ON idempotency_records (expires_at);

-- +goose Down
DROP TABLE idempotency_records;
DROP TABLE job_payloads;
DROP TABLE jobs;
