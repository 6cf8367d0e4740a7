// Measures what the client adds to plain fetch on the same calls, against a running server without rate limits (VOXEL_BASE_URL, VOXEL_API_KEY): float32 batches
// through one client one after the other, and decodes. Prints JSON. It measures what is built in lib.
import { NeurodClient } from "../lib/esm/index.js";

const seconds = Number(process.argv[2] ?? 3);
const client = new NeurodClient();
const { baseUrl } = client;
const headers = { Authorization: "Bearer " + process.env.VOXEL_API_KEY };
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

// 32 channels × 1 kHz × 60 s are 7.7 MB a batch. Values as an amplifier of 24 bits gives them: nothing that compresses.
const channels = Array.from({ length: 32 }, (_, i) => "E" + (i + 1));
const rate = 1000;
const batch = Float32Array.from({ length: 32 * rate * 60 }, () => 100 * (Math.random() - 0.5));
const create = () => client.createSession({ external_user_id: "bench", device_type: "bench", sample_rate_hz: rate, channels, ingestion_mode: "RECORDED", hop_s: 60 });

/** MB/s of batches, one after the other, for a while. */
async function ingest(send) {
  const session = await create();
  let bytes = 0;
  const start = performance.now();
  for (let i = 0; performance.now() - start < 1000 * seconds; i++, bytes += batch.byteLength) await send(session, i, 1_730_000_000_000 + 60_000 * i);
  return bytes / 1e3 / (performance.now() - start);
}
const plain = async (session, i, t0) => {
  const answer = await fetch(`${baseUrl}/v1/sessions/${session.session_id}/ingest?batch_id=b${i}&t0_unix_ms=${t0}`, {
    method: "POST", body: batch, headers: { ...headers, "Content-Type": "application/octet-stream", "Idempotency-Key": session.session_id + i },
  });
  if (answer.status !== 202) throw new Error(await answer.text());
  await answer.json();
};
const ours = (session, i, t0) => session.ingest({ batch_id: "b" + i, t0_unix_ms: t0, data: batch });

// A decode of four channels and four seconds, as a person who waits for it makes it.
const input = { paradigm: "ssvep", sample_rate: 250, channels: ["O1", "Oz", "O2", "POz"], stimulus: { targets: [{ label: "a", frequency: 13 }, { label: "b", frequency: 17 }] } };
const recording = Float32Array.from({ length: 4000 }, (_, i) => 10 * Math.sin((2 * Math.PI * 13 * (i >> 2)) / 250) + 10 * (Math.random() - 0.5));
const body = JSON.stringify({ input: { type: "eeg", ...input, data: Buffer.from(recording.buffer).toString("base64") } });
async function decodePlain() {
  const accepted = await fetch(baseUrl + "/api/v1/neuro/decode", { method: "POST", body, headers: { ...headers, "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() } });
  const { id } = await accepted.json();
  const done = await (await fetch(`${baseUrl}/api/v1/jobs/${id}?wait_for_completion=true`, { headers })).json();
  if (done.status !== "completed") throw new Error(JSON.stringify(done));
}
const decodeOurs = () => client.decode(recording, input);

const result = { ingest_plain_mb_s: [], ingest_client_mb_s: [], decode_plain_ms: [], decode_client_ms: [] };
for (let round = 0; round < 6; round++) {
  // By turns, and either first, so that what else the machine does meets both.
  for (const [name, send] of round % 2 ? [["plain", plain], ["client", ours]] : [["client", ours], ["plain", plain]]) result[`ingest_${name}_mb_s`].push(await ingest(send));
}
for (let i = 0; i < 100; i++) {
  for (const [name, call] of i % 2 ? [["plain", decodePlain], ["client", decodeOurs]] : [["client", decodeOurs], ["plain", decodePlain]]) {
    const start = performance.now();
    await call();
    if (i >= 20) result[`decode_${name}_ms`].push(performance.now() - start);
  }
}
const summary = Object.fromEntries(Object.entries(result).map(([k, v]) => [k, Number(median(v).toFixed(3))]));
console.log(JSON.stringify({ ...summary, ingest_share: summary.ingest_client_mb_s / summary.ingest_plain_mb_s, decode_overhead_ms: summary.decode_client_ms - summary.decode_plain_ms }));
