import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import type { Dispatcher as HttpPool } from 'undici';
import { Logger } from '../../libs/telemetry/logger';
import { attemptDelivery } from '../../libs/webhooks/attempt-delivery';
import { DISPATCH_SETTINGS, type DispatchSettings } from '../../libs/webhooks/dispatch-settings';
import { ShardDispatcher } from '../../libs/webhooks/dispatcher';
import { publishing } from '../../libs/db/wake-dispatchers';
import { listenForWakes } from '../../libs/db/wake-listener';
import { EndpointSecrets } from '../../libs/webhooks/endpoint-secret';
import { OpenDays } from '../../libs/webhooks/open-days';
import { probePolicy } from '../../libs/webhooks/probe-policy';
import { WakeUp } from '../../libs/webhooks/wake-up';
import { WebhookMetrics } from '../../libs/webhooks/webhook-metrics';
import { openEgress } from '../../libs/webhooks/egress';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { waitUntil } from '../support/wait-until';
import { deliveriesOf, publish, subscribe, testSealer } from '../support/webhook-fixtures';
import { openReceiver, type WebhookReceiver } from '../support/webhook-receiver';

let t: TestDatabase;
let egress: HttpPool;
let stop: AbortController;
let running: Promise<unknown>[];
let receivers: WebhookReceiver[];

beforeEach(async () => {
  t = await createTestDatabase();
  egress = openEgress({ allowLoopback: true, proxyUrl: null });
  stop = new AbortController();
  running = [];
  receivers = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await Promise.all(receivers.map((r) => r.close()));
  await egress.destroy();
  await t.drop();
});

async function receiver(): Promise<WebhookReceiver> {
  const opened = await openReceiver();
  receivers.push(opened);
  return opened;
}

function dispatch(
  settings: Partial<DispatchSettings> = {},
  mayEnd = true,
  scheduleS: readonly number[] = [60],
  wake = new WakeUp(),
) {
  const dispatcher = new ShardDispatcher(
    {
      db: t.db,
      logger: new Logger('test', 'error'),
      metrics: new WebhookMetrics(new Registry()),
      probes: probePolicy(scheduleS),
      openDays: new OpenDays(t.db, 1_000),
      wake,
      settings: { ...DISPATCH_SETTINGS, drainMs: 200, ...settings },
      attempt: (delivery, signal) =>
        attemptDelivery(
          {
            db: t.db,
            secrets: new EndpointSecrets(testSealer),
            egress,
            reExport: () => true,
            scheduleS,
            publicUrl: 'https://api.example',
          },
          delivery,
          signal,
        ),
      onRetrying: () => undefined,
      mayEnd: () => Promise.resolve(mayEnd),
    },
    { shard: 0, shards: 64 },
  );
  const run = dispatcher.run(stop.signal);
  running.push(run);
  return { dispatcher, run };
}

const never = (): void => undefined;
const statusesOf = async (endpointId: string): Promise<string[]> =>
  (await deliveriesOf(t.db, endpointId)).map((d) => d.status);

test('an endpoint that hangs holds up nobody else and has at most eight requests in flight', async () => {
  const [hanging, healthy] = [await receiver(), await receiver()];
  hanging.answer = never;
  const [slow, good] = [await subscribe(t.db, hanging.url), await subscribe(t.db, healthy.url)];
  await publish(t.db, slow, 50);
  await publish(t.db, good, 50);
  dispatch();
  await waitUntil(async () => (await statusesOf(good.endpointId)).every((s) => s === 'delivered'), {
    what: 'the healthy endpoint to get all',
    timeoutMs: 5_000,
  });
  expect(hanging.received).toHaveLength(8);
  expect(new Set(healthy.received.map((r) => r.headers['webhook-id'])).size).toBe(50);
  expect(healthy.received).toHaveLength(50);
});

test('on stop what is under way may end, what hangs is given back without an attempt', async () => {
  const [hanging, slow] = [await receiver(), await receiver()];
  hanging.answer = never;
  slow.answer = (response) => setTimeout(() => response.end(), 100);
  const [lost, kept] = [await subscribe(t.db, hanging.url), await subscribe(t.db, slow.url)];
  await publish(t.db, lost);
  await publish(t.db, kept);
  const { run } = dispatch({ drainMs: 1_000 });
  await waitUntil(() => hanging.received.length === 1 && slow.received.length === 1, {
    what: 'both requests',
  });
  stop.abort();
  expect(await run).toEqual({ attempted: 2 });
  expect(await deliveriesOf(t.db, lost.endpointId)).toMatchObject([
    { status: 'pending', attempts: 0, errors: [] },
  ]);
  expect(await deliveriesOf(t.db, kept.endpointId)).toMatchObject([{ status: 'delivered', errors: ['ok'] }]);
});

test('a newer dispatcher sends again what the older one holds, and the first success counts', async () => {
  const partner = await receiver();
  const answers: (() => void)[] = [];
  partner.answer = (response) => answers.push(() => response.end());
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  await publish(t.db, owner);
  const older = dispatch({ drainMs: 5_000 });
  await waitUntil(() => partner.received.length === 1, { what: 'the first request' });
  const newer = dispatch({ drainMs: 5_000 });
  await waitUntil(() => partner.received.length === 2, { what: 'the request of the newer dispatcher' });

  answers[0]!();
  expect(await older.run).toEqual({ attempted: 1 });
  expect(await statusesOf(endpointId)).toEqual(['delivered']);
  answers[1]!();
  await waitUntil(() => newer.dispatcher.progress().inFlight === 0, { what: 'the newer request to end' });
  expect(await deliveriesOf(t.db, endpointId)).toMatchObject([{ attempts: 1, errors: ['ok'] }]);
  expect(new Set(partner.received.map((r) => r.headers['webhook-id'])).size).toBe(1);
  expect(newer.dispatcher.progress().epoch).toBeGreaterThan(older.dispatcher.progress().epoch);
});

