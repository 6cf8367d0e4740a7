-- Which programs may run on the schema: those that know at least the migration of the floor. A migration that takes away what older programs
-- use raises it, in the same transaction. Processes say which migrations they know, so that "neurod migrate up" sees whom it would break.

-- +goose Up
CREATE TABLE schema_floor (
    id      integer PRIMARY KEY CHECK (id = 1), -- there is one row
    version bigint  NOT NULL
);
INSERT INTO schema_floor (id, version) VALUES (1, 1);
ALTER TABLE processes ADD COLUMN known_schema bigint NOT NULL DEFAULT 0; -- the newest migration that the process knows; 0 of those that do not say

-- +goose Down
ALTER TABLE processes DROP COLUMN known_schema;
DROP TABLE schema_floor;
