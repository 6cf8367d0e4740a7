-- Operators look at the jobs of all projects: what they choose by stands in indexes, so that no row is read for it, however much it holds.

-- +goose Up
DROP INDEX jobs_dead;
CREATE INDEX jobs_dead ON jobs (id) WHERE dead_letter;
-- A list is read in order of ids; see store.AdminJobs.
CREATE INDEX jobs_listed ON jobs (id) INCLUDE (state, kind, parent_id, project_id, error_code, owner, dead_letter, attempts);

-- +goose Down
DROP INDEX jobs_listed;
DROP INDEX jobs_dead;
CREATE INDEX jobs_dead ON jobs (finished_at) WHERE dead_letter;
