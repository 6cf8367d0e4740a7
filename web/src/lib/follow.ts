// Samples of a live session as they come.
import { RateLimitError, StreamError, type Session } from "@neurod/sdk";

/** Samples: all channels of one instant side by side, the first of number `first`, counted from the session's origin. */
export type OnSamples = (first: number, samples: Float32Array) => void;

/** Puts channels side by side. */
export function interleave(channels: readonly Float32Array[]): Float32Array {
  const n = channels[0]?.length ?? 0;
  const out = new Float32Array(n * channels.length);
  channels.forEach((values, c) => {
    for (let i = 0; i < n; i++) out[i * channels.length + c] = values[i]!;
  });
  return out;
}

/**
 * Asks for what is new, again and again: for servers and networks that let no live stream through.
 *
 * @param origin Unix ms of sample 0
 * @param from number of the first sample that is wanted
 */
export async function poll(session: Session, origin: number, from: number, on: OnSamples, signal: AbortSignal, pause = 200): Promise<void> {
  const rate = session.sample_rate_hz;
  let next = from;
  for (;;) {
    let wait = pause;
    try {
      const view = await session.samples({ start: origin + (next * 1000) / rate, end: origin + ((next + 4000) * 1000) / rate, points: 4096 }, { signal });
      if (view.kind === "samples" && view.points > 0) {
        // The end is cut where samples have not come yet.
        let n = view.points;
        while (n > 0 && view.min.every((c) => Number.isNaN(c[n - 1]!))) n--;
        if (n > 0) on(view.first_sample, interleave(view.min.map((c) => c.subarray(0, n))));
        next = Math.max(next, view.first_sample + n);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof RateLimitError)) throw error;
      wait = 2000;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
    if (signal.aborted) return;
  }
}

/**
 * Follows the samples of a session by what the server and the way to it allow: as they are stored, or by asking for them.
 *
 * @param before how many samples before the first that comes are wanted
 * @param known how many the session had when it was read
 * @param events is told that events were added, changed or deleted, where the samples come as they are stored
 */
export async function follow(session: Session, origin: number, before: number, known: number, on: OnSamples, signal: AbortSignal, events?: () => void): Promise<void> {
  let next = -1;
  try {
    for await (const m of session.liveSamples({ signal, maxFailures: 3, onEvents: events })) {
      if (next < 0) {
        const view = await session.samples({ start: origin + ((m.first - before) * 1000) / session.sample_rate_hz, end: origin + (m.first * 1000) / session.sample_rate_hz, points: 4096 }, { signal }).catch(() => undefined);
        if (view?.kind === "samples" && view.points) on(view.first_sample, interleave(view.min));
      }
      on(m.first, m.samples);
      next = Math.max(next, m.first + Math.floor(m.samples.length / Math.max(1, session.channels.length)));
    }
    return; // the session has ended
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof StreamError)) throw error;
  }
  await poll(session, origin, next >= 0 ? next : Math.max(0, known - before), on, signal);
}
