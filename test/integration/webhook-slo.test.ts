import { sql, type SQL } from 'drizzle-orm';
import { doVerb } from '../../libs/db/delivery-verbs.repo';
import { readAppSlo, readOverallSlo, sloRatios } from '../../libs/db/webhook-slo.repo';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { publish, subscribe, type Subscription } from '../support/webhook-fixtures';

let t: TestDatabase;
beforeEach(async () => {
  t = await createTestDatabase();
});
afterEach(() => t.drop());

const HOOK = 'https://partner.example/hook';

/** A counted delivery of the subscription, one hour old, with these columns set. */
async function delivery(owner: Subscription, set: SQL): Promise<void> {
  const [eventId] = await publish(t.db, owner, 1);
  await t.db.execute(sql`
    update deliveries set created_at = now() - interval '1 hour' where event_id = ${eventId} and endpoint_id = ${owner.endpointId}`);
  await t.db.execute(
    sql`update deliveries d set ${set} where event_id = ${eventId} and endpoint_id = ${owner.endpointId}`,
  );
  await t.db.execute(sql`update deliveries set queued_at = created_at where event_id = ${eventId}`);
}

const sentAfter = (ms: number): SQL =>
  sql`status = 'delivered', attempts = 1, first_attempt_at = created_at + ${ms} * interval '1 ms',
    delivered_at = created_at + ${ms} * interval '1 ms', completed_at = created_at + ${ms} * interval '1 ms'`;

/** Late deliveries of the app's only endpoint. */
async function late(owner: Subscription): Promise<number> {
  return (await readAppSlo(t.db, owner.appId, 30)).total.late;
}

test('raw and ours of an app, per endpoint and together', async () => {
  const one = await subscribe(t.db, `${HOOK}/1`);
  const two = await subscribe(t.db, `${HOOK}/2`);
  await t.db.execute(sql`update endpoints set app_id = ${one.appId} where id = ${two.endpointId}`);
  await t.db.execute(
    sql`insert into grants (app_id, user_id, scopes) select ${one.appId}, ${two.userId}, scopes from grants limit 1`,
  );
  const other = await subscribe(t.db, `${HOOK}/other`);
  await t.db.execute(sql`update endpoints set user_ids = array[${one.userId}] where id = ${one.endpointId}`);
  await t.db.execute(sql`update endpoints set user_ids = array[${two.userId}] where id = ${two.endpointId}`);

  for (let i = 0; i < 97; i += 1) await delivery(one, sentAfter(10));
  for (let i = 0; i < 3; i += 1) await delivery(one, sql`${sentAfter(2_000)}, late = true`);
  await delivery(
    two,
    sql`status = 'failed', attempts = 10, first_attempt_at = created_at, completed_at = now()`,
  );
  await delivery(two, sql`status = 'cancelled', completed_at = created_at + interval '1 second'`);
  await delivery(two, sql`status = 'retrying', attempts = 1, first_attempt_at = created_at, next_at = now()`);
  await delivery(two, sql`counted = false, late = true`);
  await delivery(other, sentAfter(5));

  const slo = await readAppSlo(t.db, one.appId, 30);
  expect(slo.endpoints).toEqual([
    {
      ...{ endpointId: two.endpointId, url: `${HOOK}/2`, deleted: false },
      ...{ total: 3, delivered: 0, open: 1, failed: 1, cancelled: 1, late: 0 },
      ...{ firstAttemptP50Ms: 1, firstAttemptP99Ms: 1 },
    },
    {
      ...{ endpointId: one.endpointId, url: `${HOOK}/1`, deleted: false },
      ...{ total: 100, delivered: 100, open: 0, failed: 0, cancelled: 0, late: 3 },
      ...{ firstAttemptP50Ms: 10, firstAttemptP99Ms: expect.closeTo(2_000, -2) },
    },
  ]);
  expect(slo.total).toMatchObject({ total: 103, delivered: 100, open: 1, failed: 1, cancelled: 1, late: 3 });
  expect(sloRatios(slo.total)).toEqual({ raw: 100 / 103, ours: 100 / 103 });
  expect(await readOverallSlo(t.db, 30)).toMatchObject({ total: 104, delivered: 101, late: 3 });
  expect(Math.abs(slo.asOf.getTime() - Date.now())).toBeLessThan(5_000);
});

test('nothing to deliver has no ratio', async () => {
  const owner = await subscribe(t.db, HOOK);
  const { total, endpoints } = await readAppSlo(t.db, owner.appId, 30);
  expect(endpoints).toHaveLength(1);
  expect(total).toMatchObject({ total: 0, firstAttemptP50Ms: null, firstAttemptP99Ms: null });
  expect(sloRatios(total)).toEqual({ raw: null, ours: null });
  expect((await readAppSlo(t.db, 'app_none', 30)).endpoints).toEqual([]);
});

