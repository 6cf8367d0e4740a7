-- Turns: workers choose among the projects that wait, so each must be found without reading the others' queues.

-- +goose Up
ALTER TABLE jobs ADD COLUMN not_before timestamptz;
CREATE INDEX jobs_turns ON jobs (project_id, id) WHERE state = 'queued' AND parent_id IS NULL AND items_total = 0;
CREATE INDEX jobs_item_turns ON jobs (project_id, id) WHERE state = 'queued' AND parent_id IS NOT NULL;

-- What a project has instead of the server's settings, such as its share of the workers.
CREATE TABLE project_quotas (
    project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name       text COLLATE "C" NOT NULL,
    value      bigint           NOT NULL,
    PRIMARY KEY (project_id, name)
);

-- +goose Down
DROP TABLE project_quotas;
DROP INDEX jobs_item_turns;
DROP INDEX jobs_turns;
ALTER TABLE jobs DROP COLUMN not_before;
