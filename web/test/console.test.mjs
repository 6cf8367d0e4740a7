// The whole console, as a person uses it: each view and each action, with texts that would do harm if a page took them for markup.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { api, env, hostile, ink, launch, look, open, recording, steps } from "./browser.mjs";

const browser = await launch();
const { page, faults, allow } = await open(browser);
const link = (name) => page.getByRole("navigation").getByRole("link", { name, exact: true });
const button = (name) => page.getByRole("button", { name, exact: typeof name === "string" });
const heading = (name) => page.getByRole("heading", { name, level: 1 });
const place = () => page.evaluate(() => location.hash);
/** What the traces show, once they show so much. */
const inked = async (pixels) => {
  for (const until = Date.now() + 30_000; ; ) {
    const drawn = await ink(page, ".stage canvas");
    if (drawn.drawn > pixels) return drawn;
    assert.ok(Date.now() < until, `${JSON.stringify(drawn)} of ${pixels}`);
    await page.evaluate(() => new Promise((r) => requestAnimationFrame(r)));
  }
};
const hidden = `${hostile.slice(0, 60)}`; // identifiers have bounds
let session;
let project;
let edf;

await steps(page, faults, [
  ["the page comes with its policy, and from nowhere else", async () => {
    const response = await page.goto(env.url + "/");
    const headers = response.headers();
    assert.match(headers["content-security-policy"], /default-src 'none'/);
    assert.doesNotMatch(headers["content-security-policy"], /unsafe/);
    assert.match(headers["content-security-policy"], /frame-ancestors 'none'/);
    await heading("Log in").waitFor();
    await look(page, "login");
  }],
  ["a wrong password is told, and leaves the page as it is", async () => {
    allow.push(/status of 401/);
    await page.getByLabel("E-mail").fill(env.mail);
    await page.getByLabel("Password").fill("wrong");
    await button("Log in").click();
    await page.getByRole("alert").waitFor();
    allow.length = 0;
  }],
  ["a new account reaches a decoded example in three clicks", async () => {
    await page.getByRole("link", { name: "Make an account" }).click();
    await page.getByLabel("E-mail").fill(`new-${Date.now()}@example.com`);
    await page.getByLabel("Password").fill("a password of mine");
    await page.keyboard.press("Enter");
    let clicks = 0;
    const click = async (what) => {
      clicks++;
      await what.click();
    };
    await button("Make my first project").waitFor();
    await look(page, "empty");
    await click(button("Make my first project"));
    await click(button("Decode"));
    await page.getByText("Decoded as SSVEP").waitFor();
    assert.match(await page.locator(".intent").textContent(), /door/i);
    assert.ok(clicks <= 3);
    await look(page, "decode");
  }],
  ["what it does is shown in curl, Python and TypeScript", async () => {
    for (const [name, sign] of [["Python", "neurod.Client("], ["TypeScript", "new NeurodClient("], ["curl", "curl -X POST"]]) {
      await page.getByRole("group", { name: "Language" }).getByRole("button", { name }).click();
      assert.ok((await page.locator("pre.code").textContent()).includes(sign));
    }
  }],
  ["logging out ends it; an address leads through the login and goes nowhere else", async () => {
    await button("Log out").click();
    await heading("Log in").waitFor();
    await page.goto(env.url + "/#/login?to=" + encodeURIComponent("https://example.com/"));
    await page.reload();
    await page.getByLabel("E-mail").fill(env.mail);
    await page.getByLabel("Password").fill(env.password);
    await page.keyboard.press("Enter");
    await heading("Projects").waitFor();
    assert.ok(page.url().startsWith(env.url));
    await page.reload(); // the browser has the login
    await heading("Projects").waitFor();
    await button("Log out").click();
    await heading("Log in").waitFor();
    await page.goto(`${env.url}/#/p/${env.project}/usage`); // a link that one was sent
    await page.reload();
    await page.getByLabel("E-mail").fill(env.mail);
    await page.getByLabel("Password").fill(env.password);
    await page.keyboard.press("Enter");
    await heading("Usage").waitFor();
    await page.goto(env.url + "/#/");
    await heading("Projects").waitFor();
    assert.equal(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie]).match(/eyJ|vxl_|password/)), null);
  }],
  ["a project with any name", async () => {
    await button("New project").click();
    await page.getByLabel("Name").fill(hostile);
    await button("Create project").click();
    await heading(hostile).waitFor();
    project = (await place()).split("/")[2];
    await look(page, "project-empty");
    await page.goto(env.url + "/#/");
    await page.locator("main").getByText(hostile).first().waitFor();
    await look(page, "projects");
    await page.goto(`${env.url}/#/p/${env.project}`);
    await heading("console").waitFor();
  }],
  ["keys: made, shown once, copied, revoked", async () => {
    await link("API keys").click();
    await button("New key").click();
    await page.getByLabel("Name").fill(hidden);
    await page.getByLabel("Expires in days").fill("30");
    await page.getByLabel("Session calls a minute").fill("120");
    await look(page, "key-form");
    await button("Create key").click();
    const raw = (await page.locator("[data-raw-key]").textContent()).trim();
    assert.match(raw, /^\w{20,}$/);
    await page.keyboard.press("Escape");
    assert.ok(await page.locator("[data-raw-key]").isVisible(), "a key that is shown once does not go by a slip");
    await button("I have it").click();
    await button(`Revoke ${hidden}`).waitFor();
    assert.ok(!(await page.content()).includes(raw));
    const answer = await fetch(env.url + "/v1/sessions", { headers: { Authorization: "Bearer " + raw } });
    assert.equal(answer.status, 200);
    await look(page, "keys");
    await button(`Revoke ${hidden}`).click();
    await button("Revoke the key").click();
    await button(`Revoke ${hidden}`).waitFor({ state: "detached" });
    assert.equal((await fetch(env.url + "/v1/sessions", { headers: { Authorization: "Bearer " + raw } })).status, 401);
  }],
  ["usage", async () => {
    await link("Usage").click();
    await page.getByText("Stored").first().waitFor();
    await page.getByRole("heading", { name: "By the day" }).waitFor();
    await page.getByRole("heading", { name: "Had to wait" }).waitFor();
    assert.ok(Number(await page.locator(".activity .figure").first().textContent()) > 0, "requests of today");
    await look(page, "usage");
  }],
  ["a recording of hostile names, in the list with its filters in the address", async () => {
    session = await recording({ user: hidden, device: hostile.slice(0, 80), gap: true, channels: ["C3", "Cz", "C4", "Pz", "O1", `O2${hidden.slice(0, 30)}`], events: [{ onset_ms: 4000, label: hostile }, { onset_ms: 9000, duration_ms: 1500, label: "eyes closed" }], more: { name: hostile.slice(0, 100), tags: [hidden.slice(0, 40)] } });
    await recording({ seconds: 3, user: "other", device: "plain" });
    await link("Sessions").click();
    await page.getByRole("row").nth(2).waitFor();
    await page.getByLabel("Search").fill("plain");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    assert.match(await place(), /q=plain/);
    await page.getByLabel("Search").fill("nothing of the kind");
    await page.getByText("None of these").waitFor();
    await button("Clear filters").click();
    await page.getByLabel("Kind").selectOption("RECORDED");
    await page.getByRole("row").nth(2).waitFor();
    await look(page, "sessions");
    await page.reload();
    assert.equal(await page.getByLabel("Kind").inputValue(), "RECORDED");
  }],
  ["the session page draws it: traces, gap, quality, bands, spectrum, map, events", async () => {
    await page.goto(`${env.url}/#/p/${env.project}/sessions/${session.id}`);
    await page.waitForSelector(".stage canvas");
    await page.waitForFunction(() => window.neurodViewer && !window.neurodViewer.cache.failed && window.neurodViewer.cache.asked > 0);
    await page.getByText("eyes closed").first().waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".uplot").length >= 3);
    const drawn = await inked(5000);
    assert.ok(drawn.colours > 4, JSON.stringify(drawn));
    await look(page, "session");
  }],
  ["features on request are drawn over time and listed by channel", async () => {
    const asked = await recording({ user: "features", seconds: 30, more: { features: ["band_power", "relative_power", "aperiodic", "alpha_peak"] } });
    await page.goto(`${env.url}/#/p/${env.project}/sessions/${asked.id}`);
    await page.getByRole("heading", { name: "Features on request" }).waitFor();
    for (const name of ["Relative power over time", "1/f exponent over time", "Alpha peak over time"]) await page.getByRole("img", { name }).locator(".uplot").waitFor();
    const table = page.getByRole("region", { name: "Features of each channel" });
    assert.deepEqual(await table.locator("thead th").allTextContents(), ["Channel", "α peak, Hz", "1/f", "δ µV²", "θ µV²", "α µV²", "β µV²", "γ µV²"]);
    // The recording holds 5 Hz in C3 and 10 Hz in Cz.
    const cells = async (k) => (await table.locator("tbody tr").nth(k).locator("td").allTextContents()).map(Number);
    await page.waitForFunction(() => [...document.querySelectorAll(".asked tbody tr")].every((r) => r.children[3].textContent !== "–"));
    const [c3, cz] = [await cells(0), await cells(1)];
    assert.ok(c3[3] > 100 && c3[3] > 5 * c3[4], `theta of C3: ${c3}`);
    assert.ok(cz[4] > 100 && Math.abs(cz[0] - 10) < 1, `alpha of Cz: ${cz}`);
    await table.scrollIntoViewIfNeeded();
    await look(page, "features");
    await page.goto(`${env.url}/#/p/${env.project}/sessions/${session.id}`);
    await page.waitForSelector(".stage canvas");
    assert.equal(await page.getByRole("heading", { name: "Features on request" }).count(), 0);
    await inked(5000);
  }],
  ["it is looked through by keys, and the address says where one is", async () => {
    await page.locator(".stage").focus();
    const left = () => page.evaluate(() => window.neurodViewer.left);
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => Math.abs(window.neurodViewer.left - 1000) < 1);
    await page.keyboard.press("Shift+ArrowRight");
    await page.waitForFunction(() => window.neurodViewer.left > 9000);
    await page.keyboard.press("Home");
    await page.waitForFunction(() => window.neurodViewer.left === 0);
    const gain = await page.evaluate(() => window.neurodViewer.gain);
    await page.keyboard.press("+");
    await page.waitForFunction((g) => window.neurodViewer.gain < g, gain);
    await page.keyboard.press("[");
    await page.waitForFunction(() => window.neurodViewer.settings.page === 5000);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("c");
    await page.waitForFunction(() => /w=5/.test(location.hash) && /s=C3/.test(location.hash) && /at=/.test(location.hash));
    await page.getByLabel("Order").selectOption("hemisphere");
    await page.getByLabel("High-pass").selectOption("1");
    await page.getByLabel("Low-pass").selectOption("30");
    await page.getByLabel("Mains").selectOption("50");
    await page.getByRole("combobox", { name: /^Band/ }).selectOption("beta");
    await page.waitForFunction(() => /o=hemisphere/.test(location.hash) && /n=50/.test(location.hash) && /band=beta/.test(location.hash));
    const shared = page.url();
    await page.goto("about:blank");
    await page.goto(shared);
    await page.waitForFunction(() => window.neurodViewer?.settings.page === 5000 && window.neurodViewer.settings.order === "hemisphere");
    assert.ok((await left()) >= 0);
    await page.keyboard.press("Tab");
    await page.locator(".stage").focus();
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keys over the traces" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByLabel("Place in the recording").fill("12000");
    await page.waitForFunction(() => window.neurodViewer.left > 9000);
  }],
  ["a page of hours reads no more than it shows", async () => {
    await page.evaluate(() => window.neurodViewer.set({ page: 60_000 }));
    await page.getByLabel("Longer page").click();
    await page.waitForFunction(() => window.neurodViewer.cache.asked > 0);
  }],
  ["the pointer sets the cursor, moves the page and annotates", async () => {
    await page.goto(`${env.url}/#/p/${env.project}/sessions/${session.id}?t=2`);
    await page.waitForFunction(() => window.neurodViewer?.left === 2000);
    const box = await page.locator(".stage").boundingBox();
    await page.mouse.click(box.x + box.width / 2, box.y + 60);
    await page.waitForFunction(() => window.neurodViewer.cursor > 0);
    await page.mouse.move(box.x + 700, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + 500, box.y + 100, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => window.neurodViewer.left > 2500);
    await page.keyboard.down("Shift");
    await page.mouse.move(box.x + 300, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + 500, box.y + 100, { steps: 4 });
    await page.mouse.up();
    await page.keyboard.up("Shift");
    await page.getByRole("heading", { name: "New annotation" }).waitFor();
    await page.getByLabel("What happened").fill(hostile);
    await look(page, "annotation", { narrow: false });
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" }).catch(() => {});
    await page.waitForFunction(() => !document.querySelector("dialog[open]"));
    const list = await api("GET", `/v1/sessions/${session.id}/events`);
    const added = list.find((e) => e.source === "api" && e.duration_ms > 500 && e.label === hostile);
    assert.ok(added, JSON.stringify(list));
    await button(/^Change eyes closed/).click();
    await page.getByLabel("What happened").fill("eyes shut");
    await page.getByRole("dialog").getByRole("combobox").selectOption("O1");
    await button("Save").click();
    await page.getByRole("cell", { name: "eyes shut", exact: true }).waitFor();
    await button(/^Change eyes shut/).click();
    await button("Delete").click();
    await page.getByRole("cell", { name: "eyes shut", exact: true }).waitFor({ state: "detached" });
  }],
  ["exports: windows, everything, samples, and the view as it is", async () => {
    for (const [name, sign] of [["Windows as CSV", /^index,seq/], ["Everything as JSON", /^\{"session"/], ["Samples as EDF+", /^0  {5}/], ["This view, filtered, as CSV", /^time_s,/]]) {
      await button(/^Export/).click();
      const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name }).click()]);
      const path = await file.path();
      const text = await readFile(path, "latin1");
      assert.match(text, sign, name);
      assert.doesNotMatch(file.suggestedFilename(), /[^\w.-]/);
      if (name.includes("EDF")) edf = await readFile(path);
      await button("Export").waitFor();
    }
  }],
  ["an import by a file of any name, with its progress", async () => {
    await link("Sessions").click();
    await page.getByRole("link", { name: "Import" }).click();
    await heading("Import recordings").waitFor();
    await look(page, "import");
    await page.getByLabel("Person").fill("imported");
    await page.setInputFiles("input[type=file]", [{ name: `${hostile.replaceAll("/", "")}.edf`, mimeType: "application/octet-stream", buffer: edf }, { name: "broken.edf", mimeType: "application/octet-stream", buffer: Buffer.from("0       this is no recording") }]);
    allow.push(/status of 422/);
    await button("Import 2 files").click();
    await page.getByText("imported", { exact: true }).waitFor();
    await page.getByText("failed", { exact: true }).waitFor();
    allow.length = 0;
    await look(page, "import-done");
    await page.getByRole("link", { name: "Open the session" }).first().click();
    await page.waitForSelector(".stage canvas");
  }],
  ["jobs with filters; a job with its time line", async () => {
    await link("Jobs").click();
    await page.getByRole("row").nth(2).waitFor();
    await look(page, "jobs");
    await page.getByLabel("Kind").selectOption("session_import");
    await page.waitForFunction(() => [...document.querySelectorAll("tbody tr")].every((r) => r.textContent.includes("Import")));
    await page.locator("tbody a.main").first().click();
    await page.getByRole("heading", { name: "Time line" }).waitFor();
    await page.getByText("Accepted, in the queue").waitFor();
    await page.getByText("Claimed by a worker").waitFor(); // as its attempts are told
    await look(page, "job");
  }],
  ["models: list, card, download held to its checksum", async () => {
    await link("Models").click();
    await page.getByRole("row").nth(3).waitFor();
    await look(page, "models");
    await page.getByLabel("Paradigm").selectOption("motor_imagery");
    await page.getByLabel("Search").fill("8ch");
    await page.locator("tbody a.main").first().click();
    await page.getByText("What it was measured to reach").waitFor();
    await look(page, "model");
    const [file] = await Promise.all([page.waitForEvent("download"), button("Download").click()]);
    assert.match(file.suggestedFilename(), /\.nrdm$/);
  }],
  ["a model is trained from a session with cues, twice, and rolled back", async () => {
    await recording({ user: "learner", cues: 32, rate: 128, channels: ["C3", "Cz", "C4", "Pz"] });
    await link("Models").click();
    await page.getByRole("link", { name: "Train a model" }).click();
    for (let round = 0; round < 2; round++) {
      if (!(await page.getByRole("checkbox", { name: /^learner/ }).isChecked())) await page.getByRole("checkbox", { name: /^learner/ }).check();
      await page.getByLabel(/^left ×/).fill("left_hand");
      await page.getByLabel(/^right ×/).fill("right_hand");
      await page.getByLabel("Name").fill("console-hands");
      if (!round) assert.ok(await page.getByLabel("Starts from").isVisible());
      await page.getByLabel("Pipeline").selectOption("csp_lda"); // which starts from nothing
      assert.equal(await page.getByLabel("Starts from").count(), 0);
      if (!round) await look(page, "train");
      await button("Train").click();
      await page.getByRole("heading", { name: "It is trained" }).waitFor({ timeout: 120_000 });
      if (!round) await button("Train another").click();
    }
    await page.getByRole("link", { name: "console-hands@2" }).click();
    await page.getByText("With fewer training trials").waitFor();
    await page.getByRole("img", { name: /^Reliability/ }).waitFor();
    await look(page, "model-own");
    await button("Make it active").click();
    await button("Roll back").click();
    await page.getByText("Version 1 is the active one.").waitFor();
    await button("Delete version 2").click();
    await button("Delete it").click();
    await page.getByText("Version 2 is deleted.").waitFor();
  }],
  ["one that goes on learning is calibrated from its page", async () => {
    await page.goto(`${env.url}/#/p/${env.project}/train?name=console-calibrated`);
    await page.getByRole("checkbox", { name: /^learner/ }).check();
    await page.getByLabel(/^left ×/).fill("left_hand");
    await page.getByLabel(/^right ×/).fill("right_hand");
    await page.getByLabel("Pipeline").selectOption("csp_rxlda");
    await button("Train").click();
    await page.getByRole("heading", { name: "It is trained" }).waitFor({ timeout: 120_000 });
    await page.getByRole("link", { name: "console-calibrated@1" }).click();
    await page.getByRole("link", { name: "Calibrate", exact: true }).click();
    await heading("Calibrate console-calibrated").waitFor();
    await page.getByRole("checkbox", { name: /^learner/ }).check();
    assert.ok(await page.getByText("Give a class to at least one event.").isVisible());
    await page.getByLabel(/^left ×/).fill("left_hand");
    await look(page, "calibrate");
    await button("Calibrate").click();
    await page.getByRole("heading", { name: "It is trained" }).waitFor({ timeout: 120_000 });
    await page.getByText("16 of 16 trials were used.").waitFor();
    await page.getByRole("link", { name: "console-calibrated@2" }).click();
    await button("Delete version 1").waitFor(); // the old one is kept
    assert.equal((await api("GET", "/api/v1/models/console-calibrated")).active_version, "2");
  }],
  ["one that starts from others has the curve of its trials alone beside its own, and is a base itself", async () => {
    await page.goto(`${env.url}/#/p/${env.project}/train?name=console-on-top`);
    await page.getByRole("checkbox", { name: /^learner/ }).check();
    await page.getByLabel(/^left ×/).fill("left");
    await page.getByLabel(/^right ×/).fill("both_feet");
    assert.equal(await page.getByLabel("Starts from").count(), 0);
    await page.getByLabel(/^right ×/).fill("right fist");
    assert.deepEqual(await page.getByLabel("Starts from").locator("option").evaluateAll((all) => all.map((o) => o.value)), ["none", "builtin"]);
    await page.getByLabel("Starts from").selectOption("builtin");
    await look(page, "train-base");
    await button("Train").click();
    await page.getByRole("heading", { name: "It is trained" }).waitFor({ timeout: 120_000 });
    await page.getByRole("link", { name: "console-on-top@1" }).click();
    const legend = page.locator("section", { has: page.getByRole("heading", { name: "With fewer training trials" }) }).locator(".u-legend");
    await legend.waitFor();
    assert.deepEqual((await legend.locator(".u-series .u-label").allTextContents()).slice(1), ["accuracy", "of the trials alone", "chance"]);
    await page.getByText("the people of the built-in models").waitFor();
    await legend.scrollIntoViewIfNeeded();
    await look(page, "model-base");
    const { versions: [made] } = await api("GET", "/api/v1/models/console-on-top");
    assert.equal(made.card.trained_with.base, "builtin");
    assert.ok(made.card.learning_curve.some((p) => p.accuracy_alone > 0), JSON.stringify(made.card.learning_curve));
    await page.getByRole("link", { name: "Train again" }).click();
    await page.getByRole("checkbox", { name: /^learner/ }).check();
    await page.getByLabel(/^left ×/).fill("left");
    await page.getByLabel(/^right ×/).fill("right");
    await page.getByLabel("Starts from").locator("option", { hasText: "console-on-top@1" }).waitFor({ state: "attached" });
  }],
  ["a file is decoded; what cannot be is told", async () => {
    await link("Decode").click();
    await page.setInputFiles("input[type=file]", { name: "x.edf", mimeType: "application/octet-stream", buffer: edf });
    await page.getByLabel("Paradigm").selectOption("seizure");
    await button("Decode").click();
    await page.getByText(/Decoded as|could not be decoded/).first().waitFor();
    await page.getByLabel(/^Flicker, label/).waitFor({ state: "detached" });
  }],
  ["a model is balanced by the clips of a file's events", async () => {
    const moved = await recording({ user: "mover", cues: 8, rate: 160, channels: ["C3", "Cz", "C4", "Pz"] });
    const response = await fetch(`${env.url}/v1/sessions/${moved.id}/export?format=edf`, { headers: { Authorization: `Bearer ${env.key}` } });
    await page.setInputFiles("input[type=file]", { name: "cues.edf", mimeType: "application/octet-stream", buffer: Buffer.from(await response.arrayBuffer()) });
    await page.getByLabel("Paradigm").selectOption("motor_imagery");
    assert.equal(await page.getByLabel("Alignment").count(), 0);
    await page.getByLabel("Model").selectOption("motor_imagery-left_right-c3c4"); // was not trained with alignment
    await page.getByLabel("Events").selectOption("all");
    assert.deepEqual(await page.getByLabel("Alignment").locator("option").evaluateAll((all) => all.map((o) => o.value)), ["", "balance", "none"]);
    await page.getByLabel("Alignment").selectOption("balance");
    assert.match(await page.locator("pre.code").textContent(), /"alignment":"balance"/);
    await button("Decode").click();
    await page.getByText("Decoded as Motor imagery").waitFor();
    await page.getByText(/^balanced by 8 clips of the person$/).waitFor();
    await look(page, "decode-balance");
  }],
  ["a job that has ended runs again, as another one", async () => {
    await link("Jobs").click();
    await page.getByLabel("Kind").selectOption("neuro_decode");
    await page.waitForFunction(() => [...document.querySelectorAll("tbody tr")].every((r) => r.textContent.includes("Decode")));
    await page.locator("tbody a.main").first().click();
    await page.getByRole("heading", { name: "Time line" }).waitFor();
    const first = await place();
    await button("Run again").click();
    await page.waitForFunction((was) => location.hash !== was && /jobs\/./.test(location.hash), first);
    await page.getByText(/^(Completed|Failed)$/).first().waitFor();
    const [was, now] = await Promise.all([first, await place()].map((p) => api("GET", `/api/v1/jobs/${p.split("/").at(-1)}`)));
    assert.deepEqual([now.data.payload.output?.decoded_intent, now.status], [was.data.payload.output?.decoded_intent, was.status]);
    await page.goBack();
    await page.waitForFunction((was) => location.hash === was, first);
  }],
  ["a played headset is seen live, frozen, gone on with and ended", async () => {
    await link("Sessions").click();
    await button("Play a headset").click();
    await page.waitForSelector(".stage canvas");
    await page.waitForFunction(() => window.neurodViewer?.live && window.neurodViewer.newest > 3000);
    await page.waitForFunction(() => [...document.querySelectorAll("h2")].some((h) => h.textContent === "Live decodes") && document.querySelector(".intent"), undefined, { timeout: 60_000 });
    await inked(2000);
    await look(page, "live");
    // What others annotate is there at once, long before it would be asked for.
    const events = `/v1/sessions/${(await place()).split(/[/?]/)[4]}/events`;
    const cell = (text) => page.getByRole("cell", { name: text, exact: true });
    const [{ seq }] = await api("POST", events, { events: [{ onset_ms: 1000, label: "of another" }] });
    await cell("of another").waitFor({ timeout: 15_000 });
    await api("PATCH", `${events}/${seq}`, { label: "of another, mended" });
    await cell("of another, mended").waitFor({ timeout: 15_000 });
    await api("DELETE", `${events}/${seq}`);
    await cell("of another, mended").waitFor({ state: "detached", timeout: 15_000 });
    await page.locator(".stage").focus();
    await page.keyboard.press("Space");
    await button("Go live").waitFor();
    const at = await page.evaluate(() => window.neurodViewer.left);
    // Samples come, and the picture stays where it is.
    const had = await page.evaluate(() => window.neurodViewer.newest);
    await page.waitForFunction((n) => window.neurodViewer.newest > n, had);
    assert.equal(await page.evaluate(() => window.neurodViewer.left), at);
    await page.keyboard.press("Space");
    await page.waitForFunction((l) => window.neurodViewer.left > l, at);
    // A batch that is under way when it is ended is still stored.
    let ended;
    const end = new Promise((resolve) => (ended = resolve));
    await page.route(/\/ingest\?/, async (route) => {
      await end;
      await route.continue();
    });
    await page.waitForRequest(/\/ingest\?/);
    await button("End session").click();
    ended();
    await page.getByText("The session has ended.").waitFor();
    await page.unroute(/\/ingest\?/);
    await page.locator(".badge", { hasText: "ended" }).waitFor();
  }],
  ["a person is erased after their id was typed", async () => {
    await page.goto(`${env.url}/#/p/${env.project}/sessions/${session.id}`);
    await button(/^Erase person/).click();
    await look(page, "erase", { narrow: false });
    assert.ok(await button("Erase for good").isDisabled());
    await page.getByLabel("Type the person's id to go on").fill(hidden);
    await button("Erase for good").click();
    await page.getByText(/^Erased: 1 sessions/).waitFor();
    assert.equal((await api("GET", "/v1/sessions")).filter((s) => s.external_user_id === hidden).length, 0);
  }],
  ["what is not there is told, whatever the address", async () => {
    for (const address of ["#/nowhere", "#/p/none/sessions", `#/p/${env.project}/nothing`, "#/p/%E0%A4%A"]) {
      await page.goto(env.url + "/" + address);
      await page.getByText(/There is no such/).waitFor();
    }
    await look(page, "not-found");
  }],
  ["at 2560 px it uses the room", async () => {
    await page.setViewportSize({ width: 2560, height: 1300 });
    const id = (await api("GET", "/v1/sessions"))[0].session_id;
    await page.goto(`${env.url}/#/p/${env.project}/sessions/${id}`);
    await page.waitForSelector(".stage canvas");
    await page.waitForFunction(() => document.querySelector(".stage").clientWidth > 1800);
    if (env.shots) await page.screenshot({ path: `${env.shots}/session-2560.png` });
    await page.setViewportSize({ width: 1360, height: 900 });
  }],
  ["the main path by keys alone: log in, open, decode, read the answer", async () => {
    await page.goto(`${env.url}/#/account`);
    await heading("Your account").waitFor();
    await look(page, "account");
    await button("Log out everywhere").click();
    await heading("Log in").waitFor();
    const focusOn = async (want, key = "Tab") => {
      for (let i = 0; i < 60; i++) {
        const name = await page.evaluate(() => {
          const e = document.activeElement;
          return `${e.tagName.toLowerCase()} ${(e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? e.textContent ?? "").trim()}`;
        });
        if (want.test(name)) return;
        await page.keyboard.press(key);
      }
      throw new Error(`no key leads to ${want}`);
    };
    await focusOn(/^input E-mail/);
    await page.keyboard.type(env.mail);
    await focusOn(/^input Password/);
    await page.keyboard.type(env.password);
    await page.keyboard.press("Enter");
    await heading(/Projects|Your account/).waitFor();
    await page.evaluate(() => (location.hash = "#/"));
    await heading("Projects").waitFor();
    await focusOn(/^a console/);
    await page.keyboard.press("Enter");
    await heading("console").waitFor();
    await focusOn(/^a Decode$/);
    await page.keyboard.press("Enter");
    await heading("Decode").waitFor();
    await focusOn(/^input Looking at the door/);
    await page.keyboard.press("Space");
    await focusOn(/^button Decode$/);
    await page.keyboard.press("Enter");
    await page.getByText("Decoded as SSVEP").waitFor();
    assert.ok(await page.evaluate(() => document.activeElement.textContent.includes("Decoded as SSVEP")), "the answer has the focus");
  }],
]);
await browser.close();
