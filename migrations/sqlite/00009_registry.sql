-- Registry: the models of projects, the licence tier of keys, and what clients report of their use.
-- No foreign keys, as with jobs and sessions.

-- +goose Up
ALTER TABLE api_keys ADD COLUMN license text NOT NULL DEFAULT 'free' CHECK (license IN ('free', 'research', 'commercial'));

-- A name stays when its versions are gone: a version never comes to mean another file.
CREATE TABLE project_model_names (
    project_id text NOT NULL,
    name text NOT NULL,
    last_number integer NOT NULL,
    last_version text NOT NULL,
    PRIMARY KEY (project_id, name)
);

CREATE TABLE project_models (
    id text PRIMARY KEY NOT NULL,
    project_id text NOT NULL,
    name text NOT NULL,
    number integer NOT NULL,
    version text NOT NULL,
    paradigm text NOT NULL,
    pipeline text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'retired')),
    size bigint NOT NULL,
    sha256 text NOT NULL,
    info text NOT NULL, -- JSON, the card included
    codec text NOT NULL,
    data blob NOT NULL,
    created_at timestamp NOT NULL
);
CREATE UNIQUE INDEX project_models_number ON project_models (project_id, name, number);
CREATE UNIQUE INDEX project_models_version ON project_models (project_id, name, version);
CREATE UNIQUE INDEX project_models_active ON project_models (project_id, name) WHERE state = 'active';

-- The sessions a model was trained on, for erasure.
CREATE TABLE project_model_sessions (
    model_id text NOT NULL,
    session_id text NOT NULL,
    project_id text NOT NULL,
    PRIMARY KEY (model_id, session_id)
);
CREATE INDEX project_model_sessions_session ON project_model_sessions (session_id);

CREATE TABLE analytics_events (
    id text PRIMARY KEY NOT NULL,
    project_id text NOT NULL,
    key_id text NOT NULL,
    event_type text NOT NULL,
    model_name text,
    inference_type text,
    duration_ms double,
    success boolean,
    error_message text,
    metadata text, -- JSON object
    created_at timestamp NOT NULL
);
CREATE INDEX analytics_events_project ON analytics_events (project_id, id);
CREATE INDEX analytics_events_created ON analytics_events (created_at);

CREATE TABLE analytics_months (
    project_id text NOT NULL,
    month text NOT NULL, -- 2026-01, UTC
    used bigint NOT NULL,
    PRIMARY KEY (project_id, month)
);

-- +goose Down
DROP TABLE analytics_months;
DROP TABLE analytics_events;
DROP TABLE project_model_sessions;
DROP TABLE project_models;
DROP TABLE project_model_names;
ALTER TABLE api_keys DROP COLUMN license;
