import { describe, expect, it } from "vitest";
import { design, Filter, gainAt } from "./filters";

const rate = 250;
const sine = (hz: number, n: number, dc = 0): Float32Array => Float32Array.from({ length: n }, (_, i) => dc + 10 * Math.sin((2 * Math.PI * hz * i) / rate));
const amplitude = (x: Float32Array): number => Math.max(...x.subarray(x.length / 2)) / 10;

describe("filters of the view", () => {
  it("damp what they should by what their design says", () => {
    const sections = design({ highpass: 1, lowpass: 40, notch: 50 }, rate);
    expect(sections).toHaveLength(4);
    expect(gainAt(sections, 10, rate)).toBeGreaterThan(0.95);
    expect(gainAt(sections, 50, rate)).toBeLessThan(1e-9);
    expect(gainAt(design({ highpass: 1 }, rate), 1, rate)).toBeCloseTo(Math.SQRT1_2, 6); // -3 dB
    for (const hz of [0.5, 5, 10, 30, 60]) {
      const got = amplitude(new Filter(sections).run(sine(hz, 20 * rate)));
      expect(got).toBeCloseTo(gainAt(sections, hz, rate), 1);
    }
  });
  it("begin settled: an electrode's offset of a volt draws no swing", () => {
    const out = new Filter(design({ highpass: 0.5, notch: 50 }, rate)).run(sine(10, rate, 1e5));
    expect(Math.max(...out.map(Math.abs))).toBeLessThan(15);
  });
  it("leave gaps, and begin anew behind them", () => {
    const x = sine(10, 500, 300);
    x.fill(NaN, 200, 220);
    const out = new Filter(design({ highpass: 1 }, rate)).run(x);
    expect([...out.subarray(200, 220)].every(Number.isNaN)).toBe(true);
    expect(Math.abs(out[220]!)).toBeLessThan(1);
    expect([...out].filter(Number.isNaN)).toHaveLength(20);
  });
  it("leave out what lies above the Nyquist frequency", () => {
    expect(design({ notch: 60, lowpass: 100 }, 100)).toHaveLength(0);
    expect(new Filter([]).run(Float32Array.of(1, 2))).toEqual(Float32Array.of(1, 2));
  });
});
