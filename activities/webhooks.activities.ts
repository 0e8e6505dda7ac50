import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Context, getClient } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Registry } from 'prom-client';
import type { Dispatcher as HttpPool } from 'undici';
import type { Config } from '../libs/config/config';
import type { ProviderRuntime } from '../libs/connectors/runtime';
import { AppError } from '../libs/core/errors';
import type { ProviderId } from '../libs/core/providers';
import { Sealer } from '../libs/crypto/sealer';
import { closeDatabase, openDatabase, type Database } from '../libs/db/database';
import { markExecutionEnded } from '../libs/db/deliveries-hand-over';
import { listenForWakes } from '../libs/db/wake-listener';
import type { Logger } from '../libs/telemetry/logger';
import { attemptDelivery } from '../libs/webhooks/attempt-delivery';
import type { DeliveryExecutions } from '../libs/webhooks/delivery-executions';
import { DeliverySweeper, type SweepSettings } from '../libs/webhooks/delivery-sweeper';
import { DISPATCH_SETTINGS } from '../libs/webhooks/dispatch-settings';
import { ShardDispatcher } from '../libs/webhooks/dispatcher';
import { openEgress } from '../libs/webhooks/egress';
import { EndpointSecrets } from '../libs/webhooks/endpoint-secret';
import { RetryHandOver } from '../libs/webhooks/hand-over';
import { OpenDays } from '../libs/webhooks/open-days';
import { probePolicy } from '../libs/webhooks/probe-policy';
import { retryDelivery, type RetryDeps } from '../libs/webhooks/retry-delivery';
import { WakeUp } from '../libs/webhooks/wake-up';
import { WebhookMetrics } from '../libs/webhooks/webhook-metrics';
import type { WebhookActivities, WebhookDispatchInput } from '../workflows/contract';
import { CONFIG, EXECUTION_LINE, LOGGER, METRICS, RUNTIMES } from './injection-tokens';
import { heedOperator } from './webhook-operator';
import { restoreReplays } from './webhook-replay-restore';
import { startRetryActivity } from './webhook-retry-start';
import { isReachable, stopSignal } from './webhook-stop-signal';

const HEARTBEAT_MS = 1_000;
const POOL_SIZE = 6;
/**
 * A new day's partitions have no statistics. The statements of deliveries all go along an index, so the plans that would read
 * and sort a partition are ruled out, on connections of their own.
 */
const BY_INDEX = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off', jit: 'off' };

export type WebhookConfig = Pick<
  Config,
  | 'DATABASE_URL'
  | 'DATABASE_DIRECT_URL'
  | 'PUBLIC_URL'
  | 'WEBHOOK_ALLOW_LOOPBACK'
  | 'WEBHOOK_PROXY_URL'
  | 'WEBHOOK_RETRY_SCHEDULE_S'
  | 'WEBHOOK_DISABLE_AFTER_S'
>;

/** What the sweeper and the attempts use to tell and follow executions. */
export interface ExecutionLine {
  executionsOf: (client: Client) => DeliveryExecutions;
  settings: SweepSettings;
}

/** First attempts of a shard, and one failing delivery's retries. */
@Injectable()
export class WebhookDeliveryActivities implements WebhookActivities, OnApplicationShutdown {
  readonly #stopping = new AbortController();
  readonly #ledger: Database;
  readonly #egress: HttpPool;
  readonly #retries: RetryDeps;
  readonly #wakes = new Set<WakeUp>();
  #listening: Promise<void> | null = null;

