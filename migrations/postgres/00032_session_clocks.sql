-- What the time of a session's source was last found to do: drift, jitter, jumps, losses by cause.

-- +goose Up
CREATE TABLE session_clocks (
    session_id text COLLATE "C" NOT NULL PRIMARY KEY,
    project_id text COLLATE "C" NOT NULL,
    report     text NOT NULL, -- JSON
    updated_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE session_clocks;
