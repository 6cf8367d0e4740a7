// The TypeScript of the sessions document, as it stands there. Its placeholders for key and project are filled from the environment.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { apiKey, client, compile, eeg, projectId, root, url } from "./helpers.mjs";

const app = join(import.meta.dirname, "..");
const examples = join(root, "test/clients/testdata/voxel");
const env = { ...process.env, VOXEL_BASE_URL: url, VOXEL_API_KEY: apiKey, VOXEL_PROJECT_ID: projectId };

/** Runs a program that is compiled. */
function execute(name) {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(app, name + ".mjs")], { cwd: app, env, timeout: 180_000 }, (error, stdout, stderr) => resolve({ failed: error !== null, stdout, stderr }));
  });
}

const example = (n) => readFile(join(examples, `typescript-${n}.ts`), "utf8");

const quickstart = await example(1);
const whole = quickstart.replace(/( *)AF7: .*\n/, (line, indent) => `${line}${indent}AF8:  [815.3, 816.0, 814.7],\n${indent}TP10: [825.0, 825.7, 824.3],\n`);
const channel = () => JSON.stringify(Array.from(eeg({ channels: 1, samples: 512, rate: 256, hz: 10, uv: 20 })[0], (v) => Math.round(10 * v) / 10));
const seconds = quickstart.replace(/ *TP9: .*\n *AF7: .*\n/, `TP9: ${channel()}, AF7: ${channel()}, AF8: ${channel()}, TP10: ${channel()},\n`)
  // The windows are written by a job, and the document asks at once.
  .replace("// Get computed features", "await client.session(session.session_id).waitForProcessing();");
compile(app, { quickstart, whole, seconds, ingestion: await example(2) });

test("the quick start sends 2 of 4 channels, which the document forbids: the error names the others", async () => {
  const { failed, stderr, stdout } = await execute("quickstart");
  assert.ok(failed);
  assert.equal(stdout, "");
  assert.match(stderr, /InvalidRequestError: 422 invalid_samples/);
  assert.match(stderr, /AF8/);
  assert.match(stderr, /TP10/);
});

test("the quick start with the missing channels runs to its end", async () => {
  assert.notEqual(whole, quickstart);
  const { failed, stdout, stderr } = await execute("whole");
  assert.ok(!failed, stderr);
  assert.match(stdout, /^Alpha: undefined SQI: undefined\n$/); // three samples make no window of two seconds
  const [session] = (await client().sessions.list({ limit: 50, external_user_id: "user_1" })).data.filter((s) => s.ended_at);
  assert.equal(session.device_type, "MUSE_2");
  assert.equal((await client().session(session.session_id).status()).sample_count, 3);
});

test("the quick start with two seconds of samples prints what they are", async () => {
  const { failed, stdout, stderr } = await execute("seconds");
  assert.ok(!failed, stderr);
  const [, alpha, sqi] = stdout.match(/^Alpha: ([\d.]+) SQI: ([\d.]+)\n$/) ?? assert.fail(stdout);
  assert.ok(Number(alpha) > 10, stdout);
  assert.ok(Number(sqi) > 0 && Number(sqi) <= 1, stdout);
});

test("the example of ingestion runs as it stands", async () => {
  const { failed, stderr } = await execute("ingestion");
  assert.ok(!failed, stderr);
});

test("the example of a WebSocket runs as it stands", async () => {
  // getWsToken, sessionId and what makes windows are the reader's own.
  const code = await readFile(join(examples, "javascript-1.js"), "utf8").catch(() => undefined);
  const text = code ?? (await readFile(join(root, "sdk/typescript/test/testdata/websocket.js"), "utf8"));
  const before = `
import { VoxelClient } from "@voxel/sdk";
const client = new VoxelClient();
const { session_id: sessionId } = await client.createSession({ external_user_id: "ws", device_type: "MUSE_2", sample_rate_hz: 256, channels: ["TP9", "AF7"] });
const getWsToken = (id) => client.session(id).wsToken();
`;
  const after = `
const opened = ws.onopen;
await new Promise((resolve) => { ws.onopen = () => { opened(); resolve(); }; });
await client.ingestBatch(sessionId, { t0_unix_ms: Date.now(), data: Array.from({ length: 2 }, (_, c) => Float32Array.from({ length: 512 }, (_, i) => 20 * Math.sin(i / (4 + c)))) });
await client.session(sessionId).waitForProcessing();
await client.endSession(sessionId);
`;
  await writeFile(join(app, "websocket.mjs"), before + text + after);
  const out = await new Promise((resolve) => {
    execFile(process.execPath, ["--experimental-websocket", "--no-warnings", join(app, "websocket.mjs")], { cwd: app, env, timeout: 180_000 }, (error, stdout, stderr) => resolve({ error, stdout, stderr }));
  });
  assert.equal(out.error, null, out.stderr);
  for (const line of ["Connected to session stream", "SQI:", "Alpha:", "Blink:", "Session ended:"]) assert.ok(out.stdout.includes(line), out.stdout);
});
