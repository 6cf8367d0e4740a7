// Writes src/openapi.ts, the types of api/openapi.yaml; with --check fails where they are not current.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const document = new URL("../../../api/openapi.yaml", import.meta.url);
const target = new URL("../src/openapi.ts", import.meta.url);
const types = await openapiTS(readFileSync(document, "utf8"), { defaultNonNullable: false, emptyObjectsUnknown: true, silent: true });
const text = `// Generated from api/openapi.yaml by tools/types.mjs (npm run types). Do not edit.\n\n${astToString(types)}`;
if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (readFileSync(target, "utf8") !== text) {
  console.error("src/openapi.ts is not current: run make generate");
  process.exit(1);
}
