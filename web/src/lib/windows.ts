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
}

/** The bands and ratios of a row. */
export const measures = ["delta", "theta", "alpha", "beta", "gamma", "alpha_beta", "theta_beta"] as const;

export function row(w: FeatureWindow, channels: readonly string[]): Row {
  const { bandpower: b, ratios } = w.features;
  const a = w.artifacts;
  return {
    id: w.id, window_start_ms: w.window_start_ms, window_end_ms: w.window_end_ms, overall: w.quality.overall, failed: w.gate.passed ? undefined : (w.gate.reasons ?? []),
    cells: Float32Array.from([...channels.map((c) => w.quality.per_channel[c] ?? NaN), a.blink_like, a.motion_like, a.emg_like, a.bad_contact]),
    powers: Float32Array.from([b.delta, b.theta, b.alpha, b.beta, b.gamma, ratios.alpha_beta, ratios.theta_beta], (v) => v ?? NaN),
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

/** Bands and ratios of each window over time in Unix s, with a hole where there is a gap between windows. */
export function series(windows: readonly Row[]): { x: number[]; y: (number | null)[][] } {
  const x: number[] = [];
  const y: (number | null)[][] = measures.map(() => []);
  windows.forEach((w, i) => {
    const before = windows[i - 1];
    if (before && w.window_start_ms > before.window_end_ms + 1) {
      x.push((before.window_end_ms + 1) / 1000);
      for (const list of y) list.push(null);
    }
    x.push(w.window_start_ms / 1000);
    w.powers.forEach((v, k) => y[k]!.push(Number.isNaN(v) ? null : v));
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
