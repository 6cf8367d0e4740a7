// Colour maps: even steps to the eye, in grey and for colour-blind readers as well. Anchors of viridis (S. van der Walt, N. Smith, 2015)
// and of a diverging one from blue over grey to orange.

type RGB = readonly [number, number, number];

const anchors: Record<"power" | "quality", readonly RGB[]> = {
  power: [[68, 1, 84], [70, 50, 126], [54, 92, 141], [39, 127, 142], [31, 161, 135], [74, 193, 109], [160, 218, 57], [253, 231, 37]],
  // From bad to good: orange over grey to teal.
  quality: [[176, 58, 20], [222, 122, 52], [233, 189, 128], [196, 206, 200], [118, 187, 178], [36, 140, 134], [10, 104, 101]],
};

function table(stops: readonly RGB[]): Uint8Array {
  const out = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const x = (i / 255) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(x));
    for (let c = 0; c < 3; c++) out[3 * i + c] = Math.round(stops[k]![c]! + (x - k) * (stops[k + 1]![c]! - stops[k]![c]!));
  }
  return out;
}

export const maps = { power: table(anchors.power), quality: table(anchors.quality) };
export type MapName = keyof typeof maps;

/** Paints values between low and high into RGBA pixels; NaN stays clear. */
export function paint(values: ArrayLike<number>, low: number, high: number, map: MapName, into: Uint8ClampedArray): void {
  const t = maps[map];
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (Number.isNaN(v)) {
      into[4 * i + 3] = 0;
      continue;
    }
    const k = 3 * Math.max(0, Math.min(255, Math.round((v - low) * scale)));
    into[4 * i] = t[k]!;
    into[4 * i + 1] = t[k + 1]!;
    into[4 * i + 2] = t[k + 2]!;
    into[4 * i + 3] = 255;
  }
}

/** The CSS colour of one value. */
export function colour(v: number, low: number, high: number, map: MapName): string {
  const pixel = new Uint8ClampedArray(4);
  paint([v], low, high, map, pixel);
  return `rgb(${pixel[0]} ${pixel[1]} ${pixel[2]} / ${pixel[3]! / 255})`;
}

/** The values below which a share of them lies, for scales that a single artifact does not spoil. */
export function quantiles(values: ArrayLike<number>, low: number, high: number): [number, number] {
  const sorted = Float64Array.from(Array.from(values).filter((v) => Number.isFinite(v))).sort();
  if (!sorted.length) return [0, 1];
  const q = (p: number): number => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]!;
  return [q(low), q(high)];
}
