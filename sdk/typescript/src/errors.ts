import { isPage } from "./bytes.js";

/** A field of a request that is wrong. */
export interface FieldError {
  /** JSON pointer (RFC 6901) into the body, or the name of a parameter. */
  pointer: string;
  /** Stable code, such as `required` or `out_of_range`. */
  code: string;
  message: string;
}

/** Every error that this package throws on its own account. An abort rejects with the reason of its signal instead, as `fetch` does. */
export class NeurodError extends Error {
  override name = "NeurodError";
}

/** No answer came: the server is not reached, the connection broke, or what came is cut off. */
export class APIConnectionError extends NeurodError {
  override name = "APIConnectionError";
}

/** No answer came in time. */
export class APITimeoutError extends APIConnectionError {
  override name = "APITimeoutError";
}

/** What was waited for did not come in the time given. It may still come: nothing was canceled. */
export class WaitTimeout extends NeurodError {
  override name = "WaitTimeout";
}

/** What the server answered instead of what was asked for. */
export class APIStatusError extends NeurodError {
  override name = "APIStatusError";
  /** HTTP status. */
  readonly status: number;
  /** Stable code, such as `invalid_samples`; of the registry's calls in capitals; empty where the answer has none. */
  readonly code: string;
  /** Id of the request, for logs and support. */
  readonly requestId: string | undefined;
  /** The fields that are wrong, where the answer names any. */
  readonly fields: FieldError[];
  /** Numbers and names that belong to the code. */
  readonly details: Record<string, unknown>;
  /** Seconds after which a repetition may succeed, where the answer says so. */
  readonly retryAfter: number | undefined;
  readonly headers: Headers;
  /** The answer as it came. */
  readonly body: string;

  constructor(answer: Answer) {
    const lines = answer.fields.filter((f) => !answer.message.includes(f.pointer + ":")).map((f) => `\n  ${f.pointer}: ${f.message}`).join("");
    super(`${answer.status}${answer.code && " " + answer.code}: ${answer.message}${lines}`);
    this.status = answer.status;
    this.code = answer.code;
    this.requestId = answer.requestId;
    this.fields = answer.fields;
    this.details = answer.details;
    this.retryAfter = answer.retryAfter;
    this.headers = answer.headers;
    this.body = answer.body;
  }
}

/** 400, 413, 415, 422 and their like: the request is wrong; `fields` says where. */
export class InvalidRequestError extends APIStatusError {
  override name = "InvalidRequestError";
}

/** 401: no credentials, or such as are not good (any more). */
export class AuthenticationError extends APIStatusError {
  override name = "AuthenticationError";
}

/** 403: the key lacks a scope, the user a role, or a quota is full. */
export class PermissionDeniedError extends APIStatusError {
  override name = "PermissionDeniedError";
}

/** 404: there is nothing of the kind in the project. */
export class NotFoundError extends APIStatusError {
  override name = "NotFoundError";
}

/** 409: it does not fit the state of things, such as samples for a session that has ended. */
export class ConflictError extends APIStatusError {
  override name = "ConflictError";
}

/** 429: too many calls, or a quota of the project; `retryAfter` says how long to wait. */
export class RateLimitError extends APIStatusError {
  override name = "RateLimitError";
}

/** 5xx: the fault is the server's. */
export class ServerError extends APIStatusError {
  override name = "ServerError";
}

/** What failed while it ran; the call that started it was accepted. */
export class JobFailed extends NeurodError {
  override name = "JobFailed";
  /** Stable code, such as `payload_too_short`. */
  readonly code: string;
  /** The numbers that show why. */
  readonly details: Record<string, unknown>;
  readonly jobId: string;
  /** Id of the request whose answer told it, for logs and support. */
  readonly requestId: string | undefined;
  /** HTTP status of that answer. */
  readonly status: number | undefined;

  constructor(jobId: string, error: { code: string; message: string; details?: Record<string, unknown> | undefined }, answer?: Response | undefined) {
    const requestId = answer?.headers.get("x-request-id") ?? undefined;
    super(`${error.code}: ${error.message} (job ${jobId}${requestId ? `, request ${requestId}` : ""})`);
    this.jobId = jobId;
    this.requestId = requestId;
    this.status = answer?.status;
    this.code = error.code;
    this.details = error.details ?? {};
  }
}

/** A decode that was accepted and failed. */
export class DecodeFailed extends JobFailed {
  override name = "DecodeFailed";
}

/** The job was canceled. */
export class JobCanceled extends JobFailed {
  override name = "JobCanceled";
}

/** A live stream that cannot go on: the key was revoked, the session erased, or the server out of reach for too long. */
export class StreamError extends NeurodError {
  override name = "StreamError";
}

/** A file that is not what its checksum says. */
export class ChecksumError extends NeurodError {
  override name = "ChecksumError";
}

/** A webhook that is not signed by the secret, or not lately. */
export class WebhookVerificationError extends NeurodError {
  override name = "WebhookVerificationError";
}

/** What is read off an answer that is an error, whichever family of paths it is from. */
export interface Answer {
  status: number;
  code: string;
  message: string;
  requestId: string | undefined;
  fields: FieldError[];
  details: Record<string, unknown>;
  retryAfter: number | undefined;
  headers: Headers;
  body: string;
}

type Loose = Record<string, unknown>;

const text = (v: unknown): string => (typeof v === "string" ? v : "");
const object = (v: unknown): Loose => (typeof v === "object" && v !== null ? (v as Loose) : {});

/** Seconds that `Retry-After` asks for: a number, or the date at which to come again (RFC 9110, section 10.2.3). */
export function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (!value) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

const pageCame = (response: Response): string => `a web page came, which neurod answers to no call: does baseUrl lead to it, or is something in between? ${response.url}`.trim();

/**
 * The error of an answer, in the class of its kind. The three shapes are those of the families of paths: `{"error":{code,message,details}}`,
 * problem+json, and `{"error","code"}`.
 */
export function apiError(response: Response, body: string): APIStatusError {
  let parsed: Loose = {};
  try {
    parsed = object(JSON.parse(body));
  } catch {
    // Something between here and the server has answered in its own words.
  }
  const inner = typeof parsed.error === "object" ? object(parsed.error) : parsed;
  const details = object(inner.details);
  const fields = inner.errors ?? details.fields;
  const answer: Answer = {
    status: response.status,
    code: text(inner.code),
    message: text(inner.message) || text(inner.detail) || text(parsed.error) || text(inner.title) || (isPage(response) ? pageCame(response) : body.slice(0, 200)) || response.statusText || "no reason given",
    requestId: text(inner.request_id) || response.headers.get("x-request-id") || undefined,
    fields: Array.isArray(fields) ? (fields as FieldError[]) : [],
    details,
    retryAfter: retryAfter(response.headers),
    headers: response.headers,
    body,
  };
  const s = response.status;
  const kind =
    s === 401 ? AuthenticationError : s === 403 ? PermissionDeniedError : s === 404 ? NotFoundError : s === 409 ? ConflictError
    : s === 429 ? RateLimitError : s >= 500 ? ServerError : s >= 400 ? InvalidRequestError : APIStatusError;
  return new kind(answer);
}
