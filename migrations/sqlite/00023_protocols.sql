-- Answers that are kept for an idempotency key name the protocol they were given in; '' is HTTP with the row's status, as all were.

-- +goose Up
ALTER TABLE idempotency_records ADD COLUMN protocol text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE idempotency_records DROP COLUMN protocol;
