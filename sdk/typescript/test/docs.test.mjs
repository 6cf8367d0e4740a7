// Every block of TypeScript and JavaScript in the documents, run against the server; and the example of Node.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { apiKey, compile, projectId, root, url } from "./helpers.mjs";

const app = join(import.meta.dirname, "..");
const env = { ...process.env, VOXEL_BASE_URL: url, VOXEL_API_KEY: apiKey, VOXEL_PROJECT_ID: projectId };
const run = (file, ...args) => new Promise((resolve) => {
  execFile(process.execPath, [file, ...args], { cwd: app, env, timeout: 300_000 }, (error, stdout, stderr) => resolve({ error, stdout, stderr }));
});

const blocks = {};
for (const page of ["sdk/typescript/README.md", "docs/10-clients.md"]) {
  const text = await readFile(join(root, page), "utf8");
  const found = [...text.matchAll(/```(?:ts|typescript)\n(.*?)```/gs)].map((m) => m[1]);
  test(`${page} has blocks of code`, () => assert.ok(found.length > 0));
  found.forEach((code, i) => {
    // Blocks stand alone but for the client.
    const whole = /new (VoxelClient|NeurodClient)\(|NeurodClient\.login|verifyWebhook/.test(code) ? code : `import { NeurodClient } from "@neurod/sdk";\nconst client = new NeurodClient();\n${code}`;
    blocks[`${page.replace(/\W/g, "-")}-${i + 1}`] = whole;
  });
}
compile(app, blocks);

test("the blocks run", { concurrency: 3 }, async (t) => {
  await Promise.all(Object.keys(blocks).map((name) => t.test(name, async () => {
    const { error, stderr } = await run(name + ".mjs");
    assert.equal(error, null, stderr);
  })));
});

test("the example of Node", async () => {
  await copyFile(join(root, "examples/node/stream.mjs"), join(app, "stream.mjs"));
  const { error, stdout, stderr } = await run("stream.mjs", "6", "20");
  assert.equal(error, null, stderr);
  assert.match(stdout, /1500 samples sent, 0 lost/);
  assert.equal(stdout.match(/^alpha [\d.]+ µV², quality [\d.]+$/gm)?.length, 3, stdout);
  assert.equal(stdout.match(/^intent door \d+ %$/gm)?.length, 5, stdout);
});
