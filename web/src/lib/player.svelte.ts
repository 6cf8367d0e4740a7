// A headset that this page plays into a live session, so that whoever has none sees what one would give.
import type { NeurodClient, Session } from "@neurod/sdk";
import { Headset, played } from "../eeg/synthetic";
import { app, messageOf } from "./app.svelte";

class Playing {
  id = $state<string | undefined>();
  since = $state(0);
}
export const playing = new Playing();

let stop = async (): Promise<void> => {};

/** Milliseconds of a batch. Who may make keys plays as a device with a key and a rate of its own does; others share the rate of their login with what they look at. */
const quick = 200;
const slow = 2000;
/** How long is played at most. */
const longest = 30 * 60_000;

/** Makes a session, plays into it until it is stopped, and returns its id. */
export async function startPlaying(client: NeurodClient): Promise<string> {
  void stopPlaying();
  const rate = 250;
  const key = await client.keys.create({ name: "Played headset", scopes: ["sessions"], expires_in_days: 1, rate_limits: { sessions: { per_minute: 600 } } }).catch(() => undefined);
  const device = key ? client.with({ apiKey: key.raw_key, browserLogin: false }) : client;
  const beat = key ? quick : slow;
  const session: Session = await device.createSession({
    external_user_id: "played", device_type: "Played headset (synthetic)", sample_rate_hz: rate, channels: played.map((c) => c.name), hop_s: 1,
    decode: { paradigm: "ssvep", window_s: 3, hop_s: 1, stimulus: { targets: [{ label: "door", frequency: 13 }, { label: "lamp", frequency: 17 }] } },
  });
  const id = session.session_id;
  const headset = new Headset(played, rate, Date.now() & 0xffff, 13);
  const began = Date.now();
  let sent = 0;
  let sending = false;
  let over = false;
  let last = Promise.resolve();
  const timer = setInterval(() => {
    if (!sending && !over) last = send();
  }, beat);
  async function send(): Promise<void> {
    // What is due; a page in the background is called seldom and sends more at once.
    const due = Math.min(Math.floor(((Date.now() - began) / 1000) * rate) - sent, 60 * rate);
    if (due < rate * 0.04) return;
    sending = true;
    try {
      await session.ingest({ batch_id: `played-${sent}`, t0_unix_ms: began + (1000 * sent) / rate, first_sample: sent, data: headset.next(due) });
      sent += due;
    } catch (e) {
      app.say("The played headset has stopped: " + messageOf(e), true);
      void stopPlaying();
    } finally {
      sending = false;
    }
    if (Date.now() - began > longest) void stopPlaying();
  }
  stop = async () => {
    over = true;
    clearInterval(timer);
    await last; // a batch that is under way belongs to the session
    // It may have been ended, or erased, by hand.
    await device.endSession(id).catch(() => {});
    if (key) await client.keys.revoke(key.id).catch(() => {});
  };
  playing.id = id;
  playing.since = began;
  await (last = send());
  return id;
}

/** Ends the session that is played, after the batch that is under way. */
export async function stopPlaying(): Promise<void> {
  const ended = stop();
  stop = async () => {};
  playing.id = undefined;
  await ended;
}
