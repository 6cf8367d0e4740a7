import { describe, expect, it } from "vitest";
import { decades } from "./axis";

describe("a logarithmic axis", () => {
  it("has bounds that are powers of ten, above zero, finite and apart, whatever the values are", () => {
    const values = [null, undefined, NaN, 0, -5, 1e-30, 1e-4, 0.5, 1, 83, 1e6, 1e300, Infinity];
    for (const low of values) {
      for (const high of values) {
        const [a, b] = decades(low, high);
        expect(b / a).toBeGreaterThan(9);
        for (const v of [a, b]) {
          expect(String(v)).toBe(String(Number(`1e${Math.round(Math.log10(v))}`)));
          expect(v).toBeGreaterThanOrEqual(1e-4);
          expect(v).toBeLessThanOrEqual(1e12);
        }
      }
    }
    expect(decades(0.5, 100)).toEqual([0.1, 100]);
  });
});
