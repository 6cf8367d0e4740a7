-- What sessions look like from afar: the least and the greatest samples of blocks, a row for each chunk of a session's samples.
-- The short columns come first, so that who wants only those reads no more.

-- +goose Up
CREATE TABLE session_overviews (
    session_id text NOT NULL,
    chunk      bigint NOT NULL, -- counted from the session's origin, in package envelope's ChunkSamples
    project_id text NOT NULL,
    seen       integer NOT NULL, -- batches with a lower seq are in it
    coarse     blob NOT NULL,
    mid        blob NOT NULL,
    fine       blob NOT NULL,
    PRIMARY KEY (session_id, chunk)
);
CREATE INDEX session_overviews_seen ON session_overviews (session_id, seen);

-- +goose Down
DROP TABLE session_overviews;
