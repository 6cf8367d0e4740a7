// The package as it is shipped, in a clean folder where it is installed as @voxel/sdk.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { apiKey, projectId, root, tools, url } from "./helpers.mjs";

const run = promisify(execFile);
const app = join(import.meta.dirname, "..");
const installed = join(app, "node_modules/@voxel/sdk");
const sdk = join(root, "sdk/typescript");
const env = { ...process.env, VOXEL_BASE_URL: url, VOXEL_API_KEY: apiKey, VOXEL_PROJECT_ID: projectId };

const script = `
const client = new VoxelClient();
const session = await client.createSession({ external_user_id: "u", device_type: "d", sample_rate_hz: 250, channels: ["Cz"] });
console.log((await client.endSession(session.session_id)).status);
`;

test("it is imported as an ES module and as CommonJS", async () => {
  await writeFile(join(app, "esm.mjs"), `import { VoxelClient } from "@voxel/sdk";\n${script}`);
  await writeFile(join(app, "cjs.cjs"), `const { VoxelClient } = require("@voxel/sdk");\n(async () => {${script}})();`);
  for (const file of ["esm.mjs", "cjs.cjs"]) {
    const { stdout } = await run(process.execPath, [file], { cwd: app, env });
    assert.equal(stdout, "ended\n", file);
  }
});

for (const [runtime, ...flags] of [[process.execPath], ["bun"], ["deno", "run", "--allow-all"]]) {
  test(`it does the same in ${runtime === process.execPath ? "Node without a flag" : runtime}`, async (t) => {
    const program = await run(runtime, ["--version"]).catch(() => undefined);
    if (!program) return t.skip("it is not on this machine");
    const { stdout } = await run(runtime, [...flags, join(import.meta.dirname, "runtime.mjs")], { cwd: app, env });
    const stream = [...Array.from({ length: 17 }, (_, i) => i + 1), "session_ended"];
    assert.deepEqual(JSON.parse(stdout), {
      streams: { sse: stream, auto: stream }, gzip: 25600, imported: 25600, checksum: true, failed: "DecodeFailed payload_too_short",
      refused: "InvalidRequestError unsupported_format", away: "APIConnectionError", aborted: "Error",
    });
  });
}

test("it is imported by TypeScript under every resolution of modules", async () => {
  const dir = await mkdtemp(join(app, "types-"));
  const typed = `
import { VoxelClient, verifyWebhook, InvalidRequestError, type FeatureWindow, type DecodeResult } from "@voxel/sdk";
export async function main(): Promise<number | null | undefined> {
  const client = new VoxelClient({ apiKey: "k", signalNever: undefined } as { apiKey: string });
  const session = await client.createSession({ external_user_id: "u", device_type: "d", sample_rate_hz: 250, channels: ["Cz"] });
  // @ts-expect-error a rate is a number
  await client.createSession({ external_user_id: "u", device_type: "d", sample_rate_hz: "250", channels: ["Cz"] });
  for await (const m of session.stream({ signal: AbortSignal.timeout(1) })) {
    if (m.type === "features") { const w: FeatureWindow = m.data; void w; }
    else if (m.type === "session_ended") m.data.ended_at?.length;
  }
  const windows = await client.getFeatures(session.session_id, 1);
  const result: DecodeResult = await client.decode(new Float32Array(8), { paradigm: "motor_imagery", channels: 8, sample_rate: 250 });
  for await (const job of client.jobs.list({ state: "failed" })) job.error?.code.length;
  try { await verifyWebhook("", {}, ""); } catch (e) { if (e instanceof InvalidRequestError) e.fields[0]?.pointer; }
  return windows[0]?.features.bandpower.alpha ?? result.confidence;
}
`;
  await writeFile(join(dir, "module.mts"), typed);
  await writeFile(join(dir, "common.cts"), typed);
  await writeFile(join(dir, "plain.ts"), typed);
  const tsc = tools.resolve("typescript/bin/tsc");
  const check = (files, ...how) => run(process.execPath, [tsc, "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom,dom.asynciterable", ...how, ...files], { cwd: dir })
    .catch((e) => assert.fail(`${how.join(" ")}: ${e.stdout}`));
  await Promise.all([
    check(["module.mts", "common.cts"], "--module", "nodenext", "--skipLibCheck", "false"), check(["plain.ts"], "--module", "esnext", "--moduleResolution", "bundler"),
    check(["plain.ts"], "--module", "commonjs", "--moduleResolution", "node10"),
  ]);
});

test("it has no dependency, and nothing but what is meant", async () => {
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  assert.deepEqual([manifest.dependencies, manifest.peerDependencies, manifest.scripts?.install, manifest.scripts?.postinstall], [undefined, undefined, undefined, undefined]);
  assert.deepEqual((await readdir(installed)).sort(), ["README.md", "lib", "package.json"]);
  const files = await readdir(join(installed, "lib"), { recursive: true });
  assert.ok(files.every((f) => !/test|\.map$/.test(f)));
  const imports = await Promise.all(files.filter((f) => f.endsWith(".js")).map((f) => readFile(join(installed, "lib", f), "utf8")));
  for (const text of imports) assert.doesNotMatch(text, /from "[^.]|require\("[^.]/, "an import of something else");
});

test("it is small, and what is not used is left out of a bundle", async () => {
  const esbuild = tools("esbuild");
  const size = async (code) => {
    const { outputFiles } = await esbuild.build({ stdin: { contents: code, resolveDir: app }, bundle: true, minify: true, format: "esm", write: false, target: "es2022" });
    return gzipSync(outputFiles[0].contents, { level: 9 }).length;
  };
  const whole = await size('export * from "@voxel/sdk"');
  const verify = await size('export { verifyWebhook } from "@voxel/sdk"');
  const file = gzipSync(await readFile(join(installed, "lib/browser/neurod-sdk.js")), { level: 9 }).length;
  console.log(`gzipped: all ${whole} bytes, the file for pages ${file}, verifyWebhook alone ${verify}`);
  assert.ok(whole < 18_000 && file < 18_000, `${whole} and ${file} bytes`);
  assert.ok(verify < 1_500, `${verify} bytes`);
});

test("its manifest is sound", async () => {
  const { publint } = await import(tools.resolve("publint"));
  const { formatMessage } = await import(tools.resolve("publint/utils"));
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true, pack: false });
  assert.deepEqual(messages.map((m) => formatMessage(m, pkg)), []);
});

test("the types and the reference are those of the contract and the code", async () => {
  for (const tool of ["types.mjs", "reference.mjs"]) await run(process.execPath, [join(sdk, "tools", tool), "--check"], { cwd: sdk }).catch((e) => assert.fail(e.stderr));
});

test("the lock file names no registry", async () => {
  assert.doesNotMatch(await readFile(join(sdk, "package-lock.json"), "utf8"), /"resolved"|https?:\/\/[^"]*registry/);
});
