import { sql } from 'drizzle-orm';
import { newId } from '../../libs/core/ids';
import { createReplay } from '../../libs/db/replays.repo';
import { replayProgressQuery, replayWorkflowId } from '../../workflows/contract';
import { DeliveryScene, type Subscriber } from '../support/delivery-scene';
import { grant, anyIntegration, anyUser } from '../support/fixtures';
import { waitUntil } from '../support/wait-until';
import { publish } from '../support/webhook-fixtures';

let scene: DeliveryScene;

beforeAll(async () => {
  scene = await DeliveryScene.open();
  await scene.startWorker();
});
afterAll(() => scene.close());

const since = (ms: number): string => new Date(Date.now() - ms).toISOString();
const start = (subscriber: Subscriber, body: Record<string, unknown> = {}) =>
  subscriber.call('POST', `/v1/webhooks/endpoints/${subscriber.endpointId}/replays`, {
    from: since(3_600_000),
    ...body,
  });
const read = async (subscriber: Subscriber, id: unknown) =>
  (await subscriber.call('GET', `/v1/webhooks/replays/${String(id)}`)).body;
const until = (subscriber: Subscriber, id: unknown, status: string) =>
  waitUntil(
    async () => {
      const replay = await read(subscriber, id);
      if (replay['status'] === status) return replay;
      throw new Error(JSON.stringify(replay));
    },
    { what: `the replay to be ${status}`, timeoutMs: 30_000 },
  );
const setStatus = (subscriber: Subscriber, status: 'enabled' | 'paused') =>
  scene.db.execute(sql`update endpoints set status = ${status} where id = ${subscriber.endpointId}`);
const workflow = (id: unknown) => scene.api.namespace.client.workflow.getHandle(replayWorkflowId(String(id)));

/** Publishes events that get no delivery. */
async function publishUnseen(subscriber: Subscriber, count: number): Promise<string[]> {
  await setStatus(subscriber, 'paused');
  const ids = await publish(scene.db, subscriber, count);
  await scene.db.execute(sql`delete from deliveries where endpoint_id = ${subscriber.endpointId}`);
  await setStatus(subscriber, 'enabled');
  return ids;
}

interface Row extends Record<string, unknown> {
  event_id: string;
  status: string;
  attempts: number;
  schedule_from: number;
  counted: boolean;
}
const rowsOf = (subscriber: Subscriber): Promise<Row[]> =>
  scene.db.execute<Row>(sql`
    select event_id, status, attempts, schedule_from, counted from deliveries
    where endpoint_id = ${subscriber.endpointId} order by seq`);

/** Seven events: delivered, failed, cancelled, delivered with a failed resend, paused, without a delivery, failed of another type. */
async function mixed(subscriber: Subscriber): Promise<string[]> {
  await setStatus(subscriber, 'paused');
  const ids = await publish(scene.db, subscriber, 7);
  const states = ['delivered', 'failed', 'cancelled', 'failed', 'paused', null, 'failed'];
  for (const [i, status] of states.entries())
    await scene.db.execute(
      status === null
        ? sql`delete from deliveries where endpoint_id = ${subscriber.endpointId} and event_id = ${ids[i]}`
        : sql`update deliveries set status = ${status}, attempts = 2, completed_at = now(), counted = true,
            delivered_at = ${i === 0 || i === 3 ? sql`now()` : sql`null`}
          where endpoint_id = ${subscriber.endpointId} and event_id = ${ids[i]}`,
    );
  await scene.db.execute(sql`update events set type = 'weight.deleted' where id = ${ids[6]}`);
  await setStatus(subscriber, 'enabled');
  return ids;
}

