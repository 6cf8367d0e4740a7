import { APIStatusError, APIConnectionError, RateLimitError, ServerError, StreamError } from "./errors.js";
import { path, type RequestOptions, type Transport } from "./http.js";
import type { FeatureWindow, SessionDecode, SessionStatus, WsToken } from "./types.js";
import { backoff, sleep } from "./wait.js";

/** What a live stream tells: a feature window, a live decode, or that the session has ended, which is the last message. */
export type StreamMessage =
  | { type: "features"; seq: number; data: FeatureWindow }
  | { type: "decode"; seq: number; data: SessionDecode }
  | { type: "session_ended"; seq?: undefined; data: { ended_at: string | null } };

/** How a session is followed. */
export interface StreamOptions {
  /**
   * The `seq` of the last message that one has: the stream begins behind it. Defaults to 0, which is everything the session has;
   * `"latest"` begins with what comes from now on.
   */
  afterSeq?: number | "latest" | undefined;
  /** By default a WebSocket, and server-sent events where there is none or it does not get through. */
  transport?: "auto" | "websocket" | "sse" | undefined;
  /** How often in a row it is tried to connect before the stream gives up with `StreamError`. Defaults to 50, which is about 6 minutes. */
  maxFailures?: number | undefined;
  /** Milliseconds of silence after which the connection is taken for dead and made anew; nothing is lost by it. Defaults to 60,000. */
  idleMs?: number | undefined;
  /** Ends the stream by throwing the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Is told when a connection was lost and is made anew. */
  onReconnect?: ((error: unknown) => void) | undefined;
}

/** Messages of one connection, until it ends. Throws `Broken` where it may be made anew. */
type Connection = AsyncGenerator<StreamMessage | undefined>;

class Broken extends Error {}

/** As many messages may wait for a reader that is busy; beyond, the connection is closed until they are read. The server keeps them. */
const roomFor = 512;

/**
 * Follows a session: every message once and in order, over as many connections as it takes.
 */
export async function* stream(http: Transport, sessionId: string, options: StreamOptions): AsyncGenerator<StreamMessage, void, undefined> {
  const { signal, transport = "auto", maxFailures = 50, idleMs = 60_000 } = options;
  if (transport === "websocket" && !http.WebSocket) throw new StreamError("there is no WebSocket here: pass one to the client, or take transport \"sse\"");
  let last = options.afterSeq === "latest" ? await latest(http, sessionId, { signal }) : (options.afterSeq ?? 0);
  let sockets = transport !== "sse" && http.WebSocket !== undefined;
  let failures = 0;
  let doubted = -1; // the message behind which others seemed to be missing
  for (;;) {
    const connection = (sockets ? overSocket : overEvents)(http, sessionId, last, idleMs, signal);
    let wait = 0;
    let opened = Infinity;
    try {
      for await (const m of connection) {
        if (m === undefined) {
          opened = Math.min(opened, Date.now());
          continue;
        }
        failures = 0;
        if (m.type === "session_ended") {
          yield m;
          return;
        }
        if (m.seq <= last) continue;
        // Numbers have no holes. Where one shows all the same, what is missing is asked for again, once.
        if (m.seq > last + 1 && doubted !== last) {
          doubted = last;
          throw new Broken(`message ${m.seq} came after ${last}`);
        }
        last = m.seq;
        yield m;
      }
      continue; // the queue was full and is read
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (!passes(error)) throw error;
      if (Date.now() - opened > 10_000) failures = 0; // it was no attempt, but a connection that has held
      if (++failures > maxFailures) throw new StreamError(`the stream of session ${sessionId} was lost and ${maxFailures} attempts to connect failed`, { cause: error });
      // Something on the way may not let WebSockets through.
      if (transport === "auto" && sockets && failures >= 3) sockets = false;
      wait = error instanceof APIStatusError && error.retryAfter !== undefined ? error.retryAfter * 1000 : failures > 1 ? backoff(failures - 2) : 0;
      options.onReconnect?.(error);
    }
    await sleep(wait, signal);
  }
}

