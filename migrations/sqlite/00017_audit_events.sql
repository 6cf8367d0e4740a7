-- The audit log: who did what to accounts, keys and people's data. It can only grow; what is older than 90 days may be pruned.

-- +goose Up
CREATE TABLE audit_events (
    id         text PRIMARY KEY NOT NULL,
    account_id text,
    project_id text,
    actor_kind text      NOT NULL,
    actor      text      NOT NULL,
    action     text      NOT NULL,
    subject    text      NOT NULL,
    details    text      NOT NULL, -- JSON object
    remote     text      NOT NULL,
    request_id text      NOT NULL,
    created_at timestamp NOT NULL
);
CREATE INDEX audit_events_account ON audit_events (account_id, id);
CREATE INDEX audit_events_project ON audit_events (project_id, id);
CREATE INDEX audit_events_created_at ON audit_events (created_at);

-- +goose StatementBegin
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit_events: rows are only ever added');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
WHEN OLD.created_at >= strftime('%Y-%m-%d %H:%M:%S', 'now', '-90 days')
BEGIN
    SELECT RAISE(ABORT, 'audit_events: rows are only ever added');
END;
-- +goose StatementEnd
-- INSERT OR REPLACE deletes without the trigger above (https://sqlite.org/lang_conflict.html).
-- +goose StatementBegin
CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit_events: rows are only ever added');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit_events;
