-- Workers that come and go with the load: who started a worker, whether it still takes jobs, how many workers a supervisor may keep, and
-- what supervisors have done.

-- +goose Up
ALTER TABLE processes ADD COLUMN supervisor text COLLATE "C" NOT NULL DEFAULT ''; -- the process that started this one
ALTER TABLE processes ADD COLUMN draining boolean NOT NULL DEFAULT false; -- takes no more jobs
ALTER TABLE processes ADD COLUMN workers_min integer NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN workers_max integer NOT NULL DEFAULT 0; -- 0 where it keeps none

CREATE TABLE scale_events (
    id text COLLATE "C" PRIMARY KEY,
    supervisor   text COLLATE "C" NOT NULL,
    host         text NOT NULL,
    kind         text NOT NULL, -- up, down, death, crash_loop, recovered, blocked
    workers_from integer NOT NULL,
    workers_to   integer NOT NULL,
    need         integer NOT NULL,
    reason       text NOT NULL,
    created_at   timestamptz NOT NULL
);

-- +goose Down
DROP TABLE scale_events;
ALTER TABLE processes DROP COLUMN workers_max;
ALTER TABLE processes DROP COLUMN workers_min;
ALTER TABLE processes DROP COLUMN draining;
ALTER TABLE processes DROP COLUMN supervisor;
