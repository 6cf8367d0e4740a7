-- Webhooks: where projects want to be told of what happens, the events that were told, and how each delivery goes.
--
-- Events are made by triggers: whatever statement ends a job, completes a session or writes a decode makes its event in the same
-- transaction, so that none is lost and none is made for what was rolled back. Its id follows from what it tells of: what is done again
-- after a crash tells the same event. A project without webhooks costs a look into an index.

-- +goose Up
CREATE TABLE webhooks (
    id              text COLLATE "C" PRIMARY KEY NOT NULL,
    project_id      text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    url             text        NOT NULL,
    host            text        NOT NULL, -- of url, with its port
    description     text        NOT NULL,
    events          text        NOT NULL, -- JSON array of types
    enabled         boolean     NOT NULL,
    reason          text        NOT NULL, -- why the server has disabled it; '' otherwise
    secret          text        NOT NULL, -- sealed, base64
    old_secret      text        NOT NULL, -- '' for none
    old_secret_ends timestamptz,
    failing_since   timestamptz,          -- the first failure since the last success
    delivered_at    timestamptz,          -- about when the last one was delivered
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX webhooks_project ON webhooks (project_id, id);

-- Facts are those that the event is told with and that may be gone when it is sent; what is large stays where it is.
CREATE TABLE webhook_events (
    id         text COLLATE "C" PRIMARY KEY NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    type       text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL, -- what it is about: a job, a session, a decode of one
    session_id text COLLATE "C",          -- the session that it is erased with
    facts      text             NOT NULL, -- JSON object
    created_at timestamptz      NOT NULL
);
CREATE INDEX webhook_events_subject ON webhook_events (subject);
CREATE INDEX webhook_events_project ON webhook_events (project_id);
CREATE INDEX webhook_events_session ON webhook_events (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX webhook_events_created_at ON webhook_events (created_at);

-- A delivery is due when next_attempt_at has passed. An attempt that runs has put it ahead: that is its lease.
CREATE TABLE webhook_deliveries (
    id              text COLLATE "C" PRIMARY KEY NOT NULL,
    webhook_id      text COLLATE "C" NOT NULL,
    event_id        text COLLATE "C" NOT NULL REFERENCES webhook_events (id) ON DELETE CASCADE,
    project_id      text COLLATE "C" NOT NULL,
    state           text             NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts        integer          NOT NULL DEFAULT 0,
    next_attempt_at timestamptz      NOT NULL,
    expires_at      timestamptz      NOT NULL, -- no attempt begins later
    created_at      timestamptz      NOT NULL,
    finished_at     timestamptz,
    CHECK ((finished_at IS NULL) = (state = 'pending')),
    UNIQUE (event_id, webhook_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at, id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_project ON webhook_deliveries (project_id);
CREATE INDEX webhook_deliveries_created_at ON webhook_deliveries (created_at);

CREATE TABLE webhook_attempts (
    delivery_id text COLLATE "C" NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    attempt     integer          NOT NULL,
    started_at  timestamptz      NOT NULL,
    duration_ms integer,                   -- NULL while it runs, and where its process was lost
    status      integer,                   -- HTTP status, NULL where there was no answer
    error       text             NOT NULL, -- '' for none
    answer      text             NOT NULL, -- the beginning of the receiver's answer
    PRIMARY KEY (delivery_id, attempt)
);

-- A UUID of version 7 (RFC 9562, 5.7): ids sort by creation.
-- +goose StatementBegin
CREATE FUNCTION webhook_new_id() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(gen_random_uuid()::text, 16)
    FROM (SELECT lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') AS h) t
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION webhook_wanted(project text, event text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM webhooks w WHERE w.project_id = project AND w.enabled AND position('"' || event || '"' IN w.events) > 0)
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION webhook_job_finished() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.project_id = NEW.project_id AND w.enabled) THEN
        RETURN NULL; -- at the cost of one look
    END IF;
    INSERT INTO webhook_events (id, project_id, type, subject, facts, created_at)
    SELECT 'evt_pi_' || NEW.id || CASE WHEN t.type = 'model.trained' THEN '_model' ELSE '' END, NEW.project_id, t.type, NEW.id,
        json_build_object('kind', NEW.kind, 'created_at', floor(extract(epoch FROM NEW.created_at))::bigint,
            'finished_at', floor(extract(epoch FROM NEW.finished_at))::bigint, 'code', NEW.error_code,
            'model', substring(NEW.output FROM '"model":\s*"([^"\\]+)"')),
        NEW.finished_at
    FROM (VALUES ('job.' || NEW.state), (CASE WHEN NEW.state = 'completed' AND NEW.kind IN ('model_train', 'model_calibrate') THEN 'model.trained' END)) AS t (type)
    WHERE t.type IS NOT NULL AND webhook_wanted(NEW.project_id, t.type)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION webhook_session_completed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.project_id = NEW.project_id AND w.enabled) THEN
        RETURN NULL; -- at the cost of one look
    END IF;
    INSERT INTO webhook_events (id, project_id, type, subject, session_id, facts, created_at)
    SELECT 'evt_pi_' || NEW.id, NEW.project_id, 'session.completed', NEW.id, NEW.id,
        json_build_object('mode', NEW.ingestion_mode, 'windows', NEW.window_count), date_trunc('milliseconds', clock_timestamp())
    WHERE webhook_wanted(NEW.project_id, 'session.completed')
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION webhook_decoded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.project_id = NEW.project_id AND w.enabled) THEN
        RETURN NULL; -- at the cost of one look
    END IF;
    INSERT INTO webhook_events (id, project_id, type, subject, session_id, facts, created_at)
    SELECT 'evt_pi_' || NEW.session_id || '_' || NEW.decode_index, NEW.project_id, 'decode.intent', NEW.session_id || '/' || NEW.decode_index, NEW.session_id,
        json_build_object('index', NEW.decode_index), NEW.created_at
    WHERE webhook_wanted(NEW.project_id, 'decode.intent')
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION webhook_fan_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_deliveries (id, webhook_id, event_id, project_id, state, next_attempt_at, expires_at, created_at)
    SELECT webhook_new_id(), w.id, NEW.id, NEW.project_id, 'pending', 'epoch', clock_timestamp() + interval '24 hours', clock_timestamp()
    FROM webhooks w WHERE w.project_id = NEW.project_id AND w.enabled AND position('"' || NEW.type || '"' IN w.events) > 0;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- Items of batches are told of by their batch. The job that writes a live session's windows ends with nearly every batch of samples:
-- only its faults are told.
CREATE TRIGGER webhooks_job_finished AFTER UPDATE OF state ON jobs FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL AND NEW.parent_id IS NULL AND NOT (NEW.kind = 'session_windows' AND NEW.state = 'completed'))
    EXECUTE FUNCTION webhook_job_finished();
CREATE TRIGGER webhooks_job_accepted_finished AFTER INSERT ON jobs FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL AND NEW.parent_id IS NULL AND NOT (NEW.kind = 'session_windows' AND NEW.state = 'completed'))
    EXECUTE FUNCTION webhook_job_finished();
