-- Features that the windows of a session carry beside those that every window has: a JSON array of their names.

-- +goose Up
ALTER TABLE sessions ADD COLUMN features text NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE sessions DROP COLUMN features;
