// Builds lib: ES modules and CommonJS with their declarations, and one minified file for pages.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";

process.chdir(new URL("..", import.meta.url).pathname);
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const { version } = JSON.parse(readFileSync("package.json", "utf8"));

if (!readFileSync("src/version.ts", "utf8").includes(`version = "${version}"`)) throw new Error(`src/version.ts is not ${version}, as package.json is`);
rmSync("lib", { recursive: true, force: true });
const compile = (...args) => execFileSync(process.execPath, [tsc, "-p", ".", ...args], { stdio: "inherit" });
compile();
compile("--outDir", "lib/cjs", "--module", "commonjs", "--moduleResolution", "node10", "--verbatimModuleSyntax", "false");
writeFileSync("lib/cjs/package.json", '{ "type": "commonjs" }\n');
await build({
  entryPoints: ["lib/esm/index.js"], outfile: "lib/browser/neurod-sdk.js", bundle: true, minify: true, format: "esm", target: "es2022",
  banner: { js: `/*! @neurod/sdk ${version} */` },
});
