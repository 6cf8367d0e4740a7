-- The audit log: who did what to accounts, keys and people's data. It can only grow; what is older than 90 days may be pruned.

-- +goose Up
CREATE TABLE audit_events (
    id         text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C",
    project_id text COLLATE "C",
    actor_kind text             NOT NULL,
    actor      text             NOT NULL,
    action     text             NOT NULL,
    subject    text             NOT NULL,
    details    text             NOT NULL, -- JSON object
    remote     text             NOT NULL,
    request_id text             NOT NULL,
    created_at timestamptz      NOT NULL
);
CREATE INDEX audit_events_account ON audit_events (account_id, id);
CREATE INDEX audit_events_project ON audit_events (project_id, id);
CREATE INDEX audit_events_created_at ON audit_events (created_at);

-- +goose StatementBegin
CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.created_at < now() - interval '90 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_events: rows are only ever added';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_append_only();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only();

-- +goose Down
DROP TABLE audit_events;
DROP FUNCTION audit_events_append_only();
