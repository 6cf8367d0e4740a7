-- Invitations of e-mail addresses into projects. One address has one open invitation into a project; a second one takes the
-- place of the first.

-- +goose Up
CREATE TABLE invitations (
    id          text COLLATE "C" PRIMARY KEY NOT NULL,
    project_id  text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    email       text NOT NULL,
    role        text NOT NULL CHECK (role IN ('owner', 'member', 'viewer')),
    hash        text COLLATE "C" NOT NULL UNIQUE,
    created_by  text COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at  timestamptz
);
CREATE UNIQUE INDEX invitations_open ON invitations (project_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL;

-- +goose Down
DROP TABLE invitations;
