// 2,000 operations through a proxy that delays, refuses, resets, loses answers and cuts streams: none is lost, none is done twice, and every
// stream is whole and in order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIConnectionError, NeurodClient, NotFoundError } from "@voxel/sdk";
import { behindProxy, client, counts, eeg, email, faults, looking, password, projectId, proxyUrl, ssvep, url } from "./helpers.mjs";

const operations = Number(process.env.NEUROD_TEST_OPERATIONS ?? 2000);
const rate = 128;
const t0 = 1_730_000_000_000;

test(`${operations} operations through faults`, { timeout: 300_000 }, async (t) => {
  const seed = Number(process.env.NEUROD_TEST_SEED ?? (Date.now() % 1e6) + 1);
  t.diagnostic(`seed ${seed}`);
  const direct = client();
  let retries = 0;
  const p = behindProxy({ maxRetries: 10, onRetry: () => retries++ });
  const user = "faults_" + seed;
  const usedBefore = (await direct.analytics.log({ event_type: "inference" })).quota.used;
  const decodes = async () => new Set((await direct.jobs.list({ kind: "neuro_decode", limit: 100 }).all()).map((j) => j.id));
  const jobsBefore = await decodes();
  const before = await counts();
  await faults({
    seed, delay: 0.1, delay_ms: 20, too_many: 0.02, retry_after: 1, unavailable: 0.02, reset_before: 0.02, reset_body: 0.02, lose_answer: 0.03, cut_answer: 0.03,
    cut_stream: 0.7, cut_stream_bytes: 6000,
  });
  t.after(() => faults({}));

  let done = 0;
  const sessions = Math.max(2, Math.round(operations / 100));
  const perSession = Math.floor(operations / sessions);
  const batches = Math.round(0.8 * perSession);
  const work = [];
  const answered = { jobs: new Set(), logged: new Set(), streams: [] };

  const one = async (n) => {
    const session = await p.createSession({
      external_user_id: user, device_type: "synthetic", sample_rate_hz: rate, channels: ["A", "B", "C"], hop_s: 0.5, started_at_unix_ms: t0,
    });
    done++;
    const got = [];
    const following = (async () => {
      const options = { transport: n % 2 ? "sse" : "websocket", onReconnect: () => answered.cuts++ };
      for await (const m of session.stream(options)) got.push(m);
    })();
    const data = eeg({ channels: 3, samples: batches * 32, rate, seed: n });
    const todo = [];
    for (let i = 0; i < batches; i++) {
      const part = data.map((ch) => ch.subarray(i * 32, (i + 1) * 32));
      const batch = { t0_unix_ms: t0 + i * 250, data: i % 2 ? part : Object.fromEntries(session.channels.map((name, k) => [name, Array.from(part[k])])) };
      todo.push(() => session.ingest(batch));
    }
    for (let i = 0; i < perSession - batches - 2; i++) {
      if (i % 4 === 3) todo.push(async () => answered.jobs.add((await p.submit(looking(i), ssvep)).id));
      else if (i % 4 === 2) todo.push(async () => answered.logged.add((await p.analytics.log({ event_type: "inference", duration_ms: i })).event_id));
      else todo.push(() => session.events.add([{ sample: i, label: "mark " + i }]));
    }
    const next = todo.values();
    await Promise.all(Array.from({ length: 3 }, async () => {
      for (const op of next) {
        await op();
        done++;
      }
    }));
    await session.end();
    done++;
    await following;
    answered.streams.push({ session, got, data, events: todo.length - batches });
  };
  answered.cuts = 0;
  const queue = Array.from({ length: sessions }, (_, n) => n).values();
  for (let i = 0; i < 20; i++) work.push((async () => {
    for (const n of queue) await one(n);
  })());
  await Promise.all(work);
  await faults({});

  const after = await counts();
  const broken = Object.fromEntries(Object.entries(after).map(([k, v]) => [k, v - (before[k] ?? 0)]));
  t.diagnostic(`${done} operations, ${retries} repetitions, ${answered.cuts} streams made anew; the proxy: ${JSON.stringify(broken)}`);
  assert.equal(done, sessions * perSession);
  for (const fault of ["too_many", "unavailable", "reset_before", "reset_body", "lose_answer", "cut_answer", "cut_stream"]) {
    assert.ok(broken[fault] > 0, `the proxy has shown no ${fault}`);
  }

  // What the server has, asked for without the proxy: each thing once.
  const listed = await direct.sessions.list({ external_user_id: user }).all();
  assert.equal(listed.length, sessions, "sessions");
  for (const { session, got, data, events } of answered.streams) {
    const s = direct.session(session.session_id);
    const status = await s.status();
    assert.equal(status.batch_count, batches);
    assert.equal(status.sample_count, batches * 32);
    assert.equal(status.overlapped_sample_count ?? 0, 0);
    const marks = (await s.events.list().all()).map((e) => e.label);
    assert.equal(new Set(marks).size, marks.length, "an event is there twice");
    assert.equal(marks.length, Array.from({ length: events }, (_, i) => i % 4).filter((k) => k < 2).length);
    const windows = (batches * 32 - 2 * rate) / (rate / 2) + 1;
    assert.equal(status.window_count, Math.floor(windows));
    assert.deepEqual(got.map((m) => m.seq), [...Array.from({ length: status.window_count }, (_, i) => i + 1), undefined]);
    assert.equal(got.at(-1).type, "session_ended");
    const raw = await s.export("json", { include_raw: true });
    for (const batch of raw.raw_batches) {
      const at = ((batch.t0_unix_ms - t0) / 250) * 32;
      assert.deepEqual(Float32Array.from(batch.data.A), data[0].slice(at, at + 32), "the samples of a batch");
    }
  }
  const used = (await direct.analytics.log({ event_type: "inference" })).quota.used;
  assert.equal(used - usedBefore - 1, answered.logged.size, "events of analytics");
  const jobs = await decodes();
  for (const id of jobsBefore) jobs.delete(id);
  assert.deepEqual([...jobs].sort(), [...answered.jobs].sort(), "jobs");
});

