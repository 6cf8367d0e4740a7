-- How long a project keeps what has ended, in hours, where it keeps it for less than the server. 0 is what the server does.

-- +goose Up
CREATE TABLE project_retention (
    project_id    text COLLATE "C" PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    payload_hours integer     NOT NULL DEFAULT 0,
    job_hours     integer     NOT NULL DEFAULT 0,
    session_hours integer     NOT NULL DEFAULT 0,
    window_hours  integer     NOT NULL DEFAULT 0,
    updated_at    timestamptz NOT NULL
);

-- +goose Down
DROP TABLE project_retention;
