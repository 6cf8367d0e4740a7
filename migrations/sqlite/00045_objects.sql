-- See the file of the same number in ../postgres.

-- +goose Up
CREATE TABLE object_stores (
    id     integer PRIMARY KEY NOT NULL CHECK (id = 1),
    prefix text NOT NULL
);
INSERT INTO object_stores (id, prefix) VALUES (1, lower(hex(randomblob(16))));
CREATE TABLE objects (
    key        text    NOT NULL PRIMARY KEY,
    project_id text    NOT NULL,
    bytes      bigint  NOT NULL,
    refs       integer NOT NULL
);
CREATE INDEX objects_gone ON objects (project_id, key) WHERE refs = 0;

-- +goose StatementBegin
CREATE TRIGGER sample_batches_object_added AFTER INSERT ON sample_batches WHEN NEW.codec = 'outside'
BEGIN
    INSERT INTO objects (key, project_id, bytes, refs) VALUES (json_extract(CAST(NEW.data AS TEXT), '$.key'), NEW.project_id, json_extract(CAST(NEW.data AS TEXT), '$.bytes'), 1)
    ON CONFLICT (key) DO UPDATE SET refs = refs + 1;
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (NEW.project_id, 'stored_bytes', '', 0, json_extract(CAST(NEW.data AS TEXT), '$.bytes'))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sample_batches_object_gone AFTER DELETE ON sample_batches WHEN OLD.codec = 'outside'
BEGIN
    UPDATE objects SET refs = refs - 1 WHERE key = json_extract(CAST(OLD.data AS TEXT), '$.key');
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (OLD.project_id, 'stored_bytes', '', 0, -json_extract(CAST(OLD.data AS TEXT), '$.bytes'))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER job_payloads_object_added AFTER INSERT ON job_payloads WHEN NEW.codec = 'outside'
BEGIN
    INSERT INTO objects (key, project_id, bytes, refs) VALUES (json_extract(CAST(NEW.data AS TEXT), '$.key'), NEW.project_id, json_extract(CAST(NEW.data AS TEXT), '$.bytes'), 1)
    ON CONFLICT (key) DO UPDATE SET refs = refs + 1;
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (NEW.project_id, 'stored_bytes', '', 0, json_extract(CAST(NEW.data AS TEXT), '$.bytes'))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER job_payloads_object_gone AFTER DELETE ON job_payloads WHEN OLD.codec = 'outside'
BEGIN
    UPDATE objects SET refs = refs - 1 WHERE key = json_extract(CAST(OLD.data AS TEXT), '$.key');
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (OLD.project_id, 'stored_bytes', '', 0, -json_extract(CAST(OLD.data AS TEXT), '$.bytes'))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER sample_batches_object_added;
DROP TRIGGER sample_batches_object_gone;
DROP TRIGGER job_payloads_object_added;
DROP TRIGGER job_payloads_object_gone;
DROP TABLE objects;
DROP TABLE object_stores;
