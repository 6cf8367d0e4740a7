import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { decoded, row, Timed, type Decoded, type Row } from "../lib/windows";
import type { Palette } from "./traces";
import { Viewer } from "./viewer";

/** A canvas that counts what is drawn on it. */
class Canvas {
  width = 300;
  height = 150;
  calls = 0;
  points = 0;
  texts = 0;
  readonly ownerDocument = { createElement: () => (made = new Canvas()) };
  getContext(): unknown {
    const call = (): void => void this.calls++;
    const point = (): void => void this.points++;
    const text = (): void => void this.texts++;
    return {
      measureText: () => ({ width: 10 }), fillText: text, moveTo: point, lineTo: point,
      fillRect: call, beginPath: call, stroke: call, fill: call, rect: call, arc: call, clip: call, save: call, restore: call, drawImage: call,
    };
  }
  counted(): { calls: number; points: number; texts: number } {
    const { calls, points, texts } = this;
    this.calls = this.points = this.texts = 0;
    return { calls, points, texts };
  }
}
let made: Canvas; // the layer

let now = 0;
let frame: ((now: number) => void) | undefined;
const tick = (ms: number): void => {
  now += ms;
  const run = frame;
  frame = undefined;
  run?.(now);
};

beforeEach(() => {
  now = 0;
  frame = undefined;
  vi.stubGlobal("requestAnimationFrame", (f: (now: number) => void) => ((frame = f), 1));
  vi.stubGlobal("cancelAnimationFrame", () => (frame = undefined));
});
afterEach(() => vi.unstubAllGlobals());

const [rate, width] = [250, 64];
const palette = {} as Palette;
function live(channels = width): { viewer: Viewer; screen: Canvas; layer: Canvas; told: number[]; send: (n: number) => void } {
  const screen = new Canvas();
  const told: number[] = [];
  const viewer = new Viewer({
    canvas: screen as unknown as HTMLCanvasElement, channels: Array.from({ length: channels }, (_, i) => `E${i}`), rate, palette, read: () => new Promise(() => {}), clock: () => "", onGain: () => {}, onError: () => {},
    onMove: (left) => told.push(left),
  });
  viewer.resize(1364, 700, 1);
  viewer.set({ gain: 100, filter: { highpass: 0.5 } });
  viewer.start();
  viewer.follow();
  let first = 0;
  return { viewer, screen, layer: made, told, send: (n) => (viewer.push(first, new Float32Array(n * channels).fill(1)), (first += n)) };
}

describe("a recording", () => {
  it("is read as far as it is in sight, and not before its size is known", async () => {
    const asked: [number, number, number][] = [];
    const viewer = new Viewer({
      canvas: new Canvas() as unknown as HTMLCanvasElement, channels: ["C3"], rate, palette, clock: () => "", onGain: () => {}, onError: () => {}, onMove: () => {},
      read: async (from, to, block) => {
        asked.push([from, to, block]);
        const n = Math.ceil((to - from) / block);
        return { first: from, block, min: [new Float32Array(n)], max: [new Float32Array(n)] };
      },
    });
    const drawn = async (): Promise<number> => {
      const before = asked.length;
      for (let i = 0; i < 20; i++, await Promise.resolve()) tick(16);
      return asked.slice(before).reduce((sum, [from, to]) => sum + to - from, 0) / rate;
    };
    viewer.end = 12 * 3600 * rate;
    viewer.set({ page: 300_000, gain: 100 });
    viewer.start();
    viewer.go(3_600_000);
    expect(await drawn()).toBe(0);
    viewer.resize(1064, 500, 1);
    expect(await drawn()).toBeLessThan(300 * 1.4);
    for (const [page, most] of [[10_000, 20], [300_000, 420], [3_600_000, 5400]] as const) {
      viewer.set({ page });
      await drawn();
      for (let hour = 2; hour < 11; hour++) {
        viewer.go(hour * 3_600_000 + 123_456 + page * hour);
        expect(await drawn()).toBeLessThan(most);
      }
    }
    viewer.set({ page: 10_000 });
    viewer.go(5_000_000);
    await drawn();
    viewer.go(5_005_000); // half a page: whoever leafs is read the next page meanwhile
    expect(await drawn()).toBeGreaterThan(5);
  });
});

