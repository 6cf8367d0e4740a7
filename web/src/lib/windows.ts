// Feature windows and live decodes of a session, as many as are looked at.
import type { FeatureWindow, SessionDecode } from "@neurod/sdk";
import type { Cell } from "../parts/Heat.svelte";
import type { Mark } from "../eeg/traces";

/** Keeps things in the order of their start, each once. */
export class Timed<T extends { id: string; window_start_ms: number }> {
  #list: T[] = [];
  #ids = new Set<string>();

  constructor(readonly most = 6000) {}

  get list(): readonly T[] {
    return this.#list;
  }

  add(more: readonly T[]): void {
    let sorted = true;
    for (const w of more) {
      if (this.#ids.has(w.id)) continue;
      this.#ids.add(w.id);
      if (this.#list.length && this.#list.at(-1)!.window_start_ms > w.window_start_ms) sorted = false;
      this.#list.push(w);
    }
    if (!sorted) this.#list.sort((a, b) => a.window_start_ms - b.window_start_ms);
    // The oldest go: a page that stays open for days does not grow.
    for (const w of this.#list.splice(0, Math.max(0, this.#list.length - this.most))) this.#ids.delete(w.id);
  }

  clear(): void {
    this.#list = [];
    this.#ids.clear();
  }

  /** The last one that begins no later; by bisection. */
  at(ms: number): T | undefined {
    let [low, high] = [0, this.#list.length];
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.#list[mid]!.window_start_ms <= ms) low = mid + 1;
      else high = mid;
    }
    return this.#list[low - 1];
  }
}

export const artifacts = ["blink", "motion", "muscle", "contact"] as const;

/** What is kept of a window: what the page draws of it, in numbers side by side. A window as the service tells it is ten times as large for many channels, and a page follows a session for hours. */
export interface Row {
  id: string;
  window_start_ms: number;
  window_end_ms: number;
  overall: number;
  /** Why it did not pass; undefined where it did. */
  failed: readonly string[] | undefined;
  /** The quality of each channel, then a score for each kind of artifact; NaN where nothing is known. */
  cells: Float32Array;
  /** Power of the bands, then the ratios; NaN above the Nyquist frequency. */
  powers: Float32Array;
  /** What the session asked for: shares of the bands, 1/f exponent and alpha peak (Hz) of the window, then of each channel the power of the bands, exponent and peak; NaN where nothing is known. */
  asked?: Float32Array;
}

/** The bands and ratios of a row. */
export const measures = ["delta", "theta", "alpha", "beta", "gamma", "alpha_beta", "theta_beta"] as const;

/** Features on request of a row: those of the window, and then those of each channel, so many. */
export const askedMeasures = 7;

function askedOf(w: FeatureWindow, channels: readonly string[]): Float32Array | undefined {
  const { relative_power: r, aperiodic, alpha_peak: peak, per_channel: by } = w.features;
  if (!r && !aperiodic && peak === undefined && !by) return undefined;
  const numbers = [r?.delta, r?.theta, r?.alpha, r?.beta, r?.gamma, aperiodic?.exponent, peak?.frequency_hz];
  for (const c of channels) {
    const of = by?.[c];
    const b = of?.bandpower;
    numbers.push(b?.delta, b?.theta, b?.alpha, b?.beta, b?.gamma, of?.aperiodic?.exponent, of?.alpha_peak?.frequency_hz);
  }
  return Float32Array.from(numbers, (v) => v ?? NaN);
}

/** What was asked of a channel, by its place in the session: power of the bands, exponent, peak. */
export const askedOfChannel = (r: Row, channel: number): Float32Array | undefined => r.asked?.subarray(askedMeasures * (channel + 1), askedMeasures * (channel + 2));

export function row(w: FeatureWindow, channels: readonly string[]): Row {
  const { bandpower: b, ratios } = w.features;
  const a = w.artifacts;
  const asked = askedOf(w, channels);
  return {
    id: w.id, window_start_ms: w.window_start_ms, window_end_ms: w.window_end_ms, overall: w.quality.overall, failed: w.gate.passed ? undefined : (w.gate.reasons ?? []),
    cells: Float32Array.from([...channels.map((c) => w.quality.per_channel[c] ?? NaN), a.blink_like, a.motion_like, a.emg_like, a.bad_contact]),
    powers: Float32Array.from([b.delta, b.theta, b.alpha, b.beta, b.gamma, ratios.alpha_beta, ratios.theta_beta], (v) => v ?? NaN), ...(asked ? { asked } : {}),
  };
}

/** What is kept of a decode. */
export type Decoded = Pick<SessionDecode, "id" | "window_start_ms" | "window_end_ms" | "decoded_intent" | "confidence" | "error"> & { alternatives: { intent: string; confidence: number }[] };

export function decoded(d: SessionDecode): Decoded {
  const { id, window_start_ms, window_end_ms } = d;
  return {
    id, window_start_ms, window_end_ms, alternatives: (d.alternatives ?? []).slice(0, 8).map((a) => ({ intent: a.intent ?? "", confidence: a.confidence ?? 0 })),
    ...(d.decoded_intent === undefined ? {} : { decoded_intent: d.decoded_intent }), ...(d.confidence === undefined ? {} : { confidence: d.confidence }), ...(d.error ? { error: d.error } : {}),
  };
}

/** Windows as cells of the heat strip: a value for each channel, then one for each kind of artifact. */
export function cells(windows: readonly Row[], origin: number): Cell[] {
  return windows.map((w, i) => ({
    from: w.window_start_ms - origin,
    // Windows may overlap; a cell lasts until the next begins.
    to: Math.min(w.window_end_ms, windows[i + 1]?.window_start_ms ?? w.window_end_ms) - origin,
    values: w.cells,
  }));
}

/** Bands and ratios of each window, or other numbers of it, over time in Unix s, with a hole where there is a gap between windows. */
export function series(windows: readonly Row[], count: number = measures.length, of: (r: Row) => Float32Array | undefined = (r) => r.powers): { x: number[]; y: (number | null)[][] } {
  const x: number[] = [];
  const y: (number | null)[][] = Array.from({ length: count }, () => []);
  windows.forEach((w, i) => {
    const before = windows[i - 1];
    if (before && w.window_start_ms > before.window_end_ms + 1) {
      x.push((before.window_end_ms + 1) / 1000);
      for (const list of y) list.push(null);
    }
    x.push(w.window_start_ms / 1000);
    const values = of(w);
    y.forEach((list, k) => list.push(values === undefined || Number.isNaN(values[k]!) ? null : values[k]!));
  });
  return { x, y };
}

/** Changes of the decoded intent, as marks: what is the same again is not told again. */
export function decodeMarks(decodes: readonly Decoded[], origin: number): Mark[] {
  const out: Mark[] = [];
  let last: string | undefined;
  for (const d of decodes) {
    const label = d.error ? undefined : d.decoded_intent;
    if (label && label !== last) out.push({ id: d.id, at: d.window_end_ms - origin, length: 0, label: label.replaceAll("_", " "), kind: "decode" });
    last = label;
  }
  return out;
}

/** The stretch of which windows are read: all of a short session, else about a thousand windows around what is looked at. */
export function stretch(count: number, hop: number, left: number, page: number, end: number): { from: number; to: number } {
  if (count <= 1500) return { from: 0, to: Math.max(end, 1000) };
  const half = 500 * hop * 1000;
  const mid = left + page / 2;
  const from = Math.max(0, Math.min(mid - half, end - 2 * half));
  return { from, to: from + 2 * half };
}
