import { subtle, unbase64, type Bytes } from "./bytes.js";
import { NeurodError, WebhookVerificationError } from "./errors.js";
import { path, type APIPromise, type RequestOptions, type Transport } from "./http.js";
import { byBody, list, type List } from "./paging.js";
import type { CreatedWebhook, DeliveryState, NewWebhook, Webhook, WebhookChange, WebhookDelivery, WebhookEventBody } from "./types.js";

/** An event that a webhook tells. */
export type WebhookEvent<T = Record<string, unknown>> = Omit<WebhookEventBody, "data"> & { data: T };

/** Headers of a webhook: a `Headers`, or an object with names in any case. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

function header(headers: WebhookHeaders, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? "";
  const key = Object.keys(headers).find((k) => k.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return (Array.isArray(value) ? value.join(" ") : value) ?? "";
}

/**
 * Checks the signature of a webhook (Standard Webhooks) and returns its event. Whatever is not signed by the secret within the last and
 * next minutes is refused with `WebhookVerificationError`.
 *
 * @param payload the body as it came, before any JSON parser
 * @param headers those of the request: `webhook-id`, `webhook-timestamp`, `webhook-signature`
 * @param secret `whsec_…`; while one is exchanged for another, both
 * @param options.toleranceSeconds how old a webhook may be. Defaults to 300
 */
export async function verifyWebhook<T = Record<string, unknown>>(
  payload: string | Uint8Array, headers: WebhookHeaders, secret: string | readonly string[], options: { toleranceSeconds?: number; now?: Date } = {},
): Promise<WebhookEvent<T>> {
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  if (!id || !timestamp || !signatures) throw new WebhookVerificationError("webhook-id, webhook-timestamp or webhook-signature is missing");
  const at = Number(timestamp);
  const age = (options.now?.getTime() ?? Date.now()) / 1000 - at;
  if (!/^\d+$/.test(timestamp) || Math.abs(age) > (options.toleranceSeconds ?? 300)) {
    throw new WebhookVerificationError(`webhook-timestamp ${timestamp} is too far from now`);
  }
  const encoder = new TextEncoder();
  const body = typeof payload === "string" ? encoder.encode(payload) : payload;
  const head = encoder.encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + body.length);
  signed.set(head);
  signed.set(body, head.length);
  for (const s of typeof secret === "string" ? [secret] : secret) {
    let raw: Bytes;
    try {
      raw = unbase64(s.replace(/^whsec_/, ""));
    } catch (cause) {
      throw new NeurodError("the secret is not whsec_ and base64", { cause });
    }
    const key = await subtle().importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of signatures.split(" ")) {
      const [scheme, value] = signature.split(",");
      if (scheme !== "v1" || !value) continue;
      let mac: Bytes;
      try {
        mac = unbase64(value);
      } catch {
        continue;
      }
      // verify compares in constant time.
      if (await subtle().verify("HMAC", key, mac, signed)) return JSON.parse(new TextDecoder().decode(body)) as WebhookEvent<T>;
    }
  }
  throw new WebhookVerificationError("no signature is by this secret");
}

/** Webhooks of the project. */
export class Webhooks {
  readonly #http: Transport;

  /** @internal */
  constructor(http: Transport) {
    this.#http = http;
  }

  /** Makes a webhook; `secret` is shown in this answer and never again. */
  create(webhook: NewWebhook, options: RequestOptions = {}): APIPromise<CreatedWebhook> {
    return this.#http.call({ method: "POST", path: "/api/v1/webhooks", json: webhook, keyed: true }, options);
  }

  /** Lists them, oldest first. */
  list(options: RequestOptions = {}): APIPromise<Webhook[]> {
    return this.#http.call({ method: "GET", path: "/api/v1/webhooks" }, options, (json: { data: Webhook[] }) => json.data);
  }

  /** Reads one. */
  get(id: string, options: RequestOptions = {}): APIPromise<Webhook> {
    return this.#http.call({ method: "GET", path: path`/api/v1/webhooks/${id}` }, options);
  }

  /** Changes one. What is left out stays. */
  update(id: string, change: WebhookChange, options: RequestOptions = {}): APIPromise<Webhook> {
    return this.#http.call({ method: "PATCH", path: path`/api/v1/webhooks/${id}`, json: change }, options);
  }

  /** Deletes one with its deliveries. */
  delete(id: string, options: RequestOptions = {}): APIPromise<void> {
    return this.#http.call({ method: "DELETE", path: path`/api/v1/webhooks/${id}`, gone: true }, options, () => undefined);
  }

  /** Gives it another secret, shown in this answer and never again; for a day events are signed by the one before as well. */
  rotate(id: string, options: RequestOptions = {}): APIPromise<CreatedWebhook> {
    return this.#http.call({ method: "POST", path: path`/api/v1/webhooks/${id}/rotate`, keyed: true }, options);
  }

  /** Sends it an event of the type `ping`. */
  test(id: string, options: RequestOptions = {}): APIPromise<WebhookDelivery> {
    return this.#http.call({ method: "POST", path: path`/api/v1/webhooks/${id}/test`, keyed: true }, options);
  }

  /** Lists its deliveries with their attempts, newest first. */
  deliveries(id: string, filter: { state?: DeliveryState; limit?: number } = {}, options: RequestOptions = {}): List<WebhookDelivery> {
    return list(this.#http, path`/api/v1/webhooks/${id}/deliveries`, { ...filter }, options, byBody);
  }

  /** Delivers an event again under the same `webhook-id`. */
  redeliver(id: string, deliveryId: string, options: RequestOptions = {}): APIPromise<WebhookDelivery> {
    return this.#http.call({ method: "POST", path: path`/api/v1/webhooks/${id}/deliveries/${deliveryId}/redeliver`, keyed: true }, options);
  }
}
