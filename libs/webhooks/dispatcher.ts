import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../db/database';
import {
  claimDeliveries,
  endDraining,
  setSleeping,
  takeShard,
  type Claim,
  type DispatchShard,
} from '../db/deliveries-claims';
import type { DeliveryToSend } from '../db/deliveries.repo';
import { writeResults, type DeliveryResult } from '../db/delivery-results.repo';
import type { ProbePolicy } from '../db/endpoint-health';
import { drainRetries } from '../db/retry-slots.repo';
import type { Logger } from '../telemetry/logger';
import { AckBuffer } from './ack-buffer';
import type { DispatchSettings } from './dispatch-settings';
import { Lanes } from './lanes';
import { RecentRate } from './recent-rate';
import type { OpenDays } from './open-days';
import type { WebhookMetrics } from './webhook-metrics';
import type { WakeUp } from './wake-up';

/** A delivery that failed for a reason of ours goes to a retry execution, where people see it, after this time. */
const OWN_FAULT_RETRY_MS = 30_000;
const DATABASE_PAUSE_MS = 1_000;
const END_RETRY_MS = 30_000;
const MAX_ACKS_PER_STATEMENT = 500;
/** A timer may ring so much before its time. */
const TIMER_PRECISION_MS = 1;
const NOTHING: Claim = { fenced: false, deliveries: [] };

export interface DispatcherDeps {
  db: Database;
  logger: Logger;
  metrics: WebhookMetrics;
  settings: DispatchSettings;
  probes: ProbePolicy;
  openDays: OpenDays;
  /** Rung by a NOTIFY, by acks and by whoever changes what may be sent. */
  wake: WakeUp;
  /** One attempt; null when the signal ended it. */
  attempt: (delivery: DeliveryToSend, signal: AbortSignal) => Promise<DeliveryResult | null>;
  /** Called when results ask for retries. */
  onRetrying: () => void;
  /** Asked after `runForMs`: may the dispatcher end? No while nobody could start the next one. */
  mayEnd: () => Promise<boolean>;
}

export interface DispatchProgress {
  epoch: number;
  attempted: number;
  delivered: number;
  failed: number;
  inFlight: number;
  /** How long the oldest delivery of the last claim had waited, 0 when idle. */
  lagMs: number;
}

/** Why the dispatcher looks: it was told to, or the time was up. */
type Look = 'rung' | 'polled';

interface Ack {
  delivery: DeliveryToSend;
  result: DeliveryResult;
}

/**
 * First attempts of one shard (design §8): claims fairly by endpoint, POSTs each delivery on its own so that a slow
 * endpoint holds up nobody, and acks in batches. Claims live in memory under the shard's epoch; a newer dispatcher, which
 * writes its own, ends this one.
 */
export class ShardDispatcher {
  readonly #lanes: Lanes;
  readonly #sending = new Set<Promise<void>>();
  readonly #abandon = new AbortController();
  readonly #acks: AckBuffer<Ack>;
  readonly #rate = new RecentRate();
  readonly #counts = { epoch: 0, attempted: 0, delivered: 0, failed: 0, lagMs: 0 };
  #sleeping = false;
  #draining = false;

