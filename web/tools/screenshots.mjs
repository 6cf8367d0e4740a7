// Takes the pictures of README.md: a live session, and the page of operators. tools/screenshots.sh starts the server.
import { join } from "node:path";
import { env, launch, open } from "../test/browser.mjs";

const browser = await launch();
const { page } = await open(browser, { viewport: { width: 1280, height: 860 }, colorScheme: "light" });
await page.goto(env.url + "/");
await page.getByRole("button", { name: "Use it" }).click();
await page.getByRole("heading", { name: "Projects" }).waitFor();
await page.locator("a.tile").first().click();
await page.getByRole("link", { name: "Decode", exact: true }).first().click();
for (const example of ["door", "lamp", "left hand"]) {
  await page.getByRole("radio", { name: new RegExp(example) }).check();
  await page.getByRole("button", { name: "Decode", exact: true }).click();
  await page.getByText(/^Decoded as|could not be/).first().waitFor();
}
await page.getByRole("link", { name: "Sessions", exact: true }).click();
await page.getByRole("button", { name: "Play a headset" }).first().click();
await page.waitForFunction(() => window.neurodViewer?.live && window.neurodViewer.newest > 24_000, undefined, { timeout: 120_000 });
await page.waitForFunction(() => document.querySelector(".intent"));
await page.screenshot({ path: join(process.argv[2], "console-session.png") });
await page.goto(env.url + "/admin");
await page.waitForFunction(() => document.querySelectorAll(".uplot").length === 3);
await page.waitForTimeout(1500);
await page.screenshot({ path: join(process.argv[2], "console-admin.png") });
await browser.close();
