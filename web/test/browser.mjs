// What every suite of the browser has: a Chromium, pages that fail on whatever they complain of, and the looks of a view: axe, its width, its pictures.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** What the suite is about. */
export const env = {
  pair: process.env.NEUROD_TEST_PAIR, url: process.env.NEUROD_TEST_URL, mail: process.env.NEUROD_TEST_EMAIL, password: process.env.NEUROD_TEST_PASSWORD,
  project: process.env.NEUROD_TEST_PROJECT_ID, key: process.env.NEUROD_TEST_API_KEY, shots: process.env.NEUROD_TEST_SHOTS, operator: process.env.NEUROD_TEST_OPERATOR,
};
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What a text would do if it were taken for markup: each fails the suite where it does. */
export const hostile = `<img src=x onerror="window.hit=1"><script>window.hit=1</script>"'\`{{7*7}}\${7*7}`;

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

export async function launch() {
  assert.ok(executablePath, "no Chromium: tools/setup.sh (make setup) installs it");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}

/** A page in a context of its own. `faults` gets what the browser complains of; `allow` are complaints that a step expects. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.NEUROD_TEST_TIMEOUT ?? 120_000));
  const faults = [];
  const allow = [];
  const fault = (text) => {
    if (!allow.some((a) => a.test(text))) faults.push(text);
  };
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && fault(`${m.type()}: ${m.text()} ${m.location().url}`));
  page.on("pageerror", (e) => fault("thrown: " + (e.stack ?? e.message)));
  page.on("dialog", (d) => {
    fault("a dialog: " + d.message());
    void d.dismiss();
  });
  page.on("request", (r) => {
    if (!r.url().startsWith(env.url) && !/^(blob|data):/.test(r.url())) fault("a request to another origin: " + r.url());
  });
  await page.addInitScript(() => addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`)));
  return { page, context, faults, allow };
}

/** Runs steps one after the other, and says which failed and why. */
export async function steps(page, faults, list) {
  const began = Date.now();
  for (const [name, run] of list) {
    const from = Date.now();
    try {
      await run();
      assert.equal(await page.evaluate(() => window.hit), undefined, "a text was run as a script");
      assert.deepEqual(faults, [], "the browser complained");
    } catch (error) {
      const picture = env.shots && join(env.shots, `failed-${env.pair.replace(/\W/g, "-")}.png`);
      if (picture) await page.screenshot({ path: picture }).catch(() => {});
      console.error(`FAILED: ${name} (${page.url()})\n${error.stack}\n${faults.join("\n")}\nthe page: ${picture}`);
      process.exitCode = 1;
      if (!process.env.NEUROD_TEST_GO_ON) return;
      faults.length = 0; // while one works on it: the steps that follow may fail for what this one has not done
    }
    console.log(`${((Date.now() - from) / 1000).toFixed(1)} s  ${name}`);
  }
  console.log(`${((Date.now() - began) / 1000).toFixed(1)} s in all`);
}

const looked = new Set();

/** Looks at a view once: no serious fault of axe in light and dark, nothing wider than the screen at 360 px, pictures of it. */
export async function look(page, name, { narrow = true } = {}) {
  if (looked.has(name)) return;
  looked.add(name);
  const wide = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))));
    if (env.shots) {
      mkdirSync(env.shots, { recursive: true });
      await page.screenshot({ path: join(env.shots, `${name}-${colorScheme}.png`) });
    }
    // What is judged once of a view is not judged again in other colours, but for the colours.
    if (!(await page.evaluate(() => Boolean(window.axe)))) await page.evaluate(axe);
    const { violations } = await page.evaluate((again) => window.axe.run(document, {
      runOnly: again ? { type: "rule", values: ["color-contrast", "link-in-text-block"] } : ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"],
    }), colorScheme === "dark");
    const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + " " + (n.any[0]?.message ?? "")).join(" | ")}`);
    assert.deepEqual(serious, [], `axe, ${name}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  if (!narrow) return;
  await page.setViewportSize({ width: 360, height: 740 });
  await page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))));
  if (env.shots) await page.screenshot({ path: join(env.shots, `${name}-360.png`), fullPage: true });
  const over = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  await page.setViewportSize(wide);
  assert.ok(over <= 0, `${name} is ${over} px wider than a screen of 360 px`);
}

