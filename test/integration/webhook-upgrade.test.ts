import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { derivedId, idDay } from '../../libs/core/ids';
import { claimDeliveries, takeShard } from '../../libs/db/deliveries-claims';
import { closeDatabase, openDatabase, type Database } from '../../libs/db/database';
import { readDelivery } from '../../libs/db/deliveries.repo';
import { dropDatabase } from '../../scripts/fresh-start';
import { migrateDatabase } from '../../scripts/migrate';
import { ensureDatabase } from '../../scripts/postgres';
import { projectRoot } from '../../scripts/project';
import { testServers } from '../support/servers';

let url: string;
let db: Database;
let folder: string;

beforeAll(async () => {
  const server = new URL(testServers().postgresUrl);
  server.pathname = `/dt_upgrade_${randomBytes(6).toString('hex')}`;
  url = server.href;
  await ensureDatabase(url);
  db = openDatabase(url, 3, 'test');
  folder = migrationsUpTo('0000_spine');
});
afterAll(async () => {
  await closeDatabase(db);
  await dropDatabase(url);
  rmSync(folder, { recursive: true });
});

/** A copy of the migrations that ends with `tag`. */
function migrationsUpTo(tag: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'dt-migrations-'));
  cpSync(join(projectRoot, 'libs/db/migrations'), copy, { recursive: true });
  const file = join(copy, 'meta/_journal.json');
  const journal = JSON.parse(readFileSync(file, 'utf8')) as { entries: { tag: string }[] };
  const end = journal.entries.findIndex((entry) => entry.tag === tag) + 1;
  writeFileSync(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, end) }));
  return copy;
}

const STATES = ['pending', 'sending', 'retrying', 'delivered', 'failed', 'cancelled', 'paused'] as const;
const DAY_MS = 86_400_000;
const HEX = '0123456789abcdef012';

/** One event and its delivery of each state; those of the second half are forty days old. */
const rows = STATES.map((state, i) => {
  const time = Date.now() - (i < 4 ? 60_000 : 40 * DAY_MS);
  const eventId = derivedId('event', time, `${HEX}${i}`);
  // One delivery was made on another day than its event: its id must change, or it would stand in the wrong partition.
  const deliveryTime = state === 'failed' ? time + 2 * DAY_MS : time;
  return {
    state,
    seq: i + 1,
    eventId,
    deliveryId: derivedId('delivery', deliveryTime, `f${HEX.slice(1)}${i}`),
    at: new Date(time).toISOString(),
    attempts: { pending: 0, sending: 1, retrying: 2, delivered: 1, failed: 3, cancelled: 0, paused: 1 }[
      state
    ],
  };
});

async function fillSpine(): Promise<void> {
  await db.execute(sql`insert into apps (id, name) values ('app_1', 'Partner')`);
  await db.execute(sql`insert into users (id, display_name) values ('usr_1', 'Ann')`);
  await db.execute(
    sql`insert into grants (app_id, user_id, scopes) values ('app_1', 'usr_1', '{body.read}')`,
  );
  await db.execute(sql`
    insert into endpoints (id, app_id, url, secret_sealed, event_types, shard)
    values ('whe_1', 'app_1', 'https://partner.example/hook', 'sealed', '{*}', 7)`);
  await db.execute(sql`insert into dispatch_shards (shard, epoch) values (0, 41)`);
  for (const row of rows) {
    await db.execute(sql`
      insert into events (id, type, user_id, integration_id, provider, stream, seq, record_count, data, occurred_at)
      values (${row.eventId}, 'weight.created', 'usr_1', 'int_1', 'strava', 'weight', ${row.seq}, 2, '{"count":2}', ${row.at})`);
    const done = row.state === 'delivered' || row.state === 'failed';
    await db.execute(sql`
      insert into deliveries (id, event_id, endpoint_id, user_id, seq, status, attempts, claim_epoch, next_at, handed_over,
        created_at, completed_at)
      values (${row.deliveryId}, ${row.eventId}, 'whe_1', 'usr_1', ${row.seq}, ${row.state}, ${row.attempts},
        ${row.state === 'sending' ? 41 : null}, ${row.state === 'retrying' ? row.at : null},
        ${row.state === 'retrying' || row.state === 'delivered'}, ${row.at}, ${done ? row.at : null})`);
    for (let number = 1; number <= row.attempts; number += 1)
      await db.execute(sql`
        insert into attempts (delivery_id, number, started_at, duration_ms, status_code, error, response_excerpt)
        values (${row.deliveryId}, ${number}, ${row.at}::timestamptz + ${number} * interval '1 second', 12, 500, 'http_500', 'no')`);
  }
}