test("a device's samples reach the session over a link that is away for a while", { timeout: 300_000 }, async (t) => {
  t.after(() => faults({}));
  const p = behindProxy();
  const session = await p.createSession({ external_user_id: "writer", device_type: "synthetic", sample_rate_hz: 100, channels: ["A", "B"], started_at_unix_ms: t0 });
  const dropped = [];
  const batches = [];
  let away = 0;
  const writer = session.writer({ batchSeconds: 0.5, onDrop: (d) => dropped.push(d), onBatch: (_, b) => batches.push(b), onRetry: () => away++ });
  const data = eeg({ channels: 2, samples: 6000, rate: 100 });
  const put = (from, upTo, at) => {
    for (let s = from; s < upTo; s += 10) writer.write(data.map((ch) => ch.subarray(s, s + 10)), at === undefined ? undefined : at + (s - from) * 10);
  };
  put(0, 500, t0);
  await faults({ reset_before: 0.5, lose_answer: 0.5 }); // nothing gets through for sure
  put(500, 3000);
  const soon = Date.now();
  while (away < 2 && Date.now() - soon < 60_000) await new Promise((r) => setTimeout(r, 20));
  assert.ok(writer.buffered > 0);
  await faults({});
  put(3000, 4000, t0 + 30_000 + 40); // the jitter of a clock tears no hole
  put(4000, 6000, t0 + 50_000); // a pause does
  await writer.close();
  assert.equal(writer.sent, 6000);
  assert.deepEqual(dropped, []);
  assert.equal(writer.buffered, 0);
  assert.ok(batches.some((b) => b.samples > 50), "what has waited goes out together");
  await session.end();
  const status = await session.waitForProcessing({ waitMs: 60_000 });
  assert.equal(status.sample_count, 6000);
  assert.deepEqual(status.gaps.map((g) => [g.start_ms - t0, g.end_ms - t0]), [[40_000, 50_000]]);
  assert.throws(() => writer.write(data), /closed/);
});

test("a writer holds its bound, and says what is lost", async (t) => {
  t.after(() => faults({}));
  const p = behindProxy();
  const session = await p.createSession({ external_user_id: "bound", device_type: "synthetic", sample_rate_hz: 100, channels: ["A"], started_at_unix_ms: t0 });
  const lost = [];
  const stop = new AbortController();
  const writer = session.writer({ batchSeconds: 1, maxBufferSeconds: 5, onDrop: (d) => lost.push(d), signal: stop.signal });
  await faults({ unavailable: 1 });
  for (let s = 0; s < 20; s++) writer.write([new Float32Array(100).fill(s)], t0 + s * 1000);
  assert.ok(writer.buffered <= 500);
  assert.equal(writer.buffered + lost.reduce((n, d) => n + d.samples, 0), 2000);
  assert.ok(lost[0].t0_unix_ms <= t0 + 1000, "the oldest go");
  stop.abort(new Error("unplugged"));
  await assert.rejects(writer.close(), /unplugged/);
  assert.equal(writer.dropped, 2000);

  await faults({});
  const ended = await p.createSession({ external_user_id: "bound", device_type: "synthetic", sample_rate_hz: 100, channels: ["A"] });
  await ended.end();
  const late = ended.writer({ onDrop: (d) => lost.push(d) });
  late.write([new Float32Array(10)]);
  await assert.rejects(late.close(), (e) => e.code === "session_ended");
  assert.equal(lost.at(-1).samples, 10);
});

