// What clients of GraphQL see that no one here wrote: the audits of graphql-http, and graphql-ws with queries, subscriptions and refusals.
import assert from 'node:assert/strict';
import { auditServer } from 'graphql-http';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const base = process.env.NEUROD_TEST_URL;
const key = process.env.NEUROD_TEST_API_KEY;
const token = process.env.NEUROD_TEST_ACCESS_TOKEN;
const project = process.env.NEUROD_TEST_PROJECT_ID;

const bearer = { Authorization: `Bearer ${key}` };
const results = await auditServer({
  url: `${base}/graphql`,
  fetchFn: (url, init = {}) => fetch(url, { ...init, headers: { ...init.headers, ...bearer } }),
});
const failed = [];
for (const r of results) {
  if (r.status !== 'ok') failed.push(`${r.status} ${r.id} ${r.name}: ${r.reason}`);
}
console.log(`${results.length - failed.length} of ${results.length} audits of graphql-http pass`);
for (const line of failed) console.log(line);
assert.equal(failed.filter((line) => line.startsWith('error')).length, 0, 'audits fail');
assert.ok(results.length > 50, 'few audits');

async function call(path, body, headers = bearer) {
  const response = await fetch(base + path, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

function connect(connectionParams, more = {}) {
  return createClient({ url: `${base.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, ...more });
}

async function first(client, payload) {
  for await (const result of client.iterate(payload)) return result;
}

const session = await call('/v2/sessions', { patient_id: 'u', device_type: 'd', sample_rate: 256, channels: ['Cz'], name: 'Run' });

// A query, an operation that is not one, and every subscription of a session, over one connection.
const client = connect({ Authorization: `Bearer ${key}` });
const one = await first(client, { query: 'query($id: ID!) { session(id: $id) { name status } }', variables: { id: session.id } });
assert.deepEqual(one.data, { session: { name: 'Run', status: 'PREPARING' } });
await assert.rejects(first(client, { query: '{ nothing }' }), (errors) => errors[0].extensions.code === 'GRAPHQL_VALIDATION_FAILED');

const seen = [];
const samples = client.iterate({ query: `subscription { neuralDataReceived(sessionId: "${session.id}") { sample channels { number value } } }` });
const events = client.iterate({ query: `subscription { sessionEventOccurred(sessionId: "${session.id}") { type source } }` });
const windows = client.iterate({ query: `subscription { features(sessionId: "${session.id}") { seq } }` });
const reading = (async () => {
  for await (const { data } of samples) {
    seen.push(data.neuralDataReceived.channels[0].value);
    if (seen.length === 1024) break;
  }
})();
const happening = (async () => {
  const list = [];
  for await (const { data } of events) list.push(data.sessionEventOccurred.type);
  return list;
})();
const counting = (async () => {
  let n = 0;
  for await (const _ of windows) n++;
  return n;
})();
await new Promise((resolve) => setTimeout(resolve, 1000)); // the server does not say when a subscription has begun
const sent = Array.from({ length: 1024 }, (_, i) => Math.fround(20 * Math.sin(i / 3)));
const t0 = Date.now() - 10_000;
for (let i = 0; i < 4; i++) {
  await call(`/v1/sessions/${session.id}/ingest`, { batch_id: `b${i}`, t0_unix_ms: t0 + i * 1000, data: { Cz: sent.slice(i * 256, (i + 1) * 256) } });
}
await call(`/v1/sessions/${session.id}/events`, { events: [{ t_unix_ms: t0 + 500, label: 'cue' }] });
await reading;
assert.deepEqual(seen, sent);
await fetch(`${base}/v1/sessions/${session.id}/end`, { method: 'POST', headers: bearer });
assert.deepEqual(await happening, ['cue', 'session_ended']);
assert.equal(await counting, 2);
await client.dispose();

// A user, with the project in the connection's parameters; and those who are not let in.
const owner = connect({ Authorization: `Bearer ${token}`, 'X-Project-Id': project });
assert.equal((await first(owner, { query: '{ sessions(first: 1) { totalCount } }' })).data.sessions.totalCount >= 1, true);
await owner.dispose();
for (const [params, code] of [[{}, 4401], [{ Authorization: 'Bearer no' }, 4401], [{ Authorization: `Bearer ${token}`, 'X-Project-Id': 'x' }, 4403]]) {
  const refused = connect(params);
  await assert.rejects(first(refused, { query: '{ devices { id } }' }), (event) => event.code === code, `${JSON.stringify(params)}`);
}
console.log('graphql-ws is served');
