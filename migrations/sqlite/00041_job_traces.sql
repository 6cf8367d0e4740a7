-- See the file of the same number in ../postgres.

-- +goose Up
ALTER TABLE jobs ADD COLUMN trace TEXT;

-- +goose Down
ALTER TABLE jobs DROP COLUMN trace;
