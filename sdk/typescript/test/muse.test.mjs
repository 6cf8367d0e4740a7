// The protocol of the Muse example, on packets made by hand.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { root } from "./helpers.mjs";
import { packet } from "./headband.mjs";

const { Assembler, channels, command, readPacket } = await import(pathToFileURL(join(root, "examples/muse/muse.js")));
const view = (...bytes) => new DataView(new Uint8Array(bytes).buffer);

test("a packet is a counter and twelve samples of twelve bits", () => {
  // 0x800 is 0 µV, 0x000 the least and 0xfff the most; 0x123 and 0xabc show which bits are whose.
  const { index, samples } = readPacket(view(0x01, 0x02, 0x80, 0x08, 0x00, 0x00, 0x0f, 0xff, 0x12, 0x3a, 0xbc, 0x80, 0x18, 0x01, 0x7f, 0xf8, 0x00, 0x40, 0x08, 0x00));
  assert.equal(index, 0x0102);
  const units = [0x800, 0x800, 0x000, 0xfff, 0x123, 0xabc, 0x801, 0x801, 0x7ff, 0x800, 0x400, 0x800];
  assert.deepEqual(Array.from(samples), units.map((u) => (u - 0x800) * 0.48828125));
  assert.equal(samples[2], -1000); // 2000 µV over 4096 units around 2048
});

test("a packet of another length is refused", () => {
  assert.throws(() => readPacket(view(1, 2, 3)), /20 bytes/);
});

test("packets are read as the test's own headband writes them", () => {
  const uv = Array.from({ length: 12 }, (_, i) => -900 + 160 * i);
  const { index, samples } = readPacket(new DataView(packet(65535, uv).buffer));
  assert.equal(index, 65535);
  samples.forEach((v, i) => assert.ok(Math.abs(v - uv[i]) <= 0.25, `${v}, want ${uv[i]}`));
});

test("a command is its length, its text and a line feed", () => {
  assert.deepEqual(Array.from(command("d")), [2, 0x64, 0x0a]);
  assert.deepEqual(Array.from(command("p21")), [4, 0x70, 0x32, 0x31, 0x0a]);
});

test("electrodes are put together, over a counter that wraps, late packets and lost ones", () => {
  const out = [];
  const a = new Assembler((index, samples) => out.push([index, samples.map((s) => s[0])]));
  const put = (index, ...electrodes) => electrodes.forEach((e) => a.push(e, { index: index & 0xffff, samples: new Float32Array(12).fill(10 * (index & 0xf) + e) }));
  put(65534, 0, 1, 2, 3);
  put(65535, 3, 2, 1, 0); // in any order
  put(65536, 0, 1);
  put(65537, 0, 1); // before the last ones of the packet behind it
  put(65536, 2, 3);
  put(65537, 2, 3);
  put(65538, 0, 1, 3); // one is lost
  put(65539, 0, 1, 2, 3);
  assert.equal(out.length, 4);
  put(65540, 0, 1, 2, 3);
  put(65538, 2); // too late
  put(65544, 0, 1, 2, 3); // three are lost by all
  put(65545, 0, 1, 2, 3);
  put(65546, 0, 1, 2, 3);
  assert.deepEqual(out.map(([i]) => i), [65534, 65535, 65536, 65537, 65539, 65540, 65544, 65545, 65546]);
  out.forEach(([i, first]) => assert.deepEqual(first, channels.map((_, e) => 10 * (i & 0xf) + e)));
  assert.equal(a.lost, 4);
});