test('what is overdue now counts as late before any attempt says so', async () => {
  const owner = await subscribe(t.db, HOOK);
  await delivery(owner, sql`created_at = now() - interval '59 seconds'`);
  expect(await late(owner)).toBe(0);
  await delivery(owner, sql`created_at = now() - interval '61 seconds'`);
  expect(await late(owner)).toBe(1);
  const retrying = sql`status = 'retrying', attempts = 1, first_attempt_at = created_at`;
  await delivery(owner, sql`${retrying}, next_at = now() - interval '299 seconds'`);
  expect(await late(owner)).toBe(1);
  await delivery(owner, sql`${retrying}, next_at = now() - interval '301 seconds'`);
  expect(await late(owner)).toBe(2);
  // The recovery of its endpoint made it pending again: it is still the retry that was due.
  await delivery(
    owner,
    sql`status = 'pending', attempts = 1, first_attempt_at = created_at, next_at = now() - interval '301 seconds'`,
  );
  expect(await late(owner)).toBe(3);
});

test('what a person paused is not late; what was overdue when it was cancelled stays late', async () => {
  const owner = await subscribe(t.db, HOOK);
  await delivery(owner, sql`status = 'paused'`);
  await delivery(owner, sql`status = 'cancelled', completed_at = created_at + interval '59 seconds'`);
  expect(await late(owner)).toBe(0);
  await delivery(owner, sql`status = 'cancelled', completed_at = created_at + interval '61 seconds'`);
  expect(await late(owner)).toBe(1);
});

test('a hold excuses what was not late when it began, and only while it lasted', async () => {
  const owner = await subscribe(t.db, HOOK);
  await delivery(owner, sql`created_at = now() - interval '30 minutes'`);
  const held = (from: string, until: string | null) =>
    t.db.execute(sql`
      update endpoints set held_from = now() - ${from}::interval, held_until = now() - ${until}::interval
      where id = ${owner.endpointId}`);
  await held('29 minutes 30 seconds', null);
  expect(await late(owner)).toBe(0);
  await held('20 minutes', null);
  expect(await late(owner)).toBe(1);
  await held('2 hours', '31 minutes');
  expect(await late(owner)).toBe(1);
});

test('pausing, disabling and deleting an endpoint afterwards removes nothing', async () => {
  const owner = await subscribe(t.db, HOOK);
  await delivery(owner, sentAfter(5));
  await delivery(owner, sql`status = 'cancelled', late = true, completed_at = now()`);
  const before = (await readAppSlo(t.db, owner.appId, 30)).total;
  expect(before).toMatchObject({ total: 2, delivered: 1, late: 1 });
  for (const change of [sql`status = 'paused'`, sql`status = 'disabled'`, sql`deleted_at = now()`]) {
    await t.db.execute(sql`update endpoints set ${change}, held_from = now() where id = ${owner.endpointId}`);
    expect((await readAppSlo(t.db, owner.appId, 30)).total).toEqual(before);
  }
  expect((await readAppSlo(t.db, owner.appId, 30)).endpoints).toMatchObject([{ deleted: true, total: 2 }]);
});

test('the window is as long as was asked', async () => {
  const owner = await subscribe(t.db, HOOK);
  await delivery(owner, sentAfter(5));
  await delivery(owner, sql`created_at = now() - interval '25 hours'`);
  const totalOf = async (days: number) => (await readAppSlo(t.db, owner.appId, days)).total.total;
  expect([await totalOf(1), await totalOf(2)]).toEqual([1, 2]);
});

test('a resent delivery stays delivered', async () => {
  const owner = await subscribe(t.db, HOOK);
  await delivery(owner, sentAfter(5));
  await t.db.execute(sql`update deliveries set status = 'retrying', next_at = now()`);
  expect((await readAppSlo(t.db, owner.appId, 30)).total).toMatchObject({ total: 1, delivered: 1, open: 0 });
});

test('a retry that is overdue stays late when a person takes it in hand', async () => {
  const owner = await subscribe(t.db, HOOK);
  const overdue = sql`status = 'retrying', attempts = 1, first_attempt_at = created_at, next_at = now() - interval '6 minutes'`;
  const verbs = ['retry', 'pause', 'cancel'] as const;
  for (const verb of verbs) {
    await delivery(owner, overdue);
    const [row] = await t.db.execute<{ id: string }>(sql`
      select id from deliveries where endpoint_id = ${owner.endpointId} order by event_id desc limit 1`);
    await doVerb(t.db, { deliveryId: row!.id, appId: owner.appId, verb, actor: 'system' });
  }
  expect(await late(owner)).toBe(verbs.length);
});
