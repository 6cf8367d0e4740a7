-- Requests, answers and windows are JSON of a few kilobytes: pglz, PostgreSQL's own way to compress them, takes a processor five times as long as lz4,
-- which not every build has. What is there already stays as it is.

-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        EXECUTE 'ALTER TABLE jobs ALTER COLUMN request SET COMPRESSION lz4, ALTER COLUMN output SET COMPRESSION lz4, ALTER COLUMN diagnostics SET COMPRESSION lz4';
        EXECUTE 'ALTER TABLE feature_windows ALTER COLUMN data SET COMPRESSION lz4';
        EXECUTE 'ALTER TABLE session_decodes ALTER COLUMN data SET COMPRESSION lz4';
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression') THEN
        EXECUTE 'ALTER TABLE jobs ALTER COLUMN request SET COMPRESSION default, ALTER COLUMN output SET COMPRESSION default, ALTER COLUMN diagnostics SET COMPRESSION default';
        EXECUTE 'ALTER TABLE feature_windows ALTER COLUMN data SET COMPRESSION default';
        EXECUTE 'ALTER TABLE session_decodes ALTER COLUMN data SET COMPRESSION default';
    END IF;
END
$$;
-- +goose StatementEnd
