-- Webhooks: where projects want to be told of what happens, the events that were told, and how each delivery goes.
--
-- Events are made by triggers: whatever statement ends a job, completes a session or writes a decode makes its event in the same
-- transaction, so that none is lost and none is made for what was rolled back. Its id follows from what it tells of: what is done again
-- after a crash tells the same event. A project without webhooks costs a look into an index.

-- +goose Up
CREATE TABLE webhooks (
    id              text      PRIMARY KEY NOT NULL,
    project_id      text      NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    url             text      NOT NULL,
    host            text      NOT NULL, -- of url, with its port
    description     text      NOT NULL,
    events          text      NOT NULL, -- JSON array of types
    enabled         boolean   NOT NULL,
    reason          text      NOT NULL, -- why the server has disabled it; '' otherwise
    secret          text      NOT NULL, -- sealed, base64
    old_secret      text      NOT NULL, -- '' for none
    old_secret_ends timestamp,
    failing_since   timestamp,          -- the first failure since the last success
    delivered_at    timestamp,          -- about when the last one was delivered
    created_at      timestamp NOT NULL,
    updated_at      timestamp NOT NULL
);
CREATE INDEX webhooks_project ON webhooks (project_id, id);

-- Facts are those that the event is told with and that may be gone when it is sent; what is large stays where it is.
CREATE TABLE webhook_events (
    id         text      PRIMARY KEY NOT NULL,
    project_id text      NOT NULL,
    type       text      NOT NULL,
    subject    text      NOT NULL, -- what it is about: a job, a session, a decode of one
    session_id text,               -- the session that it is erased with
    facts      text      NOT NULL, -- JSON object
    created_at timestamp NOT NULL
);
CREATE INDEX webhook_events_subject ON webhook_events (subject);
CREATE INDEX webhook_events_project ON webhook_events (project_id);
CREATE INDEX webhook_events_session ON webhook_events (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX webhook_events_created_at ON webhook_events (created_at);

-- A delivery is due when next_attempt_at has passed. An attempt that runs has put it ahead: that is its lease.
CREATE TABLE webhook_deliveries (
    id              text      PRIMARY KEY NOT NULL,
    webhook_id      text      NOT NULL,
    event_id        text      NOT NULL REFERENCES webhook_events (id) ON DELETE CASCADE,
    project_id      text      NOT NULL,
    state           text      NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts        integer   NOT NULL DEFAULT 0,
    next_attempt_at timestamp NOT NULL,
    expires_at      timestamp NOT NULL, -- no attempt begins later
    created_at      timestamp NOT NULL,
    finished_at     timestamp,
    CHECK ((finished_at IS NULL) = (state = 'pending')),
    UNIQUE (event_id, webhook_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at, id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_project ON webhook_deliveries (project_id);
CREATE INDEX webhook_deliveries_created_at ON webhook_deliveries (created_at);

CREATE TABLE webhook_attempts (
    delivery_id text      NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    attempt     integer   NOT NULL,
    started_at  timestamp NOT NULL,
    duration_ms integer,            -- NULL while it runs, and where its process was lost
    status      integer,            -- HTTP status, NULL where there was no answer
    error       text      NOT NULL, -- '' for none
    answer      text      NOT NULL, -- the beginning of the receiver's answer
    PRIMARY KEY (delivery_id, attempt)
);

-- Items of batches are told of by their batch. The job that writes a live session's windows ends with nearly every batch of samples:
-- only its faults are told. Ids of deliveries are UUIDs of version 7 (RFC 9562, 5.7), which
-- sort by creation.
-- +goose StatementBegin
CREATE TRIGGER webhooks_job_finished AFTER UPDATE OF state ON jobs
WHEN NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL AND NEW.parent_id IS NULL AND NOT (NEW.kind = 'session_windows' AND NEW.state = 'completed')
BEGIN
    INSERT INTO webhook_events (id, project_id, type, subject, facts, created_at)
    SELECT 'evt_pi_' || NEW.id || CASE WHEN t.type = 'model.trained' THEN '_model' ELSE '' END, NEW.project_id, t.type, NEW.id,
        json_object('kind', NEW.kind, 'created_at', CAST(strftime('%s', NEW.created_at) AS INTEGER), 'finished_at', CAST(strftime('%s', NEW.finished_at) AS INTEGER),
            'code', NEW.error_code, 'model', CASE WHEN t.type = 'model.trained' AND json_valid(NEW.output) THEN json_extract(NEW.output, '$.model') END),
        NEW.finished_at
    FROM (SELECT 'job.' || NEW.state AS type UNION ALL SELECT 'model.trained' WHERE NEW.state = 'completed' AND NEW.kind IN ('model_train', 'model_calibrate')) t
    WHERE EXISTS (SELECT 1 FROM webhooks w WHERE w.project_id = NEW.project_id AND w.enabled AND instr(w.events, '"' || t.type || '"') > 0)
    ON CONFLICT DO NOTHING;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER webhooks_job_accepted_finished AFTER INSERT ON jobs
WHEN NEW.finished_at IS NOT NULL AND NEW.parent_id IS NULL AND NOT (NEW.kind = 'session_windows' AND NEW.state = 'completed')
BEGIN
    INSERT INTO webhook_events (id, project_id, type, subject, facts, created_at)
    SELECT 'evt_pi_' || NEW.id || CASE WHEN t.type = 'model.trained' THEN '_model' ELSE '' END, NEW.project_id, t.type, NEW.id,
        json_object('kind', NEW.kind, 'created_at', CAST(strftime('%s', NEW.created_at) AS INTEGER), 'finished_at', CAST(strftime('%s', NEW.finished_at) AS INTEGER),
            'code', NEW.error_code, 'model', CASE WHEN t.type = 'model.trained' AND json_valid(NEW.output) THEN json_extract(NEW.output, '$.model') END),
        NEW.finished_at
    FROM (SELECT 'job.' || NEW.state AS type UNION ALL SELECT 'model.trained' WHERE NEW.state = 'completed' AND NEW.kind IN ('model_train', 'model_calibrate')) t
    WHERE EXISTS (SELECT 1 FROM webhooks w WHERE w.project_id = NEW.project_id AND w.enabled AND instr(w.events, '"' || t.type || '"') > 0)
    ON CONFLICT DO NOTHING;
END;
-- +goose StatementEnd
-- A live session that has ended is complete when its last windows are written.
-- +goose StatementBegin
CREATE TRIGGER webhooks_session_completed AFTER UPDATE ON sessions
WHEN (NEW.state = 'COMPLETE' AND OLD.state <> 'COMPLETE')
    OR (NEW.state = 'ENDED' AND NEW.seen_count >= NEW.batch_count AND (OLD.state <> 'ENDED' OR OLD.seen_count < OLD.batch_count))
BEGIN
    INSERT INTO webhook_events (id, project_id, type, subject, session_id, facts, created_at)
    SELECT 'evt_pi_' || NEW.id, NEW.project_id, 'session.completed', NEW.id, NEW.id,
        json_object('mode', NEW.ingestion_mode, 'windows', NEW.window_count), strftime('%Y-%m-%d %H:%M:%f', 'now') || '+00:00'
    WHERE EXISTS (SELECT 1 FROM webhooks w WHERE w.project_id = NEW.project_id AND w.enabled AND instr(w.events, '"' || 'session.completed' || '"') > 0)
    ON CONFLICT DO NOTHING;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER webhooks_decoded AFTER INSERT ON session_decodes
WHEN instr(NEW.data, '"decoded_intent":"') > 0
BEGIN
    INSERT INTO webhook_events (id, project_id, type, subject, session_id, facts, created_at)
    SELECT 'evt_pi_' || NEW.session_id || '_' || NEW.decode_index, NEW.project_id, 'decode.intent', NEW.session_id || '/' || NEW.decode_index, NEW.session_id,
        json_object('index', NEW.decode_index), NEW.created_at
    WHERE EXISTS (SELECT 1 FROM webhooks w WHERE w.project_id = NEW.project_id AND w.enabled AND instr(w.events, '"' || 'decode.intent' || '"') > 0)
    ON CONFLICT DO NOTHING;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER webhooks_fan_out AFTER INSERT ON webhook_events
BEGIN
    INSERT INTO webhook_deliveries (id, webhook_id, event_id, project_id, state, next_attempt_at, expires_at, created_at)
    SELECT lower(substr(printf('%012x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)), 1, 8) || '-' || substr(printf('%012x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)), 9, 4) || '-7' ||
            substr(hex(randomblob(2)), 1, 3) || '-' || substr('89ab', 1 + (abs(random()) % 4), 1) || substr(hex(randomblob(2)), 1, 3) || '-' || hex(randomblob(6))), w.id, NEW.id, NEW.project_id, 'pending', '1970-01-01 00:00:00+00:00',
        strftime('%Y-%m-%d %H:%M:%f', 'now', '+24 hours') || '+00:00', strftime('%Y-%m-%d %H:%M:%f', 'now') || '+00:00'
    FROM webhooks w
    WHERE w.project_id = NEW.project_id AND w.enabled AND instr(w.events, '"' || NEW.type || '"') > 0;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER webhooks_job_finished;
DROP TRIGGER webhooks_job_accepted_finished;
DROP TRIGGER webhooks_session_completed;
DROP TRIGGER webhooks_decoded;
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_events;
DROP TABLE webhooks;
