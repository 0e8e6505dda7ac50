const MINUTE_MS = 60_000;

/** Requests per minute and user (the real service: 300), in natural minutes. 0 = no limit. */
export class GoogleQuota {
  readonly #used = new Map<string, { minute: number; count: number }>();

  constructor(
    public limitPerMinute: number,
    private readonly now: () => number,
  ) {}

  /** Counts one request; false when the minute's quota was used up before it. */
  take(accountId: string): boolean {
    if (this.limitPerMinute === 0) return true;
    const minute = Math.floor(this.now() / MINUTE_MS);
    const used = this.#used.get(accountId);
    if (used?.minute !== minute) {
      this.#used.set(accountId, { minute, count: 1 });
      return true;
    }
    used.count += 1;
    return used.count <= this.limitPerMinute;
  }
}
