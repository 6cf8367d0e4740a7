// The newest samples of a session: as many as are looked at live, and no more, however long it runs.

export class Ring {
  readonly #data: Float32Array[];
  /** Number of the sample behind the last one; the ring holds those from end − length on. */
  #end = -1;
  #begin = 0;

  constructor(readonly channels: number, readonly length: number) {
    this.#data = Array.from({ length: channels }, () => new Float32Array(length).fill(NaN));
  }

  get empty(): boolean {
    return this.#end < 0;
  }

  /** The number behind the last sample. */
  get end(): number {
    return Math.max(0, this.#end);
  }

  /** The number of the first sample that is kept. */
  get begin(): number {
    return Math.max(this.#begin, this.#end - this.length);
  }

  /**
   * Takes samples (all channels of one instant side by side) of which the first has the number `first`. What is missing between is a gap;
   * what comes late is put into its place where that is still kept, and what is there already stays.
   */
  write(first: number, samples: Float32Array): void {
    this.#take(first, samples, false);
  }

  /** Takes samples, over what is there already. */
  put(first: number, samples: Float32Array): void {
    this.#take(first, samples, true);
  }

  #take(first: number, samples: Float32Array, over: boolean): void {
    const n = Math.floor(samples.length / this.channels);
    if (n === 0) return;
    if (this.#end < 0) this.#begin = this.#end = first;
    const end = first + n;
    if (end > this.#end) {
      if (end - this.#end >= this.length) for (const c of this.#data) c.fill(NaN);
      else for (let i = this.#end; i < end; i++) for (const c of this.#data) c[this.#at(i)] = NaN;
      this.#end = end;
    }
    this.#begin = Math.min(this.#begin, Math.max(first, this.#end - this.length));
    for (let i = Math.max(0, this.#end - this.length - first); i < n; i++) {
      const at = this.#at(first + i);
      for (let c = 0; c < this.channels; c++) {
        const row = this.#data[c]!;
        if (over || Number.isNaN(row[at]!)) row[at] = samples[i * this.channels + c]!;
      }
    }
  }

  /** One value; NaN in a gap and for what is not kept. */
  value(channel: number, number: number): number {
    return number < this.begin || number >= this.#end ? NaN : this.#data[channel]![this.#at(number)]!;
  }

  /** Values of a channel from a number up to another one. */
  read(channel: number, from: number, to: number): Float32Array {
    return this.copy(channel, from, to, new Float32Array(Math.max(0, to - from)));
  }

  /** The same into the beginning of an array that is long enough: a live view reads with every batch, and leaves nothing behind to be collected. */
  copy(channel: number, from: number, to: number, out: Float32Array): Float32Array {
    const row = this.#data[channel]!;
    const [first, end] = [Math.max(from, this.begin), Math.min(to, this.#end)];
    if (first >= end) return out.fill(NaN, 0, Math.max(0, to - from));
    out.fill(NaN, 0, first - from);
    for (let i = first, at = this.#at(first); i < end; i++, at = at + 1 === this.length ? 0 : at + 1) out[i - from] = row[at]!;
    return out.fill(NaN, end - from, to - from);
  }

  #at(number: number): number {
    return ((number % this.length) + this.length) % this.length;
  }
}
