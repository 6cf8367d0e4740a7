-- What people call a session and say about it, and the device that it is recorded from.

-- +goose Up
ALTER TABLE sessions ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN tags text NOT NULL DEFAULT '[]'; -- JSON array of strings
ALTER TABLE sessions ADD COLUMN metadata text NOT NULL DEFAULT '{}'; -- JSON object
ALTER TABLE sessions ADD COLUMN protocol text NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN device_id text NOT NULL DEFAULT ''; -- of the project; '' for none
ALTER TABLE sessions ADD COLUMN planned_ms bigint;
CREATE INDEX sessions_device ON sessions (project_id, device_id, id) WHERE device_id <> '';

-- +goose Down
DROP INDEX sessions_device;
ALTER TABLE sessions DROP COLUMN planned_ms;
ALTER TABLE sessions DROP COLUMN device_id;
ALTER TABLE sessions DROP COLUMN protocol;
ALTER TABLE sessions DROP COLUMN metadata;
ALTER TABLE sessions DROP COLUMN tags;
ALTER TABLE sessions DROP COLUMN name;
