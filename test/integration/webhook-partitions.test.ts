import { sql } from 'drizzle-orm';
import { derivedId, idDay } from '../../libs/core/ids';
import { countDefaultPartitionRows, maintainPartitions } from '../../libs/db/webhook-partitions.repo';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { deliveriesOf, publish, subscribe } from '../support/webhook-fixtures';

const PLAN = { aheadDays: 14, keepDays: 35 };
const DAY_MS = 86_400_000;

let t: TestDatabase;
beforeEach(async () => {
  t = await createTestDatabase();
});
afterEach(() => t.drop());

const dayFromToday = (days: number): string =>
  new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
const suffix = (day: string): string => day.replaceAll('-', '');

/** Partitions of each table, by name without the table's. */
async function partitions(): Promise<Record<string, string[]>> {
  const rows = await t.db.execute<{ table: string; parts: string[] }>(sql`
    select p.relname as table, array_agg(replace(c.relname, p.relname || '_', '') order by c.relname) as parts
    from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    where p.relkind = 'p' group by p.relname`);
  return Object.fromEntries(rows.map((r) => [r.table, r.parts]));
}

const dropPartitions = async (day: string): Promise<void> => {
  for (const table of ['events', 'deliveries', 'attempts'])
    await t.db.execute(sql.raw(`drop table ${table}_${suffix(day)}`));
};

/** An event of that day with its delivery in `state` and one attempt, as rows of whichever partition takes them. */
async function rowsOf(day: string, state: string, handedOver = false): Promise<string> {
  const time = Date.parse(`${day}T12:00:00Z`);
  const eventId = derivedId('event', time, Math.random().toString(16).slice(2).padEnd(20, '0'));
  await t.db.execute(
    sql`insert into events (day, id, type, data) values (${day}, ${eventId}, 'weight.created', '{}')`,
  );
  await t.db.execute(sql`
    insert into deliveries (day, id, event_id, endpoint_id, status, handed_over, queued_at, counted)
    values (${day}, delivery_id(${eventId}, 'whe_1'), ${eventId}, 'whe_1', ${state}, ${handedOver}, now(), true)`);
  await t.db.execute(sql`
    insert into attempts (day, delivery_id, number, started_at, duration_ms)
    values (${day}, delivery_id(${eventId}, 'whe_1'), 1, now(), 3)`);
  expect(idDay(eventId)).toBe(day);
  return eventId;
}

test('a database of today has its partitions: nothing to do', async () => {
  const before = await partitions();
  expect(before['events']).toContain(suffix(dayFromToday(14)));
  expect(await maintainPartitions(t.db, PLAN)).toEqual({
    made: [],
    movedRows: 0,
    dropped: [],
    keptOpen: [],
    postponed: [],
  });
  expect(await partitions()).toEqual(before);
});

test('missing days are made, with the indexes and keys of the table', async () => {
  const before = await indexesOf(suffix(dayFromToday(14)));
  await dropPartitions(dayFromToday(14));
  await dropPartitions(dayFromToday(3));
  const done = await maintainPartitions(t.db, { ...PLAN, aheadDays: 15 });
  expect(done.made).toEqual([dayFromToday(3), dayFromToday(14), dayFromToday(15)]);
  const { events, deliveries, attempts } = await partitions();
  expect(deliveries).toEqual(events);
  expect(attempts).toEqual(events);
  expect(await indexesOf(suffix(dayFromToday(14)))).toEqual(before);
});

const indexesOf = async (partition: string): Promise<unknown[]> => [
  ...(await t.db.execute(sql`
    select indexname, indexdef from pg_indexes where tablename like ${`%\\_${partition}`} order by indexname`)),
];

