-- Training: which job made a model, so that a job that runs again stores it once.

-- +goose Up
ALTER TABLE project_models ADD COLUMN job_id text;
CREATE UNIQUE INDEX project_models_job ON project_models (job_id) WHERE job_id IS NOT NULL;

-- +goose Down
DROP INDEX project_models_job;
ALTER TABLE project_models DROP COLUMN job_id;
