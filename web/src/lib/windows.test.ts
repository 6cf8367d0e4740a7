import type { FeatureWindow, SessionDecode } from "@neurod/sdk";
import { describe, expect, it } from "vitest";
import { askedMeasures, askedOfChannel, cells, decoded, decodeMarks, row, series, stretch, Timed, type Row } from "./windows";

const told = (start: number, quality = 1): FeatureWindow => ({
  id: "w" + start, session_id: "s", window_start_ms: start, window_end_ms: start + 2000, features: { bandpower: { delta: 1, theta: 2, alpha: 3, beta: 4, gamma: null }, ratios: { alpha_beta: 1, theta_beta: 1 }, spectral_entropy: 0.5 },
  artifacts: { blink_like: 0.125, motion_like: 0.25, emg_like: 0.375, bad_contact: 0.5 }, quality: { overall: quality, per_channel: { Cz: quality } }, confidence: { overall: 1 }, gate: { passed: true }, created_at: "",
});
const w = (start: number, quality = 1): Row => row(told(start, quality), ["Cz", "Pz"]);

describe("windows of a session", () => {
  it("are kept in order, each once, and not without end", () => {
    const t = new Timed<Row>(4);
    t.add([w(4000), w(0)]);
    t.add([w(2000), w(0), w(6000), w(8000)]);
    expect(t.list.map((x) => x.window_start_ms)).toEqual([2000, 4000, 6000, 8000]);
    expect(t.at(5999)?.window_start_ms).toBe(4000);
    expect(t.at(1999)).toBeUndefined();
    expect(t.at(1e9)?.window_start_ms).toBe(8000);
    t.add([w(10_000)]);
    expect(t.list).toHaveLength(4);
  });
  it("are cells that do not lie over each other, and unknown channels are no bad ones", () => {
    const got = cells([w(0), w(1000), w(6000)], 0);
    expect(got.map((c) => [c.from, c.to])).toEqual([[0, 1000], [1000, 3000], [6000, 8000]]);
    expect(Array.from(got[0]!.values)).toEqual([1, NaN, 0.125, 0.25, 0.375, 0.5]);
  });
  it("are lines with holes where windows are missing", () => {
    const { x, y } = series([w(0), w(2000), w(60_000)]);
    expect(x).toHaveLength(4);
    expect(y[2]).toEqual([3, 3, null, 3]);
    expect(y[4]).toEqual([null, null, null, null]);
    expect(y[5]).toEqual([1, 1, null, 1]);
  });
  it("keep what was asked for, of the window and of each channel, and nothing where nothing was", () => {
    expect(w(0).asked).toBeUndefined();
    const more = told(0);
    Object.assign(more.features, {
      relative_power: { delta: 0.5, theta: 0.25, alpha: 0.125, beta: 0.125, gamma: null }, aperiodic: { exponent: 1.5, offset: 1 }, alpha_peak: null,
      per_channel: { Pz: { bandpower: { delta: 1, theta: 2, alpha: 3, beta: 4, gamma: null }, aperiodic: { exponent: 1.25, offset: 1 }, alpha_peak: { frequency_hz: 10.5, power: 1, width_hz: 2 } } },
    });
    const r = row(more, ["Cz", "Pz"]);
    expect(Array.from(r.asked!.slice(0, askedMeasures))).toEqual([0.5, 0.25, 0.125, 0.125, NaN, 1.5, NaN]);
    expect(Array.from(askedOfChannel(r, 0)!)).toEqual(Array(7).fill(NaN));
    expect(Array.from(askedOfChannel(r, 1)!)).toEqual([1, 2, 3, 4, NaN, 1.25, 10.5]);
    const { y } = series([r, w(2000)], askedMeasures, (x) => x.asked);
    expect(y[5]).toEqual([1.5, null]);
    expect(y[6]).toEqual([null, null]);
  });
  it("say where the decoded intent changes", () => {
    const d = (start: number, decoded_intent?: string) => decoded({ id: "d" + start, session_id: "s", window_start_ms: start, window_end_ms: start + 2000, created_at: "", index: 0, seq: 0, ...(decoded_intent ? { decoded_intent } : { error: { code: "x", message: "" } }) } as SessionDecode);
    expect(decodeMarks([d(0, "door"), d(1, "door"), d(2, "move_left"), d(3), d(4, "move_left")], 0).map((m) => m.label)).toEqual(["door", "move left", "move left"]);
  });
  it("are read around what is looked at", () => {
    expect(stretch(100, 2, 0, 10_000, 200_000)).toEqual({ from: 0, to: 200_000 });
    const s = stretch(21_600, 2, 20_000_000, 10_000, 43_200_000);
    expect(s.to - s.from).toBe(2_000_000);
    expect(s.from).toBeLessThan(20_000_000);
    expect(stretch(21_600, 2, 43_190_000, 10_000, 43_200_000).to).toBe(43_200_000);
  });
});