test('it ends after its time, but not while nobody could start the next one', async () => {
  const partner = await receiver();
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  expect(await dispatch({ runForMs: 1 }).run).toEqual({ attempted: 0 });
  dispatch({ runForMs: 1 }, false);
  await publish(t.db, owner);
  await waitUntil(async () => (await statusesOf(endpointId))[0] === 'delivered', { what: 'the delivery' });
});

test('a delivery that cannot be made for a reason of ours goes to the retries uncounted', async () => {
  const partner = await receiver();
  const { endpointId, ...owner } = await subscribe(t.db, partner.url, { secretSealed: 'v1.k9.broken' });
  await publish(t.db, owner);
  dispatch();
  await waitUntil(async () => (await statusesOf(endpointId))[0] === 'retrying', { what: 'the retry' });
  expect(await deliveriesOf(t.db, endpointId)).toMatchObject([{ attempts: 0, errors: [] }]);
  expect(partner.received).toEqual([]);
});

test('a FIFO endpoint gets everything in order, one after the other, also around a failure', async () => {
  const partner = await receiver();
  let busy = 0;
  let most = 0;
  partner.answer = (response, { headers }) => {
    most = Math.max(most, (busy += 1));
    setTimeout(() => {
      busy -= 1;
      const fails = headers['x-diettracker-sequence'] === '5' && headers['x-diettracker-attempt'] === '1';
      response.writeHead(fails ? 500 : 200).end();
    }, 5);
  };
  const { endpointId, ...owner } = await subscribe(t.db, partner.url, { fifo: true });
  await publish(t.db, owner, 12);
  const { dispatcher } = dispatch();
  await waitUntil(async () => (await statusesOf(endpointId))[4] === 'retrying', { what: 'the failure' });
  await waitUntil(() => dispatcher.progress().inFlight === 0, { what: 'the requests to end' });
  expect(partner.received.map((r) => r.headers['x-diettracker-sequence'])).toEqual(['1', '2', '3', '4', '5']);
  // What a recovered endpoint does to its retries.
  await t.db.execute(
    sql`update deliveries set status = 'pending' where endpoint_id = ${endpointId} and status = 'retrying'`,
  );
  await waitUntil(async () => (await statusesOf(endpointId)).every((s) => s === 'delivered'), {
    what: 'the rest',
  });
  expect(partner.received.slice(5).map((r) => r.headers['x-diettracker-sequence'])).toEqual(
    Array.from({ length: 8 }, (_, i) => String(i + 5)),
  );
  expect(most).toBe(1);
});

test('an endpoint’s own rate is kept', async () => {
  const partner = await receiver();
  const { endpointId, ...owner } = await subscribe(t.db, partner.url, { ratePerS: 20 });
  await publish(t.db, owner, 11);
  dispatch();
  await waitUntil(async () => (await statusesOf(endpointId)).every((s) => s === 'delivered'), {
    what: 'all of it',
  });
  const times = partner.received.map((r) => r.at);
  expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(400);
});

test('ten failures leave one probe at a time; when it arrives the rest follows', async () => {
  const partner = await receiver();
  partner.answer = (response) => response.writeHead(503).end();
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  await publish(t.db, owner, 40);
  dispatch({}, true, [0.2, 0.4]);
  await waitUntil(() => partner.received.length >= 12, { what: 'the first probe' });
  expect(partner.received.length).toBeLessThan(20);
  partner.answer = (response) => response.end();
  await waitUntil(async () => (await statusesOf(endpointId)).every((s) => s === 'delivered'), {
    what: 'recovery',
  });
  const [endpoint] = await t.db.execute(sql`
    select health, consecutive_failures, held_until > held_from as over from endpoints where id = ${endpointId}`);
  expect(endpoint).toEqual({ health: 'healthy', consecutive_failures: 0, over: true });
});

test('a sleeping dispatcher is woken by the commit, not by its poll', async () => {
  const partner = await receiver();
  const { endpointId, ...owner } = await subscribe(t.db, partner.url);
  const wake = new WakeUp();
  const listening = new AbortController();
  running.push(
    listenForWakes(
      { url: t.url, onWake: () => wake.ring(), onError: (error) => fail(error) },
      listening.signal,
    ),
  );
  dispatch({ idlePollMs: 60_000 }, true, [60], wake);
  await waitUntil(
    async () =>
      (await t.db.execute(sql`select 1 from dispatch_shards where sleeping`)).length > 0 &&
      (
        await t.db.execute(
          sql`select 1 from pg_stat_activity where query ilike 'listen%' and datname = current_database()`,
        )
      ).length > 0,
    { what: 'the dispatcher to sleep' },
  );
  await publishing(t.db, (tx) => publish(tx, owner));
  await waitUntil(async () => (await statusesOf(endpointId))[0] === 'delivered', {
    what: 'the delivery',
    timeoutMs: 5_000,
  });
  listening.abort();
});

function fail(error: unknown): never {
  throw error;
}
