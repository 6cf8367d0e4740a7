// The examples of the devices document in the shell and in JavaScript, each as it stands there but for where it calls and what it names, run
// with curl, with Node's fetch and with its WebSocket, which is a browser's.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const base = process.env.NEUROD_TEST_URL;
const examples = `${process.env.NEUROD_TEST_ROOT}/test/clients/testdata/neurascale`;

function example(name, replaced) {
  let text = readFileSync(`${examples}/${name}`, 'utf8');
  for (const [from, to] of Object.entries(replaced)) {
    assert.equal(text.split(from).length, 2, `${from} is in ${name} once`);
    text = text.replace(from, () => to);
  }
  return text;
}

// run runs an example, and what follows it, and returns what that returns; said is given what the example prints.
const AsyncFunction = (async () => {}).constructor;
const run = (text, said) => new AsyncFunction('console', text)({ log: (...words) => said.push(words) });

// curl's two commands.
const shell = (text) => JSON.parse(execFileSync('bash', ['-c', text], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
const login = shell(example('login.sh', {
  'https://api.neurascale.io': base, 'your-email@example.com': process.env.NEUROD_TEST_EMAIL, 'your-password': process.env.NEUROD_TEST_PASSWORD,
}));
const token = login.access_token;
assert.equal(typeof token, 'string', Object.keys(login).join());
const devices = shell(example('devices.sh', { 'https://api.neurascale.io': base, YOUR_ACCESS_TOKEN: token }));
assert.deepEqual(devices.items.map((d) => d.id), ['openbci_001']);

// The start of a stream. What the example does not show, the session, is found where the document has it: at the device.
const started = [];
await run(example('start_stream.js', { 'https://api.neurascale.io': base, YOUR_TOKEN: token }), started);
assert.equal(started.length, 1);
assert.equal(started[0][0], 'Stream started:');
const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', 'X-Project-Id': process.env.NEUROD_TEST_PROJECT_ID };
async function call(method, path, body) {
  const response = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}
const { stream } = await call('GET', '/v2/devices/openbci_001');
assert.equal(stream.stream_id, started[0][1]);
assert.deepEqual([stream.config.sample_rate, stream.config.channels.length, stream.config.filters], [250, 8, { notch: 60, highpass: 0.5, lowpass: 100 }]);
const session = stream.session_id;

// The connection, and the message that subscribes, which a reader sends once the connection is open. A second one asks for batches.
const received = [];
const connection = example('connection.js', { 'wss://api.neurascale.io': base.replace(/^http/, 'ws'), YOUR_ACCESS_TOKEN: token });
const subscribe = example('subscribe.js', { session_123: session });
const ws = await run(`${connection}
ws.addEventListener('open', () => {
${subscribe}
ws.send(JSON.stringify({ type: 'subscribe', topic: 'neural_data', session_id: '${session}', format: 'batch' }));
});
return ws;`, received);
const closed = new Promise((resolve) => ws.addEventListener('close', resolve));
let marked = false;
await new Promise((resolve, reject) => {
  ws.addEventListener('close', (event) => reject(new Error(`closed with ${event.code} ${event.reason}`)), { once: true });
  ws.addEventListener('message', () => {
    const all = received.map(([, message]) => message);
    const samples = all.filter((m) => m.type === 'neural_data' && m.channels.length > 0);
    if (samples.length > 0 && !marked) {
      marked = true; // an event a little ahead comes along with the samples of its time
      call('POST', `/v1/sessions/${session}/events`, { events: [{ t_unix_ms: samples.at(-1).timestamp + 500, label: 'stimulus' }] }).catch(reject);
    }
    if (samples.length >= 300 && all.some((m) => m.type === 'neural_data' && m.events.length > 0) && all.some((m) => m.type === 'neural_data_batch')) resolve();
  });
});
ws.close();
await closed;
assert.ok(received.every(([word]) => word === 'Received:'));
const messages = received.map(([, message]) => message);
assert.deepEqual(messages.filter((m) => m.type === 'error'), []);
assert.equal(messages[0].type, 'auth_success');
assert.equal(messages.filter((m) => m.type === 'subscription_confirmed').length, 2);

// Every field that the document shows is there, with its type and meaning. Quality is null until a window has measured it.
const number = (v) => assert.equal(typeof v, 'number');
let last = 0;
for (const m of messages.filter((m) => m.type === 'neural_data')) {
  assert.deepEqual([m.device_id, m.session_id], ['openbci_001', session]);
  assert.ok(Number.isInteger(m.timestamp) && m.timestamp > last && Math.abs(Date.now() - m.timestamp) < 10 * 60_000, `${last}, then ${m.timestamp}`);
  last = m.timestamp;
  assert.deepEqual(m.channels.map((c) => c.number), [1, 2, 3, 4, 5, 6, 7, 8]);
  for (const c of m.channels) {
    number(c.value);
    assert.ok(c.quality === null || c.quality >= 0 && c.quality <= 1, `quality ${c.quality}`);
  }
  assert.ok(Array.isArray(m.events));
}
const [event] = messages.flatMap((m) => m.events ?? []).filter((e) => e.data.label === 'stimulus');
assert.equal(event.type, 'stimulus');
number(event.timestamp);
for (const m of messages.filter((m) => m.type === 'neural_data_batch')) {
  assert.equal(typeof m.batch_id, 'string');
  assert.ok(m.timestamp_end > m.timestamp_start && m.sample_count > 0);
  assert.equal(gunzipSync(Buffer.from(m.compressed_data, 'base64')).length, m.sample_count * 8 * 4);
}

const stopped = await call('POST', '/v2/devices/openbci_001/stream/stop');
assert.equal(stopped.stream_id, started[0][1]);
console.log(`curl, fetch and WebSocket are served: ${messages.length} messages`);
