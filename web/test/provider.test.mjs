// Logging in through a provider: the browser leaves for a real one and comes back, with what it wanted, or with what went wrong.
import assert from "node:assert/strict";
import { env, hostile, launch, look, open, steps } from "./browser.mjs";

const browser = await launch();
const { page, context, faults, allow } = await open(browser);
const provider = process.env.NEUROD_TEST_PROVIDER;
allow.push(new RegExp("^a request to another origin: " + provider.slice(0, provider.lastIndexOf("/"))));
const heading = (name) => page.getByRole("heading", { name, level: 1 });
const place = () => page.evaluate(() => location.hash);
const leave = () => page.getByRole("link", { name: "Log in with Lab SSO" }).click();

/** Fills in the provider's own form. */
async function there(mail) {
  await page.waitForURL((u) => u.href.startsWith(provider));
  await page.locator("input[name=login]").fill(mail);
  await page.locator("input[name=password]").fill(env.password);
  await page.locator("button[type=submit]").click();
  await page.waitForURL((u) => u.href.startsWith(env.url));
}

await steps(page, faults, [
  ["the login page has the provider beside the password", async () => {
    await page.goto(env.url + "/");
    await heading("Log in").waitFor();
    await page.getByRole("link", { name: "Log in with Lab SSO" }).waitFor();
    await page.getByLabel("Password").waitFor();
    await look(page, "login-provider");
  }],
  ["a person comes back to where they wanted to go", async () => {
    await page.goto(env.url + "/#/account");
    await page.reload();
    await heading("Log in").waitFor();
    // A view that was opened without a login is not on the login page's address: it is where one comes back to.
    await leave();
    await there("ada@example.org");
    await heading("Your account").waitFor();
    assert.equal(await place(), "#/account");
    await page.getByText("You have no password: you log in with Lab SSO.").waitFor();
    await look(page, "account-provider");
  }],
  ["the login is the browser's: it stays, no script reads it, and it ends", async () => {
    await page.goto(env.url + "/#/");
    await page.reload();
    await heading("Projects").waitFor();
    const cookies = await context.cookies(env.url);
    const login = cookies.filter((c) => c.name.startsWith("neurod_"));
    assert.deepEqual(login.map((c) => [c.name.replace(/_\d+$/, ""), c.httpOnly, c.sameSite]), [["neurod_login", true, "Strict"]]);
    assert.equal(await page.evaluate(() => document.cookie), "");
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await heading("Log in").waitFor();
    await page.reload();
    await heading("Log in").waitFor();
  }],
  ["an address that the provider has not verified is told, and nobody is logged in", async () => {
    await leave();
    await there("grace@example.org");
    await page.getByRole("alert").getByText("Verify the address there").waitFor();
    await look(page, "login-refused");
    await page.reload();
    await heading("Log in").waitFor();
  }],
  ["an address cannot make the page say anything", async () => {
    await page.goto(env.url + "/#/login?error=" + encodeURIComponent(hostile));
    await page.reload();
    await page.getByRole("alert").getByText("The login has failed").waitFor();
    assert.ok(!(await page.content()).includes("{{7*7}}"));
    allow.push(/status of 401/);
    await page.goto(env.url + "/#/login?entered=yes&to=https://example.com/"); // nobody has come back
    await page.reload();
    await page.getByRole("alert").getByText("has not kept the login").waitFor();
    assert.ok(page.url().startsWith(env.url));
  }],
]);
await browser.close();
