-- Operators: users who may read how the whole server does. The command line of the server makes them, and nothing else.

-- +goose Up
ALTER TABLE users ADD COLUMN operator boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE users DROP COLUMN operator;
