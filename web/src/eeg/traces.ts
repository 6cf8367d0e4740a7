// Traces of many channels on a canvas. What is drawn is kept in a layer that runs round: a column of it belongs to a time, so that a live view
// draws only the columns that are new and moves the rest as it is, and a recording is drawn once for each place that is looked at.
// A path of straight lines where samples are wider than a pixel, from the smallest to the largest value of each column where they are not.

/** Samples of channels from a time on. With `high`, `low` and `high` are the smallest and largest values of a bucket. NaN is a gap. */
export interface Stretch {
  /** ms of the session at which the first one lies. */
  from: number;
  /** ms from one to the next. */
  step: number;
  low: readonly Float32Array[];
  high?: readonly Float32Array[] | undefined;
  /** How many there are. Defaults to the length of the arrays, which may be longer. */
  n?: number | undefined;
}

/** What stands where. */
export interface Layout {
  /** Channels from top to bottom, by their index. */
  rows: readonly number[];
  names: readonly string[];
  /** µV from the middle of a row to that of the next. */
  gain: number;
  /** ms of the whole width. */
  page: number;
  /** The row that is looked at, by the channel's index. */
  selected?: number | undefined;
}

/** Colours as CSS has them. */
export interface Palette {
  back: string;
  band: string;
  line: string;
  strong: string;
  text: string;
  muted: string;
  trace: string;
  second: string;
  gap: string;
  accent: string;
}

/** CSS pixels of the channels' names at the left, and of the time line below. */
export const gutter = 64;
export const footer = 22;

/** Something at a time: an event, an annotation. */
export interface Mark {
  id: string;
  /** ms of the session. */
  at: number;
  length: number;
  label: string;
  kind: "event" | "annotation" | "decode";
  /** Of these channels alone, by index. */
  channels?: readonly number[] | undefined;
}

export class Traces {
  readonly #canvas: HTMLCanvasElement;
  readonly #ctx: CanvasRenderingContext2D;
  readonly #layer: HTMLCanvasElement;
  readonly #draw: CanvasRenderingContext2D;
  #scale = 1;
  #width = 1;
  #height = 1;
  #layout: Layout = { rows: [], names: [], gain: 100, page: 10_000 };
  #palette: Palette;
  #named: readonly number[] | undefined | null = null; // the quality with which the names stand there; null where they must be drawn anew

  constructor(canvas: HTMLCanvasElement, palette: Palette) {
    this.#canvas = canvas;
    this.#palette = palette;
    this.#ctx = canvas.getContext("2d", { alpha: false })!;
    this.#layer = canvas.ownerDocument.createElement("canvas");
    this.#draw = this.#layer.getContext("2d", { alpha: false })!;
  }

  /** Takes another size in CSS pixels. */
  resize(width: number, height: number, scale: number): void {
    // More pixels than two a CSS pixel nobody sees on lines.
    this.#scale = Math.min(2, Math.max(1, scale));
    this.#width = Math.max(1, Math.round((width - gutter) * this.#scale));
    this.#height = Math.max(1, Math.round((height - footer) * this.#scale));
    this.#canvas.width = Math.round(width * this.#scale);
    this.#canvas.height = Math.round(height * this.#scale);
    this.#layer.width = this.#width;
    this.#layer.height = this.#height;
    this.#named = null;
  }

  set layout(l: Layout) {
    this.#layout = l;
    this.#named = null;
  }

  set palette(p: Palette) {
    this.#palette = p;
    this.#named = null;
  }

  /** Columns of the traces. */
  get columns(): number {
    return this.#width;
  }

