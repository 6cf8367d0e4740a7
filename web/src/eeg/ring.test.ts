import { describe, expect, it } from "vitest";
import { Ring } from "./ring";

const batch = (first: number, n: number, channels = 2): Float32Array => Float32Array.from({ length: n * channels }, (_, i) => (first + Math.floor(i / channels)) * 10 + (i % channels));

describe("the ring of the newest samples", () => {
  it("keeps the newest, whatever the lengths of batches", () => {
    for (const size of [1, 3, 7, 10, 25]) {
      const r = new Ring(2, 10);
      for (let at = 100; at < 160; at += size) r.write(at, batch(at, size));
      for (let i = r.begin; i < r.end; i++) expect([r.value(0, i), r.value(1, i)]).toEqual([10 * i, 10 * i + 1]);
      expect(r.end - r.begin).toBe(10);
      expect(r.value(0, r.begin - 1)).toBeNaN();
      expect(r.value(0, r.end)).toBeNaN();
    }
  });
  it("shows a gap as one, and closes it where the samples come late", () => {
    const r = new Ring(2, 20);
    r.write(0, batch(0, 5));
    r.write(8, batch(8, 4));
    expect([...r.read(0, 4, 9)].map((v) => (Number.isNaN(v) ? "gap" : v))).toEqual([40, "gap", "gap", "gap", 80]);
    r.write(5, batch(5, 3));
    expect([...r.read(1, 4, 9)]).toEqual([41, 51, 61, 71, 81]);
  });
  it("keeps what came first where batches overlap, as the service does", () => {
    const r = new Ring(1, 20);
    r.write(0, Float32Array.of(1, 2, 3));
    r.write(1, Float32Array.of(9, 9, 4));
    expect([...r.read(0, 0, 4)]).toEqual([1, 2, 3, 4]);
  });
  it("forgets all over a gap that is longer than itself", () => {
    const r = new Ring(1, 5);
    r.write(0, Float32Array.of(1, 2, 3));
    r.write(1000, Float32Array.of(7));
    expect([...r.read(0, 996, 1001)].map((v) => Number.isNaN(v))).toEqual([true, true, true, true, false]);
    r.write(10, Float32Array.of(1)); // far too late
    expect(r.value(0, 1000)).toBe(7);
  });
});
