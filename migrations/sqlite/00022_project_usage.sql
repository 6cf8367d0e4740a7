-- Usage: what projects have stored and how many feature windows their samples of a day begin, counted as rows come and go, so that
-- a quota is checked without reading them. There is one writer, so one slot.

-- +goose Up
CREATE TABLE project_usage (
    project_id text    NOT NULL,
    name       text    NOT NULL, -- stored_bytes, windows_per_day
    period     text    NOT NULL, -- the day (UTC), as in 2026-01-31; '' for what has none
    slot       integer NOT NULL,
    value      bigint  NOT NULL,
    PRIMARY KEY (project_id, name, period, slot)
);
CREATE INDEX sessions_taking ON sessions (project_id, id) WHERE state IN ('OPEN', 'UPLOADING');

-- +goose StatementBegin
CREATE TRIGGER sample_batches_added AFTER INSERT ON sample_batches
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (NEW.project_id, 'stored_bytes', '', 0, length(NEW.data))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
    INSERT INTO project_usage (project_id, name, period, slot, value)
    SELECT NEW.project_id, 'windows_per_day', substr(NEW.created_at, 1, 10), 0,
        CAST(floor((NEW.end_sample - 1) * 1000 / (s.hop_ms * s.sample_rate_hz)) - floor((NEW.start_sample - 1) * 1000 / (s.hop_ms * s.sample_rate_hz)) AS INTEGER)
    FROM sessions s WHERE s.id = NEW.session_id
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sample_batches_deleted AFTER DELETE ON sample_batches
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (OLD.project_id, 'stored_bytes', '', 0, -length(OLD.data))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER job_payloads_added AFTER INSERT ON job_payloads
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (NEW.project_id, 'stored_bytes', '', 0, length(NEW.data))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER job_payloads_deleted AFTER DELETE ON job_payloads
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (OLD.project_id, 'stored_bytes', '', 0, -length(OLD.data))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER upload_chunks_added AFTER INSERT ON upload_chunks
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (NEW.project_id, 'stored_bytes', '', 0, length(NEW.data))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER upload_chunks_deleted AFTER DELETE ON upload_chunks
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (OLD.project_id, 'stored_bytes', '', 0, -length(OLD.data))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER project_models_added AFTER INSERT ON project_models
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (NEW.project_id, 'stored_bytes', '', 0, length(NEW.data))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER project_models_deleted AFTER DELETE ON project_models
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value) VALUES (OLD.project_id, 'stored_bytes', '', 0, -length(OLD.data))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd

INSERT INTO project_usage (project_id, name, period, slot, value)
SELECT project_id, 'stored_bytes', '', 0, sum(bytes) FROM (
    SELECT project_id, length(data) AS bytes FROM sample_batches
    UNION ALL SELECT project_id, length(data) FROM job_payloads
    UNION ALL SELECT project_id, length(data) FROM upload_chunks
    UNION ALL SELECT project_id, length(data) FROM project_models) stored
GROUP BY project_id;

-- +goose Down
DROP TRIGGER sample_batches_added;
DROP TRIGGER sample_batches_deleted;
DROP TRIGGER job_payloads_added;
DROP TRIGGER job_payloads_deleted;
DROP TRIGGER upload_chunks_added;
DROP TRIGGER upload_chunks_deleted;
DROP TRIGGER project_models_added;
DROP TRIGGER project_models_deleted;
DROP INDEX sessions_taking;
DROP TABLE project_usage;
