-- What the time of a session's source was last found to do: drift, jitter, jumps, losses by cause.

-- +goose Up
CREATE TABLE session_clocks (
    session_id text NOT NULL PRIMARY KEY,
    project_id text NOT NULL,
    report     text NOT NULL, -- JSON
    updated_at timestamp NOT NULL
);

-- +goose Down
DROP TABLE session_clocks;
