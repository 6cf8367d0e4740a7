-- What sessions look like from afar counts as stored, too.

-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER session_overviews_added AFTER INSERT ON session_overviews
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value)
    VALUES (NEW.project_id, 'stored_bytes', '', 0, length(NEW.coarse) + length(NEW.mid) + length(NEW.fine))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER session_overviews_changed AFTER UPDATE ON session_overviews
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value)
    VALUES (NEW.project_id, 'stored_bytes', '', 0, length(NEW.coarse) + length(NEW.mid) + length(NEW.fine) - length(OLD.coarse) - length(OLD.mid) - length(OLD.fine))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER session_overviews_deleted AFTER DELETE ON session_overviews
BEGIN
    INSERT INTO project_usage (project_id, name, period, slot, value)
    VALUES (OLD.project_id, 'stored_bytes', '', 0, -length(OLD.coarse) - length(OLD.mid) - length(OLD.fine))
    ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
END;
-- +goose StatementEnd

INSERT INTO project_usage (project_id, name, period, slot, value)
SELECT project_id, 'stored_bytes', '', 0, sum(length(coarse) + length(mid) + length(fine)) FROM session_overviews WHERE true GROUP BY project_id
ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;

-- +goose Down
DROP TRIGGER session_overviews_added;
DROP TRIGGER session_overviews_changed;
DROP TRIGGER session_overviews_deleted;
INSERT INTO project_usage (project_id, name, period, slot, value)
SELECT project_id, 'stored_bytes', '', 0, -sum(length(coarse) + length(mid) + length(fine)) FROM session_overviews WHERE true GROUP BY project_id
ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = value + excluded.value;
