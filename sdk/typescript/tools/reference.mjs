// Writes docs/reference/typescript.md from the comments in src; with --check fails where it is not current, or where a public name has no comment.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const target = new URL("../../../docs/reference/typescript.md", import.meta.url);
const entry = fileURLToPath(new URL("../src/index.ts", import.meta.url));
const { options } = ts.parseJsonConfigFileContent(JSON.parse(readFileSync(new URL("../tsconfig.json", import.meta.url), "utf8")), ts.sys, fileURLToPath(new URL("..", import.meta.url)));
const program = ts.createProgram([entry], options);
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });
const bare = [];

const source = (node) => node.getSourceFile();
const text = (node) => printer.printNode(ts.EmitHint.Unspecified, node, source(node)).replace(/\s*\n\s*/g, " ").replace(/<\/?/g, (m) => m);
const doc = (node) => {
  const at = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1);
  if (!at) return "";
  const tags = (at.tags ?? []).map((t) => {
    const name = t.name ? t.name.getText() : "";
    return `- ${t.tagName.text === "param" ? "`" + name + "`" : t.tagName.text}: ${ts.getTextOfJSDocComment(t.comment) ?? ""}`;
  });
  const comment = (ts.getTextOfJSDocComment(at.comment) ?? "").trim();
  return [comment, tags.join("\n")].filter(Boolean).join("\n\n");
};
const internal = (node) => ts.getJSDocTags(node).some((t) => t.tagName.text === "internal");
const hidden = (m) => (ts.getCombinedModifierFlags(m) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0 || (m.name && ts.isPrivateIdentifier(m.name)) || internal(m);

const parameters = (node) => "(" + node.parameters.map((p) => {
  const optional = p.questionToken || p.initializer;
  return `${p.dotDotDotToken ? "..." : ""}${text(p.name)}${optional ? "?" : ""}${p.type ? ": " + text(p.type) : ""}`;
}).join(", ") + ")";
const generics = (node) => (node.typeParameters?.length ? "<" + node.typeParameters.map(text).join(", ") + ">" : "");
const returns = (node) => (node.type ? ": " + text(node.type) : "");
const code = (s) => "`" + s.replace(/`/g, "'") + "`";

function member(m, owner) {
  const name = m.name ? text(m.name) : "";
  const fixed = ts.getCombinedModifierFlags(m) & ts.ModifierFlags.Static ? "static " : "";
  let head;
  if (ts.isMethodDeclaration(m) || ts.isMethodSignature(m)) head = fixed + name + generics(m) + parameters(m) + returns(m);
  else if (ts.isGetAccessor(m) || ts.isPropertyDeclaration(m) || ts.isPropertySignature(m)) head = fixed + name + (m.questionToken ? "?" : "") + returns(m);
  else if (ts.isConstructorDeclaration(m)) head = "constructor" + parameters(m);
  else return "";
  const about = doc(m);
  if (!about && ts.isMethodDeclaration(m) && !/^(\[|then|toString)/.test(name)) bare.push(`${owner}.${name}`);
  return `- ${code(head)}${about ? "  \n  " + about.replace(/\n/g, "\n  ") : ""}`;
}

function describe(name, symbol) {
  const parts = symbol.declarations ?? [];
  const node = parts.find(ts.isClassDeclaration) ?? parts[0];
  const out = [`### ${name}\n`];
  const about = doc(node) || parts.map(doc).find(Boolean) || "";
  if (!about) bare.push(name);
  if (about) out.push(about + "\n");
  if (ts.isFunctionDeclaration(node)) out.push(code(`${name}${generics(node)}${parameters(node)}${returns(node)}`) + "\n");
  else if (ts.isTypeAliasDeclaration(node)) out.push(code(text(node.type)) + "\n");
  else if (ts.isVariableDeclaration(node)) out.push(code(`const ${text(node.name)}`) + "\n");
  else if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) {
    const above = (node.heritageClauses ?? []).flatMap((h) => h.types.map(text));
    if (above.length) out.push(`Extends ${above.map(code).join(", ")}.\n`);
    // Of overloads the signatures count, not what implements them.
    const members = node.members.filter((m) => !hidden(m) && !(ts.isMethodDeclaration(m) && m.body && node.members.some((o) => o !== m && o.name && m.name && text(o.name) === text(m.name))));
    const lines = members.filter((m) => !(name.endsWith("Error") && m.name && text(m.name) === "name")).map((m) => member(m, name)).filter(Boolean);
    if (lines.length) out.push(lines.join("\n") + "\n");
  }
  return out.join("\n");
}

const groups = new Map([["client.ts", "Client"], ["sessions.ts", "Sessions"], ["writer.ts", "Live samples"], ["stream.ts", "Live streams"], ["live.ts", "Samples of live sessions"], ["decode.ts", "Decode"], ["samples.ts", "Samples"],
  ["jobs.ts", "Jobs"], ["models.ts", "Models"], ["accounts.ts", "Accounts"], ["devices.ts", "Devices"], ["webhooks.ts", "Webhooks"], ["admin.ts", "Administration"], ["paging.ts", "Lists"], ["http.ts", "Calls"], ["errors.ts", "Errors"], ["version.ts", "Version"]]);
const found = new Map([...groups.keys()].map((k) => [k, []]));
const described = [];
for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)))) {
  const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const file = real.declarations[0].getSourceFile().fileName.split("/").at(-1);
  if (file === "types.ts" || file === "openapi.ts") described.push(symbol.name);
  else if (symbol.name !== real.name) continue; // another name of the same
  else if (!found.has(file)) throw new Error(`src/${file} is of no group of the page`);
  else found.get(file).push(describe(symbol.name, real));
}
const page = `# TypeScript client

Generated by \`make generate\` from the comments in \`sdk/typescript/src\`. How it is installed and used stands in [Clients](../10-clients.md).

\`NeurodClient\` is another name of \`VoxelClient\`. The types of what the API takes and answers are generated from [\`api/openapi.yaml\`](../../api/openapi.yaml) and described there:
${described.sort().map((n) => "`" + n + "`").join(", ")}.

${[...groups].map(([file, title]) => `## ${title}\n\n${found.get(file).join("\n")}`).join("\n")}`.replace(/\n{3,}/g, "\n\n").trimEnd() + "\n";

if (bare.length) {
  console.error("these have no comment: " + bare.join(", "));
  process.exit(1);
}
if (!process.argv.includes("--check")) writeFileSync(target, page);
else if (readFileSync(target, "utf8") !== page) {
  console.error("docs/reference/typescript.md is not current: run make generate");
  process.exit(1);
}
