// Everything the client can do, against the running server.
import assert from "node:assert/strict";
import { createWriteStream, mkdtempSync, openAsBlob, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  APIConnectionError, APITimeoutError, AuthenticationError, ChecksumError, ConflictError, DecodeFailed, interleave, InvalidRequestError, JobCanceled,
  JobFailed, NeurodClient, NotFoundError, PermissionDeniedError, RateLimitError, WaitTimeout,
} from "@voxel/sdk";
import { apiKey, behindProxy, client, scenario, eeg, email, faults, looking, password, projectId, ssvep, sum, url } from "./helpers.mjs";

const c = client();
const t0 = 1_730_000_000_000;
const muse = { external_user_id: "ts_user", device_type: "MUSE_2", sample_rate_hz: 256, channels: ["TP9", "AF7", "AF8", "TP10"] };

/** A session of 4 channels with so many seconds, in µV. */
async function recorded(seconds = 10, more = {}, seed = 5) {
  const session = await c.sessions.create({ ...muse, ingestion_mode: "RECORDED", ...more });
  const data = eeg({ channels: session.channels.length, samples: seconds * session.sample_rate_hz, rate: session.sample_rate_hz, seed });
  await session.upload(data, { t0_unix_ms: t0 });
  return { session, data };
}

const within = (session) => session.waitForProcessing({ waitMs: 120_000 });

