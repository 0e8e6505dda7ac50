import { sql } from 'drizzle-orm';
import { claimDeliveries, readOpenDays, takeShard, type ClaimRequest } from '../../libs/db/deliveries-claims';
import { markHandedOver, readRetriesToStart } from '../../libs/db/deliveries-hand-over';
import { writeResults, type DeliveryResult } from '../../libs/db/delivery-results.repo';
import { drainRetries } from '../../libs/db/retry-slots.repo';
import { probePolicy } from '../../libs/webhooks/probe-policy';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { deliveriesOf, publish, subscribe, type Subscription } from '../support/webhook-fixtures';

const SHARD = { shard: 0, shards: 64 };
const PROBES = probePolicy([5, 300]);

let t: TestDatabase;
beforeEach(async () => {
  t = await createTestDatabase();
});
afterEach(() => t.drop());

const URL = 'https://partner.example/hook';

const today = (): string => new Date().toISOString().slice(0, 10);

const claim = (epoch: number, options: Partial<ClaimRequest> = {}) =>
  claimDeliveries(t.db, {
    ...SHARD,
    epoch,
    days: [today()],
    limit: 128,
    perEndpoint: 8,
    lanes: new Map(),
    claimed: [],
    ...options,
  });

async function subscribed(count: number, values = {}): Promise<Subscription> {
  const subscription = await subscribe(t.db, `${URL}/${count}`, values);
  await publish(t.db, subscription, count);
  return subscription;
}

const countBy = (ids: readonly string[]): Record<string, number> =>
  ids.reduce<Record<string, number>>((all, id) => ({ ...all, [id]: (all[id] ?? 0) + 1 }), {});

const result = (
  { id: deliveryId, endpointId }: { id: string; endpointId: string },
  status: DeliveryResult['status'],
  number = 1,
  error: string | null = null,
): DeliveryResult => ({
  deliveryId,
  endpointId,
  status,
  retryInMs: status === 'retrying' ? 60_000 : null,
  endpointGone: false,
  endpointTroubled: true,
  attempt: {
    number,
    startedAt: new Date(),
    durationMs: 3,
    statusCode: error === null ? 200 : 500,
    error: error ?? (status === 'delivered' ? null : 'http_500'),
    responseExcerpt: null,
  },
});

const write = (results: readonly DeliveryResult[]) => writeResults(t.db, results, PROBES);

test('a claim is fair: one of each endpoint in turn, full endpoints get nothing, what is claimed is left out', async () => {
  const long = await subscribed(40);
  const short = await subscribed(2);
  const full = await subscribed(5);
  const epoch = await takeShard(t.db, SHARD);
  const lanes = new Map([[full.endpointId, 0]]);
  const first = await claim(epoch, { limit: 4, lanes });
  expect(countBy(first.deliveries.map((d) => d.endpointId))).toEqual({
    [short.endpointId]: 2,
    [long.endpointId]: 2,
  });
  expect(first.deliveries.filter((d) => d.endpointId === long.endpointId).map((d) => d.seq)).toEqual([1, 2]);
  const second = await claim(epoch, { lanes, claimed: first.deliveries.map((d) => d.id) });
  expect(second.deliveries.map((d) => [d.endpointId, d.seq])).toEqual(
    Array.from({ length: 8 }, (_, i) => [long.endpointId, i + 3]),
  );
});

test('paused, disabled and other shards’ endpoints are left alone', async () => {
  await subscribed(1, { status: 'paused' });
  const later = await subscribed(1);
  await t.db.execute(sql`update endpoints set status = 'disabled' where id = ${later.endpointId}`);
  await subscribed(1, { shard: 1 });
  const epoch = await takeShard(t.db, SHARD);
  expect(await claim(epoch)).toEqual({ fenced: false, deliveries: [] });
});

