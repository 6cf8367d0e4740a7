// The package and the example pages in a real browser, on an origin that is not the server's.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { apiKey, client, projectId, root, tools, url } from "./helpers.mjs";
import { installHeadband, packet } from "./headband.mjs";

const { chromium } = tools("playwright-core");
const app = join(import.meta.dirname, "..");
let browser, pages, origin;

function executable() {
  if (process.env.NEUROD_TEST_CHROMIUM) return process.env.NEUROD_TEST_CHROMIUM;
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      // the next
    }
  }
  throw new Error("there is no Chromium: run tools/setup.sh, or set NEUROD_TEST_CHROMIUM");
}

before(async () => {
  const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
  pages = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://x").pathname);
    const file = path.endsWith("/neurod-sdk.js") ? join(app, "node_modules/@voxel/sdk/lib/browser/neurod-sdk.js") : join(root, "examples", path);
    const content = await readFile(file).catch(() => undefined);
    if (content) response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream" }).end(content);
    else response.writeHead(404).end();
  });
  await new Promise((resolve) => pages.listen(Number(process.env.NEUROD_TEST_PAGES_PORT ?? 0), "127.0.0.1", resolve));
  origin = `http://localhost:${pages.address().port}`;
  browser = await chromium.launch({ executablePath: executable(), args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
});

after(async () => {
  await browser?.close();
  pages?.close();
});

/** A page of the examples; what it logs as an error fails the test. */
async function open(t, path, init, argument, from = origin) {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  t.after(() => page.close());
  const faults = [];
  page.on("pageerror", (e) => faults.push(e.message));
  if (init) await page.addInitScript(init, argument);
  await page.goto(from + path);
  return { page, faults };
}

const fill = async (page) => {
  await page.getByLabel("Server").fill(url);
  await page.getByLabel("API key").fill(apiKey);
};

test("the package does in a browser what it does elsewhere", async (t) => {
  const { page } = await open(t, "/browser/index.html");
  const got = await page.evaluate(async ({ url, apiKey, projectId }) => {
    const { NeurodClient, InvalidRequestError, verifyWebhook } = await import("./neurod-sdk.js");
    const client = new NeurodClient({ baseUrl: url, apiKey, projectId });
    const session = await client.createSession({ external_user_id: "in_page", device_type: "d", sample_rate_hz: 256, channels: ["A", "B"], hop_s: 0.5 });
    const noise = () => Float32Array.from({ length: 2560 }, (_, i) => 20 * Math.sin(i / 4) + 9 * Math.random());
    const out = { streams: {} };
    const reading = ["websocket", "sse"].map(async (transport) => {
      const seqs = (out.streams[transport] = []);
      for await (const m of session.stream({ transport })) seqs.push(m.seq ?? m.type);
    });
    await session.upload([noise(), noise()], { t0_unix_ms: Date.now() - 10_000, batchSeconds: 2 });
    await session.end();
    await Promise.all(reading);
    out.pages = [];
    for await (const p of session.features.list({ limit: 10 }).pages()) out.pages.push(p.data.length);
    out.sessions = (await client.sessions.list({ limit: 1 })).hasMore !== undefined;
    const { requestId, response } = await client.session(session.session_id).status().withResponse();
    out.requestId = requestId === response.headers.get("x-request-id") && requestId.length > 0;
    // A page reads why it is refused, and compresses what is large.
    out.fault = await session.ingest({ t0_unix_ms: 1, data: [noise(), noise()] }).catch((e) => [e.name, e.code, e.status]);
    const packed = new NeurodClient({ baseUrl: url, apiKey, gzip: true });
    const second = await packed.createSession({ external_user_id: "in_page", device_type: "d", sample_rate_hz: 256, channels: ["A", "B"], ingestion_mode: "RECORDED" });
    out.packed = (await packed.session(second.session_id).ingest({ t0_unix_ms: 1_730_000_000_000, data: [new Float32Array(25600), new Float32Array(25600)] })).sample_count;
    const edf = await second.export("edf");
    const imported = await client.sessions.import(new File([edf], "a.edf"), { external_user_id: "in_page" });
    out.imported = (await imported.waitForProcessing()).sample_count;
    const model = (await client.models.list()).find((m) => m.source === "builtin");
    out.checksum = (await client.models.download(model.name, model.version)).checksum === model.checksum;
    out.webhook = await verifyWebhook("{}", { "webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,x" }, "whsec_AAAA").catch((e) => e.name);
    return out;
  }, { url, apiKey, projectId });
  const all = [...Array.from({ length: 17 }, (_, i) => i + 1), "session_ended"];
  assert.deepEqual(got.streams, { websocket: all, sse: all });
  assert.deepEqual(got.pages, [10, 7]);
  assert.deepEqual(got.fault, ["ConflictError", "session_ended", 409]);
  assert.deepEqual([got.sessions, got.requestId, got.packed, got.imported, got.checksum, got.webhook], [true, true, 25600, 25600, true, "WebhookVerificationError"]);
});