/** Whether it may be otherwise soon. */
function passes(error: unknown): boolean {
  return error instanceof Broken || error instanceof APIConnectionError || error instanceof RateLimitError || error instanceof ServerError ||
    (error instanceof APIStatusError && error.status === 408);
}

/** The number of the last message that there is. */
async function latest(http: Transport, sessionId: string, options: RequestOptions): Promise<number> {
  const s = await http.call<SessionStatus>({ method: "GET", path: path`/v1/sessions/${sessionId}/status` }, options);
  return s.window_count + (s.decode_count ?? 0); // both are numbered together, from 1
}

async function* overSocket(http: Transport, sessionId: string, after: number, idleMs: number, signal: AbortSignal | undefined): Connection {
  const token = await http.call<WsToken>({ method: "POST", path: path`/v1/sessions/${sessionId}/ws-token` }, { signal, maxRetries: 0 });
  // Not ws_url of the answer: the client's own address is known to lead to the server. The token stands in no URL.
  const url = http.baseUrl.replace(/^http/, "ws") + path`/v1/ws?session_id=${sessionId}&after_seq=${String(after)}`;
  const queue: (StreamMessage | undefined)[] = [];
  let over: { error?: unknown } | undefined;
  let wake = (): void => {};
  const end = (error?: unknown): void => {
    over ??= { error };
    clearTimeout(timer);
    wake();
  };
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => end(new Broken("nothing came for too long")), idleMs);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abort = (): void => end(signal!.reason);
  const socket = new http.WebSocket!(url, ["neurod.v1", "ws_token." + token.ws_token]);
  try {
    signal?.addEventListener("abort", abort);
    alive();
    socket.onopen = () => {
      alive();
      queue.push(undefined);
      wake();
    };
    socket.onmessage = (event: { data: unknown }) => {
      if (over) return;
      alive();
      try {
        queue.push(JSON.parse(String(event.data)) as StreamMessage);
      } catch (cause) {
        return end(new Broken("a message cannot be read", { cause }));
      }
      if (queue.length > roomFor) end();
      wake();
    };
    socket.onerror = () => end(new Broken("the WebSocket failed"));
    socket.onclose = (event: { code: number; reason: string }) =>
      end(event.code === 1008 ? new StreamError(`the server ended the stream: ${event.reason || "refused"}`) : new Broken(`the WebSocket closed with ${event.code} ${event.reason}`));
    for (;;) {
      while (queue.length) yield queue.shift();
      if (over) break;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if (over.error !== undefined) throw over.error;
  } finally {
    end();
    signal?.removeEventListener("abort", abort);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // of a socket that is closed before it was open
    socket.close();
  }
}

async function* overEvents(http: Transport, sessionId: string, after: number, idleMs: number, signal: AbortSignal | undefined): Connection {
  const cut = new AbortController();
  const abort = (): void => cut.abort(signal!.reason);
  signal?.addEventListener("abort", abort);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const response = await http.open(
      { method: "GET", path: path`/v1/sessions/${sessionId}/features/stream`, query: { after_seq: after }, headers: { Accept: "text/event-stream" } },
      { signal: cut.signal, maxRetries: 0 });
    yield undefined;
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(() => cut.abort(new Broken("nothing came for too long")), idleMs);
      let done: boolean;
      let value: Uint8Array | undefined;
      try {
        ({ done, value } = await reader.read());
      } catch (cause) {
        throw cut.signal.aborted ? cut.signal.reason : new Broken("the events broke off", { cause });
      }
      if (done) throw new Broken("the events ended before the session");
      text += decoder.decode(value, { stream: true });
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop()!;
      for (const block of blocks) yield message(block);
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    cut.abort(new Broken("left"));
  }
}

/** One event of an event stream; undefined for a comment. */
function message(block: string): StreamMessage | undefined {
  const field: Record<string, string> = {};
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at > 0) {
      const name = line.slice(0, at);
      field[name] = (name in field ? field[name] + "\n" : "") + line.slice(at + 1).replace(/^ /, "");
    }
  }
  if (field.data === undefined) return undefined;
  const m = { type: field.event, data: JSON.parse(field.data) as unknown, ...(field.id === undefined ? {} : { seq: Number(field.id) }) };
  return m as StreamMessage;
}
