import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Context, getClient } from '@temporalio/activity';
import type { Agent } from 'undici';
import type { Config } from '../libs/config/config';
import type { ProviderRuntime } from '../libs/connectors/runtime';
import type { ProviderId } from '../libs/core/providers';
import { Sealer } from '../libs/crypto/sealer';
import type { Database } from '../libs/db/database';
import type { Logger } from '../libs/telemetry/logger';
import { attemptDelivery, type AttemptDeps } from '../libs/webhooks/attempt-delivery';
import { DISPATCH_SETTINGS } from '../libs/webhooks/dispatch-settings';
import { ShardDispatcher } from '../libs/webhooks/dispatcher';
import { openEgress } from '../libs/webhooks/egress';
import { RetryHandOver } from '../libs/webhooks/hand-over';
import { retryDelivery } from '../libs/webhooks/retry-delivery';
import type { WebhookActivities, WebhookDispatchInput } from '../workflows/contract';
import { CONFIG, DATABASE, LOGGER, RUNTIMES } from './injection-tokens';
import { startRetryActivity } from './webhook-retry-start';
import { isReachable, stopSignal } from './webhook-stop-signal';

const HEARTBEAT_MS = 1_000;

/** First attempts of a shard, and one failing delivery's retries. */
@Injectable()
export class WebhookDeliveryActivities implements WebhookActivities, OnApplicationShutdown {
  readonly #draining = new AbortController();
  readonly #egress: Agent;
  readonly #attempts: AttemptDeps;

  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(Sealer) sealer: Sealer,
    @Inject(CONFIG) config: Pick<Config, 'WEBHOOK_ALLOW_LOOPBACK' | 'WEBHOOK_RETRY_SCHEDULE_S'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(RUNTIMES) runtimes: ReadonlyMap<ProviderId, Pick<ProviderRuntime, 'policy'>>,
  ) {
    this.#egress = openEgress(config.WEBHOOK_ALLOW_LOOPBACK);
    this.#attempts = {
      db,
      sealer,
      egress: this.#egress,
      reExport: (provider) => runtimes.get(provider)?.policy.reExport ?? false,
      scheduleS: config.WEBHOOK_RETRY_SCHEDULE_S,
    };
  }

  /**
   * Dispatches a shard for about ten minutes, longer while Temporal does not answer. Ends normally when it is told to
   * stop: the workflow then starts it anew, on a worker that stays.
   */
  async dispatchWebhooks(shard: WebhookDispatchInput): Promise<{ attempted: number }> {
    const context = Context.current();
    const client = getClient();
    const handOver = new RetryHandOver(
      {
        db: this.db,
        logger: this.logger,
        livePerEndpoint: DISPATCH_SETTINGS.liveRetriesPerEndpoint,
        startRetry: (retry) => startRetryActivity(client.activity, retry),
      },
      shard,
    );
    const dispatcher = new ShardDispatcher(
      {
        db: this.db,
        logger: this.logger,
        settings: DISPATCH_SETTINGS,
        attempt: (delivery, signal) => attemptDelivery(this.#attempts, delivery, signal),
        onRetrying: () => handOver.ring(),
        mayEnd: () => isReachable(client),
      },
      shard,
    );
    const beat = setInterval(() => context.heartbeat(dispatcher.progress()), HEARTBEAT_MS);
    const ended = new AbortController();
    const stop = AbortSignal.any([stopSignal(context, client, ended.signal), this.#draining.signal]);
    const handingOver = handOver.run(ended.signal);
    try {
      return await dispatcher.run(stop);
    } finally {
      ended.abort();
      await handingOver;
      clearInterval(beat);
    }
  }

  /** Runs as a standalone activity, one per failing delivery. @throws AppError, see retryDelivery */
  async deliverWebhook(input: { deliveryId: string }): Promise<{ status: 'delivered' | 'cancelled' }> {
    return retryDelivery(this.#attempts, input.deliveryId);
  }

  /** Called before the worker shuts down: a dispatcher must not claim on through the worker's grace time. */
  stopDispatching(): void {
    this.#draining.abort();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#egress.destroy();
  }
}
