/** Bytes that this package makes and reads: never shared memory. */
export type Bytes = Uint8Array<ArrayBuffer>;

interface NodeBuffer {
  from(b: ArrayBufferLike, offset: number, length: number): { toString(encoding: string): string };
}

/** Base64 in the standard alphabet. */
export function base64(bytes: Uint8Array): string {
  const modern = (bytes as { toBase64?: () => string }).toBase64;
  if (modern) return modern.call(bytes);
  const buffer = (globalThis as { Buffer?: NodeBuffer }).Buffer;
  if (buffer) return buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  let out = "";
  // Three bytes make four characters, so pieces of a multiple of three can be joined.
  for (let at = 0; at < bytes.length; at += 0x6000) out += btoa(String.fromCharCode(...bytes.subarray(at, at + 0x6000)));
  return out;
}

export function unbase64(text: string): Bytes {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

export function concat(parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** The bytes of numbers in little-endian order, which is that of every machine that runs a browser. */
export function littleEndian(numbers: Float32Array | Float64Array | Int16Array): Bytes {
  const bytes = new Uint8Array(numbers.byteLength);
  bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 0) {
    const size = numbers.BYTES_PER_ELEMENT;
    for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  }
  return bytes;
}

/** The bytes as gzip has them, or undefined where the platform cannot. */
export async function gzip(bytes: Bytes): Promise<Bytes | undefined> {
  if (typeof CompressionStream === "undefined") return undefined;
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

/** Part of Web Crypto, which browsers have on pages of https and localhost alone. */
export function subtle(): SubtleCrypto {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new Error("Web Crypto is missing: browsers have it on https and localhost pages alone");
  return found;
}

/** A random UUID (version 4), on pages without https, too. */
export function uuid(): string {
  if (globalThis.crypto.randomUUID) return globalThis.crypto.randomUUID();
  const b = globalThis.crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  return hex(b).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Whether an answer is a page to be looked at, which no call of the API gives. */
export const isPage = (response: Response): boolean => /^text\/html/i.test(response.headers.get("content-type") ?? "");
