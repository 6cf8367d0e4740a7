import { describe, expect, it } from "vitest";
import { SmoothClock } from "./clock";

describe("the time line of a live view", () => {
  it("moves evenly although samples come in steps, and stays with them", () => {
    const clock = new SmoothClock();
    let last = clock.tick(0, 0);
    for (let now = 16; now < 60_000; now += 16) {
      const newest = Math.floor(now / 250) * 250 * 1.0001; // four batches a second, of a device that is 100 ppm fast
      const at = clock.tick(now, newest);
      expect(at - last).toBeGreaterThanOrEqual(0);
      if (now > 2000) expect(at - last).toBeLessThan(30);
      if (now > 5000) expect(Math.abs(at - newest)).toBeLessThan(300);
      last = at;
    }
  });
  it("stops where nothing comes, and goes on where it goes on", () => {
    const clock = new SmoothClock();
    for (let now = 0; now < 5000; now += 16) clock.tick(now, now);
    let at = 0;
    for (let now = 5000; now < 9000; now += 16) at = clock.tick(now, 5000);
    expect(at).toBeLessThanOrEqual(5400);
    expect(clock.tick(9016, 60_000)).toBe(60_000);
  });
});
