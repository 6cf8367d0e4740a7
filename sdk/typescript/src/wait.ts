/** Waits, unless the signal aborts: then it rejects with the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** Milliseconds before the n-th repetition, from 0: 0.5 s doubled up to 8 s, less up to a half at random so that many clients do not come at once. */
export function backoff(n: number): number {
  return Math.min(8000, 500 * 2 ** n) * (1 - Math.random() / 2);
}
