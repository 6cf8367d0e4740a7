// Power spectra of what is looked at: a radix-2 FFT, Welch's estimate (P. Welch, 1967) and the spectrogram.

/** Fast Fourier transform in place of a power of two of complex numbers. */
export class FFT {
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #reversed: Uint32Array;

  constructor(readonly n: number) {
    if (n < 2 || (n & (n - 1)) !== 0) throw new Error(`FFT of ${n}, which is no power of two`);
    this.#cos = Float64Array.from({ length: n / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / n));
    this.#sin = Float64Array.from({ length: n / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / n));
    this.#reversed = new Uint32Array(n);
    for (let i = 0, bits = Math.log2(n); i < n; i++) {
      let r = 0;
      for (let b = 0; b < bits; b++) if (i & (1 << b)) r |= 1 << (bits - 1 - b);
      this.#reversed[i] = r;
    }
  }

  run(re: Float64Array, im: Float64Array): void {
    const { n } = this;
    for (let i = 0; i < n; i++) {
      const j = this.#reversed[i]!;
      if (j > i) {
        [re[i], re[j]] = [re[j]!, re[i]!];
        [im[i], im[j]] = [im[j]!, im[i]!];
      }
    }
    for (let size = 2; size <= n; size *= 2) {
      const half = size / 2;
      const step = n / size;
      for (let start = 0; start < n; start += size) {
        for (let k = 0; k < half; k++) {
          const c = this.#cos[k * step]!;
          const s = this.#sin[k * step]!;
          const a = start + k;
          const b = a + half;
          const xr = re[b]! * c + im[b]! * s;
          const xi = im[b]! * c - re[b]! * s;
          re[b] = re[a]! - xr;
          im[b] = im[a]! - xi;
          re[a] = re[a]! + xr;
          im[a] = im[a]! + xi;
        }
      }
    }
  }
}

/** What a periodogram of n samples needs, made once. */
interface Plan {
  fft: FFT;
  window: Float64Array; // Hann
  energy: number;
  re: Float64Array;
  im: Float64Array;
}
const plans = new Map<number, Plan>();
function plan(n: number): Plan {
  let p = plans.get(n);
  if (!p) {
    const window = Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n));
    plans.set(n, (p = { fft: new FFT(n), window, energy: window.reduce((sum, w) => sum + w * w, 0), re: new Float64Array(n), im: new Float64Array(n) }));
  }
  return p;
}

/** A power spectrum: µV²/Hz at multiples of `step` Hz. */
export interface Spectrum {
  step: number;
  power: Float64Array;
}

/** One-sided power of a stretch under a Hann window, without its mean; added to `into`. */
function periodogram(x: Float32Array, at: number, n: number, rate: number, into: Float64Array): void {
  const { fft, window, energy, re, im } = plan(n);
  let mean = 0;
  for (let i = 0; i < n; i++) mean += x[at + i]!;
  mean /= n;
  for (let i = 0; i < n; i++) re[i] = (x[at + i]! - mean) * window[i]!;
  im.fill(0);
  fft.run(re, im);
  for (let k = 0; k <= n / 2; k++) into[k]! += ((k === 0 || k === n / 2 ? 1 : 2) * (re[k]! ** 2 + im[k]! ** 2)) / (energy * rate);
}

/** The power of two nearest to a number of samples, at least 16. */
export const segment = (samples: number): number => Math.max(16, 2 ** Math.round(Math.log2(samples)));

/** Welch's estimate over segments of about two seconds that overlap by half; segments with a gap are left out. Undefined where none is left. */
export function welch(x: Float32Array, rate: number, seconds = 2): Spectrum | undefined {
  const n = Math.min(segment(rate * seconds), 2 ** Math.floor(Math.log2(Math.max(1, x.length))));
  if (n < 16) return undefined;
  const power = new Float64Array(n / 2 + 1);
  let segments = 0;
  for (let at = 0; at + n <= x.length; at += n / 2) {
    if (hasGap(x, at, n)) continue;
    periodogram(x, at, n, rate, power);
    segments++;
  }
  if (!segments) return undefined;
  for (let k = 0; k < power.length; k++) power[k]! /= segments;
  return { step: rate / n, power };
}

function hasGap(x: Float32Array, at: number, n: number): boolean {
  for (let i = at; i < at + n; i++) if (Number.isNaN(x[i]!)) return true;
  return false;
}

/** Power between two frequencies in µV². */
export function between(s: Spectrum, low: number, high: number): number {
  let sum = 0;
  for (let k = Math.max(1, Math.ceil(low / s.step)); k * s.step < high && k < s.power.length; k++) sum += s.power[k]! * s.step;
  return sum;
}

/** Power by time and frequency: `columns` columns of `rows` values in dB, the lowest frequency first; NaN in gaps. */
export interface Spectrogram {
  columns: number;
  rows: number;
  /** Hz of one row. */
  step: number;
  db: Float32Array;
}

/** A spectrogram of segments of about a second, with as many columns as asked for. */
export function spectrogram(x: Float32Array, rate: number, columns: number, top = 45): Spectrogram {
  const n = Math.min(segment(rate), 2 ** Math.floor(Math.log2(Math.max(16, x.length))));
  const step = rate / n;
  const rows = Math.max(1, Math.min(n / 2, Math.floor(top / step)));
  const db = new Float32Array(columns * rows).fill(NaN);
  const power = new Float64Array(n / 2 + 1);
  for (let c = 0; c < columns && x.length >= n; c++) {
    const at = Math.round((c / Math.max(1, columns - 1)) * (x.length - n));
    if (hasGap(x, at, n)) continue;
    power.fill(0);
    periodogram(x, at, n, rate, power);
    for (let r = 0; r < rows; r++) db[c * rows + r] = 10 * Math.log10(power[r + 1]! + 1e-12);
  }
  return { columns, rows, step, db };
}

/** The bands as the service has them. */
export const bands = [
  { name: "delta", symbol: "δ", low: 1, high: 4 },
  { name: "theta", symbol: "θ", low: 4, high: 8 },
  { name: "alpha", symbol: "α", low: 8, high: 13 },
  { name: "beta", symbol: "β", low: 13, high: 30 },
  { name: "gamma", symbol: "γ", low: 30, high: 45 },
] as const;
