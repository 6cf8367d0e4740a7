-- Live decoding: around which mean the clips of a session lie, so that a model is moved there.

-- +goose Up
CREATE TABLE session_alignments (
    session_id text PRIMARY KEY NOT NULL,
    project_id text NOT NULL,
    model text NOT NULL,
    clips integer NOT NULL,
    mean blob NOT NULL
);

-- +goose Down
DROP TABLE session_alignments;
