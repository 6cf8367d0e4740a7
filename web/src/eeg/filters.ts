// Filters of the view. They change what is drawn and nothing that is stored. Second-order sections by the bilinear transform
// (R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients"), run forwards, as a live view must.

/** What is taken out of the picture. 0 or undefined is nothing. */
export interface ViewFilter {
  /** Hz below which all is damped. */
  highpass?: number | undefined;
  /** Hz above which all is damped. */
  lowpass?: number | undefined;
  /** The mains: 50 or 60 Hz, with its first harmonic. */
  notch?: number | undefined;
}

/** Coefficients of a section, a0 = 1. */
export interface Section {
  b0: number;
  b1: number;
  b2: number;
  a1: number;
  a2: number;
}

function section(kind: "highpass" | "lowpass" | "notch", hz: number, rate: number, q: number): Section {
  const w = (2 * Math.PI * hz) / rate;
  const cos = Math.cos(w);
  const alpha = Math.sin(w) / (2 * q);
  const a0 = 1 + alpha;
  const b = kind === "highpass" ? [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2]
    : kind === "lowpass" ? [(1 - cos) / 2, 1 - cos, (1 - cos) / 2]
    : [1, -2 * cos, 1];
  return { b0: b[0]! / a0, b1: b[1]! / a0, b2: b[2]! / a0, a1: (-2 * cos) / a0, a2: (1 - alpha) / a0 };
}

/** The sections of a filter at a rate; what lies above the Nyquist frequency is left out. Butterworth (Q = 1/√2), the notch 2 Hz wide. */
export function design(f: ViewFilter, rate: number): Section[] {
  const out: Section[] = [];
  const below = (hz: number | undefined): hz is number => hz !== undefined && hz > 0 && hz < rate / 2;
  if (below(f.highpass)) out.push(section("highpass", f.highpass, rate, Math.SQRT1_2));
  if (below(f.lowpass)) out.push(section("lowpass", f.lowpass, rate, Math.SQRT1_2));
  for (const harmonic of [1, 2]) {
    const hz = f.notch && f.notch * harmonic;
    if (below(hz)) out.push(section("notch", hz, rate, hz / 2));
  }
  return out;
}

/** Gain of the sections at a frequency. */
export function gainAt(sections: readonly Section[], hz: number, rate: number): number {
  const w = (2 * Math.PI * hz) / rate;
  let gain = 1;
  for (const s of sections) {
    const part = (c0: number, c1: number, c2: number): number =>
      Math.hypot(c0 + c1 * Math.cos(w) + c2 * Math.cos(2 * w), c1 * Math.sin(w) + c2 * Math.sin(2 * w));
    gain *= part(s.b0, s.b1, s.b2) / part(1, s.a1, s.a2);
  }
  return gain;
}

/** A filter of one channel. A gap (NaN) stays one, and behind it the filter begins anew, settled on the first sample: no jump is drawn that is none. */
export class Filter {
  readonly #sections: readonly Section[];
  readonly #state: Float64Array;
  #fresh = true;

  constructor(sections: readonly Section[]) {
    this.#sections = sections;
    this.#state = new Float64Array(2 * sections.length);
  }

  reset(): void {
    this.#fresh = true;
  }

  next(x: number): number {
    if (Number.isNaN(x)) {
      this.#fresh = true;
      return x;
    }
    const st = this.#state;
    const settle = this.#fresh;
    this.#fresh = false;
    for (let i = 0; i < this.#sections.length; i++) {
      const { b0, b1, b2, a1, a2 } = this.#sections[i]!;
      if (settle) { // the state in which x for ever gives the same for ever (direct form II transposed)
        const y = (x * (b0 + b1 + b2)) / (1 + a1 + a2);
        st[2 * i] = y - b0 * x;
        st[2 * i + 1] = b2 * x - a2 * y;
      }
      const y = b0 * x + st[2 * i]!;
      st[2 * i] = b1 * x - a1 * y + st[2 * i + 1]!;
      st[2 * i + 1] = b2 * x - a2 * y;
      x = y;
    }
    return x;
  }

  /** Filters samples in place. */
  run(samples: Float32Array): Float32Array {
    if (this.#sections.length) for (let i = 0; i < samples.length; i++) samples[i] = this.next(samples[i]!);
    return samples;
  }
}

/** Seconds after which a filter that begins has settled, so that whoever draws a stretch reads that much before it. */
export const settling = (f: ViewFilter): number => (f.highpass ? Math.min(10, 1 / f.highpass) : 0) + (f.notch ? 0.5 : 0);
