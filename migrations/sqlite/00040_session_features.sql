-- See the file of the same number in ../postgres.

-- +goose Up
ALTER TABLE sessions ADD COLUMN features TEXT NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE sessions DROP COLUMN features;
