import { APIConnectionError, RateLimitError, ServerError, StreamError } from "./errors.js";
import type { Transport } from "./http.js";
import { backoff, sleep } from "./wait.js";

/** Samples of a live session, as they were stored. */
export interface LiveSamples {
  /** Number of the batch that they are of. */
  seq: number;
  /** Number of the first sample, counted from the session's origin. */
  first: number;
  /** Unix ms of it. */
  t_unix_ms: number;
  /** Samples that are missing right before it. */
  gap: number;
  /** They lie before samples that were told of already. */
  late: boolean;
  /** µV, all channels of one instant side by side, in the order of the session. */
  samples: Float32Array;
  /** Signal quality of each channel, NaN where it is not known. */
  quality: Float32Array;
}

/** How samples are followed. */
export interface LiveSamplesOptions {
  /** Behind which batch it begins: -1 is everything that is stored. Defaults to what comes from now on. */
  afterSeq?: number | undefined;
  /** Ends following by throwing the signal's reason. */
  signal?: AbortSignal | undefined;
  /** How often in a row it is tried to connect. Defaults to 50. */
  maxFailures?: number | undefined;
  /** Is told when a connection was lost and is made anew. */
  onReconnect?: ((error: unknown) => void) | undefined;
  /** Is told how many samples were left out because this side was too slow; they are stored. */
  onDropped?: ((samples: number) => void) | undefined;
  /** Is told that events were added, changed or deleted, by whomever, and once when it begins to follow them. */
  onEvents?: (() => void) | undefined;
}

class Broken extends Error {}

/** As many frames may wait for a reader that is busy; older ones are dropped. */
const roomFor = 256;
const header = 56;

/** Reads a frame of bytes; undefined where it is none. */
export function frame(buffer: ArrayBuffer): (LiveSamples & { last: boolean }) | undefined {
  const v = new DataView(buffer);
  if (buffer.byteLength < header || v.getUint32(0, true) !== 0x3153444e) return undefined; // "NDS1"
  const n = v.getUint32(44, true);
  const k = v.getUint16(48, true);
  if (buffer.byteLength !== header + 4 * k * (1 + n)) return undefined;
  const flags = v.getUint16(50, true);
  return {
    seq: Number(v.getBigInt64(8, true)), first: Number(v.getBigInt64(16, true)), t_unix_ms: v.getFloat64(24, true), gap: Number(v.getBigInt64(32, true)),
    late: (flags & 1) !== 0, last: (flags & 2) !== 0, quality: new Float32Array(buffer, header, k), samples: new Float32Array(buffer, header + 4 * k, n * k),
  };
}

/** Follows the samples of a session over as many connections as it takes, until the session has ended. */
export async function* liveSamples(http: Transport, sessionId: string, options: LiveSamplesOptions): AsyncGenerator<LiveSamples, void, undefined> {
  const { signal, maxFailures = 50 } = options;
  if (!http.WebSocket) throw new StreamError("there is no WebSocket here: pass one to the client");
  let after = options.afterSeq;
  for (let failures = 0; ; ) {
    try {
      for await (const m of connection(http, sessionId, after, options)) {
        if (m === "ended") return;
        failures = 0;
        // What is told again is taken once: of a batch in parts, the parts that one has.
        after = m.last ? m.seq : m.seq - 1;
        yield m;
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const passes = error instanceof Broken || error instanceof APIConnectionError || error instanceof RateLimitError || error instanceof ServerError;
      if (!passes || ++failures > maxFailures) throw error instanceof Broken ? new StreamError(error.message, { cause: error }) : error;
      options.onReconnect?.(error);
      await sleep(backoff(failures - 1), signal);
    }
  }
}

async function* connection(http: Transport, sessionId: string, after: number | undefined, options: LiveSamplesOptions): AsyncGenerator<(LiveSamples & { last: boolean }) | "ended"> {
  const { signal } = options;
  const token = await http.token({ signal });
  const queue: ((LiveSamples & { last: boolean }) | "ended")[] = [];
  let over: { error: unknown } | undefined;
  let wake = (): void => {};
  const end = (error: unknown): void => {
    over ??= { error };
    wake();
  };
  const socket = new http.WebSocket!(http.baseUrl.replace(/^http/, "ws") + "/ws");
  socket.binaryType = "arraybuffer";
  const abort = (): void => end(signal!.reason);
  const pings = setInterval(() => socket.send?.(JSON.stringify({ type: "ping" })), 25_000);
  try {
    signal?.addEventListener("abort", abort);
    socket.onopen = () => socket.send?.(JSON.stringify({ type: "auth", token, ...(http.projectId ? { project_id: http.projectId } : {}) }));
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (typeof data !== "string") {
        const m = frame(data as ArrayBuffer);
        if (!m) return end(new Broken("a frame cannot be read"));
        queue.push(m);
        if (queue.length > roomFor) {
          const lost = queue.splice(0, roomFor / 2) as LiveSamples[];
          options.onDropped?.(lost.reduce((sum, l) => sum + (l.quality.length ? l.samples.length / l.quality.length : 0), 0));
        }
        return wake();
      }
      const m = JSON.parse(data) as { type: string; topic?: string; error_code?: string; message?: string; reason?: string; samples?: number; retry_suggested?: boolean };
      if (m.type === "auth_success") {
        socket.send?.(JSON.stringify({
          type: "subscribe", topic: "neural_data", session_id: sessionId, format: "binary", filters: {}, drop_policy: "newest", ...(after === undefined ? {} : { after_seq: after }),
        }));
        if (options.onEvents) socket.send?.(JSON.stringify({ type: "subscribe", topic: "events", session_id: sessionId }));
      } else if (m.topic === "events" || m.type === "event" || m.type === "events_changed") {
        if (m.type !== "subscription_ended") options.onEvents?.();
      } else if (m.type === "dropped") options.onDropped?.(m.samples ?? 0);
      else if (m.type === "subscription_ended") {
        if (m.reason === "session_ended") queue.push("ended");
        else end(new StreamError(`the server ended the stream: ${m.reason}`));
        wake();
      } else if (m.type === "error") end((m.retry_suggested ? new Broken(m.message) : new StreamError(`${m.error_code}: ${m.message}`)));
    };
    socket.onerror = () => end(new Broken("the WebSocket failed"));
    socket.onclose = (e: { code: number; reason: string }) =>
      end(e.code === 1008 ? new StreamError(`the server ended the stream: ${e.reason || "refused"}`) : new Broken(`the WebSocket closed with ${e.code} ${e.reason}`));
    for (;;) {
      while (queue.length) {
        const m = queue.shift()!;
        yield m;
        if (m === "ended") return;
      }
      if (over) throw over.error;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    clearInterval(pings);
    signal?.removeEventListener("abort", abort);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // of a socket that is closed before it was open
    socket.close();
  }
}