  constructor(
    private readonly deps: DispatcherDeps,
    private readonly shard: DispatchShard,
  ) {
    this.#lanes = new Lanes(deps.settings);
    this.#acks = new AckBuffer({
      write: (batch) => this.#writeAcks(batch),
      onError: (error) => deps.logger.error('webhook acks could not be written', { ...shard, error }),
      delayMs: deps.settings.ackDelayMs,
      maxBatch: MAX_ACKS_PER_STATEMENT,
    });
  }

  progress(): DispatchProgress {
    return { ...this.#counts, inFlight: this.#sending.size };
  }

  /** Runs until `stop`, a newer dispatcher, or the end of its time; then drains. @throws when the shard cannot be taken */
  async run(stop: AbortSignal): Promise<{ attempted: number }> {
    const { db, logger, wake } = this.deps;
    this.#counts.epoch = await takeShard(db, this.shard);
    logger.info('webhook dispatcher runs', { ...this.shard, epoch: this.#counts.epoch });
    const ring = (): void => wake.ring();
    stop.addEventListener('abort', ring);
    await this.#dispatchUntil(stop);
    stop.removeEventListener('abort', ring);
    await this.#drain();
    return { attempted: this.#counts.attempted };
  }

  async #dispatchUntil(stop: AbortSignal): Promise<void> {
    let endAt = performance.now() + this.deps.settings.runForMs;
    let look: Look = 'polled';
    while (!stop.aborted) {
      if (performance.now() >= endAt) {
        if (await this.deps.mayEnd()) return;
        endAt += END_RETRY_MS;
      }
      const claim = await this.#claim(look);
      if (claim?.fenced === true) return;
      const perSecond = this.#rate.add(claim?.deliveries.length ?? 0);
      look = (await this.#fellAsleep(perSecond))
        ? 'rung'
        : await this.#nextLook(this.#pauseMs(claim, perSecond));
    }
  }

  /** Waits until it is time to look again, or told to; sends meanwhile what the endpoints' rates allow. */
  async #nextLook(pauseMs: number): Promise<Look> {
    const at = performance.now() + pauseMs;
    for (;;) {
      const now = performance.now();
      if (now >= at - TIMER_PRECISION_MS) return 'polled';
      if (await this.deps.wake.wait(Math.min(at - now, this.#lanes.waitMs(now) ?? pauseMs))) return 'rung';
      this.#launch();
    }
  }

  #pauseMs(claim: Claim | null, perSecond: number): number {
    const { busyPollMs, idlePollMs } = this.deps.settings;
    if (claim === null) return DATABASE_PAUSE_MS;
    if (this.#sleeping) return idlePollMs;
    return Math.min(busyPollMs.max, Math.max(busyPollMs.min, perSecond * busyPollMs.perDeliveryPerS));
  }

  /** Claims what there is room for and sends what may be sent; null when the database did not answer. */
  async #claim(look: Look): Promise<Claim | null> {
    const { db, settings, logger, openDays } = this.deps;
    try {
      if (look === 'polled' && this.#sleeping) await openDays.refresh();
      else await openDays.refreshIfOld();
      if (look === 'polled' && this.#sleeping && openDays.none && this.#lanes.isIdle) return NOTHING;
      const claimed = this.#lanes.claimed();
      const rooms = this.#lanes.rooms();
      const claim = await claimDeliveries(db, {
        ...this.shard,
        epoch: this.#counts.epoch,
        days: openDays.days,
        limit: Math.max(0, settings.claimed - claimed.length),
        perEndpoint: settings.inFlightPerEndpoint,
        lanes: rooms,
        claimed,
      });
      if (claim.fenced) {
        logger.warn('a newer webhook dispatcher has the shard', { ...this.shard, ...this.progress() });
        return claim;
      }
      this.#lanes.sweep();
      const now = performance.now();
      this.deps.metrics.claimed(claim.deliveries.length);
      for (const delivery of claim.deliveries) this.#lanes.claim(delivery, now);
      this.#counts.lagMs = Math.max(0, ...claim.deliveries.map((d) => d.queuedForMs));
      this.#endDrains(claim.deliveries, rooms);
      this.#launch();
      return claim;
    } catch (error) {
      logger.error('webhook deliveries could not be claimed', { ...this.shard, error });
      return null;
    }
  }

  /** Endpoints that gave less than they were asked for have nothing left that waited. */
  #endDrains(deliveries: readonly DeliveryToSend[], rooms: ReadonlyMap<string, number>): void {
    const draining = Map.groupBy(
      deliveries.filter((d) => d.endpoint.draining),
      (d) => d.endpointId,
    );
    const ended = [...draining].flatMap(([endpointId, taken]) =>
      taken.length < (rooms.get(endpointId) ?? this.deps.settings.inFlightPerEndpoint) ? [endpointId] : [],
    );
    if (ended.length === 0) return;
    endDraining(this.deps.db, ended).catch((error: unknown) => {
      this.deps.logger.warn('the end of a drain could not be noted', { endpoints: ended, error });
    });
  }

  #launch(): void {
    const room = this.deps.settings.inFlight - this.#sending.size;
    if (room <= 0) return;
    for (const delivery of this.#lanes.next(room, performance.now())) {
      this.#counts.attempted += 1;
      const sending = this.#send(delivery).finally(() => {
        this.#sending.delete(sending);
        if (!this.#draining) this.#launch();
      });
      this.#sending.add(sending);
    }
    this.deps.metrics.inFlight.set({ shard: this.shard.shard }, this.#sending.size);
  }

  async #send(delivery: DeliveryToSend): Promise<void> {
    try {
      const result = await this.deps.attempt(delivery, this.#abandon.signal);
      this.#lanes.ended(
        delivery,
        result === null ? 'aborted' : result.status === 'delivered' ? 'arrived' : 'failed',
      );
      if (result === null) return;
      this.deps.metrics.observe(delivery, result);
      this.#acks.add({ delivery, result });
    } catch (error) {
      this.deps.logger.error('a webhook could not be made', { delivery: delivery.id, error });
      this.#lanes.ended(delivery, 'failed');
      this.#acks.add({ delivery, result: ownFault(delivery) });
    }
  }

  async #writeAcks(batch: readonly Ack[]): Promise<void> {
    const { db, logger, wake } = this.deps;
    const results = batch.map((ack) => ack.result);
    const { written, recovered } = await writeResults(db, results, this.deps.probes);
    for (const endpointId of recovered) {
      const drained = await db.transaction((tx) => drainRetries(tx, endpointId));
      logger.info('a degraded endpoint answers again', { endpoint: endpointId, drained });
    }
    for (const { delivery } of batch) this.#lanes.acknowledged(delivery);
    const delivered = results.filter((r) => r.status === 'delivered').length;
    this.#counts.delivered += delivered;
    this.#counts.failed += batch.length - delivered;
    if (written.length < batch.length)
      logger.info('webhook acks found their row changed', {
        ...this.shard,
        rows: batch.length - written.length,
      });
    if (results.some((r) => r.status === 'retrying')) this.deps.onRetrying();
    wake.ring();
  }

  /**
   * While little happens the dispatcher sleeps: publishers wake it, and it hears of an event at once. While much happens it
   * polls, because a NOTIFY per commit costs more. True when it began to sleep: then it claims once more before it waits
   * (see `wakeDispatchers`).
   */
  async #fellAsleep(perSecond: number): Promise<boolean> {
    const { db, logger, settings } = this.deps;
    const sleeping = perSecond < (this.#sleeping ? settings.pollAbovePerS : settings.notifyBelowPerS);
    if (sleeping === this.#sleeping) return false;
    try {
      await setSleeping(db, this.shard, this.#counts.epoch, sleeping);
      this.#sleeping = sleeping;
      return sleeping;
    } catch (error) {
      logger.warn('the sleeping mark could not be written', { ...this.shard, error });
      return false;
    }
  }

  /** Lets POSTs in flight end, abandons what takes too long, and writes the acks. */
  async #drain(): Promise<void> {
    const { settings, logger } = this.deps;
    this.#draining = true;
    const late = setTimeout(() => this.#abandon.abort(), settings.drainMs);
    await Promise.allSettled(this.#sending);
    clearTimeout(late);
    const settled = await Promise.race([
      this.#acks.settled().then(() => true),
      pause(settings.drainMs, false, { ref: false }),
    ]);
    this.deps.metrics.inFlight.set({ shard: this.shard.shard }, 0);
    logger.info('webhook dispatcher ends', { ...this.shard, ...this.progress(), settled });
  }
}

const ownFault = ({ id, endpointId }: DeliveryToSend): DeliveryResult => ({
  deliveryId: id,
  endpointId,
  status: 'retrying',
  retryInMs: OWN_FAULT_RETRY_MS,
  endpointGone: false,
  endpointTroubled: false,
  attempt: null,
});
