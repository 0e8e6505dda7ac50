const WINDOW_MS = 1_000;

/** How many things happened per second of late: older ones count less and less (exponential decay over a second). */
export class RecentRate {
  #perSecond = 0;
  #at = performance.now();

  /** Adds what happened since the last call. */
  add(count: number, now: number = performance.now()): number {
    this.#perSecond = this.#perSecond * Math.exp((this.#at - now) / WINDOW_MS) + count;
    this.#at = now;
    return this.#perSecond;
  }
}