test('a newer dispatcher has everything at once, and the older one is told; what the old one sent still counts', async () => {
  const { endpointId } = await subscribed(2);
  const old = await takeShard(t.db, SHARD);
  const [first, second] = (await claim(old)).deliveries;
  await write([result(first!, 'delivered')]);

  const newer = await takeShard(t.db, SHARD);
  expect(newer).toBeGreaterThan(old);
  expect((await claim(old)).fenced).toBe(true);
  expect((await claim(newer)).deliveries.map((d) => d.id)).toEqual([second!.id]);

  expect((await write([result(second!, 'delivered')])).written).toEqual([second!.id]);
  expect((await write([result(second!, 'delivered')])).written).toEqual([]);
  expect(await deliveriesOf(t.db, endpointId)).toMatchObject([
    { status: 'delivered', attempts: 1, errors: ['ok'] },
    { status: 'delivered', attempts: 1, errors: ['ok'] },
  ]);
});

test('a dispatcher of another layout fences those whose endpoints it takes', async () => {
  const all = await takeShard(t.db, { shard: 0, shards: 1 });
  await takeShard(t.db, { shard: 1, shards: 2 });
  expect((await claim(all, { shard: 0, shards: 1 })).fenced).toBe(true);
});

test('a delivery that was cancelled while its request was under way is delivered when the request was', async () => {
  const { endpointId } = await subscribed(2);
  const epoch = await takeShard(t.db, SHARD);
  const [good, bad] = (await claim(epoch)).deliveries;
  await t.db.execute(sql`update deliveries set status = 'cancelled'`);
  await write([result(good!, 'delivered'), result(bad!, 'retrying')]);
  expect(await deliveriesOf(t.db, endpointId)).toMatchObject([
    { status: 'delivered', errors: ['ok'] },
    { status: 'cancelled', errors: ['http_500'] },
  ]);
});

test('ten failures degrade an endpoint: one probe at a time, and a success lets what waits go out in order', async () => {
  const { endpointId } = await subscribed(30);
  const epoch = await takeShard(t.db, SHARD);
  const failed = (await claim(epoch, { perEndpoint: 10 })).deliveries;
  await write(failed.map((d) => result(d, 'retrying')));
  expect(await endpoint(endpointId)).toMatchObject({
    health: 'degraded',
    probes: 1,
    consecutive_failures: 10,
  });
  expect((await claim(epoch)).deliveries).toEqual([]);

  await probeNow(endpointId);
  const [probe, ...more] = (await claim(epoch)).deliveries;
  expect([probe!.seq, more]).toEqual([11, []]);
  expect(
    (await claim(epoch, { lanes: new Map([[endpointId, 7]]), claimed: [probe!.id] })).deliveries,
  ).toEqual([]);
  await write([result(probe!, 'retrying')]);
  const waits = await t.db.execute<{ s: number }>(
    sql`select extract(epoch from next_probe_at - clock_timestamp())::float8 as s from endpoints where id = ${endpointId}`,
  );
  expect(waits[0]!.s).toBeGreaterThan(5);

  await probeNow(endpointId);
  const [second] = (await claim(epoch)).deliveries;
  expect((await write([result(second!, 'delivered')])).recovered).toEqual([endpointId]);
  expect(await endpoint(endpointId)).toMatchObject({ health: 'healthy', draining: true, probes: 0 });
  expect(await t.db.transaction((tx) => drainRetries(tx, endpointId))).toBe(11);
  const drained = (await claim(epoch, { perEndpoint: 50 })).deliveries.map((d) => d.seq);
  expect(drained).toEqual([
    ...Array.from({ length: 11 }, (_, i) => i + 1),
    ...Array.from({ length: 18 }, (_, i) => i + 13),
  ]);
});

const endpoint = async (id: string) => {
  const [row] = await t.db.execute(
    sql`select health, probes, consecutive_failures, draining, status from endpoints where id = ${id}`,
  );
  return row;
};

const probeNow = (id: string) =>
  t.db.execute(sql`update endpoints set next_probe_at = clock_timestamp() where id = ${id}`);