test('rows of a DEFAULT partition move to a partition of their day, and events go on to be published into it', async () => {
  const owner = await subscribe(t.db, 'https://partner.example/hook');
  await dropPartitions(dayFromToday(0));
  await publish(t.db, owner, 5);
  const old = dayFromToday(-20);
  await rowsOf(old, 'pending');
  expect(await countDefaultPartitionRows(t.db)).toBe(13);
  const before = await deliveriesOf(t.db, owner.endpointId);

  const done = await maintainPartitions(t.db, PLAN);
  expect(done).toMatchObject({ made: [old, dayFromToday(0)], movedRows: 13, postponed: [] });
  expect(await countDefaultPartitionRows(t.db)).toBe(0);
  expect(await deliveriesOf(t.db, owner.endpointId)).toEqual(before);
  await publish(t.db, owner, 1);
  const [count] = await t.db.execute<{ n: string }>(
    sql.raw(`select count(*) as n from deliveries_${suffix(dayFromToday(0))}`),
  );
  expect(Number(count!.n)).toBe(6);
});

test('publishing during a move loses nothing and fails nothing', async () => {
  const owner = await subscribe(t.db, 'https://partner.example/hook');
  await dropPartitions(dayFromToday(0));
  await publish(t.db, owner, 2_000);
  let moved = false;
  const publisher = async (): Promise<number> => {
    let count = 0;
    while (!moved) count += (await publish(t.db, owner, 1)).length;
    return count;
  };
  const [first, second, done] = await Promise.all([
    publisher(),
    publisher(),
    maintainPartitions(t.db, PLAN).finally(() => {
      moved = true;
    }),
  ]);
  expect(done.postponed).toEqual([]);
  expect(first + second).toBeGreaterThan(0);
  expect(await deliveriesOf(t.db, owner.endpointId)).toHaveLength(2_000 + first + second);
  expect(await countDefaultPartitionRows(t.db)).toBe(0);
});

test('an old day is dropped whole when nothing in it is open, and not before', async () => {
  const [done, young] = [dayFromToday(-36), dayFromToday(-35)];
  const open = new Map<string, [string, boolean]>([
    [dayFromToday(-37), ['pending', false]],
    [dayFromToday(-38), ['retrying', true]],
    [dayFromToday(-39), ['paused', false]],
    [dayFromToday(-40), ['cancelled', true]],
  ]);
  for (const state of ['delivered', 'failed', 'cancelled']) await rowsOf(done, state);
  await rowsOf(young, 'delivered');
  for (const [day, [state, handedOver]] of open) await rowsOf(day, state, handedOver);

  const first = await maintainPartitions(t.db, PLAN);
  expect(first).toMatchObject({ movedRows: 24, dropped: [done], keptOpen: [...open.keys()].sort() });
  for (const parts of Object.values(await partitions())) {
    expect(parts).toEqual(expect.arrayContaining([young, ...open.keys()].map(suffix)));
    expect(parts).not.toContain(suffix(done));
  }
  await t.db.execute(sql`update deliveries set status = 'failed', handed_over = false`);
  expect((await maintainPartitions(t.db, PLAN)).dropped).toEqual([...open.keys()].sort());
});

test('two at once do each thing once', async () => {
  await dropPartitions(dayFromToday(0));
  await dropPartitions(dayFromToday(5));
  await rowsOf(dayFromToday(0), 'pending');
  await rowsOf(dayFromToday(-60), 'delivered');
  const both = await Promise.all([maintainPartitions(t.db, PLAN), maintainPartitions(t.db, PLAN)]);
  expect(both.flatMap((d) => d.made).sort()).toEqual([dayFromToday(-60), dayFromToday(0), dayFromToday(5)]);
  expect(both.reduce((sum, d) => sum + d.movedRows, 0)).toBe(6);
  expect(both.flatMap((d) => d.dropped)).toEqual([dayFromToday(-60)]);
  expect(both.flatMap((d) => d.postponed)).toEqual([]);
});

test('a table that is in use is left for the next run', async () => {
  const old = dayFromToday(-50);
  await rowsOf(old, 'delivered');
  await t.db.transaction(async (reader) => {
    await reader.execute(sql`select count(*) from deliveries`);
    const done = await maintainPartitions(t.db, PLAN);
    expect(done).toMatchObject({ made: [], dropped: [], postponed: [old] });
  });
  expect(await maintainPartitions(t.db, PLAN)).toMatchObject({ made: [old], dropped: [old], postponed: [] });
});
