// What the suites share: the server that the Go test test/clients has started, and signals that can be told apart.
import { appendFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { NeurodClient } from "@voxel/sdk";

const need = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these tests are run by go test ./test/clients -run TypeScript`);
  return value;
};

export const root = need("NEUROD_TEST_ROOT");
/** Tools of development, which the clean folder has not. */
export const tools = createRequire(join(root, "sdk/typescript/package.json"));
export const url = need("NEUROD_TEST_URL");
export const apiKey = need("NEUROD_TEST_API_KEY");
export const projectId = need("NEUROD_TEST_PROJECT_ID");
export const email = need("NEUROD_TEST_EMAIL");
export const password = need("NEUROD_TEST_PASSWORD");
export const proxyUrl = need("NEUROD_TEST_PROXY_URL");

/** A client of the server; options go before. */
export const client = (options = {}) => new NeurodClient({ baseUrl: url, apiKey, projectId, ...options });

/** A client of the same server behind the proxy. */
export const behindProxy = (options = {}) => client({ baseUrl: proxyUrl, ...options });

/** Has the proxy break what passes, from now on. */
export async function faults(what) {
  const answer = await fetch(process.env.NEUROD_TEST_PROXY_CONTROL, { method: "PUT", body: JSON.stringify(what) });
  if (!answer.ok) throw new Error(await answer.text());
}

/** What it has broken so far. */
export const counts = async () => (await fetch(process.env.NEUROD_TEST_PROXY_CONTROL)).json();

/** Numbers that look random and are the same every time (mulberry32), from -1 to 1. */
export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) / 4294967296) * 2 - 1;
  };
}

/** Background activity in µV, each sample leaning on the one before, with a rhythm of `hz` of `uv` µV: channels × samples. */
export function eeg({ channels, samples, rate = 250, seed = 1, hz = 0, uv = 10 }) {
  const next = random(seed);
  return Array.from({ length: channels }, () => {
    const out = new Float32Array(samples);
    for (let s = 0, last = 0; s < samples; s++) {
      last = 0.95 * last + 5 * next();
      out[s] = last + (hz ? uv * Math.sin((2 * Math.PI * hz * s) / rate) + (uv / 2) * Math.sin((4 * Math.PI * hz * s) / rate) : 0);
    }
    return out;
  });
}

/** A test of what test/clients/scenarios.txt lists: that it has passed is told to the harness, which compares. */
export function scenario(names, title, run) {
  test(title, async (t) => {
    await run(t);
    if (process.env.NEUROD_TEST_PASSED) appendFileSync(process.env.NEUROD_TEST_PASSED, names.replaceAll(" ", "\n") + "\n");
  });
}

export const sum = (list, of) => list.reduce((n, x) => n + of(x), 0);

/** A request that looks at 13 of 13, 17 and 21 Hz. */
export const ssvep = {
  paradigm: "ssvep", sample_rate: 250, channels: ["O1", "Oz", "O2", "POz"],
  stimulus: { targets: [{ label: "door", frequency: 13 }, { label: "lamp", frequency: 17 }, { label: "radio", frequency: 21 }] },
};
export const looking = (seed = 3) => eeg({ channels: 4, samples: 1000, seed, hz: 13 });

/** Checks the types of programs and compiles them in the folder: name → code. One program of the compiler for all, since it is slow to start. */
export function compile(folder, programs) {
  const ts = tools("typescript");
  const sources = Object.keys(programs).map((name) => join(folder, name + ".mts"));
  Object.values(programs).forEach((code, i) => writeFileSync(sources[i], code));
  const program = ts.createProgram(sources, {
    module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, strict: true, skipLibCheck: true, types: [], lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.asynciterable.d.ts"],
  });
  const faults = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  const text = faults.map((d) => `${d.file?.fileName}: ${ts.flattenDiagnosticMessageText(d.messageText, "\n")}`);
  if (text.length) throw new Error(text.join("\n"));
}
