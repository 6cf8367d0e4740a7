-- Members: who may act in a project, and as what. The owner of a project becomes a member with the role owner, and a project may
-- have several; the account that made a project may go while the project stays.

-- +goose Up
CREATE TABLE memberships (
    project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id    text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role       text             NOT NULL CHECK (role IN ('owner', 'member', 'viewer')),
    created_at timestamptz      NOT NULL,
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX memberships_user_id ON memberships (user_id, project_id);
INSERT INTO memberships (project_id, user_id, role, created_at) SELECT id, owner_id, 'owner', created_at FROM projects;
ALTER TABLE api_keys ADD COLUMN created_by text COLLATE "C";
UPDATE api_keys SET created_by = (SELECT owner_id FROM projects p WHERE p.id = api_keys.project_id);
DROP INDEX projects_owner_id;
ALTER TABLE projects DROP COLUMN owner_id;

-- +goose Down
-- Of several owners the first one stays.
ALTER TABLE projects ADD COLUMN owner_id text COLLATE "C" REFERENCES users (id) ON DELETE CASCADE;
UPDATE projects SET owner_id = (SELECT user_id FROM memberships m WHERE m.project_id = projects.id AND m.role = 'owner'
    ORDER BY m.created_at, m.user_id LIMIT 1);
ALTER TABLE projects ALTER COLUMN owner_id SET NOT NULL;
CREATE INDEX projects_owner_id ON projects (owner_id, id);
ALTER TABLE api_keys DROP COLUMN created_by;
DROP TABLE memberships;
