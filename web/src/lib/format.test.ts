import { describe, expect, it } from "vitest";
import { ago, bytes, count, date, lasted, offset, percent, span, value } from "./format";

describe("what people read", () => {
  it("takes times in each of the forms of the API", () => {
    const ms = Date.UTC(2026, 0, 2, 3, 4, 5);
    for (const t of ["2026-01-02T03:04:05Z", ms / 1000, ms, new Date(ms)]) expect(date(t)?.getTime()).toBe(ms);
    for (const t of [null, undefined, "", "no time"]) expect(date(t)).toBeUndefined();
  });
  it("says how long", () => {
    expect([0, 3.25, 80, 999, 4200, 59_940, 59_960, 725_000, 27_000_000, 90_000_000, -5].map(span)).toEqual(
      ["0 ms", "3.3 ms", "80 ms", "999 ms", "4.2 s", "59.9 s", "1 min", "12 min 5 s", "7 h 30 min", "1 d 1 h", "0 s"]);
    expect(span(null)).toBe("–");
  });
  it("says of whole seconds no more than they tell", () => {
    expect([lasted(1_790_000_000, 1_790_000_000), lasted(1_790_000_000, 1_790_000_004), lasted("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.080Z"), lasted("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"), lasted(1, null)]).toEqual(["under 1 s", "4 s", "80 ms", "under 1 s", "–"]);
  });
  it("says where in a recording", () => {
    expect([0, 59_999, 3_723_400, -1500].map((t) => offset(t, 1))).toEqual(["0:00.0", "1:00.0", "1:02:03.4", "−0:01.5"]);
    expect(offset(43_200_000)).toBe("12:00:00");
  });
  it("says how much", () => {
    expect([0, 999, 1000, 1_234_567, 999_999, 5e12].map(bytes)).toEqual(["0 B", "999 B", "1.0 kB", "1.2 MB", "1.0 MB", "5.0 TB"]);
    expect(count("9007199254740993").replace(/\D/g, "")).toBe("9007199254740993");
    expect(percent(0.876)).toBe("88 %");
    expect([0, 0.123, 12.34, 123.4, 1e6, 0.001, null].map(value)).toEqual(["0.00", "0.12", "12.3", "123", "1.0e+6", "1.0e-3", "–"]);
  });
  it("says how long ago", () => {
    const now = Date.UTC(2026, 0, 1);
    expect(ago(now - 2000, now)).toBe("now");
    expect(ago(now - 3 * 3600_000, now)).toMatch(/3/);
  });
});
