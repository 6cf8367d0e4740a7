// What the session page looks at: a stretch of a session, live or still. Holds the settings of the view, asks the cache for what is in sight,
// keeps the newest samples of a live session, and draws. It knows no framework: it is told what to show and says where it is.
import { SampleCache, type Reader } from "./cache";
import { SmoothClock } from "./clock";
import { design, Filter, settling, type ViewFilter } from "./filters";
import { ordered, type Order } from "./montage";
import { Ring } from "./ring";
import { footer, gutter, Traces, type Mark, type Palette, type Stretch } from "./traces";

/** How the traces are looked at. */
export interface Settings {
  /** ms of the whole width. */
  page: number;
  /** µV of a row; 0 finds it out from what is in sight. */
  gain: number;
  order: Order;
  filter: ViewFilter;
  /** How many channels at once; 0 is all. */
  count: number;
  /** The first of them. */
  offset: number;
}

export const gains = [1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10_000, 50_000];
export const pages = [1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 10_800_000, 43_200_000];

/** Up to this long a page is drawn from single samples, and filtered; beyond, from the least and greatest of blocks. */
export const filteredUpTo = 30_000;

/** A live picture is kept for as long; longer pages are looked at still. */
export const longestLive = 30_000;

/** How often whoever asked is told where a live view is, in ms: what is written beside the traces need not move with every frame. */
const telling = 200;

/** The newest sample is drawn that far from the right edge, so that it is seen when it comes although the picture moves evenly. */
const lead = 250;

/** What stands over and beside the traces. */
export interface Notes {
  marks: readonly Mark[];
  gaps: readonly { from: number; to: number }[];
  /** Of each channel, by index, from 0 to 1. */
  quality: readonly number[] | undefined;
}

export interface ViewerOptions {
  canvas: HTMLCanvasElement;
  channels: readonly string[];
  rate: number;
  read: Reader;
  palette: Palette;
  /** Labels of the time line. */
  clock: (ms: number) => string;
  /** Is told where the view is when it has changed: at most once a frame, and of a live view five times a second. */
  onMove: (left: number) => void;
  onGain: (gain: number) => void;
  onError: (error: unknown) => void;
}

export class Viewer {
  readonly traces: Traces;
  readonly cache: SampleCache;
  readonly step: number;
  selected: number | undefined;
  cursor: number | undefined;
  /** The left edge in ms of the session. */
  left = 0;
  live = false;
  /** For measurements: frames, what they took of the main thread in ms, and when samples had come and were to be seen. */
  readonly seen = { frames: 0, busy: 0, record: false, came: [] as { sample: number; at: number }[], painted: [] as { sample: number; at: number }[] };

  readonly #o: ViewerOptions;
  readonly #ring: Ring;
  readonly #shown: Ring; // the same, filtered
  readonly #clock = new SmoothClock();
  #settings: Settings = { page: 10_000, gain: 0, order: "recorded", filter: {}, count: 0, offset: 0 };
  #rows: number[] = [];
  #gain = 100;
  #filters: Filter[] = [];
  #base: Float32Array;
  readonly #scratch: Float32Array[]; // of the newest samples of each channel, as far as they are being drawn
  #notes: Notes = { marks: [], gaps: [], quality: undefined };
  #dirty = true; // all must be drawn anew
  #stale = true; // what stands over the traces must be
  #done = 0; // columns before this one are drawn
  #clear = 0; // and before this one are empty, ready to be drawn into
  #drawn = -1; // the end of the samples that are drawn
  #shownAt = NaN; // the column at the left edge of what is on the screen
  #fresh = false; // samples were drawn that are on the screen with the next frame
  #frame = 0;
  #running = false;
  #sized = false; // before its size is known nothing is drawn, and nothing read for a picture of no width
  #stood = NaN; // the left edge of the still view that was drawn last
  #heading = 0; // where to whoever looks leafs: 1 forth, -1 back, 0 nowhere
  #told = NaN;
  #toldAt = -Infinity;

