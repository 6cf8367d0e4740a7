// The time line of a live view. Batches come in steps; the picture should move evenly. The clock runs with that of the machine and is drawn
// gently to the newest sample, so that a device whose clock is off by some ppm is followed and a burst does not make the picture jump.

export class SmoothClock {
  #at: number | undefined;
  #last = 0;

  /**
   * Where the right edge of the picture is, in ms of the session.
   *
   * @param now of the machine, in ms
   * @param newest time of the newest sample in ms of the session
   */
  tick(now: number, newest: number): number {
    const passed = now - this.#last;
    this.#last = now;
    if (this.#at === undefined || Math.abs(newest - this.#at) > 2000 || passed > 1000) return (this.#at = newest);
    const next = this.#at + passed;
    // Half of the difference goes within 0.7 s. The edge never runs back, and stops where nothing comes.
    const eased = next + (newest - next) * (1 - Math.exp(-passed / 1000));
    return (this.#at = Math.max(this.#at, Math.min(eased, newest + 400)));
  }

  reset(): void {
    this.#at = undefined;
  }
}
