-- Sessions: what was recorded from whom, the samples as they came in, and the feature windows computed from them.
-- No foreign keys, as with jobs: a batch would lock its session's row twice.

-- +goose Up
CREATE TABLE sessions (
    id               text COLLATE "C"  PRIMARY KEY,
    project_id       text COLLATE "C"  NOT NULL,
    external_user_id text COLLATE "C"  NOT NULL,
    device_type      text              NOT NULL,
    sample_rate_hz   double precision  NOT NULL,
    channels         text              NOT NULL, -- JSON array of strings
    ingestion_mode   text              NOT NULL CHECK (ingestion_mode IN ('STREAMING', 'RECORDED')),
    state            text              NOT NULL CHECK (state IN ('OPEN', 'ENDED', 'UPLOADING', 'PROCESSING', 'COMPLETE', 'FAILED')),
    hop_ms           integer           NOT NULL,
    origin_ms        bigint,
    sample_count     bigint            NOT NULL DEFAULT 0,
    batch_count      integer           NOT NULL DEFAULT 0,
    pending_count    integer           NOT NULL DEFAULT 0,
    longest_batch    bigint            NOT NULL DEFAULT 0,
    window_count     integer           NOT NULL DEFAULT 0,
    job_id           text COLLATE "C",
    job_open         boolean           NOT NULL DEFAULT false,
    created_at       timestamptz       NOT NULL,
    started_at       timestamptz       NOT NULL,
    ended_at         timestamptz
) WITH (fillfactor = 70); -- the counters change with every batch: room for updates in place
CREATE INDEX sessions_project ON sessions (project_id, id);
CREATE INDEX sessions_user ON sessions (project_id, external_user_id, id);

CREATE TABLE sample_batches (
    session_id   text COLLATE "C" NOT NULL,
    batch_id     text COLLATE "C" NOT NULL,
    project_id   text COLLATE "C" NOT NULL,
    seq          integer          NOT NULL,
    start_ms     bigint           NOT NULL,
    start_sample bigint           NOT NULL,
    end_sample   bigint           NOT NULL,
    pending      boolean          NOT NULL,
    job_id       text COLLATE "C" NOT NULL,
    digest       text             NOT NULL,
    codec        text             NOT NULL,
    size         integer          NOT NULL,
    data         bytea            NOT NULL,
    created_at   timestamptz      NOT NULL,
    PRIMARY KEY (session_id, batch_id),
    CHECK (end_sample > start_sample)
);
ALTER TABLE sample_batches ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX sample_batches_end ON sample_batches (session_id, end_sample, seq);
CREATE INDEX sample_batches_start ON sample_batches (session_id, start_sample, seq);
CREATE INDEX sample_batches_pending ON sample_batches (session_id, seq) WHERE pending;

CREATE TABLE feature_windows (
    session_id   text COLLATE "C" NOT NULL,
    window_index bigint           NOT NULL,
    project_id   text COLLATE "C" NOT NULL,
    seq          integer          NOT NULL,
    start_ms     bigint           NOT NULL,
    end_ms       bigint           NOT NULL,
    passed       boolean          NOT NULL,
    data         text             NOT NULL, -- JSON
    created_at   timestamptz      NOT NULL,
    PRIMARY KEY (session_id, window_index)
);
CREATE UNIQUE INDEX feature_windows_seq ON feature_windows (session_id, seq);

-- Who was erased, hashed, by which key, and how much it was. Only ever added to; it outlives what it tells of.
CREATE TABLE audit_records (
    id               text COLLATE "C" PRIMARY KEY,
    project_id       text COLLATE "C" NOT NULL,
    action           text             NOT NULL,
    subject_hash     text             NOT NULL,
    actor            text             NOT NULL,
    sessions_deleted bigint           NOT NULL,
    samples_deleted  bigint           NOT NULL,
    features_deleted bigint           NOT NULL,
    created_at       timestamptz      NOT NULL
);
CREATE INDEX audit_records_project ON audit_records (project_id, id);

-- +goose Down
DROP TABLE audit_records;
DROP TABLE feature_windows;
DROP TABLE sample_batches;
DROP TABLE sessions;