test('the ledger keeps every row of the spine, in its partition and in a state that somebody works on', async () => {
  await migrate(db, { migrationsFolder: folder });
  await fillSpine();
  const eventsBefore = await eventRows();
  await migrateDatabase(url);

  expect(await eventRows()).toEqual(eventsBefore);
  const after = await db.execute<Record<string, unknown>>(sql`
    select to_char(d.day, 'YYYY-MM-DD') as day, d.id, d.event_id, d.status, d.attempts, d.handed_over, d.counted, d.late,
      d.seq::int as seq, d.created_at = ev.occurred_at as at_once, d.queued_at = d.created_at as queued, d.next_at is not null as due,
      extract(epoch from d.first_attempt_at - d.created_at)::int as first_after_s, d.delivered_at = d.completed_at as delivered_then,
      d.delivered_at is not null as delivered, d.completed_at is not null as completed,
      (select count(*)::int from attempts a where a.day = d.day and a.delivery_id = d.id) as tries
    from deliveries d join events ev on ev.day = d.day and ev.id = d.event_id order by d.seq`);
  expect([...after].map(({ id: _id, ...row }) => row)).toEqual(
    rows.map((row) => ({
      day: idDay(row.eventId),
      event_id: row.eventId,
      status: row.state === 'sending' ? 'pending' : row.state,
      attempts: row.attempts,
      handed_over: row.state === 'retrying',
      counted: true,
      late: false,
      seq: row.seq,
      at_once: true,
      queued: true,
      due: row.state === 'retrying',
      first_after_s: row.attempts === 0 ? null : 1,
      delivered_then: row.state === 'delivered' ? true : null,
      delivered: row.state === 'delivered',
      completed: row.state === 'delivered' || row.state === 'failed',
      tries: row.attempts,
    })),
  );
  for (const { id, day, event_id: eventId } of after) {
    expect(idDay(String(id))).toBe(day);
    const before = rows.find((row) => row.eventId === eventId)!;
    if (before.state !== 'failed') expect(id).toBe(before.deliveryId);
  }
});

const eventRows = async (): Promise<unknown[]> => [
  ...(await db.execute(sql`
    select id, type, user_id, integration_id, provider, stream, seq::int, record_count, data, occurred_at from events order by seq`)),
];

test('nothing stands in a DEFAULT partition, and new rows have theirs for two weeks', async () => {
  const [row] = await db.execute<{ rows: string; ahead: boolean }>(sql`
    select (select count(*) from events_default) + (select count(*) from deliveries_default)
      + (select count(*) from attempts_default) as rows,
      to_regclass('events_' || to_char((now() at time zone 'UTC')::date + 14, 'YYYYMMDD')) is not null as ahead`);
  expect(row).toEqual({ rows: '0', ahead: true });
});

test('a dispatcher takes what was pending or on its way, a retry what was retrying', async () => {
  const shard = { shard: 7, shards: 64 };
  const epoch = await takeShard(db, shard);
  const days = [...new Set(rows.map((row) => idDay(row.eventId)))];
  const claim = await claimDeliveries(db, {
    ...shard,
    epoch,
    days,
    limit: 10,
    perEndpoint: 10,
    lanes: new Map(),
    claimed: [],
  });
  expect(claim.fenced).toBe(false);
  expect(claim.deliveries.map((d) => [d.eventId, d.attempts])).toEqual([
    [rows[0]!.eventId, 0],
    [rows[1]!.eventId, 1],
  ]);
  const retrying = rows.find((row) => row.state === 'retrying')!;
  expect(await readDelivery(db, retrying.deliveryId)).toMatchObject({
    status: 'retrying',
    attempts: 2,
    scheduleFrom: 0,
    eventId: retrying.eventId,
  });
});
