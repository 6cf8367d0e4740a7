-- Operators look at the jobs of all projects: what they count and choose by stands in indexes, so that no row is read for it, however much it holds.

-- +goose Up
-- The queues by what they are counted by. They replace indexes that began alike, so that a job writes no entry more.
DROP INDEX jobs_turns;
DROP INDEX jobs_item_turns;
CREATE INDEX jobs_turns ON jobs (project_id, id, kind, not_before, attempts) WHERE state = 'queued' AND parent_id IS NULL AND items_total = 0;
CREATE INDEX jobs_item_turns ON jobs (project_id, id, kind, not_before, attempts) WHERE state = 'queued' AND parent_id IS NOT NULL;
DROP INDEX jobs_dead;
CREATE INDEX jobs_dead ON jobs (id, kind, parent_id, error_code, finished_at, dead_letter) WHERE dead_letter;
-- A list is read in order of ids; see store.AdminJobs.
CREATE INDEX jobs_listed ON jobs (id, state, kind, parent_id, project_id, error_code, owner, dead_letter, attempts);

-- +goose Down
DROP INDEX jobs_listed;
DROP INDEX jobs_dead;
CREATE INDEX jobs_dead ON jobs (finished_at) WHERE dead_letter;
DROP INDEX jobs_item_turns;
DROP INDEX jobs_turns;
CREATE INDEX jobs_turns ON jobs (project_id, id) WHERE state = 'queued' AND parent_id IS NULL AND items_total = 0;
CREATE INDEX jobs_item_turns ON jobs (project_id, id) WHERE state = 'queued' AND parent_id IS NOT NULL;