/** Calls the API with the key of the suite. */
export async function api(method, path, body, type = "application/json") {
  const response = await fetch(env.url + path, {
    method, headers: { Authorization: `Bearer ${env.key}`, ...(body === undefined ? {} : { "Content-Type": type }) }, body: body === undefined ? undefined : type === "application/json" ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** How many colours, and how many pixels that are not the most frequent one, a canvas shows. */
export const ink = (page, selector) => page.$eval(selector, (c) => {
  const data = c.getContext("2d").getImageData(64 * 1, 0, c.width - 64, c.height).data;
  const seen = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const k = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
    seen.set(k, (seen.get(k) ?? 0) + 1);
  }
  const most = Math.max(...seen.values());
  return { colours: seen.size, drawn: data.length / 4 - most };
});

/** Makes a session of sines with cues: channel i has 5·(i+1) Hz, and cues "left" and "right" differ by the power of C3 and C4 at 11 Hz. */
export async function recording({ seconds = 20, channels = ["C3", "Cz", "C4", "Pz", "O1", "O2"], rate = 200, user = "somebody", device = "test", cues = 0, events = [], gap = false, more = {}, open: leave = false } = {}) {
  const start = 1_790_000_000_000;
  const session = await api("POST", "/v1/sessions", { external_user_id: user, device_type: device, sample_rate_hz: rate, channels, ingestion_mode: "RECORDED", started_at_unix_ms: start, ...more });
  const id = session.session_id;
  let seed = 1;
  const noise = () => ((seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648 - 0.5);
  const slow = channels.map(() => 0);
  const trial = 5 * rate;
  const total = cues ? cues * trial + rate : seconds * rate;
  const half = Math.floor(total / 2);
  for (const [from, to] of gap ? [[0, half], [half + 2 * rate, total + 2 * rate]] : [[0, total]]) {
    const out = new Float32Array((to - from) * channels.length);
    for (let i = from; i < to; i++) {
      const left = Math.floor(i / trial) % 2 === 0;
      channels.forEach((name, c) => {
        const mu = cues ? (name === "C3" ? (left ? 12 : 3) : name === "C4" ? (left ? 3 : 12) : 5) : 0;
        slow[c] = 0.96 * slow[c] + 6 * noise(); // falls with the frequency, as EEG does
        out[(i - from) * channels.length + c] = (cues ? slow[c] : 20 * Math.sin((2 * Math.PI * 5 * (c + 1) * i) / rate)) + mu * Math.sin((2 * Math.PI * 11 * i) / rate + c) + (cues ? 1 : 8) * noise() + 100;
      });
    }
    await api("POST", `/v1/sessions/${id}/ingest?batch_id=b${from}&t0_unix_ms=${start + (from * 1000) / rate}`, Buffer.from(out.buffer), "application/octet-stream");
  }
  const marks = [...events, ...Array.from({ length: cues }, (_, k) => ({ onset_ms: k * 5000 + 500, label: k % 2 ? "right" : "left" }))];
  if (marks.length) await api("POST", `/v1/sessions/${id}/events`, { events: marks });
  if (!leave) {
    await api("POST", `/v1/sessions/${id}/end`, {});
    for (;;) {
      const s = await api("GET", `/v1/sessions/${id}/status`);
      if (s.processing_state === "COMPLETE") break;
      assert.notEqual(s.processing_state, "FAILED");
      await new Promise((r) => setTimeout(r, 100));
    }
  }
  return { id, start };
}
