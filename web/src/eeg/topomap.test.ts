import { describe, expect, it } from "vitest";
import { position } from "./montage";
import { Topomap } from "./topomap";

const names = ["Fp1", "Fp2", "C3", "Cz", "C4", "O1", "O2"];
const points = names.map((n) => position(n)!);

describe("the map of the head", () => {
  it("has at an electrode its value, and nothing off the head", () => {
    const map = Topomap.of(points, 61)!;
    const out = map.map([1, 2, 3, 4, 5, 6, 7]);
    expect(out[30 * 61 + 30]).toBeCloseTo(4, 0); // Cz
    expect(out[0]).toBeNaN();
    expect([...out].filter((v) => !Number.isNaN(v)).length).toBeGreaterThan(2500);
  });
  it("is even where the values are", () => {
    for (const v of Topomap.of(points)!.map(names.map(() => 5))) if (!Number.isNaN(v)) expect(v).toBeCloseTo(5, 3);
  });
  it("is none of too few electrodes, or of some on a line", () => {
    expect(Topomap.of(points.slice(0, 2))).toBeUndefined();
    expect(Topomap.of(["Fz", "Cz", "Pz"].map((n) => position(n)!))).toBeUndefined();
  });
});