test('a FIFO endpoint gets nothing while a failed delivery waits', async () => {
  const { endpointId } = await subscribed(3, { fifo: true });
  const epoch = await takeShard(t.db, SHARD);
  const [first] = (await claim(epoch)).deliveries;
  await write([result(first!, 'retrying')]);
  expect((await claim(epoch)).deliveries).toEqual([]);
  await write([result(first!, 'delivered', 2)]);
  expect((await claim(epoch)).deliveries.map((d) => d.seq)).toEqual([2, 3]);
  expect((await deliveriesOf(t.db, endpointId))[0]!.errors).toEqual(['http_500', 'ok']);
});

test('late is what came after the promised time, unless the endpoint was held then', async () => {
  const { endpointId } = await subscribed(3);
  const epoch = await takeShard(t.db, SHARD);
  const [slow, quick, held] = (await claim(epoch)).deliveries;
  const lateOf = async (id: string) =>
    (await t.db.execute<{ late: boolean }>(sql`select late from deliveries where id = ${id}`))[0]!.late;
  await t.db.execute(
    sql`update deliveries set queued_at = clock_timestamp() - interval '61 seconds' where id <> ${quick!.id}`,
  );
  await write([result(slow!, 'delivered'), result(quick!, 'delivered')]);
  expect([await lateOf(slow!.id), await lateOf(quick!.id)]).toEqual([true, false]);
  await t.db.execute(sql`
    update endpoints set held_from = clock_timestamp() - interval '50 seconds', held_until = clock_timestamp()
    where id = ${endpointId}`);
  await write([result(held!, 'delivered')]);
  expect(await lateOf(held!.id)).toBe(false);
});

test('410 disables the endpoint and tells the app’s other endpoints', async () => {
  const gone = await subscribed(1);
  const other = await subscribe(t.db, `${URL}/other`);
  await t.db.execute(sql`update endpoints set app_id = ${gone.appId} where id = ${other.endpointId}`);
  const epoch = await takeShard(t.db, SHARD);
  const [row] = (await claim(epoch)).deliveries;
  await write([{ ...result(row!, 'failed', 1, 'http_410'), endpointGone: true }]);
  expect(await endpoint(gone.endpointId)).toMatchObject({ status: 'disabled' });
  const [notice] = (await claim(epoch)).deliveries;
  expect(notice).toMatchObject({
    endpointId: other.endpointId,
    type: 'endpoint.disabled',
    userId: null,
    data: { endpointId: gone.endpointId, reason: 'endpoint_gone' },
  });
});

test('open days are those with pending, retrying or handed-over rows', async () => {
  expect(await readOpenDays(t.db)).toEqual([]);
  const { endpointId } = await subscribed(1);
  expect(await readOpenDays(t.db)).toEqual([today()]);
  await t.db.execute(sql`update deliveries set status = 'delivered' where endpoint_id = ${endpointId}`);
  expect(await readOpenDays(t.db)).toEqual([]);
});

test('retries are handed over soonest first and up to the endpoint’s room', async () => {
  const [busy, calm] = [await subscribed(5), await subscribed(1)];
  await t.db.execute(sql`
    update deliveries set status = 'retrying', next_at = now() + seq * interval '1 minute'`);
  const query = { ...SHARD, days: [today()], limit: 50, livePerEndpoint: 2 };
  const first = await readRetriesToStart(t.db, query);
  expect(countBy(first.map((r) => r.endpointId))).toEqual({ [busy.endpointId]: 2, [calm.endpointId]: 1 });
  await markHandedOver(
    t.db,
    first.map((r) => r.deliveryId),
  );
  expect(await readRetriesToStart(t.db, query)).toEqual([]);
  await t.db.execute(sql`update deliveries set status = 'delivered' where id = ${first[0]!.deliveryId}`);
  const [next] = await readRetriesToStart(t.db, query);
  expect(next).toMatchObject({ endpointId: busy.endpointId, type: 'weight.created' });
});
