-- The trace in which a job was accepted (W3C Trace Context), so that whoever runs it, and runs it again, goes on in it.

-- +goose Up
ALTER TABLE jobs ADD COLUMN trace text;

-- +goose Down
ALTER TABLE jobs DROP COLUMN trace;
