// What differs between runtimes, in one program: fetch, WebSocket, gzip, streams, Web Crypto, errors. It prints what came of it as JSON.
import { NeurodClient } from "@neurod/sdk";

const client = new NeurodClient();
const out = { streams: {} };
const error = async (call) => call.then(() => "none", (e) => `${e.name} ${e.code ?? ""}`.trim());

for (const transport of ["sse", "auto"]) {
  const session = await client.createSession({ external_user_id: "runtime", device_type: "d", sample_rate_hz: 256, channels: ["A", "B"], hop_s: 0.5 });
  const got = (out.streams[transport] = []);
  const reading = (async () => {
    for await (const m of session.stream({ transport })) got.push(m.seq ?? m.type);
  })();
  const noise = () => Float32Array.from({ length: 2560 }, (_, i) => 20 * Math.sin(i / 4) + 9 * Math.random());
  await session.upload([noise(), noise()], { t0_unix_ms: Date.now() - 10_000, batchSeconds: 2 });
  await session.end();
  await reading;
}
const packed = new NeurodClient({ gzip: true });
const session = await packed.createSession({ external_user_id: "runtime", device_type: "d", sample_rate_hz: 256, channels: ["A"], ingestion_mode: "RECORDED" });
out.gzip = (await session.ingest({ t0_unix_ms: 1_730_000_000_000, data: [new Float32Array(25600)] })).sample_count;
const edf = await session.export("edf");
const imported = await client.sessions.import(new Blob([edf]).stream(), { external_user_id: "runtime" });
out.imported = (await imported.waitForProcessing()).sample_count;
const model = (await client.models.list()).find((m) => m.source === "builtin");
out.checksum = (await client.models.download(model.name, model.version)).checksum === model.checksum;
out.failed = await error(client.decode(new Float32Array(8), { paradigm: "motor_imagery", channels: 8, sample_rate: 250, device: "OpenBCI Cyton" }));
out.refused = await error(client.sessions.import(new Uint8Array(5_000_000).fill(65), { external_user_id: "runtime" })); // while it is being sent
out.away = await error(new NeurodClient({ baseUrl: "http://127.0.0.1:1", maxRetries: 0 }).health());
out.aborted = await error(client.health({ signal: AbortSignal.abort(new Error("no")) }));
console.log(JSON.stringify(out));
