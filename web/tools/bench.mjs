// Measures the console: a live session of 64 channels at 250 Hz, and the first paint in a long recording. tools/console-bench.sh starts the server.
import { api, env, launch, open } from "../test/browser.mjs";

const seconds = Number(process.env.SECONDS_LIVE ?? 120);
const hours = Number(process.env.HOURS ?? 12);
const sorted = (list) => [...list].sort((a, b) => a - b);
const quantile = (list, q) => sorted(list)[Math.min(list.length - 1, Math.floor(q * list.length))] ?? NaN;

const browser = await launch();
const { page, faults } = await open(browser, { viewport: { width: 1400, height: 1000 } });
await page.goto(env.url + "/");
await page.getByLabel("E-mail").fill(env.mail);
await page.getByLabel("Password").fill(env.password);
await page.keyboard.press("Enter");
await page.getByRole("heading", { name: "Projects" }).waitFor();

/** What a frame costs this machine before a console draws anything: an empty page, and one that moves a picture as large as the traces. */
async function budget() {
  const { page, context } = await open(browser, { viewport: { width: 1400, height: 1000 } });
  const frames = (draw) => page.evaluate(async ([ms, draw]) => {
    const [canvas, picture] = [document.createElement("canvas"), document.createElement("canvas")];
    for (const c of [canvas, picture]) [c.width, c.height] = [1100, 760];
    const [g, p] = [canvas, picture].map((c) => c.getContext("2d", { alpha: false }));
    document.body.replaceChildren(...(draw ? [canvas] : []));
    p.fillStyle = "teal";
    for (let x = 0; x < 1100; x += 3) p.fillRect(x, 0, 1, 760);
    const began = performance.now();
    let n = 0;
    for (; performance.now() < began + ms; n++) {
      await new Promise((r) => requestAnimationFrame(r));
      const x = (n * 2) % 1100;
      if (draw) g.drawImage(picture, x, 0), g.drawImage(picture, x - 1100, 0);
    }
    return (1000 * n) / (performance.now() - began);
  }, [5000, draw]);
  const [empty, moved] = [await frames(false), await frames(true)];
  await context.close();
  console.log(`what this machine gives: ${empty.toFixed(1)} frames/s of an empty page, ${moved.toFixed(1)} of a canvas of 1100 × 760 that moves a picture and does nothing else`);
}

