-- See the file of the same number in ../postgres: SQLite uses the room of deleted rows again at once.

-- +goose Up
SELECT 1;

-- +goose Down
SELECT 1;
