import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../db/database';
import type { DeliveryResult, DeliveryToSend } from '../db/deliveries.repo';
import {
  ackDeliveries,
  claimDeliveries,
  type DispatchShard,
  releaseClaims,
  takeShard,
} from '../db/deliveries-claims';
import type { Logger } from '../telemetry/logger';
import { AckBuffer } from './ack-buffer';
import type { DispatchSettings } from './dispatch-settings';
import { WakeUp } from './wake-up';

/** A delivery that failed for a reason of ours goes to a retry execution, where people see it, after this time. */
const OWN_FAULT_RETRY_MS = 30_000;
const DATABASE_PAUSE_MS = 1_000;
const END_RETRY_MS = 30_000;
const MAX_ACKS_PER_STATEMENT = 500;

export interface DispatcherDeps {
  db: Database;
  logger: Logger;
  settings: DispatchSettings;
  /** One attempt; null when the signal ended it. */
  attempt: (delivery: DeliveryToSend, signal: AbortSignal) => Promise<DeliveryResult | null>;
  /** Called when a result asks for a retry. */
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
  /** Age of the oldest delivery of the last claim when it was claimed, 0 when idle. */
  lagMs: number;
}

/**
 * First attempts of one shard (design §8): claims fairly by endpoint, POSTs each delivery on its own so that a slow
 * endpoint holds up nobody, and acks in batches. It owns the shard by its epoch; a newer dispatcher ends it.
 */
export class ShardDispatcher {
  readonly #inFlight = new Map<string, number>();
  readonly #sending = new Set<Promise<void>>();
  readonly #wake = new WakeUp();
  readonly #abandon = new AbortController();
  readonly #acks: AckBuffer<DeliveryResult>;
  readonly #counts = { epoch: 0, attempted: 0, delivered: 0, failed: 0, lagMs: 0 };

  constructor(
    private readonly deps: DispatcherDeps,
    private readonly shard: DispatchShard,
  ) {
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
    const { db, logger } = this.deps;
    const { epoch, reclaimed } = await takeShard(db, this.shard);
    this.#counts.epoch = epoch;
    logger.info('webhook dispatcher runs', { ...this.shard, epoch, reclaimed });
    const ring = (): void => this.#wake.ring();
    stop.addEventListener('abort', ring);
    await this.#claimUntil(stop);
    stop.removeEventListener('abort', ring);
    await this.#drain();
    return { attempted: this.#counts.attempted };
  }

  async #claimUntil(stop: AbortSignal): Promise<void> {
    const { settings, logger } = this.deps;
    let endAt = performance.now() + settings.runForMs;
    let busyUntil = performance.now() + settings.busyForMs;
    while (!stop.aborted) {
      if (performance.now() >= endAt) {
        if (await this.deps.mayEnd()) return;
        endAt += END_RETRY_MS;
      }
      const claim = await this.#claim();
      if (claim?.fenced === true) {
        logger.warn('a newer webhook dispatcher has the shard', { ...this.shard, ...this.progress() });
        return;
      }
      if (claim !== null) {
        this.#counts.lagMs = Math.max(0, ...claim.deliveries.map((d) => d.ageMs));
        for (const delivery of claim.deliveries) this.#launch(delivery);
        if (claim.deliveries.length > 0) busyUntil = performance.now() + settings.busyForMs;
      }
      if (stop.aborted) return;
      const busy = performance.now() < busyUntil;
      await this.#wake.wait(
        claim === null ? DATABASE_PAUSE_MS : busy ? settings.busyPollMs : settings.idlePollMs,
      );
    }
  }

  /** Null when the database did not answer. */
  async #claim(): Promise<Awaited<ReturnType<typeof claimDeliveries>> | null> {
    const { db, settings, logger } = this.deps;
    const limit = settings.inFlight - this.#sending.size;
    if (limit <= 0) return { fenced: false, deliveries: [] };
    try {
      return await claimDeliveries(db, {
        ...this.shard,
        epoch: this.#counts.epoch,
        limit,
        perEndpoint: settings.inFlightPerEndpoint,
        inFlight: this.#inFlight,
      });
    } catch (error) {
      logger.error('webhook deliveries could not be claimed', { ...this.shard, error });
      return null;
    }
  }

  #launch(delivery: DeliveryToSend): void {
    const { endpointId } = delivery;
    this.#inFlight.set(endpointId, (this.#inFlight.get(endpointId) ?? 0) + 1);
    this.#counts.attempted += 1;
    const sending = this.#send(delivery).finally(() => {
      this.#sending.delete(sending);
      const left = (this.#inFlight.get(endpointId) ?? 1) - 1;
      if (left === 0) this.#inFlight.delete(endpointId);
      else this.#inFlight.set(endpointId, left);
    });
    this.#sending.add(sending);
  }

  async #send(delivery: DeliveryToSend): Promise<void> {
    try {
      const result = await this.deps.attempt(delivery, this.#abandon.signal);
      if (result !== null) this.#acks.add(result);
    } catch (error) {
      this.deps.logger.error('a webhook could not be made', { delivery: delivery.id, error });
      this.#acks.add({
        deliveryId: delivery.id,
        status: 'retrying',
        retryInMs: OWN_FAULT_RETRY_MS,
        endpointGone: false,
        attempt: null,
      });
    }
  }

  async #writeAcks(batch: readonly DeliveryResult[]): Promise<void> {
    const refused = await ackDeliveries(this.deps.db, this.#counts.epoch, batch);
    const delivered = batch.filter((r) => r.status === 'delivered').length;
    this.#counts.delivered += delivered;
    this.#counts.failed += batch.length - delivered;
    if (refused.length > 0)
      this.deps.logger.warn('webhook acks were refused', { ...this.shard, refused: refused.length });
    if (batch.some((r) => r.status === 'retrying')) this.deps.onRetrying();
    this.#wake.ring();
  }

  /** Lets POSTs in flight end, abandons what takes too long, writes the acks and gives the rest back. */
  async #drain(): Promise<void> {
    const { settings, logger } = this.deps;
    const late = AbortSignal.timeout(settings.drainMs);
    late.addEventListener('abort', () => this.#abandon.abort());
    await Promise.allSettled(this.#sending);
    const settled = await Promise.race([
      this.#acks.settled().then(() => true),
      pause(settings.drainMs, false, { ref: false }),
    ]);
    const released = settled ? await this.#release() : 0;
    logger.info('webhook dispatcher ends', { ...this.shard, ...this.progress(), released, settled });
  }

  /** What cannot be given back now is taken by the next epoch. */
  async #release(): Promise<number> {
    try {
      return await releaseClaims(this.deps.db, this.shard, this.#counts.epoch);
    } catch (error) {
      this.deps.logger.error('webhook claims could not be released', { ...this.shard, error });
      return 0;
    }
  }
}
