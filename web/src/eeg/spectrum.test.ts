import { describe, expect, it } from "vitest";
import { between, FFT, spectrogram, welch } from "./spectrum";

const rate = 250;
const sine = (hz: number, n: number, amplitude = 10): Float32Array => Float32Array.from({ length: n }, (_, i) => amplitude * Math.sin((2 * Math.PI * hz * i) / rate) + 500);

describe("spectra", () => {
  it("are those of the definition", () => {
    const n = 32;
    const re = Float64Array.from({ length: n }, (_, i) => Math.sin(i * i));
    const im = Float64Array.from({ length: n }, (_, i) => Math.cos(3 * i));
    const want = Array.from({ length: n }, (_, k) => {
      let [r, m] = [0, 0];
      for (let i = 0; i < n; i++) {
        const a = (-2 * Math.PI * k * i) / n;
        r += re[i]! * Math.cos(a) - im[i]! * Math.sin(a);
        m += re[i]! * Math.sin(a) + im[i]! * Math.cos(a);
      }
      return [r, m] as const;
    });
    new FFT(n).run(re, im);
    want.forEach(([r, m], k) => {
      expect(re[k]).toBeCloseTo(r, 9);
      expect(im[k]).toBeCloseTo(m, 9);
    });
    expect(() => new FFT(12)).toThrow();
  });
  it("hold the power of a sine where it is: amplitude²/2", () => {
    const s = welch(sine(10, 10 * rate), rate)!;
    expect(between(s, 8, 13)).toBeCloseTo(50, 0);
    expect(between(s, 20, 40)).toBeLessThan(0.01);
  });
  it("leave out stretches with gaps, and say when nothing is left", () => {
    const x = sine(10, 10 * rate);
    x.fill(NaN, 0, 5 * rate);
    expect(between(welch(x, rate)!, 8, 13)).toBeCloseTo(50, 0);
    expect(welch(new Float32Array(500).fill(NaN), rate)).toBeUndefined();
    expect(welch(new Float32Array(5), rate)).toBeUndefined();
  });
  it("follow time in a spectrogram", () => {
    const x = new Float32Array(10 * rate);
    x.set(sine(10, 5 * rate), 0);
    x.set(sine(30, 5 * rate), 5 * rate);
    const g = spectrogram(x, rate, 20);
    const loudest = (c: number): number => {
      let best = 0;
      for (let r = 1; r < g.rows; r++) if (g.db[c * g.rows + r]! > g.db[c * g.rows + best]!) best = r;
      return (best + 1) * g.step;
    };
    expect(Math.abs(loudest(2) - 10)).toBeLessThan(1);
    expect(Math.abs(loudest(17) - 30)).toBeLessThan(1);
  });
});
