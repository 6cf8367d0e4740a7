-- What sessions look like from afar counts as stored, too.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION project_usage_overviews() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO project_usage AS u (project_id, name, period, slot, value)
        SELECT project_id, 'stored_bytes', '', pg_backend_pid() % 64, sum(octet_length(coarse) + octet_length(mid) + octet_length(fine))
        FROM added GROUP BY project_id ORDER BY project_id
        ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = u.value + excluded.value;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO project_usage AS u (project_id, name, period, slot, value)
        SELECT project_id, 'stored_bytes', '', pg_backend_pid() % 64, -sum(octet_length(coarse) + octet_length(mid) + octet_length(fine))
        FROM gone GROUP BY project_id ORDER BY project_id
        ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = u.value + excluded.value;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER session_overviews_added AFTER INSERT ON session_overviews REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION project_usage_overviews();
CREATE TRIGGER session_overviews_changed AFTER UPDATE ON session_overviews REFERENCING OLD TABLE AS gone NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION project_usage_overviews();
CREATE TRIGGER session_overviews_deleted AFTER DELETE ON session_overviews REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION project_usage_overviews();

INSERT INTO project_usage AS u (project_id, name, period, slot, value)
SELECT project_id, 'stored_bytes', '', 0, sum(octet_length(coarse) + octet_length(mid) + octet_length(fine)) FROM session_overviews GROUP BY project_id
ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = u.value + excluded.value;

-- +goose Down
DROP TRIGGER session_overviews_added ON session_overviews;
DROP TRIGGER session_overviews_changed ON session_overviews;
DROP TRIGGER session_overviews_deleted ON session_overviews;
DROP FUNCTION project_usage_overviews();
INSERT INTO project_usage AS u (project_id, name, period, slot, value)
SELECT project_id, 'stored_bytes', '', 0, -sum(octet_length(coarse) + octet_length(mid) + octet_length(fine)) FROM session_overviews GROUP BY project_id
ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = u.value + excluded.value;
