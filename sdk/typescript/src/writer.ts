import { uuid } from "./bytes.js";
import { APIStatusError, APIConnectionError, InvalidRequestError, RateLimitError, ServerError, NeurodError } from "./errors.js";
import { checked, held, interleave, isFlat, whole, type Channel, type Samples } from "./samples.js";
import type { SampleBatch, Session } from "./sessions.js";
import type { Ingested } from "./types.js";
import { backoff, sleep } from "./wait.js";

/** How samples of a device are sent. */
export interface WriterOptions {
  /** Seconds of one batch. Defaults to 1, which the usual rate limit carries for ever. */
  batchSeconds?: number | undefined;
  /** Seconds that are kept while the server is away; beyond, the oldest go. Defaults to 600. */
  maxBufferSeconds?: number | undefined;
  /** How far the time of a piece may be off the samples before it until it begins a segment of its own. Defaults to 250 ms. */
  gapMs?: number | undefined;
  unit?: SampleBatch["unit"];
  /** Ends the writer; what is not sent is dropped. */
  signal?: AbortSignal | undefined;
  /** Is told what the server answered to each batch. */
  onBatch?: ((answer: Ingested, batch: { batch_id: string; t0_unix_ms: number; samples: number }) => void) | undefined;
  /** Is told of each fault after which a batch is sent again. */
  onRetry?: ((error: unknown) => void) | undefined;
  /** Is told what is lost, and why. */
  onDrop?: ((dropped: Dropped) => void) | undefined;
}

/** Samples that will not reach the server. */
export interface Dropped {
  t0_unix_ms: number;
  /** A channel. */
  samples: number;
  reason: unknown;
}

interface Piece {
  id: string;
  /** Which segment of contiguous samples it is of, and where in it. */
  segment: Segment;
  from: number;
  samples: number;
  parts: Float32Array[];
  tried: boolean;
}

interface Segment {
  t0: number;
  samples: number;
}

/** Batches that wait are sent together, up to so many seconds, so that a long outage is made up for. */
const mergeSeconds = 30;

/**
 * Sends what a device gives to a session. Each sample goes out once, in order, under the time that follows from its place in its segment, so
 * that the jitter of a link tears no holes; while the server is away samples are kept.
 */
export class SampleWriter {
  readonly #session: Session;
  readonly #o: WriterOptions;
  readonly #width: number;
  readonly #rate: number;
  #segment: Segment | undefined;
  #open: Piece | undefined;
  #queue: Piece[] = [];
  #running: Promise<void> | undefined;
  #failed: unknown;
  #closed = false;
  /** Samples a channel that the server has. */
  sent = 0;
  /** Samples a channel that are lost. */
  dropped = 0;

  /** @internal */
  constructor(session: Session, options: WriterOptions) {
    if (!session.channels) throw new NeurodError("the writer needs the channels of the session: take it from sessions.create or sessions.get");
    this.#session = session;
    this.#o = options;
    this.#width = session.channels.length;
    this.#rate = session.sample_rate_hz;
  }

  /** Samples a channel that wait. */
  get buffered(): number {
    return this.#queue.reduce((n, p) => n + p.samples, this.#open?.samples ?? 0);
  }

  /**
   * Takes samples.
   *
   * @param samples side by side in the order of the session's channels, or the numbers of each channel
   * @param atUnixMs time of the first of them, where the device knows it; else they follow those before
   */
  write(samples: Samples, atUnixMs?: number): void {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#closed) throw new NeurodError("the writer is closed");
    const flat = this.#flat(checked(samples));
    whole(flat, this.#width);
    const n = flat.length / this.#width;
    if (n === 0) return;
    const expected = this.#segment && this.#segment.t0 + (this.#segment.samples * 1000) / this.#rate;
    if (expected === undefined || (atUnixMs !== undefined && Math.abs(atUnixMs - expected) > (this.#o.gapMs ?? 250))) {
      this.flush();
      this.#segment = { t0: atUnixMs ?? Date.now() - (n * 1000) / this.#rate, samples: 0 };
    }
    const segment = this.#segment!;
    this.#open ??= { id: uuid(), segment, from: segment.samples, samples: 0, parts: [], tried: false };
    this.#open.parts.push(flat);
    this.#open.samples += n;
    segment.samples += n;
    if (this.#open.samples >= (this.#o.batchSeconds ?? 1) * this.#rate) this.flush();
  }

  #flat(samples: Samples): Float32Array {
    if (samples instanceof Float32Array) return samples.slice(); // who reads a device uses its buffer again
    if (isFlat(samples)) return Float32Array.from(samples);
    if (Array.isArray(samples)) return this.#checked(samples as Channel[]);
    const by = samples as Record<string, Channel>;
    return this.#checked(this.#session.channels.map((c) => {
      if (!by[c]) throw new NeurodError(`channel ${c} is missing`);
      return by[c];
    }));
  }

