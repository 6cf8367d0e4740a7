-- Who a user is at a provider of logins (OpenID Connect): a provider names a person by issuer and subject, and by nothing else for good.

-- +goose Up
CREATE TABLE login_identities (
    issuer     text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz      NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (user_id, issuer) -- whoever gets an address that was another's at the provider does not get their account
);

-- +goose Down
DROP TABLE login_identities;
