import { NativeConnection, Worker } from '@temporalio/worker';
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { Webhook } from 'standardwebhooks';
import { WebhookDeliveryActivities } from '../../activities/webhooks.activities';
import type { ProviderId } from '../../libs/core/providers';
import { Logger } from '../../libs/telemetry/logger';
import { verifyWebhook } from '../../libs/webhooks/verify';
import { activityWorkerOptions } from '../../temporal/worker-options';
import {
  CORE_QUEUE,
  deliveryActivityId,
  webhookDispatchWorkflowId,
  WEBHOOKS_QUEUE,
} from '../../workflows/contract';
import type { dispatchWebhooks } from '../../workflows/dispatch-webhooks';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { anyApp, anyEndpoint } from '../support/fixtures';
import { executionLine } from '../support/execution-line';
import { createTestNamespace, type TestNamespace } from '../support/temporal';
import { waitUntil } from '../support/wait-until';
import { deliveriesOf, publish, subscribe, testSealer } from '../support/webhook-fixtures';
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
  [t, temporal] = await Promise.all([createTestDatabase(10), createTestNamespace()]);
  connection = await NativeConnection.connect({ address: temporal.address });
  webhooks = newActivities();
  const { namespace } = temporal;
  workers = await Promise.all([
    Worker.create({
      connection,
      namespace,
      taskQueue: CORE_QUEUE,
      workflowsPath: require.resolve('../../workflows/dispatch-webhooks'),
    }),
    webhookWorker(webhooks),
  ]);
  running = workers.map((w) => w.run());
  await temporal.client.workflow.start<typeof dispatchWebhooks>('dispatchWebhooks', {
    taskQueue: CORE_QUEUE,
    workflowId: webhookDispatchWorkflowId(0),
    args: [{ shard: 0, shards: 64 }],
  });
});

const newActivities = (): WebhookDeliveryActivities =>
  new WebhookDeliveryActivities(
    testSealer,
    {
      DATABASE_URL: t.url,
      PUBLIC_URL: 'https://api.example',
      WEBHOOK_ALLOW_LOOPBACK: true,
      WEBHOOK_PROXY_URL: undefined,
      DATABASE_DIRECT_URL: undefined,
      WEBHOOK_RETRY_SCHEDULE_S: [1, 1],
      WEBHOOK_DISABLE_AFTER_S: 432_000,
    },
    logger,
    new Map<ProviderId, { policy: { reExport: boolean; cacheTtlDays: null; note: string } }>([
      ['strava', { policy: { reExport: true, cacheTtlDays: null, note: '' } }],
      ['garmin', { policy: { reExport: false, cacheTtlDays: null, note: '' } }],
    ]),
    new Registry(),
    executionLine(),
  );

const webhookWorker = (activities: WebhookDeliveryActivities): Promise<Worker> =>
  Worker.create(
    activityWorkerOptions({
      connection,
      namespace: temporal.namespace,
      taskQueue: WEBHOOKS_QUEUE,
      logger,
      activities: {
        dispatchWebhooks: activities.dispatchWebhooks.bind(activities),
        deliverWebhook: activities.deliverWebhook.bind(activities),
      },
    }),
  );

afterAll(async () => {
  await temporal.client.workflow.getHandle(webhookDispatchWorkflowId(0)).cancel();
  await waitUntil(async () => (await dispatcherStatus()) === 'CANCELLED', { what: 'the dispatcher to end' });
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  await Promise.all(running);
  await webhooks.onApplicationShutdown();
  await connection.close();
  await temporal.close();
  await t.drop();
});

beforeEach(async () => {
  partner = await openReceiver();
});
afterEach(() => partner.close());

const dispatcherStatus = async () =>
  (await temporal.client.workflow.getHandle(webhookDispatchWorkflowId(0)).describe()).status.name;

const untilStatus = (endpointId: string, status: string, timeoutMs = 15_000) =>
  waitUntil(
    async () => {
      const rows = await deliveriesOf(t.db, endpointId);
      return rows.length > 0 && rows.every((d) => d.status === status) ? rows : null;
    },
    { what: `every delivery to be ${status}`, timeoutMs },
  );

async function retryActivities(endpointId: string) {
  const found = [];
  for await (const activity of temporal.client.activity.list(`EndpointId = '${endpointId}'`))
    found.push(activity);
  return found;
}

