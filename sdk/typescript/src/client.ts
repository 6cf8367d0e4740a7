import { Admin } from "./admin.js";
import { Analytics, Audit, Auth, Keys, Members, Projects, Users } from "./accounts.js";
import {
  decodeBatch, submit, submitBatch, type BatchAnswer, type BatchDefaults, type BatchItem, type DecodeParameters, type Recording,
} from "./decode.js";
import { Transport, type APIPromise, type Call, type ClientOptions, type Query, type RequestOptions } from "./http.js";
import { Jobs, type DecodeJob, type Job, type WaitOptions } from "./jobs.js";
import { Models } from "./models.js";
import { Devices } from "./devices.js";
import { Webhooks } from "./webhooks.js";
import { Session, Sessions, type SampleBatch } from "./sessions.js";
import type { DecodeResult, EndedSession, FeatureWindow, Ingested, NewSession } from "./types.js";

/**
 * A client of neurod.
 *
 * Bodies and answers have the names of the API (`sample_rate_hz`); what is this package's own has names as JavaScript has them (`apiKey`).
 */
export class VoxelClient {
  readonly #http: Transport;
  readonly sessions: Sessions;
  readonly jobs: Jobs;
  readonly models: Models;
  readonly auth: Auth;
  readonly projects: Projects;
  readonly keys: Keys;
  readonly members: Members;
  readonly users: Users;
  readonly analytics: Analytics;
  readonly audit: Audit;
  readonly devices: Devices;
  readonly webhooks: Webhooks;
  readonly admin: Admin;
  /** The sessions that were met last, so that what their channels are is asked for once. */
  readonly #met = new Map<string, Session>();

  constructor(options: ClientOptions = {}) {
    const http = (this.#http = new Transport(options));
    this.sessions = new Sessions(http);
    this.jobs = new Jobs(http);
    this.models = new Models(http);
    this.auth = new Auth(http);
    this.projects = new Projects(http);
    this.keys = new Keys(http);
    this.members = new Members(http);
    this.users = new Users(http);
    this.analytics = new Analytics(http);
    this.audit = new Audit(http);
    this.devices = new Devices(http);
    this.webhooks = new Webhooks(http);
    this.admin = new Admin(http);
  }

  /** Where the server is. */
  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  get projectId(): string | undefined {
    return this.#http.projectId;
  }

  /** Logs in and returns a client that goes on as the user. */
  static async login(options: ClientOptions & { email: string; password: string }): Promise<VoxelClient> {
    const { email, password, ...rest } = options;
    const client = new VoxelClient(rest);
    await client.auth.login({ email, password });
    return client;
  }

  /** A client with some options changed: with an API key that was just made, or for another project. */
  with(options: ClientOptions): VoxelClient {
    const tokens = options.apiKey ? undefined : this.#http.tokens;
    return new VoxelClient({ ...this.#http.options, tokens, ...options });
  }

  /** Makes a session. */
  createSession(session: NewSession, options: RequestOptions = {}): APIPromise<Session> {
    return this.sessions.create(session, options);
  }

  /** Adds a batch of samples to a session. */
  ingestBatch(sessionId: string, batch: SampleBatch, options: RequestOptions = {}): Promise<Ingested> {
    return this.session(sessionId).ingest(batch, options);
  }

  /** Reads the newest feature windows of a session, the newest first. */
  async getFeatures(sessionId: string, limit = 100, options: RequestOptions = {}): Promise<FeatureWindow[]> {
    return (await this.session(sessionId).features.list({ order: "desc", limit }, options)).data;
  }

  /** Ends a session. */
  endSession(sessionId: string, options: RequestOptions = {}): APIPromise<EndedSession> {
    return this.session(sessionId).end({}, options);
  }

  /** A session that is known by its id. Nothing is asked for. */
  session(id: string): Session {
    let session = this.#met.get(id);
    if (!session) {
      if (this.#met.size >= 1000) this.#met.delete(this.#met.keys().next().value!);
      this.#met.set(id, (session = new Session(this.#http, { session_id: id })));
    }
    return session;
  }

  /** Decodes a recording and waits for the answer. Throws `DecodeFailed` where it cannot be decoded. */
  async decode(recording: Recording, parameters: DecodeParameters = {}, options: WaitOptions = {}): Promise<DecodeResult> {
    return (await this.submit(recording, parameters, options)).result(options);
  }

  /** Submits a recording and returns the job, which is kept from then on. */
  submit(recording: Recording, parameters: DecodeParameters = {}, options: RequestOptions = {}): APIPromise<DecodeJob> {
    return submit(this.#http, recording, parameters, options);
  }

  /** Decodes up to 100 recordings as one job; the answers are in the order of the items, and one that fails leaves the others alone. */
  decodeBatch(items: BatchItem[], defaults?: BatchDefaults, options: WaitOptions = {}): Promise<BatchAnswer[]> {
    return decodeBatch(this.#http, items, defaults, options);
  }

  /** Submits up to 100 recordings as one job. */
  submitBatch(items: BatchItem[], defaults?: BatchDefaults, options: RequestOptions = {}): APIPromise<Job> {
    return submitBatch(this.#http, items, defaults, options);
  }

  /** Whether the server answers, and its version. */
  health(options: RequestOptions = {}): APIPromise<{ status: "ok"; version: string; commit: string }> {
    return this.#http.call({ method: "GET", path: "/healthz", open: true }, options);
  }

  /** What anybody may know of a server: whether people may sign up, and whether it has the demo account. */
  server(options: RequestOptions = {}): APIPromise<{ object: "server"; version: string; signup: boolean; demo: boolean; password: boolean; provider: { name: string } | null }> {
    return this.#http.call({ method: "GET", path: "/api/v1/server", open: true }, options);
  }

  /** Any call of the API, with credentials, retries and errors as every other. A POST has an `Idempotency-Key`; one that must not be repeated is called with `once`. */
  request<T = unknown>(method: Call["method"], path: string, body: { query?: Query; json?: unknown; once?: boolean } = {}, options: RequestOptions = {}): APIPromise<T> {
    return this.#http.call<T>({ method, path, ...body, keyed: method === "POST" }, options);
  }
}
