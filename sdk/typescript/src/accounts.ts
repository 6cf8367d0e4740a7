import { AuthenticationError, NeurodError } from "./errors.js";
import { fromPage, path, type APIPromise, type RequestOptions, type Tokens, type Transport } from "./http.js";
import { byHeader, list, type List } from "./paging.js";
import { Job } from "./jobs.js";
import type {
  Account, AnalyticsEvent, AuditAction, AuditEvent, CreatedInvitation, CreatedKey, DeletedProject, HeldKey, Invitation, Key, Member, NewKey, Project,
  ProjectUsage, RefreshedKey, Role,
} from "./types.js";

/** A user as they see themselves. */
export interface OwnAccount {
  id: string;
  email: string;
  /** May use what is under /api/v1/admin. */
  operator: boolean;
  /** Has a password; without one the user logs in through a provider, from a page of the server alone. */
  password: boolean;
  created_at: string;
}

class Resource {
  protected readonly http: Transport;

  /** @internal */
  constructor(http: Transport) {
    this.http = http;
  }

  protected project(id: string | undefined): string {
    const project = id ?? this.http.projectId;
    if (!project) throw new NeurodError("which project? Pass its id, or make the client with projectId");
    return path`/v1/projects/${project}`;
  }
}

/** Users: sign-up, login, and keys about themselves. */
export class Auth extends Resource {
  /** Makes an account and goes on as its user. */
  signup(account: { email: string; password: string; invitation?: string }, options: RequestOptions = {}): APIPromise<Account> {
    return this.http.call({ method: "POST", path: "/v1/auth/signup", json: account, open: true, once: true }, options, (json: Account) => {
      this.http.adopt(json);
      return json;
    });
  }

  /** Logs in; this client goes on as the user, and renews the login before it ends. */
  login(credentials: { email: string; password: string }, options: RequestOptions = {}): APIPromise<Tokens> {
    return this.http.call({ method: "POST", path: "/v1/auth/login", json: credentials, open: true }, options, (json: Tokens) => {
      this.http.adopt(json);
      return json;
    });
  }

  /** Logs in from a page of the server itself, made with `browserLogin`; the browser keeps the login. */
  browserLogin(credentials: { email: string; password: string }, options: RequestOptions = {}): Promise<OwnAccount> {
    return this.#browser("login", credentials, options);
  }

  /** Makes an account from a page of the server itself, as `browserLogin` logs in. */
  browserSignup(account: { email: string; password: string; invitation?: string }, options: RequestOptions = {}): Promise<OwnAccount> {
    return this.#browser("signup", account, options);
  }

  /** Goes on with the login that the browser keeps; undefined where there is none. */
  async restore(options: RequestOptions = {}): Promise<OwnAccount | undefined> {
    try {
      return await this.#browser("refresh", undefined, options);
    } catch (error) {
      if (error instanceof AuthenticationError) return undefined;
      throw error;
    }
  }

  /** Ends the login that the browser keeps. */
  browserLogout(options: RequestOptions = {}): APIPromise<void> {
    return this.http.call({ method: "POST", path: "/v1/auth/browser/logout", headers: fromPage, open: true }, options, () => undefined);
  }

