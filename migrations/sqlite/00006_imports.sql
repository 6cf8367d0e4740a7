-- Uploads of whole recordings, and what happened during sessions.

-- +goose Up
-- The bytes of an upload as they came in. They are kept until the job has read them to the end, so that one that takes
-- over from a lost worker can begin anew. Chunks of an upload that broke off have no row in session_imports.
CREATE TABLE upload_chunks (
    session_id text             NOT NULL,
    seq        integer          NOT NULL, -- from 0
    project_id text             NOT NULL,
    data       blob             NOT NULL,
    created_at timestamp        NOT NULL,
    PRIMARY KEY (session_id, seq)
);

-- How far the job of an upload is. One for each session that was made of a file.
CREATE TABLE session_imports (
    session_id       text             PRIMARY KEY NOT NULL,
    project_id       text             NOT NULL,
    job_id           text             NOT NULL,
    format           text             NOT NULL,
    plan             text             NOT NULL, -- JSON: how the file is read
    skipped_channels text             NOT NULL, -- JSON array
    total_bytes      bigint           NOT NULL,
    done_bytes       bigint           NOT NULL DEFAULT 0,
    done_rounds      integer          NOT NULL DEFAULT 0,
    created_at       timestamp        NOT NULL
);

CREATE TABLE session_events (
    session_id  text             NOT NULL,
    seq         integer          NOT NULL, -- in the order in which they were added, from 1
    project_id  text             NOT NULL,
    at_ms       real             NOT NULL, -- Unix ms; to less than a microsecond
    duration_ms real             NOT NULL,
    code        integer          NOT NULL,
    label       text             NOT NULL,
    source      text             NOT NULL CHECK (source IN ('file', 'api')),
    created_at  timestamp        NOT NULL,
    PRIMARY KEY (session_id, seq)
);

-- +goose Down
DROP TABLE session_events;
DROP TABLE session_imports;
DROP TABLE upload_chunks;