async function live() {
  const [channels, rate, beat] = [64, 250, 100];
  const names = Array.from({ length: channels }, (_, i) => `E${i + 1}`);
  const session = await api("POST", "/v1/sessions", { external_user_id: "bench", device_type: "bench", sample_rate_hz: rate, channels: names });
  const id = session.session_id;
  const began = Date.now();
  const sent = []; // batches: the number behind the last sample, when it began to be sent, when it was answered
  let at = 0;
  let failed = 0;
  let busy = 0;
  const send = () => {
    const due = Math.floor(((Date.now() - began) / 1000) * rate) - at;
    if (due < 10 || busy > 8) return;
    const data = new Float32Array(due * channels);
    for (let i = 0; i < data.length; i++) data[i] = 40 * Math.sin(((at + Math.floor(i / channels)) * ((i % channels) + 1)) / 40) + 10 * Math.random();
    const first = at;
    at += due;
    const batch = { end: at, at: performance.timeOrigin + performance.now(), answered: 0 };
    sent.push(batch);
    busy++;
    api("POST", `/v1/sessions/${id}/ingest?batch_id=b${first}&first_sample=${first}&t0_unix_ms=${began + Math.round((first * 1000) / rate)}`, Buffer.from(data.buffer), "application/octet-stream").then(() => (batch.answered = performance.timeOrigin + performance.now()), () => failed++).finally(() => busy--);
  };
  const timer = setInterval(send, beat);
  await page.goto(`${env.url}/#/p/${env.project}/sessions/${id}`);
  await page.waitForFunction(() => window.neurodViewer?.live && window.neurodViewer.newest > 2000, undefined, { timeout: 60_000 });
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" }); // processor time: that of others on this machine does not count
  const system = await browser.newBrowserCDPSession();
  const heap = async () => {
    // Twice: what the first collection ends is gone with the second.
    for (let i = 0; i < 2; i++) await cdp.send("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize = 0 } = await cdp.send("Runtime.getHeapUsage");
    const { metrics } = await cdp.send("Performance.getMetrics");
    const of = (name) => metrics.find((m) => m.name === name)?.value ?? NaN;
    return { used: usedSize, arrays: backingStorageSize, nodes: of("Nodes"), listeners: of("JSEventListeners") };
  };
  const costs = async () => {
    const { metrics } = await cdp.send("Performance.getMetrics");
    const { processInfo } = await system.send("SystemInfo.getProcessInfo");
    return { ...Object.fromEntries(metrics.map((m) => [m.name, m.value])), all: processInfo.reduce((sum, p) => sum + p.cpuTime, 0) };
  };
  await page.waitForTimeout(Math.min(60_000, (seconds * 1000) / 2));
  const before = await heap();
  await page.evaluate(() => (window.neurodViewer.seen.record = true));
  sent.length = 0; // what was sent before was drawn unseen
  const spent = await costs();
  const busyAt = await page.evaluate(() => [window.neurodViewer.seen.frames, window.neurodViewer.seen.busy]);
  const [came, painted, rates] = [[], [], []];
  const until = Date.now() + Math.max(10_000, seconds * 1000 - 60_000);
  const [answers, ways, latencies] = [[], [], []];
  const minutes = [before]; // what the page holds, a minute after the other
  let minute = Date.now() + 60_000;
  while (Date.now() < until) {
    const frames = await page.evaluate(() => window.neurodViewer.seen.frames);
    const from = Date.now();
    await page.waitForTimeout(5000);
    rates.push(((await page.evaluate(() => window.neurodViewer.seen.frames)) - frames) / ((Date.now() - from) / 1000));
    const seen = await page.evaluate(() => [window.neurodViewer.seen.came.splice(0), window.neurodViewer.seen.painted.splice(0)]);
    came.push(...seen[0]);
    painted.push(...seen[1]);
    for (const batch of sent.splice(0, Math.max(0, sent.length - 20))) {
      const [there, drawn] = [came, painted].map((list) => list.find((p) => p.sample >= batch.end)?.at);
      if (there === undefined || drawn === undefined || there < batch.at || !batch.answered) continue;
      answers.push(batch.answered - batch.at);
      ways.push(there - batch.at);
      latencies.push(drawn - batch.at);
    }
    for (const list of [came, painted]) list.splice(0, Math.max(0, list.length - 1000));
    if (Date.now() >= minute) {
      minute += 60_000;
      minutes.push(await heap());
    }
  }
  const took = await costs();
  const [frames, drawing] = await page.evaluate(() => [window.neurodViewer.seen.frames, window.neurodViewer.seen.busy]);
  await page.evaluate(() => {
    const { seen } = window.neurodViewer;
    seen.record = false;
    seen.came.length = seen.painted.length = 0;
  });
  const after = await heap();
  clearInterval(timer);
  console.log(`live, 64 channels × 250 Hz, a batch each ${beat} ms, ${seconds} s: ${quantile(rates, 0.5).toFixed(1)} frames/s in the median, ${Math.min(...rates).toFixed(1)} at least`);
  const span = (list) => `p50 ${quantile(list, 0.5).toFixed(0)} ms, p95 ${quantile(list, 0.95).toFixed(0)} ms`;
  console.log(`  batch sent → on the screen: ${span(latencies)} (${latencies.length} batches, ${failed} failed); of it to the answer of the server ${span(answers)}, to the page ${span(ways)}`);
  const n = frames - busyAt[0];
  const per = (name) => `${((1000 * (took[name] - spent[name])) / n).toFixed(1)} ms`;
  console.log(`  a frame takes ${per("all")} of processors in the whole browser; of the page's thread ${per("TaskDuration")}, of which drawing the traces ${((drawing - busyAt[1]) / n).toFixed(2)} ms, all scripts ${per("ScriptDuration")}, styles ${per("RecalcStyleDuration")}, layout ${per("LayoutDuration")}`);
  const mb = (v) => (v / 1e6).toFixed(2);
  console.log(`  heap after the first minute ${mb(before.used)} MB and ${mb(before.arrays)} MB of arrays, at the end ${mb(after.used)} and ${mb(after.arrays)} (by the minute ${minutes.map((m) => mb(m.used)).join(", ")}); nodes ${before.nodes} and ${after.nodes}, listeners ${before.listeners} and ${after.listeners}`);
}

async function scrub() {
  const [channels, rate] = [8, 100];
  const start = 1_780_000_000_000;
  const session = await api("POST", "/v1/sessions", { external_user_id: "bench", device_type: "bench", sample_rate_hz: rate, channels: ["Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"], ingestion_mode: "RECORDED", started_at_unix_ms: start, hop_s: 20 });
  const id = session.session_id;
  const piece = 600 * rate;
  const data = new Float32Array(piece * channels);
  for (let i = 0; i < data.length; i++) data[i] = 30 * Math.sin(i / channels / 7) + 10 * Math.random();
  const from = Date.now();
  for (let k = 0; k < hours * 6; k++) await api("POST", `/v1/sessions/${id}/ingest?batch_id=b${k}&t0_unix_ms=${start + k * 600_000}`, Buffer.from(data.buffer), "application/octet-stream");
  await api("POST", `/v1/sessions/${id}/end`, {});
  for (;;) {
    const s = await api("GET", `/v1/sessions/${id}/status`);
    if (s.processing_state !== "PROCESSING") break;
    await new Promise((r) => setTimeout(r, 500));
  }
  console.log(`a recording of ${hours} h, ${channels} channels × ${rate} Hz, stored and processed in ${((Date.now() - from) / 1000).toFixed(0)} s`);
  // When all that is in sight is drawn: since a function was called, or since the page began to load.
  const drawn = (jump) => page.evaluate(async (jump) => {
    const frame = () => new Promise((r) => requestAnimationFrame(r));
    while (!window.neurodViewer) await new Promise((r) => setTimeout(r, 2));
    const v = window.neurodViewer;
    const at = jump ? performance.now() : 0;
    if (jump) v.go(Math.random() * Math.max(1, v.newest - v.settings.page));
    const samples = v.settings.page / v.step;
    const block = v.settings.page <= 30_000 ? 1 : 2 ** Math.max(0, Math.floor(Math.log2(samples / v.traces.columns)));
    do await frame(); while (!v.newest || !v.cache.get(Math.max(0, Math.floor(v.left / v.step)), Math.ceil((v.left + v.settings.page) / v.step), block).whole);
    await frame(); // in which it is drawn
    await frame(); // when it is on the screen
    return { ms: performance.now() - at, asked: v.cache.asked, visible: Math.min(samples, v.newest / v.step) };
  }, jump);
  for (const [name, query] of [["10 s", "?t=20000"], ["5 min", "?t=9000&w=300"], [`all ${hours} h`, `?t=0&w=${hours * 3600}`]]) {
    const opened = [];
    let had;
    for (let i = 0; i < 5; i++) {
      await page.goto("about:blank");
      await page.goto(`${env.url}/#/p/${env.project}/sessions/${id}${query}`);
      had = await drawn(false);
      opened.push(had.ms);
    }
    const read = (of, n) => `${Math.round(of / rate / n)} s read of ${Math.round(had.visible / rate)} s in sight`;
    const jumps = [];
    const before = (await page.evaluate(() => window.neurodViewer.cache.asked));
    if (had.visible < hours * 3600 * rate) for (let i = 0; i < 12; i++) jumps.push((await drawn(true)).ms);
    const after = await page.evaluate(() => window.neurodViewer.cache.asked);
    console.log(`  a page of ${name}: opened and drawn in p50 ${quantile(opened, 0.5).toFixed(0)} ms, at most ${Math.max(...opened).toFixed(0)} ms (${read(had.asked, 1)})${jumps.length ? `; a jump is drawn in p50 ${quantile(jumps, 0.5).toFixed(0)} ms, p95 ${quantile(jumps, 0.95).toFixed(0)} ms (${read(after - before, 12)})` : ""}`);
  }
}

if (process.env.ONLY !== "scrub") {
  await budget();
  await live();
}
if (process.env.ONLY !== "live") await scrub();
if (faults.length) console.log("the browser complained: " + faults.slice(0, 5).join("; "));
await browser.close();