  constructor(
    @Inject(Sealer) sealer: Sealer,
    @Inject(CONFIG) private readonly config: WebhookConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(RUNTIMES) runtimes: ReadonlyMap<ProviderId, Pick<ProviderRuntime, 'policy'>>,
    @Inject(METRICS) metrics: Registry,
    @Inject(EXECUTION_LINE) private readonly line: ExecutionLine,
  ) {
    this.#ledger = openDatabase(
      config.DATABASE_DIRECT_URL ?? config.DATABASE_URL,
      POOL_SIZE,
      'diettracker-webhooks',
      BY_INDEX,
    );
    this.#egress = openEgress({
      allowLoopback: config.WEBHOOK_ALLOW_LOOPBACK,
      proxyUrl: config.WEBHOOK_PROXY_URL ?? null,
    });
    this.#retries = {
      db: this.#ledger,
      secrets: new EndpointSecrets(sealer),
      egress: this.#egress,
      reExport: (provider) => runtimes.get(provider)?.policy.reExport ?? false,
      scheduleS: config.WEBHOOK_RETRY_SCHEDULE_S,
      publicUrl: config.PUBLIC_URL,
      probes: probePolicy(config.WEBHOOK_RETRY_SCHEDULE_S),
      metrics: new WebhookMetrics(metrics),
    };
  }

  /**
   * Dispatches a shard for about ten minutes, longer while Temporal does not answer. Ends normally when it is told to
   * stop: the workflow then starts it anew, on a worker that stays.
   */
  async dispatchWebhooks(shard: WebhookDispatchInput): Promise<{ attempted: number }> {
    const context = Context.current();
    const client = getClient();
    const db = this.#ledger;
    const openDays = new OpenDays(db, DISPATCH_SETTINGS.openDaysForMs);
    const wake = new WakeUp();
    const handOver = new RetryHandOver(
      {
        db,
        logger: this.logger,
        livePerEndpoint: DISPATCH_SETTINGS.liveRetriesPerEndpoint,
        openDays,
        startRetry: (retry) => startRetryActivity(client.activity, retry),
      },
      shard,
    );
    const dispatcher = new ShardDispatcher(
      {
        ...this.#retries,
        logger: this.logger,
        settings: DISPATCH_SETTINGS,
        openDays,
        wake,
        attempt: (delivery, signal) => attemptDelivery(this.#retries, delivery, signal),
        onRetrying: () => handOver.ring(),
        mayEnd: () => isReachable(client),
      },
      shard,
    );
    const beat = setInterval(() => context.heartbeat(dispatcher.progress()), HEARTBEAT_MS);
    const ended = new AbortController();
    const stop = AbortSignal.any([stopSignal(context, client, ended.signal), this.#stopping.signal]);
    const handingOver = handOver.run(ended.signal);
    const sweeping = this.#sweeper(client, openDays, shard).run(ended.signal);
    this.#wakes.add(wake);
    this.#listening ??= this.#listen();
    try {
      return await dispatcher.run(stop);
    } finally {
      this.#wakes.delete(wake);
      ended.abort();
      await Promise.all([handingOver, sweeping]);
      clearInterval(beat);
    }
  }

  /** Runs as a standalone activity, one per failing delivery. @throws AppError, see retryDelivery */
  async deliverWebhook(input: { deliveryId: string }): Promise<{ status: 'delivered' | 'cancelled' }> {
    const follow = { db: this.#ledger, executions: this.line.executionsOf(getClient()) };
    await heedOperator(follow, Context.current().info, input.deliveryId);
    try {
      const answer = await retryDelivery(this.#retries, input.deliveryId);
      await markExecutionEnded(this.#ledger, input.deliveryId);
      return answer;
    } catch (error) {
      if (error instanceof AppError && error.code === 'delivery_exhausted')
        await markExecutionEnded(this.#ledger, input.deliveryId);
      throw error;
    }
  }

  #sweeper(client: Client, openDays: OpenDays, shard: WebhookDispatchInput): DeliverySweeper {
    return new DeliverySweeper(
      {
        db: this.#ledger,
        logger: this.logger,
        executions: this.line.executionsOf(client),
        openDays,
        settings: this.line.settings,
        disableAfterMs: this.config.WEBHOOK_DISABLE_AFTER_S * 1000,
        restoreReplays: () => restoreReplays(this.#ledger, client, this.line.settings.replaysEveryMs),
      },
      shard,
    );
  }

  /** Called before the worker shuts down: a dispatcher must not claim on through the worker's grace time. */
  stopDispatching(): void {
    this.#stopping.abort();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    await this.#listening;
    await this.#egress.destroy();
    await closeDatabase(this.#ledger);
  }

  #listen(): Promise<void> {
    return listenForWakes(
      {
        url: this.config.DATABASE_DIRECT_URL ?? this.config.DATABASE_URL,
        onWake: () => {
          this.#retries.metrics.woken();
          for (const wake of this.#wakes) wake.ring();
        },
        onError: (error) => this.logger.warn('wake-ups are not heard; polling goes on', { error }),
      },
      this.#stopping.signal,
    );
  }
}
