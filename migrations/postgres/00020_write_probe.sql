-- A row that is written to see whether the database can be written to.

-- +goose Up
CREATE TABLE write_probes (
    id   integer PRIMARY KEY,
    data bytea NOT NULL
);

-- +goose Down
DROP TABLE write_probes;
