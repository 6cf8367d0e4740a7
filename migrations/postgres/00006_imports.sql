-- Uploads of whole recordings, and what happened during sessions.

-- +goose Up
-- The bytes of an upload as they came in. They are kept until the job has read them to the end, so that one that takes
-- over from a lost worker can begin anew. Chunks of an upload that broke off have no row in session_imports.
CREATE TABLE upload_chunks (
    session_id text COLLATE "C" NOT NULL,
    seq        integer          NOT NULL, -- from 0
    project_id text COLLATE "C" NOT NULL,
    data       bytea            NOT NULL,
    created_at timestamptz      NOT NULL,
    PRIMARY KEY (session_id, seq)
);
ALTER TABLE upload_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

-- How far the job of an upload is. One for each session that was made of a file.
CREATE TABLE session_imports (
    session_id       text COLLATE "C" PRIMARY KEY,
    project_id       text COLLATE "C" NOT NULL,
    job_id           text COLLATE "C" NOT NULL,
    format           text             NOT NULL,
    plan             text             NOT NULL, -- JSON: how the file is read
    skipped_channels text             NOT NULL, -- JSON array
    total_bytes      bigint           NOT NULL,
    done_bytes       bigint           NOT NULL DEFAULT 0,
    done_rounds      integer          NOT NULL DEFAULT 0,
    created_at       timestamptz      NOT NULL
);

CREATE TABLE session_events (
    session_id  text COLLATE "C" NOT NULL,
    seq         integer          NOT NULL, -- in the order in which they were added, from 1
    project_id  text COLLATE "C" NOT NULL,
    at_ms       double precision NOT NULL, -- Unix ms; to less than a microsecond
    duration_ms double precision NOT NULL,
    code        integer          NOT NULL,
    label       text             NOT NULL,
    source      text             NOT NULL CHECK (source IN ('file', 'api')),
    created_at  timestamptz      NOT NULL,
    PRIMARY KEY (session_id, seq)
);

-- +goose Down
DROP TABLE session_events;
DROP TABLE session_imports;
DROP TABLE upload_chunks;
