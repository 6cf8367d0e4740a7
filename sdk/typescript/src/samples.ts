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

/** The error of what can be no file, recording or model: of a path above all, which is not its file. */
export function refused(what: "file" | "recording" | "model", value: unknown): NeurodError {
  const kind = typeof value === "string" ? "a string" : value && typeof value === "object" ? `a ${value.constructor?.name ?? "object"}` : String(value);
  const opened = "await fs.openAsBlob(path)";
  const remedy = typeof value === "string" ? `for the file at a path pass ${what === "file" ? opened : `await (${opened}).arrayBuffer()`}`
    : value instanceof Promise ? "await it first"
    : value instanceof Blob ? "pass await blob.arrayBuffer()"
    : what === "recording" ? "pass a Float32Array, Float64Array or Int16Array, the numbers of each channel, or the bytes of a file" : "pass its bytes or a Blob";
  return new NeurodError(`${kind} is no ${what}: ${remedy}`);
}

const isList = (c: unknown): boolean => Array.isArray(c) || (ArrayBuffer.isView(c) && !(c instanceof DataView));

/** Samples of which every channel is a list; whatever else is refused. */
export function checked(samples: Samples): Samples {
  if (isFlat(samples)) return samples;
  if (typeof samples !== "object" || samples === null || ArrayBuffer.isView(samples) || !/^(Object|Array)$/.test(samples.constructor?.name ?? "Object")) {
    throw refused("recording", samples);
  }
  for (const [name, c] of Object.entries(samples)) {
    if (!isList(c)) throw new NeurodError(`channel ${name} is ${c === null || typeof c !== "object" ? typeof c + " " + String(c) : "an object"}: a list of its numbers is meant`);
  }
  return samples;
}

/** Holds lists to the channels that are meant, a number or names; without any, to what the API takes. */
export function held(lists: readonly Channel[], channels: readonly string[] | number | undefined, whose = "the session has"): void {
  const names = Array.isArray(channels) ? (channels as readonly string[]) : undefined;
  const width = names?.length ?? (channels as number | undefined);
  if (width === undefined ? lists.length <= 512 : lists.length === width) return;
  const length = lists[0]?.length ?? 0;
  const transposed = width === undefined ? length < lists.length : lists.every((l) => l.length === width);
  throw new NeurodError(`${lists.length} channels came and ${width === undefined ? "at most 512 are taken" : `${whose} ${width}`}${names ? ": " + names.join(", ") : ""}` +
    (transposed ? " (looks transposed: one list for each channel is meant, not one for each instant)" : ""));
}

/** Holds numbers that lie side by side to a whole number of samples. */
export function whole(numbers: { length: number }, channels: readonly string[] | number | undefined): void {
  const width = typeof channels === "number" ? channels : (channels?.length ?? 1);
  if (numbers.length % width) throw new NeurodError(`${numbers.length} numbers are not samples of ${width} channels: they are no multiple`);
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
    for (let s = 0, at = i; s < n; s++, at += width) {
      const v = c[s]!;
      out[at] = v;
      if (typeof v !== "number" || (!Number.isFinite(out[at]) && Number.isFinite(v))) throw new NeurodError(`channel ${i}, sample ${s}: ${String(v)} is no number that a float32 can hold`);
    }
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