test('events go out once each, signed, with their ids, numbers and bytes', async () => {
  const { endpointId, secret, ...owner } = await subscribe(t.db, partner.url);
  const eventIds = await publish(t.db, owner, 20);
  const rows = await untilStatus(endpointId, 'delivered');
  expect(rows.map((r) => r.event_id)).toEqual(eventIds);
  expect(new Set(partner.received.map((r) => r.headers['webhook-id']))).toEqual(new Set(eventIds));
  expect(partner.received).toHaveLength(eventIds.length);
  for (const { headers, body } of partner.received) {
    const row = rows.find((r) => r.event_id === headers['webhook-id'])!;
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({
      id: row.event_id,
      type: 'weight.created',
      userId: owner.userId,
      data: { count: 1, records: [{ version: 1 }] },
    });
    expect(verifyWebhook(headers, body, secret).valid).toBe(true);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-diettracker-event': 'weight.created',
      'x-diettracker-delivery': row.id,
      'x-diettracker-attempt': '1',
      'x-diettracker-sequence': String(JSON.parse(body).seq),
    });
  }
});

test('a failing delivery is a visible standalone activity and arrives after recovery as attempt 2', async () => {
  partner.answer = (response) => response.writeHead(500).end('broken');
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  const [eventId] = await publish(t.db, owner);
  const [row] = await untilStatus(endpointId, 'retrying');
  partner.answer = (response) => response.end();

  const [activity] = await waitUntil(
    async () => {
      const found = await retryActivities(endpointId);
      return found.length > 0 ? found : null;
    },
    { what: 'the activity in the list' },
  );
  expect(activity).toMatchObject({ activityId: deliveryActivityId(row!.id), activityType: 'deliverWebhook' });
  expect(await untilStatus(endpointId, 'delivered')).toMatchObject([
    { attempts: 2, errors: ['http_500', 'ok'] },
  ]);
  const [first, second, ...more] = partner.received;
  expect(more).toEqual([]);
  expect(second!.headers).toMatchObject({ 'webhook-id': eventId, 'x-diettracker-attempt': '2' });
  expect(second!.body).toBe(first!.body);
  expect(second!.at - first!.at).toBeGreaterThanOrEqual(800);
  expect(await temporal.client.activity.getHandle(activity!.activityId).result()).toEqual({
    status: 'delivered',
  });
});

test('Retry-After is waited for', async () => {
  partner.answer = (response, { headers }) =>
    headers['x-diettracker-attempt'] === '1'
      ? response.writeHead(429, { 'retry-after': '3' }).end()
      : response.end();
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  await publish(t.db, owner);
  await untilStatus(endpointId, 'delivered');
  expect(partner.received[1]!.at - partner.received[0]!.at).toBeGreaterThanOrEqual(3_000);
});

test('an exhausted delivery ends as a failed activity that says so', async () => {
  partner.answer = (response) => response.writeHead(503).end();
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  await publish(t.db, owner);
  const [row] = await untilStatus(endpointId, 'failed');
  expect(row).toMatchObject({ attempts: 3, errors: ['http_503', 'http_503', 'http_503'] });
  const handle = temporal.client.activity.getHandle(deliveryActivityId(row!.id));
  await expect(handle.result()).rejects.toMatchObject({
    cause: { type: 'delivery_exhausted', message: expect.stringContaining('failed for good: attempt 3') },
  });
  expect(partner.received).toHaveLength(3);
});

test('410 disables the endpoint and is not tried again', async () => {
  partner.answer = (response) => response.writeHead(410).end();
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  await publish(t.db, owner);
  expect(await untilStatus(endpointId, 'failed')).toMatchObject([{ attempts: 1, errors: ['http_410'] }]);
  const [endpoint] = await t.db.execute(sql`select status from endpoints where id = ${endpointId}`);
  expect(endpoint).toEqual({ status: 'disabled' });
  expect(await retryActivities(endpointId)).toEqual([]);
});

test('an app without a grant gets nothing; a grant or policy that ended meanwhile cancels', async () => {
  const stranger = await openReceiver();
  const strangerEndpoint = await anyEndpoint(t.db, await anyApp(t.db), { url: stranger.url });
  const revoked = await subscribe(t.db, partner.url);
  await t.db.transaction(async (tx) => {
    await publish(tx, revoked);
    await tx.execute(sql`update grants set revoked_at = now() where app_id = ${revoked.appId}`);
  });
  const barred = await subscribe(t.db, partner.url);
  await publish(t.db, barred, 1, 'garmin');
  for (const { endpointId } of [revoked, barred])
    expect(await untilStatus(endpointId, 'cancelled')).toMatchObject([{ attempts: 0, errors: [] }]);
  expect(await deliveriesOf(t.db, strangerEndpoint)).toEqual([]);
  expect([partner.received, stranger.received]).toEqual([[], []]);
  await stranger.close();
});

