// What people read: times in their zone, numbers, sizes, durations. Times come as RFC 3339, as Unix seconds of jobs, or in ms.

export type Time = string | number | Date | null | undefined;

/** A Date; Unix seconds and milliseconds are told apart by their size, as 10^11 s is the year 5138. */
export function date(t: Time): Date | undefined {
  if (t === null || t === undefined || t === "") return undefined;
  const d = t instanceof Date ? t : typeof t === "number" ? new Date(t < 1e11 ? t * 1000 : t) : new Date(t);
  return Number.isNaN(d.getTime()) ? undefined : d;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function formatter(o: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify(o);
  let f = formats.get(key);
  if (!f) formats.set(key, (f = new Intl.DateTimeFormat(undefined, o)));
  return f;
}

/** Date and time in the reader's zone. */
export function when(t: Time): string {
  const d = date(t);
  return d ? formatter({ year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }).format(d) : "–";
}

/** The same with seconds and the zone, for titles. */
export function whenExactly(t: Time): string {
  const d = date(t);
  return d ? formatter({ dateStyle: "full", timeStyle: "long" }).format(d) : "";
}

/** The time of day, to the second or, with digits, to a part of it. */
export function clock(ms: number, digits: 0 | 1 | 2 | 3 = 0): string {
  return formatter({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", ...(digits ? { fractionalSecondDigits: digits } : {}) }).format(new Date(ms));
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
/** How long ago, or in how long. */
export function ago(t: Time, now = Date.now()): string {
  const d = date(t);
  if (!d) return "–";
  const s = (d.getTime() - now) / 1000;
  for (const [unit, size] of [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3600], ["minute", 60]] as const) {
    if (Math.abs(s) >= size) return relative.format(Math.trunc(s / size), unit);
  }
  return Math.abs(s) < 5 ? "now" : relative.format(Math.trunc(s), "second");
}

/** How long from one time to another. Of times in whole seconds no more is known than that it was less than one. */
export function lasted(from: Time, to: Time): string {
  const [a, b] = [date(from), date(to)];
  if (!a || !b) return "–";
  const ms = b.getTime() - a.getTime();
  const whole = (t: Time): boolean => (typeof t === "number" ? t < 1e11 : typeof t === "string" && !t.includes("."));
  if (!whole(from) || !whole(to)) return span(ms);
  return ms === 0 ? "under 1 s" : span(ms).replace(".0 ", " ");
}

/** How long: 80 ms, 4.2 s, 12 min 5 s, 7 h 30 min. */
export function span(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  if (ms < 0) return "0 s";
  if (ms < 1000) return `${ms < 10 && ms > 0 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 59.95) return `${s < 10 ? s.toFixed(1) : Math.round(s * 10) / 10} s`;
  const whole = Math.round(s);
  const [d, h, m, r] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  return r ? `${m} min ${r} s` : `${m} min`;
}

/** A place within a recording: 1:02:03.4 */
export function offset(ms: number, digits = 0): string {
  const sign = ms < 0 ? "−" : "";
  const unit = 10 ** digits;
  const total = Math.round((Math.abs(ms) / 1000) * unit);
  const s = Math.floor(total / unit);
  const two = (n: number): string => String(n).padStart(2, "0");
  const rest = digits ? "." + String(total % unit).padStart(digits, "0") : "";
  return `${sign}${s >= 3600 ? Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)}:${two(s % 60)}${rest}`;
}

/** A size: 512 B, 1.2 MB (1000s, as disks are sold). */
export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined) return "–";
  let unit = 0;
  while (n >= 999.5 && unit < 5) {
    n /= 1000;
    unit++;
  }
  return `${unit && n < 99.5 ? n.toFixed(1) : Math.round(n)} ${["B", "kB", "MB", "GB", "TB", "PB"][unit]}`;
}

const whole = new Intl.NumberFormat();
/** A whole number with the reader's separators; also those beyond 2^53, where they come as text. */
export function count(n: number | bigint | string | null | undefined): string {
  if (n === null || n === undefined || n === "") return "–";
  if (typeof n === "string") return /^-?\d+$/.test(n) ? whole.format(BigInt(n)) : n;
  return whole.format(n);
}

/** A share as per cent. */
export function percent(x: number | null | undefined, digits = 0): string {
  return x === null || x === undefined || !Number.isFinite(x) ? "–" : `${(100 * x).toFixed(digits)} %`;
}

/** A measured value with about three digits. */
export function value(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  const a = Math.abs(x);
  if (a !== 0 && (a < 0.01 || a >= 1e5)) return x.toExponential(1);
  return x.toFixed(a < 1 ? 2 : a < 100 ? 1 : 0);
}

/** The first part of an identifier, for tables. */
export const short = (id: string | null | undefined): string => (id ?? "").replace(/^[a-z]+_/, "").slice(0, 8);

/** A word of the API as people write it: motor_imagery is "motor imagery", neuro_decode "neuro decode". */
export const words = (s: string | null | undefined): string => (s ?? "").replace(/[_-]+/g, " ");
