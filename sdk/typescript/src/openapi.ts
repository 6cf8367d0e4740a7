// Generated from api/openapi.yaml by tools/types.mjs (npm run types). Do not edit.

export interface paths {
    "/api/v1/neuro/decode": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Submit one recording
         * @description Scope `decode` or role `member`. The recording is judged by its schema at once and decoded by a worker.
         */
        post: operations["decode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/neuro/decode/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Submit many recordings as one job
         * @description Scope `decode` or role `member`. An item that does not pass the schema is kept as a failed item with its own error, visible in
         *     this answer and in the parent; the others run. When no item passes, the answer is 400 and nothing is kept.
         */
        post: operations["decodeBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List jobs, newest first
         * @description Scope `jobs:read` or role `viewer`. Items of batches are listed only with `parent_id`.
         */
        get: operations["listJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a job, or wait for it
         * @description Scope `jobs:read` or role `viewer`. With `wait_for_completion=true` the answer comes as soon as the job is in a final state, or
         *     when `timeout_seconds` have passed, with the job in its state at that time.
         */
        get: operations["getJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a job
         * @description Scope `jobs:write` or role `member`. A batch takes its items along. Canceling again, or a job in a final state, changes nothing:
         *     the answer is the job as it stands, without `output`, `diagnostics` and the text of errors where the key lacks
         *     `jobs:read`. An erasure (`user_erase`) cannot be canceled: 409.
         */
        post: operations["cancelJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}/attempts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How the attempts of a job went
         * @description Scope `jobs:read` or role `viewer`. Every attempt in order, the last one as it stands. `worker` names the process that ran it: the same name is the same process, and says nothing else of it.
         */
        get: operations["jobAttempts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}/run-again": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make another job like one that has ended
         * @description Scopes `decode` and `jobs:read`, or role `member`; of a job that makes a model, scope `catalog:write` as well. The request and the recording are those of the first,
         *     which stays as it is. 409 `job_state_conflict` where it has not ended, `job_not_repeatable` where retention has deleted the recording or
         *     jobs of its kind follow from other calls.
         */
        post: operations["runAgain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/signup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an account and log in
         * @description With `invitation` the new account is a member of the project from its first moment, and that is possible where sign-up is disabled
         *     (403 `signup_disabled` otherwise). 404 `invitation_not_found`, and no account, where the token is not good for this address.
         */
        post: operations["signup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in
         * @description Wrong passwords are throttled.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a refresh token, once; or replace an API key
         * @description With `refresh_token` in the body: new tokens of the same login. A refresh token that is used twice revokes its whole login.
         *
         *     Without it, the call is about the API key in `api_key` or `Authorization: Bearer`: the answer has a new key with the same
         *     name, scopes, licence, rate limits and end; the old one works for one more hour. `Idempotency-Key` is looked at here only.
         */
        post: operations["refresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Whether an API key is good, and for what */
        post: operations["validateKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/installer/github-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * That nothing is to be installed
         * @description The registry document's client asks here for access to a closed program that decodes on its own machine. This server decodes by itself, so a good key
         *     is answered 503 `NOT_CONFIGURED`.
         */
        post: operations["installerToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revoke the API key that is sent, for good
         * @description With `include_refreshed` every key that was refreshed from it as well, and from those; without it they live on.
         */
        post: operations["revokeOwnKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Whether an API key is good, and for what, as `/v1/auth/validate` */
        post: operations["validateKeyUnversioned"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a refresh token or an API key, as `/v1/auth/refresh`
         * @description With `refresh_token` in the body: new tokens of the same login. A refresh token that is used twice revokes its whole login.
         *
         *     Without it, the call is about the API key in `api_key` or `Authorization: Bearer`: the answer holds a new key with the same
         *     name, scopes, licence, rate limits and end; the old one works for one more hour. `Idempotency-Key` is looked at here only.
         */
        post: operations["refreshUnversioned"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revoke the API key that is sent, as `/v1/auth/revoke`
         * @description With `include_refreshed` every key that was refreshed from it as well, and from those; without it they live on.
         */
        post: operations["revokeOwnKeyUnversioned"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/installer/github-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * That nothing is to be installed, as `/v1/installer/github-token`
         * @description The registry document's client asks here for access to a closed program that decodes on its own machine. This server decodes by itself, so a good key
         *     is answered 503 `NOT_CONFIGURED`.
         */
        post: operations["installerTokenUnversioned"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revoke the refresh tokens of one login */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/browser/signup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an account and log in a browser
         * @description As `/v1/auth/signup`, for a page of this server; see `/v1/auth/browser/login`.
         */
        post: operations["browserSignup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/browser/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in a browser
         * @description For the pages that this server serves. The refresh token is a cookie that no script reads (`HttpOnly`, `SameSite=Strict`, `Secure` behind
         *     TLS); the answer has the access token alone, which a page keeps in its memory. A call of another origin's page is refused with 403
         *     `origin_not_allowed`, whatever origins the server lets use the rest of the API. A login that the browser had before ends.
         */
        post: operations["browserLogin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/browser/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A new access token by the browser's cookie
         * @description The cookie is exchanged as well. Pages of one browser share it: the same may come again within 30 s, later it ends the login, as a refresh
         *     token does that is used twice.
         */
        post: operations["browserRefresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/browser/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the login of the browser */
        post: operations["browserLogout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/oidc/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Send a browser to the provider of logins
         * @description For the login page that this server serves, which goes here as to a link: the browser is sent to the provider of OpenID Connect that the server is set
         *     up with, and comes back to `/v1/auth/oidc/callback`. An attempt is good for 10 minutes, in this browser alone, which keeps it in a sealed cookie
         *     (`HttpOnly`, `SameSite=Lax`, `Secure` behind TLS). Where the provider does not answer, the browser is sent back to the login page with
         *     `error=provider_unavailable`. Without a provider the call is 503 `not_configured`.
         */
        get: operations["oidcLogin"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/oidc/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Take a browser back from the provider of logins
         * @description The redirect URI that the provider must know. It takes `code` and `state`, or `error`, as OpenID Connect has them (Core 1.0, section 3.1.2.5), and the
         *     browser's attempt. The browser is logged in as by `/v1/auth/browser/login`, and goes on to the console's login page: with `entered=yes`, or with
         *     an `error`, one of `login_expired`, `login_canceled`, `login_refused`, `provider_unavailable`, `email_unverified`, `identity_conflict`,
         *     `signup_disabled`, `invitation_not_found`, `rate_limited`, `storage_full`, `unavailable` and `internal_error`.
         */
        get: operations["oidcCallback"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is logged in */
        get: operations["account"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End every login of the user
         * @description No refresh token of the user works any more, in no client and no browser. Access tokens live on until they expire.
         */
        post: operations["logoutEverywhere"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/server": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a page needs to know before anybody logs in */
        get: operations["server"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List one's projects */
        get: operations["listProjects"];
        put?: never;
        /** Make a project */
        post: operations["createProject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a project
         * @description Role `viewer`.
         */
        get: operations["getProject"];
        put?: never;
        post?: never;
        /**
         * Delete a project with everything in it
         * @description Role `owner`. Its keys work no more and nothing of it can be read at once. A job deletes keys, sessions, jobs, models and events, a part at a time; the call waits
         *     for it up to 60 s. What stays is the audit log.
         */
        delete: operations["deleteProject"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the password
         * @description Takes the current one again. Every login ends, and the answer is a new one; access tokens that were given out live on until they expire.
         */
        post: operations["changePassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete the account with the projects that nobody else is in
         * @description Takes the password again. The account is gone at once and its projects are out of reach; a job each deletes what they hold. Projects with
         *     another owner lose a member. 409 `last_owner`, and nothing is deleted, where others would be left in a project without an owner: `details.projects`
         *     names them; make another member an owner or delete them first. What stays is the audit log.
         */
        post: operations["deleteAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        /**
         * What the project may use, and uses
         * @description Role `owner`. `days` are counted in memory and written every 10 s: what other processes have counted since is missing. A call that would pass one of these limits is refused with `X-Quota-Name`, `X-Quota-Limit` and `X-Quota-Used` and the same in `details`
         *     (`quota`, `limit`, `used`): 429 `project_quota_exceeded` with `Retry-After` where waiting helps (`waiting_jobs`, `windows_per_day`), 403
         *     `project_quota_full` where something must be ended or deleted first (`stored_bytes`, `open_sessions`, `models`).
         */
        get: operations["projectUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/retention": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        /**
         * How long the project keeps what has ended
         * @description Role `owner`.
         */
        get: operations["projectRetention"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change how long the project keeps what has ended
         * @description Role `owner`. What is not given stays as it is; 0 is what the server does: its settings for jobs and their recordings, and no end for sessions and windows. What is older then goes within
         *     minutes, for good: sessions with everything of them, as `DELETE /v1/sessions/{id}` does it.
         */
        patch: operations["changeRetention"];
        trace?: never;
    };
    "/v1/projects/{id}/keys": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        /**
         * List the keys that are not revoked
         * @description Role `owner`.
         */
        get: operations["listKeys"];
        put?: never;
        /**
         * Make an API key
         * @description Role `owner`. `raw_key` is shown in this answer and never again, but to who repeats the call with its `Idempotency-Key` within 24 h. Until then
         *     the server keeps the answer encrypted, under a key that takes its own secret and the `Idempotency-Key`, of which it keeps a hash.
         */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a key and all that were refreshed from it
         * @description Role `owner`.
         */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/members": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        /**
         * List the members of a project
         * @description Role `viewer`. In the order in which they came.
         */
        get: operations["listMembers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/members/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
                user_id: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a member, or leave
         * @description Role `owner` for others, role `viewer` for oneself. The member's access tokens are refused in the project with their next call, in every
         *     process; streams end within 2 s. What they made stays, API keys too: see `created_by` of the keys. 409 `last_owner` for the only owner.
         */
        delete: operations["removeMember"];
        options?: never;
        head?: never;
        /**
         * Give a member another role
         * @description Role `owner`. It takes effect with the member's next call. To hand a project over, make another member `owner`, then leave. 409 `last_owner`
         *     for the only owner.
         */
        patch: operations["changeRole"];
        trace?: never;
    };
    "/v1/projects/{id}/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        /**
         * List the invitations that can be accepted
         * @description Role `owner`. Oldest first, without their tokens.
         */
        get: operations["listInvitations"];
        put?: never;
        /**
         * Invite an e-mail address into a project
         * @description Role `owner`. The server sends no mail: pass `token` on, which is shown in this answer and never again. It is good once, for 7 days and for
         *     this address alone, by `POST /v1/invitations/accept` or at sign-up. A second invitation of an address ends the first. 409 `already_member`.
         *     The answer does not show whether the address has an account.
         */
        post: operations["invite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/invitations/{invitation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an invitation
         * @description Role `owner`. 404 `invitation_not_found` for one that was accepted or has ended.
         */
        delete: operations["revokeInvitation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Become a member of a project
         * @description For a user with the e-mail address that was invited. 404 `invitation_not_found` for a token that is unknown, used, revoked, expired or
         *     another address's, all alike; 409 `already_member`. Without an account, sign up with the token instead.
         */
        post: operations["acceptInvitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the audit log of one's account and of the projects that one owns, newest first
         * @description Who did what to accounts, members, keys and people's data, when and from where. Lines are only ever added, which the database holds; they are kept 400 days (`NEUROD_AUDIT_RETENTION`). The next page is named in `Link` and `X-Next-Cursor`.
         */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List sessions, newest first
         * @description Scope `sessions` or role `viewer`. The next page is named in `Link` and `X-Next-Cursor`.
         */
        get: operations["listSessions"];
        put?: never;
        /**
         * Make a session
         * @description Scope `sessions` or role `member`.
         */
        post: operations["createSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a session of a file
         * @description Scope `sessions` or role `member`. Takes EDF, EDF+, BDF, BDF+, GDF, Muse and Mind Monitor CSV, OpenBCI text and tables of numbers, up to
         *     2 GiB unpacked, as the body or as the part `file` of a form; gzip is unpacked. The file is judged as it comes in and
         *     read by a job; the other fields stand in the query or in the form.
         */
        post: operations["importSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a session
         * @description Scope `sessions` or role `viewer`.
         */
        get: operations["getSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/ingest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add a batch of samples
         * @description Scope `sessions` or role `member`. The answer comes when the samples are durable. `batch_id` makes a retry safe: the same id again
         *     is `duplicate_ignored`. Samples in `application/octet-stream` are float32 little-endian, sample-major, in the order
         *     of the session's channels; their `batch_id` and `t0_unix_ms` stand in the query or in `X-Batch-Id` and `X-T0-Unix-Ms`.
         */
        post: operations["ingest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a session
         * @description Scope `sessions` or role `member`. A STREAMING session ends at once; a RECORDED one is PROCESSING until every window is written.
         *     Ending a session again changes nothing, except that windows are written after all which a canceled job has left.
         */
        post: operations["endSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow the processing
         * @description Scope `sessions` or role `viewer`.
         */
        get: operations["sessionStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read what happened during a session
         * @description Scope `sessions` or role `viewer`. In the order in which the events were added; the next page begins after the last `seq`; `X-Has-More` says whether there is one, and `Link` names it.
         */
        get: operations["listEvents"];
        put?: never;
        /**
         * Add events to a session
         * @description Scope `sessions` or role `member`. All or none; also after the session's end. Each has one of `t_unix_ms`, `onset_ms` and `sample`, and a code or a label.
         */
        post: operations["addEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/events/{seq}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete an event of a session
         * @description Scope `sessions` or role `member`. No other event ever gets its number.
         */
        delete: operations["deleteEvent"];
        options?: never;
        head?: never;
        /**
         * Change an event of a session
         * @description Scope `sessions` or role `member`. What is left out stays as it is.
         */
        patch: operations["changeEvent"];
        trace?: never;
    };
    "/v1/sessions/{id}/event-changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Which events were changed or deleted since
         * @description Scope `sessions` or role `viewer`. Ask again with the `revision` of the answer. Events that were added are in the list of events, behind the last `seq`.
         */
        get: operations["eventChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/features": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read feature windows
         * @description Scope `sessions` or role `viewer`. In the order of their start. `X-Has-More` says whether more follow, and `Link` names the next page unless the order is `desc`.
         */
        get: operations["features"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/features/latest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the latest feature window
         * @description Scope `sessions` or role `viewer`. The window that starts last; 404 `no_features_yet` while there is none.
         */
        get: operations["latestFeatures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/features/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow a session as server-sent events
         * @description Scope `sessions` or role `viewer`. Events `features` (a feature window), `decode` (a live decode), both with their `seq` as id, and
         *     `session_ended`, after which the stream ends. It resumes after `Last-Event-ID` or `after_seq`, and begins with what
         *     comes next without them. A key, a user and a project may have so many streams open at once; one more is refused with
         *     429 `too_many_streams`.
         */
        get: operations["featureStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/decodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read live decodes
         * @description Scope `sessions` or role `viewer`. In the order of their start, with `X-Has-More` and `Link` as for features. Empty for a session that was made without `decode`.
         */
        get: operations["decodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/ws-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get a token for the WebSocket
         * @description Scope `sessions` or role `viewer`. It is good for 60 minutes and for this session alone.
         */
        post: operations["wsToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ws": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow a session over WebSocket
         * @description Messages are `{"type":"features","seq":n,"data":<feature window>}`, `{"type":"decode","seq":n,"data":<live decode>}`
         *     and `{"type":"session_ended","data":{"ended_at":"..."}}`. The token stands in `ws_token` or is offered as the
         *     subprotocol `ws_token.<token>` beside `neurod.v1`. Close codes: 1000 ended, 1001 the service restarts,
         *     1002 what the client sent is not a WebSocket, 1008 the key was revoked or the session erased, or the client sent data or
         *     a flood of pings, 1013 the client was too slow. A key, a user and a project may have so many streams open at once; one
         *     more is refused with 429 `too_many_streams`.
         */
        get: operations["followSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ws": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow sessions and devices, and control devices, over WebSocket
         * @description The first message is `{"type":"auth","token":"<access token or API key>"}`, within 10 s; the others, with every field, are described in
         *     `/asyncapi.yaml`. A user may have 10 connections open.
         */
        get: operations["followAll"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/samples": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a range of a session looks like
         * @description Scope `sessions` or role `viewer`. In at most `points` + 1 points: the samples themselves (`kind` is `samples`) where there are no more
         *     of them, else the least and the greatest of blocks of `samples_per_point` samples (`envelope`), which lie at multiples of that number, so
         *     that the same blocks come again when the range moves. No more is read than lies in the range, so that hours are drawn as soon as seconds.
         *
         *     With `format=binary` the answer is the length of its head (uint32), the head (JSON, without `data`), and the values as float32, all
         *     little-endian: for each channel its samples, or the least of all its blocks and then the greatest. NaN, and null in JSON, stands where
         *     there are no samples.
         */
        get: operations["viewSamples"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download a session
         * @description Scope `sessions` or role `viewer`. Streamed: a fault in its middle closes the connection before the end. The formats:
         *
         *     - `json`: the session, a page of its windows and, with `include_raw`, every raw batch;
         *     - `csv`: the windows as a table (RFC 4180), all of them unless `limit` says otherwise;
         *     - `edf`, `bdf`: the raw samples as EDF+ (16 bits) or BDF+ (24 bits), with a `Content-Length`.
         *
         *     Without `format` the first media type in `Accept` that is known counts, else JSON. A parameter that has no meaning for the
         *     format is refused.
         */
        get: operations["export"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{external_user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Erase a user
         * @description Scope `erase` or role `owner`. Every session of the user in the project is out of reach at once: reads, ingest and streams find none. A job
         *     deletes their samples, feature windows, decodes, jobs and kept answers for good, and the call waits for it. After 60 s, or when the
         *     process stops, the answer is 202 with the job, to be polled; its output has the counts and the id of the audit record,
         *     which stays, with the hash of the user's id. A call while one is under way waits for the same job. Erasing a user of whom
         *     nothing is kept counts nothing. `Idempotency-Key` is not looked at: to erase again is harmless.
         */
        delete: operations["eraseUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the models that a key may download
         * @description Scope `catalog:read` or role `viewer`. The project's own models in their active version, then those of the server that the key's licence
         *     covers. The key goes into the Authorization header or into `api_key`.
         */
        get: operations["listRegistry"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{name}/versions/{version}/download": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download a model file, whole or in ranges
         * @description Scope `catalog:read` or role `viewer`. Takes `Range`, `If-Range`, `If-None-Match` and `If-Match`; the ETag is the file's SHA-256. Beside a key
         *     it takes the `token` that stands in a `download_url`: good for an hour, for this version alone, and for as long as the key
         *     that asked for it.
         */
        get: operations["downloadModel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/analytics/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Report a use of a model
         * @description Any key of the project may, in `api_key` or in the Authorization header; or role `member`. A project has a quota for each calendar month (UTC).
         */
        post: operations["logEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List every version of the project's own models, then the server's
         * @description Scope `catalog:read` or role `viewer`. Whatever licence they require.
         */
        get: operations["listModels"];
        put?: never;
        /**
         * Store a model file
         * @description Scope `catalog:write` or role `member`. The file is judged before it is kept: its checksum, its form, and that its pipeline brings it to life.
         *     Name and version are in the file; versions of a name only rise and never change. The same file again changes nothing.
         */
        post: operations["uploadModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the versions of a model
         * @description Scope `catalog:read` or role `viewer`. The project's own, or else the server's.
         */
        get: operations["getModel"];
        put?: never;
        post?: never;
        /**
         * Delete a model of the project, or one version of it
         * @description Scope `catalog:write` or role `member`. `name@version` deletes one version; the latest of the others becomes active where it was.
         */
        delete: operations["deleteModel"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{name}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an older version the active one
         * @description Scope `catalog:write` or role `member`. Any version that is there may be named, also a later one.
         */
        post: operations["rollbackModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/train": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Train a model on labelled sessions
         * @description Scopes `catalog:write` and `sessions`, or role `member`. A job (kind `model_train`) cuts a trial around each event that stands for a class, leaves out those whose
         *     samples are not all there and those of low quality, measures the pipeline on trials that it has not learned, trains it on all of them, and stores
         *     the next version of the name. While it runs, `diagnostics.progress` of the job tells how far it is; it can be canceled. Its output is `TrainingResult`.
         *     Jobs fail with `too_few_trials` (fewer than 5 usable trials of a class, or fewer than the pipeline needs), `montage_mismatch`,
         *     `payload_too_large` (the trials take more than 512 MiB), `model_incompatible` (options), `training_data_gone`, `model_storage_full`, each with the numbers.
         */
        post: operations["trainModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{name}/calibrate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a model of the project learn further trials
         * @description Scopes `catalog:write` and `sessions`, or role `member`. For models of `csp_rxlda`, `csp_rxgmm` and `xdawn_rxlda`: a job (kind `model_calibrate`) decodes each labelled trial,
         *     then learns it, and stores the next version; the version that it went on from stays. Any number of trials will do. Its output is `TrainingResult`.
         */
        post: operations["calibrateModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the project's webhooks
         * @description Scope `webhooks:read` or role `member`. All of them, oldest first.
         */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Make a webhook
         * @description Scope `webhooks:write` or role `owner`. Events go to `url` as POST requests signed as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`,
         *     `webhook-signature`), at least once each, and not always in order. `secret` is shown in this answer and never again. `endpoint_url` and
         *     `is_active` are other names of `url` and `enabled`. 403 `project_quota_full` where the project has as many as it may.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a webhook
         * @description Scope `webhooks:read` or role `member`.
         */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /**
         * Delete a webhook with its deliveries
         * @description Scope `webhooks:write` or role `owner`. An event that is on its way may still come.
         */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * Change a webhook
         * @description Scope `webhooks:write` or role `owner`. What is left out stays. One that is enabled again sends what still waits for it.
         */
        patch: operations["changeWebhook"];
        trace?: never;
    };
    "/api/v1/webhooks/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a webhook another secret
         * @description Scope `webhooks:write` or role `owner`. For 24 hours events carry a signature by the secret before as well.
         */
        post: operations["rotateWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a webhook a ping
         * @description Scope `webhooks:write` or role `owner`. An event of the type `ping`, delivered as all others. 409 `webhook_disabled` where it is.
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the deliveries of a webhook
         * @description Scope `webhooks:read` or role `member`. Newest first, each with its attempts.
         */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deliver an event again
         * @description Scope `webhooks:write` or role `owner`. Whatever became of it, under the same `webhook-id`, with attempts for another 24 hours. 409 `webhook_disabled`
         *     where the webhook is disabled.
         */
        post: operations["redeliver"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/queues": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many jobs wait and why, by queue
         * @description For operators of the server.
         */
        get: operations["adminQueues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/queues/{queue}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have no worker take jobs of a queue
         * @description For operators of the server. Every process obeys within two seconds, also one that is started later. Jobs are accepted and wait; those that run go on.
         */
        post: operations["pauseQueue"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/queues/{queue}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have workers take jobs of a queue again
         * @description For operators of the server.
         */
        post: operations["resumeQueue"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many jobs ended, and how long they waited and ran
         * @description For operators of the server. Counted in the database, so that every process says the same, whenever it was started.
         */
        get: operations["adminStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The processes of the last day and what each runs
         * @description For operators of the server. One that was not heard of for 20 s is `lost`.
         */
        get: operations["adminWorkers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/scale": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many workers there should be, and what supervisors did about it
         * @description For operators of the server. `scale` is what `/metrics/scale` says; the events are those of the supervisors (`neurod workers`, `neurod serve --max`),
         *     newest first, and are kept for 30 days.
         */
        get: operations["adminScale"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Jobs of all projects, newest first
         * @description For operators of the server. Items of batches are listed, too.
         */
        get: operations["adminJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A job with its attempts
         * @description For operators of the server. Of what it was given and found, sizes and a checksum alone.
         */
        get: operations["adminJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/jobs/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a failed job anew
         * @description For operators of the server. A final state never changes: the answer is another job like it, and the old one names it in `retried_as`, once.
         *     409 `job_not_repeatable` or `job_state_conflict` where that cannot be; `details.reason` says why.
         */
        post: operations["adminRetryJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/jobs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a job of any project
         * @description For operators of the server.
         */
        post: operations["adminCancelJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/jobs/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a job off the dead letters
         * @description For operators of the server.
         */
        post: operations["adminDiscardJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Jobs that were given up, by kind and reason
         * @description For operators of the server.
         */
        get: operations["adminDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/actions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Actions on many jobs, newest first
         * @description For operators of the server.
         */
        get: operations["listActions"];
        put?: never;
        /**
         * Retry, cancel or discard all jobs that meet a filter
         * @description For operators of the server. With `dry_run` the answer is 200 with how many jobs that would be. Without, jobs that were made before the call are gone
         *     through in batches, none twice, whatever process is killed meanwhile; the action says how far it is.
         */
        post: operations["startAction"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/actions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far an action is
         * @description For operators of the server.
         */
        get: operations["getAction"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/actions/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End an action where it stands
         * @description For operators of the server.
         */
        post: operations["cancelAction"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/load": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Projects whose jobs wait or run, those with the most first
         * @description For operators of the server.
         */
        get: operations["adminLoad"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Database, Redis, disk and retention
         * @description For operators of the server.
         */
        get: operations["adminSystem"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What operators have done, newest first
         * @description For operators of the server.
         */
        get: operations["adminAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The projects of everybody with what they use, oldest first
         * @description For operators of the server, as `GET /api/v1/admin/queues`. They see names and numbers, and nothing that is recorded in projects.
         */
        get: operations["adminProjects"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers */
        get: operations["healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the process should get traffic
         * @description The database and stopping decide. Redis is reported only, since a short outage of it is not a reason to refuse work.
         */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the database answers */
        get: operations["apiHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Prometheus metrics
         * @description Where `NEUROD_METRICS_TOKEN` is set, that is the bearer token of the call.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics/scale": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many workers the waiting jobs take
         * @description For whatever starts workers, such as the metrics-api scaler of KEDA with `valueLocation: wanted`. It is read from the database, at most once a
         *     second for all who ask, and is true without a worker and without Redis. Where `NEUROD_METRICS_TOKEN` is set, that is the bearer token of the
         *     call, as for `/metrics`.
         */
        get: operations["metricsScale"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clients/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the clients that the server carries
         * @description A page, also for `pip install --find-links`, or JSON for those who ask for it by `Accept`.
         */
        get: operations["listClients"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clients/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Fetch a client
         * @description Whole or in ranges, with its SHA-256 as `ETag` and in `X-Checksum-Sha256`.
         */
        get: operations["clientFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * This document as a page, to read and to try
         * @description The page and all that it needs come from this server, under a Content-Security-Policy that lets nothing else in.
         */
        get: operations["docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Fetch what the page is made of */
        get: operations["docsFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/proto/{package}/{version}/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Fetch a protobuf file of the gRPC API
         * @description Such as `/proto/neurascale/v1/neural_service.proto`; `/docs` lists them. Files import each other by the path behind `/proto/`.
         */
        get: operations["protoFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.yaml": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/asyncapi.yaml": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The document of the WebSockets */
        get: operations["asyncapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["openapiJSON"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in, with errors as the devices document has them
         * @description Wrong passwords are throttled. The access token is that of `/v1/auth/login`.
         */
        post: operations["loginDevices"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a refresh token, once
         * @description A refresh token that is used twice revokes its whole login.
         */
        post: operations["refreshDevices"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revoke the refresh tokens of one login */
        post: operations["logoutDevices"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List devices
         * @description Scope `devices:read` or role `viewer`. By id. Where an access token names no project, its user acts in their only one.
         */
        get: operations["listDevices"];
        put?: never;
        /**
         * Register a device that the server runs
         * @description Scope `devices:manage` or role `member`. Which drivers, ports and recordings a project may use is the operator's to say. Devices of an agent announce themselves.
         */
        post: operations["createDevice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/devices/discover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Look for devices that are there
         * @description Scope `devices:use` or role `member`. Of the drivers that the project may use on this server; `POST /v2/devices` makes one of what is found.
         */
        get: operations["discoverDevices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/devices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a device
         * @description Scope `devices:read` or role `viewer`. 404 `DEVICE_NOT_FOUND` names the devices that there are.
         */
        get: operations["getDevice"];
        put?: never;
        post?: never;
        /**
         * Forget a device
         * @description Scope `devices:manage` or role `member`. Its sessions stay. 409 `DEVICE_BUSY` while it streams.
         */
        delete: operations["deleteDevice"];
        options?: never;
        head?: never;
        /**
         * Change what is said of a device
         * @description Scope `devices:manage` or role `member`. What is left out stays.
         */
        patch: operations["changeDevice"];
        trace?: never;
    };
    "/v2/devices/{id}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change how a device streams
         * @description Scope `devices:use` or role `member`. What is left out stays; empty `filters` take them away. Of a device that streams the filters alone can change, from then on. 422 `INVALID_CONFIGURATION` names what is wrong and what the device can.
         */
        patch: operations["configureDevice"];
        trace?: never;
    };
    "/v2/devices/{id}/stream/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start streaming
         * @description Scope `devices:use` or role `member`. Makes a session, has whoever runs the device stream into it, and answers when the first samples are there. What is left out is as the device is configured. 409 `DEVICE_BUSY` where it streams already, 422 `INVALID_CONFIGURATION`, 503 `STREAM_UNAVAILABLE` with `Retry-After` where nobody runs the device or it does not answer in time: then there is no stream. The Idempotency-Key of a start is good as long as its stream lives.
         */
        post: operations["startStream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/devices/{id}/stream/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop streaming
         * @description Scope `devices:use` or role `member`. What was read is brought to the session, which ends then: `status` is `stopped`, or `stopping` where that takes longer. 409 `STREAM_UNAVAILABLE` where there is no stream.
         */
        post: operations["stopStream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/devices/{id}/impedance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Measure the impedance of the electrodes
         * @description Scope `devices:use` or role `member`. Null where it was not measured, and everywhere for a device that measures none.
         */
        get: operations["deviceImpedance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/devices/{id}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Measure whether a device is fit to record
         * @description Scope `devices:use` or role `member`. Contact, line noise, saturation, dead and bridged channels, rate and clock, also while it streams. What was not measured is null.
         */
        post: operations["checkDevice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/agents/{name}/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange states with an agent that runs devices
         * @description Scope `devices:run` or role `member`. The agent says which devices it has and how they stand, which renews its leases for `lease_s`, and is told what is wanted of them; the answer waits up to `wait_s` for something new. Devices that are new are registered, with the driver `remote`. See the chapter on devices.
         */
        post: operations["syncAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/graphql": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Run a GraphQL query, or connect
         * @description A key, or role `viewer`. As POST, queries alone. With `Upgrade: websocket` it is a connection for all operations, subscriptions among them, by `graphql-transport-ws` or the older `graphql-ws`: the credential stands in `connectionParams.Authorization` of its first message, and the project of a user in `connectionParams["X-Project-Id"]`. A user may have 10 open at once.
         */
        get: operations["graphqlQuery"];
        put?: never;
        /**
         * Run a GraphQL operation
         * @description A key, or role `viewer`. Each field asks for the right of the call of the REST API that does the same; what a credential may not do is an error at the field. One operation a request, at most 1 MiB; its schema is `api/schema.graphql`. With `Accept: application/graphql-response+json` an operation that is not run is 400, else 200, with `errors` and no `data`. An hour has 500 queries, weighted by complexity.
         */
        post: operations["graphql"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List sessions, as the devices document has it
         * @description Scope `sessions` or role `viewer`. Newest first; the next page is named in `Link`.
         */
        get: operations["listRecordedSessions"];
        put?: never;
        /**
         * Make a session, as the devices document has it
         * @description Scope `sessions` or role `member`. The session is the same as at `/v1/sessions`, by other names: `patient_id` is its `external_user_id`, by which the person is erased. What is not said of rate, channels and type is that of the device.
         */
        post: operations["createRecordedSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a session, as the devices document has it
         * @description Scope `sessions` or role `viewer`.
         */
        get: operations["getRecordedSession"];
        put?: never;
        post?: never;
        /**
         * Erase a session
         * @description Scope `erase` or role `owner`. As the erasure of a user, of this session alone: it is out of reach at once, and a job deletes what it leaves.
         */
        delete: operations["deleteRecordedSession"];
        options?: never;
        head?: never;
        /**
         * Change what is said about a session, or end it
         * @description Scope `sessions` or role `member`. What is left out stays; `status` COMPLETED ends the session as `/v1/sessions/{id}/end` does.
         */
        patch: operations["changeRecordedSession"];
        trace?: never;
    };
    "/v2/sessions/{id}/recordings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the contiguous parts of a session
         * @description Scope `sessions` or role `viewer`. In order; between two of them samples are missing. Quality and artifacts are those of its feature windows.
         */
        get: operations["listRecordings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/data/timeseries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read samples
         * @description Scope `sessions` or role `viewer`. In order, in µV; `next_start` is where the next page begins. Between two samples that do not follow one another nothing was recorded.
         */
        get: operations["timeseries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/data/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Export a session as a file
         * @description Scope `sessions` or role `viewer`. The answer is the file, as `/v1/sessions/{id}/export` gives it.
         */
        post: operations["exportRecordedSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/data/stream/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow the samples of a stream
         * @description Scope `sessions` or role `viewer`. The id is that of a device's stream, for which a key needs `devices:read`, too, or of a session. Server-sent events as the samples are stored: `neural_data` with a run of samples of each channel and what the clock of the source does, where somebody has said (as in the messages of `/ws`), `session_event`, `dropped` where a slow client was not shown some, `session_ended`. `Last-Event-ID` resumes behind a batch.
         */
        get: operations["dataStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/analysis/sessions/{id}/analyze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Decode a session
         * @description Scope `decode` or role `member`; it reads what the scope `sessions` protects. The analysis is a job. Every trial of the session is decoded where it has events, else its last contiguous part gives one answer.
         */
        post: operations["analyzeSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/analysis/results/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read an analysis
         * @description Scope `jobs:read` or role `viewer`, and the scope `sessions`. Of a session that is decoded as it runs, `live_` and its id is one.
         */
        get: operations["analysisResult"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/analysis/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List models that sessions can be analyzed with
         * @description Scope `catalog:read` or role `viewer`. The accuracy is that of the model card, and null where none was measured.
         */
        get: operations["analysisModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/analysis/models/deploy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deploy a version of a model
         * @description Scope `catalog:write` or role `member`. From then on the bare name means this version in the project. The models of the server are deployed as they are.
         */
        post: operations["deployModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        GraphQLAnswer: {
            data?: Record<string, unknown> | null;
            errors?: {
                message: string;
                path?: (string | number)[];
                locations?: Record<string, unknown>[];
                extensions?: {
                    code?: string;
                    details?: Record<string, unknown>;
                    request_id?: string;
                    /** Format: date-time */
                    timestamp?: string;
                };
            }[];
        };
        /**
         * @description PREPARING: no sample has come. RECORDING: samples come, or what they make is being written. PAUSED: none has come for 30 s. The others are final.
         * @enum {string}
         */
        RecordingStatus: "PREPARING" | "RECORDING" | "PAUSED" | "COMPLETED" | "FAILED";
        /** @enum {string} */
        DeviceType: "EEG" | "EMG" | "ECG" | "fNIRS" | "TMS" | "tDCS" | "HYBRID";
        /** @enum {string} */
        DeviceStatus: "ONLINE" | "OFFLINE" | "MAINTENANCE" | "ERROR";
        /** @description What the delivered samples go through, causally; the raw ones are what is stored. In Hz, under half the sample rate. */
        DeviceFilters: {
            notch?: number | null;
            highpass?: number | null;
            lowpass?: number | null;
            /** @description `highpass` and `lowpass` by another name. */
            bandpass?: number[] | null;
        };
        DeviceConfig: {
            sample_rate?: number | null;
            /** @description Numbers from 1 on, or names; none for all. */
            channels?: (number | string)[] | null;
            filters?: components["schemas"]["DeviceFilters"] | null;
        };
        StreamConfig: {
            sample_rate?: number;
            channels?: string[];
            filters?: {
                notch?: number;
                highpass?: number;
                lowpass?: number;
            };
        };
        StreamStart: {
            sample_rate?: number | null;
            /** @description Numbers from 1 on, or names; none for all. */
            channels?: (number | string)[] | null;
            filters?: components["schemas"]["DeviceFilters"] | null;
            /** @description Your name for the person. The device's id by default. */
            external_user_id?: string;
            /** @description The same by the name of `/v2/sessions`. */
            patient_id?: string;
            /** @description Of the session. */
            name?: string;
            tags?: components["schemas"]["SessionTags"];
            hop_s?: number | null;
            features?: components["schemas"]["WindowFeatures"];
            decode?: components["schemas"]["LiveDecode"];
        };
        StreamStop: {
            /**
             * @description End the session at once where nobody holds the device. What an agent that is away has not sent is lost then.
             * @default false
             */
            force?: boolean;
        };
        DeviceStream: {
            stream_id: components["schemas"]["UUID"];
            session_id: components["schemas"]["UUID"];
            device_id: string;
            /** @enum {string} */
            status: "starting" | "streaming" | "away" | "stopping" | "stopped";
            config: components["schemas"]["StreamConfig"];
            /** Format: date-time */
            started_at: string;
        };
        DeviceCapabilities: {
            /** @description Absent where the device tells them only when it is open. */
            channels?: string[];
            sample_rates?: number[];
            min_sample_rate?: number;
            max_sample_rate?: number;
            /** @description The one of a stream that asks for none. */
            sample_rate?: number;
            impedance: boolean;
            /** @description It numbers its samples, so that losses are exact. */
            counter: boolean;
        };
        DeviceFault: {
            /** @description `device_not_found`, `device_busy`, `device_protocol`, `device_lost`, `invalid_configuration`, `device_unsupported`, or a code of this API. */
            code: string;
            message: string;
        };
        NewDevice: {
            /** @description The driver and a number by default, such as `synthetic_001`. */
            id?: string;
            name?: string;
            type?: components["schemas"]["DeviceType"];
            /** @description `synthetic`, `playback`, `lsl`, `openbci` or `ganglion`. */
            driver: string;
            serial_number?: string;
            firmware_version?: string;
            /** @description Of the driver. */
            settings?: Record<string, unknown> | null;
            metadata?: Record<string, unknown> | null;
            config?: components["schemas"]["DeviceConfig"];
        };
        DeviceChange: {
            name?: string | null;
            serial_number?: string | null;
            firmware_version?: string | null;
            metadata?: Record<string, unknown> | null;
            /**
             * @description `MAINTENANCE` takes the device out of use, `ONLINE` ends that.
             * @enum {string|null}
             */
            status?: "MAINTENANCE" | "ONLINE" | null;
        };
        Device: {
            id: string;
            name: string;
            type: components["schemas"]["DeviceType"];
            status: components["schemas"]["DeviceStatus"];
            driver: string;
            /** @description The agent that runs it, null where the server does. */
            agent: string | null;
            serial_number: string;
            firmware_version: string;
            /** Format: date-time */
            last_seen: string | null;
            calibration: null;
            settings: Record<string, unknown>;
            metadata: Record<string, unknown>;
            capabilities: components["schemas"]["DeviceCapabilities"];
            config: components["schemas"]["StreamConfig"];
            stream: components["schemas"]["DeviceStream"] | null;
            observed: components["schemas"]["DeviceObserved"] | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            _links: {
                [key: string]: Record<string, unknown>;
            };
        };
        /** @description What the one who runs the device observed last. */
        DeviceObserved: {
            /** @description That it is about. */
            stream_id: string;
            /** @description The number behind the last sample of the session that was read. */
            samples: number;
            /** @description Samples that were not, by cause. */
            missing: {
                [key: string]: number;
            };
            waiting_bytes: number;
            dropped_markers: number;
            /** @description Drift, jitter, jumps and losses of the source's clock. */
            clock: Record<string, unknown> | null;
            readings: {
                [key: string]: Record<string, unknown>;
            };
            fault: components["schemas"]["DeviceFault"] | null;
        };
        Devices: {
            items: components["schemas"]["Device"][];
            total: number;
            page: number;
            size: number;
            pages: number;
            has_next: boolean;
            has_prev: boolean;
            _links: {
                [key: string]: Record<string, unknown>;
            };
        };
        DiscoveredDevices: {
            devices: {
                driver: string;
                name: string;
                settings: Record<string, unknown>;
                capabilities: components["schemas"]["DeviceCapabilities"];
            }[];
        };
        Impedances: {
            device_id: string;
            measured: boolean;
            /** @description Why nothing was measured. */
            reason: string | null;
            /** Format: date-time */
            measured_at: string | null;
            channels: {
                number: number;
                name: string;
                impedance_kohm: number | null;
            }[];
        };
        DeviceCheck: {
            /** @default 12 */
            seconds?: number;
        };
        DeviceCheckReport: {
            device: Record<string, unknown>;
            seconds: number;
            channels: Record<string, unknown>[];
            missing: Record<string, unknown>;
            clock: Record<string, unknown>;
            problems: string[];
            fit: boolean;
        };
        AgentSync: {
            /** @description Of the agent, kept over its restarts: another one of the same name holds nothing that this one does. */
            instance: string;
            /** @default 5 */
            wait_s?: number | null;
            devices: components["schemas"]["AgentDevice"][];
        };
        AgentDevice: {
            id: string;
            /** @description Of a device that is new. The project may call it otherwise later. */
            name?: string;
            type?: components["schemas"]["DeviceType"];
            serial_number?: string;
            firmware_version?: string;
            /** @description Of a device that is new. */
            metadata?: Record<string, unknown> | null;
            /** @description `sample_rates`, or all between `min_sample_rate` and `max_sample_rate`. */
            capabilities: {
                channels: string[];
                sample_rates?: number[];
                min_sample_rate?: number;
                max_sample_rate?: number;
                sample_rate?: number;
                impedance?: boolean;
                counter?: boolean;
            };
            /** @description The last that the agent has seen, 0 for none. The answer waits only where it is the newest. */
            revision?: number;
            report?: components["schemas"]["AgentReport"];
            /** @description The stream of which everything that was read is in its session: the session ends, and the device is free. */
            ended?: string;
            /** @description Why the stream in `ended` failed; null where it was stopped or its source came to its end. */
            fault?: components["schemas"]["DeviceFault"] | null;
        };
        AgentReport: {
            /** @description That it is about. */
            stream_id?: string;
            /** @enum {string} */
            state?: "" | "starting" | "streaming" | "away" | "stopping";
            /** @description The number behind the last sample of the session that was read. */
            samples?: number;
            missing?: {
                [key: string]: number;
            } | null;
            waiting_bytes?: number;
            dropped_markers?: number;
            clock?: Record<string, unknown> | null;
            readings?: {
                [key: string]: Record<string, unknown>;
            } | null;
            /** @description Why the device is away. */
            fault?: components["schemas"]["DeviceFault"] | null;
            /** @description The command that was carried out last. */
            done?: string;
            /** @description What it gave. */
            result?: unknown;
            /** @description Why it gave nothing. */
            failed?: components["schemas"]["DeviceFault"] | null;
        };
        AgentWanted: {
            /** @description How long the leases last from the moment in which the exchange came. */
            lease_s: number;
            devices: {
                id: string;
                /** @description The agent holds the device. Where it does not, it must not stream. */
                held: boolean;
                revision: number;
                stream: components["schemas"]["AgentStream"] | null;
                command: components["schemas"]["AgentCommand"] | null;
                /** @description Why the device is not held, as the error object of this API; null for nothing. */
                error: Record<string, unknown> | null;
            }[];
        };
        AgentStream: {
            stream_id: components["schemas"]["UUID"];
            session_id: components["schemas"]["UUID"];
            /** @description Read no more, bring the rest, and say `ended`. */
            stopping: boolean;
            config: components["schemas"]["StreamConfig"];
            /** Format: date-time */
            started_at: string;
        };
        AgentCommand: {
            id: components["schemas"]["UUID"];
            /** @enum {string} */
            kind: "check" | "impedance";
            seconds?: number;
            /**
             * Format: date-time
             * @description Nobody waits for it any more then.
             */
            until: string;
        };
        NewRecordedSession: {
            name?: string | null;
            /** @description Your name for the person: the `external_user_id` of the session. */
            patient_id: string;
            device_ids?: string[];
            device_id?: string;
            device_type?: string;
            /** @description How long it is meant to last. It does not end by itself. */
            duration_minutes?: number | null;
            protocol?: string | null;
            metadata?: components["schemas"]["SessionMetadata"];
            tags?: components["schemas"]["SessionTags"];
            sample_rate?: number;
            channels?: string[];
            ingestion_mode?: components["schemas"]["IngestionMode"];
            decode?: components["schemas"]["LiveDecode"];
            features?: components["schemas"]["WindowFeatures"];
        };
        RecordedSession: {
            id: components["schemas"]["UUID"];
            session_id: components["schemas"]["UUID"];
            name: string;
            status: components["schemas"]["RecordingStatus"];
            patient_id: string;
            device_id: string | null;
            device_ids: string[];
            device_type: string;
            protocol: string | null;
            tags: string[];
            metadata: Record<string, unknown>;
            /** @description As planned. */
            duration_minutes: number | null;
            /** Format: date-time */
            start_time: string;
            /** Format: date-time */
            end_time: string | null;
            /** Format: date-time */
            created_at: string;
            sample_rate: number;
            channel_count: number;
            channels: string[];
            /**
             * Format: int64
             * @description A channel.
             */
            sample_count: number;
            ingestion_mode: components["schemas"]["IngestionMode"];
            processing_state: components["schemas"]["ProcessingState"];
            _links: {
                [key: string]: Record<string, unknown>;
            };
        };
        RecordedSessions: {
            sessions: components["schemas"]["RecordedSession"][];
            /** Format: int64 */
            total: number;
            limit: number;
            offset: number;
            has_more: boolean;
        };
        RecordedSessionChange: {
            name?: string | null;
            tags?: components["schemas"]["SessionTags"];
            metadata?: components["schemas"]["SessionMetadata"];
            protocol?: string | null;
            duration_minutes?: number | null;
            /** @enum {string} */
            status?: "COMPLETED";
        };
        DeletedSession: {
            id: string;
            /** @enum {string} */
            status: "deleted" | "deleting";
            job_id?: string;
            /** Format: int64 */
            samples_deleted?: number;
            /** Format: int64 */
            features_deleted?: number;
            audit_id?: string;
        };
        Recordings: {
            recordings: components["schemas"]["Recording"][];
            limit: number;
            offset: number;
            has_more: boolean;
        };
        Recording: {
            /** @description It stays the same while samples follow. */
            id: string;
            session_id: components["schemas"]["UUID"];
            device_id: string | null;
            /** Format: date-time */
            start_time: string;
            /** Format: date-time */
            end_time: string;
            /** @description Seconds. */
            duration: number;
            /**
             * Format: int64
             * @description A channel.
             */
            sample_count: number;
            channel_count: number;
            sample_rate: number;
            /**
             * Format: int64
             * @description From 0 at the session's origin.
             */
            first_sample: number;
            /** @description Mean of its feature windows; null where it has none. */
            quality: number | null;
            /** @description Of its feature windows, that passed the quality gate. */
            passed_share: number | null;
            /** @description Intervals of windows whose artifact score is at least a half. */
            artifacts: {
                /** @enum {string} */
                type: "bad_contact" | "blink" | "emg" | "motion";
                /** Format: date-time */
                start_time: string;
                /** Format: date-time */
                end_time: string;
                score: number;
                windows: number;
            }[];
        };
        Timeseries: {
            session_id: components["schemas"]["UUID"];
            device_id: string | null;
            sample_rate: number;
            /** @constant */
            unit: "uV";
            channels: {
                number: number;
                name: string;
            }[];
            samples: {
                /**
                 * Format: int64
                 * @description From 0 at the session's origin.
                 */
                sample: number;
                /** @description Unix ms. */
                timestamp: number;
                /** @description In the order of channels. */
                values: number[];
            }[];
            sample_count: number;
            /** @description Unix ms; null at the end. */
            next_start: number | null;
        };
        RecordedExport: {
            session_id: string;
            /**
             * @description MAT and FIF are not written.
             * @default edf
             * @enum {string}
             */
            format?: "json" | "csv" | "edf" | "bdf";
            /** @description Of JSON. */
            include_raw?: boolean;
            /** @description Of JSON and CSV. */
            only_passed?: boolean;
        };
        NewAnalysis: {
            /** @description A paradigm, or the name of a model, with `@` and its version or without. Defaults to auto. */
            model_type?: string;
            parameters?: {
                /** @enum {string} */
                paradigm?: "motor_imagery" | "p300" | "ssvep" | "cvep" | "seizure" | "auto";
                model?: string;
                /**
                 * Format: int64
                 * @description Unix ms. Defaults to the beginning of the last contiguous part.
                 */
                start_ms?: number;
                /** Format: int64 */
                end_ms?: number;
                /**
                 * @description Defaults to all where the session has events.
                 * @enum {string}
                 */
                trials?: "first" | "all";
                stimulus?: components["schemas"]["DecodeStimulus"];
                /** @description As in a decode request: a list, or `all`. */
                events?: unknown;
                event_classes?: {
                    [key: string]: string;
                };
                /** @enum {string} */
                alignment?: "auto" | "none" | "balance";
                seizure?: components["schemas"]["DecodeSeizure"];
                intents?: {
                    [key: string]: string;
                };
            };
        };
        AcceptedAnalysis: {
            analysis_id: components["schemas"]["UUID"];
            session_id: string;
            status: components["schemas"]["JobState"];
        };
        Analysis: {
            analysis_id: string;
            session_id: components["schemas"]["UUID"];
            status: components["schemas"]["JobState"];
            model_type: string;
            model: string | null;
            metrics: {
                /** @description Of the answers that the session's events could be held against; null where there are none. */
                accuracy: number | null;
                chance: number | null;
                answered: number | null;
                labelled: number | null;
            };
            predictions: {
                /** @description Unix ms of the beginning of what was decoded. */
                timestamp: number;
                end: number;
                label: string;
                intent: string;
                confidence: number;
                truth: string | null;
                error?: string;
            }[];
            error?: components["schemas"]["JobError"];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            finished_at: string | null;
        };
        AnalysisModels: {
            models: {
                id: string;
                name: string;
                version: string;
                model_type: string;
                pipeline: string;
                classes: string[];
                /** @description None for any montage. */
                channels: string[];
                sample_rate: number | null;
                accuracy: number | null;
                /** @description How the accuracy was measured. */
                protocol: string;
                own: boolean;
                /** @constant */
                status: "ACTIVE";
            }[];
            total: number;
        };
        NewDeployment: {
            /** @description Its name, with `@` and a version or without. */
            model_id: string;
            /** @description Defaults to the latest. */
            version?: string;
        };
        DeployedModel: {
            deployment: {
                id: string;
                model_id: string;
                version: string;
                /** @constant */
                status: "ACTIVE";
                /** @description Where decodes are submitted. */
                endpoint: string;
            };
        };
        QuotaUsage: {
            /** @description null where there is none. */
            limit: number | null;
            used: number;
        };
        ProjectUsage: {
            /** Format: uuid */
            project_id: string;
            quotas: components["schemas"]["QuotaUsages"];
            /** @description The days (UTC) of the last 30 on which the project did something, oldest first. */
            days: components["schemas"]["ActiveDay"][];
        };
        ProjectRetention: {
            /** @description Recordings of jobs, after the job has ended. null: as long as the server keeps them. */
            payload_hours: number | null;
            /** @description Jobs that have ended, but for those in the dead letter list. null: as long as the server keeps them. */
            job_hours: number | null;
            /** @description Sessions after their end, with their samples and everything else of them. null: until they are deleted. */
            session_hours: number | null;
            /** @description Feature windows, after their session has ended. null: as long as their session. */
            window_hours: number | null;
            /** Format: date-time */
            updated_at: string | null;
        };
        RetentionChange: {
            /** @description At most what the server keeps. */
            payload_hours?: number;
            /** @description At most what the server keeps. */
            job_hours?: number;
            session_hours?: number;
            window_hours?: number;
        };
        ActiveDay: {
            /** Format: date */
            date: string;
            /**
             * Format: int64
             * @description Calls with the project's keys and by its members that were let in, of HTTP and gRPC; a WebSocket is one.
             */
            requests: number;
            /**
             * Format: int64
             * @description Calls that had to wait: 429 `rate_limited`.
             */
            rate_limited: number;
            /**
             * Format: int64
             * @description Recordings accepted to be decoded, items of batches one by one.
             */
            decodes: number;
            /**
             * Format: int64
             * @description Values kept of sessions: samples × channels.
             */
            samples: number;
        };
        QuotaUsages: {
            stored_bytes: components["schemas"]["QuotaUsage"];
            waiting_jobs: components["schemas"]["QuotaUsage"];
            open_sessions: components["schemas"]["QuotaUsage"];
            windows_per_day: components["schemas"]["QuotaUsage"];
            models: components["schemas"]["QuotaUsage"];
            webhooks: components["schemas"]["QuotaUsage"];
            devices: components["schemas"]["QuotaUsage"];
        };
        DecodeRequest: {
            input: components["schemas"]["DecodeInput"];
            context?: components["schemas"]["DecodeContext"];
            output?: components["schemas"]["DecodeOutput"];
        };
        /** @description `data`, or `session_id` with a range of time. Bare samples need `sample_rate`, and `channels` or a known `device`. */
        DecodeInput: {
            /** @constant */
            type: "eeg";
            /** @description Base64, standard or URL-safe alphabet, with or without padding; at most 32 MiB decoded. */
            data?: string;
            /**
             * @default float32le
             * @enum {string}
             */
            encoding?: "float32le" | "float64le" | "int16le" | "edf" | "bdf" | "gdf";
            /**
             * @default sample_major
             * @enum {string}
             */
            layout?: "sample_major" | "channel_major";
            /** @description µV a unit; needed with int16le, refused otherwise. */
            scale_uv?: number;
            /**
             * @description What float32le and float64le samples are in, refused otherwise: a file states the units of its channels.
             * @default uV
             * @enum {string}
             */
            unit?: "V" | "mV" | "uV" | "µV" | "nV";
            /**
             * @default auto
             * @enum {string}
             */
            paradigm?: "motor_imagery" | "p300" | "ssvep" | "cvep" | "seizure" | "auto";
            /** @example OpenBCI Cyton */
            device?: string;
            /** @description A count, or the names. A count takes the device's usual montage. */
            channels?: number | string[];
            /** @description Renames channels, from what the recording calls them to what a model does: `{"Amp1": "C3"}`. */
            channel_names?: {
                [key: string]: string;
            };
            /** @description Hz. */
            sample_rate?: number;
            /** @description Cues and flashes; before those of the recording. `all` takes those of the file or session and answers each of its trials, as `trials: all` does. */
            events?: components["schemas"]["DecodeEvent"][] | "all";
            /** @description What events stand for: a label or code, and a class of the model, or `cue` for an event that does not name its class. Events that are not in it are ignored. Without it the model says what it was trained on. */
            event_classes?: {
                [key: string]: string;
            };
            /**
             * @description One answer for the first trial, or an answer for each.
             * @default first
             * @enum {string}
             */
            trials?: "first" | "all";
            stimulus?: components["schemas"]["DecodeStimulus"];
            /** @description A catalog model, optionally `name@version`. Without it the best fitting one is taken. */
            model?: string;
            /**
             * @description `auto` moves a motor imagery model that was trained with alignment to the clips of the person, without labels, where there are several: those around the events, and with `session_id` those that came before in the session. `none` takes every model as it is. `balance` is `auto`, and moves the even odds of a motor imagery model of two classes that was not trained with alignment to the median of its log odds over those clips: for classes that are about as frequent.
             * @default auto
             * @enum {string}
             */
            alignment?: "auto" | "none" | "balance";
            seizure?: components["schemas"]["DecodeSeizure"];
            session_id?: string;
            start_ms?: number;
            end_ms?: number;
        };
        /** @description Where the seizure check draws its line, one of the two; only with paradigm `seizure`. Verdict, class and confidence follow from it: the odds of the score are divided by those of the threshold, so that a clip at the threshold has one half. `score` and `threshold` are in the evidence of the diagnostics. */
        DecodeSeizure: {
            /** @description At most so many false alarms a day, by the upper limit of the interval of an operating point of the model's card (`operating_points`): the one that finds most seizures is taken. A rate that the card was not measured long enough to promise fails the job with `model_incompatible`, and `false_alarms_per_day_least` in its details. */
            false_alarms_per_day?: number;
            /**
             * @description The score from which on a clip is called ictal-like.
             * @default 0.5
             */
            threshold?: number;
        };
        DecodeEvent: {
            /** @description Seconds after the first sample. */
            onset_s: number;
            code: number;
            label?: string;
        };
        DecodeStimulus: {
            /** @description How an SSVEP decode decides whether the person looks at a target at all. */
            presence?: {
                /**
                 * @description The share of recordings without a target that may be answered with one, as counted for the length of the window and the number of channels; else the answer is `no_target`. 1 always answers with a target. A trained model has a level of its own where none is given.
                 * @default 0.05
                 */
                false_accept?: number;
            };
            /** @description SSVEP flickers. Without them the frequencies are scanned. */
            targets?: {
                label?: string;
                /** @description Hz, below half the sample rate. */
                frequency: number;
                /** @description rad */
                phase?: number;
            }[];
            codes?: components["schemas"]["CodeBook"];
            /** @description P300 symbols, row by row; every row of the same length, every symbol once. */
            matrix?: string[][];
            /** @description Event code to the symbols it lights. Without it codes 1…C are columns and C+1…C+R are rows. */
            flashes?: {
                [key: string]: string[];
            };
        };
        /** @description Which bits each target of a c-VEP screen shows: 1 is bright, 0 dark; after its last bit a code begins again. In a decode it replaces the codes that the model was trained with, in the options of a training it is required. */
        CodeBook: {
            /**
             * @description One maximum-length sequence, shifted from target to target; the Gold codes of two such sequences; or as listed in `bits`.
             * @enum {string}
             */
            kind: "m_sequence" | "gold" | "bits";
            /** @description Bits shown a second: the rate of the screen where each frame shows one. */
            rate_hz: number;
            /** @description Stages of the shift register (m_sequence, gold): a code has 2^degree − 1 bits. */
            degree?: number;
            /** @description Stages whose sum modulo 2 is fed back. Defaults to a primitive polynomial. */
            taps?: number[];
            /** @description Those of the second register (gold). Defaults to the other of a preferred pair. */
            second_taps?: number[];
            /**
             * @description A clock of twice the rate is shown along: each bit b becomes b, not b.
             * @default false
             */
            modulated?: boolean;
            /** @description How many codes are on the screen (m_sequence, gold). Defaults to the number of labels. */
            targets?: number;
            /** @description By how many bits the code of a target comes after that of the one before it (m_sequence). Defaults to the length divided by the targets. */
            lag?: number;
            /** @description The codes of kind bits, all of one length. */
            bits?: string[];
            /** @description Names of the targets. Defaults to code_1, code_2, ... */
            labels?: string[];
        };
        /** @description At most 16,000 characters serialized. Free keys are kept with the job. */
        DecodeContext: {
            /** @example en */
            locale?: string;
            /** @description Earlier intents or selected letters, oldest first. */
            session_history?: string[];
            /**
             * @description One of the examples, or one of your own, which must not be like one of them but for a slip.
             * @example wheelchair_nav
             * @example cursor
             * @example speller
             * @example smart_home
             */
            ui_mode?: string;
            /** @description Your own map from class to intent. */
            intents?: {
                [key: string]: string;
            };
        };
        DecodeOutput: {
            /** @constant */
            format?: "json";
            /** @default false */
            include_diagnostics?: boolean;
            /** @description Of the recording, in the answer. Defaults to none. */
            features?: components["schemas"]["FeatureName"][];
        };
        BatchRequest: {
            /** @description Decode requests. Each is judged on its own. */
            items: Record<string, unknown>[];
            /** @description A field of `input`, `context` or `output` that an item leaves out is taken from here; never `data`. */
            defaults?: {
                input?: Record<string, unknown>;
                context?: Record<string, unknown>;
                output?: Record<string, unknown>;
            };
        };
        Accepted: {
            id: components["schemas"]["RequestId"];
            /** @constant */
            object: "job";
            /** @constant */
            status: "queued";
            /** @description Unix seconds. */
            created_at: number;
            data: {
                job_id: components["schemas"]["UUID"];
            };
        };
        BatchAccepted: {
            id: components["schemas"]["RequestId"];
            /** @constant */
            object: "job";
            status: components["schemas"]["JobState"];
            created_at: number;
            data: {
                job_id: components["schemas"]["UUID"];
            };
            batch: components["schemas"]["Batch"];
        };
        Job: {
            id: components["schemas"]["RequestId"];
            /** @constant */
            object: "job";
            kind: components["schemas"]["JobKind"];
            status: components["schemas"]["JobState"];
            created_at: number;
            started_at: number | null;
            finished_at: number | null;
            attempts: number;
            data: {
                job_id: components["schemas"]["UUID"];
                parent_id?: components["schemas"]["UUID"];
                index?: number;
                /** @description `output` once more, where other pages of the decode document's service have it. */
                payload?: {
                    output: Record<string, unknown>;
                };
                /** @description `error` once more, where other pages of the decode document's service have it. */
                error_log?: components["schemas"]["JobError"];
            };
            /** @description Of a completed job; left out of the answer to a cancel where the key may not read jobs. A decode's is `DecodeResult`; a training's and a calibration's, `TrainingResult`; a batch's are its counts. */
            output?: Record<string, unknown>;
            error?: components["schemas"]["JobError"];
            /** @description Routing, fallbacks and milliseconds a step, of trainings `progress`, also while they run; with `include=diagnostics` or `output.include_diagnostics`. */
            diagnostics?: Record<string, unknown>;
            batch?: components["schemas"]["Batch"];
        } & (unknown & unknown & unknown);
        /** @description The fields of a job that were asked for. */
        PartOfJob: {
            id: components["schemas"]["RequestId"];
            /** @constant */
            object?: "job";
            kind?: components["schemas"]["JobKind"];
            status?: components["schemas"]["JobState"];
            created_at?: number;
            started_at?: number | null;
            finished_at?: number | null;
            attempts?: number;
            data?: Record<string, unknown>;
            output?: Record<string, unknown>;
            error?: components["schemas"]["JobError"];
            diagnostics?: Record<string, unknown>;
            batch?: components["schemas"]["Batch"];
        };
        JobError: {
            /**
             * @description Whether the request or its recording is at fault, or the service.
             * @enum {string}
             */
            type: "invalid_request_error" | "api_error";
            /** @example payload_too_short */
            code: string;
            message: string;
            details?: Record<string, unknown>;
        };
        DecodeResult: {
            /** @description `undetermined` where there is no answer: `auto` found nothing that shows what the person did, the recording is unfit, a channel that the answer would depend on has no EEG, or flashes stand out the wrong way for the model. `undetermined` then says why. */
            decoded_intent: string;
            /** @description With those of `alternatives` it adds up to 1; 0 where the intent is undetermined, which has no alternatives. */
            confidence: number;
            /** @enum {string} */
            paradigm_detected: "motor_imagery" | "p300" | "ssvep" | "cvep" | "seizure" | "undetermined";
            predicted_text?: string;
            alternatives: {
                intent: string;
                confidence: number;
            }[];
            session_context: string;
            seizure_detected: boolean | null;
            /** @description Codes, gravest first. */
            red_flags: string[];
            disclaimer: string;
            alignment?: components["schemas"]["Alignment"];
            features?: components["schemas"]["ClipFeatures"];
            /** @description Of the recording; null where it is too short to judge. */
            quality?: {
                overall?: number;
                confidence?: number;
                per_channel?: {
                    [key: string]: number;
                };
                /** @description Channels that hold no EEG in the segment that was decoded. The answer does not rest on them. */
                bad_channels?: {
                    channel: string;
                    /** @enum {string} */
                    fault: "flat" | "clipped" | "line" | "noise" | "loud";
                }[];
                windows?: number;
                passed?: number;
                artifacts?: Record<string, unknown>;
            } | null;
            /** @description Only where the intent is undetermined; where the paradigm is, too, `model` is null. */
            undetermined?: {
                reason: string;
                tried: {
                    /** @enum {string} */
                    from: "motor_imagery" | "p300" | "ssvep" | "cvep";
                    why: string;
                }[];
                /** @description The numbers that were looked at. */
                evidence: Record<string, unknown>;
            };
            /** @description Of files: what was wrong and how it was read all the same, with the place. Absent where nothing was. */
            warnings?: string[];
            clip?: components["schemas"]["Clip"];
            /** @description Where every trial was asked for, the answer for each, at most 1,000; the fields above are those of the first that has one. */
            trials?: components["schemas"]["TrialAnswer"][];
            trials_summary?: components["schemas"]["TrialsSummary"];
        };
        /** @description Which part of the recording was decoded. */
        Clip: {
            /** @description From the first sample. */
            start_s: number;
            end_s: number;
            /** @description What the clip was cut around; null where the whole recording is the clip. */
            event: {
                /** @description Among the events of the recording. */
                number: number;
                onset_s: number;
                code: number;
                label: string;
                /** @description What was shown before the event to announce it. */
                announced?: string;
            } | null;
            trial: number;
            /** @description In the recording. */
            trials: number;
            /** @description In the recording. */
            events: number;
            /** @description Those that begin no trial of this model: rest, and events that stand for none of its classes. */
            events_passed_over: number;
        };
        TrialAnswer: {
            clip: components["schemas"]["Clip"];
            /** @description The class that the recording states. */
            label: string | null;
            /** @description Whether the decoded class is the label. */
            right: boolean | null;
            decoded_intent: string;
            decoded_class: string;
            confidence: number;
            alternatives: {
                intent: string;
                confidence: number;
            }[];
            /** @description Of the clip. */
            quality_overall: number | null;
            red_flags: string[];
            /** @description Why the trial has no answer. */
            error?: components["schemas"]["JobError"];
        };
        TrialsSummary: {
            trials: number;
            answered: number;
            failed: number;
            /** @description Beyond the limits of one answer: 1,000 trials, 20 times the samples of the recording, and what is right for its bytes. */
            left_out: number;
            /** @description Of those answered. */
            labelled: number;
            right: number;
            accuracy: number | null;
            /** @description What always answering the most frequent label would reach. */
            chance: number | null;
            classes: string[];
            /** @description A row for each class as labelled, a column for each as decoded; in the order of `classes`. */
            confusion: number[][];
        };
        /** @description What the model was moved to before it decoded. */
        Alignment: {
            /** @enum {string} */
            kind: "none" | "recentred" | "balanced";
            /** @description Clips of the person, around whose mean the model was moved; 0 with `none`. */
            clips: number;
        };
        /** @description The four counts add up to `total`. */
        Batch: {
            total: number;
            completed: number;
            failed: number;
            canceled: number;
            pending: number;
            items: {
                index: number;
                id: components["schemas"]["RequestId"];
                job_id: components["schemas"]["UUID"];
                status: components["schemas"]["JobState"];
                output?: Record<string, unknown>;
                error?: components["schemas"]["JobError"];
            }[];
        };
        JobList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["Job"][];
            has_more: boolean;
            next_cursor: string | null;
        };
        /** @enum {string} */
        JobState: "queued" | "running" | "completed" | "failed" | "canceled";
        /** @enum {string} */
        JobKind: "neuro_decode" | "neuro_decode_batch" | "session_windows" | "session_import" | "user_erase" | "project_delete" | "model_train" | "model_calibrate";
        RequestId: string;
        UUID: string;
        Readiness: {
            /** @enum {string} */
            status: "ready" | "read_only" | "unavailable" | "stopping";
            /** @enum {string} */
            database: "connected" | "disconnected";
            /** @enum {string} */
            redis: "connected" | "disconnected";
        };
        APIHealth: {
            /** @enum {string} */
            status: "healthy" | "unhealthy";
            /** Format: date-time */
            timestamp: string;
            /** @constant */
            version: "v1";
            /** @enum {string} */
            database: "connected" | "disconnected";
            error?: string;
        };
        Error: {
            error: {
                code: string;
                message: string;
                details: {
                    fields?: components["schemas"]["FieldError"][];
                };
                request_id: string;
                /** Format: date-time */
                timestamp: string;
            };
        };
        RegistryError: {
            error: string;
            /** @example INVALID_KEY */
            code: string;
        };
        Credentials: {
            email: string;
            password: string;
        };
        Signup: {
            email: string;
            password: string;
            /** @description The token of an invitation of this e-mail address, to be accepted by the new account. */
            invitation?: string;
        };
        Tokens: {
            access_token: string;
            /** @constant */
            token_type: "Bearer";
            /** @description Seconds that the access token is good. */
            expires_in: number;
            refresh_token: string;
        };
        AdminQueues: {
            /** @constant */
            object: "list";
            data: components["schemas"]["AdminQueue"][];
        };
        AdminQueue: {
            queue: string;
            /** @description pending and scheduled */
            queued: number;
            running: number;
            /** @description due */
            pending: number;
            /** @description wait for a time to come */
            scheduled: number;
            /** @description of those that wait, tried before */
            retrying: number;
            dead: number;
            /** @description age of the oldest that is due */
            latency_seconds: number;
            /** Format: date-time */
            oldest_waiting_at: string | null;
            paused: null | {
                /** @description Id of the operator. */
                by: string;
                /** Format: date-time */
                at: string;
            };
        };
        AdminJob: {
            id: components["schemas"]["UUID"];
            project_id: string;
            project_name: string;
            kind: components["schemas"]["JobKind"];
            queue: string;
            state: components["schemas"]["JobState"];
            parent_id: string | null;
            attempts: number;
            lost_workers: number;
            worker: string | null;
            dead_letter: boolean;
            retried_as: string | null;
            error_code: string | null;
            error_message: string | null;
            request_bytes: number;
            output_bytes: number;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            not_before: string | null;
            /** Format: date-time */
            started_at: string | null;
            /** Format: date-time */
            claimed_at: string | null;
            /** Format: date-time */
            finished_at: string | null;
            /** Format: date-time */
            lease_until: string | null;
            items_total: number;
            items_pending: number;
        };
        AdminJobDetail: components["schemas"]["AdminJob"] & {
            payload: null | {
                bytes: number;
                /** @description Empty where the recording lies outside the database and cannot be had. */
                sha256: string;
            };
            attempt_list: {
                attempt: number;
                worker: string;
                /** Format: date-time */
                started_at: string | null;
                /** Format: date-time */
                ended_at: string | null;
                /** @enum {string} */
                outcome: "running" | "completed" | "failed" | "canceled" | "queued" | "retried" | "handed_back" | "lost";
                error: string;
            }[];
        };
        JobAttemptList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["JobAttempt"][];
            /** @constant */
            has_more: false;
            next_cursor: null;
        };
        JobAttempt: {
            attempt: number;
            worker: string | null;
            /** Format: date-time */
            started_at: string | null;
            /**
             * Format: date-time
             * @description null while it runs.
             */
            ended_at: string | null;
            /**
             * @description `retried` after an error of the server, `handed_back` by a worker that was stopped, `lost` with its worker; `queued` while the job waits for the next attempt, otherwise how the job ended.
             * @enum {string}
             */
            outcome: "running" | "completed" | "failed" | "canceled" | "queued" | "retried" | "handed_back" | "lost";
            /** @description Why it did not complete: `worker_lost`, `internal_error` where it was tried again, otherwise the job's. */
            error_code: string | null;
        };
        AdminDeadLetters: {
            kind: components["schemas"]["JobKind"];
            error_code: string;
            message: string;
            jobs: number;
            /** Format: date-time */
            oldest_at: string;
            /** Format: date-time */
            newest_at: string;
        };
        AdminLoad: {
            project_id: string;
            project_name: string;
            queued: number;
            running: number;
            /** Format: date-time */
            oldest_waiting_at: string | null;
        };
        AdminProcess: {
            id: string;
            role: string;
            host: string;
            pid: number;
            version: string;
            /** @enum {string} */
            state: "alive" | "lost" | "ended";
            slots: number;
            running: number;
            memory_bytes: number;
            /** Format: date-time */
            started_at: string;
            /** Format: date-time */
            seen_at: string;
            /** Format: date-time */
            ended_at: string | null;
            jobs: components["schemas"]["AdminJob"][];
        };
        Scale: {
            /** Format: date-time */
            as_of: string;
            /** @description Workers that what waits and runs takes now. */
            need: number;
            /** @description Workers that there should be: as needed at once upwards, gently downwards. It has no upper bound; whoever starts workers has one. */
            wanted: number;
            /** @description What decided. */
            reason: string;
            /** @description Workers that take jobs. */
            workers: number;
            /** @description Workers that end what they have begun. */
            draining: number;
            /** @description Jobs that a worker runs at once. */
            slots_per_worker: number;
            /** @description Jobs of all queues that are due and that nothing keeps from being taken. */
            backlog: number;
            /** @description For how long the oldest of them has waited. */
            oldest_age_seconds: number;
            /** @description By the name of the queue. */
            queues: {
                [key: string]: {
                    backlog: number;
                    oldest_age_seconds: number;
                    running: number;
                    /** @description Jobs that ran at once in the last seconds, on average. */
                    busy_slots: number;
                    ended_per_second: number;
                    /** @description Median of how long they ran; 0 where none ended. */
                    service_p50_ms: number;
                    /** @description No worker takes jobs of the queue. */
                    paused: boolean;
                };
            };
        };
        ScaleEvent: {
            id: string;
            /** Format: date-time */
            at: string;
            /** @enum {string} */
            kind: "up" | "down" | "death" | "crash_loop" | "recovered" | "blocked";
            host: string;
            /** @description Id of the process. */
            supervisor: string;
            workers_from: number;
            workers_to: number;
            need: number;
            reason: string;
        };
        Percentiles: {
            p50: number;
            p95: number;
            p99: number;
        };
        AdminKindStats: {
            queue: string;
            kind: components["schemas"]["JobKind"];
            completed: number;
            failed: number;
            canceled: number;
            waiting_seconds: components["schemas"]["Percentiles"];
            running_seconds: components["schemas"]["Percentiles"];
        };
        AdminStatsPoint: {
            /** Format: date-time */
            at: string;
            completed: number;
            failed: number;
            canceled: number;
            waiting_seconds: components["schemas"]["Percentiles"];
            running_seconds: components["schemas"]["Percentiles"];
        };
        AdminStats: {
            /** @constant */
            object: "stats";
            period: string;
            /** Format: date-time */
            from: string;
            /** Format: date-time */
            to: string;
            step_seconds: number;
            kinds: components["schemas"]["AdminKindStats"][];
            series: components["schemas"]["AdminStatsPoint"][];
        };
        AdminAction: {
            id: components["schemas"]["UUID"];
            /** @constant */
            object: "action";
            /** @enum {string} */
            action: "retry" | "cancel" | "discard";
            filter: components["schemas"]["AdminJobFilter"];
            /** @enum {string} */
            state: "running" | "completed" | "canceled";
            requested_by: string;
            limit: number;
            /** @description Jobs that met the filter when it was asked for. */
            total: number;
            done: number;
            skipped: number;
            skipped_by_reason: {
                [key: string]: number;
            };
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            finished_at: string | null;
        };
        AdminActionPreview: {
            /** @constant */
            object: "action_preview";
            /** @enum {string} */
            action: "retry" | "cancel" | "discard";
            filter: components["schemas"]["AdminJobFilter"];
            total: number;
            dry_run: boolean;
        };
        AdminJobFilter: {
            state?: components["schemas"]["JobState"][];
            kind?: components["schemas"]["JobKind"][];
            /** @enum {string} */
            queue?: "interactive" | "bulk";
            project_id?: string;
            error_code?: string;
            worker?: string;
            dead?: boolean;
            attempts?: number;
            /** Format: date-time */
            created_before?: string;
            /** Format: date-time */
            created_after?: string;
        };
        NewAction: {
            /** @enum {string} */
            action: "retry" | "cancel" | "discard";
            filter?: components["schemas"]["AdminJobFilter"];
            /**
             * @description Jobs that are looked at, at most.
             * @default 100000
             */
            limit?: number;
            /** @default false */
            dry_run?: boolean;
        };
        AdminSystem: {
            /** @constant */
            object: "system";
            embedded: boolean;
            database: {
                kind: string;
                bytes: number;
                ping_seconds: number;
            };
            redis: {
                embedded: boolean;
                ping_seconds: number;
                down_seconds: number;
            };
            disk: {
                /** @description 0 where it is not known */
                free_bytes: number;
                total_bytes: number;
            };
            retention: {
                seconds: {
                    [key: string]: number;
                };
                /** Format: date-time */
                oldest_job_at: string | null;
            };
            process: {
                id: string;
                host: string;
                pid: number;
                version: string;
                /** Format: date-time */
                started_at: string;
                memory_bytes: number;
            };
        };
        OwnAccount: {
            id: components["schemas"]["UUID"];
            email: string;
            /** @description The user runs this server. */
            operator: boolean;
            /** @description The user has a password; without one they log in through a provider. */
            password: boolean;
            /** Format: date-time */
            created_at: string;
        };
        BrowserLogin: {
            access_token: string;
            /** @constant */
            token_type: "Bearer";
            /** @description Seconds that the access token is good. */
            expires_in: number;
            account: components["schemas"]["OwnAccount"];
        };
        Server: {
            /** @constant */
            object: "server";
            version: string;
            /** @description Anybody may make an account with a password. */
            signup: boolean;
            /** @description The demo account exists. */
            demo: boolean;
            /** @description One may log in with a password. */
            password: boolean;
            /** @description Where one may log in through a provider, by going to `/v1/auth/oidc/login`; null where there is none. */
            provider: components["schemas"]["LoginProvider"] | null;
        };
        LoginProvider: {
            /** @description What people call it. */
            name: string;
        };
        Account: components["schemas"]["Tokens"] & {
            id: components["schemas"]["UUID"];
            email: string;
            /** Format: date-time */
            created_at: string;
        };
        RefreshRequest: {
            refresh_token: string;
        };
        NewProject: {
            name: string;
        };
        Project: {
            id: components["schemas"]["UUID"];
            name: string;
            role: components["schemas"]["Role"];
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @description What a user is in a project. A `viewer` reads: sessions with their samples, features and exports, jobs, models, who the members are.
         *     A `member` also records, decodes, trains, cancels and logs events. An `owner` also manages keys, members and quotas, reads the audit
         *     log, erases people's data and deletes the project. Every project has at least one owner.
         * @enum {string}
         */
        Role: "owner" | "member" | "viewer";
        Member: {
            user_id: components["schemas"]["UUID"];
            email: string;
            role: components["schemas"]["Role"];
            /** Format: date-time */
            created_at: string;
        };
        Invitation: {
            id: components["schemas"]["UUID"];
            project_id: components["schemas"]["UUID"];
            email: string;
            role: components["schemas"]["Role"];
            created_by: components["schemas"]["UUID"];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string;
        };
        CreatedInvitation: components["schemas"]["Invitation"] & {
            /** @description What the invited person needs; shown here and never again. */
            token: string;
        };
        DeletedProject: {
            deleted_project_id: components["schemas"]["UUID"];
            status: components["schemas"]["JobState"];
            job_id: components["schemas"]["UUID"];
            sessions_deleted?: number;
            /** @description A channel. */
            samples_deleted?: number;
            features_deleted?: number;
            audit_id?: string;
        };
        /** @enum {string} */
        Scope: "decode" | "jobs:read" | "jobs:write" | "sessions" | "erase" | "catalog:read" | "catalog:write" | "devices:read" | "devices:use" | "devices:manage" | "devices:run" | "webhooks:read" | "webhooks:write";
        NewKey: {
            name: string;
            /** @description Without it the key has every scope. */
            scopes?: components["schemas"]["Scope"][];
            /** Format: date-time */
            expires_at?: string;
            expires_in_days?: number;
            /**
             * @description Rates by family of routes, instead of the server's own; at most what the server allows
             *     (`NEUROD_RATE_LIMIT_MAX`, bursts twice that).
             */
            rate_limits?: {
                decode?: components["schemas"]["NewRateLimit"];
                sessions?: components["schemas"]["NewRateLimit"];
            };
            /** @description Tier of the models that the key may use; free without it, at most what the server grants (`NEUROD_LICENSE_MAX`). */
            license?: components["schemas"]["License"];
        };
        NewRateLimit: {
            /** @example 600 */
            per_minute: number;
            /**
             * @description Without it twice the rate.
             * @example 1200
             */
            burst?: number;
        };
        RateLimit: {
            per_minute: number;
            burst: number;
        };
        Key: {
            id: components["schemas"]["UUID"];
            project_id: components["schemas"]["UUID"];
            /** @description The key that was refreshed into this one; null for one that a user made. */
            parent_id: components["schemas"]["UUID"] | null;
            /** @description The user who made it, or the key that it was refreshed from. The key is the project's and stays when they go. */
            created_by: components["schemas"]["UUID"] | null;
            name: string;
            last_four: string;
            scopes: components["schemas"]["Scope"][];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string | null;
            /** @description Rates by family of routes that the key has instead of the server's own. */
            rate_limits: {
                [key: string]: components["schemas"]["RateLimit"];
            };
            license: components["schemas"]["License"];
            /** Format: date-time */
            last_used_at: string | null;
        };
        /** @enum {string} */
        AuditAction: "account.created" | "login.succeeded" | "login.failed" | "login.ended" | "login.all_ended" | "login.token_reused" | "project.created" | "key.created" | "key.refreshed" | "key.revoked" | "user_data.erasing" | "user_data.erased" | "password.changed" | "account.deleted" | "project.retention_changed" | "project.deleting" | "project.deleted" | "member.invited" | "invitation.revoked" | "member.joined" | "member.role_changed" | "member.removed" | "member.left" | "operator.granted" | "operator.withdrawn" | "webhook.created" | "webhook.changed" | "webhook.deleted" | "webhook.secret_rotated" | "webhook.disabled" | "event.changed" | "event.deleted" | "queue.paused" | "queue.resumed" | "job.retried" | "job.discarded" | "job.canceled" | "action.started" | "action.canceled" | "action.completed";
        AuditEvent: {
            id: components["schemas"]["UUID"];
            /** Format: date-time */
            at: string;
            action: components["schemas"]["AuditAction"];
            /** @enum {string} */
            actor_kind: "user" | "key" | "operator" | "system" | "anonymous";
            /** @description Id of who did it; empty for none. */
            actor: string;
            /** Format: uuid */
            project_id: string | null;
            /** @description Id of what it was done to: a key, a project, a login, an erasure. */
            subject: string;
            details: Record<string, unknown>;
            /** @description Address of the client; empty where there is none. */
            remote: string;
            /** @description X-Request-Id of the call; empty where there is none. */
            request_id: string;
        };
        CreatedKey: components["schemas"]["Key"] & {
            raw_key: string;
        };
        /** @enum {string} */
        WebhookEventType: "job.completed" | "job.failed" | "job.canceled" | "session.completed" | "decode.intent" | "model.trained";
        /** @description One of `url` and `endpoint_url` is required. */
        NewWebhook: {
            /**
             * @description https, at a public address.
             * @example https://example.org/hook
             */
            url?: string;
            /** @description Another name of `url`. */
            endpoint_url?: string;
            description?: string;
            /** @description Without it `job.completed` and `job.failed`. */
            events?: components["schemas"]["WebhookEventType"][];
            /** @default true */
            enabled?: boolean;
            /** @description Another name of `enabled`. */
            is_active?: boolean;
            /** @description `whsec_` and the base64 of 24 to 64 random bytes; without it one is made. */
            secret?: string;
        } & (unknown | unknown);
        WebhookChange: {
            url?: string;
            endpoint_url?: string;
            description?: string;
            events?: components["schemas"]["WebhookEventType"][];
            enabled?: boolean;
            is_active?: boolean;
        };
        Webhook: {
            id: components["schemas"]["UUID"];
            /** @constant */
            object: "webhook";
            url: string;
            /** @description `url` once more. */
            endpoint_url: string;
            description: string;
            events: components["schemas"]["WebhookEventType"][];
            enabled: boolean;
            /** @description `enabled` once more. */
            is_active: boolean;
            /** @description Why the server has disabled it: nothing could be delivered for three days, or the receiver answered 410. */
            disabled_reason: string | null;
            /**
             * Format: date-time
             * @description The first failure since the last success.
             */
            failing_since: string | null;
            /**
             * Format: date-time
             * @description To the minute.
             */
            last_delivered_at: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
        };
        CreatedWebhook: components["schemas"]["Webhook"] & {
            secret: string;
            /**
             * Format: date-time
             * @description Until when events are signed with the secret before as well.
             */
            previous_secret_ends_at?: string;
        };
        WebhookList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["Webhook"][];
        };
        /** @enum {string} */
        DeliveryState: "pending" | "delivered" | "failed";
        /**
         * @description The body that is sent to webhooks. `data` of `job.…` has `id`, `job_id`, `kind`, `status`, `created_at`, `finished_at` and, failed, `error.code`; of `session.completed`
         *     `session_id`, `ingestion_mode` and `window_count`; of `decode.intent` `id`, `session_id`, `index`, `decoded_intent`, `confidence` and `paradigm_detected`; of `model.trained`
         *     `job_id`, `kind` and `model`; of `ping` `webhook_id`.
         */
        WebhookEvent: {
            /** @enum {string} */
            type: "job.completed" | "job.failed" | "job.canceled" | "session.completed" | "decode.intent" | "model.trained" | "ping";
            /**
             * Format: date-time
             * @description When it happened.
             */
            timestamp: string;
            /** @description As `webhook-id`. */
            id: string;
            /** @constant */
            object: "event";
            /** @description `timestamp` in Unix seconds. */
            created: number;
            data: Record<string, unknown>;
        };
        WebhookDelivery: {
            id: components["schemas"]["UUID"];
            /** @constant */
            object: "webhook_delivery";
            webhook_id: components["schemas"]["UUID"];
            /** @description The `webhook-id` of every attempt. */
            event_id: string;
            /** @enum {string} */
            event: "job.completed" | "job.failed" | "job.canceled" | "session.completed" | "decode.intent" | "model.trained" | "ping";
            state: components["schemas"]["DeliveryState"];
            attempts: {
                attempt: number;
                /**
                 * @description `lost` with its process: the receiver may have got the event.
                 * @enum {string}
                 */
                outcome: "running" | "delivered" | "failed" | "lost";
                /** Format: date-time */
                started_at: string;
                duration_ms: number | null;
                /** @description Of the receiver's answer; null where there was none. */
                status: number | null;
                error: string | null;
                /** @description The beginning of the receiver's answer. */
                answer: string;
            }[];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            next_attempt_at: string | null;
            /** Format: date-time */
            finished_at: string | null;
        };
        WebhookDeliveryList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["WebhookDelivery"][];
            has_more: boolean;
            next_cursor: string | null;
        };
        /** @enum {string} */
        License: "free" | "research" | "commercial";
        OwnKey: {
            api_key?: string;
        };
        HeldKey: {
            key_id: components["schemas"]["UUID"];
            project_id: components["schemas"]["UUID"];
            name: string;
            last_four: string;
            license: components["schemas"]["License"];
            scopes: components["schemas"]["Scope"][];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string | null;
        };
        RefreshedKey: components["schemas"]["HeldKey"] & {
            /** @description Shown in this answer and never again. */
            api_key: string;
            previous_key: {
                key_id: components["schemas"]["UUID"];
                /** Format: date-time */
                expires_at: string;
            };
        };
        RegistryList: {
            models: components["schemas"]["RegistryModel"][];
            total: number;
        };
        RegistryModel: {
            name: string;
            version: string;
            /** @description RxLDA, RxGMM, or the name of the pipeline. */
            type: string;
            /** @enum {string} */
            paradigm: "motor_imagery" | "p300" | "ssvep" | "cvep" | "seizure";
            /** @description Channels that the model looks at; 0 for any montage. */
            n_features: number;
            /** @description 0 where the request names them. */
            n_classes: number;
            /** @description 10⁶ bytes. */
            size_mb: number;
            /** Format: uri */
            download_url: string;
            checksum: string;
            requires_license: components["schemas"]["License"];
            metadata: {
                description: string;
                training_subjects: number;
                /** @description Empty where none was measured. */
                accuracy: string;
                feature_type: string;
                recommended_use: string;
                /** @description How the accuracy was measured. */
                protocol: string;
                /** @description Accuracy of guessing under that protocol: of always answering the most frequent class. */
                chance_level?: number;
                /** @description Area under the ROC curve. */
                auc?: number;
                training_trials: number;
                pipeline: string;
                classes: string[];
                channels: string[];
                /** @description 0 for any. */
                sample_rate_hz: number;
            };
            size_bytes: number;
            /** @description Whether it is the project's own. */
            own: boolean;
        };
        Model: {
            name: string;
            version: string;
            /** @enum {string} */
            source: "project" | "builtin" | "training_free" | "directory";
            /**
             * @description The active version is the one that the bare name means.
             * @enum {string}
             */
            state: "active" | "retired";
            type: string;
            /** @enum {string} */
            paradigm: "motor_imagery" | "p300" | "ssvep" | "cvep" | "seizure";
            pipeline: string;
            classes: string[];
            channels: string[];
            /** @description 0 for any. */
            sample_rate_hz: number;
            size_bytes: number;
            checksum: string;
            requires_license: components["schemas"]["License"];
            /** Format: date-time */
            created_at: string | null;
            /**
             * @description The model card as it is in the file. `calibration` has a line for each protocol, with the expected calibration error `ece` and, on cards made since they are kept, the `bins` that it is the mean of, for a
             *     reliability diagram: `from` and `to` of the confidence, `count` of trials held back, their mean `confidence` and their `accuracy`. Tenths without trials are left out.
             */
            card: Record<string, unknown>;
        };
        /** @description Each once, all of one sampling rate. Events from `start_ms` on and before `end_ms` count (Unix ms); left out, all. */
        TrainingSessions: {
            session_id: components["schemas"]["UUID"];
            start_ms?: number | null;
            end_ms?: number | null;
            /** @description Of p300, in the place of `classes`: what was spelled, with symbols of `stimulus`, one for each train of flashes (a pause of 2 s or more ends one). */
            letters?: string;
        }[];
        /** @description What the `letters` of the sessions were spelled with. Required with them. */
        TrainingStimulus: {
            matrix: string[][];
            /** @description The symbols that the flash of each code lights up. By default columns have the codes from 1 on, and rows those behind them. */
            flashes?: {
                [key: string]: string[];
            };
        };
        /** @description The class of each event, by its label or, where no label fits, its code. Several may mean one class. Those of p300 are `target` and `non_target`, and may be left out where `letters` tell them, or the events themselves (`target`). */
        TrainingClasses: {
            [key: string]: string;
        };
        /** @description The signal around an event that is a trial, in s. By default -1 to 1.7 for p300, else -0.5 to 4. */
        TrialWindow: {
            from_s: number;
            to_s: number;
        } | null;
        TrainRequest: {
            name: string;
            /** @enum {string} */
            paradigm: "motor_imagery" | "p300" | "ssvep" | "cvep";
            /** @description One of the paradigm. By default `ts_lr`, `xdawn_lda`, `ecca`, `rcca`. */
            pipeline?: string;
            /**
             * @description What the training starts from; only `ts_lr` does. `builtin`: the people whom the built-in models of left and right hand know, re-centred, to whom the
             *     person's own trials are added; two trials of each class are enough. Or a model of `ts_lr` that was trained with alignment, as `name` or `name@version`,
             *     to whose weights the trials are fitted. `none`: the trials alone.
             * @default none
             */
            base?: string;
            sessions: components["schemas"]["TrainingSessions"];
            classes?: components["schemas"]["TrainingClasses"];
            stimulus?: components["schemas"]["TrainingStimulus"];
            window?: components["schemas"]["TrialWindow"];
            /** @description By default those of the first session. Every session must have them. */
            channels?: string[] | null;
            /** @description The pipeline's options, as `neurod train --options` has them. */
            options?: Record<string, unknown> | null;
            /** @default true */
            reject_low_quality?: boolean | null;
            /** @description For the card. */
            summary?: string;
            /** @description For the card. */
            intended_use?: string;
        };
        CalibrateRequest: {
            /** @description That goes on learning. By default the one that is active when the job runs: of two calibrations at once, one goes on from the other. */
            version?: string;
            sessions: components["schemas"]["TrainingSessions"];
            classes?: components["schemas"]["TrainingClasses"];
            stimulus?: components["schemas"]["TrainingStimulus"];
            window?: components["schemas"]["TrialWindow"];
            /** @default true */
            reject_low_quality?: boolean | null;
        };
        TrainingResult: {
            /** @description name@version, as a decode takes it. */
            model: string;
            name: string;
            version: string;
            /** @description Of a calibration, the version that went on learning. */
            from?: string;
            /** @enum {string} */
            paradigm: "motor_imagery" | "p300" | "ssvep" | "cvep";
            pipeline: string;
            classes: string[] | null;
            channels: string[] | null;
            sample_rate_hz: number;
            trials: {
                /** @description Events of some class in the ranges asked for. */
                found: number;
                /** @description Of them. */
                used: number;
                /** @description Of those used. */
                by_class: {
                    [key: string]: number;
                };
                /** @description Left out: before the first sample, in a gap, or not recorded yet. */
                samples_missing: number;
                /** @description What the gate for low quality did. */
                quality?: {
                    trials: number;
                    rejected: number;
                    rejected_by_class: {
                        [key: string]: number;
                    };
                    reasons: {
                        [key: string]: number;
                    };
                    /** @description More than half would have gone: those that can be read were kept. */
                    overruled: boolean;
                };
                /** @description Of the trials that passed it, those that were left out because a channel holds no EEG. */
                contact?: {
                    trials: number;
                    rejected: number;
                    channels: {
                        channel: string;
                        /**
                         * @description The most frequent one.
                         * @enum {string}
                         */
                        fault: "flat" | "clipped" | "line" | "noise" | "loud";
                        trials: number;
                    }[];
                };
            };
            /** @description Whether the first figure of the card is better than guessing with 95 % confidence. */
            beats_chance?: boolean;
            /** @description The model card, with `evaluations`, `calibration` (and its `bins`), `learning_curve` and, of a seizure check, `operating_points`. */
            card: Record<string, unknown>;
            sha256: string;
            size_bytes: number;
        };
        AnalyticsEvent: {
            /** @description Where the key is not in the Authorization header. */
            api_key?: string;
            /** @enum {string} */
            event_type: "inference" | "model_load" | "error";
            model_name?: string | null;
            /** @enum {string|null} */
            inference_type?: "batch" | "streaming" | null;
            duration_ms?: number | null;
            success?: boolean | null;
            error_message?: string | null;
            /** @description At most 16,000 bytes of JSON. */
            metadata?: Record<string, unknown> | null;
        };
        /** @enum {string} */
        IngestionMode: "STREAMING" | "RECORDED";
        /**
         * @description null for STREAMING.
         * @enum {string|null}
         */
        ProcessingState: "UPLOADING" | "PROCESSING" | "COMPLETE" | "FAILED" | null;
        NewSession: {
            external_user_id: string;
            device_type: string;
            sample_rate_hz: number;
            channels: string[];
            ingestion_mode?: components["schemas"]["IngestionMode"];
            /**
             * @description Seconds between the starts of two feature windows.
             * @default 2
             */
            hop_s?: number;
            /** @description How far the time of a batch may be off its neighbor and still continue it, but no more than half the batch. Defaults to 40 for STREAMING and 1 for RECORDED. */
            jitter_ms?: number;
            /**
             * Format: int64
             * @description Where the grid of windows begins. Defaults to the time of the first batch.
             */
            started_at_unix_ms?: number;
            decode?: components["schemas"]["LiveDecode"];
            features?: components["schemas"]["WindowFeatures"];
            /** @description What you call the session. */
            name?: string | null;
            tags?: components["schemas"]["SessionTags"];
            metadata?: components["schemas"]["SessionMetadata"];
            /** @description Of the experiment. */
            protocol?: string | null;
            /** @description The device of the project that it is recorded from. */
            device_id?: string | null;
        };
        /** @description What the windows carry beside what every window has. Defaults to nothing. */
        WindowFeatures: components["schemas"]["FeatureName"][] | null;
        /**
         * @description `band_power`: the power in each band of each channel. `relative_power`: the share of each band. `aperiodic`: exponent and offset of the 1/f part of the spectrum from 2 to 40 Hz. `alpha_peak`: the individual alpha peak.
         * @enum {string}
         */
        FeatureName: "band_power" | "relative_power" | "aperiodic" | "alpha_peak";
        SessionTags: string[] | null;
        /** @description What else you keep with the session: any JSON object of at most 16,000 bytes. */
        SessionMetadata: Record<string, unknown> | null;
        /** @description How the session is decoded as it runs. */
        LiveDecode: {
            /**
             * @description `auto` needs `model`, `stimulus.targets` or `stimulus.codes`: a window has no cues that show it. `cvep` needs an event of the session that says when the codes began, added before the samples after it.
             * @enum {string}
             */
            paradigm: "motor_imagery" | "ssvep" | "cvep" | "seizure" | "auto";
            /** @description Catalog name, optionally name@version. Defaults to the one that fits. */
            model?: string;
            /**
             * @description Seconds that one decode looks at.
             * @default 4
             */
            window_s?: number;
            /**
             * @description Seconds between the starts of two decodes.
             * @default 1
             */
            hop_s?: number;
            stimulus?: components["schemas"]["DecodeStimulus"];
            /** @description The caller's own intent for each class. */
            intents?: {
                [key: string]: string;
            };
            /**
             * @description `auto` moves a motor imagery model that was trained with alignment to the mean of the clips before each; `none` takes it as it is; `balance` also moves the even odds of a model of two classes that was not, by the windows before each.
             * @default auto
             * @enum {string}
             */
            alignment?: "auto" | "none" | "balance";
            seizure?: components["schemas"]["DecodeSeizure"];
        };
        Session: {
            session_id: components["schemas"]["UUID"];
            project_id: components["schemas"]["UUID"];
            external_user_id: string;
            device_type: string;
            sample_rate_hz: number;
            channels: string[];
            /**
             * Format: date-time
             * @description Of sample 0; until there is one, when the session was made. With milliseconds where there are any.
             */
            started_at: string;
            /**
             * Format: date-time
             * @description As the caller says, else of the last sample or, live, now. Null for an import until its file is read.
             */
            ended_at: string | null;
            ingestion_mode: components["schemas"]["IngestionMode"];
            processing_state: components["schemas"]["ProcessingState"];
            hop_s?: number;
            jitter_ms?: number;
            decode?: components["schemas"]["LiveDecode"];
            /** @description As the session was made with in `features`; left out where with none. */
            window_features?: components["schemas"]["FeatureName"][];
            /** @description Channels of the uploaded file that the session leaves out, and why. */
            skipped_channels?: components["schemas"]["SkippedChannel"][];
            /** @description As the session was made or changed with; so the following. What was not said is left out. */
            name?: string;
            tags?: components["schemas"]["SessionTags"];
            metadata?: components["schemas"]["SessionMetadata"];
            protocol?: string;
            device_id?: string;
            ws_url?: string;
        };
        SkippedChannel: {
            channel: string;
            reason: string;
        };
        /** @description How far the file of a session is read. */
        ImportProgress: {
            /** @description Such as EDF+C. */
            format: string;
            /** Format: int64 */
            total_bytes: number;
            /** Format: int64 */
            done_bytes: number;
            share_done: number;
        };
        ImportedSession: components["schemas"]["Session"] & {
            /** @constant */
            status: "accepted";
            job_id: components["schemas"]["UUID"];
            import: components["schemas"]["ImportProgress"];
        };
        SessionEvent: {
            /** @description In the order in which the events were added. */
            seq: number;
            t_unix_ms: number;
            /** @description After the session's origin; null while it is not known. */
            onset_ms: number | null;
            /**
             * Format: int64
             * @description Number of the nearest sample, from 0 at the origin.
             */
            sample: number | null;
            duration_ms: number;
            /** @description 0 for none. */
            code: number;
            label: string;
            /** @description The channel that it is about; empty for all. */
            channel: string;
            /** @description Whether the flash that it is was attended (P300); left out where that is not known. */
            target?: boolean;
            /** @enum {string} */
            source: "file" | "api";
            /** Format: date-time */
            created_at: string;
        };
        EventChange: {
            t_unix_ms?: number;
            /** @description After the session's origin. */
            onset_ms?: number;
            /** Format: int64 */
            sample?: number;
            duration_ms?: number;
            code?: number;
            label?: string;
            channel?: string;
            target?: boolean;
        };
        EventChanges: {
            /** @description To be asked for next time. */
            revision: number;
            changed: components["schemas"]["SessionEvent"][];
            /** @description Numbers of events. */
            deleted: number[];
        };
        EndedSession: components["schemas"]["Session"] & {
            /** @enum {string} */
            status: "ended" | "accepted";
            job_id?: components["schemas"]["UUID"];
        };
        SampleBatch: {
            batch_id: string;
            /**
             * Format: int64
             * @description Time of the first sample.
             */
            t0_unix_ms: number;
            /**
             * Format: int64
             * @description Number of the first sample, counted from the session's origin, where a device numbers its samples. It places the batch; `t0_unix_ms` is then only its true time.
             */
            first_sample?: number;
            /**
             * @description What the samples are in; they are kept in µV.
             * @default uV
             * @enum {string}
             */
            unit?: "V" | "mV" | "uV" | "µV" | "nV";
            /** @description The samples of every channel of the session, in `unit`, equally many a channel. */
            data: {
                [key: string]: number[];
            };
        };
        Ingested: {
            /** @enum {string} */
            status: "accepted" | "duplicate_ignored";
            /** @description Samples a channel that were added. */
            sample_count: number;
            job_id?: components["schemas"]["UUID"];
            /** @description The batch id came with other samples before; those were kept. */
            payload_differs?: boolean;
            /** @description Samples a channel of this batch that lie where the session had samples before: those are kept, and these count for nothing. Left out where there are none. */
            overlapped_sample_count?: number;
            /** @description What is strange about the batch's time: that it overlaps what is there, or that the first batch is dated before 2000 or in the future. Left out where nothing is. */
            warnings?: string[];
        };
        SessionStatus: {
            session_id: components["schemas"]["UUID"];
            ingestion_mode: components["schemas"]["IngestionMode"];
            processing_state: components["schemas"]["ProcessingState"];
            /** Format: date-time */
            ended_at: string | null;
            window_count: number;
            /** @description Live decodes that are written. */
            decode_count?: number;
            /** @description Samples a channel that were accepted. */
            sample_count?: number;
            /** @description Of them, those that lie where the session had samples before: the first are kept. A number near `sample_count` says that the batches have the same times, or times in another unit. */
            overlapped_sample_count?: number;
            /** @description What is strange about the times of the batches; of an import that is done, also what was wrong with the file and how it was read all the same. */
            warnings?: string[];
            batch_count?: number;
            /** @description Spans of time that were not recorded, in order, the first 100. Late samples that fill one make it disappear. */
            gaps?: {
                /** Format: int64 */
                start_ms: number;
                /** Format: int64 */
                end_ms: number;
                /** @description Samples a channel that are missing. */
                samples: number;
            }[];
            /** @description There are more than 100. */
            more_gaps?: boolean;
            /** @description Batches whose windows are not written yet. */
            pending_batches?: number;
            /** @description The latest job that writes windows. */
            job_id?: string | null;
            import?: components["schemas"]["ImportProgress"];
            /** @description What the time of the session's source was last found to do; null where nobody who reads it has said. */
            clock?: components["schemas"]["SourceClock"] | null;
        };
        /** @description The clock of a device against that of the machine that reads it: drift, jitter, jumps and losses, as agents and devices of the service measure them. Times in ms, drifts in parts per million. */
        SourceClock: {
            driver?: string;
            /**
             * @description What the time of samples is taken from: when they came, the device's clock, or the machine that made them.
             * @enum {string}
             */
            stamps?: "" | "arrival" | "device" | "exact";
            /** @description The device numbers its samples, so that losses are exact. */
            counter?: boolean;
            /** @description That of the session. */
            nominal_hz: number;
            /** @description By the clock of the machine; null before 10 s have been seen. */
            rate_hz?: number | null;
            /** @description By how much the rate is above the nominal one. */
            drift_ppm?: number | null;
            /** @description How far the drift may be off. */
            drift_within_ppm?: number | null;
            /** @description 95th percentile of how late samples come. */
            jitter_ms?: number;
            /** @description The most of the last minute. */
            jitter_max_ms?: number;
            /** @description How far the newest sample is from where the nominal rate puts it. */
            offset_ms?: number;
            /** @description How far that may be off. */
            within_ms?: number;
            /** @description Lasting steps of the device's stamps. */
            jumps?: number;
            /** @description Steps of the machine's clock, which move no sample. */
            host_steps?: number;
            /**
             * Format: int64
             * @description That were made.
             */
            samples?: number;
            /**
             * Format: int64
             * @description Of them, those that never came.
             */
            lost?: number;
            /** @description The device's own clock, where it has one that is compared. */
            device?: {
                /** @description What is added to its time. */
                offset_ms: number;
                /** @description Half of the round trip that it was measured by. */
                within_ms: number;
            };
            /** @description Samples that the session has not, by cause. */
            missing?: {
                [key: string]: number;
            };
            dropped_markers?: number;
            /** Format: date-time */
            reported_at?: string;
        };
        /** @description What one window of a live session decodes to, with every field of a decode's output, or why it cannot be decoded. */
        SessionDecode: {
            id: string;
            session_id: components["schemas"]["UUID"];
            /** Format: int64 */
            window_start_ms: number;
            /** Format: int64 */
            window_end_ms: number;
            decoded_intent?: string;
            confidence?: number;
            alternatives?: {
                intent?: string;
                confidence?: number;
            }[];
            alignment?: components["schemas"]["Alignment"];
            clip?: components["schemas"]["Clip"];
            error?: {
                code: string;
                message: string;
                details?: unknown;
            };
            /** Format: date-time */
            created_at: string;
            /** @description Position on the grid of decodes; negative before the origin. */
            index: number;
            /** @description Number among the session's windows and decodes in the order of writing. */
            seq: number;
        };
        SampleView: {
            session_id: components["schemas"]["UUID"];
            sample_rate_hz: number;
            /** @constant */
            unit: "uV";
            /** @enum {string} */
            kind: "samples" | "envelope";
            samples_per_point: number;
            /** @description Number of the first sample of the first point, counted from the session's origin. */
            first_sample: number;
            /** @description Time of that sample; null where the session has none. */
            start_unix_ms: number | null;
            points: number;
            channels: string[];
            /** @description One for each channel, in their order. */
            data: {
                /** @description The samples; with `samples` alone. */
                values?: (number | null)[];
                min?: (number | null)[];
                max?: (number | null)[];
            }[];
        };
        /** @description On request. The share of each band in what the bands hold together, averaged over the channels where it stands for all; null where a band cannot be known, and for a flat channel. */
        RelativePower: {
            delta: number | null;
            theta: number | null;
            alpha: number | null;
            beta: number | null;
            gamma: number | null;
        };
        /** @description On request. The 1/f part of the spectrum, log10 P(f) = offset - exponent·log10 f with P in µV²/Hz, from 2 to 40 Hz without the peaks. Where it stands for all channels it is that of the mean of the log spectra of the good ones. Null for a flat channel, and at rates below 45 Hz. */
        Aperiodic: {
            exponent: number | null;
            offset: number | null;
        };
        /** @description On request. The highest peak that stands out of the 1/f part at 7 to 13 Hz; null where there is none. */
        AlphaPeak: {
            frequency_hz: number;
            /** @description log10 of the density at the peak over that of the 1/f part. */
            power: number;
            /** @description Two standard deviations. */
            width_hz: number;
        } | null;
        /** @description On request, by the name of the channel. */
        ChannelFeatures: {
            [key: string]: {
                /** @description µV²; null above the Nyquist frequency. */
                bandpower?: {
                    delta: number | null;
                    theta: number | null;
                    alpha: number | null;
                    beta: number | null;
                    gamma: number | null;
                };
                relative_power?: components["schemas"]["RelativePower"];
                aperiodic?: components["schemas"]["Aperiodic"];
                alpha_peak?: components["schemas"]["AlphaPeak"];
            };
        };
        /** @description The features that `output.features` asked for, of the mean spectra of the recording's 2-s windows that passed the gate, of all where none did. */
        ClipFeatures: {
            /** @description µV², averaged over the channels; null above the Nyquist frequency. */
            bandpower: {
                delta: number | null;
                theta: number | null;
                alpha: number | null;
                beta: number | null;
                gamma: number | null;
            };
            relative_power?: components["schemas"]["RelativePower"];
            aperiodic?: components["schemas"]["Aperiodic"];
            alpha_peak?: components["schemas"]["AlphaPeak"];
            per_channel?: components["schemas"]["ChannelFeatures"];
            /** @description That the spectra are the mean of. */
            windows: number;
        };
        FeatureWindow: {
            id: string;
            session_id: components["schemas"]["UUID"];
            /** Format: int64 */
            window_start_ms: number;
            /** Format: int64 */
            window_end_ms: number;
            features: {
                /** @description µV², averaged over the channels; null above the Nyquist frequency. */
                bandpower: {
                    delta: number | null;
                    theta: number | null;
                    alpha: number | null;
                    beta: number | null;
                    gamma: number | null;
                };
                relative_power?: components["schemas"]["RelativePower"];
                aperiodic?: components["schemas"]["Aperiodic"];
                alpha_peak?: components["schemas"]["AlphaPeak"];
                per_channel?: components["schemas"]["ChannelFeatures"];
                ratios: {
                    alpha_beta: number | null;
                    theta_beta: number | null;
                };
                spectral_entropy: number | null;
            };
            artifacts: {
                blink_like: number;
                motion_like: number;
                emg_like: number;
                bad_contact: number;
                per_channel?: Record<string, unknown>;
            };
            quality: {
                overall: number;
                per_channel: {
                    [key: string]: number;
                };
            };
            confidence: {
                overall: number;
            };
            gate: {
                passed: boolean;
                reasons?: string[];
            };
            clipped?: string[];
            /** Format: date-time */
            created_at: string;
            /**
             * Format: int64
             * @description Position on the session's grid of windows.
             */
            index?: number;
            /** @description Number in the order of writing. */
            seq?: number;
        };
        Export: {
            session: Record<string, unknown>;
            feature_windows: components["schemas"]["FeatureWindow"][];
            events?: {
                /**
                 * Format: int64
                 * @description Counted from the session's origin.
                 */
                sample: number;
                /** Format: int64 */
                t_unix_ms: number;
                duration_s: number;
                code: number;
                label: string;
            }[];
            raw_batches?: {
                /**
                 * Format: int64
                 * @description Number of its first sample; left out before the session's origin.
                 */
                first_sample?: number;
            }[];
            pagination: {
                offset: number;
                limit: number;
                total: number;
                has_more: boolean;
            };
        };
        Problem: {
            type: string;
            title: string;
            status: number;
            detail: string;
            code: string;
            errors?: components["schemas"]["FieldError"][];
            details?: Record<string, unknown>;
            request_id: string;
        };
        FieldError: {
            /** @description JSON pointer (RFC 6901) into the body, or the name of a parameter. */
            pointer: string;
            /**
             * @example required
             * @example not_allowed
             * @example out_of_range
             * @example not_base64
             */
            code: string;
            message: string;
        };
    };
    responses: {
        /** @description What was asked for, and what went wrong. */
        GraphQLAnswer: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["GraphQLAnswer"];
                "application/graphql-response+json": components["schemas"]["GraphQLAnswer"];
            };
        };
        /** @description The operation was not run: `errors[].extensions.code` says why, as the devices document has codes, or `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `QUERY_TOO_COMPLEX`. */
        GraphQLRefused: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["GraphQLAnswer"];
                "application/graphql-response+json": components["schemas"]["GraphQLAnswer"];
            };
        };
        /** @description What went wrong, by `code`, in capitals as the devices document has them. */
        DevicesError: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `RATE_LIMIT_EXCEEDED`: too many calls, or `PROJECT_QUOTA_EXCEEDED`: a quota of the project; `Retry-After` says how long to wait. */
        DevicesTooMany: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description Accepted, and kept. */
        Accepted: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                Location: components["headers"]["Location"];
                "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Accepted"];
            };
        };
        /** @description `rate_limited`: too many calls, or `project_quota_exceeded`: a quota of the project; `Retry-After` says how long to wait. */
        TooMany: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `rate_limited`: too many calls, or `project_quota_exceeded`: a quota of the project, or `too_many_streams`: as many live streams as may be; `Retry-After` says how long to wait. */
        ProblemTooMany: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `rate_limited` (`RATE_LIMIT_EXCEEDED`): too many calls; `Retry-After` says how long to wait. */
        RegistryTooMany: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["RegistryError"];
            };
        };
        /** @description What went wrong, by `code`. */
        Problem: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description What went wrong, by `code`. */
        RegistryError: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["RegistryError"];
            };
        };
        /** @description `unavailable`: a store does not answer. */
        Unavailable: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `invalid_request_body` with `details.fields`, or `invalid_idempotency_key`. */
        InvalidBody: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `invalid_parameter` with `details.fields`. */
        InvalidParameter: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `missing_credentials`, `invalid_api_key` or `expired_api_key`. */
        Unauthorized: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                "WWW-Authenticate": components["headers"]["WWWAuthenticate"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `insufficient_scope`, `insufficient_role`, `project_mismatch` or `neuro_decode_disabled`. */
        Forbidden: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `job_not_found`: there is no such job in the project of the key. */
        NotFound: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description What is asked for cannot be done in this state; `code` and `details` say why. */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `job_not_cancelable`: an erasure cannot be stopped. */
        NotCancelable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `idempotency_key_in_flight`: the first request with the key is still being accepted. */
        KeyInFlight: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `idempotency_key_reused`: the key came with another body before. */
        KeyReused: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `payload_too_large`, before or after decompression or base64, or for gzip that unpacks to more than 4 MiB and more than 5 times its bytes. */
        TooLarge: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `upload_too_slow`: 64 KiB of a body must come in every 10 s, 512 KiB of one beyond 1 MiB, and all of it within 120 s. */
        TooSlow: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `unsupported_media_type`: not JSON, or an encoding other than gzip. */
        MediaType: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `job_create_failed`: the database did not take the job. Nothing was accepted. */
        CreateFailed: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `job_trigger_failed`: the workers have been out of reach for too long. Nothing was accepted. */
        TriggerFailed: {
            headers: {
                "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
    };
    parameters: {
        /** @description With or without the `req_pi_` prefix. */
        JobId: string;
        WebhookId: string;
        DeliveryId: string;
        SessionId: string;
        PathUser: string;
        PathProject: string;
        /**
         * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
         *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
         *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
         */
        ProjectId: string;
        /** @description The same as `X-Project-Id`, for those who cannot set headers. */
        ProjectQuery: string;
        DeviceId: string;
        /**
         * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
         *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
         *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
         *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
         *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
         *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
         */
        IdempotencyKey: string;
        /** @description Any value, such as `1`. Pages of other origins cannot send it, which is what it is for. */
        Console: string;
        /** @description Taken over into logs and the answer when it is 1-128 letters, digits or `-_.:/+=`; made otherwise. */
        RequestId: string;
    };
    requestBodies: never;
    headers: {
        /** @description Where to poll. */
        Location: string;
        /** @description `true` when the answer was stored by an earlier request with the same Idempotency-Key. */
        IdempotentReplayed: "true";
        /** @description The id of the request, for logs and support. */
        XRequestId: string;
        /** @description Seconds to wait before trying again. */
        RetryAfter: number;
        /** @description How many calls are allowed in each window of a minute, for as long as one likes. A caller that has rested may make X-RateLimit-Burst at once. */
        RateLimitLimit: number;
        /** @description How many of a window's calls may follow at once; X-RateLimit-Burst-Remaining counts those of the burst. */
        RateLimitRemaining: number;
        /** @description Unix time in seconds at which X-RateLimit-Burst-Remaining is X-RateLimit-Burst again, if no call follows. */
        RateLimitReset: number;
        /** @description RFC 6750. */
        WWWAuthenticate: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    decode: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description Taken over into logs and the answer when it is 1-128 letters, digits or `-_.:/+=`; made otherwise. */
                "X-Request-Id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description At most 48 MiB, plain or with `Content-Encoding: gzip`; 32 MiB of recording once decoded. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["DecodeRequest"];
            };
        };
        responses: {
            202: components["responses"]["Accepted"];
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            500: components["responses"]["CreateFailed"];
            502: components["responses"]["TriggerFailed"];
            503: components["responses"]["Unavailable"];
        };
    };
    decodeBatch: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description Taken over into logs and the answer when it is 1-128 letters, digits or `-_.:/+=`; made otherwise. */
                "X-Request-Id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description At most 64 MiB, plain or with `Content-Encoding: gzip`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["BatchRequest"];
            };
        };
        responses: {
            /** @description Accepted, and kept. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    "X-Request-Id": components["headers"]["XRequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchAccepted"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            500: components["responses"]["CreateFailed"];
            502: components["responses"]["TriggerFailed"];
            503: components["responses"]["Unavailable"];
        };
    };
    listJobs: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description Only jobs in these states; repeated or with commas between. */
                state?: components["schemas"]["JobState"][];
                created_before?: string;
                created_after?: string;
                /** @description Only jobs of these kinds; repeated or with commas between. */
                kind?: components["schemas"]["JobKind"][];
                /** @description Only the items of this batch. */
                parent_id?: string;
                limit?: number;
                /** @description The `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /** @description Taken over into logs and the answer when it is 1-128 letters, digits or `-_.:/+=`; made otherwise. */
                "X-Request-Id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["XRequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobList"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    getJob: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                wait_for_completion?: boolean;
                /** @description Clamped to 60. */
                timeout_seconds?: number;
                /** @description `diagnostics` adds routing and milliseconds a step. */
                include?: "diagnostics"[];
                /** @description Another name of `include`. */
                expand?: "diagnostics"[];
                /** @description The fields that the answer is to have, beside `id`; all without it. What the job does not have is left out. */
                fields?: ("id" | "object" | "kind" | "status" | "created_at" | "started_at" | "finished_at" | "attempts" | "data" | "output" | "error" | "diagnostics" | "batch")[];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /** @description Taken over into logs and the answer when it is 1-128 letters, digits or `-_.:/+=`; made otherwise. */
                "X-Request-Id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description With or without the `req_pi_` prefix. */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job; with `fields`, that part of it. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["XRequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"] | components["schemas"]["PartOfJob"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    cancelJob: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /** @description Taken over into logs and the answer when it is 1-128 letters, digits or `-_.:/+=`; made otherwise. */
                "X-Request-Id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description With or without the `req_pi_` prefix. */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job in its present state. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["XRequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["NotCancelable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    jobAttempts: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                /** @description With or without the `req_pi_` prefix. */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The attempts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAttemptList"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    runAgain: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description With or without the `req_pi_` prefix. */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, unknown>;
            };
        };
        responses: {
            /** @description Accepted, and kept. */
            202: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    signup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Signup"];
            };
        };
        responses: {
            /** @description Made, and logged in. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            400: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description Logged in. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    refresh: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description May be empty where the key is in the Authorization header. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"] | components["schemas"]["OwnKey"];
            };
        };
        responses: {
            /** @description New tokens, or the new key. */
            200: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"] | components["schemas"]["RefreshedKey"];
                };
            };
            /** @description `INVALID_REQUEST_BODY`, `MISSING_KEY` or `INVALID_FORMAT`: `application/problem+json` where `refresh_token` was sent, the registry's shape otherwise. */
            400: {
                headers: {
                    "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `INVALID_KEY` or `KEY_EXPIRED`; `invalid_token` of a refresh token: `application/problem+json` where `refresh_token` was sent, the registry's shape otherwise. */
            401: {
                headers: {
                    "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RegistryError"];
            409: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            422: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            /** @description `UNAVAILABLE`: the database does not answer: `application/problem+json` where `refresh_token` was sent, the registry's shape otherwise. */
            503: {
                headers: {
                    "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    validateKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description May be empty where the key is in the Authorization header. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["OwnKey"];
            };
        };
        responses: {
            /** @description It is good. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeldKey"] & {
                        /** @constant */
                        valid: true;
                        /** @description `license` once more: the registry's own client reads this name. */
                        license_type: components["schemas"]["License"];
                        /** @description `scopes` once more, for the same reason. */
                        features: components["schemas"]["Scope"][];
                    };
                };
            };
            400: components["responses"]["RegistryError"];
            401: components["responses"]["RegistryError"];
            408: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            503: components["responses"]["RegistryError"];
        };
    };
    installerToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description May be empty where the key is in the Authorization header. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["OwnKey"];
            };
        };
        responses: {
            400: components["responses"]["RegistryError"];
            401: components["responses"]["RegistryError"];
            408: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            503: components["responses"]["RegistryError"];
        };
    };
    revokeOwnKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description May be empty where the key is in the Authorization header. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["OwnKey"] & {
                    /** @default false */
                    include_refreshed?: boolean;
                };
            };
        };
        responses: {
            /** @description Revoked. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        revoked: true;
                        key_id: components["schemas"]["UUID"];
                        keys_revoked: number;
                    };
                };
            };
            400: components["responses"]["RegistryError"];
            404: components["responses"]["RegistryError"];
            408: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            503: components["responses"]["RegistryError"];
        };
    };
    validateKeyUnversioned: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description May be empty where the key is in the Authorization header. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["OwnKey"];
            };
        };
        responses: {
            /** @description It is good. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeldKey"] & {
                        /** @constant */
                        valid: true;
                        /** @description `license` once more: the registry's own client reads this name. */
                        license_type: components["schemas"]["License"];
                        /** @description `scopes` once more, for the same reason. */
                        features: components["schemas"]["Scope"][];
                    };
                };
            };
            400: components["responses"]["RegistryError"];
            401: components["responses"]["RegistryError"];
            408: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            503: components["responses"]["RegistryError"];
        };
    };
    refreshUnversioned: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description May be empty where the key is in the Authorization header. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"] | components["schemas"]["OwnKey"];
            };
        };
        responses: {
            /** @description New tokens, or the new key. */
            200: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"] | components["schemas"]["RefreshedKey"];
                };
            };
            /** @description `INVALID_REQUEST_BODY`, `MISSING_KEY` or `INVALID_FORMAT`: `application/problem+json` where `refresh_token` was sent, the registry's shape otherwise. */
            400: {
                headers: {
                    "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `INVALID_KEY` or `KEY_EXPIRED`; `invalid_token` of a refresh token: `application/problem+json` where `refresh_token` was sent, the registry's shape otherwise. */
            401: {
                headers: {
                    "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RegistryError"];
            409: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            422: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            /** @description `UNAVAILABLE`: the database does not answer: `application/problem+json` where `refresh_token` was sent, the registry's shape otherwise. */
            503: {
                headers: {
                    "X-RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "X-RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "X-RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeOwnKeyUnversioned: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description May be empty where the key is in the Authorization header. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["OwnKey"] & {
                    /** @default false */
                    include_refreshed?: boolean;
                };
            };
        };
        responses: {
            /** @description Revoked. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        revoked: true;
                        key_id: components["schemas"]["UUID"];
                        keys_revoked: number;
                    };
                };
            };
            400: components["responses"]["RegistryError"];
            404: components["responses"]["RegistryError"];
            408: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            503: components["responses"]["RegistryError"];
        };
    };
    installerTokenUnversioned: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description May be empty where the key is in the Authorization header. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["OwnKey"];
            };
        };
        responses: {
            400: components["responses"]["RegistryError"];
            401: components["responses"]["RegistryError"];
            408: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            503: components["responses"]["RegistryError"];
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"];
            };
        };
        responses: {
            /** @description Logged out, or was already. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    browserSignup: {
        parameters: {
            query?: never;
            header: {
                /** @description Any value, such as `1`. Pages of other origins cannot send it, which is what it is for. */
                "X-Neurod-Console": components["parameters"]["Console"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Signup"];
            };
        };
        responses: {
            /** @description Made, and logged in. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BrowserLogin"];
                };
            };
            400: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    browserLogin: {
        parameters: {
            query?: never;
            header: {
                /** @description Any value, such as `1`. Pages of other origins cannot send it, which is what it is for. */
                "X-Neurod-Console": components["parameters"]["Console"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description Logged in. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BrowserLogin"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    browserRefresh: {
        parameters: {
            query?: never;
            header: {
                /** @description Any value, such as `1`. Pages of other origins cannot send it, which is what it is for. */
                "X-Neurod-Console": components["parameters"]["Console"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Still logged in. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BrowserLogin"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    browserLogout: {
        parameters: {
            query?: never;
            header: {
                /** @description Any value, such as `1`. Pages of other origins cannot send it, which is what it is for. */
                "X-Neurod-Console": components["parameters"]["Console"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Logged out, or was already. The cookie is gone. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    oidcLogin: {
        parameters: {
            query?: {
                /** @description Where in the console to go afterwards, as it stands behind the # of an address. It comes back behind the # of the login page's. */
                to?: string;
                /** @description Go back to the pages of operators. */
                page?: "admin";
                /** @description The token of an invitation that whoever has no account accepts. */
                invitation?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To the provider, or back to the login page with an `error`. */
            303: {
                headers: {
                    Location: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    oidcCallback: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To the login page. */
            303: {
                headers: {
                    Location: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user of the token. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnAccount"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    logoutEverywhere: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Logged out everywhere. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    server: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The server. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Server"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            429: components["responses"]["TooMany"];
        };
    };
    listProjects: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    createProject: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewProject"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    getProject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The project. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    deleteProject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedProject"];
                };
            };
            /** @description Out of reach; a job deletes the rest. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedProject"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    changePassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    current_password: string;
                    new_password: string;
                };
            };
        };
        responses: {
            /** @description A new login. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    deleteAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password: string;
                };
            };
        };
        responses: {
            /** @description Gone; jobs delete the rest. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        deleted_user_id: components["schemas"]["UUID"];
                        projects: components["schemas"]["DeletedProject"][];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    projectUsage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Each quota. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectUsage"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    projectRetention: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In hours. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectRetention"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    changeRetention: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "payload_hours": 1,
                 *       "session_hours": 8760
                 *     }
                 */
                "application/json": components["schemas"]["RetentionChange"];
            };
        };
        responses: {
            /** @description As it is now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectRetention"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    listKeys: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Key"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewKey"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedKey"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    listMembers: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "user_id": "0198c5a2-7f1e-7000-8000-0000000000a1",
                     *         "email": "ada@example.com",
                     *         "role": "owner",
                     *         "created_at": "2026-01-31T12:00:00Z"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Member"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    removeMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
                user_id: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    changeRole: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
                user_id: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "role": "owner"
                 *     }
                 */
                "application/json": {
                    role: components["schemas"]["Role"];
                };
            };
        };
        responses: {
            /** @description The member as they are now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        user_id: components["schemas"]["UUID"];
                        role: components["schemas"]["Role"];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    listInvitations: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invitation"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    invite: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["PathProject"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "bob@example.com",
                 *       "role": "member"
                 *     }
                 */
                "application/json": {
                    email: string;
                    role: components["schemas"]["Role"];
                };
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0198c5a2-7f1e-7000-8000-0000000000b1",
                     *       "project_id": "0198c5a2-7f1e-7000-8000-0000000000c1",
                     *       "email": "bob@example.com",
                     *       "role": "member",
                     *       "token": "vxi_3kTMd9Rzq0XbY7uWcVf2sLhJ8nEoGpAaKiQ1tZ5rB4m0aBcDe",
                     *       "created_by": "0198c5a2-7f1e-7000-8000-0000000000a1",
                     *       "created_at": "2026-01-31T12:00:00Z",
                     *       "expires_at": "2026-02-07T12:00:00Z"
                     *     }
                     */
                    "application/json": components["schemas"]["CreatedInvitation"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    revokeInvitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["parameters"]["PathProject"];
                invitation_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    acceptInvitation: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "token": "vxi_3kTMd9Rzq0XbY7uWcVf2sLhJ8nEoGpAaKiQ1tZ5rB4m0aBcDe"
                 *     }
                 */
                "application/json": {
                    token: string;
                };
            };
        };
        responses: {
            /** @description The project. */
            200: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0198c5a2-7f1e-7000-8000-0000000000c1",
                     *       "name": "Sleep study",
                     *       "role": "member",
                     *       "created_at": "2026-01-31T12:00:00Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Project"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    listAudit: {
        parameters: {
            query?: {
                project_id?: components["schemas"]["UUID"];
                action?: components["schemas"]["AuditAction"];
                limit?: number;
                /** @description The `X-Next-Cursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEvent"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    listSessions: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                ingestion_mode?: components["schemas"]["IngestionMode"];
                external_user_id?: string;
                limit?: number;
                /** @description The `X-Next-Cursor` of the page before. */
                cursor?: string;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    createSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSession"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    importSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description Name of the file; counts where the content leaves the format open, and is not kept. */
                name?: string;
                /** @description Required here or in the form. */
                external_user_id?: string;
                /** @description Default: the format of the file. */
                device_type?: string;
                /** @description For files that do not state their rate. */
                sample_rate_hz?: number;
                /** @description From the start of one window to the next. */
                hop_s?: number;
                /** @description Names with commas between, or a JSON array. Default: all EEG channels of the rate that most have. */
                channels?: string;
                /** @description Time of the first sample. Default: what the file says, taken for UTC, else now. */
                started_at_unix_ms?: number;
                /** @description What the windows carry beside what every window has: band_power, relative_power, aperiodic, alpha_peak, with commas between. Default: nothing. */
                features?: string;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": {
                    /** Format: binary */
                    file: string;
                    name?: string;
                    external_user_id?: string;
                    device_type?: string;
                    sample_rate_hz?: number;
                    /** @default 2 */
                    hop_s?: number;
                    channels?: string;
                    /** Format: int64 */
                    started_at_unix_ms?: number;
                    features?: string;
                };
                "application/octet-stream": string;
                "application/gzip": string;
                "application/zip": string;
                "application/x-edf": string;
                "application/x-bdf": string;
                "application/x-matlab-data": string;
                "text/csv": string;
                "text/plain": string;
            };
        };
        responses: {
            /** @description Stored; the job writes samples, windows and events. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImportedSession"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    getSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    ingest: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description With `application/octet-stream`. */
                batch_id?: string;
                /** @description With `application/octet-stream`. */
                t0_unix_ms?: number;
                /** @description With `application/octet-stream`, the number of the first sample, counted from the session's origin, where a device numbers its samples. */
                first_sample?: number;
                /** @description With `application/octet-stream`, what the clock of the source was found to do by now, a `SourceClock` as JSON. The status of the session tells it. */
                clock?: string;
                /** @description With `application/octet-stream`, what the samples are in; they are kept in µV. */
                unit?: "V" | "mV" | "uV" | "µV" | "nV";
                /** @description With `application/octet-stream`. */
                encoding?: "float32le" | "float64le";
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description With `application/octet-stream`. */
                "X-Batch-Id"?: string;
                /** @description With `application/octet-stream`. */
                "X-T0-Unix-Ms"?: number;
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        /** @description At most 16 MiB, plain or with `Content-Encoding: gzip`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["SampleBatch"];
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description A duplicate; nothing was stored. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingested"];
                };
            };
            /** @description Accepted, and kept. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingested"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    endSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** Format: int64 */
                    ended_at_unix_ms?: number;
                };
            };
        };
        responses: {
            /** @description Ended. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndedSession"];
                };
            };
            /** @description A RECORDED session is being processed by the job. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndedSession"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    sessionStatus: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How far it is. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionStatus"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                limit?: number;
                /** @description Only events with a higher `seq`. */
                after?: number;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEvent"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    addEvents: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    events: {
                        t_unix_ms?: number;
                        /** @description After the session's origin. */
                        onset_ms?: number;
                        /** Format: int64 */
                        sample?: number;
                        /** @default 0 */
                        duration_ms?: number;
                        /** @default 0 */
                        code?: number;
                        label?: string;
                        /** @description A channel of the session that it is about; empty for all. */
                        channel?: string;
                        /** @description Whether the flash that it is was attended (P300). */
                        target?: boolean;
                    }[];
                };
            };
        };
        responses: {
            /** @description The events as they were added. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEvent"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            422: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    deleteEvent: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
                seq: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    changeEvent: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
                seq: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EventChange"];
            };
        };
        responses: {
            /** @description The event as it is now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEvent"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    eventChanges: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description Only what has changed behind this revision. */
                after?: number;
                limit?: number;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The changes. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventChanges"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    features: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                limit?: number;
                /** @description Only windows whose `window_start_ms` is greater. */
                after_ms?: number;
                /** @description Only windows that passed the quality gate. */
                only_passed?: boolean;
                /** @description `desc` gives the latest windows first. */
                order?: "asc" | "desc";
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The windows. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeatureWindow"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    latestFeatures: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description The latest of those that passed the quality gate. */
                only_passed?: boolean;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The window. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeatureWindow"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    featureStream: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description The `seq` of the last message that the client has; 0 for all. */
                after_seq?: number;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                "Last-Event-ID"?: string;
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    decodes: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                limit?: number;
                /** @description Only decodes whose `window_start_ms` is greater. */
                after_ms?: number;
                /** @description `desc` gives the latest first. */
                order?: "asc" | "desc";
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The decodes. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionDecode"][];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    wsToken: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The token. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ws_url: string;
                        ws_token: string;
                        /** @description Seconds. */
                        expires_in: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    followSession: {
        parameters: {
            query?: {
                session_id?: string;
                ws_token?: string;
                /** @description The `seq` of the last message that the client has; 0 for all. Without it the stream begins with what comes next. */
                after_seq?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            /** @description `origin_not_allowed`: the server lists the origins whose pages may use it (`NEUROD_CORS_ORIGINS`), and this is none of them. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["Problem"];
            426: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    followAll: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["DevicesError"];
            /** @description `ORIGIN_NOT_ALLOWED`: the server lists the origins whose pages may use it (`NEUROD_CORS_ORIGINS`), and this is none of them. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            426: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
        };
    };
    viewSamples: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description Unix ms; left out: where the session begins. */
                start?: number;
                /** @description Unix ms; left out: where it ends. */
                end?: number;
                /** @description Only these channels; repeated or with commas between. */
                channels?: string[];
                points?: number;
                format?: "json" | "binary";
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The view. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SampleView"];
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    export: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                format?: "json" | "csv" | "edf" | "bdf";
                /** @description Windows. JSON has 1000 by default and at most 5000; CSV has all by default. Not for EDF and BDF. */
                limit?: number;
                /** @description Windows that are left out at the beginning. JSON and CSV. */
                offset?: number;
                /** @description Only windows that passed the quality gate. CSV. */
                only_passed?: boolean;
                /** @description The raw batches, too. JSON. */
                include_raw?: boolean;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session. */
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                    "text/csv": string;
                    "application/x-edf": string;
                    "application/x-bdf": string;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    eraseUser: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                external_user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Erased. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        deleted_external_user_id: string;
                        sessions_deleted: number;
                        /** @description Samples a channel. */
                        samples_deleted: number;
                        features_deleted: number;
                        audit_id: string;
                    };
                };
            };
            /** @description The job is not done yet. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            429: components["responses"]["ProblemTooMany"];
            503: components["responses"]["Problem"];
        };
    };
    listRegistry: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                api_key?: string;
                paradigm?: "motor_imagery" | "p300" | "ssvep" | "cvep" | "seizure";
                /** @description RxLDA, RxGMM, or the name of a pipeline. */
                type?: string;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryList"];
                };
            };
            400: components["responses"]["RegistryError"];
            401: components["responses"]["RegistryError"];
            403: components["responses"]["RegistryError"];
            404: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            503: components["responses"]["RegistryError"];
        };
    };
    downloadModel: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                api_key?: string;
                token?: string;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                name: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    /** @description The SHA-256 of the file in quotes. */
                    ETag?: string;
                    /** @description The SHA-256 of the file in hexadecimal. */
                    "X-Checksum-Sha256"?: string;
                    /** @description The SHA-256 of the file as RFC 9530 has it. */
                    "Repr-Digest"?: string;
                    "Accept-Ranges"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": unknown;
                };
            };
            /** @description A part of the file; several parts as `multipart/byteranges`. */
            206: {
                headers: {
                    /** @description The SHA-256 of the file in quotes. */
                    ETag?: string;
                    /** @description The SHA-256 of the file in hexadecimal. */
                    "X-Checksum-Sha256"?: string;
                    /** @description The SHA-256 of the file as RFC 9530 has it. */
                    "Repr-Digest"?: string;
                    "Accept-Ranges"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": unknown;
                    "multipart/byteranges": unknown;
                };
            };
            /** @description The client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["RegistryError"];
            401: components["responses"]["RegistryError"];
            403: components["responses"]["RegistryError"];
            404: components["responses"]["RegistryError"];
            /** @description It is not the file that `If-Match` names. */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `RANGE_NOT_SATISFIABLE`: the range lies outside the file; `Content-Range` says how long it is. */
            416: {
                headers: {
                    "Content-Range"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryError"];
                };
            };
            429: components["responses"]["RegistryTooMany"];
            500: components["responses"]["RegistryError"];
            503: components["responses"]["RegistryError"];
        };
    };
    logEvent: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnalyticsEvent"];
            };
        };
        responses: {
            /** @description Stored. */
            200: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        logged: true;
                        event_id: string;
                        quota: {
                            used: number;
                            remaining: number;
                        };
                    };
                };
            };
            400: components["responses"]["RegistryError"];
            401: components["responses"]["RegistryError"];
            403: components["responses"]["RegistryError"];
            404: components["responses"]["RegistryError"];
            408: components["responses"]["RegistryError"];
            409: components["responses"]["RegistryError"];
            413: components["responses"]["RegistryError"];
            415: components["responses"]["RegistryError"];
            422: components["responses"]["RegistryError"];
            429: components["responses"]["RegistryTooMany"];
            503: components["responses"]["RegistryError"];
        };
    };
    listModels: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        models: components["schemas"]["Model"][];
                        total: number;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    uploadModel: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The file, at most 48 MiB. */
        requestBody: {
            content: {
                "application/octet-stream": unknown;
                "application/json": {
                    /** @description The file in base64. */
                    file: string;
                };
            };
        };
        responses: {
            /** @description This very file was there already. */
            200: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            /** @description Stored, and active. */
            201: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            /** @description `model_version_taken`, `model_storage_full` or `idempotency_key_in_flight`. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    getModel: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The versions, the latest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        active_version: string;
                        versions: components["schemas"]["Model"][];
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteModel: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    rollbackModel: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        /** @description May be empty. */
        requestBody?: {
            content: {
                "application/json": {
                    /** @description Left out, the one before the active one. */
                    version?: string;
                };
            };
        };
        responses: {
            /** @description The version that is active now. */
            200: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    trainModel: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description Taken over into logs and the answer when it is 1-128 letters, digits or `-_.:/+=`; made otherwise. */
                "X-Request-Id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description At most 64 KiB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["TrainRequest"];
            };
        };
        responses: {
            202: components["responses"]["Accepted"];
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            500: components["responses"]["CreateFailed"];
            502: components["responses"]["TriggerFailed"];
            503: components["responses"]["Unavailable"];
        };
    };
    calibrateModel: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description Taken over into logs and the answer when it is 1-128 letters, digits or `-_.:/+=`; made otherwise. */
                "X-Request-Id"?: components["parameters"]["RequestId"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        /** @description At most 64 KiB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CalibrateRequest"];
            };
        };
        responses: {
            202: components["responses"]["Accepted"];
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            /** @description `model_not_adaptive`, or `idempotency_key_reused`. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            429: components["responses"]["TooMany"];
            500: components["responses"]["CreateFailed"];
            502: components["responses"]["TriggerFailed"];
            503: components["responses"]["Unavailable"];
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhooks. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookList"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    createWebhook: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWebhook"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedWebhook"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    getWebhook: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteWebhook: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    changeWebhook: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookChange"];
            };
        };
        responses: {
            /** @description As it is now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    rotateWebhook: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["WebhookId"];
            };
            cookie?: never;
        };
        /** @description May be empty. */
        requestBody?: {
            content: {
                "application/json": Record<string, unknown>;
            };
        };
        responses: {
            /** @description The webhook with its new secret, which is shown in this answer and never again. */
            200: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedWebhook"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    testWebhook: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["WebhookId"];
            };
            cookie?: never;
        };
        /** @description May be empty. */
        requestBody?: {
            content: {
                "application/json": Record<string, unknown>;
            };
        };
        responses: {
            /** @description The delivery; the list of deliveries says how it went. */
            202: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    listDeliveries: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                state?: components["schemas"]["DeliveryState"];
                limit?: number;
                /** @description `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["WebhookId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of deliveries. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeliveryList"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    redeliver: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["WebhookId"];
                delivery_id: components["parameters"]["DeliveryId"];
            };
            cookie?: never;
        };
        /** @description May be empty. */
        requestBody?: {
            content: {
                "application/json": Record<string, unknown>;
            };
        };
        responses: {
            /** @description The delivery, which is due now. */
            202: {
                headers: {
                    "Idempotent-Replayed": components["headers"]["IdempotentReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["TooSlow"];
            409: components["responses"]["KeyInFlight"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            422: components["responses"]["KeyReused"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminQueues: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many jobs wait and why, by queue. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminQueues"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    pauseQueue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                queue: "interactive" | "bulk";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Have no worker take jobs of a queue. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminQueues"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    resumeQueue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                queue: "interactive" | "bulk";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Have workers take jobs of a queue again. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminQueues"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminStats: {
        parameters: {
            query?: {
                period?: "1h" | "24h" | "7d";
                queue?: "interactive" | "bulk";
                kind?: components["schemas"]["JobKind"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many jobs ended, and how long they waited and ran. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminStats"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminWorkers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The processes of the last day and what each runs. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        data: components["schemas"]["AdminProcess"][];
                        has_more: boolean;
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminScale: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many workers there should be, and the events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        scale: components["schemas"]["Scale"];
                        data: components["schemas"]["ScaleEvent"][];
                        has_more: boolean;
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminJobs: {
        parameters: {
            query?: {
                /** @description The job with this id alone, or none. */
                id?: string;
                state?: components["schemas"]["JobState"][];
                kind?: components["schemas"]["JobKind"][];
                queue?: "interactive" | "bulk";
                /** @description Of this project alone. */
                job_project_id?: string;
                error_code?: string;
                /** @description Held last by this worker. */
                worker?: string;
                /** @description Dead letters alone, or none of them. */
                dead?: boolean;
                /** @description At least so many. */
                attempts?: number;
                created_before?: string;
                created_after?: string;
                limit?: number;
                /** @description `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Jobs of all projects, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        data: components["schemas"]["AdminJob"][];
                        has_more: boolean;
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description With or without the `req_pi_` prefix. */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A job with its attempts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminJobDetail"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminRetryJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description With or without the `req_pi_` prefix. */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Make a failed job anew. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminJob"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminCancelJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description With or without the `req_pi_` prefix. */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cancel a job of any project. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminJob"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminDiscardJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description With or without the `req_pi_` prefix. */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Take a job off the dead letters. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminJob"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Jobs that were given up, by kind and reason. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        data: components["schemas"]["AdminDeadLetters"][];
                        has_more: boolean;
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    listActions: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Actions on many jobs, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        data: components["schemas"]["AdminAction"][];
                        has_more: boolean;
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    startAction: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAction"];
            };
        };
        responses: {
            /** @description What the action would look at. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminActionPreview"];
                };
            };
            /** @description Retry, cancel or discard all jobs that meet a filter. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminAction"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["TooSlow"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    getAction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How far an action is. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminAction"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    cancelAction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description End an action where it stands. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminAction"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminLoad: {
        parameters: {
            query?: {
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Projects whose jobs wait or run, those with the most first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        data: components["schemas"]["AdminLoad"][];
                        has_more: boolean;
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminSystem: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Database, Redis, disk and retention. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminSystem"];
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminAudit: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What operators have done, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        data: components["schemas"]["AuditEvent"][];
                        has_more: boolean;
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    adminProjects: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        data: {
                            id: components["schemas"]["UUID"];
                            name: string;
                            /** Format: date-time */
                            created_at: string;
                            members: number;
                            quotas: components["schemas"]["QuotaUsages"];
                        }[];
                        has_more: boolean;
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["InvalidParameter"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
        };
    };
    healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        status: "ok";
                        /** @description Of a release, such as v1.2.0; `devel` where it is not known. */
                        version: string;
                        /** @description Empty where it is not known. */
                        commit: string;
                    };
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It should. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description It should not. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    apiHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["APIHealth"];
                };
            };
            /** @description It does not. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["APIHealth"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Metrics in the exposition format; in that of OpenMetrics, with traces as exemplars, for callers that accept it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                    "application/openmetrics-text": string;
                };
            };
            401: components["responses"]["Unauthorized"];
        };
    };
    metricsScale: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What waits and runs, and how many workers that takes. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Scale"];
                };
            };
            401: components["responses"]["Unauthorized"];
            503: components["responses"]["Unavailable"];
        };
    };
    listClients: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The files, with the commands that install them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                    "application/json": {
                        server_version: string;
                        clients: {
                            /**
                             * @example neurod-client
                             * @example @neurod/sdk
                             */
                            name: string;
                            version: string;
                            /** @enum {string} */
                            language: "python" | "typescript";
                            file: string;
                            url: string;
                            sha256: string;
                            size_bytes: number;
                            install: string;
                        }[];
                        /** @description Where there are none, how they get in. */
                        build?: string;
                    };
                };
            };
            429: components["responses"]["TooMany"];
        };
    };
    clientFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": string;
                    "application/gzip": string;
                };
            };
            /** @description The range. */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": string;
                    "application/gzip": string;
                };
            };
            /** @description The file that the caller has is this one. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: components["responses"]["NotFound"];
            /** @description `range_not_satisfiable` */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            429: components["responses"]["TooMany"];
        };
    };
    docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            429: components["responses"]["TooMany"];
        };
    };
    docsFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/javascript": string;
                    "text/css": string;
                };
            };
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
        };
    };
    protoFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                package: string;
                version: string;
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/yaml": unknown;
                };
            };
        };
    };
    asyncapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description AsyncAPI 3. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/yaml": unknown;
                };
            };
        };
    };
    openapiJSON: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    loginDevices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description Logged in. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            408: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    refreshDevices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"];
            };
        };
        responses: {
            /** @description New tokens of the same login. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            408: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    logoutDevices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"];
            };
        };
        responses: {
            /** @description Logged out, or was already. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["DevicesError"];
            408: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    listDevices: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description In capitals or not. */
                status?: string;
                /** @description In capitals or not. */
                type?: string;
                /** @description Part of the id, the name or the serial number. */
                search?: string;
                page?: number;
                size?: number;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Devices"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    createDevice: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewDevice"];
            };
        };
        responses: {
            /** @description The device. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            422: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    discoverDevices: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was found. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiscoveredDevices"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    getDevice: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["DeviceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The device. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    deleteDevice: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["DeviceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Gone. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    changeDevice: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["DeviceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeviceChange"];
            };
        };
        responses: {
            /** @description The device. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    configureDevice: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["DeviceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeviceConfig"];
            };
        };
        responses: {
            /** @description The device. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            422: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    startStream: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["DeviceId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StreamStart"];
            };
        };
        responses: {
            /** @description It streams. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceStream"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            422: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    stopStream: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["DeviceId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StreamStop"];
            };
        };
        responses: {
            /** @description The stream. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceStream"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    deviceImpedance: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["DeviceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was measured. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Impedances"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    checkDevice: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["DeviceId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["DeviceCheck"];
            };
        };
        responses: {
            /** @description What was measured. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceCheckReport"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            422: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    syncAgent: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                /** @description Of the agent, unique in the project. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentSync"];
            };
        };
        responses: {
            /** @description What is wanted. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentWanted"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    graphqlQuery: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                query?: string;
                operationName?: string;
                /** @description A JSON object. */
                variables?: string;
                /** @description A JSON object. */
                extensions?: string;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Connected. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            200: components["responses"]["GraphQLAnswer"];
            400: components["responses"]["GraphQLRefused"];
            401: components["responses"]["GraphQLRefused"];
            403: components["responses"]["GraphQLRefused"];
            404: components["responses"]["GraphQLRefused"];
            405: components["responses"]["GraphQLRefused"];
            429: components["responses"]["GraphQLRefused"];
            503: components["responses"]["GraphQLRefused"];
        };
    };
    graphql: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The operation. It may be left out where `extensions.persistedQuery` names one that is known (Apollo's automatic persisted queries). */
                    query: string;
                    operationName?: string | null;
                    variables?: Record<string, unknown> | null;
                    extensions?: Record<string, unknown> | null;
                };
            };
        };
        responses: {
            200: components["responses"]["GraphQLAnswer"];
            400: components["responses"]["GraphQLRefused"];
            401: components["responses"]["GraphQLRefused"];
            403: components["responses"]["GraphQLRefused"];
            404: components["responses"]["GraphQLRefused"];
            413: components["responses"]["GraphQLRefused"];
            415: components["responses"]["GraphQLRefused"];
            429: components["responses"]["GraphQLRefused"];
            503: components["responses"]["GraphQLRefused"];
        };
    };
    listRecordedSessions: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                limit?: number;
                offset?: number;
                status?: components["schemas"]["RecordingStatus"];
                patient_id?: string;
                device_id?: string;
                /** @description Sessions that have all of them. */
                tag?: string[];
                /** @description Part of the name, in capitals or not. */
                search?: string;
                protocol?: string;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedSessions"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    createRecordedSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRecordedSession"];
            };
        };
        responses: {
            /** @description The session. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedSession"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            422: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    getRecordedSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedSession"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    deleteRecordedSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedSession"];
                };
            };
            /** @description It is out of reach, and being deleted. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedSession"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    changeRecordedSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecordedSessionChange"];
            };
        };
        responses: {
            /** @description The session as it is then. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedSession"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    listRecordings: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                limit?: number;
                offset?: number;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recordings"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    timeseries: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description Required. */
                session_id?: string;
                /** @description RFC 3339, or Unix time in ms, which need not be whole. */
                start?: string;
                /** @description The first time that is not wanted. */
                end?: string;
                /** @description Names, or numbers from 1, with commas between. */
                channels?: string[];
                format?: "json" | "csv";
                /** @description Samples a channel; all channels together have at most 1048576 values. */
                limit?: number;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The samples. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Timeseries"];
                    "text/csv": string;
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    exportRecordedSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecordedExport"];
            };
        };
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                    "text/csv": string;
                    "application/x-edf": string;
                    "application/x-bdf": string;
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    dataStream: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                /** @description Every n-th sample, behind a filter against aliases. */
                decimate?: number;
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    analyzeSession: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
                /**
                 * @description Makes a retry safe for 24 h. Its scope is the project (of `project_create` and `invitation_accept` the user) and the operation:
                 *     `neuro_decode`, `neuro_decode_batch`, `session_analyze`, `session_create`, `session_create_v2`, `session_import`, `session_ingest`, `session_end`, `session_events`,
                 *     `project_create`, `key_create`, `key_refresh`, `key_refresh_unversioned`, `invitation_create`, `invitation_accept`, `analytics_log`, `model_upload`, `model_rollback`, `model_train`, `model_calibrate`,
                 *     `webhook_create`, `job_run_again`, `webhook_rotate`, `webhook_test`, `webhook_redeliver`, `device_create`, `device_stream_start`.
                 *     The same key and body get the stored answer byte for byte with `Idempotent-Replayed: true`, another body 422
                 *     `idempotency_key_reused`; 409 `idempotency_key_in_flight` with `Retry-After` while the first call is being answered.
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAnalysis"];
            };
        };
        responses: {
            /** @description Accepted, and kept. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedAnalysis"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            409: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            422: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            500: components["responses"]["DevicesError"];
            502: components["responses"]["DevicesError"];
            503: components["responses"]["DevicesError"];
        };
    };
    analysisResult: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The analysis. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Analysis"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    analysisModels: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
                model_type?: "motor_imagery" | "p300" | "ssvep" | "cvep" | "seizure";
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The models. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnalysisModels"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
    deployModel: {
        parameters: {
            query?: {
                /** @description The same as `X-Project-Id`, for those who cannot set headers. */
                project_id?: components["parameters"]["ProjectQuery"];
            };
            header?: {
                /**
                 * @description The project that the access token of a login is for: 400 `project_required` without, 404 `project_not_found` where the user is not a member of it, 403
                 *     `insufficient_role` where their role does not allow the call; 400 `invalid_parameter` where header and query name different projects. With an
                 *     API key checked against the project of the key when present, 403 `project_mismatch` otherwise.
                 */
                "X-Project-Id"?: components["parameters"]["ProjectId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewDeployment"];
            };
        };
        responses: {
            /** @description The deployment. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeployedModel"];
                };
            };
            400: components["responses"]["DevicesError"];
            401: components["responses"]["DevicesError"];
            403: components["responses"]["DevicesError"];
            404: components["responses"]["DevicesError"];
            413: components["responses"]["DevicesError"];
            415: components["responses"]["DevicesError"];
            429: components["responses"]["DevicesTooMany"];
            503: components["responses"]["DevicesError"];
        };
    };
}
