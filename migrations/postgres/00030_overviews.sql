-- What sessions look like from afar: the least and the greatest samples of blocks, a row for each chunk of a session's samples.
-- The short columns come first, so that who wants only those reads no more.

-- +goose Up
CREATE TABLE session_overviews (
    session_id text COLLATE "C" NOT NULL,
    chunk      bigint NOT NULL, -- counted from the session's origin, in package envelope's ChunkSamples
    project_id text COLLATE "C" NOT NULL,
    seen       integer NOT NULL, -- batches with a lower seq are in it
    coarse     bytea NOT NULL,
    mid        bytea NOT NULL,
    fine       bytea NOT NULL,
    PRIMARY KEY (session_id, chunk)
);
CREATE INDEX session_overviews_seen ON session_overviews (session_id, seen);
-- Samples do not shrink under PostgreSQL's own compression, and a part of a row is wanted alone.
ALTER TABLE session_overviews ALTER COLUMN mid SET STORAGE EXTERNAL;
ALTER TABLE session_overviews ALTER COLUMN fine SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE session_overviews;
