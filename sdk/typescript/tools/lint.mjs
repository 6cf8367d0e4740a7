// What a reader of the package would trip over: manifest and exports, by publint.
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const { messages, pkg } = await publint({ pkgDir: fileURLToPath(new URL("..", import.meta.url)), strict: true });
for (const m of messages) console.error(formatMessage(m, pkg));
if (messages.length) process.exit(1);
