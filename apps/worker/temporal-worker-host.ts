import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Worker, type NativeConnection } from '@temporalio/worker';
import { CONFIG, LOGGER } from '../../activities/injection-tokens';
import { IntegrationLifecycleActivities } from '../../activities/lifecycle.activities';
import { SyncBookkeepingActivities } from '../../activities/sync-bookkeeping.activities';
import { SyncDispatchActivity } from '../../activities/sync-dispatch.activities';
import { SyncStreamActivities } from '../../activities/sync-stream.activities';
import { WebhookReplayActivities } from '../../activities/webhook-replay.activities';
import { WebhookMaintenanceActivity } from '../../activities/webhook-maintenance.activities';
import { WebhookDeliveryActivities } from '../../activities/webhooks.activities';
import type { Config } from '../../libs/config/config';
import { CONNECTORS } from '../../libs/connectors/registry';
import type { Logger } from '../../libs/telemetry/logger';
import { connectWorker } from '../../temporal/worker-connection';
import {
  activityWorkerOptions,
  workflowWorkerOptions,
  type QueueWorkerInput,
} from '../../temporal/worker-options';
import { CORE_QUEUE, OPS_QUEUE, providerQueue, WEBHOOKS_QUEUE } from '../../workflows/contract';
import { boundMethods } from './bound-methods';
import { startSystemWorkflows } from './system-workflows';

/** Retries wait on partners, not on us; each dispatcher of a shard holds one of these slots, too. */
const CONCURRENT_RETRIES = 100;

/** Runs one Temporal worker per task queue in this process, and drains them before the database pool closes. */
@Injectable()
export class TemporalWorkerHost implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #connection: NativeConnection | null = null;
  #workers: Worker[] = [];
  #done: Promise<unknown> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SyncBookkeepingActivities) private readonly bookkeeping: SyncBookkeepingActivities,
    @Inject(SyncStreamActivities) private readonly streams: SyncStreamActivities,
    @Inject(IntegrationLifecycleActivities) private readonly lifecycle: IntegrationLifecycleActivities,
    @Inject(SyncDispatchActivity) private readonly syncDispatch: SyncDispatchActivity,
    @Inject(WebhookReplayActivities) private readonly replays: WebhookReplayActivities,
    @Inject(WebhookMaintenanceActivity) private readonly maintenance: WebhookMaintenanceActivity,
    @Inject(WebhookDeliveryActivities) private readonly webhooks: WebhookDeliveryActivities,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.#connection = await connectWorker(this.config);
    await startSystemWorkflows(this.#connection, this.config);
    this.#workers = await Promise.all([
      Worker.create(
        workflowWorkerOptions(
          this.#queue(CORE_QUEUE, boundMethods(this.bookkeeping, ['planSync', 'finishSync'])),
        ),
      ),
      Worker.create(
        activityWorkerOptions(
          this.#queue(OPS_QUEUE, {
            ...boundMethods(this.lifecycle, ['closeIntegration', 'stopSync']),
            ...boundMethods(this.syncDispatch, ['dispatchDueSyncs']),
            ...boundMethods(this.maintenance, ['maintainWebhookPartitions']),
            ...boundMethods(this.replays, ['queueReplayBatch', 'cancelReplay']),
          }),
        ),
      ),
      Worker.create(
        activityWorkerOptions({
          ...this.#queue(WEBHOOKS_QUEUE, boundMethods(this.webhooks, ['dispatchWebhooks', 'deliverWebhook'])),
          maxConcurrentActivities: CONCURRENT_RETRIES,
        }),
      ),
      ...CONNECTORS.map(({ id }) =>
        Worker.create(
          activityWorkerOptions(
            this.#queue(providerQueue(id), boundMethods(this.streams, ['syncStream', 'revokeAccess'])),
          ),
        ),
      ),
    ]);
    this.#done = Promise.all(this.#workers.map((worker) => worker.run())).catch((error: unknown) => {
      // A process whose worker died must not go on looking healthy.
      this.logger.error('a Temporal worker stopped', { error });
      process.exit(1);
    });
    this.logger.info('workers run', { queues: this.#workers.map((w) => w.options.taskQueue) });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.webhooks.stopDispatching();
    for (const worker of this.#workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await this.#done;
    await this.#connection?.close();
  }

  /** True while every worker polls its queue. */
  isRunning(): boolean {
    return this.#workers.length > 0 && this.#workers.every((worker) => worker.getState() === 'RUNNING');
  }

  #queue(taskQueue: string, activities: object): QueueWorkerInput {
    if (!this.#connection) throw new Error('not connected to Temporal');
    return {
      connection: this.#connection,
      namespace: this.config.TEMPORAL_NAMESPACE,
      taskQueue,
      logger: this.logger,
      activities,
    };
  }
}
