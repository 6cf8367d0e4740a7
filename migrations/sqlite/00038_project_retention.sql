-- See the file of the same number in ../postgres.

-- +goose Up
CREATE TABLE project_retention (
    project_id    TEXT NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    payload_hours INTEGER  NOT NULL DEFAULT 0,
    job_hours     INTEGER  NOT NULL DEFAULT 0,
    session_hours INTEGER  NOT NULL DEFAULT 0,
    window_hours  INTEGER  NOT NULL DEFAULT 0,
    updated_at    DATETIME NOT NULL
);

-- +goose Down
DROP TABLE project_retention;
