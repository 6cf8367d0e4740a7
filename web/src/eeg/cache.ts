// Samples of a session that are looked at, read in tiles as they come into sight and kept for a while, so that hours can be scrubbed through
// without reading them. A tile has the least and the greatest value of each of its blocks; a block of one sample is the sample.
import type { Stretch } from "./traces";

/** What the service says of a range: blocks of so many samples, the first of which begins at sample `first`. NaN where there are none. */
export interface Seen {
  first: number;
  block: number;
  min: readonly Float32Array[];
  max: readonly Float32Array[];
}

/** Reads samples [from, to) in blocks of about so many. */
export type Reader = (from: number, to: number, block: number, signal: AbortSignal) => Promise<Seen>;

interface Tile {
  low: Float32Array[];
  high: Float32Array[];
  /** The session's end when it was read: what has come since is missing. */
  end: number;
  used: number;
}

/** Blocks of a tile: a fifth of a page or less, so that little is read that is not in sight. */
export const size = 256;

/** At most that many tiles in one request: the service gives 4096 points. */
const together = 15;

export class SampleCache {
  readonly #tiles = new Map<string, Tile>();
  readonly #reading = new Set<string>();
  #queue: { block: number; tiles: number[] }[] = [];
  #busy: AbortController | undefined;
  #clock = 0;
  #bytes = 0;
  /** Where the session ends, in samples; it may grow. */
  end = 0;
  begin = 0;
  /** Samples a channel that were asked for, for tests of what scrubbing costs. */
  asked = 0;
  failed: unknown;
  #failedAt = -Infinity;

  constructor(readonly channels: number, readonly read: Reader, readonly onChange: () => void, readonly limit = 96e6) {}

  /** The length of blocks for so many samples on so many columns: a power of two, at least one block a column. */
  static block(samples: number, columns: number): number {
    return 2 ** Math.max(0, Math.floor(Math.log2(samples / Math.max(1, columns))));
  }

  /** Blocks of samples [from, to); NaN for what is not there, or not yet. What is missing is read, the newest wish first. */
  get(from: number, to: number, block: number): { stretch: Omit<Stretch, "step"> & { first: number }; whole: boolean } {
    const first = Math.floor(from / block);
    const n = Math.max(0, Math.ceil(to / block) - first);
    const low = Array.from({ length: this.channels }, () => new Float32Array(n).fill(NaN));
    const high = block === 1 ? low : Array.from({ length: this.channels }, () => new Float32Array(n).fill(NaN));
    const missing: number[] = [];
    for (let t = Math.floor(first / size); t * size < first + n; t++) {
      if ((t + 1) * size * block <= this.begin || t * size * block >= this.end) continue;
      const tile = this.#tiles.get(key(block, t));
      if (!tile || this.#stale(tile, t, block)) missing.push(t);
      if (!tile) continue;
      tile.used = ++this.#clock;
      const [a, b] = [Math.max(first, t * size), Math.min(first + n, (t + 1) * size)];
      for (let c = 0; c < this.channels; c++) {
        low[c]!.set(tile.low[c]!.subarray(a - t * size, b - t * size), a - first);
        if (high !== low) high[c]!.set(tile.high[c]!.subarray(a - t * size, b - t * size), a - first);
      }
    }
    this.#want(block, missing);
    return { stretch: { from: first * block, first: first * block, low, high: high === low ? undefined : high }, whole: missing.length === 0 };
  }

  /** Reads ahead what may come into sight next, if nothing else is asked for. */
  ahead(from: number, to: number, block: number): void {
    if (this.#busy || this.#queue.length) return;
    const missing: number[] = [];
    for (let t = Math.floor(from / block / size); t * size * block < to; t++) {
      if ((t + 1) * size * block <= this.begin || t * size * block >= this.end || t < 0) continue;
      if (!this.#tiles.has(key(block, t))) missing.push(t);
    }
    this.#want(block, missing.slice(0, together));
  }

  stop(): void {
    this.#busy?.abort();
    this.#queue = [];
  }

  #stale(tile: Tile, t: number, block: number): boolean {
    const full = (t + 1) * size * block;
    return tile.end < Math.min(full, this.end) && !this.#reading.has(key(block, t));
  }

  #want(block: number, missing: number[]): void {
    const fresh = missing.filter((t) => !this.#reading.has(key(block, t)));
    if (!fresh.length || performance.now() < this.#failedAt + 500) return; // a server that is away is not asked with every frame
    // What was wished for before and has scrolled away is not read.
    this.#queue = [];
    for (let i = 0; i < fresh.length; ) {
      let n = 1;
      while (n < together && fresh[i + n] === fresh[i]! + n) n++;
      this.#queue.push({ block, tiles: fresh.slice(i, i + n) });
      i += n;
    }
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { block, tiles } = next;
      const keys = tiles.map((t) => key(block, t));
      const from = Math.max(tiles[0]! * size * block, this.begin);
      const to = Math.min((tiles.at(-1)! + 1) * size * block, this.end);
      if (to <= from) continue;
      const end = this.end;
      const running = (this.#busy = new AbortController());
      for (const k of keys) this.#reading.add(k);
      this.asked += to - from;
      try {
        const seen = await this.read(from, to, block, running.signal);
        if (running.signal.aborted) return;
        for (const t of tiles) this.#keep(block, t, seen, end);
        this.failed = undefined;
      } catch (error) {
        if (running.signal.aborted) return;
        this.failed = error;
        this.#failedAt = performance.now();
        this.#queue = [];
      } finally {
        for (const k of keys) this.#reading.delete(k);
        this.#busy = undefined;
      }
      this.onChange();
    }
  }

  #keep(block: number, t: number, seen: Seen, end: number): void {
    const tile: Tile = { low: [], high: [], end, used: ++this.#clock };
    for (let c = 0; c < this.channels; c++) {
      const low = new Float32Array(size).fill(NaN);
      const high = block === 1 ? low : new Float32Array(size).fill(NaN);
      fold(seen, c, t * size, block, low, high);
      tile.low.push(low);
      tile.high.push(high);
    }
    const k = key(block, t);
    if (!this.#tiles.has(k)) this.#bytes += this.#weight(block);
    this.#tiles.set(k, tile);
    while (this.#bytes > this.limit && this.#tiles.size > 8) {
      let oldest: string | undefined;
      for (const [name, { used }] of this.#tiles) if (!oldest || used < this.#tiles.get(oldest)!.used) oldest = name;
      this.#tiles.delete(oldest!);
      this.#bytes -= this.#weight(Number(oldest!.split("/")[0]));
    }
  }

  #weight(block: number): number {
    return this.channels * size * 4 * (block === 1 ? 1 : 2);
  }
}

const key = (block: number, tile: number): string => `${block}/${tile}`;

/** Puts what was seen into blocks of another length: a block that lies in several counts for each of them. */
export function fold(seen: Seen, channel: number, first: number, block: number, low: Float32Array, high: Float32Array): void {
  const [min, max] = [seen.min[channel], seen.max[channel]];
  if (!min || !max) return;
  for (let i = 0; i < min.length; i++) {
    const a = min[i]!;
    if (Number.isNaN(a)) continue;
    const from = seen.first + i * seen.block;
    const begin = Math.max(0, Math.floor(from / block) - first);
    const end = Math.min(low.length - 1, Math.floor((from + seen.block - 1) / block) - first);
    for (let k = begin; k <= end; k++) {
      if (!(low[k]! <= a)) low[k] = a;
      if (!(high[k]! >= max[i]!)) high[k] = max[i]!;
    }
  }
}
