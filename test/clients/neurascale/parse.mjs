// Reads a file with the parser of AsyncAPI's own project: it has neither errors nor warnings, and says what the server has.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'));
const [error, warning] = [0, 1];
assert.deepEqual(diagnostics.filter((d) => d.severity === error || d.severity === warning).map((d) => `${d.code} at ${d.path.join('.')}: ${d.message}`), []);
assert.deepEqual(document.channels().all().map((c) => c.address()), ['/ws', '/v1/ws']);
const names = new Set(document.allMessages().all().map((m) => m.name()));
for (const name of ['auth', 'subscribe', 'device_control', 'neural_data', 'neural_data_batch', 'device_response', 'error']) assert.ok(names.has(name), name);
console.log(`${names.size} messages`);