test("a download goes on where it broke off", async (t) => {
  t.after(() => faults({}));
  const direct = client();
  const model = (await direct.models.list()).filter((m) => m.source === "builtin").sort((a, b) => b.size_bytes - a.size_bytes)[0];
  const p = behindProxy({ maxRetries: 20 });
  const before = await counts();
  await faults({ seed: 3, cut_answer: 0.6 });
  const file = await p.models.download(model.name, model.version);
  assert.equal(file.checksum, model.checksum);
  assert.ok((await counts()).cut_answer > before.cut_answer);
});

test("a call that may have been done is repeated only where that does no harm", async (t) => {
  t.after(() => faults({}));
  const owner = await NeurodClient.login({ baseUrl: proxyUrl, projectId, email, password, maxRetries: 20 });
  const keys = await Promise.all(Array.from({ length: 8 }, (_, i) => owner.keys.create({ name: "lost " + i, scopes: ["decode"] })));
  const names = async () => (await owner.keys.list()).map((k) => k.name).filter((n) => n.startsWith("lost "));
  assert.equal((await names()).length, 8);
  const before = await counts();
  await faults({ seed: 5, lose_answer: 0.6 });
  // The repetition of a deletion finds nothing, and that is as it should be.
  for (const key of keys) await owner.keys.revoke(key.id);
  assert.ok((await counts()).lose_answer > before.lose_answer);
  await faults({});
  assert.deepEqual(await names(), []);
  await assert.rejects(owner.keys.revoke(keys[0].id), NotFoundError, "nothing was lost here: the key is not there");

  await faults({ lose_answer: 1 });
  for (const call of [
    () => owner.auth.signup({ email: `once-${Date.now()}@example.com`, password }),
    () => owner.auth.refresh(),
  ]) {
    const { calls } = await counts();
    await assert.rejects(call(), APIConnectionError);
    assert.equal((await counts()).calls, calls + 1);
  }
  // Nothing was done where the server says so: that is repeated.
  await faults({ seed: 5, unavailable: 0.7 });
  const account = await owner.auth.signup({ email: `again-${Date.now()}@example.com`, password });
  assert.ok(account.id);
});

test("bodies in gzip arrive whole", async () => {
  const packed = client({ gzip: true });
  const session = await packed.createSession({ external_user_id: "gzip", device_type: "synthetic", sample_rate_hz: 250, channels: ["A", "B"], ingestion_mode: "RECORDED" });
  const data = eeg({ channels: 2, samples: 20_000 });
  const seen = [];
  const watched = client({ gzip: true, fetch: (target, init) => (seen.push([init.headers["Content-Encoding"], init.body?.length ?? 0]), fetch(target, init)) });
  await watched.session(session.session_id).shape();
  seen.length = 0;
  await watched.session(session.session_id).upload(data.map((c) => c.map((v) => Math.round(v))), { t0_unix_ms: t0 });
  assert.equal(seen[0][0], "gzip");
  assert.ok(seen[0][1] < 0.6 * 4 * 40_000, `${seen[0][1]} bytes`);
  // What unpacks to more than the server takes from gzip goes plain.
  const flat = new Float32Array(2 * 800_000);
  seen.length = 0;
  await watched.session(session.session_id).ingest({ t0_unix_ms: t0 + 100_000, data: flat });
  assert.equal(seen[0][0], undefined);
  const { raw_batches } = await packed.session(session.session_id).export("json", { include_raw: true });
  const arrived = raw_batches.slice(0, 2).flatMap((b) => b.data.A); // 60 s and 20 s
  assert.deepEqual(arrived, Array.from(data[0], (v) => Math.round(v)));
  // Left to itself, a client packs for a server elsewhere what that makes smaller, and nothing for this machine.
  const elsewhere = async (body, options) => {
    const sent = [];
    const away = client({ baseUrl: "http://server.example", ...options, fetch: (target, init) => (sent.push(init.headers["Content-Encoding"]), fetch(target.replace("http://server.example", url), init)) });
    await away.session(session.session_id).ingest({ t0_unix_ms: t0 + 9_000_000 + Math.random() * 1e6, data: body, batch_id: String(Math.random()) });
    return sent.at(-1);
  };
  const whole = eeg({ channels: 2, samples: 5000 }).map((c) => c.map((v) => Math.round(v)));
  const noise = eeg({ channels: 2, samples: 5000 });
  assert.equal(await elsewhere(whole), "gzip");
  assert.equal(await elsewhere(noise), undefined);
  assert.equal(await elsewhere(whole.map((c) => c.slice(0, 100))), undefined);
  assert.equal(await elsewhere(whole, { gzip: false }), undefined);
});
