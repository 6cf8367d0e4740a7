// Plays a headband that looks at a flicker into a session that is decoded as it runs, and prints what comes back.
//
//   VOXEL_API_KEY=… node stream.mjs [seconds] [speed]
//
// The server is VOXEL_BASE_URL, else http://localhost:8000.
import { NeurodClient } from "@neurod/sdk";

const [seconds = 10, speed = 1] = process.argv.slice(2).map(Number);
const rate = 250;
const client = new NeurodClient();

const session = await client.createSession({
  external_user_id: "node_example", device_type: "played", sample_rate_hz: rate, channels: ["O1", "Oz", "O2", "POz"],
  decode: {
    paradigm: "ssvep", window_s: 2, hop_s: 1,
    stimulus: { targets: [{ label: "door", frequency: 13 }, { label: "lamp", frequency: 17 }, { label: "radio", frequency: 21 }] },
  },
});
console.log("session", session.session_id);

// Following goes on by itself, over as many connections as it takes.
const following = (async () => {
  for await (const { type, data } of session.stream()) {
    if (type === "features") console.log(`alpha ${data.features.bandpower.alpha.toFixed(1)} µV², quality ${data.quality.overall.toFixed(2)}`);
    if (type === "decode") console.log(`intent ${data.decoded_intent} ${Math.round(100 * data.confidence)} %`);
  }
})();

// The writer makes batches, keeps them while the server is away, and sends each once.
const writer = session.writer();
const start = Date.now();
const last = [0, 0, 0, 0];
for (let n = 0; n < seconds * rate; n += 25) {
  const piece = last.map((_, c) => Float32Array.from({ length: 25 }, (_, s) => {
    last[c] = 0.95 * last[c] + 8 * (Math.random() - 0.5);
    const phase = (2 * Math.PI * 13 * (n + s)) / rate;
    return last[c] + 8 * Math.sin(phase) + 4 * Math.sin(2 * phase);
  }));
  writer.write(piece, start + (n * 1000) / rate);
  await new Promise((r) => setTimeout(r, 100 / speed));
}
await writer.close();
await session.end();
await following;
console.log(`${writer.sent} samples sent, ${writer.dropped} lost`);
