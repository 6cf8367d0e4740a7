import { DecodeFailed, JobCanceled, JobFailed, WaitTimeout } from "./errors.js";
import { path, type APIPromise, type RequestOptions, type Transport } from "./http.js";
import { byBody, list, type List } from "./paging.js";
import type { DecodeResult, JobAttempt, JobData, JobKind, JobState, TrainingResult } from "./types.js";

const over = (s: JobState): boolean => s === "completed" || s === "failed" || s === "canceled";

/** How long and how a job is waited for. */
export interface WaitOptions extends RequestOptions {
  /** Milliseconds after which `WaitTimeout` is thrown; the job goes on. Defaults to no limit. */
  waitMs?: number | undefined;
  /** Is told the job as it stands, at the beginning and every few seconds. */
  onProgress?: ((job: JobData) => void) | undefined;
}

/** A job with the fields that it had when it was last read. */
export interface Job<T = unknown> extends Omit<JobData, "output"> {
  /** What a completed job found. */
  output?: T;
}

export class Job<T = unknown> {
  readonly #http: Transport;
  #response: Response | undefined;

  /** @internal */
  constructor(http: Transport, data: Partial<JobData>, response?: Response) {
    this.#http = http;
    this.#response = response;
    Object.assign(this, data);
  }

  /** Whether it is completed, failed or canceled. */
  get done(): boolean {
    return over(this.status);
  }

  /** The answer that it was last read from. Its body is read already. */
  get response(): Response | undefined {
    return this.#response;
  }

  #take(data: JobData, response: Response): this {
    this.#response = response;
    for (const k of Object.keys(this)) if (!(k in data)) delete (this as Record<string, unknown>)[k];
    return Object.assign(this, data);
  }

  /** Reads it again. */
  refresh(options: RequestOptions & { diagnostics?: boolean | undefined } = {}): APIPromise<this> {
    return this.#http.call(
      { method: "GET", path: path`/api/v1/jobs/${this.id}`, query: { include: options.diagnostics ? "diagnostics" : undefined } },
      options, (json, response) => this.#take(json, response));
  }

  /** Waits until it is completed, failed or canceled, however long that takes. */
  async wait(options: WaitOptions = {}): Promise<this> {
    const end = Date.now() + (options.waitMs ?? Infinity);
    options.onProgress?.(this as JobData);
    // The server answers when the job is done, or when the time is over with the job as it stands.
    let seconds = options.onProgress ? 2 : 30;
    while (!this.done) {
      const left = (end - Date.now()) / 1000;
      if (left <= 0) throw new WaitTimeout(`job ${this.id} is ${this.status} after ${options.waitMs} ms; it goes on`);
      seconds = Math.min(seconds, left);
      await this.#http.call(
        { method: "GET", path: path`/api/v1/jobs/${this.id}`, query: { wait_for_completion: true, timeout_seconds: seconds.toFixed(3) } },
        { ...options, timeoutMs: seconds * 1000 + 30_000 }, (json, response) => this.#take(json, response));
      options.onProgress?.(this as JobData);
    }
    return this;
  }

  /** Waits and returns what it found; throws `DecodeFailed`, `JobFailed` or `JobCanceled` otherwise. */
  async result(options: WaitOptions = {}): Promise<T> {
    await this.wait(options);
    if (this.status === "completed") return this.output as T;
    if (this.status === "canceled") throw new JobCanceled(this.id, { code: "canceled", message: "the job was canceled" }, this.#response);
    throw failure(this, this.#response);
  }

  /** Cancels it. To cancel what is done changes nothing. */
  cancel(options: RequestOptions = {}): APIPromise<this> {
    return this.#http.call({ method: "POST", path: path`/api/v1/jobs/${this.id}/cancel` }, options, (json, response) => this.#take(json, response));
  }

  /** Makes another job like it; see `jobs.runAgain`. */
  runAgain(options: RequestOptions = {}): APIPromise<Job<T>> {
    return again(this.#http, this.id, options);
  }
}

const again = <T>(http: Transport, id: string, options: RequestOptions): APIPromise<Job<T>> =>
  http.call({ method: "POST", path: path`/api/v1/jobs/${id}/run-again`, keyed: true }, options, (json, response) => new Job<T>(http, json, response));

/** The error of a job that failed. */
export function failure(job: { id: string; kind: JobKind; error?: Fault | undefined }, answer: Response | undefined): JobFailed {
  const error = job.error ?? { code: "unknown", message: "the job failed" };
  return new (job.kind === "neuro_decode" ? DecodeFailed : JobFailed)(job.id, error, answer);
}

interface Fault {
  code: string;
  message: string;
  details?: Record<string, unknown> | undefined;
}

/** Which jobs are listed. */
export interface JobFilter {
  state?: JobState | JobState[] | undefined;
  kind?: JobKind | JobKind[] | undefined;
  /** Only the items of this batch. */
  parent_id?: string | undefined;
  /** Of a page, at most 100. */
  limit?: number | undefined;
}

/** Jobs of the project. */
export class Jobs {
  readonly #http: Transport;

  /** @internal */
  constructor(http: Transport) {
    this.#http = http;
  }

  /** Lists jobs, newest first. */
  list(filter: JobFilter = {}, options: RequestOptions = {}): List<Job> {
    return list(this.#http, "/api/v1/jobs", { ...filter }, options, byBody, (e, response) => new Job(this.#http, e, response));
  }

  /** Reads a job. */
  get<T = unknown>(id: string, options: RequestOptions & { diagnostics?: boolean | undefined } = {}): APIPromise<Job<T>> {
    return this.#http.call(
      { method: "GET", path: path`/api/v1/jobs/${id}`, query: { include: options.diagnostics ? "diagnostics" : undefined } },
      options, (json, response) => new Job<T>(this.#http, json, response));
  }

  /** How the attempts of a job went, in order. */
  attempts(id: string, options: RequestOptions = {}): APIPromise<JobAttempt[]> {
    return this.#http.call({ method: "GET", path: path`/api/v1/jobs/${id}/attempts` }, options, (json) => (json as { data: JobAttempt[] }).data);
  }

  /** Cancels a job. */
  cancel(id: string, options: RequestOptions = {}): APIPromise<Job> {
    return this.#http.call({ method: "POST", path: path`/api/v1/jobs/${id}/cancel` }, options, (json, response) => new Job(this.#http, json, response));
  }

  /** Makes another job with the request and the recording of a decode or training that has ended; that one stays as it is. */
  runAgain<T = unknown>(id: string, options: RequestOptions = {}): APIPromise<Job<T>> {
    return again(this.#http, id, options);
  }
}

/** A job that decodes a recording. */
export type DecodeJob = Job<DecodeResult>;
/** A job that trains or calibrates a model. */
export type TrainingJob = Job<TrainingResult>;