test.each([
  ['failed', [1, 2, 5]],
  ['all', [0, 1, 2, 3, 5]],
] as const)('scope %s queues what it should, under the old ids', async (scope, wanted) => {
  const subscriber = await scene.subscriber();
  subscriber.accepts();
  const ids = await mixed(subscriber);
  const started = await start(subscriber, { scope, eventTypes: ['weight.created'] });
  expect(started).toMatchObject({ status: 202, body: { scope, status: 'running', queued: 0 } });
  const done = await until(subscriber, started.body['id'], 'completed');
  expect(done).toMatchObject({ queued: wanted.length, finishedAt: expect.any(String) });
  const sent = wanted.map((i) => ids[i]);
  await waitUntil(() => subscriber.receiver.received.length === sent.length, { what: 'the deliveries' });
  expect(new Set(subscriber.receiver.received.map((r) => r.headers['webhook-id']))).toEqual(new Set(sent));
  const rows = await waitUntil(
    async () => {
      const all = await rowsOf(subscriber);
      return all.every((r) => r.status !== 'pending') && all;
    },
    { what: 'acks' },
  );
  expect(rows.find((r) => r.event_id === ids[1])).toMatchObject({
    status: 'delivered',
    attempts: 3,
    schedule_from: 2,
    counted: true,
  });
  expect(rows.find((r) => r.event_id === ids[5])).toMatchObject({ attempts: 1, counted: false });
  expect(rows.find((r) => r.event_id === ids[4])).toMatchObject({ status: 'paused', attempts: 2 });
});

test('only what grants, filters, policies and the range cover', async () => {
  const subscriber = await scene.subscriber();
  subscriber.accepts();
  const stranger = await anyUser(scene.db);
  const partly = await anyUser(scene.db);
  await grant(scene.db, subscriber.appId, partly, ['sleep.read']);
  await setStatus(subscriber, 'paused');
  for (const userId of [stranger, partly]) {
    const { integrationId } = await anyIntegration(scene.db, userId, 'strava');
    await publish(scene.db, { userId, integrationId });
  }
  await publish(scene.db, subscriber, 1, 'garmin');
  const [early, wanted] = await publish(scene.db, subscriber, 2);
  await scene.db.execute(sql`update events set occurred_at = now() - interval '2 hours' where id = ${early}`);
  await scene.db.execute(sql`delete from deliveries where endpoint_id = ${subscriber.endpointId}`);
  await setStatus(subscriber, 'enabled');
  const { body } = await start(subscriber);
  expect(await until(subscriber, body['id'], 'completed')).toMatchObject({ queued: 1 });
  await waitUntil(() => subscriber.receiver.received.length > 0, { what: 'the delivery' });
  expect(subscriber.receiver.received.map((r) => r.headers['webhook-id'])).toEqual([wanted]);
});

test('ranges and states that cannot be are refused with what is possible', async () => {
  const subscriber = await scene.subscriber();
  const refused = async (body: Record<string, unknown>, message: RegExp) =>
    expect(await start(subscriber, body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', detail: expect.stringMatching(message) },
    });
  await refused({ from: since(1_000), to: since(2_000) }, /before/);
  await refused({ from: since(1_000), to: since(-3_600_000) }, /to: lies in the future/);
  await refused({ from: since(-3_600_000) }, /from: lies in the future/);
  await refused({ from: since(40 * 86_400_000) }, /kept since \d{4}-/);
  await refused({ from: 'yesterday' }, /RFC 3339/);
  await refused({ eventTypes: ['nothing.here'] }, /event type/);
  await refused({ scope: 'some' }, /scope/);
  const stranger = await scene.subscriber();
  expect(
    await stranger.call('POST', `/v1/webhooks/endpoints/${subscriber.endpointId}/replays`, {
      from: since(1_000),
    }),
  ).toMatchObject({ status: 404 });
  await setStatus(subscriber, 'paused');
  expect(await start(subscriber)).toMatchObject({
    status: 409,
    body: { detail: expect.stringMatching(/paused/) },
  });
});

