-- What operators see and do: when each attempt of a job began and how the former ones ended, jobs that were made again, queues that are paused,
-- the processes there are, how long jobs wait and run, and actions on many jobs at once.

-- +goose Up
ALTER TABLE jobs ADD COLUMN claimed_at timestamptz; -- when the last attempt began
ALTER TABLE jobs ADD COLUMN history text; -- a line for each attempt that did not end the job; see dialect.History
ALTER TABLE jobs ADD COLUMN retried_as text COLLATE "C"; -- the job that an operator made of this one
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_errors ON jobs (error_code, id) WHERE error_code IS NOT NULL;

CREATE TABLE queue_pauses (
    queue text COLLATE "C" PRIMARY KEY,
    paused_by  text COLLATE "C" NOT NULL, -- the user
    created_at timestamptz NOT NULL
);

-- Every process says every few seconds that it is there.
CREATE TABLE processes (
    id text COLLATE "C" PRIMARY KEY, -- of a worker, the owner of its leases
    role       text NOT NULL,
    host       text NOT NULL,
    pid        integer NOT NULL,
    version    text NOT NULL,
    slots      integer NOT NULL, -- jobs that it runs at once; 0 where it runs none
    running    integer NOT NULL,
    memory     bigint NOT NULL, -- bytes
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX processes_seen ON processes (seen_at);

-- Histograms of jobs that ended in a minute or an hour. A minute is written once, by whoever comes first.
CREATE TABLE job_stats (
    step      integer NOT NULL, -- s: 60 or 3600
    at        timestamptz NOT NULL, -- when the step begins
    queue     text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL, -- '' in the row that says that the step was counted
    completed integer NOT NULL,
    failed    integer NOT NULL,
    canceled  integer NOT NULL,
    waited    text NOT NULL, -- JSON: counts by bucket; see package operations
    ran       text NOT NULL,
    PRIMARY KEY (step, at, queue, kind)
);

-- An action on all jobs that meet a filter. A process works through it in the order of ids, a batch a transaction; the cursor moves in the same
-- transaction, so that no job is passed over or done twice.
CREATE TABLE operator_actions (
    id text COLLATE "C" PRIMARY KEY,
    action      text NOT NULL,
    filter      text NOT NULL, -- JSON
    state       text NOT NULL CHECK (state IN ('running', 'completed', 'canceled')),
    requested_by text COLLATE "C" NOT NULL,
    most        integer NOT NULL,
    total       integer NOT NULL, -- that met the filter when it was asked for, as far as most
    done        integer NOT NULL DEFAULT 0,
    skipped     integer NOT NULL DEFAULT 0,
    reasons     text NOT NULL DEFAULT '{}', -- JSON: how many were skipped, by why
    position    text COLLATE "C" NOT NULL DEFAULT '', -- the last job that was looked at
    owner       text NOT NULL DEFAULT '',
    lease_until timestamptz,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX operator_actions_open ON operator_actions (id) WHERE state = 'running';

-- +goose Down
DROP TABLE operator_actions;
DROP TABLE job_stats;
DROP TABLE processes;
DROP TABLE queue_pauses;
DROP INDEX jobs_errors;
DROP INDEX jobs_finished;
ALTER TABLE jobs DROP COLUMN retried_as;
ALTER TABLE jobs DROP COLUMN history;
ALTER TABLE jobs DROP COLUMN claimed_at;
