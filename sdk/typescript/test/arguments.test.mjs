// What is wrong is refused by name, before it goes out: a client that sends it would be told of something else by the server.
import assert from "node:assert/strict";
import { openAsBlob, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { APIStatusError, DecodeFailed, interleave, JobCanceled, JobFailed, NeurodClient, NeurodError } from "@voxel/sdk";
import { apiKey, client, eeg, looking, ssvep } from "./helpers.mjs";

const c = client();
let calls = 0;
const counting = client({ fetch: (...a) => (calls++, fetch(...a)) });

/** That a call rejects with an error of this package that says so, and nothing was sent. */
async function refuses(call, text) {
  calls = 0;
  let made;
  try {
    made = await call(counting);
  } catch (e) {
    assert.ok(e instanceof NeurodError && !(e instanceof APIStatusError), `${e.stack}`);
    assert.match(e.message, text);
    assert.equal(calls, 0, "a call went out");
    return;
  }
  assert.fail(`${call} gave ${made}`);
}

test("an address that is none is refused where the client is made", () => {
  for (const baseUrl of ["localhost:8917", "example.com", "//example.com", "ftp://example.com", "", "http://", "http://a b", "http://u:secret@example.com", "http://example.com/?a=1", "http://example.com/#a", 8000]) {
    assert.throws(() => new NeurodClient({ baseUrl, apiKey }), (e) => e instanceof NeurodError && /^baseUrl must begin with http:\/\/ or https:\/\//.test(e.message) && !e.message.includes("secret"), String(baseUrl));
  }
  for (const [baseUrl, is] of [["http://localhost:8917/", "http://localhost:8917"], ["HTTPS://Example.com/neurod/", "https://example.com/neurod"]]) assert.equal(new NeurodClient({ baseUrl, apiKey }).baseUrl, is);
  process.env.VOXEL_BASE_URL = "localhost:8917";
  assert.throws(() => new NeurodClient({ apiKey }), /^NeurodError: VOXEL_BASE_URL must begin/);
  delete process.env.VOXEL_BASE_URL;
});

test("what is no recording and no file is refused with what to do", async () => {
  const fields = { external_user_id: "arguments" };
  const session = await counting.createSession({ ...fields, device_type: "d", sample_rate_hz: 250, channels: ["A", "B"] });
  const t0_unix_ms = 1_730_000_000_000;
  const path = /a string is no (recording|file|model): for the file at a path pass await .*fs\.openAsBlob\(path\)/;
  await refuses((c) => c.decode("x.edf"), path);
  await refuses((c) => c.decodeBatch([{ recording: looking() }, { recording: "x.edf" }], { input: ssvep }), path);
  await refuses(async (c) => c.submit("x.edf", ssvep), path);
  await refuses((c) => c.sessions.import("x.edf", fields), path);
  await refuses((c) => c.models.upload("x.nrd"), path);
  await refuses(() => session.ingest({ t0_unix_ms, data: "hello" }), path);
  await refuses(() => session.upload("x.edf", { t0_unix_ms }), path);
  await refuses(async () => session.writer().write("hello"), path);
  await refuses((c) => c.decode(new Blob(["a"])), /a Blob is no recording: pass await blob\.arrayBuffer\(\)/);
  await refuses((c) => c.sessions.import(Promise.resolve(), fields), /a Promise is no file: await it first/);
  for (const [value, text] of [[undefined, /undefined is no recording/], [5, /5 is no recording/], [new Int32Array(8), /a Int32Array is no recording/], [new Map(), /a Map is no recording/], [new DataView(new ArrayBuffer(8)), /a DataView/]]) {
    await refuses((c) => c.decode(value, ssvep), text);
    await refuses(() => session.ingest({ t0_unix_ms, data: value }), text);
    if (value !== undefined) await refuses((c) => c.sessions.import(value, fields), /is no file/);
  }
  for (const data of [[1, 2], ["AB", "CD"], [null, [1]], { A: 5, B: [1] }, { A: "12", B: "34" }]) {
    await refuses(() => session.ingest({ t0_unix_ms, data }), /channel (0|A) is .*a list of its numbers is meant/);
    await refuses((c) => c.decode(data, { sample_rate: 250 }), /channel (0|A) is .*a list of its numbers is meant/);
  }
  await refuses((c) => c.decode([[1, 2, "x"]], { sample_rate: 250 }), /channel 0, sample 2: x is no number/);
  await refuses((c) => c.decode([[1, 1e39]], { sample_rate: 250 }), /channel 0, sample 1: 1e\+39/);
  await refuses((c) => c.decode(looking(), { ...ssvep, channels: "Cz" }), /channels is the string Cz/);
  // The remedy is one.
  const file = join(tmpdir(), `neurod-arguments-${process.pid}.edf`);
  const upload = await c.createSession({ ...fields, device_type: "d", sample_rate_hz: 250, channels: ssvep.channels, ingestion_mode: "RECORDED" });
  await upload.upload(looking(), { t0_unix_ms });
  await upload.end();
  writeFileSync(file, await upload.export("edf"));
  const { paradigm, stimulus } = ssvep;
  assert.equal((await c.decode(await (await openAsBlob(file)).arrayBuffer(), { paradigm, stimulus })).decoded_intent, "door");
  assert.ok((await c.sessions.import(await openAsBlob(file), fields)).session_id);
});

test("as many channels come as are meant", async () => {
  const names = ["Fz", "C3", "Cz", "C4", "Pz", "PO7", "Oz", "PO8"];
  const instants = Array.from({ length: 1000 }, () => new Float32Array(8));
  const session = await counting.createSession({ external_user_id: "arguments", device_type: "d", sample_rate_hz: 250, channels: names });
  const t0_unix_ms = 1_730_000_000_000;
  const transposed = /1000 channels came and .*looks transposed/;
  for (const channels of [names, 8, undefined]) await refuses((c) => c.decode(instants, { channels, sample_rate: 250 }), transposed);
  await refuses((c) => c.decodeBatch([{ recording: instants }], { input: { channels: names, sample_rate: 250 } }), transposed);
  await refuses(() => session.ingest({ t0_unix_ms, data: instants }), transposed);
  await refuses(() => session.upload(instants, { t0_unix_ms }), transposed);
  await refuses(async () => session.writer().write(instants), transposed);
  await refuses((c) => c.decode(eeg({ channels: 7, samples: 9 }), { channels: names, sample_rate: 250 }), /^7 channels came and channels has 8: Fz, .*PO8$/);
  await refuses((c) => c.decode({ A: [1], B: [1] }, { channels: 3, sample_rate: 250 }), /^2 channels came and channels has 3$/);
  const part = /1001 numbers are not samples of 8 channels/;
  for (const flat of [new Float32Array(1001), new Float64Array(1001), new Int16Array(1001)]) {
    await refuses((c) => c.decode(flat, { channels: names, sample_rate: 250, scale_uv: 1 }), part);
    await refuses((c) => c.decode(flat, { channels: 8, sample_rate: 250 }), part);
    await refuses((c) => c.decodeBatch([{ recording: flat }], { input: { channels: 8, sample_rate: 250 } }), part);
    await refuses(() => session.ingest({ t0_unix_ms, data: flat }), part);
    await refuses(() => session.upload(flat, { t0_unix_ms }), part);
    await refuses(async () => session.writer().write(flat), part);
  }
  await refuses((c) => c.decode(new Uint8Array(4 * 1001), { encoding: "float32le", channels: 8, sample_rate: 250 }), part);
  // Of a batch, names that all recordings share are those of lists, too.
  const [answer] = await c.decodeBatch([{ recording: looking() }], { input: ssvep });
  assert.equal(answer.output.decoded_intent, "door");
  assert.deepEqual(answer.output.channels_used ?? ssvep.channels, ssvep.channels);
});

test("ids that are none are refused by their name", async () => {
  for (const id of [undefined, null, "", ".", "..", 5, {}, ["a"]]) {
    for (const [name, call] of Object.entries({
      job_id: [(c) => c.jobs.get(id), (c) => c.jobs.cancel(id)],
      session_id: [(c) => c.sessions.get(id), (c) => c.endSession(id), (c) => c.getFeatures(id), (c) => c.ingestBatch(id, { t0_unix_ms: 1, data: new Float32Array(4) }), (c) => c.session(id).status(),
        (c) => c.session(id).events.list(), (c) => c.session(id).stream().next(), (c) => c.session(id).export("edf")],
      name: [(c) => c.models.get(id), (c) => c.models.delete(id), (c) => c.models.download(id), (c) => c.models.calibrate(id, {})],
      project_id: [(c) => c.projects.delete(id)],
      key_id: [(c) => c.keys.revoke(id)],
      member_id: [(c) => c.members.remove(id), (c) => c.members.setRole(id, "viewer")],
      invitation_id: [(c) => c.members.revokeInvitation(id)],
      user_id: [(c) => c.users.erase(id)],
      webhook_id: [(c) => c.webhooks.get(id), (c) => c.webhooks.delete(id), (c) => c.webhooks.deliveries(id)],
      delivery_id: [(c) => c.webhooks.redeliver("a", id)],
    })) {
      for (const one of call) await refuses(one, new RegExp(`${name} must be a string that is not empty`));
    }
  }
});

test("the error of a job names the job and the request", async () => {
  const failing = [new Float32Array(8), { paradigm: "motor_imagery", device: "OpenBCI Cyton", channels: 8, sample_rate: 250 }];
  const told = (kind) => (e) => {
    assert.ok(e instanceof kind, e.stack);
    assert.equal(e.status, 200);
    assert.ok(e.requestId);
    assert.ok(e.message.includes(`job ${e.jobId}`) && e.message.includes(`request ${e.requestId}`), e.message);
    return true;
  };
  await assert.rejects(c.decode(...failing), told(DecodeFailed));
  const job = await c.submit(...failing);
  await job.wait();
  await assert.rejects((await c.jobs.get(job.id)).result(), told(DecodeFailed));
  for await (const listed of c.jobs.list({ state: "failed" })) if (listed.id === job.id) await assert.rejects(listed.result(), told(DecodeFailed));
  const [answer] = await c.decodeBatch([{ recording: new Float32Array(8) }], { input: failing[1] });
  assert.ok(told(DecodeFailed)(answer.error));
  // Of one that is canceled, where it was in time.
  const batch = await c.submitBatch(Array.from({ length: 60 }, (_, i) => ({ recording: interleave(looking(i)) })), { input: ssvep });
  if ((await batch.cancel()).status === "canceled") await assert.rejects(batch.result(), (e) => told(JobCanceled)(e) && e instanceof JobFailed);
});

test("an address that leads to something else is told at once", async (t) => {
  let calls = 0;
  const page = createServer((request, response) => {
    calls++;
    request.resume();
    response.writeHead(request.url.startsWith("/shop/") ? 404 : 200, { "Content-Type": "text/html; charset=utf-8" }).end("<!doctype html><title>Shop</title>");
  });
  await new Promise((ready) => page.listen(0, "127.0.0.1", ready));
  t.after(() => page.close());
  const at = `http://127.0.0.1:${page.address().port}`;
  for (const baseUrl of [at, at + "/shop"]) {
    const lost = new NeurodClient({ baseUrl, apiKey });
    for (const call of [() => lost.sessions.list().all(), () => lost.jobs.get("a"), () => lost.session("a").export("edf"), () => lost.session("a").export("json"), () => lost.decode(looking(), ssvep)]) {
      calls = 0;
      await assert.rejects(call(), (e) => e instanceof APIStatusError && /a web page came.*baseUrl/.test(e.message) && e.message.includes(baseUrl));
      assert.equal(calls, 1);
    }
  }
});
