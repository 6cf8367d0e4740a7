import { concat, gzip, isPage, uuid, type Bytes } from "./bytes.js";
import { apiError, APIStatusError, APIConnectionError, APITimeoutError, NeurodError } from "./errors.js";
import { backoff, sleep } from "./wait.js";
import { version } from "./version.js";

/** What a single call may have of its own. */
export interface RequestOptions {
  /** Aborts the call, its retries and what it waits for. */
  signal?: AbortSignal | undefined;
  /** Milliseconds that one attempt may be without any progress. Defaults to that of the client. */
  timeoutMs?: number | undefined;
  /** How often the call is repeated. Defaults to that of the client. */
  maxRetries?: number | undefined;
  /** More headers. */
  headers?: Record<string, string> | undefined;
  /** `Idempotency-Key` of a call that takes one. Defaults to a random one, which is the same over all its retries. */
  idempotencyKey?: string | undefined;
}

/** An answer with all that came with it. */
export interface WithResponse<T> {
  /** What the call returns by itself. */
  data: T;
  /** Status and headers. Its body is read already. */
  response: Response;
  /** The body as it came. */
  body: string;
  requestId: string | undefined;
  /** How often it was tried. */
  attempts: number;
}

/** A promise of an answer's content; `withResponse` gives the answer with it. */
export interface APIPromise<T> extends Promise<T> {
  withResponse(): Promise<WithResponse<T>>;
}

/** The constructor of a WebSocket as browsers have it. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** What is used of a WebSocket. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  close(code?: number, reason?: string): void;
  /** Of streams of samples. */
  send?(data: string): void;
  binaryType?: string;
}

/** Tokens of a login. */
export interface Tokens {
  access_token: string;
  refresh_token?: string | undefined;
  /** Seconds that the access token is good. */
  expires_in?: number | undefined;
}

/** How a client is made. */
export interface ClientOptions {
  /** An API key. Defaults to `VOXEL_API_KEY`. */
  apiKey?: string | undefined;
  /** The project. An API key knows its own; a login needs it. Defaults to `VOXEL_PROJECT_ID`. */
  projectId?: string | undefined;
  /** Tokens of a login, instead of a key. The access token is renewed before it ends. */
  tokens?: Tokens | undefined;
  /**
   * For pages that the server itself serves: the browser keeps the login. The refresh token is a cookie that no script can read, and the login is
   * renewed by it; see `auth.browserLogin`.
   */
  browserLogin?: boolean | undefined;
  /** Is told the new tokens when they were renewed, to be kept: a refresh token is good once. */
  onTokens?: ((tokens: Tokens) => void) | undefined;
  /** Where the server is. Defaults to `VOXEL_BASE_URL`, else `http://localhost:8000`. */
  baseUrl?: string | undefined;
  /** Milliseconds that one attempt may be without any progress. Defaults to 60,000. */
  timeoutMs?: number | undefined;
  /** How often a call is repeated after a fault that passes. Defaults to 5, which is about 15 s. */
  maxRetries?: number | undefined;
  /** More headers for every call. */
  headers?: Record<string, string> | undefined;
  /** Whether bodies are sent with gzip: by default those of 16 KiB and more that it makes smaller by a fifth, and never to this machine. */
  gzip?: "auto" | boolean | undefined;
  /** Sends requests. Defaults to the platform's `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Opens live streams. Defaults to the platform's `WebSocket`; where there is none (Node 20), streams come as server-sent events. */
  WebSocket?: WebSocketConstructor | undefined;
  /** Is told of each repetition, for logs. */
  onRetry?: ((retry: Retry) => void) | undefined;
}

/** A call that is about to be repeated. */
export interface Retry {
  method: string;
  path: string;
  /** How often it was tried. */
  attempts: number;
  waitMs: number;
  error: NeurodError;
}

/** Parameters of a query. What is undefined or null is left out; lists have commas between. */
export type Query = Record<string, string | number | boolean | readonly (string | number)[] | null | undefined>;

/** A request as the resources write it down. */
export interface Call {
  method: "GET" | "POST" | "PATCH" | "DELETE" | "PUT";
  path: string;
  query?: Query | undefined;
  /** Goes out as JSON. */
  json?: unknown;
  /** Goes out as it is. A function is called for each attempt; a stream can be sent once. */
  body?: Bytes | Blob | ReadableStream | (() => BodyInit) | undefined;
  type?: string | undefined;
  headers?: Record<string, string> | undefined;
  /** Takes an `Idempotency-Key`. */
  keyed?: boolean | undefined;
  /** A repetition would do it twice, or fail: only what was surely not done is repeated. */
  once?: boolean | undefined;
  /** A DELETE after which the thing is gone: where its repetition finds nothing, it has done its work. */
  gone?: boolean | undefined;
  /** Needs no credentials. */
  open?: boolean | undefined;
}

