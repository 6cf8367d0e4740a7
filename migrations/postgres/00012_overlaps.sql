-- How many of a session's samples lie where samples were before, and are not kept.

-- +goose Up
ALTER TABLE sessions ADD COLUMN overlap_count bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE sessions DROP COLUMN overlap_count;
