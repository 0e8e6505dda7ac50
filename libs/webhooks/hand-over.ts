import type { Database } from '../db/database';
import type { DispatchShard } from '../db/deliveries-claims';
import { markHandedOver, readRetriesToStart, type RetryToStart } from '../db/deliveries-hand-over';
import type { Logger } from '../telemetry/logger';
import type { OpenDays } from './open-days';
import { WakeUp } from './wake-up';

const BATCH = 50;
const STARTS_AT_ONCE = 3;
const IDLE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;

export interface HandOverDeps {
  db: Database;
  logger: Logger;
  livePerEndpoint: number;
  openDays: OpenDays;
  /** Starts the retry's own execution; starting one that runs already must succeed. */
  startRetry: (retry: RetryToStart) => Promise<void>;
}

/**
 * Gives every failed delivery an execution of its own, apart from the first attempts: when Temporal does not answer,
 * deliveries go on and this loop waits with growing pauses. The row is marked after the start, so a crash in between
 * starts it once more, which joins the running one.
 */
export class RetryHandOver {
  readonly #wake = new WakeUp();
  #rung = true;

  constructor(
    private readonly deps: HandOverDeps,
    private readonly shard: DispatchShard,
  ) {}

  /** Something was set to `retrying`: look now. */
  ring(): void {
    this.#rung = true;
    this.#wake.ring();
  }

  async run(stop: AbortSignal): Promise<void> {
    const ring = (): void => this.ring();
    stop.addEventListener('abort', ring);
    let failures = 0;
    while (!stop.aborted) {
      let full = false;
      try {
        full = await this.#step(stop);
        failures = 0;
      } catch (error) {
        failures += 1;
        this.deps.logger.warn('webhook retries could not be handed over', { ...this.shard, error });
      }
      const pauseMs = full ? 0 : Math.min(IDLE_MS * 2 ** failures, MAX_PAUSE_MS);
      if (!stop.aborted) await this.#wake.wait(pauseMs);
    }
    stop.removeEventListener('abort', ring);
  }

  /** True when there may be more at once. @throws the first error, after what was started is marked */
  async #step(stop: AbortSignal): Promise<boolean> {
    const { db, livePerEndpoint, openDays } = this.deps;
    if (openDays.none && !this.#rung) return false;
    this.#rung = false;
    const retries = await readRetriesToStart(db, {
      ...this.shard,
      days: openDays.days,
      limit: BATCH,
      livePerEndpoint,
    });
    for (let at = 0; at < retries.length && !stop.aborted; at += STARTS_AT_ONCE)
      await this.#start(retries.slice(at, at + STARTS_AT_ONCE));
    return retries.length === BATCH;
  }

  async #start(retries: readonly RetryToStart[]): Promise<void> {
    const starts = await Promise.allSettled(retries.map((retry) => this.deps.startRetry(retry)));
    const started = retries.filter((_, i) => starts[i]?.status === 'fulfilled');
    await markHandedOver(
      this.deps.db,
      started.map((retry) => retry.deliveryId),
    );
    const failed = starts.find((s) => s.status === 'rejected');
    if (failed) throw failed.reason;
  }
}
