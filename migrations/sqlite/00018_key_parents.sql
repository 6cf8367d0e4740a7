-- Keys know the key that was refreshed into them, so that revoking one takes all that came of it.

-- +goose Up
ALTER TABLE api_keys ADD COLUMN parent_id text;
CREATE INDEX api_keys_parent ON api_keys (parent_id) WHERE parent_id IS NOT NULL;

-- +goose Down
DROP INDEX api_keys_parent;
ALTER TABLE api_keys DROP COLUMN parent_id;