test("a page of an origin that is not listed reads nothing", { skip: !process.env.NEUROD_TEST_PAGES_PORT }, async (t) => {
  const { page } = await open(t, "/browser/index.html", undefined, undefined, origin.replace("localhost", "127.0.0.1"));
  const error = await page.evaluate(async ({ url, apiKey }) => {
    const { NeurodClient } = await import("./neurod-sdk.js");
    return new NeurodClient({ baseUrl: url, apiKey, maxRetries: 0 }).sessions.list().all().catch((e) => e.name);
  }, { url, apiKey });
  assert.equal(error, "APIConnectionError");
});

test("the page that plays a headband shows what it looks at", async (t) => {
  const { page, faults } = await open(t, "/browser/index.html");
  await fill(page);
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForFunction(() => document.getElementById("intent").textContent === "door");
  await page.getByRole("button", { name: "Stop" }).click();
  await page.waitForFunction(() => document.getElementById("state").textContent.startsWith("ended"));
  const [session] = (await client().sessions.list({ external_user_id: "page", limit: 1 })).data;
  const status = await session.status();
  assert.ok(session.ended_at);
  assert.match(await page.locator("#state").textContent(), new RegExp(`ended: ${status.sample_count} samples`));
  assert.deepEqual(status.gaps, []);
  const drawn = await page.evaluate(() => {
    const c = document.getElementById("traces");
    return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v !== 0);
  });
  assert.ok(drawn, "the traces are drawn");
  assert.deepEqual(faults, []);
});

test("the page of a Muse streams a headband into a session, over lost packets and a lost connection", async (t) => {
  const { page, faults } = await open(t, "/muse/index.html", installHeadband, {
    packetsPerSecond: 256 / 12, lose: [40], disconnectAfter: 90, packetSource: packet.toString(),
  });
  await fill(page);
  await page.getByLabel("Person").fill("muse_page");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.waitForFunction(() => window.headband.connections === 2 && window.headband.packets > 150);
  await page.waitForFunction(() => document.querySelectorAll("#windows tr").length >= 2);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.waitForFunction(() => document.getElementById("state").textContent === "ended");
  const [session] = (await client().sessions.list({ external_user_id: "muse_page", limit: 1 })).data;
  const status = await session.status();
  assert.deepEqual(session.channels, ["TP9", "AF7", "AF8", "TP10"]);
  assert.equal(status.sample_count, Number(await page.locator("#sent").textContent()));
  assert.equal(await page.locator("#lost").textContent(), "1");
  assert.equal(await page.locator("#battery").textContent(), "75 %");
  assert.equal(status.gaps.length, 2, JSON.stringify(status.gaps));
  assert.equal(status.gaps[0].samples, 12, "the packet that was lost is a gap of its length");
  assert.ok(status.gaps[1].samples >= 64, "the time without a connection is a gap");
  assert.deepEqual((await page.evaluate(() => window.headband.commands)).slice(0, 8), ["h", "p21", "s", "d", "h", "p21", "s", "d"]);
  // What was played comes out: 30 µV at 10 Hz. The samples of the first segment are whole.
  const { raw_batches } = await session.export("json", { include_raw: true });
  const tp9 = raw_batches[0].data.TP9;
  const level = Math.sqrt(tp9.reduce((n, v) => n + v * v, 0) / tp9.length);
  assert.ok(Math.abs(level - 30 / Math.SQRT2) < 3, `${level}`);
  assert.deepEqual(faults, []);
});
