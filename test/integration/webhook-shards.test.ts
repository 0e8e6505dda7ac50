import { NativeConnection, Worker } from '@temporalio/worker';
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { WebhookMaintenanceActivity } from '../../activities/webhook-maintenance.activities';
import { WebhookDeliveryActivities } from '../../activities/webhooks.activities';
import { startSystemWorkflows } from '../../apps/worker/system-workflows';
import type { ProviderId } from '../../libs/core/providers';
import { Logger } from '../../libs/telemetry/logger';
import { activityWorkerOptions } from '../../temporal/worker-options';
import {
  CORE_QUEUE,
  MAINTAIN_WEBHOOKS_ID,
  OPS_QUEUE,
  WEBHOOKS_QUEUE,
  webhookDispatchWorkflowId,
} from '../../workflows/contract';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { executionLine } from '../support/execution-line';
import { createTestNamespace, type TestNamespace } from '../support/temporal';
import { waitUntil } from '../support/wait-until';
import { deliveriesOf, publish, subscribe, testSealer, type Subscription } from '../support/webhook-fixtures';
import { openReceiver, type WebhookReceiver } from '../support/webhook-receiver';

const logger = new Logger('test', 'error');
let t: TestDatabase;
let temporal: TestNamespace;
let connection: NativeConnection;
let workers: Worker[];
let running: Promise<void>[];
let webhooks: WebhookDeliveryActivities;
let partner: WebhookReceiver;

beforeAll(async () => {
  [t, temporal, partner] = await Promise.all([createTestDatabase(10), createTestNamespace(), openReceiver()]);
  connection = await NativeConnection.connect({ address: temporal.address });
  const settings = {
    DATABASE_URL: t.url,
    DATABASE_DIRECT_URL: undefined,
    PUBLIC_URL: 'https://api.example',
    WEBHOOK_ALLOW_LOOPBACK: true,
    WEBHOOK_PROXY_URL: undefined,
    WEBHOOK_RETRY_SCHEDULE_S: [1, 1],
    WEBHOOK_DISABLE_AFTER_S: 432_000,
    WEBHOOK_RETENTION_DAYS: 35,
  };
  const runtimes = new Map<ProviderId, { policy: { reExport: boolean; cacheTtlDays: null; note: string } }>([
    ['strava', { policy: { reExport: true, cacheTtlDays: null, note: '' } }],
  ]);
  webhooks = new WebhookDeliveryActivities(
    testSealer,
    settings,
    logger,
    runtimes,
    new Registry(),
    executionLine(),
  );
  const maintenance = new WebhookMaintenanceActivity(t.db, settings, logger);
  workers = await Promise.all([
    Worker.create({
      connection,
      namespace: temporal.namespace,
      taskQueue: CORE_QUEUE,
      workflowsPath: require.resolve('../../workflows'),
    }),
    activityWorker(WEBHOOKS_QUEUE, {
      dispatchWebhooks: webhooks.dispatchWebhooks.bind(webhooks),
      deliverWebhook: webhooks.deliverWebhook.bind(webhooks),
    }),
    activityWorker(OPS_QUEUE, {
      dispatchDueSyncs: () => Promise.resolve({ claimed: 0, started: 0, alreadyRunning: 0 }),
      maintainWebhookPartitions: maintenance.maintainWebhookPartitions.bind(maintenance),
    }),
  ]);
  running = workers.map((w) => w.run());
});

const activityWorker = (taskQueue: string, activities: object): Promise<Worker> =>
  Worker.create(
    activityWorkerOptions({ connection, namespace: temporal.namespace, taskQueue, logger, activities }),
  );

afterAll(async () => {
  webhooks.stopDispatching();
  for (const worker of workers) worker.shutdown();
  await Promise.all(running);
  await webhooks.onApplicationShutdown();
  await connection.close();
  await temporal.close();
  await partner.close();
  await t.drop();
});

const start = (shards: number): Promise<void> =>
  startSystemWorkflows(connection, {
    TEMPORAL_NAMESPACE: temporal.namespace,
    SYNC_SHARDS: 1,
    WEBHOOK_SHARDS: shards,
  });

/** Run ids of the dispatchers 0, 1 and 2 that run; null for one that does not. */
const dispatchers = (): Promise<(string | null)[]> =>
  Promise.all(
    [0, 1, 2].map(async (shard) => {
      const handle = temporal.client.workflow.getHandle(webhookDispatchWorkflowId(shard));
      return handle.describe().then(
        ({ status, runId }) => (status.name === 'RUNNING' ? runId : null),
        () => null,
      );
    }),
  );

const isWhole = async (owners: readonly Subscription[], events: number): Promise<boolean> => {
  const rows = (await Promise.all(owners.map((o) => deliveriesOf(t.db, o.endpointId)))).flat();
  return rows.length === events && rows.every((d) => d.status === 'delivered');
};

test('a changed number of shards takes over at once; nothing is lost, and twice goes only what was in flight', async () => {
  const owners = await Promise.all(
    [0, 1, 2, 3].map((shard) => subscribe(t.db, `${partner.url}/${shard}`, { shard })),
  );
  let events = 0;
  const publishFor = async (shards: number): Promise<void> => {
    let up = false;
    const started = start(shards).then(() => (up = true));
    while (!up) for (const owner of owners) events += (await publish(t.db, owner, 2)).length;
    await started;
    for (const owner of owners) events += (await publish(t.db, owner, 20)).length;
    await waitUntil(() => isWhole(owners, events), {
      what: `all to arrive with ${shards} shards`,
      timeoutMs: 30_000,
    });
  };

  await publishFor(1);
  const [one, ...none] = await dispatchers();
  expect([typeof one, ...none]).toEqual(['string', null, null]);

  await publishFor(2);
  const two = await dispatchers();
  expect(two.map((id) => typeof id)).toEqual(['string', 'string', 'object']);
  expect(two[0]).not.toBe(one);
  const epochs = await t.db.execute<{ epochs: number }>(
    sql`select count(distinct epoch)::int as epochs from dispatch_shards`,
  );
  expect(epochs[0]!.epochs).toBe(2);

  await start(2);
  expect(await dispatchers()).toEqual(two);

  await publishFor(1);
  const last = await dispatchers();
  expect(last.map((id) => typeof id)).toEqual(['string', 'object', 'object']);

  const ids = partner.received.map(({ headers }) => String(headers['webhook-id']));
  expect(new Set(ids).size).toBe(events);
  // Two changes, and at most eight in flight to each of four endpoints.
  expect(ids.length - events).toBeLessThanOrEqual(2 * 8 * 4);
});

test('two instances that start together agree on one dispatcher per shard', async () => {
  await start(1);
  await Promise.all([start(3), start(3), start(3)]);
  const three = await dispatchers();
  expect(three.every((id) => id !== null)).toBe(true);
  await start(3);
  expect(await dispatchers()).toEqual(three);
});

test('maintenance runs when its Schedule is made', async () => {
  await start(1);
  const maintained = await waitUntil(
    async () => {
      for await (const run of temporal.client.workflow.list({
        query: `WorkflowType = 'maintainWebhooks'`,
      }))
        if (run.status.name === 'COMPLETED') return run;
      return null;
    },
    { what: 'the maintenance to end' },
  );
  expect(maintained.workflowId).toContain(MAINTAIN_WEBHOOKS_ID);
  const result = (await temporal.client.workflow
    .getHandle(maintained.workflowId, maintained.runId)
    .result()) as unknown;
  expect(result).toMatchObject({ made: [], movedRows: 0, dropped: [] });
});
