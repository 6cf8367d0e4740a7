-- See the file of the same number in ../postgres.

-- +goose Up
CREATE TABLE schema_floor (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
);
INSERT INTO schema_floor (id, version) VALUES (1, 1);
ALTER TABLE processes ADD COLUMN known_schema INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE processes DROP COLUMN known_schema;
DROP TABLE schema_floor;