  get #pxPerMs(): number {
    return this.#width / this.#layout.page;
  }

  /** Number of the column of a time, counted from the session's origin. */
  column(ms: number): number {
    return Math.floor(ms * this.#pxPerMs);
  }

  #rowHeight(): number {
    return this.#height / Math.max(1, this.#layout.rows.length);
  }

  /** Empties columns of the layer, with the lines of the time in them. */
  clear(from: number, to: number): void {
    for (const [x, n] of this.#pieces(from, Math.min(to, from + this.#width))) {
      this.#draw.fillStyle = this.#palette.back;
      this.#draw.fillRect(x, 0, n, this.#height);
      const at = this.#layout.rows.indexOf(this.#layout.selected ?? -1);
      if (at >= 0) {
        this.#draw.fillStyle = this.#palette.band;
        this.#draw.fillRect(x, Math.round(at * this.#rowHeight()), n, Math.round(this.#rowHeight()));
      }
    }
    const every = tick(this.#layout.page);
    for (let t = Math.ceil(from / this.#pxPerMs / every) * every; this.column(t) < to; t += every) {
      const c = this.column(t);
      if (c < from) continue;
      this.#draw.fillStyle = this.#palette.line;
      this.#draw.fillRect(mod(c, this.#width), 0, 1, this.#height);
    }
  }

  /** A run of columns as those of the layer: one piece, or two where it runs over its end. */
  #pieces(from: number, to: number): [x: number, n: number, first: number][] {
    const out: [number, number, number][] = [];
    for (let c = from; c < to; ) {
      const x = mod(c, this.#width);
      const n = Math.min(to - c, this.#width - x);
      out.push([x, n, c]);
      c += n;
    }
    return out;
  }

  /**
   * Draws samples into columns that were emptied, for whole columns from `from` up to `to`. The sample before the first column is used where it is
   * there, so that pieces join.
   */
  paint(s: Stretch, from: number, to: number): void {
    const { rows, gain } = this.#layout;
    const px = this.#pxPerMs;
    const height = this.#rowHeight();
    const perUV = height / gain;
    const g = this.#draw;
    const dense = s.step * px < 0.5; // more than two samples a column
    const { selected } = this.#layout;
    const colours = [this.#palette.trace, this.#palette.second, this.#palette.accent];
    for (const [x, n, first] of this.#pieces(from, to)) {
      g.save();
      g.beginPath();
      g.rect(x, 0, n, this.#height);
      g.clip();
      const origin = x - first; // of the layer's x to a column's number
      g.lineWidth = this.#scale > 1.25 ? 1.5 : 1;
      const begin = Math.max(0, Math.floor((first / px - s.from) / s.step) - 1);
      const until = Math.ceil(((first + n) / px - s.from) / s.step) + 2;
      // One path a colour, and not one a channel: of a few columns it is the number of paths that costs.
      colours.forEach((colour, which) => {
        g.beginPath();
        rows.forEach((channel, row) => {
          const low = s.low[channel];
          if (!low || which !== (channel === selected ? 2 : row % 2)) return;
          const high = s.high?.[channel] ?? low;
          const mid = (row + 0.5) * height;
          const limit = height * 2.5; // what is louder runs out of its row, and not over the whole picture
          const y = (v: number): number => mid - Math.max(-limit, Math.min(limit, v * perUV));
          const end = Math.min(s.n ?? low.length, until);
          if (dense) columnsOf(g, s, low, high, begin, end, px, origin, y);
          else linesOf(g, s, low, high, begin, end, px, origin, y);
        });
        g.strokeStyle = colour;
        g.stroke();
      });
      g.restore();
    }
  }

  /** Brings the layer on the screen such that a time is at its left edge, with names, time line and marks. */
  show(left: number, o: { marks?: readonly Mark[]; gaps?: readonly { from: number; to: number }[]; cursor?: number | undefined; start: number; quality?: readonly number[] | undefined; clock: (ms: number) => string }): void {
    const g = this.#ctx;
    const k = this.#scale;
    const p = this.#palette;
    const [gx, w, h] = [Math.round(gutter * k), this.#width, this.#height];
    const c = this.column(left);
    const x = mod(c, w);
    g.drawImage(this.#layer, x, 0, w - x, h, gx, 0, w - x, h);
    if (x) g.drawImage(this.#layer, 0, 0, x, h, gx + w - x, 0, x, h);
    const at = (ms: number): number => gx + this.column(ms) - c;
    const right = left + this.#layout.page;
    g.save();
    g.beginPath();
    g.rect(gx, 0, w, this.#canvas.height);
    g.clip();
    for (const gap of o.gaps ?? []) {
      if (gap.to < left || gap.from > right) continue;
      g.fillStyle = p.gap;
      g.fillRect(at(gap.from), 0, Math.max(1, at(gap.to) - at(gap.from)), h);
      if (at(gap.to) - at(gap.from) > 40 * k) label(g, "gap", Math.max(gx, at(gap.from)) + 4 * k, h - 6 * k, p.muted, k, 11);
    }
    const height = this.#rowHeight();
    let taken = -Infinity; // where the last label ends
    let lift = 0;
    for (const m of o.marks ?? []) {
      if (m.at + m.length < left || m.at > right) continue;
      const x0 = at(m.at);
      const x1 = at(m.at + m.length);
      const colour = m.kind === "annotation" ? p.accent : m.kind === "decode" ? p.muted : p.strong;
      const tops = m.channels?.length ? m.channels.map((ch) => this.#layout.rows.indexOf(ch)).filter((r) => r >= 0).map((r) => [r * height, height] as const) : ([[0, h]] as const);
      for (const [top, high] of tops) {
        if (m.length > 0) {
          g.globalAlpha = 0.14;
          g.fillStyle = colour;
          g.fillRect(x0, top, Math.max(2, x1 - x0), high);
          g.globalAlpha = 1;
        }
        g.fillStyle = colour;
        g.fillRect(x0, top, Math.max(1, Math.round(k)), high);
      }
      if (m.label) {
        lift = x0 < taken ? (lift + 1) % 4 : 0;
        taken = Math.max(taken, label(g, m.label, Math.max(gx, x0) + 4 * k, (13 + 15 * lift) * k, colour, k, 11, p.back));
      }
    }
    if (o.cursor !== undefined && o.cursor >= left && o.cursor <= right) {
      g.fillStyle = p.text;
      g.globalAlpha = 0.6;
      g.fillRect(at(o.cursor), 0, Math.max(1, Math.round(k)), h);
      g.globalAlpha = 1;
    }
    // The time line.
    g.fillStyle = p.back;
    g.fillRect(gx, h, w, this.#canvas.height - h);
    g.fillStyle = p.line;
    g.fillRect(gx, h, w, Math.max(1, Math.round(k)));
    const every = tick(this.#layout.page) * (w / k < 500 ? 2 : 1);
    for (let t = Math.ceil(left / every) * every; t <= right; t += every) {
      if (t < o.start) continue;
      label(g, o.clock(t), at(t) + 3 * k, h + 15 * k, p.muted, k, 11);
    }
    g.restore();
    // Nothing else is drawn over the names: they are drawn when they change, and not with every frame.
    if (this.#named === null || this.#named !== o.quality) this.#names(o.quality);
    this.#named = o.quality;
  }

  #names(quality: readonly number[] | undefined): void {
    const g = this.#ctx;
    const k = this.#scale;
    const p = this.#palette;
    const [gx, h] = [Math.round(gutter * k), this.#height];
    g.fillStyle = p.back;
    g.fillRect(0, 0, gx, this.#canvas.height);
    const height = this.#rowHeight();
    const { rows, names, selected } = this.#layout;
    const size = Math.max(8, Math.min(12, (height / k) * 0.95));
    rows.forEach((channel, row) => {
      const y = (row + 0.5) * height;
      if (channel === selected) {
        g.fillStyle = p.band;
        g.fillRect(0, Math.round(row * height), gx, Math.round(height));
      }
      const q = quality?.[channel];
      if (q !== undefined) {
        g.fillStyle = q < 0.4 ? "#c4552b" : q < 0.7 ? "#c99a2e" : "#23908a";
        const r = Math.min(3.5, (height / k) * 0.3) * k;
        g.beginPath();
        if (q < 0.4) g.rect(5 * k - r + 2 * k, y - r, 2 * r, 2 * r); // a shape as well as a colour
        else g.arc(7 * k, y, r, 0, 2 * Math.PI);
        g.fill();
      }
      g.save();
      g.beginPath();
      g.rect(0, 0, gx - 4 * k, h);
      g.clip();
      label(g, names[channel] ?? "", 15 * k, y + size * 0.36 * k, channel === selected ? p.accent : p.text, k, size);
      g.restore();
    });
    g.fillStyle = p.line;
    g.fillRect(gx - 1, 0, 1, h);
  }

  /** The channel and the time at a place of the canvas in CSS pixels, where `left` is at the left edge. */
  hit(x: number, y: number, left: number): { ms: number; channel: number | undefined } {
    const k = this.#scale;
    const ms = left + ((x - gutter) * k) / this.#pxPerMs;
    const row = Math.floor((y * k) / this.#rowHeight());
    return { ms, channel: y * k < this.#height ? this.#layout.rows[row] : undefined };
  }
}

type Y = (v: number) => number;

/** A line from sample to sample, broken by gaps. Of buckets the middle is drawn where they are wide. */
function linesOf(g: CanvasRenderingContext2D, s: Stretch, low: Float32Array, high: Float32Array, begin: number, end: number, px: number, origin: number, y: Y): void {
  let pen = false;
  for (let i = begin; i < end; i++) {
    const a = low[i]!;
    if (Number.isNaN(a)) {
      pen = false;
      continue;
    }
    const x = (s.from + i * s.step) * px + origin;
    if (pen) g.lineTo(x, y(a));
    else g.moveTo(x, y(a));
    if (high !== low && high[i] !== a) g.lineTo(x, y(high[i]!));
    if (!pen && Number.isNaN(low[i + 1] ?? NaN)) g.lineTo(x + 1, y(a)); // a sample alone is seen
    pen = true;
  }
}

/** For each column a line from the smallest to the largest value, joined to the column before. */
function columnsOf(g: CanvasRenderingContext2D, s: Stretch, low: Float32Array, high: Float32Array, begin: number, end: number, px: number, origin: number, y: Y): void {
  let column = -Infinity;
  let lo = NaN;
  let hi = NaN;
  let last = NaN; // the last value of the column before
  let exit = NaN;
  const flush = (): void => {
    if (Number.isNaN(lo)) return;
    const x = column + origin + 0.5;
    const [top, bottom] = [Number.isNaN(last) ? hi : Math.max(hi, last), Number.isNaN(last) ? lo : Math.min(lo, last)];
    const [a, b] = [y(top), y(bottom)];
    g.moveTo(x, a);
    g.lineTo(x, b - a < 1 ? a + 1 : b);
  };
  for (let i = begin; i < end; i++) {
    const c = Math.floor((s.from + i * s.step) * px);
    if (c !== column) {
      flush();
      last = exit;
      column = c;
      lo = hi = NaN;
    }
    const a = low[i]!;
    if (Number.isNaN(a)) {
      exit = NaN;
      continue;
    }
    const b = high[i]!;
    lo = lo <= a ? lo : a;
    hi = hi >= b ? hi : b;
    exit = (a + b) / 2;
  }
  flush();
}

/** ms between the lines of a time axis, of about ten lines. */
export function tick(page: number): number {
  const steps = [100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000];
  return steps.find((s) => page / s <= 12) ?? steps.at(-1)!;
}

/** Always from 0 up to n. */
export const mod = (a: number, n: number): number => ((a % n) + n) % n;

/** Writes text, and returns where it ends. */
function label(g: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string, scale: number, size: number, back?: string): number {
  g.font = `${size * scale}px system-ui, sans-serif`;
  const shown = text.length > 32 ? text.slice(0, 31) + "…" : text;
  const width = g.measureText(shown).width;
  if (back) {
    g.globalAlpha = 0.75;
    g.fillStyle = back;
    g.fillRect(x - 2 * scale, y - size * scale, width + 4 * scale, size * 1.3 * scale);
    g.globalAlpha = 1;
  }
  g.fillStyle = colour;
  g.fillText(shown, x, y);
  return x + width + 6 * scale;
}
