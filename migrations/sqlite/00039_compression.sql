-- See the file of the same number in ../postgres: SQLite compresses nothing.

-- +goose Up
SELECT 1;

-- +goose Down
SELECT 1;
