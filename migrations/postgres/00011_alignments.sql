-- Live decoding: around which mean the clips of a session lie, so that a model is moved there.

-- +goose Up
CREATE TABLE session_alignments (
    session_id text COLLATE "C" PRIMARY KEY,
    project_id text COLLATE "C" NOT NULL,
    model text NOT NULL,
    clips integer NOT NULL,
    mean bytea NOT NULL
);

-- +goose Down
DROP TABLE session_alignments;
