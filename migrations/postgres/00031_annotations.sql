-- Events are changed and taken away, too: who follows a session asks what has changed since a revision. Of an event that was deleted its number
-- stays, so that no other gets it, and nothing of what it said.

-- +goose Up
ALTER TABLE session_events ADD COLUMN channel text NOT NULL DEFAULT ''; -- '' for all
ALTER TABLE session_events ADD COLUMN revision integer NOT NULL DEFAULT 0; -- of the session's events when it was changed last; 0 for never
ALTER TABLE session_events ADD COLUMN deleted boolean NOT NULL DEFAULT false;
CREATE INDEX session_events_revision ON session_events (session_id, revision) WHERE revision > 0;

-- +goose Down
DROP INDEX session_events_revision;
ALTER TABLE session_events DROP COLUMN deleted;
ALTER TABLE session_events DROP COLUMN revision;
ALTER TABLE session_events DROP COLUMN channel;