-- A live session that has ended is complete when its last windows are written.
CREATE TRIGGER webhooks_session_completed AFTER UPDATE ON sessions FOR EACH ROW
    WHEN ((NEW.state = 'COMPLETE' AND OLD.state <> 'COMPLETE')
        OR (NEW.state = 'ENDED' AND NEW.seen_count >= NEW.batch_count AND (OLD.state <> 'ENDED' OR OLD.seen_count < OLD.batch_count)))
    EXECUTE FUNCTION webhook_session_completed();
CREATE TRIGGER webhooks_decoded AFTER INSERT ON session_decodes FOR EACH ROW
    WHEN (position('"decoded_intent":"' IN NEW.data) > 0)
    EXECUTE FUNCTION webhook_decoded();
CREATE TRIGGER webhooks_fan_out AFTER INSERT ON webhook_events FOR EACH ROW EXECUTE FUNCTION webhook_fan_out();

-- +goose Down
DROP TRIGGER webhooks_job_finished ON jobs;
DROP TRIGGER webhooks_job_accepted_finished ON jobs;
DROP TRIGGER webhooks_session_completed ON sessions;
DROP TRIGGER webhooks_decoded ON session_decodes;
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_events;
DROP TABLE webhooks;
DROP FUNCTION webhook_job_finished();
DROP FUNCTION webhook_session_completed();
DROP FUNCTION webhook_decoded();
DROP FUNCTION webhook_fan_out();
DROP FUNCTION webhook_wanted(text, text);
DROP FUNCTION webhook_new_id();
