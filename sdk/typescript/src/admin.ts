import { path, type APIPromise, type Query, type RequestOptions, type Transport } from "./http.js";
import { byBody, list, type List } from "./paging.js";
import type {
  AdminAction, AdminActionPreview, AdminDeadLetters, AdminJob, AdminJobDetail, AdminLoad, AdminProcess, AdminProject, AdminQueue, AdminScale, AdminStats, AdminSystem, AuditEvent, JobKind, JobState, NewAction,
} from "./types.js";

/** Which jobs of all projects are listed. */
export interface AdminJobListing {
  id?: string | undefined;
  state?: JobState[] | undefined;
  kind?: JobKind[] | undefined;
  queue?: "interactive" | "bulk" | undefined;
  job_project_id?: string | undefined;
  error_code?: string | undefined;
  worker?: string | undefined;
  dead?: boolean | undefined;
  /** At least so many. */
  attempts?: number | undefined;
  created_before?: string | undefined;
  created_after?: string | undefined;
  limit?: number | undefined;
}

/** What operators of the server see and do: counts, names and sizes, nothing that is recorded in projects. Needs a login with the operator role. */
export class Admin {
  readonly #http: Transport;

  /** @internal */
  constructor(http: Transport) {
    this.#http = http;
  }

  #get<T>(what: string, query: Query, options: RequestOptions): APIPromise<T> {
    return this.#http.call({ method: "GET", path: "/api/v1/admin/" + what, query }, options);
  }

  #post<T>(where: string, options: RequestOptions, json?: unknown): APIPromise<T> {
    return this.#http.call({ method: "POST", path: "/api/v1/admin/" + where, json }, options);
  }

  #all<T>(what: string, query: Query, options: RequestOptions): List<T> {
    return list(this.#http, "/api/v1/admin/" + what, query, options, byBody);
  }

  /** Lists the queues: how many jobs wait and why. */
  queues(options: RequestOptions = {}): APIPromise<AdminQueue[]> {
    return this.#http.call({ method: "GET", path: "/api/v1/admin/queues" }, options, (json: { data: AdminQueue[] }) => json.data);
  }

  /** Has no worker take jobs of a queue, and gives the queues as they are then. */
  pause(queue: string, options: RequestOptions = {}): APIPromise<{ data: AdminQueue[] }> {
    return this.#post(path`queues/${queue}/pause`, options);
  }

  /** Has workers take jobs of a queue again. */
  resume(queue: string, options: RequestOptions = {}): APIPromise<{ data: AdminQueue[] }> {
    return this.#post(path`queues/${queue}/resume`, options);
  }

  /** How many jobs ended, and how long they waited and ran. */
  stats(filter: { period?: "1h" | "24h" | "7d"; queue?: "interactive" | "bulk" | undefined; kind?: JobKind | undefined } = {}, options: RequestOptions = {}): APIPromise<AdminStats> {
    return this.#get("stats", { ...filter }, options);
  }

  /** Lists the processes of the last day and what each runs. */
  workers(options: RequestOptions = {}): List<AdminProcess> {
    return this.#all("workers", {}, options);
  }

  /** How many workers the jobs take, and what supervisors of workers did last. */
  scale(options: RequestOptions = {}): APIPromise<AdminScale> {
    return this.#get("scale", {}, options);
  }

  /** Lists jobs of all projects, the newest first. */
  jobs(filter: AdminJobListing = {}, options: RequestOptions = {}): List<AdminJob> {
    return this.#all("jobs", { ...filter }, options);
  }

  /** Reads a job with its attempts. */
  job(id: string, options: RequestOptions = {}): APIPromise<AdminJobDetail> {
    return this.#get(path`jobs/${id}`, {}, options);
  }

  /** Makes a failed job anew, and gives the new one. */
  retry(id: string, options: RequestOptions = {}): APIPromise<AdminJob> {
    return this.#post(path`jobs/${id}/retry`, options);
  }

  /** Cancels a job of any project. */
  cancel(id: string, options: RequestOptions = {}): APIPromise<AdminJob> {
    return this.#post(path`jobs/${id}/cancel`, options);
  }

  /** Takes a job off the dead letters. */
  discard(id: string, options: RequestOptions = {}): APIPromise<AdminJob> {
    return this.#post(path`jobs/${id}/discard`, options);
  }

  /** Jobs that were given up, by kind and reason. */
  deadLetters(options: RequestOptions = {}): List<AdminDeadLetters> {
    return this.#all("dead-letters", {}, options);
  }

  /** How many jobs an action would look at. */
  previewAction(action: NewAction, options: RequestOptions = {}): APIPromise<AdminActionPreview> {
    return this.#post("actions", options, { ...action, dry_run: true });
  }

  /** Retries, cancels or discards all jobs that meet a filter. */
  startAction(action: NewAction, options: RequestOptions = {}): APIPromise<AdminAction> {
    return this.#http.call({ method: "POST", path: "/api/v1/admin/actions", json: action, once: true }, options);
  }

  /** Lists actions on many jobs, the newest first. */
  actions(options: RequestOptions = {}): List<AdminAction> {
    return this.#all("actions", {}, options);
  }

  /** How far an action is. */
  action(id: string, options: RequestOptions = {}): APIPromise<AdminAction> {
    return this.#get(path`actions/${id}`, {}, options);
  }

  /** Ends an action where it stands. */
  cancelAction(id: string, options: RequestOptions = {}): APIPromise<AdminAction> {
    return this.#post(path`actions/${id}/cancel`, options);
  }

  /** Projects whose jobs wait or run, those with the most first. */
  load(options: RequestOptions = {}): List<AdminLoad> {
    return this.#all("load", {}, options);
  }

  /** Database, Redis, disk and retention. */
  system(options: RequestOptions = {}): APIPromise<AdminSystem> {
    return this.#get("system", {}, options);
  }

  /** What operators have done, the newest first. */
  audit(options: RequestOptions = {}): List<AuditEvent> {
    return this.#all("audit", {}, options);
  }

  /** Lists the projects of the server with what they use. */
  projects(filter: { limit?: number } = {}, options: RequestOptions = {}): List<AdminProject> {
    return this.#all("projects", { ...filter }, options);
  }
}
