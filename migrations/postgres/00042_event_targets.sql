-- Whether the flash that an event is was attended, where who recorded it knew: trainings of P300 models learn it.

-- +goose Up
ALTER TABLE session_events ADD COLUMN target boolean; -- null where it is not known

-- +goose Down
ALTER TABLE session_events DROP COLUMN target;