test("a session has its fields and shows nothing else", async () => {
  const session = await c.createSession({ ...muse, hop_s: 1 });
  assert.match(session.session_id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(session.channels, muse.channels);
  assert.equal(JSON.parse(JSON.stringify(session)).hop_s, 1);
  assert.ok(!Object.keys(session).includes("features"));
  const again = await c.sessions.get(session.session_id);
  assert.equal(again.external_user_id, "ts_user");
  await session.end();
  assert.ok(session.ended_at, "the session knows that it has ended");
});

scenario("ingest_array", "the same samples come out whichever way they go in", async () => {
  const data = eeg({ channels: 4, samples: 64, seed: 9 });
  const named = Object.fromEntries(muse.channels.map((name, i) => [name, data[i]]));
  const backwards = Object.fromEntries(Object.entries(named).reverse()); // names decide, not their order
  const lists = Object.fromEntries(Object.entries(named).map(([k, v]) => [k, Array.from(v)]));
  const ways = {
    lists, named, backwards,
    channels: data,
    flat: interleave(data),
    doubles: Float64Array.from(interleave(data)),
    volts: Float64Array.from(interleave(data), (v) => v / 1e6),
  };
  for (const [way, samples] of Object.entries(ways)) {
    const session = await c.createSession({ ...muse, ingestion_mode: "RECORDED" });
    const unit = way === "volts" ? "V" : undefined;
    const answer = await c.ingestBatch(session.session_id, { batch_id: "b", t0_unix_ms: t0, data: samples, unit });
    assert.equal(answer.status, "accepted", way);
    assert.equal(answer.sample_count, 64, way);
    const out = await session.export("json", { include_raw: true });
    const [batch] = out.raw_batches;
    muse.channels.forEach((name, i) => {
      assert.equal(batch.data[name].length, 64);
      batch.data[name].forEach((v, s) => assert.ok(Math.abs(Math.fround(v) - data[i][s]) <= (way === "volts" ? 1e-5 : 0), `${way} ${name} ${s}: ${v}, want ${data[i][s]}`));
    });
  }
});

test("a channel that is missing or of another length is named, and nothing is stored", async () => {
  const session = await c.createSession(muse);
  for (const two of [{ TP9: [1, 2], AF7: [3, 4] }, { TP9: new Float32Array([1, 2]), AF7: new Float32Array([3, 4]) }]) {
    await assert.rejects(session.ingest({ t0_unix_ms: t0, data: two }), (e) => {
      assert.ok(e instanceof InvalidRequestError);
      assert.equal(e.status, 422);
      assert.equal(e.code, "invalid_samples");
      assert.match(e.message, /AF8/);
      assert.match(e.message, /TP10/);
      assert.ok(e.requestId);
      return true;
    });
  }
  await assert.rejects(session.ingest({ t0_unix_ms: t0, data: [[1], [2], [3]] }), /3 channels came and the session has 4/);
  await assert.rejects(session.ingest({ t0_unix_ms: t0, data: [[1], [2], [3], [4, 5]] }), /channel 3 has 2 samples/);
  assert.equal((await session.status()).sample_count, 0);
});

scenario("ingest_duplicate", "a batch is taken once", async () => {
  const session = await c.createSession(muse);
  const batch = { batch_id: "batch_001", t0_unix_ms: t0, data: eeg({ channels: 4, samples: 32 }) };
  const first = await session.ingest(batch);
  assert.deepEqual([first.status, first.sample_count], ["accepted", 32]);
  const second = await session.ingest(batch);
  assert.deepEqual([second.status, second.sample_count], ["duplicate_ignored", 0]);
  // The same call repeated, as a retry has it, gets the first answer.
  const options = { idempotencyKey: "ts-" + session.session_id };
  const third = await session.ingest({ ...batch, batch_id: "batch_002", t0_unix_ms: t0 + 125 }, options);
  const fourth = await session.ingest({ ...batch, batch_id: "batch_002", t0_unix_ms: t0 + 125 }, options);
  assert.deepEqual(fourth, third);
  assert.equal((await session.status()).sample_count, 64);
});

scenario("session_recorded", "a recording is uploaded in batches, read in pages, newest first and only what passed", async () => {
  const told = [];
  const session = await c.sessions.create({ ...muse, ingestion_mode: "RECORDED", hop_s: 0.25 });
  const data = eeg({ channels: 4, samples: 256 * 30, rate: 256, seed: 4 });
  const up = { t0_unix_ms: t0, batchSeconds: 7, batchPrefix: "once", onProgress: (done, total) => told.push([done, total]) };
  assert.deepEqual(await session.upload(data, up), { sample_count: 7680, batches: 5 });
  assert.deepEqual(told.at(-1), [7680, 7680]);
  assert.equal((await session.upload(data, up)).sample_count, 0, "the same again adds nothing");
  await assert.rejects(session.waitForProcessing(), /end\(\) first/);
  await session.end();
  const seen = [];
  const status = await session.waitForProcessing({ waitMs: 120_000, onProgress: (s) => seen.push(s.window_count) });
  assert.equal(status.processing_state, "COMPLETE");
  assert.deepEqual(status.gaps, []);
  assert.equal(status.window_count, 113); // 30 s of windows of 2 s, one every quarter of a second
  assert.equal(seen.at(-1), 113);

  const all = await session.features.list({ limit: 50 }).all();
  assert.equal(all.length, 113);
  all.slice(1).forEach((w, i) => assert.equal(w.window_start_ms - all[i].window_start_ms, 250));
  const pages = [];
  for await (const page of session.features.list({ limit: 50 }).pages()) pages.push(page.data.length);
  assert.deepEqual(pages, [50, 50, 13]);
  const newest = await c.getFeatures(session.session_id, 1);
  assert.deepEqual(newest, [all.at(-1)]);
  assert.deepEqual((await c.getFeatures(session.session_id, 3)).map((w) => w.id), all.slice(-3).reverse().map((w) => w.id));
  assert.deepEqual(await session.features.latest(), all.at(-1));
  assert.equal(typeof newest[0].features.bandpower.alpha, "number");
  const passed = await session.features.list({ only_passed: true }).all();
  assert.equal(passed.length, all.filter((w) => w.gate.passed).length);
  const later = await session.features.list({ after_ms: all[99].window_start_ms }).all();
  assert.equal(later.length, 13);
});

test("samples that a device numbers lie where their numbers say", async () => {
  const session = await c.createSession({ ...muse, started_at_unix_ms: t0 });
  const piece = eeg({ channels: 4, samples: 256, rate: 256 });
  await session.ingest({ t0_unix_ms: t0 + 3, first_sample: 0, data: piece });
  await session.ingest({ t0_unix_ms: t0 + 1003, first_sample: 257, data: Object.fromEntries(muse.channels.map((n, i) => [n, Array.from(piece[i])])) });
  assert.deepEqual((await session.status()).gaps.map((g) => g.samples), [1]);
});

test("a session without windows has no latest one", async () => {
  const session = await c.createSession(muse);
  assert.equal(await session.features.latest(), undefined);
  assert.deepEqual(await c.getFeatures(session.session_id, 1), []);
});

test("sessions are listed over pages, and by user", async () => {
  const user = "pages_" + Date.now();
  const made = [];
  for (let i = 0; i < 5; i++) made.unshift((await c.createSession({ ...muse, external_user_id: user })).session_id);
  const listed = [];
  for await (const s of c.sessions.list({ external_user_id: user, limit: 2 })) listed.push(s.session_id);
  assert.deepEqual(listed, made);
  const page = await c.sessions.list({ external_user_id: user, limit: 2 });
  assert.equal(page.data.length, 2);
  assert.equal(page.hasMore, true);
  assert.equal((await page.next()).data[0].session_id, made[2]);
});

for (const transport of ["websocket", "sse"]) {
  scenario("session_live", `a stream over ${transport} has every window in order, then the end`, async () => {
    const session = await c.createSession({ ...muse, hop_s: 0.5 });
    const data = eeg({ channels: 4, samples: 2560, rate: 256, seed: 6 });
    const got = [];
    const reading = (async () => {
      for await (const m of session.stream({ transport })) got.push(m);
    })();
    for (let s = 0; s < 2560; s += 256) {
      await session.ingest({ t0_unix_ms: t0 + (s * 1000) / 256, data: data.map((ch) => ch.subarray(s, s + 256)) });
    }
    await session.end();
    await reading;
    assert.equal(got.at(-1).type, "session_ended");
    assert.ok(got.at(-1).data.ended_at);
    assert.deepEqual(got.slice(0, -1).map((m) => m.seq), Array.from({ length: 17 }, (_, i) => i + 1));
    assert.deepEqual(got.slice(0, -1).map((m) => m.data.window_start_ms).sort((a, b) => a - b), Array.from({ length: 17 }, (_, i) => t0 + 500 * i));

    // What is over can be read again, from anywhere.
    const rest = [];
    for await (const m of session.stream({ transport, afterSeq: 15 })) rest.push(m.seq ?? m.type);
    assert.deepEqual(rest, [16, 17, "session_ended"]);
    const nothing = [];
    for await (const m of session.stream({ transport, afterSeq: "latest" })) nothing.push(m.type);
    assert.deepEqual(nothing, ["session_ended"]);
  });

  test(`a stream over ${transport} is left by break and by a signal`, async () => {
    const { session } = await recorded(6);
    for await (const m of session.stream({ transport })) {
      assert.equal(m.seq, 1);
      break;
    }
    const leave = new AbortController();
    const open = await c.createSession(muse);
    setTimeout(() => leave.abort(new Error("enough")), 200);
    await assert.rejects(async () => {
      for await (const _ of open.stream({ transport, signal: leave.signal })) assert.fail("there is nothing to tell");
    }, /enough/);
  });

  test(`a stream over ${transport} of what is not there, or erased, fails at once`, async () => {
    await assert.rejects(async () => {
      for await (const _ of c.session("0198c5a2-7f1e-7000-8000-0000000000a1").stream({ transport })) assert.fail();
    }, NotFoundError);
    const session = await c.createSession({ ...muse, external_user_id: "gone_" + transport });
    const reading = (async () => {
      for await (const _ of session.stream({ transport })) assert.fail();
    })();
    reading.catch(() => {});
    await new Promise((r) => setTimeout(r, 300));
    await c.users.erase("gone_" + transport);
    await assert.rejects(reading, (e) => e.name === "StreamError" || e instanceof NotFoundError);
  });
}

test("a WebSocket of one's own is used, and where none gets through events are", async () => {
  const { session } = await recorded(6);
  await session.end();
  let made = 0;
  class Counted extends WebSocket {
    constructor(...args) {
      super(...args);
      made++;
    }
  }
  class Blocked {
    constructor() {
      made++;
      setTimeout(() => this.onerror?.(new Event("error")), 1);
    }
    close() {}
  }
  for (const [constructor, times] of [[Counted, 1], [Blocked, 3]]) {
    made = 0;
    const got = [];
    for await (const m of client({ WebSocket: constructor }).session(session.session_id).stream()) got.push(m.seq ?? m.type);
    assert.deepEqual(got, [1, 2, 3, "session_ended"]);
    assert.equal(made, times);
  }
  await assert.rejects(async () => {
    for await (const _ of client({ WebSocket: Blocked }).session(session.session_id).stream({ transport: "websocket", maxFailures: 1 })) assert.fail();
  }, (e) => e.name === "StreamError" && /1 attempts/.test(e.message));
});

test("a reader that is slower than the stream gets all of it", async () => {
  const session = await c.createSession({ ...muse, sample_rate_hz: 100, channels: ["A"], hop_s: 0.05 });
  await session.upload([eeg({ channels: 1, samples: 4000, rate: 100 })[0]], { t0_unix_ms: t0 });
  await session.end();
  const seqs = [];
  for await (const m of session.stream({ transport: "websocket" })) {
    if (m.seq % 100 === 1) await new Promise((r) => setTimeout(r, 50));
    seqs.push(m.seq);
  }
  assert.deepEqual(seqs, [...Array.from({ length: 761 }, (_, i) => i + 1), undefined]);
});

scenario("live_decodes", "a live session is decoded, and its decodes are in the stream", async () => {
  const session = await c.createSession({
    ...muse, sample_rate_hz: 250, channels: ssvep.channels,
    decode: { paradigm: "ssvep", window_s: 4, hop_s: 1, stimulus: ssvep.stimulus },
  });
  const data = eeg({ channels: 4, samples: 2000, seed: 3, hz: 13 });
  await session.ingest({ t0_unix_ms: t0, data });
  await session.end();
  const types = [];
  for await (const m of session.stream()) {
    types.push(m.type);
    if (m.type === "decode") assert.equal(m.data.decoded_intent, "door");
  }
  assert.equal(types.filter((t) => t === "decode").length, 5);
  assert.equal(types.filter((t) => t === "features").length, 4);
  assert.equal((await session.decodes({ limit: 2 }).all()).length, 5);
});

scenario("events", "events are added and read over pages", async () => {
  const session = await c.createSession({ ...muse, started_at_unix_ms: t0 });
  const added = await session.events.add(Array.from({ length: 7 }, (_, i) => ({ onset_ms: 100 * i, code: i, label: "T" + i })));
  assert.equal(added.length, 7);
  const read = await session.events.list({ limit: 3 }).all();
  assert.deepEqual(read.map((e) => e.label), ["T0", "T1", "T2", "T3", "T4", "T5", "T6"]);
  await assert.rejects(session.events.add([{ onset_ms: 1 }, { label: "no time" }]), (e) => e instanceof InvalidRequestError && e.fields[0].pointer.startsWith("/events/"));
});

scenario("export import", "an export comes as JSON, as a table and as files", async () => {
  const { session, data } = await recorded(4);
  await session.end();
  await within(session);
  const json = await session.export("json", { include_raw: true });
  assert.equal(json.session.id, session.session_id);
  assert.equal(sum(json.raw_batches, (b) => b.sample_count), 1024);
  const csv = await session.export("csv");
  assert.match(csv.split("\r\n")[0], /^index,seq,window_start_ms/);
  const edf = await session.export("edf");
  assert.equal(new TextDecoder().decode(edf.subarray(0, 8)), "0       ");
  const folder = mkdtempSync(join(tmpdir(), "neurod-"));
  const streamed = await session.exportStream("bdf");
  await pipeline(Readable.fromWeb(streamed.body), createWriteStream(join(folder, "a.bdf")));
  assert.equal(Number(streamed.headers.get("content-length")), statSync(join(folder, "a.bdf")).size);
  writeFileSync(join(folder, "a.edf"), edf);

  // The file is imported again, from bytes, from a file and from a stream.
  const fields = { external_user_id: "ts_import", name: "again.edf" };
  const out = [];
  const options = { onUpload: (sent, total) => out.push([sent, total]) };
  for (const file of [edf, await openAsBlob(join(folder, "a.edf")), new Blob([edf]).stream()]) {
    const imported = await c.sessions.import(file, fields, options);
    assert.equal(imported.processing_state, "PROCESSING");
    const status = await within(imported);
    assert.equal(status.sample_count, 1024);
    assert.equal(status.import.share_done, 1);
    const back = await imported.export("json", { include_raw: true });
    const got = back.raw_batches[0].data.TP9;
    const scale = 2 * Math.max(...data[0].map(Math.abs)) / 65535;
    got.forEach((v, s) => assert.ok(Math.abs(v - data[0][s]) <= scale, `${v}, want ${data[0][s]}`));
  }
  assert.deepEqual(out.filter(([sent, total]) => sent === total).map(([sent]) => sent), [edf.length, edf.length], "of a stream nobody knows the length");
  await assert.rejects(c.sessions.import(new Uint8Array(2000).fill(65), fields), (e) => e instanceof InvalidRequestError && e.status === 422);
});

scenario("decode", "a recording is decoded", async () => {
  const result = await c.decode(looking(), ssvep);
  assert.equal(result.decoded_intent, "door");
  assert.equal(result.paradigm_detected, "ssvep");
  const total = result.confidence + sum(result.alternatives, (a) => a.confidence);
  assert.ok(Math.abs(total - 1) < 1e-6, `${total}`);
  // The same however it is put.
  const flat = interleave(looking());
  const named = Object.fromEntries(ssvep.channels.map((n, i) => [n, looking()[i]]));
  const { channels: _, ...unnamed } = ssvep;
  for (const [samples, parameters] of [[flat, ssvep], [named, unnamed], [Float64Array.from(flat, (v) => v / 1e6), { ...ssvep, unit: "V" }],
    [Int16Array.from(flat, (v) => Math.round(v * 100)), { ...ssvep, scale_uv: 0.01 }]]) {
    const same = await c.decode(samples, parameters);
    assert.equal(same.decoded_intent, "door");
    assert.ok(Math.abs(same.confidence - result.confidence) < 0.01);
  }
});

test("a segment of a session is decoded, and a file", async () => {
  const session = await c.sessions.create({ ...muse, sample_rate_hz: 250, channels: ssvep.channels, ingestion_mode: "RECORDED" });
  await session.upload(looking(), { t0_unix_ms: t0 });
  await session.end();
  const { paradigm, stimulus } = ssvep;
  const result = await c.decode(null, { session_id: session.session_id, start_ms: t0, end_ms: t0 + 4000, paradigm, stimulus });
  assert.equal(result.decoded_intent, "door");
  const edf = await session.export("edf");
  assert.equal((await c.decode(edf, { paradigm, stimulus })).decoded_intent, "door");
  await assert.rejects(async () => c.submit({ A: [1] }, { channels: ["B"], sample_rate: 250 }), /no channel B/);
  assert.throws(() => c.submit(new Uint8Array(10)), /no EDF, BDF or GDF/);
});

scenario("decode_failed", "a decode that fails says why, by code and numbers", async () => {
  await assert.rejects(c.decode(new Float32Array(8), { paradigm: "motor_imagery", device: "OpenBCI Cyton", channels: 8, sample_rate: 250 }), (e) => {
    assert.ok(e instanceof DecodeFailed);
    assert.ok(e instanceof JobFailed);
    assert.equal(e.code, "payload_too_short");
    assert.ok(e.details.samples_needed > e.details.samples_got);
    assert.match(e.jobId, /^req_pi_/);
    return true;
  });
});

scenario("submit", "a job is submitted, waited for, read and canceled", async () => {
  const job = await c.submit(looking(), { ...ssvep, include_diagnostics: true });
  assert.match(job.id, /^req_pi_/);
  assert.equal(job.done, false);
  const seen = [];
  const output = await job.result({ onProgress: (j) => seen.push(j.status) });
  assert.equal(output.decoded_intent, "door");
  assert.equal(seen[0], "queued");
  assert.equal(seen.at(-1), "completed");
  assert.ok(job.done);
  const read = await c.jobs.get(job.id, { diagnostics: true });
  assert.deepEqual(read.output, output);
  assert.ok(read.diagnostics.steps.length);
  assert.equal((await job.cancel()).status, "completed", "what is done stays so");
  await assert.rejects(c.jobs.get("req_pi_00000000-0000-0000-0000-000000000000"), NotFoundError);
});

scenario("idempotency", "the same key gives the same job, and with another body an error", async () => {
  const options = { idempotencyKey: `ts-${Date.now()}` };
  const job = await c.submit(looking(), ssvep, options);
  assert.equal((await c.submit(looking(), ssvep, options)).id, job.id);
  await assert.rejects(c.submit(looking(4), ssvep, options), (e) => e instanceof InvalidRequestError && e.status === 422 && e.code === "idempotency_key_reused");
});

scenario("jobs_pages", "jobs are listed over pages and by state", async () => {
  for (let i = 0; i < 3; i++) await c.decode(looking(i), ssvep);
  const ids = new Set();
  let n = 0;
  for await (const job of c.jobs.list({ kind: "neuro_decode", state: ["completed", "failed"], limit: 2 })) {
    ids.add(job.id);
    n++;
    if (n === 5) break;
  }
  assert.equal(ids.size, n);
  assert.ok(n >= 3);
});

scenario("batch", "a batch answers each item in its place", async () => {
  const answers = await c.decodeBatch(
    [{ recording: looking(1) }, { recording: new Float32Array(4) }, { recording: looking(2) }],
    { input: ssvep });
  assert.deepEqual(answers.map((a) => a.output?.decoded_intent), ["door", undefined, "door"]);
  assert.equal(answers[1].error.code, "payload_too_short");
  assert.ok(answers[1].error instanceof DecodeFailed);
});

scenario("job_cancel", "waiting ends by time and by a signal, and the job goes on", async () => {
  // Nobody works on it: a batch of many recordings takes longer than nothing.
  const job = await c.submitBatch(Array.from({ length: 60 }, (_, i) => ({ recording: looking(i) })), { input: ssvep });
  await assert.rejects(job.wait({ waitMs: 1 }), (e) => e instanceof WaitTimeout || assert.fail(e));
  const stop = new AbortController();
  const waiting = job.wait({ signal: stop.signal, onProgress() { stop.abort(new Error("no more patience")); } });
  await assert.rejects(waiting, /no more patience/);
  const canceled = await job.cancel();
  if (canceled.status === "canceled") await assert.rejects(job.result(), JobCanceled);
  else assert.equal(canceled.status, "completed"); // it was fast
});

scenario("models train", "models: trained, calibrated, downloaded, uploaded, rolled back, deleted", async () => {
  const classes = { left: "left_hand", right: "right_hand" };
  const train = async (seed, trials) => {
    // Two classes that differ in where a rhythm of 11 Hz is.
    const session = await c.sessions.create({
      external_user_id: "ts_train", device_type: "synthetic", sample_rate_hz: 128, channels: ["C3", "Cz", "C4"], ingestion_mode: "RECORDED", hop_s: 10,
    });
    const length = 128 * 5 * trials;
    const data = eeg({ channels: 3, samples: length, rate: 128, seed });
    const events = [];
    for (let k = 0; k < trials; k++) {
      const at = k * 640 + 64;
      const right = k % 2;
      events.push({ sample: at, label: right ? "right" : "left" });
      for (let s = at; s < Math.min(at + 512, length); s++) data[right ? 0 : 2][s] += 12 * Math.sin((2 * Math.PI * 11 * s) / 128);
    }
    await session.upload(data, { t0_unix_ms: t0 });
    await session.events.add(events);
    await session.end();
    return { session_id: session.session_id };
  };
  const name = "ts-hands-" + Date.now();
  const request = { name, paradigm: "motor_imagery", pipeline: "csp_rxlda", classes, window: { from_s: 0, to_s: 3 }, reject_low_quality: false };
  const first = await (await c.models.train({ ...request, sessions: [await train(1, 24)] })).result({ waitMs: 120_000 });
  assert.equal(first.name, name);
  assert.equal(first.trials.used, 24);
  const second = await (await c.models.calibrate(name, { sessions: [await train(2, 8)], classes, window: request.window, reject_low_quality: false })).result({ waitMs: 120_000 });
  assert.notEqual(second.version, first.version);
  assert.equal(second.from, first.model);

  const file = await c.models.download(name);
  assert.equal(file.version, second.version);
  assert.equal(file.checksum, "sha256:" + second.sha256);
  assert.equal(file.bytes.length, second.size_bytes);
  const cache = new Map();
  const moved = [];
  const counted = client({ fetch: (target, init) => (moved.push(String(target)), fetch(target, init)) });
  for (let i = 0; i < 2; i++) assert.deepEqual((await counted.models.download(name, undefined, { cache })).bytes, file.bytes);
  assert.equal(moved.filter((u) => u.endsWith("/download")).length, 1, "the second one is not downloaded");
  cache.set(file.checksum, new Uint8Array(3));
  assert.equal((await c.models.download(name, undefined, { cache })).bytes.length, file.bytes.length, "what is broken in the cache is");
  const decoded = await c.decode(eeg({ channels: 3, samples: 128 * 4 }), { paradigm: "motor_imagery", model: name, sample_rate: 128, channels: ["C3", "Cz", "C4"] });
  assert.equal(decoded.model.name, name);
  assert.equal((await c.models.upload(file.bytes)).version, second.version, "the same file again changes nothing");
  assert.equal((await c.models.rollback(name)).version, first.version);
  assert.equal((await c.models.get(name)).active_version, first.version);
  assert.equal((await c.models.download(name)).version, first.version);
  assert.ok((await c.models.list()).some((m) => m.name === name && m.state === "active"));
  assert.ok((await c.models.catalog({ paradigm: "motor_imagery" })).some((m) => m.name === name && m.own));
  await assert.rejects(c.models.download(name, "99"), /has no version 99/);
  await c.models.delete(name);
  await assert.rejects(c.models.get(name), NotFoundError);
});

test("a model that is not what its checksum says is refused", async () => {
  const [model] = (await c.models.list()).filter((m) => m.source === "builtin");
  // What comes is changed on its way.
  const tampering = client({
    fetch: async (target, init) => {
      const answer = await fetch(target, init);
      if (!String(target).endsWith("/download")) return answer;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      bytes[100] ^= 1;
      return new Response(bytes, { status: answer.status, headers: answer.headers });
    },
  });
  await assert.rejects(tampering.models.download(model.name, model.version), ChecksumError);
  assert.equal((await c.models.download(model.name, model.version)).checksum, model.checksum);
});

scenario("account", "accounts: login, projects, keys, members, invitations, usage, audit", async () => {
  const user = await NeurodClient.login({ baseUrl: url, email, password });
  const project = await user.projects.create({ name: "of TypeScript" });
  const owner = user.with({ projectId: project.id });
  assert.equal((await owner.projects.get()).role, "owner");
  assert.ok((await user.projects.list()).some((p) => p.id === project.id));
  assert.equal((await owner.projects.usage()).quotas.models.used, 0);

  const made = await owner.keys.create({ name: "narrow", scopes: ["jobs:read"], expires_in_days: 1 });
  const narrow = owner.with({ apiKey: made.raw_key });
  assert.deepEqual((await narrow.auth.validateKey()).scopes, ["jobs:read"]);
  assert.deepEqual((await narrow.jobs.list()).data, []);
  await assert.rejects(narrow.createSession(muse), (e) => e instanceof PermissionDeniedError && e.code === "insufficient_scope");
  const renewed = await narrow.auth.refreshKey();
  assert.notEqual(renewed.api_key, made.raw_key);
  assert.equal((await owner.keys.list()).length, 2);
  assert.equal((await owner.with({ apiKey: renewed.api_key }).auth.revokeKey()).revoked, true);
  await owner.keys.revoke(made.id);
  await assert.rejects(narrow.jobs.list().all(), AuthenticationError);

  const guest = `guest-${Date.now()}@example.com`;
  const invitation = await owner.members.invite({ email: guest, role: "viewer" });
  assert.equal((await owner.members.invitations()).length, 1);
  const viewer = new NeurodClient({ baseUrl: url, projectId: project.id });
  await viewer.auth.signup({ email: guest, password, invitation: invitation.token });
  assert.equal((await viewer.projects.get()).role, "viewer");
  await assert.rejects(viewer.createSession(muse), (e) => e instanceof PermissionDeniedError && e.code === "insufficient_role");
  const member = (await owner.members.list()).find((m) => m.email === guest);
  await owner.members.setRole(member.user_id, "member");
  const session = await viewer.createSession(muse); // a login does what a key does
  assert.equal((await viewer.sessions.list()).data[0].session_id, session.session_id);
  const token = await viewer.auth.refresh();
  assert.ok(token.access_token);
  await owner.members.remove(member.user_id);
  await assert.rejects(viewer.projects.get(), NotFoundError);
  const other = await owner.members.invite({ email: "x-" + guest, role: "member" });
  await owner.members.revokeInvitation(other.id);

  const actions = [];
  for await (const line of owner.audit.list({ project_id: project.id, limit: 3 })) actions.push(line.action);
  for (const action of ["project.created", "key.created", "key.refreshed", "key.revoked", "member.invited", "member.joined", "member.removed"]) assert.ok(actions.includes(action), action);
  assert.equal((await owner.projects.delete(project.id)).deleted_project_id, project.id);
  await viewer.auth.logout();
});

test("a login is renewed before it ends, once for all calls at the same time, and when it is refused", async () => {
  const told = [];
  const login = await NeurodClient.login({ baseUrl: url, email, password });
  const { refresh_token } = await login.auth.refresh();
  const user = new NeurodClient({ baseUrl: url, projectId, tokens: { access_token: "over", refresh_token, expires_in: 1 }, onTokens: (t) => told.push(t) });
  const answers = await Promise.all(Array.from({ length: 8 }, () => user.projects.list()));
  assert.equal(answers.length, 8);
  assert.equal(told.length, 1, "a refresh token that is used twice revokes its login");
  // One whose end is not known is renewed when the server refuses it.
  const late = new NeurodClient({ baseUrl: url, projectId, tokens: { access_token: "refused", refresh_token: told[0].refresh_token }, onTokens: (t) => told.push(t) });
  assert.ok((await Promise.all([late.projects.list(), late.projects.list()])).every((p) => p.length > 0));
  // A refusal that comes when another call has renewed the login already: the call is made again with the new token.
  let renewed;
  const done = new Promise((resolve) => (renewed = resolve));
  const held = async (address, init) => {
    const response = await fetch(address, init);
    if (response.status === 401 && String(address).includes("limit=1")) await done;
    return response;
  };
  const both = new NeurodClient({ baseUrl: url, projectId, fetch: held, tokens: { access_token: "refused", refresh_token: told[1].refresh_token }, onTokens: () => renewed() });
  const [page] = await Promise.all([both.sessions.list({ limit: 1 }), both.projects.list()]);
  assert.ok(page.data.length <= 1);
  await assert.rejects(new NeurodClient({ baseUrl: url, tokens: { access_token: "no" } }).projects.list(), AuthenticationError);
});

scenario("erase", "a person is erased with all that is kept of them", async () => {
  const user = "erase/" + Date.now(); // a slash belongs to the name
  const session = await c.createSession({ ...muse, external_user_id: user });
  await session.ingest({ t0_unix_ms: t0, data: eeg({ channels: 4, samples: 1024, rate: 256 }) });
  const erased = await c.users.erase(user);
  assert.equal(erased.deleted_external_user_id, user);
  assert.equal(erased.sessions_deleted, 1);
  assert.equal(erased.samples_deleted, 1024);
  assert.match(erased.audit_id, /^aud_/);
  await assert.rejects(session.refresh(), NotFoundError);
});

scenario("analytics", "uses are reported", async () => {
  const before = await c.analytics.log({ event_type: "inference", model_name: "m", duration_ms: 2, success: true });
  const options = { idempotencyKey: "log-" + before.event_id };
  const first = await c.analytics.log({ event_type: "model_load" }, options);
  assert.deepEqual(await c.analytics.log({ event_type: "model_load" }, options), first);
  assert.equal(first.quota.used, before.quota.used + 1);
});

scenario("errors", "errors tell what is wrong, in the class of their kind", async () => {
  await assert.rejects(c.createSession({ ...muse, sample_rate_hz: 4, channels: [] }), (e) => {
    assert.ok(e instanceof InvalidRequestError);
    assert.deepEqual(e.fields.map((f) => f.pointer).sort(), ["/channels", "/sample_rate_hz"]);
    assert.equal(e.headers.get("x-request-id"), e.requestId);
    assert.match(e.message, /\/sample_rate_hz/);
    assert.equal(JSON.parse(e.body).code, e.code);
    return true;
  });
  await assert.rejects(c.submit(looking(), { ...ssvep, paradigm: "telepathy" }), (e) => e instanceof InvalidRequestError && e.fields.some((f) => f.pointer === "/input/paradigm"));
  await assert.rejects(client({ apiKey: "vxl_wrong" }).models.catalog(), (e) => e instanceof InvalidRequestError && e.code === "INVALID_FORMAT");
  await assert.rejects(client({ apiKey: "vxl_wrong" }).sessions.list().all(), AuthenticationError);
  await assert.rejects(c.sessions.get("0198c5a2-7f1e-7000-8000-0000000000a1"), NotFoundError);
  const session = await c.createSession(muse);
  await session.end();
  await assert.rejects(session.ingest({ t0_unix_ms: t0, data: eeg({ channels: 4, samples: 4 }) }), (e) => e instanceof ConflictError && e.code === "session_ended");
  await assert.rejects(new NeurodClient({ baseUrl: "http://127.0.0.1:9", maxRetries: 0 }).health(), APIConnectionError);
});

scenario("raw_response", "an answer is at hand as it came", async () => {
  const { data, response, body, requestId, attempts } = await c.createSession(muse).withResponse();
  assert.equal(response.status, 201);
  assert.equal(JSON.parse(body).session_id, data.session_id);
  assert.equal(response.headers.get("x-request-id"), requestId);
  assert.equal(attempts, 1);
  const raw = await c.request("GET", `/v1/sessions/${data.session_id}`);
  assert.equal(raw.session_id, data.session_id);
  assert.equal((await c.health()).status, "ok");
});

test("calls are ended by a signal, before and while they run", async () => {
  const done = AbortSignal.abort(new Error("never mind"));
  await assert.rejects(c.createSession(muse, { signal: done }), /never mind/);
  const soon = AbortSignal.timeout(100);
  const away = new NeurodClient({ baseUrl: "http://127.0.0.1:9", maxRetries: 50 });
  await assert.rejects(away.health({ signal: soon }), (e) => e.name === "TimeoutError" && !(e instanceof APIConnectionError));
});

test("a call that is slow, refused for a while or too often", async (t) => {
  t.after(() => faults({}));
  const p = behindProxy({ onRetry: (r) => retries.push(r) });
  const retries = [];
  await faults({ delay: 1, delay_ms: 5000, seed: 2 });
  await assert.rejects(p.health({ timeoutMs: 20, maxRetries: 1 }), APITimeoutError);
  assert.equal(retries.length, 1);
  assert.ok(retries[0].error instanceof APITimeoutError);

  await faults({ too_many: 1, retry_after: 1 });
  const start = Date.now();
  await assert.rejects(p.health({ maxRetries: 1 }), (e) => e instanceof RateLimitError && e.retryAfter === 1);
  assert.ok(Date.now() - start >= 1000, "Retry-After is waited for");
  await faults({ too_many: 1, retry_after: 3600 });
  await assert.rejects(p.health(), (e) => e instanceof RateLimitError && e.retryAfter === 3600, "nobody waits an hour for a call");
});

test("a client shows no secret", async () => {
  const { inspect } = await import("node:util");
  const shown = inspect(c, { depth: 9 }) + JSON.stringify(c) + inspect(await c.createSession(muse), { depth: 9 });
  assert.ok(!shown.includes(apiKey));
});
