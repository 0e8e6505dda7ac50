import type { Database } from '../db/database';
import { readOpenDays } from '../db/deliveries-claims';

/** Clocks of publishers may differ, and an event's id is older than its commit. */
const MARGIN_MS = 600_000;

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);

/**
 * The days whose partitions hold open deliveries, so that the dispatcher's statements look at these and not at fifty.
 */
export class OpenDays {
  #days: readonly string[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly db: Database,
    private readonly validMs: number,
  ) {}

  /** @throws the driver's error */
  async refresh(): Promise<void> {
    const readAt = performance.now();
    this.#days = await readOpenDays(this.db);
    this.#readAt = readAt;
  }

  /** @throws the driver's error */
  async refreshIfOld(): Promise<void> {
    if (performance.now() - this.#readAt > this.validMs) await this.refresh();
  }

  /** Was nothing open at the last look? */
  get none(): boolean {
    return this.#days.length === 0;
  }

  /** Today is always among them, around midnight UTC the other day too: that is where new ones appear. */
  get days(): string[] {
    const now = Date.now();
    return [...new Set([...this.#days, dayOf(now - MARGIN_MS), dayOf(now), dayOf(now + MARGIN_MS)])].sort();
  }
}
