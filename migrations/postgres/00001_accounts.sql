-- Accounts: who may use the service, and the projects and keys they own.
-- Identifiers are UUIDv7 as text in the C collation, so that they sort by creation exactly as in SQLite.

-- +goose Up
CREATE TABLE users (
    id            text COLLATE "C" PRIMARY KEY,
    email         text             NOT NULL UNIQUE,
    password_hash text             NOT NULL,
    created_at    timestamptz      NOT NULL
);

CREATE TABLE refresh_tokens (
    id         text COLLATE "C" PRIMARY KEY,
    user_id    text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    family     text COLLATE "C" NOT NULL,
    hash       text COLLATE "C" NOT NULL UNIQUE,
    created_at timestamptz      NOT NULL,
    expires_at timestamptz      NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

CREATE TABLE projects (
    id         text COLLATE "C" PRIMARY KEY,
    owner_id   text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       text             NOT NULL,
    created_at timestamptz      NOT NULL
);
CREATE INDEX projects_owner_id ON projects (owner_id, id);

CREATE TABLE api_keys (
    id           text COLLATE "C" PRIMARY KEY,
    project_id   text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name         text             NOT NULL,
    hash         text COLLATE "C" NOT NULL UNIQUE,
    last_four    text             NOT NULL,
    scopes       text             NOT NULL, -- JSON array of strings
    created_at   timestamptz      NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_keys_project_id ON api_keys (project_id, id);

-- +goose Down
DROP TABLE api_keys;
DROP TABLE projects;
DROP TABLE refresh_tokens;
DROP TABLE users;