  #browser(what: "login" | "signup" | "refresh", json: unknown, options: RequestOptions): Promise<OwnAccount> {
    return this.http.call({ method: "POST", path: `/v1/auth/browser/${what}`, json, headers: fromPage, open: true, once: what !== "refresh" }, options,
      ({ account, ...tokens }: Tokens & { account: OwnAccount }) => {
        this.http.adopt(tokens);
        return account;
      });
  }

  /** The user that is logged in. */
  account(options: RequestOptions = {}): APIPromise<OwnAccount> {
    return this.http.call({ method: "GET", path: "/v1/account" }, options);
  }

  /** Ends every login of the user, this one as well. */
  logoutEverywhere(options: RequestOptions = {}): APIPromise<void> {
    return this.http.call({ method: "POST", path: "/v1/account/logout" }, options, () => undefined);
  }

  /** Renews the login now. */
  async refresh(options: RequestOptions = {}): Promise<Tokens> {
    await this.http.renew(options);
    return this.http.tokens!;
  }

  /** Ends the login. */
  logout(options: RequestOptions = {}): APIPromise<void> {
    return this.http.call({ method: "POST", path: "/v1/auth/logout", json: { refresh_token: this.http.tokens?.refresh_token }, open: true }, options, () => undefined);
  }

  /** Takes the current password again; every login ends, and this client goes on with a new one. */
  changePassword(passwords: { current_password: string; new_password: string }, options: RequestOptions = {}): APIPromise<Tokens> {
    return this.http.call({ method: "POST", path: "/v1/account/password", json: passwords, once: true }, options, (json: Tokens) => {
      this.http.adopt(json);
      return json;
    });
  }

  /** Deletes the account with the projects that nobody else is in. */
  deleteAccount(password: string, options: RequestOptions = {}): APIPromise<{ deleted_user_id: string; projects: DeletedProject[] }> {
    return this.http.call({ method: "POST", path: "/v1/account/delete", json: { password }, once: true }, options);
  }

  /** What the client's API key is good for. */
  validateKey(options: RequestOptions = {}): APIPromise<HeldKey & { valid: true }> {
    return this.http.call({ method: "POST", path: "/v1/auth/validate" }, options);
  }

  /** Replaces the client's API key; the old one works for one more hour. */
  refreshKey(options: RequestOptions = {}): APIPromise<RefreshedKey> {
    return this.http.call({ method: "POST", path: "/v1/auth/refresh", keyed: true }, options);
  }

  /** Revokes the client's API key for good. */
  revokeKey(options: RequestOptions & { includeRefreshed?: boolean | undefined } = {}): APIPromise<{ revoked: true; key_id: string; keys_revoked: number }> {
    return this.http.call({ method: "POST", path: "/v1/auth/revoke", json: { include_refreshed: options.includeRefreshed ?? false }, once: true }, options);
  }
}

/** Projects of the user. */
export class Projects extends Resource {
  /** Makes a project. */
  create(project: { name: string }, options: RequestOptions = {}): APIPromise<Project> {
    return this.http.call({ method: "POST", path: "/v1/projects", json: project, keyed: true }, options);
  }

  /** Lists the user's projects. */
  list(options: RequestOptions = {}): APIPromise<Project[]> {
    return this.http.call({ method: "GET", path: "/v1/projects" }, options);
  }

  /** Reads a project, by default the client's. */
  get(id?: string, options: RequestOptions = {}): APIPromise<Project> {
    return this.http.call({ method: "GET", path: this.project(id) }, options);
  }

  /** Deletes a project with everything in it. */
  delete(id: string, options: RequestOptions = {}): APIPromise<DeletedProject> {
    // Not the client's own where the id is missing: what is deleted is named.
    return this.http.call({ method: "DELETE", path: path`/v1/projects/${id}` }, { timeoutMs: 90_000, ...options });
  }

  /** What it may use, and uses. */
  usage(id?: string, options: RequestOptions = {}): APIPromise<ProjectUsage> {
    return this.http.call({ method: "GET", path: this.project(id) + "/usage" }, options);
  }
}

/** API keys of a project: by default the client's. */
export class Keys extends Resource {
  /** Makes a key; `raw_key` is shown in this answer and never again. */
  create(key: NewKey, projectId?: string, options: RequestOptions = {}): APIPromise<CreatedKey> {
    return this.http.call({ method: "POST", path: this.project(projectId) + "/keys", json: key, keyed: true }, options);
  }

  /** Lists the keys that are not revoked. */
  list(projectId?: string, options: RequestOptions = {}): APIPromise<Key[]> {
    return this.http.call({ method: "GET", path: this.project(projectId) + "/keys" }, options);
  }

