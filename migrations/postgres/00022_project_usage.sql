-- Usage: what projects have stored and how many feature windows their samples of a day begin, counted as rows come and go, so that
-- a quota is checked without reading them. Each connection counts in a slot of its own: transactions of a project seldom wait for one another.

-- +goose Up
CREATE TABLE project_usage (
    project_id text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL, -- stored_bytes, windows_per_day
    period     text COLLATE "C" NOT NULL, -- the day (UTC), as in 2026-01-31; '' for what has none
    slot       integer          NOT NULL,
    value      bigint           NOT NULL,
    PRIMARY KEY (project_id, name, period, slot)
) WITH (fillfactor = 50); -- updates in place
CREATE INDEX sessions_taking ON sessions (project_id, id) WHERE state IN ('OPEN', 'UPLOADING');

-- +goose StatementBegin
CREATE FUNCTION project_usage_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO project_usage AS u (project_id, name, period, slot, value)
    SELECT project_id, 'stored_bytes', '', pg_backend_pid() % 64, CASE WHEN TG_OP = 'DELETE' THEN -1 ELSE 1 END * sum(octet_length(data))
    FROM changed GROUP BY project_id ORDER BY project_id
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = u.value + excluded.value;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION project_usage_samples() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO project_usage AS u (project_id, name, period, slot, value)
    SELECT c.project_id, v.name, v.period, pg_backend_pid() % 64, sum(v.n)
    FROM changed c JOIN sessions s ON s.id = c.session_id CROSS JOIN LATERAL (VALUES
        ('stored_bytes', '', octet_length(c.data)::bigint),
        ('windows_per_day', to_char(c.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
            (floor((c.end_sample - 1) * 1000 / (s.hop_ms * s.sample_rate_hz)) - floor((c.start_sample - 1) * 1000 / (s.hop_ms * s.sample_rate_hz)))::bigint)
    ) AS v (name, period, n)
    GROUP BY c.project_id, v.name, v.period ORDER BY c.project_id, v.name, v.period
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = u.value + excluded.value;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sample_batches_added AFTER INSERT ON sample_batches REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION project_usage_samples();
CREATE TRIGGER sample_batches_deleted AFTER DELETE ON sample_batches REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION project_usage_bytes();
CREATE TRIGGER job_payloads_added AFTER INSERT ON job_payloads REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION project_usage_bytes();
CREATE TRIGGER job_payloads_deleted AFTER DELETE ON job_payloads REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION project_usage_bytes();
CREATE TRIGGER upload_chunks_added AFTER INSERT ON upload_chunks REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION project_usage_bytes();
CREATE TRIGGER upload_chunks_deleted AFTER DELETE ON upload_chunks REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION project_usage_bytes();
CREATE TRIGGER project_models_added AFTER INSERT ON project_models REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION project_usage_bytes();
CREATE TRIGGER project_models_deleted AFTER DELETE ON project_models REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION project_usage_bytes();

INSERT INTO project_usage (project_id, name, period, slot, value)
SELECT project_id, 'stored_bytes', '', 0, sum(bytes) FROM (
    SELECT project_id, octet_length(data) AS bytes FROM sample_batches
    UNION ALL SELECT project_id, octet_length(data) FROM job_payloads
    UNION ALL SELECT project_id, octet_length(data) FROM upload_chunks
    UNION ALL SELECT project_id, octet_length(data) FROM project_models) stored
GROUP BY project_id;

-- +goose Down
DROP TRIGGER sample_batches_added ON sample_batches;
DROP TRIGGER sample_batches_deleted ON sample_batches;
DROP TRIGGER job_payloads_added ON job_payloads;
DROP TRIGGER job_payloads_deleted ON job_payloads;
DROP TRIGGER upload_chunks_added ON upload_chunks;
DROP TRIGGER upload_chunks_deleted ON upload_chunks;
DROP TRIGGER project_models_added ON project_models;
DROP TRIGGER project_models_deleted ON project_models;
DROP FUNCTION project_usage_samples();
DROP FUNCTION project_usage_bytes();
DROP INDEX sessions_taking;
DROP TABLE project_usage;
