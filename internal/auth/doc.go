// Package auth holds the cryptography of accounts: password hashes, API keys and tokens.
//
// It decides nothing about who may do what; that is the service layer's.
//
// Invariants:
//
//   - Passwords are hashed with argon2id (RFC 9106); API keys and refresh tokens, which are 256 random bits, with
//     SHA-256. No secret is stored or logged.
//   - Secrets are compared in constant time, and a login for an e-mail that does not exist does the same work as
//     one that does.
//   - Access tokens are JWTs (RFC 7519) with one pinned algorithm, issuer, audience and type: what a token says
//     about its own algorithm is never followed (RFC 8725, 3.1).
//   - The memory that logins can take together is bounded.
package auth
