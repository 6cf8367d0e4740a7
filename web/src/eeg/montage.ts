// Where electrodes of the 10-10 system lie on a head that is drawn as a circle: seen from above, the nose up, the vertex at 0, 0 and
// the ring through Fpz, T7, Oz and T8 at 0.8, as an azimuthal equidistant projection of the sphere has it (R. Oostenveld, P. Praamstra,
// "The five percent electrode system", 2001). Between the ring and the midline electrodes are set evenly, which is how they are placed.

/** x to the right, y to the nose. */
export interface Point {
  x: number;
  y: number;
}

/** Rows from the nose backwards: prefix, place on the midline, the electrode on the ring and its angle from the nose in degrees. */
const rows: readonly { name: string; mid: number; side: string; angle: number }[] = [
  { name: "AF", mid: 0.6, side: "AF", angle: 36 },
  { name: "F", mid: 0.4, side: "F", angle: 54 },
  { name: "FC", mid: 0.2, side: "FT", angle: 72 },
  { name: "C", mid: 0, side: "T", angle: 90 },
  { name: "CP", mid: -0.2, side: "TP", angle: 108 },
  { name: "P", mid: -0.4, side: "P", angle: 126 },
  { name: "PO", mid: -0.6, side: "PO", angle: 144 },
];

const polar = (radius: number, degrees: number): Point => ({ x: -radius * Math.sin((degrees * Math.PI) / 180), y: radius * Math.cos((degrees * Math.PI) / 180) });

function build(): Map<string, Point> {
  const out = new Map<string, Point>();
  const set = (name: string, p: Point): void => void out.set(name.toUpperCase(), p);
  /** An electrode of the left and its mirror: odd numbers are left, the next even one is right. */
  const both = (prefix: string, odd: number, p: Point): void => {
    set(prefix + odd, p);
    set(prefix + (odd + 1), { x: -p.x, y: p.y });
  };
  for (const [name, y] of [["Nz", 1], ["Fpz", 0.8], ["Oz", -0.8], ["Iz", -1]] as const) set(name, { x: 0, y });
  both("Fp", 1, polar(0.8, 18));
  both("O", 1, polar(0.8, 162));
  for (const { name, mid, side, angle } of rows) {
    set(name + "z", { x: 0, y: mid });
    const end = polar(0.8, angle);
    both(side, 7, end);
    both(side, 9, polar(1, angle));
    for (const [odd, share] of [[1, 0.25], [3, 0.5], [5, 0.75]] as const) both(name, odd, { x: end.x * share, y: mid + (end.y - mid) * share ** 2 });
  }
  both("M", 1, polar(1, 104));
  both("A", 1, polar(1, 98));
  for (const [old, now] of [["T3", "T7"], ["T4", "T8"], ["T5", "P7"], ["T6", "P8"]] as const) set(old, out.get(now)!);
  return out;
}

const positions = build();

/** The name of an electrode without what amplifiers and files put around it: "EEG Fp1-Ref", "Fc5.", "FP1". */
export const electrode = (channel: string): string =>
  channel.trim().replace(/^(EEG|POL)[\s_:-]+/i, "").replace(/\.+$/, "").replace(/[-_ ]?(REF|LE|AVG|A1A2|M1M2)$/i, "").toUpperCase();

/** Where a channel lies; undefined where its name is none of the 10-10 system. */
export const position = (channel: string): Point | undefined => positions.get(electrode(channel));

/** How channels may be ordered on the screen. */
export const orders = ["recorded", "region", "hemisphere", "name"] as const;
export type Order = (typeof orders)[number];

/** Indices of channels in an order. Those without a known place come last, as they were recorded. */
export function ordered(channels: readonly string[], how: Order): number[] {
  const index = channels.map((_, i) => i);
  if (how === "recorded") return index;
  if (how === "name") return index.sort((a, b) => channels[a]!.localeCompare(channels[b]!, "en", { numeric: true }) || a - b);
  const at = channels.map(position);
  const side = (p: Point): number => (p.x < -0.01 ? 0 : p.x > 0.01 ? 2 : 1);
  return index.sort((a, b) => {
    const [p, q] = [at[a], at[b]];
    if (!p || !q) return p ? -1 : q ? 1 : a - b;
    if (how === "hemisphere" && side(p) !== side(q)) return side(p) - side(q);
    // From the nose backwards in rows, each from the left.
    return row(channels[a]!) - row(channels[b]!) || p.x - q.x || a - b;
  });
}

const prefixes = ["N", "FP", "AF", "F", "FT", "FC", "C", "T", "A", "M", "TP", "CP", "P", "PO", "O", "I"];
const level = [0, 1, 2, 3, 4, 4, 5, 5, 5, 5, 6, 6, 7, 8, 9, 10];
function row(channel: string): number {
  const prefix = electrode(channel).replace(/(Z|\d+)$/, "");
  const old = /^T[56]$/.test(electrode(channel)); // which lie in the row of P
  return old ? 7 : (level[prefixes.indexOf(prefix)] ?? 11);
}