test('it is paced, one at a time, tells its progress, and is cancelled over the API', async () => {
  const subscriber = await scene.subscriber();
  subscriber.receiver.answer = () => undefined;
  await publishUnseen(subscriber, 2_000);
  const { body } = await start(subscriber);
  const queued = await waitUntil(
    async () => {
      const now = await read(subscriber, body['id']);
      return Number(now['queued']) > 1_000 && now;
    },
    { what: 'more than 1,000 pending deliveries' },
  );
  expect(queued).toMatchObject({ queued: 1_500, status: 'running' });
  await waitUntil(async () => (await workflow(body['id']).query(replayProgressQuery)).waitMs > 0, {
    what: 'the pause',
  });
  expect(await start(subscriber)).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining(String(body['id'])) },
  });
  expect(await subscriber.call('POST', `/v1/webhooks/replays/${String(body['id'])}/cancel`)).toMatchObject({
    status: 200,
    body: { status: 'cancelled', queued: 1_500 },
  });
  expect(await subscriber.call('POST', `/v1/webhooks/replays/${String(body['id'])}/cancel`)).toMatchObject({
    status: 409,
  });
  await waitUntil(async () => (await workflow(body['id']).describe()).status.name !== 'RUNNING', {
    what: 'the workflow to end',
  });
  expect(
    await subscriber.call('GET', `/v1/webhooks/endpoints/${subscriber.endpointId}/replays`),
  ).toMatchObject({ status: 200, body: { data: [{ id: body['id'], queued: 1_500 }], nextCursor: null } });
  await setStatus(subscriber, 'paused');
});

test('a cancel in Temporal cancels the row', async () => {
  const subscriber = await scene.subscriber();
  subscriber.receiver.answer = () => undefined;
  await publishUnseen(subscriber, 1_700);
  const { body } = await start(subscriber);
  await waitUntil(async () => (await workflow(body['id']).query(replayProgressQuery)).waitMs > 0, {
    what: 'the pause',
  });
  await workflow(body['id']).cancel();
  expect(await until(subscriber, body['id'], 'cancelled')).toMatchObject({ queued: 1_500 });
  await setStatus(subscriber, 'paused');
});

test('a replay that Temporal never heard of starts when the sweeper finds it', async () => {
  const subscriber = await scene.subscriber();
  subscriber.accepts();
  await publishUnseen(subscriber, 3);
  const { id } = await createReplay(scene.db, {
    appId: subscriber.appId,
    endpointId: subscriber.endpointId,
    from: new Date(since(60_000)),
    to: new Date(),
    scope: 'failed',
    eventTypes: ['*'],
    actor: 'key:test',
  });
  expect(await until(subscriber, id, 'completed')).toMatchObject({ queued: 3, scanned: expect.any(Number) });
  expect(await read(subscriber, newId('replay'))).toMatchObject({ status: 404 });
});

test('a worker that stops in the middle: it goes on from the cursor, and nothing is queued twice', async () => {
  const subscriber = await scene.subscriber();
  subscriber.receiver.answer = (response) => setTimeout(() => response.end(), 100);
  const ids = await publishUnseen(subscriber, 3_000);
  const { body } = await start(subscriber);
  await waitUntil(async () => Number((await read(subscriber, body['id']))['queued']) > 0, {
    what: 'the first batch',
  });
  await scene.stopWorker();
  const stopped = await read(subscriber, body['id']);
  expect(stopped).toMatchObject({ status: 'running' });
  expect(Number(stopped['queued'])).toBeLessThan(3_000);
  subscriber.accepts();
  await scene.startWorker();
  expect(await until(subscriber, body['id'], 'completed')).toMatchObject({ queued: 3_000 });
  const rows = await waitUntil(
    async () => {
      const all = await rowsOf(subscriber);
      return all.length === 3_000 && all.every((r) => r.status === 'delivered') && all;
    },
    { what: 'every delivery', timeoutMs: 60_000 },
  );
  expect(rows.map((r) => r.event_id)).toEqual(ids);
  expect(new Set(rows.map((r) => r.attempts))).toEqual(new Set([1]));
  expect(new Set(subscriber.receiver.received.map((r) => r.headers['webhook-id']))).toEqual(new Set(ids));
});
