// Lines that do from a program what the try-out page has just done.
import { decodeRequest, type DecodeParameters } from "@neurod/sdk";

export type Source = { samples: Float32Array } | { file: string };

/** A text as a POSIX shell takes it, whatever is in it. */
export const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A text as Python takes it: JSON's strings are Python's, but for what stands beyond the first 65,536 characters. */
const python = (v: unknown, indent = ""): string => {
  if (v === null || v === undefined) return "None";
  if (v === true) return "True";
  if (v === false) return "False";
  if (Array.isArray(v)) return `[${v.map((x) => python(x, indent)).join(", ")}]`;
  if (typeof v === "object") return `{${Object.entries(v).map(([k, x]) => `${JSON.stringify(k)}: ${python(x, indent)}`).join(", ")}}`;
  return JSON.stringify(v);
};

const script = (v: unknown): string =>
  Array.isArray(v) ? `[${v.map(script).join(", ")}]`
  : typeof v === "object" && v !== null ? `{ ${Object.entries(v).map(([k, x]) => `${/^[A-Za-z_]\w*$/.test(k) ? k : JSON.stringify(k)}: ${script(x)}`).join(", ")} }`
  : JSON.stringify(v);

const extension = (name: string): string => /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? "edf";

export function curlOf(origin: string, source: Source, parameters: DecodeParameters): string {
  const head = `curl -X POST ${shell(origin + "/api/v1/neuro/decode")} \\\n  -H "Authorization: Bearer $API_KEY" -H "Content-Type: application/json" \\\n`;
  const wait = `\n\n# The answer names the job. Wait for it:\ncurl -H "Authorization: Bearer $API_KEY" ${shell(origin + "/api/v1/jobs/")}"$JOB_ID"'?wait_for_completion=true'`;
  if ("samples" in source) return head + `  -d ${shell(JSON.stringify(decodeRequest(source.samples, parameters)))}` + wait;
  const { context, include_diagnostics, ...input } = parameters;
  const body = { input: { type: "eeg", ...input, encoding: extension(source.file), data: "@" }, ...(context ? { context } : {}), ...(include_diagnostics ? { output: { include_diagnostics } } : {}) };
  // The file's bytes come in by jq, whatever its size.
  const made = `base64 -w0 ${shell(source.file)} | jq -R ${shell(JSON.stringify(body).replace('"@"', "."))} | \\\n`;
  return made + head + "  -d @-" + wait;
}

export function pythonOf(origin: string, source: Source, parameters: DecodeParameters): string {
  const { context, include_diagnostics: _, ...input } = parameters;
  const all = { ...input, ...(context ? { context } : {}) };
  const args = Object.entries(all).map(([k, v]) => `    ${k}=${python(v)},\n`).join("");
  const what = "samples" in source ? "samples,  # numpy, channels × samples, in µV" : `open(${JSON.stringify(source.file)}, "rb").read(),`;
  return `import neurod\n\nclient = neurod.Client(api_key="nrd_...", base_url=${JSON.stringify(origin)})\nanswer = client.decode(\n    ${what}\n${args})\nprint(answer.decoded_intent, answer.confidence, answer.alternatives)`;
}

export function typescriptOf(origin: string, source: Source, parameters: DecodeParameters): string {
  const { include_diagnostics: _, ...rest } = parameters;
  const what = "samples" in source ? "samples" : `await readFile(${JSON.stringify(source.file)})`;
  const read = "samples" in source ? "" : `import { readFile } from "node:fs/promises";\n`;
  const about = "samples" in source ? "// Float32Array: all channels of one instant side by side, in µV\n" : "";
  return `${read}import { NeurodClient } from "@neurod/sdk";\n\nconst client = new NeurodClient({ apiKey: process.env.API_KEY, baseUrl: ${JSON.stringify(origin)} });\n${about}const answer = await client.decode(${what}, ${script(rest)});\nconsole.log(answer.decoded_intent, answer.confidence, answer.alternatives);`;
}
