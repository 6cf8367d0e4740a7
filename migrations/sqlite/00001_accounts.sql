-- Accounts: who may use the service, and the projects and keys they own.
-- Times are text in UTC, which compares in time order; the declared type is what makes the driver read them as times.

-- +goose Up
CREATE TABLE users (
    id            text PRIMARY KEY NOT NULL,
    email         text             NOT NULL UNIQUE,
    password_hash text             NOT NULL,
    created_at    timestamp        NOT NULL
) WITHOUT ROWID;

CREATE TABLE refresh_tokens (
    id         text PRIMARY KEY NOT NULL,
    user_id    text             NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    family     text             NOT NULL,
    hash       text             NOT NULL UNIQUE,
    created_at timestamp        NOT NULL,
    expires_at timestamp        NOT NULL,
    used_at    timestamp,
    revoked_at timestamp
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

CREATE TABLE projects (
    id         text PRIMARY KEY NOT NULL,
    owner_id   text             NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       text             NOT NULL,
    created_at timestamp        NOT NULL
) WITHOUT ROWID;
CREATE INDEX projects_owner_id ON projects (owner_id, id);

CREATE TABLE api_keys (
    id           text PRIMARY KEY NOT NULL,
    project_id   text             NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name         text             NOT NULL,
    hash         text             NOT NULL UNIQUE,
    last_four    text             NOT NULL,
    scopes       text             NOT NULL, -- JSON array of strings
    created_at   timestamp        NOT NULL,
    expires_at   timestamp,
    revoked_at   timestamp,
    last_used_at timestamp
) WITHOUT ROWID;
CREATE INDEX api_keys_project_id ON api_keys (project_id, id);

-- +goose Down
DROP TABLE api_keys;
DROP TABLE projects;
DROP TABLE refresh_tokens;
DROP TABLE users;
