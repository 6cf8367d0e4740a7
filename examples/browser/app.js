import { NeurodClient } from "./neurod-sdk.js";

const rate = 250;
const channels = ["O1", "Oz", "O2", "POz"];
const targets = [{ label: "door", frequency: 13 }, { label: "lamp", frequency: 17 }, { label: "radio", frequency: 21 }];
const at = (id) => document.getElementById(id);
let stop = async () => {};

at("settings").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("start").disabled = true;
  const { baseUrl, apiKey, hz } = Object.fromEntries(new FormData(event.target));
  try {
    const client = new NeurodClient({ baseUrl, apiKey });
    const session = await client.createSession({
      external_user_id: "page", device_type: "played", sample_rate_hz: rate, channels,
      decode: { paradigm: "ssvep", window_s: 2, hop_s: 0.5, stimulus: { targets } },
    });
    const writer = session.writer({ batchSeconds: 0.5 });
    const device = play(Number(hz), (samples) => {
      writer.write(samples);
      draw(samples);
      at("counts").textContent = `${writer.sent} samples sent, ${writer.buffered} waiting`;
    });
    at("state").textContent = `session ${session.session_id}`;
    const following = (async () => {
      for await (const message of session.stream()) {
        if (message.type !== "decode") continue;
        at("intent").textContent = message.data.decoded_intent ?? message.data.error.message;
        at("confidence").textContent = message.data.confidence === undefined ? "" : `${Math.round(100 * message.data.confidence)} %`;
      }
    })();
    stop = async () => {
      at("stop").disabled = true;
      device();
      await writer.close();
      await session.end();
      await following; // its last message says that the session has ended
      at("state").textContent = `ended: ${writer.sent} samples`;
      at("start").disabled = false;
    };
    at("stop").disabled = false;
  } catch (error) {
    at("state").textContent = error.message;
    at("start").disabled = false;
  }
});

at("stop").addEventListener("click", () => stop().catch((error) => (at("state").textContent = error.message)));

/** A headband that gives pieces of samples in µV about every 40 ms until it is stopped: background activity, and a response at hz. */
function play(hz, give) {
  let n = 0;
  const last = channels.map(() => 0);
  const start = performance.now();
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - start) * rate) / 1000) - n;
    if (due <= 0) return;
    const samples = channels.map(() => new Float32Array(due));
    for (let s = 0; s < due; s++, n++) {
      const phase = (2 * Math.PI * hz * n) / rate;
      channels.forEach((_, c) => {
        last[c] = 0.95 * last[c] + 8 * (Math.random() - 0.5);
        samples[c][s] = last[c] + 8 * Math.sin(phase) + 4 * Math.sin(2 * phase);
      });
    }
    give(samples);
  }, 40);
  return () => clearInterval(timer);
}

const shown = channels.map(() => []);

/** The last four seconds of each channel. */
function draw(samples) {
  const canvas = at("traces");
  const g = canvas.getContext("2d");
  g.clearRect(0, 0, canvas.width, canvas.height);
  g.strokeStyle = getComputedStyle(document.body).color;
  const lane = canvas.height / channels.length;
  samples.forEach((piece, c) => {
    shown[c].push(...piece);
    shown[c].splice(0, shown[c].length - 4 * rate);
    g.beginPath();
    shown[c].forEach((v, i) => g.lineTo((i * canvas.width) / (4 * rate), lane * (c + 0.5) - v));
    g.stroke();
  });
}
