-- Devices: what samples are read from. A row says what is wanted of a device (stream, command) and what its holder observed (report). Whoever runs
-- a device holds its lease; fence rises with every change of holders, so that one who has lost the lease changes nothing any more.

-- +goose Up
CREATE TABLE devices (
    project_id       text        NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    id               text COLLATE "C" NOT NULL, -- the caller's
    name             text        NOT NULL,
    type             text        NOT NULL,
    driver           text        NOT NULL,
    agent            text        NOT NULL, -- '' where the service runs it
    serial_number    text        NOT NULL,
    firmware_version text        NOT NULL,
    settings         text,                 -- JSON object
    metadata         text,                 -- JSON object
    capabilities     text        NOT NULL, -- JSON object
    config           text        NOT NULL, -- JSON object
    maintenance      boolean     NOT NULL,
    stream           text,                 -- JSON object; NULL where none is wanted
    command          text,                 -- JSON object; NULL for none
    revision         bigint      NOT NULL,
    holder           text        NOT NULL, -- '' for nobody
    fence            bigint      NOT NULL,
    lease_end        timestamptz,
    report           text        NOT NULL, -- JSON object
    seen_at          timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (project_id, id)
);
-- Those that somebody has to see to are few among all.
CREATE INDEX devices_wanted ON devices (driver) WHERE stream IS NOT NULL OR command IS NOT NULL;
CREATE INDEX devices_holder ON devices (holder) WHERE holder <> '';

-- +goose Down
DROP TABLE devices;
