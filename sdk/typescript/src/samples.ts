import { littleEndian, type Bytes } from "./bytes.js";
import { NeurodError } from "./errors.js";

/** Numbers of one channel. */
export type Channel = ArrayLike<number>;

/**
 * Samples of several channels:
 *
 * - a typed array, all channels of one instant side by side (sample-major);
 * - a list with the numbers of each channel (channels × samples);
 * - the numbers of each channel by its name.
 */
export type Samples = Float32Array | Float64Array | readonly Channel[] | Readonly<Record<string, Channel>>;

export function isFlat(s: unknown): s is Float32Array | Float64Array | Int16Array {
  return s instanceof Float32Array || s instanceof Float64Array || s instanceof Int16Array;
}

/**
 * Puts the numbers of each channel side by side, as the API takes bare samples.
 *
 * @param channels channels × samples
 * @returns samples × channels, sample-major
 */
export function interleave(channels: readonly Channel[]): Float32Array<ArrayBuffer> {
  const n = channels[0]?.length ?? 0;
  channels.forEach((c, i) => {
    if (c.length !== n) throw new NeurodError(`channel ${i} has ${c.length} samples and the first has ${n}: all need equally many`);
  });
  const width = channels.length;
  const out = new Float32Array(n * width);
  channels.forEach((c, i) => {
    for (let s = 0, at = i; s < n; s++, at += width) out[at] = c[s]!;
  });
  return out;
}

/** Which encoding bare numbers have. */
export function encodingOf(numbers: Float32Array | Float64Array | Int16Array): "float32le" | "float64le" | "int16le" {
  return numbers instanceof Float32Array ? "float32le" : numbers instanceof Float64Array ? "float64le" : "int16le";
}

/** The format of a file that decode takes, by its first bytes; undefined for others. */
export function sniff(file: Uint8Array): "edf" | "bdf" | "gdf" | undefined {
  const head = String.fromCharCode(...file.subarray(0, 8));
  return head === "0       " ? "edf" : head === "\xffBIOSEMI" ? "bdf" : head.startsWith("GDF ") ? "gdf" : undefined;
}

export { littleEndian, type Bytes };
