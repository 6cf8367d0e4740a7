// A map of a value over the head: thin plate splines through the electrodes (J. Duchon, 1977), which is what is drawn between them and no
// more than that. The system of equations depends on the electrodes alone and is solved once for them.
import type { Point } from "./montage";

const kernel = (r2: number): number => (r2 < 1e-12 ? 0 : 0.5 * r2 * Math.log(r2));

/** Inverse of a matrix by Gauss and Jordan with pivots; undefined where it has none. */
export function invert(a: number[][]): number[][] | undefined {
  const n = a.length;
  const m = a.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))]);
  for (let c = 0; c < n; c++) {
    let best = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(m[r]![c]!) > Math.abs(m[best]![c]!)) best = r;
    const pivot = m[best]![c]!;
    if (Math.abs(pivot) < 1e-10) return undefined;
    [m[c], m[best]] = [m[best]!, m[c]!];
    for (let j = 0; j < 2 * n; j++) m[c]![j]! /= pivot;
    for (let r = 0; r < n; r++) {
      const f = r === c ? 0 : m[r]![c]!;
      if (f) for (let j = c; j < 2 * n; j++) m[r]![j]! -= f * m[c]![j]!;
    }
  }
  return m.map((row) => row.slice(n));
}

/** Maps values of electrodes onto a grid of a head. */
export class Topomap {
  /** Weight of each electrode at each pixel that lies on the head: pixels × electrodes. */
  readonly #weights: Float32Array;
  readonly #inside: Int32Array;

  private constructor(readonly size: number, readonly electrodes: number, inside: Int32Array, weights: Float32Array) {
    this.#inside = inside;
    this.#weights = weights;
  }

  /** Undefined for fewer than three electrodes, or where all lie on a line. */
  static of(points: readonly Point[], size = 56): Topomap | undefined {
    const n = points.length;
    if (n < 3) return undefined;
    const system = Array.from({ length: n + 3 }, () => new Array<number>(n + 3).fill(0));
    points.forEach((p, i) => {
      points.forEach((q, j) => (system[i]![j] = kernel((p.x - q.x) ** 2 + (p.y - q.y) ** 2) + (i === j ? 1e-3 : 0)));
      [1, p.x, p.y].forEach((v, k) => (system[i]![n + k] = system[n + k]![i] = v));
    });
    const inverse = invert(system);
    if (!inverse) return undefined;
    const inside: number[] = [];
    for (let i = 0; i < size * size; i++) {
      const [x, y] = at(i, size);
      if (x * x + y * y <= 1) inside.push(i);
    }
    const weights = new Float32Array(inside.length * n);
    const basis = new Float64Array(n + 3);
    inside.forEach((pixel, row) => {
      const [x, y] = at(pixel, size);
      points.forEach((p, j) => (basis[j] = kernel((x - p.x) ** 2 + (y - p.y) ** 2)));
      basis.set([1, x, y], n);
      for (let e = 0; e < n; e++) {
        let w = 0;
        for (let j = 0; j < n + 3; j++) w += basis[j]! * inverse[j]![e]!;
        weights[row * n + e] = w;
      }
    });
    return new Topomap(size, n, Int32Array.from(inside), weights);
  }

  /** The value at each pixel, row by row from the nose; NaN off the head. */
  map(values: ArrayLike<number>): Float32Array {
    const out = new Float32Array(this.size * this.size).fill(NaN);
    const n = this.electrodes;
    for (let row = 0; row < this.#inside.length; row++) {
      let v = 0;
      for (let e = 0; e < n; e++) v += this.#weights[row * n + e]! * values[e]!;
      out[this.#inside[row]!] = v;
    }
    return out;
  }
}

/** The place of a pixel on the head. */
function at(pixel: number, size: number): [number, number] {
  return [(2 * ((pixel % size) + 0.5)) / size - 1, 1 - (2 * (Math.floor(pixel / size) + 0.5)) / size];
}
