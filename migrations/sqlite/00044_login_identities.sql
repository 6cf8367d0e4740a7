-- Who a user is at a provider of logins (OpenID Connect): a provider names a person by issuer and subject, and by nothing else for good.

-- +goose Up
CREATE TABLE login_identities (
    issuer     text      NOT NULL,
    subject    text      NOT NULL,
    user_id    text      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamp NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (user_id, issuer) -- whoever gets an address that was another's at the provider does not get their account
) WITHOUT ROWID;

-- +goose Down
DROP TABLE login_identities;
