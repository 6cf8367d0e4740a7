import { NeurodClient } from "./neurod-sdk.js";
import { channels, connect, sampleRate } from "./muse.js";

const at = (id) => document.getElementById(id);
const show = (id, text) => (at(id).textContent = text);
let stop = async () => {};

at("settings").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { baseUrl, apiKey, user } = Object.fromEntries(new FormData(event.target));
  at("connect").disabled = true;
  try {
    const client = new NeurodClient({ baseUrl, apiKey });
    let writer;
    // The browser wants the click that this is called from: the headband comes first, and the session when it is there.
    const muse = await connect({
      onState: (state) => show("state", state),
      onBattery: (percent) => show("battery", `${percent.toFixed(0)} %`),
      onSamples: (time, samples) => writer?.write(samples, time),
    });
    const session = await client.createSession({ external_user_id: user, device_type: "MUSE_2", sample_rate_hz: sampleRate, channels });
    show("session", session.session_id);
    // The time of each piece is counted by the headband, so a packet that is missing is a gap of its length.
    writer = session.writer({ gapMs: 20, onRetry: (error) => show("state", `the server is away: ${error.message}`), onBatch: () => show("state", "streaming") });
    const counting = setInterval(() => {
      show("sent", writer.sent);
      show("waiting", writer.buffered);
      show("lost", muse.lost());
    }, 250);
    const following = follow(session);
    stop = async () => {
      at("stop").disabled = true;
      await muse.disconnect();
      await writer.close();
      await session.end();
      await following;
      clearInterval(counting);
      show("sent", writer.sent);
      show("waiting", writer.buffered);
      show("lost", muse.lost());
      show("state", "ended");
      at("connect").disabled = false;
    };
    at("stop").disabled = false;
  } catch (error) {
    show("state", error.message);
    at("connect").disabled = false;
  }
});

at("stop").addEventListener("click", () => stop().catch((error) => show("state", error.message)));

async function follow(session) {
  for await (const message of session.stream()) {
    if (message.type !== "features") continue;
    const { window_start_ms, features, quality } = message.data;
    const b = features.bandpower;
    const row = at("windows").insertRow(0);
    for (const text of [new Date(window_start_ms).toLocaleTimeString(), ...[b.delta, b.theta, b.alpha, b.beta, b.gamma].map((v) => v?.toFixed(1) ?? "–"), quality.overall.toFixed(2)]) {
      row.insertCell().textContent = text;
    }
  }
}
