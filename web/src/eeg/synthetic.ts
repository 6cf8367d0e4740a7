// EEG that nobody had, for trying the service out without a recording: seeded, so that it is the same for everybody, and named as synthetic
// wherever it is shown.

/** A generator of numbers from 0 up to 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Normal numbers (G. Box, M. Muller, 1958). */
export function normal(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A headset that is played: background with the slope of EEG, an alpha rhythm that comes and goes at the back, blinks at the front, the mains. */
export class Headset {
  readonly #normal: () => number;
  readonly #random: () => number;
  readonly #slow: Float64Array;
  readonly #slower: Float64Array;
  #at = 0;
  #blink = -1;
  #next: number;

  constructor(readonly channels: readonly { name: string; alpha: number; blink: number; flicker?: number }[], readonly rate: number, seed: number, readonly flickerHz = 0) {
    this.#random = seeded(seed);
    this.#normal = normal(this.#random);
    this.#slow = new Float64Array(channels.length);
    this.#slower = new Float64Array(channels.length);
    this.#next = 2 * rate;
  }

  /** The next samples in µV, all channels of one instant side by side. */
  next(samples: number): Float32Array {
    const out = new Float32Array(samples * this.channels.length);
    for (let i = 0; i < samples; i++, this.#at++) {
      const t = this.#at / this.rate;
      if (this.#at >= this.#next) {
        this.#blink = this.#at;
        this.#next = this.#at + (2.5 + 4 * this.#random()) * this.rate;
      }
      const since = (this.#at - this.#blink) / this.rate;
      const blink = this.#blink >= 0 && since < 0.4 ? 110 * Math.sin((Math.PI * since) / 0.4) ** 2 : 0;
      const alpha = (6 + 5 * Math.sin(2 * Math.PI * 0.11 * t)) * Math.sin(2 * Math.PI * 10.2 * t + 0.6 * Math.sin(2 * Math.PI * 0.3 * t));
      const flicker = this.flickerHz ? 5 * Math.sin(2 * Math.PI * this.flickerHz * t) + 2 * Math.sin(4 * Math.PI * this.flickerHz * t) : 0;
      const mains = 0.8 * Math.sin(2 * Math.PI * 50 * t);
      this.channels.forEach((c, k) => {
        this.#slow[k] = 0.97 * this.#slow[k]! + this.#normal();
        this.#slower[k] = 0.998 * this.#slower[k]! + 0.25 * this.#normal();
        out[i * this.channels.length + k] = 1.5 * this.#slow[k]! + 1.2 * this.#slower[k]! + 1.6 * this.#normal() + c.alpha * alpha + c.blink * blink + (c.flicker ?? 0) * flicker + mains;
      });
    }
    return out;
  }
}

/** The played headset of the console: eight electrodes of the 10-20 system. */
export const played = [
  { name: "Fp1", alpha: 0.15, blink: 1 }, { name: "Fp2", alpha: 0.15, blink: 0.95 }, { name: "C3", alpha: 0.5, blink: 0.15 }, { name: "C4", alpha: 0.5, blink: 0.15 },
  { name: "P7", alpha: 0.9, blink: 0.05 }, { name: "P8", alpha: 0.9, blink: 0.05 }, { name: "O1", alpha: 1.4, blink: 0.03, flicker: 1 }, { name: "O2", alpha: 1.35, blink: 0.03, flicker: 1 },
];

/** A made-up recording that the service decodes. */
export interface Example {
  id: string;
  title: string;
  about: string;
  channels: string[];
  rate: number;
  samples: Float32Array;
  parameters: Record<string, unknown>;
}

const visual = ["PO3", "POz", "PO4", "O1", "Oz", "O2"].map((name) => ({ name, alpha: 0.5, blink: 0.03, flicker: 1 }));

/** The examples of the try-out page. */
export function examples(): Example[] {
  const look = (id: string, hz: number, what: string, seed: number): Example => ({
    id, title: `Looking at the ${what}`, about: `Synthetic: ${hz} Hz flicker over the visual cortex, 4 s`, channels: visual.map((c) => c.name), rate: 250,
    samples: new Headset(visual, 250, seed, hz).next(1000),
    parameters: { paradigm: "ssvep", stimulus: { targets: [{ label: "door", frequency: 13 }, { label: "lamp", frequency: 17 }, { label: "blinds", frequency: 21 }] }, context: { ui_mode: "smart_home" } },
  });
  return [look("door", 13, "door", 7), look("lamp", 17, "lamp", 11), imagery()];
}

/** Imagined movement of the left hand: the mu rhythm falls over the right motor cortex (G. Pfurtscheller, 1999). */
function imagery(): Example {
  const channels = ["FC3", "FCz", "FC4", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "CP3", "CPz", "CP4", "Pz"].map((name) => ({
    name, blink: 0.05, alpha: /[246]$/.test(name) ? 0.12 : /[135]$/.test(name) ? 1.2 : 0.5,
  }));
  return {
    id: "left", title: "Imagining the left hand", about: "Synthetic: the mu rhythm falls over the right hemisphere, 4 s", channels: channels.map((c) => c.name), rate: 250,
    samples: new Headset(channels, 250, 3).next(1000), parameters: { paradigm: "motor_imagery", context: { ui_mode: "wheelchair_nav" } },
  };
}
