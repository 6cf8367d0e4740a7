-- A session that was made of a file ended with its last sample, not when the file was uploaded.

-- +goose Up
UPDATE sessions SET ended_at = NULL WHERE id IN (SELECT session_id FROM session_imports);

-- +goose Down
UPDATE sessions SET ended_at = created_at WHERE ended_at IS NULL AND id IN (SELECT session_id FROM session_imports);