  constructor(o: ViewerOptions) {
    this.#o = o;
    this.step = 1000 / o.rate;
    this.traces = new Traces(o.canvas, o.palette);
    this.cache = new SampleCache(o.channels.length, o.read, () => {
      if (this.cache.failed) o.onError(this.cache.failed);
      this.invalidate();
    });
    const kept = Math.ceil(((longestLive + 15_000) / 1000) * o.rate);
    this.#ring = new Ring(o.channels.length, kept);
    this.#shown = new Ring(o.channels.length, kept);
    this.#base = new Float32Array(o.channels.length);
    this.#scratch = o.channels.map(() => new Float32Array(kept));
    this.#arrange();
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** Channels from top to bottom, by index, that are in sight. */
  get rows(): readonly number[] {
    return this.#rows;
  }

  get gain(): number {
    return this.#gain;
  }

  /** The time of the newest sample of a live session, in ms of the session. */
  get newest(): number {
    return Math.max(this.#ring.end, this.cache.end) * this.step;
  }

  get oldest(): number {
    return this.cache.begin * this.step;
  }

  set(change: Partial<Settings>): void {
    const before = this.#settings;
    this.#settings = { ...before, ...change };
    if (this.live && this.#settings.page > longestLive) this.live = false;
    if (change.filter) this.#refilter();
    this.#arrange();
    this.invalidate();
  }

  /** What stands over the traces. */
  set notes(n: Notes) {
    this.#notes = n;
    this.#stale = true;
    this.#wake();
  }

  /** How far the session is known to go, in samples. */
  set end(samples: number) {
    if (samples <= this.cache.end) return;
    this.cache.end = samples;
    if (!this.live) this.invalidate(); // a live view draws what comes
  }

  set palette(p: Palette) {
    this.traces.palette = p;
    this.invalidate();
  }

  select(channel: number | undefined): void {
    this.selected = channel;
    this.#arrange();
    this.invalidate();
  }

  resize(width: number, height: number, scale: number): void {
    this.traces.resize(width, height, scale);
    this.#sized = true;
    this.invalidate();
  }

  /** Goes to a time, and stops following. */
  go(left: number): void {
    this.live = false;
    const most = Math.max(this.oldest, this.newest - this.#settings.page * 0.25);
    this.left = Math.max(Math.min(this.oldest, 0), Math.min(left, most));
    this.invalidate();
  }

  /** Follows the newest samples. */
  follow(): void {
    if (this.#settings.page > longestLive) this.set({ page: longestLive });
    this.live = true;
    this.#clock.reset();
    this.invalidate();
  }

  /** Takes samples of a live session: all channels of one instant side by side, the first of number `first`. */
  push(first: number, samples: Float32Array): void {
    const late = !this.#ring.empty && first < this.#ring.end;
    const from = this.#ring.empty ? first : this.#ring.end;
    this.#ring.write(first, samples);
    this.cache.end = Math.max(this.cache.end, this.#ring.end);
    if (this.seen.record) this.seen.came.push({ sample: this.#ring.end, at: performance.timeOrigin + performance.now() });
    if (late) return this.#refilter(); // it may have filled a gap that is drawn already
    if (this.#base.every((b) => b === 0)) this.#rebase();
    this.#filterFrom(from);
    if (!this.live) this.#wake();
  }

  /** Draws with the next frame. */
  invalidate(): void {
    this.#dirty = true;
    this.#wake();
  }

  start(): void {
    this.#running = true;
    this.#wake();
  }

  stop(): void {
    this.#running = false;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.cache.stop();
  }

  /** The channel and the time at a place in CSS pixels. */
  hit(x: number, y: number): { ms: number; channel: number | undefined } {
    return this.traces.hit(x, y, this.left);
  }

  /** Raw samples of a channel, from the newest ones or the cache; undefined while they are on their way. */
  raw(channel: number, from: number, to: number): Float32Array | undefined {
    const [a, b] = [Math.round(from / this.step), Math.round(to / this.step)];
    if (!this.#ring.empty && a >= this.#ring.begin) return this.#ring.read(channel, a, b);
    const { stretch, whole } = this.cache.get(a, b, 1);
    return whole ? stretch.low[channel] : undefined;
  }

  /** The same of all channels at once. */
  rawAll(from: number, to: number): readonly Float32Array[] | undefined {
    const [a, b] = [Math.round(from / this.step), Math.round(to / this.step)];
    if (!this.#ring.empty && a >= this.#ring.begin) return this.#o.channels.map((_, c) => this.#ring.read(c, a, b));
    const { stretch, whole } = this.cache.get(a, b, 1);
    return whole ? stretch.low : undefined;
  }

  /** What is on the screen as it is drawn: channels from top to bottom, filtered. Undefined while it is on its way, or where no single samples are drawn. */
  shownSamples(): { first: number; n: number; rows: readonly number[]; values: Float32Array[] } | undefined {
    const s = this.#settings;
    if (s.page > filteredUpTo) return undefined;
    const warm = Math.ceil(settling(s.filter) * this.#o.rate);
    const first = Math.max(0, Math.floor(this.left / this.step));
    const end = Math.min(Math.ceil(this.newest / this.step), Math.ceil((this.left + s.page) / this.step));
    const from = Math.max(Math.floor(this.oldest / this.step), first - warm);
    const all = this.rawAll(from * this.step, end * this.step);
    if (!all) return undefined;
    const sections = design(s.filter, this.#o.rate);
    return { first, n: end - first, rows: this.#rows, values: this.#rows.map((c) => new Filter(sections).run(all[c]!.slice()).subarray(first - from)) };
  }

  #arrange(): void {
    const s = this.#settings;
    const all = ordered(this.#o.channels, s.order);
    const n = s.count > 0 ? Math.min(s.count, all.length) : all.length;
    const offset = Math.max(0, Math.min(s.offset, all.length - n));
    this.#rows = all.slice(offset, offset + n);
    if (s.gain) this.#gain = s.gain;
    this.traces.layout = { rows: this.#rows, names: this.#o.channels, gain: this.#gain, page: s.page, selected: this.selected };
  }

  #refilter(): void {
    const sections = design(this.#settings.filter, this.#o.rate);
    this.#filters = this.#o.channels.map(() => new Filter(sections));
    if (this.#ring.empty) return;
    this.#rebase();
    this.#filterFrom(this.#ring.begin);
    this.invalidate();
  }

  /** Where no high-pass is, each channel is drawn around its mean. */
  #rebase(): void {
    const { begin, end } = this.#ring;
    for (let c = 0; c < this.#base.length; c++) this.#base[c] = this.#settings.filter.highpass ? 0 : mean(this.#ring.read(c, Math.max(begin, end - Math.round(this.#o.rate * 10)), end));
  }

  #filterFrom(from: number): void {
    if (!this.#filters.length) this.#refilterFilters();
    const { end } = this.#ring;
    const n = end - from;
    if (n <= 0) return;
    const width = this.#o.channels.length;
    const out = new Float32Array(n * width);
    for (let c = 0; c < width; c++) {
      const f = this.#filters[c]!;
      const base = this.#base[c]!;
      for (let i = 0; i < n; i++) out[i * width + c] = f.next(this.#ring.value(c, from + i)) - base;
    }
    this.#shown.put(from, out);
  }

  #refilterFilters(): void {
    const sections = design(this.#settings.filter, this.#o.rate);
    this.#filters = this.#o.channels.map(() => new Filter(sections));
  }

  #wake(): void {
    if (this.#running && this.#sized && !this.#frame) this.#frame = requestAnimationFrame((now) => this.#draw(now));
  }

  #draw(now: number): void {
    this.#frame = 0;
    if (!this.#running) return;
    const from = performance.now();
    this.seen.frames++;
    if (this.#fresh) {
      // What the last frame has drawn is on the screen now, and not before.
      if (this.seen.record) this.seen.painted.push({ sample: this.#drawn, at: performance.timeOrigin + now });
      this.#fresh = false;
    }
    if (this.live) this.#drawLive(now);
    else if (this.#dirty) this.#drawStill();
    else if (this.#stale) this.#show();
    if (this.left !== this.#told && (!this.live || now >= this.#toldAt + telling)) {
      this.#toldAt = now;
      this.#o.onMove((this.#told = this.left));
    }
    this.seen.busy += performance.now() - from;
    if (this.live) this.#wake();
  }

  /** Draws the columns that are new since the last frame, and moves the rest. A frame in which nothing has moved by a pixel draws nothing. */
  #drawLive(now: number): void {
    const ring = this.#shown;
    const { page } = this.#settings;
    const newest = this.newest;
    const edge = this.#clock.tick(now, newest) + lead;
    this.left = edge - page;
    const t = this.traces;
    const right = t.column(edge) + 1;
    const all = this.#dirty || right - this.#done > t.columns;
    if (all) {
      this.#dirty = false;
      if (!this.#settings.gain && !ring.empty) this.#findGain(ring.end * this.step - page, ring.end * this.step, (c, a, b) => ring.read(c, Math.round(a / this.step), Math.round(b / this.step)));
      this.#done = right - t.columns + 1; // not further back: the layer runs round, and what lies before the left edge is what lies at the right one
    }
    // What lies beyond the right edge is drawn when the edge gets there: the layer runs round, and has no place for it.
    const end = Math.min(ring.end, Math.ceil(edge / this.step));
    if (all || end !== this.#drawn) {
      const ready = Math.min(right, t.column(end * this.step) + 1);
      // The last column may have been drawn of a part of its samples.
      const from = this.#done - 1;
      t.clear(from, all ? right : ready);
      const begin = Math.max(ring.begin, Math.floor((from / t.columns) * (page / this.step)) - 2);
      if (!ring.empty && end > begin) {
        for (const c of this.#rows) ring.copy(c, begin, end, this.#scratch[c]!);
        t.paint({ from: begin * this.step, step: this.step, low: this.#scratch, n: end - begin }, from, ready);
        this.#fresh = end !== this.#drawn;
        this.#drawn = end;
      }
      this.#done = Math.max(this.#done, ready - 1);
      this.#clear = Math.max(all ? right : this.#clear, ready);
      this.#stale = true;
    }
    if (right > this.#clear) {
      t.clear(this.#clear, right);
      this.#clear = right;
    }
    if (this.#stale || t.column(this.left) !== this.#shownAt) this.#show();
  }

  #drawStill(): void {
    this.#dirty = false;
    const s = this.#settings;
    const t = this.traces;
    const right = this.left + s.page;
    const samples = s.page / this.step;
    const block = s.page <= filteredUpTo ? 1 : SampleCache.block(samples, t.columns);
    const warm = block === 1 ? Math.ceil(settling(s.filter) * this.#o.rate) : 0;
    const [a, b] = [Math.floor(this.left / this.step) - 1, Math.ceil(right / this.step) + 2];
    let low: Float32Array[];
    let high: Float32Array[] | undefined;
    let first: number;
    if (!this.#ring.empty && block === 1 && a - warm >= this.#ring.begin) {
      first = a - warm;
      low = this.#o.channels.map((_, c) => this.#ring.read(c, first, b));
    } else {
      const got = this.cache.get(a - warm, b, block).stretch;
      first = got.first;
      low = got.low as Float32Array[];
      high = got.high as Float32Array[] | undefined;
      // Whoever leafs is read the next page meanwhile, whoever jumps is read no more than what is in sight.
      const by = this.left - this.#stood;
      if (by !== 0) this.#heading = Math.abs(by) <= s.page ? Math.sign(by) : 0;
      this.#stood = this.left;
      if (this.#heading > 0) this.cache.ahead(b, b + samples, block);
      if (this.#heading < 0) this.cache.ahead(a - samples, a, block);
    }
    const sections = block === 1 ? design(s.filter, this.#o.rate) : [];
    for (const c of this.#rows) {
      if (sections.length) new Filter(sections).run(low[c]!);
      if (block > 1 || !s.filter.highpass) {
        const m = high ? (mean(low[c]!) + mean(high[c]!)) / 2 : mean(low[c]!);
        shift(low[c]!, m);
        if (high) shift(high[c]!, m);
      }
    }
    const step = block * this.step;
    const stretch: Stretch = { from: first * this.step, step, low, high };
    if (!s.gain) this.#findGain(this.left, right, (c) => (high ? spread(low[c]!, high[c]!) : low[c]!.subarray(Math.min(warm, low[c]!.length - 1))));
    const from = t.column(this.left);
    t.clear(from, from + t.columns);
    t.paint(stretch, from, from + t.columns);
    this.#show();
  }

  #show(): void {
    this.#stale = false;
    this.#shownAt = this.traces.column(this.left);
    this.traces.show(this.left, { ...this.#notes, cursor: this.cursor, start: this.oldest, clock: this.#o.clock });
  }

  /** A gain at which the loudest tenth of the channels fill about their rows. */
  #findGain(from: number, to: number, read: (channel: number, from: number, to: number) => Float32Array): void {
    const spreads = this.#rows.map((c) => range(read(c, from, to))).filter((v) => v > 0).sort((a, b) => a - b);
    if (!spreads.length) return;
    const wanted = spreads[Math.floor(spreads.length / 2)]! * 0.9;
    const found = gains.find((g) => g >= wanted) ?? gains.at(-1)!;
    // Not to and fro: another one only where the present one is far off.
    if (this.#gain < wanted * 0.5 || this.#gain > wanted * 3.5 || !this.#told) {
      this.#gain = found;
      this.#arrange();
      this.#o.onGain(found);
    }
  }
}

function mean(x: Float32Array): number {
  let [sum, n] = [0, 0];
  for (const v of x) {
    if (Number.isNaN(v)) continue;
    sum += v;
    n++;
  }
  return n ? sum / n : 0;
}

function shift(x: Float32Array, by: number): void {
  for (let i = 0; i < x.length; i++) x[i]! -= by;
}

/** Low and high one behind the other, of which the range is that of both. */
function spread(low: Float32Array, high: Float32Array): Float32Array {
  const out = new Float32Array(low.length * 2);
  out.set(low);
  out.set(high, low.length);
  return out;
}

/** What lies between the 2nd and the 98th of a hundred values. */
function range(x: Float32Array): number {
  const some: number[] = [];
  const every = Math.max(1, Math.floor(x.length / 2000));
  for (let i = 0; i < x.length; i += every) if (!Number.isNaN(x[i]!)) some.push(x[i]!);
  if (some.length < 10) return 0;
  some.sort((a, b) => a - b);
  return some[Math.floor(some.length * 0.98)]! - some[Math.floor(some.length * 0.02)]!;
}

export { footer, gutter };
