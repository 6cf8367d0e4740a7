import { describe, expect, it, vi } from "vitest";
import { SampleCache, size, type Reader, type Seen } from "./cache";

/** A session whose sample i is i in channel 0 and −i in channel 1, with a gap. */
const there = (i: number): boolean => i >= 0 && i < 100_000 && !(i >= 5000 && i < 6000);
const reader = (length?: number): { read: Reader; calls: [number, number, number][] } => {
  const calls: [number, number, number][] = [];
  return {
    calls,
    read: async (from, to, wanted): Promise<Seen> => {
      calls.push([from, to, wanted]);
      const block = length ?? wanted;
      const first = Math.floor(from / block) * block;
      const n = Math.ceil((to - first) / block);
      const out: Seen = { first, block, min: [new Float32Array(n).fill(NaN), new Float32Array(n).fill(NaN)], max: [new Float32Array(n).fill(NaN), new Float32Array(n).fill(NaN)] };
      for (let i = from; i < to; i++) {
        if (!there(i)) continue;
        const k = Math.floor((i - first) / block);
        for (const [c, v] of [[0, i], [1, -i]] as const) {
          if (!(out.min[c]![k]! <= v)) out.min[c]![k] = v;
          if (!(out.max[c]![k]! >= v)) out.max[c]![k] = v;
        }
      }
      return out;
    },
  };
};

async function filled(cache: SampleCache, from: number, to: number, block: number): Promise<ReturnType<SampleCache["get"]>> {
  await vi.waitFor(() => expect(cache.get(from, to, block).whole).toBe(true), { interval: 1, timeout: 20_000 });
  return cache.get(from, to, block);
}
const made = (r: Reader, limit?: number): SampleCache => {
  const c = new SampleCache(2, r, () => {}, limit);
  c.end = 100_000;
  return c;
};

describe("the cache of samples", () => {
  it("gives each block its least and greatest value, gaps and ends as such", async () => {
    for (const block of [1, 4, 64]) {
      const { stretch } = await filled(made(reader().read), 4000, 8000, block);
      for (let k = 0; k < stretch.low[0]!.length; k++) {
        const numbers = Array.from({ length: block }, (_, i) => stretch.first + k * block + i).filter(there);
        expect(stretch.low[0]![k]).toBe(numbers.length ? numbers[0] : NaN);
        expect((stretch.high ?? stretch.low)[1]![k]).toBe(numbers.length ? -numbers[0]! : NaN);
      }
    }
    const end = await filled(made(reader().read), 99_990, 100_010, 1);
    expect([...end.stretch.low[0]!].filter((v) => !Number.isNaN(v))).toHaveLength(10);
  });
  it("takes blocks of another length than it asked for", async () => {
    const { stretch } = await filled(made(reader(2).read), 0, 4096, 8);
    expect([stretch.low[0]![3], stretch.high![0]![3]]).toEqual([24, 31]);
  });
  it("reads what is looked at and not more than a tile beyond it, once", async () => {
    const { read, calls } = reader();
    const cache = made(read);
    await filled(cache, 10_000, 12_500, 1);
    const [first, last] = [Math.floor(10_000 / size), Math.ceil(12_500 / size)];
    expect(calls).toEqual([[first * size, last * size, 1]]);
    expect((last - first) * size - 2500).toBeLessThan(500);
    await filled(cache, 10_100, 12_400, 1);
    expect(calls).toHaveLength(1);
    expect(cache.asked).toBe((last - first) * size);
  });
  it("leaves out what has scrolled by while it was reading", async () => {
    let release = (): void => {};
    const held = new Promise<void>((r) => (release = r));
    const { read, calls } = reader();
    const cache = made(async (...a) => {
      if (!calls.length) {
        const out = read(...a);
        await held;
        return out;
      }
      return read(...a);
    });
    for (let at = 0; at < 90_000; at += 3000) cache.get(at, at + 1000, 1);
    release();
    await filled(cache, 87_000, 88_000, 1);
    expect(calls.length).toBeLessThanOrEqual(3);
  });
  it("reads the end of a live session again when it has grown", async () => {
    const cache = made(reader().read);
    cache.end = 7000;
    expect((await filled(cache, 6900, 7100, 1)).stretch.low[0]![150]).toBeNaN();
    cache.end = 8000;
    expect((await filled(cache, 6900, 7100, 1)).stretch.low[0]![150]).toBe(7050);
  });
  it("keeps to its share of memory", async () => {
    const { read, calls } = reader();
    const cache = made(read, 10 * 8192);
    for (let at = 0; at < 60_000; at += 1024) await filled(cache, at, at + 10, 1);
    const before = calls.length;
    await filled(cache, 0, 10, 1);
    expect(calls.length).toBe(before + 1);
  });
  it("says when it cannot read, and reads again when asked", async () => {
    let broken = true;
    const { read } = reader();
    const cache = made(async (...a) => {
      if (broken) throw new Error("away");
      return read(...a);
    });
    cache.get(0, 10, 1);
    await vi.waitFor(() => expect(cache.failed).toBeInstanceOf(Error));
    broken = false;
    await filled(cache, 0, 10, 1);
    expect(cache.failed).toBeUndefined();
  });
});