  /** Revokes a key and all that were refreshed from it. */
  revoke(keyId: string, projectId?: string, options: RequestOptions = {}): APIPromise<void> {
    return this.http.call({ method: "DELETE", path: this.project(projectId) + path`/keys/${keyId}`, gone: true }, options, () => undefined);
  }
}

/** Members of a project, and invitations into it. */
export class Members extends Resource {
  /** Lists the members, in the order in which they came. */
  list(projectId?: string, options: RequestOptions = {}): APIPromise<Member[]> {
    return this.http.call({ method: "GET", path: this.project(projectId) + "/members" }, options);
  }

  /** Gives a member another role. */
  setRole(userId: string, role: Role, projectId?: string, options: RequestOptions = {}): APIPromise<Pick<Member, "user_id" | "role">> {
    return this.http.call({ method: "PATCH", path: this.project(projectId) + path`/members/${userId}`, json: { role } }, options);
  }

  /** Removes a member, or leaves. */
  remove(userId: string, projectId?: string, options: RequestOptions = {}): APIPromise<void> {
    return this.http.call({ method: "DELETE", path: this.project(projectId) + path`/members/${userId}`, gone: true }, options, () => undefined);
  }

  /** Invites an e-mail address; the server sends no mail: pass `token` on, which is shown in this answer and never again. */
  invite(invitation: { email: string; role: Role }, projectId?: string, options: RequestOptions = {}): APIPromise<CreatedInvitation> {
    return this.http.call({ method: "POST", path: this.project(projectId) + "/invitations", json: invitation, keyed: true }, options);
  }

  /** Invitations that can be accepted. */
  invitations(projectId?: string, options: RequestOptions = {}): APIPromise<Invitation[]> {
    return this.http.call({ method: "GET", path: this.project(projectId) + "/invitations" }, options);
  }

  /** Takes an invitation back. */
  revokeInvitation(invitationId: string, projectId?: string, options: RequestOptions = {}): APIPromise<void> {
    return this.http.call({ method: "DELETE", path: this.project(projectId) + path`/invitations/${invitationId}`, gone: true }, options, () => undefined);
  }

  /** Becomes a member of the project that one is invited into. */
  accept(token: string, options: RequestOptions = {}): APIPromise<Project> {
    return this.http.call({ method: "POST", path: "/v1/invitations/accept", json: { token }, keyed: true }, options);
  }
}

/** What the deletion of a person's data did. */
export interface Erasure {
  deleted_external_user_id: string;
  sessions_deleted: number;
  samples_deleted: number;
  features_deleted: number;
  audit_id: string;
}

/** The people whose signals are recorded. */
export class Users extends Resource {
  /** Deletes every session of a person with all that hangs on it, and waits until it is done. */
  async erase(externalUserId: string, options: RequestOptions = {}): Promise<Erasure> {
    // The server waits up to 60 s, then answers with the job.
    const { data, response } = await this.http
      .call<any>({ method: "DELETE", path: path`/v1/users/${externalUserId}` }, { timeoutMs: 90_000, ...options })
      .withResponse();
    if (response.status !== 202) return data as Erasure;
    const counts = await new Job<Omit<Erasure, "deleted_external_user_id">>(this.http, data).result({ signal: options.signal });
    return { deleted_external_user_id: externalUserId, ...counts };
  }
}

/** Uses of models. */
export class Analytics extends Resource {
  /** Reports a use of a model. */
  log(event: AnalyticsEvent, options: RequestOptions = {}): APIPromise<{ logged: true; event_id: string; quota: { used: number; remaining: number } }> {
    return this.http.call({ method: "POST", path: "/v1/analytics/log", json: event, keyed: true }, options);
  }
}

/** The audit log of one's account and of the projects that one owns. */
export class Audit extends Resource {
  /** Reads it, newest first. */
  list(filter: { project_id?: string; action?: AuditAction; limit?: number } = {}, options: RequestOptions = {}): List<AuditEvent> {
    return list(this.http, "/v1/audit", { ...filter }, options, byHeader);
  }
}
