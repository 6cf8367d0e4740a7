-- Recordings come and go by the thousand a minute, in rows of many pages. By its defaults autovacuum begins when a fifth of a table is dead, and then
-- rests for most of the time: with 500 decodes a second rows died faster than that, and the table grew. Here it begins earlier and goes on as fast as
-- the disk lets it; a table that nothing dies in costs nothing more.

-- +goose Up
ALTER TABLE job_payloads SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- +goose Down
ALTER TABLE jobs RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
ALTER TABLE job_payloads RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay,
    toast.autovacuum_vacuum_scale_factor, toast.autovacuum_vacuum_cost_delay);
