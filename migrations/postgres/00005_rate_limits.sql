-- Rate limits that an API key carries instead of the server's: JSON, {"sessions":{"per_minute":600,"burst":1200}}.

-- +goose Up
ALTER TABLE api_keys ADD COLUMN rate_limits text NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE api_keys DROP COLUMN rate_limits;