  #checked(lists: Channel[]): Float32Array {
    held(lists, this.#session.channels);
    return interleave(lists);
  }

  /** Sends what there is without waiting for a whole batch. */
  flush(): void {
    if (!this.#open) return;
    this.#queue.push(this.#open);
    this.#open = undefined;
    const room = (this.#o.maxBufferSeconds ?? 600) * this.#rate;
    for (let waiting = this.buffered; waiting > room && this.#queue.length > 1;) {
      // The first may be on its way.
      const [oldest] = this.#queue.splice(this.#queue[0]!.tried ? 1 : 0, 1);
      waiting -= oldest!.samples;
      this.#drop(oldest!, new NeurodError("the server was away for too long"));
    }
    this.#send();
  }

  #send(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#queue.length) this.#send(); // what came while the last one was leaving
    });
  }

  #drop(p: Piece, reason: unknown): void {
    this.dropped += p.samples;
    this.#o.onDrop?.({ t0_unix_ms: this.#time(p), samples: p.samples, reason });
  }

  #time(p: Piece): number {
    return Math.round(p.segment.t0 + (p.from * 1000) / this.#rate);
  }

  async #run(): Promise<void> {
    for (let failures = 0; this.#queue.length;) {
      const p = this.#queue[0]!;
      if (!p.tried) this.#merge(p);
      p.tried = true;
      const t0_unix_ms = this.#time(p);
      try {
        const data = new Float32Array(p.samples * this.#width);
        let at = 0;
        for (const part of p.parts) {
          data.set(part, at);
          at += part.length;
        }
        const answer = await this.#session.ingest({ batch_id: p.id, t0_unix_ms, data, unit: this.#o.unit }, { signal: this.#o.signal, maxRetries: 0 });
        this.#queue.shift();
        this.sent += p.samples;
        failures = 0;
        this.#o.onBatch?.(answer, { batch_id: p.id, t0_unix_ms, samples: p.samples });
      } catch (error) {
        const aborted = this.#o.signal?.aborted;
        if (error instanceof InvalidRequestError && error.status !== 408) {
          this.#queue.shift();
          this.#drop(p, error); // the next may be right
        } else if (!aborted && (error instanceof APIConnectionError || error instanceof RateLimitError || error instanceof ServerError || again(error))) {
          this.#o.onRetry?.(error);
          const asked = error instanceof APIStatusError ? (error.retryAfter ?? 0) * 1000 : 0;
          await sleep(Math.max(asked, backoff(failures++)), this.#o.signal).catch(() => {});
        } else {
          this.#failed = error;
          for (const left of this.#queue.splice(0)) this.#drop(left, error);
          return;
        }
      }
    }
  }

  /** Takes those behind it along that were not sent yet and go on from it. */
  #merge(p: Piece): void {
    const most = Math.max(p.samples, mergeSeconds * this.#rate);
    while (this.#queue.length > 1) {
      const next = this.#queue[1]!;
      if (next.segment !== p.segment || next.from !== p.from + p.samples || p.samples + next.samples > most) return;
      p.parts.push(...next.parts);
      p.samples += next.samples;
      this.#queue.splice(1, 1);
    }
  }

  /** Sends what is left and waits until the server has it. Throws what the writer failed with, such as that the session has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.flush();
    while (this.#running) await this.#running;
    if (this.#failed !== undefined) throw this.#failed;
  }
}

const again = (e: unknown): boolean => e instanceof APIStatusError && (e.status === 408 || /in_flight/i.test(e.code));
