-- Objects: recordings of jobs and batches of samples that lie outside the database, in a bucket or a folder. The data of such a row (codec 'outside')
-- are JSON that names its object: key, bytes, sha256, and the codec of what lies in it.
--
-- Table objects follows these rows and counts those that name an object, of which there are several where a job was made again. An object that none
-- names any more is deleted after the transaction, and its line after it. Triggers count, so that no statement that adds or deletes rows can forget it.
-- Where nothing lies outside their conditions are all that they cost.

-- +goose Up
CREATE TABLE object_stores (
    id     integer          PRIMARY KEY CHECK (id = 1), -- there is one row
    prefix text COLLATE "C" NOT NULL                    -- of the keys of this database: several may share a bucket
);
INSERT INTO object_stores (id, prefix) VALUES (1, replace(gen_random_uuid()::text, '-', ''));
CREATE TABLE objects (
    key        text COLLATE "C" PRIMARY KEY,
    project_id text COLLATE "C" NOT NULL,
    bytes      bigint           NOT NULL,
    refs       integer          NOT NULL -- rows that name it
);
CREATE INDEX objects_gone ON objects (project_id, key) WHERE refs = 0;

-- +goose StatementBegin
CREATE FUNCTION object_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    object json := convert_from(NEW.data, 'UTF8');
BEGIN
    INSERT INTO objects AS o (key, project_id, bytes, refs) VALUES (object ->> 'key', NEW.project_id, (object ->> 'bytes')::bigint, 1)
    ON CONFLICT (key) DO UPDATE SET refs = o.refs + 1;
    INSERT INTO project_usage AS u (project_id, name, period, slot, value)
    VALUES (NEW.project_id, 'stored_bytes', '', pg_backend_pid() % 64, (object ->> 'bytes')::bigint)
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = u.value + excluded.value;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION object_gone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    object json := convert_from(OLD.data, 'UTF8');
BEGIN
    UPDATE objects SET refs = refs - 1 WHERE key = object ->> 'key';
    INSERT INTO project_usage AS u (project_id, name, period, slot, value)
    VALUES (OLD.project_id, 'stored_bytes', '', pg_backend_pid() % 64, -(object ->> 'bytes')::bigint)
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = u.value + excluded.value;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sample_batches_object_added AFTER INSERT ON sample_batches FOR EACH ROW WHEN (NEW.codec = 'outside') EXECUTE FUNCTION object_added();
CREATE TRIGGER sample_batches_object_gone AFTER DELETE ON sample_batches FOR EACH ROW WHEN (OLD.codec = 'outside') EXECUTE FUNCTION object_gone();
CREATE TRIGGER job_payloads_object_added AFTER INSERT ON job_payloads FOR EACH ROW WHEN (NEW.codec = 'outside') EXECUTE FUNCTION object_added();
CREATE TRIGGER job_payloads_object_gone AFTER DELETE ON job_payloads FOR EACH ROW WHEN (OLD.codec = 'outside') EXECUTE FUNCTION object_gone();

-- +goose Down
DROP TRIGGER sample_batches_object_added ON sample_batches;
DROP TRIGGER sample_batches_object_gone ON sample_batches;
DROP TRIGGER job_payloads_object_added ON job_payloads;
DROP TRIGGER job_payloads_object_gone ON job_payloads;
DROP FUNCTION object_added();
DROP FUNCTION object_gone();
DROP TABLE objects;
DROP TABLE object_stores;
