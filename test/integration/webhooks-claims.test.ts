import { sql } from 'drizzle-orm';
import {
  ackDeliveries,
  claimDeliveries,
  releaseClaims,
  takeShard,
  type ClaimRequest,
} from '../../libs/db/deliveries-claims';
import { markHandedOver, readRetriesToStart } from '../../libs/db/deliveries-hand-over';
import type { DeliveryResult } from '../../libs/db/deliveries.repo';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { deliveriesOf, publish, subscribe, type Subscription } from '../support/webhook-fixtures';

const SHARD = { shard: 0, shards: 64 };

let t: TestDatabase;
beforeEach(async () => {
  t = await createTestDatabase();
});
afterEach(() => t.drop());

const URL = 'https://partner.example/hook';

const claim = (epoch: number, options: Partial<ClaimRequest> = {}) =>
  claimDeliveries(t.db, { ...SHARD, epoch, limit: 128, perEndpoint: 8, inFlight: new Map(), ...options });

async function subscribed(count: number, values = {}): Promise<Subscription> {
  const subscription = await subscribe(t.db, `${URL}/${count}`, values);
  await publish(t.db, subscription, count);
  return subscription;
}

const countBy = (ids: readonly string[]): Record<string, number> =>
  ids.reduce<Record<string, number>>((all, id) => ({ ...all, [id]: (all[id] ?? 0) + 1 }), {});

const delivered = (deliveryId: string): DeliveryResult => ({
  deliveryId,
  status: 'delivered',
  retryInMs: null,
  endpointGone: false,
  attempt: {
    number: 1,
    startedAt: new Date(),
    durationMs: 3,
    statusCode: 200,
    error: null,
    responseExcerpt: null,
  },
});

test('a claim is fair: full endpoints get nothing, long backlogs leave room for the others', async () => {
  const long = await subscribed(40);
  const short = await subscribed(2);
  const full = await subscribed(5);
  const { epoch } = await takeShard(t.db, SHARD);
  const inFlight = new Map([
    [full.endpointId, 8],
    [long.endpointId, 3],
  ]);
  const first = await claim(epoch, { limit: 4, inFlight });
  expect(countBy(first.deliveries.map((d) => d.endpointId))).toEqual({
    [short.endpointId]: 2,
    [long.endpointId]: 2,
  });
  expect(first.deliveries.filter((d) => d.endpointId === long.endpointId).map((d) => d.seq)).toEqual([1, 2]);
  const second = await claim(epoch, { inFlight: new Map([[full.endpointId, 7]]) });
  expect(countBy(second.deliveries.map((d) => d.endpointId))).toEqual({
    [long.endpointId]: 8,
    [full.endpointId]: 1,
  });
});

test('paused, disabled and other shards’ endpoints are left alone', async () => {
  await subscribed(1, { status: 'paused' });
  const later = await subscribed(1);
  await t.db.execute(sql`update endpoints set status = 'disabled' where id = ${later.endpointId}`);
  await subscribed(1, { shard: 1 });
  const { epoch } = await takeShard(t.db, SHARD);
  expect(await claim(epoch)).toEqual({ fenced: false, deliveries: [] });
});

test('a newer dispatcher takes claims back at once and the older one neither claims nor acks', async () => {
  const { endpointId } = await subscribed(2);
  const old = await takeShard(t.db, SHARD);
  const [first, second] = (await claim(old.epoch)).deliveries;
  expect(await ackDeliveries(t.db, old.epoch, [delivered(first!.id)])).toEqual([]);

  const newer = await takeShard(t.db, SHARD);
  expect(newer).toEqual({ epoch: old.epoch + 1, reclaimed: 1 });
  expect(await claim(old.epoch)).toEqual({ fenced: true, deliveries: [] });
  expect((await claim(newer.epoch)).deliveries.map((d) => d.id)).toEqual([second!.id]);

  expect(await ackDeliveries(t.db, old.epoch, [delivered(second!.id)])).toEqual([second!.id]);
  expect((await deliveriesOf(t.db, endpointId)).map((d) => [d.status, d.attempts])).toEqual([
    ['delivered', 1],
    ['sending', 0],
  ]);
});

test('an ack that is written twice counts once', async () => {
  const { endpointId } = await subscribed(1);
  const { epoch } = await takeShard(t.db, SHARD);
  const [row] = (await claim(epoch)).deliveries;
  await ackDeliveries(t.db, epoch, [delivered(row!.id)]);
  expect(await ackDeliveries(t.db, epoch, [delivered(row!.id)])).toEqual([row!.id]);
  expect(await deliveriesOf(t.db, endpointId)).toMatchObject([{ status: 'delivered', errors: ['ok'] }]);
});

test('a claim that races with a newer dispatcher leaves nothing behind', async () => {
  const { endpointId } = await subscribed(30);
  const { epoch } = await takeShard(t.db, SHARD);
  const [taken] = await Promise.all([
    takeShard(t.db, SHARD),
    ...Array.from({ length: 4 }, () => claim(epoch)),
  ]);
  const sending = (await deliveriesOf(t.db, endpointId)).filter((d) => d.status === 'sending');
  expect(sending).toEqual([]);
  expect((await claim(taken.epoch)).deliveries).toHaveLength(8);
});

test('released claims are pending again', async () => {
  await subscribed(3);
  const { epoch } = await takeShard(t.db, SHARD);
  await claim(epoch);
  expect(await releaseClaims(t.db, SHARD, epoch)).toBe(3);
  expect((await claim(epoch)).deliveries).toHaveLength(3);
});

test('retries are handed over soonest first and up to the endpoint’s room', async () => {
  const [busy, calm] = [await subscribed(5), await subscribed(1)];
  await t.db.execute(sql`
    update deliveries set status = 'retrying', next_at = now() + seq * interval '1 minute'`);
  const query = { ...SHARD, limit: 50, livePerEndpoint: 2 };
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