describe("a live view", () => {
  it("draws of each frame what is new, and of one in which nothing has moved nothing", () => {
    const { screen, layer, send } = live();
    for (let i = 0; i < 120; i++) {
      if (i % 6 === 0) send(25);
      tick(1000 / 60);
    }
    screen.counted();
    layer.counted();
    let most = 0;
    let names = 0;
    for (let i = 0; i < 120; i++) {
      if (i % 6 === 0) send(25);
      tick(1000 / 60);
      most = Math.max(most, layer.counted().points);
      names = Math.max(names, screen.counted().texts);
    }
    expect(most).toBeLessThan(width * 45); // of a page of 2500 samples the 25 that have come, and the columns that they join
    expect(names).toBeLessThan(width / 2); // the time line, and not each channel's name with each frame
    screen.counted();
    tick(0.5); // less than a pixel
    expect([screen.counted().calls, layer.counted().calls]).toEqual([0, 0]);
  });

  it("draws every sample, also where many come at once beyond the right edge", () => {
    const { viewer, layer, send } = live();
    send(25);
    for (let i = 0; i < 30; i++) tick(1000 / 60);
    viewer.seen.record = true;
    layer.counted();
    send(300); // 1.2 s: the edge is 0.25 s away
    let points = 0;
    for (let i = 0; i < 240; i++) {
      tick(1000 / 60);
      points += layer.counted().points;
    }
    expect(points).toBeGreaterThanOrEqual(300 * width);
    expect(viewer.seen.painted.at(-1)!.sample).toBe(325);
    expect(viewer.seen.painted[0]!.sample).toBeLessThan(325);
  });

  it("tells where it is five times a second, and at once where it stops", () => {
    const { viewer, told, send } = live();
    for (let i = 0; i < 600; i++) {
      if (i % 6 === 0) send(25);
      tick(1000 / 60);
    }
    expect(told.length).toBeGreaterThan(30);
    expect(told.length).toBeLessThan(60);
    viewer.go(1234);
    tick(1);
    expect(told.at(-1)).toBe(1234);
  });

  it("holds no more after an hour than after minutes", async () => {
    const { viewer, send } = live(16);
    const windows = new Timed<Row>(200);
    const decodes = new Timed<Decoded>(200);
    const names = Array.from({ length: width }, (_, i) => `E${i}`);
    // What is really held, in bytes, when all that may go has gone.
    const load = (name: string): Promise<Record<string, (of: string) => () => void>> => import(/* @vite-ignore */ name);
    (await load("node:v8")).setFlagsFromString!("--expose-gc");
    const gc = (await load("node:vm")).runInNewContext!("gc");
    const { memoryUsage } = (globalThis as unknown as { process: { memoryUsage: () => { heapUsed: number; arrayBuffers: number } } }).process;
    const { setImmediate } = (await load("node:timers/promises")) as unknown as { setImmediate: () => Promise<void> };
    const held = async (): Promise<number> => {
      let least = Infinity;
      for (let i = 0; i < 10; i++) { // what waits for a turn of the loop is held until it has had one
        gc();
        await setImmediate();
        const m = memoryUsage();
        least = Math.min(least, m.heapUsed + m.arrayBuffers);
      }
      return least;
    };
    const minute = (m: number): void => {
      for (let s = 0; s < 60; s++) {
        send(rate);
        for (let f = 0; f < 2; f++) tick(500);
        const at = (m * 60 + s) * 1000;
        windows.add([row({ id: `w${at}`, window_start_ms: at, window_end_ms: at + 2000, features: { bandpower: {}, ratios: {} }, artifacts: {}, quality: { overall: 1, per_channel: {} }, gate: { passed: true } } as never, names)]);
        decodes.add([decoded({ id: `d${at}`, window_start_ms: at, window_end_ms: at + 2000, decoded_intent: "left", confidence: 1 } as never)]);
      }
    };
    for (let m = 0; m < 4; m++) minute(m);
    const before = await held();
    for (let m = 4; m < 60; m++) minute(m);
    expect((await held()) - before).toBeLessThan(500e3); // an hour of samples has 58 MB, of windows 2.5 MB
    expect([windows.list.length, decodes.list.length, viewer.newest]).toEqual([200, 200, 3_600_000]);
  });
});