test('a delivery whose grant ends between retries is cancelled', async () => {
  partner.answer = (response) => response.writeHead(500).end();
  const { endpointId, appId, ...owner } = await subscribe(t.db, partner.url);
  await publish(t.db, owner);
  const [row] = await untilStatus(endpointId, 'retrying');
  await t.db.execute(sql`update grants set revoked_at = now() where app_id = ${appId}`);
  await untilStatus(endpointId, 'cancelled');
  expect(await temporal.client.activity.getHandle(deliveryActivityId(row!.id)).result()).toEqual({
    status: 'cancelled',
  });
  expect(partner.received).toHaveLength(1);
});

test('a full endpoint gets content, and none for a version that has moved on', async () => {
  const { endpointId, ...owner } = await subscribe(t.db, partner.url, { payload: 'full' });
  const [listed, moved] = await t.db.transaction(async (tx) => {
    const [eventId] = await publish(tx, owner, 2);
    const rows = await tx.execute<{ record_id: string }>(sql`
      select data->'records'->0->>'id' as record_id from events where user_id = ${owner.userId} order by seq`);
    for (const [i, { record_id }] of rows.entries())
      await tx.execute(sql`
        insert into records (id, integration_id, user_id, provider, stream, source_id, version, content_hash,
          hash_version, order_at, starts_at, local_date, content, provenance)
        values (${record_id}, ${owner.integrationId}, ${owner.userId}, 'strava', 'weight', ${record_id}, ${i + 1}, 'h', 1,
          now(), '2026-11-20T07:00:00Z', '2026-11-20', '{"weightKg":80.5}', '{"device":"Scale"}')`);
    expect(eventId).toBeDefined();
    return rows.map((r) => r.record_id);
  });
  await untilStatus(endpointId, 'delivered');
  const bodies = partner.received
    .map((r) => JSON.parse(r.body) as { seq: number; data: { records: unknown[] } })
    .sort((a, b) => a.seq - b.seq);
  expect(bodies.map((b) => b.data.records[0])).toEqual([
    {
      id: listed,
      version: 1,
      startsAt: '2026-11-20T07:00:00.000Z',
      endsAt: null,
      offsetMinutes: null,
      localDate: '2026-11-20',
      content: { weightKg: 80.5 },
      provenance: { device: 'Scale' },
    },
    { id: moved, version: 1, superseded: true },
  ]);
});

test('the dispatcher tells counts and lag in its heartbeat', async () => {
  const handle = temporal.client.workflow.getHandle(webhookDispatchWorkflowId(0));
  const details = await waitUntil(
    async () => {
      const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
      const data = pending?.heartbeatDetails?.payloads?.[0]?.data;
      const progress = data ? (JSON.parse(Buffer.from(data).toString('utf8')) as { inFlight: number }) : null;
      return progress?.inFlight === 0 ? progress : null;
    },
    { what: 'heartbeat details' },
  );
  expect(details).toMatchObject({
    epoch: expect.any(Number),
    attempted: expect.any(Number),
    lagMs: expect.any(Number),
    inFlight: 0,
  });
});

test('a worker that stops ends its requests, and the dispatcher goes on elsewhere', async () => {
  partner.answer = (response) => setTimeout(() => response.end(), 500);
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  await publish(t.db, owner, 12);
  await waitUntil(() => partner.received.length === 8, { what: 'eight requests under way' });
  workers[1]!.shutdown();
  webhooks.stopDispatching();
  await running[1];
  expect((await deliveriesOf(t.db, endpointId)).map((d) => d.status)).toEqual([
    ...Array.from({ length: 8 }, () => 'delivered'),
    ...Array.from({ length: 4 }, () => 'pending'),
  ]);

  await webhooks.onApplicationShutdown();
  webhooks = newActivities();
  workers.push(await webhookWorker(webhooks));
  running.push(workers[2]!.run());
  await untilStatus(endpointId, 'delivered');
  expect(partner.received).toHaveLength(12);
});