interface Exchange {
  response: Response;
  attempts: number;
}

function env(name: string): string | undefined {
  try {
    return (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.[name] || undefined;
  } catch {
    return undefined; // Deno asks its user, who may say no
  }
}

/** A value, unless it is missing or the placeholder of the documents' examples and the environment knows better. */
const orEnv = (value: string | undefined, name: string): string | undefined =>
  value && !/\.\.\.$|^your-|^<.*>$/.test(value) ? value : (env(name) ?? value);

/** Where the server is. A page may say it from its own address on, beginning with a slash. */
function address(given: string, name: string): URL {
  const page = globalThis.location?.href;
  try {
    const url = new URL(given, page);
    const whole = /^https?:\/\//i.test(url.href) && (/^https?:\/\//i.test(given) || (page && /^\.{0,2}(\/|$)/.test(given)));
    if (whole && !(url.username || url.password || url.search || url.hash)) return url;
  } catch {
    // no URL
  }
  throw new NeurodError(`${name} must begin with http:// or https:// and have no more than a host and a path, as http://localhost:8000 has: ${String(given).replace(/\/\/.*@/, "//…@")}`);
}

/** What runs this, as in `node/20.20.2`; undefined in a page. */
export function runtime(): string | undefined {
  const g = globalThis as { process?: { versions?: Record<string, string> }; document?: unknown; Deno?: { version: { deno: string } } };
  if (g.document !== undefined) return undefined; // browsers say who they are themselves
  if (g.Deno) return "deno/" + g.Deno.version.deno;
  const v = g.process?.versions;
  return v?.bun ? "bun/" + v.bun : v?.node ? "node/" + v.node : undefined;
}

/** Sends requests: credentials, timeouts, retries, errors. */
export class Transport {
  readonly baseUrl: string;
  readonly projectId: string | undefined;
  readonly WebSocket: WebSocketConstructor | undefined;
  #apiKey: string | undefined;
  #tokens: Tokens | undefined;
  #expires = Infinity;
  #renewing: Promise<void> | undefined;
  #options: ClientOptions;
  #here: boolean;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#apiKey = options.tokens ? undefined : orEnv(options.apiKey, "VOXEL_API_KEY");
    this.projectId = orEnv(options.projectId, "VOXEL_PROJECT_ID");
    const url = address(options.baseUrl ?? env("VOXEL_BASE_URL") ?? "http://localhost:8000", options.baseUrl === undefined ? "VOXEL_BASE_URL" : "baseUrl");
    this.baseUrl = url.href.replace(/\/+$/, "");
    this.#here = /^(localhost|127\..*|\[::1\])$/.test(url.hostname);
    this.WebSocket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    if (options.tokens) this.#take(options.tokens);
  }

  /** The options that the client was made with, for one like it. */
  get options(): ClientOptions {
    return this.#options;
  }

  get tokens(): Tokens | undefined {
    return this.#tokens;
  }

  get #renewable(): boolean {
    return Boolean(this.#tokens && (this.#tokens.refresh_token || this.#options.browserLogin));
  }

  #take(tokens: Tokens): void {
    this.#tokens = tokens;
    this.#expires = tokens.expires_in ? Date.now() + tokens.expires_in * 1000 : Infinity;
  }

  /** Goes on with other tokens, such as those after a change of password. */
  adopt(tokens: Tokens): void {
    this.#take(tokens);
    this.#options.onTokens?.(tokens);
  }

  /** Exchanges the refresh token. Calls that come meanwhile wait for the same exchange: the token is good once. */
  renew(options: RequestOptions = {}): Promise<void> {
    const token = this.#tokens?.refresh_token;
    if (!token && !this.#options.browserLogin) return Promise.reject(new NeurodError("there is no refresh token to renew the login with"));
    const call: Call = this.#options.browserLogin
      ? { method: "POST", path: "/v1/auth/browser/refresh", headers: fromPage, open: true }
      : { method: "POST", path: "/v1/auth/refresh", json: { refresh_token: token }, open: true, once: true };
    this.#renewing ??= this.call<Tokens>(call, options)
      .then((tokens) => this.adopt(tokens))
      .finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #authorization(call: Call, options: RequestOptions): Promise<string | undefined> {
    if (call.open) return undefined;
    if (!this.#tokens) return this.#apiKey;
    if (this.#renewing || (this.#renewable && Date.now() > this.#expires - 30_000)) await this.renew({ signal: options.signal });
    return this.#tokens.access_token;
  }

  /** The key, or the access token of a login that is good for now. */
  async token(options: RequestOptions = {}): Promise<string> {
    const token = await this.#authorization({ method: "GET", path: "" }, options);
    if (!token) throw new NeurodError("there is no key and no login");
    return token;
  }

  /** The content of an answer, read by `map` where it is not the JSON itself. */
  call<T>(call: Call, options: RequestOptions = {}, map?: (json: any, response: Response) => T): APIPromise<T> {
    const whole = this.#whole<T>(call, options, map);
    const promise = whole.then((w) => w.data) as APIPromise<T>;
    promise.withResponse = () => {
      promise.catch(() => {}); // who takes this one is told by the other
      return whole;
    };
    return promise;
  }

  async #whole<T>(call: Call, options: RequestOptions, map: ((json: any, response: Response) => T) | undefined): Promise<WithResponse<T>> {
    let body = "";
    let json: unknown;
    const { response, attempts } = await this.#send(call, options, async (r, alive) => {
      body = await readText(r, alive);
      try {
        json = body === "" ? undefined : JSON.parse(body);
      } catch (cause) {
        throw new APIConnectionError(`${call.method} ${call.path}: the answer is cut off or not JSON`, { cause });
      }
    });
    return { data: map ? map(json, response) : (json as T), response, body, requestId: response.headers.get("x-request-id") ?? undefined, attempts };
  }

  /** The answer with its body unread. */
  async open(call: Call, options: RequestOptions = {}): Promise<Response> {
    return (await this.#send(call, options)).response;
  }

  /** The answer's body as bytes. A body that breaks off is asked for again. */
  async bytes(call: Call, options: RequestOptions = {}): Promise<{ bytes: Bytes; response: Response }> {
    let bytes: Bytes = new Uint8Array();
    const { response } = await this.#send(call, options, async (r, alive) => {
      bytes = await readBytes(r, alive);
    });
    return { bytes, response };
  }

  async #send(call: Call, options: RequestOptions, read?: (r: Response, alive: () => void) => Promise<void>): Promise<Exchange> {
    const o = this.#options;
    const { signal } = options;
    const missing = /\/:(\w+)/.exec(call.path)?.[1];
    if (missing) throw new NeurodError(`${call.method} ${call.path}: ${missing} must be a string that is not empty`);
    const most = options.maxRetries ?? o.maxRetries ?? 5;
    const doFetch = o.fetch ?? globalThis.fetch;
    const url = this.baseUrl + call.path + search(call.query);
    const headers: Record<string, string> = { Accept: "application/json", ...call.headers, ...o.headers, ...options.headers };
    const agent = runtime();
    if (agent) headers["User-Agent"] ??= `neurod-sdk-js/${version} ${agent}`;
    if (call.keyed) headers["Idempotency-Key"] = options.idempotencyKey ?? uuid();
    if (this.projectId && !call.open) headers["X-Project-Id"] = this.projectId;
    let body: BodyInit | (() => BodyInit) | undefined = call.body;
    if (call.json !== undefined) {
      body = new TextEncoder().encode(JSON.stringify(call.json));
      headers["Content-Type"] = "application/json";
    } else if (call.type) headers["Content-Type"] = call.type;
    if (body instanceof Uint8Array) {
      const packed = await this.#pack(body as Bytes);
      if (packed) {
        body = packed;
        headers["Content-Encoding"] = "gzip";
      }
    }
    // The server gives a large body up to two minutes; how it goes out cannot be seen.
    const timeout = options.timeoutMs ?? Math.max(o.timeoutMs ?? 60_000, body instanceof Uint8Array && body.length > 1 << 20 ? 150_000 : 0);
    const replayable = !(body instanceof ReadableStream);
    let unsure = false; // an attempt may have taken effect without telling
    let renewed = false;
    for (let attempts = 1; ; attempts++) {
      const token = await this.#authorization(call, options);
      if (token) headers["Authorization"] = "Bearer " + token;
      let error: NeurodError;
      let wait: number | undefined;
      const attempt = new Attempt(signal, timeout);
      let unread = false;
      try {
        const sent = typeof body === "function" ? body() : body;
        const init: RequestInit & { duplex?: "half" } = { method: call.method, headers, signal: attempt.signal };
        if (sent !== undefined) init.body = sent;
        if (sent instanceof ReadableStream) init.duplex = "half";
        const response = await doFetch(url, init);
        attempt.alive();
        if (response.ok && !isPage(response)) {
          if (read) await read(response, attempt.alive);
          else unread = true;
          return { response, attempts };
        }
        const text = await readText(response, attempt.alive);
        if (call.gone && unsure && response.status === 404) return { response, attempts };
        const refusal = apiError(response, text);
        error = refusal;
        if (response.status === 401 && !call.open && !renewed && this.#tokens && this.#renewable) {
          renewed = true;
          if (this.#tokens.access_token === token) await this.renew({ signal }); // else another call has renewed it meanwhile
          if (replayable) {
            attempts--;
            continue;
          }
        }
        wait = refusal.retryAfter === undefined ? undefined : refusal.retryAfter * 1000;
        if (!repeatable(refusal, call)) throw error;
        unsure ||= refusal.status >= 500 && refusal.status !== 503;
      } catch (cause) {
        if (signal?.aborted) throw signal.reason;
        if (cause instanceof APIStatusError) throw cause;
        error = attempt.late
          ? new APITimeoutError(`${call.method} ${call.path}: nothing came for ${timeout} ms`, { cause })
          : cause instanceof NeurodError ? cause : new APIConnectionError(`${call.method} ${call.path}: ${reason(cause)}`, { cause });
        if (call.once) throw error;
        unsure = true;
      } finally {
        if (unread) attempt.rest();
        else attempt.end();
      }
      if (attempts > most || !replayable || (wait ?? 0) > longestWait) throw error;
      wait = Math.max(wait ?? 0, wait ? wait + Math.random() * 250 : backoff(attempts - 1));
      o.onRetry?.({ method: call.method, path: call.path, attempts, waitMs: wait, error });
      await sleep(wait, signal);
    }
  }

  /** A body in gzip, where that pays and the server takes it: what it unpacks to is at most 4 MiB or five times the bytes that were sent. */
  async #pack(body: Bytes): Promise<Bytes | undefined> {
    const asked = this.#options.gzip ?? "auto";
    if (!asked || (asked === "auto" && (this.#here || body.length < 16 << 10))) return undefined;
    const packed = await gzip(body);
    if (!packed || (asked === "auto" && packed.length > 0.8 * body.length)) return undefined;
    return body.length <= 4 << 20 || body.length <= 5 * packed.length ? packed : undefined;
  }
}

/** What only a page of the server itself can send along, and what calls must have whose credential is a cookie. */
export const fromPage = { "X-Neurod-Console": "1" };

/** Longer than that nobody waits for a call without having said so: the error tells how long it would be. */
const longestWait = 120_000;

function repeatable(e: APIStatusError, call: Call): boolean {
  const told = e.headers.get("x-should-retry");
  if (told) return told === "true";
  if (/^(project_quota_full|not_configured)$/i.test(e.code)) return false; // something else must change first
  // Such an answer says that the server has not taken the call.
  if (e.status === 429 || e.status === 503 || e.status === 408) return true;
  if (e.status === 409) return /idempotency_key_in_flight/i.test(e.code);
  return !call.once && e.status >= 500 && e.status !== 501 && e.status !== 505;
}

function reason(cause: unknown): string {
  const inner = (cause as { cause?: { message?: string; code?: string } })?.cause;
  return inner?.message || inner?.code || (cause instanceof Error ? cause.message : String(cause));
}

/** The signal of one attempt: the caller's, and a timer that begins anew with every sign of life. */
class Attempt {
  late = false;
  #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = (): void => this.#controller.abort(this.outer!.reason);

  constructor(private outer: AbortSignal | undefined, private timeout: number) {
    if (outer?.aborted) this.#abort();
    else outer?.addEventListener("abort", this.#abort, { once: true });
    this.alive();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  alive = (): void => {
    clearTimeout(this.#timer);
    if (this.timeout > 0 && Number.isFinite(this.timeout)) {
      this.#timer = setTimeout(() => {
        this.late = true;
        this.#controller.abort(new APITimeoutError(`nothing came for ${this.timeout} ms`));
      }, this.timeout);
    }
  };

  /** Ends the timer and leaves the signal to who reads the body. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.outer?.removeEventListener("abort", this.#abort);
  }
}

async function* pieces(response: Response, alive: () => void): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      yield value;
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

async function readBytes(response: Response, alive: () => void): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  for await (const part of pieces(response, alive)) parts.push(part);
  return concat(parts);
}

async function readText(response: Response, alive: () => void): Promise<string> {
  return new TextDecoder().decode(await readBytes(response, alive));
}

/** A query, without what is left out. Lists have commas between. */
export function search(query: Query | undefined): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query ?? {})) {
    if (v !== undefined && v !== null) q.set(k, Array.isArray(v) ? v.join(",") : String(v));
  }
  const text = q.toString();
  return text && "?" + text;
}

/**
 * A path of literal parts and escaped values. A value that cannot be one leaves the name of its place, as in `/api/v1/jobs/:job_id`, and a call
 * with such a path is refused.
 */
export function path(parts: TemplateStringsArray, ...values: unknown[]): string {
  return parts.reduce((out, part, i) => {
    const value = values[i - 1];
    if (typeof value === "string" && !/^\.{0,2}$/.test(value)) return out + encodeURIComponent(value) + part;
    const place = /(\w+)\/$/.exec(out)?.[1] ?? "value";
    const name = place === "models" ? "name" : place === "versions" ? "version" : place.replace(/ies$/, "y").replace(/s$/, "") + "_id";
    return `${out}:${name}${part}`;
  });
}
