// The pages of operators: each view and each action, on jobs of several projects, some of which failed. Who is no operator sees none of it.
import assert from "node:assert/strict";
import { api, env, hostile, launch, look, open, recording, steps } from "./browser.mjs";

const browser = await launch();
const { page, faults, allow } = await open(browser);
const link = (name) => page.getByRole("navigation").getByRole("link", { name, exact: true });
const button = (name) => page.getByRole("button", { name, exact: typeof name === "string" });
let noise;
const heading = (name) => page.getByRole("heading", { name, level: 1 });

async function login(mail) {
  await page.getByLabel("E-mail").fill(mail);
  await page.getByLabel("Password").fill(env.password);
  await page.keyboard.press("Enter");
}

/** The page of workers says how many are wanted, and what the supervisor did that the pair with processes of its own has. */
async function scaled() {
  const card = page.locator("section", { has: page.getByRole("heading", { name: "Scale", exact: true }) });
  await card.getByText(/\d+ running, \d+ waiting/).waitFor();
  assert.match(await card.locator("dd").nth(1).textContent(), /^\d+.*\(.+\)$/s);
  if (env.pair === "embedded") await card.getByText("No supervisor has started or ended a worker.").waitFor();
  else await card.getByRole("listitem").filter({ hasText: /up on .+: 0 → 1 workers \(.+\)/ }).waitFor();
}

await steps(page, faults, [
  ["who is no operator is told so", async () => {
    await page.goto(env.url + "/admin");
    await login(env.mail);
    await page.getByText("For operators of the server").waitFor();
    await look(page, "admin-refused");
    await button("Log out").click();
    await heading("Log in").waitFor();
  }],
  ["queues: what waits, throughput and percentiles, paused and resumed", async () => {
    // Jobs that went well, that failed, and that cannot be decoded, under names that would do harm.
    await recording({ seconds: 6, user: "x", device: hostile.slice(0, 60) });
    noise = Buffer.from(Float32Array.from({ length: 4000 }, (_, i) => 10 * Math.sin(i * i)).buffer).toString("base64");
    const made = [];
    for (let i = 0; i < 6; i++) made.push(await api("POST", "/api/v1/neuro/decode", { input: { type: "eeg", data: noise, paradigm: "motor_imagery", channels: ["C3", "Cz", "C4", "Pz"], sample_rate: i < 3 ? 250 : 16 } }).catch(() => undefined));
    for (const j of made) if (j) await api("GET", `/api/v1/jobs/${j.id}?wait_for_completion=true`);
    await login(env.operator);
    await heading("Queues").waitFor();
    await page.getByRole("heading", { name: "interactive" }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".uplot").length === 3);
    await look(page, "admin");
    for (const period of ["24 hours", "7 days", "1 hour"]) await page.getByRole("group", { name: "Period" }).getByRole("button", { name: period }).click();
    await page.locator("section", { has: page.getByRole("heading", { name: "interactive" }) }).getByRole("button", { name: "Pause" }).click();
    await button("Pause it").click();
    await page.getByText("paused", { exact: true }).waitFor();
    const waiting = await api("POST", "/api/v1/neuro/decode", { input: { type: "eeg", data: noise, paradigm: "motor_imagery", channels: ["C3", "Cz", "C4", "Pz"], sample_rate: 250 } });
    await page.goto(env.url + "/admin#/jobs?state=queued");
    await page.locator("tbody a.main").first().click();
    await page.getByText("Accepted, in the queue").waitFor();
    await look(page, "admin-job");
    await button("Cancel").click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel it" }).click();
    await page.getByText("The job is canceled.").waitFor();
    assert.equal((await api("GET", `/api/v1/jobs/${waiting.id}`)).status, "canceled");
    await link("Queues").click();
    await button("Resume").click();
    await page.getByText("paused", { exact: true }).waitFor({ state: "detached" });
  }],
  ["jobs across projects, by filters in the address; many at once, with the count first", async () => {
    await link("Jobs").click();
    await page.getByRole("row").nth(3).waitFor();
    await look(page, "admin-jobs");
    await page.getByLabel("Kind").selectOption("neuro_decode");
    await page.getByLabel("State").selectOption("canceled");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    assert.match(page.url(), /kind=neuro_decode/);
    await button("Retry all…").click();
    await page.getByRole("dialog").getByText(/jobs? (is|are) what the filters mean/).waitFor();
    assert.equal(await page.getByRole("dialog").locator(".figure").textContent(), "1");
    await look(page, "admin-bulk", { narrow: false });
    await page.getByRole("dialog").getByRole("button", { name: /^Retry 1/ }).click();
    await page.getByText(/^retry: \d+ of 1/).waitFor();
    await button("Done").click();
    await page.reload();
    assert.equal(await page.getByLabel("State").inputValue(), "canceled");
  }],
  ["a member cancels a job that waits", async () => {
    await link("Queues").click();
    await page.locator("section", { has: page.getByRole("heading", { name: "interactive" }) }).getByRole("button", { name: "Pause" }).click();
    await button("Pause it").click();
    await page.getByText("paused", { exact: true }).waitFor();
    const { id } = await api("POST", "/api/v1/neuro/decode", { input: { type: "eeg", data: noise, paradigm: "motor_imagery", channels: ["C3", "Cz", "C4", "Pz"], sample_rate: 250 } });
    await button("Log out").click();
    await heading("Log in").waitFor();
    await page.goto(`${env.url}/#/p/${env.project}/jobs/${id}`);
    await login(env.mail);
    await page.getByText("Claimed by a worker").waitFor();
    await button("Cancel").click();
    await button("Keep it running").click();
    await button("Cancel").click();
    await button("Cancel the job").click();
    await page.getByText("The job is canceled.").waitFor();
    await page.getByText("Canceled", { exact: true }).first().waitFor();
    assert.equal((await api("GET", `/api/v1/jobs/${id}`)).status, "canceled");
    await button("Log out").click();
    await heading("Log in").waitFor();
    await page.goto(env.url + "/admin");
    await login(env.operator);
    await button("Resume").click();
    await page.getByText("paused", { exact: true }).waitFor({ state: "detached" });
  }],
  ["dead letters, workers, projects, stores, audit", async () => {
    for (const [name, title, sign] of [["Dead letters", "Dead letters", /No dead letters|Reason/], ["Workers", "Workers", /slots in use/], ["Projects", "Projects", /console/], ["Stores", "Stores", /Database/], ["Audit log", "Audit log", /queue|job/]]) {
      await link(name).click();
      await heading(title).waitFor();
      await page.locator("main").getByText(sign).first().waitFor();
      if (name === "Workers") await scaled();
      await look(page, "admin-" + name.toLowerCase().replaceAll(" ", "-"));
    }
    assert.ok((await page.locator("main").textContent()).includes("queue"), "the pause stands in the log");
  }],
  ["samples and texts of recordings stand nowhere", async () => {
    const text = await page.evaluate(async () => (await Promise.all(["jobs", "workers", "audit", "load"].map(async (w) => (await fetch("/api/v1/admin/" + w)).status))).join());
    assert.equal(text, "401,401,401,401"); // the cookie alone opens nothing
    assert.equal(faults.filter((f) => /401/.test(f)).length, 4);
    faults.length = 0;
  }],
]);
void allow;
await browser.close();
