import { Worker, type NativeConnection } from '@temporalio/worker';
import { Registry } from 'prom-client';
import { WebhookReplayActivities } from '../../activities/webhook-replay.activities';
import { WebhookDeliveryActivities } from '../../activities/webhooks.activities';
import type { ProviderId } from '../../libs/core/providers';
import { Logger } from '../../libs/telemetry/logger';
import type { SweepSettings } from '../../libs/webhooks/delivery-sweeper';
import { activityWorkerOptions, workflowWorkerOptions } from '../../temporal/worker-options';
import { CORE_QUEUE, OPS_QUEUE, WEBHOOKS_QUEUE } from '../../workflows/contract';
import type { TestApi } from './api';
import { executionLine } from './execution-line';
import { testSealer } from './webhook-fixtures';

/** Sweeps often, so that a test sees what takes 15 s or two minutes otherwise. */
const FAST_SWEEPS: SweepSettings = {
  everyMs: 200,
  overdueMs: 1_000,
  endedForMs: 200,
  limit: 200,
  atOnce: 10,
  disableEveryMs: 500,
  replaysEveryMs: 500,
};

const POLICY = { cacheTtlDays: null, note: '' };
const runtimes = new Map<ProviderId, { policy: { reExport: boolean; cacheTtlDays: null; note: string } }>([
  ['strava', { policy: { ...POLICY, reExport: true } }],
  ['garmin', { policy: { ...POLICY, reExport: false } }],
]);

/** A worker with dispatcher, retries, sweeper and replays. Retries come after hours. Answers how to stop it. */
export async function startWebhookWorker(
  api: TestApi,
  connection: NativeConnection,
): Promise<() => Promise<void>> {
  const { db, config } = api.resources;
  const { namespace } = api.namespace;
  const logger = new Logger('test', 'error');
  const webhooks = new WebhookDeliveryActivities(
    testSealer,
    { ...config, WEBHOOK_ALLOW_LOOPBACK: true, WEBHOOK_RETRY_SCHEDULE_S: [3600, 3600] },
    logger,
    runtimes,
    new Registry(),
    executionLine(FAST_SWEEPS),
  );
  const replays = new WebhookReplayActivities(db, runtimes);
  const common = { connection, namespace, logger };
  const workers = await Promise.all([
    Worker.create(workflowWorkerOptions({ ...common, taskQueue: CORE_QUEUE, activities: {} })),
    Worker.create(
      activityWorkerOptions({
        ...common,
        taskQueue: OPS_QUEUE,
        activities: {
          queueReplayBatch: replays.queueReplayBatch.bind(replays),
          cancelReplay: replays.cancelReplay.bind(replays),
        },
      }),
    ),
    Worker.create(
      activityWorkerOptions({
        ...common,
        taskQueue: WEBHOOKS_QUEUE,
        activities: {
          dispatchWebhooks: webhooks.dispatchWebhooks.bind(webhooks),
          deliverWebhook: webhooks.deliverWebhook.bind(webhooks),
        },
      }),
    ),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  return async () => {
    webhooks.stopDispatching();
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
    await webhooks.onApplicationShutdown();
  };
}
