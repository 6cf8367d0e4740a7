import { describe, expect, it } from "vitest";
import { ordered, position } from "./montage";

describe("the montage", () => {
  it("knows where electrodes lie, however they are spelled", () => {
    for (const name of ["Cz", "CZ", "EEG Cz-Ref", "Cz..", "eeg cz"]) expect(position(name)).toEqual({ x: 0, y: 0 });
    expect(position("T3")).toEqual(position("T7"));
    expect(position("Fp1")!.x).toBeLessThan(0);
    expect(position("Fp1")!.y).toBeGreaterThan(0.7);
    expect(position("O2")!.x).toBeGreaterThan(0);
    const [l, r] = [position("TP9")!, position("TP10")!];
    expect(l.x).toBe(-r.x);
    for (const name of ["", "ECG", "Ch 1", "X7", "<b>Cz</b>", "constructor"]) expect(position(name)).toBeUndefined();
  });
  it("keeps every electrode on the head, left of right and apart from the others", () => {
    const names = ["Fp", "AF", "F", "FC", "FT", "C", "T", "CP", "TP", "P", "PO", "O"].flatMap((p) => ["z", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => p + n)).filter((n) => position(n) && !["T3", "T4", "T5", "T6"].includes(n));
    expect(names.length).toBeGreaterThan(70);
    for (const a of names) {
      expect(Math.hypot(position(a)!.x, position(a)!.y)).toBeLessThanOrEqual(1.0001);
      for (const b of names) if (a < b) expect(Math.hypot(position(a)!.x - position(b)!.x, position(a)!.y - position(b)!.y)).toBeGreaterThan(0.05);
    }
  });
  it("orders channels without losing any", () => {
    const channels = ["O1", "ECG", "Fp2", "Cz", "T5", "Fp1", "C3", "x"];
    const named = (how: Parameters<typeof ordered>[1]): string[] => ordered(channels, how).map((i) => channels[i]!);
    expect(named("recorded")).toEqual(channels);
    expect(named("region")).toEqual(["Fp1", "Fp2", "C3", "Cz", "T5", "O1", "ECG", "x"]);
    expect(named("hemisphere")).toEqual(["Fp1", "C3", "T5", "O1", "Cz", "Fp2", "ECG", "x"]);
    expect(named("name")).toHaveLength(channels.length);
  });
});
