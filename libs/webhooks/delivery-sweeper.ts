import type { Database } from '../db/database';
import type { DispatchShard } from '../db/deliveries-claims';
import { readFollowed, readSuspects, type FollowedDelivery } from '../db/deliveries-sweep.repo';
import { cancelDeliveriesOfDeleted, disableFailingEndpoints } from '../db/endpoint-disable.repo';
import type { Logger } from '../telemetry/logger';
import type { DeliveryExecutions } from './delivery-executions';
import { followExecution } from './follow-execution';
import type { OpenDays } from './open-days';
import { WakeUp } from './wake-up';

/** Times in ms. */
export interface SweepSettings {
  everyMs: number;
  /** A retry overdue by so much is looked at. */
  overdueMs: number;
  /** An ended delivery's execution has so long to end by itself. */
  endedForMs: number;
  /** Deliveries looked at per sweep, and how many of them at once. */
  limit: number;
  atOnce: number;
  /** How often long failing endpoints are looked for. */
  disableEveryMs: number;
  /** How often lost replays are looked for: those that did not move since. */
  replaysEveryMs: number;
}

export const SWEEP_SETTINGS: SweepSettings = {
  everyMs: 15_000,
  overdueMs: 120_000,
  endedForMs: 5_000,
  limit: 200,
  atOnce: 10,
  disableEveryMs: 600_000,
  replaysEveryMs: 60_000,
};

/** Visibility may tell of an execution so much later. */
const VISIBILITY_LAG_MS = 60_000;
/** Stopped executions read per sweep: where there are more, those beyond are found when they are overdue. */
const MAX_STOPPED = 1_000;

export interface SweeperDeps {
  db: Database;
  logger: Logger;
  executions: DeliveryExecutions;
  openDays: OpenDays;
  settings: SweepSettings;
  /** Endpoints that accepted nothing for so long are disabled. */
  disableAfterMs: number;
  /** Makes running replays whose workflow is gone go on. */
  restoreReplays: () => Promise<void>;
}

/**
 * Brings the rows of a shard's deliveries and their executions into line (design §8): follows what people did in Temporal
 * UI within a sweep, starts executions that were lost anew, wakes those that oversleep, ends those of ended deliveries.
 * Every row with an execution is looked at once after the start, and after Temporal was away; after that only suspects
 * and what visibility lists as stopped. A row that cannot be decided upon now comes again.
 */
export class DeliverySweeper {
  readonly #wake = new WakeUp();
  /** Where the round over suspects stands; null: at its start. */
  #after: string | null = null;
  /** This round looks at every retry. */
  #full = true;
  #listedUntil: number | null = null;
  #disabledAt = Number.NEGATIVE_INFINITY;
  #replaysAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly deps: SweeperDeps,
    private readonly shard: DispatchShard,
  ) {}

  /** Sweeps until `stop`; errors are logged and the next sweep goes on. */
  async run(stop: AbortSignal): Promise<void> {
    const ring = (): void => this.#wake.ring();
    stop.addEventListener('abort', ring);
    while (!stop.aborted) {
      try {
        await this.sweep(stop);
        await this.#doChores();
      } catch (error) {
        this.#listedUntil = null;
        this.#after = null;
        this.#full = true;
        this.deps.logger.warn('webhook deliveries could not be swept', { ...this.shard, error });
      }
      if (!stop.aborted) await this.#wake.wait(this.deps.settings.everyMs);
    }
    stop.removeEventListener('abort', ring);
  }

  /** One sweep; answers how many rows changed. @throws AppError `engine_unavailable`, the driver's error */
  async sweep(stop: AbortSignal): Promise<number> {
    const { openDays, settings, logger } = this.deps;
    await openDays.refreshIfOld();
    if (openDays.none) return 0;
    const stopped = await this.#stopped();
    const suspects = await this.#suspects(Math.max(1, settings.limit - stopped.length));
    const candidates = [...new Map([...stopped, ...suspects].map((d) => [d.id, d])).values()];
    let changed = 0;
    for (let at = 0; at < candidates.length && !stop.aborted; at += settings.atOnce) {
      const results = await Promise.all(
        candidates.slice(at, at + settings.atOnce).map((delivery) => followExecution(this.deps, delivery)),
      );
      changed += results.filter(Boolean).length;
    }
    if (changed > 0) logger.info('webhook deliveries followed their executions', { ...this.shard, changed });
    return changed;
  }

  /** Rows that do not show yet what visibility lists as paused, or as ended by somebody. */
  async #stopped(): Promise<FollowedDelivery[]> {
    const { db, executions, settings } = this.deps;
    const now = Date.now();
    const since = new Date((this.#listedUntil ?? now) - VISIBILITY_LAG_MS);
    const ids = await executions.listStopped(since, MAX_STOPPED);
    this.#listedUntil = now;
    const rows = await readFollowed(db, ids, this.shard);
    return rows
      .filter((row) => row.status === 'pending' || row.status === 'retrying')
      .slice(0, settings.limit);
  }

  async #suspects(limit: number): Promise<FollowedDelivery[]> {
    const { db, openDays, settings } = this.deps;
    const rows = await readSuspects(db, {
      ...this.shard,
      days: openDays.days,
      after: this.#after,
      limit,
      overdueMs: this.#full ? null : settings.overdueMs,
      endedForMs: settings.endedForMs,
    });
    const ended = rows.length < limit;
    this.#after = ended ? null : rows.at(-1)!.id;
    if (ended) this.#full = false;
    return rows;
  }

  /** What is not of a shard is done by the first one. */
  async #doChores(): Promise<void> {
    if (this.shard.shard !== 0) return;
    const { db, logger, settings, disableAfterMs, restoreReplays } = this.deps;
    const now = performance.now();
    if (now - this.#disabledAt >= settings.disableEveryMs) {
      const disabled = await disableFailingEndpoints(db, disableAfterMs);
      if (disabled.length > 0)
        logger.warn('endpoints that failed for days were disabled', { endpoints: disabled });
      await cancelDeliveriesOfDeleted(db, this.deps.openDays.days);
      this.#disabledAt = now;
    }
    if (now - this.#replaysAt >= settings.replaysEveryMs) {
      await restoreReplays();
      this.#replaysAt = now;
    }
  }
}
